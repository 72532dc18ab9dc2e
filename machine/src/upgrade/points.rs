//! Where a coroutine can be met by another image: instructions that stand for themselves, at which nothing is half done.

use crate::image::CodeImage;
use crate::op::Op;
use crate::verify::{Typing, VerifyError};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use motet_types::{EffectRow, LayerId, Pc};

/// What a coroutine is about to do, as far as another image may have it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rest {
    /// What its type allows: send, receive, or choose.
    Communicates,
    /// An operation of the host, by its row in the image in whose numbering points are kept.
    Asks(u16),
    /// To acquire a guard.
    Guards(u16),
    /// To end.
    Ends,
}

impl Rest {
    /// What an instruction is about to do; none for whatever only works on registers, and so is in the middle of
    /// something.
    pub(super) const fn of(op: &Op) -> Option<Self> {
        match op {
            Op::Send(_) | Op::Receive(_) | Op::Choose { .. } | Op::Decide { .. } => Some(Self::Communicates),
            Op::Invoke { effect, .. } => Some(Self::Asks(effect.0)),
            Op::Acquire { layer, .. } => Some(Self::Guards(layer.0)),
            Op::Halt { .. } => Some(Self::Ends),
            _ => None,
        }
    }

    pub(super) const fn effect(self) -> Option<EffectRow> {
        match self {
            Self::Asks(row) => Some(EffectRow(row)),
            _ => None,
        }
    }

    pub(super) const fn layer(self) -> Option<LayerId> {
        match self {
            Self::Guards(layer) => Some(LayerId(layer)),
            _ => None,
        }
    }
}

/// An image with what verification knows of its instructions, and where its coroutines can be met.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) typing: Typing,
    /// By type state and what is about to be done: the instruction, none where there are several.
    at: BTreeMap<(u32, Rest), Option<Pc>>,
}

impl Points {
    pub(super) fn of(image: &CodeImage) -> Result<Self, VerifyError> {
        let typing = Typing::of(image)?;
        let mut at = BTreeMap::new();
        for (pc, op) in (0u32..).zip(&image.ops) {
            let pc = Pc(pc);
            let (Some(state), Some(rest)) = (typing.rests(pc), Rest::of(op)) else { continue };
            let met = at.entry((state, rest)).or_insert(Some(pc));
            // One end is as good as another.
            if *met != Some(pc) && rest != Rest::Ends {
                *met = None;
            }
        }
        Ok(Self { typing, at })
    }

    /// The one instruction at which a role in that state is about to do that; none inside when there are several.
    pub(super) fn find(&self, state: u32, rest: Rest) -> Option<Option<Pc>> {
        self.at.get(&(state, rest)).copied()
    }
}

/// The effects of one image that are those of another: by row, the other's row. An effect is its names, both sorts, and
/// whether it may block.
pub(super) fn same_effects(old: &CodeImage, new: &CodeImage) -> Vec<Option<u16>> {
    let same = |row: usize| {
        let (one, other) = (&old.parts.effects[row], &new.parts.effects);
        let found = other.iter().position(|part| {
            (&one.interface, &one.operation, one.may_block) == (&part.interface, &part.operation, part.may_block)
                && super::sorts_agree((old, one.argument), (new, part.argument))
                && super::sorts_agree((old, one.answer), (new, part.answer))
        });
        found.and_then(|row| u16::try_from(row).ok())
    };
    (0..old.parts.effects.len()).map(same).collect()
}
