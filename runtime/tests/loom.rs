//! Every interleaving of small pools, within a bound; see `docs/concurrency.md`.
//!
//! `cargo test -p motet-runtime --features loom --test loom -- --nocapture` prints how many executions were explored.

mod planted;

use motet_runtime::checked::loom::pool::{Pool, Run};
use motet_runtime::checked::slip::{Planned, Slip};
use planted::{caught, sharing};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

sharing!(Pool, Run);

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
    let mut found = share(pool, 0..jobs, jobs - 1, |job| job * 10);
    found.sort_unstable();
    assert_eq!(found, (0..jobs).map(|job| job * 10).collect::<Vec<_>>(), "a result is missing");
}

fn one_wave(workers: usize, jobs: usize) {
    returned(&mut Pool::start(workers), jobs);
}

fn stop(workers: usize) {
    drop(Pool::<usize, usize>::start(workers));
}

/// What jobs are run with that end only when that many have begun.
fn together(jobs: usize) -> impl Fn(usize) -> usize + Send + Sync + 'static {
    use loom::sync::{Arc, Condvar, Mutex};
    let there = Arc::new((Mutex::new(0), Condvar::new()));
    move |job| {
        let mut count = there.0.lock().unwrap();
        *count += 1;
        there.1.notify_all();
        while *count < jobs {
            count = there.1.wait(count).unwrap();
        }
        job
    }
}

/// Two jobs that end only together, so a worker has to come.
fn meeting(pool: &mut Pool<usize, usize>) {
    assert_eq!(share(pool, 0..2, 1, together(2)).len(), 2, "a result is missing");
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

/// A wave goes out while the one before it is out, and a third one when something has come back.
fn a_window_of_two() {
    let mut pool = Pool::start(1);
    let run = Run::new(|job: usize, _| job);
    pool.submit([0], &run, 1);
    pool.submit([1], &run, 1);
    let mut found = Vec::new();
    // Comes back early: with something, not with everything.
    pool.collect(&mut found);
    assert!(!found.is_empty() && found.len() + pool.out() == 2, "a result is missing");
    pool.submit([2], &run, 1);
    let mut found: Vec<usize> = found.into_iter().flatten().chain(drain(&mut pool)).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2], "a result is missing");
}

/// The worker is anywhere, drowsy too, when jobs go out for the second time, and it has to come for those.
fn a_second_submit() {
    let mut pool = Pool::start(1);
    pool.submit([7], &Run::new(|job: usize, _| job), 1);
    pool.submit(
        [0, 1],
        &{
            let run = together(2);
            Run::new(move |job, _| run(job))
        },
        1,
    );
    assert_eq!(drain(&mut pool).len(), 3, "a result is missing");
}

/// The jobs of two waves end only together.
fn two_waves_meet() {
    let mut pool = Pool::start(1);
    let run = together(2);
    let run = Run::new(move |job, _| run(job));
    pool.submit([0], &run, 0);
    pool.submit([1], &run, 1);
    assert_eq!(drain(&mut pool).len(), 2, "a result is missing");
}

/// The first job ends when the two others have run, so where the leader has it, both are on their way back meanwhile.
fn results_arrive_while_the_leader_works() {
    use loom::sync::{Arc, Condvar, Mutex};
    let mut pool = Pool::start(1);
    let ran = Arc::new((Mutex::new(0), Condvar::new()));
    let found = share(&mut pool, 0..3, 1, move |job: usize| {
        let mut others = ran.0.lock().unwrap();
        if job > 0 {
            *others += 1;
            ran.1.notify_one();
        }
        while job == 0 && *others < 2 {
            others = ran.1.wait(others).unwrap();
        }
        job
    });
    assert_eq!(found.len(), 3, "a result is missing");
}

/// Nobody is woken for the jobs: the leader does what nobody takes.
fn nobody_is_woken() {
    let mut pool = Pool::start(1);
    assert_eq!(share(&mut pool, 0..2, 0, |job: usize| job).len(), 2, "a result is missing");
}

/// Without workers the leader does everything, in the order in which it came.
fn nobody_is_there() {
    let mut pool = Pool::start(0);
    assert_eq!(share(&mut pool, 0..3, 2, |job: usize| job), [0, 1, 2], "not the oldest job first");
}

