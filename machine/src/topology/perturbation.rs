//! What may happen to sites and links, as the host says it.

use alloc::string::String;
use alloc::vec::Vec;
use motet_types::{Digester, Reader};
use serde::{Deserialize, Serialize};

/// How payloads are changed on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CorruptionType {
    /// One bit is the other way round: of a number the one that its message's number says, of a text the lowest of the
    /// byte that it says. A text that is none any more is lost.
    BitFlip = 0,
    /// The end is missing: the upper half of a number, the second half of a text, the second part of a pair. Of a truth
    /// value nothing is left.
    Truncation = 1,
    /// Nothing is left.
    PayloadErase = 2,
}

impl CorruptionType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BitFlip, Self::Truncation, Self::PayloadErase];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BitFlip => "bit_flip",
            Self::Truncation => "truncation",
            Self::PayloadErase => "payload_erase",
        }
    }
}

/// Who ends when a site has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancellation {
    /// Coroutines at a crashed site fault. A coroutine that waits on a failed one, and for which nothing is queued, is
    /// cancelled; so is whoever waits on that one. The others go on.
    #[default]
    Fine,
    /// Every session that has a crashed role faults as a whole. Nobody is cancelled.
    Coarse,
}

impl Cancellation {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Coarse => "coarse",
        }
    }
}

/// Something that happens to a site or a link. Sites are roles' names; a name that no session has means nobody.
///
/// Perturbations are in order by kind as declared, then by names: that is the order in which those that come in together
/// are taken. In JSON the kind is a field, `{"kind":"crash","site":"B"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TopologyPerturbation {
    /// The site is gone, for good.
    Crash {
        /// Which.
        site: String,
    },
    /// Nothing can be sent from one site to the other any more. What was sent arrives.
    Partition {
        /// The senders' site.
        from: String,
        /// The receivers' site.
        to: String,
    },
    /// The link is whole again: neither cut nor corrupted.
    Heal {
        /// The senders' site.
        from: String,
        /// The receivers' site.
        to: String,
    },
    /// What is sent from one site to the other is changed on its way, until the link is healed.
    Corrupt {
        /// The senders' site.
        from: String,
        /// The receivers' site.
        to: String,
        /// How.
        corruption: CorruptionType,
    },
    /// The site counts as failed for some ticks: nothing can be sent to it or by it meanwhile.
    Timeout {
        /// Which.
        site: String,
        /// How many ticks; at least one passes.
        duration: u64,
    },
}

const CRASH: u8 = 0;
const PARTITION: u8 = 1;
const HEAL: u8 = 2;
const CORRUPT: u8 = 3;
const TIMEOUT: u8 = 4;

impl TopologyPerturbation {
    /// The site that fails, if one does.
    pub fn fails(&self) -> Option<&str> {
        match self {
            Self::Crash { site } | Self::Timeout { site, .. } => Some(site),
            _ => None,
        }
    }

    /// The link that it is about, if it is about one.
    pub fn link(&self) -> Option<(&str, &str)> {
        match self {
            Self::Partition { from, to } | Self::Heal { from, to } | Self::Corrupt { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }

    /// Appends the perturbation, for the tape.
    pub fn encode(&self, into: &mut impl Digester) {
        let mut link = |kind: u8, from: &str, to: &str| {
            into.u8(kind);
            into.str(from);
            into.str(to);
        };
        match self {
            Self::Crash { site } => {
                into.u8(CRASH);
                into.str(site);
            }
            Self::Partition { from, to } => link(PARTITION, from, to),
            Self::Heal { from, to } => link(HEAL, from, to),
            Self::Corrupt { from, to, corruption } => {
                link(CORRUPT, from, to);
                into.u8(*corruption as u8);
            }
            Self::Timeout { site, duration } => {
                into.u8(TIMEOUT);
                into.str(site);
                into.u64(*duration);
            }
        }
    }

    /// Reads what [`TopologyPerturbation::encode`] wrote.
    pub fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let kind = from.u8()?;
        let first = String::from(from.str()?);
        Some(match kind {
            CRASH => Self::Crash { site: first },
            TIMEOUT => Self::Timeout { site: first, duration: from.u64()? },
            PARTITION => Self::Partition { from: first, to: from.str()?.into() },
            HEAL => Self::Heal { from: first, to: from.str()?.into() },
            CORRUPT => Self::Corrupt { from: first, to: from.str()?.into(), corruption: corruption(from)? },
            _ => return None,
        })
    }
}

pub(super) fn corruption(from: &mut Reader<'_>) -> Option<CorruptionType> {
    CorruptionType::ALL.get(usize::from(from.u8()?)).copied()
}

/// Perturbations that come in together, in their order and each once.
pub(super) fn ordered(perturbations: &[TopologyPerturbation]) -> Vec<TopologyPerturbation> {
    let mut list = perturbations.to_vec();
    if !motet_types::planted(motet_types::Planted::TopologyAsItComes) {
        list.sort();
    }
    list.dedup();
    list
}
