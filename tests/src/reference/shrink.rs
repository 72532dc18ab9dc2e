//! Shrinking: the smallest case that still differs, as far as simple cuts lead.

use super::both::Difference;
use super::case::{Case, acts};
use crate::witness::Mood;
use motet_bridge::runner::ProtocolMachineRunner;
use motet_choreo::check;
use motet_machine::{BackpressurePolicy, BufferConfig, FlowPolicy, OutputConditionPolicy};
use motet_types::{EffectKind, EffectKinds};
use serde_json::{Value as Json, json};

/// The most cases that are tried.
const ATTEMPTS: usize = 4_000;

/// Every type that is this one with one cut: a communication left out, a branch left out, a branch ended.
fn cuts(global: &Json) -> Vec<Json> {
    let mut found = Vec::new();
    match global["kind"].as_str() {
        Some("rec") => {
            found.push(global["body"].clone());
            for body in cuts(&global["body"]) {
                found.push(json!({"kind": "rec", "var": global["var"], "body": body}));
            }
        }
        Some("comm") => {
            let branches = global["branches"].as_array().cloned().unwrap_or_default();
            found.push(json!({"kind": "end"}));
            found.extend(branches.iter().map(|branch| branch["continuation"].clone()));
            let with = |branches: Vec<Json>| {
                let mut cut = global.clone();
                cut["branches"] = branches.into();
                cut
            };
            for at in 0..branches.len() {
                if branches.len() > 1 {
                    let mut fewer = branches.clone();
                    fewer.remove(at);
                    found.push(with(fewer));
                }
                if branches[at]["label"]["sort"] != "unit" {
                    let mut plainer = branches.clone();
                    plainer[at]["label"]["sort"] = "unit".into();
                    found.push(with(plainer));
                }
                for next in cuts(&branches[at]["continuation"]) {
                    let mut other = branches.clone();
                    other[at]["continuation"] = next;
                    found.push(with(other));
                }
            }
        }
        _ => {}
    }
    found
}

/// The case with one thing simpler.
fn simpler(case: &Case) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut other = case.clone();
        change(&mut other);
        if other != *case {
            found.push(other);
        }
    };
    with(&|case| case.wave = 1);
    with(&|case| case.sessions = 1);
    with(&|case| case.padding = 0);
    with(&|case| case.padding = case.padding.saturating_sub(1));
    with(&|case| case.besides = [0; 5]);
    for at in 0..5 {
        with(&|case| case.besides[at] = case.besides[at].saturating_sub(1));
    }
    with(&|case| case.flow = FlowPolicy::AllowAll);
    with(&|case| case.tight = false);
    with(&|case| case.hooks = false);
    with(&|case| case.mood = Mood::Reliable);
    with(&|case| case.wants = EffectKinds::NONE.with(EffectKind::Choose).with(EffectKind::Acquire));
    with(&|case| case.slow = false);
    with(&|case| case.fails = false);
    with(&|case| case.owns = false);
    with(&|case| case.buffer = BufferConfig::default());
    with(&|case| case.outputs = OutputConditionPolicy::Disabled);
    with(&|case| case.outputs = OutputConditionPolicy::AllowAll);
    with(&|case| case.buffer.policy = BackpressurePolicy::Block);
    with(&|case| case.limit /= 2);
    with(&|case| case.limit -= u64::from(case.limit > 1));
    let types = cuts(&case.global).into_iter().map(|global| Case { global, ..case.clone() });
    found.splice(0..0, types);
    found
}

/// The smallest case found that still differs, and how.
pub(super) fn shrink(
    mut case: Case,
    mut difference: Difference,
    runner: &mut ProtocolMachineRunner,
) -> (Case, Difference) {
    let mut left = ATTEMPTS;
    'again: loop {
        for other in simpler(&case) {
            if left == 0 {
                return (case, difference);
            }
            left -= 1;
            if !acts(&other.global) || !other.protocol().is_ok_and(|global| check(&global).is_ok()) {
                continue;
            }
            // A cut that has no image is no smaller case.
            if let Ok(Err(found)) = other.run(runner) {
                (case, difference) = (other, found);
                continue 'again;
            }
        }
        return (case, difference);
    }
}
