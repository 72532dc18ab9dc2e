//! The parity suites: what this build does, held against golden files, published vectors and another implementation.

use super::error::ParityError;
use super::tree::Tree;
use super::vectors;
use crate::schema::BridgeVersion;
use crate::{
    ChoreographyInput, EquivalenceChecker, GoldenBundle, LEAN_BRIDGE_SCHEMA_VERSION, ProtocolMachineRunInput,
    ProtocolMachineRunOutput, RoundTrip, Validator, audit_of, observationally_equivalent, read_document, run_here,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// The most steps of one run.
const MOST_STEPS: u64 = 400;

/// What one suite saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuiteReport {
    /// The suite.
    pub name: &'static str,
    /// How many things were compared.
    pub compared: usize,
    /// What differs.
    pub findings: Vec<String>,
    /// Why it was not run, where it was not: no other implementation is there.
    pub absent: Option<String>,
}

impl SuiteReport {
    fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    fn compare(&mut self, same: bool, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !same {
            self.findings.push(what());
        }
    }

    fn failed(&mut self, what: &str, why: &dyn Display) {
        self.compared += 1;
        self.findings.push(format!("{what}: {why}"));
    }
}

fn defect(what: &'static str) -> impl FnOnce(crate::EquivalenceError) -> ParityError {
    move |error| ParityError::Defect { what, why: error.to_string() }
}

fn checker(tree: &Tree) -> EquivalenceChecker {
    EquivalenceChecker::new(tree.path("bridge/golden"), true)
}

fn bundles(tree: &Tree) -> Result<Vec<GoldenBundle>, ParityError> {
    let checker = checker(tree);
    let cases = checker.cases().map_err(defect("the golden folder"))?;
    cases.iter().map(|case| checker.bundle(case).map_err(defect("a golden case"))).collect()
}

fn input(bundle: &GoldenBundle, width: u64) -> ProtocolMachineRunInput {
    let roles = bundle.local_types.keys().cloned().collect();
    let choreography =
        ChoreographyInput { sessions: Some(3), ..ChoreographyInput::new(bundle.global_type.clone(), roles) };
    ProtocolMachineRunInput::new(vec![choreography], width, MOST_STEPS)
}

/// All suites that need nothing but this build and the tree.
///
/// # Errors
/// The tree's files cannot be read.
pub fn run_suites(tree: &Tree) -> Result<Vec<SuiteReport>, ParityError> {
    let bundles = bundles(tree)?;
    let mut golden = SuiteReport::new("golden projections");
    let found = checker(tree).check_golden().map_err(defect("the golden folder"))?;
    golden.compared = found.compared;
    golden.findings.extend(found.differences.iter().map(|(case, difference)| format!("{case}: {difference:?}")));
    Ok(vec![golden, round_trips(&bundles), documents(&bundles), normal_forms(&bundles), vectors::published()])
}

fn round_trips(bundles: &[GoldenBundle]) -> SuiteReport {
    let mut report = SuiteReport::new("types there and back");
    for bundle in bundles {
        let global = Validator.global_round_trip(&bundle.global_type);
        match global {
            Ok(trip) => report.compare(trip == RoundTrip::Exact, || format!("{}: {trip:?}", bundle.name)),
            Err(error) => report.failed(&bundle.name, &error),
        }
        for (role, local) in &bundle.local_types {
            match Validator.local_round_trip(local) {
                Ok(trip) => report.compare(trip == RoundTrip::Exact, || format!("{} {role}: {trip:?}", bundle.name)),
                Err(error) => report.failed(&bundle.name, &error),
            }
        }
    }
    report
}

/// A document that is written and read is the same again.
fn there_and_back<T: DeserializeOwned + Serialize + PartialEq + Send>(
    report: &mut SuiteReport,
    what: &str,
    document: &T,
) {
    let text = match serde_json::to_string(document) {
        Ok(text) => text,
        Err(error) => return report.failed(what, &error),
    };
    match read_document::<T>(&text, Some(LEAN_BRIDGE_SCHEMA_VERSION)) {
        Ok(again) => report.compare(again == *document, || format!("{what}: another document when it is read again")),
        Err(error) => report.failed(what, &error),
    }
}

