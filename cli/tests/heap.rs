//! `motet heap replay`: the published vectors, and what a list of operations may not be.

mod common;

use common::{Scratch, check, json, refused};
use expect_test::expect;

const OPERATIONS: &str = r#"{"operations":[
  {"kind":"alloc_channel","sender":"Alice","receiver":"Bob"},
  {"kind":"alloc_message","source":"Alice","dest":"Bob","label":"Hello","payload_hex":"010203","seq_no":7,
   "resource_id_digest_hex":"5a22a0e61e5faa3ea4c2bee86a92761eea62364727a77a4ed7c3a24c456afd8e"},
  {"kind":"alloc_session","role":"Alice","type_hash":12345},
  {"kind":"consume","resource_id":{"digest_hex":"93ae398ddd7919f746a1f1cdf040646d4d21749203bdfaa5b5944d1b52298e91","counter":0}}
]}"#;

#[test]
fn the_published_vectors() {
    let scratch = Scratch::new();
    let file = scratch.file("ops.json", OPERATIONS);
    let done = json(&["heap", "replay", &file, "--prove", "0"]);
    let hex = |key: &str| done[key].as_str().unwrap().to_owned();
    assert_eq!(hex("resource_root_hex"), "1555554394a0a595200d7717fa5c4710ce608dab3ffd793ff3644eecb99df1fa");
    assert_eq!(hex("nullifier_root_hex"), "c045d1ac8bad212b29fffbe54d774d1401242771c75275fc30b6136b007f52d6");
    assert_eq!(hex("commitment_hash_hex"), "57d07742f7a22b083e88dcae71804c9f03a727df11fe9d1d4c0aa553a34dac0d");
    assert_eq!(hex("proof_leaf_hex"), "7526f89408115ad41ff135f26fd3c0be0ca91c93589c2f17cea2d8115bda9cf3");
    assert_eq!(hex("proof_root_hex"), hex("resource_root_hex"));
    let sibling = "981652f6785b2e7147a3ba489d050f3924700e808b9a7b229470754507c5a13c";
    assert_eq!(done["proof_path"], serde_json::json!([{"direction": "right", "sibling_hash_hex": sibling}]));
    let other = &done["default"];
    assert_eq!((&other["live"], &other["spent"]), (&2.into(), &1.into()));
    assert!(other["proof_hex"].as_str().is_some_and(|proof| proof.len() > 64));
    expect![[r#"
        exit 0
        active_resource_ids_hex: 2
          DIGEST
          DIGEST
        allocated_resource_ids_hex: 3
          DIGEST
          DIGEST
          DIGEST
        commitment_hash_hex: DIGEST
        consumed_resource_ids_hex: 1
          DIGEST
        default scheme
          allocated_resource_ids_hex: 3
            DIGEST
            DIGEST
            DIGEST
          live: 2
          nullifier_root_hex: DIGEST
          resource_root_hex: DIGEST
          root_hex: DIGEST
          spent: 1
        hasher: blake3
        heap_encoding_version: 1
        nullifier_root_hex: DIGEST
        resource_root_hex: DIGEST
    "#]]
    .assert_eq(&check(&["heap", "replay", &file]));
}

#[test]
fn what_is_refused() {
    let scratch = Scratch::new();
    let case = |name: &str, text: &str| {
        let file = scratch.file(name, text);
        let (status, code, error) = refused(&["heap", "replay", &file]);
        format!("{status} {code} {}\n", common::plain(error["message"].as_str().unwrap()))
    };
    let mut all = String::new();
    all += &case("a", "");
    all += &case("b", "{");
    all += &case("c", "3");
    all += &case("d", r#"{"operations":[],"more":1}"#);
    all += &case("e", r#"[{"kind":"fly"}]"#);
    all += &case("f", r#"[{"kind":"alloc_session","role":"A","type_hash":1,"extra":true}]"#);
    all += &case("g", r#"[{"kind":"alloc_session","role":"A"}]"#);
    all += &case("h", r#"[{"kind":"alloc_value","tag":"t","data_hex":"abc"}]"#);
    all += &case("i", r#"[{"kind":"consume","resource_id":{"digest_hex":"12","counter":0}}]"#);
    let nobody = "00".repeat(32);
    all += &case("j", &format!(r#"[{{"kind":"consume","resource_id":{{"digest_hex":"{nobody}","counter":0}}}}]"#));
    all += &case(
        "k",
        &format!(r#"[{{"kind":"alloc_session","role":"A","type_hash":1,"resource_id_digest_hex":"{nobody}"}}]"#),
    );
    expect![[r#"
        1 bad_operations $TMP:a: the operations are not JSON: EOF while parsing a value at line 1 column 0
        1 bad_operations $TMP:b: the operations are not JSON: EOF while parsing an object at line 1 column 1
        1 bad_operations $TMP:c: the operations must be a list, or an object with the one field `operations` that holds a list
        1 bad_operations $TMP:d: the operations must be a list, or an object with the one field `operations` that holds a list
        1 bad_operations $TMP:e: operation 0: unknown variant `fly`, expected one of `alloc_channel`, `alloc_message`, `alloc_session`, `alloc_value`, `consume`, `remove`
        1 bad_operations $TMP:f: operation 0: unknown field `extra`, expected one of `role`, `type_hash`, `resource_id_digest_hex`
        1 bad_operations $TMP:g: operation 0: missing field `type_hash`
        1 bad_operations $TMP:h: operation 0: `data_hex` must be an even number of hexadecimal digits
        1 bad_operations $TMP:i: operation 0: `resource_id.digest_hex` must be 64 hexadecimal digits
        3 heap_refused $TMP:j: operation 0: no resource DIGEST#0
        3 heap_refused $TMP:k: operation 0: allocated DIGEST#0, which is not the id expected
    "#]].assert_eq(&all);
    let file = scratch.file("ops.json", OPERATIONS);
    let (status, code, _) = refused(&["heap", "replay", &file, "--prove", "2"]);
    assert_eq!((status, code.as_str()), (2, "bad_index"));
}
