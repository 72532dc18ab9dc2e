//! `motet upgrade`: sessions of a log move to a new image, and the run goes on there.

mod common;

use common::{Scratch, motet};
use serde_json::Value;

const OLD: &str = "protocol Order =\n  roles Buyer, Seller\n  Buyer -> Seller : Ask(nat)\n  Seller -> Buyer : Price(nat)\n  Buyer -> Seller : Pay(nat)\n";

fn said(args: &[&str], status: i32) -> Value {
    let said = motet(&[args, &["--json"]].concat());
    assert_eq!(said.status, status, "{args:?}: {} {}", said.out, said.err);
    let text = if status == 0 { &said.out } else { &said.err };
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{args:?}: {text}"))
}

/// A log whose run stopped in the middle.
fn stopped(scratch: &Scratch, old: &str) -> String {
    let wal = scratch.path("wal");
    let run = said(&["run", old, "--sessions", "4", "--steps", "25", "--wave", "1", "--fuel", "1", "--wal", &wal], 0);
    assert_eq!(run["status"], "max_steps");
    wal
}

fn decisions(answer: &Value) -> Vec<String> {
    let sessions = answer["sessions"].as_array().unwrap();
    sessions.iter().map(|one| format!("{} {}", one["decision"], one["code"]).replace('"', "")).collect()
}

#[test]
fn sessions_move_and_go_on() {
    let scratch = Scratch::new();
    let old = scratch.file("old.tell", OLD);
    let new = scratch
        .file("new.tell", OLD.replace("  Buyer -> Seller : Ask", "  Seller -> Buyer : Hello\n  Buyer -> Seller : Ask"));
    let wal = stopped(&scratch, &old);
    let dry = said(&["upgrade", &wal, &new, "--dry-run"], 0);
    assert_eq!((&dry["moved"], dry["sessions"].as_array().map(Vec::len)), (&Value::from(0), Some(4)));
    let one = said(&["upgrade", &wal, &new, "--session", "2"], 0);
    assert_eq!((one["moved"].as_u64(), decisions(&one)), (Some(1), vec!["moves null".to_owned()]));
    let rest = said(&["upgrade", &wal, &new], 0);
    assert_eq!(decisions(&rest)[2], "finishes already");
    assert_eq!(rest["moved"], 3);
    assert_eq!(rest["recovered"]["state_root"], one["state_root"]);
    let ended = said(&["recover", &wal, "--steps", "1000"], 0);
    assert_eq!((&ended["status"], &ended["closed"]), (&Value::from("completed"), &Value::from(4)));
    // For people.
    let told = motet(&["upgrade", &wal, &new]);
    assert!(told.out.ends_with("moved 0 sessions; `motet recover` goes on with the run\n"), "{}", told.out);
}

#[test]
fn what_may_not_move_says_why() {
    let scratch = Scratch::new();
    let old = scratch.file("old.tell", OLD);
    let wal = stopped(&scratch, &old);
    let longer = scratch.file("longer.tell", format!("{OLD}  Seller -> Buyer : Receipt\n"));
    let before = said(&["upgrade", &wal, &longer, "--dry-run"], 0);
    assert_eq!(before["moved"], 0);
    assert!(decisions(&before).iter().all(|one| one == "waits type"), "{before}");
    let why = before["sessions"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("Buyer cannot go on in the new type: no: "), "{why}");
    let after = said(&["upgrade", &wal, &longer], 0);
    assert_eq!((&after["moved"], &after["state_root"]), (&Value::from(0), &before["state_root"]));
    let others = scratch.file("others.tell", OLD.replace("Seller", "Vendor"));
    assert_eq!(said(&["upgrade", &wal, &others], 1)["error"]["code"], "upgrade_refused");
    assert_eq!(said(&["upgrade", &wal, &longer, "--session", "9"], 2)["error"]["code"], "unknown_session");
    assert_eq!(said(&["upgrade", &scratch.path("none"), &longer], 1)["error"]["code"], "no_such_log");
}
