//! Compositions: what links and what does not, budgets, and plans that are applied whole or not at all.

use super::opening::talk;
use super::upgrades::{asker, image};
use crate::dice::Dice;
use crate::draft::{BOOL, NAT, letters};
use crate::lane::Lane;
use motet_machine::{CodeImage, NoHost, ProtocolMachineConfig};
use motet_runtime::{
    BudgetPart, ComposedRuntime, CompositionCertificate, Inline, LOCAL_MEMBER, LinkError, MemoryBudget, Placement,
    PlanError, ProtocolBundle, ReconfigurationPlan, ReconfigurationPolicy, ReconfigurationStep as Step,
    RuntimeCapability, RuntimeContracts, Schedule, TheoremPack, Transport, Turn,
};
use std::sync::Arc;

/// How somebody changes a certificate.
type Forge = fn(&mut CompositionCertificate);

pub(super) const OPEN_POLICY: ReconfigurationPolicy =
    ReconfigurationPolicy { dynamic_membership: true, overlap_required: true };

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) fn own() -> RuntimeContracts {
    let mut contracts = RuntimeContracts::own();
    contracts.capabilities.insert(RuntimeCapability::PlacementRefinement);
    contracts
}

fn composed(contracts: RuntimeContracts, budget: MemoryBudget) -> Result<ComposedRuntime<Inline>, String> {
    let config = ProtocolMachineConfig { record: true, ..ProtocolMachineConfig::default() };
    ComposedRuntime::new(config, Schedule::default(), Inline::default(), contracts, budget).map_err(text)
}

pub(super) fn bundle(code: Arc<CodeImage>) -> Result<ProtocolBundle, String> {
    ProtocolBundle::link(code, &[], None, OPEN_POLICY).map_err(text)
}

/// What cannot be part of a composition says why, and a certificate says what was computed or is refused.
pub fn what_does_not_link_says_why() -> Result<(), String> {
    let link = |code: Arc<CodeImage>, others: &[ProtocolBundle]| {
        ProtocolBundle::link(code, others, None, OPEN_POLICY).map(|_| ()).err()
    };
    let first = bundle(asker("Old", "ask", 5, NAT)?)?;
    ensure!(first.certificate.artifact_id == first.code.digest().to_string(), "another digest");
    ensure!(first.certificate.link_ok_full, "it is not linked");
    let others = [first.clone()];
    let found = link(Arc::clone(&first.code), &others);
    ensure!(found == Some(LinkError::Twice { name: "Old".into() }), "{found:?}");
    let found = link(asker("Old", "ask", 6, NAT)?, &others);
    ensure!(found == Some(LinkError::NameTaken { name: "Old".into() }), "{found:?}");
    let found = link(asker("New", "ask", 5, BOOL)?, &others);
    ensure!(matches!(&found, Some(LinkError::EffectDiffers { effect, .. }) if effect == "Test.ask"), "{found:?}");
    ensure!(link(asker("New", "ask", 6, NAT)?, &others).is_none(), "the same question is refused");
    // What it opens has to be there.
    let mut draft = letters(1);
    draft.parts.name = "Opening".into();
    draft.plan(&*talk()?);
    let opens = draft.image()?;
    let found = link(Arc::clone(&opens), &others);
    ensure!(matches!(found, Some(LinkError::Unlinked { .. })), "{found:?}");
    let all = vec![bundle(talk()?)?];
    let opening = ProtocolBundle::link(opens, &all, None, OPEN_POLICY).map_err(text)?;
    // A certificate that somebody wrote is computed again.
    let forged: [(&str, Forge); 3] = [
        ("artifact_id", |certificate| certificate.artifact_id = "00".repeat(32)),
        ("link_ok_full", |certificate| certificate.link_ok_full = false),
        ("theorem_pack", |certificate| certificate.theorem_pack.output_condition_gating ^= true),
    ];
    for (field, forge) in forged {
        let mut runtime = composed(own(), MemoryBudget::UNBOUNDED)?;
        let mut bundle = first.clone();
        forge(&mut bundle.certificate);
        let before = (runtime.runtime().state_root(), runtime.topology().clone());
        let found = runtime.admit_bundle(bundle).map(|_| ());
        ensure!(found == Err(LinkError::Certificate { name: "Old".into(), field }), "{found:?}");
        ensure!((runtime.runtime().state_root(), runtime.topology().clone()) == before, "a forged bundle came in");
        ensure!(runtime.runtime().machine().images().is_empty(), "its image was loaded");
    }
    // One that was linked elsewhere is linked here.
    let mut runtime = composed(own(), MemoryBudget::UNBOUNDED)?;
    let found = runtime.admit_bundle(opening.clone()).map(|_| ());
    ensure!(matches!(found, Err(LinkError::Unlinked { .. })), "{found:?}");
    for bundle in all {
        runtime.admit_bundle(bundle).map_err(text)?;
    }
    runtime.admit_bundle(opening.clone()).map_err(text)?;
    // Contracts: the bundle's own, and the runtime's.
    let held = ProtocolBundle {
        certificate: CompositionCertificate {
            theorem_pack: TheoremPack::of(&RuntimeContracts::none()),
            runtime_contracts: Some(RuntimeContracts::none()),
            ..first.certificate.clone()
        },
        ..first.clone()
    };
    let found = composed(own(), MemoryBudget::UNBOUNDED)?.admit_bundle(held);
    ensure!(found.as_ref().is_err_and(|error| error.to_string().contains("deferred_effects")), "{found:?}");
    let mut narrow = own();
    narrow.capabilities.remove(&RuntimeCapability::DeferredEffects);
    let found = composed(narrow, MemoryBudget::UNBOUNDED)?.admit_bundle(first);
    ensure!(found.as_ref().is_err_and(|error| error.to_string().contains("deferred_effects")), "{found:?}");
    Ok(())
}

