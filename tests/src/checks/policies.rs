//! What may flow: every policy and predicate, what bursts make of it, and their bytes.

use super::knowledge::{END, GIVE_Q, PAID, TEXTS, TO_B, ask, constant, giving, is_told, knower, learn, spawn};
use super::opening::{ASK, HALT, HEAR, OPEN, P, Q, SEVEN, TELL, others, setup};
use crate::walk::Run;
use motet_machine::{
    ConfigError, FlowPolicy, FlowPredicate, HostPredicate, KnowledgeFact, NoHost, ProtocolMachine,
    ProtocolMachineConfig, RestoreError,
};
use motet_runtime::RunStatus;
use motet_types::{EventKind, Fault, FaultClass, Instr, Reader, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;

const CLOSE: Instr = Instr::Close { session: P };

/// Of the role of an endpoint, a fact about it, and a target.
type Right = fn(&str, &str, &str) -> bool;

/// A policy, and what it must say of a fact about a role's endpoint and a target: written out, and not computed.
fn policies() -> Vec<(FlowPolicy, Right)> {
    use FlowPredicate::{All, Any, EndpointRoleMatchesTarget, FactContains, TargetRolePrefix};
    let roles = |names: &[&str]| names.iter().map(|name| String::from(*name)).collect::<BTreeSet<_>>();
    let prefix = |text: &str| TargetRolePrefix(text.into());
    let contains = |text: &str| FactContains(text.into());
    let host = HostPredicate::new("odd", |fact: &KnowledgeFact<'_>, target: &str| {
        (fact.session.number() as usize + fact.role.len() + fact.fact.len() + target.len()) % 2 == 1
    });
    vec![
        (FlowPolicy::AllowAll, |_, _, _| true),
        (FlowPolicy::DenyAll, |_, _, _| false),
        (FlowPolicy::AllowRoles(roles(&["B", "Q"])), |_, _, target| matches!(target, "B" | "Q")),
        (FlowPolicy::AllowRoles(roles(&[])), |_, _, _| false),
        (FlowPolicy::DenyRoles(roles(&["B", "Q"])), |_, _, target| matches!(target, "A" | "P" | "Bob")),
        (FlowPolicy::DenyRoles(roles(&[])), |_, _, _| true),
        // The endpoints are of the first session that was opened.
        (FlowPolicy::Predicate(host), |_, fact, target| (2 + fact.len() + target.len()) % 2 == 1),
        (FlowPolicy::PredicateExpr(prefix("B")), |_, _, target| matches!(target, "B" | "Bob")),
        (FlowPolicy::PredicateExpr(prefix("")), |_, _, _| true),
        (FlowPolicy::PredicateExpr(contains("secret")), |_, fact, _| fact == "it is secret: 42"),
        (FlowPolicy::PredicateExpr(contains("")), |_, _, _| true),
        (FlowPolicy::PredicateExpr(EndpointRoleMatchesTarget), |role, _, target| role == target),
        (FlowPolicy::PredicateExpr(All(vec![])), |_, _, _| true),
        (FlowPolicy::PredicateExpr(Any(vec![])), |_, _, _| false),
        (FlowPolicy::PredicateExpr(All(vec![prefix("B"), contains("paid")])), |_, fact, target| {
            matches!((fact, target), ("paid", "B" | "Bob"))
        }),
        (FlowPolicy::PredicateExpr(Any(vec![prefix("B"), contains("paid")])), |_, fact, target| {
            fact == "paid" || target == "B" || target == "Bob"
        }),
        (
            FlowPolicy::PredicateExpr(Any(vec![
                All(vec![EndpointRoleMatchesTarget, contains("ü")]),
                All(vec![prefix("Bo"), Any(vec![contains("42"), contains("paid")])]),
            ])),
            |role, fact, target| match fact {
                "überbracht" => (role, target) == ("P", "P") || (role, target) == ("Q", "Q"),
                "paid" | "it is secret: 42" => target == "Bob",
                _ => false,
            },
        ),
    ]
}

const TARGETS: [&str; 5] = ["A", "B", "P", "Q", "Bob"];

/// Every policy and every predicate, of every fact, endpoint and target.
pub fn policies_say_what_may_flow() -> Result<(), String> {
    let session = SessionId(0).guest(1);
    for (policy, right) in policies() {
        for role in ["P", "Q"] {
            for fact in &TEXTS[..4] {
                for target in TARGETS {
                    let found = policy.allows(&KnowledgeFact { session, role, fact }, target);
                    let expected = right(role, fact, target);
                    ensure!(found == expected, "{policy:?}: {fact:?} of {role} to {target}: {found}");
                }
            }
        }
    }
    Ok(())
}

