//! Credits: how many instructions a coroutine may execute.
//!
//! A turn is given no more fuel than its coroutine can pay for, so the steps themselves look at nothing; only where a turn's
//! fuel ends is it asked which of the two has run out. An attempt that blocks is given back: what a coroutine has used
//! depends on what it did, not on how often it had to wait.

use crate::burst::{Stop, fail, run};
use crate::ext::Ext;
use crate::frame::Frame;
use crate::layout::CORO_GATE;
use crate::reply::Respondent;
use crate::session::Gate;
use alloc::vec::Vec;
use motet_types::{CoroutineId, Fault, Planted, planted};

/// What a configuration says of credits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CreditRules {
    /// What each coroutine begins with; none where nothing is counted.
    pub(crate) budget: Option<u64>,
    /// What an instruction costs; at least 1.
    pub(crate) cost: u64,
}

impl CreditRules {
    /// Whether a coroutine can have used so much, and not nothing.
    pub(crate) fn allow(&self, used: u64) -> bool {
        let whole = used.is_multiple_of(self.cost.max(1));
        used > 0 && whole && self.budget.is_some_and(|budget| used <= budget)
    }
}

/// What the coroutines of an island have used of their credits, by their numbers; those that have used nothing are not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credits(pub(crate) Vec<(CoroutineId, u64)>);

impl Credits {
    /// Bytes that it holds, itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * size_of::<(CoroutineId, u64)>()
    }

    fn used(&self, coroutine: CoroutineId) -> u64 {
        self.0.binary_search_by_key(&coroutine, |row| row.0).map_or(0, |at| self.0[at].1)
    }

    fn add(&mut self, coroutine: CoroutineId, more: u64) {
        match self.0.binary_search_by_key(&coroutine, |row| row.0) {
            Ok(at) => self.0[at].1 += more,
            Err(at) => self.0.insert(at, (coroutine, more)),
        }
    }
}

impl Ext {
    /// What its coroutines have used.
    pub(crate) fn used(&self) -> &[(CoroutineId, u64)] {
        self.credits.as_ref().map_or(&[], |credits| &credits.0)
    }
}

/// One turn of the coroutine in the frame, as [`run`] does it, in a machine where more is looked at than usual.
#[inline(never)]
pub(crate) fn run_closely<H: Respondent + ?Sized>(
    frame: &mut Frame<'_>,
    host: &H,
    start: usize,
    fuel: &mut u32,
) -> Stop {
    let CreditRules { budget, cost } = frame.images.credits;
    let Some(budget) = budget else { return run::<H, true>(frame, host, start, fuel) };
    let coroutine = CoroutineId(frame.coroutine);
    let started = usize::from(frame.coroutine) >= frame.image.layout.places.len();
    let used = frame.ext.as_deref().and_then(|ext| ext.credits.as_deref());
    let used = used.map_or(0, |credits| credits.used(coroutine));
    let used = if started && planted(Planted::CreditsStartedFree) { 0 } else { used };
    let affordable = budget.saturating_sub(used) / cost + u64::from(planted(Planted::CreditsOneMore));
    let given = u32::try_from(affordable).map_or(*fuel, |affordable| affordable.min(*fuel));
    let speculated = frame.speculation().is_some();
    let mut left = given;
    let stop = run::<H, true>(frame, host, start, &mut left);
    *fuel -= given - left;
    let gate = Gate::unpack(frame.coros[start + CORO_GATE]);
    let ended = gate == Gate::Halted;
    let blocked = matches!(stop, Stop::Waits | Stop::After) && gate != Gate::Open && !ended;
    let back = u32::from(blocked && !planted(Planted::CreditsForWaiting));
    let charged = u64::from(given - left - back) * cost;
    if charged > 0 {
        frame.ext.get_or_insert_default().credits.get_or_insert_default().add(coroutine, charged);
    }
    if ended && started || speculated {
        frame.forget_credits(ended);
    }
    if matches!(stop, Stop::Fuel) && *fuel > 0 {
        // The credits are gone, and not the fuel. The instruction that is refused is a step, as any that faults.
        *fuel -= 1;
        fail(frame, Fault::OutOfCredits { budget, cost });
        return Stop::Faulted;
    }
    stop
}

impl Frame<'_> {
    /// Nobody keeps account of coroutines that are gone, unless a speculation may bring them back. `ended` says whether
    /// the running one has just ended.
    #[cold]
    #[inline(never)]
    fn forget_credits(&mut self, ended: bool) {
        let (roles, running) = (self.images[self.image_at as usize].layout.places.len(), self.coroutine);
        let Some(ext) = self.ext.as_mut().filter(|ext| ext.speculation.is_none()) else { return };
        let (credits, growth) = (&mut ext.credits, &mut ext.growth);
        if let Some(credits) = credits {
            credits.0.retain(|(CoroutineId(number), _)| {
                let there = growth.as_mut().is_some_and(|growth| growth.child(*number).is_some());
                usize::from(*number) < roles || there && !(ended && *number == running)
            });
        }
    }
}
