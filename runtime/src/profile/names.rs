//! Names for what was observed: which image each session ran, and an event in words.

use crate::record::RunRecord;
use crate::tape::Input;
use motet_machine::{CodeImage, TraceReader, read_output_check};
use motet_types::{EffectRow, Event, EventKind, FaultClass, LayerId, RoleId, SessionId, Terminal, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The images of a record's sessions. Sessions are numbered in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub struct SessionImages {
    opened: Vec<Option<Arc<CodeImage>>>,
    /// The images that sessions moved to, in order, each with the tick from which on its events are the image's.
    moved: BTreeMap<SessionId, Vec<(Tick, Arc<CodeImage>)>>,
    /// The images of sessions that instructions opened, by the sessions' ids.
    guests: BTreeMap<SessionId, Arc<CodeImage>>,
}

impl SessionImages {
    /// The images of the sessions that a record opens, and of those that its events say instructions opened.
    pub fn of(record: &RunRecord) -> Self {
        let opened = record.inputs.iter().filter_map(|(_, input)| match input {
            Input::Open { image } => Some(record.images.get(image.0 as usize).cloned()),
            _ => None,
        });
        let mut found = Self { opened: opened.collect(), ..Self::default() };
        for (_, input) in &record.inputs {
            if let Input::Upgrade { to, tick, sessions, .. } = input
                && let Some(image) = record.images.get(to.0 as usize)
            {
                for session in sessions {
                    found.moved.entry(*session).or_default().push((*tick, Arc::clone(image)));
                }
            }
        }
        let told = TraceReader::new(&record.events).map_while(Result::ok);
        for event in told.filter(|event| event.session.number() > 0 && event.event.kind == EventKind::Opened) {
            let plans = found.image(event.session.host()).map(|image| &image.parts().plans);
            let plan = plans.and_then(|plans| plans.get(event.event.label.index()));
            let image = plan.and_then(|plan| record.images.iter().find(|image| image.digest().0 == plan.image));
            found.guests.extend(image.map(|image| (event.session, Arc::clone(image))));
        }
        found
    }

    /// How many times a session had moved to another image by a tick.
    pub fn moves(&self, session: SessionId, tick: Tick) -> u32 {
        let moved = self.moved.get(&session).into_iter().flatten();
        moved.take_while(|(since, _)| *since <= tick).count() as u32
    }

    /// The image that a session ran when it had moved so many times; none where the record never opens it.
    pub fn image_after(&self, session: SessionId, moves: u32) -> Option<&CodeImage> {
        match (moves as usize).checked_sub(1) {
            None => self.image(session),
            Some(last) => self.moved.get(&session)?.get(last).map(|(_, image)| &**image),
        }
    }

    /// The image that a session ran at a tick; none where the record never opens it.
    pub fn image_at(&self, session: SessionId, tick: Tick) -> Option<&CodeImage> {
        self.image_after(session, self.moves(session, tick))
    }

    /// The image that a session was opened of; none where the record never opens it.
    pub fn image(&self, session: SessionId) -> Option<&CodeImage> {
        if let Some(image) = self.guests.get(&session) {
            return Some(image);
        }
        let opened = usize::try_from(session.0).ok().and_then(|at| self.opened.get(at));
        opened.and_then(Option::as_deref)
    }

    /// Whether a session ran the same images in another record, or is in neither, so that its numbers mean the same.
    pub(super) fn same_image(&self, other: &Self, session: SessionId) -> bool {
        let moved = |images: &Self| -> Vec<_> {
            images.moved.get(&session).into_iter().flatten().map(|(_, image)| image.digest()).collect()
        };
        self.image(session).map(CodeImage::digest) == other.image(session).map(CodeImage::digest)
            && moved(self) == moved(other)
    }
}

/// What an event is about, in columns: kind, who, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventWords {
    /// The event's kind.
    pub kind: &'static str,
    /// The edge of a message, or the role; empty where it is about neither.
    pub who: String,
    /// The label, or whatever else the kind is about.
    pub what: String,
}

impl std::fmt::Display for EventWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [self.kind, &self.who, &self.what];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(" "))
    }
}

impl EventWords {
    /// An event in words; `text` is what it is about. Without an image, numbers stand for names.
    pub fn of(image: Option<&CodeImage>, event: Event, text: &str) -> Self {
        let Some(image) = image else {
            let (edge, label) = (event.edge, event.label);
            let (who, what) = (event.coroutine.to_string(), format!("{edge} {label} {} {text}", event.detail));
            return Self { kind: event.kind.name(), who, what: what.trim_end().to_owned() };
        };
        let role = || image.role_name(RoleId(event.coroutine.0)).to_owned();
        let (who, what) = match event.kind {
            EventKind::Sent | EventKind::Received | EventKind::Offered | EventKind::Chose => {
                let (sender, receiver) = image.edge_names(event.edge);
                (format!("{sender} -> {receiver}"), image.label_name(event.label).to_owned())
            }
            EventKind::SessionTerminal => {
                (String::new(), Terminal::from_code(event.detail).map_or("?", Terminal::name).to_owned())
            }
            EventKind::Faulted | EventKind::FailureBranchEntered => {
                (role(), FaultClass::from_number(event.detail).map_or("?", FaultClass::code).to_owned())
            }
            EventKind::Invoked => {
                let effect = image.effects().get(EffectRow(event.label.0).index());
                (role(), effect.map_or_else(|| "?".into(), |row| format!("{}.{}", row.interface, row.operation)))
            }
            EventKind::Acquired | EventKind::Released => (role(), LayerId(event.label.0).to_string()),
            EventKind::Forked | EventKind::Joined | EventKind::Aborted => {
                (role(), format!("speculation {}", event.ghost()))
            }
            EventKind::Tagged => (role(), format!("of {} {text}", image.role_name(RoleId(event.edge.0)))),
            EventKind::Checked => {
                let verdict = if event.detail == 0 { "denied" } else { "permitted" };
                (role(), format!("of {} {verdict} {text}", image.role_name(RoleId(event.edge.0))))
            }
            EventKind::OutputConditionChecked => {
                let verdict = if event.detail == 0 { "refused" } else { "passed" };
                let said = read_output_check(text).map(|(digest, predicate, witness)| {
                    let witness = witness.map_or_else(String::new, |witness| format!(" by {witness}"));
                    format!("{predicate}{witness} {verdict} {digest}")
                });
                (role(), said.unwrap_or_else(|| verdict.to_owned()))
            }
            EventKind::Opened | EventKind::Closed | EventKind::EpochAdvanced => (String::new(), String::new()),
            _ => (role(), String::new()),
        };
        Self { kind: event.kind.name(), who, what: what.trim_end().to_owned() }
    }
}
