//! A child process behind pipes: bytes out, bytes back, within a deadline and a limit.
//!
//! Nothing here blocks and no thread is needed: the pipes are polled together, so a child that neither reads nor writes
//! costs no more than the deadline. The child is the leader of a process group of its own. It is not reaped before its
//! group has been ended, so its number stays its own that long; whichever way the value goes, nothing of the group is
//! left. What leaves the group on purpose (`setsid`) is beyond that, and is not waited for either.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of what a child wrote to its standard error is kept, in bytes: the end of it.
pub(crate) const KEPT_STDERR: usize = 4096;
/// How often it is looked whether the child has ended while something else holds its output open.
const LOOK: Duration = Duration::from_millis(20);
/// The most that is read or written before the deadline is looked at again, in bytes.
const PIECE: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The child ended or closed its output before the answer was whole.
    Ended(Option<io::Error>),
    /// The deadline passed.
    Silent,
    /// More came than is allowed.
    Flood,
    /// Something stands behind the answer, or came unasked.
    Extra(Vec<u8>),
}

/// What an answer ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The end of the line.
    Line,
    /// The end of the output, and of the child.
    End,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Piped {
    child: Child,
    input: Option<ChildStdin>,
    /// None from its end on.
    output: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    /// The end of what came through `errors`.
    tail: VecDeque<u8>,
    /// What came through `output` and was not handed out.
    held: Vec<u8>,
    /// Whether the group has been ended.
    ended: bool,
    status: Option<ExitStatus>,
}

fn nonblocking(pipe: &impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(pipe, true)?)
}

