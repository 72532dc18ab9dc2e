(** What holds of answers that come later, and of guards. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Code State Session Island Late Step SessionFacts Outputs Machine RunFacts.
Import ListNotations.
Open Scope list_scope.

(** * Answers *)

(** An answer is taken from nobody but who waits for it; it moves no type, no message, no fact, and tells nothing. *)
Theorem answers_come_to_who_waits : forall env s at_ a s' x,
  arrived env s at_ a = Some (s', x) ->
  (exists k, nth_error (s_coroutines s) (at_coroutine at_) = Some k /\ question env k <> None /\
    k_asked k = S (at_counter at_)) /\
  s_seats s' = s_seats s /\ s_queues s' = s_queues s /\ s_facts s' = s_facts s /\ s_levels s' = s_levels s /\
  s_evidence s' = s_evidence s.
Proof.
  intros env s at_ a s' x A. unfold arrived in A.
  destruct (nth_error (s_coroutines s) (at_coroutine at_)) as [k|] eqn:K; [|discriminate].
  destruct (question env k) as [q|] eqn:Q; [|discriminate].
  destruct (Nat.eqb (k_asked k) (S (at_counter at_))) eqn:C; [|discriminate]. apply Nat.eqb_eq in C.
  split; [exists k; repeat split; congruence|].
  destruct (puts_off a); injection A as <- _; repeat split; reflexivity.
Qed.

(** An answer is used once. *)
Theorem answers_are_used_once : forall i a s, answer_of i (used i a s) = None.
Proof.
  intros i a s. unfold answer_of, used, s_answers. simpl.
  induction (b_answers (s_beyond s)) as [|[j b] rest IH]; simpl; [reflexivity|].
  destruct (Nat.eqb j i) eqn:E; simpl; [exact IH | now rewrite E].
Qed.

(** Answers that come in between rounds leave every session typed, so a run with them is one as every other. *)
Theorem answers_preserve_typing : forall env at_ a m m',
  typed_machine env m -> deliver env at_ a m = Some m' -> typed_machine env m'.
Proof.
  intros env at_ a m m' T D. unfold deliver in D.
  destruct (nth_error (sessions m) (at_session at_)) as [s|] eqn:S; [|discriminate].
  destruct (live s); [|discriminate].
  destruct (arrived (env (at_session at_)) s at_ a) as [[s' x]|] eqn:A; [|discriminate].
  apply answers_come_to_who_waits in A as [_ [Seats [_ [_ [L _]]]]].
  set (came := if puts_off a then [] else [EAnswered (at_coroutine at_) (at_counter at_) a]) in *.
  assert (Q : quiet came) by (unfold came; destruct (puts_off a); intros ?; reflexivity).
  injection D as <-. intros sid t N. simpl in N.
  pose proof (events_committed (at_session at_) s' came [] (tick m) sid) as E. unfold events_of in *. simpl in *.
  rewrite E. clear E. specialize (T sid).
  destruct (Nat.eqb_spec (at_session at_) sid) as [<- | O].
  - rewrite nth_replace_same with (y := s) in N by assumption. injection N as <-.
    destruct (T s S) as [D F]. unfold typed, typing, typing_in. unfold s_seats in Seats. rewrite Seats, L.
    split; [exact D | now apply follow_quietly].
  - rewrite nth_replace_other in N by assumption. rewrite app_nil_r. now apply T.
Qed.

(** * Guards *)

(** What is given back stands for nothing any more, of whatever layer. *)
Theorem evidence_is_given_back_once : forall s i k xs id layer pc other,
  find (stands_for id other) (s_evidence (r_session (given_back s i k xs id layer pc))) = None.
Proof.
  intros. unfold given_back, s_evidence. simpl.
  induction (b_evidence (s_beyond s)) as [|e rest IH]; simpl; [reflexivity|].
  unfold consumed_of at 1. destruct (String.eqb (g_id e) id) eqn:E.
  - unfold stands_for at 1. simpl. now rewrite andb_false_r.
  - unfold stands_for at 1. now rewrite E.
Qed.

(** Who gives a guard back had evidence of its layer that was not given back before, and was in no speculation. *)
Theorem releases_have_evidence : forall env h s i k from layer pc,
  In (EReleased i layer) (r_events (release env h s i k from layer pc)) ->
  s_levels s = [] /\ exists id e, nth_error (k_registers k) from = Some (VStr id) /\ In e (s_evidence s) /\
    g_id e = id /\ g_layer e = layer /\ g_consumed e = false.
Proof.
  intros env h s i k from layer pc R. unfold release, speculates, fails in R.
  destruct (s_levels s); [|contradiction]. split; [reflexivity|].
  destruct (nth_error (k_registers k) from) as [[| | | id | |]|]; try contradiction.
  destruct (find (stands_for id layer) (s_evidence s)) as [e|] eqn:F; [|contradiction].
  apply find_some in F as [M F]. unfold stands_for in F.
  apply andb_true_iff in F as [F G]. apply andb_true_iff in F as [F H].
  apply String.eqb_eq in F. apply Nat.eqb_eq in H. apply negb_true_iff in G.
  exists id, e. now repeat split.
Qed.

(** A guard is asked for and granted in no speculation. *)
Theorem guards_are_not_speculative : forall env s i k dst layer pc,
  s_levels s <> [] -> (r_outcome (acquire env s i k dst layer pc) = Faults FRegister \/
    r_outcome (acquire env s i k dst layer pc) = Faults FSpeculation).
Proof.
  intros env s i k dst layer pc L. unfold acquire, speculates, fails.
  destruct (negb _); [now left|]. destruct (s_levels s); [contradiction | now right].
Qed.
