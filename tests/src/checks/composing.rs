//! Compositions of hosts: what several answers come to, held against the policies written down once more. And what two runs
//! show of their hosts' determinism.

use super::guards::{HALT, alone};
use crate::draft::{NAT, letters};
use crate::script::{Script, accept, done};
use crate::walk::Setup;
use motet_machine::{CodeImage, EffectCoordinate, EffectHandler, EffectOutcome};
use motet_runtime::{
    ComposedHost, CompositionError, EffectCompositionPolicy, EffectDeterminismTier, GuestRuntime, ObservedTier,
    RunRecord, RunStatus, observed_tier,
};
use motet_types::{CoroutineId, EffectFailureKind, EffectKind, Fault, Instr, SessionId, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a member says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    One,
    Two,
    Fails,
    Blocks,
    TakesOn,
}

const ALL: [Says; 5] = [Says::One, Says::Two, Says::Fails, Says::Blocks, Says::TakesOn];

/// What a composition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    To(u64),
    NotYet,
    Fails(EffectFailureKind),
}

fn member(says: Says, asked: &Arc<AtomicUsize>) -> Arc<dyn EffectHandler> {
    let asked = Arc::clone(asked);
    Arc::new(Script::new(&[EffectKind::InvokeStep], move |_| {
        asked.fetch_add(1, Ordering::Relaxed);
        match says {
            Says::One => done(Value::Nat(1)),
            Says::Two => done(Value::Nat(2)),
            Says::Fails => EffectOutcome::failure(EffectFailureKind::Denied, "no"),
            Says::Blocks => EffectOutcome::Blocked,
            Says::TakesOn => EffectOutcome::Pending,
        }
    }))
}

/// The policy, once more: so many must say the same; those that are blocked may still join the largest party, and where
/// even that is too few the first failure counts, or that there is none.
fn right(needed: usize, says: &[Says]) -> Comes {
    for seen in 1..=says.len() {
        for (answer, value) in [(Says::One, 1), (Says::Two, 2)] {
            if says[..seen].iter().filter(|one| **one == answer).count() >= needed {
                return Comes::To(value);
            }
        }
    }
    let count = |what| says.iter().filter(|one| **one == what).count();
    let blocked = count(Says::Blocks);
    if blocked > 0 && count(Says::One).max(count(Says::Two)) + blocked >= needed {
        return Comes::NotYet;
    }
    match says.iter().find(|one| matches!(one, Says::Fails | Says::TakesOn)) {
        Some(Says::Fails) => Comes::Fails(EffectFailureKind::Denied),
        Some(_) => Comes::Fails(EffectFailureKind::ContractViolation),
        None => Comes::Fails(EffectFailureKind::Determinism),
    }
}

/// What a host comes to, asked by a run about an operation that may block.
fn asked_of(host: &ComposedHost) -> Result<Comes, String> {
    let mut draft = alone(2, &[Instr::Invoke { arg: 1, dst: 1, effect: 0 }, HALT]);
    draft.effect("ask", 0, NAT, true);
    let mut setup = Setup::default();
    setup.config.record = true;
    let mut runtime: GuestRuntime = setup.guest(&draft.image()?)?;
    runtime.run(&host).map_err(|error| error.to_string())?;
    Ok(match runtime.status() {
        RunStatus::Completed => {
            let tape = runtime.tape().map(|tape| tape.bytes().to_vec()).unwrap_or_default();
            let inputs = motet_runtime::read_inputs(&tape).map_err(|error| error.to_string())?;
            let answer = inputs.iter().find_map(|(_, input)| match input {
                motet_runtime::Input::Answer { outcome, .. } => Some(outcome.clone()),
                _ => None,
            });
            match answer {
                Some(outcome) if outcome == done(Value::Nat(1)) => Comes::To(1),
                Some(outcome) if outcome == done(Value::Nat(2)) => Comes::To(2),
                other => return Err(format!("answered {other:?}")),
            }
        }
        RunStatus::Waiting => Comes::NotYet,
        status => match runtime.faults() {
            [report] => match report.fault {
                Fault::Invoke { kind, .. } => Comes::Fails(kind),
                ref other => return Err(format!("{other}")),
            },
            faults => return Err(format!("{status:?} {faults:?}")),
        },
    })
}

/// Every answer of every three members, under every policy; and nobody is asked behind the one who decides it.
pub fn compositions_come_to_what_their_policy_says() -> Result<(), String> {
    let policies = [
        (EffectCompositionPolicy::All, 3),
        (EffectCompositionPolicy::First, 1),
        (EffectCompositionPolicy::Threshold { required_successes: 1 }, 1),
        (EffectCompositionPolicy::Threshold { required_successes: 2 }, 2),
        (EffectCompositionPolicy::Threshold { required_successes: 3 }, 3),
    ];
    for a in ALL {
        for b in ALL {
            for c in ALL {
                for (policy, needed) in policies {
                    let (says, asked) = ([a, b, c], Arc::new(AtomicUsize::new(0)));
                    let members = says.iter().map(|says| member(*says, &asked)).collect();
                    let host = ComposedHost::new(policy, members).map_err(|error| error.to_string())?;
                    let (found, expected) = (asked_of(&host)?, right(needed, &says));
                    ensure!(found == expected, "{policy:?} of {says:?}: {found:?}, not {expected:?}");
                    let decided =
                        (1..=3).find(|seen| matches!(right(needed, &says[..*seen]), Comes::To(_))).unwrap_or(3);
                    let times = asked.load(Ordering::Relaxed);
                    ensure!(times.is_multiple_of(decided), "{policy:?} of {says:?}: {times} were asked, not {decided}");
                }
            }
        }
    }
    Ok(())
}

