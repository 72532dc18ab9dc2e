//! Re-checking a recorded schedule, offline: was every wave one that could be certified?
//!
//! It knows neither planner nor certifier nor machine, only the record: which sessions each wave picked, how their
//! bursts ended, which inputs came in between, and how many waves were out when each was certified. A session may be
//! picked when it was opened, or its last burst ended ready, or it was answered since; once in a wave; never while an
//! earlier wave has it; and never after it ended.

use crate::record::RunRecord;
use crate::tape::Input;
use motet_machine::{BurstEnd, BurstReader, BurstRecord, TraceError};
use motet_types::{Planted, SessionId, Tick, planted};
use std::collections::{BTreeMap, VecDeque};

/// What a recorded schedule amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WaveSummary {
    /// Waves.
    pub waves: u64,
    /// Picks, over all waves.
    pub picks: u64,
    /// The widest wave.
    pub max_width: u64,
    /// Steps.
    pub steps: u64,
}

/// Why a recorded schedule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaveError {
    /// The record's events cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A wave whose tick does not follow the one before.
    #[error("the wave at {found} follows the one at {before}")]
    Order {
        /// The tick before.
        before: Tick,
        /// The tick found.
        found: Tick,
    },
    /// A session picked twice in one wave.
    #[error("{session} is picked twice in the wave at {tick}")]
    Twice {
        /// The wave.
        tick: Tick,
        /// The session.
        session: SessionId,
    },
    /// A session picked while an earlier wave had it.
    #[error("{session} is picked for the wave at {tick}, which was certified before the one at {holder} was committed")]
    Overlap {
        /// The wave.
        tick: Tick,
        /// The session.
        session: SessionId,
        /// The wave that still had it.
        holder: Tick,
    },
    /// A wave that was planned before an earlier one was.
    #[error("the wave at {tick} was planned at step {found}, the one before it at step {before}")]
    Step {
        /// The wave.
        tick: Tick,
        /// Its planner step.
        found: u64,
        /// The step of the wave before.
        before: u64,
    },
    /// A session picked while it waited, after it ended, or before it was opened.
    #[error("{session} is picked in the wave at {tick} while it {why}")]
    NotReady {
        /// The wave.
        tick: Tick,
        /// The session.
        session: SessionId,
        /// Why it was not ready.
        why: &'static str,
    },
    /// A wave or a burst larger than the schedule allows.
    #[error("the wave at {tick} has {found} {what}; the schedule allows {allowed}")]
    TooLarge {
        /// The wave.
        tick: Tick,
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many are allowed.
        allowed: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Waiting,
    Ended,
}

struct Check<'a> {
    record: &'a RunRecord,
    states: BTreeMap<SessionId, State>,
    /// In which wave a session was picked last.
    picked: BTreeMap<SessionId, (u64, Tick)>,
    /// Ticks that passed by the host's clock, with the planner steps at which they did.
    advances: VecDeque<(u64, u64)>,
    /// How many have passed so far.
    passed: u64,
    /// Answers by session and the planner step at which they came, oldest first.
    answers: BTreeMap<SessionId, Vec<u64>>,
    summary: WaveSummary,
    wave: Option<Tick>,
    /// Its number.
    number: u64,
    /// The wave's planner step.
    step: u64,
    width: u64,
    chunk: u64,
}

/// Re-checks the schedule of a record.
pub fn verify_waves(record: &RunRecord) -> Result<WaveSummary, WaveError> {
    let mut answers: BTreeMap<SessionId, Vec<u64>> = BTreeMap::new();
    let mut advances = VecDeque::new();
    for (step, input) in &record.inputs {
        match input {
            Input::Answer { at, .. } => answers.entry(at.session).or_default().push(*step),
            Input::Advance { ticks } => advances.push_back((*step, *ticks)),
            _ => {}
        }
    }
    let mut check = Check {
        record,
        states: BTreeMap::new(),
        picked: BTreeMap::new(),
        advances,
        passed: 0,
        answers,
        summary: WaveSummary::default(),
        wave: None,
        number: 0,
        step: 0,
        width: 0,
        chunk: 0,
    };
    let mut reader = BurstReader::new(&record.events);
    while let Some(burst) = reader.burst()? {
        for _ in 0..burst.events {
            reader.event()?;
        }
        match burst.lag {
            Some(lag) => check.pick(&burst, lag)?,
            None => {
                // Between waves a session is opened, ends, or is stopped or woken by what happens to sites and links.
                let state = match burst.end {
                    BurstEnd::Ready => State::Ready,
                    BurstEnd::Waiting => State::Waiting,
                    BurstEnd::Ended(_) => State::Ended,
                };
                check.states.insert(burst.session, state);
            }
        }
    }
    Ok(check.summary)
}

