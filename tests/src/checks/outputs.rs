//! Output conditions: every step that tells something is checked, what the check says can be computed by others, and a step
//! that is refused leaves nothing.

use super::guards::{ACQUIRE, RELEASE, alone, granted, open};
use super::opening::{
    ASK, CAST, CHILD, CHOOSE, FORK, HALT, HEAR, OPEN, P, Q, REGISTERS, SAY, SEVEN, TALK, TELL, YIELD, opener, setup,
};
use crate::draft::letters;
use crate::script::{Script, accept};
use crate::walk::{Run, Setup};
use motet_machine::{
    CodeImage, CommunicationReplayMode, ConfigError, EffectOutcome, EffectRequestBody, EffectResponse, NoHost,
    OBSERVABLE_OUTPUT, OutputCheck, OutputConditionHint, OutputConditionPolicy, ProtocolMachine, ProtocolMachineConfig,
    RestoreError, TraceEvent, TraceMode, TraceReader, read_output_check,
};
use motet_runtime::{GuestRuntime, RunStatus};
use motet_types::{
    CoroutineId, Digest, EffectFailureKind, EffectKind, Event, EventKind, Fault, FaultClass, Instr, RoleId, SessionId,
    Side, Value,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn with(policy: OutputConditionPolicy) -> Setup {
    let mut setup = Setup::default();
    setup.config.output_condition_policy = policy;
    setup
}

fn list(names: &[&str]) -> OutputConditionPolicy {
    OutputConditionPolicy::AllowList(names.iter().map(|name| (*name).into()).collect())
}

fn hint(predicate: &str, witness: Option<&str>) -> EffectOutcome {
    let hint = OutputConditionHint { predicate: predicate.into(), witness: witness.map(Into::into) };
    EffectOutcome::Success(EffectResponse::OutputConditionHint(Some(Box::new(hint))))
}

const HINTS: [EffectKind; 3] = [EffectKind::OutputConditionHint, EffectKind::Acquire, EffectKind::Release];

/// A host that says `yes` of every output but one, of which it says `no`.
fn refuses(at: usize) -> Script<'static> {
    let asked = Mutex::new(0);
    Script::new(&HINTS, move |request| match request.body {
        EffectRequestBody::OutputConditionHint { .. } => {
            let mut asked = open(&asked);
            *asked += 1;
            hint(if *asked == at { "no" } else { "yes" }, None)
        }
        EffectRequestBody::Acquire { .. } => granted(Value::Nat(3)),
        _ => accept(request),
    })
}

/// The events with what they are about.
fn told(bytes: &[u8]) -> Result<Vec<(TraceEvent, String)>, String> {
    let mut reader = TraceReader::new(bytes);
    let mut events = Vec::new();
    while let Some(event) = reader.next() {
        events.push((event.map_err(text)?, reader.text().to_owned()));
    }
    Ok(events)
}

fn kinds(events: &[(TraceEvent, String)]) -> Vec<EventKind> {
    events.iter().map(|(at, _)| at.event.kind).collect()
}

/// The digest of what a step told and sent, from its document.
fn digest(image: &CodeImage, session: u64, words: &[Event], payload: Option<&[u8]>) -> Digest {
    let mut bytes = 15u64.to_le_bytes().to_vec();
    bytes.extend(b"motet.output.v1");
    bytes.extend(image.digest().0);
    bytes.extend(session.to_le_bytes());
    bytes.extend((words.len() as u64).to_le_bytes());
    words.iter().for_each(|word| bytes.extend(word.pack().to_le_bytes()));
    bytes.push(u8::from(payload.is_some()));
    if let Some(payload) = payload {
        bytes.extend((payload.len() as u64).to_le_bytes());
        bytes.extend(payload);
    }
    Digest(*blake3::hash(&bytes).as_bytes())
}

use EventKind::{
    Acquired, FailureBranchEntered, Faulted, Halted, Opened, OutputConditionChecked as Check, Received, Released, Sent,
    SessionTerminal,
};

