//! Every example loads, and every role can follow it.

use motet_choreo::{GlobalText, Source, check_and_project, load};
use motet_types::GlobalNode;
use std::path::{Path, PathBuf};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = std::fs::read_dir(folder).expect("the examples are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut tells: Vec<_> = paths.filter(|path| path.extension().is_some_and(|ending| ending == "tell")).collect();
    tells.sort();
    tells
}

fn example(name: &str) -> motet_types::GlobalType {
    let path = examples().into_iter().find(|path| path.ends_with(name)).expect("an example of that name");
    let bytes = std::fs::read(path).expect("a readable example");
    load(&Source::from_bytes(name, &bytes).expect("a source")).expect("a protocol")
}

#[test]
fn every_example_projects() {
    let names: Vec<String> = examples()
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).expect("a readable example");
            let source = Source::from_bytes(path.display().to_string(), &bytes).expect("a source");
            let global = load(&source).unwrap_or_else(|refused| panic!("{}\n{refused}", path.display()));
            if let Err(refused) = check_and_project(&global) {
                panic!("{}: {refused}\n{}", path.display(), GlobalText(&global));
            }
            global.names.protocol.clone()
        })
        .collect();
    for name in ["MealService", "PingPong", "ThreeBuyer", "Ticker", "TokenRing", "TwoPhaseCommit"] {
        assert!(names.iter().any(|known| known == name), "{name} is missing among {names:?}");
    }
}

#[test]
fn the_ring_has_sixteen_stations() {
    let ring = example("token_ring.tell");
    assert_eq!(ring.names.roles.len(), 16);
    assert_eq!(ring.names.roles.last().map(String::as_str), Some("Station[15]"));
}

#[test]
fn the_ticker_never_ends() {
    assert!(!example("ticker.tell").nodes().contains(&GlobalNode::End));
}
