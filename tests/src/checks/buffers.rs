//! What edges do: order, capacity, what happens when they are full, and what may be left out.

use crate::draft::{Draft, NAT, PAIR, STRING, UNIT, letters, stream};
use crate::script::{Script, accept, choose, decision};
use crate::walk::{Run, Setup};
use motet_machine::{
    BackpressurePolicy, BufferMode, CodeImage, EffectHandler, EffectRequest, EffectRequestBody, Gate, NoHost,
    SendDecision,
};
use motet_runtime::RunStatus;
use motet_types::{
    Action, CoroutineId, EdgeId, EffectKind, EventKind, Fault, FaultClass, Instr, ScalarPart, SessionId, Value,
};
use std::sync::{Arc, Mutex};

const FIFO: BufferMode = BufferMode::Fifo;
const LATEST: BufferMode = BufferMode::LatestValue;
const BLOCK: BackpressurePolicy = BackpressurePolicy::Block;
const DROP: BackpressurePolicy = BackpressurePolicy::Drop;
const ERROR: BackpressurePolicy = BackpressurePolicy::Error;

const fn resize(max: u16) -> BackpressurePolicy {
    BackpressurePolicy::Resize { max }
}

/// Runs with a host that keeps every payload received.
fn received(setup: &Setup, image: &Arc<CodeImage>) -> Result<(Run, Vec<Value>), String> {
    let seen = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::Receive], |request| {
        if let EffectRequestBody::Receive { payload, .. } = request.body {
            seen.lock().expect("one thread").push(payload.to_value());
        }
        accept(request)
    });
    let run = setup.run(image, &host)?;
    drop(host);
    Ok((run, seen.into_inner().expect("one thread")))
}

fn count(run: &Run, kind: EventKind) -> Result<usize, String> {
    Ok(run.trace()?.iter().filter(|event| event.event.kind == kind).count())
}

/// Messages of one edge arrive in the order in which they were sent, however many of them wait.
pub fn order_is_kept() -> Result<(), String> {
    let image = letters(9).image()?;
    for (capacity, policy) in [(64, BLOCK), (1, BLOCK), (2, BLOCK), (3, BLOCK), (1, resize(64)), (64, DROP)] {
        let (run, values) = received(&Setup::default().buffer(FIFO, capacity, policy), &image)?;
        ensure!(run.status == RunStatus::Completed, "{policy:?} {capacity}: {:?}", run.status);
        let expected: Vec<Value> = (1..=9).map(Value::Nat).collect();
        ensure!(values == expected, "{policy:?} {capacity}: {values:?}");
    }
    Ok(())
}

/// A sender waits at a full edge until its own edge has room, and no message is lost.
pub fn block_waits_for_room() -> Result<(), String> {
    let image = letters(5).image()?;
    for capacity in 1..=4 {
        let setup = Setup::default().buffer(FIFO, capacity, BLOCK);
        // So many steps that `A` has filled the edge and tried once more.
        let mut runtime = setup.clone().limit(2 * u64::from(capacity) + 2).guest(&image)?;
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        let gate = runtime.machine().gate(SessionId(0), CoroutineId(0));
        ensure!(gate == Some(Gate::Room(EdgeId(0))), "capacity {capacity}: the sender waits at {gate:?}");
        let run = setup.run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Completed, "capacity {capacity}: {:?}", run.status);
        ensure!(run.tally.messages == 5 && run.tally.dropped == 0, "capacity {capacity}: {:?}", run.tally);
    }
    Ok(())
}

/// At a full edge whose policy is to fail, the sender faults and names the edge.
pub fn error_faults_when_full() -> Result<(), String> {
    let image = letters(5).image()?;
    for (capacity, policy) in [(1, ERROR), (4, ERROR), (1, resize(4)), (2, resize(2))] {
        let run = Setup::default().buffer(FIFO, capacity, policy).run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Faulted, "{policy:?} {capacity}: {:?}", run.status);
        let [report] = &run.faults[..] else { return Err(format!("one fault, not {:?}", run.faults)) };
        ensure!(matches!(report.fault, Fault::BufferFull { edge: EdgeId(0), .. }), "{:?}", report.fault);
        let sent = count(&run, EventKind::Sent)?;
        let room = if let BackpressurePolicy::Resize { max } = policy { max } else { capacity };
        ensure!(sent == usize::from(room), "{policy:?} {capacity}: {sent} were sent before the edge was full");
    }
    Ok(())
}

