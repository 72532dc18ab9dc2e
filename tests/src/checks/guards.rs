//! Guards and their evidence: what one session may do with them. Heaps of whole runs are in `heaps.rs`.

use crate::draft::{Draft, NAT, STRING, letters};
use crate::script::{Script, accept};
use crate::walk::{Run, Setup};
use motet_heap::ResourceId;
use motet_machine::{
    EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, FaultReport, Gate, GuardLayer, NoHost, TraceEvent,
    VerifyError,
};
use motet_runtime::{RunStatus, RuntimeError};
use motet_types::{
    Action, CoroutineId, Digest, EffectFailureKind, EffectKind, EventKind, EvidenceError, Fault, FaultClass, Instr,
    LayerId, RoleId, ScalarPart, SessionId, Side, Value,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) const GUARDS: [EffectKind; 2] = [EffectKind::Acquire, EffectKind::Release];

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guard that is granted with this evidence.
pub(super) const fn granted(value: Value) -> EffectOutcome {
    EffectOutcome::Success(EffectResponse::Acquire(value))
}

/// One role with this code, which has nothing to say to anybody.
pub(super) fn alone(registers: u16, code: &[Instr]) -> Draft {
    let mut draft = Draft::new();
    draft.end();
    let end = draft.state(0, Action::End, &[]);
    draft.role("A", end, registers, code);
    draft
}

pub(super) const ACQUIRE: Instr = Instr::Acquire { dst: 1, layer: 7 };
pub(super) const RELEASE: Instr = Instr::Release { evidence: 1, layer: 7 };
pub(super) const HALT: Instr = Instr::Halt {};

/// The one fault of a run, which must be about evidence, be an event, and be the role's doing.
fn evidence_fault(run: &Run) -> Result<EvidenceError, String> {
    ensure!(run.status == RunStatus::Faulted, "{:?}", run.status);
    let [report] = &run.faults[..] else { return Err(format!("one fault, not {:?}", run.faults)) };
    ensure!(report.fault.class() == FaultClass::Acquire, "{report:?}");
    ensure!(report.fault.blame(report.role) == Side::Role(report.role), "{report:?}");
    let acquire = FaultClass::Acquire as u8;
    let faulted = |event: &TraceEvent| event.event.kind == EventKind::Faulted && event.event.detail == acquire;
    ensure!(run.trace()?.into_iter().filter(faulted).count() == 1, "the fault is no event");
    match report.fault {
        Fault::Evidence { why, .. } => Ok(why),
        ref other => Err(format!("{other}")),
    }
}

/// A guard is given back once, by whatever register or message its evidence comes: the second time is a fault, an event,
/// and changes nothing.
pub fn evidence_is_consumed_once() -> Result<(), String> {
    let host = Script::new(&GUARDS, accept);
    let once = alone(3, &[ACQUIRE, RELEASE, HALT]).image()?;
    let run = Setup::default().sessions(3).run(&once, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?} {:?}", run.status, run.faults);
    for kind in [EventKind::Acquired, EventKind::Released] {
        let told = |event: &TraceEvent| event.event.kind == kind && event.event.label.0 == 7;
        let told = run.trace()?.into_iter().filter(told).count();
        ensure!(told == 3, "{told} events {}", kind.name());
    }
    let replayed = run.replayed()?;
    let heap = replayed.runtime.machine().heap();
    ensure!((heap.live_count(), heap.consumed_count()) == (0, 3), "{heap:?}");
    for copies in [&[][..], &[Instr::Move { dst: 2, src: 1 }, Instr::Move { dst: 1, src: 2 }], &[Instr::Yield {}]] {
        let code = [&[ACQUIRE, RELEASE], copies, &[RELEASE, HALT]].concat();
        let twice = alone(3, &code).image()?;
        for fuel in [1, 256] {
            let mut runtime = Setup::default().schedule(1, fuel).guest(&twice)?;
            runtime.run(&host).map_err(text)?;
            let heap = runtime.machine().heap();
            ensure!((heap.live_count(), heap.consumed_count()) == (0, 1), "{heap:?}");
            let run = Run::of(runtime, &host)?;
            ensure!(evidence_fault(&run)? == EvidenceError::Consumed, "{:?}", run.faults);
            run.replayed()?;
        }
    }
    // Evidence that travels: the receiver gives the guard back, and then the sender cannot any more. A second message
    // keeps the sender until the receiver has done it.
    let mut draft = letters(2);
    draft.parts.labels[0].sort = STRING;
    let send = Instr::Send { chan: 0, val: 1 };
    let receive = Instr::Receive { chan: 0, dst: 1 };
    draft.recode(0, 2, &[ACQUIRE, send, Instr::Yield {}, Instr::Yield {}, RELEASE, send, HALT]);
    draft.recode(1, 2, &[receive, RELEASE, receive, HALT]);
    let run = Setup::default().run(&draft.image()?, &host)?;
    ensure!(evidence_fault(&run)? == EvidenceError::Consumed, "{:?}", run.faults);
    ensure!(run.faults[0].role == RoleId(0), "{:?}", run.faults);
    run.replayed().map(drop)
}

