//! What one step does: all of an instruction or nothing of it, faults that end their own session and no other, and
//! the control instructions.

use crate::draft::{Draft, STRING, UNIT, letters, stream};
use crate::script::{Script, accept, choose, decision};
use crate::walk::Setup;
use motet_machine::{EffectOutcome, EffectRequest, NoHost, SendDecision};
use motet_runtime::RunStatus;
use motet_types::{
    Action, EffectFailureKind, EffectKind, EventKind, FaultClass, Instr, Reg, ScalarPart, SessionId, Terminal, Value,
};
use std::sync::Mutex;

const ALL_ASKED: [EffectKind; 4] =
    [EffectKind::SendDecision, EffectKind::Receive, EffectKind::Choose, EffectKind::InvokeStep];

/// Two parties talk in turns, so that each waits for the other; nobody may sleep through a message.
pub fn messages_wake_their_receiver() -> Result<(), String> {
    let mut draft = Draft::new();
    let (ping, pong) = (draft.label("Ping", UNIT), draft.label("Pong", UNIT));
    let (ab, ba) = (draft.edge(0, 1), draft.edge(1, 0));
    draft.comm(ab, &[(ping, 1)]);
    draft.comm(ba, &[(pong, 2)]);
    draft.comm(ab, &[(ping, 3)]);
    draft.end();
    for (role, first) in [(0u16, 0), (1, 4)] {
        for (at, (edge, label)) in [(ab, ping), (ba, pong), (ab, ping)].into_iter().enumerate() {
            let sends = (edge == ab) == (role == 0);
            let action = if sends { Action::Send(edge) } else { Action::Recv(edge) };
            draft.state(role, action, &[(label, first + at as u32 + 1)]);
        }
        draft.state(role, Action::End, &[]);
    }
    let (send, receive) = (Instr::Send { chan: 0, val: 1 }, Instr::Receive { chan: 0, dst: 1 });
    draft.role("A", 0, 2, &[send, receive, send, Instr::Halt {}]);
    draft.role("B", 4, 2, &[receive, send, receive, Instr::Halt {}]);
    let image = draft.image()?;
    for fuel in [1, 2, 256] {
        let run = Setup::default().schedule(4, fuel).sessions(3).run(&image, &NoHost)?;
        ensure!(run.status == RunStatus::Completed, "fuel {fuel}: {:?}", run.status);
        ensure!(run.tally.messages == 9, "fuel {fuel}: {:?}", run.tally);
    }
    Ok(())
}

/// A choice of the host is the label that goes over the edge, and its receiver goes on at that label's place.
pub fn labels_choose_the_way() -> Result<(), String> {
    let mut draft = Draft::new();
    let names = ["L", "R", "S"];
    let choices: Vec<u16> = names.iter().map(|name| draft.label(name, UNIT)).collect();
    let echoes: Vec<u16> = names.iter().map(|name| draft.label(&format!("Got{name}"), UNIT)).collect();
    let (ab, ba) = (draft.edge(0, 1), draft.edge(1, 0));
    let ways = |first: u32| choices.iter().zip(first..).map(|(label, to)| (*label, to)).collect::<Vec<_>>();
    draft.comm(ab, &ways(1));
    echoes.iter().for_each(|echo| drop(draft.comm(ba, &[(*echo, 4)]).to_string()));
    draft.end();
    for (role, first) in [(0, 0), (1, 5)] {
        let (way, back) = match role {
            0 => (Action::Send(ab), Action::Recv(ba)),
            _ => (Action::Recv(ab), Action::Send(ba)),
        };
        draft.state(role, way, &ways(first + 1));
        echoes.iter().for_each(|echo| drop(draft.state(role, back, &[(*echo, first + 4)]).to_string()));
        draft.state(role, Action::End, &[]);
    }
    let (send, receive) = (Instr::Send { chan: 0, val: 1 }, Instr::Receive { chan: 0, dst: 1 });
    let table = draft.table(&[(1, 0), (4, 0), (7, 0)]);
    let mut code = vec![Instr::Decide { chan: 0, table }];
    for label in &choices {
        code.extend([Instr::Offer { chan: 0, val: 1, label: u32::from(*label) }, receive, Instr::Halt {}]);
    }
    draft.role("A", 0, 2, &code);
    let start = draft.here();
    let table = draft.table(&[(start + 1, 1), (start + 3, 1), (start + 5, 1)]);
    let halt = Instr::Halt {};
    draft.role("B", 5, 2, &[Instr::Choose { chan: 0, table }, send, halt, send, halt, send, halt]);
    let image = draft.image()?;
    for name in names {
        let host = Script::new(&[EffectKind::Choose], |request| choose(request, name));
        let run = Setup::default().run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "{name}: {:?} {:?}", run.status, run.faults);
        let labels = |kind| -> Result<Vec<String>, String> {
            let trace = run.trace()?;
            let of_kind = trace.iter().filter(|event| event.event.kind == kind);
            Ok(of_kind.map(|event| image.label_name(event.event.label).to_owned()).collect())
        };
        let echo = format!("Got{name}");
        ensure!(labels(EventKind::Sent)? == [name, echo.as_str()], "{name}: {:?}", labels(EventKind::Sent)?);
        ensure!(labels(EventKind::Received)? == [name, echo.as_str()], "{name}: {:?}", labels(EventKind::Received)?);
        ensure!(labels(EventKind::Offered)? == [name] && labels(EventKind::Chose)? == [name], "{name}: no choice");
    }
    Ok(())
}

