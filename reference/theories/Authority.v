(** Results and ownership (specification, section 8): a result that comes after an effect was invalidated is rejected and
    changes nothing; a committed handoff revokes the old owner before it activates the new one, and every effect that is
    pending at the handoff is transported or invalidated exactly once. *)

From Coq Require Import String List Bool Arith Lia.
Import ListNotations.
Open Scope list_scope.

(** * Outstanding effects *)

Inductive effect_status : Set := EPending | EBlocked | ESucceeded | EFailed | ECancelled | EInvalidated.

Definition outstanding (s : effect_status) : bool := match s with EPending | EBlocked => true | _ => false end.

Record effect : Set := mk_effect { f_id : nat; f_owner : nat; f_status : effect_status }.

Inductive answered : Set := Accepted | Late | Unknown.

Definition settle (status : effect_status) (e : effect) : effect := mk_effect (f_id e) (f_owner e) status.

(** A result for an effect: taken where the effect is outstanding, rejected anywhere else. *)
Fixpoint complete (i : nat) (result : effect_status) (es : list effect) : list effect * answered :=
  match es with
  | [] => ([], Unknown)
  | e :: rest =>
      if Nat.eqb i (f_id e) then
        if outstanding (f_status e) then (settle result e :: rest, Accepted) else (es, Late)
      else let '(rest', a) := complete i result rest in (e :: rest', a)
  end.

Fixpoint status_of (i : nat) (es : list effect) : option effect_status :=
  match es with
  | [] => None
  | e :: rest => if Nat.eqb i (f_id e) then Some (f_status e) else status_of i rest
  end.

Theorem late_result_rejected : forall i result es s,
  status_of i es = Some s -> outstanding s = false -> complete i result es = (es, Late).
Proof.
  induction es as [|e es IH]; simpl; intros s S O; [discriminate|].
  destruct (Nat.eqb i (f_id e)) eqn:E.
  - injection S as <-. now rewrite O.
  - now rewrite (IH s S O).
Qed.

(** The first accepted result stands: a second one, whatever it says, is late. *)
Theorem accepted_once : forall i first second es es',
  outstanding first = false -> complete i first es = (es', Accepted) -> complete i second es' = (es', Late).
Proof.
  induction es as [|e es IH]; simpl; intros es' O C; [discriminate|].
  destruct (Nat.eqb i (f_id e)) eqn:E.
  - destruct (outstanding (f_status e)); [|discriminate]. injection C as <-. simpl. now rewrite E, O.
  - destruct (complete i first es) as [rest a] eqn:R. injection C as <- ->. simpl. rewrite E.
    now rewrite (IH rest O eq_refl).
Qed.

(** * Handoffs *)

Inductive authority_event : Set := Activated (owner : nat) | Revoked (owner : nat).

(** Who may act; the events that made it so, oldest first; and the effects that are out. *)
Record holding : Set := mk_holding {
  h_owner : option nat; h_generation : nat; h_log : list authority_event; h_effects : list effect }.

(** What happens to an effect that is outstanding at a handoff. *)
Definition carry (transport : nat -> bool) (to_ : nat) (e : effect) : effect :=
  if outstanding (f_status e) then
    if transport (f_id e) then mk_effect (f_id e) to_ (f_status e) else settle EInvalidated e
  else e.

Definition handoff (transport : nat -> bool) (from to_ : nat) (h : holding) : option holding :=
  match h_owner h with
  | Some owner =>
      if Nat.eqb owner from then
        Some (mk_holding (Some to_) (S (h_generation h)) (h_log h ++ [Revoked from; Activated to_])
                (map (carry transport to_) (h_effects h)))
      else None
  | None => None
  end.

(** Who is active behind a list of events. *)
Definition active_after (log : list authority_event) : list nat :=
  fold_left (fun active e => match e with
    | Activated o => o :: active
    | Revoked o => filter (fun a => negb (Nat.eqb a o)) active
    end) log [].

(** At no point of the log have two owners been active. *)
Definition never_two (log : list authority_event) : Prop :=
  forall n, length (active_after (firstn n log)) <= 1.

Definition well_held (h : holding) : Prop :=
  never_two (h_log h) /\
  active_after (h_log h) = match h_owner h with Some o => [o] | None => [] end.

Lemma active_app : forall xs ys,
  active_after (xs ++ ys) =
  fold_left (fun active e => match e with
    | Activated o => o :: active
    | Revoked o => filter (fun a => negb (Nat.eqb a o)) active
    end) ys (active_after xs).
Proof. intros. unfold active_after. now rewrite fold_left_app. Qed.

(** A committed handoff revokes before it activates: the log says so, and nobody else ever was active beside. *)
Theorem handoff_revokes_first : forall transport from to_ h h',
  handoff transport from to_ h = Some h' -> h_log h' = h_log h ++ [Revoked from; Activated to_].
Proof.
  intros transport from to_ h h' E. unfold handoff in E. destruct (h_owner h); [|discriminate].
  destruct (Nat.eqb n from); [|discriminate]. now injection E as <-.
Qed.

Theorem handoff_well_held : forall transport from to_ h h',
  well_held h -> handoff transport from to_ h = Some h' -> well_held h'.
Proof.
  intros transport from to_ h h' [N A] E. unfold handoff in E.
  destruct (h_owner h) as [o|]; [|discriminate]. destruct (Nat.eqb_spec o from) as [-> |]; [|discriminate].
  injection E as <-. split; simpl.
  - intros n. rewrite firstn_app. destruct (Nat.le_gt_cases n (length (h_log h))) as [L | L].
    + replace (n - length (h_log h)) with 0 by lia. simpl. rewrite app_nil_r. apply N.
    + rewrite firstn_all2 by lia. rewrite active_app, A.
      destruct (n - length (h_log h)) as [|[|m]]; simpl; [lia | |]; rewrite Nat.eqb_refl; simpl; [lia|].
      destruct m; simpl; lia.
  - rewrite active_app, A. simpl. now rewrite Nat.eqb_refl.
Qed.

(** The old owner's capability is stale behind it: generations grow. *)
Theorem handoff_generation : forall transport from to_ h h',
  handoff transport from to_ h = Some h' -> h_generation h' = S (h_generation h).
Proof.
  intros transport from to_ h h' E. unfold handoff in E. destruct (h_owner h); [|discriminate].
  destruct (Nat.eqb n from); [|discriminate]. now injection E as <-.
Qed.

(** Every outstanding effect is transported or invalidated, and never both; a settled one is left alone. *)
Theorem handoff_settles_each : forall transport from to_ h h' e,
  handoff transport from to_ h = Some h' -> In e (h_effects h) ->
  (outstanding (f_status e) = true ->
    (transport (f_id e) = true /\ In (mk_effect (f_id e) to_ (f_status e)) (h_effects h')) \/
    (transport (f_id e) = false /\ In (settle EInvalidated e) (h_effects h'))) /\
  (outstanding (f_status e) = false -> In e (h_effects h')).
Proof.
  intros transport from to_ h h' e E I. unfold handoff in E. destruct (h_owner h); [|discriminate].
  destruct (Nat.eqb n from); [|discriminate]. injection E as <-. simpl.
  apply (in_map (carry transport to_)) in I. unfold carry in I.
  destruct (outstanding (f_status e)), (transport (f_id e)) eqn:T; split; intros O; try discriminate; auto.
Qed.

Lemma status_carried : forall transport to_ i es s,
  status_of i es = Some s -> outstanding s = true -> transport i = false ->
  status_of i (map (carry transport to_) es) = Some EInvalidated.
Proof.
  induction es as [|e es IH]; simpl; intros s S O T; [discriminate|].
  assert (F : f_id (carry transport to_ e) = f_id e).
  { unfold carry. destruct (outstanding (f_status e)); [destruct (transport (f_id e))|]; reflexivity. }
  rewrite F. destruct (Nat.eqb_spec i (f_id e)) as [-> |]; [|now apply IH with s].
  injection S as <-. unfold carry. now rewrite O, T.
Qed.

(** A result for an effect that a handoff invalidated is late. *)
Theorem invalidated_by_handoff_is_late : forall transport from to_ h h' i s result,
  handoff transport from to_ h = Some h' -> status_of i (h_effects h) = Some s -> outstanding s = true ->
  transport i = false -> complete i result (h_effects h') = (h_effects h', Late).
Proof.
  intros transport from to_ h h' i s result E S O T. unfold handoff in E. destruct (h_owner h); [|discriminate].
  destruct (Nat.eqb n from); [|discriminate]. injection E as <-. simpl.
  apply late_result_rejected with EInvalidated; [now apply status_carried with s | reflexivity].
Qed.
