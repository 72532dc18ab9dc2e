//! The configuration of a run as a document: what `--config` reads, and what `--print-config` prints.
//!
//! It is the machine's own configuration and the runtime's own schedule, by the names of their fields, and beside them
//! what only this command has.

use crate::failure::{Failure, Outcome};
use motet_machine::{Preset, ProtocolMachineConfig};
use motet_runtime::Schedule;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::path::Path;
use toml::{Table, Value};

/// The version of the document.
const VERSION: u32 = 1;
/// The largest document.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Document {
    /// The version of the document.
    pub(crate) config_schema_version: u32,
    /// What stands for what `machine` leaves out; it is never printed, since then everything is there.
    #[serde(skip_serializing)]
    pub(crate) preset: Option<String>,
    pub(crate) sessions: u64,
    pub(crate) threads: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<u64>,
    /// Who answers, as [`Answers`](crate::settings::Answers) has it; the seeded host where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<Json>,
    pub(crate) schedule: Schedule,
    pub(crate) machine: ProtocolMachineConfig,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            config_schema_version: VERSION,
            preset: None,
            sessions: 1,
            threads: 1,
            steps: None,
            host: None,
            schedule: Schedule::throughput(),
            machine: ProtocolMachineConfig::default(),
        }
    }
}

fn preset(name: &str) -> Outcome<ProtocolMachineConfig> {
    Preset::from_name(name).map(Preset::config).ok_or_else(|| {
        Failure::usage("unknown_preset", format!("there is no preset `{name}`"))
            .help(format!("there are {}", Preset::ALL.map(Preset::name).join(", ")))
    })
}

/// What a document says over what a preset does: a table's fields by themselves, one level deep, since a preset has no
/// deeper ones that are parts of a whole.
fn over(base: &mut Table, said: Table) {
    for (name, value) in said {
        match (base.get_mut(&name), value) {
            (Some(Value::Table(base)), Value::Table(said)) if name == "buffer" => base.extend(said),
            (_, value) => {
                base.insert(name, value);
            }
        }
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    let file = path.display().to_string();
    Failure::refused("unreadable", format!("{file} cannot be read: {why}")).field("file", file)
}

/// The text of a document in TOML.
pub(crate) fn text(path: &Path) -> Outcome<String> {
    let size = path.metadata().map_err(|error| unreadable(path, &error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(unreadable(path, &format!("it has {size} bytes, and a configuration has at most {MAX_BYTES}")));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error.to_string()))
}

/// A text that is not the document that it should be, with the line.
pub(crate) fn wrong(path: &Path, text: &str, what: &str, code: &str, error: &toml::de::Error) -> Failure {
    let file = path.display().to_string();
    let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
    let message = format!("{file} is no {what}: {}", error.to_string().trim_end());
    Failure::refused(code, message).field("file", file).field("line", line)
}

impl Document {
    /// The document in a file, or the default; `named` is the preset that stands for what it leaves out, and goes before
    /// the one that it names itself.
    pub(crate) fn read(path: Option<&Path>, named: Option<&str>) -> Outcome<Self> {
        let Some(path) = path else {
            let machine = named.map(preset).transpose()?.unwrap_or_default();
            return Ok(Self { machine, ..Self::default() });
        };
        let file = path.display().to_string();
        let text = text(path)?;
        let refused = |error: toml::de::Error| wrong(path, &text, "configuration", "bad_config", &error);
        // Read whole first, so that what is wrong is shown where it stands.
        let mut document: Self = toml::from_str(&text).map_err(refused)?;
        if document.config_schema_version != VERSION {
            let found = document.config_schema_version;
            let message = format!("{file} has version {found} of the configuration; this is version {VERSION}");
            return Err(Failure::refused("bad_config", message).field("file", file).field("found", found));
        }
        if let Some(name) = named.or(document.preset.as_deref()) {
            let mut base = Table::try_from(preset(name)?).map_err(|error| unreadable(path, &error.to_string()))?;
            let mut said: Table = text.parse().map_err(refused)?;
            if let Some(Value::Table(machine)) = said.remove("machine") {
                over(&mut base, machine);
            }
            document.machine = base.try_into().map_err(refused)?;
        }
        Ok(document)
    }

    /// As a document in TOML.
    pub(crate) fn toml(&self) -> Outcome<String> {
        toml::to_string(self).map_err(|error| {
            Failure::usage("bad_config", format!("the configuration cannot be written as TOML: {error}"))
                .help("numbers in TOML end at 2^63; `--json` has them all")
        })
    }

    /// As a document in JSON.
    pub(crate) fn json(&self) -> Outcome<Json> {
        let refused = |error: serde_json::Error| Failure::usage("bad_config", error.to_string());
        serde_json::to_value(self).map_err(refused)
    }
}
