//! Every interleaving of small pools, within a bound; see `docs/concurrency.md`.
//!
//! `cargo test -p motet-runtime --features loom --test loom -- --nocapture` prints how many executions were explored.

mod planted;

use motet_runtime::checked::loom::pool::Pool;
use motet_runtime::checked::slip::{Planned, Slip};
use planted::caught;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Explores `model` with at most that many preemptions, and says how many executions there were.
fn explore(name: &str, preemptions: Option<usize>, model: fn()) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let bound = preemptions.map_or("every interleaving".into(), |most| format!("at most {most} preemptions"));
    println!("{name}: {} executions, {bound}", executions.load(Ordering::Relaxed));
}

fn returned(pool: &mut Pool<usize, usize>, jobs: usize) {
    let mut found = pool.share(0..jobs, jobs - 1, |job| job * 10);
    found.sort_unstable();
    assert_eq!(found, (0..jobs).map(|job| job * 10).collect::<Vec<_>>(), "a result is missing");
}

fn one_wave(workers: usize, jobs: usize) {
    returned(&mut Pool::start(workers), jobs);
}

fn stop(workers: usize) {
    drop(Pool::<usize, usize>::start(workers));
}

/// Two jobs that end only together, so a worker has to come.
fn meeting(pool: &mut Pool<usize, usize>) {
    use loom::sync::{Arc, Condvar, Mutex};
    let there = Arc::new((Mutex::new(0), Condvar::new()));
    let found = pool.share(0..2, 1, move |job| {
        let mut count = there.0.lock().unwrap();
        *count += 1;
        there.1.notify_one();
        while *count < 2 {
            count = there.1.wait(count).unwrap();
        }
        job
    });
    assert_eq!(found.len(), 2, "a result is missing");
}

fn one_worker_comes() {
    meeting(&mut Pool::start(1));
}

fn one_of_two_workers_comes() {
    meeting(&mut Pool::start(2));
}

/// The worker is somewhere between its first job and its bed when the second wave comes.
fn the_worker_comes_again() {
    let mut pool = Pool::start(1);
    meeting(&mut pool);
    meeting(&mut pool);
}

fn two_waves() {
    let mut pool = Pool::start(1);
    returned(&mut pool, 1);
    returned(&mut pool, 1);
}

fn panics() {
    let mut pool = Pool::start(1);
    let found = pool.share(0..2, 1, |job| if job == 0 { resume_unwind(Box::new(Planned)) } else { job });
    assert_eq!(found, [1]);
}

fn lets_go() {
    let mut pool = Pool::start(1);
    let host = Arc::new(());
    let held = Arc::clone(&host);
    pool.share(0..2, 1, move |job| {
        let _host = &held;
        job
    });
    assert_eq!(Arc::strong_count(&host), 1, "somebody still holds the host");
}

macro_rules! hold {
    ($($name:ident: $preemptions:expr, $model:expr;)*) => {
        $(#[test]
        fn $name() {
            explore(stringify!($name), $preemptions, $model);
        })*
    };
}

hold! {
    one_worker_stops: None, || stop(1);
    two_workers_stop: None, || stop(2);
    one_job_comes_back_from_one_worker: None, || one_wave(1, 1);
    two_jobs_come_back_from_one_worker: Some(4), || one_wave(1, 2);
    one_job_comes_back_from_two_workers: Some(2), || one_wave(2, 1);
    two_jobs_come_back_from_two_workers: Some(2), || one_wave(2, 2);
    no_wake_up_is_lost_with_one_worker: Some(5), one_worker_comes;
    no_wake_up_is_lost_with_two_workers: Some(2), one_of_two_workers_comes;
    no_wake_up_is_lost_between_waves: Some(2), the_worker_comes_again;
    stale_tokens_are_harmless: Some(4), two_waves;
    a_job_that_panics_is_counted: Some(4), panics;
    the_host_is_let_go: Some(4), lets_go;
}

macro_rules! catch {
    ($($name:ident: $slip:ident, $preemptions:expr, $model:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            caught(stringify!($name), Slip::$slip, $says, || explore("planted", Some($preemptions), $model));
        })*
    };
}

catch! {
    parking_without_a_second_look: ParksWithoutSecondLook, 2, one_worker_comes, "deadlock";
    a_second_look_without_a_fence: NoFenceBeforeSecondLook, 2, one_worker_comes, "deadlock";
    looking_who_sleeps_before_pushing: WakesBeforePushing, 2, one_worker_comes, "deadlock";
    looking_who_sleeps_without_a_fence: NoFenceBeforeWaking, 2, one_worker_comes, "deadlock";
    waking_nobody: WakesNobody, 2, one_worker_comes, "deadlock";
    counting_before_storing: CountsBeforeStoring, 2, || one_wave(1, 1), "a result is missing";
    leaving_a_panic_uncounted: PanicUncounted, 2, panics, "deadlock";
    returning_the_last_job_in_silence: LastStaysSilent, 2, || one_wave(1, 1), "deadlock";
    trusting_a_token: TrustsToken, 4, two_waves, "a result is missing";
    keeping_the_host: KeepsRunning, 2, lets_go, "somebody still holds the host";
    stopping_without_waking: StopsWithoutWaking, 2, || stop(1), "deadlock";
    waking_before_stopping: WakesBeforeStopping, 2, || stop(1), "deadlock";
}
