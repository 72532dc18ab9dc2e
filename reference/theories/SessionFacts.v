(** A step preserves typing: whatever a coroutine does is an action that the monitor lets its type do, its type then is
    what the monitor says, and nobody else's type moves. Also: a step that waits or faults has no events and moves no
    type and no message. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types TypesFacts Code Session.
Import ListNotations.
Open Scope list_scope.

(** Nothing here rests on which messages may be left out. *)
Opaque elastic.

(** What a list of events says that a role did. *)
Definition act (role : string) (e : event) : list action :=
  match e with
  | ESent (from, to_) l => if String.eqb role from then [ASend to_ l] else []
  | EReceived (from, to_) l => if String.eqb role to_ then [ARecv from l] else []
  | _ => []
  end.

Definition acts (role : string) (es : list event) : list action := flat_map (act role) es.

(** Roles and types of a session's coroutines. *)
Definition typing (s : session) : list (string * ltype) := map (fun k => (k_role k, k_type k)) (s_coroutines s).

Section lists.
  Context {A B : Type}.

  Lemma replace_same : forall i (xs : list A) x, nth_error xs i = Some x -> replace i x xs = xs.
  Proof.
    induction i; intros [|y xs] x E; simpl in *; try discriminate.
    - now injection E as ->.
    - now rewrite IHi.
  Qed.

  Lemma replace_map : forall (f : A -> B) i x xs, map f (replace i x xs) = replace i (f x) (map f xs).
  Proof. intros f. induction i; intros x [|y xs]; simpl; try reflexivity. now rewrite IHi. Qed.

  Lemma nth_replace_same : forall i (x : A) xs y, nth_error xs i = Some y -> nth_error (replace i x xs) i = Some x.
  Proof. induction i; intros x [|z xs] y E; simpl in *; try discriminate; [reflexivity | now apply IHi with y]. Qed.

  Lemma nth_replace_other : forall i j (x : A) xs, i <> j -> nth_error (replace i x xs) j = nth_error xs j.
  Proof.
    induction i; intros [|j] x [|z xs] N; simpl; try reflexivity; try congruence. apply IHi. congruence.
  Qed.

  Lemma replace_length : forall i (x : A) xs, length (replace i x xs) = length xs.
  Proof. induction i; intros x [|z xs]; simpl; try reflexivity. now rewrite IHi. Qed.
End lists.

Lemma typing_put : forall i k s, typing (put i k s) = replace i (k_role k, k_type k) (typing s).
Proof. intros. unfold typing. simpl. now rewrite replace_map. Qed.

Lemma typing_queue : forall e ms s, typing (with_queue e ms s) = typing s.
Proof. reflexivity. Qed.

Lemma typing_wake : forall g s, typing (wake g s) = typing s.
Proof.
  intros. unfold typing. simpl. rewrite map_map. apply map_ext. intros k.
  now destruct (gate_eqb (k_gate k) g).
Qed.

(** What makes a step of coroutine [i], which was [k], sound. *)
Definition sound (s : session) (i : nat) (k : coroutine) (r : stepped) : Prop :=
  exists t,
    typing (r_session r) = replace i (k_role k, t) (typing s) /\
    advances (k_type k) (acts (k_role k) (r_events r)) = Some t /\
    forall role, role <> k_role k -> acts role (r_events r) = [].

(** The coroutine at [i] has the role and the type of [k]. *)
Definition is_at (s : session) (i : nat) (k : coroutine) : Prop :=
  nth_error (typing s) i = Some (k_role k, k_type k).

Section leaves.
  Variables (s : session) (i : nat) (k : coroutine).
  Hypothesis here_ : is_at s i k.

  Lemma sound_still : forall xs o, sound s i k (mk_stepped s [] xs o).
  Proof. intros. exists (k_type k). simpl. rewrite replace_same by assumption. now repeat split. Qed.

  Lemma sound_silent : forall k' es xs o,
    k_role k' = k_role k -> k_type k' = k_type k -> (forall role, acts role es = []) ->
    sound s i k (mk_stepped (put i k' s) es xs o).
  Proof.
    intros k' es xs o R T N. exists (k_type k). simpl. rewrite typing_put, R, T, N. now repeat split.
  Qed.

  Lemma sound_enqueue : forall env k' xs to_ l v next pc offered,
    k_role k' = k_role k -> advance (k_type k) (ASend to_ l) = Some next ->
    sound s i k (enqueue env s i k' xs to_ l v next pc offered).
  Proof.
    intros env k' xs to_ l v next pc offered R A. unfold enqueue. exists next.
    assert (E : forall role, acts role (ESent (k_role k', to_) l :: (if offered then [EOffered (k_role k', to_) l] else []))
        = if String.eqb role (k_role k) then [ASend to_ l] else []).
    { intros role. unfold acts. destruct offered; simpl; rewrite R, app_nil_r; reflexivity. }
    destruct (if c_latest _ && _ then _ else None); simpl r_session; simpl r_events; rewrite E, String.eqb_refl;
      rewrite ?typing_wake, typing_queue, typing_put; simpl; rewrite R, A; repeat split; intros role N;
      destruct offered; simpl; (destruct (String.eqb_spec role (k_role k)); [contradiction | reflexivity]).
  Qed.

  Lemma sound_dequeue : forall k' xs from rest l v next dst pc chosen,
    k_role k' = k_role k -> advance (k_type k) (ARecv from l) = Some next ->
    sound s i k (dequeue s i k' xs from rest l v next dst pc chosen).
  Proof.
    intros k' xs from rest l v next dst pc chosen R A. unfold dequeue. exists next.
    simpl r_session. simpl r_events. rewrite typing_wake, typing_queue, typing_put. simpl k_role. simpl k_type.
    rewrite R. repeat split.
    - destruct chosen; simpl; rewrite String.eqb_refl; simpl; now rewrite A.
    - intros role N. destruct chosen; simpl; (destruct (String.eqb_spec role (k_role k)); [contradiction | reflexivity]).
  Qed.
End leaves.

Ltac leaf := first
  [ apply sound_still; assumption
  | apply sound_silent; solve [assumption | reflexivity]
  | apply sound_enqueue; solve [assumption | reflexivity]
  | apply sound_dequeue; solve [assumption | reflexivity] ].

Ltac split_matches :=
  repeat match goal with
  | |- context [match ?x with _ => _ end] => destruct x eqn:?
  end.

Lemma sound_drop : forall env s i k k' xs e l next pc,
  is_at s i k -> k_role k' = k_role k -> k_type k' = k_type k ->
  sound s i k (drop env s i k' xs e l next pc).
Proof.
  intros env s i k k' xs e l next pc H R T. unfold drop, fails.
  destruct (elastic _ _ _ _ _); apply sound_silent; auto.
Qed.

Lemma sound_send : forall env h s i k to_ l val pc offered,
  is_at s i k -> sound s i k (send env h s i k to_ l val pc offered).
Proof.
  intros. unfold send, fails. split_matches; first [leaf | apply sound_drop; auto].
Qed.

Lemma sound_take : forall env h s i k from m rest dst pc chosen,
  is_at s i k -> sound s i k (take env h s i k from m rest dst pc chosen).
Proof. intros. unfold take, fails. split_matches; leaf. Qed.

Lemma sound_incoming : forall s i k from taken,
  is_at s i k -> (forall m rest, sound s i k (taken m rest)) -> sound s i k (incoming s i k from taken).
Proof. intros. unfold incoming. destruct (queue _ _); [leaf | auto]. Qed.

Lemma sound_execute : forall env h s i k code op, is_at s i k -> sound s i k (execute env h s i k code op).
Proof.
  intros env h s i k code op H.
  assert (E : forall chan r, sound s i k r ->
      sound s i k (match endpoint s k chan with Some f => fails s [] f | None => r end)).
  { intros chan r R. unfold fails. destruct (endpoint s k chan); [leaf | assumption]. }
  destruct op; simpl; try apply E; unfold decide, invoke, write, silently, fails.
  - split_matches; first [leaf | now apply sound_send].
  - split_matches; first [leaf | apply sound_incoming; [assumption | intros; now apply sound_take]].
  - split_matches; first [leaf | now apply sound_send].
  - destruct (head (k_type k)); try leaf. apply sound_incoming; [assumption|]. intros m rest.
    destruct (row_of _ _ _) as [[target dst]|]; [now apply sound_take | leaf].
  - split_matches; leaf.
  - split_matches; leaf.
  - split_matches; leaf.
  - split_matches; leaf.
  - leaf.
  - split_matches; leaf.
  - leaf.
  - split_matches; leaf.
Qed.

(** A step preserves typing. *)
Theorem step_preserves_typing : forall env h s i k,
  nth_error (s_coroutines s) i = Some k -> sound s i k (step env h s i).
Proof.
  intros env h s i k K. unfold step, fails. rewrite K.
  assert (H : is_at s i k).
  { unfold is_at, typing. now rewrite nth_error_map, K. }
  destruct (nth_error (e_programs env) i); [|leaf].
  destruct (nth_error (p_code p) (k_pc k)); [|leaf].
  assert (H' : is_at s i (with_gate Open k)) by exact H.
  exact (sound_execute env h s i (with_gate Open k) (p_code p) i0 H').
Qed.

(** ** Nothing by halves *)

(** A step that waits or faults has no events, moves no message, and leaves every type where it was. *)
Definition nothing (s : session) (r : stepped) : Prop :=
  match r_outcome r with
  | Waits _ | Faults _ => r_events r = [] /\ s_queues (r_session r) = s_queues s
  | _ => True
  end.

Lemma nothing_enqueue : forall env s i k xs to_ l v next pc offered,
  nothing s (enqueue env s i k xs to_ l v next pc offered).
Proof. intros. unfold enqueue. destruct (if c_latest _ && _ then _ else None); exact I. Qed.

Lemma nothing_drop : forall env s i k xs e l next pc, nothing s (drop env s i k xs e l next pc).
Proof. intros. unfold drop, fails. destruct (elastic _ _ _ _ _); [exact I | now split]. Qed.

Lemma nothing_send : forall env h s i k to_ l val pc offered, nothing s (send env h s i k to_ l val pc offered).
Proof.
  intros. unfold send, fails. split_matches;
    first [apply nothing_enqueue | apply nothing_drop | unfold nothing; simpl; auto].
Qed.

Lemma nothing_take : forall env h s i k from m rest dst pc chosen, nothing s (take env h s i k from m rest dst pc chosen).
Proof. intros. unfold take, fails. split_matches; unfold nothing; simpl; auto. Qed.

Lemma nothing_incoming : forall s i k from taken,
  (forall m rest, nothing s (taken m rest)) -> nothing s (incoming s i k from taken).
Proof. intros. unfold incoming. destruct (queue _ _); [unfold nothing; simpl; auto | auto]. Qed.

Theorem nothing_by_halves : forall env h s i, nothing s (step env h s i).
Proof.
  intros. unfold step, fails. destruct (nth_error (s_coroutines s) i) as [k|]; [|unfold nothing; simpl; auto].
  destruct (nth_error (e_programs env) i) as [p|]; [|unfold nothing; simpl; auto].
  destruct (nth_error (p_code p) (k_pc k)) as [op|]; [|unfold nothing; simpl; auto].
  assert (E : forall chan r, nothing s r ->
      nothing s (match endpoint s (with_gate Open k) chan with Some f => fails s [] f | None => r end)).
  { intros chan r R. unfold fails. destruct (endpoint _ _ chan); [unfold nothing; simpl; auto | assumption]. }
  destruct op; simpl; try apply E; unfold decide, invoke, write, silently, fails.
  4: { destruct (head (k_type k)); try (unfold nothing; simpl; auto; fail). apply nothing_incoming. intros m rest.
       destruct (row_of _ _ _) as [[target dst]|]; [apply nothing_take | unfold nothing; simpl; auto]. }
  all: split_matches; first [apply nothing_send | apply nothing_incoming; intros; apply nothing_take |
    unfold nothing; simpl; auto].
Qed.
