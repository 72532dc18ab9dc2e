//! Planted faults: wrong code that a test build can switch on, to see that a test catches it.
//!
//! With the feature `planted` off, [`planted`] is a constant `false` and costs nothing. With it on, at most one
//! fault is active, chosen by [`plant`]. The table is the list of all of them; the mutation test walks it.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The faults that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Planted {
            $($(#[$doc])* $name,)*
        }

        impl Planted {
            /// All faults, in order.
            pub const ALL: &[Planted] = &[$(Planted::$name,)*];

            /// The name by which the environment chooses the fault.
            pub const fn name(self) -> &'static str {
                match self { $(Planted::$name => $text,)* }
            }
        }
    };
}

// FAULTS-TABLE
faults! {
    /// The image digest leaves out the code.
    ImageDigestSkipsCode = "image.digest_skips_code",
    /// A label may stand twice in one communication.
    CheckAllowsLabelTwice = "check.allows_label_twice",
    /// A role may stand in two parallel parts.
    CheckAllowsSharedRole = "check.allows_shared_role",
    /// Merging two receives keeps the labels of the first only.
    MergeUnionDropsBranch = "merge.union_drops_branch",
    /// Merging two sends keeps the labels of the first, whatever the second offers.
    MergeSendIgnoresLabels = "merge.send_ignores_labels",
    /// The end merges with everything.
    MergeEndAbsorbed = "merge.end_absorbed",
    /// A shared label need not carry the same sort.
    MergeIgnoresSort = "merge.ignores_sort",
    /// Messages of different partners merge.
    MergeIgnoresPartner = "merge.ignores_partner",
    /// The receiver of a communication is projected as if it took no part.
    ProjectReceiverAsOther = "project.receiver_as_other",
    /// A role that takes no part in a choice follows its first branch, unasked.
    ProjectFirstBranchOnly = "project.first_branch_only",
    /// A role's part of a parallel composition is not followed by what comes after.
    ProjectParDropsNext = "project.par_drops_next",
    /// A loop's body is kept without its binder.
    ProjectRecDropsBinder = "project.rec_drops_binder",
    /// Every arm of a decision offers the label of the first.
    EmitWrongLabel = "emit.wrong_label",
    /// The rows of a receiver's jump table stand in reverse order.
    EmitSwapsRows = "emit.swaps_rows",
    /// Every row of a receiver's jump table names the register of the first.
    EmitWrongRegister = "emit.wrong_register",
    /// Registers are not initialised.
    EmitSkipsPrologue = "emit.skips_prologue",
    /// A jump back goes to where the role is entered.
    EmitJumpsToEntry = "emit.jumps_to_entry",
}

#[cfg(feature = "planted")]
mod active {
    use super::Planted;
    use core::sync::atomic::{AtomicU32, Ordering};

    static ACTIVE: AtomicU32 = AtomicU32::new(u32::MAX);

    /// Makes `fault` the active one, or none.
    pub fn plant(fault: Option<Planted>) {
        ACTIVE.store(fault.map_or(u32::MAX, |f| f as u32), Ordering::SeqCst);
    }

    /// Whether `fault` is active.
    #[inline(always)]
    pub fn planted(fault: Planted) -> bool {
        ACTIVE.load(Ordering::Relaxed) == fault as u32
    }
}

#[cfg(not(feature = "planted"))]
mod active {
    use super::Planted;

    /// Whether `fault` is active: never, in this build.
    #[inline(always)]
    pub const fn planted(_fault: Planted) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
pub use active::plant;
pub use active::planted;
