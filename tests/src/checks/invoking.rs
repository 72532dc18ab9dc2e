//! Host operations: answered at once or later, recorded, replayed, and refused when nobody can answer.

use crate::draft::{BOOL, Draft, NAT, STRING, letters, stream};
use crate::script::{Script, accept, choose, done};
use crate::walk::{Run, Setup};
use motet_machine::{
    AnswerError, CodeImage, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse, Gate, NoHost, TraceMode,
};
use motet_runtime::{GuestRuntime, Input, ProfileDifference, ReplayError, RunStatus, RuntimeError, Turn, replay};
use motet_types::{
    Action, CoroutineId, EffectFailureKind, EffectKind, EventKind, Fault, FaultClass, Instr, SessionId, Value,
};
use std::sync::{Arc, Mutex};

/// `A` invokes `Test.ask` with 1 and sends the answer to `B`.
fn asking(may_block: bool) -> Draft {
    let mut draft = letters(1);
    let effect = draft.effect("ask", NAT, NAT, may_block);
    let set = Instr::Set { dst: 1, constant: 0 };
    let invoke = Instr::Invoke { arg: 1, dst: 1, effect };
    draft.recode(0, 2, &[set, invoke, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
    draft
}

/// Both roles invoke an operation that may block, and halt.
fn both_asking() -> Draft {
    let mut draft = Draft::new();
    draft.end();
    let effect = draft.effect("ask", NAT, NAT, true);
    let constant = draft.nat(1);
    for (role, name) in ["A", "B"].iter().enumerate() {
        let end = draft.state(role as u16, Action::End, &[]);
        let invoke = Instr::Invoke { arg: 1, dst: 1, effect };
        draft.role(name, end, 2, &[Instr::Set { dst: 1, constant }, invoke, Instr::Halt {}]);
    }
    draft
}

const INVOKE: [EffectKind; 1] = [EffectKind::InvokeStep];

fn turns(runtime: &mut GuestRuntime, host: &impl motet_machine::EffectHandler) -> Result<RunStatus, String> {
    runtime.run(host).map_err(|error| error.to_string())
}

fn value_received(run: &Run, image: &Arc<CodeImage>) -> Result<Vec<Value>, String> {
    // What `B` holds is what came; a replay with a host of its own is not needed to see it.
    let received = run.trace()?.iter().filter(|event| event.event.kind == EventKind::Received).count();
    let answers = run.inputs()?.into_iter().filter_map(|(_, input)| match input {
        Input::Effect(effect) => Some(effect.outcome),
        Input::Answer { outcome, .. } => Some(outcome),
        _ => None,
    });
    ensure!(received == 1 && image.role_count() == 2, "{received} messages were received");
    Ok(answers
        .filter_map(|outcome| match outcome {
            EffectOutcome::Success(motet_machine::EffectResponse::InvokeStep(value)) => Some(value),
            _ => None,
        })
        .collect())
}

/// An immediate operation is answered inside the burst; its answer goes to the register, the tape and the replay.
pub fn immediate_answers_are_used() -> Result<(), String> {
    let image = asking(false).image()?;
    let seen = Mutex::new(Vec::new());
    let kinds = [EffectKind::InvokeStep, EffectKind::Receive];
    let host = Script::new(&kinds, |request| match request.body {
        EffectRequestBody::InvokeStep { argument, .. } => {
            let operation = request.operation().map(|part| part.operation.clone()).unwrap_or_default();
            seen.lock().expect("one thread").push((operation, argument.to_value()));
            done(Value::Nat(77))
        }
        EffectRequestBody::Receive { payload, .. } => {
            seen.lock().expect("one thread").push(("received".into(), payload.to_value()));
            accept(request)
        }
        _ => accept(request),
    });
    let run = Setup::default().run(&image, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?} {:?}", run.status, run.faults);
    let expected = [("ask".into(), Value::Nat(1)), ("received".into(), Value::Nat(77))];
    ensure!(seen.lock().expect("one thread")[..] == expected, "{seen:?}");
    ensure!(value_received(&run, &image)? == [Value::Nat(77)], "the tape has another answer");
    run.replayed().map(drop)
}

/// An operation that may block: the coroutine waits for its answer and nothing else does; the answer comes later,
/// once, by the effect's id; and a replay hands it in at the same place.
pub fn pending_answers_come_later() -> Result<(), String> {
    let image = asking(true).image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&INVOKE, |request: &EffectRequest<'_>| {
        asked.lock().expect("one thread").push((request.effect_id(), request.state.is_empty()));
        EffectOutcome::Pending
    });
    let setup = Setup::default().sessions(2);
    let mut runtime = setup.guest(&image)?;
    ensure!(turns(&mut runtime, &host)? == RunStatus::Waiting, "{:?}", runtime.status());
    for session in 0..2 {
        let gate = |of| runtime.machine().gate(SessionId(session), CoroutineId(of));
        ensure!(gate(0) == Some(Gate::Answer), "A waits at {:?}", gate(0));
        ensure!(matches!(gate(1), Some(Gate::Message(_))), "B waits at {:?}", gate(1));
    }
    let ids: Vec<_> = asked.lock().expect("one thread").clone();
    ensure!(ids.len() == 2 && ids[0].0 != ids[1].0 && ids.iter().all(|id| id.1), "{ids:?}");
    // Neither `Blocked` nor `Pending` is an answer, and neither uses the question up.
    for outcome in [EffectOutcome::Blocked, EffectOutcome::Pending] {
        let refused = runtime.complete(ids[0].0, outcome);
        ensure!(matches!(refused, Err(RuntimeError::Answer(AnswerError::NotAnAnswer(_)))), "{refused:?}");
    }
    // The second session's answer comes first.
    runtime.complete(ids[1].0, done(Value::Nat(5))).map_err(|error| error.to_string())?;
    let twice = runtime.complete(ids[1].0, done(Value::Nat(6)));
    ensure!(matches!(twice, Err(RuntimeError::UnknownEffect(_))), "answered twice: {twice:?}");
    ensure!(turns(&mut runtime, &host)? == RunStatus::Waiting, "{:?}", runtime.status());
    ensure!(runtime.machine().tally().closed == 1, "{:?}", runtime.machine().tally());
    runtime.complete(ids[0].0, done(Value::Nat(4))).map_err(|error| error.to_string())?;
    ensure!(turns(&mut runtime, &host)? == RunStatus::Completed, "{:?}", runtime.status());
    ensure!(asked.lock().expect("one thread").len() == 2, "somebody was asked again");
    let unknown = runtime.complete(ids[0].0, done(Value::Nat(4)));
    ensure!(matches!(unknown, Err(RuntimeError::UnknownEffect(_))), "answered after the end: {unknown:?}");
    Run::of(runtime, &host)?.replayed().map(drop)
}

