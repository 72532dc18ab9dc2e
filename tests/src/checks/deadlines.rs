//! Effects that have to be answered in time: what is not has timed out, by the tick alone, whoever asked and wherever it
//! stood meanwhile.

use crate::draft::{Draft, NAT, UNIT};
use crate::owners::objects;
use crate::script::{Script, done};
use crate::walk::{Run, Setup};
use motet_machine::{
    AdvanceRefusal, AnswerError, CodeImage, ConfigError, EffectCoordinate, EffectOutcome, EffectRequest,
    ProtocolMachine, RestoreError, SNAPSHOT_MAGIC, SNAPSHOT_VERSION, SessionState, seal, unseal,
};
use motet_runtime::{GuestRuntime, Inline, Runtime, RuntimeError, verify_waves};
use motet_types::{Action, CoroutineId, EffectFailureKind, EffectKind, Fault, Instr, SessionId, Tick, Value};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A and B each ask for a number, which may take its time.
pub fn asking() -> Result<Arc<CodeImage>, String> {
    let mut draft = Draft::new();
    draft.end();
    let slow = draft.effect("slow", UNIT, NAT, true);
    for (role, name) in (0..).zip(["A", "B"]) {
        let end = draft.state(role, Action::End, &[]);
        draft.role(name, end, 3, &[Instr::Invoke { arg: 2, dst: 1, effect: slow }, Instr::Halt {}]);
    }
    draft.image()
}

fn with(budget: Option<u64>) -> Setup {
    let mut setup = Setup::default().schedule(4, 256);
    setup.config.effect_budget = budget;
    setup.config.semantic_objects = Some(10);
    setup
}

/// A run that is told what to do, word by word.
struct Told {
    setup: Setup,
    image: Arc<CodeImage>,
    runtime: GuestRuntime,
    asked: Arc<Mutex<Vec<EffectCoordinate>>>,
    host: Script<'static>,
    parked: Option<Vec<u8>>,
    whole: bool,
}

fn short(at: &EffectCoordinate) -> String {
    format!("{}.{}", at.session.0, at.coroutine.0)
}

