//! Schedules drawn at random for pools and runs of waves that are too large to explore; see `docs/concurrency.md`.
//!
//! `cargo test -p motet-runtime --features shuttle --test shuttle -- --nocapture` prints how many were run;
//! `MOTET_SCHEDULES` asks for another number of each test.

mod planted;

use motet_runtime::checked::shuttle::pool::{Pool, Run};
use motet_runtime::checked::slip::{Planned, Slip};
use planted::{caught, sharing};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

sharing!(Pool, Run);

/// How many schedules each test runs, half of them with priorities (PCT).
fn schedules() -> usize {
    std::env::var("MOTET_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

/// Runs `model` under that many schedules: half uniformly random, half with random priorities that change `DEPTH`
/// times, which find bugs of that depth with a known probability.
fn draw(name: &str, schedules: usize, model: fn()) {
    const SEED: u64 = 3;
    const DEPTH: usize = 4;
    let half = schedules.div_ceil(2);
    let ran = run(RandomScheduler::new_from_seed(SEED, half), model)
        + run(PctScheduler::new_from_seed(SEED, DEPTH, half), model);
    println!("{name}: {ran} schedules");
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) -> usize {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let mut config = Config::new();
    // Orders of memory are loom's business.
    config.silence_warnings = true;
    config.stack_size = 1 << 17;
    Runner::new(scheduler, config).run(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    ran.load(Ordering::Relaxed)
}

fn wave(pool: &mut Pool<usize, usize>, jobs: usize) {
    let mut found = share(pool, 0..jobs, jobs, |job| job + 7);
    found.sort_unstable();
    assert_eq!(found, (7..jobs + 7).collect::<Vec<_>>(), "a result is missing");
}

/// What jobs are run with that end only when that many have begun.
fn together(jobs: usize) -> impl Fn(usize) -> usize + Send + Sync + 'static {
    use shuttle::sync::{Arc, Condvar, Mutex};
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

/// As many jobs as there are threads, none of which ends before all have begun: every worker has to come.
fn all_meet(pool: &mut Pool<usize, usize>, threads: usize) {
    assert_eq!(share(pool, 0..threads, threads - 1, together(threads)).len(), threads, "a result is missing");
}

fn many_waves() {
    let mut pool = Pool::start(3);
    for jobs in [1, 2, 7, 3, 1, 5, 4, 2, 6, 1] {
        wave(&mut pool, jobs);
    }
}

fn waves_that_need_everybody() {
    let mut pool = Pool::start(3);
    for _ in 0..3 {
        all_meet(&mut pool, 4);
        wave(&mut pool, 1);
    }
}

/// A window: as in the executor, the next wave goes out as soon as the oldest is back, and each is shared on its own.
fn waves_in_a_window() {
    const WINDOW: usize = 3;
    let mut pool = Pool::start(3);
    let host = Arc::new(());
    let held = Arc::clone(&host);
    let mut run = Some(Run::new(move |(wave, job): (usize, usize), _| {
        let _host = &held;
        if (wave + job) % 7 == 6 { resume_unwind(Box::new(Planned)) } else { (wave, job) }
    }));
    let jobs = [2, 1, 4, 1, 1, 3, 2];
    let (mut back, mut found) = ([0; 7], Vec::new());
    for oldest in 0..jobs.len() {
        for wave in if oldest == 0 { 0..WINDOW } else { oldest + WINDOW - 1..oldest + WINDOW } {
            if let (Some(count), Some(run)) = (jobs.get(wave), &run) {
                pool.submit((0..*count).map(|job| (wave, job)), run, count - 1 + wave % 2);
            }
        }
        let sound = |wave: usize| (0..jobs[wave]).filter(|job| (wave + job) % 7 != 6).count();
        while back[oldest] < sound(oldest) && pool.out() > 0 {
            let out = pool.out();
            pool.collect(&mut found);
            assert_eq!(pool.out() + found.len(), out, "a result is missing");
            found.drain(..).flatten().for_each(|(wave, _)| back[wave] += 1);
        }
        assert_eq!(back[oldest], sound(oldest), "a result is missing");
    }
    drain(&mut pool);
    drop(run.take());
    assert_eq!(Arc::strong_count(&host), 1, "somebody still holds the host");
}

/// Waves that are out together end only together, so workers have to come for each submit.
fn a_window_that_meets() {
    let mut pool = Pool::start(3);
    for _ in 0..3 {
        let run = together(4);
        let run = Run::new(move |job, _| run(job));
        pool.submit(0..1, &run, 0);
        pool.submit(1..3, &run, 2);
        pool.submit(3..4, &run, 1);
        assert_eq!(drain(&mut pool).len(), 4, "a result is missing");
        wave(&mut pool, 2);
    }
}

fn dropped_with_jobs_out() {
    let mut pool = Pool::start(3);
    let host = Arc::new(());
    let held = Arc::clone(&host);
    let run = Run::new(move |job: usize, _| {
        let _host = &held;
        // Somebody else's turn, while this one holds the host.
        shuttle::thread::yield_now();
        job
    });
    pool.submit(0..6, &run, 3);
    pool.collect(&mut Vec::new());
    pool.submit(6..9, &run, 1);
    drop((pool, run));
    assert_eq!(Arc::strong_count(&host), 1, "somebody still holds the host");
}

fn waves_with_panics() {
    let mut pool = Pool::start(3);
    for wave in 0..4 {
        let host = Arc::new(());
        let held = Arc::clone(&host);
        let mut found = share(&mut pool, 0..5, 3, move |job| {
            let _host = &held;
            if job % 4 == wave { resume_unwind(Box::new(Planned)) } else { job }
        });
        found.sort_unstable();
        assert_eq!(found, (0..5).filter(|job| job % 4 != wave).collect::<Vec<_>>(), "a result is missing");
        assert_eq!(Arc::strong_count(&host), 1, "somebody still holds the host");
    }
}

fn dropped_while_idle() {
    let mut pool = Pool::start(4);
    wave(&mut pool, 3);
    for _ in 0..20 {
        shuttle::thread::yield_now();
    }
    drop(pool);
    // And one that never had anything to do.
    drop(Pool::<usize, usize>::start(4));
}

fn dropped_right_after_a_wave() {
    let mut pool = Pool::start(4);
    wave(&mut pool, 6);
}

#[test]
fn many_waves_in_a_row() {
    draw("many_waves_in_a_row", schedules(), many_waves);
}

#[test]
fn every_worker_comes_when_needed() {
    draw("every_worker_comes_when_needed", schedules(), waves_that_need_everybody);
}

#[test]
fn panics_are_counted() {
    draw("panics_are_counted", schedules(), waves_with_panics);
}

#[test]
fn a_pool_is_dropped_while_idle() {
    draw("a_pool_is_dropped_while_idle", schedules(), dropped_while_idle);
}

#[test]
fn a_pool_is_dropped_right_after_a_wave() {
    draw("a_pool_is_dropped_right_after_a_wave", schedules(), dropped_right_after_a_wave);
}

#[test]
fn waves_go_out_in_a_window() {
    draw("waves_go_out_in_a_window", schedules(), waves_in_a_window);
}

#[test]
fn every_worker_comes_to_a_window() {
    draw("every_worker_comes_to_a_window", schedules(), a_window_that_meets);
}

#[test]
fn a_pool_is_dropped_with_jobs_out() {
    draw("a_pool_is_dropped_with_jobs_out", schedules(), dropped_with_jobs_out);
}

macro_rules! catch {
    ($($name:ident: $slip:ident, $model:expr, $says:expr;)*) => {
        $(#[test]
        fn $name() {
            caught(stringify!($name), Slip::$slip, $says, || draw("planted", 2_000, $model));
        })*
    };
}

catch! {
    parking_without_a_second_look: ParksWithoutSecondLook, waves_that_need_everybody, "deadlock";
    looking_who_sleeps_before_pushing: WakesBeforePushing, waves_that_need_everybody, "deadlock";
    waking_nobody: WakesNobody, waves_that_need_everybody, "deadlock";
    waking_at_the_first_submit_only: WakesFirstSubmitOnly, a_window_that_meets, "deadlock";
    counting_before_storing: CountsBeforeStoring, many_waves, "deadlock";
    leaving_a_panic_uncounted: PanicUncounted, waves_with_panics, "deadlock";
    returning_a_job_in_silence: ReturnsInSilence, many_waves, "deadlock";
    trusting_a_token: TrustsToken, many_waves, "a result is missing";
    taking_one_of_many: TakesOneOfMany, waves_in_a_window, "deadlock";
    saying_that_all_is_taken_too_late: ResetsOutsideLock, waves_in_a_window, "deadlock";
    leaving_a_submit_uncounted: SubmitUncounted, many_waves, "a result is missing";
    counting_what_the_leader_ran_as_out: LeaderUncounted, many_waves, "a result is missing";
    keeping_the_host: KeepsRunning, waves_with_panics, "somebody still holds the host";
    waiting_for_nobody_at_the_end: JoinsNobody, dropped_with_jobs_out, "somebody still holds the host";
    stopping_without_waking: StopsWithoutWaking, dropped_while_idle, "deadlock";
    waking_before_stopping: WakesBeforeStopping, dropped_while_idle, "deadlock";
}
