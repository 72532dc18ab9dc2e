//! What the log's tests share: a workload whose every record can be foretold, and what must hold behind a crash.
#![allow(dead_code, unreachable_pub)]

use motet_log::sim::{Image, Platter, SimDisk, Survival};
use motet_log::{Log, LogError, LogId, Lsn, OpenError, Options, Recovered, Report, Storage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const ID: LogId = LogId(*b"the log of tests");

/// Small blocks and segments, so that a short run has everything in it.
pub fn small() -> Options {
    Options { block: 512, segment: 4096, id: Some(ID), spares: 1, group: 4096, waiting: 1 << 20 }
}

/// The kind and the bytes of record `lsn`: whoever reads it back knows what must be there.
pub fn kind(lsn: u64) -> u16 {
    (lsn * 7 % 1000) as u16
}

pub fn payload(lsn: u64) -> Vec<u8> {
    let length = (lsn * 131 % 337) as usize;
    (0..length as u64).map(|at| (lsn.wrapping_mul(37) + at * 11) as u8).collect()
}

/// The state of a machine that has taken the records below `lsn`: what a checkpoint holds.
pub fn state(lsn: u64) -> Vec<u8> {
    let length = 200 + (lsn * 977 % 4500) as usize;
    let mut bytes = lsn.to_le_bytes().to_vec();
    bytes.extend((0..length as u64).map(|at| (lsn.wrapping_mul(53) + at * 3) as u8));
    bytes
}

pub fn dice(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn below(dice: &mut ChaCha8Rng, bound: u64) -> u64 {
    dice.next_u64() % bound.max(1)
}

/// How many cases, from the environment or `otherwise`.
pub fn cases(otherwise: u64) -> u64 {
    std::env::var("MOTET_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

pub fn seed() -> u64 {
    std::env::var("MOTET_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121)
}

pub fn append(log: &Log, count: u64) -> Result<(), LogError> {
    for _ in 0..count {
        let next = log.end().get();
        let lsn = log.append(kind(next), &payload(next))?;
        assert_eq!(lsn.get(), next);
    }
    Ok(())
}

pub fn checkpoint(log: &Log, lsn: Lsn) -> Result<(), LogError> {
    let mut writer = log.checkpoint(lsn)?;
    for piece in state(lsn.get()).chunks(1000) {
        writer.write(piece)?;
    }
    writer.finish().map(drop)
}

/// Some appends, syncs, checkpoints and cuts, as `dice` has it.
pub fn work(log: &Log, dice: &mut ChaCha8Rng, steps: u64) -> Result<(), LogError> {
    work_noting(log, dice, steps, &AtomicU64::new(0))
}

/// The same. `newest` always says what the newest finished checkpoint covers.
pub fn work_noting(log: &Log, dice: &mut ChaCha8Rng, steps: u64, newest: &AtomicU64) -> Result<(), LogError> {
    let mut covered = [Lsn::ZERO; 2];
    for _ in 0..steps {
        match below(dice, 16) {
            0..=9 => {
                append(log, 1 + below(dice, 7))?;
                log.flush()?;
            }
            10 => append(log, below(dice, 4))?,
            11..=13 => {
                // Sometimes ahead of what is durable: the checkpoint sees to that.
                append(log, below(dice, 3))?;
                let end = log.end();
                checkpoint(log, end)?;
                newest.store(end.get(), Ordering::SeqCst);
                covered = [covered[1], end];
            }
            _ => {
                log.drop_before(covered[0], &covered[0].get().to_le_bytes()).map(drop).or_else(
                    |error| match error {
                        LogError::Needed { .. } => Ok(()),
                        other => Err(other),
                    },
                )?;
            }
        }
    }
    Ok(())
}

pub fn open(disk: &SimDisk) -> Result<(Log, Recovered), OpenError> {
    Log::open(Arc::new(disk.clone()), &small())
}

/// Reads everything that recovery gives, and holds it against what was appended. Returns where the log ends.
pub fn consistent(recovered: Recovered) -> (u64, Report) {
    let Recovered { checkpoint, records, report } = recovered;
    let mut next = report.first.get();
    if let Some(checkpoint) = checkpoint {
        next = checkpoint.lsn.get();
        assert_eq!(checkpoint.read().unwrap(), state(next), "the checkpoint is the state below {next}");
    } else {
        assert_eq!(next, 0, "a log that was cut has a checkpoint");
    }
    for record in records {
        let record = record.unwrap();
        assert_eq!(record.lsn.get(), next, "records come in order");
        assert_eq!((record.kind, &record.bytes), (kind(next), &payload(next)), "record {next} is what was appended");
        next += 1;
    }
    assert_eq!(next, report.end.get(), "the report names the end");
    (next, report)
}

/// One of many ways in which pending changes survive: the simple ones first, then subsets.
pub fn survival(number: u64, pending: usize, dice: &mut ChaCha8Rng) -> Survival {
    match number {
        0 => Survival::Nothing,
        1 => Survival::Everything,
        // Few changes: every subset of them.
        2.. if pending <= 6 => Survival::Subset(number % 64),
        2..=11 => Survival::First(below(dice, pending as u64) as usize),
        12..=21 => Survival::AllBut(below(dice, pending as u64) as usize),
        22..=31 => Survival::Only(below(dice, pending as u64) as usize),
        32..=47 => Survival::Chance(128),
        48..=55 => Survival::Chance(40),
        _ => Survival::Chance(216),
    }
}

pub fn crash(platter: &Platter, survival: Survival, dice: &mut ChaCha8Rng) -> Image {
    platter.crash(survival, &mut || dice.next_u32() as u8)
}

pub fn storage(disk: &SimDisk) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}
