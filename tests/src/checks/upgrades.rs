//! Which sessions may move to another image, which wait, and which finish as they began; and what is carried over.

use super::opening::{FORK, HALT, OPEN, SEVEN, TELL, YIELD, opener};
use crate::draft::{BOOL, Draft, NAT, UNIT, letters};
use crate::script::{Script, accept, choose, done};
use crate::watched::ways;
use motet_choreo::{Source, compile, load};
use motet_machine::{
    CodeImage, EffectHandler, EffectOutcome, ProtocolMachineConfig, TopologyPerturbation, UpgradeDecision, UpgradeMode,
    UpgradeOptions, UpgradeRefusal,
};
use motet_runtime::{
    GuestRuntime, RunStatus, RuntimeCapability, RuntimeContracts, RuntimeError, Schedule, SeededHost, Turn,
};
use motet_types::{Action, EffectKind, Instr, SessionId, Value};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) fn image(tell: &str) -> Result<Arc<CodeImage>, String> {
    let source = Source::from_text("p.tell", tell).map_err(text)?;
    let global = load(&source).map_err(|error| format!("{error:?}"))?;
    let parts = compile(&global).map_err(|error| format!("{error:?}"))?;
    CodeImage::verify(parts).map(Arc::new).map_err(text)
}

pub(super) fn protocol(name: &str, lines: &[&str]) -> Result<Arc<CodeImage>, String> {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    image(&format!("protocol {name} =\n  roles A, B, C\n{lines}"))
}

pub(super) fn one_step() -> Schedule {
    Schedule { wave: 1, fuel: 1, chunk: 1, window: 1, turn: 1, ..Schedule::default() }
}

pub(super) fn config() -> ProtocolMachineConfig {
    ProtocolMachineConfig { record: true, speculation_depth: 2, ..ProtocolMachineConfig::default() }
}

/// What becomes of a session after each number of steps, and how it ends where it moves. Equal answers one after the other
/// stand in one line.
fn table(
    old: &Arc<CodeImage>,
    new: &Arc<CodeImage>,
    options: UpgradeOptions,
    config: &ProtocolMachineConfig,
    host: &impl EffectHandler,
) -> Result<String, String> {
    let mut lines: Vec<(usize, usize, String)> = Vec::new();
    for steps in 0..100 {
        let mut runtime = GuestRuntime::new(config.clone(), one_step()).map_err(text)?;
        for other in super::opening::others()? {
            runtime.load(other).map_err(text)?;
        }
        let first = runtime.load(Arc::clone(old)).map_err(text)?;
        runtime.open(first).map_err(text)?;
        while runtime.machine().tally().steps < steps as u64 && runtime.turn(host).map_err(text)? != Turn::Idle {}
        let stuck = runtime.machine().tally().steps < steps as u64;
        if runtime.machine().live_sessions() == 0 || stuck {
            let told = lines.iter().map(|(first, last, what)| match first == last {
                true => format!("{first}: {what}\n"),
                false => format!("{first}-{last}: {what}\n"),
            });
            return Ok(told.collect());
        }
        let to = runtime.load(Arc::clone(new)).map_err(text)?;
        let what = moves(&mut runtime, to, options, host).map_err(|why| format!("{steps}: {why}"))?;
        match lines.last_mut() {
            Some((_, last, before)) if *before == what => *last = steps,
            _ => lines.push((steps, steps, what)),
        }
    }
    Err(String::from("the session does not end"))
}

