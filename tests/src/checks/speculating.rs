//! Speculations: what is kept is as if it had simply been done, what is undone as if it had never been.

use crate::draft::{Draft, NAT, STRING, UNIT};
use crate::script::{Script, done};
use crate::walk::{Run, Setup};
use motet_machine::{CodeImage, EffectOutcome, EffectRequestBody, EffectResponse, OpenError, VerifyError};
use motet_runtime::{RunStatus, RuntimeError};
use motet_types::{Action, EffectKind, Event, EventKind, FaultClass, Instr, ScalarPart, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// The register in which A keeps a speculation's number.
const GHOST: u16 = 3;
pub(super) const SEND: Instr = Instr::Send { chan: 0, val: 1 };
pub(super) const RECEIVE: Instr = Instr::Receive { chan: 0, dst: 2 };
pub(super) const FORK: Instr = Instr::Fork { ghost: GHOST };
pub(super) const JOIN: Instr = Instr::Join {};
pub(super) const ABORT: Instr = Instr::Abort {};

/// A sends a text, B answers with a number; `talk` is what A does about it, and it has texts and numbers at hand.
pub(super) fn talk(talk: &[Instr]) -> Draft {
    let mut draft = Draft::new();
    let (ask, say) = (draft.label("Ask", STRING), draft.label("Say", NAT));
    let (ab, ba) = (draft.edge(0, 1), draft.edge(1, 0));
    draft.comm(ab, &[(ask, 1)]);
    draft.comm(ba, &[(say, 2)]);
    draft.end();
    draft.state(0, Action::Send(ab), &[(ask, 1)]);
    draft.state(0, Action::Recv(ba), &[(say, 2)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Recv(ab), &[(ask, 4)]);
    draft.state(1, Action::Send(ba), &[(say, 5)]);
    draft.state(1, Action::End, &[]);
    let text = draft.constant(STRING, &[ScalarPart::Str("hello".into())]);
    let other = draft.constant(STRING, &[ScalarPart::Str("forgotten".into())]);
    let (seven, nine) = (draft.nat(7), draft.nat(9));
    assert_eq!((text, other), (0, 1));
    let begin = [Instr::Set { dst: 1, constant: text }, Instr::Set { dst: GHOST, constant: seven }];
    let code: Vec<Instr> = begin.into_iter().chain(talk.iter().copied()).chain([Instr::Halt {}]).collect();
    draft.role("A", 0, 4, &code);
    draft.role(
        "B",
        3,
        2,
        &[Instr::Receive { chan: 0, dst: 1 }, Instr::Set { dst: 1, constant: nine }, SEND, Instr::Halt {}],
    );
    draft
}

fn deep(depth: u16) -> Setup {
    let mut setup = Setup::default().sessions(3);
    setup.config.speculation_depth = depth;
    setup
}

/// What each session did, without what tells of speculations.
fn deeds(run: &Run) -> Result<Vec<Vec<Event>>, String> {
    let tells = |event: &Event| matches!(event.kind, EventKind::Forked | EventKind::Joined | EventKind::Aborted);
    let sessions = run.sessions()?;
    Ok(sessions.into_values().map(|events| events.into_iter().filter(|event| !tells(event)).collect()).collect())
}

fn count(run: &Run, kind: EventKind) -> Result<usize, String> {
    Ok(run.trace()?.iter().filter(|event| event.event.kind == kind).count())
}

/// A host that is asked about everything and keeps what was received, and by whom it was asked.
fn listening(heard: &Mutex<Vec<Value>>) -> Script<'_> {
    Script::new(&[EffectKind::SendDecision, EffectKind::Receive], |request| {
        if let EffectRequestBody::Receive { payload, .. } = request.body {
            heard.lock().expect("one thread").push(payload.to_value());
        }
        EffectOutcome::accept(request.kind())
    })
}

fn same_deeds(code: &[Instr], told: [usize; 3]) -> Result<(), String> {
    let (plain, image) = (talk(&[SEND, RECEIVE]).image()?, talk(code).image()?);
    let heard = Mutex::new(Vec::new());
    let expected = deeds(&Setup::default().sessions(3).run(&plain, &listening(&heard))?)?;
    for (wave, fuel) in [(1, 1), (2, 2), (8, 3), (64, 256)] {
        let at = |why: String| format!("wave {wave}, fuel {fuel}: {why}");
        heard.lock().expect("one thread").clear();
        let host = listening(&heard);
        let run = deep(2).schedule(wave, fuel).run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "fuel {fuel}: {:?} {:?}", run.status, run.faults);
        ensure!(deeds(&run)? == expected, "fuel {fuel}: {:?} is not {expected:?}", deeds(&run)?);
        let tells =
            [count(&run, EventKind::Forked)?, count(&run, EventKind::Joined)?, count(&run, EventKind::Aborted)?];
        ensure!(tells == told.map(|of| 3 * of), "fuel {fuel}: {tells:?} told of speculations");
        let known = [Value::Str("hello".into()), Value::Nat(9)];
        let strange = heard.lock().expect("one thread").iter().find(|value| !known.contains(value)).cloned();
        ensure!(strange.is_none(), "fuel {fuel}: {strange:?} was received");
        run.replayed().map_err(at)?;
    }
    Ok(())
}