/// With neither trace nor recording, an effect and a guard that wait for their answers are still waited for.
pub fn nothing_is_kept_and_answers_come() -> Result<(), String> {
    let host = Script::new(&[EffectKind::InvokeStep, EffectKind::Acquire], |_| EffectOutcome::Pending);
    let acquire = [Instr::Acquire { dst: 1, layer: 7 }, Instr::Release { evidence: 1, layer: 7 }, Instr::Halt {}];
    let guarded = super::guards::alone(2, &acquire).image()?;
    let granted = EffectOutcome::Success(EffectResponse::Acquire(Value::Unit));
    for (image, answer) in [(asking(true).image()?, done(Value::Nat(5))), (guarded, granted)] {
        let mut setup = Setup::default().sessions(2);
        (setup.config.trace, setup.config.record) = (TraceMode::Disabled, false);
        let mut runtime = setup.guest(&image)?;
        ensure!(turns(&mut runtime, &host)? == RunStatus::Waiting, "{:?}", runtime.status());
        let waiting: Vec<_> = runtime.outstanding().map(|(id, _)| id).collect();
        ensure!(waiting.len() == 2, "{waiting:?}");
        for id in waiting {
            runtime.complete(id, answer.clone()).map_err(|error| error.to_string())?;
        }
        ensure!(turns(&mut runtime, &host)? == RunStatus::Completed, "{:?} {:?}", runtime.status(), runtime.faults());
    }
    Ok(())
}

