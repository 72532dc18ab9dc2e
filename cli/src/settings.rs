//! The options of `motet run`, and what they come to: checked counts, a schedule, a configuration.

use crate::failure::{Failure, Outcome};
use crate::wal::Checkpoints;
use clap::ValueEnum;
use motet_machine::{BackpressurePolicy, BufferConfig, BufferMode, ProtocolMachineConfig, RunId};
use motet_runtime::{PriorityPolicy, Schedule, SchedulerPolicy, Threads};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

/// The most sessions of one run.
const MAX_SESSIONS: u64 = 10_000_000;
/// The most threads that a runtime takes.
pub(crate) const MAX_THREADS: u64 = Threads::LIMIT as u64;
/// The longest deadline: a day.
const MAX_DEADLINE_MS: u64 = 86_400_000;

/// Who goes first when more sessions are ready than a wave takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// First ready, first served.
    Cooperative,
    /// The same order; the specification names both.
    RoundRobin,
    /// Whoever has waited longest.
    Priority,
    /// Sessions with messages in flight first.
    ProgressAware,
    /// In an order drawn from `--seed`.
    Random,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A choreography (`.tell`), a global type (`.json`) or an image.
    pub(crate) file: PathBuf,
    /// How many sessions to open.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    sessions: u64,
    /// How many threads carry out the waves; no result depends on it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    threads: u64,
    /// Who goes first when more sessions are ready than a wave takes.
    #[arg(long, value_enum, default_value_t = Policy::Cooperative)]
    policy: Policy,
    /// The most sessions in one wave.
    #[arg(long, default_value_t = 256, allow_negative_numbers = true)]
    wave: u64,
    /// The most steps that a session takes in one wave.
    #[arg(long, default_value_t = 256, allow_negative_numbers = true)]
    fuel: u64,
    /// The most waves that are out at once.
    #[arg(long, default_value_t = Schedule::throughput().window.into(), allow_negative_numbers = true)]
    window: u64,
    /// The most waves in one turn; at its end all sessions are at home, and inputs may come in.
    #[arg(long, default_value_t = Schedule::throughput().turn.into(), allow_negative_numbers = true)]
    turn: u64,
    /// Stop after this many steps in all.
    #[arg(long, allow_negative_numbers = true)]
    steps: Option<u64>,
    /// What payloads and choices (and a random order) are drawn from.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Let a role choose a label wherever it may; several are tried in order.
    #[arg(long, value_name = "ROLE=LABEL", value_delimiter = ',', conflicts_with = "host")]
    choose: Vec<String>,
    /// Let a process answer: `exec:COMMAND`, spoken to in JSON lines.
    #[arg(long, value_name = "exec:COMMAND")]
    host: Option<String>,
    /// How long the process may take for one answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000, allow_negative_numbers = true)]
    host_deadline: u64,
    /// Ask the process about received messages too.
    #[arg(long, requires = "host")]
    host_receives: bool,
    /// Record the run, for `motet replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Keep a write-ahead log in this folder, which must not hold a run yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) wal: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) checkpoints: Checkpoints,
    /// How deep speculations may be nested; 0 refuses images that speculate.
    #[arg(long, value_name = "DEPTH", default_value_t = 0)]
    speculation: u16,
    /// How many messages an edge holds.
    #[arg(long, default_value_t = 64, allow_negative_numbers = true)]
    buffer: u64,
    /// Draw the messages even when standard output is no terminal.
    #[arg(long)]
    pub(crate) draw: bool,
    /// Print the configuration and do not run.
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Who answers effects.
pub(crate) enum Answers {
    /// The seeded host, with the choices that were given.
    Seeded { seed: u64, choices: Vec<(String, String)> },
    /// A process.
    Exec { command: String, deadline: Duration, receives: bool },
}

impl Answers {
    /// As JSON: what a log keeps, so that recovery goes on with the same host.
    pub(crate) fn json(&self) -> Json {
        match self {
            Answers::Seeded { seed, choices } => {
                let choices: Vec<String> = choices.iter().map(|(role, label)| format!("{role}={label}")).collect();
                json!({"kind": "seeded", "seed": seed, "choose": choices})
            }
            Answers::Exec { command, deadline, receives } => json!({
                "kind": "exec", "command": command, "deadline_ms": deadline.as_millis() as u64, "receives": receives}),
        }
    }

    /// Reads what [`Answers::json`] wrote.
    pub(crate) fn from_json(json: &Json) -> Option<Self> {
        match json["kind"].as_str()? {
            "seeded" => {
                let given = json["choose"].as_array()?.iter().map(|choice| choice.as_str().map(str::to_owned));
                let given: Vec<String> = given.collect::<Option<_>>()?;
                Some(Answers::Seeded { seed: json["seed"].as_u64()?, choices: choices(&given).ok()? })
            }
            "exec" => Some(Answers::Exec {
                command: json["command"].as_str()?.to_owned(),
                deadline: Duration::from_millis(json["deadline_ms"].as_u64()?),
                receives: json["receives"].as_bool()?,
            }),
            _ => None,
        }
    }

    /// The process that `--host` names, with the deadline and the questions of the host before it.
    pub(crate) fn with_host(self, host: &str) -> Outcome<Self> {
        let command = command(host)?;
        Ok(match self {
            Answers::Exec { deadline, receives, .. } => Answers::Exec { command, deadline, receives },
            Answers::Seeded { .. } => Answers::Exec { command, deadline: Duration::from_secs(30), receives: false },
        })
    }
}