/// What a speculation did and kept is what would have been done without it.
pub fn what_is_kept_is_done() -> Result<(), String> {
    same_deeds(&[FORK, SEND, RECEIVE, JOIN], [1, 1, 0])?;
    same_deeds(&[FORK, SEND, FORK, RECEIVE, JOIN, JOIN], [2, 2, 0])?;
    same_deeds(&[FORK, JOIN, SEND, FORK, RECEIVE, JOIN], [2, 2, 0])
}

/// What it did and took back has not been done: types, messages, registers, texts, other coroutines, events.
pub fn what_is_undone_is_not() -> Result<(), String> {
    let forget = Instr::Set { dst: 1, constant: 1 };
    same_deeds(&[FORK, SEND, RECEIVE, ABORT, SEND, RECEIVE], [1, 0, 1])?;
    same_deeds(&[FORK, SEND, RECEIVE, forget, ABORT, SEND, RECEIVE], [1, 0, 1])?;
    same_deeds(&[FORK, forget, SEND, ABORT, SEND, FORK, RECEIVE, ABORT, RECEIVE], [2, 0, 2])?;
    // What is kept inside what is undone, and the other way round.
    same_deeds(&[FORK, SEND, FORK, RECEIVE, JOIN, ABORT, SEND, RECEIVE], [1, 0, 1])?;
    same_deeds(&[FORK, SEND, FORK, RECEIVE, ABORT, RECEIVE, JOIN], [2, 1, 1])
}

/// The state does not depend on whether anybody looks at the trace.
pub fn traces_change_no_root() -> Result<(), String> {
    let image = talk(&[FORK, SEND, FORK, RECEIVE, JOIN, ABORT, FORK, SEND, RECEIVE, JOIN]).image()?;
    for limit in 0..60 {
        let root = |trace| -> Result<_, String> {
            let mut setup = deep(2).schedule(2, 3).limit(limit);
            setup.config.trace = trace;
            let mut runtime = setup.guest(&image)?;
            runtime.run(&motet_machine::NoHost).map_err(|error| error.to_string())?;
            Ok(runtime.state_root())
        };
        let (with, without) = (root(motet_machine::TraceMode::Full)?, root(motet_machine::TraceMode::Disabled)?);
        ensure!(with == without, "after {limit} steps the root depends on the trace");
    }
    Ok(())
}

