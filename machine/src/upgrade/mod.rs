//! Moving a session that has begun to another image.
//!
//! A session may move where every role can go on in a state of the new type that may stand where its old state is
//! expected ([`motet_types::Subtyping`]), and where its coroutine can be met there: about to communicate, to ask the same
//! effect, to acquire the same guard, or to end. Registers are carried over by the sorts of what they hold, messages in
//! flight by what their labels say. What is made so is held against the new image exactly as bytes from outside are.
//!
//! One function decides and moves, so that nothing moves that was not decided, and nothing is decided that could not
//! move.

mod carry;
mod install;
mod obstacle;
mod points;
mod target;

pub use install::{GivenUp, UpgradeOutcome, UpgradePlans, UpgradeRefusal};
pub use obstacle::{UpgradeDecision, UpgradeObstacle};

use crate::image::CodeImage;
use crate::images::same_sort;
use crate::outbox::{Ask, Wanted};
use crate::state::decode::SessionState;
use crate::state::examine::examine;
use crate::state::rebuild::{Home, rebuild};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use motet_types::SortId;
use points::Points;
use target::Targets;

/// Which relation must hold between a role's new type and the state that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeMode {
    /// The same phases of inputs and outputs with the same labels: [`motet_types::SubtypeMode::Conservative`].
    Conservative,
    /// Asynchronous subtyping: [`motet_types::SubtypeMode::Full`].
    #[default]
    Full,
}

/// What an upgrade may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeOptions {
    /// How types are compared.
    pub mode: UpgradeMode,
    /// Whether a session in which every role stands at the beginning of its type, and nothing is in flight, may move to the
    /// beginning of any new type. All its roles move at once, so nobody in it meets the difference; only its host may.
    pub at_start: bool,
}

/// The upgrade of one image's sessions to another image: what is worked out once for all of them.
#[derive(Debug)]
pub struct UpgradePlan {
    old: Arc<CodeImage>,
    new: Arc<CodeImage>,
    options: UpgradeOptions,
    targets: Targets,
    from: Points,
    to: Points,
    /// By the old image's rows: the new image's.
    labels: Vec<Option<u16>>,
    edges: Vec<Option<u16>>,
    effects: Vec<Option<u16>>,
}

/// Whether two labels have one name and one sort.
fn labels_agree(old: (&CodeImage, u16), new: (&CodeImage, u16)) -> bool {
    let part = |(image, at): (&'_ CodeImage, u16)| image.parts.labels.get(usize::from(at)).map(|label| label.sort);
    let name = |(image, at): (&CodeImage, u16)| image.parts.labels.get(usize::from(at)).map(|label| label.name.clone());
    match (part(old), part(new)) {
        (Some(one), Some(other)) => name(old) == name(new) && sorts_agree((old.0, one), (new.0, other)),
        _ => false,
    }
}

/// Whether rows of two images' tables of sorts say the same sort.
fn sorts_agree(old: (&CodeImage, u16), new: (&CodeImage, u16)) -> bool {
    same_sort((&old.0.sorts, SortId(old.1)), (&new.0.sorts, SortId(new.1)))
}

/// For each of so many rows the first of so many others that agrees.
fn rows(count: usize, others: usize, agree: impl Fn(u16, u16) -> bool) -> Vec<Option<u16>> {
    let number = |at: usize| u16::try_from(at).ok();
    let row = |at: usize| (0..others).filter_map(number).find(|other| number(at).is_some_and(|at| agree(at, *other)));
    (0..count).map(row).collect()
}

impl UpgradePlan {
    /// Compares two images. Types are compared when a session is first met in their states.
    ///
    /// # Errors
    /// The roles are others: an upgrade keeps who takes part, and in which order, because effects are named by it.
    pub fn new(old: Arc<CodeImage>, new: Arc<CodeImage>, options: UpgradeOptions) -> Result<Self, UpgradeRefusal> {
        let names =
            |image: &CodeImage| -> Vec<String> { image.parts.roles.iter().map(|role| role.name.clone()).collect() };
        let (olds, news) = (names(&old), names(&new));
        if olds != news {
            return Err(UpgradeRefusal::Roles { old: olds.join(", "), new: news.join(", ") });
        }
        let (one, other) = (&old.parts, &new.parts);
        let labels = rows(one.labels.len(), other.labels.len(), |a, b| labels_agree((&old, a), (&new, b)));
        let edges = rows(one.edges.len(), other.edges.len(), |a, b| {
            let (a, b) = (one.edges[usize::from(a)], other.edges[usize::from(b)]);
            (a.sender, a.receiver) == (b.sender, b.receiver)
        });
        let (effects, targets) = (points::same_effects(&old, &new), Targets::new(&old, &new, options)?);
        let (from, to) = (Points::of(&old)?, Points::of(&new)?);
        Ok(Self { old, new, options, targets, from, to, labels, edges, effects })
    }

    /// The image whose sessions it moves.
    pub const fn old(&self) -> &Arc<CodeImage> {
        &self.old
    }

    /// The image that they move to.
    pub const fn new_image(&self) -> &Arc<CodeImage> {
        &self.new
    }

    /// Whether two questions, one in each image's terms, are one.
    fn asks_the_same(&self, old: &Ask, new: &Ask) -> bool {
        let same = match (&old.wanted, &new.wanted) {
            (Wanted::Answer { effect, argument }, Wanted::Answer { effect: to, argument: now }) => {
                self.effects.get(effect.index()) == Some(&Some(to.0)) && argument == now
            }
            (Wanted::Guard(layer), Wanted::Guard(to)) => layer == to,
            _ => false,
        };
        same && old.role == new.role
    }

    /// What becomes of a session, and if it moves, as what. `home` is the new image's.
    fn moved(&mut self, state: SessionState, home: &Home<'_>) -> Result<carry::Carried, UpgradeDecision> {
        let state = self.carry(state, home.buffer)?;
        examine(&state, home, &self.to.typing).map_err(UpgradeObstacle::unlike)?;
        rebuild(state, home).map_err(UpgradeObstacle::unlike)
    }
}
