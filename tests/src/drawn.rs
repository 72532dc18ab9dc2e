//! A run of a random protocol as a case draws it, and the same run written into a log, broken off and gone on with.

use crate::checks::protocols::{global, patient};
use crate::checks::scheduling::policies;
use crate::dice::Dice;
use crate::walk::{Setup, image_of};
use motet_log::sim::SimDisk;
use motet_machine::{BufferMode, CodeImage};
use motet_runtime::{Durable, DurableGuestRuntime, DurableOptions, Inline, SeededHost};
use std::fmt::Display;
use std::sync::Arc;

/// A protocol, how it is run, and the seed of its host.
pub struct Drawn {
    /// The protocol.
    pub image: Arc<CodeImage>,
    /// How it is run.
    pub setup: Setup,
    /// The host's seed.
    pub seed: u64,
}

/// A log that holds a whole run, and how it is read.
pub struct Logged {
    /// Where the log is.
    pub disk: SimDisk,
    /// How it was written.
    pub options: DurableOptions,
    /// The run, recovered once.
    pub run: DurableGuestRuntime,
}

fn text(error: impl Display) -> String {
    error.to_string()
}

impl Drawn {
    /// Some sessions of a protocol under some schedule, of so many steps for each at most.
    pub fn of(seed: u64, dice: &mut Dice, steps: u64) -> Result<Self, String> {
        let global = global(dice);
        let image = image_of(&global, dice.one_in(3))?;
        let (capacity, policy) = patient(dice);
        let sessions = 2 + dice.below(4);
        let mut setup = Setup::default().sessions(sessions).limit(steps * sessions as u64);
        setup = setup
            .buffer(BufferMode::Fifo, capacity, policy)
            .schedule(1 + dice.below(4) as u32, 1 + dice.below(9) as u32);
        setup.schedule.policy = dice.pick(&policies()).clone();
        Ok(Self { image, setup, seed })
    }

    /// Its host.
    pub fn host(&self) -> SeededHost {
        SeededHost::new(self.seed)
    }

    /// The run written into a log, stopped after some turns, and gone on with out of the log. What comes in from outside
    /// before the first turn is `first`.
    pub fn logged(
        &self,
        dice: &mut Dice,
        first: impl FnOnce(&mut DurableGuestRuntime) -> Result<(), String>,
    ) -> Result<Logged, String> {
        let (disk, options) = (SimDisk::new(), DurableOptions { beside: false, ..DurableOptions::default() });
        let (config, schedule) = (self.setup.config.clone(), self.setup.schedule.clone());
        let begun = Durable::create(Arc::new(disk.clone()), options.clone(), config, schedule, Inline::default());
        let mut run = begun.map_err(text)?;
        let image = run.load(Arc::clone(&self.image)).map_err(text)?;
        for _ in 0..self.setup.sessions {
            run.open(image).map_err(text)?;
        }
        run.limit_steps(self.setup.limit);
        first(&mut run)?;
        let host = self.host();
        for _ in 0..dice.below(20) {
            run.turn(&host).map_err(text)?;
        }
        run.sync().map_err(text)?;
        drop(run);
        let (mut run, _) = Durable::recover(Arc::new(disk.clone()), options.clone()).map_err(text)?;
        run.run(&host).map_err(text)?;
        Ok(Logged { disk, options, run })
    }
}