/// No effect has an id that another had, undone or not.
pub fn undone_effects_keep_their_ids() -> Result<(), String> {
    let image = talk(&[FORK, SEND, RECEIVE, ABORT, SEND, RECEIVE]).image()?;
    let seen = Mutex::new(BTreeSet::new());
    let twice = Mutex::new(None);
    let host = Script::new(&[EffectKind::SendDecision, EffectKind::Receive], |request| {
        if !seen.lock().expect("one thread").insert(request.coordinate) {
            *twice.lock().expect("one thread") = Some(request.coordinate);
        }
        EffectOutcome::accept(request.kind())
    });
    let run = deep(1).run(&image, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.status);
    let twice = *twice.lock().expect("one thread");
    ensure!(twice.is_none(), "{twice:?} was asked twice");
    run.replayed().map(drop)
}

fn faults(image: &Arc<CodeImage>, depth: u16) -> Result<(), String> {
    for fuel in [1, 256] {
        let host = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
        let run = deep(depth).schedule(4, fuel).run(image, &host)?;
        ensure!(run.status == RunStatus::Faulted && run.tally.faulted == 3, "{:?} {:?}", run.status, run.tally);
        let class = run.faults.iter().all(|report| report.fault.class() == FaultClass::Speculation);
        ensure!(class, "{:?}", run.faults);
        // What was withheld never happened.
        ensure!(count(&run, EventKind::Sent)? == 0, "a speculation that faulted has sent something");
        run.replayed()?;
    }
    Ok(())
}

/// Nesting has a limit, and no limit at all means that the image is refused.
pub fn nesting_has_a_limit() -> Result<(), String> {
    let image = talk(&[FORK, SEND, FORK, RECEIVE, JOIN, JOIN]).image()?;
    let refused = deep(0).guest(&image).err();
    let expected = RuntimeError::Open(OpenError::Speculates).to_string();
    ensure!(refused.as_ref() == Some(&expected), "{refused:?}");
    faults(&image, 1)
}

/// Inside a speculation nobody outside is asked.
pub fn nobody_outside_is_asked() -> Result<(), String> {
    let mut draft = talk(&[FORK, SEND, Instr::Invoke { arg: 2, dst: 2, effect: 0 }, RECEIVE, JOIN]);
    draft.effect("wait", UNIT, UNIT, true);
    faults(&draft.image()?, 1)
}

/// One coroutine at a time has a session's speculations.
pub fn one_coroutine_speculates() -> Result<(), String> {
    let mut draft = talk(&[FORK, SEND, RECEIVE, JOIN]);
    let seven = 2;
    let code = [Instr::Set { dst: 1, constant: seven }, Instr::Fork { ghost: 1 }, JOIN];
    let rest = [Instr::Receive { chan: 0, dst: 1 }, Instr::Set { dst: 1, constant: 3 }, SEND, Instr::Halt {}];
    draft.recode(1, 2, &[&code[..], &rest].concat());
    faults(&draft.image()?, 4)
}

