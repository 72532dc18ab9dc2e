//! Speculation: what happens inside is withheld until it is joined, and undone when it is aborted.

use crate::table::{Break, Formula::*, Term::*, machine};

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const INSIDE: crate::table::Formula = Equal(ACTIVE, YES);

machine! {
    /// The speculation of one session. Versions stand for its whole state: a step makes a new one.
    Speculation = SPECULATION "speculation";
    fields {
        /// Whether the configuration permits it.
        ENABLED enabled: bool,
        /// Whether one is under way.
        ACTIVE active: bool,
        /// The state's version.
        VERSION version: u64,
        /// The version to which an abort goes back.
        SAVED saved: u64,
        /// How many results are withheld.
        WITHHELD withheld: u64,
        /// How many results the outside has seen.
        SEEN seen: u64,
        /// How many the outside had seen when it began.
        SEEN_BEFORE seen_before: u64,
    }
    refusals SpeculationError {
        /// The configuration forbids it.
        Disabled "speculation is not enabled",
        /// One is under way.
        AlreadyActive "a speculation is under way",
        /// None is.
        NotActive "no speculation is under way",
        /// An effect that may block was asked for inside.
        DeferredEffect "an effect that may block cannot be asked for inside a speculation",
    }
    events SpeculationEvent {
        /// It begins.
        Fork "fork" {}
        needs [Equal(ENABLED, YES) => Disabled, Equal(ACTIVE, NO) => AlreadyActive]
        sets [ACTIVE = YES, SAVED = VERSION, SEEN_BEFORE = SEEN],

        /// The state changes.
        Step "step" {}
        needs []
        sets [VERSION = Plus(&VERSION, &YES)],

        /// Something for the outside happens inside: it is withheld.
        Withhold "withhold" {}
        needs [INSIDE => NotActive]
        sets [WITHHELD = Plus(&WITHHELD, &YES), VERSION = Plus(&VERSION, &YES)],

        /// Something for the outside happens outside: it is seen.
        Show "show" {
            /// Whether it is an effect that may block.
            deferred: bool,
        }
        needs [
            Not(&All(&[INSIDE, Equal(Given(0), YES)])) => DeferredEffect,
            Equal(ACTIVE, NO) => AlreadyActive,
        ]
        sets [SEEN = Plus(&SEEN, &YES), VERSION = Plus(&VERSION, &YES)],

        /// It is kept: what was withheld is seen now.
        Join "join" {}
        needs [INSIDE => NotActive]
        sets [
            ACTIVE = NO,
            SEEN = Plus(&SEEN, &WITHHELD),
            WITHHELD = NO,
            SAVED = NO,
            SEEN_BEFORE = NO,
        ],

        /// It is undone: the state is the one before it, and nothing of it was ever seen.
        Abort "abort" {}
        needs [INSIDE => NotActive]
        sets [ACTIVE = NO, VERSION = SAVED, WITHHELD = NO, SAVED = NO, SEEN_BEFORE = NO],
    }
    initial All(&[
        Equal(ACTIVE, NO),
        Equal(VERSION, NO),
        Equal(SAVED, NO),
        Equal(WITHHELD, NO),
        Equal(SEEN, NO),
        Equal(SEEN_BEFORE, NO),
    ]);
    invariants {
        /// Outside of a speculation nothing is withheld or saved.
        "outside" Implies(&Equal(ACTIVE, NO), &All(&[
            Equal(WITHHELD, NO),
            Equal(SAVED, NO),
            Equal(SEEN_BEFORE, NO),
        ])), Break::Put("abort", WITHHELD, WITHHELD);
        /// While it goes on, the outside sees nothing new.
        "unseen" Implies(&INSIDE, &Equal(SEEN, SEEN_BEFORE)), Break::Need("show", 1);
        /// What is saved is not newer than what there is.
        "saved" AtMost(SAVED, VERSION), Break::Put("fork", SAVED, Plus(&VERSION, &YES));
        /// Nothing speculates where it is not enabled.
        "enabled" Implies(&INSIDE, &Equal(ENABLED, YES)), Break::Need("fork", 0);
    }
    laws {
        /// Undoing goes back to exactly the state that was saved; nothing else goes back.
        "abort_restores" Implies(
            &Below(After(&VERSION), VERSION),
            &All(&[Equal(After(&VERSION), SAVED), Equal(After(&SEEN), SEEN_BEFORE)]),
        ), Break::Put("abort", VERSION, NO);
        /// What was seen stays seen.
        "seen_grows" AtMost(SEEN, After(&SEEN)), Break::Put("abort", SEEN, NO);
    }
    goal All(&[INSIDE, Equal(SEEN, YES), Equal(WITHHELD, Number(2)), Equal(VERSION, Number(3))]), 4;
}

impl Speculation {
    /// A session that does not speculate.
    pub const fn new(enabled: bool) -> Self {
        Self { enabled, active: false, version: 0, saved: 0, withheld: 0, seen: 0, seen_before: 0 }
    }
}
