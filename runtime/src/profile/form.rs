//! The normal forms, each defined here and nowhere else.

use crate::profile::{DeterminismMode, Observation};
use motet_types::{Planted, planted};
use std::collections::{BTreeMap, VecDeque};

/// The normal form of what was observed. It is its own normal form.
///
/// - `Full`: everything, as it is.
/// - `Replay`: everything but the exchanges with the host.
/// - `ModuloEffects`: the events; in the place of its tick each has its number within its session, from 0.
/// - `ModuloCommutativity`: these, one of each session in turn, in the order of their ids, between any two that are of no
///   session.
pub fn normal_form<T: Observation>(mode: DeterminismMode, mut observed: Vec<T>) -> Vec<T> {
    // Bursts have ticks as well as events, so whoever forgets one forgets both.
    let forgets = mode == DeterminismMode::Replay && planted(Planted::ProfileReplayForgetsTicks);
    let mode = if forgets { DeterminismMode::ModuloEffects } else { mode };
    observed.retain(|one| mode.looks_at(one.aspect()));
    let counts = match mode {
        DeterminismMode::Full | DeterminismMode::Replay => false,
        DeterminismMode::ModuloEffects => !planted(Planted::ProfileKeepsTicks),
        DeterminismMode::ModuloCommutativity => true,
    };
    if counts {
        count(&mut observed);
    }
    if mode == DeterminismMode::ModuloCommutativity { in_turn(observed) } else { observed }
}

/// Numbers what was observed by session; what is of no session is numbered by itself.
fn count<T: Observation>(observed: &mut [T]) {
    let mut counts: BTreeMap<Option<u64>, u64> = BTreeMap::new();
    for one in observed {
        let number = counts.entry(one.session()).or_default();
        one.count(*number);
        *number += 1;
    }
}

/// One of each session in turn. Nothing moves past what is of no session.
fn in_turn<T: Observation>(observed: Vec<T>) -> Vec<T> {
    let mut told = Vec::with_capacity(observed.len());
    let mut sessions: BTreeMap<u64, VecDeque<T>> = BTreeMap::new();
    for one in observed {
        match one.session() {
            Some(session) => sessions.entry(session).or_default().push_back(one),
            None => {
                if !planted(Planted::ProfileCrossesBarriers) {
                    empty(&mut sessions, &mut told);
                }
                told.push(one);
            }
        }
    }
    empty(&mut sessions, &mut told);
    told
}

fn empty<T>(sessions: &mut BTreeMap<u64, VecDeque<T>>, told: &mut Vec<T>) {
    while !sessions.is_empty() {
        told.extend(sessions.values_mut().filter_map(VecDeque::pop_front));
        sessions.retain(|_, rest| !rest.is_empty());
    }
}