impl Told {
    fn begin(budget: Option<u64>, says: EffectOutcome) -> Result<Self, String> {
        let (setup, image, asked) = (with(budget), asking()?, Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&asked);
        let host = Script::new(&[EffectKind::InvokeStep], move |request: &EffectRequest<'_>| {
            into.lock().unwrap_or_else(PoisonError::into_inner).push(request.coordinate);
            says.clone()
        });
        let runtime = setup.guest(&image)?;
        Ok(Self { setup, image, runtime, asked, host, parked: None, whole: true })
    }

    /// Where the machine stands, whom it has asked, and who has faulted why.
    fn stands(&mut self, out: &mut String) {
        write!(out, "tick {}", self.runtime.machine().tick().0).unwrap_or_default();
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        for (at, one) in asked.iter().enumerate() {
            write!(out, "{}{}", if at == 0 { ", asked " } else { " " }, short(one)).unwrap_or_default();
        }
        for report in self.runtime.drain_faults() {
            let why = match &report.fault {
                Fault::Invoke { kind: EffectFailureKind::Timeout, .. } => "timed out",
                _ => "faulted otherwise",
            };
            write!(out, ", {}.{} {why}", report.session.0, report.coroutine.0).unwrap_or_default();
        }
    }

    fn coordinate(&self, name: &str) -> Result<EffectCoordinate, String> {
        let (session, coroutine) = name.split_once('.').ok_or("an effect is named 0.1")?;
        let (session, coroutine) = (session.parse().map_err(text)?, coroutine.parse().map_err(text)?);
        Ok(EffectCoordinate { session: SessionId(session), coroutine: CoroutineId(coroutine), counter: 0 })
    }

    /// What became of the progress of an effect, by its place among all; and how its operation stands.
    fn progress(&self, place: u64) -> Result<String, String> {
        let objects = self.runtime.semantic_objects().map_err(text)?;
        motet_semantic::check(&objects).map_err(text)?;
        let effect =
            objects.outstanding_effects.iter().find(|one| one.ordering_key == place).ok_or("no such effect")?;
        let steps = objects.progress_transitions.iter().filter(|one| one.operation_id == effect.operation_id);
        let steps: String = steps.map(|one| format!("{} at {}, ", one.to_state, one.tick)).collect();
        let operation = objects.operation_instances.iter().find(|one| one.operation_id == effect.operation_id);
        let operation = operation.ok_or("the effect has no operation")?;
        let published = operation.terminal_publication.as_deref().unwrap_or("not over");
        Ok(format!("{steps}effect {}, operation {}, {published}", effect.status, operation.phase))
    }

    fn word(&mut self, line: &str) -> Result<String, String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut out = String::new();
        match verb {
            "turn" => match self.runtime.turn(&self.host) {
                Ok(_) => self.stands(&mut out),
                Err(RuntimeError::Answer(AnswerError::Parked(at))) => {
                    write!(out, "{} is parked", short(&at)).unwrap_or_default();
                }
                Err(error) => return Err(text(error)),
            },
            "advance" => {
                self.runtime.advance(rest.parse().map_err(text)?).map_err(text)?;
                self.stands(&mut out);
            }
            "deadline" => {
                ensure!(self.runtime.advance_to_deadline().map_err(text)?, "there is no deadline");
                self.stands(&mut out);
            }
            "progress" => out.push_str(&self.progress(0)?),
            "other" => out.push_str(&self.progress(1)?),
            "open" => {
                self.runtime.open(motet_machine::ImageId(0)).map_err(text)?;
            }
            "limit" => self.runtime.limit_steps(rest.parse().map_err(text)?),
            "answer" => {
                let id = self.coordinate(rest)?.effect_id(&self.setup.config.run_id);
                out.push_str(match self.runtime.complete(id, done(Value::Nat(1))) {
                    Ok(()) => "taken",
                    Err(RuntimeError::UnknownEffect(_)) => "nobody asks for it",
                    Err(RuntimeError::Answer(AnswerError::NotPending(_))) => "nobody waits for it",
                    Err(error) => return Err(text(error)),
                });
            }
            "park" => self.parked = Some(self.runtime.park(SessionId(0)).map_err(text)?),
            "resume" => {
                let bytes = self.parked.take().ok_or("nothing is parked")?;
                self.runtime.resume(&bytes).map_err(text)?;
            }
            "restore" => {
                let bytes = self.runtime.snapshot().map_err(text)?.to_bytes();
                let (config, images) = (self.setup.config.clone(), [Arc::clone(&self.image)]);
                self.runtime = Runtime::resume_from(config, Inline::default(), &images, &bytes).map_err(text)?;
                self.whole = false;
            }
            other => return Err(format!("there is no `{other}`")),
        }
        let machine = self.runtime.machine();
        let (found, kept) = (machine.recomputed_root(), machine.state_root());
        ensure!(found == kept, "after `{line}` the root is {kept}, over {found}");
        Ok(out)
    }
}

/// Does what the lines say; each says behind a bar what comes of it. A run that stays one run is also replayed.
fn check(budget: Option<u64>, says: &EffectOutcome, script: &str) -> Result<(), String> {
    let mut run = Told::begin(budget, says.clone())?;
    // Remembered roots follow every change.
    run.runtime.settle_root();
    for (number, line) in script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (word, expected) = line.split_once('|').unwrap_or((line, ""));
        let (word, expected) = (word.trim(), expected.trim());
        let found = run.word(word).map_err(|why| format!("line {}, `{word}`: {why}", number + 1))?;
        ensure!(found == expected, "line {}, `{word}`: {found}", number + 1);
    }
    if !run.whole {
        return Ok(());
    }
    let meant = objects(&run.runtime);
    let run = Run::of(run.runtime, &run.host)?;
    let again = run.replayed()?;
    ensure!(objects(&again.runtime) == meant, "the replay has other semantic objects");
    verify_waves(&run.read_record()?).map(drop).map_err(text)
}

