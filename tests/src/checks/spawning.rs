//! Coroutines that instructions start, and endpoints that change hands between the coroutines of an island.

use super::opening::{
    ASK, CAST, CHILD, CHOOSE, CLOSED, FORK, GHOST, GOT, HALT, HEAR, OPEN, P, Q, REGISTERS, SAY, SEVEN, TALK, TELL,
    TEXT, YIELD, at_every_step, completes, faults, is_told, opener, others, run, setup, told,
};
use crate::script::{Script, accept, done};
use crate::walk::Setup;
use motet_machine::{
    CodeImage, EffectOutcome, EffectRequestBody, EffectResponse, NoHost, TopologyPerturbation, VerifyError, Wanted,
};
use motet_runtime::{GuestRuntime, Inline, RunStatus, Turn};
use motet_semantic::OwnershipScope;
use motet_types::EventKind::{
    Aborted, Chose, Forked, Halted, Joined, Offered, Opened, Received, Sent, SessionTerminal, Transferred,
};
use motet_types::{CoroutineId, EffectKind, EventKind, Fault, FaultClass, Instr, RoleId, SessionId, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A child that begins at the `at`-th of the code's instructions, with copies of all registers but its own number.
fn spawn(at: u32) -> Instr {
    Instr::Spawn { args: REGISTERS - 1, dst: CHILD, target: at + 2 }
}

fn give(endpoint: u16) -> Instr {
    Instr::Transfer { endpoint, target: CHILD, bundle: 0 }
}

const CLOSE: Instr = Instr::Close { session: P };

/// A opens a talk and gives Q's end to a child, which answers.
pub(super) const SHARED: [Instr; 12] = [
    OPEN,
    Instr::Spawn { args: REGISTERS - 1, dst: CHILD, target: 10 },
    Instr::Transfer { endpoint: Q, target: CHILD, bundle: 0 },
    ASK,
    CHOOSE,
    CAST,
    TELL,
    HALT,
    // The child.
    HEAR,
    SEVEN,
    SAY,
    HALT,
];

/// What a child does through an endpoint that it was given is done, its end is no matter of the others', and what
/// changed hands has a receipt.
pub fn children_act_for_what_they_own() -> Result<(), String> {
    let shared = completes(&SHARED)?;
    let kinds = [Opened, Transferred, Sent, Received, Sent, Offered, Received, Chose, SessionTerminal];
    is_told(&shared, 1, &kinds)?;
    let of_q: Vec<u16> = shared
        .trace()?
        .iter()
        .filter(|event| event.session == SessionId(0).guest(1) && matches!(event.event.kind, Received | Sent))
        .map(|event| event.event.coroutine.0)
        .collect();
    ensure!(of_q == [0, 2, 2, 0], "the messages are of the coroutines {of_q:?}");
    // Texts are counted, whoever ends first.
    completes(&[&[spawn(14), YIELD, YIELD][..], &TALK[..8], &[CAST, TELL, HALT], &[HALT]].concat())?;
    // The own endpoint may change hands as well; its coroutine may then end wherever its type stands.
    let own = [spawn(3), give(0), HALT, SEVEN, TELL, HALT];
    let given = completes(&own)?;
    is_told(&given, 0, &[Opened, Transferred, Halted, Sent, Halted, Received, Halted, SessionTerminal])?;
    // And back again.
    let send = Instr::Send { chan: 0, val: GOT };
    let zero = Instr::Set { dst: CHILD, constant: 2 };
    let mut draft = opener(&[SEVEN, spawn(7), give(0), YIELD, YIELD, send, HALT, zero, give(0), HALT])?;
    draft.nat(0);
    let run = setup()?.run(&draft.image()?, &NoHost)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
    Ok(())
}

/// A child that ends in a speculation which is undone is there again, and asks for nothing that it has asked for before.
pub fn the_ended_ask_nothing_twice() -> Result<(), String> {
    let code = [
        &[OPEN, spawn(14), give(Q), ASK, FORK, YIELD, YIELD, YIELD, YIELD, Instr::Abort {}][..],
        &[CHOOSE, CAST, TELL, HALT, HEAR, SEVEN, SAY, HALT],
    ]
    .concat();
    let seen = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::SendDecision, EffectKind::Receive], |request| {
        seen.lock().expect("one thread").push(request.coordinate);
        accept(request)
    });
    let run = setup()?.run(&opener(&code)?.image()?, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
    let seen = seen.lock().expect("one thread");
    let first = |at: &&motet_machine::EffectCoordinate| (at.session, at.coroutine) == (SessionId(0), CoroutineId(2));
    let of_child: Vec<u32> = seen.iter().filter(first).map(|at| at.counter).collect();
    // It hears and says, twice each.
    ensure!(of_child == [0, 1, 2, 3], "the child asked at {of_child:?}");
    run.replayed().map(drop)
}

