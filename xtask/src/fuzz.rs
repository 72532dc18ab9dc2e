//! Fuzzing: a target built with coverage instrumentation and run for so many seconds.
//!
//! It needs neither cargo-fuzz nor a nightly compiler: `-C passes` and `-C llvm-args` are stable, libFuzzer comes with
//! the crate `libfuzzer-sys` and wants a C++ compiler. Sanitizers are left out: they are nightly's, and there is no unsafe
//! code to find something in. What is found is a panic, a failed assertion, an overflow, too much memory, or no end.

use std::path::Path;
use std::process::Command;

/// Instrumentation as cargo-fuzz asks for it.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Most memory that a target may use, in MiB, and most bytes that it is given.
const LIMITS: [&str; 3] = ["-rss_limit_mb=512", "-malloc_limit_mb=64", "-max_len=16384"];

/// The targets, one a line.
///
/// # Errors
/// If the folder of the targets cannot be read.
pub fn list(top: &Path) -> Result<String, String> {
    let folder = top.join("fuzz").join("targets");
    let read = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        read.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned() + "\n")).collect();
    names.sort_unstable();
    Ok(names.concat())
}

/// Builds the target of that name and runs it for so many seconds, from its corpus and into it.
///
/// # Errors
/// What did not build, or what was found; the input is then in `fuzz/artifacts`.
pub fn run(top: &Path, name: &str, seconds: u64) -> Result<(), String> {
    let host = host()?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let fuzz = top.join("fuzz");
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--target", &host, "--bin", name, "--manifest-path"])
        .arg(fuzz.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(fuzz.join("target"))
        .env("RUSTFLAGS", FLAGS)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !built.success() {
        return Err(format!("the fuzz target `{name}` does not build"));
    }
    let (corpus, found) = (fuzz.join("corpus").join(name), fuzz.join("artifacts").join(name));
    for folder in [&corpus, &found] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let ended = Command::new(fuzz.join("target").join(host).join("release").join(name))
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=10", "-print_final_stats=1"])
        .args(LIMITS)
        .status()
        .map_err(|error| format!("{name}: {error}"))?;
    if ended.success() { Ok(()) } else { Err(format!("{name}: found something, see {}", found.display())) }
}

/// The target triple of this machine.
fn host() -> Result<String, String> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| String::from("rustc"));
    let said = Command::new(rustc).arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(String::from).ok_or_else(|| String::from("rustc does not say which machine this is"))
}
