//! What instructions may do and random programs hardly ever make them do; the rest is in the checks of their own.

use super::guards::{ACQUIRE, GUARDS, HALT, RELEASE, alone};
use super::opening::{
    ASK, CHOOSE, CLOSED, FORK, GHOST, HEAR, OPEN, P, Q, REGISTERS, SAY, SEVEN, TELL, YIELD, completes, is_told, opener,
    setup,
};
use crate::script::{Script, accept};
use crate::walk::Setup;
use motet_types::EventKind::{Chose, Offered, Opened, Received, Sent, Transferred};
use motet_types::{EffectKind, Fault, FaultClass, Instr};

/// Where the opener's code begins.
const START: u32 = 2;

/// The class of the fault that this code of the opener comes to, with a host that chooses.
fn class(code: &[Instr], tables: &[&[(u32, u16)]]) -> Result<FaultClass, String> {
    let mut draft = opener(code)?;
    for table in tables {
        draft.table(table);
    }
    let run = setup()?.run(&draft.image()?, &Script::new(&[EffectKind::Choose], accept))?;
    Ok(run.faults.first().ok_or_else(|| format!("no fault: {:?}", run.status))?.fault.class())
}

/// A decision for an endpoint whose type does not send, or not one of so many labels, or that is closed, is a fault.
pub fn decisions_are_held_to_types() -> Result<(), String> {
    let rest = [SEVEN, TELL, HALT];
    let decide = |chan, table| Instr::Decide { chan, table };
    let close = Instr::Close { session: P };
    let cases: [(&str, &[Instr], FaultClass); 3] = [
        ("Q receives first", &[OPEN, decide(Q, 1)], FaultClass::Type),
        ("P has one label", &[OPEN, decide(P, 1)], FaultClass::Type),
        ("P is closed", &[OPEN, close, decide(P, 1)], FaultClass::Channel),
    ];
    for (what, code, expected) in cases {
        let behind = START + code.len() as u32;
        let found = class(&[code, &rest].concat(), &[&[(behind, 0), (behind, 0)]])?;
        ensure!(found == expected, "{what}: {found:?}");
    }
    Ok(())
}

/// The last label that is in flight in a session that is closing closes it.
pub fn choices_drain() -> Result<(), String> {
    let spawn = Instr::Spawn { args: REGISTERS - 1, dst: REGISTERS - 1, target: START + 8 };
    let give = Instr::Transfer { endpoint: Q, target: REGISTERS - 1, bundle: 0 };
    let child = [HEAR, SEVEN, SAY, Instr::Close { session: Q }, HALT];
    let code = [&[OPEN, spawn, give, ASK, CHOOSE, SEVEN, TELL, HALT][..], &child].concat();
    let told = [&[Opened, Transferred, Sent, Received, Sent, Offered, Received, Chose][..], &CLOSED].concat();
    is_told(&completes(&code)?, 1, &told)
}

/// Inside a speculation the island cannot be ended, and no guard is given back.
pub fn speculations_end_and_release_nothing() -> Result<(), String> {
    // The verifier refuses that of an endpoint that it knows; here it does not know which of two it is.
    let (branch, hide) = (Instr::Branch { on: GHOST, table: 1 }, |src| Instr::Move { dst: P, src });
    let close = [Instr::Jump { target: START + 6 }, hide(0), Instr::Close { session: P }, Instr::Join {}];
    let code = [&[OPEN, FORK, branch, hide(Q)][..], &close, &[SEVEN, TELL, HALT]].concat();
    let found = class(&code, &[&[(START + 5, 0); 8]])?;
    ensure!(found == FaultClass::Close, "{found:?}");
    for (code, guarded) in [([ACQUIRE, RELEASE], true), ([RELEASE, YIELD], false)] {
        let mut draft = alone(3, &[]);
        let number = draft.nat(1);
        let begin = [Instr::Set { dst: 2, constant: number }, ACQUIRE, Instr::Fork { ghost: 2 }];
        let before: &[Instr] = if guarded { &[begin[0], begin[2]] } else { &begin };
        draft.recode(0, 3, &[before, &code, &[Instr::Join {}, HALT]].concat());
        let mut setup = Setup::default();
        setup.config.speculation_depth = 1;
        let run = setup.run(&draft.image()?, &Script::new(&GUARDS, accept))?;
        let fault = run.faults.first().map(|report| &report.fault);
        ensure!(matches!(fault, Some(Fault::Speculation { .. })), "{code:?}: {fault:?}");
    }
    Ok(())
}

/// The own endpoint is not used behind the verifier's back: what it does not know to be it must be another's.
pub fn own_endpoints_are_known() -> Result<(), String> {
    let spawn = Instr::Spawn { args: 0, dst: REGISTERS - 1, target: START + 10 };
    let branch = Instr::Branch { on: GHOST, table: 1 };
    let hide = |src| Instr::Move { dst: P, src };
    let uses = [
        Instr::Transfer { endpoint: P, target: REGISTERS - 1, bundle: 0 },
        Instr::Send { chan: P, val: 2 },
        Instr::Receive { chan: P, dst: 1 },
    ];
    for wrong in uses {
        // Register 7 holds 7, so the table's last row is taken.
        let code = [OPEN, SEVEN, spawn, branch, hide(Q), Instr::Jump { target: START + 7 }, hide(0), wrong];
        let found = class(&[&code[..], &[TELL, HALT, HALT]].concat(), &[&[(START + 6, 0); 8]])?;
        ensure!(found == FaultClass::Type, "{wrong:?}: {found:?}");
    }
    Ok(())
}
