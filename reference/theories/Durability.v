(** Durability decisions (specification, section 6), effect metadata (5.3), and the two orderings of section 8 that
    everything outside relies on: a late result is rejected, and a handoff revokes before it activates. *)

From Coq Require Import String List Bool Arith Lia.
Import ListNotations.
Open Scope list_scope.

(** * Effect metadata *)

Inductive authority : Set := Authoritative | Command | Observe.
Inductive semantic : Set := SAuthoritative | Observational | BestEffort.
Inductive agreement_use : Set := UNone | URequired | UForbidden.
Inductive region : Set := RSession | RFragment | RGlobal.
Inductive admissibility : Set := Always | DeclaredUseOnly | InternalOnly.
Inductive totality : Set := Immediate | MayBlock.
Inductive timeout : Set := TNone | TInherit | TRequired.
Inductive retry : Set := RForbidden | RBounded (most : nat) | RUntilTimeout.
Inductive reentrancy : Set := RAllow | RSameOperation | RSameFragment.
Inductive domain : Set := Internal | External.

Record metadata : Set := mk_metadata {
  d_authority : authority; d_semantic : semantic; d_agreement : agreement_use; d_region : region;
  d_admissibility : admissibility; d_totality : totality; d_timeout : timeout; d_retry : retry;
  d_reentrancy : reentrancy; d_domain : domain }.

Inductive kind : Set :=
| KSendDecision | KReceive | KChoose | KInvoke | KAcquire | KRelease | KTopology | KOutputHint | KWalSync | KOther.

Definition transport : metadata :=
  mk_metadata Command BestEffort UForbidden RSession DeclaredUseOnly Immediate TNone RForbidden RAllow External.

Definition row (k : kind) : metadata :=
  match k with
  | KSendDecision | KReceive | KChoose | KOther => transport
  | KInvoke =>
      mk_metadata Command BestEffort UForbidden RFragment DeclaredUseOnly Immediate TInherit RForbidden RSameOperation
        External
  | KAcquire =>
      mk_metadata Authoritative SAuthoritative URequired RFragment DeclaredUseOnly MayBlock TRequired RForbidden
        RSameFragment External
  | KRelease =>
      mk_metadata Authoritative SAuthoritative URequired RFragment DeclaredUseOnly Immediate TNone RForbidden
        RSameFragment External
  | KTopology =>
      mk_metadata Authoritative SAuthoritative URequired RFragment InternalOnly Immediate TNone RForbidden RAllow
        Internal
  | KOutputHint =>
      mk_metadata Authoritative SAuthoritative URequired RFragment DeclaredUseOnly Immediate TNone RForbidden RAllow
        External
  | KWalSync =>
      mk_metadata Authoritative SAuthoritative URequired RFragment InternalOnly MayBlock TRequired (RBounded 3)
        RSameFragment Internal
  end.

(** Architectural legality. *)
Definition legal (d : metadata) : Prop :=
  ((d_semantic d = Observational \/ d_semantic d = BestEffort) -> d_authority d <> Authoritative) /\
  (d_agreement d = URequired -> d_authority d <> Observe /\ d_semantic d <> Observational) /\
  (d_totality d = MayBlock -> d_timeout d <> TNone) /\
  (d_retry d <> RForbidden -> d_timeout d <> TNone) /\
  (d_admissibility d = InternalOnly -> d_domain d = Internal).

Theorem rows_legal : forall k, legal (row k).
Proof. intros []; unfold legal; simpl; repeat split; try discriminate; try (intros [E | E]; discriminate); congruence. Qed.

Theorem wal_sync_legal : legal (row KWalSync).
Proof. apply rows_legal. Qed.

(** An effect that is for the inside only has an inside handler, or it is not legal. *)
Theorem internal_needs_internal : forall d, legal d -> d_admissibility d = InternalOnly -> d_domain d = Internal.
Proof. intros d L. apply L. Qed.

