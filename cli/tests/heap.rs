//! `motet heap`: the published vectors, what a list of operations may not be, and proofs from one process to another.

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
    let hex = |key: &str| done["v1"][key].as_str().unwrap().to_owned();
    assert_eq!(hex("resource_root_hex"), "1555554394a0a595200d7717fa5c4710ce608dab3ffd793ff3644eecb99df1fa");
    assert_eq!(hex("nullifier_root_hex"), "c045d1ac8bad212b29fffbe54d774d1401242771c75275fc30b6136b007f52d6");
    assert_eq!(hex("commitment_hash_hex"), "57d07742f7a22b083e88dcae71804c9f03a727df11fe9d1d4c0aa553a34dac0d");
    assert_eq!(hex("proof_leaf_hex"), "7526f89408115ad41ff135f26fd3c0be0ca91c93589c2f17cea2d8115bda9cf3");
    assert_eq!(hex("proof_root_hex"), hex("resource_root_hex"));
    let sibling = "981652f6785b2e7147a3ba489d050f3924700e808b9a7b229470754507c5a13c";
    assert_eq!(done["v1"]["proof_path"], serde_json::json!([{"direction": "right", "sibling_hash_hex": sibling}]));
    let other = &done["heap"];
    assert_eq!((&other["live"], &other["spent"]), (&2.into(), &1.into()));
    assert!(other["proof_hex"].as_str().is_some_and(|proof| proof.len() > 64));
    expect![[r#"
        exit 0
        heap
          allocated_resource_ids_hex: 3
            DIGEST
            DIGEST
            DIGEST
          live: 2
          nullifier_root_hex: DIGEST
          resource_root_hex: DIGEST
          root_hex: DIGEST
          spent: 1
        v1
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

/// The ids that the default scheme gives to the three allocations, the root, and the root before the last operation.
fn ids_and_roots(scratch: &Scratch) -> (String, Vec<String>, String) {
    let file = scratch.file("ops.json", OPERATIONS);
    let heap = json(&["heap", "replay", &file])["heap"].take();
    let ids = heap["allocated_resource_ids_hex"].as_array().unwrap();
    let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    (file, ids, heap["root_hex"].as_str().unwrap().to_owned())
}

#[test]
fn proofs_from_one_process_to_another() {
    let scratch = Scratch::new();
    let (file, ids, root) = ids_and_roots(&scratch);
    let nobody = "ab".repeat(32);
    let proof = scratch.path("proof");
    let shown = |asked: &[&str]| {
        let made = json(&[&["heap", "prove", &file, "-o", &proof], asked].concat());
        assert_eq!(made["root_hex"].as_str(), Some(root.as_str()));
        json(&["heap", "verify", &proof, "--root", &root])
    };
    let is = |shown: &serde_json::Value| -> Vec<String> {
        let claims = shown["claims"].as_array().unwrap().iter();
        claims.map(|claim| format!("{} {}", claim["id_hex"].as_str().unwrap(), claim["is"].as_str().unwrap())).collect()
    };
    let inclusion = shown(&["--resource", &ids[1]]);
    assert_eq!(is(&inclusion), [format!("{} live", ids[1])]);
    assert_eq!((&inclusion["live"], &inclusion["consumed"]), (&2.into(), &1.into()));
    assert!(inclusion["claims"][0]["contents_hex"].as_str().is_some_and(|hex| hex.len() == 64));
    assert_eq!(is(&shown(&["--resource", &nobody])), [format!("{nobody} not_live")]);
    assert_eq!(is(&shown(&["--nullifier", &ids[0]])), [format!("{} consumed", ids[0])]);
    assert_eq!(is(&shown(&["--nullifier", &ids[1]])), [format!("{} not_consumed", ids[1])]);
    let many = shown(&["--resource", &ids[0], "--resource", &ids[1], "--resource", &ids[2], "--nullifier", &ids[0]]);
    assert_eq!(is(&many).len(), 4);
    assert!(is(&many).contains(&format!("{} not_live", ids[0])));

    let made = json(&["heap", "prove", &file, "-o", &proof, "--since", "3"]);
    let older = made["older_hex"].as_str().unwrap();
    let change = json(&["heap", "verify", &proof, "--root", &root, "--older", older]);
    assert_eq!(change["ended"][0]["id_hex"].as_str(), Some(ids[0].as_str()));
    assert_eq!(change["consumed_ids_hex"], serde_json::json!([ids[0]]));
    assert_eq!(change["begun"], serde_json::json!([]));
    expect![[r#"
        exit 0
        0 begun, 1 ended, 1 consumed; every nullifier kept
        DIGEST: ended, contents DIGEST
        DIGEST: consumed
    "#]]
    .assert_eq(&check(&["heap", "verify", &proof, "--root", &root, "--older", older]));
}

#[test]
fn proofs_that_prove_nothing() {
    let scratch = Scratch::new();
    let (file, ids, root) = ids_and_roots(&scratch);
    let proof = scratch.path("proof");
    json(&["heap", "prove", &file, "-o", &proof, "--resource", &ids[1], "--nullifier", &ids[0]]);
    let bytes = std::fs::read(&proof).unwrap();
    let verify = |name: &str, bytes: &[u8], more: &[&str]| {
        let file = scratch.file(name, bytes);
        let (status, code, error) = refused(&[&["heap", "verify", &file], more].concat());
        let message = common::plain(error["message"].as_str().unwrap());
        format!("{status} {code} {}: {message}\n", error["reason"].as_str().unwrap_or("-"))
    };
    let other = "11".repeat(32);
    let mut all = String::new();
    all += &verify("empty", b"", &["--root", &root]);
    all += &verify("text", b"motet.proof, it says", &["--root", &root]);
    all += &verify("cut", &bytes[..bytes.len() - 1], &["--root", &root]);
    all += &verify("longer", &[&bytes[..], &[0]].concat(), &["--root", &root]);
    all += &verify("root", &bytes, &["--root", &other]);
    all += &verify("kind", &bytes, &["--root", &root, "--older", &other]);
    let mut relabelled = bytes.clone();
    // The second claim, behind the live one: consumed becomes not consumed.
    relabelled[17 + 65] = 4;
    all += &verify("relabelled", &relabelled, &["--root", &root]);
    all += &verify("digits", &bytes, &["--root", "12"]);
    all += &verify("none", &bytes, &[]);
    json(&["heap", "prove", &file, "-o", &proof, "--since", "3"]);
    let change = std::fs::read(&proof).unwrap();
    all += &verify("change", &change, &["--root", &root]);
    all += &verify("backwards", &change, &["--root", &root, "--older", &root]);
    expect![[r#"
        1 bad_proof malformed: $TMP:empty: not a proof file, or damaged
        1 bad_proof malformed: $TMP:text: not a proof file, or damaged
        1 bad_proof malformed: $TMP:cut: malformed proof
        1 bad_proof malformed: $TMP:longer: malformed proof
        1 bad_proof wrong_root: $TMP:root: the proof is of another root
        1 bad_proof wrong_kind: $TMP:kind: a proof of the other kind
        1 bad_proof untrue: $TMP:relabelled: the proof shows the contrary of what the file claims about DIGEST
        2 usage -: invalid value '12' for '--root <ROOT>': must be 64 hexadecimal digits
        2 usage -: the following required arguments were not provided:
          --root <ROOT>
        1 bad_proof wrong_kind: $TMP:change: a proof of the other kind
        1 bad_proof wrong_root: $TMP:backwards: the proof is of another root
    "#]]
    .assert_eq(&all);
    for bit in 0..8 * bytes.len() {
        if bit % 97 == 0 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(verify("damaged", &damaged, &["--root", &root]).starts_with("1 bad_proof"), "bit {bit}");
        }
    }
    let (status, code, _) = refused(&["heap", "prove", &file, "-o", &proof, "--since", "5"]);
    assert_eq!((status, code.as_str()), (2, "bad_count"));
    let (status, code, _) = refused(&["heap", "prove", &file, "-o", &proof]);
    assert_eq!((status, code.as_str()), (2, "usage"));
}
