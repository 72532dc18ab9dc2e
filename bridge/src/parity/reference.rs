//! The shapes that the reference has: constructors and fields in `reference/theories`, and the keys that its reader takes.

use super::error::ParityError;
use super::tree::{Tree, text};
use std::collections::BTreeMap;

/// The sources of the reference, without comments.
pub(super) struct Reference {
    sources: BTreeMap<String, String>,
}

impl Reference {
    pub(super) fn of(tree: &Tree) -> Result<Self, ParityError> {
        let mut sources = BTreeMap::new();
        for folder in ["theories", "ocaml"] {
            let path = tree.path("reference").join(folder);
            for entry in std::fs::read_dir(&path).map_err(|error| ParityError::file(&path, &error))? {
                let file = entry.map_err(|error| ParityError::file(&path, &error))?.path();
                let name = format!("{folder}/{}", file.file_name().unwrap_or_default().to_string_lossy());
                if name.ends_with(".v") || name.ends_with(".ml") {
                    sources.insert(name, bare(&text(&file)?));
                }
            }
        }
        Ok(Self { sources })
    }

    /// The members of what stands at a place: `FILE NAME PREFIX` for an inductive type's constructors or a record's fields,
    /// without the prefix that tells them from others of the same file (`-` for none); `FILE only NAME` for the keys that a
    /// function of the reader takes.
    pub(super) fn members(&self, place: &str) -> Result<Vec<String>, String> {
        let words: Vec<&str> = place.split(' ').collect();
        let [file, name, last] = words[..] else {
            return Err(format!("`{place}` is no place: `FILE NAME PREFIX` or `FILE only NAME`"));
        };
        let text = self.sources.get(file).ok_or_else(|| format!("there is no reference/{file}"))?;
        let found = match name {
            "only" => keys(text, last),
            _ => declared(text, name, last.trim_start_matches('-')),
        };
        found.ok_or_else(|| format!("there is no `{place}` in the reference"))
    }
}

/// A source without comments, which both languages write alike.
fn bare(text: &str) -> String {
    let (mut bare, mut depth, mut rest) = (String::with_capacity(text.len()), 0_usize, text);
    while let Some(char) = rest.chars().next() {
        let step = match (rest.get(..2), depth) {
            (Some("(*"), _) => {
                depth += 1;
                2
            }
            (Some("*)"), 1..) => {
                depth -= 1;
                2
            }
            (_, 0) => {
                bare.push(char);
                char.len_utf8()
            }
            _ => char.len_utf8(),
        };
        rest = &rest[step..];
    }
    bare
}

fn word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_' && char != '\'');
    &text[..end.unwrap_or(text.len())]
}

/// Text without what stands in brackets inside it.
fn flat(text: &str) -> String {
    let mut depth = 0_usize;
    let keep = |char: &char| match char {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    };
    text.chars().filter(keep).collect()
}

fn declared(text: &str, name: &str, prefix: &str) -> Option<Vec<String>> {
    let body = |keyword: &str| {
        let at = text.match_indices(keyword).find(|(at, _)| word(&text[at + keyword.len()..]) == name)?.0;
        let rest = &text[at..];
        let rest = &rest[rest.find(":=")? + 2..];
        let end = rest.find(".\n").unwrap_or(rest.len());
        Some(&rest[..end])
    };
    let strip = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_owned();
    let names: Vec<String> = if let Some(body) = body("Inductive ") {
        flat(body).split('|').map(word).filter(|name| !name.is_empty()).map(strip).collect()
    } else {
        let body = body("Record ")?;
        let inside = &body[body.find('{')? + 1..body.rfind('}')?];
        flat(inside).split(';').map(word).filter(|name| !name.is_empty()).map(strip).collect()
    };
    Some(names)
}

/// The first list of keys behind `only` in a function.
fn keys(text: &str, name: &str) -> Option<Vec<String>> {
    let starts = [format!("let {name} "), format!("let rec {name} "), format!("and {name} ")];
    let at = starts.iter().filter_map(|start| text.find(start.as_str())).min()?;
    let rest = &text[at..];
    let rest = &rest[rest.find("only ")?..];
    let list = &rest[rest.find('[')? + 1..];
    let list = &list[..list.find(']')?];
    Some(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read() {
        let text = "(** Types. (* inner *) *)\nInductive sort : Set :=\n| SUnit | SNat\n| SProd (first second : sort).\n\
                    Record id : Set := mk_id { d_digest : string; (** a. *) d_pair : list (a * b); d_counter : N }.\n\
                    Inductive gate : Set := Open | OnRoom (e : edge).\n";
        let text = bare(text);
        assert_eq!(declared(&text, "sort", "S").unwrap(), ["Unit", "Nat", "Prod"]);
        assert_eq!(declared(&text, "gate", "").unwrap(), ["Open", "OnRoom"]);
        assert_eq!(declared(&text, "id", "d_").unwrap(), ["digest", "pair", "counter"]);
        assert_eq!(declared(&text, "other", ""), None);
        let reader = "let config path json =\n  only path json [ \"capacity\"; \"policy\" ];\n";
        assert_eq!(keys(reader, "config").unwrap(), ["capacity", "policy"]);
        assert_eq!(keys(reader, "host"), None);
    }
}
