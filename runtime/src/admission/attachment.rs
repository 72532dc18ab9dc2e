//! Where meaning can be attached to a runtime from outside, and what each place needs.

use crate::admission::contracts::RuntimeCapability;

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachmentPoint {
    /// Its name. Those of effects are the effects' kinds.
    pub name: &'static str,
    /// The type or method through which something is attached.
    pub door: &'static str,
    /// The capability without which nothing comes there; none where it is always open.
    pub needs: Option<RuntimeCapability>,
    /// What may be attached.
    pub what: &'static str,
}

const fn point(
    name: &'static str,
    door: &'static str,
    needs: Option<RuntimeCapability>,
    what: &'static str,
) -> AttachmentPoint {
    AttachmentPoint { name, door, needs, what }
}

const HANDLER: &str = "EffectHandler::handle_effect";

/// All places where a host decides what something means. There are no others: what is not here follows from the images,
/// the configuration and the schedule.
pub const SEMANTIC_ATTACHMENT_POINTS: &[AttachmentPoint] = &[
    point("send_decision", HANDLER, None, "whether a message goes, waits, is dropped, or carries another payload"),
    point("handle_recv", HANDLER, None, "what a receiver makes of a payload"),
    point("handle_choose", HANDLER, None, "which label a role chooses"),
    point("invoke_step", HANDLER, None, "operations of the host's interfaces; late answers need deferred_effects"),
    point("handle_acquire", HANDLER, Some(RuntimeCapability::Guards), "who gets a guard, and the evidence for it"),
    point("handle_release", HANDLER, Some(RuntimeCapability::Guards), "what happens when a guard is given back"),
    point(
        "output_condition_hint",
        HANDLER,
        Some(RuntimeCapability::OutputConditions),
        "which condition an output is to satisfy",
    ),
    point(
        "late_answers",
        "Runtime::complete",
        Some(RuntimeCapability::DeferredEffects),
        "the answer to an effect that the host took on",
    ),
    point(
        "flow_predicate",
        "FlowPolicy::Predicate",
        Some(RuntimeCapability::HostPredicates),
        "which knowledge may flow to whom",
    ),
    point("signing_keys", "Authentication::give", None, "the keys that messages are signed with"),
    point("ownership", "Runtime::own", None, "who owns a session, and what they may do with it"),
    point("topology", "Runtime::perturb", None, "which sites and links have failed"),
    point("time", "Runtime::advance", None, "how many ticks went by on the host's clock"),
    point("agreement", "Durable::agree", None, "how far an operation has been agreed on"),
];