/// A host that is not yet able to answer is asked again at every turn, with the same id, and not otherwise.
pub fn blocked_questions_are_asked_again() -> Result<(), String> {
    let image = asking(true).image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&INVOKE, |request: &EffectRequest<'_>| {
        let mut asked = asked.lock().expect("one thread");
        asked.push(request.effect_id());
        if asked.len() < 4 { EffectOutcome::Blocked } else { done(Value::Nat(9)) }
    });
    let mut runtime = Setup::default().guest(&image)?;
    for questions in [0, 1, 2, 3] {
        let turn = runtime.turn(&host).map_err(|error| error.to_string())?;
        ensure!((turn == Turn::Idle) == (questions > 0), "{turn:?} with {questions} questions asked");
        let count = asked.lock().expect("one thread").len();
        ensure!(count == questions, "{count} questions after {questions} idle turns");
    }
    ensure!(turns(&mut runtime, &host)? == RunStatus::Completed, "{:?}", runtime.status());
    let asked = asked.lock().expect("one thread");
    ensure!(asked.len() == 4 && asked.iter().all(|id| *id == asked[0]), "{asked:?}");
    Run::of(runtime, &host)?.replayed().map(drop)
}

/// A failure, a value of another sort, and an answer of another kind are faults of the host, at once or later.
pub fn failures_are_faults() -> Result<(), String> {
    let wrong: [fn() -> EffectOutcome; 4] = [
        || EffectOutcome::failure(EffectFailureKind::Timeout, "too late"),
        || done(Value::Bool(true)),
        || EffectOutcome::accept(EffectKind::Choose),
        || done(Value::Str("x".repeat(70_000))),
    ];
    for may_block in [false, true] {
        for (case, outcome) in wrong.into_iter().enumerate() {
            let mut draft = asking(may_block);
            if case == 3 {
                draft.parts.effects[0].answer = STRING;
                draft.recode(
                    0,
                    3,
                    &[
                        Instr::Set { dst: 1, constant: 0 },
                        Instr::Invoke { arg: 1, dst: 2, effect: 0 },
                        Instr::Send { chan: 0, val: 1 },
                        Instr::Halt {},
                    ],
                );
            }
            let image = draft.image()?;
            let run = Setup::default().run(&image, &Script::new(&INVOKE, move |_| outcome()))?;
            ensure!(run.status == RunStatus::Faulted, "case {case}: {:?}", run.status);
            let [report] = &run.faults[..] else { return Err(format!("one fault, not {:?}", run.faults)) };
            ensure!(report.fault.class() == FaultClass::Invoke, "case {case}: {report:?}");
            let kind = if case == 0 { EffectFailureKind::Timeout } else { EffectFailureKind::ContractViolation };
            ensure!(matches!(report.fault, Fault::Invoke { kind: k, .. } if k == kind), "case {case}: {report:?}");
            ensure!(run.tally.messages == 0, "case {case}: a message was sent");
            run.replayed()?;
        }
    }
    // What may not block may not say that it does.
    for outcome in [|| EffectOutcome::Blocked, || EffectOutcome::Pending] {
        let run = Setup::default().run(&asking(false).image()?, &Script::new(&INVOKE, move |_| outcome()))?;
        ensure!(run.status == RunStatus::Faulted, "{:?}", run.status);
    }
    Ok(())
}

