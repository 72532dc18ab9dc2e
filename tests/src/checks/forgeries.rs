//! Forgeries: snapshots, parked sessions and proofs that were changed on the way are refused, and by the right name.

use super::snapshots::{Kept, middle, park_all};
use crate::dice::Dice;
use crate::lane::Lane;
use motet_machine::{
    BufferConfig, CodeImage, IslandId, ParkError, ProofError, ProtocolMachine, ProtocolMachineConfig, RestoreError,
    RunId, SealError, SessionProof, TraceMode, seal, unseal,
};
use motet_runtime::{CHECKPOINT_MAGIC, CHECKPOINT_VERSION, GuestRuntime, ResumeError, Schedule};
use motet_types::SessionId;
use std::sync::Arc;

/// Every bit that is flipped in a sealed snapshot, and every length that it is cut to, is found, with its address.
pub fn changed_snapshots_are_refused() -> Result<(), String> {
    let (case, mut runtime) = middle(4, 9)?;
    let bytes = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
    case.resume(&bytes).map_err(|error| error.to_string())?;
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match case.resume(&changed).err() {
            Some(ResumeError::Seal(SealError::Magic)) if bit < 64 => {}
            Some(ResumeError::Seal(SealError::Damaged { offset })) if offset <= bit / 8 => {}
            other => return Err(format!("bit {bit}: {other:?}")),
        }
    }
    for len in 0..bytes.len() {
        let cut = case.resume(&bytes[..len]).err();
        ensure!(matches!(cut, Some(ResumeError::Seal(_))), "cut to {len} bytes: {cut:?}");
    }
    let more = case.resume(&[&bytes[..], &[0]].concat()).err();
    ensure!(matches!(more, Some(ResumeError::Seal(SealError::Length { .. }))), "{more:?}");
    // Two blocks that changed places are each as they were written.
    let body: Vec<u8> = (0..40_000u32).map(|at| (at / 16_384) as u8).collect();
    let sealed = seal(b"MOTETTST", 3, &body);
    ensure!(unseal(b"MOTETTST", 3, &sealed).as_ref() == Ok(&body), "sealing changes the body");
    let block = 16_384 + 32;
    let swapped =
        [&sealed[..56], &sealed[56 + block..56 + 2 * block], &sealed[56..56 + block], &sealed[56 + 2 * block..]];
    ensure!(unseal(b"MOTETTST", 3, &swapped.concat()) == Err(SealError::Damaged { offset: 56 }), "swapped blocks");
    ensure!(
        unseal(b"MOTETTST", 4, &sealed) == Err(SealError::Version { found: 3, known: 4 }),
        "another version is not told apart"
    );
    Ok(())
}

/// Bodies that were changed and sealed again never panic; what is accepted of them is a machine that runs, and the
/// sessions of it are those that the root says.
pub fn forged_snapshots_do_no_harm() -> Result<(), String> {
    forged(&Lane::new("forged snapshots", 6))
}

fn forged(lane: &Lane) -> Result<(), String> {
    lane.run(|seed| {
        let (case, mut runtime) = middle(seed, 5 + seed % 9)?;
        let root = runtime.machine().recomputed_root();
        let bytes = runtime.snapshot().map_err(|error| error.to_string())?.to_bytes();
        let body = unseal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, &bytes).map_err(|error| error.to_string())?;
        let mut dice = Dice::new(seed);
        for round in 0..240 {
            let mut forged = body.clone();
            match forged.get_mut(round * body.len() / 160) {
                Some(byte) => *byte = byte.wrapping_add(1 + dice.below(255) as u8),
                None => {
                    for _ in 0..1 + dice.below(4) {
                        let at = dice.below(forged.len());
                        match dice.below(3) {
                            0 => forged[at] = dice.word() as u8,
                            1 => drop(forged.remove(at)),
                            _ => forged.insert(at, dice.word() as u8),
                        }
                    }
                }
            }
            if let Ok(mut resumed) = case.resume(&seal(CHECKPOINT_MAGIC, CHECKPOINT_VERSION, &forged)) {
                // Only what no root covers can have been changed: where the trace stood, what is asked, the schedule.
                ensure!(resumed.settle_root() == root, "round {round}: another state under the same root");
                // The handler's name, or the kinds that it wants, may be another's; the step limit is ours again.
                resumed.limit_steps(240);
                // It may fail as it likes, but not panic.
                case.drive(&mut resumed, &mut Kept::new(), &mut |_, _| Ok(())).ok();
            }
        }
        Ok(())
    })
}

/// A machine with the image's sessions opened and a few steps taken.
pub(super) fn letters_sent(
    count: u16,
    steps: u64,
) -> Result<(ProtocolMachineConfig, Arc<CodeImage>, GuestRuntime), String> {
    let image = crate::draft::letters(count).image()?;
    // Room for one message, so that both ends wait.
    let buffer = BufferConfig { capacity: 1, ..BufferConfig::default() };
    let config = ProtocolMachineConfig { buffer, ..ProtocolMachineConfig::default() };
    let mut runtime = GuestRuntime::new(config.clone(), Schedule::canonical()).map_err(|error| error.to_string())?;
    let id = runtime.load(Arc::clone(&image)).map_err(|error| error.to_string())?;
    for _ in 0..3 {
        runtime.open(id).map_err(|error| error.to_string())?;
    }
    runtime.limit_steps(steps);
    runtime.run(&motet_machine::NoHost).map_err(|error| error.to_string())?;
    Ok((config, image, runtime))
}

