//! The options of `motet run`, and what they come to: checked counts, a schedule, a configuration.

use crate::config::Document;
use crate::failure::{Failure, Outcome};
use crate::keys::Watching;
use crate::wal::Checkpoints;
use clap::ValueEnum;
use motet_machine::{BufferConfig, ProtocolMachineConfig, RunId};
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
    /// Read the configuration from a TOML file; the other options go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The machine's configuration by name, where neither the file nor an option says otherwise.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// How many sessions to open [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    sessions: Option<u64>,
    /// How many threads carry out the waves; no result depends on it [default: 1]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<u64>,
    /// Who goes first when more sessions are ready than a wave takes [default: cooperative]
    #[arg(long, value_enum)]
    policy: Option<Policy>,
    /// The most sessions in one wave [default: 64]
    #[arg(long, allow_negative_numbers = true)]
    wave: Option<u64>,
    /// The most steps that a session takes in one wave [default: 256]
    #[arg(long, allow_negative_numbers = true)]
    fuel: Option<u64>,
    /// The most waves that are out at once [default: 32]
    #[arg(long, allow_negative_numbers = true)]
    window: Option<u64>,
    /// The most waves in one turn; at its end all sessions are at home, and inputs may come in [default: 128]
    #[arg(long, allow_negative_numbers = true)]
    turn: Option<u64>,
    /// Stop after this many steps in all.
    #[arg(long, allow_negative_numbers = true)]
    steps: Option<u64>,
    /// What payloads and choices (and a random order) are drawn from [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<u64>,
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
    /// Ask the process which condition each output is to satisfy, where the configuration checks them.
    #[arg(long, requires = "host")]
    host_outputs: bool,
    /// Record the run, for `motet replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Write the semantic objects of the run here at its end, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) semantic_objects: Option<PathBuf>,
    /// Keep a write-ahead log in this folder, which must not hold a run yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) wal: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) checkpoints: Checkpoints,
    /// How deep speculations may be nested; 0 refuses images that speculate [default: 0]
    #[arg(long, value_name = "DEPTH")]
    speculation: Option<u16>,
    /// How many messages an edge holds [default: 64]
    #[arg(long, allow_negative_numbers = true)]
    buffer: Option<u64>,
    /// Let sites crash and links be cut as a file says: a list of `{"at_step"|"at_wave": N, "events": [{"kind": ...}]}`.
    #[arg(long, value_name = "FILE")]
    pub(crate) topology: Option<PathBuf>,
    /// Draw the messages even when standard output is no terminal.
    #[arg(long)]
    pub(crate) draw: bool,
    #[command(flatten)]
    watching: Watching,
    /// Print the configuration and do not run.
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Who answers effects.
pub(crate) enum Answers {
    /// The seeded host, with the choices that were given.
    Seeded { seed: u64, choices: Vec<(String, String)> },
    /// A process.
    Exec { command: String, deadline: Duration, receives: bool, outputs: bool },
}

impl Answers {
    /// As JSON: what a log keeps, so that recovery goes on with the same host.
    pub(crate) fn json(&self) -> Json {
        match self {
            Answers::Seeded { seed, choices } => {
                let choices: Vec<String> = choices.iter().map(|(role, label)| format!("{role}={label}")).collect();
                json!({"kind": "seeded", "seed": seed, "choose": choices})
            }
            Answers::Exec { command, deadline, receives, outputs } => json!({
                "kind": "exec", "command": command, "deadline_ms": deadline.as_millis() as u64,
                "receives": receives, "outputs": outputs}),
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
                outputs: json.get("outputs").map_or(Some(false), Json::as_bool)?,
            }),
            _ => None,
        }
    }

    /// The same with another seed and other choices, where they are given.
    fn with(self, given_seed: Option<u64>, given: &[String]) -> Outcome<Self> {
        match self {
            Answers::Seeded { seed, choices: said } => {
                let choices = if given.is_empty() { said } else { choices(given)? };
                Ok(Answers::Seeded { seed: given_seed.unwrap_or(seed), choices })
            }
            Answers::Exec { .. } if given.is_empty() => Ok(self),
            Answers::Exec { .. } => Err(Failure::usage("bad_choice", "the configuration has a process choose")
                .help("leave out --choose, or the host of the configuration")),
        }
    }

    /// The process that `--host` names, with the deadline and the questions of the host before it.
    pub(crate) fn with_host(self, host: &str) -> Outcome<Self> {
        let command = command(host)?;
        Ok(match self {
            Answers::Exec { deadline, receives, outputs, .. } => Answers::Exec { command, deadline, receives, outputs },
            Answers::Seeded { .. } => {
                Answers::Exec { command, deadline: Duration::from_secs(30), receives: false, outputs: false }
            }
        })
    }
}

