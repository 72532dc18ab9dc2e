//! Records and replays: whatever was changed in a record is found and named.

use crate::draft::{letters, stream};
use crate::script::{Script, accept, choose, decision};
use crate::walk::{Run, Setup};
use motet_machine::{EffectRequest, EffectRequestBody, NoHost, SendDecision};
use motet_runtime::{Input, RecordError, ReplayError, RunRecord, RunStatus, WaveError, replay, verify_waves};
use motet_types::{Digest, EffectKind, SessionId, Value};

/// Six numbers and a last word, with everything asked of the host.
fn recorded() -> Result<Run, String> {
    let kinds = [EffectKind::Choose, EffectKind::SendDecision, EffectKind::Receive];
    let host = Script::new(&kinds, |request: &EffectRequest<'_>| match request.body {
        EffectRequestBody::Choose { .. } => {
            choose(request, if request.coordinate.counter < 9 { "More" } else { "Done" })
        }
        EffectRequestBody::SendDecision { payload, .. } if payload.to_value() != Value::Unit => {
            decision(SendDecision::Replace(Value::Nat(u64::from(request.coordinate.counter))))
        }
        _ => accept(request),
    });
    let run = Setup::default().sessions(2).run(&stream().image()?, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.status);
    Ok(run)
}

/// A run and its replay are equal; sessions that are opened while the run goes on are opened at the same points.
pub fn replays_are_equal() -> Result<(), String> {
    recorded()?.replayed()?;
    let image = letters(3).image()?;
    let setup = Setup::default().schedule(2, 3);
    let mut runtime = setup.guest(&image)?;
    let id = runtime.load(std::sync::Arc::clone(&image)).map_err(|error| error.to_string())?;
    for more in [2, 0, 1, 3] {
        runtime.turn(&NoHost).map_err(|error| error.to_string())?;
        for _ in 0..more {
            runtime.open(id).map_err(|error| error.to_string())?;
        }
    }
    let status = runtime.run(&NoHost).map_err(|error| error.to_string())?;
    ensure!(status == RunStatus::Completed, "{status:?}");
    ensure!(runtime.machine().tally().opened == 7, "{:?}", runtime.machine().tally());
    Run::of(runtime, &NoHost)?.replayed().map(drop)
}

/// A replay may stop on the way: it then stands where the run stood after as many steps.
pub fn replays_stop_where_told() -> Result<(), String> {
    let image = letters(4).image()?;
    let run = Setup::default().schedule(1, 1).run(&image, &NoHost)?;
    for until in 1..run.tally.steps {
        let replayed = replay(&run.read_record()?, Some(until), |_| {}).map_err(|error| error.to_string())?;
        let mut short = Setup::default().schedule(1, 1).limit(until).guest(&image)?;
        short.run(&NoHost).map_err(|error| error.to_string())?;
        ensure!(replayed.runtime.state_root() == short.state_root(), "after {until} steps the states differ");
        ensure!(replayed.end.is_none(), "after {until} steps the replay has an end");
    }
    Ok(())
}

/// Every event of a record that is changed is found; the divergence names its session, role and edge.
pub fn changed_events_are_found() -> Result<(), String> {
    let run = recorded()?;
    let events = run.read_record()?.events;
    ensure!(events == run.events, "the record holds other events than the run");
    for at in 0..events.len() {
        let mut record = run.read_record()?;
        record.events[at] ^= 1;
        let found = replay(&record, None, |_| {});
        ensure!(matches!(found, Err(ReplayError::Diverged(_))), "byte {at}: {:?}", found.map(|replayed| replayed.end));
    }
    // A message under another label, and one that never was.
    let trace = run.trace()?;
    let last = trace.iter().rposition(|event| event.event.kind == motet_types::EventKind::Received);
    let last = last.ok_or("no message was received")?;
    let mut record = run.read_record()?;
    let word = trace[last].event.pack().to_le_bytes();
    let at = (0..events.len()).step_by(8).rfind(|at| events[*at..*at + 8] == word);
    record.events[at.ok_or("the event is not in the record")? + 6] ^= 1;
    let Err(ReplayError::Diverged(divergence)) = replay(&record, None, |_| {}) else {
        return Err("another label was not found".into());
    };
    ensure!(divergence.session == trace[last].session, "{divergence}");
    ensure!(divergence.role.as_deref() == Some("B") && divergence.edge.as_deref() == Some("A -> B"), "{divergence}");
    ensure!(divergence.expected != divergence.found, "{divergence}");
    let mut record = run.read_record()?;
    record.events.truncate(events.len() - 8);
    let found = replay(&record, None, |_| {});
    ensure!(found.is_err(), "a missing event was not found");
    Ok(())
}

