//! What scheduling met: counters and selections that one run has and no other need have. They enter neither the trace
//! nor the state root.

use crate::executor::ExecutorMetrics;
use motet_machine::{CommitReport, LaneSelection};
use motet_types::{Planted, planted};
use std::collections::VecDeque;

/// How many lane selections are kept: the newest.
pub const LANE_SELECTIONS: usize = 4096;

/// The specification's counters (section 4.2), and the executor's own. A snapshot costs a few loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ContentionMetrics {
    /// Times that a thread found a lock taken. Every lock is a mutex, so both counters are the same.
    pub lock_contention_events: u64,
    /// Times that a thread found a mutex taken.
    pub mutex_lock_contention_events: u64,
    /// Plans that the certifier refused; the first pick alone was run instead.
    pub planner_conflict_events: u64,
    /// The most islands that were ready at once.
    pub max_ready_queue_depth: u64,
    /// The widest wave.
    pub max_wave_width: u64,
    /// Bursts of a session on another lane than its burst before.
    pub cross_lane_transfer_count: u64,
    /// Endpoints handed over between coroutines.
    pub handoff_applied_count: u64,
    /// Islands that are ready now.
    pub ready_depth: u64,
    /// What the executor did.
    pub executor: ExecutorMetrics,
}

/// The counters as they are kept.
#[derive(Debug, Default)]
pub(crate) struct Contention {
    depth: usize,
    max_depth: usize,
    max_width: usize,
    conflicts: u64,
    moved: u64,
    handed: u64,
    lanes: VecDeque<LaneSelection>,
}

impl Contention {
    pub(crate) fn ready_depth(&mut self, depth: usize) {
        self.depth = depth;
        self.max_depth = self.max_depth.max(depth);
    }

    pub(crate) fn wave_width(&mut self, width: usize) {
        self.max_width = self.max_width.max(width);
        self.depth = self.depth.saturating_sub(width);
    }

    pub(crate) const fn conflict(&mut self) {
        self.conflicts += 1;
    }

    pub(crate) fn committed(&mut self, report: &CommitReport) {
        self.moved += report.moved;
        self.handed += if planted(Planted::ContentionForgetsHandoffs) { 0 } else { report.handed };
        self.depth += report.ready.len();
        for lane in &report.lanes {
            if self.lanes.len() == LANE_SELECTIONS {
                self.lanes.pop_front();
            }
            self.lanes.push_back(*lane);
        }
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = &LaneSelection> {
        self.lanes.iter()
    }

    pub(crate) const fn snapshot(&self, executor: &ExecutorMetrics) -> ContentionMetrics {
        ContentionMetrics {
            lock_contention_events: executor.contended_locks,
            mutex_lock_contention_events: executor.contended_locks,
            planner_conflict_events: self.conflicts,
            max_ready_queue_depth: self.max_depth as u64,
            max_wave_width: self.max_width as u64,
            cross_lane_transfer_count: self.moved,
            handoff_applied_count: self.handed,
            ready_depth: self.depth as u64,
            executor: *executor,
        }
    }
}