/// Every endpoint that changes hands has a receipt, when it can not be taken back any more, numbered in its island.
pub fn transfers_have_receipts() -> Result<(), String> {
    let code = [
        &[OPEN, FORK, spawn(14), give(Q), Instr::Abort {}, FORK, spawn(14), give(Q), Instr::Join {}][..],
        &[ASK, CHOOSE, CAST, TELL, HALT, HEAR, SEVEN, SAY, HALT],
    ]
    .concat();
    let image = opener(&code)?.image()?;
    for fuel in [1, 3, 256] {
        let mut runtime = setup()?.sessions(1).schedule(1, fuel).guest(&image)?;
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        ensure!(runtime.status() == RunStatus::Completed, "{:?}", runtime.faults());
        let receipts = runtime.drain_delegations();
        let [receipt] = &receipts[..] else { return Err(format!("{} receipts", receipts.len())) };
        let facts = (receipt.receipt_id, receipt.session, receipt.from_coro, receipt.to_coro);
        // The first child and the first transfer never were, and their numbers are not used again.
        ensure!(facts == (2, SessionId(0).guest(1).0, 0, 3), "{receipt:?}");
        let scope = OwnershipScope::Fragments([String::from("Q")].into());
        ensure!(receipt.endpoint == "Q" && receipt.scope == scope, "{receipt:?}");
        ensure!(runtime.drain_delegations().is_empty(), "a receipt is handed out twice");
        let counted = runtime.contention().handoff_applied_count;
        ensure!(counted == 1, "{counted} handoffs are counted");
    }
    Ok(())
}

/// Who does not own an endpoint can neither use it, nor close through it, nor give it away; and there must be somebody to
/// give it to.
pub fn transfers_are_held_to_owners() -> Result<(), String> {
    type Right = fn(&Fault) -> bool;
    let closed: Right = |fault| matches!(fault, Fault::EndpointClosed { .. });
    let refused: Right = |fault| fault.class() == FaultClass::Transfer;
    let end = [SEVEN, TELL, HALT];
    let child = [YIELD, YIELD, YIELD, HALT];
    let to = |target| Instr::Transfer { endpoint: Q, target, bundle: 0 };
    let cases: [(&str, &[Instr], Right); 9] = [
        ("what it gave away is used", &[OPEN, spawn(7), give(Q), HEAR], closed),
        ("what it gave away is closed", &[OPEN, spawn(7), give(Q), Instr::Close { session: Q }], closed),
        ("what it gave away is given away", &[OPEN, spawn(7), give(Q), give(Q)], closed),
        ("the own endpoint is used after it was given away", &[SEVEN, spawn(7), give(0), TELL], closed),
        ("the child has ended", &[OPEN, spawn(10), YIELD, give(Q)], refused),
        ("nobody has the number", &[OPEN, YIELD, YIELD, to(GHOST)], refused),
        ("a closed session's endpoint", &[OPEN, spawn(7), CLOSE, give(Q)], closed),
        ("a child uses what it does not own", &[OPEN, spawn(11), YIELD, YIELD], closed),
        ("a child uses its role's endpoint", &[OPEN, spawn(13), YIELD, YIELD], closed),
    ];
    for (what, code, right) in cases {
        let rest: &[Instr] = if matches!(code[0], OPEN) { &end } else { &[YIELD, YIELD, HALT] };
        let fault = faults(&[code, rest, &child, &[ASK, HALT, TELL, HALT]].concat());
        let fault = fault.map_err(|why| format!("{what}: {why}"))?;
        ensure!(right(&fault), "{what}: {fault}");
    }
    // A child is held to what it owns when it ends.
    let unfinished = faults(&[OPEN, spawn(7), give(Q), YIELD, SEVEN, TELL, HALT, HALT])?;
    ensure!(matches!(unfinished, Fault::Unfinished { role: RoleId(1), .. }), "{unfinished}");
    Ok(())
}