/// Text that is no evidence, evidence of another layer, and evidence of another session release nothing.
pub fn evidence_is_of_its_session_and_layer() -> Result<(), String> {
    let host = Script::new(&GUARDS, accept);
    for (said, why) in [
        ("nonsense", EvidenceError::Malformed),
        (&"0".repeat(63)[..], EvidenceError::Malformed),
        (&"0".repeat(64)[..], EvidenceError::Foreign),
    ] {
        for before in [&[][..], &[ACQUIRE]] {
            let code = [before, &[Instr::Set { dst: 1, constant: 0 }, RELEASE, HALT]].concat();
            let mut draft = alone(2, &code);
            draft.constant(STRING, &[ScalarPart::Str(said.into())]);
            let run = Setup::default().run(&draft.image()?, &host)?;
            ensure!(evidence_fault(&run)? == why, "{said}: {:?}", run.faults);
        }
    }
    let other = alone(2, &[ACQUIRE, Instr::Release { evidence: 1, layer: 8 }, HALT]).image()?;
    let run = Setup::default().run(&other, &host)?;
    ensure!(evidence_fault(&run)? == EvidenceError::OtherLayer(LayerId(7)), "{:?}", run.faults);
    // The host tells the second session the id of the first one's evidence.
    let steal = Instr::Invoke { arg: 2, dst: 1, effect: 0 };
    let mut draft = alone(3, &[ACQUIRE, Instr::Set { dst: 2, constant: 0 }, steal, RELEASE, HALT]);
    draft.nat(1);
    draft.effect("steal", NAT, STRING, false);
    let stolen = Mutex::new(String::new());
    let thief = Script::new(&[EffectKind::Acquire, EffectKind::InvokeStep], |request| match request.body {
        EffectRequestBody::InvokeStep { .. } if request.coordinate.session.0 == 0 => {
            EffectOutcome::failure(EffectFailureKind::Denied, "the first session keeps its guard")
        }
        EffectRequestBody::InvokeStep { .. } => {
            EffectOutcome::Success(EffectResponse::InvokeStep(Value::Str(open(&stolen).clone())))
        }
        _ => accept(request),
    });
    let mut runtime = Setup::default().guest(&draft.image()?)?;
    runtime.run(&thief).map_err(text)?;
    let (id, _) = runtime.machine().heap().iter().next().ok_or("the first session has no evidence")?;
    *open(&stolen) = id.to_string();
    runtime.open(motet_machine::ImageId(0)).map_err(text)?;
    runtime.run(&thief).map_err(text)?;
    let fault = runtime.faults().last().map(|report| report.fault.clone());
    let foreign = Fault::Evidence { layer: LayerId(7), why: EvidenceError::Foreign };
    ensure!(fault == Some(foreign), "{fault:?}");
    ensure!(runtime.machine().heap().is_live(&id), "another session's evidence was consumed");
    Ok(())
}

