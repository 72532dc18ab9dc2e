//! Two runs under one profile: equal, or the first difference by its name.

use crate::profile::form::normal_form;
use crate::profile::line::{line_of, role_of};
use crate::profile::names::SessionImages;
use crate::profile::{Aspect, DeterminismMode, Observation, RunView, TraceEntry};
use motet_machine::CodeImage;
use motet_types::{EdgeId, RoleId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A run in the normal form of a profile.
#[derive(Clone, Debug)]
pub struct NormalForm {
    mode: DeterminismMode,
    entries: Vec<TraceEntry>,
    images: SessionImages,
}

/// Where two runs first differ under a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileDifference {
    /// The profile.
    pub mode: DeterminismMode,
    /// How many events, or answers of the host, are equal before it: in its session where the profile lets sessions
    /// commute, in all otherwise.
    pub position: u64,
    /// Its place in [`NormalForm::compared`].
    pub at: usize,
    /// The session.
    pub session: SessionId,
    /// The role, by name; none where it is about no role.
    pub role: Option<String>,
    /// The edge as `sender -> receiver`, when it is about a message.
    pub edge: Option<String>,
    /// What is expected there.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The label that is expected, when that is a message.
    pub expected_label: Option<String>,
    /// The label that was found, when that is a message.
    pub found_label: Option<String>,
    /// The source line of the communication that was expected, or found where nothing was; none where the image has none,
    /// and where it is about no message.
    pub line: Option<u32>,
}

