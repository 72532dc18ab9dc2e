//! Effects: how a machine asks its host.
//!
//! There is one method, [`EffectHandler::handle_effect`]. Requests borrow from the session; nothing is copied to ask.
//! A handler names the kinds it wants; the machine answers the others itself, at no cost: messages are sent as they
//! are and received as they come. A choice has no such answer, so a protocol with choices needs a handler that wants
//! [`EffectKind::Choose`].

use crate::ext::{Ext, Payload, ValueRef, view};
use crate::image::CodeImage;
use crate::op::Comm;
use crate::outcome::EffectOutcome;
use alloc::format;
use alloc::string::String;
use core::fmt;
use motet_types::{
    CoroutineId, Digest, Digester, EffectInterfaceMetadata, EffectKind, EffectKinds, EffectPart, EffectRow,
    INVOKE_MAY_BLOCK, LabelId, LayerId, Reg, RoleId, SessionId, Tick, Totality, bytes_from_hex,
};
use serde::{Deserialize, Serialize};

/// What tells two deployments apart: the host's, or a fresh one that the log keeps.
///
/// As text it is 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(pub [u8; 16]);

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for RunId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        bytes_from_hex(&text).map(Self).ok_or("a run id has 32 hexadecimal digits")
    }
}

/// Where an effect was asked for. Equal in equal runs, whatever the run id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectCoordinate {
    /// The session.
    pub session: SessionId,
    /// The coroutine.
    pub coroutine: CoroutineId,
    /// How many effects the coroutine had asked for before.
    pub counter: u32,
}

impl EffectCoordinate {
    /// The effect's id in a run: the idempotency key to hand to the outside world. A replay or a recovery of the
    /// run uses the same id; no other run does.
    pub fn effect_id(&self, run: &RunId) -> EffectId {
        let mut hasher = blake3::Hasher::new();
        hasher.str("motet.effect");
        hasher.bytes(&run.0);
        hasher.u64(self.session.0);
        hasher.u16(self.coroutine.0);
        hasher.u32(self.counter);
        EffectId(Digest(*hasher.finalize().as_bytes()))
    }
}

impl fmt::Display for EffectCoordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.session, self.coroutine, self.counter)
    }
}

/// The idempotency key of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub Digest);

/// The registers of the asking coroutine, borrowed.
#[derive(Clone, Copy)]
pub struct Registers<'a> {
    pub(crate) session: SessionId,
    pub(crate) tags: &'a [u64],
    pub(crate) words: &'a [u64],
    pub(crate) ext: Option<&'a Ext>,
}

impl<'a> Registers<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// A register's value, when there is such a register.
    pub fn get(&self, register: Reg) -> Option<ValueRef<'a>> {
        let word = *self.words.get(register.index())?;
        let tag = (self.tags[register.index() / 8] >> (register.index() % 8 * 8)) as u8;
        Some(view(self.ext, self.session, tag, word))
    }
}

/// The labels a role may choose between, in the order of its type.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    pub(crate) rows: &'a [Comm],
}

impl<'a> Labels<'a> {
    /// How many there are; at least one.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none; never, in a request.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The label at a position.
    pub fn get(&self, at: usize) -> Option<LabelId> {
        self.rows.get(at).map(|row| row.label)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = LabelId> + 'a {
        self.rows.iter().map(|row| row.label)
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
pub enum EffectRequestBody<'a> {
    /// Whether to send, and what.
    SendDecision {
        /// The receiver.
        partner: RoleId,
        /// The label.
        label: LabelId,
        /// What the program would send.
        payload: Payload<'a>,
    },
    /// A message has come.
    Receive {
        /// The sender.
        partner: RoleId,
        /// The label.
        label: LabelId,
        /// What came.
        payload: Payload<'a>,
    },
    /// Which label to send.
    Choose {
        /// The receiver.
        partner: RoleId,
        /// The labels to choose from.
        labels: Labels<'a>,
    },
    /// A host operation.
    InvokeStep {
        /// Its row in the image's effect table.
        effect: EffectRow,
        /// Its argument.
        argument: Payload<'a>,
    },
    /// A guard is wanted.
    Acquire {
        /// Which.
        layer: LayerId,
    },
    /// A guard is given back.
    Release {
        /// Which.
        layer: LayerId,
        /// What the host had granted it with.
        evidence: Payload<'a>,
        /// The heap resource that the evidence is; it will be consumed.
        resource: &'a Digest,
    },
    /// Which condition a step's output is to satisfy. The step has been taken and is not visible yet.
    OutputConditionHint {
        /// The digest of what it told and sent.
        output: &'a Digest,
    },
}

/// What a request says, borrowed from the session that asks.
pub struct Asked<'a> {
    /// Where it was asked for.
    pub coordinate: EffectCoordinate,
    /// The session that it is about: the coordinate's, or one that instructions of its island opened.
    pub session: SessionId,
    /// The asking role.
    pub role: RoleId,
    /// The machine's tick.
    pub tick: Tick,
    /// What is asked for.
    pub body: EffectRequestBody<'a>,
    /// The asking coroutine's registers; empty when the effect was deferred, since the coroutine then waits.
    pub state: Registers<'a>,
    /// That session's image, for names.
    pub image: &'a CodeImage,
    /// The run, for the effect's id.
    pub run: &'a RunId,
}

/// A request: one reference, so that handing it on costs nothing. Read it like an [`Asked`].
#[derive(Clone, Copy)]
pub struct EffectRequest<'a>(pub(crate) &'a Asked<'a>);

