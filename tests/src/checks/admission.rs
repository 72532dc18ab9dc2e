//! Admission: what images, configurations, schedules and profiles need is discharged by the host's contracts, item by item,
//! and nothing advanced gets past them.

use super::guards::{ACQUIRE, HALT, RELEASE, alone};
use super::knowledge::{PAID, knower, learn};
use super::opening::{TELL, opener, others};
use super::spawning::SHARED;
use super::speculating::{FORK, JOIN, RECEIVE, SEND, talk};
use crate::draft::letters;
use motet_choreo::{EmitOptions, Source, compile_with, load};
use motet_log::sim::SimDisk;
use motet_machine::{
    Authentication, BackpressurePolicy, BufferConfig, BufferMode, CodeImage, CommunicationReplayMode, EdgeHistory,
    FlowPolicy, HostPredicate, NoHost, OutputConditionPolicy, ProtocolMachineConfig,
};
use motet_runtime::{
    AdmissibilityClass, AdmissionRequest, DeterminismArtifacts, DeterminismMode, Durable, DurableOptions,
    EscalationWindow, FairnessAssumption, Inline, PriorityPolicy, RequiredBy, Requirement, RunStatus, Runtime,
    RuntimeCapability, RuntimeContracts, RuntimeError, RuntimeGateResult, SEMANTIC_ATTACHMENT_POINTS, Schedule,
    SchedulerPolicy, Threads, TransportContracts, admit,
};
use motet_types::{EffectKind, Instr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use RuntimeCapability as Capability;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Something, and what it needs.
type Needing<T> = (T, &'static [Capability]);

/// Images by what they need.
fn images() -> Result<Vec<Needing<Arc<CodeImage>>>, String> {
    let known = [&learn(0, PAID)[..], &[Instr::Set { dst: 2, constant: 1 }, TELL, HALT]].concat();
    let source = Source::from_text("two.tell", "protocol Two =\n  roles A, B\n  A -> B : Word\n").map_err(text)?;
    let global = load(&source).map_err(|error| format!("{error:?}"))?;
    let mut late = compile_with(&global, EmitOptions { step_hooks: true }).map_err(text)?;
    late.effects.iter_mut().for_each(|effect| effect.may_block = true);
    let late = CodeImage::verify(late).map(Arc::new).map_err(text)?;
    Ok(vec![
        (letters(2).image()?, &[]),
        (late, &[Capability::DeferredEffects]),
        (talk(&[FORK, SEND, RECEIVE, JOIN]).image()?, &[Capability::Speculation]),
        (alone(2, &[ACQUIRE, RELEASE, HALT]).image()?, &[Capability::Guards]),
        (knower(&known)?.image()?, &[Capability::Knowledge]),
        (opener(&SHARED)?.image()?, &[Capability::DynamicSessions, Capability::Spawning, Capability::Delegation]),
    ])
}

/// Everything but these is granted.
fn without(missing: &[Capability]) -> RuntimeContracts {
    let mut contracts = RuntimeContracts::own();
    contracts.capabilities.retain(|capability| !missing.contains(capability));
    contracts
}

/// Nothing but these is granted.
fn only(granted: &[Capability]) -> RuntimeContracts {
    RuntimeContracts { capabilities: granted.iter().copied().collect(), ..RuntimeContracts::none() }
}

fn deep() -> ProtocolMachineConfig {
    ProtocolMachineConfig { speculation_depth: 2, ..ProtocolMachineConfig::default() }
}

type Needs = BTreeSet<(RequiredBy, Capability)>;

/// What is asked for: images, a configuration, a schedule, and a word on what it is about.
type Asked = (&'static str, Vec<Arc<CodeImage>>, ProtocolMachineConfig, Schedule);

fn needs(images: &[&CodeImage], config: &ProtocolMachineConfig, schedule: &Schedule) -> Needs {
    let request = AdmissionRequest { images: images.to_vec(), config, schedule, profile: DeterminismMode::Full };
    let admission = admit(&request, &RuntimeContracts::own());
    let capability = |requirement| match requirement {
        Requirement::Capability(capability) => Some(capability),
        Requirement::Profile(_) | Requirement::Promise(_) => None,
    };
    admission.items.into_iter().filter_map(|item| Some((item.by, capability(item.requirement)?))).collect()
}

/// Each image, configuration and schedule needs exactly what it does; each need is refused without its grant, with a
/// reason, and granted by it alone.
pub fn needs_are_discharged_item_by_item() -> Result<(), String> {
    let (plain, canonical) = (ProtocolMachineConfig::default(), Schedule::canonical());
    let mut cases: Vec<Needing<Asked>> = Vec::new();
    for (image, needed) in images()? {
        cases.push((("an image", vec![image], plain.clone(), canonical.clone()), needed));
    }
    let predicate = FlowPolicy::Predicate(HostPredicate::new("never", |_, _| false));
    let buffer = |mode, policy| BufferConfig { mode, policy, capacity: 4 };
    let configs: Vec<Needing<ProtocolMachineConfig>> = vec![
        (deep(), &[Capability::Speculation]),
        (ProtocolMachineConfig { flow_policy: predicate, ..plain.clone() }, &[Capability::HostPredicates]),
        (
            ProtocolMachineConfig { output_condition_policy: OutputConditionPolicy::DenyAll, ..plain.clone() },
            &[Capability::OutputConditions],
        ),
        (
            ProtocolMachineConfig { buffer: buffer(BufferMode::Fifo, BackpressurePolicy::Drop), ..plain.clone() },
            &[Capability::LossyBuffers],
        ),
        (
            ProtocolMachineConfig {
                buffer: buffer(BufferMode::LatestValue, BackpressurePolicy::Block),
                ..plain.clone()
            },
            &[Capability::LossyBuffers],
        ),
        (ProtocolMachineConfig { buffer: buffer(BufferMode::Fifo, BackpressurePolicy::Error), ..plain.clone() }, &[]),
    ];
    for (config, needed) in configs {
        cases.push((("a configuration", Vec::new(), config, canonical.clone()), needed));
    }
    let aging = SchedulerPolicy::Priority(PriorityPolicy::Aging(BTreeMap::new()));
    for policy in
        [SchedulerPolicy::RoundRobin, SchedulerPolicy::ProgressAware, SchedulerPolicy::Random { seed: 1 }, aging]
    {
        let schedule = Schedule { policy, ..canonical.clone() };
        cases.push((("a policy", Vec::new(), plain.clone(), schedule), &[Capability::RelaxedReordering]));
    }
    for schedule in
        [Schedule { wave: 2, ..canonical.clone() }, Schedule { window: 2, ..canonical.clone() }, Schedule::throughput()]
    {
        cases.push((("a schedule", Vec::new(), plain.clone(), schedule), &[Capability::ParallelWaves]));
    }
    for ((what, images, config, schedule), needed) in cases {
        let images: Vec<&CodeImage> = images.iter().map(|image| &**image).collect();
        let found: BTreeSet<Capability> =
            needs(&images, &config, &schedule).into_iter().map(|(_, capability)| capability).collect();
        let expected: BTreeSet<Capability> = needed.iter().copied().collect();
        ensure!(found == expected, "{what} ({schedule:?}) needs {found:?}, and not {expected:?}");
        let held = |contracts: &RuntimeContracts| {
            admit(
                &AdmissionRequest {
                    images: images.clone(),
                    config: &config,
                    schedule: &schedule,
                    profile: DeterminismMode::Full,
                },
                contracts,
            )
        };
        ensure!(held(&only(needed)).result == RuntimeGateResult::Admitted, "{what}: its needs alone do not do");
        let nothing = held(&RuntimeContracts::none()).result;
        let missing =
            if needed.is_empty() { RuntimeGateResult::Admitted } else { RuntimeGateResult::RejectedMissingContracts };
        ensure!(nothing == missing, "{what}: without contracts {nothing:?}");
        for one in needed {
            let admission = held(&without(&[*one]));
            ensure!(admission.result == RuntimeGateResult::RejectedUncoveredRequirement, "{what}: {admission:?}");
            for item in &admission.items {
                let named = item.requirement == Requirement::Capability(*one);
                ensure!(item.is_granted() != named, "{what} without {one:?}: {item}");
                ensure!(
                    !item.why.is_empty() && item.refused.as_ref().is_none_or(|why| why.contains(one.name())),
                    "{item}"
                );
            }
            let refusal = admission.enforce().err().ok_or("nothing is refused")?;
            ensure!(refusal.to_string().contains(one.name()), "{refusal}");
        }
    }
    Ok(())
}

fn refused(result: Result<impl Sized, RuntimeError>, what: &str) -> Result<RuntimeGateResult, String> {
    match result {
        Err(RuntimeError::Admission(refusal)) => {
            ensure!(!refusal.items.is_empty(), "{what}: refused without a reason");
            Ok(refusal.result)
        }
        Err(other) => Err(format!("{what}: {other}")),
        Ok(_) => Err(format!("{what} gets past the gate")),
    }
}

/// A runtime refuses at its door what its contracts do not cover: when it is made, when an image is loaded, and when it is
/// held to less; on every executor, in a log too, and what was refused has changed nothing.
pub fn nothing_advanced_runs_ungated() -> Result<(), String> {
    let (plain, canonical) = (ProtocolMachineConfig::default(), Schedule::canonical());
    let made = |config: &ProtocolMachineConfig, schedule: &Schedule, contracts: RuntimeContracts| {
        Runtime::with_contracts(config.clone(), schedule.clone(), Inline::default(), contracts)
    };
    let none = RuntimeContracts::none;
    refused(made(&plain, &Schedule::throughput(), none()), "waves of many sessions")?;
    let threads = Threads::new(2).map_err(text)?;
    refused(Runtime::with_contracts(plain.clone(), Schedule::throughput(), threads, none()), "waves on threads")?;
    refused(made(&deep(), &canonical, none()), "speculation")?;
    // One step of one session needs nothing, and runs.
    let mut least = made(&plain, &canonical, none()).map_err(text)?;
    let letters = least.load(letters(2).image()?).map_err(text)?;
    least.open(letters).map_err(text)?;
    ensure!(least.run(&NoHost).map_err(text)? == RunStatus::Completed, "a plain run does not complete");
    for (image, needed) in images()?.into_iter().filter(|(_, needed)| !needed.is_empty()) {
        for one in needed {
            let narrow = without(&[*one]);
            let mut runtime =
                Runtime::with_contracts(plain.clone(), canonical.clone(), Inline::default(), narrow.clone())
                    .map_err(text)?;
            for plan in others()? {
                runtime.load(plan).map_err(text)?;
            }
            let before = (runtime.machine().images().len(), runtime.state_root());
            refused(runtime.load(Arc::clone(&image)), "an image")?;
            ensure!(
                (runtime.machine().images().len(), runtime.state_root()) == before,
                "a refused image changed something"
            );
            // The same the other way round: the image is there, and the contracts come later.
            let mut runtime = Runtime::with_executor(deep(), canonical.clone(), Inline::default()).map_err(text)?;
            for plan in others()? {
                runtime.load(plan).map_err(text)?;
            }
            runtime.load(Arc::clone(&image)).map_err(text)?;
            refused(runtime.hold_to(narrow), "an image that is there")?;
            ensure!(*runtime.contracts() == RuntimeContracts::own(), "refused contracts were taken");
        }
    }
    let storage = Arc::new(SimDisk::new());
    let schedule = Schedule::throughput();
    let durable = Durable::create(storage, DurableOptions::default(), plain, schedule, Inline::default());
    let mut durable = durable.map_err(text)?;
    let held = durable.hold_to(without(&[Capability::ParallelWaves]));
    ensure!(held.is_err(), "a durable run is not held to its contracts");
    durable.hold_to(without(&[Capability::Guards])).map_err(text)?;
    ensure!(
        durable.load(alone(2, &[ACQUIRE, RELEASE, HALT]).image()?).is_err(),
        "a durable run loads what is not granted"
    );
    Ok(())
}

/// A profile needs its artifact, and every one but `full` that profiles may be mixed.
pub fn profiles_need_their_artifacts() -> Result<(), String> {
    for mode in DeterminismMode::ALL {
        for bits in 0..32_u8 {
            let bit = |at: u8| bits >> at & 1 == 1;
            let contracts = RuntimeContracts {
                determinism_artifacts: DeterminismArtifacts {
                    full: bit(0),
                    replay: bit(1),
                    modulo_effect_trace: bit(2),
                    modulo_commutativity: bit(3),
                },
                can_use_mixed_determinism_profiles: bit(4),
                ..RuntimeContracts::own()
            };
            let artifact = match mode {
                DeterminismMode::Full => bit(0),
                DeterminismMode::Replay => bit(1),
                DeterminismMode::ModuloEffects => bit(2),
                DeterminismMode::ModuloCommutativity => bit(3),
            };
            let expected = artifact && (mode == DeterminismMode::Full || bit(4));
            let (config, schedule) = (ProtocolMachineConfig::default(), Schedule::default());
            let request = AdmissionRequest { images: Vec::new(), config: &config, schedule: &schedule, profile: mode };
            let result = admit(&request, &contracts).result;
            let unsupported = RuntimeGateResult::RejectedUnsupportedDeterminismProfile;
            let right = if expected { RuntimeGateResult::Admitted } else { unsupported };
            ensure!(result == right, "{mode:?} under {contracts:?}: {result:?}");
            if !bit(0) {
                continue;
            }
            let runtime = Runtime::with_contracts(config, schedule, Inline::default(), contracts);
            let mut runtime = runtime.map_err(text)?;
            let asked = runtime.request_determinism_profile(mode);
            let now = if expected { mode } else { DeterminismMode::Full };
            ensure!(asked.is_ok() == expected && runtime.determinism_profile() == now, "{mode:?}: {asked:?}");
            let granted = runtime.runtime_capability_snapshot().profiles.contains(&mode);
            ensure!(granted == expected, "the snapshot says of {mode:?}: {granted}");
        }
    }
    // Without contracts: `full` and nothing else.
    let none = RuntimeContracts::none();
    let runtime =
        Runtime::with_contracts(ProtocolMachineConfig::default(), Schedule::canonical(), Inline::default(), none);
    let snapshot = runtime.map_err(text)?.runtime_capability_snapshot();
    ensure!(snapshot.profiles == [DeterminismMode::Full], "{snapshot:?}");
    ensure!(snapshot.capabilities.iter().all(|(_, granted, needed)| !granted && !needed), "{snapshot:?}");
    Ok(())
}

/// What contracts promise is held against the configuration and the schedule.
pub fn promises_are_kept_or_refused() -> Result<(), String> {
    let plain = ProtocolMachineConfig::default();
    let budget = ProtocolMachineConfig { effect_budget: Some(9), ..plain.clone() };
    let aging =
        Schedule { policy: SchedulerPolicy::Priority(PriorityPolicy::Aging(BTreeMap::new())), ..Schedule::default() };
    let fixed = Schedule {
        policy: SchedulerPolicy::Priority(PriorityPolicy::FixedMap(BTreeMap::new())),
        ..Schedule::default()
    };
    let refusals =
        |contracts: &RuntimeContracts, config: &ProtocolMachineConfig, schedule: &Schedule| -> Vec<&'static str> {
            let request = AdmissionRequest { images: Vec::new(), config, schedule, profile: DeterminismMode::Full };
            let admission = admit(&request, contracts);
            let name = |requirement| if let Requirement::Promise(name) = requirement { Some(name) } else { None };
            admission.refused().filter_map(|item| name(item.requirement)).collect()
        };
    let fair = |fairness: FairnessAssumption| {
        let mut contracts = RuntimeContracts::own();
        contracts.execution_profile.fairness.insert(fairness);
        contracts
    };
    let rows = [
        (FairnessAssumption::ScheduleConfluence, &plain, &fixed, true),
        (FairnessAssumption::StarvationFreedom, &plain, &aging, true),
        (FairnessAssumption::StarvationFreedom, &plain, &fixed, false),
        (FairnessAssumption::LivenessFairness, &plain, &aging, false),
        (FairnessAssumption::LivenessFairness, &budget, &aging, true),
        (FairnessAssumption::LivenessFairness, &budget, &fixed, false),
    ];
    for (fairness, config, schedule, kept) in rows {
        let found = refusals(&fair(fairness), config, schedule);
        ensure!(found.is_empty() == kept, "{fairness:?}: {found:?}");
    }
    for (window, kept) in [
        (EscalationWindow::ProgressContract, [false, true]),
        (EscalationWindow::AdmissionComplexity, [true, true]),
        (EscalationWindow::ProtocolBridge, [false, false]),
    ] {
        let mut contracts = RuntimeContracts::own();
        contracts.execution_profile.escalation_windows.insert(window);
        let found = [&plain, &budget].map(|config| refusals(&contracts, config, &aging).is_empty());
        ensure!(found == kept, "{window:?}: {found:?}");
    }
    for class in AdmissibilityClass::ALL {
        let mut contracts = RuntimeContracts::own();
        contracts.execution_profile.admissibility = *class;
        let local = *class == AdmissibilityClass::Local;
        ensure!(refusals(&contracts, &plain, &aging).is_empty() == local, "{class:?}");
    }
    let transport = |change: fn(&mut TransportContracts)| {
        let mut contracts = RuntimeContracts::own();
        change(&mut contracts.transport_contracts);
        contracts
    };
    let grows = BufferConfig { policy: BackpressurePolicy::Resize { max: 99 }, ..plain.buffer };
    let latest = BufferConfig { mode: BufferMode::LatestValue, ..plain.buffer };
    let signed = ProtocolMachineConfig {
        authentication: Authentication::KeyedBlake3(crate::watched::keys()),
        edge_history: EdgeHistory::Full,
        communication_replay_mode: CommunicationReplayMode::Sequence,
        ..plain.clone()
    };
    type Change = fn(&mut TransportContracts);
    let with = |buffer| ProtocolMachineConfig { buffer, ..plain.clone() };
    let rows: [(&str, Change, ProtocolMachineConfig, ProtocolMachineConfig); 7] = [
        ("ordered", |it| it.ordered = true, plain.clone(), with(latest)),
        ("lossless", |it| it.lossless = true, plain.clone(), with(latest)),
        ("bounded", |it| it.bounded = true, plain.clone(), with(grows)),
        ("backpressure", |it| it.backpressure = true, plain.clone(), with(grows)),
        ("authenticated", |it| it.authenticated = true, signed.clone(), plain.clone()),
        ("at_most_once", |it| it.at_most_once = true, signed.clone(), plain.clone()),
        ("provable_history", |it| it.provable_history = true, signed.clone(), plain.clone()),
    ];
    for (name, promise, keeps, breaks) in rows {
        let contracts = transport(promise);
        ensure!(refusals(&contracts, &keeps, &aging).is_empty(), "{name} is kept, and refused");
        ensure!(refusals(&contracts, &breaks, &aging) == [name], "{name} is broken, and not refused");
    }
    Ok(())
}

/// Every kind of effect that a handler can be asked has its place on the list, each place stands there once, and what the
/// runtime grants itself leaves out what it does not do.
pub fn attachment_points_are_listed() -> Result<(), String> {
    let names: Vec<&str> = SEMANTIC_ATTACHMENT_POINTS.iter().map(|point| point.name).collect();
    let once: BTreeSet<&str> = names.iter().copied().collect();
    ensure!(once.len() == names.len(), "a place stands twice");
    let asked = [
        EffectKind::SendDecision,
        EffectKind::Receive,
        EffectKind::Choose,
        EffectKind::InvokeStep,
        EffectKind::Acquire,
        EffectKind::Release,
        EffectKind::OutputConditionHint,
    ];
    for kind in asked {
        ensure!(once.contains(kind.name()), "{} has no place", kind.name());
    }
    let own = RuntimeContracts::own();
    let closed = SEMANTIC_ATTACHMENT_POINTS.iter().filter_map(|point| point.needs);
    ensure!(closed.into_iter().all(|needed| own.capabilities.contains(&needed)), "a place that nobody can open");
    let undone = Capability::ALL.iter().filter(|one| !own.capabilities.contains(one)).count();
    ensure!(undone == 3, "{undone} capabilities are not granted by default");
    Ok(())
}