/// A changed end is found: status, trace digest, state root and counters, each by its name.
pub fn changed_ends_are_found() -> Result<(), String> {
    let run = recorded()?;
    type Change = fn(&mut motet_runtime::RecordEnd);
    let changes: [(&str, Change); 7] = [
        ("status", |end| end.status = RunStatus::Faulted),
        ("trace digest", |end| end.trace_digest.0[31] ^= 1),
        ("trace digest", |end| end.trace_digest = Digest::default()),
        ("state root", |end| end.state_root.0[0] ^= 1),
        ("state root", |end| end.state_root = Digest::default()),
        ("tally", |end| end.tally.dropped += 1),
        ("tally", |end| end.tally.bursts += 1),
    ];
    for (name, change) in changes {
        let mut record = run.read_record()?;
        change(record.end.as_mut().ok_or("the record has no end")?);
        match replay(&record, None, |_| {}) {
            Err(ReplayError::End { what, .. }) if what == name => {}
            other => return Err(format!("{name}: {:?}", other.map(|replayed| replayed.end))),
        }
    }
    Ok(())
}

/// Answers that are changed on the tape show in the events, the state or the questions that follow.
pub fn changed_answers_are_found() -> Result<(), String> {
    let run = recorded()?;
    let count = run.read_record()?.inputs.len();
    let mut changed = 0;
    for at in 0..count {
        let mut record = run.read_record()?;
        let Some((_, Input::Effect(effect))) = record.inputs.get_mut(at) else { continue };
        use motet_machine::{EffectOutcome, EffectResponse};
        effect.outcome = match &effect.outcome {
            EffectOutcome::Success(EffectResponse::Choose(n)) => EffectOutcome::Success(EffectResponse::Choose(1 - n)),
            EffectOutcome::Success(EffectResponse::SendDecision(SendDecision::Replace(_))) => {
                decision(SendDecision::Drop)
            }
            _ => continue,
        };
        changed += 1;
        let found = replay(&record, None, |_| {});
        ensure!(found.is_err(), "answer {at} was changed and nothing was found");
    }
    ensure!(changed > 10, "only {changed} answers");
    Ok(())
}

/// A payload that differs only on the way is in the state root while it is in flight.
pub fn payloads_in_flight_are_state() -> Result<(), String> {
    let image = letters(2).image()?;
    let root = |value: u64| {
        let host =
            Script::new(&[EffectKind::SendDecision], move |_| decision(SendDecision::Replace(Value::Nat(value))));
        // `A` has sent once; nobody has received.
        let mut runtime = Setup::default().limit(2).guest(&image)?;
        runtime.run(&host).map_err(|error| error.to_string())?;
        ensure!(runtime.machine().in_flight(motet_machine::IslandId(0)) == 1, "no message is in flight");
        Ok(runtime.state_root())
    };
    ensure!(root(5)? == root(5)?, "equal states have two roots");
    ensure!(root(5)? != root(6)?, "the root does not cover what is in flight");
    Ok(())
}

