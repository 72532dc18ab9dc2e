//! Everything that was observed of a run, read from its record.

use crate::profile::names::SessionImages;
use crate::profile::{DeterminismMode, NormalForm, TraceEntry};
use crate::record::RunRecord;
use motet_machine::{BurstReader, BurstRecord, TraceError, TraceReader};
use motet_types::Tick;

/// Everything that was observed of a run, in order: its events, each burst behind its own, and then the exchanges with the
/// host.
#[derive(Clone, Debug, Default)]
pub struct RunView {
    pub(super) entries: Vec<TraceEntry>,
    pub(super) images: SessionImages,
}

impl RunView {
    /// What a record has. A run that goes on has one too: [`RunRecord::of`].
    pub fn of(record: &RunRecord) -> Result<Self, TraceError> {
        let (mut view, broken) = Self::as_far(record, &record.events);
        broken.map_or(Ok(()), Err)?;
        view.entries.extend(record.inputs.iter().filter_map(|(step, input)| TraceEntry::exchange(*step, input)));
        Ok(view)
    }

    /// What these events say, without names: there are no images, and no exchanges.
    pub fn of_events(events: &[u8]) -> Result<Self, TraceError> {
        let (entries, broken) = read(events);
        broken.map_or(Ok(()), Err)?;
        Ok(Self { entries, images: SessionImages::default() })
    }

    /// What these events say under the names of a record, as far as they can be read, and why no further.
    pub(crate) fn as_far(record: &RunRecord, events: &[u8]) -> (Self, Option<TraceError>) {
        let (mut entries, broken) = read(events);
        let images = SessionImages::of(record);
        for entry in &mut entries {
            if let TraceEntry::Event { at, session, moved, .. } = entry {
                *moved = images.moves(*session, Tick(*at));
            }
        }
        (Self { entries, images }, broken)
    }

    /// The images of its sessions.
    pub const fn images(&self) -> &SessionImages {
        &self.images
    }

    /// What was observed, in order.
    pub fn entries(&self) -> &[TraceEntry] {
        &self.entries
    }

    /// Its normal form.
    pub fn normal_form(&self, mode: DeterminismMode) -> NormalForm {
        NormalForm::of(mode, self.clone())
    }
}

/// The bursts of a trace, as far as it can be read.
fn bursts(events: &[u8]) -> Vec<BurstRecord> {
    let (mut reader, mut bursts) = (BurstReader::new(events), Vec::new());
    while let Ok(Some(burst)) = reader.burst() {
        bursts.push(burst);
        if (0..burst.events).any(|_| reader.event().is_err()) {
            break;
        }
    }
    bursts
}

fn read(events: &[u8]) -> (Vec<TraceEntry>, Option<TraceError>) {
    let mut bursts = bursts(events).into_iter().map(TraceEntry::Burst);
    let (mut entries, mut reader, mut ended) = (Vec::new(), TraceReader::new(events), 0);
    let broken = loop {
        let event = match reader.next() {
            None => break None,
            Some(Err(error)) => break Some(error),
            Some(Ok(event)) => event,
        };
        // Bursts before this event's have ended.
        let before = reader.bursts().saturating_sub(1);
        entries.extend(bursts.by_ref().take(usize::try_from(before - ended).unwrap_or(usize::MAX)));
        ended = before;
        let text = reader.text().to_owned();
        let (at, session) = (event.tick.0, event.session);
        entries.push(TraceEntry::Event { at, session, moved: 0, event: event.event, text });
    };
    entries.extend(bursts);
    (entries, broken)
}