/// The canonical bytes of a session's state, out of a proof of it.
fn state_bytes(proof: &SessionProof) -> Vec<u8> {
    let bytes = proof.to_bytes();
    let mut len = [0; 8];
    // Version 1, counters 64, the digest of sites and links 32, the heap's root 32, image 32.
    len.copy_from_slice(&bytes[161..169]);
    bytes[169..169 + u64::from_le_bytes(len) as usize].to_vec()
}

/// A session that is none of its image's is refused by its number and the place in it, whatever the root says.
pub fn forged_sessions_are_named() -> Result<(), String> {
    let (config, image, mut runtime) = letters_sent(3, 8)?;
    let proof = runtime.prove_session(SessionId(1)).map_err(|error| error.to_string())?;
    let old = state_bytes(&proof);
    let bytes = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
    let (magic, version) = (motet_machine::SNAPSHOT_MAGIC, motet_machine::SNAPSHOT_VERSION);
    let body = unseal(magic, version, &bytes).map_err(|error| error.to_string())?;
    let behind = |old: &[u8]| [&(old.len() as u32).to_le_bytes()[..], old].concat();
    let at = body.windows(old.len() + 4).position(|window| window == behind(&old)).ok_or("the session is not there")?;
    let with = |new: &[u8]| {
        let forged = [&body[..at], &behind(new), &body[at + 4 + old.len()..]].concat();
        ProtocolMachine::restore(config.clone(), &[Arc::clone(&image)], &seal(magic, version, &forged))
    };
    ensure!(with(&old).is_ok(), "{:?}", with(&old).err());
    // version 1, id 8, current 2, deferred 1, coroutines 2; then pc 4, counter 4, state 4, standing 1, registers 2.
    let first = 14;
    let changes: [(&str, usize, u8); 9] = [
        ("version", 0, 9),
        ("current coroutine", 9, 200),
        ("deferred", 11, 2),
        ("roles", 12, 1),
        ("pc", first, 250),
        ("state of the type", first + 8, 77),
        ("waits for what has come", first + 12, 3),
        ("waits for an answer", first + 12, 7),
        ("no such standing", first + 12, 99),
    ];
    for (name, at, byte) in changes {
        let mut new = old.clone();
        ensure!(new[at] != byte, "{name} is {byte} already");
        new[at] = byte;
        match with(&new).err() {
            Some(RestoreError::Session { session: SessionId(1), .. }) => {}
            other => return Err(format!("{name}: {other:?}")),
        }
    }
    // A number where the code was verified with a number stands as a truth value: same place, another type.
    let (_, state) = proof.verify(runtime.settle_root(), SessionId(1)).map_err(|error| error.to_string())?;
    let mut nat = Vec::new();
    state.coroutines[0].registers[1].digest(&mut nat);
    ensure!(nat.len() == 9, "the sender holds {:?}", state.coroutines[0].registers[1]);
    let register = old.windows(9).position(|window| window == nat).ok_or("no register holds it")?;
    let typed = [&old[..register], &[2, 1], &old[register + 9..]].concat();
    match with(&typed).err() {
        Some(RestoreError::Session { error, .. }) => {
            ensure!(error.to_string().contains("its code was not verified with"), "{error}");
        }
        other => return Err(format!("a register of another type: {other:?}")),
    }
    // Another number is of the right type: only the root tells.
    let mut valued = old.clone();
    valued[register + 1] ^= 8;
    ensure!(matches!(with(&valued).err(), Some(RestoreError::Root { .. })), "{:?}", with(&valued).err());
    let other = |config: ProtocolMachineConfig, images: &[Arc<CodeImage>]| {
        ProtocolMachine::restore(config, images, &bytes).err()
    };
    let missing = other(config.clone(), &[]);
    ensure!(missing == Some(RestoreError::MissingImage { digest: image.digest() }), "{missing:?}");
    let configs = [
        ("run id", ProtocolMachineConfig { run_id: RunId([1; 16]), ..config.clone() }),
        ("trace mode", ProtocolMachineConfig { trace: TraceMode::Disabled, ..config.clone() }),
        ("buffer", ProtocolMachineConfig { buffer: BufferConfig { capacity: 9, ..config.buffer }, ..config.clone() }),
    ];
    for (what, config) in configs {
        let refused = other(config, &[Arc::clone(&image)]);
        ensure!(refused == Some(RestoreError::OtherConfig { what }), "{what}: {refused:?}");
    }
    Ok(())
}

