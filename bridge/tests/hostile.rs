//! Runners that misbehave: each gives the error that says what it did, and leaves no process and no thread behind.
//!
//! One test, so that nothing else of this program starts threads or processes meanwhile.
#![cfg(all(target_os = "linux", feature = "runner"))]

use expect_test::expect;
use motet_bridge::runner::{ProtocolMachineRunner, RunnerError, RunnerOptions};
use motet_bridge::{ProjectPayload, ProjectReply};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Long enough for a script to start on a busy computer.
const PATIENT: Duration = Duration::from_secs(60);
/// For those that never answer.
const SHORT: Duration = Duration::from_millis(300);

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile_runner.sh")
}

/// What the system knows of a process: its command line, its parent, and whether it only waits to be reaped.
fn processes() -> impl Iterator<Item = (u32, String, u32)> {
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((number, String::from_utf8_lossy(&line).into_owned(), parent))
    })
}

/// Processes of the folder, and children of this one, reaped or not.
fn left(folder: &Path) -> Vec<String> {
    let (folder, own) = (folder.display().to_string(), std::process::id());
    let ours = processes().filter(|(_, line, parent)| line.contains(&folder) || *parent == own);
    ours.map(|(number, line, parent)| format!("{number} (of {parent}) {line}")).collect()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn pipes() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Nothing may be left. Who was killed and belonged to somebody else may take a moment to be gone.
fn nothing_left(folder: &Path, who: &str) {
    for _ in 0..500 {
        if left(folder).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{who} left {:?}", left(folder));
}

struct Stage {
    folder: tempfile::TempDir,
    options: RunnerOptions,
}

impl Stage {
    fn runner(&self, name: &str, deadline: Duration) -> ProtocolMachineRunner {
        let path = self.folder.path().join(name);
        if !path.exists() {
            std::os::unix::fs::symlink(script(), &path).unwrap();
        }
        ProtocolMachineRunner::at(&path).unwrap().with_options(RunnerOptions { deadline, ..self.options })
    }

    /// Asks a runner with a question of that many bytes, and looks that nothing is left of it.
    fn ask(&self, name: &str, deadline: Duration, kept: bool, bytes: usize) -> Result<ProjectReply, RunnerError> {
        let (threads, pipes) = (threads(), pipes());
        let mut runner = self.runner(name, deadline);
        if kept {
            runner = runner.kept();
        }
        let payload = ProjectPayload { global_type: json!("x".repeat(bytes)), roles: Vec::new() };
        let answer = runner.project(&payload);
        if answer.is_err() {
            // Also while the client lives on.
            nothing_left(self.folder.path(), name);
        }
        drop(runner);
        nothing_left(self.folder.path(), name);
        assert_eq!((self::threads(), self::pipes()), (threads, pipes), "{name} left threads or pipes");
        answer
    }

    fn told(&self, names: &[(&str, Duration)], kept: bool) -> String {
        let mut said = String::new();
        for (name, deadline) in names {
            let answer = match self.ask(name, *deadline, kept, 1) {
                Ok(_) => "an answer".to_owned(),
                Err(error) => format!("{}: {}", error.code(), error.kind),
            };
            said += &format!("{name}: {answer}\n");
        }
        said
    }
}

#[test]
fn hostile_runners_are_told_apart_and_leave_nothing() {
    let options = RunnerOptions { deadline: PATIENT, max_output: 4 << 20 };
    let stage = Stage { folder: tempfile::tempdir().unwrap(), options };
    let once = [
        ("good", PATIENT),
        ("lines", PATIENT),
        ("deaf", PATIENT),
        ("shouts", PATIENT),
        ("answers_holder", PATIENT),
        ("silent", SHORT),
        ("slow", SHORT),
        ("lingers", SHORT),
        ("holder_stays", SHORT),
        ("truncated", PATIENT),
        ("empty", PATIENT),
        ("version", PATIENT),
        ("unversioned", PATIENT),
        ("surplus", PATIENT),
        ("less", PATIENT),
        ("twice", PATIENT),
        ("positional", PATIENT),
        ("chatty", PATIENT),
        ("refuses", PATIENT),
        ("refusal", PATIENT),
        ("flood", PATIENT),
        ("binary", PATIENT),
        ("three", PATIENT),
        ("answers_three", PATIENT),
        ("killed", PATIENT),
        ("holder", PATIENT),
    ];
    expect![[r#"
        good: an answer
        lines: an answer
        deaf: an answer
        shouts: an answer
        answers_holder: an answer
        silent: runner_silent: did not answer within 300 ms
        slow: runner_silent: did not answer within 300 ms
        lingers: runner_silent: did not answer within 300 ms
        holder_stays: runner_silent: did not answer within 300 ms
        truncated: runner_garbage: answered `{"schema_version":"lean_bridge.v1","local_ty`: line 1, column 44: EOF while parsing a string
        empty: runner_died: ended without an answer (exit status: 0)
        version: runner_schema: answered `{"schema_version":"lean_bridge.v2","local_types":{}}`: schema_version is "lean_bridge.v2"; this build reads `lean_bridge.v1`
        unversioned: runner_schema: answered `{"local_types":{}}`: schema_version is missing; this build reads `lean_bridge.v1`
        surplus: runner_garbage: answered `{"schema_version":"lean_bridge.v1","local_types":{},"more":1…`: `more`: unknown field `more`, expected `schema_version` or `local_types`
        less: runner_garbage: answered `{"schema_version":"lean_bridge.v1"}`: `.`: missing field `local_types`
        twice: runner_garbage: answered `{"schema_version":"lean_bridge.v1","local_types":{},"local_t…`: line 1, column 69: the key `local_types` stands twice
        positional: runner_schema: answered `["lean_bridge.v1",{}]`: schema_version is missing; this build reads `lean_bridge.v1`
        chatty: runner_garbage: answered `Hello!\n{"schema_version":"lean_bridge.v1","local_types":{}}`: line 1, column 1: expected value
        refuses: runner_refused: refused: projection: A cannot tell (global_type)
        refusal: runner_garbage: answered `{"schema_version":"lean_bridge.v1","error":"no"}`: `error`: invalid type: string "no", expected struct LeanStructuredError
        flood: runner_flood: wrote more than 4194304 bytes
        binary: runner_garbage: wrote something that is not UTF-8, from byte 19 on
        three: runner_died: ended without an answer (exit status: 3); it said: first line
        out of memory
        answers_three: runner_died: ended without an answer (exit status: 3)
        killed: runner_died: ended without an answer (signal: 9 (SIGKILL))
        holder: runner_died: ended without an answer (exit status: 0)
    "#]].assert_eq(&stage.told(&once, false));
    let kept = [
        ("lines", PATIENT),
        ("silent", SHORT),
        ("slow", SHORT),
        ("truncated", PATIENT),
        ("chatty", PATIENT),
        ("flood", PATIENT),
        ("binary", PATIENT),
        ("three", PATIENT),
        ("killed", PATIENT),
        ("holder", PATIENT),
    ];
    expect![[r#"
        lines: an answer
        silent: runner_silent: did not answer within 300 ms
        slow: runner_silent: did not answer within 300 ms
        truncated: runner_died: ended without an answer (exit status: 0)
        chatty: runner_garbage: wrote more than one line: `{"schema_version":"lean_bridge.v1","local_types":{}}`
        flood: runner_flood: wrote more than 4194304 bytes
        binary: runner_garbage: wrote something that is not UTF-8, from byte 19 on
        three: runner_died: ended without an answer (exit status: 3); it said: first line
        out of memory
        killed: runner_died: ended without an answer (signal: 9 (SIGKILL))
        holder: runner_died: ended without an answer (exit status: 0)
    "#]]
    .assert_eq(&stage.told(&kept, true));
    // More than any pipe holds: who does not read it costs the deadline, who does not want it may still answer.
    assert_eq!(stage.ask("silent", SHORT, false, 1 << 20).unwrap_err().code(), "runner_silent");
    assert_eq!(stage.ask("silent", SHORT, true, 1 << 20).unwrap_err().code(), "runner_silent");
    assert!(stage.ask("deaf", PATIENT, false, 1 << 20).is_ok());
    assert!(stage.ask("good", PATIENT, false, 1 << 20).is_ok());
    assert!(stage.ask("lines", PATIENT, true, 1 << 16).is_ok());
    // A kept process answers again; one that failed is replaced.
    let mut runner = stage.runner("lines", PATIENT).kept();
    let payload = ProjectPayload { global_type: json!({}), roles: Vec::new() };
    for _ in 0..3 {
        runner.project(&payload).unwrap();
        assert_eq!(left(stage.folder.path()).len(), 1, "one process for all questions");
    }
    drop(runner);
    nothing_left(stage.folder.path(), "lines");
    // What is not there any more, and what cannot be started.
    let mut gone = stage.runner("good", PATIENT);
    std::fs::remove_file(stage.folder.path().join("good")).unwrap();
    assert_eq!(gone.project(&payload).unwrap_err().code(), "runner_missing");
    std::fs::write(stage.folder.path().join("plain"), "no program").unwrap();
    let plain = stage.runner("plain", PATIENT).project(&payload).unwrap_err();
    assert_eq!(plain.code(), "runner_start");
}
