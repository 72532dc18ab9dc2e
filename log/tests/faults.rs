//! The disk fails, once, at every call of a run, in every way it can: errors are typed, nothing acknowledged is lost,
//! and after a failed write or sync of a group the handle acknowledges nothing any more.

mod disk;

use disk::*;
use motet_log::sim::{Fault, SimDisk, Survival};
use motet_log::{Log, LogError, Lsn, OpenError};
use std::io::ErrorKind;

const STEPS: u64 = 24;

/// Every fault that the log has to live with. A sync that lies is not among them: nobody can live with that.
const FAULTS: [Fault; 8] = [
    Fault::Error(ErrorKind::Other),
    Fault::Error(ErrorKind::Interrupted),
    Fault::HalfThenError(ErrorKind::StorageFull),
    Fault::Short(1),
    Fault::Short(700),
    Fault::SyncLoses,
    Fault::SyncPretends,
    Fault::ReadFlips,
];

/// The rest of a run whose handle has failed: it must go on failing.
fn stays_silent(log: &Log) {
    let durable = log.durable();
    for _ in 0..3 {
        assert!(matches!(append(log, 1), Err(LogError::Poisoned { .. })), "a failed log takes nothing");
        assert!(log.durable() == log.end() || matches!(log.flush(), Err(LogError::Poisoned { .. })));
        assert!(matches!(log.clone().close(), Err(LogError::Poisoned { .. })));
        assert_eq!(log.durable(), durable, "a failed log acknowledges nothing");
    }
}

/// Whatever a crash leaves now, what was acknowledged is there.
fn survives(disk: &SimDisk, acknowledged: u64, appended: u64, seed: u64) {
    let mut dice = dice(seed);
    let platter = disk.platter();
    for number in [0, 1, 3, 13, 33, 34, 49, 57] {
        let survival = survival(number, platter.pending(), &mut dice);
        let image = crash(&platter, survival, &mut dice);
        let (_, recovered) = open(&SimDisk::from_image(&image)).unwrap();
        let (end, report) = consistent(recovered);
        assert!((acknowledged..=appended).contains(&end), "{end} is not in {acknowledged}..={appended}: {report}");
    }
}

fn run(call: u64, fault: Fault) {
    let disk = SimDisk::new();
    disk.fail(call, fault);
    let log = match open(&disk) {
        Ok((log, _)) => log,
        Err(OpenError::Io { .. }) => {
            // Trying again is all it takes.
            let (log, recovered) = open(&disk).unwrap();
            assert_eq!(consistent(recovered).0, 0);
            append(&log, 1).unwrap();
            log.flush().unwrap();
            return;
        }
        Err(other) => panic!("a fault of the disk is not {other}"),
    };
    let mut coins = dice(7);
    let mut ended = work(&log, &mut coins, STEPS).and_then(|()| log.flush().map(drop));
    if let Err(LogError::Poisoned { .. }) = ended {
        stays_silent(&log);
    } else if ended.is_err() {
        // Any other failure leaves the log as able as it was.
        ended = work(&log, &mut coins, STEPS).and_then(|()| log.flush().map(drop));
        assert!(ended.is_ok(), "call {call}, {fault:?}: {ended:?}");
    }
    let (acknowledged, appended) = (log.durable().get(), log.end().get());
    survives(&disk, acknowledged, appended, call);
}

fn calls() -> u64 {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    work(&log, &mut dice(7), STEPS).unwrap();
    log.flush().unwrap();
    disk.calls()
}

#[test]
pub(crate) fn every_call_fails_once() {
    for call in 0..calls() {
        for fault in FAULTS {
            run(call, fault);
        }
    }
}

#[test]
pub(crate) fn recovery_fails_at_every_call() {
    // A run with everything in it, ended by a crash that leaves a torn tail if it can.
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    work(&log, &mut dice(11), 40).unwrap();
    log.flush().unwrap();
    let acknowledged = log.durable().get();
    let image = crash(&disk.platter(), Survival::Everything, &mut dice(1));
    let calls = {
        let disk = SimDisk::from_image(&image);
        open(&disk).unwrap();
        disk.calls()
    };
    for call in 0..calls {
        for fault in FAULTS {
            let disk = SimDisk::from_image(&image);
            disk.fail(call, fault);
            match open(&disk) {
                Ok((_, recovered)) => {
                    // The log is not closed, so its last group may look torn, but only if the disk says so twice.
                    let (end, report) = consistent(recovered);
                    assert_eq!(end, acknowledged, "call {call}, {fault:?}: {report}");
                }
                Err(OpenError::Io { .. } | OpenError::Corrupt(_)) => {}
                Err(other) => panic!("call {call}, {fault:?}: {other}"),
            }
            let (_, recovered) = open(&SimDisk::from_image(&disk.image())).unwrap();
            assert_eq!(consistent(recovered).0, acknowledged, "call {call}, {fault:?}: the second time");
        }
    }
}

#[test]
pub(crate) fn a_full_disk_can_be_emptied() {
    for call in 0..calls() {
        let disk = SimDisk::new();
        let Ok((log, _)) = open(&disk) else { unreachable!("nothing has failed") };
        disk.fill(call);
        let ended = work(&log, &mut dice(7), STEPS).and_then(|()| log.flush().map(drop));
        match &ended {
            Ok(()) | Err(LogError::NoSegment { .. } | LogError::Slot { .. }) => {}
            Err(other) => panic!("a full disk is not {other}"),
        }
        disk.heal();
        let end = log.end();
        assert_eq!(log.flush().unwrap(), end, "what waited is written");
        survives(&disk, end.get(), end.get(), call);
    }
}

#[test]
pub(crate) fn a_slow_disk_is_only_slow() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    for call in 0..40 {
        disk.fail(disk.calls() + 3 * call, Fault::Delay(std::time::Duration::from_millis(1)));
    }
    work(&log, &mut dice(5), 20).unwrap();
    log.flush().unwrap();
    assert!(log.durable() > Lsn::ZERO);
}
