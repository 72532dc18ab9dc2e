//! Certificates of cuts: both parts recombine to the whole, and any alteration is noticed.

mod common;

use common::{Dice, cases};
use motet_log::span::{
    CarriedSpan, CertificateError, Cut, CutCertificate, CutWitness, Digest, Part, SpanId, SpanKind, Stretch,
    carried_root, stretch_of,
};
use motet_log::{Lsn, Record};

/// The same tree by recursion over all records: the trees that stand at multiples of their size.
mod oracle {
    pub(crate) fn node(from: u64, height: u32, leaf: &dyn Fn(u64) -> [u8; 32]) -> [u8; 32] {
        if height == 0 {
            return leaf(from);
        }
        let half = 1 << (height - 1);
        let (left, right) = (node(from, height - 1, leaf), node(from + half, height - 1, leaf));
        *blake3::keyed_hash(b"motet.log.1 node                ", &[left, right].concat()).as_bytes()
    }

    pub(crate) fn root(from: u64, to: u64, leaf: &dyn Fn(u64) -> [u8; 32]) -> [u8; 32] {
        let mut bytes = [from.to_le_bytes(), to.to_le_bytes()].concat();
        let mut at = from;
        while at < to {
            let height =
                (0..63).rev().find(|height| at.is_multiple_of(1 << height) && at + (1 << height) <= to).unwrap();
            bytes.extend(node(at, height, leaf));
            at += 1 << height;
        }
        *blake3::keyed_hash(b"motet.log.1 stretch             ", &bytes).as_bytes()
    }

    pub(crate) fn leaf(record: &super::Record) -> [u8; 32] {
        let bytes = [&record.lsn.get().to_le_bytes(), &record.kind.to_le_bytes()[..], &record.bytes].concat();
        *blake3::keyed_hash(b"motet.log.1 record              ", &bytes).as_bytes()
    }
}

fn records(dice: &mut Dice, count: usize) -> Vec<Record> {
    let record = |at| Record {
        lsn: Lsn::new(at),
        kind: dice.below(4) as u16,
        bytes: (0..dice.below(20)).map(|_| dice.below(256) as u8).collect(),
    };
    (0..count as u64).map(record).collect()
}

fn span(number: u64) -> SpanId {
    SpanId::of_numbers(SpanKind::EFFECT, [number, 0, 0, 0])
}

/// A log of records that is cut at one place, with some spans carried.
fn cut_log(seed: u64) -> (Vec<Record>, Cut, CutCertificate, CutWitness) {
    let mut dice = Dice::new(seed);
    let count = dice.below(70);
    let records = records(&mut dice, count);
    let at = dice.below(records.len() + 1);
    let mut carried = Vec::new();
    for since in 0..at as u64 {
        (0..dice.below(8).saturating_sub(5) as u64)
            .for_each(|more| carried.push(CarriedSpan { since: Lsn::new(since), span: span(10 * since + more) }));
    }
    let cut = Cut { at: Lsn::new(at as u64), carried, kept: 0 };
    let dropped = stretch_of(Lsn::ZERO, &records[..at]).unwrap();
    let kept = stretch_of(cut.at, &records[at..]).unwrap();
    let state = Digest([7; 32]);
    let certificate = CutCertificate::new(&cut, &dropped, &kept, &opening(&records, &cut), state).unwrap();
    (records, cut, certificate, CutWitness { dropped, kept })
}

fn opening(records: &[Record], cut: &Cut) -> Vec<Record> {
    let mut places: Vec<usize> = cut.carried.iter().map(|one| one.since.get() as usize).collect();
    places.dedup();
    places.into_iter().map(|at| records[at].clone()).collect()
}

/// Dropped and kept recombine to the root of the whole, wherever the cut is, as another computation of it says.
#[test]
pub(crate) fn parts_recombine_to_the_whole() {
    for seed in 0..cases(400) {
        let (records, _, certificate, witness) = cut_log(seed);
        let leaf = |at: u64| oracle::leaf(&records[at as usize]);
        let (cut, end) = (certificate.cut.get(), certificate.end.get());
        let whole = Digest(oracle::root(0, end, &leaf));
        assert_eq!(certificate.dropped_root, Digest(oracle::root(0, cut, &leaf)), "seed {seed}");
        assert_eq!(certificate.kept_root, Digest(oracle::root(cut, end, &leaf)), "seed {seed}");
        assert_eq!(stretch_of(Lsn::ZERO, &records).unwrap().root(), whole, "seed {seed}");
        certificate.verify(&witness, &whole).unwrap();
        // Whoever has only the roots comes to the same.
        for stretch in [&witness.dropped, &witness.kept] {
            let roots: Vec<Digest> = stretch.roots().collect();
            assert_eq!(Stretch::from_roots(stretch.from(), stretch.to(), &roots).as_ref(), Some(stretch));
            assert!(Stretch::from_roots(stretch.from(), stretch.to(), &[&roots[..], &[whole]].concat()).is_none());
        }
    }
}

/// The log goes on after a cut, from the dropped part's roots alone; the next certificate speaks of all since the start.
#[test]
pub(crate) fn cuts_follow_one_another() {
    let mut dice = Dice::new(9);
    let records = records(&mut dice, 1_000);
    let (mut dropped, mut begin) = (Stretch::new(Lsn::ZERO), 0);
    for end in (20..=1_000).step_by(20) {
        let at = end - dice.below(20);
        dropped.append(&stretch_of(Lsn::new(begin as u64), &records[begin..at]).unwrap()).unwrap();
        begin = at;
        let kept = stretch_of(Lsn::new(at as u64), &records[at..end]).unwrap();
        let cut = Cut { at: Lsn::new(at as u64), carried: vec![], kept: 0 };
        let certificate = CutCertificate::new(&cut, &dropped, &kept, &[], Digest([0; 32])).unwrap();
        let whole = stretch_of(Lsn::ZERO, &records[..end]).unwrap().root();
        certificate.verify(&CutWitness { dropped: dropped.clone(), kept }, &whole).unwrap();
    }
    assert!(dropped.roots().count() <= 10, "a thousand records are at most ten trees");
}