(** Legality is not trivial: wal_sync with an outside handler, or without a timeout, is refused. *)
Theorem outside_wal_sync_illegal : forall d,
  d = mk_metadata Authoritative SAuthoritative URequired RFragment InternalOnly MayBlock TRequired (RBounded 3)
        RSameFragment External -> ~ legal d.
Proof. intros d -> (_ & _ & _ & _ & L). simpl in L. discriminate (L eq_refl). Qed.

Theorem untimed_wal_sync_illegal : forall d,
  d = mk_metadata Authoritative SAuthoritative URequired RFragment InternalOnly MayBlock TNone (RBounded 3)
        RSameFragment Internal -> ~ legal d.
Proof. intros d -> (_ & _ & L & _). simpl in L. now apply (L eq_refl). Qed.

(** * Levels, escalation, recovery *)

Inductive agreement_level : Set := LNone | LProvisional | LSoftSafe | LFinalized.
Inductive finalization : Set := Finalized | Aborted | Rejected | TimedOut.

Definition rank (l : agreement_level) : nat :=
  match l with LNone => 0 | LProvisional => 1 | LSoftSafe => 2 | LFinalized => 3 end.

Record agreement : Set := mk_agreement { a_level : agreement_level; a_final : option finalization }.

(** What may follow what. A state with an outcome is terminal: nothing follows it. *)
Inductive escalates : agreement -> agreement -> Prop :=
| to_soft_safe : escalates (mk_agreement LProvisional None) (mk_agreement LSoftSafe None)
| provisional_finalized : escalates (mk_agreement LProvisional None) (mk_agreement LFinalized (Some Finalized))
| provisional_aborted : escalates (mk_agreement LProvisional None) (mk_agreement LProvisional (Some Aborted))
| soft_safe_finalized : escalates (mk_agreement LSoftSafe None) (mk_agreement LFinalized (Some Finalized))
| soft_safe_aborted : escalates (mk_agreement LSoftSafe None) (mk_agreement LSoftSafe (Some Aborted))
| soft_safe_rejected : escalates (mk_agreement LSoftSafe None) (mk_agreement LSoftSafe (Some Rejected))
| soft_safe_timed_out : escalates (mk_agreement LSoftSafe None) (mk_agreement LSoftSafe (Some TimedOut)).

Definition may_escalate (a b : agreement) : bool :=
  match a_level a, a_final a, a_level b, a_final b with
  | LProvisional, None, LSoftSafe, None => true
  | LProvisional, None, LFinalized, Some Finalized => true
  | LProvisional, None, LProvisional, Some Aborted => true
  | LSoftSafe, None, LFinalized, Some Finalized => true
  | LSoftSafe, None, LSoftSafe, Some (Aborted | Rejected | TimedOut) => true
  | _, _, _, _ => false
  end.

Theorem may_escalate_spec : forall a b, may_escalate a b = true <-> escalates a b.
Proof.
  intros [l f] [m g]. split.
  - destruct l, f as [[]|], m, g as [[]|]; simpl; intros E; try discriminate; constructor.
  - now inversion 1.
Qed.

Inductive escalates_many : agreement -> agreement -> Prop :=
| same_level : forall a, escalates_many a a
| one_more : forall a b c, escalates a b -> escalates_many b c -> escalates_many a c.

Theorem rank_monotone : forall a b, escalates a b -> rank (a_level a) <= rank (a_level b).
Proof. intros a b []; simpl; lia. Qed.

Theorem recovery_rank_monotone : forall a b, escalates_many a b -> rank (a_level a) <= rank (a_level b).
Proof. induction 1; [lia|]. apply rank_monotone in H. lia. Qed.

Theorem terminal_stays : forall a b o, a_final a = Some o -> escalates_many a b -> b = a.
Proof. intros a b o F E. inversion E as [|? c ? S]; subst; [reflexivity|]. inversion S; subst; discriminate. Qed.

Theorem finalized_means_top : forall a b,
  a_final a = None -> escalates_many a b -> a_final b = Some Finalized -> a_level b = LFinalized.