/// Every step that tells something is followed by its check, which says what it told and sent; the record says the same as
/// the event; and where nothing is checked, nothing is told of checks.
pub fn outputs_are_checked() -> Result<(), String> {
    let image = letters(2).image()?;
    let setup = with(OutputConditionPolicy::AllowAll).sessions(2);
    for fuel in [256, 1] {
        let mut runtime = setup.clone().schedule(4, fuel).guest(&image)?;
        runtime.run(&NoHost).map_err(text)?;
        let (records, lost) = runtime.drain_output_checks();
        ensure!(lost == 0 && runtime.drain_output_checks().0.is_empty(), "{lost} were lost, or they were not taken");
        let run = Run::of(runtime, &NoHost)?;
        ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
        run.replayed()?;
        let events = told(&run.events)?;
        let mut expected = Vec::new();
        for session in [0, 1] {
            let own: Vec<_> = events.iter().filter(|(at, _)| at.session == SessionId(session)).cloned().collect();
            let (mut before, mut payload) = (None, 0u64);
            for (at, said) in own {
                if at.event.kind != Check {
                    before = Some(at.event);
                    continue;
                }
                let told = before.take().ok_or("a check follows nothing")?;
                let sent = (told.kind == Sent).then(|| {
                    payload += 1;
                    [&[1][..], &payload.to_le_bytes()].concat()
                });
                let found = digest(&image, session, &[told], sent.as_deref());
                let read = read_output_check(&said);
                ensure!(read == Some((found, OBSERVABLE_OUTPUT, None)), "{said} of {told:?}, not {found}");
                ensure!(at.event.detail == 1 && at.event.coroutine == told.coroutine, "{at:?}");
            }
        }
        for (at, said) in events.iter().filter(|(at, _)| at.event.kind == Check) {
            let (output_digest, predicate, witness) = read_output_check(said).ok_or("no check")?;
            let (predicate_ref, witness_ref) = (predicate.into(), witness.map(Into::into));
            let (tick, session, coroutine) = (at.tick, at.session, at.event.coroutine);
            let passed = true;
            expected.push(OutputCheck { tick, session, coroutine, predicate_ref, witness_ref, output_digest, passed });
        }
        ensure!(records == expected && records.len() == 12, "{records:?}, not {expected:?}");
        let unlike: BTreeSet<Digest> = records.iter().map(|one| one.output_digest).collect();
        ensure!(unlike.len() == 10, "{} digests: two messages are received alike, in each session", unlike.len());
    }
    let mut unchecked = Setup::default().guest(&image)?;
    unchecked.run(&NoHost).map_err(text)?;
    ensure!(unchecked.drain_output_checks() == (Vec::new(), 0), "checks are kept");
    let all = told(&unchecked.machine().trace_bytes())?;
    ensure!(!kinds(&all).contains(&Check), "checks are told of");
    Ok(())
}

/// Runs code up to the output that is refused, and holds what is left against what was there before it.
fn refused_at(at: usize, setup: &Setup, image: &Arc<CodeImage>, whole: &[(TraceEvent, String)]) -> Result<(), String> {
    let mut setup = setup.clone();
    setup.config.output_condition_policy = list(&["yes"]);
    let host = refuses(at);
    let mut runtime = setup.guest(image)?;
    runtime.run(&host).map_err(text)?;
    let heap = runtime.machine().heap();
    let heap = (heap.live_count(), heap.consumed_count());
    let receipts = runtime.drain_delegations().len();
    let run = Run::of(runtime, &host)?;
    // All that is told before the step, and nothing of the step.
    let checks = whole.iter().enumerate().filter(|(_, (event, _))| event.event.kind == Check);
    let ends: Vec<usize> = checks.map(|(place, _)| place).collect();
    let before = if at == 1 { 0 } else { ends[at - 2] + 1 };
    let opened = whole.iter().take_while(|(at, _)| at.event.kind == Opened && at.session.number() == 0).count();
    let before = before.max(opened);
    let found = told(&run.events)?;
    ensure!(found.len() > before, "output {at}: {found:?}");
    let same = found
        .iter()
        .zip(whole)
        .take(before)
        .all(|((one, said), (other, told))| (one.event, one.session, said) == (other.event, other.session, told));
    ensure!(same, "output {at}: {found:?}\n is not the beginning of\n {whole:?}");
    let behind = &found[before..];
    let of = |kind: EventKind| {
        let all = found[..before].iter().filter(move |(one, _)| one.event.kind == kind && one.session.number() > 0);
        all.map(|(one, _)| one.session).collect::<BTreeSet<_>>()
    };
    let left = of(Opened).difference(&of(SessionTerminal)).count();
    let last = [&[Check, FailureBranchEntered, Faulted][..], &vec![SessionTerminal; left + 1]].concat();
    ensure!(kinds(behind) == last, "output {at}: {:?}, not {last:?}", kinds(behind));
    ensure!(behind[0].0.event.detail == 0, "it passed");
    let refused = &whole[ends[at - 1]].1;
    let digest = |said: &str| read_output_check(said).map(|(digest, ..)| digest);
    ensure!(digest(&behind[0].1) == digest(refused), "output {at}: {} and {refused}", behind[0].1);
    let [report] = &run.faults[..] else { return Err(format!("output {at}: {:?}", run.faults)) };
    let class = report.fault.class();
    ensure!(class == FaultClass::OutputCondition, "output {at}: {report:?}");
    ensure!(report.fault.blame(report.role) == Side::Role(report.role), "{report:?}");
    let count = |kind: EventKind| found[..before].iter().filter(|(one, _)| one.event.kind == kind).count() as u64;
    ensure!(run.tally.messages == count(Received), "output {at}: {:?}", run.tally);
    let once = setup.config.communication_replay_mode == CommunicationReplayMode::Nullifier;
    let nullified = if once { count(Received) } else { 0 };
    let expected = (count(Acquired) - count(Released), count(Released) + nullified);
    ensure!(heap == expected, "output {at}: the heap has {heap:?}, not {expected:?}");
    let given = count(EventKind::Transferred) as usize;
    ensure!(receipts == given, "output {at}: {receipts} receipts of {given}");
    run.replayed().map(drop).map_err(|why| format!("output {at}: {why}"))
}