/// A fault ends its own session, with its terminal event, and no other; and it is counted as a fault.
pub fn faults_end_their_session_only() -> Result<(), String> {
    let image = letters(3).image()?;
    let host = Script::new(&ALL_ASKED, |request| {
        let at = request.coordinate;
        if at.session == SessionId(1) && at.coroutine.0 == 1 && at.counter == 1 {
            return EffectOutcome::failure(EffectFailureKind::Denied, "no");
        }
        accept(request)
    });
    for fuel in [1, 256] {
        let run = Setup::default().schedule(4, fuel).sessions(3).run(&image, &host)?;
        ensure!(run.status == RunStatus::Faulted, "{:?}", run.status);
        ensure!((run.tally.faulted, run.tally.closed) == (1, 2), "{:?}", run.tally);
        let [report] = &run.faults[..] else { return Err(format!("one fault, not {:?}", run.faults)) };
        ensure!(report.session == SessionId(1) && report.role.0 == 1, "{report:?}");
        ensure!(report.fault.class() == FaultClass::Invoke, "{report:?}");
        for (session, events) in &run.sessions()? {
            let last = events.last().ok_or("a session without events")?;
            let terminal = if session.0 == 1 { Terminal::Faulted } else { Terminal::Closed };
            let ended = last.kind == EventKind::SessionTerminal && last.detail == terminal as u8;
            ensure!(ended, "{session} ends with {last:?}, not {}", terminal.name());
            let opened = events.first().is_some_and(|event| event.kind == EventKind::Opened);
            ensure!(opened, "{session} begins with {:?}", events.first());
            let count = |kind| events.iter().filter(|event| event.kind == kind).count();
            ensure!(count(EventKind::SessionTerminal) == 1, "{session} ended more than once");
            let (halted, faulted) = if session.0 == 1 { (1, 1) } else { (2, 0) };
            ensure!(count(EventKind::Halted) == halted, "{session}: {} halted", count(EventKind::Halted));
            ensure!(count(EventKind::Faulted) == faulted, "{session}: {} faulted", count(EventKind::Faulted));
        }
        run.replayed()?;
    }
    Ok(())
}

/// Everything of a session that a host can look at: registers, types, queues and counters, as one digest.
///
/// A failure of the host at its `k`-th question leaves all of it as it was before the instruction that asked.
pub fn failed_steps_leave_nothing_behind() -> Result<(), String> {
    let image = stream().image()?;
    let script = |fail: Option<u64>| {
        let asked = Mutex::new(0u64);
        Script::new(&ALL_ASKED, move |request: &EffectRequest<'_>| {
            let mut asked = asked.lock().expect("one thread");
            *asked += 1;
            if fail == Some(*asked) {
                return EffectOutcome::failure(EffectFailureKind::Unavailable, "not now");
            }
            let more = if request.coordinate.counter < 7 { "More" } else { "Done" };
            choose(request, more)
        })
    };
    let plain = Setup::default().schedule(1, 1).run(&image, &script(None))?;
    let questions =
        plain.inputs()?.iter().filter(|(_, input)| matches!(input, motet_runtime::Input::Effect(_))).count();
    ensure!(questions > 12, "only {questions} questions");
    for fail in 1..=questions as u64 {
        // One step at a time, with and without the failure: until it comes, everything is equal. The failing step
        // adds one answer to the tape and the three events of a fault, and takes nothing from any edge.
        let (with, without) = (script(Some(fail)), script(None));
        let setup = Setup::default().schedule(1, 1);
        let (mut faulty, mut sound) = (setup.guest(&image)?, setup.guest(&image)?);
        loop {
            let before = faulty.state_root();
            ensure!(before == sound.state_root(), "question {fail}: the states differ before it");
            faulty.turn(&with).map_err(|error| error.to_string())?;
            if !faulty.faults().is_empty() {
                break;
            }
            sound.turn(&without).map_err(|error| error.to_string())?;
        }
        let kinds: Vec<EventKind> = faulty.machine().events().iter().map(|event| event.event.kind).collect();
        let sound_kinds: Vec<EventKind> = sound.machine().events().iter().map(|event| event.event.kind).collect();
        let added = kinds.strip_prefix(&sound_kinds[..]);
        let expected = [EventKind::FailureBranchEntered, EventKind::Faulted, EventKind::SessionTerminal];
        ensure!(added == Some(&expected[..]), "question {fail}: the failing step added {added:?}");
        let (a, b) = (faulty.machine().tally(), sound.machine().tally());
        ensure!(a.messages == b.messages && a.dropped == b.dropped, "question {fail}: {a:?} {b:?}");
        ensure!(a.steps == b.steps + 1, "question {fail}: {a:?} {b:?}");
    }
    Ok(())
}