/// How many semantic objects that have ended are kept where they are asked for and the configuration does not say.
const KEPT_OBJECTS: u32 = 1000;

/// The options of a run, checked.
pub(crate) struct Settings {
    pub(crate) sessions: u64,
    pub(crate) threads: usize,
    pub(crate) steps: Option<u64>,
    /// The run id that the configuration has; the run may have one of its own.
    given_id: RunId,
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
        let Document { sessions, threads, steps, host, schedule, machine, .. } =
            Document::read(args.config.as_deref(), args.preset.as_deref())?;
        let sessions = count("sessions", args.sessions.unwrap_or(sessions), MAX_SESSIONS)?;
        let threads = count("threads", args.threads.unwrap_or(threads), MAX_THREADS)? as usize;
        let seed = args.seed.unwrap_or_default();
        let of = |name, given: Option<u64>, said: u32, limit| small(name, given.unwrap_or(said.into()), limit);
        let schedule = Schedule {
            policy: match args.policy {
                None => schedule.policy,
                Some(Policy::Cooperative) => SchedulerPolicy::Cooperative,
                Some(Policy::RoundRobin) => SchedulerPolicy::RoundRobin,
                Some(Policy::Priority) => SchedulerPolicy::Priority(PriorityPolicy::Aging(BTreeMap::new())),
                Some(Policy::ProgressAware) => SchedulerPolicy::ProgressAware,
                Some(Policy::Random) => SchedulerPolicy::Random { seed },
            },
            wave: of("wave", args.wave, schedule.wave, Schedule::LIMIT)?,
            fuel: of("fuel", args.fuel, schedule.fuel, Schedule::LIMIT)?,
            window: of("window", args.window, schedule.window, Schedule::WINDOW_LIMIT)?,
            turn: of("turn", args.turn, schedule.turn, Schedule::LIMIT)?,
            ..schedule
        };
        let steps = args.steps.or(steps).map(|steps| count("steps", steps, u64::MAX)).transpose()?;
        let deadline = Duration::from_millis(count("host-deadline", args.host_deadline, MAX_DEADLINE_MS)?);
        let answers = match (&args.host, host) {
            (Some(host), _) => Answers::Exec {
                command: command(host)?,
                deadline,
                receives: args.host_receives,
                outputs: args.host_outputs,
            },
            (None, Some(said)) => Answers::from_json(&said).map(|said| said.with(args.seed, &args.choose)).ok_or_else(|| {
                Failure::refused("bad_config", "`host` in the configuration is no host")
                    .help("write kind = \"seeded\" with seed and choose, or kind = \"exec\" with command, deadline_ms and receives, and outputs where wanted")
            })??,
            (None, None) => Answers::Seeded { seed, choices: choices(&args.choose)? },
        };
        let given_id = machine.run_id;
        let capacity = of("buffer", args.buffer, machine.buffer.capacity.into(), u16::MAX.into())? as u16;
        let config = ProtocolMachineConfig {
            speculation_depth: args.speculation.unwrap_or(machine.speculation_depth),
            buffer: BufferConfig { capacity, ..machine.buffer },
            semantic_objects: machine.semantic_objects.or(args.semantic_objects.as_ref().map(|_| KEPT_OBJECTS)),
            record: args.trace.is_some(),
            run_id: match answers {
                // A process reaches the outside world, where no two runs may share a key.
                Answers::Exec { .. } if given_id == RunId::default() => fresh_run_id(),
                _ => given_id,
            },
            ..machine
        };
        let config = args.watching.over(config)?;
        let refused = |error: String| Failure::usage("bad_configuration", error);
        config.validate().map_err(|error| refused(error.to_string()))?;
        schedule.validate().map_err(|error| refused(error.to_string()))?;
        Ok(Self { sessions, threads, steps, given_id, answers, schedule, config })
    }

    /// The configuration as a document. A run id that this run alone has is not in it.
    pub(crate) fn document(&self) -> Document {
        let run_id = self.given_id;
        Document {
            sessions: self.sessions,
            threads: self.threads as u64,
            steps: self.steps,
            host: Some(self.answers.json()),
            schedule: self.schedule.clone(),
            machine: ProtocolMachineConfig { run_id, ..self.config.clone() },
            ..Document::default()
        }
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