/// When several of a session's coroutines are answered, or one while others are ready, the session is planned once.
pub fn answered_sessions_are_planned_once() -> Result<(), String> {
    let image = both_asking().image()?;
    let host = Script::new(&INVOKE, |_| done(Value::Nat(3)));
    for fuel in [1, 2, 256] {
        let run = Setup::default().schedule(8, fuel).sessions(3).run(&image, &host)?;
        ensure!(run.status == RunStatus::Completed, "fuel {fuel}: {:?}", run.status);
        ensure!(
            run.metrics.planner_conflict_events == 0,
            "fuel {fuel}: {} plans were refused",
            run.metrics.planner_conflict_events
        );
        ensure!(run.tally.steps == 3 * 8, "fuel {fuel}: {} steps", run.tally.steps);
        run.replayed()?;
    }
    Ok(())
}

/// An answer for a session that a fault has ended meanwhile is refused and changes nothing.
pub fn answers_for_the_dead_are_refused() -> Result<(), String> {
    let mut draft = both_asking();
    let other = draft.effect("now", NAT, NAT, false);
    let invoke = Instr::Invoke { arg: 1, dst: 1, effect: other };
    let set = Instr::Set { dst: 1, constant: 0 };
    draft.recode(1, 2, &[Instr::Yield {}, set, invoke, Instr::Halt {}]);
    let image = draft.image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&INVOKE, |request: &EffectRequest<'_>| {
        match request.operation().is_some_and(|operation| operation.may_block) {
            true => {
                asked.lock().expect("one thread").push(request.effect_id());
                EffectOutcome::Pending
            }
            false => EffectOutcome::failure(EffectFailureKind::Denied, "no"),
        }
    });
    // One step at a time the question is asked before the fault; in one burst it is not asked at all.
    for (fuel, questions) in [(1, 1), (256, 0)] {
        asked.lock().expect("one thread").clear();
        let mut runtime = Setup::default().schedule(1, fuel).guest(&image)?;
        ensure!(turns(&mut runtime, &host)? == RunStatus::Faulted, "{:?}", runtime.status());
        let ids = asked.lock().expect("one thread").clone();
        ensure!(ids.len() == questions, "fuel {fuel}: {} questions", ids.len());
        let root = runtime.state_root();
        for id in ids {
            let refused = runtime.complete(id, done(Value::Nat(1)));
            ensure!(refused.is_err(), "the dead session's answer was taken");
        }
        ensure!(runtime.state_root() == root, "a refused answer changed the state");
        ensure!(runtime.machine().pending_effects().next().is_none(), "the dead session still waits");
        Run::of(runtime, &host)?.replayed()?;
    }
    Ok(())
}

/// A protocol in which a role decides does not run without a host that answers, and says so.
pub fn somebody_must_choose() -> Result<(), String> {
    let mut runtime = Setup::default().guest(&stream().image()?)?;
    let refused = runtime.turn(&NoHost);
    let right = matches!(&refused, Err(RuntimeError::NobodyChooses { role }) if role == "A");
    ensure!(right, "{refused:?}");
    ensure!(runtime.machine().tally().steps == 0, "a step was taken");
    let host = Script::new(&[EffectKind::Choose], |request| choose(request, "Done"));
    ensure!(turns(&mut runtime, &host)? == RunStatus::Completed, "{:?}", runtime.status());
    Ok(())
}