/// A send or receive that the host puts off leaves queue and types as they were, and is asked again.
pub fn deferred_sends_change_nothing() -> Result<(), String> {
    let image = letters(2).image()?;
    // Once is told to wait, and then goes through: the counters differ, everything else is as without.
    let host = |defer: u32| {
        Script::new(&[EffectKind::SendDecision], move |request: &EffectRequest<'_>| {
            decision(if request.coordinate.counter < defer { SendDecision::Defer } else { SendDecision::Deliver })
        })
    };
    let plain = Setup::default().schedule(1, 1).run(&image, &host(0))?;
    for defer in 1..4 {
        for fuel in [1, 256] {
            let run = Setup::default().schedule(1, fuel).run(&image, &host(defer))?;
            ensure!(run.status == RunStatus::Completed, "{:?} {:?}", run.status, run.faults);
            let (steps, extra) = (run.tally.steps, u64::from(defer));
            // A deferred attempt is a step; so is what the receiver does meanwhile, which is at most to look once.
            ensure!(steps >= plain.tally.steps + extra, "{steps} steps, {} without", plain.tally.steps);
            ensure!(run.tally.messages == 2 && run.tally.dropped == 0, "{:?}", run.tally);
            run.replayed()?;
        }
    }
    Ok(())
}

/// Deferred sends do not make a session's events depend on the schedule.
pub fn deferral_does_not_depend_on_fuel() -> Result<(), String> {
    // `A`'s send to `B` is put off while `C` waits for `D`: whether `A` or `C` goes on first is up to the session.
    let mut draft = Draft::new();
    let m = draft.label("M", UNIT);
    let (ab, dc) = (draft.edge(0, 1), draft.edge(3, 2));
    draft.comm(ab, &[(m, 1)]);
    draft.comm(dc, &[(m, 2)]);
    draft.end();
    for (role, action) in [Action::Send(ab), Action::Recv(ab), Action::Recv(dc), Action::Send(dc)].iter().enumerate() {
        let role = role as u16;
        let end = draft.state(role, Action::End, &[]);
        draft.state(role, *action, &[(m, end)]);
    }
    for (role, name) in ["A", "B", "C", "D"].iter().enumerate() {
        let sends = role % 3 == 0;
        let instr = if sends { Instr::Send { chan: 0, val: 1 } } else { Instr::Receive { chan: 0, dst: 1 } };
        draft.role(name, role as u32 * 2 + 1, 2, &[instr, Instr::Halt {}]);
    }
    let image = draft.image()?;
    let host = Script::new(&[EffectKind::SendDecision], |request| {
        let at = request.coordinate;
        let defer = at.coroutine.0 == 0 && at.counter == 0;
        decision(if defer { SendDecision::Defer } else { SendDecision::Deliver })
    });
    let mut first = None;
    for fuel in [256, 1, 2, 3, 4, 5] {
        let run = Setup::default().schedule(1, fuel).run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "fuel {fuel}: {:?}", run.status);
        run.replayed()?;
        let trace = run.normalised()?;
        let first = first.get_or_insert_with(|| trace.clone());
        let difference = first.difference(&trace);
        ensure!(difference.is_none(), "fuel {fuel} changes a session's events: {difference:?}");
    }
    Ok(())
}

