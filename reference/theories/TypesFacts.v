(** The monitor admits exactly the traces of the local type.

    [lstep] says what a local type allows, one action at a time, without unfolding by fuel and without look-up by
    position: a loop may do what its unfolding may do, a choice may do any of its branches. For well-formed types the
    function that the machine calls, [advance], answers exactly this relation. *)

From Coq Require Import String List Bool Arith Lia.
From Motet Require Import Values Types.
Import ListNotations.

Inductive lstep : ltype -> action -> ltype -> Prop :=
| step_send : forall p bs l k, In (l, k) bs -> lstep (LSend p bs) (ASend p l) k
| step_recv : forall p bs l k, In (l, k) bs -> lstep (LRecv p bs) (ARecv p l) k
| step_loop : forall x body a k, lstep (subst x (LRec x body) body) a k -> lstep (LRec x body) a k.

(** The same type, loops at its head opened or not. *)
Inductive opens : ltype -> ltype -> Prop :=
| opens_not : forall t, opens t t
| opens_loop : forall x body t, opens (subst x (LRec x body) body) t -> opens (LRec x body) t.

Section nested.
  Variable P : ltype -> Prop.
  Hypothesis end_ : P LEnd.
  Hypothesis send_ : forall p bs, Forall (fun b => P (snd b)) bs -> P (LSend p bs).
  Hypothesis recv_ : forall p bs, Forall (fun b => P (snd b)) bs -> P (LRecv p bs).
  Hypothesis rec_ : forall x body, P body -> P (LRec x body).
  Hypothesis var_ : forall x, P (LVar x).

  Fixpoint ltype_nested (t : ltype) : P t :=
    let fix all (bs : list (label * ltype)) : Forall (fun b => P (snd b)) bs :=
      match bs with
      | [] => Forall_nil _
      | b :: rest => Forall_cons b (ltype_nested (snd b)) (all rest)
      end in
    match t with
    | LEnd => end_
    | LSend p bs => send_ p bs (all bs)
    | LRecv p bs => recv_ p bs (all bs)
    | LRec x body => rec_ x body (ltype_nested body)
    | LVar x => var_ x
    end.
End nested.

Lemma heads_subst : forall x u t,
  wellformed t = true -> starts_with_var t = false -> heads (subst x u t) = heads t.
