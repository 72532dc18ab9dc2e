//! Comparing traces: per session, without ticks. Runs of one protocol under different schedules are equal here.

use motet_machine::{TraceError, TraceReader};
use motet_types::{Event, SessionId};
use std::collections::BTreeMap;

/// A trace by session: each session's events in order, ticks left out.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Normalised {
    /// The events of each session; the words of a text that an event is about stand before it.
    pub sessions: BTreeMap<SessionId, Vec<Event>>,
}

/// The normal form of a trace. It is its own normal form: nothing about ticks or interleaving is left.
pub fn normalise(events: &[u8]) -> Result<Normalised, TraceError> {
    let mut normal = Normalised::default();
    let mut reader = TraceReader::new(events);
    while let Some(event) = reader.next() {
        let event = event?;
        let told = normal.sessions.entry(event.session).or_default();
        told.extend(Event::text(reader.text()));
        told.push(event.event);
    }
    Ok(normal)
}

/// The first difference between two traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDifference {
    /// The session.
    pub session: SessionId,
    /// The position among its events.
    pub position: usize,
    /// What the first trace has there.
    pub left: Option<Event>,
    /// What the second trace has there.
    pub right: Option<Event>,
}

/// The first difference of two normalised traces, in order of sessions; none when they are equal.
pub fn diff_traces(left: &Normalised, right: &Normalised) -> Option<TraceDifference> {
    let mut sessions: Vec<SessionId> = left.sessions.keys().chain(right.sessions.keys()).copied().collect();
    sessions.sort_unstable();
    sessions.dedup();
    for session in sessions {
        let events = |side: &Normalised| side.sessions.get(&session).cloned().unwrap_or_default();
        let (left, right) = (events(left), events(right));
        let position = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
        if position < left.len().max(right.len()) {
            let at = |side: &[Event]| side.get(position).copied();
            return Some(TraceDifference { session, position, left: at(&left), right: at(&right) });
        }
    }
    None
}
