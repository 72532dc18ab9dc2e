//! Output conditions: what may become visible, and what is kept of each time that it was asked.
//!
//! How a step is checked is in `checked.rs`; here stand the policy, the host's hint and the record of a check.

use crate::machine::ProtocolMachine;
use crate::trace::TraceReader;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{
    CoroutineId, Digest, Digester, EventKind, Planted, Reader, SessionId, Tick, bytes_from_hex, planted,
};
use serde::{Deserialize, Serialize};

/// The predicate of an output of which the host says nothing.
pub const OBSERVABLE_OUTPUT: &str = "protocol_machine.observable_output";

/// The most bytes of a predicate's name, and of a witness's.
pub const MAX_PREDICATE_BYTES: usize = 256;

/// Which steps may become visible. A step is visible if it tells events.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputConditionPolicy {
    /// Nothing is checked: free.
    #[default]
    Disabled,
    /// Every step is checked, and passes.
    AllowAll,
    /// Every step is checked, and none passes.
    DenyAll,
    /// Every step is checked, and passes if its predicate is one of these.
    AllowList(Vec<String>),
}

/// Whether a text can be the name of a predicate or of a witness: it has at least one byte, no more than
/// [`MAX_PREDICATE_BYTES`], and no control character.
fn is_name(text: &str) -> bool {
    (1..=MAX_PREDICATE_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl OutputConditionPolicy {
    /// Whether steps are checked.
    pub const fn is_on(&self) -> bool {
        !matches!(self, Self::Disabled)
    }

    /// Whether a check can fail.
    pub(crate) const fn refuses(&self) -> bool {
        matches!(self, Self::DenyAll | Self::AllowList(_))
    }

    /// Whether an output with this predicate passes.
    pub fn admits(&self, predicate: &str) -> bool {
        match self {
            Self::Disabled | Self::AllowAll => true,
            Self::DenyAll => planted(Planted::OutputsDenyAllows),
            Self::AllowList(predicates) => predicates.iter().any(|one| one == predicate),
        }
    }

    /// Why no machine can have it.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        let Self::AllowList(predicates) = self else { return Ok(()) };
        let mut seen = BTreeSet::new();
        if !predicates.iter().all(|one| is_name(one)) {
            return Err("a predicate that is empty, too long, or has control characters");
        }
        if !predicates.iter().all(|one| seen.insert(one)) {
            return Err("a predicate twice");
        }
        Ok(())
    }

    /// Appends it.
    pub(crate) fn encode(&self, into: &mut impl Digester) {
        into.u8(match self {
            Self::Disabled => 0,
            Self::AllowAll => 1,
            Self::DenyAll => 2,
            Self::AllowList(_) => 3,
        });
        if let Self::AllowList(predicates) = self {
            into.u32(predicates.len() as u32);
            predicates.iter().for_each(|one| into.str(one));
        }
    }

    /// Reads what [`OutputConditionPolicy::encode`] wrote.
    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.u8()? {
            0 => Self::Disabled,
            1 => Self::AllowAll,
            2 => Self::DenyAll,
            3 => {
                let mut predicates = Vec::new();
                for _ in 0..from.u32()? {
                    predicates.push(from.str()?.into());
                }
                Self::AllowList(predicates)
            }
            _ => return None,
        })
    }
}

/// What a host says of an output: which condition it is to satisfy, and what speaks for its doing so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConditionHint {
    /// The condition's name, at most [`MAX_PREDICATE_BYTES`] bytes without control characters.
    pub predicate: String,
    /// The name of what speaks for it, of the same form.
    pub witness: Option<String>,
}

impl OutputConditionHint {
    /// Whether both are names.
    pub(crate) fn is_sound(&self) -> bool {
        is_name(&self.predicate) && self.witness.as_deref().is_none_or(is_name)
    }
}

/// One check: what was to become visible, under which condition, and whether it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputCheck {
    /// The tick of the wave whose commit made it known.
    pub tick: Tick,
    /// The island's main session, whichever of its sessions the step was about.
    pub session: SessionId,
    /// Whose step it was.
    pub coroutine: CoroutineId,
    /// The condition.
    pub predicate_ref: String,
    /// What was said to speak for it.
    pub witness_ref: Option<String>,
    /// What the step told and sent; see `docs/output-conditions.md` for its bytes.
    pub output_digest: Digest,
    /// Whether it became visible.
    pub passed: bool,
}

impl OutputCheck {
    /// Bytes that its texts hold.
    pub(crate) fn text_bytes(&self) -> usize {
        self.predicate_ref.capacity() + self.witness_ref.as_ref().map_or(0, String::capacity)
    }
}

/// The text that the event of a check is about: the digest in hexadecimal, the predicate, and behind a line's end the
/// witness.
pub(crate) fn spell(digest: &Digest, hint: &OutputConditionHint) -> String {
    let witness = hint.witness.as_ref().map_or_else(String::new, |witness| format!("\n{witness}"));
    format!("{digest}{}{witness}", hint.predicate)
}

/// What the text of an `OutputConditionChecked` event says: digest, predicate and witness. None if it is no such text.
pub fn read_output_check(text: &str) -> Option<(Digest, &str, Option<&str>)> {
    let (digest, rest) = text.split_at_checked(64)?;
    let digest = Digest(bytes_from_hex(digest)?);
    let (predicate, witness) = match rest.split_once('\n') {
        Some((predicate, witness)) => (predicate, Some(witness)),
        None => (rest, None),
    };
    (is_name(predicate) && witness.is_none_or(is_name)).then_some((digest, predicate, witness))
}

impl ProtocolMachine {
    /// Keeps the checks that a chunk's events tell of.
    #[cold]
    pub(crate) fn keep_checks(&mut self, events: &[u8]) {
        let limit = self.config.max_output_checks;
        if limit == 0 || planted(Planted::OutputsForgotten) {
            return;
        }
        let mut reader = TraceReader::new(events);
        while let Some(Ok(at)) = reader.next() {
            if at.event.kind == EventKind::OutputConditionChecked
                && let Some((output_digest, predicate, witness)) = read_output_check(reader.text())
            {
                let (predicate_ref, witness_ref) = (predicate.into(), witness.map(String::from));
                let (tick, session, coroutine) = (at.tick, at.session, at.event.coroutine);
                let passed = at.event.detail == 1;
                let check = OutputCheck { tick, session, coroutine, predicate_ref, witness_ref, output_digest, passed };
                self.checks.keep(check, limit);
            }
        }
    }

    /// Takes the checks of outputs that were made known since they were last taken, in commit order, and how many more there
    /// were than [`max_output_checks`](crate::ProtocolMachineConfig::max_output_checks) allows.
    pub fn drain_output_checks(&mut self) -> (Vec<OutputCheck>, u64) {
        self.checks.take()
    }
}
