//! The vocabulary of effects: kinds, failures, and what an effect interface promises.
//! Source of the rows and rules: the specification, sections 5.2 and 5.3.

/// The kinds of effects a machine can ask its host for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EffectKind {
    /// Whether and with which payload a message is sent.
    SendDecision = 0,
    /// A message was received.
    Receive = 1,
    /// Which label to send.
    Choose = 2,
    /// A host operation.
    InvokeStep = 3,
    /// A guard is wanted.
    Acquire = 4,
    /// A guard is given back.
    Release = 5,
    /// What happened to the network since the last tick.
    TopologyEvents = 6,
    /// The log must reach the disk.
    WalSync = 7,
    /// What an output must satisfy.
    OutputConditionHint = 8,
}

impl EffectKind {
    /// All kinds.
    pub const ALL: [EffectKind; 9] = [
        EffectKind::SendDecision,
        EffectKind::Receive,
        EffectKind::Choose,
        EffectKind::InvokeStep,
        EffectKind::Acquire,
        EffectKind::Release,
        EffectKind::TopologyEvents,
        EffectKind::WalSync,
        EffectKind::OutputConditionHint,
    ];

    /// The kind's name in traces and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            EffectKind::SendDecision => "send_decision",
            EffectKind::Receive => "handle_recv",
            EffectKind::Choose => "handle_choose",
            EffectKind::InvokeStep => "invoke_step",
            EffectKind::Acquire => "handle_acquire",
            EffectKind::Release => "handle_release",
            EffectKind::TopologyEvents => "topology_events",
            EffectKind::WalSync => "wal_sync",
            EffectKind::OutputConditionHint => "output_condition_hint",
        }
    }

    /// What the interface of this kind promises.
    pub const fn metadata(self) -> &'static EffectInterfaceMetadata {
        &BUILT_IN[self as usize]
    }
}

/// A set of effect kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EffectKinds(u16);

impl EffectKinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self(0x1ff);

    /// The set with `kind` added.
    #[must_use]
    pub const fn with(self, kind: EffectKind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Every kind of either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `kind` is in the set.
    #[inline(always)]
    pub const fn contains(self, kind: EffectKind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

/// Why an effect failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EffectFailureKind {
    /// Not allowed.
    Denied = 0,
    /// Took too long.
    Timeout = 1,
    /// Was cancelled.
    Cancelled = 2,
    /// The asker's authority had passed on.
    StaleAuthority = 3,
    /// The evidence did not hold.
    InvalidEvidence = 4,
    /// The service is not there.
    Unavailable = 5,
    /// The request made no sense to the host.
    InvalidInput = 6,
    /// The answer differs from the recorded one.
    Determinism = 7,
    /// The network was in the way.
    TopologyDisruption = 8,
    /// The host broke the effect's contract.
    ContractViolation = 9,
    /// Anything else.
    Unknown = 10,
}

impl EffectFailureKind {
    /// All kinds, in order of their codes.
    pub const ALL: [EffectFailureKind; 11] = [
        EffectFailureKind::Denied,
        EffectFailureKind::Timeout,
        EffectFailureKind::Cancelled,
        EffectFailureKind::StaleAuthority,
        EffectFailureKind::InvalidEvidence,
        EffectFailureKind::Unavailable,
        EffectFailureKind::InvalidInput,
        EffectFailureKind::Determinism,
        EffectFailureKind::TopologyDisruption,
        EffectFailureKind::ContractViolation,
        EffectFailureKind::Unknown,
    ];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            EffectFailureKind::Denied => "denied",
            EffectFailureKind::Timeout => "timeout",
            EffectFailureKind::Cancelled => "cancelled",
            EffectFailureKind::StaleAuthority => "stale_authority",
            EffectFailureKind::InvalidEvidence => "invalid_evidence",
            EffectFailureKind::Unavailable => "unavailable",
            EffectFailureKind::InvalidInput => "invalid_input",
            EffectFailureKind::Determinism => "determinism",
            EffectFailureKind::TopologyDisruption => "topology_disruption",
            EffectFailureKind::ContractViolation => "contract_violation",
            EffectFailureKind::Unknown => "unknown",
        }
    }
}