/// A coroutine that has crashed, or was cancelled, is given nothing: whoever waits for what it was given would wait for ever.
pub fn the_failed_are_given_nothing() -> Result<(), String> {
    let code = [OPEN, Instr::Set { dst: CHILD, constant: 2 }, YIELD, YIELD, give(Q), SEVEN, TELL, HALT];
    let mut draft = opener(&code)?;
    draft.nat(1);
    let image = draft.image()?;
    let cut = |from: &str, to: &str| TopologyPerturbation::Partition { from: from.into(), to: to.into() };
    // B waits for A; where A's site times out, that is in vain.
    let cases = [
        // It goes on, and ends with an endpoint that has not come to its end.
        ("whole", vec![], Some(FaultClass::Type)),
        ("crashed", vec![TopologyPerturbation::Crash { site: "B".into() }], Some(FaultClass::Transfer)),
        (
            "cancelled",
            vec![cut("A", "B"), TopologyPerturbation::Timeout { site: "A".into(), duration: 100 }],
            Some(FaultClass::Transfer),
        ),
    ];
    for (what, happens, expected) in cases {
        let mut runtime = setup()?.schedule(1, 1).sessions(1).guest(&image)?;
        // A stands before it gives the endpoint away, and B waits.
        while runtime.machine().tally().steps < 5 {
            runtime.turn(&NoHost).map_err(|error| error.to_string())?;
        }
        drop(runtime.perturb(&happens).map_err(|error| error.to_string())?);
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        let found: Vec<_> = runtime.faults().iter().map(|fault| (fault.coroutine.0, fault.fault.class())).collect();
        let refused = found.iter().find(|(coroutine, _)| *coroutine == 0).map(|(_, class)| *class);
        ensure!(refused == expected, "{what}: {found:?}");
    }
    Ok(())
}

/// As many coroutines of an island as the configuration says, beyond 64 as below.
pub fn spawning_has_a_limit() -> Result<(), String> {
    let with = |code: &[Instr], limit| -> Result<_, String> {
        let mut setup = setup()?;
        setup.config.max_coroutines = limit;
        setup.run(&opener(code)?.image()?, &NoHost)
    };
    let code = [spawn(6), YIELD, spawn(6), SEVEN, TELL, HALT, HALT];
    ensure!(with(&code, 3)?.status == RunStatus::Completed, "one after the other, within the limit");
    let more = with(&[spawn(5), spawn(5), SEVEN, TELL, HALT, YIELD, HALT], 3)?;
    let fault = more.faults.first().map(|report| &report.fault);
    ensure!(matches!(fault, Some(Fault::Spawn { .. })), "{fault:?}");
    // Many, who all have a turn, wait and are woken.
    for many in [61u32, 62, 63, 130] {
        let mut code = vec![OPEN];
        for _ in 0..many {
            code.push(spawn(many + 9));
        }
        code.extend([give(Q), YIELD, ASK, CHOOSE, CAST, TELL, HALT, HALT]);
        // The last of them owns Q; the others end at once.
        code.extend([HEAR, SEVEN, SAY, HALT]);
        code[many as usize] = spawn(many + 9);
        for at in 1..many {
            code[at as usize] = spawn(many + 8);
        }
        let run = completes(&code).map_err(|why| format!("{many} children: {why}"))?;
        let halted = told(&run, 0)?.iter().filter(|kind| **kind == Halted).count();
        ensure!(halted == many as usize + 2, "{halted} of {many} children ended");
    }
    Ok(())
}