fn panics() {
    let mut pool = Pool::start(1);
    let found = share(&mut pool, 0..2, 1, |job| if job == 0 { resume_unwind(Box::new(Planned)) } else { job });
    assert_eq!(found, [1]);
}

/// A host, and what jobs are run with that use it.
fn hosted() -> (Arc<()>, impl Fn(usize) -> usize + Send + Sync + 'static) {
    let host = Arc::new(());
    let held = Arc::clone(&host);
    let run = move |job| {
        let _host = &held;
        job
    };
    (host, run)
}

fn lets_go() {
    let mut pool = Pool::start(1);
    let (host, run) = hosted();
    share(&mut pool, 0..2, 1, run);
    assert_eq!(Arc::strong_count(&host), 1, "somebody still holds the host");
}

/// The pool goes while jobs are out, and what they run with goes with it.
fn dropped_with_jobs_out() {
    let mut pool = Pool::start(1);
    let (host, run) = hosted();
    pool.submit(0..2, &Run::new(move |job, _| run(job)), 1);
    drop(pool);
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
    two_workers_stop: Some(3), || stop(2);
    one_job_comes_back_from_one_worker: None, || one_wave(1, 1);
    two_jobs_come_back_from_one_worker: Some(3), || one_wave(1, 2);
    one_job_comes_back_from_two_workers: Some(2), || one_wave(2, 1);
    two_jobs_come_back_from_two_workers: Some(1), || one_wave(2, 2);
    no_wake_up_is_lost_with_one_worker: Some(3), one_worker_comes;
    no_wake_up_is_lost_with_two_workers: Some(1), one_of_two_workers_comes;
    no_wake_up_is_lost_between_waves: Some(2), the_worker_comes_again;
    stale_tokens_are_harmless: Some(3), two_waves;
    jobs_go_out_while_others_are_out: Some(2), a_window_of_two;
    no_wake_up_is_lost_between_two_submits: Some(2), a_second_submit;
    waves_that_are_out_together_may_meet: Some(3), two_waves_meet;
    results_wait_for_a_leader_that_works: Some(2), results_arrive_while_the_leader_works;
    the_leader_does_what_nobody_takes: Some(3), nobody_is_woken;
    the_oldest_job_goes_first: None, nobody_is_there;
    a_job_that_panics_is_counted: Some(3), panics;
    the_host_is_let_go: Some(3), lets_go;
    the_host_is_let_go_by_a_pool_that_goes: Some(3), dropped_with_jobs_out;
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
    waking_at_the_first_submit_only: WakesFirstSubmitOnly, 2, two_waves_meet, "deadlock";
    counting_before_storing: CountsBeforeStoring, 2, || one_wave(1, 1), "deadlock";
    leaving_a_panic_uncounted: PanicUncounted, 2, panics, "deadlock";
    returning_a_job_in_silence: ReturnsInSilence, 2, || one_wave(1, 1), "deadlock";
    trusting_a_token: TrustsToken, 3, two_waves, "a result is missing";
    taking_one_of_many: TakesOneOfMany, 2, results_arrive_while_the_leader_works, "deadlock";
    saying_that_all_is_taken_too_late: ResetsOutsideLock, 2, results_arrive_while_the_leader_works, "deadlock";
    leaving_a_submit_uncounted: SubmitUncounted, 2, || one_wave(1, 1), "a result is missing";
    counting_what_the_leader_ran_as_out: LeaderUncounted, 2, || one_wave(1, 1), "a result is missing";
    waiting_for_workers_that_sleep: LeaderOnlyWaits, 2, nobody_is_woken, "deadlock";
    taking_the_newest_job: NewestFirst, 2, nobody_is_there, "not the oldest job first";
    keeping_the_host: KeepsRunning, 2, lets_go, "somebody still holds the host";
    waiting_for_nobody_at_the_end: JoinsNobody, 2, dropped_with_jobs_out, "somebody still holds the host";
    stopping_without_waking: StopsWithoutWaking, 2, || stop(1), "deadlock";
    waking_before_stopping: WakesBeforeStopping, 2, || stop(1), "deadlock";
}