/// What a burst writes is what the policy says of what is known, and nothing may flow that is not.
pub fn bursts_ask_the_policy() -> Result<(), String> {
    // What can be known of P, and of Q nothing.
    let mut code = vec![OPEN];
    for fact in &TEXTS[..3] {
        code.extend(learn(P, constant(fact)));
    }
    for fact in &TEXTS[..4] {
        for target in TARGETS {
            code.extend(ask(P, constant(fact), constant(target)));
        }
    }
    code.extend(ask(Q, PAID, TO_B));
    code.extend(END);
    let image = knower(&code)?.image()?;
    for (policy, right) in policies() {
        for (wave, fuel) in [(1, 1), (2, 3), (64, 256)] {
            let mut setup = setup()?.schedule(wave, fuel);
            setup.config.flow_policy = policy.clone();
            let run = setup.run(&image, &NoHost)?;
            ensure!(run.status == RunStatus::Completed, "{policy:?}: {:?}", run.faults);
            let mut lines: Vec<String> = TEXTS[..3].iter().map(|fact| format!("1 c0 role0 tagged {fact:?}")).collect();
            for fact in &TEXTS[..4] {
                for target in TARGETS {
                    let permitted = *fact != "überbracht" && right("P", fact, target);
                    let said = if permitted { "permitted" } else { "denied" };
                    lines.push(format!("1 c0 role0 {said} {target:?}"));
                }
            }
            lines.push("1 c0 role1 denied \"B\"".into());
            is_told(&run, &lines.iter().map(String::as_str).collect::<Vec<_>>())
                .map_err(|why| format!("{policy:?}, wave {wave}, fuel {fuel}: {why}"))?;
        }
    }
    Ok(())
}

/// Knowledge that the policy keeps from the taker's role keeps its endpoint: nothing moves, and the fault says so.
pub fn knowledge_that_may_not_flow_stays() -> Result<(), String> {
    let policy = |names: &[&str]| FlowPolicy::DenyRoles(names.iter().map(|name| String::from(*name)).collect());
    let (code, _) = giving(&[])?;
    let image = knower(&code)?.image()?;
    let with = |policy: FlowPolicy| -> Result<Run, String> {
        let mut setup = setup()?;
        setup.config.flow_policy = policy;
        setup.run(&image, &NoHost)
    };
    // The taker is A's as well.
    for policy in
        [FlowPolicy::DenyAll, policy(&["A"]), FlowPolicy::PredicateExpr(FlowPredicate::FactContains("42".into()))]
    {
        let run = with(policy.clone())?;
        let fault = run.faults.first().map(|report| report.fault.clone()).ok_or_else(|| format!("{policy:?}: none"))?;
        ensure!(matches!(fault, Fault::Flow { .. }), "{policy:?}: {fault}");
        ensure!(fault.class() == FaultClass::Flow && fault.class().code() == "machine.fault.flow", "{fault}");
        let trace = run.trace()?;
        let moved = trace.iter().any(|event| event.event.kind == EventKind::Transferred);
        ensure!(!moved && run.tally.faulted == 2, "{policy:?}: it was transferred");
    }
    let others = with(policy(&["B", "P", "Q"]))?;
    ensure!(others.status == RunStatus::Completed, "{:?}", others.faults);
    // An endpoint of which nothing is known goes wherever it likes.
    let code =
        [&[OPEN][..], &learn(P, PAID), &[spawn(11), GIVE_Q, ASK, CLOSE, SEVEN], &[TELL, HALT, HEAR, HALT]].concat();
    let (mut setup, image) = (setup()?, knower(&code)?.image()?);
    setup.config.flow_policy = FlowPolicy::DenyAll;
    let run = setup.run(&image, &NoHost)?;
    let fault = run.faults.first().map(|report| report.fault.clone());
    ensure!(!matches!(fault, Some(Fault::Flow { .. })), "{fault:?}");
    let moved = run.trace()?.iter().filter(|event| event.event.kind == EventKind::Transferred).count();
    ensure!(moved == 2, "{moved} of two moved");
    Ok(())
}

/// A predicate of the host's that panics ends the session that asked, and no other, on any number of workers.
pub fn predicates_that_panic_end_their_session() -> Result<(), String> {
    for asks in [[&[OPEN][..], &learn(P, PAID), &ask(P, PAID, TO_B), &END].concat(), giving(&[])?.0] {
        let image = knower(&asks)?.image()?;
        let mut setup = setup()?;
        let odd = |fact: &KnowledgeFact<'_>, _: &str| {
            assert!(fact.session.host() != SessionId(1), "the second session's knowledge");
            true
        };
        setup.config.flow_policy = FlowPolicy::Predicate(HostPredicate::new("panics", odd));
        let run = setup.run(&image, &NoHost)?;
        let [report] = &run.faults[..] else { return Err(format!("{:?}", run.faults)) };
        let reason = "the host's predicate panicked";
        ensure!(report.session == SessionId(1) && report.fault == Fault::Flow { reason }, "{report:?}");
        ensure!(run.tally.faulted == 1 && run.tally.closed > 0, "{:?}", run.tally);
    }
    Ok(())
}

