//! Names for the events of a record: which image each session ran, and an event in words.

use crate::failure::{Failure, Outcome};
use motet_bridge::edge_names;
use motet_machine::{CodeImage, TraceReader, read_output_check};
use motet_runtime::{Input, RunRecord};
use motet_types::{EffectRow, Event, EventKind, FaultClass, LayerId, RoleId, SessionId, Terminal};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The images of a record's sessions. Sessions are numbered in the order in which they were opened.
pub(crate) struct SessionImages<'a> {
    images: &'a [Arc<CodeImage>],
    opened: Vec<u32>,
    /// The images of sessions that instructions opened, by the sessions' ids.
    guests: BTreeMap<SessionId, &'a CodeImage>,
}

impl<'a> SessionImages<'a> {
    pub(crate) fn of(record: &'a RunRecord) -> Self {
        let opened = record.inputs.iter().filter_map(|(_, input)| match input {
            Input::Open { image } => Some(image.0),
            _ => None,
        });
        let mut found = Self { images: &record.images, opened: opened.collect(), guests: BTreeMap::new() };
        let told = TraceReader::new(&record.events).map_while(Result::ok);
        for event in told.filter(|event| event.session.number() > 0 && event.event.kind == EventKind::Opened) {
            let plans = found.image(event.session.host()).ok().map(|image| &image.parts().plans);
            let plan = plans.and_then(|plans| plans.get(event.event.label.index()));
            let image = plan.and_then(|plan| found.images.iter().find(|image| image.digest().0 == plan.image));
            found.guests.extend(image.map(|image| (event.session, &**image)));
        }
        found
    }

    /// The image that a session ran.
    pub(crate) fn image(&self, session: SessionId) -> Outcome<&'a CodeImage> {
        if let Some(image) = self.guests.get(&session) {
            return Ok(*image);
        }
        let opened = usize::try_from(session.0).ok().and_then(|at| self.opened.get(at));
        let image = opened.and_then(|image| self.images.get(*image as usize));
        image.map(|image| &**image).ok_or_else(|| {
            Failure::refused("bad_record", format!("the trace has events of {session}, which it never opens"))
        })
    }
}

/// What an event is about, in columns: kind, who, and what.
pub(crate) struct Words {
    pub(crate) kind: &'static str,
    pub(crate) who: String,
    pub(crate) what: String,
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [self.kind, &self.who, &self.what];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        f.write_str(&parts.join(" "))
    }
}

/// A piece of a text, which may begin and end within a character.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An event in words; `text` is what it is about.
pub(crate) fn words(image: &CodeImage, event: Event, text: &str) -> Words {
    let role = || image.role_name(RoleId(event.coroutine.0)).to_owned();
    let (who, what) = match event.kind {
        EventKind::Sent | EventKind::Received | EventKind::Offered | EventKind::Chose => {
            let (sender, receiver) = edge_names(image, event.edge);
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
        EventKind::Text => (String::new(), event.spelt().map(|bytes| lossy(bytes.collect())).unwrap_or_default()),
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
    Words { kind: event.kind.name(), who, what: what.trim_end().to_owned() }
}