/// A growing edge grows up to its limit and loses nothing on the way.
pub fn resize_grows() -> Result<(), String> {
    let run = Setup::default().buffer(FIFO, 1, resize(5)).run(&letters(5).image()?, &NoHost)?;
    ensure!(run.status == RunStatus::Completed, "{:?} {:?}", run.status, run.faults);
    ensure!(run.tally.messages == 5, "{:?}", run.tally);
    Ok(())
}

/// A host for [`stream`]: `More` as often as asked, then `Done`; payloads count up from 0; the receiver's payloads
/// are kept.
fn counting<'a>(more: u64, seen: &'a Mutex<Vec<Value>>) -> impl EffectHandler + use<'a> {
    let asked = Mutex::new(0);
    let sent = Mutex::new(0);
    let kinds = [EffectKind::Choose, EffectKind::SendDecision, EffectKind::Receive];
    Script::new(&kinds, move |request: &EffectRequest<'_>| match request.body {
        EffectRequestBody::Choose { .. } => {
            let mut asked = asked.lock().expect("one thread");
            *asked += 1;
            choose(request, if *asked <= more { "More" } else { "Done" })
        }
        EffectRequestBody::SendDecision { payload, .. } if payload.to_value() != Value::Unit => {
            let mut sent = sent.lock().expect("one thread");
            *sent += 1;
            decision(SendDecision::Replace(Value::Nat(*sent - 1)))
        }
        EffectRequestBody::Receive { payload, .. } => {
            seen.lock().expect("one thread").push(payload.to_value());
            accept(request)
        }
        _ => accept(request),
    })
}

/// Runs [`stream`] with `more` messages before the last; answers the payloads that came.
fn streamed(setup: &Setup, more: u64) -> Result<(Run, Vec<Value>), String> {
    let seen = Mutex::new(Vec::new());
    let run = setup.run(&stream().image()?, &counting(more, &seen))?;
    Ok((run, seen.into_inner().expect("one thread")))
}

/// A full edge leaves out what neither type can tell, and only that: the last message faults.
pub fn drop_leaves_out_what_types_cannot_tell() -> Result<(), String> {
    // Every second number finds the edge full and is left out, and then `B` has its turn. The fifth is on the edge
    // when `Done` comes, which cannot be left out.
    let (run, _) = streamed(&Setup::default().buffer(FIFO, 1, DROP), 5)?;
    ensure!(run.status == RunStatus::Faulted, "{:?}", run.status);
    ensure!(run.tally.dropped == 2, "two of five are left out, not {}", run.tally.dropped);
    ensure!(run.faults[0].fault.class() == FaultClass::Buffer, "{:?}", run.faults);
    ensure!(count(&run, EventKind::Sent)? == 3, "a message that was left out was not sent");
    let (run, values) = streamed(&Setup::default().buffer(FIFO, 1, DROP), 6)?;
    ensure!(run.status == RunStatus::Completed && run.tally.dropped == 3, "{:?} {:?}", run.status, run.tally);
    ensure!(values == [Value::Nat(0), Value::Nat(1), Value::Nat(2), Value::Unit], "{values:?}");
    // One step at a time `B` is never behind, so nothing is left out.
    let (run, values) = streamed(&Setup::default().buffer(FIFO, 8, DROP), 6)?;
    ensure!(run.status == RunStatus::Completed && run.tally.dropped == 0, "{:?}", run.tally);
    let expected: Vec<Value> = (0..6).map(Value::Nat).chain([Value::Unit]).collect();
    ensure!(values == expected, "{values:?}");
    // What the type waits for is never left out.
    let run = Setup::default().buffer(FIFO, 1, DROP).run(&letters(3).image()?, &NoHost)?;
    ensure!(run.status == RunStatus::Faulted && run.tally.dropped == 0, "{:?} {:?}", run.status, run.tally);
    ensure!(run.faults[0].fault.class() == FaultClass::Buffer, "{:?}", run.faults);
    Ok(())
}

