//! Bytes that somebody made on purpose: sound where a checksum looks, wrong elsewhere. And random ones.

mod disk;

use disk::*;
use motet_log::sim::{Image, SimDisk};
use motet_log::{Damage, OpenError, Tail};

/// One group with three records, not closed; and two checkpoints.
fn short() -> Image {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    append(&log, 3).unwrap();
    log.flush().unwrap();
    for _ in 0..2 {
        checkpoint(&log, motet_log::Lsn::new(2)).unwrap();
    }
    disk.image()
}

const SEGMENT: &str = "segment.000000";

/// Makes a header's checksum right again. `length` is the header's.
fn reseal(bytes: &mut [u8], length: usize) {
    bytes[12..16].fill(0);
    let checksum = crc32c::crc32c(&bytes[..length]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
}

/// Makes a group's digest right again, and then its checksum.
fn reseal_group(bytes: &mut [u8]) {
    let length = u32::from_le_bytes(bytes[76..80].try_into().unwrap()) as usize;
    bytes[12..16].fill(0);
    bytes[112..144].fill(0);
    let digest = blake3::hash(&bytes[..144 + length]);
    bytes[112..144].copy_from_slice(digest.as_bytes());
    reseal(bytes, 144);
}

fn damage(image: &Image) -> Damage {
    let mut image = image.clone();
    // Without checkpoints nothing says that there was more.
    image.files.retain(|(name, _)| !name.starts_with("checkpoint"));
    match open(&SimDisk::from_image(&image)) {
        Err(OpenError::Corrupt(corrupt)) => corrupt.damage,
        Err(other) => panic!("{other}"),
        Ok((_, recovered)) => match recovered.report.tail {
            Tail::Torn { damage, .. } => damage,
            Tail::Clean => panic!("not seen: {}", recovered.report),
        },
    }
}

#[test]
pub(crate) fn the_checksum_of_a_record_counts() {
    let mut image = short();
    let bytes = image.file_mut(SEGMENT).unwrap();
    // The second record's bytes; the first record has none.
    bytes[144 + 12 + 12 + 5] ^= 1;
    reseal_group(bytes);
    assert_eq!(damage(&image), Damage::Record(motet_log::Lsn::new(1)));
}

#[test]
pub(crate) fn the_digest_of_a_group_counts() {
    let mut image = short();
    let bytes = image.file_mut(SEGMENT).unwrap();
    bytes[56] = 1;
    reseal(bytes, 144);
    assert_eq!(damage(&image), Damage::Digest);
}

#[test]
pub(crate) fn the_place_of_a_group_counts() {
    let mut image = short();
    let bytes = image.file_mut(SEGMENT).unwrap();
    bytes[40] = 1;
    reseal_group(bytes);
    assert_eq!(damage(&image), Damage::OtherPlace { segment: 0, offset: 1 });
}

#[test]
pub(crate) fn unknown_versions_are_refused_by_name() {
    for (name, length) in [(SEGMENT, 144), ("head.0", 96), ("head.1", 96), ("checkpoint.0", 96), ("checkpoint.1", 96)] {
        let mut image = short();
        let bytes = image.file_mut(name).unwrap();
        bytes[8] = 2;
        if name == SEGMENT {
            reseal_group(bytes)
        } else {
            reseal(bytes, length)
        }
        match open(&SimDisk::from_image(&image)) {
            Err(OpenError::UnknownVersion { file, found: 2, known: 1 }) => assert_eq!(file, name),
            Err(other) => panic!("{name}: {other}"),
            Ok((_, recovered)) => panic!("{name}: version 2 was read: {}", recovered.report),
        }
    }
}

/// Random changes of a random disk, half of them with right checksums: no panic, and no more memory than the disk has.
#[test]
pub(crate) fn random_bytes_are_read_or_refused() {
    let wanted = cases(5_000);
    let mut dice = dice(seed());
    let (mut opened, mut number) = (0u64, 0);
    while number < wanted {
        let disk = SimDisk::new();
        let (log, _) = open(&disk).unwrap();
        work(&log, &mut dice, 25).unwrap();
        let image = disk.image();
        for _ in 0..500 {
            number += 1;
            let mut image = image.clone();
            for _ in 0..=below(&mut dice, 3) {
                let place = below(&mut dice, image.files.len() as u64) as usize;
                let (name, bytes) = &mut image.files[place];
                if bytes.is_empty() {
                    continue;
                }
                let block = below(&mut dice, (bytes.len() / 512).max(1) as u64) as usize * 512;
                let length = if name.starts_with("segment") { 144 } else { 96 };
                // Mostly in a header, where it matters.
                let within = if below(&mut dice, 4) == 0 { 512 } else { length as u64 + 70 };
                for _ in 0..=below(&mut dice, 4) {
                    let at = (block + below(&mut dice, within) as usize).min(bytes.len() - 1);
                    bytes[at] = if below(&mut dice, 3) == 0 { 255 } else { below(&mut dice, 256) as u8 };
                }
                if below(&mut dice, 5) == 0 {
                    let length = below(&mut dice, bytes.len() as u64) as usize;
                    bytes.truncate(length);
                } else if below(&mut dice, 2) == 0 && bytes.len() >= block + 512 {
                    let group = length == 144;
                    let said = bytes.get(block + 76..block + 80).map(|b| u32::from_le_bytes(b.try_into().unwrap()));
                    let fits = said.is_some_and(|said| 144 + said as usize <= bytes.len() - block);
                    match group && fits {
                        true => reseal_group(&mut bytes[block..]),
                        false => reseal(&mut bytes[block..], length),
                    }
                }
            }
            let disk = SimDisk::from_image(&image);
            if let Ok((log, recovered)) = open(&disk) {
                opened += 1;
                let end = recovered.report.end;
                let read = recovered.records.filter_map(Result::ok).count() as u64;
                assert!(read <= end.get());
                if let Some(checkpoint) = recovered.checkpoint {
                    checkpoint.read().unwrap();
                }
                drop(log);
                let (_, recovered) = open(&disk).unwrap();
                assert!(recovered.report.end == end, "what was opened opens again");
            }
        }
    }
    println!("forged disks: {number}, {opened} opened; seed {}", seed());
}
