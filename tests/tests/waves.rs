//! The offline check of a recorded schedule: true records pass, and every forged one is refused for its reason.

use motet_choreo::{Source, compile, load};
use motet_machine::{CodeImage, ProtocolMachineConfig, TraceMode};
use motet_runtime::{
    EffectOrderingClass, FailureVisibleDiffClass, GuestRuntime, RecordWriter, RunRecord, Schedule,
    SchedulerPermutationClass, SchedulerPolicy, SeededHost, WaveError, envelope_diff, verify_waves,
};
use motet_types::EffectKinds;

const PROTOCOL: &str = "protocol P =\n  roles A, B\n  loop repeat 6\n    A -> B : Ping(Nat)\n    B -> A : Pong(Nat)\n";

fn record(schedule: Schedule) -> RunRecord {
    let global = load(&Source::from_text("p.tell", PROTOCOL).unwrap()).unwrap();
    let image = CodeImage::verify(compile(&global).unwrap()).unwrap();
    let config = ProtocolMachineConfig { record: true, trace: TraceMode::Full, ..Default::default() };
    let mut runtime = GuestRuntime::new(config, schedule).unwrap();
    let image = runtime.load(image).unwrap();
    for _ in 0..7 {
        runtime.open(image).unwrap();
    }
    let host = SeededHost::new(1);
    runtime.run(&host).unwrap();
    let mut writer = RecordWriter::new(Vec::new()).unwrap();
    let wants: EffectKinds = runtime.wants();
    writer.header(&runtime, "seeded", wants).unwrap();
    RunRecord::from_bytes(&writer.finish(&mut runtime).unwrap()).unwrap()
}

/// Offsets of the chunk and burst headers in a trace: the format as the documentation draws it, read by hand.
fn headers(events: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let u32_at = |at: usize| u32::from_le_bytes(events[at..at + 4].try_into().unwrap()) as usize;
    let (mut chunks, mut bursts, mut at) = (vec![], vec![], 0);
    while at < events.len() {
        chunks.push(at);
        let count = u32_at(at);
        at += 16;
        for _ in 0..count {
            bursts.push(at);
            at += 16 + 8 * u32_at(at + 8);
        }
    }
    (chunks, bursts)
}

#[test]
fn true_records_pass() {
    for (policy, wave, fuel, chunk, window) in [
        (SchedulerPolicy::Cooperative, 1, 1, 1, 1),
        (SchedulerPolicy::Cooperative, 2, 3, 1, 3),
        (SchedulerPolicy::ProgressAware, 4, 3, 2, 1),
        (SchedulerPolicy::Random { seed: 3 }, 64, 5, 3, 2),
    ] {
        let record = record(Schedule { policy, wave, fuel, chunk, window, turn: 5 });
        let summary = verify_waves(&record).unwrap();
        let tally = record.end.unwrap().tally;
        assert_eq!((summary.waves, summary.picks, summary.steps), (tally.waves, tally.bursts, tally.steps));
        assert!(summary.max_width <= u64::from(wave));
    }
}

#[test]
fn forged_records_are_refused() {
    let schedule = Schedule { policy: SchedulerPolicy::Cooperative, wave: 4, fuel: 5, chunk: 2, window: 1, turn: 1 };
    let sound = record(schedule);
    let (chunks, bursts) = headers(&sound.events);
    let forge = |change: &dyn Fn(&mut RunRecord)| {
        let mut forged = sound.clone();
        change(&mut forged);
        verify_waves(&forged)
    };
    // The seven sessions were opened first: seven chunks of one burst. The first wave has four picks in two chunks.
    let first_wave = chunks[7];
    let (first, second) = (bursts[7], bursts[8]);
    let twice = forge(&|r| r.events.copy_within(first..first + 8, second));
    assert!(matches!(twice, Err(WaveError::Twice { .. })), "{twice:?}");
    let unopened = forge(&|r| r.events[first] = 99);
    assert!(matches!(unopened, Err(WaveError::NotReady { why: "is not open", .. })), "{unopened:?}");
    let late = forge(&|r| r.events[first_wave + 8] = 5);
    assert!(matches!(late, Err(WaveError::Order { .. })), "{late:?}");
    let waiting = forge(&|r| r.events[first + 15] &= 0x3f);
    assert!(matches!(waiting, Err(WaveError::NotReady { why: "waits", .. })), "{waiting:?}");
    let ended = forge(&|r| r.events[first + 15] |= 0xc0);
    assert!(matches!(ended, Err(WaveError::NotReady { why: "has ended", .. })), "{ended:?}");
    let wide = forge(&|r| r.schedule.wave = 3);
    assert!(matches!(wide, Err(WaveError::TooLarge { what: "picks", .. })), "{wide:?}");
    let long = forge(&|r| r.schedule.fuel = 4);
    assert!(matches!(long, Err(WaveError::TooLarge { what: "steps in a burst", .. })), "{long:?}");
    let chunky = forge(&|r| r.schedule.chunk = 1);
    assert!(matches!(chunky, Err(WaveError::TooLarge { what: "picks in a chunk", .. })), "{chunky:?}");
    let cut = forge(&|r| r.events.truncate(second + 4));
    assert!(matches!(cut, Err(WaveError::Trace(_))), "{cut:?}");
}

