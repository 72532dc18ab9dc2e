//! Files that were changed: every byte of an image and of a trace, and every length.

mod common;

use common::{Scratch, error_of, motet, refused};
use motet_choreo::{Source, compile, load};
use motet_machine::CodeImage;
use motet_runtime::{RunRecord, replay};

fn image_bytes(text: &str) -> Vec<u8> {
    let source = Source::from_text("p.tell", text).unwrap();
    compile(&load(&source).unwrap()).unwrap().to_bytes()
}

const CHOICE: &str =
    "protocol P =\n  roles A, B\n  choice A at\n    | Yes => A -> B : Yes(Nat)\n    | No => A -> B : No\n";

#[test]
fn every_byte_of_an_image() {
    let bytes = image_bytes(CHOICE);
    CodeImage::load(&bytes).unwrap();
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            assert!(CodeImage::load(&changed).is_err(), "byte {at} changed by {change:#x} was accepted");
        }
    }
}

#[test]
fn every_length_of_an_image() {
    let bytes = image_bytes(CHOICE);
    for length in 0..bytes.len() {
        assert!(CodeImage::load(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    assert!(CodeImage::load(&[&bytes[..], b"\0"].concat()).is_err());
}

#[test]
fn an_image_sealed_again_after_a_change_is_verified_or_refused() {
    // Somebody who changes an image can also compute its digests: verification is what is left, and it must either
    // refuse or stand for what it lets run.
    let bytes = image_bytes(CHOICE);
    let header = motet_types::IMAGE_HEADER;
    for at in header..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x04;
        let mut aligned = Vec::with_capacity(changed.len());
        aligned.extend_from_slice(&changed);
        let Ok(parts) = reseal(&aligned) else { continue };
        let Ok(image) = CodeImage::verify(parts) else { continue };
        let config = motet_machine::ProtocolMachineConfig::default();
        let mut runtime = motet_runtime::GuestRuntime::new(config, motet_runtime::Schedule::default()).unwrap();
        let id = runtime.load(image).unwrap();
        runtime.open(id).unwrap();
        runtime.limit_steps(1000);
        runtime.run(&motet_runtime::SeededHost::new(1)).unwrap();
        assert!(runtime.faults().is_empty(), "byte {at}: {:?}", runtime.faults());
    }
}

/// The parts in an image file whose checksum is not looked at.
fn reseal(bytes: &[u8]) -> Result<motet_types::ImageParts, motet_types::ImageBytesError> {
    let mut sealed = bytes.to_vec();
    let payload = blake3::hash(&sealed[motet_types::IMAGE_HEADER..]);
    sealed[16..48].copy_from_slice(payload.as_bytes());
    match motet_types::ImageParts::from_bytes(&sealed) {
        Err(motet_types::ImageBytesError::Content) => {
            // The content digest is that of the changed parts, which only reading them tells: read them past it.
            let mut aligned = rkyv::util::AlignedVec::<16>::new();
            aligned.extend_from_slice(&sealed[motet_types::IMAGE_HEADER..]);
            rkyv::from_bytes::<motet_types::ImageParts, rkyv::rancor::Error>(&aligned)
                .map_err(|_| motet_types::ImageBytesError::Archive)
        }
        other => other,
    }
}

fn small_trace(scratch: &Scratch) -> (String, Vec<u8>) {
    let trace = scratch.path("ping.trc");
    let said = motet(&["run", "examples/ping_pong.tell", "--trace", &trace]);
    assert_eq!(said.status, 0, "{}", said.err);
    let bytes = std::fs::read(&trace).unwrap();
    (trace, bytes)
}

#[test]
fn every_byte_of_a_trace() {
    let scratch = Scratch::new();
    let (_, bytes) = small_trace(&scratch);
    let whole = RunRecord::from_bytes(&bytes).unwrap();
    assert!(replay(&whole, None, |_| {}).unwrap().end.is_some());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        let equal = match RunRecord::from_bytes(&changed) {
            Ok(record) => replay(&record, None, |_| {}).is_ok(),
            Err(_) => false,
        };
        assert!(!equal, "byte {at} was changed and the replay says equal");
    }
}

#[test]
fn every_length_of_a_trace() {
    let scratch = Scratch::new();
    let (_, bytes) = small_trace(&scratch);
    for length in 0..bytes.len() {
        let whole = match RunRecord::from_bytes(&bytes[..length]) {
            // Cut between two frames it reads well, and has no end.
            Ok(record) => record.end.is_some(),
            Err(_) => false,
        };
        assert!(!whole, "cut to {length} bytes the trace passes for whole");
    }
}

#[test]
fn damage_through_the_binary() {
    let scratch = Scratch::new();
    let (_, bytes) = small_trace(&scratch);
    let mut seen = std::collections::BTreeSet::new();
    for at in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        let file = scratch.file("changed.trc", &changed);
        let (status, code, error) = refused(&["replay", &file]);
        assert!(matches!(status, 1 | 3), "byte {at}: {status} {code}");
        if code == "damaged" || code == "cut_short" {
            let offset = error["offset"].as_u64().unwrap();
            assert!(offset <= at as u64, "byte {at} lies in or behind the frame at {offset}");
            seen.insert(error["frame"].as_str().unwrap().to_owned());
        }
        let (status, ..) = refused(&["trace", &file]);
        assert_eq!(status, 1, "byte {at}");
    }
    assert!(seen.contains("image"), "{seen:?}");
}

#[test]
fn a_trace_without_its_end_is_not_equal() {
    let scratch = Scratch::new();
    let (_, bytes) = small_trace(&scratch);
    let cuts: Vec<usize> =
        (16..bytes.len()).filter(|length| RunRecord::from_bytes(&bytes[..*length]).is_ok()).collect();
    assert!(!cuts.is_empty(), "a trace has several frames");
    for length in cuts {
        let file = scratch.file("cut.trc", &bytes[..length]);
        let said = motet(&["replay", &file, "--json"]);
        let (code, error) = error_of(&said);
        assert_ne!(said.status, 0, "cut to {length} bytes: {error}");
        assert!(matches!(code.as_str(), "cut_short" | "diverged"), "cut to {length} bytes: {error}");
    }
}