macro_rules! plain_enums {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl $name {
            /// The name in JSON.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    )*};
}

plain_enums! {
    /// What an answer is worth.
    AuthorityClass { Authoritative "authoritative", Command "command", Observe "observe", }
    /// How binding the operation is.
    SemanticClass { Authoritative "authoritative", Observational "observational", BestEffort "best_effort", }
    /// Whether agreement is needed.
    AgreementUse { None "none", Required "required", Forbidden "forbidden", }
    /// What the operation may touch.
    RegionScope { Session "session", Fragment "fragment", Global "global", }
    /// Who may use it.
    Admissibility { Always "always", DeclaredUseOnly "declared_use_only", InternalOnly "internal_only", }
    /// Whether it may wait.
    Totality { Immediate "immediate", MayBlock "may_block", }
    /// Its time limit.
    TimeoutPolicy { None "none", InheritOperationBudget "inherit_operation_budget", Required "required", }
    /// Whether it may be tried again.
    RetryShape { Forbidden "forbidden", Bounded3 "bounded", UntilTimeout "until_timeout", }
    /// Whether it may run inside itself.
    ReentrancyPolicy { Allow "allow", RejectSameOperation "reject_same_operation", RejectSameFragment "reject_same_fragment", }
    /// Who answers.
    HandlerDomain { Internal "internal", External "external", }
}

/// What an effect interface promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectInterfaceMetadata {
    /// The interface.
    pub interface_name: &'static str,
    /// The operation.
    pub operation_name: &'static str,
    /// What an answer is worth.
    pub authority_class: AuthorityClass,
    /// How binding the operation is.
    pub semantic_class: SemanticClass,
    /// Whether agreement is needed.
    pub agreement_use: AgreementUse,
    /// What it may touch.
    pub region_scope: RegionScope,
    /// Who may use it.
    pub admissibility: Admissibility,
    /// Whether it may wait.
    pub totality: Totality,
    /// Its time limit.
    pub timeout_policy: TimeoutPolicy,
    /// Whether it may be tried again.
    pub retry_shape: RetryShape,
    /// Whether it may run inside itself.
    pub reentrancy_policy: ReentrancyPolicy,
    /// Who answers.
    pub handler_domain: HandlerDomain,
}

impl EffectInterfaceMetadata {
    /// The first rule that the row breaks, if any.
    pub fn broken_rule(&self) -> Option<&'static str> {
        let no_timeout = self.timeout_policy == TimeoutPolicy::None;
        if self.semantic_class != SemanticClass::Authoritative && self.authority_class == AuthorityClass::Authoritative
        {
            Some("an observational or best-effort operation cannot be authoritative")
        } else if self.agreement_use == AgreementUse::Required
            && (self.authority_class == AuthorityClass::Observe || self.semantic_class == SemanticClass::Observational)
        {
            Some("an operation that needs agreement cannot be an observation")
        } else if self.totality == Totality::MayBlock && no_timeout {
            Some("an operation that may block needs a timeout")
        } else if self.retry_shape != RetryShape::Forbidden && no_timeout {
            Some("an operation that may be retried needs a timeout")
        } else if self.admissibility == Admissibility::InternalOnly && self.handler_domain != HandlerDomain::Internal {
            Some("an internal operation needs an internal handler")
        } else {
            None
        }
    }
}

const fn transport(operation_name: &'static str) -> EffectInterfaceMetadata {
    EffectInterfaceMetadata {
        interface_name: "Transport",
        operation_name,
        authority_class: AuthorityClass::Command,
        semantic_class: SemanticClass::BestEffort,
        agreement_use: AgreementUse::Forbidden,
        region_scope: RegionScope::Session,
        admissibility: Admissibility::DeclaredUseOnly,
        totality: Totality::Immediate,
        timeout_policy: TimeoutPolicy::None,
        retry_shape: RetryShape::Forbidden,
        reentrancy_policy: ReentrancyPolicy::Allow,
        handler_domain: HandlerDomain::External,
    }
}