Proof.
  intros x u. induction t using ltype_nested; simpl; intros W V; try reflexivity; try discriminate.
  destruct (String.eqb x x0); [reflexivity|]. simpl.
  apply andb_true_iff in W as [V' W]. apply negb_true_iff in V'. now rewrite IHt.
Qed.

Lemma starts_subst : forall x u t,
  starts_with_var t = false -> starts_with_var (subst x u t) = false.
Proof. intros x u [] V; simpl in *; try reflexivity; try discriminate. now destruct (String.eqb x var). Qed.

Lemma names_subst : forall x u (bs : list (label * ltype)),
  map (fun b => l_name (fst b)) (map (fun b => (fst b, subst x u (snd b))) bs) = map (fun b => l_name (fst b)) bs.
Proof. intros. rewrite map_map. now apply map_ext. Qed.

Lemma wellformed_subst : forall x u t,
  wellformed u = true -> wellformed t = true -> wellformed (subst x u t) = true.
Proof.
  intros x u t U. induction t using ltype_nested; simpl; intros W; try reflexivity.
  1, 2: apply andb_true_iff in W as [N W]; rewrite names_subst, N; simpl;
    rewrite forallb_forall in *; intros b B; apply in_map_iff in B as [c [<- C]]; simpl;
    rewrite Forall_forall in H; now apply H, W.
  - apply andb_true_iff in W as [V W]. destruct (String.eqb x x0); simpl.
    + now rewrite V, W.
    + rewrite IHt by assumption. rewrite andb_true_r. apply negb_true_iff. apply starts_subst.
      now apply negb_true_iff.
  - destruct (String.eqb x x0); [assumption | reflexivity].
Qed.

Lemma unfold_opens : forall n t, opens t (unfold n t).
Proof.
  induction n; intros t; simpl; [constructor|].
  destruct t; try constructor. apply IHn.
Qed.

(** What [head] answers is no loop, where loops are guarded. *)
Lemma unfold_head : forall n t,
  wellformed t = true -> heads t <= n -> heads (unfold n t) = 0 /\ wellformed (unfold n t) = true.
Proof.
  induction n; intros t W L; simpl.
  - split; [lia | assumption].
  - destruct t; simpl in *; try (split; [reflexivity | assumption]).
    pose proof W as W'. apply andb_true_iff in W as [V W]. apply negb_true_iff in V.
    apply IHn.
    + now apply wellformed_subst.
    + rewrite heads_subst by assumption. lia.
Qed.

Corollary head_plain : forall t, wellformed t = true -> heads (head t) = 0 /\ wellformed (head t) = true.
Proof. intros. now apply unfold_head. Qed.

Lemma opens_step : forall t u, opens t u -> forall a k, lstep u a k <-> lstep t a k.
Proof.
  induction 1; intros a k; [reflexivity|]. rewrite IHopens. split; intros S; [now constructor | now inversion S].
Qed.

Lemma head_step : forall t a k, lstep (head t) a k <-> lstep t a k.
Proof. intros. apply opens_step, unfold_opens. Qed.

Lemma branch_in : forall l bs k, branch l bs = Some k -> In (l, k) bs.
Proof.
  induction bs as [|[m j] bs IH]; simpl; intros k B; [discriminate|].
  destruct (label_eqb l m) eqn:E; [|right; now apply IH].
  apply label_eqb_spec in E as ->. injection B as ->. now left.
Qed.

Lemma branch_found : forall l bs k,
  names_differ (map (fun b => l_name (fst b)) bs) = true -> In (l, k) bs -> branch l bs = Some k.
Proof.
  induction bs as [|[m j] bs IH]; simpl; intros k D I; [contradiction|].
  apply andb_true_iff in D as [N D]. destruct I as [I | I].
  - injection I as -> ->. replace (label_eqb l l) with true by (symmetry; now apply label_eqb_spec). reflexivity.
  - destruct (label_eqb l m) eqn:E; [|now apply IH].
    apply label_eqb_spec in E as ->. exfalso. apply negb_true_iff in N.
    assert (X : existsb (String.eqb (l_name m)) (map (fun b => l_name (fst b)) bs) = true).
    { apply existsb_exists. exists (l_name m). split; [|apply String.eqb_refl].
      apply in_map_iff. now exists (m, k). }
    congruence.
Qed.

(** The monitor and the type say the same: whatever the one allows, the other does, and they go on alike. *)
Theorem monitor_is_type : forall t a u,
  wellformed t = true -> (advance t a = Some u <-> exists k, lstep t a k /\ u = head k).
Proof.
  intros t a u W. destruct (head_plain t W) as [P W']. unfold advance. split.
  - intros A. destruct (head t) eqn:H; destruct a; simpl in *; try discriminate.
    all: destruct (String.eqb partner partner0) eqn:E; [|discriminate]; apply String.eqb_eq in E as <-.
    all: destruct (branch l branches) eqn:B; [|discriminate]; injection A as <-.
    all: exists l0; split; [|reflexivity]; apply head_step; rewrite H; constructor; now apply branch_in.
  - intros [k [S ->]]. apply head_step in S.
    destruct (head t) eqn:H; inversion S; subst; simpl in *; try discriminate.
    all: rewrite String.eqb_refl; apply andb_true_iff in W' as [D _].
    all: match goal with I : In _ _ |- _ => now rewrite (branch_found _ _ _ D I) end.
Qed.

(** Advancing keeps a type well-formed. *)
Theorem advance_wellformed : forall t a u, wellformed t = true -> advance t a = Some u -> wellformed u = true.
Proof.
  intros t a u W A. destruct (head_plain t W) as [_ W']. unfold advance in A.
  destruct (head t) eqn:H; destruct a; simpl in *; try discriminate.
  all: destruct (String.eqb partner partner0); [|discriminate].
  all: destruct (branch l branches) eqn:B; [|discriminate]; injection A as <-.
  all: apply head_plain; apply andb_true_iff in W' as [_ F]; rewrite forallb_forall in F.
  all: exact (F _ (branch_in _ _ _ B)).
Qed.

(** * Traces *)

Inductive ltrace : ltype -> list action -> ltype -> Prop :=
| trace_none : forall t, ltrace t [] t
| trace_more : forall t a k acts u, lstep t a k -> ltrace k acts u -> ltrace t (a :: acts) u.

Fixpoint advances (t : ltype) (acts : list action) : option ltype :=
  match acts with
  | [] => Some t
  | a :: rest => match advance t a with Some u => advances u rest | None => None end
  end.

Lemma advance_head : forall t a, wellformed t = true -> advance (head t) a = advance t a.
Proof.
  intros t a W. destruct (head_plain t W) as [P _]. unfold advance, head at 1. now rewrite P.
Qed.

Lemma advances_head : forall t acts,
  wellformed t = true -> acts <> [] -> advances (head t) acts = advances t acts.
Proof. intros t [|a acts] W N; [contradiction|]. simpl. now rewrite advance_head. Qed.

(** The monitor's runs are exactly the traces of the type. *)
Theorem monitor_is_trace_language : forall acts t,
  wellformed t = true -> ((exists u, advances t acts = Some u) <-> (exists u, ltrace t acts u)).
Proof.
  induction acts as [|a acts IH]; intros t W.
  - split; intros; eexists; [constructor | reflexivity].
  - assert (K : forall k, lstep t a k -> wellformed k = true -> 
      ((exists u, advances (head k) acts = Some u) <-> (exists u, ltrace k acts u))).
    { intros k _ Wk. rewrite <- (IH k Wk). destruct acts as [|b acts].
      - split; intros; eexists; reflexivity.
      - rewrite advances_head; [reflexivity | assumption | discriminate]. }
    assert (Wk : forall k, lstep t a k -> wellformed k = true).
    { intros k S. apply head_step in S. destruct (head_plain t W) as [P W'].
      inversion S as [p bs l k' I E|p bs l k' I E|x body a' k' S' E]; subst.
      1, 2: rewrite <- E in W'; simpl in W'; apply andb_true_iff in W' as [_ F]; rewrite forallb_forall in F;
        exact (F _ I).
      rewrite <- E in P. discriminate. }
    split.
    + intros [u A]. simpl in A. destruct (advance t a) eqn:E; [|discriminate].
      apply (monitor_is_type t a l W) in E as [k [S ->]].
      destruct (proj1 (K k S (Wk k S))) as [v T]; [now exists u|]. exists v. now apply trace_more with k.
    + intros [u T]. inversion T as [|t' a' k acts' u' S T']; subst. simpl.
      destruct (proj2 (K k S (Wk k S))) as [v A]; [now exists u|].
      assert (E : advance t a = Some (head k)) by (apply monitor_is_type; [assumption | now exists k]).
      rewrite E. now exists v.
Qed.
