//! `motet run --semantic-objects`: the export of a run, the same with a log and on threads.

mod common;

use common::{Scratch, motet};
use serde_json::Value;

#[test]
fn semantic_objects_are_written() {
    let scratch = Scratch::new();
    let (file, wal) = (scratch.path("objects.json"), scratch.path("wal"));
    // Sessions that have not ended are regions still.
    let begun = ["run", "examples/ping_pong.tell", "--sessions", "3", "--steps", "1", "--semantic-objects", &file];
    let written = |more: &[&str]| {
        let said = motet(&[&begun[..], more].concat());
        std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{more:?}: {}{}", said.out, said.err))
    };
    let plain = written(&[]);
    let objects: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(objects["schema_version"], "protocol_machine.semantic_objects.v1");
    let regions: Vec<&str> =
        objects["regions"].as_array().unwrap().iter().filter_map(|one| one["region_id"].as_str()).collect();
    assert_eq!(regions, ["session:0", "session:1", "session:2"]);
    for more in [&["--threads", "2"][..], &["--wal", &wal]] {
        std::fs::remove_file(&file).unwrap();
        assert_eq!(written(more), plain, "{more:?}");
    }
    // Nothing runs for a file that cannot be written.
    let nowhere = scratch.path("no/where.json");
    let said = motet(&["run", "examples/ping_pong.tell", "--semantic-objects", &nowhere, "--json"]);
    assert!(said.status != 0 && said.err.contains("cannot_write"), "{}{}", said.out, said.err);
}
