(** What holds of outputs: those that are refused leave nothing, and those that stand were let pass. *)

From Coq Require Import String List Bool Arith.
From Motet Require Import Values Types Code State Session Step Outputs.
Import ListNotations.
Open Scope list_scope.

(** Of a step whose output is refused nothing stays but the word that it was checked. *)
Theorem refused_output_leaves_nothing : forall env h s i,
  r_outcome (step env h s i) <> Faults FOutputCondition ->
  let r := seen env h s i (step env h s i) in
  r_outcome r = Faults FOutputCondition ->
  r_session r = s /\ exists given told sent, r_events r = [EOutputConditionChecked i given false told sent].
Proof.
  intros env h s i N r F. subst r. unfold seen in *.
  destruct (c_outputs (e_config env)), (r_events (step env h s i)) eqn:E, (r_outcome (step env h s i)) eqn:O,
    (nth_error (s_coroutines (r_session (step env h s i))) i); simpl in *; try congruence;
    unfold judged in *;
    repeat match goal with
    | H : context [match ?x with _ => _ end] |- _ => destruct x eqn:?; simpl in *; try discriminate
    end; try congruence; split; try reflexivity; rewrite ?E; eauto.
Qed.

(** An output that was not let pass is in no trace as anything but refused, and every output that is checked and stands
    was let pass by the policy. *)
Theorem standing_outputs_pass : forall env h s i e,
  let r := seen env h s i (step env h s i) in
  (forall f, r_outcome r <> Faults f) ->
  In e (r_events r) -> ~ In e (r_events (step env h s i)) ->
  exists given told sent, e = EOutputConditionChecked i given true told sent /\ passes (c_outputs (e_config env)) given = true.
Proof.
  intros env h s i e r N I S. subst r. unfold seen in *.
  destruct (c_outputs (e_config env)) eqn:P, (r_events (step env h s i)) eqn:E, (r_outcome (step env h s i)) eqn:O,
    (nth_error (s_coroutines (r_session (step env h s i))) i); simpl in *; rewrite ?E in *;
    try (exfalso; now apply S); try (exfalso; eapply N; eassumption);
    unfold judged in *;
    repeat match goal with
    | H : context [match ?x with _ => _ end] |- _ => destruct x eqn:?; simpl in *; rewrite ?E in *
    end; try (exfalso; eapply N; reflexivity);
    try (destruct I as [<- | I]; [exfalso; apply S; now left |]; apply in_app_or in I as [I | [<- | []]];
         [exfalso; apply S; now right | eauto 6]);
    try contradiction.
Qed.
