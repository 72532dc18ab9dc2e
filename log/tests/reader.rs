//! A second reader, written from `docs/log-format.md` alone: it shares no code with the crate's own. Both must agree on
//! real logs.

mod disk;

use disk::*;
use motet_log::sim::{Image, SimDisk};
use std::collections::BTreeMap;

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// CRC-32C, bit by bit.
fn checksum(parts: &[&[u8]]) -> u64 {
    let mut crc = u32::MAX;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    u64::from(!crc)
}

/// The header, if magic, checksum and version are right.
fn header<'a>(bytes: &'a [u8], magic: &str) -> Option<&'a [u8]> {
    if bytes.len() < 16 || &bytes[..8] != magic.as_bytes() {
        return None;
    }
    let header = bytes.get(..number(bytes, 10, 2) as usize).filter(|header| header.len() >= 96)?;
    let sum = checksum(&[&header[..12], &[0; 4], &header[16..]]);
    (sum == number(header, 12, 4)).then(|| assert_eq!(number(header, 8, 2), 1, "the version"))?;
    Some(header)
}

struct Slot<'a> {
    log: &'a [u8],
    sequence: u64,
    lsn: u64,
    synced: u64,
    payload: &'a [u8],
}

fn slot<'a>(image: &'a Image, name: &str, magic: &str) -> Option<Slot<'a>> {
    let bytes = image.file(name)?;
    let header = header(bytes, magic)?;
    let length = number(header, 56, 8) as usize;
    let payload = bytes.get(512..512 + length)?;
    let zeros = bytes[96..512].iter().chain(&bytes[512 + length..]).all(|&byte| byte == 0);
    let whole = bytes.len() == (512 + length).div_ceil(4096) * 4096;
    let sound = zeros && whole && blake3::hash(payload).as_bytes() == &header[64..96];
    let (sequence, lsn, synced) = (number(header, 32, 8), number(header, 40, 8), number(header, 48, 8));
    sound.then_some(Slot { log: &header[16..32], sequence, lsn, synced, payload })
}

fn in_force<'a>(image: &'a Image, file: &str, magic: &str) -> Option<Slot<'a>> {
    let slots = (0..2).filter_map(|number| slot(image, &format!("{file}.{number}"), magic));
    slots.max_by_key(|slot| slot.sequence)
}

type Kept = (u64, u16, Vec<u8>);

/// A group that is sound in itself: header and records, and bytes with padding.
fn group(bytes: &[u8], block: usize) -> Option<(&[u8], Vec<Kept>, usize)> {
    let header = header(bytes, "MOTETLOG")?;
    let end = 144 + number(header, 76, 4) as usize;
    let padded = end.div_ceil(block) * block;
    let body = bytes.get(144..end)?;
    if bytes.get(end..padded)?.iter().any(|&byte| byte != 0) {
        return None;
    }
    let bare = [&header[..12], &[0; 4], &header[16..112], &[0; 32], body].concat();
    if blake3::hash(&bare).as_bytes() != &header[112..144] {
        return None;
    }
    let (mut records, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let lsn = number(header, 64, 8) + records.len() as u64;
        let head = body.get(at..at + 12)?;
        let payload = body.get(at + 12..at + 12 + number(head, 0, 4) as usize)?;
        if checksum(&[&head[..8], payload, &lsn.to_le_bytes()]) != number(head, 8, 4) || number(head, 6, 2) != 0 {
            return None;
        }
        records.push((lsn, number(head, 4, 2) as u16, payload.to_vec()));
        at += 12 + payload.len();
    }
    (records.len() as u64 == number(header, 72, 4)).then_some((header, records, padded))
}

struct Content {
    first: u64,
    checkpoint: Option<(u64, Vec<u8>)>,
    records: Vec<Kept>,
    certificate: Vec<u8>,
    /// Segment and offset where something else than nothing stands behind the last group.
    torn: Option<(u64, u64)>,
}

