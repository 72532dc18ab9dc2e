//! Faults: what a program or its host did wrong. A fault is an event; it ends its session and names a side.

use crate::{EdgeId, LabelId, LayerId, Pc, RoleId, SessionId, SortId, ValType};
use alloc::string::String;

/// Stable fault classes and their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultClass {
    /// A value or action of the wrong type.
    Type = 1,
    /// A label that the type does not allow.
    Label = 2,
    /// An endpoint that the coroutine does not own.
    Channel = 3,
    /// A signature that does not verify.
    Verification = 4,
    /// A host effect that failed or broke its contract.
    Invoke = 5,
    /// A guard that could not be acquired or released.
    Acquire = 6,
    /// A transfer that was refused.
    Transfer = 7,
    /// A speculation that was refused.
    Speculation = 8,
    /// A close that was refused.
    Close = 9,
    /// Knowledge that may not flow.
    Flow = 10,
    /// A missing progress token.
    Progress = 11,
    /// An output condition that did not hold.
    OutputCondition = 12,
    /// A register that does not exist.
    Register = 13,
    /// A jump out of the program.
    Pc = 14,
    /// A full buffer whose policy is to fail.
    Buffer = 15,
    /// No credits left.
    Credits = 16,
    /// A site that crashed. The specification has no class for it.
    Topology = 17,
}

impl FaultClass {
    /// The stable code, `machine.fault.<x>`.
    pub const fn code(self) -> &'static str {
        match self {
            FaultClass::Type => "machine.fault.type",
            FaultClass::Label => "machine.fault.label",
            FaultClass::Channel => "machine.fault.channel",
            FaultClass::Verification => "machine.fault.verification",
            FaultClass::Invoke => "machine.fault.invoke",
            FaultClass::Acquire => "machine.fault.acquire",
            FaultClass::Transfer => "machine.fault.transfer",
            FaultClass::Speculation => "machine.fault.speculation",
            FaultClass::Close => "machine.fault.close",
            FaultClass::Flow => "machine.fault.flow",
            FaultClass::Progress => "machine.fault.progress",
            FaultClass::OutputCondition => "machine.fault.output_condition",
            FaultClass::Register => "machine.fault.register",
            FaultClass::Pc => "machine.fault.pc",
            FaultClass::Buffer => "machine.fault.buffer",
            FaultClass::Credits => "machine.fault.credits",
            FaultClass::Topology => "machine.fault.topology",
        }
    }

    /// The class behind its number in an event.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => FaultClass::Type,
            2 => FaultClass::Label,
            3 => FaultClass::Channel,
            4 => FaultClass::Verification,
            5 => FaultClass::Invoke,
            6 => FaultClass::Acquire,
            7 => FaultClass::Transfer,
            8 => FaultClass::Speculation,
            9 => FaultClass::Close,
            10 => FaultClass::Flow,
            11 => FaultClass::Progress,
            12 => FaultClass::OutputCondition,
            13 => FaultClass::Register,
            14 => FaultClass::Pc,
            15 => FaultClass::Buffer,
            16 => FaultClass::Credits,
            17 => FaultClass::Topology,
            _ => return None,
        })
    }
}

/// Why evidence does not release a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The text is no resource's id.
    #[error("it is no resource's id")]
    Malformed,
    /// The session has no such evidence: there is no such resource, or it is something else, or another session's.
    #[error("it is no guard's evidence of this session")]
    Foreign,
    /// It was consumed before: a guard is given back once.
    #[error("it was consumed before")]
    Consumed,
    /// It is the evidence of another layer's guard.
    #[error("it is the evidence of {0}")]
    OtherLayer(LayerId),
}

/// Why a message is not taken: it is not the one that was sent, or not in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Its number is not the edge's next.
    #[error("comm_replay.sequence_mismatch: the edge's next is {expected}")]
    SequenceMismatch {
        /// The next number.
        expected: u64,
    },
    /// It was received before.
    #[error("comm_replay.duplicate: it was received before")]
    Duplicate,
    /// It has no signature.
    #[error("verification.unsigned: it has no signature")]
    Unsigned,
    /// Its signature is of another message, edge, session or run, or by another key.
    #[error("verification.signature: its signature is not of this message")]
    Signature,
    /// It was sent and signed, but is not the edge's next.
    #[error("verification.out_of_place: the edge's next is {expected}")]
    OutOfPlace {
        /// The next number.
        expected: u64,
    },
}