fn every_output_is_refused(setup: &Setup, image: &Arc<CodeImage>) -> Result<usize, String> {
    let mut all = setup.clone();
    all.config.output_condition_policy = list(&["yes"]);
    let run = all.run(image, &refuses(0))?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
    let whole = told(&run.events)?;
    let count = kinds(&whole).iter().filter(|kind| **kind == Check).count();
    (1..=count).try_for_each(|at| refused_at(at, setup, image, &whole))?;
    Ok(count)
}

/// Whatever step is refused, what was told, counted, made and consumed is what was before it, and the session ends.
pub fn refused_steps_leave_nothing() -> Result<(), String> {
    let one = setup()?.sessions(1);
    let mut watched = one.clone();
    watched.config.communication_replay_mode = CommunicationReplayMode::Nullifier;
    let spawn = |target: u32| Instr::Spawn { args: REGISTERS - 1, dst: CHILD, target };
    let give = Instr::Transfer { endpoint: Q, target: CHILD, bundle: 0 };
    let shared = [OPEN, spawn(10), give, ASK, CHOOSE, CAST, TELL, HALT, HEAR, SEVEN, SAY, HALT];
    let closed = [OPEN, ASK, Instr::Close { session: P }, SEVEN, TELL, HALT];
    let talked = [&TALK[..], &[TELL, HALT]].concat();
    let mut outputs = 0;
    for setup in [&one, &watched] {
        for code in [&talked[..], &closed, &shared] {
            outputs += every_output_is_refused(setup, &opener(code)?.image()?)?;
        }
        outputs += every_output_is_refused(&setup.clone().plans(&[]), &letters(3).image()?)?;
        let guarded = alone(3, &[ACQUIRE, RELEASE, ACQUIRE, YIELD, HALT]).image()?;
        outputs += every_output_is_refused(&setup.clone().plans(&[]), &guarded)?;
    }
    ensure!(outputs > 60, "{outputs} outputs");
    // The others go on.
    let image = letters(2).image()?;
    let mut three = with(list(&["yes"])).sessions(3);
    three.schedule.wave = 1;
    let run = three.run(&image, &refuses(2))?;
    ensure!((run.tally.closed, run.tally.faulted) == (2, 1), "{:?}", run.tally);
    // What admits nothing needs no host.
    let run = with(OutputConditionPolicy::DenyAll).run(&image, &NoHost)?;
    let found = kinds(&told(&run.events)?);
    ensure!(found == [Opened, Check, FailureBranchEntered, Faulted, SessionTerminal], "{found:?}");
    let named = matches!(&run.faults[0].fault, Fault::OutputCondition { predicate } if predicate == OBSERVABLE_OUTPUT);
    ensure!(named, "{:?}", run.faults);
    let run = with(list(&[OBSERVABLE_OUTPUT])).run(&image, &NoHost)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
    Ok(())
}

