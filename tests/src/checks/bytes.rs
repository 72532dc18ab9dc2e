//! Bytes from strangers: whatever comes in as an image or a record is read or refused, never more.
//!
//! Checksums would refuse nearly every change at the door, so the changed bytes are sealed again: what stands behind
//! the checksums is looked at.

use super::soundness::runs_soundly;
use crate::dice::Dice;
use crate::generate::{Size, protocol};
use crate::lane::Lane;
use crate::walk::{Setup, image_of};
use motet_machine::CodeImage;
use motet_runtime::{RunRecord, SeededHost, replay};
use motet_types::{IMAGE_HEADER, ImageParts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Changed files made from one sound one.
const LITTER: u64 = 50;
/// Steps of a changed record's replay.
const STEPS: u64 = 500;
/// Where a record's frames begin, and what stands before and behind each payload.
const FRAMES: usize = 16;
const FRAME_HEADER: usize = 8;
const DIGEST: usize = 32;

/// Changes a few bytes, or cuts, repeats or swaps a stretch of them.
fn change(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0..=3 => bytes[at] ^= 1 << dice.below(8),
            4 => bytes[at] = *dice.pick(&[0, 1, 2, 0x7f, 0x80, 0xff]),
            5 => bytes[at] = bytes[at].wrapping_add(1),
            6 => {
                let other = dice.below(bytes.len());
                bytes.swap(at, other);
            }
            _ => {
                let end = (at + 1 + dice.below(16)).min(bytes.len());
                if dice.one_in(2) {
                    bytes.drain(at..end);
                } else {
                    let again = bytes[at..end].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
    }
}

/// An image file around a payload, with every length and digest as it must be.
fn sealed(payload: &[u8], header: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    bytes[16..48].copy_from_slice(blake3::hash(payload).as_bytes());
    bytes[80..88].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut aligned = rkyv::util::AlignedVec::<16>::new();
    aligned.extend_from_slice(payload);
    if let Ok(parts) = rkyv::from_bytes::<ImageParts, rkyv::rancor::Error>(&aligned) {
        bytes[48..80].copy_from_slice(&parts.digest().0);
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn image(dice: &mut Dice) -> Result<Arc<CodeImage>, String> {
    let size = Size { max_roles: 4, messages: 6, depth: 2, ..Size::default() };
    let global = protocol(dice.rng(), &size);
    image_of(&global, dice.one_in(2))
}

/// Image files with changed bytes: as they are, and sealed again.
pub fn images_are_read_or_refused() -> Result<(), String> {
    let (read, verified) = (AtomicU64::new(0), AtomicU64::new(0));
    let lane = Lane::new("image bytes", 10_000);
    lane.per(LITTER).run(|seed| {
        let mut dice = Dice::new(seed);
        let bytes = image(&mut dice)?.parts().to_bytes();
        for _ in 0..LITTER {
            let mut open = bytes.clone();
            change(&mut dice, &mut open);
            if open != bytes {
                ensure!(CodeImage::load(&open).is_err(), "a changed file was read");
            }
            let mut payload = bytes[IMAGE_HEADER..].to_vec();
            change(&mut dice, &mut payload);
            let resealed = sealed(&payload, &bytes[..IMAGE_HEADER]);
            read.fetch_add(u64::from(ImageParts::from_bytes(&resealed).is_ok()), Ordering::Relaxed);
            if let Ok(image) = CodeImage::load(&resealed) {
                verified.fetch_add(1, Ordering::Relaxed);
                runs_soundly(&mut dice, &Arc::new(image))?;
            }
        }
        Ok(())
    })?;
    let (read, verified) = (read.into_inner(), verified.into_inner());
    println!("{} changed payloads, {read} read, {verified} verified", lane.cases());
    ensure!(read * 10 > lane.cases(), "only {read} of {} payloads were read: nothing was looked at", lane.cases());
    ensure!(verified > 0 || lane.cases() < 1000, "no payload was verified");
    Ok(())
}

/// The payloads of a record's frames, with their kinds.
fn frames(record: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut frames, mut at) = (Vec::new(), FRAMES);
    while at < record.len() {
        let len = u32::from_le_bytes(record[at + 4..at + 8].try_into().expect("four bytes")) as usize;
        frames.push((record[at], record[at + FRAME_HEADER..at + FRAME_HEADER + len].to_vec()));
        at += FRAME_HEADER + len + DIGEST;
    }
    frames
}

/// A record of these frames, chained as the format says.
fn chained(start: &[u8], frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let (mut record, mut chain) = (start.to_vec(), [0u8; DIGEST]);
    for (kind, payload) in frames {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&chain).update(&[*kind]).update(&(payload.len() as u64).to_le_bytes()).update(payload);
        chain = *hasher.finalize().as_bytes();
        record.extend_from_slice(&[*kind, 0, 0, 0]);
        record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(payload);
        record.extend_from_slice(&chain);
    }
    record
}

/// Records with changed bytes, left out, repeated and swapped frames: as they are, and chained again; what is read is
/// replayed.
pub fn records_are_read_or_refused() -> Result<(), String> {
    let (read, equal, waves) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let lane = Lane::new("record bytes", 5_000);
    lane.per(LITTER).run(|seed| {
        let mut dice = Dice::new(seed);
        let image = image(&mut dice)?;
        let setup = Setup::default().sessions(1 + dice.below(3)).limit(200).schedule(2, 16);
        let record = setup.run(&image, &SeededHost::new(seed))?.record;
        let sound = frames(&record);
        ensure!(chained(&record[..FRAMES], &sound) == record, "the test reads another format than was written");
        for _ in 0..LITTER {
            let mut open = record.clone();
            change(&mut dice, &mut open);
            if let Ok(cut) = RunRecord::from_bytes(&open) {
                ensure!(open == record || cut.end.is_none(), "a changed record was read");
            }
            let mut frames = sound.clone();
            let at = dice.below(frames.len());
            match dice.below(6) {
                0 => drop(frames.remove(at)),
                1 => frames.swap(0, at),
                2 => frames.insert(at, sound[dice.below(sound.len())].clone()),
                _ => {
                    // An image has a checksum of its own; it is the other test's affair.
                    let others: Vec<usize> = (0..frames.len()).filter(|at| frames[*at].0 != 2).collect();
                    let at = *dice.pick(&others);
                    change(&mut dice, &mut frames[at].1);
                }
            }
            if let Ok(changed) = RunRecord::from_bytes(&chained(&record[..FRAMES], &frames)) {
                read.fetch_add(1, Ordering::Relaxed);
                let replayed = replay(&changed, Some(STEPS), |_| {});
                equal.fetch_add(u64::from(replayed.is_ok()), Ordering::Relaxed);
                waves.fetch_add(u64::from(motet_runtime::verify_waves(&changed).is_ok()), Ordering::Relaxed);
            }
        }
        Ok(())
    })?;
    let (read, equal, waves) = (read.into_inner(), equal.into_inner(), waves.into_inner());
    println!(
        "{} changed records, {read} read and replayed; {equal} found equal all the same, {waves} with waves in order",
        lane.cases()
    );
    ensure!(read * 10 > lane.cases(), "only {read} of {} records were read: nothing was looked at", lane.cases());
    Ok(())
}
