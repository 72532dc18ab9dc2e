//! Seeing that a checker catches what it is there for.

use motet_runtime::checked::slip::{Slip, plant};
use std::process::Command;

/// Set in the process in which a slip is planted.
const PLANTED: &str = "MOTET_PLANTED_SLIP";

/// The slip makes the check fail, and with these words. A panic that leaves a model may take the process with it, so
/// the check runs in a process of its own: the test of that name, started once more.
pub(crate) fn caught(test: &str, slip: Slip, says: &str, check: impl FnOnce()) {
    if std::env::var_os(PLANTED).is_some() {
        plant(Some(slip));
        return check();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(PLANTED, "1").env("RUST_BACKTRACE", "0");
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the check passes in spite of {slip:?}");
    assert!(said.contains(says), "{slip:?} was caught by something else: {said}");
}