/// `LatestValue` keeps the last of the messages that neither type can tell apart, and queues all others.
pub fn latest_value_overwrites() -> Result<(), String> {
    for (capacity, policy) in [(2, BLOCK), (2, ERROR), (2, DROP), (2, resize(2)), (64, BLOCK)] {
        let (run, values) = streamed(&Setup::default().buffer(LATEST, capacity, policy), 6)?;
        ensure!(run.status == RunStatus::Completed, "{policy:?}: {:?} {:?}", run.status, run.faults);
        // Every second number overwrites the one before, and then `B` has its turn.
        ensure!(values == [Value::Nat(1), Value::Nat(3), Value::Nat(5), Value::Unit], "{policy:?}: {values:?}");
        ensure!(run.tally.dropped == 3 && run.tally.messages == 4, "{policy:?}: {:?}", run.tally);
    }
    // An edge of one holds the last number; `Done` must wait for room, and then both come.
    let (run, values) = streamed(&Setup::default().buffer(LATEST, 1, BLOCK), 6)?;
    let last = &values[values.len().saturating_sub(2)..];
    ensure!(run.status == RunStatus::Completed && last == [Value::Nat(5), Value::Unit], "{values:?}");
    // Numbers that the types can count are all kept.
    let (run, values) = received(&Setup::default().buffer(LATEST, 64, BLOCK), &letters(4).image()?)?;
    ensure!(run.tally.dropped == 0 && values.len() == 4, "{values:?}");
    // A message of another label is not the same news.
    let image = super::topology::protocol(LAMPS)?;
    let lamps = ["Red", "Blue", "Red", "Blue", "Blue", "Off"];
    let lit = Script::new(&[EffectKind::Choose], |request| choose(request, lamps[request.coordinate.counter as usize]));
    let run = Setup::default().buffer(LATEST, 64, BLOCK).run(&image, &lit)?;
    ensure!(run.status == RunStatus::Completed && run.tally.dropped == 1, "{:?} {:?}", run.status, run.tally);
    Ok(())
}

/// Two labels that neither type can tell apart from themselves.
const LAMPS: &str = "protocol Lamps =
  roles A, B
  rec X
    choice A at
      | Red =>
        A -> B : Red
        continue X
      | Blue =>
        A -> B : Blue
        continue X
      | Off =>
        A -> B : Off
";

/// The host may leave out what neither type can tell; anything else that it drops is a fault, and no type advances.
pub fn host_drops_advance_nothing() -> Result<(), String> {
    let drops = |request: &EffectRequest<'_>| match request.body {
        EffectRequestBody::SendDecision { .. } => decision(SendDecision::Drop),
        _ => choose(request, "More"),
    };
    let kinds = [EffectKind::SendDecision, EffectKind::Choose];
    let run = Setup::default().limit(400).run(&stream().image()?, &Script::new(&kinds, drops))?;
    ensure!(run.faults.is_empty() && run.status == RunStatus::MaxSteps, "{:?} {:?}", run.status, run.faults);
    ensure!(run.tally.dropped > 100 && count(&run, EventKind::Sent)? == 0, "{:?}", run.tally);
    run.replayed()?;
    let run = Setup::default().run(&letters(2).image()?, &Script::new(&kinds, drops))?;
    let [report] = &run.faults[..] else { return Err(format!("one fault, not {:?}", run.faults)) };
    ensure!(report.fault.class() == FaultClass::Buffer && report.pc.0 == 1, "{report:?}");
    ensure!(run.tally.dropped == 0 && count(&run, EventKind::Sent)? == 0, "{:?}", run.tally);
    run.replayed().map(drop)
}