/// Where a burst stops for want of fuel does not change the order of a session's steps.
pub fn order_does_not_depend_on_fuel() -> Result<(), String> {
    // `C` wakes `A`, and goes on for a while before it waits: `A` must not go first because a burst ended meanwhile.
    let mut draft = Draft::new();
    let m = draft.label("M", UNIT);
    let (ca, cb, bc) = (draft.edge(2, 0), draft.edge(2, 1), draft.edge(1, 2));
    for (node, edge) in [ca, cb, bc, ca].into_iter().enumerate() {
        draft.comm(edge, &[(m, node as u32 + 1)]);
    }
    draft.end();
    let receive_twice = [Action::Recv(ca), Action::Recv(ca)];
    let answer = [Action::Recv(cb), Action::Send(bc)];
    let lead = [Action::Send(ca), Action::Send(cb), Action::Recv(bc), Action::Send(ca)];
    for (role, actions) in [&receive_twice[..], &answer, &lead].into_iter().enumerate() {
        let first = draft.parts.states.len() as u32;
        for (at, action) in (first..).zip(actions) {
            draft.state(role as u16, *action, &[(m, at + 1)]);
        }
        draft.state(role as u16, Action::End, &[]);
    }
    let (send, receive) = (Instr::Send { chan: 0, val: 1 }, Instr::Receive { chan: 0, dst: 1 });
    let (moves, halt) = (Instr::Move { dst: 1, src: 1 }, Instr::Halt {});
    draft.role("A", 0, 2, &[receive, moves, receive, halt]);
    draft.role("B", 3, 2, &[moves, receive, moves, send, moves, halt]);
    draft.role("C", 6, 2, &[moves, send, moves, moves, send, receive, moves, send, moves, halt]);
    let image = draft.image()?;
    let run = |fuel| Setup::default().schedule(1, fuel).run(&image, &NoHost);
    let wide = run(256)?;
    ensure!(wide.status == RunStatus::Completed, "{:?} {:?}", wide.status, wide.faults);
    for fuel in 1..12 {
        let run = run(fuel)?;
        ensure!(run.normalised()? == wide.normalised()?, "fuel {fuel} changes the order of a session's events");
        let (steps, once) = (run.tally.steps, wide.tally.steps);
        ensure!(steps == once, "fuel {fuel}: {steps} steps, {once} in one burst");
    }
    Ok(())
}

/// What registers hold after `Set`, `Move` and `Branch`, seen by the host at the send behind them.
pub fn control_instructions_do_as_they_say() -> Result<(), String> {
    let mut draft = letters(1);
    let numbers: Vec<u32> = [10, 20, 0, 1, 2, 3].map(|n| draft.nat(n)).to_vec();
    let text = draft.constant(STRING, &[ScalarPart::Str("t".into())]);
    let set = |dst, constant| Instr::Set { dst, constant };
    let moves = |dst, src| Instr::Move { dst, src };
    for (on, expected) in [(2, 10), (3, 20), (4, 1), (5, 1)] {
        let mut draft = draft.clone();
        // Row 0 sends 10, row 1 sends 20; there is no row 2, so the program falls through to the number 1 of r1.
        let table = draft.table(&[(8, 0), (10, 0)]);
        draft.recode(
            0,
            6,
            &[
                set(1, numbers[3]),
                set(2, numbers[on]),
                set(3, text),
                moves(4, 3),
                set(3, text),
                moves(5, 0),
                Instr::Branch { on: 2, table },
                Instr::Jump { target: 11 },
                set(1, numbers[0]),
                Instr::Jump { target: 11 },
                set(1, numbers[1]),
                Instr::Send { chan: 5, val: 1 },
                Instr::Halt {},
            ],
        );
        let image = draft.image()?;
        let seen = Mutex::new(Vec::new());
        let host = Script::new(&[EffectKind::SendDecision], |request| {
            let value = |at| request.state.get(Reg(at)).map(motet_machine::ValueRef::to_value);
            let registers: Vec<Option<Value>> = (0..7).map(value).collect();
            seen.lock().expect("one thread").push((registers, request.state.len()));
            accept(request)
        });
        let run = Setup::default().run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "{:?} {:?}", run.status, run.faults);
        let own = Value::Endpoint { session: SessionId(0), role: motet_types::RoleId(0) };
        let (t, at) = (Value::Str("t".into()), numbers[on] as usize);
        let on = [1, 10, 20, 0, 1, 2, 3][at];
        let expected = vec![
            Some(own.clone()),
            Some(Value::Nat(expected)),
            Some(Value::Nat(on)),
            Some(t.clone()),
            Some(t),
            Some(own),
            None,
        ];
        let seen = seen.lock().expect("one thread");
        ensure!(seen[..] == [(expected.clone(), 6)], "{seen:?}, not {expected:?}");
    }
    Ok(())
}

/// `Yield` lets the session's other coroutines run before it goes on.
pub fn yield_lets_others_run() -> Result<(), String> {
    let mut draft = letters(3);
    let (set, send) = (Instr::Set { dst: 1, constant: 0 }, Instr::Send { chan: 0, val: 1 });
    let yields = Instr::Yield {};
    draft.recode(0, 2, &[set, send, yields, send, yields, send, yields, Instr::Halt {}]);
    let image = draft.image()?;
    let run = Setup::default().run(&image, &NoHost)?;
    let kinds: Vec<EventKind> = run.trace()?.iter().map(|event| event.event.kind).collect();
    use EventKind::{Halted, Opened, Received, Sent, SessionTerminal};
    let expected = [Opened, Sent, Received, Sent, Received, Sent, Received, Halted, Halted, SessionTerminal];
    ensure!(kinds == expected, "{kinds:?}");
    Ok(())
}
