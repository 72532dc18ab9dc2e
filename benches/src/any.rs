//! One runtime for measuring, whichever executor it has.

use crate::Setup;
use motet_machine::{BufferConfig, CodeImage, EffectHandler, ImageId, ProtocolMachine, ProtocolMachineConfig};
use motet_runtime::{GuestRuntime, ThreadedGuestRuntime};
use motet_types::SessionId;
use std::sync::Arc;

/// A cooperative or a threaded runtime.
pub enum AnyRuntime {
    /// One worker: the cooperative runtime.
    Cooperative(GuestRuntime),
    /// Several.
    Threaded(ThreadedGuestRuntime),
}

impl AnyRuntime {
    /// A runtime for a set-up.
    ///
    /// # Panics
    /// When the set-up's schedule or number of workers is not valid.
    pub fn new(setup: &Setup) -> Self {
        let buffer = BufferConfig { capacity: 64, ..BufferConfig::default() };
        let config = ProtocolMachineConfig { trace: setup.trace, buffer, ..ProtocolMachineConfig::default() };
        let schedule = setup.schedule.clone();
        if setup.workers == 0 {
            return Self::Cooperative(GuestRuntime::new(config, schedule).expect("a set-up is valid"));
        }
        Self::Threaded(ThreadedGuestRuntime::with_workers(config, schedule, setup.workers).expect("a set-up is valid"))
    }

    /// Adds an image.
    ///
    /// # Panics
    /// When the configuration does not allow it.
    pub fn load(&mut self, image: CodeImage) -> ImageId {
        match self {
            Self::Cooperative(runtime) => runtime.load(image),
            Self::Threaded(runtime) => runtime.load(image),
        }
        .expect("a workload's image loads")
    }

    /// Opens a session.
    ///
    /// # Panics
    /// When the configuration does not allow it.
    pub fn open(&mut self, image: ImageId) -> SessionId {
        match self {
            Self::Cooperative(runtime) => runtime.open(image),
            Self::Threaded(runtime) => runtime.open(image),
        }
        .expect("a session opens")
    }

    /// Lets the machine take at most this many steps.
    pub fn limit_steps(&mut self, limit: u64) {
        match self {
            Self::Cooperative(runtime) => runtime.limit_steps(limit),
            Self::Threaded(runtime) => runtime.limit_steps(limit),
        }
    }

    /// Runs until nothing can go on.
    ///
    /// # Panics
    /// When the host does not fit the workload.
    pub fn run(&mut self, host: &Arc<dyn EffectHandler>) {
        match self {
            Self::Cooperative(runtime) => runtime.run(&**host),
            Self::Threaded(runtime) => runtime.run(host),
        }
        .expect("a workload runs");
    }

    /// The machine.
    pub const fn machine(&self) -> &ProtocolMachine {
        match self {
            Self::Cooperative(runtime) => runtime.machine(),
            Self::Threaded(runtime) => runtime.machine(),
        }
    }
}
