//! Traces that were changed by somebody who could also compute their digests: the replay itself must find it.

mod common;

use common::{Scratch, error_of, motet};
use motet_types::{Event, EventKind, LabelId};

const EVENTS: u8 = 4;
const INPUTS: u8 = 3;
const END: u8 = 5;

/// A frame: its kind and its payload.
type Frame = (u8, Vec<u8>);

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = 16;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        frames.push((bytes[at], bytes[at + 8..at + 8 + length].to_vec()));
        at += 8 + length + 32;
    }
    frames
}

fn sealed(start: &[u8], frames: &[Frame]) -> Vec<u8> {
    let mut bytes = start[..16].to_vec();
    let mut chain = [0u8; 32];
    for (kind, payload) in frames {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&chain).update(&[*kind]).update(&(payload.len() as u64).to_le_bytes()).update(payload);
        chain = *hasher.finalize().as_bytes();
        bytes.extend_from_slice(&[*kind, 0, 0, 0]);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&chain);
    }
    bytes
}

/// What the replay says about a trace of `three_buyer` that was changed like this.
fn changed(change: impl FnOnce(&mut Vec<Frame>)) -> (i32, String, serde_json::Value) {
    let scratch = Scratch::new();
    let trace = scratch.path("three.trc");
    let said = motet(&["run", "examples/three_buyer.tell", "--choose", "Bob=Accept", "--trace", &trace]);
    assert_eq!(said.status, 0, "{}", said.err);
    let bytes = std::fs::read(&trace).unwrap();
    let mut all = frames(&bytes);
    assert_eq!(sealed(&bytes, &all), bytes, "the test knows the format");
    change(&mut all);
    let file = scratch.file("changed.trc", sealed(&bytes, &all));
    let said = motet(&["replay", &file, "--json"]);
    assert_eq!(said.out, "");
    let (code, error) = error_of(&said);
    (said.status, code, error)
}

fn payload(frames: &mut [Frame], kind: u8) -> &mut Vec<u8> {
    &mut frames.iter_mut().find(|frame| frame.0 == kind).unwrap().1
}

/// Changes the first event for which `change` gives another.
fn event(frames: &mut [Frame], change: impl Fn(Event) -> Option<Event>) {
    let events = payload(frames, EVENTS);
    let word = events.chunks_exact_mut(8).find_map(|word| {
        let event = Event::unpack(u64::from_le_bytes((&*word).try_into().unwrap()))?;
        (event.pack().to_le_bytes() == *word).then_some(())?;
        Some((change(event)?, word))
    });
    let (event, word) = word.unwrap();
    word.copy_from_slice(&event.pack().to_le_bytes());
}

#[test]
fn another_label() {
    let (status, code, error) = changed(|frames| {
        event(frames, |event| {
            (event.kind == EventKind::Received).then_some(Event { label: LabelId(event.label.0 + 1), ..event })
        });
    });
    assert_eq!((status, code.as_str()), (3, "diverged"));
    assert_eq!((&error["role"], &error["edge"]), (&"Seller".into(), &"Alice -> Seller".into()));
    assert_eq!(
        (&error["expected"], &error["found"]),
        (&"received Alice -> Seller Quote (tick0)".into(), &"received Alice -> Seller Title (tick0)".into())
    );
    assert_eq!((&error["session"], &error["position"]), (&0.into(), &2.into()));
}

#[test]
fn an_event_less() {
    let (status, code, error) = changed(|frames| {
        let events = payload(frames, EVENTS);
        let length = events.len();
        // The run's last burst has one event less, and says so.
        let all = events.len() / 8;
        let header = (0..all).rev().find(|at| {
            let count = u32::from_le_bytes(events[at * 8..at * 8 + 4].try_into().unwrap()) as usize;
            at + 1 + count == all && count > 1
        });
        let at = header.unwrap() * 8;
        let count = u32::from_le_bytes(events[at..at + 4].try_into().unwrap());
        events[at..at + 4].copy_from_slice(&(count - 1).to_le_bytes());
        events.truncate(length - 8);
    });
    assert_eq!((status, code.as_str()), (3, "diverged"), "{error}");
}

