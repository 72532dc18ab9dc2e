//! Whether a trace is one of the protocols it is said to be of, judged by local types alone: no code, no host, no schedule.
//!
//! Every role of every session stands somewhere in its local type, and every edge is a queue. A message that is sent must be one
//! that its sender's type allows, and goes to the end of its edge's queue; one that is received must be one that its receiver's
//! type allows, and stand first in the queue. What stands before it was lost, which is counted: a link may drop messages, and a
//! trace does not say so. What a speculation did and undid is in no trace.
//!
//! A session that an instruction opens is judged by the choreography's plans: it must be a session of at least one of them all along.
//! Where the choreography has none, its events are counted and not judged.

use crate::here::{HereError, global_from_json};
use crate::lean_error::LeanStructuredError;
use crate::operation::{ValidateTracePayload, ValidationReply};
use crate::run_document::ProtocolMachineTraceEvent;
use crate::schema::BridgeVersion;
use motet_choreo::{Projection, project};
use motet_types::{EventKind, LocalId, LocalNode, RoleId, SessionId, VarId};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, VecDeque};

/// So many mistakes are told, one for each session at most.
const TOLD: usize = 64;

/// Where a role stands in its local type.
#[derive(Clone, Debug)]
struct Place {
    at: LocalId,
    /// The loops around it: what each variable means.
    loops: BTreeMap<VarId, LocalId>,
}

impl Place {
    /// Goes through loops to the next thing that is done.
    fn unfold<'a>(&mut self, projection: &'a Projection) -> &'a LocalNode {
        // A loop without a message has no projection, so that each binder is passed once at most.
        loop {
            match projection.arena().node(self.at) {
                LocalNode::Rec { var, body } => {
                    self.loops.insert(*var, self.at);
                    self.at = *body;
                }
                LocalNode::Var(var) => match self.loops.get(var) {
                    Some(binder) => self.at = *binder,
                    None => return &LocalNode::End,
                },
                node => return node,
            }
        }
    }
}

/// A message, by its edge's roles and its label's name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    sender: RoleId,
    receiver: RoleId,
    label: String,
}

/// One session, as far as its trace was followed.
#[derive(Debug)]
struct Followed<'a> {
    projection: &'a Projection,
    places: Vec<Place>,
    queues: BTreeMap<(RoleId, RoleId), VecDeque<String>>,
    /// The last message that was sent or received.
    last: Option<(EventKind, Message)>,
    opened: bool,
    /// Whether an instruction closed it.
    closed: bool,
    ended: bool,
    /// Whether its next epoch has begun: behind its end, where an instruction closed it.
    advanced: bool,
    /// Whether something was wrong, and nothing behind it is judged.
    lost_track: bool,
}

/// What was counted on the way.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    sent: u64,
    received: u64,
    lost: u64,
    ended: u64,
    /// Events of sessions that instructions opened, which have protocols of their own.
    not_judged: u64,
}