/// A message wakes who waits on its edge, and nobody else.
pub fn wakes_go_by_edge() -> Result<(), String> {
    let mut draft = Draft::new();
    let (m, n) = (draft.label("M", UNIT), draft.label("N", UNIT));
    let (ac, bc) = (draft.edge(0, 2), draft.edge(1, 2));
    // C takes B's message first, though A's come first.
    draft.comm(bc, &[(n, 1)]);
    draft.comm(ac, &[(m, 2)]);
    draft.comm(ac, &[(m, 3)]);
    draft.end();
    draft.state(0, Action::Send(ac), &[(m, 1)]);
    draft.state(0, Action::Send(ac), &[(m, 2)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Send(bc), &[(n, 4)]);
    draft.state(1, Action::End, &[]);
    draft.state(2, Action::Recv(bc), &[(n, 6)]);
    draft.state(2, Action::Recv(ac), &[(m, 7)]);
    draft.state(2, Action::Recv(ac), &[(m, 8)]);
    draft.state(2, Action::End, &[]);
    let send = Instr::Send { chan: 0, val: 1 };
    let receive = Instr::Receive { chan: 0, dst: 1 };
    let yields = Instr::Yield {};
    // A and B let C go first; B waits until A has sent everything.
    draft.role("A", 0, 2, &[yields, yields, send, yields, send, Instr::Halt {}]);
    draft.role("B", 3, 2, &[yields, yields, yields, yields, send, Instr::Halt {}]);
    draft.role("C", 5, 2, &[receive, receive, receive, Instr::Halt {}]);
    let image = draft.image()?;
    for fuel in [1, 3, 256] {
        let setup = Setup::default().schedule(1, fuel);
        let mut runtime = setup.guest(&image)?;
        for _ in 0..64 {
            runtime.turn(&NoHost).map_err(|error| error.to_string())?;
            let machine = runtime.machine();
            let gate = machine.gate(SessionId(0), CoroutineId(2));
            let sent_by_b =
                machine.events().iter().any(|e| e.event.kind == EventKind::Sent && e.event.coroutine == CoroutineId(1));
            let waits = gate != Some(Gate::Message(EdgeId(1))) && gate != Some(Gate::Open);
            ensure!(sent_by_b || !waits, "C waits at {gate:?} before B has sent");
        }
        let run = setup.run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Completed, "fuel {fuel}: {:?}", run.status);
        // A: 6, B: 6, C: one failed attempt, three receives, one halt. Waking C for A's messages would add steps.
        ensure!(run.tally.steps == 17, "fuel {fuel}: {} steps, not 17", run.tally.steps);
    }
    Ok(())
}

/// A sender that waits for room is woken by its own edge's receiver and by nobody else.
pub fn room_goes_by_edge() -> Result<(), String> {
    let mut draft = Draft::new();
    let m = draft.label("M", UNIT);
    let (ab, ca) = (draft.edge(0, 1), draft.edge(2, 0));
    draft.comm(ab, &[(m, 1)]);
    draft.comm(ab, &[(m, 2)]);
    draft.comm(ca, &[(m, 3)]);
    draft.end();
    draft.state(0, Action::Send(ab), &[(m, 1)]);
    draft.state(0, Action::Send(ab), &[(m, 2)]);
    draft.state(0, Action::Recv(ca), &[(m, 3)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(ab), &[(m, 5)]);
    draft.state(1, Action::Recv(ab), &[(m, 6)]);
    draft.state(1, Action::End, &[]);
    draft.state(2, Action::Send(ca), &[(m, 8)]);
    draft.state(2, Action::End, &[]);
    let (send, receive) = (Instr::Send { chan: 0, val: 1 }, Instr::Receive { chan: 0, dst: 1 });
    draft.role("A", 0, 2, &[send, send, receive, Instr::Halt {}]);
    draft.role("B", 4, 2, &[Instr::Yield {}, Instr::Yield {}, receive, receive, Instr::Halt {}]);
    draft.role("C", 7, 2, &[send, Instr::Yield {}, Instr::Yield {}, Instr::Halt {}]);
    let run = Setup::default().buffer(FIFO, 1, BLOCK).run(&draft.image()?, &NoHost)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.status);
    // A: 4 and one failed send; B: 5 and one failed receive at most; C: 4.
    ensure!(run.tally.steps <= 15, "{} steps", run.tally.steps);
    Ok(())
}