/// Runs that differ in one event, one session or one step have other digests and other roots.
pub fn digests_tell_runs_apart() -> Result<(), String> {
    let image = stream().image()?;
    let run = |more: u32, sessions, limit| {
        let host = Script::new(&[EffectKind::Choose], move |request| {
            choose(request, if request.coordinate.counter < more { "More" } else { "Done" })
        });
        Setup::default().sessions(sessions).limit(limit).run(&image, &host)
    };
    let runs = [run(0, 1, 999)?, run(1, 1, 999)?, run(2, 1, 999)?, run(2, 2, 999)?, run(2, 2, 20)?, run(2, 2, 21)?];
    for (at, one) in runs.iter().enumerate() {
        for (other_at, other) in runs.iter().enumerate().skip(at + 1) {
            let same_events = one.events == other.events;
            ensure!(same_events == (one.trace_digest == other.trace_digest), "trace digests of runs {at}, {other_at}");
            ensure!(one.state_root != other.state_root, "runs {at} and {other_at} have one root");
        }
    }
    // The same number of events and bytes, and one label's difference.
    let choice = |name: &'static str| {
        let host = Script::new(&[EffectKind::Choose], move |request| choose(request, name));
        Setup::default().schedule(1, 1).limit(3).run(&image, &host)
    };
    let (more, done) = (choice("More")?, choice("Done")?);
    ensure!(more.events.len() == done.events.len(), "the two runs differ in more than a label");
    ensure!(more.trace_digest != done.trace_digest, "the trace's digest does not cover its events");
    Ok(())
}

/// Every byte of a record that is changed is found when the record is read, or is no part of what it says; and every
/// shorter record is cut short.
pub fn changed_bytes_are_found() -> Result<(), String> {
    let bytes = recorded()?.record;
    for at in 0..bytes.len() {
        for bit in [0, 7] {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let read = RunRecord::from_bytes(&changed);
            ensure!(read.is_err(), "byte {at}, bit {bit}: nothing was found");
        }
        let cut = RunRecord::from_bytes(&bytes[..at]);
        if let Ok(record) = cut {
            // Cut between two frames: a record without end, and known to be one.
            ensure!(record.end.is_none(), "cut at {at}: the record has an end");
        }
    }
    let mut longer = bytes.clone();
    longer.extend_from_slice(&bytes[16..60]);
    ensure!(RunRecord::from_bytes(&longer).is_err(), "frames behind the end were read");
    Ok(())
}

/// What a damaged record is refused for says where.
pub fn damage_is_placed() -> Result<(), String> {
    let bytes = recorded()?.record;
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        RunRecord::from_bytes(&bytes).err()
    };
    ensure!(refused(&|bytes| bytes[0] = b'X') == Some(RecordError::Magic), "another magic number");
    ensure!(refused(&|bytes| bytes[8] = 99) == Some(RecordError::Version { found: 99 }), "another version");
    let found = refused(&|bytes| bytes[24] ^= 1);
    ensure!(found == Some(RecordError::Damaged { offset: 16, frame: "header" }), "{found:?}");
    let found = refused(&|bytes| bytes.truncate(30));
    ensure!(found == Some(RecordError::CutShort { offset: 16, frame: "header" }), "{found:?}");
    ensure!(refused(&|bytes| bytes.truncate(16)).is_some(), "a record of no frames was read");
    let session = SessionId(1);
    ensure!(session.0 == 1, "sessions are numbered");
    Ok(())
}

/// A record in which a wave picks a session twice, or one that waits, has ended or was never opened, is refused by
/// the offline check of waves, and a true record is not.
pub fn forged_waves_are_refused() -> Result<(), String> {
    let setup = Setup::default().sessions(3).schedule(3, 2);
    let sound = setup.run(&letters(4).image()?, &NoHost)?.read_record()?;
    let summary = verify_waves(&sound).map_err(|error| error.to_string())?;
    let tally = sound.end.ok_or("the record has no end")?.tally;
    ensure!((summary.waves, summary.picks) == (tally.waves, tally.bursts), "{summary:?} {tally:?}");
    // Three chunks of one opened session each, then the first wave's chunk with its three bursts. A burst's header is
    // its session, its number of events, and its steps with how it ended in the two highest bits.
    let number = |at: usize| u32::from_le_bytes(sound.events[at..at + 4].try_into().expect("four bytes")) as usize;
    let first = 3 * (16 + 16 + 8) + 16;
    let second = first + 16 + 8 * number(first + 8);
    let forged = |change: &dyn Fn(&mut RunRecord)| {
        let mut forged = sound.clone();
        change(&mut forged);
        verify_waves(&forged).err()
    };
    let twice = forged(&|record| record.events.copy_within(first..first + 8, second));
    ensure!(matches!(twice, Some(WaveError::Twice { session: SessionId(0), .. })), "{twice:?}");
    let ends = [(0, "waits"), (0xc0, "has ended")];
    for (bits, told) in ends {
        let found = forged(&|record| record.events[first + 15] = record.events[first + 15] & 0x3f | bits);
        let right = matches!(found, Some(WaveError::NotReady { why, session: SessionId(0), .. }) if why == told);
        ensure!(right, "{told}: {found:?}");
    }
    let unopened = forged(&|record| record.events[first] = 99);
    ensure!(matches!(unopened, Some(WaveError::NotReady { why: "is not open", .. })), "{unopened:?}");
    Ok(())
}

