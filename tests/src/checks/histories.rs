//! Histories of edges: the tree against an oracle that hashes by itself, proofs against every change, and what a machine
//! keeps of them.

use super::opening::{ASK, FORK, HALT, HEAR, OPEN, P, SAY, SEVEN, TELL, YIELD, opener, setup, talk};
use super::signing::twice;
use crate::dice::Dice;
use crate::draft::{letters, stream};
use crate::walk::Setup;
use crate::watched::{MODES, keys};
use motet_machine::{
    AuthProof, AuthTree, Authentication, EdgeHistory, Frontier, HistoryError, NoHost, ProtocolMachine, RestoreError,
    SNAPSHOT_MAGIC, SNAPSHOT_VERSION, seal, unseal,
};
use motet_types::{Digest, EdgeId, Instr, SessionId};

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A digest as the page says it is made.
fn hash(domain: u8, parts: &[&[u8]]) -> Digest {
    let bytes = [&b"motet.auth.v1"[..], &[domain], &parts.concat()].concat();
    Digest(*blake3::hash(&bytes).as_bytes())
}

/// The top over messages from number `first` on: the larger complete half to the left, as far as it goes.
fn top(first: u64, messages: &[Digest]) -> Digest {
    match messages {
        [] => Digest::default(),
        [one] => hash(3, &[&first.to_le_bytes(), &one.0]),
        _ => {
            let half = messages.len().next_power_of_two() / 2;
            let (left, right) = messages.split_at(half);
            hash(4, &[&top(first, left).0, &top(first + half as u64, right).0])
        }
    }
}

fn root(messages: &[Digest]) -> Digest {
    hash(5, &[&(messages.len() as u64).to_le_bytes(), &top(0, messages).0])
}

/// Frontier, tree and oracle have one root for every length; every message is proved, and no other proof will do.
pub fn histories_are_trees() -> Result<(), String> {
    let mut dice = Dice::new(1);
    let mut messages = Vec::new();
    let (mut frontier, mut tree) = (Frontier::default(), AuthTree::default());
    for count in 0..70u64 {
        let expected = root(&messages);
        ensure!(frontier.root() == expected && tree.root() == expected, "{count} messages have another root");
        ensure!(frontier.count() == count && tree.count() == count, "{count} messages are counted otherwise");
        ensure!(tree.prove(count).is_none(), "a message that was not sent is proved");
        for index in 0..count {
            let proof = tree.prove(index).ok_or("there is no proof")?;
            let signed = messages[index as usize];
            ensure!(proof.verify(&expected, &signed), "message {index} of {count} is not proved");
            ensure!(AuthProof::from_bytes(&proof.to_bytes()).as_ref() == Some(&proof), "its bytes are another's");
            ensure!(!proof.verify(&root(&messages[..index as usize]), &signed), "another history has it");
            // Another message, another place, another count, another way up.
            let mut forged = vec![
                AuthProof { index: dice.below(count as usize + 2) as u64, ..proof.clone() },
                AuthProof { count: count + 1, ..proof.clone() },
                AuthProof { count: index + 1, ..proof.clone() },
                AuthProof { siblings: [&proof.siblings[..], &[signed]].concat(), ..proof.clone() },
            ];
            for at in 0..proof.siblings.len() {
                let mut other = proof.clone();
                other.siblings[at].0[dice.below(32)] ^= 1 << dice.below(8);
                forged.push(other);
                let mut other = proof.clone();
                other.siblings.remove(at);
                forged.push(other);
            }
            let wrong = forged.iter().filter(|forged| **forged != proof).find(|one| one.verify(&expected, &signed));
            ensure!(wrong.is_none(), "{wrong:?} proves message {index} of {count}");
            let mut other = signed;
            other.0[dice.below(32)] ^= 1;
            ensure!(!proof.verify(&expected, &other), "another message is proved");
        }
        let signed = Digest(std::array::from_fn(|_| dice.below(256) as u8));
        messages.push(signed);
        frontier.append(&signed);
        tree.append(&signed);
    }
    // A last message twice is not that message once.
    let [one, two] = [hash(9, &[b"1"]), hash(9, &[b"2"])];
    ensure!(root(&[one, two, two]) != root(&[one, two, two, two]), "the oracle doubles lone nodes");
    Ok(())
}

/// What was sent on an edge is proved under its root, with its signature, when the whole history is kept; otherwise the
/// root is there and is the same.
pub fn sent_messages_are_proved() -> Result<(), String> {
    let count = 5;
    let mut roots = Vec::new();
    for history in [EdgeHistory::Full, EdgeHistory::Frontier] {
        let mut setup = Setup::default().limit(2 * u64::from(count));
        setup.config.authentication = Authentication::KeyedBlake3(keys());
        setup.config.edge_history = history;
        let mut runtime = setup.guest(&letters(count).image()?)?;
        let (session, edge) = (SessionId(0), EdgeId(0));
        ensure!(runtime.machine().edge_history(session, edge).is_none(), "there is a history before anything was sent");
        runtime.run(&NoHost).map_err(text)?;
        let machine = runtime.machine();
        let (found, root) = machine.edge_history(session, edge).ok_or("there is no history")?;
        ensure!(found == u64::from(count), "the history has {found} messages");
        roots.push(root);
        for index in 0..u64::from(count) {
            match (history, machine.prove_sent(session, edge, index)) {
                (EdgeHistory::Full, Ok((value, proof))) => {
                    ensure!(value.statement.sequence == index && value.statement.edge == edge, "{value:?}");
                    ensure!(proof.verify(&root, &value.digest()), "message {index} is not proved");
                }
                (EdgeHistory::Frontier, Err(HistoryError::NotKept)) => {}
                (_, other) => return Err(format!("{history:?}: {other:?}")),
            }
        }
        if history == EdgeHistory::Full {
            let none = machine.prove_sent(session, edge, 9).err();
            ensure!(none == Some(HistoryError::NotSent { edge, count: 5, index: 9 }), "{none:?}");
        }
        let none = machine.prove_sent(SessionId(7), edge, 0).err();
        ensure!(none == Some(HistoryError::None(SessionId(7), edge)), "{none:?}");
        runtime.limit_steps(1_000);
        runtime.run(&NoHost).map_err(text)?;
        let none = runtime.machine().edge_history(session, edge);
        ensure!(none.is_none(), "the history outlives its session");
    }
    ensure!(roots[0] == roots[1], "the frontier has another root");
    Ok(())
}

