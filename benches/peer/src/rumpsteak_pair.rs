//! rumpsteak 0.1.0: session types checked by the compiler, over the channels of `futures`, both roles joined in one
//! task. What static checking alone costs: no monitor, no trace, nothing to be looked at from outside.

use std::time::Instant;

use futures::executor::block_on;
use futures::join;
use rumpsteak::role::{Role, Roles, ToFrom};
use rumpsteak::{End, Error, IntoSession, Label, Receive, ReceiveError, Result as Checked, Send, try_session};

use crate::workload::{Peer, Sample, Workload};

/// rumpsteak as a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rumpsteak;

#[derive(Roles)]
struct Roles(A, B);

#[derive(Role)]
#[message(Message)]
struct A(#[route(B)] ToFrom<B>);

#[derive(Role)]
#[message(Message)]
struct B(#[route(A)] ToFrom<A>);

#[derive(Label)]
enum Message {
    Ping(Ping),
    Pong(Pong),
}

struct Ping(u64);
struct Pong(u64);

/// A's type: no end, so the last value leaves by way of an error.
#[derive(IntoSession)]
#[role('a, A)]
struct Asks<'a>(Send<'a, A, B, Ping, Receive<'a, A, B, Pong, Asks<'a>>>);

#[derive(IntoSession)]
#[role('b, B)]
struct Answers<'b>(Receive<'b, B, A, Ping, Send<'b, B, A, Pong, Answers<'b>>>);

/// A type without an end can only be left by a failure: this one.
fn left() -> Error {
    Error::from(ReceiveError::UnexpectedType)
}

async fn ask(role: &mut A, rounds: usize, received: &mut usize) -> Checked<()> {
    try_session(role, |mut session: Asks<'_>| async {
        let mut value = 7;
        for _ in 0..rounds {
            let (Pong(next), rest) = session.into_session().send(Ping(value))?.receive().await?;
            *received += 1;
            (value, session) = (next, rest);
        }
        Err::<((), End<'_>), _>(left())
    })
    .await
}

async fn answer(role: &mut B, rounds: usize, received: &mut usize) -> Checked<()> {
    try_session(role, |mut session: Answers<'_>| async {
        for _ in 0..rounds {
            let (Ping(value), rest) = session.into_session().receive().await?;
            *received += 1;
            session = rest.send(Pong(value + 1))?;
        }
        Err::<((), End<'_>), _>(left())
    })
    .await
}

impl Peer for Rumpsteak {
    fn name(&self) -> &'static str {
        "rumpsteak 0.1, one task"
    }

    fn sizes(&self, workload: Workload) -> Vec<usize> {
        match workload {
            Workload::PingPong => vec![10_000, 100_000, 1_000_000],
            _ => Vec::new(),
        }
    }

    fn run(&self, _: Workload, size: usize) -> Result<Sample, String> {
        let rounds = size.div_ceil(2);
        let opening = Instant::now();
        let Roles(mut a, mut b) = Roles::default();
        let (mut pings, mut pongs) = (0, 0);
        let running = Instant::now();
        let ends = block_on(async { join!(ask(&mut a, rounds, &mut pongs), answer(&mut b, rounds, &mut pings)) });
        let run = running.elapsed();
        let messages = pings + pongs;
        // Both leave by the same error; the counts say whether they left early.
        if messages < size || ends.0.is_ok() || ends.1.is_ok() {
            return Err(format!("ended after {messages} of {size} messages"));
        }
        Ok(Sample { messages, open: Some(running - opening), run })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_arrives() {
        assert_eq!(Rumpsteak.run(Workload::PingPong, 1_000).map(|sample| sample.messages), Ok(1_000));
    }
}