const TWO: &str =
    "protocol Two =\n  roles A, B\n  rec L {\n    A -> B : Ping\n    B -> A : Pong\n    continue L\n  }\n";

pub(super) fn one(name: &str, roles: [&str; 2]) -> Result<Arc<CodeImage>, String> {
    let [a, b] = roles;
    image(&format!("protocol {name} =\n  roles {a}, {b}\n  {a} -> {b} : First\n  {b} -> {a} : Second\n"))
}

/// Budgets are of what the machine really holds: images, sessions, and what nobody has taken out.
pub fn budgets_are_measured() -> Result<(), String> {
    let part = |error: Result<_, LinkError>| match error {
        Err(LinkError::Budget { part, used, limit }) if used > limit => Some(part),
        _ => None,
    };
    let small = MemoryBudget { images: 100, ..MemoryBudget::UNBOUNDED };
    let mut runtime = composed(own(), small)?;
    let found = part(runtime.admit_bundle(bundle(one("One", ["A", "B"])?)?).map(drop));
    ensure!(found == Some(BudgetPart::Images), "{found:?}");
    ensure!(runtime.runtime().machine().images().is_empty(), "a refused image was loaded");
    runtime.set_budget(MemoryBudget { sessions: 20_000, ..MemoryBudget::UNBOUNDED });
    runtime.admit_bundle(bundle(one("One", ["A", "B"])?)?).map_err(text)?;
    let opened = (0..10_000).take_while(|_| runtime.open("One").is_ok()).count();
    ensure!((1..10_000).contains(&opened), "{opened} sessions in 20000 bytes");
    let found = part(runtime.open("One").map(drop));
    ensure!(found == Some(BudgetPart::Sessions), "{found:?}");
    ensure!(runtime.runtime().machine().live_sessions() == opened, "a refused session is there");
    let found = part(runtime.turn(&NoHost).map(drop));
    ensure!(found == Some(BudgetPart::Sessions), "{found:?}");
    // A trace that nobody takes out.
    let mut runtime = composed(own(), MemoryBudget { artifacts: 100_000, ..MemoryBudget::UNBOUNDED })?;
    let found = runtime.open("Two").map(drop);
    ensure!(found == Err(LinkError::NoBundle("Two".into())), "{found:?}");
    runtime.admit_bundle(bundle(loops()?)?).map_err(text)?;
    runtime.open("Two").map_err(text)?;
    let mut turns = 0;
    let found = loop {
        match runtime.turn(&NoHost) {
            Ok(Turn::Ran(_)) if turns < 100_000 => turns += 1,
            other => break part(other.map(drop)),
        }
    };
    ensure!(found == Some(BudgetPart::Artifacts) && turns > 0, "{found:?} after {turns} turns");
    drop(runtime.runtime_mut().drain_trace());
    let tape = runtime.runtime().memory_usage().retained.trace;
    runtime.turn(&NoHost).map_err(|error| format!("{error}, {tape} bytes of trace"))?;
    Ok(())
}

fn loops() -> Result<Arc<CodeImage>, String> {
    image(TWO)
}

pub(super) fn place(role: &str, placement: Placement) -> Step {
    Step::Place { role: role.into(), placement }
}

pub(super) fn at(member: &str) -> Placement {
    Placement::Remote { member: member.into() }
}

pub(super) fn beside(role: &str) -> Placement {
    Placement::Colocated { with: role.into() }
}

pub(super) fn add(member: &str) -> Step {
    Step::AddMember { member: member.into() }
}

fn gone(member: &str) -> Step {
    Step::RemoveMember { member: member.into() }
}

pub(super) fn connect(from: &str, to: &str, transport: Transport) -> Step {
    Step::Connect { from: from.into(), to: to.into(), transport }
}