type Judged = Result<(), (&'static str, String)>;

impl<'a> Followed<'a> {
    fn new(projection: &'a Projection) -> Self {
        let place = |root: &LocalId| Place { at: *root, loops: BTreeMap::new() };
        let places = projection.roots().iter().map(place).collect();
        let (queues, last) = (BTreeMap::new(), None);
        let (opened, closed, ended, advanced, lost_track) = (false, false, false, false, false);
        Self { projection, places, queues, last, opened, closed, ended, advanced, lost_track }
    }

    fn role(&self, name: Option<&String>, what: &str) -> Result<RoleId, (&'static str, String)> {
        let name = name.ok_or_else(|| ("role", format!("the event has no {what}")))?;
        let names = self.projection.names();
        names.role(name).ok_or_else(|| ("role", format!("`{name}` is no role of `{}`", names.protocol)))
    }

    fn message(&self, event: &ProtocolMachineTraceEvent) -> Result<Message, (&'static str, String)> {
        let (sender, receiver) =
            (self.role(event.sender.as_ref(), "sender")?, self.role(event.receiver.as_ref(), "receiver")?);
        let label = event.label.clone().ok_or(("label", String::from("the event has no label")))?;
        Ok(Message { sender, receiver, label })
    }

    /// The role that acts goes on to what follows the label, if its type has that here.
    fn follow(&mut self, sends: bool, message: &Message) -> Judged {
        let (role, partner) = match sends {
            true => (message.sender, message.receiver),
            false => (message.receiver, message.sender),
        };
        let names = self.projection.names();
        let place = self.places.get_mut(role.index()).ok_or(("role", String::from("the role has no local type")))?;
        let node = place.unfold(self.projection);
        let found = match node {
            LocalNode::Send { partner: to, branches } if sends && *to == partner => branches.as_slice(),
            LocalNode::Recv { partner: from, branches } if !sends && *from == partner => branches.as_slice(),
            _ => &[],
        };
        let next = found.iter().find(|branch| names.label_name(branch.label) == message.label);
        let Some(branch) = next else {
            let (who, whom) = (names.role_name(role), names.role_name(partner));
            let does = if sends { "send" } else { "receive" };
            let instead = described(node, self.projection);
            return Err(("type", format!("`{who}` cannot {does} `{}` with `{whom}` here; {instead}", message.label)));
        };
        place.at = branch.next;
        Ok(())
    }

    fn sent(&mut self, message: &Message) -> Judged {
        self.follow(true, message)?;
        self.queues.entry((message.sender, message.receiver)).or_default().push_back(message.label.clone());
        Ok(())
    }

    /// Answers how many messages before it must have been lost.
    fn received(&mut self, message: &Message) -> Result<u64, (&'static str, String)> {
        self.follow(false, message)?;
        let queue = self.queues.entry((message.sender, message.receiver)).or_default();
        let at = queue.iter().position(|label| *label == message.label);
        let at = at.ok_or_else(|| ("queue", format!("no message `{}` is on its way", message.label)))?;
        queue.drain(..=at);
        Ok(at as u64)
    }

    /// `closed` without an instruction that closed it: everybody has come to the end.
    fn completed(&mut self) -> Judged {
        let projection = self.projection;
        for (role, place) in (0..).zip(&mut self.places) {
            let node = place.unfold(projection);
            if *node != LocalNode::End {
                let who = projection.names().role_name(RoleId(role));
                let instead = described(node, projection);
                return Err(("end", format!("the session has closed, and `{who}` is not at its end: {instead}")));
            }
        }
        Ok(())
    }

    fn judge(&mut self, event: &ProtocolMachineTraceEvent, counted: &mut Counted) -> Judged {
        if event.kind == EventKind::EpochAdvanced && self.ended && self.closed && !self.advanced {
            self.advanced = true;
            return Ok(());
        }
        let opens = event.kind == EventKind::Opened;
        if self.ended || opens == self.opened {
            let before = if self.ended { "ended" } else { "been opened" };
            let not = if self.opened { "" } else { " not" };
            return Err(("order", format!("the session has{not} {before} before")));
        }
        self.opened = true;
        match event.kind {
            EventKind::Sent | EventKind::Received => {
                let message = self.message(event)?;
                if event.kind == EventKind::Sent {
                    self.sent(&message)?;
                    counted.sent += 1;
                } else {
                    counted.lost += self.received(&message)?;
                    counted.received += 1;
                }
                self.last = Some((event.kind, message));
            }
            EventKind::Offered | EventKind::Chose => {
                let before = if event.kind == EventKind::Offered { EventKind::Sent } else { EventKind::Received };
                let message = self.message(event)?;
                if self.last.as_ref() != Some(&(before, message)) {
                    let (told, before) = (event.kind.name(), before.name());
                    return Err(("order", format!("`{told}` does not stand behind the `{before}` of its message")));
                }
            }
            EventKind::Closed => self.closed = true,
            EventKind::SessionTerminal => {
                self.ended = true;
                counted.ended += 1;
                if event.reason.as_deref() == Some("closed") && !self.closed {
                    self.completed()?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// One session that an instruction opened: as a session of each protocol that it may be one of.
#[derive(Debug)]
struct Opened<'a> {
    followed: Vec<Followed<'a>>,
    /// Whether it was none any more, which has been said.
    lost_track: bool,
}

impl<'a> Opened<'a> {
    fn new(plans: &'a [Projection]) -> Self {
        Self { followed: plans.iter().map(Followed::new).collect(), lost_track: plans.is_empty() }
    }

    /// `ends` says whether an instruction has closed the session that it was opened in, with which it ends.
    fn judge(&mut self, event: &ProtocolMachineTraceEvent, ends: bool, counted: &mut Counted) -> Judged {
        if self.lost_track {
            counted.not_judged += 1;
            return Ok(());
        }
        // Who asks about an endpoint of a session that has ended is told no.
        let over = self.followed.iter().any(|one| one.ended);
        if over && event.kind == EventKind::Checked && event.permitted == Some(false) {
            return Ok(());
        }
        let (before, mut after, mut refused) = (*counted, None, Ok(()));
        self.followed.retain_mut(|one| {
            let mut counts = before;
            one.closed |= ends;
            let judged = one.judge(event, &mut counts);
            let fits = judged.is_ok();
            match judged {
                Ok(()) => after = after.or(Some(counts)),
                Err(why) => refused = Err(why),
            }
            fits
        });
        *counted = after.unwrap_or(before);
        self.lost_track = self.followed.is_empty();
        if self.lost_track { refused } else { Ok(()) }
    }
}

/// What a role could do instead.
fn described(node: &LocalNode, projection: &Projection) -> String {
    let names = projection.names();
    let (does, partner, branches) = match node {
        LocalNode::Send { partner, branches } => ("sends", partner, branches),
        LocalNode::Recv { partner, branches } => ("receives", partner, branches),
        _ => return String::from("it has nothing more to do"),
    };
    let labels: Vec<&str> = branches.iter().map(|branch| names.label_name(branch.label)).collect();
    format!("it {does} `{}` with `{}`", labels.join("` or `"), names.role_name(*partner))
}

/// Whether a trace is one of the protocols', whose sessions are numbered in the order of the choreographies. The reply counts
/// messages, and says how many of them must have been lost on the way.
///
/// # Errors
/// [`HereError`] where a choreography is none; what is wrong with the trace stands in the reply.
pub fn validate_trace(payload: &ValidateTracePayload) -> Result<ValidationReply, HereError> {
    let projected = |at: usize, json: &Json| {
        project(&global_from_json(at, json)?).map_err(|errors| HereError::Projection { at, errors })
    };
    let (mut projections, mut plans) = (Vec::new(), Vec::new());
    for (at, choreography) in payload.choreographies.iter().enumerate() {
        projections.push(projected(at, &choreography.global_type)?);
        let named = choreography.plans.iter().flatten().map(|plan| projected(at, &plan.global_type));
        plans.push(named.collect::<Result<Vec<_>, _>>()?);
    }
    let of = payload.choreographies.iter().zip(&projections).zip(&plans);
    let sessions = of.flat_map(|((one, projection), plans)| {
        (0..one.sessions.unwrap_or(1)).map(move |_| (Followed::new(projection), plans.as_slice()))
    });
    let (mut followed, plans): (Vec<Followed<'_>>, Vec<&[Projection]>) = sessions.unzip();
    let (mut counted, mut errors, mut tick) = (Counted::default(), Vec::new(), 0);
    let mut opened: BTreeMap<u64, Opened<'_>> = BTreeMap::new();
    for (at, event) in payload.trace.iter().enumerate() {
        let judged = match event.session {
            _ if event.tick < tick => Err(("order", format!("tick {} comes after tick {tick}", event.tick))),
            None => Err(("session", String::from("the event has no session"))),
            Some(session) => {
                let (of, number) = (SessionId(session).host().0, SessionId(session).number());
                let at = usize::try_from(of).ok().filter(|at| *at < followed.len());
                let there = event.kind == EventKind::Opened || opened.contains_key(&session);
                match at.map(|at| (&mut followed[at], plans[at])) {
                    Some((one, _)) if number == 0 && one.lost_track => Ok(()),
                    Some((one, _)) if number == 0 => {
                        let judged = one.judge(event, &mut counted);
                        one.lost_track = judged.is_err();
                        judged
                    }
                    Some((host, plans)) if there => {
                        let guest = opened.entry(session).or_insert_with(|| Opened::new(plans));
                        guest.judge(event, host.closed, &mut counted)
                    }
                    _ => Err(("session", format!("there is no session {session}, and nobody has opened one"))),
                }
            }
        };
        tick = tick.max(event.tick);
        if let Err((code, message)) = judged
            && errors.len() < TOLD
        {
            errors.push(LeanStructuredError { code: code.into(), path: Some(format!("trace[{at}]")), message });
        }
    }
    let Counted { sent, received, lost, ended, not_judged } = counted;
    let artifacts = json!({
        "sent": sent, "received": received, "lost": lost, "ended": ended, "not_judged": not_judged,
    });
    Ok(ValidationReply { schema_version: BridgeVersion, valid: errors.is_empty(), errors, artifacts })
}