/// What is not answered by its deadline has timed out when a turn begins there or later, and not before; an answer is in
/// time until then. Behind it nobody waits for one.
pub fn what_is_not_answered_in_time_has_timed_out() -> Result<(), String> {
    let pending = EffectOutcome::Pending;
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         advance 2 | tick 3
         turn      | tick 3
         advance 1 | tick 4
         turn      | tick 5, 0.1 timed out
         answer 0.1 | nobody asks for it
         answer 0.0 | nobody asks for it",
    )?;
    // Whoever comes last, but before the turn.
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         deadline  | tick 4
         answer 0.0 | taken
         turn      | tick 5, 0.1 timed out",
    )?;
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         advance 30 | tick 31
         answer 0.1 | taken
         answer 0.0 | taken
         turn      | tick 32
         answer 0.0 | nobody asks for it",
    )?;
    // Without a budget there is all the time in the world.
    check(
        None,
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         advance 1000000 | tick 1000001
         turn      | tick 1000001
         answer 0.0 | taken
         turn      | tick 1000002",
    )
}

/// A host that puts an effect off is asked again until its time is up, and not any more then; what it had said at once is
/// heard.
pub fn blocked_effects_are_asked_until_they_time_out() -> Result<(), String> {
    check(
        Some(3),
        &EffectOutcome::Blocked,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         advance 2 | tick 3
         turn      | tick 3, asked 0.0 0.1
         advance 1 | tick 4
         turn      | tick 5, 0.1 timed out",
    )?;
    check(
        Some(1),
        &done(Value::Nat(2)),
        "turn      | tick 1
         turn      | tick 2, asked 0.0 0.1",
    )
}

/// On the way to its deadline an effect's progress contract is escalated by a step with each quarter of the budget, from the
/// tick alone; at the deadline it is given up. Snapshots take it along.
pub fn contracts_are_escalated() -> Result<(), String> {
    let pending = EffectOutcome::Pending;
    for restored in ["", "restore"] {
        let script = format!(
            "turn      | tick 1
             turn      | tick 1, asked 0.0 0.1
             advance 1 | tick 2
             progress  | effect pending, operation pending, not over
             {restored}
             advance 1 | tick 3
             progress  | blocked at 3, effect blocked, operation blocked, not over
             advance 3 | tick 6
             {restored}
             answer 0.1 | taken
             progress  | blocked at 3, no_progress at 6, effect blocked, operation blocked, not over
             turn      | tick 7
             progress  | blocked at 3, no_progress at 6, degraded at 7, effect blocked, operation blocked, not over
             other     | blocked at 3, no_progress at 6, succeeded at 6, effect succeeded, operation succeeded, effect.succeeded
             advance 1 | tick 8
             {restored}
             progress  | blocked at 3, no_progress at 6, degraded at 7, effect blocked, operation blocked, not over
             deadline  | tick 9
             progress  | blocked at 3, no_progress at 6, degraded at 7, effect blocked, operation blocked, not over
             turn      | tick 10, 0.0 timed out
             progress  | blocked at 3, no_progress at 6, degraded at 7, timed_out at 9, effect failed, operation timed_out, effect.timed_out
             answer 0.0 | nobody asks for it"
        );
        check(Some(8), &pending, &script)?;
    }
    // A small budget has room for one tick: all steps are taken there. Answered before the turn, it is in time.
    check(
        Some(1),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         deadline  | tick 2
         answer 0.1 | taken
         turn      | tick 3, 0.0 timed out
         progress  | blocked at 2, no_progress at 2, degraded at 2, timed_out at 2, effect failed, operation timed_out, effect.timed_out
         other     | blocked at 2, no_progress at 2, degraded at 2, succeeded at 2, effect succeeded, operation succeeded, effect.succeeded",
    )
}

/// Effects time out in the order of their deadlines; where no step may be taken, none does.
pub fn timeouts_have_an_order() -> Result<(), String> {
    let pending = EffectOutcome::Pending;
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         open
         turn      | tick 2
         turn      | tick 2, asked 1.0 1.1
         deadline  | tick 4
         advance 1 | tick 5
         turn      | tick 6, 0.1 timed out, 1.1 timed out",
    )?;
    check(
        Some(3),
        &pending,
        "limit 2
         turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         deadline  | tick 4
         turn      | tick 4
         answer 0.1 | taken
         turn      | tick 4
         limit 100
         turn      | tick 5, 0.0 timed out",
    )
}

