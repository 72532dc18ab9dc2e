(** What holds of speculations, of counts that are never taken back, of endpoints that change hands, and of facts. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Names Code State Session Island Late Guests Step SessionFacts Machine.
Import ListNotations.
Open Scope list_scope.

(** * Speculations *)

Lemma counted_there : forall now before j n b,
  nth_error now j = Some n -> nth_error before j = Some b ->
  nth_error (counted now before) j = Some (with_asked (k_asked n) b).
Proof.
  induction now as [|m now IH]; intros [|c before] [|j] n b N B; simpl in *; try discriminate.
  - now injection N as ->; injection B as ->.
  - now apply IH.
Qed.

Lemma roused_there : forall answers ks n j k,
  nth_error ks j = Some k -> nth_error (roused answers n ks) j = Some (rouse answers (n + j) k).
Proof.
  induction ks as [|c ks IH]; intros n [|j] k K; simpl in *; try discriminate.
  - injection K as ->. now rewrite Nat.add_0_r.
  - rewrite (IH (S n) j k K). f_equal. f_equal. lia.
Qed.

Lemma rouse_asked : forall answers n k, k_asked (rouse answers n k) = k_asked k.
Proof. intros. unfold rouse. now destruct (_ && _). Qed.

(** What is taken back is as it was when the speculation began: types, owners, messages, facts, opened sessions, and every other coroutine
    but for how often it has asked, and that who has an answer does not wait for it. The speculations around it stay open. *)
Theorem abort_takes_back : forall s i k pc v rest,
  s_speculator s = i -> s_levels s = v :: rest ->
  let t := r_session (abort s i k pc) in
  s_seats t = n_seats (v_before v) /\ s_queues t = n_queues (v_before v) /\ s_facts t = n_facts (v_before v) /\
  s_guests t = n_guests (v_before v) /\
  s_levels t = rest /\
  forall j n b, j <> i -> nth_error (s_coroutines s) j = Some n -> nth_error (n_coroutines (v_before v)) j = Some b ->
    nth_error (s_coroutines t) j = Some (rouse (s_answers t) j (with_asked (k_asked n) b)).
Proof.
  intros s i k pc v rest S L. unfold abort, innermost. rewrite S, Nat.eqb_refl, L. cbv zeta.
  repeat split. intros j n b J N B. unfold put, with_coroutines, with_inside, s_coroutines. simpl.
  rewrite nth_replace_other by congruence. apply (roused_there _ _ 0). now apply counted_there.
Qed.

(** Nothing is heard of a step inside a speculation, unless the step ends the outermost. *)
Theorem withheld_until_kept : forall r,
  s_levels (r_session r) <> [] -> plain (r_outcome r) -> snd (told r) = [].
Proof.
  intros [s es xs o] L P. unfold told. simpl in *. unfold heard.
  destruct o; try contradiction; destruct (s_levels s); try contradiction; reflexivity.
Qed.

(** * Counts *)

(** No coroutine's number is given to another, and no count of asked effects falls. *)
Definition counts_stay (s t : session) : Prop :=
  forall j n, nth_error (s_coroutines s) j = Some n ->
    exists m, nth_error (s_coroutines t) j = Some m /\ k_asked n <= k_asked m.

Lemma coroutines_with : forall ks s, s_coroutines (with_coroutines ks s) = ks.
Proof. reflexivity. Qed.

Lemma counts_same : forall s t, s_coroutines t = s_coroutines s -> counts_stay s t.
Proof. intros s t E j n N. exists n. rewrite E. auto. Qed.

Lemma counts_put : forall s t i k k',
  s_coroutines t = replace i k' (s_coroutines s) -> nth_error (s_coroutines s) i = Some k ->
  k_asked k <= k_asked k' -> counts_stay s t.
Proof.
  intros s t i k k' E K L j n N. rewrite E. destruct (Nat.eq_dec i j) as [<- | D].
  - exists k'. rewrite nth_replace_same with (y := k) by assumption. split; [reflexivity | congruence].
  - exists n. now rewrite nth_replace_other.
Qed.

Lemma counts_wake : forall s t g, counts_stay s t -> counts_stay s (wake g t).
Proof.
  intros s t g C j n N. destruct (C j n N) as [m [M L]].
  exists (if gate_eqb (k_gate m) g then with_gate Open m else m). split.
  - unfold wake, with_coroutines, with_inside, s_coroutines at 1. simpl. now rewrite nth_error_map, M.
  - now destruct (gate_eqb _ _).
Qed.

Lemma counted_asked : forall now before j n,
  nth_error now j = Some n -> exists m, nth_error (counted now before) j = Some m /\ k_asked m = k_asked n.
Proof.
  induction now as [|c now IH]; intros [|b before] [|j] n N; simpl in *; try discriminate.
  - injection N as ->. eexists. split; reflexivity.
  - now apply IH.
  - injection N as ->. eexists. split; reflexivity.
  - now apply IH.
Qed.

Section counts.
  Variables (s : session) (i : nat) (k : coroutine).
  Hypothesis there : exists k0, nth_error (s_coroutines s) i = Some k0 /\ k_asked k0 = k_asked k.

  Lemma counts_on : forall t k', s_coroutines t = replace i k' (s_coroutines s) -> k_asked k <= k_asked k' -> counts_stay s t.
  Proof. intros t k' E L. destruct there as [k0 [K A]]. apply counts_put with i k0 k'; congruence || lia. Qed.

  Ltac count := first
    [ apply counts_same; reflexivity
    | eapply counts_on; [reflexivity | simpl; lia]
    | apply counts_wake; eapply counts_on; [reflexivity | simpl; lia] ].

  Lemma counts_send : forall env h j t to_ l val pc offered,
    counts_stay s (r_session (send env h s i k j t to_ l val pc offered)).
  Proof. intros. unfold send, drop, enqueue, fails. cbv zeta. split_matches; simpl r_session; count. Qed.

  Lemma counts_take : forall env h j t from m rest dst pc chosen,
    counts_stay s (r_session (take env h s i k j t from m rest dst pc chosen)).
  Proof. intros. unfold take, dequeue, fails. cbv zeta. split_matches; simpl r_session; count. Qed.

  Lemma counts_incoming : forall t from taken,
    (forall m rest, counts_stay s (r_session (taken m rest))) -> counts_stay s (r_session (incoming s i k t from taken)).
  Proof. intros. unfold incoming. destruct (queue _ _); [simpl r_session; count | auto]. Qed.

  Lemma counts_spawn : forall env registers args dst target pc,
    counts_stay s (r_session (spawn env s i k registers args dst target pc)).
  Proof.
    intros. unfold spawn, fails. cbv zeta. split_matches; simpl r_session; try count.
    assert (C : counts_stay s (with_coroutines (replace i
        (moved pc (replace dst (VNat (N.of_nat (length (s_coroutines s)))) (k_registers k)) k) (s_coroutines s)) s)) by count.
    intros j n N. destruct (C j n N) as [m [M L]]. exists m. split; [|exact L].
    rewrite coroutines_with in *. rewrite nth_error_app1; [exact M | apply nth_error_Some; congruence].
  Qed.

  Lemma counts_abort : forall pc, counts_stay s (r_session (abort s i k pc)).
  Proof.
    intros. unfold abort, innermost, fails. destruct (Nat.eqb _ _); [|count].
    destruct (s_levels s) as [|v rest]; [count|]. cbv zeta. simpl r_session. intros j n N.
    destruct (counted_asked (s_coroutines s) (n_coroutines (v_before v)) j n N) as [m0 [M0 A0]].
    pose proof (roused_there (s_answers (with_beyond (unspent (s_beyond s)) s)) _ 0 j m0 M0) as M. simpl in M.
    set (m := rouse _ j m0) in M.
    assert (A : k_asked m = k_asked n) by (unfold m; now rewrite rouse_asked).
    destruct (Nat.eq_dec i j) as [<- | D].
    - destruct there as [k0 [K E]].
      match goal with |- context [put i ?new _] => exists new end. split.
      + unfold put, with_coroutines, with_inside, s_coroutines at 1. simpl.
        rewrite nth_replace_same with (y := m); [reflexivity | exact M].
      + simpl. rewrite K in N. injection N as ->. lia.
    - exists m. split; [|lia]. unfold put, with_coroutines, with_inside, s_coroutines at 1. simpl.
      now rewrite nth_replace_other.
  Qed.

  Lemma counts_roused : forall t u, counts_stay s t -> counts_stay s (rouse_in u t).
  Proof.
    intros t u C j n N. destruct (C j n N) as [m [M L]]. exists (roused_in u m). split.
    - unfold rouse_in, with_coroutines, with_inside, s_coroutines at 1. simpl. now rewrite nth_error_map, M.
    - unfold roused_in. now destruct (k_gate m); try destruct (has_role _ _).
  Qed.

  Lemma counts_settle : forall u t, counts_stay s t -> counts_stay s (fst (settle u t)).
  Proof.
    intros u t C. unfold settle. destruct (last_of u); [exact C|]. exact (counts_roused t u C).
  Qed.

  Lemma counts_discard : forall everything j u t, counts_stay s t -> counts_stay s (fst (discard everything j u t)).
  Proof. intros. unfold discard. now apply counts_settle, counts_roused. Qed.

  Lemma counts_left : forall j us t, counts_stay s t -> counts_stay s (fst (left_to j us t)).
  Proof.
    intros j us. induction us as [|u us IH]; intros t C; simpl; [exact C|].
    destruct (u_draining u); [|now apply IH].
    pose proof (counts_discard false j u t C) as D. destruct (discard false j u t) as [t' es]. simpl in D.
    specialize (IH t' D). destruct (left_to j us t') as [t'' more]. exact IH.
  Qed.

  (** What is written over its own coroutine counts on. *)
  Lemma counts_over : forall t k', counts_stay s t -> k_asked k <= k_asked k' -> counts_stay s (put i k' t).
  Proof.
    intros t k' C L j n N. destruct (C j n N) as [m [M A]]. destruct there as [k0 [K E]].
    destruct (Nat.eq_dec i j) as [<- | D].
    - exists k'. unfold put, with_coroutines, with_inside, s_coroutines at 1. simpl.
      rewrite nth_replace_same with (y := m) by assumption. split; [reflexivity | congruence].
    - exists m. unfold put, with_coroutines, with_inside, s_coroutines at 1. simpl. now rewrite nth_replace_other.
  Qed.

  Lemma counts_within : forall u role r, counts_stay s (r_session r) -> counts_stay s (r_session (within s u role r)).
  Proof.
    intros u role r C. unfold within.
    destruct (r_outcome r); try exact C;
      match goal with |- context [settle ?v ?t] =>
        pose proof (counts_settle v t C) as D; destruct (settle v t) as [t' es]; exact D end.
  Qed.

  Lemma counts_close_guest : forall u role pc, counts_stay s (r_session (close_guest s i k u role pc)).
  Proof.
    intros. unfold close_guest, fails. destruct (existsb _ _); [|simpl r_session; count].
    match goal with |- context [discard ?a ?b ?c ?d] =>
      pose proof (counts_discard a b c d (counts_same s s eq_refl)) as D; destruct (discard a b c d) as [t es] end.
    simpl in *. now apply counts_over.
  Qed.

  Lemma counts_halt : counts_stay s (r_session (halt s i k)).
  Proof.
    unfold halt, fails. destruct (_ || _); [simpl r_session; count|].
    pose proof (counts_left i (s_guests s) s (counts_same s s eq_refl)) as D.
    destruct (left_to i (s_guests s) s) as [t es]. simpl in *.
    exact (counts_over t (with_gate Halted (moved (k_pc k) (k_registers k) k)) D (le_n _)).
  Qed.

  Lemma counts_communicate : forall env h p op, counts_stay s (r_session (communicate env h s i k p op)).
  Proof.
    intros env h p op.
    assert (E : forall chan go, (forall j t, counts_stay s (r_session (go j t))) ->
        counts_stay s (r_session (match endpoint s i k chan with inl f => fails s [] f | inr (j, t) => go j t end))).
    { intros chan go G. destruct (endpoint s i k chan) as [f|[j t]]; [simpl r_session; count | apply G]. }
    destruct op; simpl communicate; try (simpl r_session; count).
    4: { apply E. intros j t. destruct (head (t_type t)); try (simpl r_session; count). destruct (Nat.eqb _ _);
         [|simpl r_session; count]. apply counts_incoming. intros m rest.
         destruct (row_of _ _ _) as [[target dst]|]; [apply counts_take | simpl r_session; count]. }
    all: apply E; intros j t; unfold decide, fails; cbv zeta;
      split_matches; first [apply counts_send | apply counts_incoming; intros; apply counts_take | simpl r_session; count].
  Qed.
End counts.

(** A view has the session's coroutines. *)
Lemma counts_seen : forall env u s r, counts_stay (view env u s) r -> counts_stay s r.
Proof. intros env u s r C. exact C. Qed.

Section executed.
  Variables (s : session) (i : nat) (k : coroutine).
  Hypothesis there : exists k0, nth_error (s_coroutines s) i = Some k0 /\ k_asked k0 = k_asked k.

  Ltac count := first [ apply counts_same; reflexivity | eapply counts_on; [exact there | reflexivity | simpl; lia] ].

  Lemma counts_transfer : forall env chan target pc, counts_stay s (r_session (transfer env s i k chan target pc)).
  Proof. intros. unfold transfer, fails. cbv zeta. split_matches; simpl r_session; count. Qed.
End executed.

Section steps.
  Variables (s : session) (i : nat) (k : coroutine).
  Hypothesis there : exists k0, nth_error (s_coroutines s) i = Some k0 /\ k_asked k0 = k_asked k.

  Ltac count := first [ apply counts_same; reflexivity | eapply counts_on; [exact there | reflexivity | simpl; lia] ].

  Lemma counts_execute : forall env h p op, counts_stay s (r_session (execute env h s i k p op)).
  Proof.
    intros env h p op.
    assert (C : forall chan, counts_stay s (r_session (match guest_at s k chan with
      | None => communicate env h s i k p op
      | Some (u, role) =>
          if is_shut u role then fails s [] FChannel
          else within s u role (communicate (setting_in env u) h (view env u s) i k p op) end))).
    { intros chan. destruct (guest_at s k chan) as [[u role]|]; [|now apply counts_communicate].
      destruct (is_shut u role); [simpl r_session; count|]. apply counts_within.
      apply (counts_seen env u). now apply counts_communicate. }
    destruct op; try apply C; simpl execute; try (now apply counts_spawn); try (now apply counts_abort);
      try (now apply counts_halt).
    all: try (destruct (guest_at s k endpoint) as [[u role]|];
      [apply counts_within; apply (counts_seen env u) | idtac]; now apply counts_transfer).
    all: unfold invoke, invoke_late, acquire, release, awaited, given_back, write, silently, cast, close, tag, check, fork,
      join, innermost, open_guest, fails; cbv zeta;
      split_matches; first [now apply counts_close_guest | simpl r_session; count].
  Qed.
End steps.

(** Whatever a step does, an undone speculation included: a coroutine keeps its number, and has asked as often as before or
    more often. *)
Theorem counts_never_fall : forall env h s i, counts_stay s (r_session (step env h s i)).
Proof.
  intros env h s i. unfold step, fails. destruct (nth_error (s_coroutines s) i) as [k|] eqn:K; [|now apply counts_same].
  destruct (program_of (k_role k) env) as [p|]; [|now apply counts_same].
  destruct (nth_error (p_code p) (k_pc k)) as [op|]; [|now apply counts_same].
  apply counts_execute. now exists k.
Qed.

(** * Endpoints and facts *)

(** An endpoint that changed hands was the giver's; it is the taker's now, no other has moved, and all that the giver knew of it
    might flow to the taker's role. *)
Theorem transfers_are_policed : forall env s i k chan target pc to_ role number,
  In (ETransferred i to_ role number) (r_events (transfer env s i k chan target pc)) ->
  exists j t taker,
    nth_error (s_seats s) j = Some t /\ t_owner t = i /\ t_role t = role /\
    s_seats (r_session (transfer env s i k chan target pc)) = replace j (mk_seat role (t_type t) to_) (s_seats s) /\
    nth_error (s_coroutines s) to_ = Some taker /\ goes_on taker = true /\ to_ <> i /\
    forall f, In f (s_facts s) -> f_knower f = i -> f_role f = role ->
      may_flow (c_flow (e_config env)) (plain_name role) (f_text f) (k_role taker) = true.
Proof.
  intros env s i k chan target pc to_ role number. unfold transfer, fails. cbv zeta.
  destruct (endpoint s i k chan) as [f|[j t]] eqn:E; [contradiction|]. apply endpoint_is_owned in E as [T O].
  destruct (nth_error (k_registers k) target) as [[]|]; try contradiction.
  set (to' := if N.ltb n _ then N.to_nat n else i).
  destruct (nth_error (s_coroutines s) to') as [taker|] eqn:K; [|contradiction].
  destruct (Nat.eqb to' i || negb (goes_on taker)) eqn:A; [contradiction|].
  apply orb_false_iff in A as [A G]. apply Nat.eqb_neq in A. apply negb_false_iff in G.
  destruct (negb (forallb _ _)) eqn:F; [contradiction|]. apply negb_false_iff in F. rewrite forallb_forall in F.
  simpl r_events. intros [I | []]. injection I as <- <- _. exists j, t, taker. repeat split; auto.
  intros f M W R. apply F, filter_In. split; [exact M|].
  apply andb_true_iff. split; [now apply Nat.eqb_eq | now apply String.eqb_eq].
Qed.

(** Who is told that a fact may flow knows it, and the policy lets it flow. *)
Theorem checks_are_policed : forall env s i k at_ target dst pc role to_,
  In (EChecked role to_ true) (r_events (check env s i k at_ target dst pc)) ->
  exists text, knows (mk_fact i role text) (s_facts s) = true /\ may_flow (c_flow (e_config env)) (plain_name role) text to_ = true.
Proof.
  intros env s i k at_ target dst pc role to_. unfold check, fails. cbv zeta.
  destruct (about k at_) as [f|[[sid r] text]]; [contradiction|].
  destruct (nth_error (k_registers k) target) as [[]|]; try contradiction.
  destruct (Nat.ltb dst _); [|contradiction]. simpl. intros [I | []]. injection I as <- <- P. exists text.
  now apply andb_true_iff in P as [P F]; apply andb_true_iff in P as [_ P].
Qed.
