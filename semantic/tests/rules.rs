//! Every rule against a literal oracle: all small states, all events, written down once more by hand.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

mod common;

use common::tuples;
use motet_semantic::table::Machine;
use motet_semantic::*;

/// All states of a table with numbers up to `most`.
fn states<const N: usize, S>(table: &Machine, most: u64, read: fn(&[u64; N]) -> Option<S>) -> Vec<S> {
    tuples(table.fields, most).into_iter().map(|words| read(&words.try_into().unwrap()).unwrap()).collect()
}

macro_rules! agrees {
    ($name:ident, $state:ident, $table:ident, $most:literal, $events:expr, $oracle:ident) => {
        pub(crate) fn $name() {
            let (mut pairs, mut taken) = (0u64, 0u64);
            for state in states(&$table, $most, $state::from_words) {
                for event in $events {
                    pairs += 1;
                    let (found, wanted) = (state.apply(event), $oracle(state, event));
                    assert_eq!(found, wanted, "{state:?} {event:?}");
                    taken += u64::from(found.is_ok());
                }
            }
            assert!(taken > 0);
            println!("{}: {pairs} pairs, {taken} taken", $table.name);
        }
    };
}

macro_rules! tests {
    ($($name:ident),*) => {
        mod all {
            $(#[cfg_attr(not(feature = "planted"), test)] fn $name() { super::$name(); })*
        }
    };
}

tests!(
    ownership,
    artifact,
    progress,
    agreement,
    finalization,
    handoff,
    effect,
    recovery,
    speculation,
    transition,
    escalations,
    actions,
    scopes,
    stages,
    progress_steps,
    escalations_come_when_due
);

fn ownership_events() -> Vec<OwnershipEvent> {
    use OwnershipEvent::*;
    let mut all = Vec::new();
    for a in 0..3 {
        all.extend([Claim { owner: a }, CommitTransfer { receipt: a }, RollBackTransfer { receipt: a }]);
        all.extend([AbandonTransfer { receipt: a }, FailCommit { receipt: a }, OwnerDied { owner: a }]);
        for b in 0..3 {
            for within in [false, true] {
                all.push(Release { owner: a, generation: b, whole: within });
                all.extend((0..3).map(|heir| BeginTransfer { owner: a, generation: b, heir, whole: within }));
                all.push(Attenuate { owner: a, generation: b, within });
                all.push(Exercise { owner: a, generation: b, within });
            }
        }
    }
    all
}

fn ownership_oracle(s: Ownership, event: OwnershipEvent) -> Result<Ownership, OwnershipError> {
    use OwnershipError as E;
    use OwnershipPhase::*;
    if s.phase == Faulted || s.phase == Cancelled {
        return Err(E::Terminal);
    }
    let in_force = |owner, generation| {
        if s.phase == Unclaimed {
            Err(E::Unclaimed)
        } else if (owner, generation) != (s.owner, s.generation) {
            Err(E::StaleCapability)
        } else {
            Ok(())
        }
    };
    let at_rest = || if s.phase == Transferring { Err(E::TransferPending) } else { Ok(()) };
    let receipt = |given| {
        if s.phase != Transferring {
            Err(E::TransferNotPending)
        } else if given != s.receipt {
            Err(E::ReceiptMismatch)
        } else {
            Ok(())
        }
    };
    let ended = |phase| Ownership { phase, owner: 0, generation: s.generation + 1, heir: 0, receipt: 0, ..s };
    match event {
        OwnershipEvent::Claim { .. } if s.phase != Unclaimed => Err(E::AlreadyClaimed),
        OwnershipEvent::Claim { owner: 0 } => Err(E::InvalidWitness),
        OwnershipEvent::Claim { owner } => Ok(Ownership { phase: Claimed, owner, next_claim: s.next_claim + 1, ..s }),
        OwnershipEvent::Release { owner, generation, whole } => {
            in_force(owner, generation)?;
            at_rest()?;
            if !whole {
                return Err(E::ScopeViolation);
            }
            Ok(Ownership { phase: Unclaimed, owner: 0, generation: s.generation + 1, ..s })
        }
        OwnershipEvent::BeginTransfer { owner, generation, heir, whole } => {
            in_force(owner, generation)?;
            at_rest()?;
            match (heir, whole) {
                (0, _) => return Err(E::InvalidWitness),
                (_, false) => return Err(E::ScopeViolation),
                _ => {}
            }
            let (receipt, next_claim) = (s.next_claim, s.next_claim + 1);
            Ok(Ownership { phase: Transferring, heir, receipt, next_claim, ..s })
        }
        OwnershipEvent::CommitTransfer { receipt: given } => {
            receipt(given)?;
            let generation = s.generation + 1;
            Ok(Ownership { phase: Claimed, owner: s.heir, generation, heir: 0, receipt: 0, ..s })
        }
        OwnershipEvent::RollBackTransfer { receipt: given } => {
            receipt(given)?;
            Ok(Ownership { phase: Claimed, heir: 0, receipt: 0, ..s })
        }
        OwnershipEvent::Attenuate { owner, generation, within } => {
            in_force(owner, generation)?;
            if within { Ok(s) } else { Err(E::ScopeViolation) }
        }
        OwnershipEvent::Exercise { owner, generation, within } => {
            in_force(owner, generation)?;
            at_rest()?;
            if within { Ok(s) } else { Err(E::ScopeViolation) }
        }
        OwnershipEvent::OwnerDied { .. } if s.phase == Unclaimed => Err(E::Unclaimed),
        OwnershipEvent::OwnerDied { owner } if owner != s.owner => Err(E::StaleCapability),
        OwnershipEvent::OwnerDied { .. } => Ok(ended(Faulted)),
        OwnershipEvent::AbandonTransfer { receipt: given } => receipt(given).map(|()| ended(Cancelled)),
        OwnershipEvent::FailCommit { receipt: given } => receipt(given).map(|()| ended(Faulted)),
    }
}

agrees!(ownership, Ownership, OWNERSHIP, 2, ownership_events(), ownership_oracle);

const ARTIFACT_EVENTS: [ArtifactEvent; 7] = [
    ArtifactEvent::Issue {},
    ArtifactEvent::Consume {},
    ArtifactEvent::Invalidate {},
    ArtifactEvent::Commit {},
    ArtifactEvent::RollBack {},
    ArtifactEvent::Reject {},
    ArtifactEvent::Expire {},
];

fn artifact_oracle(s: Artifact, event: ArtifactEvent) -> Result<Artifact, ArtifactError> {
    use ArtifactPhase as P;
    use AuthorityArtifactKind as K;
    let (phase, kinds): (_, &[K]) = match event {
        ArtifactEvent::Issue {} if s.phase == P::Absent => return Ok(Artifact { phase: P::Issued, ..s }),
        ArtifactEvent::Issue {} => return Err(ArtifactError::AlreadyIssued),
        ArtifactEvent::Reject {} if s.phase == P::Absent => return Ok(Artifact { phase: P::Rejected, ..s }),
        ArtifactEvent::Reject {} => return Ok(s),
        ArtifactEvent::Consume {} => (P::Consumed, &[K::Readiness, K::Cancellation]),
        ArtifactEvent::Invalidate {} => (P::Invalidated, &[K::OwnershipCapability, K::Readiness]),
        ArtifactEvent::Commit {} => (P::Committed, &[K::OwnershipReceipt]),
        ArtifactEvent::RollBack {} => (P::RolledBack, &[K::OwnershipReceipt]),
        ArtifactEvent::Expire {} => (P::Expired, &[K::Timeout]),
    };
    match s.phase {
        P::Absent => Err(ArtifactError::NotIssued),
        P::Issued if !kinds.contains(&s.kind) => Err(ArtifactError::WrongKind),
        P::Issued => {
            let uses = u64::from(matches!(phase, P::Consumed | P::Committed | P::RolledBack));
            Ok(Artifact { phase, uses: s.uses + uses, ..s })
        }
        _ => Err(ArtifactError::Ended),
    }
}

agrees!(artifact, Artifact, ARTIFACT, 2, ARTIFACT_EVENTS, artifact_oracle);

fn progress_events() -> Vec<ProgressEvent> {
    use ProgressEvent::*;
    let each = |tick| {
        [
            Block { tick },
            Advance { tick },
            Escalate { tick },
            Succeed { tick },
            Fail { tick },
            Cancel { tick },
            HandOff { tick },
        ]
    };
    (0..8).chain([u64::MAX]).flat_map(each).collect()
}

fn progress_oracle(s: Progress, event: ProgressEvent) -> Result<Progress, ProgressError> {
    use ProgressState::*;
    if [Succeeded, Failed, Cancelled, TimedOut, HandedOff].contains(&s.state) {
        return Err(ProgressError::Ended);
    }
    let (tick, end) = match event {
        ProgressEvent::Escalate { tick } => {
            if !s.bounded {
                return Err(ProgressError::Unbounded);
            }
            if tick < s.since_tick {
                return Err(ProgressError::TickGoesBack);
            }
            let (quarters, state) = match s.state {
                Pending => (1, Blocked),
                Blocked => (2, NoProgress),
                NoProgress => (3, Degraded),
                _ => (4, TimedOut),
            };
            let needed = quarters * u128::from(s.budget_ticks);
            if 4 * u128::from(tick) < 4 * u128::from(s.last_progress_tick) + needed {
                return Err(ProgressError::InTime);
            }
            return Ok(Progress { state, since_tick: tick, ..s });
        }
        ProgressEvent::Block { tick } => {
            if tick < s.since_tick {
                return Err(ProgressError::TickGoesBack);
            }
            let state = if s.state == Pending { Blocked } else { s.state };
            return Ok(Progress { state, since_tick: tick, ..s });
        }
        ProgressEvent::Advance { tick } => (tick, s.state),
        ProgressEvent::Succeed { tick } => (tick, Succeeded),
        ProgressEvent::Fail { tick } => (tick, Failed),
        ProgressEvent::Cancel { tick } => (tick, Cancelled),
        ProgressEvent::HandOff { tick } => (tick, HandedOff),
    };
    if tick < s.since_tick {
        return Err(ProgressError::TickGoesBack);
    }
    Ok(Progress { state: end, last_progress_tick: tick, since_tick: tick, ..s })
}

agrees!(progress, Progress, PROGRESS, 3, progress_events(), progress_oracle);

fn agreement_events() -> Vec<AgreementEvent> {
    use AgreementEvent::*;
    let plain = [SoftSafe {}, Finalize {}, Abort {}, Reject {}, TimeOut {}];
    plain.into_iter().chain(AgreementLevel::ALL.iter().map(|&gate| Cross { gate })).collect()
}

/// The published relation, line by line: level before, level after, end.
const RELATION: [(AgreementLevel, AgreementLevel, AgreementEnd); 7] = {
    use AgreementEnd as E;
    use AgreementLevel as L;
    [
        (L::Provisional, L::SoftSafe, E::Open),
        (L::Provisional, L::Finalized, E::Finalized),
        (L::Provisional, L::Provisional, E::Aborted),
        (L::SoftSafe, L::Finalized, E::Finalized),
        (L::SoftSafe, L::SoftSafe, E::Aborted),
        (L::SoftSafe, L::SoftSafe, E::Rejected),
        (L::SoftSafe, L::SoftSafe, E::TimedOut),
    ]
};

fn agreement_oracle(s: Agreement, event: AgreementEvent) -> Result<Agreement, AgreementError> {
    use AgreementEnd as E;
    let end = match event {
        AgreementEvent::Cross { gate } => {
            return if gate > s.level {
                Err(AgreementError::GateClosed)
            } else if gate != AgreementLevel::None && ![E::Open, E::Finalized].contains(&s.end) {
                Err(AgreementError::Ended)
            } else {
                Ok(Agreement { gate: gate.max(s.gate), ..s })
            };
        }
        AgreementEvent::SoftSafe {} => E::Open,
        AgreementEvent::Finalize {} => E::Finalized,
        AgreementEvent::Abort {} => E::Aborted,
        AgreementEvent::Reject {} => E::Rejected,
        AgreementEvent::TimeOut {} => E::TimedOut,
    };
    if s.end != E::Open {
        return Err(AgreementError::Ended);
    }
    let row = RELATION.iter().find(|(before, _, how)| *before == s.level && *how == end);
    row.map(|(_, level, end)| Agreement { level: *level, end: *end, ..s }).ok_or(AgreementError::Illegal)
}

agrees!(agreement, Agreement, AGREEMENT, 0, agreement_events(), agreement_oracle);

/// All 4 × 4 × 5 steps: exactly the seven of the relation are legal.
pub(crate) fn escalations() {
    let mut legal = 0;
    for &previous_level in AgreementLevel::ALL {
        for &new_level in AgreementLevel::ALL {
            for &end in AgreementEnd::ALL {
                let step = AgreementEscalation { previous_level, new_level, finalization: end.outcome() };
                let wanted = RELATION.contains(&(previous_level, new_level, end));
                assert_eq!(step.is_legal(), wanted, "{step:?}");
                legal += usize::from(wanted);
            }
        }
    }
    assert_eq!(legal, RELATION.len());
}

const FINALIZATION_EVENTS: [FinalizationEvent; 8] = [
    FinalizationEvent::Observe {},
    FinalizationEvent::Authorize { authoritative: false },
    FinalizationEvent::Authorize { authoritative: true },
    FinalizationEvent::Materialize { passed: false },
    FinalizationEvent::Materialize { passed: true },
    FinalizationEvent::Publish {},
    FinalizationEvent::Reject {},
    FinalizationEvent::Invalidate {},
];

fn finalization_oracle(s: Finalization, event: FinalizationEvent) -> Result<Finalization, FinalizationError> {
    use FinalizationError as E;
    use FinalizationReadClass as C;
    use FinalizationStage as S;
    let observed = matches!(s.read_class, C::ObservedOnly | C::Mixed);
    let backed = matches!(s.read_class, C::AuthoritativeOnly | C::Mixed);
    let priority = |stage| {
        let order = [S::Observed, S::Authoritative, S::Materialized, S::Canonical, S::Rejected, S::Invalidated];
        let rank = |one| order.iter().position(|&other| other == one);
        if rank(stage) > rank(s.stage) { stage } else { s.stage }
    };
    match event {
        FinalizationEvent::Reject {} => return Ok(Finalization { stage: priority(S::Rejected), ..s }),
        FinalizationEvent::Invalidate {} => return Ok(Finalization { stage: S::Invalidated, ..s }),
        _ if s.stage == S::Invalidated => return Err(E::Invalidated),
        _ => {}
    }
    Ok(match event {
        FinalizationEvent::Observe {} => Finalization { read_class: C::of(true, backed), ..s },
        FinalizationEvent::Authorize { authoritative: false } => return Err(E::ObservedIsNotAuthority),
        FinalizationEvent::Authorize { .. } => {
            Finalization { read_class: C::of(observed, true), stage: priority(S::Authoritative), ..s }
        }
        FinalizationEvent::Materialize { passed: false } => return Err(E::ProofFailed),
        FinalizationEvent::Materialize { .. } if !backed => return Err(E::ObservedIsNotAuthority),
        FinalizationEvent::Materialize { .. } => Finalization { proved: true, stage: priority(S::Materialized), ..s },
        _ if s.stage == S::Rejected => return Err(E::Rejected),
        _ if s.published != 0 => return Err(E::AlreadyPublished),
        _ if s.requires_proof && !s.proved => return Err(E::ProofMissing),
        _ => Finalization { published: s.published + 1, stage: priority(S::Canonical), ..s },
    })
}

agrees!(finalization, Finalization, FINALIZATION, 2, FINALIZATION_EVENTS, finalization_oracle);

const HANDOFF_EVENTS: [HandoffEvent; 6] = [
    HandoffEvent::Revoke {},
    HandoffEvent::Transport {},
    HandoffEvent::Invalidate {},
    HandoffEvent::Activate {},
    HandoffEvent::RollBack {},
    HandoffEvent::Fail {},
];

fn handoff_oracle(s: Handoff, event: HandoffEvent) -> Result<Handoff, HandoffError> {
    use HandoffPhase as P;
    if [P::Committed, P::RolledBack, P::Failed].contains(&s.phase) {
        return Err(HandoffError::Ended);
    }
    let begun = s.phase == P::Begun;
    match event {
        HandoffEvent::Fail {} => Ok(Handoff { phase: P::Failed, old_acts: false, ..s }),
        HandoffEvent::Revoke {} if begun => Ok(Handoff { phase: P::Revoked, old_acts: false, ..s }),
        HandoffEvent::RollBack {} if begun => Ok(Handoff { phase: P::RolledBack, pending: 0, affected: 0, ..s }),
        HandoffEvent::Revoke {} | HandoffEvent::RollBack {} => Err(HandoffError::AlreadyRevoked),
        _ if begun => Err(HandoffError::NotRevoked),
        HandoffEvent::Activate {} if s.pending > 0 => Err(HandoffError::Unsettled),
        HandoffEvent::Activate {} => Ok(Handoff { phase: P::Committed, new_acts: true, ..s }),
        _ if s.pending == 0 => Err(HandoffError::NothingPending),
        HandoffEvent::Transport {} => Ok(Handoff { pending: s.pending - 1, transported: s.transported + 1, ..s }),
        HandoffEvent::Invalidate {} => Ok(Handoff { pending: s.pending - 1, invalidated: s.invalidated + 1, ..s }),
    }
}

agrees!(handoff, Handoff, HANDOFF, 2, HANDOFF_EVENTS, handoff_oracle);

fn effect_events() -> Vec<EffectEvent> {
    use EffectEvent::*;
    let handoffs =
        (0..3).flat_map(|handoff| [Owe { handoff }, Transport { handoff }, Invalidate { handoff }, Keep { handoff }]);
    let plain = [Block {}, Succeed { proved: false }, Succeed { proved: true }, Fail {}, Cancel {}];
    plain.into_iter().chain(handoffs).collect()
}

fn effect_oracle(s: EffectLife, event: EffectEvent) -> Result<EffectLife, EffectError> {
    use OutstandingEffectStatus as S;
    let settle = |handoff| if handoff != 0 && handoff == s.owed_to { Ok(()) } else { Err(EffectError::NotOwed) };
    match event {
        EffectEvent::Transport { handoff } => {
            return settle(handoff).map(|()| EffectLife { owed_to: 0, carried: s.carried + 1, ..s });
        }
        EffectEvent::Invalidate { handoff } => {
            return settle(handoff).map(|()| EffectLife { owed_to: 0, status: S::Invalidated, ..s });
        }
        EffectEvent::Keep { handoff } => return settle(handoff).map(|()| EffectLife { owed_to: 0, ..s }),
        _ => {}
    }
    match s.status {
        S::Invalidated => return Err(EffectError::LateResult),
        S::Succeeded | S::Failed | S::Cancelled => return Err(EffectError::AlreadyCompleted),
        S::Pending | S::Blocked if s.owed_to != 0 => return Err(EffectError::InHandoff),
        S::Pending | S::Blocked => {}
    }
    let ended = |status| EffectLife { status, results: s.results + 1, ..s };
    Ok(match event {
        EffectEvent::Block {} => EffectLife { status: S::Blocked, ..s },
        EffectEvent::Succeed { proved: false } if s.requires_proof => return Err(EffectError::ProofMissing),
        EffectEvent::Succeed { proved } => EffectLife { proved, ..ended(S::Succeeded) },
        EffectEvent::Fail {} => ended(S::Failed),
        EffectEvent::Cancel {} => ended(S::Cancelled),
        EffectEvent::Owe { handoff: 0 } => return Err(EffectError::NotOwed),
        EffectEvent::Owe { handoff } => EffectLife { owed_to: handoff, ..s },
        _ => unreachable!("settled above"),
    })
}

agrees!(effect, EffectLife, EFFECT, 2, effect_events(), effect_oracle);

fn recovery_events() -> Vec<RecoveryEvent> {
    use RecoveryEvent::*;
    let mut all = vec![ReuseFinalized {}, PreserveTerminal {}, ResumeFromEvidenceBoundary {}, ReexecuteFromScratch {}];
    all.extend(AgreementEnd::ALL.iter().map(|&end| End { end }));
    for &level in AgreementLevel::ALL {
        all.push(Cross { gate_level: level });
        all.extend(AgreementLevel::ALL.iter().map(|&previous_level| Escalate { previous_level, new_level: level }));
    }
    all
}

fn recovery_oracle(s: Recovery, event: RecoveryEvent) -> Result<Recovery, RecoveryError> {
    use AgreementEnd as E;
    use AgreementLevel as L;
    use RecoveryVerdict as V;
    if s.verdict != V::Undecided {
        return Err(RecoveryError::Decided);
    }
    let ended = if s.end == E::Open { Ok(()) } else { Err(RecoveryError::Ended) };
    let decided = |right: bool, verdict| {
        if right { Ok(Recovery { verdict, ..s }) } else { Err(RecoveryError::WrongVerdict) }
    };
    let open = s.end == E::Open;
    let soft = s.level == L::SoftSafe || s.level == L::Finalized;
    match event {
        RecoveryEvent::Escalate { previous_level, new_level } => {
            ended?;
            let legal = previous_level == s.level
                && [(L::Provisional, L::SoftSafe), (L::Provisional, L::Finalized), (L::SoftSafe, L::Finalized)]
                    .contains(&(s.level, new_level));
            if legal { Ok(Recovery { level: new_level, ..s }) } else { Err(RecoveryError::Illegal) }
        }
        RecoveryEvent::End { end } => {
            ended?;
            let legal = match end {
                E::Open => false,
                E::Finalized => s.level == L::Finalized,
                E::Aborted => s.level == L::Provisional || s.level == L::SoftSafe,
                E::Rejected | E::TimedOut => s.level == L::SoftSafe,
            };
            if legal { Ok(Recovery { end, ..s }) } else { Err(RecoveryError::Illegal) }
        }
        RecoveryEvent::Cross { gate_level } if gate_level > s.level => Err(RecoveryError::GateClosed),
        RecoveryEvent::Cross { gate_level } => {
            if gate_level != L::None && ![E::Open, E::Finalized].contains(&s.end) {
                return Err(RecoveryError::Ended);
            }
            Ok(Recovery { gate_level: gate_level.max(s.gate_level), gate_crossed: true, ..s })
        }
        RecoveryEvent::ReuseFinalized {} => decided(s.end == E::Finalized, V::ReuseFinalized),
        RecoveryEvent::PreserveTerminal {} => decided(!open && s.end != E::Finalized, V::PreserveTerminal),
        RecoveryEvent::ResumeFromEvidenceBoundary {} => decided(open && soft, V::ResumeFromEvidenceBoundary),
        RecoveryEvent::ReexecuteFromScratch {} => decided(open && !soft, V::ReexecuteFromScratch),
    }
}

agrees!(recovery, Recovery, RECOVERY, 0, recovery_events(), recovery_oracle);

/// In every state exactly one decision is possible, and it is the rule's. 4 levels × 5 ends.
pub(crate) fn actions() {
    use DurableRecoveryAction as A;
    for &level in AgreementLevel::ALL {
        for &end in AgreementEnd::ALL {
            let wanted = match (end, level) {
                (AgreementEnd::Finalized, _) => A::ReuseFinalized,
                (AgreementEnd::Aborted | AgreementEnd::Rejected | AgreementEnd::TimedOut, _) => A::PreserveTerminal,
                (_, AgreementLevel::SoftSafe | AgreementLevel::Finalized) => A::ResumeFromEvidenceBoundary,
                _ => A::ReexecuteFromScratch,
            };
            assert_eq!(A::of(level, end.outcome()), wanted, "{level} {end}");
            let state = Recovery::at_checkpoint(level, end, None);
            let decisions = &recovery_events()[..4];
            assert_eq!(decisions.iter().filter(|event| state.apply(**event).is_ok()).count(), 1, "{level} {end}");
            assert_eq!(state.decide().map(|(_, action)| action), Ok(wanted), "{level} {end}");
        }
    }
}

const SPECULATION_EVENTS: [SpeculationEvent; 7] = [
    SpeculationEvent::Fork {},
    SpeculationEvent::Step {},
    SpeculationEvent::Withhold {},
    SpeculationEvent::Show { deferred: false },
    SpeculationEvent::Show { deferred: true },
    SpeculationEvent::Join {},
    SpeculationEvent::Abort {},
];

fn speculation_oracle(s: Speculation, event: SpeculationEvent) -> Result<Speculation, SpeculationError> {
    use SpeculationError as E;
    let none = Speculation { active: false, saved: 0, withheld: 0, seen_before: 0, ..s };
    match event {
        SpeculationEvent::Fork {} if !s.enabled => Err(E::Disabled),
        SpeculationEvent::Fork {} if s.active => Err(E::AlreadyActive),
        SpeculationEvent::Fork {} => Ok(Speculation { active: true, saved: s.version, seen_before: s.seen, ..s }),
        SpeculationEvent::Step {} => Ok(Speculation { version: s.version + 1, ..s }),
        SpeculationEvent::Show { deferred: true } if s.active => Err(E::DeferredEffect),
        SpeculationEvent::Show { .. } if s.active => Err(E::AlreadyActive),
        SpeculationEvent::Show { .. } => Ok(Speculation { seen: s.seen + 1, version: s.version + 1, ..s }),
        _ if !s.active => Err(E::NotActive),
        SpeculationEvent::Withhold {} => Ok(Speculation { withheld: s.withheld + 1, version: s.version + 1, ..s }),
        SpeculationEvent::Join {} => Ok(Speculation { seen: s.seen + s.withheld, ..none }),
        SpeculationEvent::Abort {} => Ok(Speculation { version: s.saved, ..none }),
    }
}

agrees!(speculation, Speculation, SPECULATION, 2, SPECULATION_EVENTS, speculation_oracle);

const TRANSITION_EVENTS: [TransitionEvent; 5] = [
    TransitionEvent::Admit { granted: false },
    TransitionEvent::Admit { granted: true },
    TransitionEvent::CutOver {},
    TransitionEvent::RollBack {},
    TransitionEvent::Fail {},
];

fn transition_oracle(s: Transition, event: TransitionEvent) -> Result<Transition, TransitionError> {
    use TransitionArtifactPhase::*;
    use TransitionError as E;
    let open = matches!(s.phase, Staged | Admitted);
    match event {
        TransitionEvent::CutOver {} if s.phase == Staged => Err(E::NotAdmitted),
        _ if !open => Err(E::Ended),
        TransitionEvent::Admit { .. } if s.phase == Admitted => Err(E::AlreadyAdmitted),
        TransitionEvent::Admit { granted: false } => Err(E::NotGranted),
        TransitionEvent::Admit { granted: true } => Ok(Transition { phase: Admitted, granted: true, ..s }),
        TransitionEvent::CutOver {} => Ok(Transition { phase: CommittedCutover, cut_overs: s.cut_overs + 1, ..s }),
        TransitionEvent::RollBack {} => Ok(Transition { phase: RolledBack, ..s }),
        TransitionEvent::Fail {} => Ok(Transition { phase: Failed, ..s }),
    }
}

agrees!(transition, Transition, TRANSITION, 2, TRANSITION_EVENTS, transition_oracle);

pub(crate) fn scopes() {
    let set = |roles: &[&str]| OwnershipScope::Fragments(roles.iter().map(|role| (*role).to_string()).collect());
    let whole = OwnershipScope::Session;
    let table = [
        (whole.clone(), whole.clone(), true),
        (whole.clone(), set(&["A"]), true),
        (set(&["A", "B"]), whole.clone(), false),
        (set(&["A", "B"]), set(&["A"]), true),
        (set(&["A"]), set(&["A", "B"]), false),
        (set(&["A"]), set(&[]), true),
        (set(&[]), whole, false),
    ];
    for (left, right, wanted) in table {
        assert_eq!(left.contains(&right), wanted, "{left:?} {right:?}");
    }
}

/// The priority over all 32 combinations.
pub(crate) fn stages() {
    for bits in 0u8..32 {
        let bit = |at: u8| bits & 1 << at != 0;
        let stage = FinalizationStage::of(StagesReached {
            authoritative: bit(0),
            materialized: bit(1),
            canonical: bit(2),
            rejected: bit(3),
            invalidated: bit(4),
        });
        let highest = 8 - bits.leading_zeros() as usize;
        assert_eq!(stage, FinalizationStage::ALL[highest], "{bits:05b}");
    }
}

/// A chain's steps are those that some event of the table makes; the measure never increases.
pub(crate) fn progress_steps() {
    for &from in ProgressState::ALL {
        for &to in ProgressState::ALL {
            let before = Progress { state: from, ..Progress::new(Some(1), 0) };
            let made = progress_events().into_iter().filter_map(|event| before.apply(event).ok());
            let made = from != to && made.into_iter().any(|after| after.state == to);
            assert_eq!(from.may_become(to), made, "{from} to {to}");
            assert!(!made || to.measure() <= from.measure());
        }
    }
}

/// A contract is escalated at the first tick at which the table permits it.
pub(crate) fn escalations_come_when_due() {
    let states = [ProgressState::Pending, ProgressState::Blocked, ProgressState::NoProgress, ProgressState::Degraded];
    for budget in (0..10).chain([u64::MAX / 4, u64::MAX - 3]) {
        for (quarters, state) in (1..).zip(states) {
            let contract = Progress { state, ..Progress::new(Some(budget), 3) };
            let due = contract.escalates_at();
            let literal = 3 + (u128::from(budget) * quarters).div_ceil(4);
            assert_eq!(due.map(u128::from), Some(literal).filter(|tick| *tick <= u64::MAX.into()));
            let Some(due) = due else { continue };
            assert!(contract.apply(ProgressEvent::Escalate { tick: due }).is_ok(), "{contract:?}");
            let early = due.saturating_sub(1).max(3);
            let refused = contract.apply(ProgressEvent::Escalate { tick: early });
            assert!(early == due || refused == Err(ProgressError::InTime), "{contract:?}");
        }
    }
    assert_eq!(Progress::new(None, 3).escalates_at(), None);
    assert_eq!(Progress { state: ProgressState::Failed, ..Progress::new(Some(1), 3) }.escalates_at(), None);
}