impl MessageError {
    /// The stable tag, with which its text begins.
    pub const fn tag(&self) -> &'static str {
        match self {
            MessageError::SequenceMismatch { .. } => "comm_replay.sequence_mismatch",
            MessageError::Duplicate => "comm_replay.duplicate",
            MessageError::Unsigned => "verification.unsigned",
            MessageError::Signature => "verification.signature",
            MessageError::OutOfPlace { .. } => "verification.out_of_place",
        }
    }
}

/// Whose doing a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The role's program.
    Role(RoleId),
    /// The host's answer.
    Host,
    /// The site or the link, which is nobody's.
    Site,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The type at this point allows another action. A verified image cannot cause it.
    #[error("the local type does not allow this action here")]
    Action,
    /// A payload of the wrong type. A verified image cannot cause it.
    #[error("a payload of type {found:?} where the label {label} carries another")]
    Payload {
        /// The label.
        label: LabelId,
        /// What the register held.
        found: ValType,
    },
    /// A payload that a corrupted link has changed to another sort than its label's.
    #[error("what has arrived as the payload of {label} is a {found:?}: its link is corrupted")]
    Corrupted {
        /// The label.
        label: LabelId,
        /// What has arrived.
        found: ValType,
    },
    /// The coroutine's site crashed.
    #[error("the site {site} crashed")]
    Crashed {
        /// The site.
        site: String,
    },
    /// A received label that the type does not allow.
    #[error("{label} is not one of the labels that the type allows here")]
    UnknownLabel {
        /// The label.
        label: LabelId,
    },
    /// The coroutine does not own the endpoint.
    #[error("the coroutine does not own the endpoint of {role}")]
    ChannelClosed {
        /// Whose endpoint.
        role: RoleId,
    },
    /// The register does not hold an endpoint.
    #[error("a {found:?} where an endpoint is needed")]
    NoEndpoint {
        /// What it holds.
        found: ValType,
    },
    /// The register does not hold a text. A verified image cannot cause it.
    #[error("a {found:?} where a text is needed")]
    NoText {
        /// What it holds.
        found: ValType,
    },
    /// The endpoint is of a session that has been closed or is closing, or is not the coroutine's.
    #[error("the endpoint of {role} in {session} is closed, or not the coroutine's")]
    EndpointClosed {
        /// The session.
        session: SessionId,
        /// Whose endpoint.
        role: RoleId,
    },
    /// A value of another sort than the code says.
    #[error("a value of type {found:?} where one of {sort} was to be")]
    Cast {
        /// The sort.
        sort: SortId,
        /// What the register held.
        found: ValType,
    },
    /// A coroutine would end while an endpoint that it owns is not at its end.
    #[error("the coroutine ends and owns the endpoint of {role} in {session}, whose type is not at its end")]
    Unfinished {
        /// The session.
        session: SessionId,
        /// Whose endpoint.
        role: RoleId,
    },
    /// A coroutine that may not be started.
    #[error("the coroutine was not started: {reason}")]
    Spawn {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// An endpoint that may not change hands.
    #[error("the endpoint was not transferred: {reason}")]
    Transfer {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// Knowledge that may not grow, or may not flow where it would.
    #[error("the knowledge stays as it was: {reason}")]
    Flow {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// A session that may not be opened.
    #[error("the session was not opened: {reason}")]
    Open {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// A session that may not be closed.
    #[error("the session was not closed: {reason}")]
    Close {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// The host's answer was a failure, or broke the effect's contract.
    #[error("the host's answer to {effect} was refused: {kind:?}: {message}")]
    Invoke {
        /// The effect kind's name.
        effect: &'static str,
        /// The class of failure.
        kind: crate::EffectFailureKind,
        /// What the host said, or which rule it broke.
        message: String,
    },
    /// A guard that the host did not grant, or did not take back.
    #[error("the guard {layer} was refused: {kind:?}: {message}")]
    Acquire {
        /// The layer.
        layer: LayerId,
        /// The class of failure.
        kind: crate::EffectFailureKind,
        /// What the host said, or which rule was broken.
        message: String,
    },
    /// Evidence that does not release the guard.
    #[error("the evidence does not release the guard {layer}: {why}")]
    Evidence {
        /// The layer.
        layer: LayerId,
        /// Why.
        why: EvidenceError,
    },
    /// A register number that the coroutine does not have.
    #[error("there is no register {register}; the coroutine has {count}")]
    OutOfRegisters {
        /// The number asked for.
        register: u32,
        /// How many there are.
        count: u32,
    },
    /// A message that is not the one that was sent, or not in its place.
    #[error("message {sequence} of {sender} on {edge} of {session} was refused: {why}")]
    Verification {
        /// The session.
        session: SessionId,
        /// The edge.
        edge: EdgeId,
        /// Who sends on it, and so is to blame.
        sender: RoleId,
        /// The number that the message bears.
        sequence: u64,
        /// Why.
        why: MessageError,
    },
    /// A speculation that may not begin or go on.
    #[error("the speculation was refused: {reason}")]
    Speculation {
        /// Which rule it broke.
        reason: &'static str,
    },
    /// What the step would have made visible is not admitted. Nothing of it has happened.
    #[error("an output under the condition `{predicate}` is not admitted")]
    OutputCondition {
        /// The condition's name.
        predicate: String,
    },
    /// The coroutine cannot pay for its next instruction.
    #[error("of {budget} credits less is left than the {cost} that an instruction costs")]
    OutOfCredits {
        /// What it began with.
        budget: u64,
        /// What an instruction costs.
        cost: u64,
    },
    /// A position outside the role's code. A verified image cannot cause it.
    #[error("{pc} is outside the role's code")]
    PcOutOfBounds {
        /// The position.
        pc: Pc,
    },
    /// The edge was full and its policy is to fail, or a message was dropped where the type cannot bear it.
    #[error("{edge} could not take the message: {reason}")]
    BufferFull {
        /// The edge.
        edge: EdgeId,
        /// Which rule applied.
        reason: &'static str,
    },
}

impl Fault {
    /// Its stable class.
    pub const fn class(&self) -> FaultClass {
        match self {
            Fault::Action
            | Fault::Payload { .. }
            | Fault::Corrupted { .. }
            | Fault::NoEndpoint { .. }
            | Fault::NoText { .. }
            | Fault::Cast { .. }
            | Fault::Unfinished { .. } => FaultClass::Type,
            Fault::UnknownLabel { .. } => FaultClass::Label,
            Fault::ChannelClosed { .. } | Fault::EndpointClosed { .. } => FaultClass::Channel,
            // Opening and closing are one class, as the specification has it.
            Fault::Open { .. } | Fault::Close { .. } => FaultClass::Close,
            Fault::Invoke { .. } => FaultClass::Invoke,
            Fault::Acquire { .. } | Fault::Evidence { .. } => FaultClass::Acquire,
            // The specification has both as one class.
            Fault::Speculation { .. } | Fault::Spawn { .. } => FaultClass::Speculation,
            Fault::Transfer { .. } => FaultClass::Transfer,
            Fault::Flow { .. } => FaultClass::Flow,
            Fault::OutOfRegisters { .. } => FaultClass::Register,
            Fault::PcOutOfBounds { .. } => FaultClass::Pc,
            Fault::OutputCondition { .. } => FaultClass::OutputCondition,
            Fault::OutOfCredits { .. } => FaultClass::Credits,
            Fault::Verification { .. } => FaultClass::Verification,
            Fault::BufferFull { .. } => FaultClass::Buffer,
            Fault::Crashed { .. } => FaultClass::Topology,
        }
    }

    /// Whose doing it is, when `role` was running.
    pub const fn blame(&self, role: RoleId) -> Side {
        match self {
            Fault::Invoke { .. } | Fault::Acquire { .. } => Side::Host,
            Fault::Verification { sender, .. } => Side::Role(*sender),
            Fault::Corrupted { .. } | Fault::Crashed { .. } => Side::Site,
            _ => Side::Role(role),
        }
    }
}
