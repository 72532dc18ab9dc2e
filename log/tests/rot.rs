//! Whatever changes on a disk behind the log's back is found, with its address.

mod disk;

use disk::*;
use motet_log::sim::{Image, SECTOR, SimDisk};
use motet_log::{Corrupt, Damage, Log, Lsn, OpenError, Options, Recovered, Report, SlotState, Tail};

const SEGMENT: &str = "segment.000000";

/// One segment of 64 KiB.
fn large() -> Options {
    Options { segment: 1 << 16, group: 1 << 14, ..small() }
}

fn open_large(image: &Image) -> Result<(Log, Recovered), OpenError> {
    Log::open(storage(&SimDisk::from_image(image)), &large())
}

/// A log that fills one segment nearly, closed, with two checkpoints of nearly 64 KiB when asked for.
fn full(checkpoints: bool) -> (Image, u64) {
    let disk = SimDisk::new();
    let (log, _) = Log::open(storage(&disk), &large()).unwrap();
    let mut dice = dice(1);
    while disk.image().file(SEGMENT).is_none_or(|bytes| bytes[60_000..].iter().all(|&byte| byte == 0)) {
        append(&log, 1 + below(&mut dice, 30)).unwrap();
        log.flush().unwrap();
        assert!(disk.image().file("segment.000001").is_none(), "one segment is enough");
    }
    if checkpoints {
        for lsn in [50, 100] {
            let mut writer = log.checkpoint(Lsn::new(lsn)).unwrap();
            writer.write(&state(lsn).repeat(9)).unwrap();
            writer.finish().unwrap();
        }
    }
    let end = log.end().get();
    log.close().unwrap();
    (disk.image(), end)
}

/// Where the groups of the segment begin: found by their magic, at block boundaries.
fn groups(image: &Image) -> Vec<u64> {
    let bytes = image.file(SEGMENT).unwrap();
    (0..bytes.len()).step_by(512).filter(|&at| bytes[at..].starts_with(b"MOTETLOG")).map(|at| at as u64).collect()
}