#[test]
fn forged_windows_are_refused() {
    let schedule = Schedule { policy: SchedulerPolicy::Cooperative, wave: 2, fuel: 5, chunk: 2, window: 3, turn: 50 };
    let sound = record(schedule);
    let (chunks, bursts) = headers(&sound.events);
    let forge = |change: &dyn Fn(&mut RunRecord)| {
        let mut forged = sound.clone();
        change(&mut forged);
        verify_waves(&forged)
    };
    // Three waves of two are out before the first is committed: the second's header says that one was out.
    assert_eq!(sound.events[chunks[8] + 4], 2, "kind: one more than the waves that were out");
    let overlap = forge(&|r| r.events.copy_within(bursts[7]..bursts[7] + 8, bursts[9]));
    assert!(matches!(overlap, Err(WaveError::Overlap { .. })), "{overlap:?}");
    let deep = forge(&|r| r.schedule.window = 2);
    assert!(matches!(deep, Err(WaveError::TooLarge { what: "waves out before it", .. })), "{deep:?}");
    let (fourth, fifth) = (chunks[10], chunks[11]);
    let back = forge(&|r| {
        r.events[fourth + 4] = 1;
        r.events[fifth + 4] = 3;
    });
    assert!(matches!(back, Err(WaveError::Step { .. })), "{back:?}");
}

#[test]
fn the_envelope_between_schedules() {
    let schedule =
        |wave, fuel| Schedule { policy: SchedulerPolicy::Cooperative, wave, fuel, chunk: 2, window: 1, turn: 1 };
    let (baseline, candidate) = (record(schedule(1, 1)), record(schedule(4, 5)));
    let same = envelope_diff(&baseline, &baseline).unwrap();
    assert_eq!(same.scheduler_permutation_class, SchedulerPermutationClass::Exact);
    assert_eq!(same.effect_ordering_class, EffectOrderingClass::Exact);
    let diff = envelope_diff(&baseline, &candidate).unwrap();
    assert_eq!(diff.scheduler_permutation_class, SchedulerPermutationClass::SessionNormalizedPermutation);
    assert_eq!(diff.effect_ordering_class, EffectOrderingClass::ReplayDeterministic);
    assert_eq!(diff.failure_visible_diff_class, FailureVisibleDiffClass::Exact);
    assert_eq!((diff.wave_width_bound.baseline_max, diff.wave_width_bound.candidate_max), (1, 4));
    assert!(diff.within_bound());
    assert_ne!(diff.hash(), same.hash());
    // A session that stops short is outside the envelope.
    let mut other = candidate.clone();
    let (_, bursts) = headers(&other.events);
    let first_wave_burst = bursts[7];
    let event = first_wave_burst + 16;
    other.events[event] = motet_types::EventKind::Halted as u8;
    let broken = envelope_diff(&baseline, &other).unwrap();
    assert_eq!(broken.scheduler_permutation_class, SchedulerPermutationClass::EnvelopeBounded);
    other.inputs.retain(|(_, input)| !matches!(input, motet_runtime::Input::Effect(_)));
    assert_eq!(envelope_diff(&baseline, &other).unwrap().effect_ordering_class, EffectOrderingClass::EnvelopeBounded);
}
