//! How a composition's members may change while a bundle is part of it.

/// How members may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconfigurationPolicy {
    /// Whether they may change at all.
    pub dynamic_membership: bool,
    /// Whether some must stay, where there are any.
    pub overlap_required: bool,
}

/// Why a policy does not let members change so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconfigurationRefusal {
    /// They may not change at all.
    #[error("members may not change: dynamic_membership is off")]
    Fixed,
    /// Nobody stays.
    #[error("members before and behind must overlap, and nobody stays")]
    NoOverlap,
}

impl ReconfigurationPolicy {
    /// Whether members may change from those before to those behind.
    ///
    /// # Errors
    /// [`ReconfigurationRefusal`].
    pub fn allows<T: Ord>(&self, before: &[T], behind: &[T]) -> Result<(), ReconfigurationRefusal> {
        let sorted = |members: &[T]| -> Vec<usize> {
            let mut places: Vec<usize> = (0..members.len()).collect();
            places.sort_by(|a, b| members[*a].cmp(&members[*b]));
            places
        };
        let (left, right) = (sorted(before), sorted(behind));
        let same = left.len() == right.len() && left.iter().zip(&right).all(|(a, b)| before[*a] == behind[*b]);
        if same {
            return Ok(());
        }
        if !self.dynamic_membership {
            return Err(ReconfigurationRefusal::Fixed);
        }
        if self.overlap_required && !before.is_empty() && !before.iter().any(|member| behind.contains(member)) {
            return Err(ReconfigurationRefusal::NoOverlap);
        }
        Ok(())
    }
}