fn documents(bundles: &[GoldenBundle]) -> SuiteReport {
    let mut report = SuiteReport::new("documents there and back");
    for bundle in bundles {
        debug_assert_eq!(bundle.schema_version, BridgeVersion);
        let input = input(bundle, 1);
        there_and_back(&mut report, &format!("{}, golden", bundle.name), bundle);
        there_and_back(&mut report, &format!("{}, input", bundle.name), &input);
        match run_here(&input) {
            Ok(output) => there_and_back(&mut report, &format!("{}, output", bundle.name), &output),
            Err(error) => report.failed(&bundle.name, &error),
        }
    }
    report
}

/// Runs in waves of another width are the same for whoever looks at one session.
fn normal_forms(bundles: &[GoldenBundle]) -> SuiteReport {
    let mut report = SuiteReport::new("normal forms");
    for bundle in bundles {
        let runs: Result<Vec<ProtocolMachineRunOutput>, _> =
            [1, 3].map(|width| run_here(&input(bundle, width))).into_iter().collect();
        match runs {
            // A run that its limit cut is a beginning, and beginnings of runs in other orders differ.
            Ok(runs) if runs.iter().all(|run| run.status == crate::RunStatus::Completed) => {
                let same = observationally_equivalent(&audit_of(&runs[0].trace), &audit_of(&runs[1].trace));
                report.compare(same, || format!("{}: one by one and three at a time differ", bundle.name));
            }
            Ok(_) => {}
            Err(error) => report.failed(&bundle.name, &error),
        }
    }
    report
}

/// Golden protocols projected and run here and by another implementation: the one at a path, or the one that is found.
///
/// # Errors
/// The tree's files cannot be read.
#[cfg(feature = "runner")]
pub fn run_reference_suite(tree: &Tree, path: Option<&std::path::Path>) -> Result<SuiteReport, ParityError> {
    use crate::runner::{ProtocolMachineRunner, RunnerErrorKind};
    use crate::{ProjectPayload, compare_execution, with_programs};

    let mut report = SuiteReport::new("golden protocols beside the reference");
    let runner = match path {
        Some(path) => ProtocolMachineRunner::at(path),
        None => ProtocolMachineRunner::find(),
    };
    let mut runner = match runner {
        Ok(runner) => runner,
        Err(error) if path.is_none() && matches!(error.kind, RunnerErrorKind::Missing { .. }) => {
            report.absent = Some(error.to_string());
            return Ok(report);
        }
        Err(error) => {
            report.failed("the runner", &error);
            return Ok(report);
        }
    };
    for bundle in bundles(tree)? {
        let roles = bundle.local_types.keys().cloned().collect();
        match runner.project(&ProjectPayload { global_type: bundle.global_type.clone(), roles }) {
            Ok(reply) => report.compare(reply.local_types == bundle.local_types, || {
                format!("{}: projected otherwise there", bundle.name)
            }),
            Err(error) => report.failed(&bundle.name, &error),
        }
        for width in 1..=3 {
            let asked = input(&bundle, width);
            let input = match with_programs(&asked) {
                Ok(input) => input,
                Err(error) => {
                    report.failed(&bundle.name, &error);
                    continue;
                }
            };
            match (run_here(&input), runner.run(&input)) {
                (Ok(here), Ok(there)) => {
                    let compared = compare_execution(&here, there);
                    report.compare(compared.equivalent, || format!("{}: {:?}", bundle.name, compared.diff));
                }
                (Err(error), _) => report.failed(&bundle.name, &error),
                (_, Err(error)) => report.failed(&bundle.name, &error),
            }
        }
    }
    Ok(report)
}
