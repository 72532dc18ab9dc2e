//! What is known on a path, at an instruction, and what is left of it where paths meet.

use alloc::vec::Vec;
use motet_types::{Planted, SortId, planted};

/// What a register is known to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A value of the sort.
    Sort(SortId),
    /// Unit, whether or not the image has a sort for it: what registers start with, and what values of that sort
    /// are.
    Unit,
    /// The role's own endpoint, which its coroutine owns.
    Own,
    /// An endpoint of some session of the island; whose, and who owns it, only the step knows.
    Endpoint,
    /// Something.
    Unknown,
}

/// What the host has decided and not yet been obeyed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    /// Nothing: the code may choose the label itself.
    Nothing,
    /// This label.
    Label(u16),
    /// Different things on different paths: no label obeys them all.
    Mixed,
}

/// A speculation that has begun on the way, and what was known when it did: what will be known when it is undone.
#[derive(Clone, Debug)]
pub(super) struct Forked {
    /// The instruction that began it.
    pub(super) pc: u32,
    pub(super) state: u32,
    pub(super) owns: bool,
    pub(super) decided: Decided,
    pub(super) registers: Vec<Held>,
}

#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) state: u32,
    /// Whether the coroutine surely owns its role's endpoint. If not, `state` says nothing.
    pub(super) owns: bool,
    pub(super) decided: Decided,
    pub(super) registers: Vec<Held>,
    /// The speculations that are open, the innermost last.
    pub(super) forks: Vec<Forked>,
}

impl Known {
    /// Whether the host has decided nothing that the code has yet to obey.
    pub(super) fn decides_nothing(&self) -> bool {
        self.decided == Decided::Nothing
    }

    pub(super) fn size(&self) -> usize {
        1 + self.registers.len() + self.forks.iter().map(|fork| fork.registers.len()).sum::<usize>()
    }
}

/// Registers about which two paths differ become unknown, or just some endpoint; whether any did.
pub(super) fn join(old: &mut [Held], new: Vec<Held>) -> bool {
    let mut changed = false;
    for (old, new) in old.iter_mut().zip(new) {
        let both = match (*old, new) {
            (old, new) if old == new => old,
            (Held::Own | Held::Endpoint, Held::Own | Held::Endpoint) => Held::Endpoint,
            _ => Held::Unknown,
        };
        if *old != both && !planted(Planted::VerifyJoinRegisters) {
            *old = both;
            changed = true;
        }
    }
    changed
}