const fn guard(
    operation_name: &'static str,
    totality: Totality,
    timeout_policy: TimeoutPolicy,
) -> EffectInterfaceMetadata {
    EffectInterfaceMetadata {
        interface_name: "Guard",
        operation_name,
        authority_class: AuthorityClass::Authoritative,
        semantic_class: SemanticClass::Authoritative,
        agreement_use: AgreementUse::Required,
        region_scope: RegionScope::Fragment,
        admissibility: Admissibility::DeclaredUseOnly,
        totality,
        timeout_policy,
        retry_shape: RetryShape::Forbidden,
        reentrancy_policy: ReentrancyPolicy::RejectSameFragment,
        handler_domain: HandlerDomain::External,
    }
}

const fn runtime(
    operation_name: &'static str,
    admissibility: Admissibility,
    handler_domain: HandlerDomain,
) -> EffectInterfaceMetadata {
    EffectInterfaceMetadata {
        interface_name: "Runtime",
        operation_name,
        admissibility,
        handler_domain,
        reentrancy_policy: ReentrancyPolicy::Allow,
        ..guard("", Totality::Immediate, TimeoutPolicy::None)
    }
}

const INVOKE: EffectInterfaceMetadata = EffectInterfaceMetadata {
    interface_name: "Runtime",
    region_scope: RegionScope::Fragment,
    timeout_policy: TimeoutPolicy::InheritOperationBudget,
    reentrancy_policy: ReentrancyPolicy::RejectSameOperation,
    ..transport("invoke")
};

/// The row of an operation that an image declares as one that may block: such an operation needs a timeout.
pub static INVOKE_MAY_BLOCK: EffectInterfaceMetadata =
    EffectInterfaceMetadata { totality: Totality::MayBlock, timeout_policy: TimeoutPolicy::Required, ..INVOKE };

/// The rows of the specification, in order of [`EffectKind`].
static BUILT_IN: [EffectInterfaceMetadata; 9] = [
    transport("sendDecision"),
    transport("handleRecv"),
    transport("handleChoose"),
    INVOKE,
    guard("acquire", Totality::MayBlock, TimeoutPolicy::Required),
    guard("release", Totality::Immediate, TimeoutPolicy::None),
    runtime("topologyEvents", Admissibility::InternalOnly, HandlerDomain::Internal),
    EffectInterfaceMetadata {
        interface_name: "Wal",
        admissibility: Admissibility::InternalOnly,
        retry_shape: RetryShape::Bounded3,
        handler_domain: HandlerDomain::Internal,
        ..guard("sync", Totality::MayBlock, TimeoutPolicy::Required)
    },
    runtime("outputConditionHint", Admissibility::DeclaredUseOnly, HandlerDomain::External),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_row_is_legal() {
        for kind in EffectKind::ALL {
            assert_eq!(kind.metadata().broken_rule(), None, "{}", kind.name());
        }
        assert_eq!(INVOKE_MAY_BLOCK.broken_rule(), None);
    }

    #[test]
    fn illegal_rows_are_named() {
        let row = EffectInterfaceMetadata { authority_class: AuthorityClass::Authoritative, ..transport("x") };
        assert!(row.broken_rule().is_some());
        let row = EffectInterfaceMetadata { totality: Totality::MayBlock, ..transport("x") };
        assert!(row.broken_rule().is_some());
        let row = EffectInterfaceMetadata { admissibility: Admissibility::InternalOnly, ..transport("x") };
        assert!(row.broken_rule().is_some());
        let row = EffectInterfaceMetadata { retry_shape: RetryShape::UntilTimeout, ..transport("x") };
        assert!(row.broken_rule().is_some());
        let row = EffectInterfaceMetadata {
            agreement_use: AgreementUse::Required,
            authority_class: AuthorityClass::Observe,
            ..transport("x")
        };
        assert!(row.broken_rule().is_some());
    }
}
