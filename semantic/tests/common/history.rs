//! The semantic objects of a history, computed again from all of it, literally as the specification's section 8 says:
//! own code with scans over everything that happened, sharing nothing with the live objects but the documents.

#[path = "history_more.rs"]
mod more;

pub(crate) use more::KEEP;
use more::{handoff, output, ownership, read, region};
use motet_semantic::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Something that happened, with everything that a document says of it.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Opened(u64),
    Asked(Ask),
    Begun(String),
    Elapsed,
    /// Nobody answered in time.
    Overdue(String, Json),
    /// An answer, and why it failed.
    Answered(String, Option<String>, Json),
    /// What would have been published of an answer that came after its effect was invalidated.
    Late(String, &'static str),
    Cancelled(String),
    /// An upgrade, by its id, gave an effect up.
    GivenUp(String, String),
    Authority(Option<u64>, AuthorityAuditRecord, bool),
    Moved {
        island: u64,
        session: u64,
        number: u64,
        role: String,
        from: u16,
        to: u16,
    },
    Checked {
        session: u64,
        predicate: String,
        witness: Option<String>,
        digest: String,
        passed: bool,
    },
    Ended(u64),
}

/// An effect as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: String,
    pub(crate) session: u64,
    pub(crate) coroutine: u16,
    pub(crate) role: String,
    pub(crate) guard: bool,
    pub(crate) interface: Option<(String, String)>,
    pub(crate) handler: String,
    pub(crate) inputs: Json,
    pub(crate) budget: Option<u64>,
}

type History = [(u64, Happened)];

/// What a session's owner is after so much of a history: name, scope.
fn owner(history: &History, session: u64) -> (Option<String>, OwnershipScope) {
    let (mut owner, mut scope, mut given) = (None, OwnershipScope::Session, None);
    for (_, happened) in history {
        let Happened::Authority(Some(at), record, _) = happened else { continue };
        if *at != session {
            continue;
        }
        match (&record.artifact, record.event) {
            (AuthorityArtifact::OwnershipReceipt(receipt), AuthorityAuditEvent::Committed) => {
                given = Some(receipt.to_owner_id.clone());
            }
            (AuthorityArtifact::OwnershipCapability(one), AuthorityAuditEvent::Issued) => {
                if let Some(heir) = given.take() {
                    owner = Some(heir);
                } else if owner.is_none() {
                    (owner, scope) = (Some(one.owner_id.clone()), one.scope.clone());
                }
            }
            (AuthorityArtifact::OwnershipCapability(_), AuthorityAuditEvent::Invalidated)
                if record.reason.as_deref() == Some("released") =>
            {
                owner = None;
            }
            _ => {}
        }
    }
    (owner, scope)
}

/// Who owns a role of a session.
fn owns(history: &History, session: u64, role: &str) -> Option<String> {
    match owner(history, session) {
        (owner, OwnershipScope::Session) => owner,
        (owner, OwnershipScope::Fragments(roles)) => owner.filter(|_| roles.contains(role)),
    }
}

fn asks(history: &History) -> Vec<(usize, Ask)> {
    let asked = |(at, (_, one)): (usize, &(u64, Happened))| match one {
        Happened::Asked(ask) => Some((at, ask.clone())),
        _ => None,
    };
    history.iter().enumerate().filter_map(asked).collect()
}

/// The handoff that a receipt of a transfer is, unless it is to the owner itself.
fn transfer(record: &AuthorityAuditRecord) -> Option<(&OwnershipReceipt, String)> {
    let AuthorityArtifact::OwnershipReceipt(one) = &record.artifact else { return None };
    let id = format!("{}.owner.{:010}", one.session_id, one.claim_id);
    (one.from_owner_id != one.to_owner_id && record.event != AuthorityAuditEvent::Rejected).then_some((one, id))
}

fn covers(scope: &OwnershipScope, role: &str) -> bool {
    match scope {
        OwnershipScope::Session => true,
        OwnershipScope::Fragments(roles) => roles.contains(role),
    }
}