Proof.
  intros a b N E F. induction E as [a|a b c S E IH]; [congruence|].
  destruct (a_final b) as [o|] eqn:B.
  - apply terminal_stays with (o := o) in E; [|assumption]. subst c. inversion S; subst; simpl in *; congruence.
  - now apply IH.
Qed.

(** ** The log and what recovery makes of it *)

Inductive entry : Set :=
| Escalation (next : agreement)
| GateCrossing (gate : agreement_level).

(** An operation as recovery knows it: its state, and the highest gate that something downstream has crossed. *)
Record known : Set := mk_known { n_state : agreement; n_gate : agreement_level; n_crossed : bool }.

(** Replaying one record; nothing, where the log holds what no machine may have written. A gate is crossed only at a
    level that has been reached. *)
Definition replayed (k : known) (e : entry) : option known :=
  match e with
  | Escalation next =>
      if may_escalate (n_state k) next then Some (mk_known next (n_gate k) (n_crossed k)) else None
  | GateCrossing gate =>
      if Nat.leb (rank gate) (rank (a_level (n_state k))) then
        Some (mk_known (n_state k) (if Nat.leb (rank gate) (rank (n_gate k)) then n_gate k else gate) true)
      else None
  end.

Fixpoint replay_log (k : known) (es : list entry) : option known :=
  match es with
  | [] => Some k
  | e :: rest => match replayed k e with Some k => replay_log k rest | None => None end
  end.

Inductive recovery_action : Set := ReuseFinalized | PreserveTerminal | ResumeFromEvidence | Reexecute.

Definition decide (a : agreement) : recovery_action :=
  match a_final a with
  | Some Finalized => ReuseFinalized
  | Some _ => PreserveTerminal
  | None => if Nat.leb (rank LSoftSafe) (rank (a_level a)) then ResumeFromEvidence else Reexecute
  end.

Record decision : Set := mk_decision {
  r_checkpoint : agreement_level; r_recovered : agreement_level; r_gate : agreement_level; r_crossed : bool;
  r_final : option finalization; r_action : recovery_action }.

(** What recovery decides about an operation from its checkpointed state and the log behind it. *)
Definition recover (checkpoint : known) (es : list entry) : option decision :=
  match replay_log checkpoint es with
  | Some k =>
      Some (mk_decision (a_level (n_state checkpoint)) (a_level (n_state k)) (n_gate k) (n_crossed k)
              (a_final (n_state k)) (decide (n_state k)))
  | None => None
  end.

(** A checkpoint that a machine can have written: no gate was crossed above the level, and what is finalized is at the
    top. *)
Definition sound_known (k : known) : Prop :=
  rank (n_gate k) <= rank (a_level (n_state k)) /\
  (a_final (n_state k) = Some Finalized -> a_level (n_state k) = LFinalized).

Lemma replayed_sound : forall k e k', sound_known k -> replayed k e = Some k' ->
  sound_known k' /\ rank (a_level (n_state k)) <= rank (a_level (n_state k')).
Proof.
  intros k [next|gate] k' [G F] R; simpl in R.
  - destruct (may_escalate (n_state k) next) eqn:M; [|discriminate]. injection R as <-.
    apply may_escalate_spec in M. pose proof (rank_monotone _ _ M) as L. split; [split|]; simpl; try lia.
    intros E. destruct M; simpl in *; congruence.
  - destruct (Nat.leb_spec (rank gate) (rank (a_level (n_state k)))); [|discriminate]. injection R as <-.
    split; [split|]; simpl; auto. now destruct (Nat.leb (rank gate) (rank (n_gate k))).
Qed.

Lemma log_sound : forall es k k', sound_known k -> replay_log k es = Some k' ->
  sound_known k' /\ rank (a_level (n_state k)) <= rank (a_level (n_state k')).
