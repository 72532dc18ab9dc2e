//! A run's messages as a sequence: a column for each role, an arrow for each message.
//!
//! ```text
//!   Alice       Bob
//!     │──Ping───▶│
//!     │◀───Pong──│
//! ```
//!
//! Where the columns do not fit the terminal, or sessions have many roles, each message is a line of text instead.

use crate::failure::Outcome;
use crate::out::Out;
use crate::summary::plural;
use motet_machine::{CodeImage, TraceReader};
use motet_types::{EdgeId, EventKind, LabelId, RoleId, SessionId};
use std::collections::{BTreeMap, VecDeque};

/// The most sessions that are drawn.
const MAX_SESSIONS: usize = 4;
/// The most messages that are drawn.
const MAX_MESSAGES: usize = 60;
/// The width of a terminal that does not tell its own.
const PLAIN_WIDTH: usize = 100;
/// The longest label that an arrow carries whole.
const MAX_LABEL: usize = 18;

struct Message {
    edge: EdgeId,
    label: LabelId,
    delivered: bool,
}

pub(crate) struct Drawing {
    roles: Vec<String>,
    labels: Vec<String>,
    edges: Vec<(usize, usize)>,
    sessions: BTreeMap<SessionId, Vec<Message>>,
    fed: bool,
    whole: bool,
}

fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        None => text.into(),
    }
}

fn wide(text: &str) -> usize {
    text.chars().count()
}

impl Drawing {
    pub(crate) fn new(image: &CodeImage) -> Self {
        let parts = image.parts();
        let roles = (0..parts.roles.len()).map(|at| image.role_name(RoleId(at as u16)).to_owned());
        Self {
            roles: roles.collect(),
            labels: parts.labels.iter().map(|label| label.name.clone()).collect(),
            edges: parts.edges.iter().map(|edge| (usize::from(edge.sender), usize::from(edge.receiver))).collect(),
            sessions: BTreeMap::new(),
            fed: false,
            whole: false,
        }
    }

    /// How many messages must have been delivered before there is enough to draw.
    pub(crate) const fn needs(&self) -> u64 {
        MAX_MESSAGES as u64
    }

    /// Whether it has been given the events.
    pub(crate) const fn is_fed(&self) -> bool {
        self.fed
    }

    /// Takes the run's first events; all of them when `whole`.
    pub(crate) fn feed(&mut self, events: &[u8], whole: bool) {
        (self.fed, self.whole) = (true, whole);
        let mut open: BTreeMap<(SessionId, EdgeId), VecDeque<usize>> = BTreeMap::new();
        for event in TraceReader::new(events).map_while(Result::ok) {
            // The columns are the image's roles; a session that an instruction opened has others.
            if event.session.number() > 0 {
                continue;
            }
            if !self.sessions.contains_key(&event.session) && self.sessions.len() == MAX_SESSIONS {
                continue;
            }
            let messages = self.sessions.entry(event.session).or_default();
            let (edge, label) = (event.event.edge, event.event.label);
            let open = open.entry((event.session, edge)).or_default();
            match event.event.kind {
                EventKind::Sent => {
                    open.push_back(messages.len());
                    messages.push(Message { edge, label, delivered: false });
                }
                EventKind::Received => {
                    if let Some(message) = open.pop_front().and_then(|at| messages.get_mut(at)) {
                        message.delivered = true;
                    }
                }
                _ => {}
            }
        }
    }

    /// Draws, and says how much of the `delivered` messages was left out.
    pub(crate) fn write(&self, delivered: u64, out: &mut Out) -> Outcome<()> {
        let columns = self.columns();
        let mut left = MAX_MESSAGES;
        let mut drawn = 0;
        for (session, messages) in &self.sessions {
            // A message on its way is one that the drawing knows the end of only when it has seen all.
            let shown: Vec<&Message> = messages.iter().filter(|message| message.delivered || self.whole).collect();
            let shown = &shown[..shown.len().min(left)];
            if shown.is_empty() {
                continue;
            }
            if self.sessions.len() > 1 {
                out.line(session)?;
            }
            match &columns {
                Some(columns) => self.arrows(columns, shown, out)?,
                None => self.lines(shown, out)?,
            }
            left -= shown.len();
            drawn += shown.iter().filter(|message| message.delivered).count() as u64;
        }
        let more = delivered.saturating_sub(drawn);
        if more > 0 {
            out.line(format_args!("… and {}, not drawn", plural(more, "more message")))?;
        }
        out.line("")
    }

    /// Where each role's line stands, if all of them fit.
    fn columns(&self) -> Option<Vec<usize>> {
        let width = match terminal_size::terminal_size() {
            Some((terminal_size::Width(width), _)) if width > 20 => usize::from(width),
            _ => PLAIN_WIDTH,
        };
        let label = self.labels.iter().map(|label| wide(label).min(MAX_LABEL)).max().unwrap_or(0);
        let mut columns = Vec::with_capacity(self.roles.len());
        let mut at = 2 + wide(self.roles.first()?) / 2;
        columns.push(at);
        for pair in self.roles.windows(2) {
            let names = (wide(&pair[0]) + wide(&pair[1])).div_ceil(2) + 2;
            at += names.max(label + 6);
            columns.push(at);
        }
        let end = at + wide(self.roles.last()?) / 2 + 2;
        (end <= width).then_some(columns)
    }

    fn arrows(&self, columns: &[usize], messages: &[&Message], out: &mut Out) -> Outcome<()> {
        let mut head = String::new();
        for (role, at) in self.roles.iter().zip(columns) {
            let start = at.saturating_sub(wide(role) / 2);
            head.extend(std::iter::repeat_n(' ', start.saturating_sub(wide(&head))));
            head.push_str(role);
        }
        out.line(&head)?;
        for message in messages {
            let Some((from, to)) = self.edges.get(message.edge.index()) else { continue };
            let (Some(from), Some(to)) = (columns.get(*from), columns.get(*to)) else { continue };
            let mut row = vec![' '; columns.last().map_or(0, |last| last + 1)];
            columns.iter().for_each(|at| row[*at] = '│');
            let (left, right) = (*from.min(to), *from.max(to));
            row[left + 1..right].fill('─');
            if from < to {
                row[right - 1] = '▶';
            } else {
                row[left + 1] = '◀';
            }
            let room = right - left - 1;
            let label = cut(self.label(message), room.saturating_sub(4).min(MAX_LABEL));
            let start = left + 1 + (room - wide(&label)) / 2;
            label.chars().zip(&mut row[start..]).for_each(|(letter, place)| *place = letter);
            let mut row: String = row.into_iter().collect();
            if !message.delivered {
                row.push_str("  (not received)");
            }
            out.line(row)?;
        }
        Ok(())
    }

    fn lines(&self, messages: &[&Message], out: &mut Out) -> Outcome<()> {
        let name = |at: usize| self.roles.get(at).map_or("?", String::as_str);
        let width = self.roles.iter().map(|role| wide(role)).max().unwrap_or(0);
        for message in messages {
            let Some((from, to)) = self.edges.get(message.edge.index()) else { continue };
            let fate = if message.delivered { "" } else { "  (not received)" };
            let (from, to, label) = (name(*from), name(*to), self.label(message));
            out.line(format_args!("  {from:>width$} ──▶ {to:width$}  {label}{fate}"))?;
        }
        Ok(())
    }

    fn label(&self, message: &Message) -> &str {
        self.labels.get(message.label.index()).map_or("?", String::as_str)
    }
}