/// What a handoff at this place of the history settles: effects that wait there, in its scope.
fn affected(history: &History, at: usize, wanted: impl Fn(&Ask) -> bool) -> Vec<String> {
    let before = &history[..at];
    let waits = |ask: &Ask| wanted(ask) && end(before, &ask.id).is_none();
    let mut ids: Vec<String> = asks(before).into_iter().filter(|(_, ask)| waits(ask)).map(|(_, ask)| ask.id).collect();
    ids.sort();
    ids
}

/// The place at which an effect ended, and its state then.
fn end(history: &History, id: &str) -> Option<(usize, ProgressState, Option<String>)> {
    let (_, ask) = asks(history).into_iter().find(|(_, ask)| ask.id == id)?;
    for (at, (_, happened)) in history.iter().enumerate() {
        let found = match happened {
            Happened::Answered(effect, None, _) if effect == id => Some((ProgressState::Succeeded, None)),
            Happened::Answered(effect, why, _) if effect == id => Some((ProgressState::Failed, why.clone())),
            Happened::Cancelled(effect) if effect == id => Some((ProgressState::Cancelled, None)),
            Happened::GivenUp(effect, _) if effect == id => {
                Some((ProgressState::Cancelled, Some("an upgrade gave it up".into())))
            }
            Happened::Ended(session) if *session == ask.session => Some((ProgressState::Cancelled, None)),
            Happened::Overdue(effect, _) if effect == id => Some((ProgressState::TimedOut, Some("timeout".into()))),
            Happened::Authority(Some(session), record, false) if *session == ask.session => {
                let taken = transfer(record).filter(|_| record.event == AuthorityAuditEvent::Committed);
                let taken = taken.filter(|(receipt, _)| covers(&receipt.scope, &ask.role));
                taken.map(|_| (ProgressState::HandedOff, Some("a handoff took it away".into())))
            }
            _ => None,
        };
        if let Some((state, why)) = found
            && asks(&history[..at]).iter().any(|(_, ask)| ask.id == id)
        {
            return Some((at, state, why));
        }
    }
    None
}

type Step = (ProgressState, ProgressState, u64, Option<String>);

/// When an effect last got on before it ended: its budget counts from there.
fn got_on(history: &History, id: &str) -> u64 {
    let counts = |one: &Happened| match one {
        Happened::Asked(ask) => ask.id == id,
        Happened::Begun(effect) => effect == id,
        _ => false,
    };
    history.iter().rfind(|(_, one)| counts(one)).map_or(0, |(tick, _)| *tick)
}

/// Changes of an effect's progress while it waits, and that to the last one where nobody answered in time.
fn steps(history: &History, id: &str, ask: &Ask) -> Vec<Step> {
    let ladder = [
        (ProgressState::Blocked, "a quarter of its budget has passed without an answer"),
        (ProgressState::NoProgress, "half of its budget has passed without an answer"),
        (ProgressState::Degraded, "three quarters of its budget have passed without an answer"),
        (ProgressState::TimedOut, "timeout"),
    ];
    let (mut from, mut steps): (_, Vec<Step>) = (ProgressState::Pending, Vec::new());
    let Some(budget) = ask.budget else { return steps };
    let stop = end(history, id).map_or(history.len(), |end| end.0 + 1);
    let begun = history.iter().position(|(_, one)| matches!(one, Happened::Asked(ask) if ask.id == id));
    for at in begun.unwrap_or(stop)..stop {
        let (tick, rungs) = match &history[at] {
            (tick, Happened::Elapsed) => (*tick, 3),
            (tick, Happened::Overdue(effect, _)) if effect == id => (*tick, 4),
            _ => continue,
        };
        let passed = tick - got_on(&history[..at], id);
        while steps.len() < rungs && 4 * passed >= (steps.len() as u64 + 1) * budget {
            let (to, why) = ladder[steps.len()];
            steps.push((from, to, tick, Some(why.into())));
            from = to;
        }
    }
    steps
}

fn publication_of(state: ProgressState) -> &'static str {
    match state {
        ProgressState::Pending | ProgressState::Blocked => "effect.blocked",
        ProgressState::NoProgress => "effect.no_progress",
        ProgressState::Degraded => "effect.degraded",
        ProgressState::Succeeded => "effect.succeeded",
        ProgressState::Failed => "effect.failed",
        ProgressState::Cancelled => "effect.cancelled",
        ProgressState::TimedOut => "effect.timed_out",
        ProgressState::HandedOff => "effect.invalidated",
    }
}

