//! A host's process: one line out, one line back, within a deadline.

use crate::host_error::HostErrorKind;
use crate::piped::{Broken, Piped};
use crate::value_json::shortened;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// The longest line that a host may write, in bytes, its end included.
pub const MAX_HOST_LINE: usize = 1 << 20;

/// How long a host that was told to end may take before it is made to.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) struct HostProcess {
    pipes: Piped,
}

impl HostProcess {
    /// Starts `sh -c command`. Its standard error stays where ours goes.
    pub(crate) fn start(command: &str) -> Result<Self, HostErrorKind> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command);
        let pipes = Piped::start(shell, false).map_err(|error| HostErrorKind::Start(error.to_string()))?;
        Ok(Self { pipes })
    }

    /// Writes one line and waits for the one line back.
    pub(crate) fn ask(&mut self, line: &[u8], deadline: Duration) -> Result<String, HostErrorKind> {
        match self.pipes.line(line, deadline, MAX_HOST_LINE) {
            Ok(line) => {
                String::from_utf8(line).map_err(|bad| HostErrorKind::NotUtf8 { offset: bad.utf8_error().valid_up_to() })
            }
            Err(Broken::Flood) => Err(HostErrorKind::Flood),
            Err(Broken::Extra(bytes)) => {
                Err(HostErrorKind::Extra { extra: shortened(String::from_utf8_lossy(&bytes).trim_end()) })
            }
            Err(Broken::Ended(error)) => Err(self.died(error)),
            Err(Broken::Silent) => Err(HostErrorKind::Silent { deadline }),
        }
    }

    fn died(&mut self, error: Option<io::Error>) -> HostErrorKind {
        // A process whose pipes are closed is about to end; its status says more than the pipe does.
        let by_itself = self.pipes.ends_within(GRACE);
        let status = self.kill();
        let how = match (status.filter(|_| by_itself), error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => format!("its pipe failed: {error}"),
            (None, None) => "it closed its output".into(),
        };
        HostErrorKind::Died { how }
    }

    /// Ends the host and everything it started, and reaps it; how it ended.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        self.pipes.end()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // With its input closed a well-behaved host ends by itself, and may finish what it is writing.
        self.pipes.close_input();
        self.pipes.ends_within(GRACE);
    }
}
