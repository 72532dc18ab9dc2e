//! Real processes on a real disk, killed with SIGKILL while they write.
//!
//! The child writes with several threads, makes checkpoints, cuts the log, and tells through a pipe what it was told
//! to be durable. The parent kills it at a random moment, opens the log, and holds it against what it was told. One
//! log lives through many kills. A run that cannot be made is a failure, not a skip.

mod disk;

use disk::*;
use motet_log::{Files, Log, LogError, Lsn, Options};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOLDER: &str = "MOTET_KILL_FOLDER";

/// Segments small enough to be filled and cut within one life.
fn options() -> Options {
    Options { segment: 1 << 16, group: 1 << 14, id: Some(ID), ..Options::default() }
}

fn open_files(folder: &Path) -> (Log, u64, motet_log::Report) {
    // The kill is over when the process is reaped, and with it its lock.
    let files = Files::open(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let (log, recovered) = Log::open(Arc::new(files), &options()).unwrap_or_else(|error| panic!("{error}"));
    let (end, report) = consistent(recovered);
    (log, end, report)
}

/// Appends the record that comes next. Positions are given under one lock, so that every record is what it must be.
fn append_next(log: &Log, order: &std::sync::Mutex<()>) -> Result<Lsn, LogError> {
    let _one_at_a_time = order.lock().unwrap();
    let next = log.end().get();
    log.append(kind(next), &payload(next))
}

/// The child. Does nothing unless the parent has started it.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (log, end, _) = open_files(Path::new(&folder));
    let tell = |what: &str, lsn: u64| {
        let line = format!("@{what} {lsn}\n");
        // The parent may be gone: then nobody needs to know.
        if std::io::stdout().write_all(line.as_bytes()).is_err() {
            std::process::exit(0);
        }
    };
    tell("ready", end);
    let order = std::sync::Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let lsn = append_next(&log, &order).unwrap();
                    log.sync(lsn).unwrap();
                    tell("durable", lsn.get() + 1);
                }
            });
        }
        let mut covered = [Lsn::ZERO; 2];
        loop {
            std::thread::sleep(Duration::from_millis(2));
            let lsn = log.durable();
            checkpoint(&log, lsn).unwrap();
            tell("checkpoint", lsn.get());
            covered = [covered[1], lsn];
            match log.drop_before(covered[0], &covered[0].get().to_le_bytes()) {
                Ok(_) | Err(LogError::Needed { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
}

/// Starts a child, kills it `after` its first word, and returns what it said was durable and covered.
fn one_life(folder: &Path, after: Duration) -> (u64, u64) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", "child", "--nocapture"]).env(FOLDER, folder).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("@ready"));
    assert!(ready, "the child has to come up");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let (mut durable, mut covered) = (0, 0);
    for line in lines.map_while(Result::ok) {
        let Some((_, said)) = line.rsplit_once('@') else { continue };
        // The last line may be cut.
        match said.split_once(' ').map(|(what, lsn)| (what, lsn.parse::<u64>())) {
            Some(("durable", Ok(lsn))) => durable = durable.max(lsn),
            Some(("checkpoint", Ok(lsn))) => covered = covered.max(lsn),
            _ => {}
        }
    }
    let status = killer.join().unwrap();
    assert!(!status.success() && status.code().is_none(), "the child was killed, and did not end by itself: {status}");
    (durable, covered)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("motet-kill-{}", std::process::id()))
}

#[test]
fn killed_processes_lose_nothing() {
    let wanted = cases(50);
    let folder = folder();
    let began = Instant::now();
    let mut dice = dice(seed());
    let (mut records, mut torn, mut before, mut cut) = (0, 0, 0, 0);
    for life in 0..wanted {
        if life % 50 == 0 && folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
            before = 0;
        }
        let (durable, covered) = one_life(&folder, Duration::from_micros(below(&mut dice, 80_000)));
        let (log, end, report) = open_files(&folder);
        assert!(end >= durable.max(before), "life {life}: {durable} was acknowledged: {report}");
        let newest = report.checkpoints.iter().map(|slot| match slot {
            motet_log::SlotState::Sound { lsn, .. } => lsn.get(),
            _ => 0,
        });
        assert!(newest.max() >= Some(covered), "life {life}: the checkpoint below {covered} was finished: {report}");
        torn += u64::from(report.tail != motet_log::Tail::Clean);
        cut = cut.max(report.first.get());
        records += end - before;
        before = end;
        drop(log);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(records > 0 && (cut > 0 || wanted < 10), "the children have to get somewhere");
    println!(
        "kills: {wanted}, {records} records, {torn} torn tails, seed {}, {:.1} s",
        seed(),
        began.elapsed().as_secs_f64()
    );
}