/// Texts and pairs arrive as they were sent, also when they have spilled, and are let go afterwards.
pub fn owned_payloads_arrive() -> Result<(), String> {
    for sort in [STRING, PAIR] {
        let text = |n: u64| ScalarPart::Str("x".repeat(n as usize));
        let mut draft = letters(7);
        draft.parts.labels[0].sort = sort;
        for (n, constant) in (1..).zip(&mut draft.parts.constants) {
            constant.sort = sort;
            constant.scalars = if sort == PAIR { vec![ScalarPart::Nat(n), text(n)] } else { vec![text(n)] };
        }
        let image = draft.image()?;
        let value = |n: u64| match sort {
            PAIR => Value::Prod(Box::new((Value::Nat(n), Value::Str("x".repeat(n as usize))))),
            _ => Value::Str("x".repeat(n as usize)),
        };
        for (capacity, policy) in [(64, BLOCK), (1, BLOCK), (3, BLOCK), (2, resize(9))] {
            let setup = Setup::default().buffer(FIFO, capacity, policy);
            let (run, values) = received(&setup, &image)?;
            ensure!(run.status == RunStatus::Completed, "{policy:?} {capacity}: {:?} {:?}", run.status, run.faults);
            ensure!(values == (1..=7).map(value).collect::<Vec<_>>(), "{policy:?} {capacity}: {values:?}");
            run.replayed()?;
        }
    }
    Ok(())
}

/// Texts that are overwritten, dropped or replaced are let go: a session does not grow with what it has carried.
pub fn owned_payloads_are_let_go() -> Result<(), String> {
    let mut draft = stream();
    draft.parts.labels[0].sort = STRING;
    draft.parts.constants[0].sort = STRING;
    draft.parts.constants[0].scalars = vec![ScalarPart::Str("y".repeat(64))];
    let image = draft.image()?;
    let kinds = [EffectKind::Choose, EffectKind::SendDecision, EffectKind::Receive];
    for (mode, policy) in [(LATEST, BLOCK), (FIFO, DROP), (FIFO, BLOCK)] {
        let host = Script::new(&kinds, |request| match request.body {
            EffectRequestBody::SendDecision { .. } if request.coordinate.counter % 3 == 0 => {
                decision(SendDecision::Replace(Value::Str("z".repeat(64))))
            }
            EffectRequestBody::Receive { .. } if request.coordinate.counter % 2 == 0 => {
                motet_machine::EffectOutcome::Success(motet_machine::EffectResponse::Receive(Some(Value::Str(
                    "w".repeat(64),
                ))))
            }
            _ => choose(request, "More"),
        });
        let bytes = |limit| {
            let mut runtime = Setup::default().buffer(mode, 2, policy).limit(limit).guest(&image)?;
            runtime.run(&host).map_err(|error| error.to_string())?;
            runtime.machine().session_bytes(SessionId(0)).ok_or_else(|| String::from("the session has ended"))
        };
        let (early, late) = (bytes(200)?, bytes(5_000)?);
        ensure!(late <= early + 512, "{mode:?} {policy:?}: {early} bytes after 200 steps, {late} after 5,000");
    }
    Ok(())
}

/// Numbers of the whole range cross an edge unchanged.
pub fn numbers_arrive() -> Result<(), String> {
    let mut draft = letters(3);
    for (n, constant) in [u64::MAX, 0, 1 << 63].into_iter().zip(&mut draft.parts.constants) {
        constant.scalars = vec![ScalarPart::Nat(n)];
    }
    let (_, values) = received(&Setup::default(), &draft.image()?)?;
    ensure!(values == [u64::MAX, 0, 1 << 63].map(Value::Nat), "{values:?}");
    ensure!(NAT == 1, "the drafts' sort of numbers stands in row 1");
    Ok(())
}