/// A speculation withholds its checks with everything else: joined they are told, undone they never were, and a refusal
/// inside leaves nothing of it.
pub fn speculations_withhold_their_checks() -> Result<(), String> {
    let mut setup = setup()?.sessions(1);
    setup.config.output_condition_policy = list(&["yes"]);
    let run = |code: &[Instr], at: usize| -> Result<(Run, Vec<OutputCheck>), String> {
        let host = refuses(at);
        let mut runtime = setup.guest(&opener(code)?.image()?)?;
        runtime.run(&host).map_err(text)?;
        let checks = runtime.drain_output_checks().0;
        Ok((Run::of(runtime, &host)?, checks))
    };
    let of_a = |run: &Run| -> Result<Vec<EventKind>, String> {
        let own = told(&run.events)?;
        let own = own.into_iter().filter(|(at, _)| at.event.coroutine == CoroutineId(0));
        Ok(own.map(|(at, _)| at.event.kind).collect())
    };
    use EventKind::{Aborted, Forked, Joined};
    let inside = [FORK, OPEN, Instr::Abort {}, SEVEN, TELL, HALT];
    let (undone, checks) = run(&inside, 0)?;
    let found = of_a(&undone)?;
    ensure!(
        found == [Opened, Forked, Check, Aborted, Check, Sent, Check, Halted, Check, SessionTerminal],
        "undone: {found:?}"
    );
    ensure!(checks.len() == 6, "{} checks are kept", checks.len());
    let kept = [FORK, SEVEN, TELL, Instr::Join {}, HALT];
    let (joined, checks) = run(&kept, 0)?;
    let found = of_a(&joined)?;
    ensure!(
        found == [Opened, Forked, Check, Sent, Check, Joined, Check, Halted, Check, SessionTerminal],
        "joined: {found:?}"
    );
    ensure!(checks.len() == 6, "{} checks are kept", checks.len());
    let nested = [FORK, FORK, OPEN, Instr::Abort {}, Instr::Join {}, SEVEN, TELL, HALT];
    let (nested, _) = run(&nested, 0)?;
    let found = of_a(&nested)?;
    let expected = [Opened, Forked, Check, Forked, Check, Aborted, Check, Joined, Check, Sent, Check, Halted, Check];
    ensure!(found[..13] == expected, "nested: {found:?}");
    for run in [&undone, &joined] {
        run.replayed()?;
    }
    // The second output is inside, and so is the third, whose speculation ends with it.
    let ended = [Check, FailureBranchEntered, Faulted];
    for (code, at, before) in [
        (&inside[..], 1, &[Opened][..]),
        (&inside, 2, &[Opened, Forked, Check]),
        (&inside, 3, &[Opened, Forked, Check]),
        (&kept, 2, &[Opened, Forked, Check]),
        (&kept, 3, &[Opened, Forked, Check]),
    ] {
        let (run, _) = run(code, at)?;
        let found = of_a(&run)?;
        let expected = [before, &ended, &[SessionTerminal]].concat();
        ensure!(found == expected, "output {at}: {found:?}, not {expected:?}");
        run.replayed()?;
    }
    Ok(())
}

