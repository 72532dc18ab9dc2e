//! Runs compared: with themselves, with runs of other schedules, and with every way to spoil one.

use motet_bridge::{
    ChoreographyInput, FirstDifference, ProtocolMachineReplayBundle, ProtocolMachineRunInput, ProtocolMachineRunOutput,
    ProtocolMachineTraceEvent, RunStatus, audit_of, compare_execution, image_programs, observationally_equivalent,
    run_here, semantic_audits_equivalent, with_programs,
};
use motet_choreo::{Source, compile, load};
use motet_machine::{CodeImage, ProtocolMachineConfig};
use motet_runtime::{DeterminismMode, GuestRuntime, RunView, Schedule, compare_runs};
use motet_semantic::ProtocolMachineSemanticObjects;
use serde_json::{Value as Json, json};
use std::sync::Arc;

#[path = "../../semantic/tests/common/example.rs"]
mod example;

fn golden(case: &str) -> Json {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(case).join("input.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn input(concurrency: u64) -> ProtocolMachineRunInput {
    let choreography = |case: &str, roles: &[&str], sessions| ChoreographyInput {
        sessions: Some(sessions),
        ..ChoreographyInput::new(golden(case), roles.iter().map(|role| (*role).to_owned()).collect())
    };
    let both = vec![
        choreography("choice_protocol", &["Client", "Server"], 2),
        choreography("four_party", &["D", "C", "B", "A"], 3),
    ];
    ProtocolMachineRunInput::new(both, concurrency, 10_000)
}

fn run() -> ProtocolMachineRunOutput {
    run_here(&input(1)).unwrap()
}

#[test]
fn a_run_is_equivalent_to_itself_and_to_other_schedules() {
    let one = run();
    assert_eq!((one.status, one.sessions.len()), (RunStatus::Completed, 5));
    assert!(one.sessions.iter().all(|session| session.terminal) && one.trace.len() > 20);
    let same = compare_execution(&one, one.clone());
    assert!(same.equivalent && same.semantic_handoffs_equivalent && same.invalidation_artifacts_equivalent);
    assert_eq!(same.diff, None);
    let wide = run_here(&input(3)).unwrap();
    assert!(observationally_equivalent(&audit_of(&one.trace), &audit_of(&wide.trace)));
    // Its code, given along, is the code that runs.
    let given = with_programs(&input(1)).unwrap();
    assert!(given.choreographies.iter().all(|choreography| choreography.programs.is_some()));
    assert_eq!(run_here(&given).unwrap(), one);
    let bundle = ProtocolMachineReplayBundle::from(&one);
    let text = serde_json::to_string(&bundle).unwrap();
    assert_eq!(serde_json::from_str::<ProtocolMachineReplayBundle>(&text).unwrap(), bundle);
}

#[test]
fn what_is_not_obeyed_is_refused() {
    let refused = |change: &dyn Fn(&mut ProtocolMachineRunInput)| {
        let mut input = with_programs(&input(1)).unwrap();
        change(&mut input);
        run_here(&input).unwrap_err().to_string()
    };
    assert!(refused(&|input| input.concurrency = 0).contains("`concurrency`"));
    assert!(refused(&|input| input.detail = Some(true)).contains("`detail`"));
    assert!(refused(&|input| input.config = Some(Default::default())).contains("`config`"));
    assert!(refused(&|input| input.host = Some(Default::default())).contains("`host`"));
    assert!(refused(&|input| input.choreographies[1].roles.swap(0, 1)).contains("choreography 1 has other roles"));
    assert!(
        refused(&|input| drop(input.choreographies[0].programs.as_mut().unwrap()[0].code.pop()))
            .contains("other programs")
    );
    assert!(refused(&|input| input.choreographies[0].global_type = json!({"kind": "loop"})).contains("choreography 0"));
}

#[test]
fn each_difference_is_the_first_one_told() {
    let one = run();
    let told = |change: &dyn Fn(&mut ProtocolMachineRunOutput)| {
        let mut other = one.clone();
        change(&mut other);
        compare_execution(&one, other)
    };
    let event = told(&|run| run.trace[7].label = Some("Other".into()));
    assert!(!event.equivalent && !event.semantic_audit_equivalent && event.session_statuses_equivalent);
    assert!(matches!(event.diff, Some(FirstDifference::EventMismatch { index: 7, .. })), "{:?}", event.diff);
    let length = told(&|run| drop(run.trace.pop()));
    let (rust, lean) = (one.trace.len() as u64, one.trace.len() as u64 - 1);
    assert_eq!(length.diff, Some(FirstDifference::LengthMismatch { rust, lean }));
    let session = told(&|run| run.sessions[3].terminal = false);
    assert!(!session.equivalent && session.semantic_audit_equivalent && !session.session_statuses_equivalent);
    let (rust, lean) = (Some(true), Some(false));
    assert_eq!(session.diff, Some(FirstDifference::SessionStatusMismatch { sid: 3, rust, lean }));
    let missing = told(&|run| run.sessions.truncate(4));
    assert_eq!(missing.diff, Some(FirstDifference::SessionStatusMismatch { sid: 4, rust, lean: None }));
    // Rounds are the machine's own: ticks do not count.
    assert!(told(&|run| run.trace.iter_mut().for_each(|event| event.tick *= 2)).equivalent);
    // Objects have flags of their own.
    let objects: ProtocolMachineSemanticObjects = example::bundle();
    let with = told(&|run| run.semantic_objects = Some(objects.clone()));
    assert!(with.equivalent && !with.semantic_handoffs_equivalent && !with.invalidation_artifacts_equivalent);
    let text = serde_json::to_string(&with).unwrap();
    assert_eq!(serde_json::from_str::<motet_bridge::ComparisonResult>(&text).unwrap(), with);
}

/// Our packed traces have a normal form of their own; both must say the same of the same runs.
#[test]
fn both_normal_forms_agree() {
    let text = golden("multi_branch").to_string();
    let parts = compile(&load(&Source::from_text("p.json", &text).unwrap()).unwrap()).unwrap();
    let image = Arc::new(CodeImage::verify(parts).unwrap());
    assert_eq!(image_programs(&image).unwrap().len(), 2);
    let run = |seed: u64, sessions: usize, wave: u32, fuel: u32| {
        let schedule = Schedule { wave, fuel, ..Schedule::canonical() };
        let mut runtime = GuestRuntime::new(ProtocolMachineConfig::default(), schedule).unwrap();
        let id = runtime.load(Arc::clone(&image)).unwrap();
        for _ in 0..sessions {
            runtime.open(id).unwrap();
        }
        runtime.run(&motet_runtime::SeededHost::new(seed)).unwrap();
        let events = runtime.machine().events();
        let typed = events.iter().map(|event| ProtocolMachineTraceEvent::of(&image, event, "").unwrap());
        (RunView::of_events(&runtime.machine().trace_bytes()).unwrap(), audit_of(&typed.collect::<Vec<_>>()))
    };
    let (mut equal, mut unequal, mut reordered) = (0, 0, 0);
    for seed in 0..12 {
        let (packed, audit) = run(seed % 4, 3, 1, 1);
        for (other, wave, fuel) in [(seed % 4, 2, 1), (seed % 4, 3, 7), ((seed + 1) % 4, 1, 1)] {
            let (other_packed, other_audit) = run(other, 3, wave, fuel);
            let under = |mode| compare_runs(mode, &packed, &other_packed).is_none();
            let same = under(DeterminismMode::ModuloCommutativity);
            assert_eq!(observationally_equivalent(&audit, &other_audit), same, "seeds {seed} {other}, {wave} {fuel}");
            let in_order = under(DeterminismMode::ModuloEffects);
            assert_eq!(
                semantic_audits_equivalent(&audit, &other_audit),
                in_order,
                "seeds {seed} {other}, {wave} {fuel}"
            );
            equal += u32::from(same);
            unequal += u32::from(!same);
            reordered += u32::from(same && !semantic_audits_equivalent(&audit, &other_audit));
        }
    }
    assert!(equal > 0 && unequal > 0 && reordered > 0, "{equal} equal, {unequal} not, {reordered} in another order");
}
