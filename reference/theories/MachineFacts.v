(** Runs: determinism, typing over whole runs, and waves.

    A certified wave of width w over a first-come-first-served queue leaves the machine that w canonical rounds leave,
    but for the rounds' numbers; and a wave of one is the canonical round itself. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types TypesFacts Code Session SessionFacts Outputs Machine.
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

(** * Typing over a whole run *)

Definition events_of (m : machine) (sid : nat) : list event :=
  map snd (filter (fun e => Nat.eqb (snd (fst e)) sid) (rev (trace m))).

(** Every coroutine's type is what its own events leave of the type that it began with. *)
Definition typed (env : setting) (s : session) (es : list event) : Prop :=
  NoDup (map k_role (s_coroutines s)) /\
  forall i role t, nth_error (typing s) i = Some (role, t) ->
    exists t0, nth_error (e_types env) i = Some t0 /\ advances (head t0) (acts role es) = Some t.

Lemma advances_app : forall xs ys t u,
  advances t xs = Some u -> advances t (xs ++ ys) = advances u ys.
Proof.
  induction xs; simpl; intros ys t u A; [now injection A as ->|].
  destruct (advance t a); [now apply IHxs | discriminate].
Qed.

Lemma acts_app : forall role xs ys, acts role (xs ++ ys) = acts role xs ++ acts role ys.
Proof. intros. apply flat_map_app. Qed.

Lemma roles_of_typing : forall s, map fst (typing s) = map k_role (s_coroutines s).
Proof. intros. unfold typing. rewrite map_map. reflexivity. Qed.

Lemma typed_step : forall env s es i k r,
  typed env s es -> nth_error (s_coroutines s) i = Some k -> sound s i k r ->
  typed env (r_session r) (es ++ r_events r).
Proof.
  intros env s es i k r [D T] K [t [E [A O]]].
  assert (H : nth_error (typing s) i = Some (k_role k, k_type k)).
  { unfold typing. now rewrite nth_error_map, K. }
  split.
  - rewrite <- roles_of_typing, E, replace_map. simpl.
    assert (X : replace i (k_role k) (map fst (typing s)) = map fst (typing s)).
    { apply replace_same. now rewrite nth_error_map, H. }
    rewrite X, roles_of_typing. exact D.
  - intros j role u J. rewrite E in J. rewrite acts_app. destruct (Nat.eq_dec i j) as [<- | N].
    + rewrite nth_replace_same with (y := (k_role k, k_type k)) in J by assumption. injection J as <- <-.
      destruct (T i (k_role k) (k_type k) H) as [t0 [T0 T1]]. exists t0. split; [assumption|].
      now rewrite (advances_app _ _ _ _ T1).
    + rewrite nth_replace_other in J by assumption. destruct (T j role u J) as [t0 [T0 T1]].
      exists t0. split; [assumption|].
      assert (R : role <> k_role k).
      { intros ->. apply N. rewrite <- roles_of_typing in D. rewrite NoDup_nth_error in D. apply D.
        - apply nth_error_Some. rewrite nth_error_map, H. discriminate.
        - now rewrite !nth_error_map, H, J. }
      now rewrite (O role R), app_nil_r.
Qed.

Lemma acts_plain : forall role es, Forall (fun e => act role e = []) es -> acts role es = [].
Proof. intros role es F. induction F; simpl; [reflexivity | now rewrite H]. Qed.

Lemma typed_more : forall env s s' es more,
  typing s' = typing s -> (forall role, acts role more = []) -> typed env s es -> typed env s' (es ++ more).
Proof.
  intros env s s' es more E N [D T]. split.
  - rewrite <- roles_of_typing, E, roles_of_typing. exact D.
  - intros i role t H. rewrite E in H. destruct (T i role t H) as [t0 [A B]]. exists t0.
    rewrite acts_app, N, app_nil_r. now split.
Qed.

Lemma typing_asked : forall s i k, nth_error (s_coroutines s) i = Some k -> typing (put i (asked_once k) s) = typing s.
Proof.
  intros s i k K. rewrite typing_put. apply replace_same. unfold typing. now rewrite nth_error_map, K.
Qed.

(** A check of an output moves no type: neither where it passes nor where it takes the step back. *)
Lemma typed_seen : forall env h s es i r,
  typed env s es -> typed env (r_session r) (es ++ r_events r) ->
  typed env (r_session (seen env h s i r)) (es ++ r_events (seen env h s i r)).
Proof.
  intros env h s es i r T R.
  assert (Same : typed env (r_session r) (es ++ r_events r)) by exact R.
  assert (Back : forall more, (forall role, acts role more = []) -> typed env s (es ++ more))
    by (intros; now apply typed_more with (s := s)).
  assert (On : forall after more, typing after = typing (r_session r) -> (forall role, acts role more = []) ->
      typed env after (es ++ r_events r ++ more))
    by (intros; rewrite app_assoc; now apply typed_more with (s := r_session r)).
  unfold seen. destruct (c_outputs (e_config env)); try exact Same;
    (destruct (r_events r) as [|e rest] eqn:E; [rewrite E; exact Same |]);
    (destruct (r_outcome r); try (rewrite E; exact Same));
    (destruct (nth_error (s_coroutines (r_session r)) i) as [k|] eqn:K; [|rewrite E; exact Same]);
    unfold judged; split_matches; simpl r_session; simpl r_events; rewrite ?E;
    first [ apply Back; reflexivity
          | apply On; [first [reflexivity | now apply typing_asked] | reflexivity]
          | rewrite app_nil_r; assumption ].
Qed.

Lemma first_ready_in : forall ks i j, first_ready ks i = Some j -> i <= j < i + length ks.
Proof.
  induction ks as [|k ks IH]; simpl; intros i j F; [discriminate|].
  destruct (ready k); [injection F as <-; lia|]. apply IH in F. lia.
Qed.

Lemma typed_session : forall env h s es,
  typed env s es ->
  let '(s', more, _) := advance_session env h s in typed env s' (es ++ more).
Proof.
  intros env h s es T. unfold advance_session.
  destruct (negb (live s)); [rewrite app_nil_r; assumption|].
  destruct (next_ready (s_coroutines s) (s_current s)) as [i|]; [|rewrite app_nil_r; assumption].
  assert (B : typed env (r_session (step env h s i)) (es ++ r_events (step env h s i))).
  { destruct (nth_error (s_coroutines s) i) as [k|] eqn:K.
    - apply (typed_step env s es i k); auto. now apply step_preserves_typing.
    - unfold step. rewrite K. simpl. rewrite app_nil_r. assumption. }
  pose proof (typed_seen env h s es i (step env h s i) T B) as S. set (r := seen env h s i (step env h s i)) in *.
  assert (M : forall current end_ more, (forall role, acts role more = []) ->
      typed env (at_ current end_ (r_session r)) (es ++ r_events r ++ more)).
  { intros. rewrite app_assoc. now apply typed_more with (s := r_session r). }
  assert (M0 : forall current end_,
      typed env (at_ current end_ (r_session r)) (es ++ r_events r)).
  { intros. specialize (M current end_ []). rewrite app_nil_r in M. now apply M. }
  destruct (r_outcome r); try apply M0; try (now apply M).
  destruct (all_halted _); [now apply M | apply M0].
Qed.

(** The machine's invariant: every session stands where it says it stands, and is typed. *)
Definition typed_machine (env : nat -> setting) (m : machine) : Prop :=
  forall sid s, nth_error (sessions m) sid = Some s -> typed (env sid) s (events_of m sid).

Lemma events_committed : forall sid s es xs m sid',
  events_of (committed sid (s, es, xs) m) sid' = events_of m sid' ++ (if Nat.eqb sid sid' then es else []).
Proof.
  intros. unfold events_of, committed. simpl. rewrite rev_app_distr, rev_involutive, filter_app, map_app. f_equal.
  unfold stamped. destruct (Nat.eqb sid sid') eqn:E.
  - induction es as [|e es IH]; simpl; [reflexivity|]. rewrite E. simpl. now f_equal.
  - induction es as [|e es IH]; simpl; [reflexivity|]. now rewrite E.
Qed.

Theorem round_preserves_typing : forall env h m m',
  typed_machine env m -> round env h m = Some m' -> typed_machine env m'.
Proof.
  intros env h m m' T R. unfold round in R.
  destruct (ready_queue m) as [|sid rest]; [discriminate|].
  destruct (nth_error (sessions m) sid) as [s|] eqn:S; [|discriminate]. injection R as <-.
  intros sid' s' S'. pose proof (typed_session (env sid) h s (events_of m sid) (T sid s S)) as A.
  destruct (advance_session (env sid) h s) as [[t es] xs]. rewrite events_committed. simpl in S'.
  destruct (Nat.eqb_spec sid sid') as [<- | N].
  - rewrite nth_replace_same with (y := s) in S' by assumption. injection S' as <-. exact A.
  - rewrite nth_replace_other in S' by assumption. rewrite app_nil_r. exact (T sid' s' S').
Qed.

Theorem run_preserves_typing : forall env h n m, typed_machine env m -> typed_machine env (run env h n m).
Proof.
  induction n; intros m T; simpl; [assumption|].
  destruct (round env h m) eqn:R; [|assumption]. apply IHn. now apply round_preserves_typing with h m.
Qed.

(** A machine that has just been started is typed. *)
Lemma opened_events : forall ids role n,
  acts role (map snd (filter (fun e : nat * nat * event => Nat.eqb (snd (fst e)) n)
    (map (fun i => (0, i, EOpened)) ids))) = [].
Proof.
  intros ids role n. apply acts_plain. apply Forall_forall. intros e E.
  apply in_map_iff in E as [[[r i] x] [<- E]]. apply filter_In in E as [E _]. apply in_map_iff in E as [j [J _]].
  now injection J as <- <- <-.
Qed.

Lemma NoDup_combine : forall {A B} (f : A -> string) (xs : list A) (ys : list B),
  NoDup (map f xs) -> NoDup (map (fun p => f (fst p)) (combine xs ys)).
Proof.
  induction xs as [|x xs IH]; intros [|y ys] D; simpl; try constructor; inversion D; subst; auto.
  intros I. apply H1. apply in_map_iff in I as [[a b] [E I]]. simpl in E. rewrite <- E.
  apply in_map. exact (in_combine_l _ _ _ _ I).
Qed.

Lemma nth_combine : forall {A B} (xs : list A) (ys : list B) i a b,
  nth_error (combine xs ys) i = Some (a, b) -> nth_error ys i = Some b.
Proof.
  induction xs as [|x xs IH]; intros [|y ys] [|i] a b E; simpl in *; try discriminate.
  - now injection E as <- <-.
  - now apply IH with a.
Qed.

Theorem boot_typed : forall env count,
  (forall sid, NoDup (map p_role (e_programs (env sid)))) -> typed_machine env (boot env count).
Proof.
  intros env count D sid s S. simpl in S. rewrite nth_error_map in S.
  destruct (nth_error (seq 0 count) sid) as [n|] eqn:N; [|discriminate]. injection S as <-.
  assert (n = sid) as ->.
  { assert (B : sid < length (seq 0 count)) by (apply nth_error_Some; congruence).
    rewrite seq_length in B. apply nth_error_nth with (d := 0) in N. now rewrite seq_nth in N. }
  split.
  - simpl. rewrite map_map. simpl. now apply NoDup_combine.
  - intros i role t H. unfold typing in H. simpl in H. rewrite map_map, nth_error_map in H.
    destruct (nth_error (combine _ _) i) as [[p t0]|] eqn:C; [|discriminate]. injection H as <- <-.
    exists t0. split; [exact (nth_combine _ _ _ _ _ C)|].
    unfold events_of, boot. simpl trace. rewrite rev_involutive.
    now rewrite opened_events.
Qed.

(** In a run from a typed machine, what each role did in a session is a trace of its local type. *)
Theorem run_follows_types : forall env h n m sid s i role t,
  typed_machine env m -> (forall sid t0, In t0 (e_types (env sid)) -> wellformed t0 = true) ->
  nth_error (sessions (run env h n m)) sid = Some s -> nth_error (typing s) i = Some (role, t) ->
  exists t0 u, nth_error (e_types (env sid)) i = Some t0 /\
    ltrace (head t0) (acts role (events_of (run env h n m) sid)) u.
Proof.
  intros env h n m sid s i role t T W S H.
  destruct (run_preserves_typing env h n m T sid s S) as [_ Q].
  destruct (Q i role t H) as [t0 [A B]].
  assert (W0 : wellformed (head t0) = true) by (apply head_plain, (W sid), nth_error_In with i, A).
  destruct (proj1 (monitor_is_trace_language (acts role (events_of (run env h n m) sid)) (head t0) W0)) as [u U].
  - now exists t.
  - now exists t0, u.
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
