//! The log does what its documentation says, on a disk without faults.

mod disk;

use disk::*;
use motet_log::sim::SimDisk;
use motet_log::{Files, Log, LogError, Lsn, OpenError, Options, Tail};
use std::sync::Arc;

#[test]
pub(crate) fn records_come_back_in_order() {
    let disk = SimDisk::new();
    let (log, recovered) = open(&disk).unwrap();
    assert!(recovered.report.created && recovered.report.is_clean());
    append(&log, 40).unwrap();
    assert_eq!((log.durable(), log.end()), (Lsn::ZERO, Lsn::new(40)));
    assert_eq!(log.flush().unwrap(), Lsn::new(40));
    assert_eq!(log.read(Lsn::new(37)).unwrap().count(), 3);
    drop(log);
    let (_, recovered) = open(&disk).unwrap();
    assert!(recovered.report.segments > 1);
    let (end, report) = consistent(recovered);
    assert_eq!(end, 40);
    assert!(report.is_clean() && !report.created);
}

#[test]
pub(crate) fn random_runs_come_back() {
    for seed in 0..50 {
        let disk = SimDisk::new();
        let mut dice = dice(seed);
        let mut acknowledged = 0;
        for _ in 0..4 {
            let (log, recovered) = open(&disk).unwrap();
            let (end, report) = consistent(recovered);
            assert_eq!(end, acknowledged);
            assert!(report.is_clean(), "{report}");
            work(&log, &mut dice, 30).unwrap();
            if below(&mut dice, 2) == 0 {
                log.clone().close().unwrap()
            } else {
                log.flush().map(drop).unwrap()
            }
            acknowledged = log.durable().get();
        }
    }
}

#[test]
pub(crate) fn real_files_do_the_same() {
    let folder = std::env::temp_dir().join(format!("motet-log-basics-{}", std::process::id()));
    let options = Options { segment: 1 << 16, ..Options::default() };
    let mut dice = dice(3);
    let mut acknowledged = 0;
    for _ in 0..3 {
        let files = Arc::new(Files::open(&folder).unwrap());
        assert!(Files::open(&folder).is_err(), "one at a time");
        let (log, recovered) = Log::open(files, &options).unwrap();
        let (end, report) = consistent(recovered);
        assert_eq!(end, acknowledged);
        assert!(report.is_clean(), "{report}");
        work(&log, &mut dice, 60).unwrap();
        log.flush().unwrap();
        acknowledged = log.durable().get();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
pub(crate) fn refusals_name_what_is_wrong() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    let most = log.most();
    assert!(matches!(log.append(1, &vec![0; most + 1]), Err(LogError::TooLarge { .. })));
    let lsn = log.append(1, &vec![1; most]).unwrap();
    assert!(matches!(log.sync(lsn.next()), Err(LogError::NotAppended { .. })));
    log.sync(lsn).unwrap();
    assert_eq!(log.read(lsn).unwrap().next().unwrap().unwrap().bytes, vec![1; most]);
    assert!(matches!(log.drop_before(Lsn::new(1), b""), Err(LogError::Needed { .. })));
    let writer = log.checkpoint(Lsn::new(1)).unwrap();
    assert!(matches!(log.checkpoint(Lsn::new(1)), Err(LogError::CheckpointBusy)));
    writer.finish().unwrap();
    assert!(matches!(log.checkpoint(Lsn::new(0)), Err(LogError::CheckpointOld { .. })));
    let other = Options { id: Some(motet_log::LogId([9; 16])), ..small() };
    assert!(matches!(Log::open(storage(&disk), &other), Err(OpenError::Options(_))));
    let odd = Options { segment: 1000, ..small() };
    assert!(matches!(Log::open(storage(&disk), &odd), Err(OpenError::Options(_))));
}

#[test]
pub(crate) fn cuts_keep_what_recovery_needs() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk).unwrap();
    for _ in 0..20 {
        append(&log, 5).unwrap();
        log.flush().unwrap();
    }
    for lsn in [50, 80] {
        checkpoint(&log, Lsn::new(lsn)).unwrap();
    }
    assert!(matches!(log.drop_before(Lsn::new(51), b""), Err(LogError::Needed { .. })));
    let dropped = log.drop_before(Lsn::new(50), b"agreed").unwrap();
    assert!(dropped.segments > 1 && dropped.first <= Lsn::new(50));
    assert_eq!(log.certificate(), b"agreed");
    assert!(matches!(log.read(Lsn::ZERO), Err(LogError::Dropped { .. })));
    assert_eq!(log.drop_before(Lsn::new(50), b"again").unwrap().segments, 0);
    drop(log);
    let (log, recovered) = open(&disk).unwrap();
    assert_eq!((log.first(), log.certificate()), (dropped.first, b"agreed".to_vec()));
    assert_eq!(recovered.checkpoint.as_ref().unwrap().lsn, Lsn::new(80), "the newest checkpoint");
    let (end, report) = consistent(recovered);
    assert_eq!((end, report.tail.clone()), (100, Tail::Clean));
    assert!(report.is_clean(), "{report}");
}

#[test]
pub(crate) fn many_threads_share_groups() {
    let disk = SimDisk::new();
    let (log, _) = Log::open(storage(&disk), &Options { segment: 1 << 16, ..small() }).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let log = log.clone();
            scope.spawn(move || {
                for number in 0..200u8 {
                    let lsn = log.append(u16::from(thread), &[number]).unwrap();
                    assert!(log.sync(lsn).unwrap() > lsn);
                    assert!(log.durable() > lsn);
                }
            });
        }
    });
    let mut next = [0u8; 4];
    for record in log.read(Lsn::ZERO).unwrap() {
        let record = record.unwrap();
        let place = &mut next[usize::from(record.kind)];
        assert_eq!(record.bytes, [*place], "each thread's records keep their order");
        *place += 1;
    }
    assert_eq!(next, [200; 4]);
}

#[test]
pub(crate) fn waiting_bytes_are_bounded() {
    let disk = SimDisk::new();
    let (log, _) = Log::open(storage(&disk), &Options { waiting: 10_000, ..small() }).unwrap();
    for _ in 0..1000 {
        append(&log, 1).unwrap();
        assert!(log.end().get() - log.durable().get() < 200, "appends write when too much waits");
    }
}
