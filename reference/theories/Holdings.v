(** Who owns what at which event of a trace, as the audit tells; the sessions that have changed hands; and the reads that rest on
    witnesses. Semantic objects are made of it. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners Names Code.
Import ListNotations.
Open Scope list_scope.

(** * Who owns what, when *)

(** What a session's owner has, as the audit tells: the owner, and the transfer that has begun. The owner of one that has ended is
    the last one. *)
Record holding : Set := mk_holding { hd_owner : option string; hd_scope : scope; hd_staged : option receipt }.

Definition nobody : holding := mk_holding None Whole None.

Definition is_transfer (r : receipt) : bool := negb (String.eqb (rc_from r) (rc_to r)).

(** The transfer that a new capability completes. *)
Definition completes (h : holding) (c : capability) : option receipt :=
  match hd_staged h with
  | Some r => if Nat.eqb (rc_to_generation r) (cap_generation c) then Some r else None
  | None => None
  end.

Definition held_on (h : holding) (said : entry) : holding :=
  match en_artifact said, en_fate said with
  | ACapability c, Issued =>
      match completes h c, hd_owner h with
      | Some r, _ => mk_holding (Some (rc_to r)) (hd_scope h) None
      | None, None => mk_holding (Some (cap_owner c)) (cap_scope c) (hd_staged h)
      | None, Some _ => h
      end
  | ACapability _, Invalidated =>
      match en_reason said with
      | Some "released" => mk_holding None (hd_scope h) (hd_staged h)
      | _ => h
      end
  | AReceipt r, Issued => if is_transfer r then mk_holding (hd_owner h) (hd_scope h) (Some r) else h
  | AReceipt _, RolledBack => mk_holding (hd_owner h) (hd_scope h) None
  | _, _ => h
  end.

Fixpoint holding_of (sid : nat) (hs : list (nat * holding)) : holding :=
  match hs with
  | [] => nobody
  | (i, h) :: hs => if Nat.eqb i sid then h else holding_of sid hs
  end.

Definition holdings_on (hs : list (nat * holding)) (e : nat * nat * event) : list (nat * holding) :=
  match e with
  | (_, sid, EAuthority said) =>
      (sid, held_on (holding_of sid hs) said) :: filter (fun x => negb (Nat.eqb (fst x) sid)) hs
  | _ => hs
  end.

(** Who owns what at the end of a trace, by session. *)
Definition holdings (trace : list (nat * nat * event)) : list (nat * holding) := fold_left holdings_on trace [].

(** Every event with what its session's owner had before it. *)
Fixpoint attended (hs : list (nat * holding)) (trace : list (nat * nat * event)) : list (nat * nat * event * holding) :=
  match trace with
  | [] => []
  | e :: trace => (e, holding_of (snd (fst e)) hs) :: attended (holdings_on hs e) trace
  end.

Definition attended_trace (trace : list (nat * nat * event)) : list (nat * nat * event * holding) := attended [] trace.

Lemma attended_app : forall trace more hs,
  attended hs (trace ++ more) = attended hs trace ++ attended (fold_left holdings_on trace hs) more.
Proof. induction trace as [|e trace IH]; intros more hs; simpl; [reflexivity | now rewrite IH]. Qed.

(** Who owns what a role may do. *)
Definition owner_for (role : string) (h : holding) : option string :=
  if has_part role (hd_scope h) then hd_owner h else None.

(** * What changes hands *)

(** A session that changes hands: it has begun, was done, or was undone for some reason. *)
Inductive course : Set := Begun | Done_ | Undone (why : option string).

Record handover : Set := mk_handover {
  v_session : nat; v_receipt : receipt; v_course : course; v_round : nat; v_owner : option string;
  v_affected : list (nat * nat); v_invalidated : bool }.

Definition is_of (sid claim : nat) (v : handover) : bool := Nat.eqb (v_session v) sid && Nat.eqb (rc_claim (v_receipt v)) claim.

Definition handover_ends (sid claim round : nat) (c : course) (owner : option string) (v : handover) : handover :=
  if is_of sid claim v then mk_handover sid (v_receipt v) c round owner (v_affected v) (v_invalidated v) else v.

Definition handover_on (vs : list handover) (x : nat * nat * event * holding) : list handover :=
  match x with
  | (round, sid, ESettled claim affected invalidated, _) =>
      map (fun v =>
        if is_of sid claim v then
          mk_handover sid (v_receipt v) (v_course v) (v_round v) (v_owner v) affected invalidated
        else v) vs
  | (round, sid, EAuthority said, h) =>
      match en_artifact said, en_fate said with
      | AReceipt r, Issued => if is_transfer r then vs ++ [mk_handover sid r Begun round None [] false] else vs
      | AReceipt r, RolledBack => map (handover_ends sid (rc_claim r) round (Undone (en_reason said)) (hd_owner h)) vs
      | ACapability c, Issued =>
          match completes h c, hd_owner h with
          | Some r, _ => map (handover_ends sid (rc_claim r) round Done_ (Some (rc_to r))) vs
          (* With the first owner after nobody the history begins anew. *)
          | None, None => filter (fun v => negb (Nat.eqb (v_session v) sid)) vs
          | None, Some _ => vs
          end
      | _, _ => vs
      end
  | _ => vs
  end.

Definition handovers (trace : list (nat * nat * event)) : list handover := fold_left handover_on (attended_trace trace) [].

(** * Reads that rest on witnesses *)

(** Where a witness stands; one that was shown in vain is a read of its own. *)
Record reading : Set := mk_reading {
  g_session : nat; g_cancels : bool; g_witness : witness; g_refused : bool; g_fate : fate; g_why : option string }.

Definition same_reading (sid : nat) (cancels refused : bool) (w : witness) (g : reading) : bool :=
  Nat.eqb (g_session g) sid && Bool.eqb (g_cancels g) cancels && Bool.eqb (g_refused g) refused &&
  Nat.eqb (wt_number (g_witness g)) (wt_number w).

Definition read_on (gs : list reading) (sid : nat) (cancels : bool) (w : witness) (said : entry) : list reading :=
  let refused := match en_fate said with TurnedDown => true | _ => false end in
  let same := same_reading sid cancels refused w in
  if existsb same gs then
    if refused then gs
    else
      map (fun g =>
        if same g then
          mk_reading sid cancels (g_witness g) false (en_fate said)
            (match en_reason said with Some why => Some why | None => g_why g end)
        else g) gs
  else
    let why := if refused then en_reason said else if cancels then Some (wt_text w) else None in
    gs ++ [mk_reading sid cancels w refused (en_fate said) why].

Definition reading_on (gs : list reading) (e : nat * nat * event) : list reading :=
  match e with
  | (_, sid, EAuthority said) =>
      match en_artifact said with
      | AReadiness w => read_on gs sid false w said
      | ACancellation w => read_on gs sid true w said
      | _ => gs
      end
  | _ => gs
  end.

Definition readings (trace : list (nat * nat * event)) : list reading := fold_left reading_on trace [].