impl fmt::Display for ProfileDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {} equal events, {}", self.position, self.session)?;
        if let Some(role) = &self.role {
            write!(f, ", role {role}")?;
        }
        if let Some(edge) = &self.edge {
            write!(f, ", edge {edge}")?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// The first difference between two runs under a profile; none when they are equal.
pub fn compare_runs(mode: DeterminismMode, expected: &RunView, found: &RunView) -> Option<ProfileDifference> {
    expected.normal_form(mode).difference(&found.normal_form(mode))
}

/// Equal are forms of one profile between which there is no difference.
impl PartialEq for NormalForm {
    fn eq(&self, other: &Self) -> bool {
        self.mode == other.mode && self.difference(other).is_none()
    }
}

impl NormalForm {
    pub(super) fn of(mode: DeterminismMode, view: RunView) -> Self {
        Self { mode, entries: normal_form(mode, view.entries), images: view.images }
    }

    /// The profile.
    pub const fn mode(&self) -> DeterminismMode {
        self.mode
    }

    /// Everything in it, in order.
    pub fn entries(&self) -> &[TraceEntry] {
        &self.entries
    }

    /// The form of the form; it is the same.
    #[must_use]
    pub fn again(self) -> Self {
        Self { entries: normal_form(self.mode, self.entries), ..self }
    }

    /// Everything in it by session.
    pub fn sessions(&self) -> BTreeMap<SessionId, Vec<&TraceEntry>> {
        let mut sessions: BTreeMap<SessionId, Vec<&TraceEntry>> = BTreeMap::new();
        self.entries.iter().for_each(|entry| sessions.entry(entry.of()).or_default().push(entry));
        sessions
    }

    /// What a difference in a session is sought in: the session's own where sessions commute, everything otherwise.
    pub fn compared(&self, session: SessionId) -> Vec<&TraceEntry> {
        let commute = self.mode == DeterminismMode::ModuloCommutativity;
        self.entries.iter().filter(|entry| !commute || entry.of() == session).collect()
    }

    /// One of its entries in words: equal across versions of a protocol exactly when the names are.
    pub fn words(&self, entry: &TraceEntry) -> String {
        entry.words(self.images.image_after(entry.of(), entry.moves()), self.mode.is_exact())
    }

    /// The first difference from another form of the same profile; none when they are equal. Where sessions commute, the
    /// first is the one of the lowest session.
    pub fn difference(&self, found: &Self) -> Option<ProfileDifference> {
        if self.mode != DeterminismMode::ModuloCommutativity {
            let (mine, theirs) = (self.entries.iter().collect::<Vec<_>>(), found.entries.iter().collect::<Vec<_>>());
            return self.first(found, &mine, &theirs);
        }
        let (mine, theirs) = (self.sessions(), found.sessions());
        let ids: BTreeSet<SessionId> = mine.keys().chain(theirs.keys()).copied().collect();
        let none = Vec::new();
        ids.iter().find_map(|id| self.first(found, mine.get(id).unwrap_or(&none), theirs.get(id).unwrap_or(&none)))
    }

    fn first(&self, found: &Self, mine: &[&TraceEntry], theirs: &[&TraceEntry]) -> Option<ProfileDifference> {
        let mut images = BTreeMap::new();
        let mut equal = |a: &TraceEntry, b: &TraceEntry| {
            // Equal numbers mean equal names only within one image.
            let same = *images.entry(a.of()).or_insert_with(|| self.images.same_image(&found.images, a.of()));
            if same { a == b } else { a.of() == b.of() && self.words(a) == found.words(b) }
        };
        let at = mine.iter().zip(theirs).take_while(|(a, b)| equal(a, b)).count();
        let (expected, other) = (mine.get(at).copied(), theirs.get(at).copied());
        if expected.is_none() && other.is_none() {
            return None;
        }
        let ((about, form), before) = match (expected, other) {
            (Some(entry), _) => ((entry, self), &mine[..at]),
            (None, Some(entry)) => ((entry, found), &theirs[..at]),
            (None, None) => return None,
        };
        let image = form.images.image_after(about.of(), about.moves());
        let message = about.message();
        // Where a session had moved, its types cannot be followed from their beginnings.
        let line = message.zip(image).filter(|_| about.moves() == 0);
        let line = line.and_then(|(event, image)| line_of(image, about.of(), event, before.iter().copied()));
        let words = |form: &Self, entry: Option<&TraceEntry>, apart: bool| {
            let Some(entry) = entry else { return String::from("no further event") };
            match entry.event().filter(|_| apart) {
                // Names do not tell these two apart: labels of other sorts, or what no word is about.
                Some((event, _)) => format!("{}, word {:#018x}", form.words(entry), event.pack()),
                None => form.words(entry),
            }
        };
        let alike = words(self, expected, false) == words(found, other, false);
        let label = |form: &Self, entry: Option<&TraceEntry>| {
            let (entry, event) = entry.and_then(|entry| Some((entry, entry.message()?)))?;
            Some(form.images.image_after(entry.of(), entry.moves())?.label_name(event.label).to_owned())
        };
        Some(ProfileDifference {
            mode: self.mode,
            position: before.iter().filter(|entry| entry.aspect() != Aspect::Layout).count() as u64,
            at,
            session: about.of(),
            role: role(image, about),
            edge: message.and_then(|event| edge_of(image?, event.edge)),
            expected: words(self, expected, alike),
            found: words(found, other, alike),
            expected_label: label(self, expected),
            found_label: label(found, other),
            line,
        })
    }
}

/// The role that an entry is about, by name.
fn role(image: Option<&CodeImage>, entry: &TraceEntry) -> Option<String> {
    let coroutine = match entry {
        TraceEntry::Event { event, .. } => event.coroutine,
        TraceEntry::Exchange { at, .. } => at.coroutine,
        TraceEntry::Burst(_) => return None,
    };
    let Some(image) = image else { return Some(coroutine.to_string()) };
    let messages = entry.message().and_then(|event| role_of(image, event));
    // The first coroutine of role n is coroutine n.
    let role = messages.unwrap_or(coroutine.0);
    let known = usize::from(role) < image.role_count();
    Some(if known { image.role_name(RoleId(role)).to_owned() } else { coroutine.to_string() })
}

/// An edge by name, if the image has it.
fn edge_of(image: &CodeImage, edge: EdgeId) -> Option<String> {
    image.edge(edge)?;
    let (sender, receiver) = image.edge_names(edge);
    Some(format!("{sender} -> {receiver}"))
}