/// A record in which a wave picks a session that an earlier wave still has is refused.
pub fn forged_windows_are_refused() -> Result<(), String> {
    let setup = Setup::default().sessions(4).schedule(2, 2).window(2, 50);
    let sound = setup.run(&letters(4).image()?, &NoHost)?.read_record()?;
    verify_waves(&sound).map_err(|error| error.to_string())?;
    let number = |at: usize| u32::from_le_bytes(sound.events[at..at + 4].try_into().expect("four bytes")) as usize;
    // Four chunks of one opened session each, then two waves that are out together, of one chunk of two bursts each.
    let first = 4 * (16 + 16 + 8) + 16;
    let second = first + 16 + 8 * number(first + 8);
    let third = second + 16 + 8 * number(second + 8) + 16;
    let mut forged = sound.clone();
    forged.events.copy_within(first..first + 8, third);
    let found = verify_waves(&forged).err();
    ensure!(matches!(found, Some(WaveError::Overlap { session: SessionId(0), .. })), "{found:?}");
    Ok(())
}

/// A record that was cut while its run went on replays as far as it goes.
pub fn cut_records_replay_as_far_as_they_go() -> Result<(), String> {
    let image = stream().image()?;
    let host = Script::new(&[EffectKind::Choose], |request| choose(request, "More"));
    for (wave, fuel) in [(1, 1), (1, 64), (4, 256)] {
        let setup = Setup::default().sessions(2).schedule(wave, fuel).limit(u64::MAX);
        let mut runtime = setup.guest(&image)?;
        runtime.turn(&host).map_err(|error| error.to_string())?;
        let mut writer = motet_runtime::RecordWriter::new(Vec::new()).map_err(|error| error.to_string())?;
        writer.header(&runtime, "script", runtime.wants()).map_err(|error| error.to_string())?;
        for _ in 0..3000 {
            runtime.turn(&host).map_err(|error| error.to_string())?;
            if runtime.machine().planner_step() % 500 == 0 {
                writer.write(&mut runtime).map_err(|error| error.to_string())?;
            }
        }
        let whole = writer.finish(&mut runtime).map_err(|error| error.to_string())?;
        let record = RunRecord::from_bytes(&whole).map_err(|error| error.to_string())?;
        replay(&record, None, |_| {}).map_err(|error| format!("({wave}, {fuel}), whole: {error}"))?;
        // Cut at the end of each frame, from the back.
        let (mut ends, mut at) = (Vec::new(), 16);
        while at < whole.len() {
            let len = u32::from_le_bytes(whole[at + 4..at + 8].try_into().expect("four bytes")) as usize;
            at += 8 + len + 32;
            ends.push(at);
        }
        for end in ends.iter().rev().skip(1).take(6) {
            let record = RunRecord::from_bytes(&whole[..*end]).map_err(|error| error.to_string())?;
            ensure!(record.end.is_none(), "the cut record has an end");
            let told = |error| format!("({wave}, {fuel}), cut at {end} of {}: {error}", whole.len());
            replay(&record, None, |_| {}).map_err(told)?;
            // What is there is held against the run to its last event.
            let mut changed = record;
            let last = changed.events.len() - 2;
            changed.events[last] ^= 1;
            let found = replay(&changed, None, |_| {});
            ensure!(found.is_err(), "({wave}, {fuel}), cut at {end}: the last event was changed, and nothing found");
        }
    }
    Ok(())
}