fn output_id(predicate: &str, digest: &str) -> String {
    format!("materialization:{predicate}:{digest}")
}

/// The read of a witness.
fn read_id(session: Option<u64>, record: &AuthorityAuditRecord) -> Option<String> {
    let (kind, witness) = match &record.artifact {
        AuthorityArtifact::Readiness(one) => ("readiness", one.witness_id),
        AuthorityArtifact::Cancellation(one) => ("cancellation", one.witness_id),
        AuthorityArtifact::Timeout(one) => ("timeout", one.witness_id),
        _ => return None,
    };
    let session = session.map_or("site".into(), |session| session.to_string());
    let refused = if record.event == AuthorityAuditEvent::Rejected { ":refused" } else { "" };
    Some(format!("{kind}:{session}:{witness}{refused}"))
}

/// Names of what is gone: of everything that has ended, all but the last `keep`, and what belongs to eras that are over.
fn gone(history: &History, keep: usize) -> BTreeSet<String> {
    let (mut ended, mut gone): (Vec<String>, BTreeSet<String>) = Default::default();
    let lives: Vec<(usize, Option<usize>, Ask)> =
        asks(history).into_iter().map(|(at, ask)| (at, end(history, &ask.id).map(|end| end.0), ask)).collect();
    for at in 0..history.len() {
        let before = &history[..at];
        let mut ends = Vec::new();
        let effects_that_end_here = || {
            let mut all: Vec<(u64, u16, usize, String)> = Vec::new();
            for (begun, ended, ask) in &lives {
                if *ended == Some(at) {
                    all.push((ask.session, ask.coroutine, *begun, ask.id.clone()));
                }
            }
            all.sort();
            all.into_iter().map(|one| format!("effect:{}", one.3)).collect::<Vec<_>>()
        };
        match &history[at].1 {
            Happened::Authority(session, record, transports) => {
                if let Some((receipt, id)) = transfer(record) {
                    let committed = record.event == AuthorityAuditEvent::Committed;
                    let some = !affected(history, at, |ask| {
                        ask.session == receipt.session_id && covers(&receipt.scope, &ask.role)
                    })
                    .is_empty();
                    if committed && !*transports || record.event == AuthorityAuditEvent::RolledBack {
                        ends.push(format!("handoff:{id}"));
                    }
                    if some {
                        ends.extend(effects_that_end_here());
                    }
                }
                if let AuthorityArtifact::OwnershipCapability(_) = &record.artifact
                    && record.event == AuthorityAuditEvent::Issued
                    && let Some(session) = session
                {
                    let committed = before.iter().rev().find_map(|(_, one)| match one {
                        Happened::Authority(Some(at), record, transports) if at == session => {
                            let receipt = transfer(record)
                                .filter(|_| record.event == AuthorityAuditEvent::Committed)
                                .map(|(_, id)| (id, *transports));
                            let capability = matches!(record.artifact, AuthorityArtifact::OwnershipCapability(_))
                                && record.event == AuthorityAuditEvent::Issued;
                            if capability { Some(None) } else { receipt.map(Some) }
                        }
                        _ => None,
                    });
                    if let Some(Some((id, true))) = committed {
                        ends.push(format!("handoff:{id}"));
                    }
                    if owner(before, *session).0.is_none() {
                        let over = |name: &String| name.starts_with(&format!("handoff:{session}.owner."));
                        gone.extend(ended.iter().filter(|name| over(name)).cloned());
                        ended.retain(|name| !over(name));
                    }
                }
                let read = read_id(*session, record).filter(|_| record.event != AuthorityAuditEvent::Issued);
                if let Some(id) = read.filter(|id| !ended.contains(id)) {
                    // One that has retired and is shown again is there again.
                    gone.remove(&id);
                    ends.push(id);
                }
            }
            Happened::Moved { session, number, from, to, .. } if from != to => {
                ends.push(format!("handoff:{session}.endpoint.{number:010}"));
            }
            Happened::Checked { predicate, digest, .. } => {
                let id = output_id(predicate, digest);
                gone.remove(&id);
                if !ended.contains(&id) {
                    ends.push(id);
                }
            }
            Happened::Ended(session) => {
                ends.extend(effects_that_end_here());
                let touched = |wanted: u64| before.iter().any(|(_, one)| touches(one, wanted));
                for (_, one) in before {
                    if let Happened::Moved { island, session: guest, .. } = one
                        && island == session
                        && guest != session
                        && !ends.contains(&format!("session:{guest}"))
                    {
                        ends.push(format!("session:{guest}"));
                    }
                }
                if touched(*session) {
                    ends.push(format!("session:{session}"));
                } else {
                    gone.insert(format!("session:{session}"));
                }
            }
            _ => ends.extend(effects_that_end_here()),
        }
        ended.extend(ends);
        // What a committed transfer settles stays until its heir has the session, which comes next.
        let between = matches!(&history[at].1, Happened::Authority(_, record, _)
            if record.event == AuthorityAuditEvent::Committed && transfer(record).is_some());
        while !between && ended.len() > keep {
            gone.insert(ended.remove(0));
        }
    }
    gone
}