impl<'a> core::ops::Deref for EffectRequest<'a> {
    type Target = Asked<'a>;

    #[inline(always)]
    fn deref(&self) -> &Asked<'a> {
        self.0
    }
}

impl Asked<'_> {
    /// The kind of effect.
    pub const fn kind(&self) -> EffectKind {
        match self.body {
            EffectRequestBody::SendDecision { .. } => EffectKind::SendDecision,
            EffectRequestBody::Receive { .. } => EffectKind::Receive,
            EffectRequestBody::Choose { .. } => EffectKind::Choose,
            EffectRequestBody::InvokeStep { .. } => EffectKind::InvokeStep,
            EffectRequestBody::Acquire { .. } => EffectKind::Acquire,
            EffectRequestBody::Release { .. } => EffectKind::Release,
            EffectRequestBody::OutputConditionHint { .. } => EffectKind::OutputConditionHint,
        }
    }

    /// The effect's idempotency key. It is computed when asked for.
    pub fn effect_id(&self) -> EffectId {
        self.coordinate.effect_id(self.run)
    }

    /// What the interface of this kind promises; of an operation that may block, that it may.
    pub fn metadata(&self) -> &'static EffectInterfaceMetadata {
        match self.operation() {
            Some(operation) if operation.may_block => &INVOKE_MAY_BLOCK,
            _ => self.kind().metadata(),
        }
    }

    /// The asking role's name.
    pub fn role_name(&self) -> &str {
        self.image.role_name(self.role)
    }

    /// The row of the effect table behind an `InvokeStep`.
    pub fn operation(&self) -> Option<&EffectPart> {
        match self.body {
            EffectRequestBody::InvokeStep { effect, .. } => self.image.effects().get(effect.index()),
            _ => None,
        }
    }

    /// Whether the host may block, or answer later: such an effect is asked outside the wave.
    pub fn may_block(&self) -> bool {
        self.metadata().totality == Totality::MayBlock
    }

    /// The handler that the session's owner named: of the edge that a message goes over, else of the session; none in a
    /// session that an instruction opened. The
    /// machine asks the host either way; whom the host asks is the host's.
    pub fn bound_handler(&self) -> Option<&str> {
        if self.session != self.coordinate.session {
            return None;
        }
        let bindings = self.state.ext?.ownership.as_ref()?.bindings();
        let ends = match self.body {
            EffectRequestBody::SendDecision { partner, .. } | EffectRequestBody::Choose { partner, .. } => {
                Some((self.role, partner))
            }
            EffectRequestBody::Receive { partner, .. } => Some((partner, self.role)),
            EffectRequestBody::InvokeStep { .. }
            | EffectRequestBody::Acquire { .. }
            | EffectRequestBody::Release { .. }
            | EffectRequestBody::OutputConditionHint { .. } => None,
        };
        let of_edge = bindings.handlers.iter().find(|(edge, _)| {
            let row = self.image.edge(**edge).map(|row| (RoleId(row.sender), RoleId(row.receiver)));
            row == ends && ends.is_some()
        });
        of_edge.map(|(_, handler)| handler).or(bindings.default_handler.as_ref()).map(|handler| handler.as_str())
    }

    /// What the request is about, as a number that a recording keeps: partner and label, the effect's row, the
    /// guard's layer, or the first bytes of the output's digest. A replay that asks about something else has diverged.
    pub fn subject(&self) -> u32 {
        let pair = |partner: RoleId, label: LabelId| u32::from(partner.0) << 16 | u32::from(label.0);
        match self.body {
            EffectRequestBody::SendDecision { partner, label, .. }
            | EffectRequestBody::Receive { partner, label, .. } => pair(partner, label),
            EffectRequestBody::Choose { partner, labels } => pair(partner, labels.get(0).unwrap_or_default()),
            EffectRequestBody::InvokeStep { effect, .. } => u32::from(effect.0),
            EffectRequestBody::Acquire { layer } | EffectRequestBody::Release { layer, .. } => u32::from(layer.0),
            EffectRequestBody::OutputConditionHint { output: Digest([a, b, c, d, ..]) } => {
                u32::from_le_bytes([*a, *b, *c, *d])
            }
        }
    }
}

/// A host's behaviour.
///
/// Immediate effects are asked inside a burst, on whichever thread holds the session: answer from the request and
/// from state kept per session and role, touch nothing outside, and never call the machine. Effects that may block
/// are asked outside the wave, after it has been committed.
pub trait EffectHandler: Send + Sync {
    /// A name for traces: the same handler must serve a whole run.
    fn identity(&self) -> &str {
        "host"
    }

    /// The kinds this handler wants to be asked about. It must not change during a run.
    fn wants(&self) -> EffectKinds;

    /// Answers a request.
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome;
}

impl<H: EffectHandler + ?Sized> EffectHandler for &H {
    fn identity(&self) -> &str {
        (**self).identity()
    }
    fn wants(&self) -> EffectKinds {
        (**self).wants()
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        (**self).handle_effect(request)
    }
}

impl<H: EffectHandler + ?Sized> EffectHandler for alloc::sync::Arc<H> {
    fn identity(&self) -> &str {
        (**self).identity()
    }
    fn wants(&self) -> EffectKinds {
        (**self).wants()
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        (**self).handle_effect(request)
    }
}

/// A host that wants nothing: every effect has the machine's own answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl EffectHandler for NoHost {
    fn identity(&self) -> &str {
        "none"
    }
    #[inline(always)]
    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE
    }
    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        EffectOutcome::accept(request.kind())
    }
}
