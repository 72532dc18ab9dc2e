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