/// A deadline is a session's state: it goes through snapshots, and with a session that is parked. Such a one has to be back
/// before a turn can begin in which it would time out.
pub fn deadlines_go_with_their_sessions() -> Result<(), String> {
    let pending = EffectOutcome::Pending;
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         restore
         turn      | tick 1, asked 0.0 0.1
         advance 2 | tick 3
         restore
         turn      | tick 3
         advance 1 | tick 4
         restore
         turn      | tick 5, 0.1 timed out",
    )?;
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         park
         advance 2 | tick 3
         turn      | tick 3
         advance 1 | tick 4
         turn      | 0.0 is parked
         turn      | 0.0 is parked
         resume
         turn      | tick 5, 0.1 timed out",
    )?;
    // Nothing else knows of the deadline of a parked session than the machine.
    check(
        Some(3),
        &pending,
        "turn      | tick 1
         turn      | tick 1, asked 0.0 0.1
         park
         restore
         advance 3 | tick 4
         turn      | 0.0 is parked
         resume
         turn      | tick 5, 0.1 timed out",
    )
}

fn state(runtime: &mut GuestRuntime) -> Result<SessionState, String> {
    let root = runtime.settle_root();
    let proof = runtime.prove_session(SessionId(0)).map_err(text)?;
    Ok(proof.verify(root, SessionId(0)).map_err(text)?.1)
}

/// Deadlines are in a session's bytes and in the root, and are not believed when they cannot be.
pub fn deadlines_are_state() -> Result<(), String> {
    let none = with(Some(0)).config.validate();
    ensure!(none == Err(ConfigError::Zero("effect_budget")), "{none:?}");
    let begin = |budget: Option<u64>| {
        let mut run = Told::begin(budget, EffectOutcome::Pending)?;
        for _ in 0..2 {
            run.word("turn")?;
        }
        Ok::<_, String>(run)
    };
    let mut run = begin(Some(7))?;
    let found = state(&mut run.runtime)?.deadlines;
    ensure!(found == [(CoroutineId(0), Tick(8)), (CoroutineId(1), Tick(8))], "{found:?}");
    let roots = [begin(None)?, begin(Some(8))?].map(|run| run.runtime.state_root());
    ensure!(!roots.contains(&run.runtime.state_root()) && roots[0] != roots[1], "a deadline is in no root");
    ensure!(state(&mut begin(None)?.runtime)?.deadlines.is_empty(), "a deadline without a budget");
    let bytes = run.runtime.snapshot().map_err(text)?.machine().to_bytes();
    let (config, images) = (run.setup.config.clone(), [Arc::clone(&run.image)]);
    ProtocolMachine::restore(config.clone(), &images, &bytes).map_err(text)?;
    for budget in [None, Some(6)] {
        let refused = ProtocolMachine::restore(with(budget).config, &images, &bytes);
        ensure!(matches!(refused, Err(RestoreError::OtherConfig { .. })), "{budget:?}: {:?}", refused.err());
    }
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &bytes).map_err(text)?;
    let rows = |first: u16, tick: u64| {
        [&[2, 0][..], &first.to_le_bytes(), &tick.to_le_bytes(), &[1, 0], &8u64.to_le_bytes()].concat()
    };
    let real = rows(0, 8);
    let at = body.windows(real.len()).position(|window| window == real).ok_or("the deadlines are not there")?;
    for (first, tick, what) in
        [(0, 9, "later than"), (0, u64::MAX, "later than"), (1, 8, "out of order"), (2, 8, "out of order")]
    {
        let mut forged = body.clone();
        forged[at..at + real.len()].copy_from_slice(&rows(first, tick));
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &forged);
        let refused = ProtocolMachine::restore(config.clone(), &images, &sealed);
        let why = refused.err().map(text).unwrap_or_default();
        ensure!(why.contains(what), "coroutine {first} by tick {tick}: {why}");
    }
    // Time has an end, and passes between turns.
    let past = run.runtime.advance(u64::MAX);
    let refused = matches!(past, Err(RuntimeError::Advance(AdvanceRefusal::Exhausted { tick: Tick(1), .. })));
    ensure!(refused && run.runtime.machine().tick() == Tick(1), "{past:?}");
    Ok(())
}