/// Whether something happened to a session besides its opening.
fn touches(happened: &Happened, session: u64) -> bool {
    match happened {
        Happened::Asked(ask) => ask.session == session,
        Happened::Authority(Some(at), record, _) => {
            let refused = record.event == AuthorityAuditEvent::Rejected;
            let owned = matches!(
                record.artifact,
                AuthorityArtifact::OwnershipCapability(_) | AuthorityArtifact::OwnershipReceipt(_)
            );
            *at == session && !(refused && owned)
        }
        Happened::Moved { island, .. } => *island == session,
        Happened::Checked { session: at, .. } => *at == session,
        _ => false,
    }
}

/// Everything as a document, of which as much that has ended is kept as `keep` says.
pub(crate) fn recompute(history: &History, keep: usize) -> ProtocolMachineSemanticObjects {
    let gone = gone(history, keep);
    let mut into = ProtocolMachineSemanticObjects::default();
    for (order, (_, ask)) in asks(history).iter().enumerate() {
        if !gone.contains(&format!("effect:{}", ask.id)) {
            effect(history, order, ask, &mut into);
        }
    }
    for (at, (tick, happened)) in history.iter().enumerate() {
        match happened {
            Happened::Moved { session, number, role, from, to, island } if from != to => {
                let id = format!("{session}.endpoint.{number:010}");
                if gone.contains(&format!("handoff:{id}")) {
                    continue;
                }
                let settled = affected(history, at, |ask| ask.session == *island && ask.coroutine == *from);
                let one = SemanticHandoff {
                    handoff_id: id,
                    session: *session,
                    from_coro: (*from).into(),
                    to_coro: (*to).into(),
                    revoked_owner_id: format!("coro:{from}"),
                    activated_owner_id: format!("coro:{to}"),
                    scope: OwnershipScope::Fragments(BTreeSet::from([role.clone()])),
                    status: DelegationStatus::Committed,
                    tick: *tick,
                    reason: None,
                };
                let owner = owner(&history[..at], *session).0;
                handoff(Some(one), None, owner, settled, Vec::new(), &mut into);
            }
            Happened::Authority(Some(session), record, _) if record.event == AuthorityAuditEvent::Issued => {
                if let Some((receipt, id)) = transfer(record)
                    && !gone.contains(&format!("handoff:{id}"))
                {
                    ownership(history, at, *session, receipt, id, &mut into);
                }
            }
            Happened::Checked { .. } => output(history, at, &gone, &mut into),
            _ => {}
        }
        if let Happened::Authority(session, record, _) = happened
            && let Some(id) = read_id(*session, record)
            && !gone.contains(&id)
            && !into.authoritative_reads.iter().any(|read| read.read_id == id)
        {
            into.authoritative_reads.push(read(history, *session, record, id));
        }
    }
    let mut sessions: Vec<u64> = Vec::new();
    for (_, happened) in history {
        match happened {
            Happened::Opened(session) | Happened::Moved { session, .. } if !sessions.contains(session) => {
                sessions.push(*session);
            }
            _ => {}
        }
    }
    for session in sessions.into_iter().filter(|session| !gone.contains(&format!("session:{session}"))) {
        let region = region(history, session, &into);
        into.regions.push(region);
    }
    into.sort();
    into
}

