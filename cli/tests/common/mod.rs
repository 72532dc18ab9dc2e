//! One way to run the binary, and one to show what it said: text in, text out.
#![allow(dead_code)] // Each test file uses its own part.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a run of the binary gave.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A directory that belongs to one test and goes with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("motet-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The workspace, from which the binary is run: paths in its output are then the same everywhere.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Runs the binary.
pub(crate) fn motet(args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motet"));
    let output: Output = command.args(args).current_dir(root()).stdin(Stdio::null()).output().unwrap();
    let said = Said {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!said.err.contains("panicked"), "{args:?} panicked: {}", said.err);
    said
}

/// Digests, times, step counts and scratch paths are not what these tests are about: left out.
pub(crate) fn plain(text: &str) -> String {
    let mut text = text.replace(env!("CARGO_TARGET_TMPDIR"), "$TMP");
    while let Some(at) = text.find("$TMP/motet-") {
        let end = text[at + 11..].find('/').map_or(text.len(), |end| at + 11 + end + 1);
        text.replace_range(at..end, "$TMP:");
    }
    let mut out = String::new();
    for word in text.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
        let bare = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let digest = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        out.push_str(&if digest { word.replace(bare, "DIGEST") } else { word.to_owned() });
    }
    for (before, after) in [(" steps in ", "\n"), ("\"wall_s\":", "}"), ("\"wall_s\":", ","), ("\"steps\":", ",")] {
        if let Some(at) = out.find(before) {
            let start = at + before.len();
            let end = out[start..].find(after).map_or(out.len(), |end| start + end);
            if out[start..end].parse::<f64>().is_ok() || before.starts_with(' ') {
                out.replace_range(start..end, "N");
            }
        }
    }
    out
}

/// What the binary said to these arguments, with its exit status.
pub(crate) fn check(args: &[&str]) -> String {
    let said = motet(args);
    let mut text = format!("exit {}\n", said.status);
    if !said.out.is_empty() {
        write!(text, "{}", plain(&said.out)).unwrap();
    }
    if !said.err.is_empty() {
        write!(text, "--- error\n{}", plain(&said.err)).unwrap();
    }
    text
}

/// The one JSON document on standard output.
pub(crate) fn json(args: &[&str]) -> serde_json::Value {
    let said = motet(&[args, &["--json"]].concat());
    assert_eq!(said.out.lines().count(), 1, "{args:?}: one document\n{}", said.out);
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{args:?}: {error}\n{}", said.out))
}

/// The exit status and the code of the error on standard error; nothing may stand on standard output.
pub(crate) fn refused(args: &[&str]) -> (i32, String, serde_json::Value) {
    let said = motet(&[args, &["--json"]].concat());
    assert_eq!(said.out, "", "{args:?}: nothing on standard output");
    let (code, error) = error_of(&said);
    (said.status, code, error)
}

/// The error on standard error.
pub(crate) fn error_of(said: &Said) -> (String, serde_json::Value) {
    let last = said.err.lines().last().unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}\n{}", said.err));
    let error = json["error"].clone();
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
    (error["code"].as_str().unwrap().to_owned(), error)
}

pub(crate) const EXAMPLES: [&str; 6] =
    ["meal_service", "ping_pong", "three_buyer", "ticker", "token_ring", "two_phase_commit"];

pub(crate) fn example(name: &str) -> String {
    format!("examples/{name}.tell")
}