/// An operation with an answer, or one that may block, does not run without a host that answers, and says so.
pub fn somebody_must_answer() -> Result<(), String> {
    for (answer, may_block, needed) in [(NAT, false, true), (NAT, true, true), (0, true, true), (0, false, false)] {
        let mut draft = asking(may_block);
        draft.parts.effects[0].answer = answer;
        let set = Instr::Set { dst: 1, constant: 0 };
        let invoke = Instr::Invoke { arg: 1, dst: 2, effect: 0 };
        draft.recode(0, 3, &[set, invoke, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}]);
        let mut runtime = Setup::default().guest(&draft.image()?)?;
        match runtime.turn(&NoHost) {
            Err(RuntimeError::NobodyAnswers { effect }) if needed => {
                ensure!(effect == "Test.ask", "{effect}");
            }
            Ok(_) if !needed => {
                ensure!(turns(&mut runtime, &NoHost)? == RunStatus::Completed, "{:?}", runtime.status())
            }
            other => return Err(format!("answer {answer}, may block {may_block}: {other:?}")),
        }
    }
    ensure!(BOOL == 2, "the drafts' sorts stand in their rows");
    Ok(())
}

/// The handler that began a run goes on with it; another one is refused, also one that wants the same.
pub fn the_handler_stays() -> Result<(), String> {
    let image = letters(3).image()?;
    let first = Script::new(&[EffectKind::Receive], accept);
    for kinds in [&[EffectKind::Receive][..], &[], &[EffectKind::SendDecision]] {
        let second = Script::new(kinds, accept).named("another");
        let mut runtime = Setup::default().schedule(1, 1).guest(&image)?;
        runtime.turn(&first).map_err(|error| error.to_string())?;
        let steps = runtime.machine().tally().steps;
        let refused = runtime.turn(&second);
        let right = matches!(&refused, Err(RuntimeError::HandlerChanged { began, now }) if began == "script" && now == "another");
        ensure!(right, "{refused:?}");
        ensure!(runtime.machine().tally().steps == steps, "a step was taken");
        ensure!(turns(&mut runtime, &first)? == RunStatus::Completed, "{:?}", runtime.status());
    }
    Ok(())
}

/// A replay asks the same questions in the same places; a tape that answers another question is found and named.
pub fn replay_asks_the_recorded_questions() -> Result<(), String> {
    let image = stream().image()?;
    let host = Script::new(&[EffectKind::Choose, EffectKind::SendDecision], |request| {
        choose(request, if request.coordinate.counter < 6 { "More" } else { "Done" })
    });
    let run = Setup::default().run(&image, &host)?;
    run.replayed()?;
    let questions = run.read_record()?.inputs.len();
    let mut altered = 0;
    for at in 0..questions {
        let changes: [fn(&mut motet_machine::RecordedEffect); 4] = [
            |effect| effect.subject ^= 1,
            |effect| effect.coordinate.counter += 1,
            |effect| effect.coordinate.coroutine.0 ^= 1,
            |effect| {
                effect.kind = match effect.kind {
                    EffectKind::Choose => EffectKind::SendDecision,
                    _ => EffectKind::Choose,
                }
            },
        ];
        for change in changes {
            let mut record = run.read_record()?;
            let Some((_, Input::Effect(effect))) = record.inputs.get_mut(at) else { continue };
            change(effect);
            altered += 1;
            match replay(&record, None, |_| {}) {
                Err(ReplayError::Diverged(divergence)) => {
                    let ProfileDifference { session, role, expected, found, .. } = &*divergence;
                    let named = *session == SessionId(0)
                        && role.as_deref() == Some("A")
                        && !expected.is_empty()
                        && !found.is_empty();
                    ensure!(named, "input {at}: {divergence}");
                }
                other => return Err(format!("input {at} was changed: {:?}", other.map(|replayed| replayed.end))),
            }
        }
    }
    ensure!(altered >= 4 * 8, "only {altered} changes");
    // A question that the record does not have.
    let mut record = run.read_record()?;
    let last = record.inputs.iter().rposition(|(_, input)| matches!(input, Input::Effect(_)));
    record.inputs.remove(last.ok_or("no effects")?);
    let replayed = replay(&record, None, |_| {});
    ensure!(matches!(replayed, Err(ReplayError::Diverged(_))), "{:?}", replayed.map(|replayed| replayed.end));
    Ok(())
}
