//! `motet capability-gates`: which operation needs which capability, and whether what checks it does.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::parity::conclude;
use motet_bridge::parity::{CapabilityGate, capability_gates, capability_model, gate_findings};
use serde_json::{Value as Json, json};

#[derive(clap::Args)]
pub(crate) struct Args {}

fn gate_json(gate: &CapabilityGate) -> Json {
    json!({
        "class": gate.class.name(),
        "table": gate.table,
        "operation": gate.operation,
        "refusal": gate.refusal,
        "says": gate.says,
        "passed": gate.passed,
        "refused": gate.refused,
    })
}

pub(crate) fn run(_: &Args, out: &mut Out) -> Outcome<()> {
    let gates = capability_gates();
    let model = capability_model().map_err(|error| Failure::failed("defect", error))?;
    let findings = gate_findings(&gates);
    if out.json {
        let model = serde_json::to_value(&model).map_err(|error| Failure::failed("defect", error.to_string()))?;
        out.document(&json!({
            "gates": gates.iter().map(gate_json).collect::<Vec<_>>(),
            "model": model,
            "findings": findings,
        }))?;
    } else {
        for gate in &gates {
            let CapabilityGate { table, operation, refusal, says, .. } = gate;
            out.line(format_args!("{:10}  {table}.{operation}: {refusal}: {says}", gate.class.name()))?;
        }
        let (paths, artifacts) = (&model.finalization_paths, &model.upgrade_artifacts);
        for (name, path) in [("canonical", &paths.canonical), ("invalidated", &paths.invalidated)] {
            out.line(format_args!("finalization, {name}: {}", path["stages"]))?;
        }
        for (name, path) in [("committed", &artifacts.committed_cutover), ("rolled back", &artifacts.rolled_back)] {
            out.line(format_args!("{}, {name}: {}", path["kind"], path["lifecycle"]))?;
        }
        out.line(format_args!("{} gates", gates.len()))?;
    }
    conclude("gates", &findings, out)
}