fn moves(
    runtime: &mut GuestRuntime,
    to: motet_machine::ImageId,
    options: UpgradeOptions,
    host: &impl EffectHandler,
) -> Result<String, String> {
    let staged = runtime.stage_upgrade(to, options).map_err(text)?;
    let (session, decision) = staged.decisions.first().ok_or("no session")?;
    let Some(obstacle) = decision.obstacle() else {
        runtime.upgrade(to, options, &[*session]).map_err(text)?;
        let now = runtime.machine().image_of(*session).map(|image| image.digest());
        ensure!(now == runtime.machine().image(to).map(|image| image.digest()), "it stayed");
        let (kept, computed) = (runtime.state_root(), runtime.machine().recomputed_root());
        ensure!(kept == computed, "the root is not what it is over");
        let again = runtime.stage_upgrade(to, options).map_err(text)?.decisions;
        let code = again.first().and_then(|(_, decision)| decision.obstacle()).map(|obstacle| obstacle.code());
        ensure!(code == Some("already"), "{again:?}");
        let status = runtime.run(host).map_err(text)?;
        let faults: Vec<String> = runtime.faults().iter().map(|fault| fault.fault.to_string()).collect();
        let faults = if faults.is_empty() { String::new() } else { format!(", {}", faults.join(", ")) };
        return Ok(format!("moves, {} after {} messages{faults}", status.name(), runtime.machine().tally().messages));
    };
    let before = runtime.state_root();
    let refused = runtime.upgrade(to, options, &[*session]);
    let right = matches!(&refused, Err(RuntimeError::Upgrade(refusal))
        if matches!(&**refusal, UpgradeRefusal::Session { obstacle: found, .. } if **found == *obstacle));
    ensure!(right, "{refused:?}");
    ensure!(runtime.state_root() == before, "a refused upgrade changed something");
    Ok(format!("{}: {obstacle}", decision.name()))
}

fn check_with(
    [old, new]: [&Arc<CodeImage>; 2],
    options: UpgradeOptions,
    config: &ProtocolMachineConfig,
    host: &impl EffectHandler,
    expected: &str,
) -> Result<(), String> {
    let found = table(old, new, options, config, host)?;
    let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: String = expected.map(|line| format!("{line}\n")).collect();
    ensure!(found == expected, "found\n{found}expected\n{expected}");
    Ok(())
}

fn check(images: [&Arc<CodeImage>; 2], options: UpgradeOptions, expected: &str) -> Result<(), String> {
    check_with(images, options, &config(), &SeededHost::new(7), expected)
}

const FULL: UpgradeOptions = UpgradeOptions { mode: UpgradeMode::Full, at_start: false };
const CONSERVATIVE: UpgradeOptions = UpgradeOptions { mode: UpgradeMode::Conservative, at_start: false };
const AT_START: UpgradeOptions = UpgradeOptions { mode: UpgradeMode::Full, at_start: true };

const ORDER: [&str; 3] = ["A -> B : Ask(nat)", "B -> A : Price(nat)", "A -> C : Pay(nat)"];

/// The same protocol under another name moves wherever it stands, and ends as it would have.
pub fn the_same_moves_anywhere() -> Result<(), String> {
    let (old, new) = (protocol("Order", &ORDER)?, protocol("Again", &ORDER)?);
    for options in [FULL, CONSERVATIVE, AT_START] {
        check([&old, &new], options, "0-12: moves, completed after 3 messages")?;
    }
    // Labels and edges that are numbered otherwise are the same labels and edges.
    let renumbered = [&["C -> A : Price(nat)", "A -> B : Pay(nat)"][..], &ORDER[..]].concat();
    check(
        [&old, &protocol("Renumbered", &renumbered)?],
        FULL,
        "0: waits: A is in the middle of something, at pc0
         1-3: waits: B is in the middle of something, at pc5
         4-12: moves, completed after 3 messages",
    )
}