/// The stored form of evidence that was granted with unit.
pub(super) fn stored(session: u64, counter: u32, layer: u16) -> Vec<u8> {
    let mut data = session.to_le_bytes().to_vec();
    data.extend([0, 0]);
    data.extend(layer.to_le_bytes());
    data.extend(counter.to_le_bytes());
    data.push(0);
    let tag = b"motet.guard";
    let mut stored = vec![4];
    stored.extend((tag.len() as u32).to_le_bytes());
    stored.extend(tag);
    stored.extend((data.len() as u32).to_le_bytes());
    stored.extend(&data);
    stored
}

/// An id of evidence says where it was acquired: the session is the path, coroutine and effect counter the number.
pub fn ids_of_evidence_are_derived() -> Result<(), String> {
    let host = Script::new(&GUARDS, accept);
    let image = alone(3, &[ACQUIRE, Instr::Acquire { dst: 2, layer: 7 }, HALT]).image()?;
    let mut runtime = Setup::default().sessions(2).guest(&image)?;
    runtime.run(&host).map_err(text)?;
    let heap = runtime.machine().heap();
    ensure!(heap.live_count() == 4, "{heap:?}");
    for (session, counter) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let stored = stored(session, counter, 7);
        let id = ResourceId::derive(&session.to_le_bytes(), u64::from(counter), &stored);
        ensure!(heap.stored(&id) == Ok(&stored[..]), "session {session} has no evidence number {counter}");
    }
    Ok(())
}

/// A guard that is denied is waited for and asked again; one that is refused, or not taken back, is a fault of the host,
/// and its evidence stays.
pub fn hosts_grant_and_refuse() -> Result<(), String> {
    let image = alone(2, &[ACQUIRE, RELEASE, HALT]).image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&GUARDS, |request: &EffectRequest<'_>| {
        let mut asked = open(&asked);
        asked.push((request.kind(), request.subject(), request.metadata().operation_name));
        match request.body {
            EffectRequestBody::Acquire { .. } if asked.len() < 3 => EffectOutcome::Blocked,
            EffectRequestBody::Acquire { .. } => granted(Value::Nat(5)),
            EffectRequestBody::Release { evidence, resource, .. }
                if evidence.to_value() != Value::Nat(5) || *resource == Digest::default() =>
            {
                EffectOutcome::failure(EffectFailureKind::InvalidEvidence, "not what was granted")
            }
            _ => accept(request),
        }
    });
    let mut runtime = Setup::default().guest(&image)?;
    ensure!(runtime.run(&host).map_err(text)? == RunStatus::Waiting, "{:?}", runtime.status());
    let gate = runtime.machine().gate(SessionId(0), CoroutineId(0));
    ensure!(gate == Some(Gate::Guard(LayerId(7))), "{gate:?}");
    while runtime.status() == RunStatus::Waiting {
        runtime.turn(&host).map_err(text)?;
    }
    ensure!(runtime.run(&host).map_err(text)? == RunStatus::Completed, "{:?}", runtime.faults());
    let expected = [(EffectKind::Acquire, 7, "acquire"); 3].into_iter().chain([(EffectKind::Release, 7, "release")]);
    ensure!(open(&asked).iter().copied().eq(expected), "{asked:?}");
    Run::of(runtime, &host)?.replayed()?;
    let violation = EffectFailureKind::ContractViolation;
    type Refusal = (EffectKind, fn() -> EffectOutcome, EffectFailureKind);
    let refusals: [Refusal; 5] = [
        (EffectKind::Acquire, || EffectOutcome::failure(EffectFailureKind::Denied, "no"), EffectFailureKind::Denied),
        (EffectKind::Acquire, || EffectOutcome::accept(EffectKind::Release), violation),
        (EffectKind::Acquire, || granted(Value::Str("x".repeat(70_000))), violation),
        (EffectKind::Release, || EffectOutcome::failure(EffectFailureKind::Timeout, "no"), EffectFailureKind::Timeout),
        (EffectKind::Release, || EffectOutcome::Pending, violation),
    ];
    for (at, (asked, outcome, class)) in refusals.into_iter().enumerate() {
        let host = Script::new(
            &GUARDS,
            move |request: &EffectRequest<'_>| {
                if request.kind() == asked { outcome() } else { accept(request) }
            },
        );
        let mut runtime = Setup::default().guest(&image)?;
        runtime.run(&host).map_err(text)?;
        let report = runtime.faults().first().cloned().ok_or("there is no fault")?;
        let refused = matches!(report.fault, Fault::Acquire { layer: LayerId(7), kind, .. } if kind == class);
        ensure!(refused && report.fault.blame(report.role) == Side::Host, "case {at}: {report:?}");
        let (heap, live) = (runtime.machine().heap(), u64::from(asked == EffectKind::Release));
        ensure!((heap.live_count(), heap.consumed_count()) == (live, 0), "case {at}: {heap:?}");
        Run::of(runtime, &host)?.replayed()?;
    }
    Ok(())
}

