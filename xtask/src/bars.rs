//! The bars: `benches/peer` measures them, since it has the peers and stands outside the workspace.

use std::path::Path;
use std::process::Command;

/// Runs the measuring program with the given options; see `benches/peer/src/bars`.
///
/// # Errors
/// When it cannot be built or says that something is wrong.
pub fn run(top: &Path, options: &[&str]) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let manifest = top.join("benches/peer/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--manifest-path"]).arg(manifest).args(["--", "bars"]).args(options);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("bars: {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}
