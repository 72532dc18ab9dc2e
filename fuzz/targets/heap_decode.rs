//! Stored forms, archives and proof files from anybody: refused, or read as the one thing whose bytes they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use motet_heap::{ArchiveError, ProofFile, Resource, Snapshot};

/// The whole of `bytes` as an archive.
fn read(mut bytes: &[u8]) -> Result<(Snapshot, usize), ArchiveError<()>> {
    let snapshot = Snapshot::read_from(|into: &mut [u8]| {
        let (some, rest) = bytes.split_at_checked(into.len()).ok_or(())?;
        into.copy_from_slice(some);
        bytes = rest;
        Ok(())
    })?;
    Ok((snapshot, bytes.len()))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((what, bytes)) = bytes.split_first() else { return };
    match what % 3 {
        0 => {
            if let Ok(resource) = Resource::decode(bytes) {
                assert_eq!(resource.encode().as_deref(), Ok(bytes));
            }
        }
        1 => {
            if let Ok((snapshot, left)) = read(bytes) {
                let mut again = Vec::new();
                let kept = snapshot.write_to(|some| -> Result<(), ()> {
                    again.extend_from_slice(some);
                    Ok(())
                });
                assert_eq!((kept, &again[..]), (Ok(()), &bytes[..bytes.len() - left]));
            }
        }
        _ => {
            if let Ok(file) = ProofFile::read(bytes) {
                assert!(file.check_membership(&[7; 32]).is_err());
                assert!(file.check_change(&[7; 32], &[7; 32]).is_err());
            }
        }
    }
});