/// Any record, and anything of it, altered, left out, given twice or moved.
#[test]
pub(crate) fn every_alteration_is_noticed() {
    let mut noticed = 0;
    for seed in 0..cases(30) {
        let (records, cut, certificate, _) = cut_log(seed);
        let at = cut.at.get() as usize;
        let holds = |records: &[Record]| {
            let dropped = stretch_of(Lsn::ZERO, &records[..at.min(records.len())]);
            let kept = stretch_of(cut.at, &records[at.min(records.len())..]);
            dropped.is_ok_and(|dropped| certificate.verify_dropped(&dropped).is_ok())
                && kept.is_ok_and(|kept| certificate.verify_kept(&kept).is_ok())
        };
        assert!(holds(&records), "seed {seed}");
        let mut notice = |altered: &[Record], what: &str| {
            assert!(!holds(altered), "seed {seed}: {what} was not noticed");
            noticed += 1;
        };
        for index in 0..records.len() {
            for bit in 0..8 * records[index].bytes.len() {
                let mut altered = records.clone();
                altered[index].bytes[bit / 8] ^= 1 << (bit % 8);
                notice(&altered, "a bit");
            }
            let mut altered = records.clone();
            altered[index].kind ^= 1;
            notice(&altered, "a kind");
            altered = records.clone();
            altered[index].bytes.push(0);
            notice(&altered, "a longer record");
            altered = records.clone();
            altered.remove(index);
            (0..).zip(&mut altered).for_each(|(at, record)| record.lsn = Lsn::new(at));
            notice(&altered, "a record left out");
            altered = records.clone();
            altered.insert(index, records[index].clone());
            (0..).zip(&mut altered).for_each(|(at, record)| record.lsn = Lsn::new(at));
            notice(&altered, "a record given twice");
            if index > 0 && records[index].bytes != records[index - 1].bytes {
                altered = records.clone();
                altered.swap(index, index - 1);
                (0..).zip(&mut altered).for_each(|(at, record)| record.lsn = Lsn::new(at));
                notice(&altered, "two records changed places");
            }
        }
    }
    println!("{noticed} alterations, all noticed");
}

/// Carried spans are those of the certificate, with the records that opened them.
#[test]
pub(crate) fn carried_spans_are_bound() {
    let (mut several, mut altered_count) = (0, 0);
    for seed in 0..cases(100) {
        let (records, cut, certificate, _) = cut_log(seed);
        let opening = opening(&records, &cut);
        let holds = |carried: &[CarriedSpan], opening: &[Record]| certificate.verify_carried(carried, opening).is_ok();
        assert!(holds(&cut.carried, &opening), "seed {seed}");
        several += u64::from(cut.carried.len() > 1);
        for index in 0..cut.carried.len() {
            let mut carried = cut.carried.clone();
            carried[index].span.key[31] ^= 1;
            assert!(!holds(&carried, &opening), "seed {seed}: a name");
            carried[index].span = SpanId { kind: SpanKind::GATE, ..cut.carried[index].span };
            assert!(!holds(&carried, &opening), "seed {seed}: a kind");
            carried.remove(index);
            assert!(!holds(&carried, &opening), "seed {seed}: a span forgotten");
        }
        for index in 0..opening.len() {
            let mut records = opening.clone();
            records[index].bytes.push(1);
            assert!(!holds(&cut.carried, &records), "seed {seed}: an opening record");
            records.remove(index);
            assert!(!holds(&cut.carried, &records), "seed {seed}: an opening record forgotten");
            altered_count += 1;
        }
        let more = [opening, vec![Record { lsn: Lsn::new(999), kind: 0, bytes: vec![] }]].concat();
        assert!(matches!(carried_root(&cut.carried, &more), Err(CertificateError::TooMany { .. })));
    }
    assert!(several > 10 && altered_count > 100, "the cases carry too little");
}

/// A certificate and a witness that belong to other logs, or that were changed.
#[test]
pub(crate) fn witnesses_are_held_against_the_certificate() {
    for seed in 0..cases(60) {
        let (records, cut, certificate, witness) = cut_log(seed);
        let whole = stretch_of(Lsn::ZERO, &records).unwrap().root();
        let (.., other) = cut_log(seed + 1_000);
        let swapped = CutWitness { dropped: other.dropped, kept: witness.kept.clone() };
        if swapped.dropped != witness.dropped {
            let differs = Err(CertificateError::Differs { part: Part::Dropped });
            assert_eq!(certificate.verify(&swapped, &whole), differs, "seed {seed}");
        }
        // Another whole: one record more, one less, or none of it.
        assert_eq!(certificate.verify(&witness, &Digest([0; 32])), Err(CertificateError::NotTheLog { cut: cut.at }));
        // The empty stretch at one place is not that at another.
        let mut moved = certificate;
        moved.cut = moved.cut.next();
        assert!(moved.verify(&witness, &whole).is_err(), "seed {seed}");
        assert_ne!(moved.digest(), certificate.digest());
        assert_ne!(Stretch::new(cut.at).root(), Stretch::new(cut.at.next()).root());
        // Parts that do not meet at the cut.
        let late = Cut { at: cut.at.next(), ..cut };
        let refused = CutCertificate::new(&late, &witness.dropped, &witness.kept, &[], certificate.state);
        assert!(matches!(refused, Err(CertificateError::NotNext(_))));
    }
}