/// An answer that was used in what is undone is there again.
pub fn answers_are_not_undone() -> Result<(), String> {
    let mut draft = talk(&[RECEIVE]);
    // B speaks first here: it says a number, asks the host, and answers what A asks.
    let (go, ask, say) = (draft.label("Go", UNIT), 0, 1);
    let (ab, ba) = (0, 1);
    draft.parts.global.clear();
    draft.comm(ba, &[(go, 1)]);
    draft.comm(ab, &[(ask, 2)]);
    draft.comm(ba, &[(say, 3)]);
    draft.end();
    draft.parts.states.clear();
    for (role, first) in [(0, 0), (1, 4)] {
        let (from_a, from_b) =
            if role == 0 { (Action::Send(ab), Action::Recv(ba)) } else { (Action::Recv(ab), Action::Send(ba)) };
        draft.state(role, from_b, &[(go, first + 1)]);
        draft.state(role, from_a, &[(ask, first + 2)]);
        draft.state(role, from_b, &[(say, first + 3)]);
        draft.state(role, Action::End, &[]);
    }
    draft.parts.roles[1].initial = 4;
    draft.effect("number", UNIT, NAT, true);
    let begin = [Instr::Set { dst: 1, constant: 0 }, Instr::Set { dst: GHOST, constant: 2 }, RECEIVE];
    let a = [&begin[..], &[FORK, SEND, RECEIVE, ABORT, SEND, RECEIVE, Instr::Halt {}]].concat();
    draft.recode(0, 4, &a);
    let b = [SEND, Instr::Invoke { arg: 2, dst: 2, effect: 0 }, Instr::Receive { chan: 0, dst: 1 }];
    draft.recode(1, 3, &[&b[..], &[Instr::Send { chan: 0, val: 2 }, Instr::Halt {}]].concat());
    let image = draft.image()?;
    for fuel in [1, 3, 256] {
        let heard = Mutex::new(Vec::new());
        let host = Script::new(&[EffectKind::InvokeStep, EffectKind::Receive], |request| match request.body {
            EffectRequestBody::InvokeStep { .. } => EffectOutcome::Pending,
            EffectRequestBody::Receive { payload, .. } => {
                heard.lock().expect("one thread").push(payload.to_value());
                EffectOutcome::Success(EffectResponse::Receive(None))
            }
            _ => EffectOutcome::accept(request.kind()),
        });
        let failed = |error: RuntimeError| error.to_string();
        let mut runtime = deep(1).sessions(1).schedule(2, fuel).guest(&image)?;
        let status = runtime.run(&host).map_err(failed)?;
        let asked: Vec<_> = runtime.outstanding().map(|(id, _)| id).collect();
        ensure!(status == RunStatus::Waiting && asked.len() == 1, "fuel {fuel}: {status:?} {asked:?}");
        runtime.complete(asked[0], done(Value::Nat(41))).map_err(failed)?;
        let status = runtime.run(&host).map_err(failed)?;
        ensure!(status == RunStatus::Completed, "fuel {fuel}: {status:?}, the answer is gone");
        let heard = heard.lock().expect("one thread").iter().filter(|value| **value == Value::Nat(41)).count();
        ensure!(heard == 2, "fuel {fuel}: the answer was used {heard} times");
        Run::of(runtime, &host)?.replayed()?;
    }
    Ok(())
}

fn refused(code: &[Instr], what: &str) -> Result<(), String> {
    match talk(code).image() {
        Err(why) if why.contains(what) => Ok(()),
        other => Err(format!("{code:?} should be refused for `{what}`, not {other:?}")),
    }
}

/// Code must begin what it ends, and end what it begins.
pub fn speculations_begin_and_end() -> Result<(), String> {
    refused(&[JOIN, SEND, RECEIVE], "could be kept")?;
    refused(&[FORK, ABORT, ABORT, SEND, RECEIVE], "could be undone")?;
    refused(&[FORK, SEND, RECEIVE], "neither kept nor undone")
}

/// Behind an `Abort` the type is the one at the `Fork`.
pub fn aborts_take_the_type_back() -> Result<(), String> {
    let draft = talk(&[FORK, SEND, ABORT, RECEIVE]);
    match draft.verify() {
        Err(VerifyError::Type { .. }) => Ok(()),
        other => Err(format!("accepted, or refused for another reason: {:?}", other.err())),
    }
}

/// Paths that meet are in the same speculations.
pub fn paths_meet_in_the_same_speculation() -> Result<(), String> {
    let mut draft = talk(&[FORK, JOIN, SEND, RECEIVE]);
    // Position 3 is the `Join`; a table leads to it from before the `Fork` as well.
    let table = draft.table(&[(3, 0)]);
    let begin = [Instr::Set { dst: 1, constant: 0 }, Instr::Set { dst: GHOST, constant: 2 }];
    let code = [Instr::Branch { on: GHOST, table }, FORK, JOIN, SEND, RECEIVE, Instr::Halt {}];
    draft.recode(0, 4, &[&begin[..], &code].concat());
    draft.parts.tables[table as usize][0].target = 4;
    match draft.verify() {
        Err(VerifyError::Speculation { what, .. }) if what.contains("meet") => Ok(()),
        other => Err(format!("accepted, or refused for another reason: {:?}", other.err())),
    }
}