fn effect(history: &History, order: usize, ask: &Ask, into: &mut ProtocolMachineSemanticObjects) {
    let ended = end(history, &ask.id);
    let mut steps = steps(history, &ask.id, ask);
    let waiting = steps.iter().rfind(|step| !step.1.is_terminal()).map(|step| step.1);
    if let Some((at, state, why)) = &ended
        && *state != ProgressState::TimedOut
    {
        let from = steps.last().map_or(ProgressState::Pending, |step| step.1);
        steps.push((from, *state, history[*at].0, why.clone()));
    }
    let state = ended.as_ref().map(|end| end.1).or(waiting).unwrap_or(ProgressState::Pending);
    let holder = match &ended {
        Some((at, ..)) => owns(&history[..*at], ask.session, &ask.role),
        None => owns(history, ask.session, &ask.role),
    };
    let operation_id = format!("effect:{}", ask.id);
    let session = Some(ask.session);
    let invalidated_by: Vec<String> = taken_by(history, &ended);
    let gone = !invalidated_by.is_empty();
    let status = match state {
        _ if gone => OutstandingEffectStatus::Invalidated,
        ProgressState::Succeeded => OutstandingEffectStatus::Succeeded,
        ProgressState::Failed | ProgressState::TimedOut => OutstandingEffectStatus::Failed,
        ProgressState::Cancelled => OutstandingEffectStatus::Cancelled,
        ProgressState::Pending => OutstandingEffectStatus::Pending,
        _ => OutstandingEffectStatus::Blocked,
    };
    let phase = match state {
        ProgressState::Pending => OperationPhase::Pending,
        ProgressState::Blocked | ProgressState::NoProgress | ProgressState::Degraded => OperationPhase::Blocked,
        ProgressState::Succeeded => OperationPhase::Succeeded,
        ProgressState::Failed => OperationPhase::Failed,
        ProgressState::Cancelled => OperationPhase::Cancelled,
        ProgressState::TimedOut => OperationPhase::TimedOut,
        ProgressState::HandedOff => OperationPhase::HandedOff,
    };
    let kind = if ask.guard { "handle_acquire" } else { "invoke_step" };
    let (interface, operation) = ask.interface.clone().unzip();
    let said = |state: ProgressState| match state {
        ProgressState::Cancelled if gone => "effect.invalidated",
        state => publication_of(state),
    };
    let terminal = ended.as_ref().map(|end| said(end.1).to_owned());
    into.operation_instances.push(OperationInstance {
        operation_id: operation_id.clone(),
        session,
        owner_id: holder.clone(),
        kind: kind.into(),
        phase,
        handler_identity: Some(ask.handler.clone()),
        effect_ids: vec![ask.id.clone()],
        dependent_operation_ids: Vec::new(),
        terminal_publication: terminal.clone(),
        budget_ticks: ask.budget,
        requires_proof: false,
    });
    let outputs = history.iter().find_map(|(_, one)| match one {
        Happened::Answered(id, _, outputs) | Happened::Overdue(id, outputs) if *id == ask.id => Some(outputs.clone()),
        _ => None,
    });
    into.outstanding_effects.push(OutstandingEffect {
        effect_id: ask.id.clone(),
        operation_id: operation_id.clone(),
        session,
        owner_id: holder.clone(),
        effect_interface: interface.clone(),
        effect_operation: operation.clone(),
        effect_kind: kind.into(),
        handler_identity: ask.handler.clone(),
        status,
        ordering_key: order as u64,
        budget_ticks: ask.budget,
        retry_policy: "forbid_late_results".into(),
        invalidation_token: format!("effect:{}:live", ask.id),
        completed_at_tick: ended.as_ref().map(|end| history[end.0].0),
        inputs: ask.inputs.clone(),
        outputs: outputs.unwrap_or_default(),
    });
    let observed: Vec<String> = (!ask.guard).then(|| format!("observed:{}", ask.id)).into_iter().collect();
    into.observed_reads.extend(observed.iter().map(|read_id| ObservedRead {
        read_id: read_id.clone(),
        session,
        effect_id: ask.id.clone(),
        effect_interface: interface.clone(),
        effect_operation: operation.clone(),
        handler_identity: ask.handler.clone(),
        status,
    }));
    let ladder = [ProgressState::Blocked, ProgressState::NoProgress, ProgressState::Degraded, ProgressState::TimedOut];
    let escalated = |step: &&Step| ladder.contains(&step.1);
    let answered = ended.as_ref().filter(|end| end.1 != ProgressState::TimedOut).map(|end| history[end.0].0);
    into.progress_contracts.push(ProgressContract {
        operation_id: operation_id.clone(),
        session,
        state,
        last_ordering_key: Some(order as u64),
        bounded: ask.budget.is_some(),
        budget_ticks: ask.budget,
        last_progress_tick: Some(answered.unwrap_or_else(|| got_on(history, &ask.id))),
        escalated_at_tick: steps.iter().rfind(escalated).map(|step| step.2),
        reason: steps.last().and_then(|step| step.3.clone()),
    });
    into.progress_transitions.extend(steps.iter().map(|(from_state, to_state, tick, reason)| ProgressTransition {
        operation_id: operation_id.clone(),
        session,
        from_state: *from_state,
        to_state: *to_state,
        tick: *tick,
        reason: reason.clone(),
    }));
    let mut told: Vec<(&str, bool, bool, Option<String>)> = Vec::new();
    for step in &steps {
        told.push((said(step.1), step.1.is_terminal(), true, step.3.clone()));
    }
    for (_, happened) in history {
        if let Happened::Late(id, what) = happened
            && *id == ask.id
            && !told.iter().any(|one| one.0 == *what)
        {
            let why = "the effect was invalidated before the result came";
            told.push((*what, true, false, Some(why.into())));
        }
    }
    let id = |what: &str| format!("{operation_id}:{what}");
    for (what, canonical, published, reason) in &told {
        into.publication_events.push(PublicationEvent {
            publication_id: id(what),
            session,
            operation_id: operation_id.clone(),
            owner_id: holder.clone(),
            publication: (*what).into(),
            observer_class: match canonical {
                true => PublicationObserverClass::Canonical,
                false => PublicationObserverClass::Audit,
            },
            status: if *published { PublicationStatus::Published } else { PublicationStatus::Rejected },
            proof_ref: None,
            handle_ref: None,
            reason: reason.clone(),
        });
    }
    let mut rejected: Vec<String> = told.iter().filter(|one| !one.2).map(|one| id(one.0)).collect();
    rejected.sort();
    into.finalization_paths.push(FinalizationPath {
        operation_id: operation_id.clone(),
        session,
        owner_id: holder,
        read_class: match ask.guard {
            true => FinalizationReadClass::None,
            false => FinalizationReadClass::ObservedOnly,
        },
        stage: match (&terminal, invalidated_by.is_empty()) {
            (_, false) => FinalizationStage::Invalidated,
            (Some(_), true) => FinalizationStage::Canonical,
            (None, true) => FinalizationStage::Observed,
        },
        observed_read_ids: observed,
        authoritative_read_ids: Vec::new(),
        proof_ids: Vec::new(),
        canonical_handle_ids: Vec::new(),
        publication_ids: terminal.iter().map(|what| id(what)).collect(),
        invalidated_by_handoff_ids: invalidated_by,
        rejected_publication_ids: rejected,
    });
}

/// The handoff or the upgrade that took an effect away, if one did.
fn taken_by(history: &History, ended: &Option<(usize, ProgressState, Option<String>)>) -> Vec<String> {
    let Some((at, ProgressState::HandedOff | ProgressState::Cancelled, _)) = ended else { return Vec::new() };
    match &history[*at].1 {
        Happened::GivenUp(_, upgrade) => vec![upgrade.clone()],
        Happened::Authority(_, record, _) => transfer(record).map(|(_, id)| id).into_iter().collect(),
        _ => Vec::new(),
    }
}
