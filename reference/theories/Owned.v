(** Sessions that somebody owns: what a deed does to a session that goes on, and to whoever waits for the host in it. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners Names Code State Session Island Late Guests Sites.
Import ListNotations.
Open Scope list_scope.

Definition with_owning (o : owning) (s : session) : session :=
  let b := s_beyond s in
  with_beyond
    (mk_beyond (b_delegated b) (b_answers b) (b_spent b) (b_evidence b) (b_cut b) (b_opened b) (b_crashed b) o) s.

(** Whether a coroutine waits for the host. *)
Definition waits_for_host (env : setting) (k : coroutine) : bool :=
  match question env k with Some _ => true | None => false end.

(** Whoever waits for the host in a scope, in order, each with the how-manieth of its effects that is. *)
Fixpoint pending_among (env : setting) (sc : scope) (ks : list coroutine) (i : nat) : list (nat * nat) :=
  match ks with
  | [] => []
  | k :: ks =>
      (if waits_for_host env k && has_part (k_role k) sc then [(i, pred (k_asked k))] else []) ++
      pending_among env sc ks (S i)
  end.

Definition pending_in (env : setting) (sc : scope) (s : session) : list (nat * nat) :=
  pending_among env sc (s_coroutines s) 0.

(** What is answered in the host's place. *)
Definition stale : answer :=
  OFailed "stale_authority" "the session was handed over, and what was pending did not go along".

Definition is_among (i : nat) (affected : list (nat * nat)) : bool := existsb (fun x => Nat.eqb (fst x) i) affected.

Fixpoint let_go (affected : list (nat * nat)) (ks : list coroutine) (i : nat) : list coroutine :=
  match ks with
  | [] => []
  | k :: ks => (if is_among i affected then with_gate Open k else k) :: let_go affected ks (S i)
  end.

(** These have failed, as what they were asked under is gone. *)
Definition lost (affected : list (nat * nat)) (s : session) : session :=
  let b := s_beyond s in
  let answers := b_answers b ++ map (fun x => (fst x, stale)) affected in
  with_beyond
    (mk_beyond (b_delegated b) answers (b_spent b) (b_evidence b) (b_cut b) (b_opened b) (b_crashed b) (b_owning b))
    (with_coroutines (let_go affected (s_coroutines s) 0) s).

(** A commit settles everything that is pending in its scope, all of it in one way. What an owner hands to itself settles nothing. *)
Definition settled (env : setting) (d : deed) (s : session) : session * list event :=
  match d with
  | CommitTransfer r invalidates =>
      if String.eqb (rc_from r) (rc_to r) then (s, [])
      else
        let affected := pending_in env (rc_scope r) s in
        ((if invalidates then lost affected s else s), [ESettled (rc_claim r) affected invalidates])
  | _ => (s, [])
  end.

(** How a session ends with its ownership. *)
Definition demised (how : demise) : terminal * list event :=
  match how with
  | Died | CommitFailed => (TFaulted, [])
  | Abandoned => (TCancelled, [ECancellationRequested; ECancelled])
  end.

(** What comes of a deed: what is issued, or why it is refused; and what is on record of it. *)
Record came : Set := mk_came { cm_result : objection + option artifact; cm_said : list entry }.

(** A session behind a deed, what it tells, and what comes of it. *)
Definition owned (env : setting) (d : deed) (s : session) : session * list event * came :=
  if negb (live s) then (s, [], mk_came (inl SessionOver) []) else
  match perform (s_id s) (s_owning s) d with
  | inl x => let said := refused_entries d x in (s, map EAuthority said, mk_came (inl x) said)
  | inr done =>
      let '(s, settling) := settled env d (with_owning (dn_owning done) s) in
      let es := settling ++ map EAuthority (dn_said done) in
      let result := mk_came (inr (dn_issued done)) (dn_said done) in
      match dn_demise done with
      | None => (s, es, result)
      | Some how =>
          let '(t, last_words) := demised how in
          (at_ (s_current s) (Some t) (withdrawn s), es ++ last_words ++ ends_of (withdrawn s) t, result)
      end
  end.