/// The options of a run, checked.
pub(crate) struct Settings {
    pub(crate) sessions: u64,
    pub(crate) threads: usize,
    pub(crate) steps: Option<u64>,
    pub(crate) answers: Answers,
    pub(crate) schedule: Schedule,
    pub(crate) config: ProtocolMachineConfig,
}

/// A count within its limits.
pub(crate) fn count(name: &str, value: u64, limit: u64) -> Outcome<u64> {
    if (1..=limit).contains(&value) {
        return Ok(value);
    }
    Err(Failure::usage("bad_count", format!("--{name} is {value}; it must be between 1 and {limit}"))
        .field("option", format!("--{name}"))
        .field("value", value)
        .field("limit", limit))
}

fn small(name: &str, value: u64, limit: u32) -> Outcome<u32> {
    Ok(count(name, value, limit.into())? as u32)
}

impl Settings {
    /// Checks the options.
    pub(crate) fn of(args: &Args) -> Outcome<Self> {
        let sessions = count("sessions", args.sessions, MAX_SESSIONS)?;
        let threads = count("threads", args.threads, MAX_THREADS)? as usize;
        let schedule = Schedule {
            policy: match args.policy {
                Policy::Cooperative => SchedulerPolicy::Cooperative,
                Policy::RoundRobin => SchedulerPolicy::RoundRobin,
                Policy::Priority => SchedulerPolicy::Priority(PriorityPolicy::Aging(BTreeMap::new())),
                Policy::ProgressAware => SchedulerPolicy::ProgressAware,
                Policy::Random => SchedulerPolicy::Random { seed: args.seed },
            },
            wave: small("wave", args.wave, Schedule::LIMIT)?,
            fuel: small("fuel", args.fuel, Schedule::LIMIT)?,
            window: small("window", args.window, Schedule::WINDOW_LIMIT)?,
            turn: small("turn", args.turn, Schedule::LIMIT)?,
            ..Schedule::throughput()
        };
        let steps = args.steps.map(|steps| count("steps", steps, u64::MAX)).transpose()?;
        let deadline = Duration::from_millis(count("host-deadline", args.host_deadline, MAX_DEADLINE_MS)?);
        let answers = match &args.host {
            None => Answers::Seeded { seed: args.seed, choices: choices(&args.choose)? },
            Some(host) => Answers::Exec { command: command(host)?, deadline, receives: args.host_receives },
        };
        let recorded = args.trace.is_some();
        let config = ProtocolMachineConfig {
            speculation_depth: args.speculation,
            buffer: BufferConfig {
                mode: BufferMode::Fifo,
                capacity: small("buffer", args.buffer, u16::MAX.into())? as u16,
                policy: BackpressurePolicy::Block,
            },
            record: recorded,
            run_id: match answers {
                Answers::Seeded { .. } => RunId::default(),
                // A process reaches the outside world, where no two runs may share a key.
                Answers::Exec { .. } => fresh_run_id(),
            },
            ..ProtocolMachineConfig::default()
        };
        Ok(Self { sessions, threads, steps, answers, schedule, config })
    }

    /// The configuration as JSON.
    pub(crate) fn json(&self) -> Json {
        let policy = match &self.schedule.policy {
            SchedulerPolicy::Cooperative => "cooperative",
            SchedulerPolicy::RoundRobin => "round_robin",
            SchedulerPolicy::Priority(_) => "priority",
            SchedulerPolicy::ProgressAware => "progress_aware",
            SchedulerPolicy::Random { .. } => "random",
        };
        json!({
            "sessions": self.sessions,
            "threads": self.threads,
            "steps": self.steps,
            "schedule": {"policy": policy, "wave": self.schedule.wave, "fuel": self.schedule.fuel,
                "chunk": self.schedule.chunk, "window": self.schedule.window, "turn": self.schedule.turn},
            "buffer": {"mode": "fifo", "capacity": self.config.buffer.capacity, "policy": "block"},
            "max_registers": self.config.max_registers,
            "speculation_depth": self.config.speculation_depth,
            "max_sessions": self.config.max_sessions,
            "max_payload_bytes": self.config.max_payload_bytes,
            "record": self.config.record,
            "host": self.answers.json(),
        })
    }
}

fn command(host: &str) -> Outcome<String> {
    match host.strip_prefix("exec:").map(str::trim) {
        Some(command) if !command.is_empty() => Ok(command.into()),
        _ => Err(Failure::usage("bad_host", format!("`{host}` is no host"))
            .help("write --host 'exec:COMMAND', for example --host 'exec:python3 host.py'")),
    }
}

fn choices(given: &[String]) -> Outcome<Vec<(String, String)>> {
    let pair = |choice: &String| match choice.split_once('=') {
        Some((role, label)) if !role.is_empty() && !label.is_empty() => Ok((role.to_owned(), label.to_owned())),
        _ => Err(Failure::usage("bad_choice", format!("`{choice}` is no choice"))
            .help("write --choose ROLE=LABEL, several with commas between them")),
    };
    given.iter().map(pair).collect()
}

/// A run id that no other run has: keys from the system's randomness, mixed with time and process.
fn fresh_run_id() -> RunId {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seen = (now, std::process::id());
    let mut id = [0; 16];
    id[..8].copy_from_slice(&RandomState::new().hash_one(seen).to_le_bytes());
    id[8..].copy_from_slice(&RandomState::new().hash_one(seen).to_le_bytes());
    RunId(id)
}
