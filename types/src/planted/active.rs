//! Which fault is active.

use super::Planted;

#[cfg(feature = "planted")]
mod chosen {
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
mod chosen {
    use super::Planted;

    /// Whether `fault` is active: never, in this build.
    #[inline(always)]
    pub const fn planted(_fault: Planted) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
pub use chosen::plant;
pub use chosen::planted;
