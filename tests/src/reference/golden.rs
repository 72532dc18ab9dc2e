//! The golden protocols through the bridge's own way: its clients, its comparison, its checker of projections.

use motet_bridge::runner::{HeapParityRunner, ProtocolMachineRunner, RunnerError, RunnerErrorKind};
use motet_bridge::{
    ChoreographyInput, EquivalenceChecker, EquivalenceError, HeapQuestion, ProjectPayload, ProtocolMachineRunInput,
    ValidateTracePayload, compare_execution, run_here, with_programs,
};
use serde_json::json;
use std::path::PathBuf;

/// Why the other did not answer, or what is wrong with the files.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Golden(#[from] EquivalenceError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
}

fn checker() -> EquivalenceChecker {
    // Where the package stands that cargo runs, and not where it stood when it was compiled.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    EquivalenceChecker::new(here.join("../bridge/golden"), true)
}

/// Both project the golden types alike, and both run them alike, one by one and all together, in waves of 1 to 3: with
/// a process for each question and with one for all.
pub fn golden() -> Result<(), String> {
    let checker = checker();
    let text = |error: &dyn std::error::Error| error.to_string();
    let find = || ProtocolMachineRunner::find().map_err(|error| text(&error));
    let (mut once, mut kept) = (find()?, find()?.kept());
    let mut roles_of = Vec::new();
    let report = checker
        .check_live(|bundle| {
            let roles: Vec<String> = bundle.local_types.keys().cloned().collect();
            roles_of.push((bundle.global_type.clone(), roles.clone()));
            let payload = ProjectPayload { global_type: bundle.global_type.clone(), roles };
            Ok::<_, Failed>(once.project(&payload)?.local_types)
        })
        .map_err(|error| text(&error))?;
    ensure!(report.cases == 9 && report.compared > 20, "the golden folder has {report:?}");
    ensure!(report.equivalent(), "the projections differ: {:#?}", report.differences);
    let choreography = |sessions| {
        move |(global, roles): &(serde_json::Value, Vec<String>)| ChoreographyInput {
            sessions: Some(sessions),
            ..ChoreographyInput::new(global.clone(), roles.clone())
        }
    };
    let mut inputs: Vec<ProtocolMachineRunInput> = Vec::new();
    for width in 1..=3 {
        inputs.extend(
            roles_of.iter().map(|one| ProtocolMachineRunInput::new(vec![choreography(width)(one)], width, 400)),
        );
        inputs.push(ProtocolMachineRunInput::new(roles_of.iter().map(choreography(2)).collect(), width, 2_000));
    }
    let mut events = 0;
    for input in &inputs {
        let input = with_programs(input).map_err(|error| text(&error))?;
        let here = run_here(&input).map_err(|error| text(&error))?;
        for runner in [&mut once, &mut kept] {
            let compared = compare_execution(&here, runner.run(&input).map_err(|error| text(&error))?);
            ensure!(compared.equivalent, "{} differs: {:#?}", json!(input), compared.diff);
            let theirs = &compared.lean_output;
            let (ours, theirs) = ((here.status, here.steps_executed), (theirs.status, theirs.steps_executed));
            ensure!(ours == theirs, "{}: {ours:?} here, {theirs:?} there", json!(input));
            events += here.trace.len();
        }
    }
    ensure!(events > 1_000, "only {events} events were compared");
    // What the reference does not have is refused by it, in its own words.
    let payload = ValidateTracePayload { choreographies: Vec::new(), trace: Vec::new() };
    let refused = kept.validate_trace(&payload);
    let told =
        matches!(&refused, Err(RunnerError { kind: RunnerErrorKind::Refused(error), .. }) if error.code == "operation");
    ensure!(told, "validateTrace was answered: {refused:?}");
    let bad = ProjectPayload { global_type: json!({"kind": "loop"}), roles: Vec::new() };
    let refused = kept.project(&bad);
    let told =
        matches!(&refused, Err(RunnerError { kind: RunnerErrorKind::Refused(error), .. }) if error.code == "malformed");
    ensure!(told, "a type that is none was answered: {refused:?}");
    let mut heap = HeapParityRunner::find().map_err(|error| text(&error))?;
    let refused = heap.replay(&HeapQuestion { operations: vec![json!({"kind": "melt"})], prove: None });
    let told =
        matches!(&refused, Err(RunnerError { kind: RunnerErrorKind::Refused(error), .. }) if error.code == "malformed");
    ensure!(told, "an operation that is none was answered: {refused:?}");
    println!("{} golden types projected alike, {} runs and {events} events compared", report.cases, inputs.len() * 2);
    Ok(())
}
