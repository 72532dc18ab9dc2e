(** What holds of sites and links that fail. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Names Code State Session Island Guests Sites Step SessionFacts Outputs Machine RunFacts.
Import ListNotations.
Open Scope list_scope.

(** Over a link that is cut nothing is sent, nobody is asked, and nothing is told: who sends waits for the link, or does
    what it may not do anyway. *)
Theorem cut_links_carry_nothing : forall env h s i k j t to_ l val pc offered,
  existsb (edge_eqb (t_role t, to_)) (s_cut s) = true ->
  let r := send env h s i k j t to_ l val pc offered in
  r_events r = [] /\ r_exchanges r = [] /\ s_queues (r_session r) = s_queues s /\ s_seats (r_session r) = s_seats s /\
  (r_outcome r = Waits (OnLink (t_role t, to_)) \/ exists f, r_outcome r = Faults f).
Proof.
  intros env h s i k j t to_ l val pc offered C. cbv zeta. unfold send, fails.
  destruct (advance (t_type t) (ASend to_ l)); [|repeat split; right; now eexists].
  destruct (nth_error (k_registers k) val) as [v|]; [|repeat split; right; now eexists].
  destruct (negb (has_sort v (l_sort l))); [repeat split; right; now eexists|].
  rewrite C. repeat split. now left.
Qed.

(** Where the link is whole again, nobody waits for it, in what may be brought back neither, and in no session that was opened. *)
Lemma linked_waits_not : forall e ks, existsb (waits_for e) (map (linked e) ks) = false.
Proof.
  intros e ks. induction ks as [|k ks IH]; simpl; [reflexivity|]. unfold linked at 1.
  destruct (waits_for e k) eqn:G; simpl; [exact IH | now rewrite G].
Qed.

Theorem healed_links_are_waited_for_by_none : forall e s,
  live s = true ->
  let s' := fst (perturbed (Heal e) s) in
  existsb (edge_eqb e) (s_cut s') = false /\ existsb (waits_for e) (s_coroutines s') = false /\
  forall v, In v (s_levels s') -> existsb (waits_for e) (n_coroutines (v_before v)) = false.
Proof.
  intros e s L. unfold perturbed. rewrite L. simpl. repeat split.
  - unfold s_cut. simpl. induction (b_cut (s_beyond s)) as [|f fs IH]; simpl; [reflexivity|].
    destruct (edge_eqb e f) eqn:E; simpl; [exact IH | now rewrite E].
  - apply linked_waits_not.
  - intros v V. apply in_map_iff in V as [w [<- _]]. simpl. apply linked_waits_not.
Qed.

(** A crash of a site ends the sessions that have it, and no others. *)
Theorem crashes_end_sessions : forall site s,
  live s = true ->
  live (fst (perturbed (Crash site) s)) = match responsible site s with Some _ => false | None => true end.
Proof.
  intros site s L. unfold perturbed. rewrite L. simpl. destruct (responsible site s); [reflexivity | exact L].
Qed.

(** * Typing *)

Lemma last_words_are_quiet : forall found last, quiet (last_words found last).
Proof.
  intros found last. unfold last_words. apply quiet_app; [|apply ends_are_quiet]. intros role. apply acts_plain.
  apply Forall_forall. intros e E. apply in_flat_map in E as [i [_ [<- | [<- | []]]]]; reflexivity.
Qed.

Lemma relinked_levels : forall start es e levels now,
  follow_levels start es levels now ->
  follow_levels start es
    (map (fun v => mk_level (v_ghost v)
      (mk_inside (map (linked e) (n_coroutines (v_before v))) (n_seats (v_before v)) (n_queues (v_before v))
        (n_facts (v_before v)) (n_guests (v_before v))) (v_told v)) levels) now.
Proof.
  intros start es e levels. induction levels as [|v rest IH]; intros now F; simpl in *; [exact F|].
  destruct F as [F R]. split; [exact F | now apply IH].
Qed.

Lemma typed_perturbed : forall env p s es,
  typed env s es -> typed env (fst (perturbed p s)) (es ++ snd (perturbed p s)).
Proof.
  intros env p s es T. unfold perturbed. destruct (negb (live s)); [now rewrite app_nil_r|].
  destruct p as [site | l | l]; simpl.
  - destruct (responsible site s); simpl; [|now rewrite app_nil_r].
    apply typed_at. apply typed_quietly; [apply withdrawn_levels | apply last_words_are_quiet | now apply typed_withdrawn].
  - rewrite app_nil_r. exact T.
  - rewrite app_nil_r. destruct T as [D F]. split; [exact D|]. now apply relinked_levels.
Qed.

Lemma events_perturbed_at : forall p m sid sid' s,
  nth_error (sessions m) sid = Some s ->
  events_of (perturbed_at p m sid) sid' = events_of m sid' ++ (if Nat.eqb sid sid' then snd (perturbed p s) else []).
Proof.
  intros p m sid sid' s S. unfold perturbed_at. rewrite S. destruct (perturbed p s) as [s' es] eqn:P.
  pose proof (events_committed sid s' es [] (tick m) sid') as E. unfold events_of in *. simpl in *. exact E.
Qed.

Lemma typed_perturbed_at : forall env p sid m, typed_machine env m -> typed_machine env (perturbed_at p m sid).
Proof.
  intros env p sid m T sid' s' S'. destruct (nth_error (sessions m) sid) as [s|] eqn:S.
  - rewrite (events_perturbed_at p m sid sid' s S). unfold perturbed_at in S'. rewrite S in S'.
    pose proof (typed_perturbed (env sid) p s (events_of m sid) (T sid s S)) as A.
    destruct (perturbed p s) as [t es]. simpl in *. destruct (Nat.eqb_spec sid sid') as [<- | N].
    + rewrite nth_replace_same with (y := s) in S' by assumption. injection S' as <-. exact A.
    + rewrite nth_replace_other in S' by assumption. rewrite app_nil_r. exact (T sid' s' S').
  - unfold perturbed_at in *. rewrite S in *. exact (T sid' s' S').
Qed.

(** What happens to sites and links leaves every session typed: a run with it is one as every other. *)
Theorem perturbations_preserve_typing : forall env p m, typed_machine env m -> typed_machine env (perturb p m).
Proof.
  intros env p m T. unfold perturb. generalize (seq 0 (length (sessions m))). intros ids. revert m T.
  induction ids as [|sid ids IH]; intros m T; simpl; [exact T | apply IH; now apply typed_perturbed_at].
Qed.
