//! `golden`: holds the projections of a golden folder against this build, or writes them anew.

use motet_bridge::{EquivalenceChecker, EquivalenceError};
use std::process::ExitCode;

const USAGE: &str = "usage: golden check|renew FOLDER\n\
    check   compares every case's projections with its files\n\
    renew   writes every case's files anew";

fn check(checker: &EquivalenceChecker) -> Result<bool, EquivalenceError> {
    let report = checker.check_golden()?;
    for (case, difference) in &report.differences {
        println!("{case}: {}: {:?} here, {:?} in the file", difference.role, difference.here, difference.stated);
    }
    println!("{} cases, {} local types, {} differences", report.cases, report.compared, report.differences.len());
    Ok(report.equivalent())
}

fn renew(checker: &EquivalenceChecker) -> Result<bool, EquivalenceError> {
    for case in checker.cases()? {
        println!("{case}: {} files", checker.renew(&case)?);
    }
    Ok(true)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["check", folder] => check(&EquivalenceChecker::new(folder, true)),
        ["renew", folder] => renew(&EquivalenceChecker::new(folder, true)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("golden: {error}");
            ExitCode::from(1)
        }
    }
}
