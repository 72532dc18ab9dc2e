//! From an event back to the source: which line the image has for the communication that it is of.

use crate::profile::TraceEntry;
use motet_machine::CodeImage;
use motet_types::{Action, Event, EventKind, SessionId};

/// Whether the event moves a type on, and of which role, from the role's side of the edge.
fn moves(image: &CodeImage, event: Event) -> Option<(u16, Action)> {
    let ends = image.edge(event.edge)?;
    match event.kind {
        EventKind::Sent => Some((ends.sender, Action::Send(event.edge.0))),
        EventKind::Received => Some((ends.receiver, Action::Recv(event.edge.0))),
        _ => None,
    }
}

/// The role that a message's event is of.
pub(super) fn role_of(image: &CodeImage, event: Event) -> Option<u16> {
    let ends = image.edge(event.edge)?;
    match event.kind {
        EventKind::Sent | EventKind::Offered => Some(ends.sender),
        EventKind::Received | EventKind::Chose => Some(ends.receiver),
        _ => None,
    }
}

/// The source line of a message's event that comes after `before`: the role's type is followed through what it did in the
/// session, and the image asked which instruction does this there.
pub(super) fn line_of<'e>(
    image: &CodeImage,
    session: SessionId,
    event: Event,
    before: impl Iterator<Item = &'e TraceEntry>,
) -> Option<u32> {
    let role = role_of(image, event)?;
    let parts = image.parts();
    let mut state = parts.roles.get(usize::from(role))?.initial;
    let mut last = None;
    for told in before.filter(|entry| entry.of() == session).filter_map(|entry| entry.event()) {
        let Some((_, action)) = moves(image, told.0).filter(|(whose, _)| *whose == role) else { continue };
        let row = parts.states.get(state as usize)?;
        let branch = row.branches.iter().find(|branch| branch.label == told.0.label.0)?;
        if row.action != action {
            return None;
        }
        last = Some(state);
        state = branch.next;
    }
    // `Offered` and `Chose` stand behind the event that moved the type.
    let at = match event.kind {
        EventKind::Offered | EventKind::Chose => last?,
        _ => state,
    };
    image.line_of(at, event.label)
}