Proof.
  induction es as [|e es IH]; intros k k' S R; simpl in R.
  - injection R as <-. split; [assumption | lia].
  - destruct (replayed k e) as [k1|] eqn:E; [|discriminate].
    destruct (replayed_sound k e k1 S E) as [S1 L1]. destruct (IH k1 k' S1 R) as [S2 L2]. split; [assumption | lia].
Qed.

(** Recovery never loses a level that was reached. *)
Theorem recovered_rank : forall checkpoint es d,
  sound_known checkpoint -> recover checkpoint es = Some d -> rank (r_checkpoint d) <= rank (r_recovered d).
Proof.
  intros k es d S R. unfold recover in R. destruct (replay_log k es) as [k'|] eqn:E; [|discriminate].
  injection R as <-. simpl. now apply (log_sound es k k').
Qed.

(** A gate that was crossed is a gate that the recovered level is at or above. *)
Theorem crossed_gate : forall checkpoint es d,
  sound_known checkpoint -> recover checkpoint es = Some d -> r_crossed d = true ->
  rank (r_gate d) <= rank (r_recovered d).
Proof.
  intros k es d S R _. unfold recover in R. destruct (replay_log k es) as [k'|] eqn:E; [|discriminate].
  injection R as <-. simpl. destruct (log_sound es k k' S E) as [[G _] _]. exact G.
Qed.

(** Reusing a final result implies that there is one, at the top. *)
Theorem reuse_is_finalized : forall checkpoint es d,
  sound_known checkpoint -> recover checkpoint es = Some d -> r_action d = ReuseFinalized ->
  r_final d = Some Finalized /\ r_recovered d = LFinalized.
Proof.
  intros k es d S R A. unfold recover in R. destruct (replay_log k es) as [k'|] eqn:E; [|discriminate].
  injection R as <-. simpl in *. destruct (log_sound es k k' S E) as [[_ F] _]. unfold decide in A.
  destruct (a_final (n_state k')) as [[]|] eqn:O; try discriminate; [now split; [|apply F]|].
  destruct (Nat.leb _ _); discriminate.
Qed.

(** Terminal truth is kept: what is preserved was aborted, rejected or timed out, and such an outcome is preserved. *)
Theorem terminal_truth : forall checkpoint es d,
  recover checkpoint es = Some d ->
  (r_action d = PreserveTerminal <->
   r_final d = Some Aborted \/ r_final d = Some Rejected \/ r_final d = Some TimedOut).
Proof.
  intros k es d R. unfold recover in R. destruct (replay_log k es) as [k'|] eqn:E; [|discriminate].
  injection R as <-. simpl. unfold decide. destruct (a_final (n_state k')) as [[]|].
  - split; [discriminate | intros [X | [X | X]]; discriminate].
  - split; auto.
  - split; auto.
  - split; auto.
  - split; [match goal with |- context [if ?c then _ else _] => destruct c end; discriminate | intros [X | [X | X]]; discriminate].
Qed.

(** Nothing that was soft-safe is executed from scratch. *)
Theorem soft_safe_not_reexecuted : forall checkpoint es d,
  recover checkpoint es = Some d -> rank LSoftSafe <= rank (r_recovered d) -> r_action d <> Reexecute.
Proof.
  intros k es d R L. unfold recover in R. destruct (replay_log k es) as [k'|] eqn:E; [|discriminate].
  injection R as <-. cbn [r_recovered r_action] in *. unfold decide. apply Nat.leb_le in L. rewrite L.
  destruct (a_final (n_state k')) as [[]|]; discriminate.
Qed.

(** Recovering again from the end of a log decides the same. *)
Theorem recover_again : forall checkpoint es k d,
  replay_log checkpoint es = Some k -> recover checkpoint es = Some d ->
  exists d', recover k [] = Some d' /\ r_recovered d' = r_recovered d /\ r_final d' = r_final d /\
    r_action d' = r_action d /\ r_gate d' = r_gate d /\ r_crossed d' = r_crossed d.
Proof.
  intros k0 es k d L R. unfold recover in R. rewrite L in R. injection R as <-. simpl.
  eexists. repeat split.
Qed.