#[test]
fn another_end() {
    let (status, code, error) = changed(|frames| *payload(frames, END).last_mut().unwrap() ^= 1);
    assert_eq!((status, code.as_str(), &error["what"]), (3, "diverged", &"state root".into()));
    let (status, code, error) = changed(|frames| payload(frames, END)[0] = 2);
    assert_eq!((status, code.as_str(), &error["what"]), (3, "diverged", &"status".into()));
    let (status, code, error) = changed(|frames| {
        // The trace digest stands before the state root, which is last.
        let end = payload(frames, END);
        let at = end.len() - 33;
        end[at] ^= 1;
    });
    assert_eq!((status, code.as_str(), &error["what"]), (3, "diverged", &"trace digest".into()));
}

#[test]
fn no_end_at_all() {
    let (status, code, error) = changed(|frames| frames.retain(|frame| frame.0 != END));
    assert_eq!((status, code.as_str(), &error["frame"]), (1, "cut_short", &"end".into()));
}

#[test]
fn another_answer() {
    // Every byte of the recorded answers up to their values, changed and sealed: refused or found, never equal. The
    // values themselves are the host's word: events do not hold them, so they show only while the state does.
    let scratch = Scratch::new();
    let trace = scratch.path("three.trc");
    motet(&["run", "examples/three_buyer.tell", "--steps", "25", "--fuel", "1", "--trace", &trace]);
    let bytes = std::fs::read(&trace).unwrap();
    let whole = frames(&bytes);
    let mut tried = 0;
    for (number, frame) in whole.iter().enumerate().filter(|(_, frame)| frame.0 == INPUTS) {
        // Records in a row: an open has 13 bytes, a limit 17. A wave's answers, one here: kind and step, length, then
        // coordinate, kind, subject, outcome, and the type of its value.
        let mut start = 0;
        while start < frame.1.len() {
            let length = u64::from_le_bytes(frame.1[start + 9..].first_chunk().copied().unwrap_or_default()) as usize;
            let (len, answers) = match frame.1[start] {
                1 => (13, false),
                2 => (17, false),
                4 => (17 + length, true),
                kind => panic!("no record is of kind {kind}"),
            };
            for at in (start + 9..(start + len).min(start + 38)).filter(|_| answers) {
                let mut all = whole.clone();
                all[number].1[at] ^= 0x01;
                tried += 1;
                let Ok(record) = motet_runtime::RunRecord::from_bytes(&sealed(&bytes, &all)) else { continue };
                assert!(motet_runtime::replay(&record, None, |_| {}).is_err(), "frame {number}, byte {at}");
            }
            start += len;
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn a_session_of_no_image() {
    let (status, code, _) = changed(|frames| {
        let inputs = payload(frames, INPUTS);
        // kind u8, step u64, image u32
        assert_eq!(inputs[0], 1);
        inputs[9] = 99;
    });
    assert_eq!((status, code.as_str()), (1, "bad_record"));
}

#[test]
fn sealed_nonsense_is_refused_or_found() {
    let scratch = Scratch::new();
    let trace = scratch.path("three.trc");
    motet(&["run", "examples/three_buyer.tell", "--sessions", "2", "--trace", &trace]);
    let bytes = std::fs::read(&trace).unwrap();
    let whole = frames(&bytes);
    for (number, frame) in whole.iter().enumerate() {
        for at in 0..frame.1.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut all = whole.clone();
                all[number].1[at] ^= change;
                let Ok(record) = motet_runtime::RunRecord::from_bytes(&sealed(&bytes, &all)) else { continue };
                // Whatever comes of it, it comes to an end and does not panic.
                let replayed = motet_runtime::replay(&record, None, |_| {}).is_ok();
                if frame.0 == EVENTS || frame.0 == END {
                    assert!(!replayed, "frame {number}, byte {at}, {change:#x}");
                }
                motet_runtime::envelope_diff(&record, &record).ok();
            }
        }
    }
}

#[test]
fn sealed_nonsense_through_the_binary() {
    let scratch = Scratch::new();
    let trace = scratch.path("three.trc");
    motet(&["run", "examples/three_buyer.tell", "--trace", &trace]);
    let bytes = std::fs::read(&trace).unwrap();
    let whole = frames(&bytes);
    for (number, frame) in whole.iter().enumerate().filter(|(_, frame)| frame.0 != 2) {
        for at in (0..frame.1.len()).step_by(7) {
            let mut all = whole.clone();
            all[number].1[at] ^= 0xff;
            let file = scratch.file("changed.trc", sealed(&bytes, &all));
            // `motet` checks that nothing panics.
            for args in [&["replay", &file][..], &["trace", &file], &["diff", &file, &trace]] {
                let said = motet(args);
                assert!((0..=3).contains(&said.status), "{args:?}: {}", said.status);
            }
        }
    }
}