/// Who does not want a kind abstains; what cannot answer is no composition; what is composed has a name, and replays.
pub fn compositions_are_hosts() -> Result<(), String> {
    let nobody = ComposedHost::new(EffectCompositionPolicy::First, Vec::new()).err();
    ensure!(nobody == Some(CompositionError::Empty), "{nobody:?}");
    for required in [0, 3] {
        let policy = EffectCompositionPolicy::Threshold { required_successes: required };
        let hosts: Vec<Arc<dyn EffectHandler>> =
            vec![Arc::new(Script::new(&[], accept)), Arc::new(Script::new(&[], accept))];
        let refused = ComposedHost::new(policy, hosts).err();
        ensure!(refused == Some(CompositionError::Threshold { required, members: 2 }), "{refused:?}");
    }
    let sends: Arc<dyn EffectHandler> = Arc::new(Script::new(&[EffectKind::SendDecision], accept).named("sends"));
    let hears: Arc<dyn EffectHandler> = Arc::new(Script::new(&[EffectKind::Receive], accept).named("hears"));
    let host =
        ComposedHost::new(EffectCompositionPolicy::All, vec![sends, hears]).map_err(|error| error.to_string())?;
    ensure!(host.identity() == "all (sends, hears)", "{}", host.identity());
    let run = Setup::default().run(&letters(3).image()?, &host)?;
    ensure!(run.status == RunStatus::Completed, "{:?}", run.faults);
    run.replayed().map(drop)
}

/// Two runs show the tier that their hosts have, and name the effect that contradicts a stronger one.
pub fn tiers_are_held_to_answers() -> Result<(), String> {
    use EffectDeterminismTier::{EnvelopeBoundedNondeterministic, ReplayDeterministic, StrictDeterministic};
    let mut draft = alone(
        3,
        &[
            Instr::Invoke { arg: 2, dst: 1, effect: 0 },
            Instr::Invoke { arg: 2, dst: 1, effect: 1 },
            Instr::Invoke { arg: 2, dst: 1, effect: 0 },
            HALT,
        ],
    );
    draft.effect("first", 0, NAT, false);
    draft.effect("second", 0, NAT, true);
    // The same with the operations the other way round: other questions at the same places.
    let mut other = alone(
        3,
        &[
            Instr::Invoke { arg: 2, dst: 1, effect: 1 },
            Instr::Invoke { arg: 2, dst: 1, effect: 0 },
            Instr::Invoke { arg: 2, dst: 1, effect: 1 },
            HALT,
        ],
    );
    other.effect("first", 0, NAT, false);
    other.effect("second", 0, NAT, false);
    let (image, other) = (draft.image()?, other.image()?);
    // Odd: an answer in one session differs between runs; and the last step is never limited away.
    let record = |image: &Arc<CodeImage>, odd: Option<(u64, u32)>, limit| -> Result<RunRecord, String> {
        let host = Script::new(&[EffectKind::InvokeStep], move |request| {
            let at = request.coordinate;
            done(Value::Nat(if odd == Some((at.session.0, at.counter)) { 9 } else { 1 }))
        });
        Setup::default().sessions(3).limit(limit).run(image, &host)?.read_record()
    };
    let plain = record(&image, None, 100_000)?;
    let tier = |record: &RunRecord| observed_tier(&plain, record);
    let at = |session, counter| EffectCoordinate { session: SessionId(session), coroutine: CoroutineId(0), counter };
    let same = tier(&record(&image, None, 100_000)?);
    ensure!(same == ObservedTier { tier: StrictDeterministic, witness: None }, "{same:?}");
    let short = tier(&record(&image, None, 5)?);
    ensure!(short.tier == StrictDeterministic, "a run that stopped earlier: {short:?}");
    for odd in [(0, 0), (1, 1), (2, 2)] {
        let found = tier(&record(&image, Some(odd), 100_000)?);
        let expected = ObservedTier { tier: ReplayDeterministic, witness: Some(at(odd.0, odd.1)) };
        ensure!(found == expected, "{odd:?}: {found:?}");
        ensure!(found.contradicts(StrictDeterministic) == Some(at(odd.0, odd.1)), "{found:?}");
        ensure!(found.contradicts(ReplayDeterministic).is_none(), "{found:?}");
    }
    let asked = tier(&record(&other, None, 100_000)?);
    let expected = ObservedTier { tier: EnvelopeBoundedNondeterministic, witness: Some(at(0, 0)) };
    ensure!(asked == expected, "{asked:?}");
    ensure!(asked.contradicts(EnvelopeBoundedNondeterministic).is_none(), "{asked:?}");
    for tier in EffectDeterminismTier::ALL {
        ensure!(EffectDeterminismTier::from_name(tier.name()) == Some(tier), "{tier:?}");
    }
    Ok(())
}