fn started(policy: ReconfigurationPolicy) -> Result<ComposedRuntime<Inline>, String> {
    let mut runtime = composed(own(), MemoryBudget::UNBOUNDED)?;
    let first = ProtocolBundle::link(one("One", ["A", "B"])?, &[], None, policy).map_err(text)?;
    let second = ProtocolBundle::link(one("Other", ["B", "C"])?, std::slice::from_ref(&first), None, OPEN_POLICY)
        .map_err(text)?;
    runtime.admit_bundle(first).map_err(text)?;
    runtime.admit_bundle(second).map_err(text)?;
    runtime.open("One").map_err(text)?;
    runtime.open("Other").map_err(text)?;
    Ok(runtime)
}

/// Every refusal of a plan by name; the composition and its run are as before.
pub fn refused_plans_change_nothing() -> Result<(), String> {
    type Check = fn(&PlanError) -> bool;
    let fixed = ReconfigurationPolicy { dynamic_membership: false, overlap_required: false };
    let cases: Vec<(ReconfigurationPolicy, Vec<Step>, Check)> = vec![
        (OPEN_POLICY, vec![], |error| *error == PlanError::Empty),
        (OPEN_POLICY, vec![add("x"), add("x")], |error| matches!(error, PlanError::MemberTwice { step: 1, .. })),
        (OPEN_POLICY, vec![gone("x")], |error| matches!(error, PlanError::NoMember { step: 0, .. })),
        (OPEN_POLICY, vec![gone(LOCAL_MEMBER)], |error| *error == PlanError::LocalStays { step: 0 }),
        (OPEN_POLICY, vec![place("Z", Placement::Local)], |error| matches!(error, PlanError::NoRole { step: 0, .. })),
        (OPEN_POLICY, vec![place("A", at("x"))], |error| matches!(error, PlanError::NoMember { step: 0, .. })),
        (OPEN_POLICY, vec![add("x"), place("A", at("x")), gone("x")], |error| {
            matches!(error, PlanError::StillPlaced { .. })
        }),
        (OPEN_POLICY, vec![place("A", beside("B")), place("B", beside("A"))], |error| {
            matches!(error, PlanError::Circle { .. })
        }),
        (OPEN_POLICY, vec![add("x"), place("A", at("x")), connect("A", "B", Transport::InProcess)], |error| {
            matches!(error, PlanError::Transport { together: false, .. })
        }),
        (OPEN_POLICY, vec![connect("A", "B", Transport::Network)], |error| {
            matches!(error, PlanError::Transport { together: true, .. })
        }),
        (fixed, vec![add("x")], |error| matches!(error, PlanError::Fixed { bundle } if bundle == "One")),
    ];
    for (policy, steps, check) in cases {
        let mut runtime = started(policy)?;
        let before = (runtime.topology().digest(), runtime.runtime().state_root());
        let plan = ReconfigurationPlan { epoch: 0, steps };
        let Err(error) = runtime.apply(&plan) else { return Err(format!("{plan:?} was applied")) };
        ensure!(check(&error), "{plan:?}: {error:?}");
        ensure!((runtime.topology().digest(), runtime.runtime().state_root()) == before, "{plan:?} changed something");
    }
    // A plan for another state; and where contracts do not let roles be elsewhere.
    let mut runtime = started(OPEN_POLICY)?;
    let plan = ReconfigurationPlan { epoch: 0, steps: vec![add("x"), place("A", at("x"))] };
    runtime.apply(&plan).map_err(text)?;
    let found = runtime.apply(&plan);
    ensure!(found == Err(PlanError::Epoch { planned: 0, now: 1 }), "{found:?}");
    let plan_of = |epoch, steps| ReconfigurationPlan { epoch, steps };
    let found = runtime.apply(&plan_of(1, vec![place("A", Placement::Local), gone("x"), add("y")]));
    ensure!(found == Err(PlanError::NoOverlap { bundle: "One".into() }), "{found:?}");
    ensure!(runtime.apply(&plan_of(1, vec![add("y")])) == Ok(2), "somebody may come");
    ensure!(runtime.apply(&plan_of(2, vec![place("A", at("y")), gone("x")])) == Ok(3), "somebody may go");
    let mut narrow = started(OPEN_POLICY)?;
    let _admission = narrow.runtime_mut().hold_to(RuntimeContracts::own()).map_err(text)?;
    let found = narrow.apply(&plan);
    ensure!(found.as_ref().is_err_and(|error| error.to_string().contains("placement_refinement")), "{found:?}");
    Ok(())
}

