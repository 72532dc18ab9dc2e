//! How a run ended: the summary, as JSON and as text, and the exit status that follows from it.

use crate::failure::{Failure, Outcome};
use crate::out::Out;
use motet_bridge::HostError;
use motet_machine::{CodeImage, FaultReport, Tally};
use motet_runtime::{ContentionMetrics, Observed, RunStatus, Runtime};
use motet_types::{Digest, Side};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// The most faults that are listed.
const MAX_FAULTS: usize = 100;

pub(crate) struct Summary<'a> {
    pub(crate) image: &'a CodeImage,
    pub(crate) status: RunStatus,
    pub(crate) tally: Tally,
    pub(crate) wall: Duration,
    pub(crate) trace_digest: Option<Digest>,
    pub(crate) state_root: Digest,
    pub(crate) threads: u64,
    pub(crate) contention: ContentionMetrics,
    pub(crate) faults: &'a [FaultReport],
    pub(crate) host_error: Option<HostError>,
    pub(crate) trace: Option<String>,
    pub(crate) wal: Option<Json>,
    pub(crate) found: Option<Json>,
}

fn fault_json(image: &CodeImage, report: &FaultReport) -> Json {
    json!({
        "session": report.session.0,
        "role": image.role_name(report.role),
        "line": report.line,
        "pc": report.pc.0,
        "code": report.fault.class().code(),
        "side": match report.fault.blame(report.role) {
            Side::Role(_) => "role",
            Side::Host => "host",
            Side::Site => "site",
        },
        "message": report.fault.to_string(),
    })
}

/// What scheduling met, by the names of the specification (section 4.2) and of the executor.
fn contention_json(met: &ContentionMetrics) -> Json {
    let executor = &met.executor;
    json!({
        "lock_contention_events": met.lock_contention_events,
        "mutex_lock_contention_events": met.mutex_lock_contention_events,
        "planner_conflict_events": met.planner_conflict_events,
        "max_ready_queue_depth": met.max_ready_queue_depth,
        "max_wave_width": met.max_wave_width,
        "cross_lane_transfer_count": met.cross_lane_transfer_count,
        "handoff_applied_count": met.handoff_applied_count,
        "ready_depth": met.ready_depth,
        "shared_chunks": executor.shared_chunks,
        "steals": executor.steals,
        "parks": executor.parks,
        "wakes": executor.wakes,
    })
}

impl<'a> Summary<'a> {
    pub(crate) fn of<E: Observed>(runtime: &'a Runtime<E>, image: &'a CodeImage) -> Self {
        Self {
            image,
            status: runtime.status(),
            tally: *runtime.machine().tally(),
            wall: Duration::ZERO,
            trace_digest: runtime.trace_digest(),
            state_root: runtime.state_root(),
            threads: 1,
            contention: runtime.contention(),
            faults: runtime.faults(),
            host_error: None,
            trace: None,
            wal: None,
            found: None,
        }
    }

    fn status_name(&self) -> &'static str {
        if self.host_error.is_some() { "host_failed" } else { self.status.name() }
    }

    /// The summary as JSON.
    pub(crate) fn json(&self) -> Json {
        let Tally { opened, closed, faulted, cancelled, steps, messages, dropped, waves, bursts } = self.tally;
        let mut json = json!({
            "status": self.status_name(),
            "protocol": self.image.parts().name,
            "image_digest": self.image.digest().to_string(),
            "sessions": opened,
            "closed": closed,
            "faulted": faulted,
            "cancelled": cancelled,
            "steps": steps,
            "messages": messages,
            "dropped": dropped,
            "waves": waves,
            "bursts": bursts,
            "wall_s": self.wall.as_secs_f64(),
            "trace_digest": self.trace_digest.map(|digest| digest.to_string()),
            "state_root": self.state_root.to_string(),
            "threads": self.threads,
            "contention": contention_json(&self.contention),
            "faults": self.faults.iter().take(MAX_FAULTS).map(|fault| fault_json(self.image, fault)).collect::<Vec<_>>(),
        });
        if self.faults.len() > MAX_FAULTS {
            json["faults_left_out"] = Json::from(self.faults.len() - MAX_FAULTS);
        }
        if let Some(trace) = &self.trace {
            json["trace"] = Json::from(trace.as_str());
        }
        for (name, part) in [("wal", &self.wal), ("found", &self.found)] {
            if let Some(part) = part {
                json[name] = part.clone();
            }
        }
        if let Some(error) = &self.host_error {
            json["host_error"] = json!({"code": error.code(), "message": error.to_string()});
        }
        json
    }

    /// Writes the summary.
    pub(crate) fn write(&self, out: &mut Out) -> Outcome<()> {
        if out.json {
            return out.document(&self.json());
        }
        let Tally { opened, steps, messages, dropped, .. } = self.tally;
        let name = &self.image.parts().name;
        let dropped = if dropped > 0 { format!(", {dropped} dropped") } else { String::new() };
        let (sessions, wall) = (plural(opened, "session"), self.wall);
        out.line(format_args!(
            "{name}: {} with {sessions}, {}{dropped}, {} in {wall:.1?}",
            self.status_name(),
            plural(messages, "message"),
            plural(steps, "step"),
        ))?;
        for fault in self.faults.iter().take(MAX_FAULTS) {
            let role = self.image.role_name(fault.role);
            let line = fault.line.map_or_else(String::new, |line| format!(", line {line}"));
            out.line(format_args!("fault in {}, role {role}{line}: {}", fault.session, fault.fault))?;
        }
        if self.faults.len() > MAX_FAULTS {
            out.line(format_args!("and {} more faults", self.faults.len() - MAX_FAULTS))?;
        }
        if let Some(digest) = self.trace_digest {
            out.line(format_args!("trace digest {digest}"))?;
        }
        out.line(format_args!("state root   {}", self.state_root))
    }

    /// Whether the run itself went well.
    pub(crate) fn verdict(self) -> Outcome<()> {
        if let Some(error) = self.host_error {
            return Err(Failure::failed(error.code(), error.to_string())
                .help("docs/host.md says what a host is asked and what it must answer"));
        }
        if let Some(fault) = self.faults.first() {
            // A site that crashed may end its coroutines alone.
            let faulted = match self.tally.faulted {
                0 => plural(self.faults.len() as u64, "coroutine"),
                sessions => plural(sessions, "session"),
            };
            let role = self.image.role_name(fault.role);
            let message = format!("{faulted} faulted; the first is {}, role {role}: {}", fault.session, fault.fault);
            return Err(Failure::failed("faulted", message).field("fault", fault_json(self.image, fault)));
        }
        match self.status {
            RunStatus::Completed | RunStatus::MaxSteps | RunStatus::Faulted => Ok(()),
            RunStatus::Waiting => Err(Failure::failed("waiting", "nothing can go on before the host has answered")),
            RunStatus::Stuck => Err(Failure::failed("stuck", "no role can go on, and nothing is expected")),
        }
    }
}

/// A count and its noun.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