/// Draining: what is in flight for others is received, nothing more is sent, and with the last message it is closed;
/// closing again discards what is left. Who waits for what cannot come any more is told.
pub fn closing_drains_what_is_in_flight_for_others() -> Result<(), String> {
    let drained = completes(&[OPEN, spawn(8), give(Q), ASK, CLOSE, SEVEN, TELL, HALT, HEAR, HALT])?;
    is_told(&drained, 1, &[&[Opened, Transferred, Sent, Received][..], &CLOSED].concat())?;
    let again = completes(&[OPEN, spawn(9), give(Q), ASK, CLOSE, CLOSE, SEVEN, TELL, HALT, HALT])?;
    is_told(&again, 1, &[&[Opened, Transferred, Sent][..], &CLOSED].concat())?;
    // Who was to receive it ends first.
    let left = completes(&[OPEN, spawn(8), give(Q), ASK, CLOSE, SEVEN, TELL, HALT, HALT])?;
    is_told(&left, 1, &[&[Opened, Transferred, Sent][..], &CLOSED].concat())?;
    // Two letters, the second after closing.
    let (open, send) = (Instr::Open { dst: P, plan: 1 }, Instr::Send { chan: P, val: GOT });
    let late = faults(&[open, spawn(9), give(Q), SEVEN, send, CLOSE, send, TELL, HALT, YIELD, HEAR, YIELD, HALT])?;
    ensure!(matches!(late, Fault::EndpointClosed { role: RoleId(0), .. }), "{late}");
    let waits = faults(&[OPEN, spawn(8), give(Q), YIELD, CLOSE, SEVEN, TELL, HALT, HEAR, HALT])?;
    ensure!(matches!(waits, Fault::EndpointClosed { role: RoleId(1), .. }), "{waits}");
    // Room is waited for as messages are, and closing tells who waits for it.
    let full = |code: &[Instr]| -> Result<_, String> {
        setup()?
            .buffer(motet_machine::BufferMode::Fifo, 1, motet_machine::BackpressurePolicy::Block)
            .run(&opener(code)?.image()?, &NoHost)
    };
    let waited = full(&[open, SEVEN, spawn(8), give(Q), send, send, TELL, HALT, HEAR, HEAR, HALT])?;
    ensure!(waited.status == RunStatus::Completed, "{:?}", waited.faults);
    let woken = full(&[open, SEVEN, spawn(8), give(Q), send, send, TELL, HALT, Instr::Close { session: Q }, HALT])?;
    let fault = woken.faults.first().map(|report| &report.fault);
    ensure!(matches!(fault, Some(Fault::EndpointClosed { role: RoleId(0), .. })), "{fault:?}");
    Ok(())
}

/// Coroutines that a speculation started were never there when it is undone, and what changed hands has not; a child may
/// speculate as any other.
pub fn undone_coroutines_were_never_there() -> Result<(), String> {
    let abort = Instr::Abort {};
    let undone = completes(&[OPEN, FORK, spawn(10), give(Q), ASK, abort, CLOSE, SEVEN, TELL, HALT, HEAR, HALT])?;
    is_told(&undone, 1, &[&[Opened][..], &CLOSED].concat())?;
    let halted = told(&undone, 0)?.iter().filter(|kind| **kind == Halted).count();
    ensure!(halted == 2, "{halted} coroutines ended");
    // The speculator yields to the child meanwhile, which ends in it, and begins again.
    let ended = [
        OPEN,
        FORK,
        spawn(15),
        give(Q),
        ASK,
        YIELD,
        YIELD,
        abort,
        spawn(15),
        give(Q),
        ASK,
        CHOOSE,
        CAST,
        TELL,
        HALT,
        HEAR,
        SEVEN,
        SAY,
        HALT,
    ];
    let kinds = [Opened, Transferred, Sent, Received, Sent, Offered, Received, Chose, SessionTerminal];
    is_told(&completes(&ended)?, 1, &kinds)?;
    // The child speculates.
    let child = [
        OPEN,
        spawn(8),
        give(Q),
        ASK,
        CHOOSE,
        CAST,
        TELL,
        HALT,
        FORK,
        HEAR,
        SEVEN,
        SAY,
        abort,
        FORK,
        HEAR,
        FORK,
        SEVEN,
        Instr::Join {},
        Instr::Join {},
        SAY,
        HALT,
    ];
    let run = completes(&child)?;
    is_told(&run, 1, &kinds)?;
    let main: Vec<EventKind> =
        told(&run, 0)?.into_iter().filter(|kind| matches!(kind, Forked | Joined | Aborted)).collect();
    ensure!(main == [Forked, Aborted, Forked, Forked, Joined, Joined], "{main:?}");
    Ok(())
}

