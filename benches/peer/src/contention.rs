//! How often threads find locks taken: Motet and its predecessor on two threads, the same sessions, each as it counts.

use crate::motet::Motet;
use crate::telltale::Telltale;
use crate::workload::Workload;

/// Runs of each, in turn.
const TURNS: usize = 3;
/// Sessions of a run: as many as the predecessor runs in a second or so.
const SESSIONS: usize = 64;

#[derive(Debug, Default)]
struct Counted {
    messages: usize,
    contended: u64,
}

impl Counted {
    fn add(
        &mut self,
        run: fn(Workload, usize) -> Result<(crate::workload::Sample, u64), String>,
    ) -> Result<(), String> {
        let (sample, contended) = run(Workload::ManySessions, SESSIONS)?;
        self.messages += sample.messages;
        self.contended += contended;
        Ok(())
    }

    fn per_message(&self) -> f64 {
        self.contended as f64 / self.messages.max(1) as f64
    }
}

/// One flat JSON row: both counts, and by how many percent ours is lower for each message. Where neither ever found a lock
/// taken, nothing can be lower, and that is 100.
pub(crate) fn run() -> Result<String, String> {
    let (mut ours, mut theirs) = (Counted::default(), Counted::default());
    for _ in 0..TURNS {
        ours.add(Motet::contended)?;
        theirs.add(Telltale::contended)?;
    }
    let reduction = match (ours.contended, theirs.contended) {
        (0, _) => 100.0,
        (_, 0) => -100.0,
        _ => (1.0 - ours.per_message() / theirs.per_message()) * 100.0,
    };
    Ok(format!(
        "{{\"messages\":{},\"contended\":{},\"peer_messages\":{},\"peer_contended\":{},\"reduction_percent\":{reduction:.1}}}\n",
        ours.messages, ours.contended, theirs.messages, theirs.contended
    ))
}
