//! The images of a machine, and what ties them together: which image's plans open sessions of which other image.

use crate::auth::keys::KeyTable;
use crate::auth::watch::WatchRules;
use crate::condition::OutputConditionPolicy;
use crate::credits::CreditRules;
use crate::image::CodeImage;
use crate::knowledge::KnowledgeRules;
use crate::machine::OpenError;
use crate::topology::Network;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;
use motet_types::{Digest, LabelId, PlanPart, Sort, SortId, SortTable};

/// A plan as the step uses it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The place of the image whose sessions it opens.
    pub(crate) image: u32,
    /// For each label of the opening image, the label of the same name and sort there, [`NO_LABEL`] when there is none.
    labels: Box<[u16]>,
}

const NO_LABEL: u16 = u16::MAX;

impl Plan {
    /// The opened image's label of the same name and sort.
    pub(crate) fn label(&self, label: LabelId) -> Option<LabelId> {
        self.labels.get(label.index()).copied().filter(|label| *label != NO_LABEL).map(LabelId)
    }
}

/// All loaded images, in the order in which they were loaded, and their plans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Images {
    list: Vec<Arc<CodeImage>>,
    plans: Vec<Box<[Plan]>>,
    /// What holds of knowledge in every session. It stands here because every burst has the images at hand, and none but
    /// the few that ask for it should carry it.
    pub(crate) knowledge: KnowledgeRules,
    /// What is looked at of messages, and with which keys.
    pub(crate) watch: WatchRules,
    /// What coroutines may use.
    pub(crate) credits: CreditRules,
    /// What may become visible.
    pub(crate) outputs: OutputConditionPolicy,
    /// What steps must know of sites and links. It stands here for the same reason.
    pub(crate) network: Network,
}

impl Deref for Images {
    type Target = [Arc<CodeImage>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

/// Whether two tables' sorts are the same sort. Sorts are no deeper than their verification allows.
pub(crate) fn same_sort(a: (&SortTable, SortId), b: (&SortTable, SortId)) -> bool {
    match (a.0.get(a.1), b.0.get(b.1)) {
        (Some(Sort::Prod(left, right)), Some(Sort::Prod(other_left, other_right))) => {
            same_sort((a.0, SortId(left)), (b.0, SortId(other_left)))
                && same_sort((a.0, SortId(right)), (b.0, SortId(other_right)))
        }
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

impl Images {
    /// No images yet, in a machine with these rules.
    pub(crate) fn new(
        knowledge: KnowledgeRules,
        watch: WatchRules,
        credits: CreditRules,
        outputs: OutputConditionPolicy,
    ) -> Self {
        Self { knowledge, watch, credits, outputs, ..Self::default() }
    }

    /// Whether more is looked at in a turn than usual.
    pub(crate) fn is_close(&self) -> bool {
        self.credits.budget.is_some() || self.outputs.is_on()
    }

    /// What an image's plans come to among the images that are there.
    pub(crate) fn link(&self, image: &CodeImage) -> Result<Box<[Plan]>, OpenError> {
        image.parts.plans.iter().map(|part| self.plan(image, part)).collect()
    }

    fn plan(&self, opener: &CodeImage, part: &PlanPart) -> Result<Plan, OpenError> {
        let digest = Digest(part.image);
        let at = self.list.iter().position(|image| image.digest() == digest);
        let at = at.ok_or(OpenError::PlannedImage { digest })?;
        let image = &self.list[at];
        let (expected, found) = (part.roles, image.role_count());
        if found != usize::from(expected) {
            return Err(OpenError::PlannedRoles { digest, expected, found });
        }
        let mut rows: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for (row, label) in (0u16..).zip(&image.parts.labels) {
            rows.entry(&label.name).or_default().push(row);
        }
        let labels = opener.parts.labels.iter().map(|label| {
            let named = rows.get(label.name.as_str()).map_or(&[][..], Vec::as_slice);
            let same = |row: &&u16| {
                let there = (&image.sorts, SortId(image.parts.labels[usize::from(**row)].sort));
                same_sort((&opener.sorts, SortId(label.sort)), there)
            };
            named.iter().find(same).copied().unwrap_or(NO_LABEL)
        });
        Ok(Plan { image: at as u32, labels: labels.collect() })
    }

    /// Adds an image with its plans and the keys of its edges, and answers its place.
    pub(crate) fn add(&mut self, image: Arc<CodeImage>, plans: Box<[Plan]>, keys: KeyTable) -> usize {
        self.list.push(image);
        self.watch.keys.push(keys);
        self.plans.push(plans);
        self.list.len() - 1
    }

    /// A plan of an image.
    pub(crate) fn plan_of(&self, image: u32, plan: u16) -> Option<&Plan> {
        self.plans.get(image as usize)?.get(usize::from(plan))
    }
}