/// What the verifier knows of children: they own nothing, and no way leads to an instruction both with the own endpoint
/// and without it.
pub fn children_are_verified() -> Result<(), String> {
    let refused = |code: &[Instr]| -> Result<VerifyError, String> {
        opener(code).and_then(|draft| CodeImage::verify(draft.parts).err().ok_or_else(|| format!("{code:?} verifies")))
    };
    let both = refused(&[spawn(1), SEVEN, TELL, HALT])?;
    ensure!(matches!(both, VerifyError::Ways { .. }), "{both}");
    let args = refused(&[Instr::Spawn { args: REGISTERS + 1, dst: CHILD, target: 5 }, SEVEN, TELL, HALT])?;
    ensure!(matches!(args, VerifyError::Register { .. }), "{args}");
    let target = refused(&[Instr::Spawn { args: 1, dst: CHILD, target: 99 }, SEVEN, TELL, HALT])?;
    ensure!(matches!(target, VerifyError::Jump { .. }), "{target}");
    // A register beyond the copies is unit, and no number.
    let held = refused(&[
        Instr::Spawn { args: 1, dst: CHILD, target: 6 },
        SEVEN,
        TELL,
        HALT,
        Instr::Fork { ghost: GHOST },
        HALT,
    ])?;
    ensure!(matches!(held, VerifyError::Held { .. }), "{held}");
    let nobody = refused(&[OPEN, Instr::Transfer { endpoint: Q, target: TEXT, bundle: 0 }, HALT])?;
    ensure!(matches!(nobody, VerifyError::Held { .. }), "{nobody}");
    Ok(())
}

/// Everything about children is state: roots, proofs and snapshots have it, and whoever is taken up again in the middle
/// goes on.
pub fn children_are_state() -> Result<(), String> {
    let code = [
        OPEN,
        FORK,
        spawn(14),
        give(Q),
        Instr::Abort {},
        FORK,
        spawn(14),
        give(Q),
        ASK,
        CHOOSE,
        Instr::Join {},
        CAST,
        TELL,
        HALT,
        YIELD,
        HEAR,
        SEVEN,
        SAY,
        HALT,
    ];
    let (mut seen, mut owners) = (0, BTreeSet::new());
    at_every_step(&code, |state| {
        let Some(growth) = state.growth else { return };
        seen += growth.children.len();
        owners.extend(growth.guests.iter().flat_map(|guest| guest.roles.iter().map(|role| role.owner)));
    })?;
    ensure!(seen > 10, "children were proved {seen} times");
    ensure!(owners == [0, 2, 3].map(CoroutineId).into(), "the owners {owners:?}");
    Ok(())
}

/// Effects of a child are asked for its role under its own number, also while its session is parked.
pub fn children_ask_the_host() -> Result<(), String> {
    let code = [spawn(4), SEVEN, TELL, HALT, Instr::Invoke { arg: GHOST, dst: GOT, effect: 0 }, HALT];
    let mut draft = opener(&code)?;
    draft.effect("ask", 1, 1, true);
    let image = draft.image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::InvokeStep], |request| {
        asked.lock().expect("one thread").push((request.role, request.coordinate.coroutine));
        EffectOutcome::Pending
    });
    let setup: Setup = setup()?.sessions(1);
    let mut runtime = setup.guest(&image)?;
    while runtime.turn(&host).map_err(|error| error.to_string())? != Turn::Idle {}
    ensure!(*asked.lock().expect("one thread") == [(RoleId(0), CoroutineId(2))], "{asked:?}");
    let bytes = runtime.park(SessionId(0)).map_err(|error| error.to_string())?;
    let snapshot = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
    let images: Vec<_> = others()?.into_iter().chain([Arc::clone(&image)]).collect();
    let resumed = GuestRuntime::resume_from(setup.config.clone(), Inline::default(), &images, &snapshot);
    let mut resumed = resumed.map_err(|error| error.to_string())?;
    for runtime in [&mut runtime, &mut resumed] {
        runtime.resume(&bytes).map_err(|error| error.to_string())?;
        let (id, _) = runtime.outstanding().next().ok_or("nothing is outstanding")?;
        runtime.complete(id, done(Value::Nat(3))).map_err(|error| error.to_string())?;
        runtime.run(&host).map_err(|error| error.to_string())?;
        ensure!(runtime.status() == RunStatus::Completed, "{:?}", runtime.faults());
    }
    ensure!(runtime.state_root() == resumed.state_root(), "they end otherwise");
    // The fault of a child names its role.
    let fault = run(&[OPEN, spawn(6), SEVEN, TELL, YIELD, HALT, ASK, HALT]);
    let report = fault?.faults.first().cloned().ok_or("no fault")?;
    ensure!((report.role, report.coroutine) == (RoleId(0), CoroutineId(2)), "{report:?}");
    Ok(())
}

