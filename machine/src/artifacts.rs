//! What is kept for the host until it takes it, up to a limit.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use motet_types::{Planted, planted};

/// Records that nobody has taken, as many as the configuration keeps, and how many went before them.
#[derive(Debug)]
pub(crate) struct Artifacts<T> {
    kept: VecDeque<T>,
    lost: u64,
}

impl<T> Default for Artifacts<T> {
    fn default() -> Self {
        Self { kept: VecDeque::new(), lost: 0 }
    }
}

impl<T> Artifacts<T> {
    /// Keeps one more; the oldest goes when there are more than `limit`.
    pub(crate) fn keep(&mut self, artifact: T, limit: u32) {
        self.keep_all(artifact, limit, |_| 1);
    }

    /// The same, where one stands for several.
    #[inline]
    pub(crate) fn keep_all(&mut self, artifact: T, limit: u32, count: impl Fn(&T) -> u64) {
        self.kept.push_back(artifact);
        if self.kept.len() > limit as usize && !planted(Planted::ArtifactsUnbounded) {
            self.lost += self.kept.pop_front().map_or(0, |oldest| count(&oldest));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Bytes that they hold, without what they point to.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<T>()
    }

    /// Those that are kept, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }

    /// How many were lost since they were last taken.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Takes them, and how many were lost since the last time.
    pub(crate) fn take(&mut self) -> (Vec<T>, u64) {
        (core::mem::take(&mut self.kept).into(), core::mem::take(&mut self.lost))
    }
}
