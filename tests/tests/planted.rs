//! The mutation test: every planted fault is caught by the check that the table names for it.
//!
//! Faults are of the whole process, so each is planted in a process of its own: this test binary again, with one
//! fault named in the environment. A child that hangs is ended and counts as caught; the checks' step limits are there
//! so that none does.

use motet_tests::catches::CATCHES;
use motet_types::{Planted, plant};
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Names the row for a child.
const ROW: &str = "MOTET_PLANT_ROW";
/// Has every fault tried against three random lanes as well, which takes most of the time.
const LANES: &str = "MOTET_PLANTED_LANES";
/// When a child is taken to hang. Nothing is asserted about how long one takes.
const HANGS: Duration = Duration::from_secs(120);

/// What a check found, panics included.
fn found(check: motet_tests::Check) -> Option<String> {
    match catch_unwind(check) {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("a panic: {}", text.unwrap_or("?")))
        }
    }
}

#[test]
fn every_fault_has_a_check() {
    for fault in Planted::ALL {
        assert!(CATCHES.iter().any(|row| row.fault == *fault), "`{}` has no check", fault.name());
    }
    let families = ["verify.", "step.", "project.", "merge.", "replay.", "record.", "burst.", "tape."];
    let counted = CATCHES.iter().filter(|row| families.iter().any(|family| row.fault.name().starts_with(family)));
    let counted = counted.count();
    assert!(counted >= 30, "only {counted} faults in verifier, projection, step and replay");
}

#[test]
fn without_faults_every_check_passes() {
    let checks: BTreeMap<_, _> = CATCHES.iter().map(|row| (row.name, row.check)).collect();
    for (name, check) in checks {
        assert_eq!(found(check), None, "{name} fails with no fault planted");
    }
}

/// The child's half of [`every_planted_fault_is_caught`]; without the environment it is nothing.
#[test]
fn one_planted_fault() {
    let Ok(row) = std::env::var(ROW) else { return };
    let row = CATCHES[row.parse::<usize>().unwrap()];
    plant(Some(row.fault));
    let by_check = found(row.check);
    let lanes: [(&str, motet_tests::Check); 3] = [
        ("protocols", motet_tests::checks::protocols::follow_their_global_type_in_small),
        ("soundness", motet_tests::checks::soundness::verified_programs_do_not_fault_in_small),
        ("model", motet_tests::checks::model::the_machine_is_its_model_in_small),
    ];
    let wanted = std::env::var_os(LANES).is_some();
    let lanes = lanes.iter().filter(|_| wanted);
    let by_lane: Vec<&str> = lanes.filter(|(_, lane)| found(*lane).is_some()).map(|(name, _)| *name).collect();
    let short = |why: &str| why.lines().next().unwrap_or_default().chars().take(160).collect::<String>();
    println!("\nlanes: {}", by_lane.join(" "));
    println!("check: {}", by_check.as_deref().map_or(String::from("-"), short));
}

/// Which lanes a child's fault breaks, and what the check for it found.
fn child(row: usize) -> Result<(String, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(["one_planted_fault", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROW, row.to_string())
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let began = Instant::now();
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if began.elapsed() > HANGS {
            child.kill().map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
            return Ok((String::new(), "it hangs".into()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    match (line("lanes: "), line("check: ")) {
        (Some(lanes), Some(check)) => Ok((lanes, check)),
        // A fault so bad that the process did not live to tell.
        _ => Ok((String::new(), format!("the process ended: {}", output.status))),
    }
}

#[test]
fn every_planted_fault_is_caught() {
    // For whoever works on some of them: only faults whose name contains this.
    let only = std::env::var("MOTET_FAULTS").unwrap_or_default();
    let rows: Vec<usize> = (0..CATCHES.len()).filter(|at| CATCHES[*at].fault.name().contains(&only)).collect();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            let said = child(*row).unwrap();
            told.lock().unwrap().insert(*row, said);
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)))
    });
    let (mut missed, mut by_lane) = (Vec::new(), 0);
    for (at, (lanes, why)) in told.into_inner().unwrap() {
        by_lane += usize::from(!lanes.is_empty());
        let (fault, name) = (CATCHES[at].fault.name(), CATCHES[at].name);
        println!("{fault:30} {name:50} {lanes:20} {why}");
        if why == "-" {
            missed.push(format!("`{fault}` by {name}"));
        }
    }
    assert!(missed.is_empty(), "not caught: {}", missed.join(", "));
    let lanes = match std::env::var_os(LANES) {
        Some(_) => format!("; {by_lane} break a small random lane too"),
        None => String::new(),
    };
    println!("{} planted faults, each caught by its check{lanes}", rows.len());
}
