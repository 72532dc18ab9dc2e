(** Runs: determinism, and waves.

    A certified wave of width w over a first-come-first-served queue leaves the machine that w canonical rounds leave,
    but for the rounds' numbers; and a wave of one is the canonical round itself. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Code State Session Step SessionFacts Outputs Machine.
Import ListNotations.
Open Scope list_scope.

(** * Determinism *)

(** The relation that the rounds are: there is one next machine or none. *)
Definition goes_to (env : nat -> setting) (h : host) (m m' : machine) : Prop := round env h m = Some m'.

Theorem step_deterministic : forall env h m a b, goes_to env h m a -> goes_to env h m b -> a = b.
Proof. unfold goes_to. congruence. Qed.

(** A run may be cut anywhere and gone on with. *)
Theorem run_splits : forall env h n n' m, run env h (n + n') m = run env h n' (run env h n m).
Proof.
  induction n; intros n' m; simpl; [reflexivity|].
  destruct (round env h m) eqn:R; [apply IHn|].
  destruct n'; simpl; [reflexivity | now rewrite R].
Qed.

(** * Waves *)

(** Machines that differ in nothing but the numbers of rounds. *)
Definition unstamped (m : machine) : list session * list nat * nat * list (nat * event) * list exchange :=
  (sessions m, ready_queue m, steps m, map (fun e => (snd (fst e), snd e)) (trace m), exchanges m).

Definition same_but_rounds (a b : machine) : Prop := unstamped a = unstamped b.

(** Different sessions do not see each other: their steps commute. *)
Lemma replace_commutes : forall {A} i j (x y : A) xs, i <> j -> replace i x (replace j y xs) = replace j y (replace i x xs).
Proof.
  induction i; intros [|j] x y [|z xs] N; simpl; try reflexivity; try contradiction.
  f_equal. apply IHi. congruence.
Qed.

Definition step_of (env : nat -> setting) (h : host) (sid : nat) (ss : list session) : list session :=
  match nth_error ss sid with
  | Some s => replace sid (fst (fst (advance_session (env sid) h s))) ss
  | None => ss
  end.

Theorem disjoint_steps_commute : forall env h i j ss,
  i <> j -> step_of env h i (step_of env h j ss) = step_of env h j (step_of env h i ss).
Proof.
  intros env h i j ss N. unfold step_of.
  destruct (nth_error ss i) as [s|] eqn:I, (nth_error ss j) as [t|] eqn:J;
    rewrite ?nth_replace_other, ?I, ?J by congruence; try reflexivity.
  now apply replace_commutes.
Qed.

(** Nor can a step of one change what a step of the other says or asks. *)
Theorem disjoint_steps_see_nothing : forall env h i j ss,
  i <> j ->
  match nth_error (step_of env h i ss) j, nth_error ss j with
  | Some s, Some t => advance_session (env j) h s = advance_session (env j) h t
  | None, None => True
  | _, _ => False
  end.
Proof.
  intros env h i j ss N. unfold step_of. destruct (nth_error ss i).
  - rewrite nth_replace_other by assumption. now destruct (nth_error ss j).
  - now destruct (nth_error ss j).
Qed.

Lemma skipn_all_le : forall {A} n (xs : list A), length xs <= n -> skipn n xs = [].
Proof. intros. now apply skipn_all2. Qed.

(** The wave's commits one after another, each from the machine as it was before the wave. *)
Definition commits (results : list (nat * moved_on)) (m : machine) : machine :=
  fold_left (fun m r => committed (fst r) (snd r) m) results m.

Lemma committed_frame : forall sid done m,
  ready_queue (committed sid done m) = ready_queue m ++ (if runnable (fst (fst done)) then [sid] else []) /\
  sessions (committed sid done m) = replace sid (fst (fst done)) (sessions m).
Proof. intros sid [[s es] xs] m. now split. Qed.

(** A round takes the queue's first session, commits its step, and that is all. *)
Lemma round_is_commit : forall env h m sid rest s,
  ready_queue m = sid :: rest -> nth_error (sessions m) sid = Some s ->
  round env h m = Some (committed sid (advance_session (env sid) h s) (popped 1 (tick m))).
Proof. intros env h m sid rest s Q S. unfold round. now rewrite Q, S. Qed.

Lemma unstamped_events : forall round sid es,
  map (fun e : nat * nat * event => (snd (fst e), snd e)) (rev (stamped round sid es)) =
  rev (map (fun e => (sid, e)) es).
Proof. intros. unfold stamped. now rewrite map_rev, map_map. Qed.

Lemma unstamped_committed : forall sid done a b,
  unstamped a = unstamped b -> unstamped (committed sid done a) = unstamped (committed sid done b).
Proof.
  intros sid [[s es] xs] a b E. unfold unstamped in *. injection E as E1 E2 E3 E4 E5.
  unfold committed. simpl. now rewrite E1, E2, E3, E5, !map_app, !unstamped_events, E4.
Qed.

Definition queue_is (q : list nat) (m : machine) : machine :=
  mk_machine (sessions m) q (rounds m) (steps m) (trace m) (exchanges m).

Lemma committed_with_queue : forall sid done q m,
  unstamped (committed sid done (queue_is q m)) =
  unstamped (queue_is (q ++ (if runnable (fst (fst done)) then [sid] else [])) (committed sid done m)).
Proof. intros sid [[s es] xs] q m. reflexivity. Qed.

Lemma distinct_spec : forall xs, distinct xs = true -> NoDup xs.
Proof.
  induction xs; simpl; intros D; [constructor|]. apply andb_true_iff in D as [N D]. constructor; [|now apply IHxs].
  intros I. apply negb_true_iff in N. assert (E : existsb (Nat.eqb a) xs = true).
  { apply existsb_exists. exists a. split; [assumption | apply Nat.eqb_refl]. }
  congruence.
Qed.

(** Width rounds over a queue whose first picks differ and are there commit the results that were computed from the
    machine as it was before, in pick order. *)
Lemma rounds_are_commits : forall env h picks rest m base,
  NoDup picks -> ready_queue m = picks ++ rest ->
  (forall sid, In sid picks -> exists s, nth_error (sessions base) sid = Some s) ->
  (forall sid, In sid picks -> nth_error (sessions m) sid = nth_error (sessions base) sid) ->
  forall m', same_but_rounds m' (queue_is rest m) ->
  same_but_rounds (commits (flat_map (stepped_from env h base) picks) m') (run env h (length picks) m).
Proof.
  induction picks as [|sid picks IH]; intros rest m base D Q I S m' E.
  - simpl in *. unfold same_but_rounds in *. rewrite E. unfold unstamped. simpl. now rewrite Q.
  - inversion D as [|? ? N D']; subst. destruct (I sid (or_introl eq_refl)) as [s B].
    assert (M : nth_error (sessions m) sid = Some s) by (rewrite S; [assumption | now left]).
    cbn [length run]. rewrite (round_is_commit env h m sid (picks ++ rest) s Q M).
    simpl flat_map. unfold stepped_from at 1. rewrite B. simpl.
    set (done := advance_session (env sid) h s).
    set (next := committed sid done (popped 1 (tick m))).
    assert (QN : ready_queue next = picks ++ (rest ++ (if runnable (fst (fst done)) then [sid] else []))).
    { unfold next. destruct (committed_frame sid done (popped 1 (tick m))) as [-> _].
      simpl. rewrite Q. simpl. now rewrite app_assoc. }
    apply IH with (rest := rest ++ (if runnable (fst (fst done)) then [sid] else [])); auto.
    + intros x X. apply I. now right.
    + intros x X. destruct (committed_frame sid done (popped 1 (tick m))) as [_ F]. fold next in F. rewrite F. simpl.
      rewrite nth_replace_other by (intros ->; contradiction). apply S. now right.
    + unfold same_but_rounds in *. rewrite (unstamped_committed sid done m' (queue_is rest m) E).
      rewrite committed_with_queue. unfold next.
      destruct done as [[t es] xs]. unfold unstamped, queue_is, committed, popped, tick. simpl.
      now rewrite !map_app, !unstamped_events.
Qed.

(** A certified wave refines the canonical run: the same sessions, queue, steps, exchanges and events, in the same
    order, as that many canonical rounds leave; only the numbers of the rounds differ, since a wave is one round. *)
Theorem certified_wave_refines : forall env h width m,
  certified m width = true -> same_but_rounds (wave env h width m) (run env h width m).
Proof.
  intros env h width m C. unfold certified in C.
  apply andb_true_iff in C as [C P]. apply andb_true_iff in C as [L D].
  apply Nat.leb_le in L. apply distinct_spec in D. rewrite forallb_forall in P.
  unfold wave. set (picks := firstn width (ready_queue m)) in *.
  assert (W : length picks = width) by (unfold picks; now apply firstn_length_le).
  replace (run env h width m) with (run env h (length picks) m) by (now rewrite W).
  apply (rounds_are_commits env h picks (skipn width (ready_queue m))); auto.
  - symmetry. apply firstn_skipn.
  - intros sid I. specialize (P sid I). destruct (nth_error (sessions m) sid) as [s|]; [now exists s | discriminate].
  - unfold same_but_rounds, unstamped. simpl. reflexivity.
Qed.

(** With n = 1 there is nothing to refine: the wave is the round, round numbers included. *)
Theorem one_is_equality : forall env h m m',
  round env h m = Some m' -> wave env h 1 m = m'.
Proof.
  intros env h m m' R. unfold round in R. unfold wave.
  destruct (ready_queue m) as [|sid rest] eqn:Q; [discriminate|]. simpl. unfold stepped_from.
  destruct (nth_error (sessions m) sid); [|discriminate]. simpl. now injection R as <-.
Qed.