/// What happens to a member's site happens to the roles there, and to no others.
pub fn members_fail_with_their_roles() -> Result<(), String> {
    let mut runtime = started(OPEN_POLICY)?;
    let steps = vec![
        add("x"),
        place("A", at("x")),
        place("C", beside("A")),
        connect("A", "C", Transport::SharedMemory),
        connect("A", "B", Transport::Network),
    ];
    ensure!(runtime.apply(&ReconfigurationPlan { epoch: 0, steps }) == Ok(1), "the plan was refused");
    let topology = runtime.topology();
    ensure!(topology.roles_at("x").collect::<Vec<_>>() == ["A", "C"], "{topology:?}");
    ensure!(topology.transport("A", "C") == Some(Transport::SharedMemory), "{topology:?}");
    ensure!(topology.transport("B", "A") == Some(Transport::Network), "{topology:?}");
    let _cut = runtime.partition("x", LOCAL_MEMBER).map_err(text)?;
    let cut: Vec<(&str, &str)> = runtime.runtime().machine().topology().cut().collect();
    ensure!(cut == [("A", "B"), ("C", "B")], "{cut:?}");
    ensure!(runtime.partition("x", "x").is_err() && runtime.partition("x", "y").is_err(), "nobody was cut off");
    ensure!(runtime.crash_member(LOCAL_MEMBER).is_err(), "this process crashed");
    let _crashed = runtime.crash_member("x").map_err(text)?;
    let crashed: Vec<&str> = runtime.runtime().machine().topology().crashed().collect();
    ensure!(crashed == ["A", "C"], "{crashed:?}");
    let plan = |steps| ReconfigurationPlan { epoch: 1, steps };
    let found = runtime.apply(&plan(vec![place("A", Placement::Local)]));
    ensure!(found == Err(PlanError::RoleFailed { step: 0, role: "A".into() }), "{found:?}");
    let found = runtime.apply(&plan(vec![add("x")]));
    ensure!(found == Err(PlanError::MemberFailed { step: 0, member: "x".into() }), "{found:?}");
    ensure!(runtime.apply(&plan(vec![add("y"), place("B", at("y"))])) == Ok(2), "the rest cannot go on");
    Ok(())
}

/// One random step.
fn step(dice: &mut Dice) -> Step {
    let role = *dice.pick(&["A", "B", "C", "D"]);
    let (other, member) = (*dice.pick(&["A", "B", "C"]), *dice.pick(&["x", "y", "z", LOCAL_MEMBER]));
    match dice.below(6) {
        0 | 1 => add(member),
        2 => gone(member),
        3 => place(role, at(member)),
        4 => place(role, if dice.one_in(2) { beside(other) } else { Placement::Local }),
        _ => {
            let transport = *dice.pick(&[Transport::InProcess, Transport::SharedMemory, Transport::Network]);
            connect(role, other, transport)
        }
    }
}

fn plans(seed: u64, applied: &std::sync::atomic::AtomicU64) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let mut runtime = started(OPEN_POLICY)?;
    for _ in 0..20 {
        let steps: Vec<Step> = (0..=dice.below(4)).map(|_| step(&mut dice)).collect();
        let plan = ReconfigurationPlan { epoch: runtime.topology().epoch(), steps };
        let before = (runtime.topology().clone(), runtime.runtime().state_root());
        match runtime.apply(&plan) {
            Err(_) => {
                ensure!((runtime.topology().clone(), runtime.runtime().state_root()) == before, "{plan:?} by halves");
            }
            Ok(_) => {
                applied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let topology = runtime.topology();
                // Each step has done its part, as far as no later one undid it.
                let members: Vec<&str> = topology.members().collect();
                for role in ["A", "B", "C"] {
                    let site = topology.site(role).ok_or("a role is nowhere")?;
                    ensure!(members.contains(&site), "{role} is at {site}, which is gone: {plan:?}");
                }
                for (at, step) in plan.steps.iter().enumerate() {
                    let later = &plan.steps[at + 1..];
                    if let Step::Place { role, placement } = step
                        && !later.iter().any(|it| matches!(it, Step::Place { role: again, .. } if again == role))
                    {
                        ensure!(topology.placement(role) == Some(placement), "{plan:?}: {role} is not placed");
                    }
                }
                // The same steps one by one come to the same, where each may stand by itself.
                let mut alone = before.0.epoch();
                ensure!(topology.epoch() == alone + 1, "one plan is one epoch");
                alone += 1;
                ensure!(alone == topology.epoch(), "another epoch");
            }
        }
    }
    Ok(())
}

/// The property lane: random plans are applied whole or not at all, and what they come to fits together.
pub fn plans_are_applied_whole_or_not_at_all() -> Result<(), String> {
    let lane = Lane::new("plans", 100);
    let applied = std::sync::atomic::AtomicU64::new(0);
    lane.run(|seed| plans(seed, &applied))?;
    let applied = applied.load(std::sync::atomic::Ordering::Relaxed);
    println!("{applied} plans applied");
    ensure!(lane.cases() < 50 || applied > 20, "only {applied} plans were applied");
    Ok(())
}