/// Reads one piece of what is there; whether the end was reached.
fn piece(pipe: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut room = [0; 8192];
    let mut left = PIECE;
    while left > 0 {
        match pipe.read(&mut room) {
            Ok(0) => return Ok(true),
            Ok(count) => {
                take(&room[..count]);
                left = left.saturating_sub(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

impl Piped {
    /// Starts the command in a process group of its own. With `hear`, its standard error is read and its end is kept;
    /// otherwise it goes where ours goes.
    pub(crate) fn start(mut command: Command, hear: bool) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        if hear {
            command.stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (tail, held) = (VecDeque::new(), Vec::new());
        let started = Self { child, input, output, errors, tail, held, ended: false, status: None };
        started.input.as_ref().map_or(Ok(()), nonblocking)?;
        started.output.as_ref().map_or(Ok(()), nonblocking)?;
        started.errors.as_ref().map_or(Ok(()), nonblocking)?;
        Ok(started)
    }

    /// Writes a line and waits for the one line back, which is answered without its end.
    pub(crate) fn line(&mut self, line: &[u8], deadline: Duration, limit: usize) -> Result<Vec<u8>, Broken> {
        // What came since the last answer would be taken for the next one.
        self.hear(limit)?;
        if !self.held.is_empty() {
            return Err(Broken::Extra(std::mem::take(&mut self.held)));
        }
        self.exchange(line, Until::Line, deadline, limit)
    }

    /// Writes the text, closes the child's input, and answers all that it writes until it ends.
    pub(crate) fn whole(&mut self, text: &[u8], deadline: Duration, limit: usize) -> Result<Vec<u8>, Broken> {
        self.exchange(text, Until::End, deadline, limit)
    }

    fn exchange(&mut self, text: &[u8], until: Until, deadline: Duration, limit: usize) -> Result<Vec<u8>, Broken> {
        let end = Instant::now().checked_add(deadline);
        let mut unsent = text;
        let mut searched = 0;
        loop {
            self.send(&mut unsent);
            if unsent.is_empty() && until == Until::End {
                self.input = None;
            }
            let more = self.hear(limit)?;
            if until == Until::Line {
                if let Some(at) = self.held[searched..].iter().position(|byte| *byte == b'\n') {
                    let rest = self.held.split_off(searched + at + 1);
                    let mut line = std::mem::replace(&mut self.held, rest);
                    line.pop();
                    return match self.held.is_empty() {
                        true => Ok(line),
                        false => Err(Broken::Extra(std::mem::take(&mut self.held))),
                    };
                }
                // A last line without its end may have been cut: only the end says that it is whole.
                if self.output.is_none() {
                    return Err(Broken::Ended(None));
                }
                searched = self.held.len();
            } else if self.ended {
                return Ok(std::mem::take(&mut self.held));
            }
            if more {
                continue;
            }
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(Broken::Silent);
            }
            if self.has_ended() {
                self.end();
                // All that was written is in the pipe; nobody is left to write more.
                while self.output.is_some() && self.hear(limit)? {}
                self.output = None;
                continue;
            }
            self.wait(!unsent.is_empty(), left.min(LOOK)).map_err(|error| Broken::Ended(Some(error)))?;
        }
    }

    /// Waits until a pipe is ready, or for this long.
    fn wait(&self, sends: bool, limit: Duration) -> io::Result<()> {
        let mut pipes = Vec::with_capacity(3);
        if let Some(input) = self.input.as_ref().filter(|_| sends) {
            pipes.push(PollFd::new(input, PollFlags::OUT));
        }
        if let Some(output) = &self.output {
            pipes.push(PollFd::new(output, PollFlags::IN));
        }
        if let Some(errors) = &self.errors {
            pipes.push(PollFd::new(errors, PollFlags::IN));
        }
        let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) };
        match poll(&mut pipes, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a piece. A child that does not want to hear the rest may still answer.
    fn send(&mut self, unsent: &mut &[u8]) {
        let Some(input) = self.input.as_mut().filter(|_| !unsent.is_empty()) else { return };
        match input.write(&unsent[..unsent.len().min(PIECE)]) {
            Ok(count) => *unsent = &unsent[count..],
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => {
                self.input = None;
                *unsent = &[];
            }
        }
    }

    /// Reads a piece of the standard error.
    fn hear_errors(&mut self) {
        let Some(errors) = &mut self.errors else { return };
        let tail = &mut self.tail;
        let closed = piece(errors, |bytes| {
            tail.extend(bytes);
            tail.drain(..tail.len().saturating_sub(KEPT_STDERR));
        });
        // What it says beside its answer is no answer; that it cannot be read is none of the answer's business.
        if closed.unwrap_or(true) {
            self.errors = None;
        }
    }

    /// Reads a piece of what is there; whether there may be more at once.
    fn hear(&mut self, limit: usize) -> Result<bool, Broken> {
        self.hear_errors();
        let Some(output) = &mut self.output else { return Ok(false) };
        let (before, held) = (self.held.len(), &mut self.held);
        let closed = piece(output, |bytes| held.extend_from_slice(bytes));
        if self.held.len() > limit {
            return Err(Broken::Flood);
        }
        if closed.map_err(|error| Broken::Ended(Some(error)))? {
            self.output = None;
        }
        Ok(self.held.len() - before >= PIECE)
    }

    /// Closes the child's input: a well-behaved child then ends.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Whether the child ends by itself within the time.
    pub(crate) fn ends_within(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        loop {
            if self.has_ended() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }

    /// Whether the child has ended. It is not reaped here: as long as it is not, its number is not given to another
    /// process, and its group can be signalled safely.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.ended || self.group().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Ends the child and everything it started, and reaps it; how the child ended.
    pub(crate) fn end(&mut self) -> Option<ExitStatus> {
        self.input = None;
        if !self.ended {
            self.ended = true;
            if let Some(group) = self.group() {
                // An error means that there is nobody left to end, which is what was wanted.
                kill_process_group(group, Signal::KILL).ok();
            }
            self.child.kill().ok();
            self.status = self.child.wait().ok();
        }
        self.status
    }

    /// The end of what it wrote to its standard error.
    pub(crate) fn stderr(&mut self) -> String {
        // What it wrote last may still be in the pipe, which holds no more than a piece.
        self.hear_errors();
        let (front, back) = self.tail.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).trim().to_owned()
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        self.end();
    }
}
