//! One runtime for measuring, whichever executor it has.

use crate::turns::{TurnTimes, Turns};
use crate::workload::Setup;
use motet_machine::{
    BufferConfig, CodeImage, EffectHandler, EffectId, EffectOutcome, ImageId, ProtocolMachine, ProtocolMachineConfig,
};
use motet_runtime::{Executor, GuestRuntime, Runtime, ThreadedGuestRuntime, Turn};
use motet_types::SessionId;
use std::sync::Arc;
use std::time::Instant;

/// Waves between two drains of the trace, where it is drained.
const DRAIN_WAVES: u64 = 64;

/// A cooperative or a threaded runtime.
pub enum AnyRuntime {
    /// One worker: the cooperative runtime.
    Cooperative(Box<GuestRuntime>),
    /// The threaded runtime.
    Threaded(Box<ThreadedGuestRuntime>),
}

/// Does the same with either runtime.
macro_rules! either {
    ($any:expr, $runtime:ident => $body:expr) => {
        match $any {
            AnyRuntime::Cooperative($runtime) => $body,
            AnyRuntime::Threaded($runtime) => $body,
        }
    };
}

impl AnyRuntime {
    /// A runtime for a set-up.
    ///
    /// # Panics
    /// When the set-up's schedule or number of workers is not valid.
    pub fn new(setup: &Setup) -> Self {
        let buffer = BufferConfig { capacity: 64, ..BufferConfig::default() };
        let config = ProtocolMachineConfig {
            trace: setup.trace,
            buffer,
            digest_waves: setup.digests,
            ..ProtocolMachineConfig::default()
        };
        let schedule = setup.schedule.clone();
        if setup.workers == 0 {
            return Self::Cooperative(Box::new(GuestRuntime::new(config, schedule).expect("a set-up is valid")));
        }
        let runtime = ThreadedGuestRuntime::with_workers(config, schedule, setup.workers);
        Self::Threaded(Box::new(runtime.expect("a set-up is valid")))
    }

    /// Adds an image.
    ///
    /// # Panics
    /// When the configuration does not allow it.
    pub fn load(&mut self, image: CodeImage) -> ImageId {
        either!(self, runtime => runtime.load(image)).expect("a workload's image loads")
    }

    /// Opens a session.
    ///
    /// # Panics
    /// When the configuration does not allow it.
    pub fn open(&mut self, image: ImageId) -> SessionId {
        either!(self, runtime => runtime.open(image)).expect("a session opens")
    }

    /// Lets the machine take at most this many steps.
    pub fn limit_steps(&mut self, limit: u64) {
        either!(self, runtime => runtime.limit_steps(limit));
    }

    /// Runs until nothing can go on. The handler's type is the caller's: a concrete one is called directly, a `dyn` one
    /// through its table.
    ///
    /// # Panics
    /// When the host does not fit the workload.
    pub fn run<H: EffectHandler + ?Sized + 'static>(&mut self, host: &Arc<H>) {
        match self {
            Self::Cooperative(runtime) => runtime.run(&**host),
            Self::Threaded(runtime) => runtime.run(host),
        }
        .expect("a workload runs");
    }

    /// As [`run`](Self::run), as the set-up says: every turn timed, or the trace drained as somebody would who writes
    /// it elsewhere.
    ///
    /// # Panics
    /// When the host does not fit the workload.
    pub fn run_as<H: EffectHandler + ?Sized + 'static>(&mut self, setup: &Setup, host: &Arc<H>) -> Option<TurnTimes> {
        if !setup.turns && !setup.drain {
            self.run(host);
            return None;
        }
        match self {
            Self::Cooperative(runtime) => by_turns(&mut **runtime, setup, &**host),
            Self::Threaded(runtime) => by_turns(&mut **runtime, setup, host),
        }
    }

    /// Effects that the host has taken on and not answered.
    pub fn outstanding(&self) -> Vec<EffectId> {
        either!(self, runtime => runtime.outstanding().map(|(id, _)| id).collect())
    }

    /// Hands in an answer.
    ///
    /// # Panics
    /// When nobody waits for it.
    pub fn complete(&mut self, effect: EffectId, outcome: EffectOutcome) {
        either!(self, runtime => runtime.complete(effect, outcome)).expect("the effect is outstanding");
    }

    /// The machine.
    pub const fn machine(&self) -> &ProtocolMachine {
        either!(self, runtime => runtime.machine())
    }
}

fn by_turns<E: Executor<H>, H: EffectHandler + ?Sized>(
    runtime: &mut Runtime<E>,
    setup: &Setup,
    host: &H,
) -> Option<TurnTimes> {
    let mut turns = Turns::default();
    let mut drained = 0;
    let mut since = Instant::now();
    loop {
        let before = runtime.machine().tally().bursts;
        if runtime.turn(host).expect("a workload runs") == Turn::Idle {
            return setup.turns.then(|| turns.times()).flatten();
        }
        if setup.turns {
            let now = Instant::now();
            turns.add(now - since, runtime.machine().tally().bursts - before);
            since = now;
        }
        let waves = runtime.machine().tally().waves;
        if setup.drain && waves >= drained + DRAIN_WAVES {
            drained = waves;
            std::hint::black_box(runtime.drain_trace());
        }
    }
}
