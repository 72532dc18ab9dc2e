//! Images made to be slow or large, streams that leave messages out, and records that are cut or added to.

use motet_choreo::{Source, compile, load};
use motet_machine::{
    BackpressurePolicy, BufferConfig, BufferMode, CodeImage, NoHost, ProtocolMachineConfig, TraceMode, VerifyError,
};
use motet_runtime::{GuestRuntime, Input, RecordWriter, ReplayError, RunRecord, Schedule, SeededHost, replay};
use motet_types::{ImageParts, Instr, SessionId};

const TICKS: &str = "protocol T =\n  roles A, B\n  loop forever\n    A -> B : Tick(Nat)\n";
const TURNS: &str = "protocol P =\n  roles A, B\n  loop repeat 6\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";

fn parts(text: &str) -> ImageParts {
    compile(&load(&Source::from_text("p.tell", text).unwrap()).unwrap()).unwrap()
}

/// Puts `code` before the code of the first role.
fn before_the_first(parts: &mut ImageParts, code: &[Instr]) {
    let shift = code.len() as u32;
    let moved = parts.code.iter().map(|word| match Instr::decode(*word).unwrap() {
        Instr::Jump { target } => Instr::Jump { target: target + shift }.encode(),
        other => other.encode(),
    });
    let moved: Vec<u64> = moved.collect();
    parts.code = code.iter().map(|instr| instr.encode()).chain(moved).collect();
    parts.lines.clear();
    for (at, role) in parts.roles.iter_mut().enumerate() {
        role.code_end += shift;
        role.code_start += if at == 0 { 0 } else { shift };
    }
}

#[test]
fn a_long_chain_of_jumps_is_followed_once() {
    let mut parts = parts(TURNS);
    let chain: Vec<Instr> = (1..=200_000).map(|target| Instr::Jump { target }).collect();
    before_the_first(&mut parts, &chain);
    let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), Schedule::default()).unwrap();
    let image = runtime.load(CodeImage::verify(parts).unwrap()).unwrap();
    runtime.open(image).unwrap();
    runtime.run(&NoHost).unwrap();
    assert_eq!(runtime.machine().tally().closed, 1);
}

#[test]
fn registers_that_learn_one_by_one_are_too_much_work() {
    let mut parts = parts(TICKS);
    let registers = 2048u16;
    parts.roles[0].registers = registers;
    // Each pass of the loop tells one more register that it may hold anything.
    let shift = (2..registers).rev().map(|dst| Instr::Move { dst, src: dst - 1 });
    let mut code: Vec<Instr> = shift.collect();
    let table = parts.tables.len() as u32;
    parts.tables.push(vec![motet_types::TableRow { target: 0, dst: 0 }]);
    let nat =
        parts.constants.iter().position(|constant| parts.sorts[usize::from(constant.sort)] == motet_types::Sort::Nat);
    code.insert(0, Instr::Set { dst: 1, constant: nat.unwrap() as u32 });
    code.push(Instr::Branch { on: 1, table });
    before_the_first(&mut parts, &code);
    assert!(matches!(CodeImage::verify(parts), Err(VerifyError::TooLarge { .. })));
}

#[test]
fn a_session_has_a_largest_size() {
    let roles: Vec<String> = (0..400).map(|at| format!("R{at}")).collect();
    let text = format!("protocol P =\n  roles {}\n  R0 -> R1 : Hello\n", roles.join(", "));
    let mut parts = parts(&text);
    parts.roles.iter_mut().for_each(|role| role.registers = 4096);
    assert!(matches!(CodeImage::verify(parts), Err(VerifyError::Table { table: "role", .. })));
}

#[test]
fn receivers_have_their_turn_when_messages_are_left_out() {
    let (fifo, latest) = (BufferMode::Fifo, BufferMode::LatestValue);
    for (mode, policy) in [(fifo, BackpressurePolicy::Drop), (latest, BackpressurePolicy::Block)] {
        let buffer = BufferConfig { mode, capacity: 4, policy };
        let config = ProtocolMachineConfig { buffer, ..Default::default() };
        let mut runtime = GuestRuntime::new(config, Schedule::default()).unwrap();
        let image = runtime.load(CodeImage::verify(parts(TICKS)).unwrap()).unwrap();
        runtime.open(image).unwrap();
        runtime.limit_steps(10_000);
        runtime.run(&NoHost).unwrap();
        let tally = runtime.machine().tally();
        assert!(tally.messages > 500 && tally.dropped > 500, "{mode:?} {policy:?}: {tally:?}");
    }
}

fn record(sessions: u64) -> RunRecord {
    let config = ProtocolMachineConfig { record: true, trace: TraceMode::Full, ..Default::default() };
    let mut runtime = GuestRuntime::new(config, Schedule::default()).unwrap();
    let image = runtime.load(CodeImage::verify(parts(TURNS)).unwrap()).unwrap();
    for _ in 0..sessions {
        runtime.open(image).unwrap();
    }
    runtime.run(&SeededHost::new(1)).unwrap();
    let mut writer = RecordWriter::new(Vec::new()).unwrap();
    writer.header(&runtime, "seeded", runtime.wants()).unwrap();
    RunRecord::from_bytes(&writer.finish(&mut runtime).unwrap()).unwrap()
}

#[test]
fn replays_stop_anywhere() {
    let record = record(4);
    let steps = record.end.unwrap().tally.steps;
    for until in 0..steps + 10 {
        let replayed = replay(&record, Some(until), |_| {}).unwrap_or_else(|why| panic!("until {until}: {why}"));
        let done = replayed.runtime.machine().tally().steps;
        assert!(done >= until.min(steps), "until {until}: {done}");
    }
}

#[test]
fn records_without_an_end_are_compared_as_far_as_they_go() {
    let mut cut = record(3);
    cut.end = None;
    assert!(replay(&cut, None, |_| {}).unwrap().end.is_none());
    for at in 0..cut.events.len() {
        let mut changed = cut.clone();
        changed.events[at] ^= 0x10;
        assert!(matches!(replay(&changed, None, |_| {}), Err(ReplayError::Diverged(_))), "byte {at}");
    }
}

#[test]
fn inputs_that_nothing_used_are_no_equality() {
    let sound = record(2);
    assert!(replay(&sound, None, |_| {}).is_ok());
    let mut more = sound.clone();
    more.inputs.push((1_000, Input::Limit { steps: 5 }));
    assert!(matches!(replay(&more, None, |_| {}), Err(ReplayError::End { .. })));
    let mut more = sound;
    let last = more.inputs.iter().rev().find_map(|(_, input)| match input {
        Input::Effect(effect) => Some(effect.clone()),
        _ => None,
    });
    let mut last = last.unwrap();
    last.coordinate.session = SessionId(77);
    more.inputs.push((0, Input::Effect(last)));
    assert!(matches!(replay(&more, None, |_| {}), Err(ReplayError::End { .. })));
}
