//! A host in another process, as an effect handler: a role can be written in any language that reads and writes
//! lines. `docs/host.md` describes the protocol.

use crate::effect_json::{outcome_from_json, request_json};
use crate::host_error::{HostError, HostErrorKind};
use crate::host_process::HostProcess;
use crate::value_json::shortened;
use motet_machine::{EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody};
use motet_types::{EffectFailureKind, EffectKind, EffectKinds};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a host may take for an answer when nothing else is said.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// How a host in another process is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecOptions {
    /// How long it may take for one answer.
    pub deadline: Duration,
    /// Whether it is asked about messages that came, and not only about those to be sent.
    pub receives: bool,
    /// Whether it is asked which condition each output is to satisfy, in a run that checks them.
    pub outputs: bool,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self { deadline: DEFAULT_DEADLINE, receives: false, outputs: false }
    }
}

/// A process that answers effects. One process serves all sessions, one request at a time.
///
/// The first thing that goes wrong ends the process and is kept: every later effect fails at once, and
/// [`ExecHost::take_error`] tells what it was.
pub struct ExecHost {
    command: String,
    identity: String,
    options: ExecOptions,
    state: Mutex<State>,
}

struct State {
    process: Option<HostProcess>,
    error: Option<HostError>,
}

impl ExecHost {
    /// Starts `sh -c command`.
    pub fn start(command: &str, options: ExecOptions) -> Result<Self, HostError> {
        let failed = |kind| HostError { command: command.into(), kind, asked: None };
        let process = HostProcess::start(command).map_err(failed)?;
        Ok(Self {
            command: command.into(),
            identity: format!("exec:{command}"),
            options,
            state: Mutex::new(State { process: Some(process), error: None }),
        })
    }

    /// How it is used.
    pub const fn options(&self) -> &ExecOptions {
        &self.options
    }

    /// What went wrong, if anything has; it is told once.
    pub fn take_error(&self) -> Option<HostError> {
        self.lock().error.take()
    }

    /// Whether something has gone wrong: nothing will be answered any more.
    pub fn has_failed(&self) -> bool {
        self.lock().process.is_none()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, process: &mut HostProcess, request: &EffectRequest<'_>) -> Result<EffectOutcome, HostErrorKind> {
        let mut line = request_json(request).to_string().into_bytes();
        line.push(b'\n');
        let answer = process.ask(&line, self.options.deadline)?;
        outcome_from_json(request, &answer)
            .map_err(|error| HostErrorKind::Garbage { line: shortened(answer.trim_end()), error: Box::new(error) })
    }
}

/// A request in words.
fn words(request: &EffectRequest<'_>) -> String {
    let image = request.image;
    let (role, session) = (request.role_name(), request.coordinate.session.0);
    let what = match request.body {
        EffectRequestBody::SendDecision { partner, label, .. } => {
            format!("a decision about {} from {role} to {}", image.label_name(label), image.role_name(partner))
        }
        EffectRequestBody::Receive { partner, label, .. } => {
            format!("its view of {} from {} to {role}", image.label_name(label), image.role_name(partner))
        }
        EffectRequestBody::Choose { partner, .. } => {
            format!("the choice of {role} towards {}", image.role_name(partner))
        }
        EffectRequestBody::InvokeStep { .. } => match request.operation() {
            Some(part) => format!("{}.{} of {role}", part.interface, part.operation),
            None => format!("an operation of {role}"),
        },
        EffectRequestBody::Acquire { layer } => format!("the guard {layer} for {role}"),
        EffectRequestBody::Release { layer, .. } => format!("the release of the guard {layer} by {role}"),
        EffectRequestBody::OutputConditionHint { output } => format!("the condition of the output {output} of {role}"),
    };
    format!("{what} in session {session}")
}

/// The failure that the session sees; the whole story is in [`ExecHost::take_error`].
fn failure(error: &HostErrorKind) -> EffectFailureKind {
    match error {
        HostErrorKind::Silent { .. } => EffectFailureKind::Timeout,
        HostErrorKind::Start(_) | HostErrorKind::Died { .. } => EffectFailureKind::Unavailable,
        _ => EffectFailureKind::ContractViolation,
    }
}

impl EffectHandler for ExecHost {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn wants(&self) -> EffectKinds {
        let asked = [
            EffectKind::SendDecision,
            EffectKind::Choose,
            EffectKind::InvokeStep,
            EffectKind::Acquire,
            EffectKind::Release,
        ];
        let kinds = asked.into_iter().fold(EffectKinds::NONE, EffectKinds::with);
        let more =
            [(self.options.receives, EffectKind::Receive), (self.options.outputs, EffectKind::OutputConditionHint)];
        more.into_iter().filter(|(asked, _)| *asked).fold(kinds, |kinds, (_, kind)| kinds.with(kind))
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let mut state = self.lock();
        let Some(process) = &mut state.process else {
            return EffectOutcome::failure(EffectFailureKind::Unavailable, "the host has failed before");
        };
        match self.ask(process, &request) {
            Ok(outcome) => outcome,
            Err(kind) => {
                process.kill();
                state.process = None;
                let outcome = EffectOutcome::failure(failure(&kind), kind.to_string());
                let asked = Some(words(&request));
                state.error.get_or_insert(HostError { command: self.command.clone(), kind, asked });
                outcome
            }
        }
    }
}

impl std::fmt::Debug for ExecHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecHost").field("command", &self.command).field("options", &self.options).finish()
    }
}