/// With guard layers configured, the others and those that are not active are refused, and the host is not asked.
pub fn layers_are_configured() -> Result<(), String> {
    let image = alone(2, &[ACQUIRE, HALT]).image()?;
    let layer = |id: u16, active| vec![GuardLayer { id: LayerId(id), active }];
    for (layers, good) in [(vec![], true), (layer(7, true), true), (layer(7, false), false), (layer(6, true), false)] {
        let asked = Mutex::new(0);
        let host = Script::new(&GUARDS, |request: &EffectRequest<'_>| {
            *open(&asked) += 1;
            accept(request)
        });
        let mut setup = Setup::default();
        setup.config.guard_layers = layers.clone();
        let run = setup.run(&image, &host)?;
        let asked = *open(&asked);
        ensure!((run.status == RunStatus::Completed, asked) == (good, i32::from(good)), "{layers:?}: {:?}", run.faults);
        let unavailable =
            |report: &FaultReport| matches!(report.fault, Fault::Acquire { kind: EffectFailureKind::Unavailable, .. });
        ensure!(run.faults.iter().all(unavailable), "{:?}", run.faults);
        let replayed = run.replayed()?;
        ensure!(replayed.runtime.machine().config().guard_layers == layers, "the record has other layers");
    }
    let mut setup = Setup::default();
    setup.config.guard_layers = [layer(1, true), layer(1, false)].concat();
    let refused = setup.guest(&image).err();
    ensure!(refused.is_some_and(|why| why.contains("twice")), "a layer may stand twice");
    Ok(())
}

/// Nobody but a host grants a guard.
pub fn guards_need_a_host() -> Result<(), String> {
    let image = alone(2, &[ACQUIRE, HALT]).image()?;
    let refused = Setup::default().guest(&image)?.run(&NoHost);
    ensure!(refused == Err(RuntimeError::NobodyGuards { layer: LayerId(7) }), "{refused:?}");
    Ok(())
}

/// What is no text releases nothing, evidence needs a sort, and layers have 16 bits.
pub fn guarded_code_is_verified() -> Result<(), String> {
    let refused = |draft: Draft| draft.verify().err().map_or_else(|| String::from("it verifies"), text);
    for register in [0, 1] {
        let why = refused(alone(2, &[Instr::Release { evidence: register, layer: 7 }, HALT]));
        ensure!(why.contains("where string is needed"), "{why}");
    }
    let mut draft = alone(2, &[Instr::Set { dst: 1, constant: 0 }, RELEASE, HALT]);
    draft.nat(1);
    let why = refused(draft);
    ensure!(why.contains("may hold nat"), "{why}");
    let mut draft = alone(2, &[ACQUIRE, HALT]);
    draft.parts.sorts.truncate(usize::from(STRING));
    let why = refused(draft);
    ensure!(why.contains("no sort `string`"), "{why}");
    for instr in [Instr::Acquire { dst: 1, layer: 1 << 16 }, Instr::Release { evidence: 1, layer: 1 << 16 }] {
        let found = alone(2, &[ACQUIRE, instr, HALT]).verify().err();
        ensure!(matches!(found, Some(VerifyError::Operand { what: "guard layer", .. })), "{found:?}");
    }
    let out = alone(2, &[Instr::Acquire { dst: 2, layer: 1 }, HALT]).verify().err();
    ensure!(matches!(out, Some(VerifyError::Register { .. })), "{out:?}");
    Ok(())
}