/// Coroutines that wait for what has come are refused, and so are those woken by what has not.
pub fn forged_waits_are_refused() -> Result<(), String> {
    let (mut asleep, mut awake) = (0, 0);
    for steps in 3..40 {
        let (config, image, mut runtime) = letters_sent(4, steps)?;
        for session in runtime.machine().sessions().collect::<Vec<_>>() {
            let proof = runtime.prove_session(session).map_err(|error| error.to_string())?;
            let old = state_bytes(&proof);
            let bytes = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
            let (magic, version) = (motet_machine::SNAPSHOT_MAGIC, motet_machine::SNAPSHOT_VERSION);
            let body = unseal(magic, version, &bytes).map_err(|error| error.to_string())?;
            let at = body.windows(old.len()).position(|window| window == old).ok_or("the session is not there")?;
            let (_, state) = proof.verify(runtime.settle_root(), session).map_err(|error| error.to_string())?;
            // Where a coroutine stands: behind pc, counter and state, each coroutine behind the registers before it.
            let mut standing = at + 14 + 12;
            for coroutine in &state.coroutines {
                let forged = match body[standing] {
                    3 => Some(4),
                    4 => Some(3),
                    5 => Some(6),
                    6 => Some(5),
                    _ => None,
                };
                if let Some(forged) = forged {
                    *(if coroutine.standing.is_ready() { &mut awake } else { &mut asleep }) += 1;
                    let mut changed = body.clone();
                    changed[standing] = forged;
                    let sealed = seal(magic, version, &changed);
                    match ProtocolMachine::restore(config.clone(), &[Arc::clone(&image)], &sealed) {
                        Err(RestoreError::Session { session: found, .. }) if found == session => {}
                        other => return Err(format!("{session} after {steps} steps: {:?}", other.err())),
                    }
                }
                let mut registers = Vec::new();
                coroutine.registers.iter().for_each(|value| value.digest(&mut registers));
                standing += 15 + registers.len();
            }
        }
    }
    ensure!(asleep > 0 && awake > 0, "{asleep} asleep, {awake} awake");
    Ok(())
}

/// A parked session comes back as it left: its bytes, all of them, and no others.
pub fn parked_bytes_are_held_to() -> Result<(), String> {
    let mut parked = 0;
    for seed in 0..12 {
        let (_, mut runtime) = middle(seed, 12)?;
        let root = runtime.settle_root();
        let mut kept = Kept::new();
        parked += park_all(&mut runtime, &mut kept)?;
        ensure!(runtime.settle_root() == root, "seed {seed}: parking changes the root");
        ensure!(runtime.machine().recomputed_root() == root, "seed {seed}: parking changes the computed root");
        for (session, bytes) in kept {
            ensure!(runtime.park(session) == Err(ParkError::Already(session)), "{session} was parked twice");
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let refused = runtime.resume(&changed);
                ensure!(refused.is_err(), "seed {seed}: {session} was resumed with bit {bit} flipped");
            }
            let resumed = runtime.resume(&bytes).map_err(|error| error.to_string())?;
            ensure!(resumed == session, "{resumed} came back for {session}");
            ensure!(runtime.resume(&bytes) == Err(ParkError::NotParked(session)), "{session} was resumed twice");
            ensure!(runtime.settle_root() == root, "seed {seed}: resuming changes the root");
        }
        ensure!(runtime.machine().recomputed_root() == root, "seed {seed}: resuming changes the computed root");
    }
    ensure!(parked > 0, "nothing was parked");
    Ok(())
}

/// A proof shows a session's state under a root, in flight messages included; nothing else passes for one.
pub fn proofs_show_what_is_in_flight() -> Result<(), String> {
    let mut in_flight = 0;
    for seed in [1, 2, 5, 8, 11] {
        for step in [0, 3, 6] {
            let (case, mut runtime) = middle(seed, step)?;
            let root = runtime.settle_root();
            let sessions: Vec<SessionId> = runtime.machine().sessions().collect();
            for session in &sessions {
                let proof = runtime.prove_session(*session).map_err(|error| error.to_string())?;
                let (image, state) = proof.verify(root, *session).map_err(|error| error.to_string())?;
                ensure!(image == case.image.digest(), "{session}: another image");
                let island: IslandId = runtime.machine().island_of(*session).ok_or("it is alive")?;
                ensure!(state.in_flight() == runtime.machine().in_flight(island), "{session}: other messages");
                in_flight += state.in_flight();
                for other in &sessions {
                    let found = proof.verify(root, *other);
                    let refused = matches!(found, Err(ProofError::Session(of)) if of == *session);
                    ensure!(other == session || refused, "the proof of {session} proves {other}: {found:?}");
                }
                let bytes = proof.to_bytes();
                ensure!(SessionProof::from_bytes(&bytes).as_ref() == Ok(&proof), "{session}: read back otherwise");
                for at in 0..bytes.len() {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << (at % 8);
                    let found = SessionProof::from_bytes(&changed).and_then(|proof| proof.verify(root, *session));
                    ensure!(found.is_err(), "{session}: the proof holds with byte {at} changed");
                }
            }
        }
    }
    ensure!(in_flight > 0, "no message was in flight");
    Ok(())
}
