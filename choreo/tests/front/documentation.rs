//! `docs/language.md` keeps its word: what it shows loads, and it names every refusal.

use crate::loaded;
use motet_choreo::Code;

const LANGUAGE: &str = include_str!("../../../docs/language.md");

/// The blocks between fences that begin with this fence.
fn blocks(fence: &str) -> Vec<&'static str> {
    LANGUAGE.split(fence).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn examples_load() {
    let shown: Vec<_> = blocks("```text\n").into_iter().filter(|text| !text.starts_with('[')).collect();
    assert_eq!(shown.len(), 2);
    for text in shown {
        let result = loaded("shown.tell", text);
        assert!(result.starts_with("protocol "), "{text}\n{result}");
    }
    for text in blocks("```json\n") {
        let result = loaded("shown.json", text);
        assert!(result.starts_with("protocol "), "{text}\n{result}");
    }
}

#[test]
fn every_refusal_is_listed() {
    for code in Code::ALL {
        assert!(LANGUAGE.contains(&format!("`{}`", code.name())), "{} is not documented", code.name());
    }
    for name in ["empty_file", "not_utf8", "zero_byte", "file_too_large"] {
        assert!(LANGUAGE.contains(&format!("`{name}`")), "{name} is not documented");
    }
}