#[test]
pub(crate) fn every_flipped_bit_of_a_log_is_found() {
    let (image, end) = full(false);
    let groups = groups(&image);
    let bits = image.file(SEGMENT).unwrap().len() * 8;
    // One bit of each byte, all of them in the full lane.
    let step = if cases(0) > 0 { 1 } else { 37 };
    let (mut flipped, mut rotten) = (0u64, 0u64);
    for bit in (0..bits).step_by(step) {
        let mut image = image.clone();
        assert!(image.flip(SEGMENT, bit));
        let byte = bit as u64 / 8;
        let at = groups.iter().rposition(|&group| group <= byte).unwrap();
        let last = at + 1 == groups.len();
        flipped += 1;
        match open_large(&image) {
            Err(OpenError::Corrupt(Corrupt { segment: 0, offset, .. })) => {
                rotten += 1;
                assert!(!last && offset == groups[at], "bit {bit}: byte {offset} is not where it is");
            }
            Ok((_, recovered)) => {
                // The last group holds no record: the log was closed.
                let (found, report) = consistent(recovered);
                assert!(last, "bit {bit} of an acknowledged group: {report}");
                assert_eq!(found, end);
                let Tail::Torn { segment: 0, offset, .. } = report.tail else { panic!("bit {bit} unseen: {report}") };
                assert!(offset <= byte && (offset == groups[at] || byte >= groups[at] + 512));
            }
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
    println!("flipped bits: {flipped} of {bits}, all found; {rotten} as rot, the others as a torn tail");
}

#[test]
pub(crate) fn every_flipped_bit_of_a_slot_is_found() {
    let (image, end) = full(true);
    let mut flipped = 0u64;
    for name in ["checkpoint.0", "checkpoint.1", "head.0", "head.1"] {
        let bits = image.file(name).unwrap().len() * 8;
        let step = if cases(0) > 0 { 1 } else { 61 };
        for bit in (0..bits).step_by(step) {
            let mut image = image.clone();
            assert!(image.flip(name, bit));
            let (_, recovered) = open_large(&image).unwrap();
            let report = &recovered.report;
            let slot = usize::from(name.ends_with('1'));
            let slots = if name.starts_with("head") { &report.heads } else { &report.checkpoints };
            let SlotState::Bad { file, .. } = &slots[slot] else { panic!("bit {bit} of {name} unseen: {report}") };
            assert_eq!(file, name);
            let lsn = match name {
                "checkpoint.1" => 50,
                _ => 100,
            };
            let checkpoint = recovered.checkpoint.unwrap();
            assert_eq!(checkpoint.lsn, Lsn::new(lsn), "the other one is used");
            if bit % (64 * 61) == 0 {
                assert_eq!(checkpoint.read().unwrap(), state(lsn).repeat(9));
                assert_eq!(recovered.records.count() as u64, end - lsn);
            }
            flipped += 1;
        }
    }
    println!("flipped bits of slots: {flipped}, all found");
}

#[test]
pub(crate) fn every_length_recovers_a_prefix() {
    let (image, end) = full(false);
    let whole = image.file(SEGMENT).unwrap().len();
    let mut last = 0;
    for length in (0..whole).step_by(if cases(0) > 0 { 1 } else { 7 }) {
        let mut image = image.clone();
        image.file_mut(SEGMENT).unwrap().truncate(length);
        let disk = SimDisk::from_image(&image);
        let (_, recovered) = Log::open(storage(&disk), &large()).unwrap();
        let (found, report) = consistent(recovered);
        assert!(found <= end && found >= last, "a longer file has no fewer records");
        assert!(!report.is_clean() && report.cleared.iter().any(|cleared| cleared.file == SEGMENT), "{report}");
        last = found;
        // And it is a log again.
        let (log, recovered) = Log::open(storage(&disk), &large()).unwrap();
        assert!(recovered.report.is_clean(), "{}", recovered.report);
        assert_eq!(consistent(recovered).0, found);
        append(&log, 1).unwrap();
        log.flush().unwrap();
    }
    assert!(last + 40 > end);
}

#[test]
pub(crate) fn every_length_of_a_checkpoint_is_found() {
    let (image, _) = full(true);
    let whole = image.file("checkpoint.1").unwrap().len();
    for length in (0..whole).step_by(if cases(0) > 0 { 1 } else { 97 }) {
        let mut image = image.clone();
        image.file_mut("checkpoint.1").unwrap().truncate(length);
        let (_, recovered) = open_large(&image).unwrap();
        assert_eq!(recovered.checkpoint.unwrap().lsn, Lsn::new(50), "length {length}: the other one is used");
        let state = &recovered.report.checkpoints[1];
        assert!(matches!(state, SlotState::Bad { .. }) || (length == 0 && *state == SlotState::Absent));
    }
}

/// A closed log with several segments, cuts and checkpoints; the same before it was closed, and long before; and where
/// it ends.
fn rich(seed: u64) -> (Image, [Image; 2], u64) {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    let mut dice = dice(seed);
    work(&log, &mut dice, 30).unwrap();
    let older = disk.image();
    work(&log, &mut dice, 30).unwrap();
    log.flush().unwrap();
    let end = log.end().get();
    let open = disk.image();
    log.close().unwrap();
    (disk.image(), [open, older], end)
}

/// A disk without its empty segments.
fn bare(image: &Image) -> Image {
    let files = image.files.iter().filter(|(_, bytes)| bytes.iter().any(|&byte| byte != 0)).cloned().collect();
    Image { files }
}

/// Opens a damaged disk. Either it is refused, or everything is there and the report says what was wrong.
fn found(image: &Image, end: u64, what: &str) -> Option<Report> {
    match open(&SimDisk::from_image(image)) {
        Err(OpenError::Corrupt(_) | OpenError::HeadLost { .. } | OpenError::CheckpointLost { .. }) => None,
        Err(other) => panic!("{what}: {other}"),
        Ok((_, recovered)) => {
            let (found, report) = consistent(recovered);
            assert_eq!(found, end, "{what}: records are gone: {report}");
            assert!(!report.is_clean(), "{what}: not seen: {report}");
            Some(report)
        }
    }
}

#[test]
pub(crate) fn misdirected_and_stale_sectors_are_found() {
    let wanted = cases(10_000);
    let mut dice = dice(seed());
    let (mut done, mut refused) = (0, 0);
    let mut number = 0;
    while done < wanted {
        number += 1;
        let (image, [open, older], end) = rich(number);
        for _ in 0..1000 {
            let mut damaged = image.clone();
            let pick = |dice: &mut _| {
                let (name, bytes) = &image.files[below(dice, image.files.len() as u64) as usize];
                (name.clone(), below(dice, (bytes.len() / SECTOR) as u64) as usize)
            };
            let (name, sector) = pick(&mut dice);
            let (what, changed) = match below(&mut dice, 3) {
                0 => {
                    let Some(old) = older.sector(&name, sector) else { continue };
                    (format!("stale {name} sector {sector}"), damaged.set_sector(&name, sector, old))
                }
                1 => {
                    let (from, at) = pick(&mut dice);
                    let bytes = image.sector(&from, at).unwrap();
                    (format!("{from} {at} went to {name} {sector}"), damaged.set_sector(&name, sector, bytes))
                }
                _ => {
                    // Meant for one place, written to another: two sectors are wrong.
                    let (from, at) = pick(&mut dice);
                    let Some(old) = older.sector(&from, at) else { continue };
                    // What closing wrote there later would stand there again.
                    if open.sector(&name, sector) != image.sector(&name, sector) {
                        continue;
                    }
                    let bytes = image.sector(&from, at).unwrap();
                    let first = damaged.set_sector(&name, sector, bytes);
                    let second = damaged.set_sector(&from, at, old);
                    (format!("{from} {at} went to {name} {sector} instead"), (first || second) && damaged != image)
                }
            };
            // Without the mark of its closing, a log is one that was not closed; no record is lost with it.
            if !changed || bare(&damaged) == bare(&open) {
                continue;
            }
            refused += u64::from(found(&damaged, end, &what).is_none());
            done += 1;
        }
    }
    println!("misdirected and stale sectors: {done}, all found, {refused} refused; seed {}", seed());
}

#[test]
fn a_checkpoint_in_both_slots_is_seen() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    for lsn in [10, 20] {
        while log.end() < Lsn::new(lsn) {
            append(&log, 5).unwrap();
        }
        checkpoint(&log, Lsn::new(lsn)).unwrap();
    }
    log.close().unwrap();
    let mut image = disk.image();
    let newest = image.file("checkpoint.1").unwrap().to_vec();
    *image.file_mut("checkpoint.0").unwrap() = newest;
    let (_, recovered) = open(&SimDisk::from_image(&image)).unwrap();
    assert_eq!(recovered.checkpoint.unwrap().lsn, Lsn::new(20), "it is in force all the same");
    assert!(matches!(recovered.report.checkpoints[0], SlotState::Bad { .. }), "{}", recovered.report);
}

#[test]
pub(crate) fn either_head_and_either_checkpoint_may_rot() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    for lsn in [60, 120] {
        while log.end() < Lsn::new(lsn) {
            append(&log, 5).unwrap();
            log.flush().unwrap();
        }
        checkpoint(&log, Lsn::new(lsn)).unwrap();
    }
    assert!(log.drop_before(Lsn::new(60), b"cut").unwrap().segments > 0);
    log.close().unwrap();
    let image = disk.image();
    for name in ["head.0", "head.1", "checkpoint.0", "checkpoint.1"] {
        let mut image = image.clone();
        assert!(image.flip(name, 300));
        let report = found(&image, 120, name).unwrap_or_else(|| panic!("without {name} the other one is enough"));
        assert_eq!(report.first.get(), log_first(&image), "{name}");
    }
    for pair in [["head.0", "head.1"], ["checkpoint.0", "checkpoint.1"]] {
        let mut image = image.clone();
        pair.iter().for_each(|name| assert!(image.flip(name, 300)));
        assert!(found(&image, 120, "both").is_none(), "{pair:?}: without both there is no way");
    }
}

