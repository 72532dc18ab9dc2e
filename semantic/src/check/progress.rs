//! Progress contracts and the transitions that led to them.

use super::{Checked, Look, Rule, Violation, ensure};
use crate::objects::ProgressTransition;
use crate::planted::planted;
use crate::rules::ProgressState;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// Transitions of an operation are a legal chain from pending to the contract's state, and contracts agree with their
/// operations.
pub(super) fn contracts(look: &Look<'_>) -> Checked {
    let mut chains: BTreeMap<&str, Vec<&ProgressTransition>> = BTreeMap::new();
    for one in &look.objects.progress_transitions {
        chains.entry(&one.operation_id).or_default().push(one);
    }
    for one in &look.objects.progress_contracts {
        let (list, id) = ("progress_contracts", one.operation_id.as_str());
        let operation = look.operation(list, id, id)?;
        let broken = |why| Violation::new(Rule::ProgressLegal, list, id, why);
        ensure(operation.phase == one.state.operation_phase(), || {
            broken(format!("it is {} and its operation {}", one.state, operation.phase))
        })?;
        ensure(one.bounded == one.budget_ticks.is_some(), || {
            broken("it has a budget exactly when it is bounded".into())
        })?;
        let escalated =
            matches!(one.state, ProgressState::NoProgress | ProgressState::Degraded | ProgressState::TimedOut);
        ensure(one.bounded || !escalated, || broken(format!("it is {} without a budget", one.state)))?;
        chain(id, one.state, &chains.remove(id).unwrap_or_default())?;
    }
    if let Some((id, _)) = chains.first_key_value() {
        let why = "its operation has no progress contract";
        return Err(Violation::new(Rule::Reference, "progress_transitions", id, why));
    }
    Ok(())
}

fn chain(id: &str, end: ProgressState, transitions: &[&ProgressTransition]) -> Checked {
    if planted("check-skips-progress-chain") {
        return Ok(());
    }
    let broken = |why| Violation::new(Rule::ProgressLegal, "progress_transitions", id, why);
    let (mut state, mut tick) = (ProgressState::Pending, 0);
    for one in transitions {
        ensure(one.from_state == state, || broken(format!("it goes on from {} where it was {state}", one.from_state)))?;
        ensure(state.may_become(one.to_state), || broken(format!("nothing leads from {state} to {}", one.to_state)))?;
        ensure(one.tick >= tick, || broken(format!("tick {} stands behind tick {tick}", one.tick)))?;
        (state, tick) = (one.to_state, one.tick);
    }
    ensure(state == end, || broken(format!("its transitions end at {state}, its contract at {end}")))
}
