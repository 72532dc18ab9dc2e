(** A step preserves typing: whatever a coroutine does is an action that the monitor lets the type of an endpoint that it
    owns do, that type then is what the monitor says, and no other type moves; a speculation that is taken back puts the
    types back that were when it began. Also: a step that waits or faults has no events and moves no type and no
    message. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types TypesFacts Code State Session Island Late Guests Step.
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

(** Nobody communicates. *)
Definition quiet (es : list event) : Prop := forall role, acts role es = [].

(** Roles and types of a session's endpoints, in order. *)
Definition typing_in (n : inside) : list (string * ltype) := map (fun t => (t_role t, t_type t)) (n_seats n).
Definition typing (s : session) : list (string * ltype) := typing_in (s_inside s).

(** An outcome that neither begins a speculation nor keeps the outermost. *)
Definition plain (o : outcome) : Prop := match o with Began | Kept _ => False | _ => True end.

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

(** What a sound step of coroutine [i] leaves: speculations, types, events, and its outcome. *)
Inductive sound_as (s : session) (i : nat) : list level -> list (string * ltype) -> list event -> outcome -> Prop :=
| SStill : forall es o, quiet es -> plain o -> sound_as s i (s_levels s) (typing s) es o
(** It acts for an endpoint that it owns, as the endpoint's type lets it. *)
| SActs : forall j t u es o,
    nth_error (s_seats s) j = Some t -> t_owner t = i ->
    advances (t_type t) (acts (t_role t) es) = Some u ->
    (forall role, role <> t_role t -> acts role es = []) -> plain o ->
    sound_as s i (s_levels s) (replace j (t_role t, u) (typing s)) es o
| SBegan : forall ghost n es, typing_in n = typing s -> quiet es ->
    sound_as s i (mk_level ghost n [] :: s_levels s) (typing s) es Began
| SKept : forall v es, s_levels s = [v] -> quiet es -> sound_as s i [] (typing s) es (Kept (v_told v))
| SMerged : forall v w rest es o, s_levels s = v :: w :: rest -> quiet es -> plain o ->
    sound_as s i (withheld (v_told v) w :: rest) (typing s) es o
| STakenBack : forall v rest es o, s_levels s = v :: rest -> quiet es -> plain o ->
    sound_as s i rest (typing_in (v_before v)) es o.

Definition sound (s : session) (i : nat) (r : stepped) : Prop :=
  sound_as s i (s_levels (r_session r)) (typing (r_session r)) (r_events r) (r_outcome r).

Lemma sound_still : forall s i s' es xs o,
  s_levels s' = s_levels s -> typing s' = typing s -> quiet es -> plain o -> sound s i (mk_stepped s' es xs o).
Proof. intros s i s' es xs o L T Q P. unfold sound. simpl. rewrite L, T. now apply SStill. Qed.

(** What computing shows. *)
Ltac plainly := solve [reflexivity | exact I | intros ?; reflexivity].

Lemma typing_retyped : forall j t u s, typing (retyped j t u s) = replace j (t_role t, u) (typing s).
Proof. intros. unfold typing, typing_in, retyped, with_seats, with_inside. simpl. now rewrite replace_map. Qed.

Section leaves.
  Variables (s : session) (i j : nat) (t : seat).
  Hypothesis there : nth_error (s_seats s) j = Some t.
  Hypothesis owned : t_owner t = i.

  Lemma sound_acts : forall s' es xs o u,
    s_levels s' = s_levels s -> typing s' = replace j (t_role t, u) (typing s) ->
    advances (t_type t) (acts (t_role t) es) = Some u ->
    (forall role, role <> t_role t -> acts role es = []) -> plain o -> sound s i (mk_stepped s' es xs o).
  Proof. intros s' es xs o u L T A O P. unfold sound. simpl. rewrite L, T. now apply SActs. Qed.

  Lemma sound_enqueue : forall env k xs to_ l v next pc offered,
    advance (t_type t) (ASend to_ l) = Some next -> sound s i (enqueue env s i k j t xs to_ l v next pc offered).
  Proof.
    intros env k xs to_ l v next pc offered A. unfold enqueue.
    assert (E : forall role, acts role (ESent (t_role t, to_) l :: (if offered then [EOffered (t_role t, to_) l] else []))
        = if String.eqb role (t_role t) then [ASend to_ l] else []).
    { intros role. unfold acts. destruct offered; simpl; rewrite app_nil_r; reflexivity. }
    destruct (if c_latest _ && _ then _ else None); apply sound_acts with (u := next); try reflexivity; try exact I;
      try (rewrite E, String.eqb_refl; simpl; now rewrite A);
      try (intros role N; rewrite E; destruct (String.eqb_spec role (t_role t)); [contradiction | reflexivity]);
      exact (typing_retyped j t next s).
  Qed.

  Lemma sound_dequeue : forall k xs from rest l v next dst pc chosen,
    advance (t_type t) (ARecv from l) = Some next -> sound s i (dequeue s i k j t xs from rest l v next dst pc chosen).
  Proof.
    intros k xs from rest l v next dst pc chosen A. unfold dequeue.
    assert (E : forall role, acts role (EReceived (from, t_role t) l :: (if chosen then [EChose (from, t_role t) l] else []))
        = if String.eqb role (t_role t) then [ARecv from l] else []).
    { intros role. unfold acts. destruct chosen; simpl; rewrite app_nil_r; reflexivity. }
    apply sound_acts with (u := next); try reflexivity; try exact I.
    - exact (typing_retyped j t next s).
    - rewrite E, String.eqb_refl. simpl. now rewrite A.
    - intros role N. rewrite E. destruct (String.eqb_spec role (t_role t)); [contradiction | reflexivity].
  Qed.

  Lemma sound_drop : forall env k xs e l next pc, sound s i (drop env s i k t xs e l next pc).
  Proof.
    intros. unfold drop, fails. destruct (elastic _ _ _ _ _); apply sound_still; plainly.
  Qed.
End leaves.

Ltac leaf := first
  [ apply sound_still; plainly
  | apply sound_enqueue; solve [assumption | reflexivity]
  | apply sound_dequeue; solve [assumption | reflexivity]
  | apply sound_drop ].

Ltac split_matches :=
  repeat match goal with
  | |- context [match ?x with _ => _ end] => destruct x eqn:?
  end.

Lemma sound_send : forall env h s i k j t to_ l val pc offered,
  nth_error (s_seats s) j = Some t -> t_owner t = i -> sound s i (send env h s i k j t to_ l val pc offered).
Proof. intros. unfold send, fails. split_matches; leaf. Qed.

Lemma sound_take : forall env h s i k j t from m rest dst pc chosen,
  nth_error (s_seats s) j = Some t -> t_owner t = i -> sound s i (take env h s i k j t from m rest dst pc chosen).
Proof. intros. unfold take, fails. split_matches; leaf. Qed.

Lemma sound_incoming : forall s i k t from taken,
  (forall m rest, sound s i (taken m rest)) -> sound s i (incoming s i k t from taken).
Proof. intros. unfold incoming. destruct (queue _ _); [leaf | auto]. Qed.

Lemma seat_from_spec : forall role ts n j t,
  seat_from role ts n = Some (j, t) -> n <= j /\ nth_error ts (j - n) = Some t.
Proof.
  induction ts as [|u ts IH]; simpl; intros n j t E; [discriminate|].
  destruct (String.eqb (t_role u) role).
  - injection E as <- <-. now rewrite Nat.sub_diag.
  - apply IH in E as [L E]. split; [lia|]. now replace (j - n) with (S (j - S n)) by lia.
Qed.

(** An endpoint that a register gives is there, and the coroutine's own. *)
Lemma endpoint_is_owned : forall s i k chan j t,
  endpoint s i k chan = inr (j, t) -> nth_error (s_seats s) j = Some t /\ t_owner t = i.
Proof.
  intros s i k chan j t E. unfold endpoint in E.
  destruct (nth_error (k_registers k) chan) as [[]|]; try discriminate.
  destruct (seat_of role s) as [[j' t']|] eqn:F; [|discriminate].
  destruct (Nat.eqb _ _ && Nat.eqb _ _) eqn:O; [|discriminate]. injection E as -> ->.
  apply andb_true_iff in O as [_ O]. apply Nat.eqb_eq in O. split; [|assumption].
  apply seat_from_spec in F as [_ F]. now rewrite Nat.sub_0_r in F.
Qed.

Lemma sound_transfer : forall env s i k chan target pc, sound s i (transfer env s i k chan target pc).
Proof.
  intros. unfold transfer, fails. destruct (endpoint s i k chan) as [f|[j t]] eqn:E; [leaf|].
  apply endpoint_is_owned in E as [T _].
  assert (S : forall to_, map (fun t => (t_role t, t_type t))
      (replace j (mk_seat (t_role t) (t_type t) to_) (s_seats s)) = typing s).
  { intros to_. change (typing s) with (map (fun t => (t_role t, t_type t)) (s_seats s)). rewrite replace_map. apply replace_same. now rewrite nth_error_map, T. }
  split_matches; first [leaf | apply sound_still; first [plainly | apply S]].
Qed.

Lemma sound_join : forall s i k pc, sound s i (join s i k pc).
Proof.
  intros. unfold join, innermost, fails. destruct (Nat.eqb _ _); [|leaf].
  destruct (s_levels s) as [|v [|w rest]] eqn:L; [leaf| |].
  - exact (SKept s i v [EJoined i (v_ghost v)] L (fun _ => eq_refl)).
  - exact (SMerged s i v w rest [EJoined i (v_ghost v)] Ran L (fun _ => eq_refl) I).
Qed.

Lemma sound_abort : forall s i k pc, sound s i (abort s i k pc).
Proof.
  intros. unfold abort, innermost, fails. destruct (Nat.eqb _ _); [|leaf].
  destruct (s_levels s) as [|v rest] eqn:L; [leaf|].
  exact (STakenBack s i v rest [EAborted i (v_ghost v)] Ran L (fun _ => eq_refl) I).
Qed.

Lemma sound_fork : forall env s i k ghost pc, sound s i (fork env s i k ghost pc).
Proof.
  intros. unfold fork, fails. destruct (nth_error (k_registers k) ghost) as [[]|]; try leaf.
  match goal with |- context [if ?c then _ else _] => destruct c end; [leaf|].
  exact (SBegan s i n (s_inside (put i (moved pc (k_registers k) k) s)) [EForked i n] eq_refl (fun _ => eq_refl)).
Qed.

(** ** Sessions that are opened

    What is done in them moves no type of the session itself. *)

Lemma quiet_in : forall number es, quiet (map (EGuest number) es).
Proof. intros number es role. induction es; simpl; [reflexivity | exact IHes]. Qed.

Lemma acts_app : forall role xs ys, acts role (xs ++ ys) = acts role xs ++ acts role ys.
Proof. intros. apply flat_map_app. Qed.

Lemma quiet_app : forall xs ys, quiet xs -> quiet ys -> quiet (xs ++ ys).
Proof. intros xs ys X Y role. now rewrite acts_app, X, Y. Qed.

(** The session's own types and speculations are untouched, and nothing that is told is of its own roles. *)
Definition aside (s : session) (r : session * list event) : Prop :=
  s_levels (fst r) = s_levels s /\ typing (fst r) = typing s /\ quiet (snd r).

Lemma aside_settle : forall u s, aside s (settle u s).
Proof. intros u s. unfold settle. destruct (last_of u); repeat split; try (intros ?; reflexivity); apply quiet_in. Qed.

Lemma aside_discard : forall everything i u s, aside s (discard everything i u s).
Proof. intros. unfold discard. exact (aside_settle _ (rouse_in u s)). Qed.

Lemma aside_left : forall i us s, aside s (left_to i us s).
Proof.
  intros i us. induction us as [|u us IH]; intros s; simpl; [repeat split; intros ?; reflexivity|].
  destruct (u_draining u); [|apply IH].
  destruct (aside_discard false i u s) as [L [T Q]]. destruct (discard false i u s) as [t es]. simpl in *.
  destruct (IH t) as [L' [T' Q']]. destruct (left_to i us t) as [t' more]. simpl in *.
  unfold aside. simpl. split; [congruence|]. split; [congruence|]. now apply quiet_app.
Qed.

Lemma sound_within : forall s i u role r, sound s i (within s u role r).
Proof.
  intros s i u role r. unfold within.
  destruct (r_outcome r); try (apply sound_still; plainly);
    match goal with |- context [settle ?v ?t] => destruct (aside_settle v t) as [L [T Q]]; destruct (settle v t) as [t' es] end;
    simpl in *; apply sound_still; try exact I; try assumption; apply quiet_app; auto using quiet_in.
Qed.

Lemma sound_close_guest : forall s i k u role pc, sound s i (close_guest s i k u role pc).
Proof.
  intros. unfold close_guest, fails. destruct (existsb _ _); [|leaf].
  match goal with |- context [discard ?a ?b ?c ?d] =>
    destruct (aside_discard a b c d) as [L [T Q]]; destruct (discard a b c d) as [t es] end.
  simpl in *. apply sound_still; try exact I; assumption.
Qed.

Lemma sound_halt : forall s i k, sound s i (halt s i k).
Proof.
  intros. unfold halt, fails. destruct (_ || _); [leaf|].
  destruct (aside_left i (s_guests s) s) as [L [T Q]]. destruct (left_to i (s_guests s) s) as [t es]. simpl in *.
  apply sound_still; try exact I; try assumption. apply quiet_app; [assumption | intros ?; reflexivity].
Qed.

Lemma sound_open_guest : forall env s i k dst row pc, sound s i (open_guest env s i k dst row pc).
Proof. intros. unfold open_guest, fails. cbv zeta. split_matches; leaf. Qed.

Lemma sound_communicate : forall env h s i k p op, sound s i (communicate env h s i k p op).
Proof.
  intros env h s i k p op.
  assert (E : forall chan go, (forall j t, nth_error (s_seats s) j = Some t -> t_owner t = i -> sound s i (go j t)) ->
      sound s i (match endpoint s i k chan with inl f => fails s [] f | inr (j, t) => go j t end)).
  { intros chan go G. destruct (endpoint s i k chan) as [f|[j t]] eqn:F; [leaf|].
    apply endpoint_is_owned in F as [T O]. now apply G. }
  destruct op; simpl; try (apply E; intros j t T O); unfold decide, fails; cbv zeta; try leaf.
  - split_matches; first [leaf | now apply sound_send].
  - split_matches; first [leaf | apply sound_incoming; intros; now apply sound_take].
  - split_matches; first [leaf | now apply sound_send].
  - destruct (head (t_type t)); try leaf. destruct (Nat.eqb _ _); [|leaf]. apply sound_incoming. intros m rest.
    destruct (row_of _ _ _) as [[target dst]|]; [now apply sound_take | leaf].
  - split_matches; leaf.
Qed.

Lemma sound_execute : forall env h s i k p op, sound s i (execute env h s i k p op).
Proof.
  intros env h s i k p op.
  assert (C : forall chan, sound s i (match guest_at s k chan with
    | None => communicate env h s i k p op
    | Some (u, role) =>
        if is_shut u role then fails s [] FChannel
        else within s u role (communicate (setting_in env u) h (view env u s) i k p op) end)).
  { intros chan. destruct (guest_at s k chan) as [[u role]|]; [|apply sound_communicate].
    destruct (is_shut u role); [unfold fails; leaf | apply sound_within]. }
  destruct op; try apply C; simpl;
    try apply sound_halt; try apply sound_join; try apply sound_abort; try apply sound_fork; try apply sound_open_guest;
    try (destruct (guest_at s k _) as [[u role]|]; [apply sound_within | apply sound_transfer]);
    unfold invoke, invoke_late, acquire, release, awaited, given_back, write, silently, spawn, cast, close, tag, check, fails;
    cbv zeta; split_matches; first [apply sound_close_guest | leaf].
Qed.

(** A step preserves typing, speculations included. *)
Theorem step_preserves_typing : forall env h s i, sound s i (step env h s i).
Proof.
  intros env h s i. unfold step, fails. split_matches; first [apply sound_execute | leaf].
Qed.

(** ** Nothing by halves *)

(** A step that waits or faults has no events, moves no message, and leaves every type, every fact, every speculation and
    every session that was opened where it was. *)
Definition nothing (s : session) (r : stepped) : Prop :=
  match r_outcome r with
  | Waits _ | Faults _ =>
      r_events r = [] /\ s_queues (r_session r) = s_queues s /\ s_seats (r_session r) = s_seats s /\
      s_facts (r_session r) = s_facts s /\ s_levels (r_session r) = s_levels s /\
      s_guests (r_session r) = s_guests s
  | _ => True
  end.

Ltac idle := unfold nothing; simpl; first [exact I | repeat split; reflexivity].

Lemma nothing_enqueue : forall env s i k j t xs to_ l v next pc offered,
  nothing s (enqueue env s i k j t xs to_ l v next pc offered).
Proof. intros. unfold enqueue. destruct (if c_latest _ && _ then _ else None); exact I. Qed.

Lemma nothing_drop : forall env s i k t xs e l next pc, nothing s (drop env s i k t xs e l next pc).
Proof. intros. unfold drop, fails. destruct (elastic _ _ _ _ _); idle. Qed.

Lemma nothing_send : forall env h s i k j t to_ l val pc offered,
  nothing s (send env h s i k j t to_ l val pc offered).
Proof.
  intros. unfold send, fails. split_matches; first [apply nothing_enqueue | apply nothing_drop | idle].
Qed.

Lemma nothing_take : forall env h s i k j t from m rest dst pc chosen,
  nothing s (take env h s i k j t from m rest dst pc chosen).
Proof. intros. unfold take, fails. split_matches; idle. Qed.

Lemma nothing_incoming : forall s i k t from taken,
  (forall m rest, nothing s (taken m rest)) -> nothing s (incoming s i k t from taken).
Proof. intros. unfold incoming. destruct (queue _ _); [idle | auto]. Qed.

Lemma nothing_transfer : forall env s i k chan target pc, nothing s (transfer env s i k chan target pc).
Proof. intros. unfold transfer, fails; cbv zeta. split_matches; idle. Qed.

Lemma nothing_communicate : forall env h s i k p op, nothing s (communicate env h s i k p op).
Proof.
  intros env h s i k p op.
  assert (E : forall chan go, (forall j t, nothing s (go j t)) ->
      nothing s (match endpoint s i k chan with inl f => fails s [] f | inr (j, t) => go j t end)).
  { intros chan go G. destruct (endpoint _ _ _ chan) as [f|[j t]]; [idle | apply G]. }
  destruct op; simpl; try (apply E; intros j t); unfold decide, fails; cbv zeta; try idle.
  4: { destruct (head (t_type t)); try idle. destruct (Nat.eqb _ _); [|idle]. apply nothing_incoming. intros m rest.
       destruct (row_of _ _ _) as [[target dst]|]; [apply nothing_take | idle]. }
  all: split_matches; first [apply nothing_send | apply nothing_incoming; intros; apply nothing_take | idle].
Qed.

Lemma nothing_within : forall s u role r, nothing s (within s u role r).
Proof.
  intros s u role r. unfold within. destruct (r_outcome r); try idle; destruct (settle _ _); idle.
Qed.

Theorem nothing_by_halves : forall env h s i, nothing s (step env h s i).
Proof.
  intros. unfold step, fails. destruct (nth_error (s_coroutines s) i) as [k0|]; [|idle].
  destruct (program_of (k_role k0) env) as [p|]; [|idle].
  destruct (nth_error (p_code p) (k_pc k0)) as [op|]; [|idle].
  generalize (with_gate Open k0). intros k.
  assert (C : forall chan, nothing s (match guest_at s k chan with
    | None => communicate env h s i k p op
    | Some (u, role) =>
        if is_shut u role then fails s [] FChannel
        else within s u role (communicate (setting_in env u) h (view env u s) i k p op) end)).
  { intros chan. destruct (guest_at s k chan) as [[u role]|]; [|apply nothing_communicate].
    destruct (is_shut u role); [unfold fails; idle | apply nothing_within]. }
  destruct op; try apply C; simpl;
    try (destruct (guest_at s k _) as [[u role]|]; [apply nothing_within | apply nothing_transfer]);
    unfold invoke, invoke_late, acquire, release, awaited, given_back, write, silently, spawn, cast, halt, close, tag, check,
      join, abort, fork, open_guest, close_guest, fails; cbv zeta; split_matches; idle.
Qed.
