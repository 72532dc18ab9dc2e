(** What holds of sessions that are owned: a handoff settles each pending effect in one way, what it has taken away comes too late,
    and types are kept. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Owners Names Code State Session Island Late Guests Sites Owned Step SessionFacts Outputs Machine
  RunFacts SitesFacts.
Import ListNotations.
Open Scope list_scope.

(** * What is pending *)

Lemma pending_among_in : forall env sc ks j i n,
  In (i, n) (pending_among env sc ks j) <->
  exists k, j <= i /\ nth_error ks (i - j) = Some k /\ waits_for_host env k && has_part (k_role k) sc = true /\
    n = pred (k_asked k).
Proof.
  intros env sc. induction ks as [|k ks IH]; intros j i n; simpl.
  - split; [contradiction|]. intros [k [_ [N _]]]. now destruct (i - j).
  - rewrite in_app_iff, IH. split.
    + intros [H | [u [L [N [W E]]]]].
      * destruct (waits_for_host env k && has_part (k_role k) sc) eqn:W; [|contradiction].
        destruct H as [H | []]. injection H as <- <-. exists k. rewrite Nat.sub_diag. auto.
      * exists u. replace (i - j) with (S (i - S j)) by lia. repeat split; auto. lia.
    + intros [u [L [N [W E]]]]. destruct (Nat.eq_dec i j) as [-> | D].
      * left. rewrite Nat.sub_diag in N. injection N as <-. rewrite W, E. now left.
      * right. exists u. replace (i - j) with (S (i - S j)) in N by lia. repeat split; auto. lia.
Qed.

Lemma pending_among_once : forall env sc ks j, NoDup (map fst (pending_among env sc ks j)).
Proof.
  intros env sc. induction ks as [|k ks IH]; intros j; simpl; [constructor|]. rewrite map_app.
  destruct (waits_for_host env k && has_part (k_role k) sc); simpl; [|apply IH]. constructor; [|apply IH].
  intros I. apply in_map_iff in I as [[i n] [E I]]. simpl in E. subst i. apply pending_among_in in I as [u [L _]]. lia.
Qed.

Lemma let_go_at : forall affected ks j i,
  nth_error (let_go affected ks j) i =
  option_map (fun k => if is_among (i + j) affected then with_gate Open k else k) (nth_error ks i).
Proof.
  intros affected. induction ks as [|k ks IH]; intros j [|i]; simpl; try reflexivity.
  rewrite IH. now replace (i + S j) with (S (i + j)) by lia.
Qed.

Lemma lost_coroutines : forall affected s, s_coroutines (lost affected s) = let_go affected (s_coroutines s) 0.
Proof. reflexivity. Qed.

Lemma open_asks_nothing : forall env k, question env (with_gate Open k) = None.
Proof. intros env k. unfold question. simpl. now destruct (program_of (k_role k) env). Qed.

Lemma among_in : forall i n affected, In (i, n) affected -> is_among i affected = true.
Proof.
  intros i n affected I. unfold is_among. apply existsb_exists. exists (i, n). split; [exact I | apply Nat.eqb_refl].
Qed.

(** * Handoffs *)

(** A commit between two owners, as it is when it is taken. *)
Lemma committed_as : forall env s r invalidates s' es c given,
  live s = true -> String.eqb (rc_from r) (rc_to r) = false ->
  owned env (CommitTransfer r invalidates) s = (s', es, c) -> cm_result c = inr given ->
  exists o said,
    let affected := pending_in env (rc_scope r) s in
    s' = (if invalidates then lost affected (with_owning o s) else with_owning o s) /\
    es = ESettled (rc_claim r) affected invalidates :: map EAuthority said.
Proof.
  intros env s r invalidates s' es c given L D O R. unfold owned in O. rewrite L in O. simpl in O.
  destruct (commit (s_id s) (s_owning s) r) as [x|d] eqn:C.
  - injection O as _ _ <-. discriminate R.
  - assert (N : dn_demise d = None).
    { unfold commit, staged_as, need in C. destruct (og_staged (s_owning s)) as [staged|]; [|discriminate].
      destruct (receipt_eqb staged r); [|discriminate]. now injection C as <-. }
    rewrite D, N in O. injection O as <- <- _. exists (dn_owning d), (dn_said d). split; reflexivity.
Qed.

(** A committed handoff settles everything that is pending in its scope, each once and all in one way: whoever waited goes on waiting,
    or has failed. *)
Theorem handoff_settles_each : forall env s r invalidates s' es c given,
  live s = true -> String.eqb (rc_from r) (rc_to r) = false ->
  owned env (CommitTransfer r invalidates) s = (s', es, c) -> cm_result c = inr given ->
  exists affected,
    NoDup (map fst affected) /\
    (forall i n, In (i, n) affected <->
      exists k, nth_error (s_coroutines s) i = Some k /\ waits_for_host env k && has_part (k_role k) (rc_scope r) = true /\
        n = pred (k_asked k)) /\
    In (ESettled (rc_claim r) affected invalidates) es /\
    (if invalidates then
       forall i n, In (i, n) affected -> exists k, nth_error (s_coroutines s') i = Some k /\ question env k = None
     else s_coroutines s' = s_coroutines s).
Proof.
  intros env s r invalidates s' es c given L D O R.
  destruct (committed_as env s r invalidates s' es c given L D O R) as [o [said [S E]]]. simpl in S, E.
  assert (Ins : forall i n, In (i, n) (pending_in env (rc_scope r) s) <->
    exists k, nth_error (s_coroutines s) i = Some k /\ waits_for_host env k && has_part (k_role k) (rc_scope r) = true /\
      n = pred (k_asked k)).
  { intros i n. unfold pending_in. rewrite pending_among_in. rewrite Nat.sub_0_r. split.
    - intros [k [_ H]]. now exists k.
    - intros [k H]. exists k. split; [lia | exact H]. }
  exists (pending_in env (rc_scope r) s). split; [apply pending_among_once|]. split; [exact Ins|].
  split; [subst es; now left|]. destruct invalidates; [|now subst s'].
  intros i n I. destruct (proj1 (Ins i n) I) as [k [K _]]. exists (with_gate Open k). split; [|apply open_asks_nothing].
  subst s'. rewrite lost_coroutines, let_go_at. change (s_coroutines (with_owning o s)) with (s_coroutines s).
  rewrite K. simpl. rewrite Nat.add_0_r. now rewrite (among_in i n) by exact I.
Qed.

(** * Results that come too late *)

(** A result that comes too late changes nothing but what is on record. *)
Theorem late_result_rejected : forall at_ a m m',
  reject_late at_ a m = Some m' ->
  sessions m' = sessions m /\ ready_queue m' = ready_queue m /\ steps m' = steps m /\ exchanges m' = exchanges m /\
  trace m' = (S (rounds m), at_session at_, ELate (at_coroutine at_) (at_counter at_) a) :: trace m.
Proof.
  intros at_ a m m' R. unfold reject_late in R. destruct (was_invalidated at_ m && negb (puts_off a)); [|discriminate].
  injection R as <-. repeat split; reflexivity.
Qed.

(** The first result stands: a second one for the same place, whatever it says, is taken from nobody. *)
Theorem accepted_once : forall env at_ a m m' b,
  deliver env at_ a m = Some m' -> puts_off a = false -> deliver env at_ b m' = None.
Proof.
  intros env at_ a m m' b D P. unfold deliver in D.
  destruct (nth_error (sessions m) (at_session at_)) as [s|] eqn:S; [|discriminate].
  destruct (live s) eqn:L; [|discriminate].
  destruct (arrived (env (at_session at_)) s at_ a) as [[s' x]|] eqn:A; [|discriminate].
  injection D as <-. unfold deliver. simpl. rewrite nth_replace_same with (y := s) by assumption.
  unfold arrived in A. destruct (nth_error (s_coroutines s) (at_coroutine at_)) as [k|] eqn:K; [|discriminate].
  destruct (question (env (at_session at_)) k); [|discriminate].
  destruct (Nat.eqb (k_asked k) _); [|discriminate]. rewrite P in A. injection A as <- _.
  destruct (live _); [|reflexivity]. unfold arrived.
  match goal with |- context [nth_error (s_coroutines ?t) _] =>
    assert (N : nth_error (s_coroutines t) (at_coroutine at_) = Some (with_gate Open k))
      by (apply nth_replace_same with (y := k); exact K)
  end.
  rewrite N. now rewrite open_asks_nothing.
Qed.

(** A result for an effect that a handoff has taken away is too late. *)
Theorem invalidated_by_handoff_is_late : forall env sid r m m' c given s i n a,
  nth_error (sessions m) sid = Some s -> live s = true -> String.eqb (rc_from r) (rc_to r) = false ->
  own env sid (CommitTransfer r true) m = Some (m', c) -> cm_result c = inr given ->
  In (i, n) (pending_in (env sid) (rc_scope r) s) -> puts_off a = false ->
  deliver env (mk_coordinate sid i n) a m' = None /\ exists m'', reject_late (mk_coordinate sid i n) a m' = Some m''.
Proof.
  intros env sid r m m' c given s i n a There L D O R I P. unfold own in O. rewrite There in O.
  destruct (owned (env sid) (CommitTransfer r true) s) as [[s' es] came] eqn:W. injection O as <- <-.
  destruct (committed_as (env sid) s r true s' es came given L D W R) as [o [said [E F]]]. simpl in E, F.
  split.
  - unfold deliver. simpl. rewrite nth_replace_same with (y := s) by assumption. subst s'.
    destruct (live _); [|reflexivity]. unfold arrived. cbn [at_coroutine at_session].
    rewrite lost_coroutines, let_go_at, Nat.add_0_r, (among_in i n) by exact I.
    destruct (nth_error (s_coroutines (with_owning o s)) i) as [k|]; [|reflexivity]. simpl. now rewrite open_asks_nothing.
  - unfold reject_late. rewrite P. simpl. assert (T : was_invalidated (mk_coordinate sid i n) (between sid s s' es m) = true).
    { unfold was_invalidated. apply existsb_exists.
      exists (S (rounds m), sid, ESettled (rc_claim r) (pending_in (env sid) (rc_scope r) s) true). split.
      - simpl. apply in_app_iff. left. apply -> in_rev. unfold stamped. apply in_map_iff. eexists. split; [reflexivity|].
        rewrite F. now left.
      - simpl. rewrite Nat.eqb_refl. simpl. apply existsb_exists. exists (i, n). split; [exact I|]. simpl.
        now rewrite !Nat.eqb_refl. }
    rewrite T. simpl. now eexists.
Qed.

(** * Typing *)

Lemma typed_as_before : forall env s s' es more,
  s_seats s' = s_seats s -> s_levels s' = s_levels s -> quiet more -> typed env s es -> typed env s' (es ++ more).
Proof.
  intros env s s' es more Seats L Q [D F]. unfold typed, typing, typing_in. unfold s_seats in Seats. rewrite Seats, L.
  split; [exact D | now apply follow_quietly].
Qed.

Lemma settled_as_before : forall env d s,
  let '(s', es) := settled env d s in s_seats s' = s_seats s /\ s_levels s' = s_levels s /\ quiet es.
Proof.
  intros env d s. destruct d; simpl; try (repeat split; intros ?; reflexivity).
  destruct (String.eqb (rc_from shown) (rc_to shown)); [repeat split; intros ?; reflexivity|].
  destruct invalidates; repeat split; intros ?; reflexivity.
Qed.

Lemma typed_owned : forall env d s es,
  typed env s es -> let '(s', more, _) := owned env d s in typed env s' (es ++ more).
Proof.
  intros env d s es T. unfold owned. destruct (negb (live s)); [now rewrite app_nil_r|].
  destruct (perform (s_id s) (s_owning s) d) as [x|done].
  - apply typed_as_before with s; auto. apply said_is_quiet.
  - pose proof (settled_as_before env d (with_owning (dn_owning done) s)) as B.
    destruct (settled env d (with_owning (dn_owning done) s)) as [t settling]. destruct B as [Seats [L Q]].
    assert (W : typed env t (es ++ settling ++ map EAuthority (dn_said done))).
    { apply typed_as_before with s; auto. apply quiet_app; [exact Q | apply said_is_quiet]. }
    destruct (dn_demise done) as [how|]; [|exact W].
    destruct (demised how) as [t_end last_words] eqn:H. apply typed_at. rewrite app_assoc.
    apply typed_quietly; [apply withdrawn_levels | | now apply typed_withdrawn].
    apply quiet_app; [|apply ends_are_quiet]. destruct how; injection H as _ <-; intros ?; reflexivity.
Qed.

(** Whatever owners do leaves every session typed: a run with them is one as every other. *)
Theorem owners_preserve_typing : forall env sid d m m' c,
  typed_machine env m -> own env sid d m = Some (m', c) -> typed_machine env m'.
Proof.
  intros env sid d m m' c T O sid' u U. unfold own in O.
  destruct (nth_error (sessions m) sid) as [s|] eqn:S; [|discriminate].
  pose proof (typed_owned (env sid) d s (events_of m sid) (T sid s S)) as A.
  destruct (owned (env sid) d s) as [[s' es] came] eqn:W. injection O as <- _. simpl in U.
  pose proof (events_committed sid s' es [] (tick m) sid') as E. unfold events_of in *. simpl in *. rewrite E. clear E.
  destruct (Nat.eqb_spec sid sid') as [<- | N].
  - rewrite nth_replace_same with (y := s) in U by assumption. injection U as <-. exact A.
  - rewrite nth_replace_other in U by assumption. rewrite app_nil_r. exact (T sid' u U).
Qed.
