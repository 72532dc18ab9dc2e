//! Containing a host: a panic in a handler ends the session that asked, not the runtime.

use crate::sync;
use motet_machine::{Aside, EffectHandler, EffectOutcome, EffectRequest, FinishedChunk, Reply, Respondent, WaveChunk};
use motet_types::{EffectFailureKind, EffectKinds};
use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A handler whose panics are answers.
pub(crate) struct Contained<'a, H: ?Sized>(pub(crate) &'a H);

impl<H: EffectHandler + ?Sized> Respondent for Contained<'_, H> {
    #[inline(always)]
    fn wants(&self) -> EffectKinds {
        self.0.wants()
    }

    #[inline(always)]
    fn respond(&self, request: EffectRequest<'_>, aside: &mut Aside) -> Reply {
        // The request only borrows what the step does not change before it has the answer.
        match catch_unwind(AssertUnwindSafe(|| Reply::new(self.0.handle_effect(request), aside))) {
            Ok(reply) => reply,
            Err(panic) => Reply::new(panicked(panic), aside),
        }
    }

    fn judge(&self, condition: &dyn Fn() -> bool) -> Option<bool> {
        catch_unwind(AssertUnwindSafe(condition)).map_err(panicked).ok()
    }
}

#[cold]
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> EffectOutcome {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let message = format!("the handler panicked: {said}");
    // What was thrown may itself panic when it is dropped; that would be thrown past us.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
    EffectOutcome::failure(EffectFailureKind::ContractViolation, message)
}

/// Runs a chunk; none when it panicked, which no handler can cause: a bug, and the wave is lost.
pub(crate) fn run<H: EffectHandler + ?Sized>(chunk: WaveChunk, host: &H, lane: usize) -> Option<FinishedChunk> {
    sync::contain(|| chunk.run(&Contained(host), lane))
}
