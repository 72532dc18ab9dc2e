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

/// Hands jobs to the pool of one checker and takes their results, as the executor does.
macro_rules! sharing {
    ($pool:ident, $run:ident) => {
        /// Collects until nothing is out; the results of jobs that did not panic, in no particular order.
        fn drain<J: Send + 'static, R: Send + 'static>(pool: &mut $pool<J, R>) -> Vec<R> {
            let mut found = Vec::new();
            while pool.out() > 0 {
                let before = (pool.out(), found.len());
                pool.collect(&mut found);
                assert_eq!(pool.out() + found.len(), before.0 + before.1, "a result is missing");
            }
            found.into_iter().flatten().collect()
        }

        /// Hands jobs out, waking that many, and waits for all of them.
        fn share<J: Send + 'static, R: Send + 'static>(
            pool: &mut $pool<J, R>,
            jobs: impl IntoIterator<Item = J>,
            wake: usize,
            run: impl Fn(J) -> R + Send + Sync + 'static,
        ) -> Vec<R> {
            // What they are run with goes before anybody asks who still holds it.
            pool.submit(jobs, &$run::new(move |job, _| run(job)), wake);
            drain(pool)
        }
    };
}
pub(crate) use sharing;