impl Check<'_> {
    /// A new wave: the next one, planned no earlier than the one before it.
    fn wave(&mut self, tick: Tick, lag: u64) -> Result<(), WaveError> {
        // The first wave stands at tick 0, and every wave makes one tick; what passes between two waves is an input.
        let number = self.wave.map_or(0, |_| self.number + 1);
        while let Some((_, ticks)) = self.advances.pop_front_if(|(step, _)| *step <= number) {
            self.passed = self.passed.saturating_add(ticks);
        }
        if tick.0 != number.saturating_add(self.passed) {
            return Err(WaveError::Order { before: self.wave.unwrap_or_default(), found: tick });
        }
        let allowed = u64::from(self.record.schedule.window) - 1;
        if lag > allowed {
            return Err(WaveError::TooLarge { tick, what: "waves out before it", found: lag, allowed });
        }
        // More waves cannot have been out than there were.
        let step = number.saturating_sub(lag);
        if step < self.step {
            return Err(WaveError::Step { tick, found: step, before: self.step });
        }
        (self.wave, self.number, self.step, self.width) = (Some(tick), number, step, 0);
        self.summary.waves += 1;
        Ok(())
    }

    fn pick(&mut self, burst: &BurstRecord, lag: u64) -> Result<(), WaveError> {
        let (tick, session, schedule) = (burst.tick, burst.session, &self.record.schedule);
        if self.wave != Some(tick) {
            self.wave(tick, lag)?;
        } else if self.step != self.number.saturating_sub(lag) {
            return Err(WaveError::Step { tick, found: self.number.saturating_sub(lag), before: self.step });
        }
        if burst.first {
            self.chunk = 0;
        }
        self.width += 1;
        self.chunk += 1;
        let limits = [
            ("picks", self.width, u64::from(schedule.wave)),
            ("picks in a chunk", self.chunk, u64::from(schedule.chunk)),
            ("steps in a burst", u64::from(burst.steps), u64::from(schedule.fuel)),
        ];
        for (what, found, allowed) in limits {
            if found > allowed {
                return Err(WaveError::TooLarge { tick, what, found, allowed });
            }
        }
        match self.picked.insert(session, (self.number, tick)) {
            Some((_, holder)) if holder == tick && !planted(Planted::WavesTwice) => {
                return Err(WaveError::Twice { tick, session });
            }
            Some((number, holder)) if holder != tick && number >= self.step && !planted(Planted::WavesOverlap) => {
                return Err(WaveError::Overlap { tick, session, holder });
            }
            _ => {}
        }
        let answered = self.answers.get_mut(&session).is_some_and(|steps| {
            let due = steps.iter().take_while(|step| **step <= self.step).count();
            steps.drain(..due).count() > 0
        });
        let why = match self.states.get(&session) {
            Some(State::Ready) => None,
            Some(State::Waiting) if answered || planted(Planted::WavesWaiting) => None,
            Some(State::Waiting) => Some("waits"),
            Some(State::Ended) => Some("has ended"),
            None => Some("is not open"),
        };
        if let Some(why) = why {
            return Err(WaveError::NotReady { tick, session, why });
        }
        let state = match burst.end {
            BurstEnd::Ready => State::Ready,
            BurstEnd::Waiting => State::Waiting,
            BurstEnd::Ended(_) => State::Ended,
        };
        self.states.insert(session, state);
        self.summary.picks += 1;
        self.summary.steps += u64::from(burst.steps);
        self.summary.max_width = self.summary.max_width.max(self.width);
        Ok(())
    }
}