fn log_first(image: &Image) -> u64 {
    let (log, _) = open(&SimDisk::from_image(image)).unwrap();
    log.first().get()
}

#[test]
pub(crate) fn lost_and_foreign_groups_are_found() {
    let (image, _) = full(false);
    let groups = groups(&image);
    // A write that the disk acknowledged and forgot: the group is zeros, the ones behind it are there.
    for pair in groups.windows(2).take(groups.len() - 2) {
        let mut image = image.clone();
        image.file_mut(SEGMENT).unwrap()[pair[0] as usize..pair[1] as usize].fill(0);
        let Err(OpenError::Corrupt(corrupt)) = open_large(&image) else { panic!("the group at {} is gone", pair[0]) };
        assert_eq!((corrupt.segment, corrupt.offset), (0, pair[0]));
    }
    // A whole segment of another log.
    let disk = SimDisk::new();
    let options = Options { id: Some(motet_log::LogId([7; 16])), ..large() };
    let (log, _) = Log::open(storage(&disk), &options).unwrap();
    log.append(1, b"not yours").unwrap();
    log.flush().unwrap();
    let mut mixed = image.clone();
    *mixed.file_mut(SEGMENT).unwrap() = disk.image().file(SEGMENT).unwrap().to_vec();
    let Err(OpenError::Corrupt(corrupt)) = open_large(&mixed) else { panic!("another log's records") };
    assert_eq!(corrupt.damage, Damage::OtherLog);
}

/// Two histories of one log that part after the first group; the second group of one behind the first of the other.
#[test]
pub(crate) fn spliced_histories_are_found() {
    let history = |fork: u8| {
        let disk = SimDisk::new();
        let (log, _) = Log::open(storage(&disk), &large()).unwrap();
        for bytes in [[fork; 40], [9; 40], [9; 40]] {
            log.append(1, &bytes).unwrap();
            log.flush().unwrap();
        }
        disk.image()
    };
    let (one, two) = (history(1), history(2));
    let mut spliced = one.clone();
    spliced.file_mut(SEGMENT).unwrap()[512..].copy_from_slice(&two.file(SEGMENT).unwrap()[512..]);
    let Err(OpenError::Corrupt(corrupt)) = open_large(&spliced) else { panic!("a splice is not a log") };
    assert_eq!((corrupt.offset, corrupt.damage), (512, Damage::Chain("digest of the group before")));
}