/// What is new before the place where a session stands is nothing to it; what is new behind it is.
pub fn what_lies_behind_does_not_count() -> Result<(), String> {
    let old = protocol("Order", &ORDER)?;
    let before = [&["B -> A : Hello"][..], &ORDER[..]].concat();
    check(
        [&old, &protocol("Before", &before)?],
        FULL,
        "0: waits: A is in the middle of something, at pc0
         1-3: waits: B is in the middle of something, at pc5
         4-12: moves, completed after 3 messages",
    )?;
    let behind = [&ORDER[..], &["C -> B : Receipt"][..]].concat();
    check([&old, &protocol("Behind", &behind)?], FULL, "0-4: waits: B cannot go on in the new type: no: after ?A:Ask(string).!A:Price(string) it goes on with ?C:Receipt, but nothing is expected any more
         5: waits: B cannot go on in the new type: no: after !A:Price(string) it goes on with ?C:Receipt, but nothing is expected any more
         6-11: waits: C cannot go on in the new type: no: after ?A:Pay(string) it goes on with !B:Receipt, but nothing is expected any more
         12: moves, completed after 3 messages")
}

/// Sends may go ahead in the full mode, and not in the conservative one; what was sent already is received.
pub fn sends_may_go_ahead() -> Result<(), String> {
    let old = protocol("Turns", &["A -> B : One(nat)", "C -> B : Two(nat)", "B -> A : Three(nat)"])?;
    let ahead = protocol("Ahead", &["C -> B : Two(nat)", "A -> B : One(nat)", "B -> A : Three(nat)"])?;
    check([&old, &ahead], FULL, "0-4: moves, completed after 3 messages
         5-9: waits: B cannot go on in the new type: no: after ?C:Two(string) it waits for A, but !A:Three(string) is expected first
         10-13: moves, completed after 3 messages")?;
    check([&old, &ahead], CONSERVATIVE, "0-4: waits: B cannot go on in the new type: no: at the start it does ?C:Two(string) where ?A:One(string) is expected
         5-9: waits: B cannot go on in the new type: no: after ?C:Two(string) it does ?A:One(string) where !A:Three(string) is expected
         10-13: moves, completed after 3 messages")
}

/// A loop comes to its beginning again, where a session may take any new type if that is asked for; another new type it
/// never takes.
pub fn loops_move_at_their_start() -> Result<(), String> {
    let turn = |name, more: &[&str]| -> Result<_, String> {
        let head = ["loop decide by A", "  A -> B : Ask(nat)", "  B -> A : Answer(nat)"];
        image(&format!("protocol {name} =\n  roles A, B\n  {}\n", [&head[..], more].concat().join("\n  ")))
    };
    let host = Script::new(&[EffectKind::Choose], |request| {
        let first = request.coordinate.counter == 0;
        choose(request, if first { "Ask" } else { "Done" })
    });
    let (old, new) = (turn("Loop", &[])?, turn("Longer", &["  A -> B : Thanks"])?);
    check_with([&old, &new], FULL, &config(), &host, "0-2: waits: A cannot go on in the new type: no: after !B:Ask(string).?B:Answer(string) it may do !B:Thanks, which is not expected there
         3-8: waits: A cannot go on in the new type: no: after ?B:Answer(string) it may do !B:Thanks, which is not expected there
         9-10: waits: A cannot go on in the new type: no: after !B:Ask(string).?B:Answer(string) it may do !B:Thanks, which is not expected there
         11-12: waits: B cannot go on in the new type: no: after ?A:Ask(string).!A:Answer(string) ?A:Ask(string) may come and is not received
         13: moves, completed after 3 messages")?;
    check_with([&old, &new], AT_START, &config(), &host, "0-1: moves, completed after 4 messages
         2: waits: A is in the middle of something, at pc2
         3-8: waits: A cannot go on in the new type: no: after ?B:Answer(string) it may do !B:Thanks, which is not expected there
         9: moves, completed after 3 messages
         10: waits: A is in the middle of something, at pc5
         11-12: waits: B cannot go on in the new type: no: after ?A:Ask(string).!A:Answer(string) ?A:Ask(string) may come and is not received
         13: moves, completed after 3 messages")
}

/// Between the host's decision and the send that obeys it nobody moves.
pub fn decisions_are_not_split() -> Result<(), String> {
    let lines = ["choice A at", "  | Yes =>", "    A -> B : Yes(nat)", "  | No =>", "    A -> B : No", "B -> C : Told"];
    let (old, new) = (protocol("Choice", &lines)?, protocol("Again", &lines)?);
    let host = Script::new(&[EffectKind::Choose], |request| choose(request, "Yes"));
    check_with(
        [&old, &new],
        FULL,
        &config(),
        &host,
        "0-1: moves, completed after 2 messages
         2: waits: A is in the middle of something, at pc2
         3-8: moves, completed after 2 messages",
    )
}

/// A role goes on where its messages would have led it, or waits until it can: not in some state that does as well, where
/// its host would not be asked what it was to decide.
pub fn moves_are_no_jumps() -> Result<(), String> {
    let asking = |name: &str| -> Result<Arc<CodeImage>, String> {
        let lines = "  roles A, B\n  A -> B : Hello\n  A -> B : Ask(nat)\n  loop decide by A\n    A -> B : Ask(nat)\n";
        let source = Source::from_text("p.tell", &format!("protocol {name} =\n{lines}")).map_err(text)?;
        let global = load(&source).map_err(|error| format!("{error:?}"))?;
        crate::walk::image_of(&global, true)
    };
    let host = Script::new(&[EffectKind::Choose, EffectKind::InvokeStep], |request| {
        choose(request, if request.coordinate.counter < 4 { "Ask" } else { "Done" })
    });
    check_with(
        [&asking("Once")?, &asking("Again")?],
        FULL,
        &config(),
        &host,
        "0-3: moves, completed after 4 messages
         4: waits: A is about to ask Runtime.step, which the new code does in several places in its state
         5: moves, completed after 4 messages
         6: waits: A is in the middle of something, at pc6
         7: waits: A is about to ask Runtime.step, which the new code does in several places in its state
         8: moves, completed after 4 messages
         9: waits: A is in the middle of something, at pc9
         10-14: moves, completed after 4 messages
         15: waits: B is about to ask Runtime.step, which the new code does in several places in its state
         16: moves, completed after 4 messages
         17: waits: B is about to ask Runtime.step, which the new code does in several places in its state
         18-20: moves, completed after 4 messages",
    )
}

/// `A` sends what it was told last; `first` is what its code says where nobody has told it anything.
fn teller(name: &str, first: u64, more: bool) -> Result<Arc<CodeImage>, String> {
    let mut draft = Draft::new();
    draft.parts.name = name.into();
    let extra = more.then(|| draft.label("Flag", BOOL));
    let (told, tell) = (draft.label("Told", NAT), draft.label("Tell", NAT));
    let (ba, ab) = (draft.edge(1, 0), draft.edge(0, 1));
    draft.comm(ba, &[(told, 1)]);
    draft.comm(ab, &[(tell, 2)]);
    draft.end();
    draft.state(0, Action::Recv(ba), &[(told, 1)]);
    draft.state(0, Action::Send(ab), &[(tell, 2)]);
    draft.state(0, Action::End, &[]);
    draft.state(1, Action::Send(ba), &[(told, 4)]);
    draft.state(1, Action::Recv(ab), &[(tell, 5)]);
    draft.state(1, Action::End, &[]);
    let constant = draft.nat(first);
    let seven = draft.nat(7);
    // The register that is sent stands elsewhere in the other code.
    let at = if extra.is_some() { 3 } else { 1 };
    let own = [
        Instr::Set { dst: at, constant },
        Instr::Receive { chan: 0, dst: at },
        Instr::Send { chan: 0, val: at },
        Instr::Halt {},
    ];
    draft.role("A", 0, at + 1, &own);
    let other = [
        Instr::Set { dst: 1, constant: seven },
        Instr::Send { chan: 0, val: 1 },
        Instr::Receive { chan: 0, dst: 1 },
        Instr::Halt {},
    ];
    draft.role("B", 3, 2, &other);
    draft.image()
}

/// What a role holds of a sort it holds afterwards, in whichever register the new code has it; constants are the code's.
pub fn registers_are_carried_by_sort() -> Result<(), String> {
    let (old, new) = (teller("Old", 1, false)?, teller("New", 2, true)?);
    for steps in 0..8 {
        let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
        let heard = Mutex::new(Vec::new());
        let host = Script::new(&[EffectKind::Receive], |request| {
            if let motet_machine::EffectRequestBody::Receive { payload, .. } = request.body {
                heard.lock().expect("one thread").push(payload.to_value());
            }
            accept(request)
        });
        let first = runtime.load(Arc::clone(&old)).map_err(text)?;
        let session = runtime.open(first).map_err(text)?;
        while runtime.machine().tally().steps < steps && runtime.turn(&host).map_err(text)? != Turn::Idle {}
        let to = runtime.load(Arc::clone(&new)).map_err(text)?;
        if runtime.machine().live_sessions() == 0 {
            break;
        }
        match runtime.stage_upgrade(to, FULL).map_err(text)?.movable()[..] {
            [] => continue,
            _ => runtime.upgrade(to, FULL, &[session]).map_err(text)?,
        };
        let status = runtime.run(&host).map_err(text)?;
        let heard = heard.lock().expect("one thread").clone();
        ensure!(status == RunStatus::Completed, "{steps}: {status:?} {:?}", runtime.faults());
        ensure!(heard == [Value::Nat(7), Value::Nat(7)], "{steps}: {heard:?} was heard");
    }
    Ok(())
}

/// `A` asks `operation` with a number, and sends the answer.
pub(super) fn asker(name: &str, operation: &str, argument: u64, answer: u16) -> Result<Arc<CodeImage>, String> {
    let mut draft = letters(1);
    draft.parts.name = name.into();
    if name != "Old" {
        draft.effect("other", UNIT, UNIT, true);
    }
    let effect = draft.effect(operation, NAT, answer, true);
    let constant = draft.nat(argument);
    let into = if answer == NAT { 1 } else { 2 };
    let code = [
        Instr::Set { dst: 1, constant },
        Instr::Invoke { arg: 1, dst: into, effect },
        Instr::Send { chan: 0, val: 1 },
        Instr::Halt {},
    ];
    draft.recode(0, 3, &code);
    draft.image()
}

/// An effect that waits for its answer goes along, where the new code asks the same; its answer is taken there. Where it
/// would be another question the session waits.
pub fn questions_go_along() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let old = asker("Old", "ask", 5, NAT)?;
    let cases = [
        ("New", "ask", NAT, "moves, waiting after 0 messages"),
        ("New", "tell", NAT, "waits: A is about to ask Test.ask, which the new code does nowhere in its state"),
        ("New", "ask", BOOL, "waits: A is about to ask Test.ask, which the new code does nowhere in its state"),
    ];
    for (name, operation, answer, expected) in cases {
        let new = asker(name, operation, 6, answer)?;
        let found = table(&old, &new, FULL, &config(), &later)?;
        let last = found.lines().last().and_then(|line| line.split_once(": ")).map(|(_, what)| what);
        ensure!(last == Some(expected), "{operation}: {found}");
    }
    // The answer comes to the new code, under the same id, whether the host had been asked or not.
    for asked in [false, true] {
        let mut runtime = GuestRuntime::new(config(), Schedule::default()).map_err(text)?;
        let first = runtime.load(Arc::clone(&old)).map_err(text)?;
        let session = runtime.open(first).map_err(text)?;
        runtime.turn(&later).map_err(text)?;
        if asked {
            runtime.turn(&later).map_err(text)?;
        }
        let before: Vec<_> = runtime.machine().pending_effects().map(|ask| ask.coordinate).collect();
        let to = runtime.load(asker("New", "ask", 6, NAT)?).map_err(text)?;
        runtime.upgrade(to, FULL, &[session]).map_err(text)?;
        let after: Vec<_> = runtime.machine().pending_effects().map(|ask| ask.coordinate).collect();
        ensure!(before == after && before.len() == 1, "{before:?} became {after:?}");
        ensure!(runtime.run(&later).map_err(text)? == RunStatus::Waiting, "nobody waits");
        let outstanding: Vec<_> = runtime.outstanding().map(|(id, _)| id).collect();
        ensure!(outstanding.len() == 1, "{outstanding:?}");
        runtime.complete(outstanding[0], done(Value::Nat(9))).map_err(text)?;
        let status = runtime.run(&later).map_err(text)?;
        ensure!(status == RunStatus::Completed, "{status:?}: {:?}", runtime.faults());
    }
    Ok(())
}

/// The argument of a question that waits is in a register; where the new code would ask with another, nothing moves.
pub fn questions_stay_the_same() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let with = |name: &str, arg: u16| -> Result<_, String> {
        let mut draft = letters(1);
        draft.parts.name = name.into();
        let effect = draft.effect("ask", NAT, UNIT, true);
        let (five, six) = (draft.nat(5), draft.nat(6));
        let sets = [Instr::Set { dst: 1, constant: five }, Instr::Set { dst: 2, constant: six }];
        let rest = [Instr::Invoke { arg, dst: 3, effect }, Instr::Send { chan: 0, val: 1 }, Instr::Halt {}];
        draft.recode(0, 4, &[&sets[..], &rest[..]].concat());
        draft.image()
    };
    let found = table(&with("Old", 1)?, &with("New", 2)?, FULL, &config(), &later)?;
    let last = found.lines().last().and_then(|line| line.split_once(": ")).map(|(_, what)| what);
    ensure!(last == Some("waits: what A has asked would be asked otherwise"), "{found}");
    Ok(())
}

/// A message in flight for which the new image has no label keeps its session where it is, whatever the types say.
pub fn messages_in_flight_are_kept() -> Result<(), String> {
    let old = protocol("Old", &["A -> B : One(nat)", "B -> C : Two(nat)"])?;
    let new = protocol("New", &["B -> C : Two(nat)", "A -> B : Three(nat)"])?;
    let found = table(&old, &new, AT_START, &config(), &SeededHost::new(7))?;
    let flies =
        found.lines().any(|line| line.contains("One is in flight from A to B, and the new image has no such message"));
    ensure!(flies, "{found}");
    Ok(())
}

/// What is in the way of a session's island.
pub fn islands_are_whole() -> Result<(), String> {
    let spawn = Instr::Spawn { args: 7, dst: 8, target: 2 + 6 };
    let cases: [(&str, &[Instr], &str); 3] = [
        ("opened", &[OPEN, YIELD, SEVEN, TELL, HALT], "it has opened sessions that go on"),
        (
            "spawned",
            &[spawn, YIELD, SEVEN, TELL, HALT, HALT, YIELD, YIELD, HALT],
            "it has started coroutines that go on",
        ),
        ("speculates", &[FORK, YIELD, Instr::Join {}, SEVEN, TELL, HALT], "it speculates"),
    ];
    for (what, code, expected) in cases {
        let renamed = |name: &str| -> Result<_, String> {
            let mut draft = opener(code)?;
            draft.parts.name = name.into();
            draft.image()
        };
        let found = table(&renamed("Old")?, &renamed("New")?, FULL, &config(), &SeededHost::new(7));
        let found = found.map_err(|why| format!("{what}: {why}"))?;
        ensure!(found.contains(expected), "{what}: {found}");
    }
    let old = protocol("Order", &ORDER)?;
    let new = protocol("Again", &ORDER)?;
    for way in ways().into_iter().skip(1) {
        let config = ProtocolMachineConfig { authentication: way, ..config() };
        let found = table(&old, &new, FULL, &config, &SeededHost::new(7))?;
        ensure!(found.contains("finishes: its messages are signed, kept or counted"), "{found}");
    }
    Ok(())
}

/// Who has failed does not go on in any image; who waits for a link may, once it is whole.
pub fn failures_stay() -> Result<(), String> {
    let (old, new) = (protocol("Order", &ORDER)?, protocol("Again", &ORDER)?);
    let cases = [
        (TopologyPerturbation::Crash { site: "C".into() }, "finishes: C has failed and will not go on"),
        (TopologyPerturbation::Partition { from: "A".into(), to: "B".into() }, "waits: A waits for a link that is cut"),
    ];
    for (happens, expected) in cases {
        let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
        let first = runtime.load(Arc::clone(&old)).map_err(text)?;
        runtime.open(first).map_err(text)?;
        let host = SeededHost::new(7);
        runtime.turn(&host).map_err(text)?;
        drop(runtime.perturb(&[happens]).map_err(text)?);
        runtime.turn(&host).map_err(text)?;
        let to = runtime.load(Arc::clone(&new)).map_err(text)?;
        let found = moves(&mut runtime, to, FULL, &host)?;
        ensure!(found == expected, "{found}, not {expected}");
    }
    Ok(())
}

/// All the sessions that are named move, or none; parked ones are looked at by their bytes, and move once they are back.
pub fn all_or_none() -> Result<(), String> {
    let later = Script::new(&[EffectKind::InvokeStep], |_| EffectOutcome::Pending);
    let mut runtime = GuestRuntime::new(config(), Schedule::default()).map_err(text)?;
    let first = runtime.load(asker("Old", "ask", 5, NAT)?).map_err(text)?;
    let waiting: Vec<SessionId> = (0..3).map(|_| runtime.open(first)).collect::<Result<_, _>>().map_err(text)?;
    while runtime.turn(&later).map_err(text)? != Turn::Idle {}
    // One that has not begun is in the middle of its first instruction but one.
    let fresh = runtime.open(first).map_err(text)?;
    let parked = runtime.park(waiting[2]).map_err(text)?;
    let to = runtime.load(asker("New", "ask", 6, NAT)?).map_err(text)?;
    let staged = runtime.stage_upgrade(to, FULL).map_err(text)?;
    let words: Vec<String> = staged
        .decisions
        .iter()
        .map(|(_, decision)| {
            decision.obstacle().map_or_else(|| decision.name().to_owned(), |obstacle| obstacle.code().to_owned())
        })
        .collect();
    ensure!(
        words == ["moves", "moves", "parked", "moves"] || words == ["moves", "moves", "parked", "busy"],
        "{words:?}"
    );
    let before = runtime.state_root();
    let refused = runtime.upgrade(to, FULL, &[waiting[0], waiting[2], fresh]);
    ensure!(refused.is_err(), "a parked session moved");
    ensure!(runtime.state_root() == before, "some moved");
    let mut plans = runtime.machine().plan_upgrade(to, FULL).map_err(text)?;
    let decision = runtime.machine().consider_parked(&mut plans, &parked).map_err(text)?;
    ensure!(decision == UpgradeDecision::Moves, "{decision:?}");
    runtime.resume(&parked).map_err(text)?;
    let moved = runtime.upgrade(to, FULL, &waiting).map_err(text)?;
    ensure!(moved == 3, "{moved} moved");
    let gone = runtime.upgrade(to, FULL, &[SessionId(77)]);
    ensure!(matches!(gone, Err(RuntimeError::Upgrade(_))), "{gone:?}");
    Ok(())
}

/// Other roles are another protocol; an image that the run's host cannot serve is not even loaded.
pub fn hosts_and_roles_stay() -> Result<(), String> {
    let mut runtime = GuestRuntime::new(config(), Schedule::default()).map_err(text)?;
    let first = runtime.load(protocol("Order", &ORDER)?).map_err(text)?;
    runtime.open(first).map_err(text)?;
    let to = runtime.load(image("protocol Two =\n  roles A, B\n  A -> B : Ask(nat)\n")?).map_err(text)?;
    let refused = runtime.stage_upgrade(to, FULL).map_err(text);
    let expected = "the new protocol has the roles A, B, the old one A, B, C; an upgrade keeps roles and their order";
    ensure!(refused == Err(expected.into()), "{refused:?}");
    runtime.turn(&motet_machine::NoHost).map_err(text)?;
    let refused = runtime.load(asker("New", "ask", 1, NAT)?);
    ensure!(matches!(refused, Err(RuntimeError::NobodyAnswers { .. })), "{refused:?}");
    Ok(())
}

/// Sessions move where the runtime's contracts grant it. What Motet answers for itself does; asking needs no grant.
pub fn contracts_grant_moves() -> Result<(), String> {
    for granted in [true, false] {
        let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
        let mut contracts = RuntimeContracts::own();
        if !granted {
            contracts.capabilities.remove(&RuntimeCapability::SessionUpgrade);
        }
        runtime.hold_to(contracts).map_err(text)?;
        let first = runtime.load(protocol("Order", &ORDER)?).map_err(text)?;
        let session = runtime.open(first).map_err(text)?;
        let to = runtime.load(protocol("Again", &ORDER)?).map_err(text)?;
        ensure!(runtime.stage_upgrade(to, FULL).map_err(text)?.movable() == [session], "it may not move");
        let moved = runtime.upgrade(to, FULL, &[session]);
        let right = match &moved {
            Ok(1) => granted,
            Err(RuntimeError::Admission(refusal)) => {
                !granted && refusal.items.iter().any(|item| item.to_string().contains("session_upgrade"))
            }
            _ => false,
        };
        ensure!(right, "granted {granted}: {moved:?}");
    }
    Ok(())
}

/// The reasons of many sessions stand together, for people.
pub fn reasons_are_counted() -> Result<(), String> {
    let mut runtime = GuestRuntime::new(config(), one_step()).map_err(text)?;
    let first = runtime.load(protocol("Order", &ORDER)?).map_err(text)?;
    for _ in 0..5 {
        runtime.open(first).map_err(text)?;
    }
    let to = runtime.load(protocol("Behind", &[&ORDER[..], &["C -> B : Receipt"][..]].concat())?).map_err(text)?;
    let staged = runtime.stage_upgrade(to, FULL).map_err(text)?;
    let mut told = String::new();
    for (decision, count) in staged.reasons() {
        writeln!(
            told,
            "{count} {}: {}",
            decision.name(),
            decision.obstacle().map(ToString::to_string).unwrap_or_default()
        )
        .map_err(text)?;
    }
    let expected = "5 waits: B cannot go on in the new type: no: after ?A:Ask(string).!A:Price(string) it goes on with ?C:Receipt, but nothing is expected any more\n";
    ensure!(told == expected, "{told}");
    Ok(())
}
