//! What is observed of a run, one by one.

use crate::profile::names::EventWords;
use crate::tape::Input;
use motet_machine::{BurstEnd, BurstRecord, CodeImage, EffectCoordinate, EffectOutcome};
use motet_types::{EffectKind, Event, EventKind, SessionId, Tick};

/// Which side of a run an observation shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Something that happened.
    Event,
    /// How the schedule cut what happened into waves and bursts.
    Layout,
    /// An answer of the host.
    Exchange,
}

/// What a normal form needs to know of one observation. Our own packed traces and traces in JSON from anybody are brought
/// into their normal forms through it.
pub trait Observation {
    /// Which side of the run it shows.
    fn aspect(&self) -> Aspect;

    /// The session that it is of; none where it is of no session.
    fn session(&self) -> Option<u64>;

    /// Puts its number within its session where its tick stood.
    fn count(&mut self, number: u64);
}

/// One thing that was observed of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEntry {
    /// An event.
    Event {
        /// The machine's tick, or the event's number within its session where the normal form has no ticks.
        at: u64,
        /// The session.
        session: SessionId,
        /// How many times its session had moved to another image, as a record tells; 0 where there are events alone.
        moved: u32,
        /// The event.
        event: Event,
        /// The text that it is about; see [`TraceReader::text`](motet_machine::TraceReader::text).
        text: String,
    },
    /// The burst of the events before it.
    Burst(BurstRecord),
    /// An answer of the host, as the tape has it.
    Exchange {
        /// The planner step at which it was there.
        step: u64,
        /// Which effect was answered.
        at: EffectCoordinate,
        /// What was asked, where it was answered inside a burst: the kind, and what it was about.
        asked: Option<(EffectKind, u32)>,
        /// The answer.
        outcome: EffectOutcome,
    },
}

impl TraceEntry {
    /// The answer on a tape; none for other inputs.
    pub(crate) fn exchange(step: u64, input: &Input) -> Option<Self> {
        match input {
            Input::Effect(effect) => Some(Self::Exchange {
                step,
                at: effect.coordinate,
                asked: Some((effect.kind, effect.subject)),
                outcome: effect.outcome.clone(),
            }),
            Input::Answer { at, outcome } => {
                Some(Self::Exchange { step, at: *at, asked: None, outcome: outcome.clone() })
            }
            Input::Open { .. }
            | Input::Limit { .. }
            | Input::Own { .. }
            | Input::Perturb { .. }
            | Input::Elapse
            | Input::Advance { .. }
            | Input::Upgrade { .. }
            | Input::Late { .. }
            | Input::Compose(_) => None,
        }
    }

    /// The session that it is of.
    pub const fn of(&self) -> SessionId {
        match self {
            Self::Event { session, .. } => *session,
            Self::Burst(burst) => burst.session,
            Self::Exchange { at, .. } => at.session,
        }
    }

    /// How many times its session had moved to another image.
    pub const fn moves(&self) -> u32 {
        match self {
            Self::Event { moved, .. } => *moved,
            Self::Burst(_) | Self::Exchange { .. } => 0,
        }
    }

    /// The event with its text, if it is one.
    pub fn event(&self) -> Option<(Event, &str)> {
        match self {
            Self::Event { event, text, .. } => Some((*event, text)),
            Self::Burst(_) | Self::Exchange { .. } => None,
        }
    }

    /// The event, if it is a message's.
    pub(crate) fn message(&self) -> Option<Event> {
        let is_message = |event: &Event| {
            matches!(event.kind, EventKind::Sent | EventKind::Received | EventKind::Offered | EventKind::Chose)
        };
        self.event().map(|(event, _)| event).filter(is_message)
    }

    /// In words, for people; `ticks` says whether its tick is one and belongs to it.
    pub(crate) fn words(&self, image: Option<&CodeImage>, ticks: bool) -> String {
        match self {
            Self::Event { at, event, text, .. } => {
                let words = EventWords::of(image, *event, text);
                if ticks { format!("{words} ({})", Tick(*at)) } else { words.to_string() }
            }
            Self::Burst(BurstRecord { tick, lag, first, events, steps, end, .. }) => {
                let end = match end {
                    BurstEnd::Ready => "ready",
                    BurstEnd::Waiting => "waiting",
                    BurstEnd::Ended(_) => "ended",
                };
                let chunk = if *first { ", the first of its chunk" } else { "" };
                let lag = lag.map_or_else(|| "between waves".into(), |lag| format!("with {lag} waves out"));
                format!("a burst of {events} event words in {steps} steps, {end}, {lag}{chunk} ({tick})")
            }
            Self::Exchange { step, at, asked, outcome } => {
                let asked = asked.map_or("late", |(kind, _)| kind.name());
                format!("the answer {outcome:?} to {asked} {at} (step {step})")
            }
        }
    }
}

impl Observation for TraceEntry {
    fn aspect(&self) -> Aspect {
        match self {
            Self::Event { .. } => Aspect::Event,
            Self::Burst(_) => Aspect::Layout,
            Self::Exchange { .. } => Aspect::Exchange,
        }
    }

    fn session(&self) -> Option<u64> {
        Some(self.of().0)
    }

    fn count(&mut self, number: u64) {
        if let Self::Event { at, .. } = self {
            *at = number;
        }
    }
}