/// Reads a log. `Err` has segment and offset of the damage.
fn read(image: &Image) -> Result<Content, (u64, u64)> {
    let head = in_force(image, "head", "MOTETHED").expect("a head");
    let checkpoint = in_force(image, "checkpoint", "MOTETCKP").filter(|found| found.log == head.log);
    let (block, size) = (number(head.payload, 0, 4) as usize, number(head.payload, 4, 4) as usize);
    let (mut segment, mut next) = (number(head.payload, 8, 8), number(head.payload, 16, 8));
    let (mut lsn, mut previous) = (head.lsn, head.payload[24..56].to_vec());
    let files: BTreeMap<u64, &Vec<u8>> = image
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("segment."))
        .filter_map(|(_, bytes)| header(bytes, "MOTETLOG").map(|header| (number(header, 32, 8), bytes)))
        .collect();
    let (mut records, mut torn) = (Vec::new(), None);
    let mut end = (segment, 0);
    'segments: while let Some(bytes) = files.get(&segment) {
        let mut at = 0;
        while at < size && bytes[at..].iter().any(|&byte| byte != 0) {
            let found = group(&bytes[at..], block).filter(|(header, ..)| {
                let place = [(32, segment), (40, at as u64), (48, next), (64, lsn)];
                let here = place.iter().all(|&(field, value)| number(header, field, 8) == value);
                &header[16..32] == head.log && here && header[80..112] == previous
            });
            let Some((header, found, padded)) = found else {
                torn = Some((segment, at as u64));
                break 'segments;
            };
            lsn += found.len() as u64;
            records.extend(found);
            previous = header[112..144].to_vec();
            next += 1;
            at += padded;
            end = (segment, at as u64);
        }
        segment += 1;
    }
    let sound = image.files.iter().filter(|(name, _)| name.starts_with("segment.")).flat_map(|(_, bytes)| {
        (0..bytes.len()).step_by(block).filter_map(|at| group(&bytes[at..], block).map(|(header, ..)| header))
    });
    let mark = sound.filter(|header| &header[16..32] == head.log).map(|header| number(header, 56, 8)).max();
    if mark.max(checkpoint.as_ref().map(|found| found.synced)) > Some(next) {
        return Err(torn.unwrap_or(end));
    }
    let checkpoint = checkpoint.map(|found| (found.lsn, found.payload.to_vec()));
    Ok(Content { first: head.lsn, checkpoint, records, certificate: head.payload[56..].to_vec(), torn })
}

/// Both readers say the same of this disk.
fn agree(image: &Image) -> bool {
    let ours = open(&SimDisk::from_image(image));
    match (read(image), ours) {
        (Err(place), Err(motet_log::OpenError::Corrupt(corrupt))) => {
            assert_eq!(place, (corrupt.segment, corrupt.offset), "{corrupt}");
            true
        }
        (Ok(content), Ok((log, recovered))) => {
            assert_eq!(content.first, log.first().get());
            assert_eq!(content.certificate, log.certificate());
            let ours = recovered.checkpoint.map(|found| (found.lsn.get(), found.read().unwrap()));
            assert_eq!(content.checkpoint, ours);
            let theirs = content.records.iter().map(|(lsn, kind, bytes)| (*lsn, *kind, bytes.clone()));
            let ours = log.read(log.first()).unwrap().map(Result::unwrap);
            assert!(theirs.eq(ours.map(|record| (record.lsn.get(), record.kind, record.bytes))));
            let torn = match recovered.report.tail {
                motet_log::Tail::Torn { segment, offset, .. } => Some((segment, offset)),
                motet_log::Tail::Clean => None,
            };
            assert_eq!(content.torn, torn);
            false
        }
        (Ok(_), Err(error)) => panic!("only the crate's reader refuses: {error}"),
        (Err(place), Ok(_)) => panic!("only the other reader refuses: {place:?}"),
        (Err(_), Err(other)) => panic!("{other}"),
    }
}

#[test]
fn both_readers_agree_on_real_logs() {
    for number in 0..cases(60) {
        let disk = SimDisk::new();
        let mut dice = dice(seed().wrapping_add(number));
        let (log, _) = open(&disk).unwrap();
        work(&log, &mut dice, 40).unwrap();
        let left = crash(&disk.platter(), motet_log::sim::Survival::Chance(128), &mut dice);
        agree(&left);
        log.flush().unwrap();
        agree(&disk.image());
        log.close().unwrap();
        assert!(!agree(&disk.image()));
    }
}

#[test]
fn both_readers_agree_on_damage() {
    let mut refused = 0;
    for number in 0..cases(600) {
        let disk = SimDisk::new();
        let mut dice = dice(seed().wrapping_add(number));
        let (log, _) = open(&disk).unwrap();
        work(&log, &mut dice, 15).unwrap();
        log.flush().unwrap();
        let mut image = disk.image();
        let segments: Vec<_> = image.files.iter().filter(|(name, _)| name.starts_with("segment.")).cloned().collect();
        let (name, bytes) = &segments[below(&mut dice, segments.len() as u64) as usize];
        let groups: Vec<usize> =
            (0..bytes.len()).step_by(512).filter(|&at| bytes[at..].starts_with(b"MOTETLOG")).collect();
        // In a group, but not in the name of its segment: the readers may look at files without one in any order.
        let Some(&at) = groups.get(below(&mut dice, groups.len().max(1) as u64) as usize) else { continue };
        image.flip(name, (at + 48) * 8 + below(&mut dice, 96 * 8) as usize);
        if at > 0 {
            refused += u64::from(agree(&image));
        }
    }
    assert!(refused > 0);
}
