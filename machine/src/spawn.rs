//! Coroutines that instructions start: `Spawn`, and their turns in a burst.
//!
//! A started coroutine runs its role's code and owns no endpoint: what it is given are copies of values, of which
//! endpoints are no exception, until one is transferred to it. When it ends it is gone, and wakes nobody.

use crate::burst::{Stop, turn};
use crate::ext::{TAG_NAT, TAG_UNIT};
use crate::frame::{Frame, Outcome, Step};
use crate::growth::Child;
use crate::layout::{CORO_GATE, CORO_PC, CORO_TAGS};
use crate::reply::Respondent;
use crate::session::Gate;
use alloc::boxed::Box;
use alloc::vec;
use motet_types::{Fault, Planted, planted};

/// `Spawn`: everything is checked, and then the coroutine is there and ready.
pub(crate) fn spawn(frame: &mut Frame<'_>, args: u16, dst: u16, target: u32, pc: u32) -> Step {
    let refused = |reason| Err(Box::new(Fault::Spawn { reason }));
    if args > frame.registers {
        let (register, count) = (u32::from(args) - 1, u32::from(frame.registers));
        return Err(Box::new(Fault::OutOfRegisters { register, count }));
    }
    if frame.live >= frame.context.coroutines && !planted(Planted::SpawnWithoutLimit) {
        return refused("as many coroutines as the configuration allows have been started and have not ended");
    }
    let (roles, role) = (frame.image.layout.places.len() as u16, frame.role().0);
    let spawned = frame.growth().map_or(0, |growth| growth.spawned);
    // An edge's header has a coroutine's number plus one.
    let Some(number) = roles.checked_add(spawned).filter(|number| *number < u16::MAX - 1) else {
        return refused("the island has started as many coroutines as can be numbered");
    };
    let place = frame.image.layout.places[usize::from(role)];
    let mut words = vec![0; place.words()].into_boxed_slice();
    words[CORO_PC] = u64::from(target);
    words[CORO_GATE] = Gate::Open.pack();
    let registers_at = CORO_TAGS + usize::from(place.tag_words);
    for register in 0..usize::from(args) {
        let (tag, word) = frame.read(register as u16);
        if !planted(Planted::SpawnForgetsOwned) {
            frame.retain(tag, word);
        }
        words[CORO_TAGS + register / 8] |= u64::from(tag) << (register % 8 * 8);
        words[registers_at + register] = word;
    }
    debug_assert_eq!(TAG_UNIT, 0, "registers begin as unit");
    let growth = frame.ext.get_or_insert_default().growth.get_or_insert_default();
    growth.spawned = spawned + 1;
    growth.children.push(Child { number, role, words });
    let far = usize::from(number) / 64;
    let near = frame.head.len() - crate::layout::HEAD_READY;
    if far >= near && growth.far.len() <= far - near {
        growth.far.resize(far - near + 1, 0);
        frame.many = true;
    }
    frame.live += 1;
    frame.wake(number + 1);
    frame.write(dst, TAG_NAT, u64::from(number));
    frame.pc = pc;
    Ok(Outcome::Ran)
}

/// One turn of a started coroutine.
#[cold]
#[inline(never)]
pub(crate) fn run_child<H: Respondent + ?Sized, const CLOSELY: bool>(
    frame: &mut Frame<'_>,
    host: &H,
    number: u16,
    mut fuel: u32,
) -> (Stop, u32) {
    let Some(child) = frame.growth().and_then(|growth| growth.child(number)) else {
        // Nobody wakes a coroutine that is not there.
        frame.coroutine = number;
        frame.rest();
        return (Stop::Waits, fuel);
    };
    let (mut words, role) = (core::mem::take(&mut child.words), child.role);
    let place = frame.image.layout.places[usize::from(role)];
    let mut inner = frame.reborrow();
    inner.apart = core::mem::replace(&mut inner.coros, &mut words);
    (inner.coroutine, inner.owner) = (number, u64::from(number) << 32);
    let position = inner.coros[CORO_PC];
    inner.coros[CORO_GATE] = Gate::Open.pack();
    (inner.pc, inner.counter) = (position as u32, (position >> 32) as u32);
    (inner.tags_at, inner.regs_at) = (CORO_TAGS, CORO_TAGS + usize::from(place.tag_words));
    inner.registers = place.registers;
    let stop = turn::<H, CLOSELY>(&mut inner, host, 0, &mut fuel);
    let kept = inner.kept();
    frame.keep(kept);
    if Gate::unpack(words[CORO_GATE]) == Gate::Halted {
        frame.remember_counter(number, words[CORO_PC]);
        for (register, word) in words[CORO_TAGS + usize::from(place.tag_words)..].iter().enumerate() {
            frame.release((words[CORO_TAGS + register / 8] >> (register % 8 * 8)) as u8, *word);
        }
        if let Some(growth) = frame.growth() {
            growth.children.retain(|child| child.number != number);
        }
    } else if let Some(child) = frame.growth().and_then(|growth| growth.child(number)) {
        child.words = words;
    }
    (stop, fuel)
}
