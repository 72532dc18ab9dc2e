//! A host's process: one line out, one line back, within a deadline.
//!
//! A thread of its own does the writing and the reading, so that a host that neither reads nor writes cannot hold
//! the runtime: the runtime waits for the thread, and only as long as the deadline allows.

use crate::host_error::HostErrorKind;
use crate::value_json::shortened;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest line that a host may write, in bytes, its end included.
pub const MAX_HOST_LINE: usize = 1 << 20;

/// How long a host that was told to end may take before it is made to.
const GRACE: Duration = Duration::from_millis(500);

/// What the thread has to say about a request.
enum Answer {
    Line(Vec<u8>),
    Flood,
    Extra(Vec<u8>),
    Ended(Option<io::Error>),
}

pub(crate) struct HostProcess {
    child: Child,
    /// Closed by dropping it: the thread then ends and closes the host's input.
    requests: Option<Sender<Vec<u8>>>,
    answers: Receiver<Answer>,
    reaped: bool,
}

impl HostProcess {
    /// Starts `sh -c command`. Its standard error stays where ours goes.
    pub(crate) fn start(command: &str) -> Result<Self, HostErrorKind> {
        let failed = |error: io::Error| HostErrorKind::Start(error.to_string());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        {
            // A group of its own, so that ending the shell also ends what the shell started.
            use std::os::unix::process::CommandExt;
            shell.process_group(0);
        }
        let mut child = shell.spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(HostErrorKind::Start("its input and output are not connected".into()));
        };
        let (requests, to_write) = channel();
        let (report, answers) = channel();
        let pipes = thread::Builder::new().name("motet-host".into());
        let spawned = pipes.spawn(move || exchange(input, BufReader::new(output), &to_write, &report));
        let mut process = Self { child, requests: Some(requests), answers, reaped: false };
        match spawned {
            Ok(_) => Ok(process),
            Err(error) => {
                process.kill();
                Err(failed(error))
            }
        }
    }

    /// Writes one line and waits for the one line back.
    pub(crate) fn ask(&mut self, line: Vec<u8>, deadline: Duration) -> Result<String, HostErrorKind> {
        let sent = self.requests.as_ref().is_some_and(|requests| requests.send(line).is_ok());
        if !sent {
            return Err(self.died(None));
        }
        match self.answers.recv_timeout(deadline) {
            Ok(Answer::Line(bytes)) => String::from_utf8(bytes)
                .map_err(|bad| HostErrorKind::NotUtf8 { offset: bad.utf8_error().valid_up_to() }),
            Ok(Answer::Flood) => Err(HostErrorKind::Flood),
            Ok(Answer::Extra(bytes)) => {
                Err(HostErrorKind::Extra { extra: shortened(String::from_utf8_lossy(&bytes).trim_end()) })
            }
            Ok(Answer::Ended(error)) => Err(self.died(error)),
            Err(RecvTimeoutError::Disconnected) => Err(self.died(None)),
            Err(RecvTimeoutError::Timeout) => Err(HostErrorKind::Silent { deadline }),
        }
    }

    fn died(&mut self, error: Option<io::Error>) -> HostErrorKind {
        // A process whose pipes are closed is about to end; its status says more than the pipe does.
        let by_itself = self.ends_within(GRACE);
        let status = self.kill();
        let how = match (status.filter(|_| by_itself), error) {
            (Some(status), _) => status.to_string(),
            (None, Some(error)) => format!("its pipe failed: {error}"),
            (None, None) => "it closed its output".into(),
        };
        HostErrorKind::Died { how }
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            if self.has_ended() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Whether the shell has ended. It is not reaped here: as long as it is not, its number is not given to another
    /// process, and its group can be signalled safely.
    #[cfg(unix)]
    fn has_ended(&mut self) -> bool {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.reaped || self.group().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> bool {
        self.reaped || !matches!(self.child.try_wait(), Ok(None))
    }

    #[cfg(unix)]
    fn group(&self) -> Option<rustix::process::Pid> {
        i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
    }

    /// Ends the host and everything it started, and reaps it. The first call answers how it ended.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        self.requests = None;
        if self.reaped {
            return None;
        }
        self.reaped = true;
        #[cfg(unix)]
        if let Some(group) = self.group() {
            // An error means that there is nobody left to end, which is what was wanted.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
        self.child.kill().ok();
        self.child.wait().ok()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // With its input closed a well-behaved host ends by itself, and may finish what it is writing.
        self.requests = None;
        if !self.reaped {
            self.ends_within(GRACE);
        }
        self.kill();
    }
}

/// The thread: until the requests end or a pipe does.
fn exchange(
    mut input: ChildStdin,
    mut output: BufReader<ChildStdout>,
    requests: &Receiver<Vec<u8>>,
    report: &Sender<Answer>,
) {
    while let Ok(request) = requests.recv() {
        let written = input.write_all(&request).and_then(|()| input.flush());
        let answer = match written {
            Ok(()) => read_line(&mut output).unwrap_or_else(|error| Answer::Ended(Some(error))),
            Err(error) => Answer::Ended(Some(error)),
        };
        let go_on = matches!(answer, Answer::Line(_));
        if report.send(answer).is_err() || !go_on {
            return;
        }
    }
}

fn read_line(output: &mut BufReader<ChildStdout>) -> io::Result<Answer> {
    let mut line = Vec::new();
    output.by_ref().take(MAX_HOST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
    if line.len() > MAX_HOST_LINE {
        return Ok(Answer::Flood);
    }
    match line.pop() {
        // A last line without its end may have been cut: only the end says that it is whole.
        Some(b'\n') => {}
        _ => return Ok(Answer::Ended(None)),
    }
    // What came along with the line would be taken for the next answer.
    let extra = output.buffer();
    Ok(if extra.is_empty() { Answer::Line(line) } else { Answer::Extra(extra.to_vec()) })
}
