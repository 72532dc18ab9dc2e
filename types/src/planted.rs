//! Planted faults: wrong code that a test build can switch on, to see that a test catches it.
//!
//! With the feature `planted` off, [`planted`] is a constant `false` and costs nothing. With it on, at most one
//! fault is active, chosen by [`plant`]. The table is the list of all of them; the mutation test walks it.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The faults that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Planted {
            $($(#[$doc])* $name,)*
        }

        impl Planted {
            /// All faults, in order.
            pub const ALL: &[Planted] = &[$(Planted::$name,)*];

            /// The name by which the environment chooses the fault.
            pub const fn name(self) -> &'static str {
                match self { $(Planted::$name => $text,)* }
            }
        }
    };
}

// FAULTS-TABLE
faults! {
    /// The image digest leaves out the code.
    ImageDigestSkipsCode = "image.digest_skips_code",
    /// The verifier lets one register too many pass.
    VerifyRegisterBound = "verify.register_bound",
    /// The verifier lets a jump leave the role's code.
    VerifyJumpRange = "verify.jump_range",
    /// The verifier lets an operand name a row that does not exist.
    VerifyOperandRange = "verify.operand_range",
    /// The verifier lets a receiver's automaton differ from the global type.
    VerifyFitReceiver = "verify.fit_receiver",
    /// The verifier follows only the first branch of a choice that the role takes no part in.
    VerifyFitFirstBranchOnly = "verify.fit_first_branch_only",
    /// The verifier lets a role act that others, who go on for ever, leave no turn.
    VerifyFitTurns = "verify.fit_turns",
    /// Paths may meet that are in different speculations.
    VerifyJoinForks = "verify.join_forks",
    /// The verifier takes the type behind an `Abort` to be the one before it.
    VerifyAbortKeeps = "verify.abort_keeps",
    /// A coroutine may end in a speculation.
    VerifyHaltForked = "verify.halt_forked",
    /// `Tag` and `Check` take anything for a fact.
    VerifyFact = "verify.fact",
    /// Roles that nothing may flow to are those that everything may flow to.
    FlowDenyAllows = "flow.deny_allows",
    /// Any of several conditions is all of them.
    FlowAnyIsAll = "flow.any_is_all",
    /// `Check` does not ask the flow policy.
    CheckAnyFlow = "knowledge.checks_any_flow",
    /// `Check` does not ask whether the fact is known.
    CheckUnknown = "knowledge.checks_unknown",
    /// `Tag` knows no limit.
    TagWithoutLimit = "tag.without_limit",
    /// `Tagged` and `Checked` do not say what they are about.
    TaggedWithoutFact = "tagged.without_fact",
    /// `Transfer` leaves what it takes along with the giver as well.
    TransferCopiesKnowledge = "transfer.copies_knowledge",
    /// `Transfer` takes no knowledge along, and leaves none.
    TransferLosesKnowledge = "transfer.loses_knowledge",
    /// `Transfer` does not ask the flow policy.
    TransferAnyFlow = "transfer.any_flow",
    /// Knowledge of a session outlives it.
    KnowledgeOutlives = "knowledge.outlives",
    /// Knowledge is no part of a session's bytes.
    KnowledgeUncounted = "knowledge.uncounted",
    /// `Abort` leaves what was learnt since.
    SpeculationKeepsKnowledge = "speculation.keeps_knowledge",
    /// Restoring believes whatever is known of whatever.
    RestoreTrustsKnowledge = "restore.trusts_knowledge",
    /// A configuration's bytes leave out the flow policy.
    ConfigForgetsFlow = "config.forgets_flow",
    /// A signature says nothing of the run.
    SignatureOfAnyRun = "signature.of_any_run",
    /// A signature says nothing of the session.
    SignatureOfAnySession = "signature.of_any_session",
    /// A signature says nothing of the edge.
    SignatureOfAnyEdge = "signature.of_any_edge",
    /// A signature says nothing of the label.
    SignatureOfAnyLabel = "signature.of_any_label",
    /// A signature says nothing of the message's number.
    SignatureOfAnyPlace = "signature.of_any_place",
    /// A signature says nothing of the payload.
    SignatureOfAnyPayload = "signature.of_any_payload",
    /// Signatures are not checked.
    SignatureUnchecked = "signature.unchecked",
    /// Signed messages are taken in any order.
    SignatureAnywhere = "signature.anywhere",
    /// What overwrites a message leaves the old one's signature.
    OverwriteKeepsSignature = "signature.overwrite_keeps",
    /// Any keys will do for a run that has its own.
    KeysAny = "keys.any",
    /// Numbers are not checked.
    SequenceUnchecked = "replay.sequence_unchecked",
    /// The number of the next message stays.
    SequenceStays = "replay.sequence_stays",
    /// Nullifiers are not looked for.
    NullifierUnchecked = "replay.nullifier_unchecked",
    /// Nullifiers are not consumed.
    NullifierForgotten = "replay.nullifier_forgotten",
    /// A speculation consumes messages at once.
    SpeculationConsumes = "replay.speculation_consumes",
    /// `Abort` leaves the ledger as it is.
    SpeculationKeepsLedger = "replay.speculation_keeps_ledger",
    /// A consumption's root does not depend on the one before it.
    ConsumptionUnchained = "replay.consumption_unchained",
    /// More artifacts are kept than the configuration allows.
    ArtifactsUnbounded = "replay.artifacts_unbounded",
    /// The history of a session outlives it.
    LedgerOutlives = "history.outlives",
    /// A history's root does not say how many messages it has.
    HistoryForgetsCount = "history.forgets_count",
    /// A lone node is paired with itself.
    HistoryDoublesLone = "history.doubles_lone",
    /// Leaves and nodes are hashed alike.
    HistoryOneDomain = "history.one_domain",
    /// A message that overwrites another is not in the history.
    HistoryMissesOverwrites = "history.misses_overwrites",
    /// Signatures are no part of a session's bytes.
    LedgerSignaturesUncounted = "ledger.signatures_uncounted",
    /// Restoring believes whatever a ledger says.
    RestoreTrustsLedger = "restore.trusts_ledger",
    /// `Abort` leaves the types as they are.
    SpeculationKeepsType = "speculation.keeps_type",
    /// `Abort` leaves the messages where they are.
    SpeculationKeepsMessages = "speculation.keeps_messages",
    /// Events of an undone speculation reach the trace.
    SpeculationKeepsEvents = "speculation.keeps_events",
    /// `Abort` takes effect counters back, so ids repeat.
    SpeculationRollsCounters = "speculation.rolls_counters",
    /// An answer that an undone speculation has used is gone.
    SpeculationLosesAnswer = "speculation.loses_answer",
    /// Speculations nest without a limit.
    SpeculationTooDeep = "speculation.too_deep",
    /// An effect that may block is asked for inside a speculation.
    SpeculationAsks = "speculation.asks",
    /// A speculation does not keep the values that do not fit a word.
    SpeculationForgetsOwned = "speculation.forgets_owned",
    /// An endpoint of an opened session is good for whoever holds it.
    GuestAnyOwner = "guest.any_owner",
    /// Closing wakes nobody.
    CloseWakesNobody = "close.wakes_nobody",
    /// Closing discards what is in flight for others.
    CloseNeverDrains = "close.never_drains",
    /// A session that is closing still takes messages.
    DrainingSends = "draining.sends",
    /// A spawned coroutine owns what it was given copies of.
    VerifySpawnOwns = "verify.spawn_owns",
    /// A coroutine may use its endpoint as its own after giving it away.
    VerifyTransferKeeps = "verify.transfer_keeps",
    /// Coroutines are started without a limit.
    SpawnWithoutLimit = "spawn.without_limit",
    /// Texts that a started coroutine is given are not counted.
    SpawnForgetsOwned = "spawn.forgets_owned",
    /// Coroutines beyond the first 64 are not woken.
    SpawnForgetsFar = "spawn.forgets_far",
    /// An endpoint is given to a coroutine that has ended.
    TransferToTheDead = "transfer.to_the_dead",
    /// An endpoint that changes hands stays with who gave it.
    TransferMovesNothing = "transfer.moves_nothing",
    /// No receipt is made out.
    TransferWithoutReceipt = "transfer.without_receipt",
    /// `Abort` leaves coroutines that were started.
    SpeculationKeepsSpawned = "speculation.keeps_spawned",
    /// Started coroutines are not part of the state.
    SpawnedUncounted = "spawned.uncounted",
    /// What happens in an opened session is told of the main one.
    GuestEventsOfMain = "guest.events_of_main",
    /// An opened session's states, owners and messages are not part of the state.
    GuestUncounted = "guest.uncounted",
    /// Sessions are opened without a limit.
    OpenWithoutLimit = "open.without_limit",
    /// Closing closes the coroutine's main session, whichever the endpoint is of.
    CloseTheMain = "close.the_main",
    /// A coroutine may end and own endpoints that are not at their end.
    HaltOwnsUnfinished = "halt.owns_unfinished",
    /// Sending through an endpoint takes the first of several labels.
    ThroughAnyBranch = "through.any_branch",
    /// Sending through an endpoint does not look at the payload.
    ThroughAnySort = "through.any_sort",
    /// Casting does not look at the value.
    CastAnything = "cast.anything",
    /// `Abort` leaves opened sessions as they are.
    SpeculationKeepsGuests = "speculation.keeps_guests",
    /// `Abort` takes numbers of opened sessions back, so ids repeat.
    SpeculationReusesNumbers = "speculation.reuses_numbers",
    /// The verifier takes any endpoint for the own one.
    VerifyAnyEndpointOwn = "verify.any_endpoint_own",
    /// A restored session may have opened sessions in states of other roles.
    RestoreTrustsGuests = "restore.trusts_guests",
    /// The verifier lets two paths meet in different states.
    VerifyJoinState = "verify.join_state",
    /// The verifier keeps the first path's registers where paths meet.
    VerifyJoinRegisters = "verify.join_registers",
    /// The verifier lets `Receive` stand where several labels may come.
    VerifyReceiveManyBranches = "verify.receive_many_branches",
    /// The verifier lets a jump table leave out a branch.
    VerifyTableComplete = "verify.table_complete",
    /// The verifier lets `Halt` stand before the type's end.
    VerifyHaltEarly = "verify.halt_early",
    /// The verifier lets a jump table write to a register that does not exist.
    VerifyTableRegister = "verify.table_register",
    /// The verifier lets the code send another label than the host decided on.
    VerifyDecision = "verify.decision",
    /// The verifier takes any register for the endpoint.
    VerifyEndpoint = "verify.endpoint",
    /// The verifier lets a payload of another sort pass.
    VerifyPayloadSort = "verify.payload_sort",
    /// A spilled message goes before the others.
    StepOverflowFront = "step.overflow_front",
    /// A send wakes nobody.
    StepNoWake = "step.no_wake",
    /// A dropped message advances the program.
    StepDropAdvances = "step.drop_advances",
    /// A send leaves the type where it was.
    StepSendKeepsState = "step.send_keeps_state",
    /// A receiver follows the last arm, whatever label came.
    StepWrongArm = "step.wrong_arm",
    /// The effect counter stands still.
    StepCounterStays = "step.counter_stays",
    /// The host's value may have any sort.
    StepHostSort = "step.host_sort",
    /// A burst forgets which coroutine ran.
    BurstForgetsCurrent = "burst.forgets_current",
    /// The trace's chain leaves the arena out.
    TraceChainSkipsArena = "trace.chain_skips_arena",
    /// A fault is counted as an end.
    CommitFaultUncounted = "commit.fault_uncounted",
    /// The state root leaves payloads in flight out.
    RootSkipsPayloads = "root.skips_payloads",
    /// A session that a wave has changed keeps its leaf in the state tree.
    RootForgetsWave = "root.forgets_wave",
    /// A session that an answer has changed keeps its leaf in the state tree.
    RootForgetsAnswer = "root.forgets_answer",
    /// A session that has ended keeps its leaf in the state tree.
    RootKeepsEnded = "root.keeps_ended",
    /// A state tree that grows leaves out what it was.
    TreeKeepsTop = "tree.keeps_top",
    /// A proof of a session's state is not held against the session's place in the tree.
    ProofAnyPlace = "proof.any_place",
    /// A snapshot copies a session after the wave that changed it.
    SnapshotCopiesLate = "snapshot.copies_late",
    /// A snapshot leaves out the events that are not yet hashed.
    SnapshotSkipsEvents = "snapshot.skips_events",
    /// A snapshot keeps the ready islands in the order of their sessions.
    SnapshotSortsQueue = "snapshot.sorts_queue",
    /// A snapshot forgets which effects the host has taken on.
    SnapshotForgetsAsked = "snapshot.forgets_asked",
    /// A sealed file's blocks are not held against their digests.
    SealUnchecked = "seal.unchecked",
    /// A session is restored with registers that its code was not verified with.
    RestoreTrustsRegisters = "restore.trusts_registers",
    /// A session is restored with coroutines that wait for nothing.
    RestoreTrustsStanding = "restore.trusts_standing",
    /// A parked session's bytes are not held against its leaf.
    ParkTrustsBytes = "park.trusts_bytes",
    /// The verifier takes anything for a guard's evidence.
    VerifyEvidence = "verify.evidence",
    /// The verifier lets a guard layer have more than 16 bits.
    VerifyLayerRange = "verify.layer_range",
    /// A release leaves the evidence where it was.
    GuardReleaseKeeps = "guard.release_keeps",
    /// Evidence of another session releases a guard.
    GuardAnySession = "guard.any_session",
    /// Evidence of another layer releases a guard.
    GuardAnyLayer = "guard.any_layer",
    /// A guard of a layer that the configuration does not have is asked for.
    GuardAnyConfig = "guard.any_config",
    /// Ids of evidence do not count what was asked before.
    GuardCounterStays = "guard.counter_stays",
    /// The commit forgets what the last session of a wave did to the heap.
    CommitForgetsOverlay = "commit.forgets_overlay",
    /// The state root leaves the heap out.
    RootSkipsHeap = "root.skips_heap",
    /// A proof of resources is not held against the state root.
    ProofAnyState = "proof.any_state",
    /// A snapshot has the heap as it is when it is taken, not when it was begun.
    SnapshotHeapLate = "snapshot.heap_late",
    /// The planner picks an island twice.
    PlannerTwice = "planner.twice",
    /// The planner leaves an island out that nobody will plan again.
    PlannerForgets = "planner.forgets",
    /// The planner ignores the step limit.
    PlannerIgnoresLimit = "planner.ignores_limit",
    /// An effect goes out beside one of the same fragment, whose policy forbids it.
    AskReenters = "ask.reenters",
    /// A composition of hosts counts different answers as one.
    ComposeCountsAny = "compose.counts_any",
    /// Answers that differ between runs do not count against a host's tier.
    TierExcusesAnswers = "tier.excuses_answers",
    /// Questions that differ between runs do not count against it.
    TierExcusesQuestions = "tier.excuses_questions",
    /// The certifier takes any wave number.
    CertifierTrustsWave = "certifier.trusts_wave",
    /// The certifier takes plans made for another step.
    CertifierTrustsStep = "certifier.trusts_step",
    /// The certifier takes plans that start from another state.
    CertifierTrustsBoundary = "certifier.trusts_boundary",
    /// The certifier takes any footprint.
    CertifierTrustsFootprint = "certifier.trusts_footprint",
    /// The certifier lets an island be picked that is not ready.
    CertifierTrustsReadiness = "certifier.trusts_readiness",
    /// The certifier keeps the islands of a plan that it refuses.
    CertifierKeepsRefused = "certifier.keeps_refused",
    /// Chunks are joined in the order in which they were finished.
    JoinUnsorted = "join.unsorted",
    /// A wave with a chunk too few is taken as whole.
    JoinTrustsCount = "join.trusts_count",
    /// The executor finishes the newest wave first.
    ExecutorNewestFirst = "executor.newest_first",
    /// The executor loses a chunk.
    ExecutorLosesChunk = "executor.loses_chunk",
    /// The commit hands the ready islands back in another order.
    CommitReversesReady = "commit.reverses_ready",
    /// The commit takes the trace of one chunk before that of the chunk before it.
    CommitReversesTrace = "commit.reverses_trace",
    /// The commit forgets that an island is ready.
    CommitForgetsReady = "commit.forgets_ready",
    /// The commit leaves the tick where it was.
    CommitTickStays = "commit.tick_stays",
    /// Answers of a session that has ended stay pending.
    CommitKeepsPending = "commit.keeps_pending",
    /// The offline check of waves lets a session be picked while an earlier wave has it.
    WavesOverlap = "waves.overlap",
    /// The tape forgets an open.
    TapeForgetsOpen = "tape.forgets_open",
    /// Replay does not compare questions.
    ReplayTrustsQuestions = "replay.trusts_questions",
    /// Replay does not compare events.
    ReplayTrustsEvents = "replay.trusts_events",
    /// Replay does not compare the state root.
    ReplayTrustsRoot = "replay.trusts_root",
    /// The offline check of waves lets a session be picked twice.
    WavesTwice = "waves.twice",
    /// The offline check of waves lets a waiting session be picked.
    WavesWaiting = "waves.waiting",
    /// The tape forgets a late answer.
    TapeForgetsAnswer = "tape.forgets_answer",
    /// The pool takes an effect on that it holds already.
    PoolPerformsTwice = "pool.performs_twice",
    /// The pool takes on whatever it is asked.
    PoolWithoutLimit = "pool.without_limit",
    /// The pool loses every sixteenth answer.
    PoolLosesAnswers = "pool.loses_answers",
    /// The pool begins what nobody waits for any more.
    PoolNeverCancels = "pool.never_cancels",
    /// The host is asked before the log is synced past what led to it.
    DurableAsksEarly = "durable.asks_early",
    /// What the host is asked is not written down.
    DurableForgetsAsked = "durable.forgets_asked",
    /// A sync returns before the log has synced.
    DurableSyncLies = "durable.sync_lies",
    /// A checkpoint covers inputs that it was made before.
    DurableCheckpointAhead = "durable.checkpoint_ahead",
    /// A checkpoint leaves what was handed in and not written out of the log for good.
    DurableCheckpointForgets = "durable.checkpoint_forgets",
    /// Recovery does not ask again what has no answer.
    DurableAsksNothingAgain = "durable.asks_nothing_again",
    /// Recovery gives effects other ids.
    DurableNewIds = "durable.new_ids",
    /// Recovery does not compare states.
    DurableTrustsState = "durable.trusts_state",
    /// Recovery stops one wave short of where the log ends.
    DurableStopsShort = "durable.stops_short",
    /// Recovery carries what had ended before the cut.
    DurableCarriesEnded = "durable.carries_ended",
    /// Agreement records are written whatever the rules say.
    DurableAgreesToAnything = "durable.agrees_to_anything",
    /// Checkpoints do not keep agreement records.
    DurableForgetsAgreements = "durable.forgets_agreements",
    /// A refused artifact is not on record.
    OwnershipHidesRejected = "ownership.hides_rejected",
    /// Any owner passes for the one in force.
    OwnershipAnyOwner = "ownership.any_owner",
    /// A capability of an earlier generation passes for the one in force.
    OwnershipAnyGeneration = "ownership.any_generation",
    /// A capability of another session passes for one of this.
    OwnershipAnySession = "ownership.any_session",
    /// A capability of a scope that was never given passes.
    OwnershipAnyScope = "ownership.any_scope",
    /// A narrow capability releases and transfers the whole.
    OwnershipNarrowMoves = "ownership.narrow_moves",
    /// A capability is attenuated to something wider.
    OwnershipWidens = "ownership.widens",
    /// A mutation reaches further than its capability.
    OwnershipReachesFurther = "ownership.reaches_further",
    /// A receipt is known by its number alone.
    OwnershipAnyReceipt = "ownership.any_receipt",
    /// A witness is known by its number alone.
    OwnershipAnyWitness = "ownership.any_witness",
    /// A readiness witness stays in force when it is used.
    OwnershipWitnessTwice = "ownership.witness_twice",
    /// Capabilities stay in force when their owner goes.
    OwnershipKeepsCapabilities = "ownership.keeps_capabilities",
    /// Witnesses stay in force when their owner goes.
    OwnershipKeepsWitnesses = "ownership.keeps_witnesses",
    /// A capability that is in force is issued again.
    OwnershipIssuesTwice = "ownership.issues_twice",
    /// Timeouts never expire.
    OwnershipTimeoutsStay = "ownership.timeouts_stay",
    /// Ownership goes on when it has ended.
    OwnershipOutlivesItsEnd = "ownership.outlives_its_end",
    /// A session goes on when its ownership has ended.
    OwnershipEndsNothing = "ownership.ends_nothing",
    /// A session that ends takes its owner's capabilities with it and says nothing.
    OwnershipEndsSilently = "ownership.ends_silently",
    /// A cancellation is requested after it was done.
    OwnershipCancelsBackwards = "ownership.cancels_backwards",
    /// A session whose ownership has changed keeps its leaf in the state tree.
    OwnershipRootForgets = "ownership.root_forgets",
    /// A snapshot copies a session after its ownership has changed.
    OwnershipCopiesLate = "ownership.copies_late",
    /// A session is restored with ownership that is none of its own.
    OwnershipRestoresAnything = "ownership.restores_anything",
    /// The planner keeps a session whose ownership has ended.
    OwnershipStaysPlanned = "ownership.stays_planned",
    /// The tape forgets what became of a session's ownership.
    TapeForgetsOwnership = "tape.forgets_ownership",
    /// The tape forgets what was refused.
    TapeForgetsRefusals = "tape.forgets_refusals",
    /// Replay does not compare refusals.
    ReplayTrustsRefusals = "replay.trusts_refusals",
    /// Perturbations that come in together are taken in the order in which they stand.
    TopologyAsItComes = "topology.as_it_comes",
    /// Timeouts of sites never expire.
    TopologyTimeoutsStay = "topology.timeouts_stay",
    /// The state root does not cover what has happened to sites and links.
    TopologyUncounted = "topology.uncounted",
    /// A site that has timed out may send.
    TopologyTimedOutSends = "topology.timed_out_sends",
    /// A partition cuts both ways.
    TopologyCutsBothWays = "topology.cuts_both_ways",
    /// Payloads that were changed on their way are not counted.
    TopologyCorruptsUncounted = "topology.corrupts_uncounted",
    /// A payload that has arrived as another sort is taken.
    TopologyTrustsPayloads = "topology.trusts_payloads",
    /// A session whose last coroutine crashed ends well.
    TopologyCrashCloses = "topology.crash_closes",
    /// A cancellation is told before it was asked for.
    TopologyCancelsBackwards = "topology.cancels_backwards",
    /// A crash spares those who own the site's endpoint and run another role's code.
    TopologyCrashSparesOwners = "topology.crash_spares_owners",
    /// Whoever waits on a coroutine that was cancelled goes on waiting.
    TopologyNoCascade = "topology.no_cascade",
    /// Healing a link leaves it corrupted.
    TopologyHealKeepsCorrupt = "topology.heal_keeps_corrupt",
    /// What a coroutine that has failed had asked may still be answered.
    TopologyKeepsAsks = "topology.keeps_asks",
    /// Whoever waits for a link is not woken when it is whole.
    TopologyHealWakesNobody = "topology.heal_wakes_nobody",
    /// Sessions with a crashed role are opened.
    TopologyOpensCrashed = "topology.opens_crashed",
    /// A restored machine believes which coroutines wait for links, crashed or were cancelled.
    RestoreTrustsFailures = "restore.trusts_failures",
    /// The tape forgets what happens to sites and links.
    TapeForgetsTopology = "tape.forgets_topology",
    /// One instruction more than a coroutine can pay for is executed.
    CreditsOneMore = "credits.one_more",
    /// Attempts that block are paid for.
    CreditsForWaiting = "credits.for_waiting",
    /// Coroutines that instructions started pay for nothing.
    CreditsStartedFree = "credits.started_free",
    /// What was used is not in a session's bytes.
    CreditsUncounted = "credits.uncounted",
    /// A restored machine believes what coroutines have used.
    RestoreTrustsCredits = "restore.trusts_credits",
    /// The configuration's bytes leave the credits out.
    ConfigForgetsCredits = "config.forgets_credits",
    /// The configuration's bytes leave the budget of effects out.
    ConfigForgetsBudget = "config.forgets_budget",
    /// A deadline is one tick later than its budget says.
    DeadlineOneLater = "deadline.one_later",
    /// Effects whose time is up time out in the opposite order.
    DeadlineReverses = "deadline.reverses",
    /// A session's bytes have no deadlines.
    DeadlineUncounted = "deadline.uncounted",
    /// A snapshot's deadlines may be as late as they like.
    RestoreTrustsDeadlines = "restore.trusts_deadlines",
    /// Time that passes by the host's clock is not on the tape.
    TapeForgetsAdvance = "tape.forgets_advance",
    /// A turn begins without looking at deadlines when nothing else is to do.
    DeadlineIdleSleeps = "deadline.idle_sleeps",
    /// What the host had taken on is remembered when it has timed out.
    DeadlineKeepsAsked = "deadline.keeps_asked",
    /// An effect that has timed out is asked all the same, and its answer is taken.
    DeadlineAsksOverdue = "deadline.asks_overdue",
    /// A policy that admits nothing admits everything.
    OutputsDenyAllows = "outputs.deny_allows",
    /// No check is kept for the host.
    OutputsForgotten = "outputs.forgotten",
    /// What is received is not checked.
    OutputsUncheckedReceives = "outputs.unchecked_receives",
    /// An output's digest leaves its events out.
    OutputsDigestSkipsEvents = "outputs.digest_skips_events",
    /// An output's digest leaves the payload out.
    OutputsDigestSkipsPayload = "outputs.digest_skips_payload",
    /// A refused step's events are told.
    OutputsRefusedTold = "outputs.refused_told",
    /// A message whose receiving was refused is counted.
    OutputsRefusedCount = "outputs.refused_count",
    /// What a refused step made or consumed stays so.
    OutputsRefusedResources = "outputs.refused_resources",
    /// Sessions that a refused step opened or ended stay so.
    OutputsRefusedGuests = "outputs.refused_guests",
    /// The check of a `Fork` is taken back with its speculation.
    OutputsForkInside = "outputs.fork_inside",
    /// The configuration's bytes leave the policy of outputs out.
    ConfigForgetsOutputs = "config.forgets_outputs",
    /// The tape forgets that time went by where nothing happened.
    TapeForgetsTime = "tape.forgets_time",
    /// Where an island ends between turns, nothing is told of the sessions that its instructions opened.
    EndsForgetGuests = "ends.forget_guests",
    /// More summaries of ended sessions are kept than may be.
    SummariesUnbounded = "summaries.unbounded",
    /// A summary does not say what was discarded.
    SummariesDiscardNothing = "summaries.discard_nothing",
    /// The record's reader does not check frames.
    RecordUnchecked = "record.unchecked",
    /// A label may stand twice in one communication.
    CheckAllowsLabelTwice = "check.allows_label_twice",
    /// A role may stand in two parallel parts.
    CheckAllowsSharedRole = "check.allows_shared_role",
    /// Merging two receives keeps the labels of the first only.
    MergeUnionDropsBranch = "merge.union_drops_branch",
    /// Merging two sends keeps the labels of the first, whatever the second offers.
    MergeSendIgnoresLabels = "merge.send_ignores_labels",
    /// The end merges with everything.
    MergeEndAbsorbed = "merge.end_absorbed",
    /// A shared label need not carry the same sort.
    MergeIgnoresSort = "merge.ignores_sort",
    /// Messages of different partners merge.
    MergeIgnoresPartner = "merge.ignores_partner",
    /// The receiver of a communication is projected as if it took no part.
    ProjectReceiverAsOther = "project.receiver_as_other",
    /// A role that takes no part in a choice follows its first branch, unasked.
    ProjectFirstBranchOnly = "project.first_branch_only",
    /// A role's part of a parallel composition is not followed by what comes after.
    ProjectParDropsNext = "project.par_drops_next",
    /// A loop's body is kept without its binder.
    ProjectRecDropsBinder = "project.rec_drops_binder",
    /// Every arm of a decision offers the label of the first.
    EmitWrongLabel = "emit.wrong_label",
    /// The rows of a receiver's jump table stand in reverse order.
    EmitSwapsRows = "emit.swaps_rows",
    /// Every row of a receiver's jump table names the register of the first.
    EmitWrongRegister = "emit.wrong_register",
    /// Registers are not initialised.
    EmitSkipsPrologue = "emit.skips_prologue",
    /// A jump back goes to where the role is entered.
    EmitJumpsToEntry = "emit.jumps_to_entry",
    /// Subtyping follows only one branch of each choice.
    SubtypeFirstBranch = "subtype.first_branch",
    /// Labels of one name are one, whatever they carry.
    SubtypeAnySort = "subtype.any_sort",
    /// The conservative mode takes trees of other labels.
    SubtypeConservativeAnyLabels = "subtype.conservative_any_labels",
    /// What is expected may be left undone for ever.
    SubtypeForgets = "subtype.forgets",
    /// A receive may go ahead of sends.
    SubtypeWaitsEarly = "subtype.waits_early",
    /// What is sent early need be expected for one choice of others only.
    SubtypeSomePath = "subtype.some_path",
    /// Messages may come that are not received.
    SubtypeMisses = "subtype.misses",
    /// A send may go ahead of another to the same partner.
    SubtypeOvertakes = "subtype.overtakes",
    /// What was not decided is a yes.
    SubtypeGuesses = "subtype.guesses",
    /// The end may stand where more is expected.
    SubtypeEndsEarly = "subtype.ends_early",
}

mod active;

#[cfg(feature = "planted")]
pub use active::plant;
pub use active::planted;