/// What the host says stands in event and record; what it may not say, and that it fails, is its fault and leaves nothing.
pub fn hosts_name_conditions() -> Result<(), String> {
    let image = letters(1).image()?;
    let asked = Mutex::new(Vec::new());
    let host = Script::new(&[EffectKind::OutputConditionHint], |request| {
        let EffectRequestBody::OutputConditionHint { output } = request.body else { return accept(request) };
        let metadata = request.metadata();
        open(&asked).push((request.role, *output, metadata.interface_name, metadata.operation_name));
        match request.role {
            RoleId(0) => hint("shown.to_b", Some("by A")),
            _ => accept(request),
        }
    });
    let setup = with(list(&["shown.to_b", OBSERVABLE_OUTPUT]));
    let mut runtime = setup.guest(&image)?;
    runtime.run(&host).map_err(text)?;
    let (records, _) = runtime.drain_output_checks();
    let said: Vec<_> = records.iter().map(|one| (&one.predicate_ref[..], one.witness_ref.as_deref())).collect();
    let (a, b) = (("shown.to_b", Some("by A")), (OBSERVABLE_OUTPUT, None));
    ensure!(said == [a, a, b, b], "{said:?}");
    let questions: Vec<_> = records
        .iter()
        .map(|one| (RoleId(one.coroutine.0), one.output_digest, "Runtime", "outputConditionHint"))
        .collect();
    ensure!(*open(&asked) == questions, "{:?}", open(&asked));
    Run::of(runtime, &host)?.replayed()?;
    let long = "x".repeat(257);
    let failure = || EffectOutcome::failure(EffectFailureKind::Unavailable, "not today");
    let wrong: [(&str, &dyn Fn() -> EffectOutcome); 7] = [
        ("nothing", &|| hint("", None)),
        ("too long", &|| hint(&long, None)),
        ("a control character", &|| hint("two\nlines", None)),
        ("a witness of nothing", &|| hint("good", Some(""))),
        ("a failure", &failure),
        ("something else", &|| EffectOutcome::accept(EffectKind::Release)),
        ("not at once", &|| EffectOutcome::Pending),
    ];
    for (what, answer) in wrong {
        for policy in [OutputConditionPolicy::AllowAll, list(&["good"])] {
            let answer = answer();
            let host = Script::new(&[EffectKind::OutputConditionHint], |_| answer.clone());
            let run = with(policy).run(&image, &host)?;
            let found = kinds(&told(&run.events)?);
            ensure!(found == [Opened, FailureBranchEntered, Faulted, SessionTerminal], "{what}: {found:?}");
            let report = &run.faults[0];
            let host_did = report.fault.blame(report.role) == Side::Host && report.fault.class() == FaultClass::Invoke;
            ensure!(host_did && run.tally.messages == 0, "{what}: {report:?}");
            run.replayed()?;
        }
    }
    Ok(())
}

fn stood(mut runtime: GuestRuntime, host: &NoHost) -> Result<(Digest, Vec<OutputCheck>, u64), String> {
    runtime.run(host).map_err(text)?;
    let (records, lost) = runtime.drain_output_checks();
    Ok((runtime.state_root(), records, lost))
}

/// A policy is part of what a run depends on; how many checks are kept, and whether there is a trace, is not.
pub fn policies_of_outputs_are_configuration() -> Result<(), String> {
    for (names, what) in [(&["a", "a"][..], "twice"), (&[""], "empty"), (&["a\u{7}b"], "control")] {
        let refused = with(list(names)).config.validate();
        ensure!(matches!(refused, Err(ConfigError::Outputs(_))), "{what}: {refused:?}");
    }
    let written = serde_json::to_string(&list(&["a"])).map_err(text)?;
    ensure!(written == r#"{"allow_list":["a"]}"#, "{written}");
    let image = letters(2).image()?;
    let images = [Arc::clone(&image)];
    let setup = with(OutputConditionPolicy::AllowAll);
    let mut runtime = setup.clone().schedule(1, 1).guest(&image)?;
    let _ = runtime.turn(&NoHost).map_err(text)?;
    let bytes = runtime.snapshot().map_err(text)?.machine().to_bytes();
    for policy in [OutputConditionPolicy::Disabled, OutputConditionPolicy::DenyAll, list(&["a"])] {
        let refused = ProtocolMachine::restore(with(policy).config, &images, &bytes);
        ensure!(matches!(refused, Err(RestoreError::OtherConfig { .. })), "{:?}", refused.err());
    }
    ProtocolMachine::restore(setup.config.clone(), &images, &bytes).map_err(text)?;
    let (root, all, lost) = stood(setup.guest(&image)?, &NoHost)?;
    ensure!((all.len(), lost) == (6, 0), "{} and {lost}", all.len());
    for (kept, trace) in [(6, TraceMode::Disabled), (4, TraceMode::Full), (0, TraceMode::Capped(1))] {
        let config = ProtocolMachineConfig { max_output_checks: kept, trace, ..setup.config.clone() };
        let other = Setup { config, ..setup.clone() };
        let (other, some, lost) = stood(other.guest(&image)?, &NoHost)?;
        ensure!(other == root, "{kept} checks kept: another root");
        let kept = kept as usize;
        let expected = if kept == 0 { 0 } else { 6 - kept as u64 };
        ensure!(some == all[6 - kept..] && lost == expected, "{kept} are to be kept: {some:?}, {lost} lost");
    }
    let traceless = ProtocolMachineConfig { trace: TraceMode::Disabled, ..setup.config.clone() };
    let mut runtime = Setup { config: traceless, ..setup }.guest(&image)?;
    runtime.run(&NoHost).map_err(text)?;
    ensure!(runtime.machine().trace_bytes().is_empty(), "a trace that is off was written");
    Ok(())
}