/// Sessions that instructions open have histories of their own, which end with them, and come back with an abort.
pub fn histories_end_with_their_sessions() -> Result<(), String> {
    let answer = [HEAR, SEVEN, SAY, Instr::Choose { chan: P, table: 0 }];
    let open = [OPEN, ASK, YIELD];
    let codes = [
        [&open[..], &answer, &[SEVEN, TELL, YIELD, HALT]].concat(),
        [&[FORK][..], &open, &answer, &[Instr::Join {}, SEVEN, TELL, YIELD, HALT]].concat(),
        [&open[..], &[FORK], &answer, &[Instr::Abort {}, Instr::Close { session: P }, SEVEN, TELL, HALT]].concat(),
    ];
    for (code, mode) in codes.iter().flat_map(|code| MODES.map(|mode| (code, mode))) {
        let image = opener(code)?.image()?;
        let mut setup = setup()?.sessions(1).schedule(1, 1).limit(0);
        setup.config.authentication = Authentication::KeyedBlake3(keys());
        setup.config.communication_replay_mode = mode;
        let (mut runtime, mut seen) = (setup.guest(&image)?, false);
        let guest = SessionId(0).guest(1);
        for steps in 1..60 {
            runtime.limit_steps(steps);
            runtime.run(&NoHost).map_err(text)?;
            let (root, proof) = (runtime.settle_root(), runtime.prove_session(SessionId(0)));
            let Ok(proof) = proof else { break };
            let (_, state) = proof.verify(root, SessionId(0)).map_err(text)?;
            let there = state.growth.is_some_and(|growth| !growth.guests.is_empty());
            let history = runtime.machine().edge_history(guest, EdgeId(0));
            ensure!(there || history.is_none(), "after {steps} steps a session has ended, and its history is there");
            seen |= history.is_some_and(|(count, _)| count == 1);
            let images = [vec![talk()?, letters(2).image()?], vec![image.clone()]].concat();
            let snapshot = runtime.snapshot().map_err(text)?.machine().to_bytes();
            let restored = ProtocolMachine::restore(setup.config.clone(), &images, &snapshot).map_err(text)?;
            ensure!(restored.edge_history(guest, EdgeId(0)) == history, "it comes back otherwise");
        }
        ensure!(seen, "no session that was opened had a history");
        ensure!(runtime.machine().tally().closed == 1, "{:?} {:?}", runtime.status(), runtime.faults());
    }
    Ok(())
}

/// A ledger that no run leads to is refused, and one that was changed is found by the root.
pub fn forged_ledgers_are_named() -> Result<(), String> {
    let image = stream().image()?;
    let mut setup = Setup::default().limit(3);
    setup.config.authentication = Authentication::KeyedBlake3(keys());
    setup.config.communication_replay_mode = motet_machine::CommunicationReplayMode::Sequence;
    let mut runtime = setup.guest(&image)?;
    runtime.run(&twice()).map_err(text)?;
    let sealed = runtime.snapshot().map_err(text)?.machine().to_bytes();
    let body = unseal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, &sealed).map_err(text)?;
    // Root of nothing, nothing withheld, one session of number 0 with one edge: next is 0, one signature.
    let head = [&[0; 32][..], &[0; 4], &1u16.to_le_bytes(), &[0; 4], &1u16.to_le_bytes(), &[0; 8], &1u16.to_le_bytes()]
        .concat();
    let at = body.windows(head.len()).position(|window| window == head).ok_or("the ledger is not there")?;
    let restore = |body: &[u8]| {
        let sealed = seal(SNAPSHOT_MAGIC, SNAPSHOT_VERSION, body);
        ProtocolMachine::restore(setup.config.clone(), std::slice::from_ref(&image), &sealed).err()
    };
    ensure!(restore(&body).is_none(), "what was not changed is refused");
    let (number, next, signature) = (at + 38, at + 44, at + head.len() + 1);
    let history = signature + 32;
    for (what, offset, byte) in [
        ("a session that is not there", number, 7),
        ("the number of a message that was not sent", next, 1),
        ("a longer history", history, 2),
    ] {
        let mut forged = body.clone();
        forged[offset] = byte;
        match restore(&forged) {
            Some(RestoreError::Session { session: SessionId(0), .. }) => {}
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    for (what, offset) in [("the chain's root", at), ("the signature", signature), ("the history", history + 8)] {
        let mut forged = body.clone();
        forged[offset] ^= 1;
        match restore(&forged) {
            Some(RestoreError::Root { .. } | RestoreError::Session { .. }) => {}
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    Ok(())
}
