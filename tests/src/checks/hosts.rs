//! What hosts are asked, and what they may answer.

use crate::draft::{BOOL, NAT, PAIR, STRING, letters, stream};
use crate::script::{Script, accept, choose, decision};
use crate::walk::Setup;
use motet_machine::{EffectId, EffectOutcome, EffectRequestBody, EffectResponse, RunId, SendDecision};
use motet_runtime::RunStatus;
use motet_types::{EffectFailureKind, EffectKind, Fault, RoleId, ScalarPart, SessionId, Value};
use std::collections::BTreeSet;
use std::sync::Mutex;

const ALL_ASKED: [EffectKind; 4] =
    [EffectKind::SendDecision, EffectKind::Receive, EffectKind::Choose, EffectKind::InvokeStep];

/// A choice of a label that is not on offer is the host's fault.
pub fn choices_are_on_offer() -> Result<(), String> {
    for at in [2, 3, usize::MAX] {
        let host = Script::new(&[EffectKind::Choose], move |_| EffectOutcome::Success(EffectResponse::Choose(at)));
        let run = Setup::default().run(&stream().image()?, &host)?;
        let [report] = &run.faults[..] else { return Err(format!("{at}: one fault, not {:?}", run.faults)) };
        let broken = matches!(report.fault, Fault::Invoke { kind: EffectFailureKind::ContractViolation, .. });
        ensure!(broken, "{at}: {:?}", report.fault);
    }
    Ok(())
}

/// A value that the host hands in must be of the sort that its place has, components included, and not too large.
pub fn host_values_have_their_sort() -> Result<(), String> {
    let pair = |a, b| Value::Prod(Box::new((a, b)));
    let text = |n| Value::Str("x".repeat(n));
    let endpoint = Value::Endpoint { session: SessionId(0), role: RoleId(0) };
    let wrong = [
        (NAT, Value::Unit),
        (NAT, Value::Bool(true)),
        (NAT, text(1)),
        (NAT, endpoint),
        (STRING, Value::Nat(1)),
        (STRING, text(70_000)),
        (BOOL, Value::Nat(1)),
        (PAIR, pair(text(1), text(1))),
        (PAIR, pair(Value::Nat(1), pair(Value::Nat(1), text(1)))),
        (PAIR, Value::Nat(1)),
    ];
    let right =
        [(NAT, Value::Nat(9)), (STRING, text(60_000)), (BOOL, Value::Bool(true)), (PAIR, pair(Value::Nat(9), text(2)))];
    let cases = wrong.into_iter().map(|case| (case, false)).chain(right.into_iter().map(|case| (case, true)));
    for ((sort, value), fits) in cases {
        let mut draft = letters(1);
        draft.parts.labels[0].sort = sort;
        draft.parts.constants[0].sort = sort;
        draft.parts.constants[0].scalars = match sort {
            NAT => vec![ScalarPart::Nat(1)],
            BOOL => vec![ScalarPart::Bool(false)],
            STRING => vec![ScalarPart::Str(String::new())],
            _ => vec![ScalarPart::Nat(1), ScalarPart::Str(String::new())],
        };
        let image = draft.image()?;
        for kind in [EffectKind::SendDecision, EffectKind::Receive] {
            let value = value.clone();
            let host = Script::new(&[kind], move |request| match request.kind() {
                EffectKind::SendDecision => decision(SendDecision::Replace(value.clone())),
                _ => EffectOutcome::Success(EffectResponse::Receive(Some(value.clone()))),
            });
            let run = Setup::default().run(&image, &host)?;
            let broken = matches!(
                run.faults.first().map(|report| &report.fault),
                Some(Fault::Invoke { kind: EffectFailureKind::ContractViolation, .. })
            );
            ensure!(broken != fits, "sort {sort}, {}: {:?}", kind.name(), run.faults);
        }
    }
    Ok(())
}

/// Effect ids: no two of a run are equal, another run's differ, a replay's do not.
pub fn effect_ids_tell_effects_apart() -> Result<(), String> {
    let image = stream().image()?;
    let ids = |run: u8, sessions| -> Result<Vec<EffectId>, String> {
        let seen = Mutex::new(Vec::new());
        let host = Script::new(&ALL_ASKED, |request| {
            seen.lock().expect("one thread").push(request.effect_id());
            choose(request, if request.coordinate.counter < 9 { "More" } else { "Done" })
        });
        let mut setup = Setup::default().sessions(sessions);
        setup.config.run_id = RunId([run; 16]);
        let ended = setup.run(&image, &host)?;
        ensure!(ended.status == RunStatus::Completed, "{:?}", ended.status);
        drop(host);
        Ok(seen.into_inner().expect("one thread"))
    };
    let first = ids(1, 3)?;
    let distinct: BTreeSet<_> = first.iter().collect();
    ensure!(distinct.len() == first.len(), "{} effects have {} ids", first.len(), distinct.len());
    ensure!(ids(1, 3)? == first, "the same run has other ids");
    ensure!(ids(2, 3)?.iter().all(|id| !distinct.contains(id)), "another run has the same ids");
    Ok(())
}

/// Requests say who asks, about whom, and under which name.
pub fn requests_tell_the_truth() -> Result<(), String> {
    let image = letters(1).image()?;
    let seen = Mutex::new(Vec::new());
    let host = Script::new(&ALL_ASKED, |request| {
        let line = match request.body {
            EffectRequestBody::SendDecision { partner, label, payload } => {
                format!(
                    "{} sends {} {:?} to {}",
                    request.role_name(),
                    request.image.label_name(label),
                    payload,
                    partner
                )
            }
            EffectRequestBody::Receive { partner, label, payload } => {
                format!(
                    "{} gets {} {:?} from {}",
                    request.role_name(),
                    request.image.label_name(label),
                    payload,
                    partner
                )
            }
            _ => String::from("something else"),
        };
        seen.lock().expect("one thread").push(line);
        accept(request)
    });
    Setup::default().run(&image, &host)?;
    let seen = seen.lock().expect("one thread");
    ensure!(seen[..] == ["A sends M Nat(1) to role1", "B gets M Nat(1) from role0"], "{seen:?}");
    Ok(())
}