/// A policy is part of a configuration's bytes, and of what a snapshot is held against. The host's own predicate is
/// there by name, and must be given again.
pub fn policies_are_bytes() -> Result<(), String> {
    let image = knower(&[&[OPEN][..], &learn(P, PAID), &END].concat())?.image()?;
    let images = [others()?, vec![Arc::clone(&image)]].concat();
    let mut all = BTreeSet::new();
    for (policy, _) in policies() {
        let config = ProtocolMachineConfig { flow_policy: policy.clone(), ..setup()?.config };
        let mut bytes = Vec::new();
        config.encode(&mut bytes);
        let read = ProtocolMachineConfig::decode(&mut Reader::new(&bytes)).ok_or("its bytes are none")?;
        ensure!(read.flow_policy == policy && read.max_facts == config.max_facts, "{read:?}");
        let named = matches!(policy, FlowPolicy::Predicate(_));
        ensure!(read.validate().is_err() == named, "{policy:?}: {:?}", read.validate());
        ensure!(!named || matches!(read.validate(), Err(ConfigError::Flow(_))), "{:?}", read.validate());
        for cut in 0..bytes.len() {
            let short = ProtocolMachineConfig::decode(&mut Reader::new(&bytes[..cut]));
            ensure!(short.is_none(), "{cut} bytes of {policy:?} are a configuration");
        }
        let mut setup = setup()?.limit(3);
        setup.config = ProtocolMachineConfig { record: true, ..config.clone() };
        let mut runtime = setup.guest(&image)?;
        runtime.run(&NoHost).map_err(|error| error.to_string())?;
        let sealed = runtime.snapshot().map_err(|error| error.to_string())?.machine().to_bytes();
        let same = ProtocolMachine::restore(setup.config.clone(), &images, &sealed);
        ensure!(same.is_ok(), "{policy:?}: {:?}", same.err());
        let other = match policy {
            FlowPolicy::AllowAll => FlowPolicy::DenyAll,
            _ => FlowPolicy::AllowAll,
        };
        let other = ProtocolMachineConfig { flow_policy: other, ..setup.config.clone() };
        let refused = ProtocolMachine::restore(other, &images, &sealed).err();
        ensure!(matches!(refused, Some(RestoreError::OtherConfig { what: "flow policy" })), "{policy:?}: {refused:?}");
        ensure!(all.insert(bytes), "{policy:?} has another's bytes");
    }
    let policy_of = |bytes: &[u8]| {
        let mut whole = Vec::new();
        ProtocolMachineConfig::default().encode(&mut whole);
        // Behind its version and its kind stand the rule of cancellation, credits, their price, the budget of effects and the
        // policy of outputs, and whether there are semantic objects.
        let behind = whole.split_off(whole.len() - (1 + 9 + 8 + 9 + 1 + 5));
        whole.truncate(whole.len() - 2);
        whole.extend_from_slice(bytes);
        whole.extend_from_slice(&behind);
        let mut from = Reader::new(&whole);
        ProtocolMachineConfig::decode(&mut from).filter(|_| from.remaining() == 0).map(|config| config.flow_policy)
    };
    ensure!(policy_of(&[1, 1]) == Some(FlowPolicy::DenyAll), "its bytes are others");
    let twice = [&[1, 2, 2, 0, 0, 0][..], &[1, 0, 0, 0, 0, 0, 0, 0, b'A'].repeat(2)].concat();
    let deep = [&[1, 5][..], &[3, 1, 0, 0, 0].repeat(40), &[2]].concat();
    for forged in [&[2, 0][..], &[1, 6], &[1, 5, 5], &[1, 5, 3, 255, 255, 255, 255, 2], &twice, &deep] {
        ensure!(policy_of(forged).is_none(), "{forged:?} is a policy");
    }
    // What is too large, or names nobody.
    let mut deep = FlowPredicate::EndpointRoleMatchesTarget;
    for _ in 0..40 {
        deep = FlowPredicate::All(vec![deep]);
    }
    let wide = FlowPredicate::Any(vec![FlowPredicate::EndpointRoleMatchesTarget; 5000]);
    let nobody = FlowPolicy::AllowRoles([String::new()].into());
    for policy in [FlowPolicy::PredicateExpr(deep), FlowPolicy::PredicateExpr(wide), nobody] {
        let config = ProtocolMachineConfig { flow_policy: policy, ..ProtocolMachineConfig::default() };
        ensure!(matches!(config.validate(), Err(ConfigError::Flow(_))), "{:?}", config.validate());
    }
    Ok(())
}