/// Guards forbid re-entrance: while the host has one of a role's in its hands, another of the same role waits; one of
/// another role does not, and neither do operations of the same role. What waits is there after a resumption, and nothing
/// faults.
pub fn guards_of_a_role_are_asked_one_by_one() -> Result<(), String> {
    let acquire = |layer| [Instr::Acquire { dst: TEXT, layer }, Instr::Release { evidence: TEXT, layer }];
    let invoke = Instr::Invoke { arg: GHOST, dst: GOT, effect: 0 };
    // A and two children of its role want guards of three layers, a third child an operation; B wants a guard too.
    let mut code = vec![spawn(9), spawn(12), spawn(15)];
    code.extend([&acquire(1)[..], &[SEVEN, TELL, HALT], &[HALT]].concat());
    code.extend([&acquire(2)[..], &[HALT], &acquire(3)[..], &[HALT], &[invoke, HALT]].concat());
    let mut draft = opener(&code)?;
    draft.effect("ask", 1, 1, true);
    draft.recode(
        1,
        2,
        &[
            &[Instr::Acquire { dst: 1, layer: 4 }, Instr::Release { evidence: 1, layer: 4 }][..],
            &[Instr::Receive { chan: 0, dst: 1 }, HALT],
        ]
        .concat(),
    );
    let image = draft.image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::InvokeStep, EffectKind::Acquire, EffectKind::Release], |request| {
        match request.body {
            EffectRequestBody::Release { .. } => return accept(request),
            EffectRequestBody::Acquire { layer } => asked.lock().expect("no panic").push(layer.0),
            _ => asked.lock().expect("no panic").push(0),
        }
        EffectOutcome::Pending
    });
    let setup = setup()?.sessions(1);
    let images: Vec<_> = others()?.into_iter().chain([Arc::clone(&image)]).collect();
    let text = |error: &dyn std::fmt::Display| error.to_string();
    for resumes in [false, true] {
        asked.lock().expect("no panic").clear();
        let mut runtime = setup.guest(&image)?;
        let mut told = Vec::new();
        runtime.run(&host).map_err(|error| text(&error))?;
        while runtime.status() == RunStatus::Waiting {
            let now: BTreeSet<u16> = std::mem::take(&mut *asked.lock().expect("no panic")).into_iter().collect();
            told.push(now);
            if resumes {
                let bytes = runtime.snapshot().map_err(|error| text(&error))?.to_bytes();
                let resumed = GuestRuntime::resume_from(setup.config.clone(), Inline::default(), &images, &bytes);
                runtime = resumed.map_err(|error| text(&error))?;
                // A host that goes on has what it had taken on.
                runtime.run(&host).map_err(|error| text(&error))?;
                asked.lock().expect("no panic").clear();
            }
            let out: Vec<_> = runtime.outstanding().collect();
            ensure!(!out.is_empty(), "it waits for nothing");
            for (id, at) in out {
                let guard = runtime
                    .machine()
                    .pending_effects()
                    .any(|ask| ask.coordinate == at && matches!(ask.wanted, Wanted::Guard(_)));
                let answer = match guard {
                    true => EffectOutcome::Success(EffectResponse::Acquire(Value::Nat(1))),
                    false => done(Value::Nat(3)),
                };
                runtime.complete(id, answer).map_err(|error| text(&error))?;
            }
            runtime.run(&host).map_err(|error| text(&error))?;
        }
        ensure!(runtime.status() == RunStatus::Completed, "{:?}", runtime.faults());
        let sizes: Vec<usize> = told.iter().map(BTreeSet::len).collect();
        ensure!(sizes == [3, 1, 1], "asked in turn {told:?}, resuming: {resumes}");
        let all: BTreeSet<u16> = told.into_iter().flatten().collect();
        ensure!(all == BTreeSet::from([0, 1, 2, 3, 4]), "{all:?}");
    }
    Ok(())
}
