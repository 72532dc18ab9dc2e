(** Who owns a session: claims, capabilities, transfers and witnesses (specification, section 8). Without mutations, which change
    what hosts are told and nothing else, and without timeouts. *)

From Coq Require Import String List Bool Arith.
Import ListNotations.
Open Scope list_scope.

(** * What is shown *)

(** What is owned: the whole session, or what some of its roles may do. The session is more than all of its roles. *)
Inductive scope : Set := Whole | Part (roles : list string).

(** The right to act as an owner. *)
Record capability : Set := mk_capability {
  cap_session : nat; cap_owner : string; cap_generation : nat; cap_scope : scope }.

(** A transfer that has begun: by which claim, from whom to whom. *)
Record receipt : Set := mk_receipt {
  rc_session : nat; rc_claim : nat; rc_from : string; rc_from_generation : nat; rc_to : string; rc_to_generation : nat;
  rc_scope : scope }.

(** What an owner found to hold, or why it cancelled. *)
Record witness : Set := mk_witness {
  wt_number : nat; wt_session : nat; wt_owner : string; wt_generation : nat; wt_scope : scope; wt_text : string }.

Inductive artifact : Set :=
| ACapability (c : capability) | AReceipt (r : receipt) | AReadiness (w : witness) | ACancellation (w : witness).

(** What has become of an artifact, and why. *)
Inductive fate : Set := Issued | Consumed | Invalidated | Committed | RolledBack | TurnedDown.

Record entry : Set := mk_entry { en_artifact : artifact; en_fate : fate; en_reason : option string }.

Fixpoint names_eqb (xs ys : list string) : bool :=
  match xs, ys with
  | [], [] => true
  | x :: xs, y :: ys => String.eqb x y && names_eqb xs ys
  | _, _ => false
  end.

Definition scope_eqb (a b : scope) : bool :=
  match a, b with
  | Whole, Whole => true
  | Part xs, Part ys => names_eqb xs ys
  | _, _ => false
  end.

Definition capability_eqb (a b : capability) : bool :=
  Nat.eqb (cap_session a) (cap_session b) && String.eqb (cap_owner a) (cap_owner b) &&
  Nat.eqb (cap_generation a) (cap_generation b) && scope_eqb (cap_scope a) (cap_scope b).

Definition receipt_eqb (a b : receipt) : bool :=
  Nat.eqb (rc_session a) (rc_session b) && Nat.eqb (rc_claim a) (rc_claim b) && String.eqb (rc_from a) (rc_from b) &&
  Nat.eqb (rc_from_generation a) (rc_from_generation b) && String.eqb (rc_to a) (rc_to b) &&
  Nat.eqb (rc_to_generation a) (rc_to_generation b) && scope_eqb (rc_scope a) (rc_scope b).

Definition witness_eqb (a b : witness) : bool :=
  Nat.eqb (wt_number a) (wt_number b) && Nat.eqb (wt_session a) (wt_session b) && String.eqb (wt_owner a) (wt_owner b) &&
  Nat.eqb (wt_generation a) (wt_generation b) && scope_eqb (wt_scope a) (wt_scope b) && String.eqb (wt_text a) (wt_text b).

(** Whether whoever has the outer scope has the inner one. *)
Definition lies_in (inner outer : scope) : bool :=
  match outer, inner with
  | Whole, _ => true
  | Part _, Whole => false
  | Part all, Part some => forallb (fun r => existsb (String.eqb r) all) some
  end.

Definition has_part (role : string) (s : scope) : bool :=
  match s with Whole => true | Part roles => existsb (String.eqb role) roles end.

(** * What is in force *)

(** An owner: what was claimed, and the scopes of its capabilities in the order in which they were given. *)
Record owner : Set := mk_owner { ow_name : string; ow_all : scope; ow_scopes : list scope }.

Record owning : Set := mk_owning {
  og_owner : option owner;
  (** Of the capabilities in force, or of the next. *)
  og_generation : nat;
  og_staged : option receipt;
  (** Witnesses that were issued and neither used nor withdrawn, and the numbers of those that this owner has used. *)
  og_ready : list witness;
  og_used : list nat;
  (** The next claim, and the next witness. *)
  og_claim : nat;
  og_witness : nat }.

Definition unowned : owning := mk_owning None 0 None [] [] 1 1.

(** What owners and hosts do. *)
Inductive deed : Set :=
| Claim (name : string) (all : scope)
| GiveUp (shown : capability)
| BeginTransfer (shown : capability) (heir : string)
(** Whoever waits for the host in its scope has failed, or is taken along. *)
| CommitTransfer (shown : receipt) (invalidates : bool)
| RollBack (shown : receipt)
| Attenuate (shown : capability) (to_ : scope)
| IssueReadiness (shown : capability) (predicate : string)
| ConsumeReadiness (shown : capability) (used : witness)
| OwnerDied (name : string)
| FailCommit (shown : receipt) (why : string)
| Abandon (shown : receipt) (why : string).

Inductive objection : Set :=
| AlreadyClaimed | Unclaimed | StaleCapability | ScopeViolation | TransferPending | TransferNotPending | ReceiptMismatch
| InvalidWitness | WitnessConsumed | SessionOver.

Inductive demise : Set := Died | CommitFailed | Abandoned.

(** What a deed comes to. *)
Record done : Set := mk_done {
  dn_owning : owning; dn_said : list entry; dn_issued : option artifact; dn_demise : option demise }.

Definition need {A} (holds : bool) (or_else : objection) (then_ : objection + A) : objection + A :=
  if holds then then_ else inl or_else.

Definition capability_of (sid : nat) (name : string) (generation : nat) (s : scope) : capability :=
  mk_capability sid name generation s.

(** The owner, where the capability is of the generation in force. *)
Definition shown_by {A} (sid : nat) (o : owning) (c : capability) (go : owner -> objection + A) : objection + A :=
  match og_owner o with
  | None => inl Unclaimed
  | Some w =>
      need (Nat.eqb (cap_session c) sid && String.eqb (cap_owner c) (ow_name w) &&
            Nat.eqb (cap_generation c) (og_generation o)) StaleCapability (go w)
  end.

(** The transfer that has begun, where the receipt is its own word by word. *)
Definition staged_as {A} (o : owning) (r : receipt) (go : receipt -> objection + A) : objection + A :=
  match og_staged o with
  | None => inl TransferNotPending
  | Some staged => need (receipt_eqb staged r) ReceiptMismatch (go staged)
  end.

Definition at_rest (o : owning) : bool := match og_staged o with None => true | Some _ => false end.

(** A capability that was given and not withdrawn, with that scope or a narrower one. *)
Definition given (w : owner) (s : scope) : bool := existsb (scope_eqb s) (ow_scopes w).
Definition covers (w : owner) (c : capability) (s : scope) : bool := given w (cap_scope c) && lies_in s (cap_scope c).

Definition named (name : string) : bool := negb (String.eqb name "").

(** * What changes *)

Definition issued (a : artifact) : entry := mk_entry a Issued None.

(** A new owner, with a capability for all that it owns. *)
Definition owned_by (sid : nat) (name : string) (all : scope) (claim : nat) (o : owning) : owning * artifact :=
  (mk_owning (Some (mk_owner name all [all])) (og_generation o) (og_staged o) (og_ready o) [] claim (og_witness o),
   ACapability (capability_of sid name (og_generation o) all)).

(** What the owner holds loses its force. *)
Definition losses (sid : nat) (why : string) (o : owning) : list entry :=
  match og_owner o with
  | None => []
  | Some w =>
      map (fun s => mk_entry (ACapability (capability_of sid (ow_name w) (og_generation o) s)) Invalidated (Some why))
        (ow_scopes w) ++
      map (fun r => mk_entry (AReadiness r) Invalidated (Some why)) (og_ready o)
  end.

(** The owner is gone, and the generation goes on. *)
Definition stripped (o : owning) : owning :=
  match og_owner o with
  | None => o
  | Some _ => mk_owning None (S (og_generation o)) (og_staged o) [] (og_used o) (og_claim o) (og_witness o)
  end.

Definition unstaged (o : owning) : owning :=
  mk_owning (og_owner o) (og_generation o) None (og_ready o) (og_used o) (og_claim o) (og_witness o).

(** Nothing is in force any more: the transfer that has begun is undone, and the owner is gone. *)
Definition closing (sid : nat) (reason : string) (why : option string) (o : owning) : list entry :=
  let because := match why with Some text => text | None => reason end in
  match og_staged o with Some r => [mk_entry (AReceipt r) RolledBack (Some because)] | None => [] end ++
  losses sid reason o.

Definition closed (o : owning) : owning := stripped (unstaged o).

Definition ends (sid : nat) (reason : string) (why : option string) (how : demise) (said : list entry)
    (given : option artifact) (o : owning) : objection + done :=
  inr (mk_done (closed o) (said ++ closing sid reason why o) given (Some how)).

(** * The rules *)

Definition claim (sid : nat) (o : owning) (name : string) (all : scope) : objection + done :=
  match og_owner o with
  | Some _ => inl AlreadyClaimed
  | None =>
      need (named name) InvalidWitness
        (let '(o, given) := owned_by sid name all (S (og_claim o)) o in inr (mk_done o [issued given] (Some given) None))
  end.

Definition begin_transfer (sid : nat) (o : owning) (c : capability) (heir : string) : objection + done :=
  shown_by sid o c (fun w =>
    need (at_rest o) TransferPending (need (named heir) InvalidWitness (need (scope_eqb (cap_scope c) (ow_all w)) ScopeViolation
      (let g := og_generation o in
       let r := mk_receipt sid (og_claim o) (ow_name w) g heir (S g) (ow_all w) in
       inr (mk_done (mk_owning (og_owner o) g (Some r) (og_ready o) (og_used o) (S (og_claim o)) (og_witness o))
         [issued (AReceipt r)] (Some (AReceipt r)) None))))).

(** The old owner is revoked, and only then is the new one activated. *)
Definition commit (sid : nat) (o : owning) (shown : receipt) : objection + done :=
  staged_as o shown (fun r =>
    let '(after, given) := owned_by sid (rc_to r) (rc_scope r) (og_claim o) (closed o) in
    inr (mk_done after (mk_entry (AReceipt r) Committed None :: losses sid "transferred" o ++ [issued given])
      (Some given) None)).

Definition attenuate (sid : nat) (o : owning) (c : capability) (to_ : scope) : objection + done :=
  shown_by sid o c (fun w =>
    need (covers w c to_) ScopeViolation
      (let narrower := ACapability (capability_of sid (ow_name w) (og_generation o) to_) in
       if given w to_ then inr (mk_done o [] (Some narrower) None)
       else
         let w := mk_owner (ow_name w) (ow_all w) (ow_scopes w ++ [to_]) in
         inr (mk_done
           (mk_owning (Some w) (og_generation o) (og_staged o) (og_ready o) (og_used o) (og_claim o) (og_witness o))
           [issued narrower] (Some narrower) None))).

Definition issue_readiness (sid : nat) (o : owning) (c : capability) (predicate : string) : objection + done :=
  shown_by sid o c (fun w =>
    need (at_rest o) TransferPending (need (given w (cap_scope c)) ScopeViolation
      (let r := mk_witness (og_witness o) sid (ow_name w) (og_generation o) (cap_scope c) predicate in
       inr (mk_done
         (mk_owning (og_owner o) (og_generation o) (og_staged o) (og_ready o ++ [r]) (og_used o) (og_claim o)
           (S (og_witness o)))
         [issued (AReadiness r)] (Some (AReadiness r)) None)))).

Definition consume_readiness (sid : nat) (o : owning) (c : capability) (used : witness) : objection + done :=
  shown_by sid o c (fun w =>
    need (at_rest o) TransferPending (need (covers w c (wt_scope used)) ScopeViolation
      (need (negb (existsb (Nat.eqb (wt_number used)) (og_used o))) WitnessConsumed
        (need (existsb (witness_eqb used) (og_ready o)) InvalidWitness
          (inr (mk_done
            (mk_owning (og_owner o) (og_generation o) (og_staged o)
              (filter (fun r => negb (witness_eqb used r)) (og_ready o)) (wt_number used :: og_used o) (og_claim o)
              (og_witness o))
            [mk_entry (AReadiness used) Consumed None] None None)))))).

Definition abandon (sid : nat) (o : owning) (shown : receipt) (why : string) : objection + done :=
  staged_as o shown (fun r =>
    let w := mk_witness (og_witness o) sid (rc_from r) (rc_from_generation r) (rc_scope r) why in
    let said := [mk_entry (ACancellation w) Issued (Some why); mk_entry (ACancellation w) Consumed (Some why)] in
    ends sid "transfer_abandoned" (Some why) Abandoned said (Some (ACancellation w)) o).

(** What a deed does to the ownership of a session that goes on. *)
Definition perform (sid : nat) (o : owning) (d : deed) : objection + done :=
  match d with
  | Claim name all => claim sid o name all
  | GiveUp c =>
      shown_by sid o c (fun w =>
        need (at_rest o) TransferPending (need (scope_eqb (cap_scope c) (ow_all w)) ScopeViolation
          (inr (mk_done (stripped o) (losses sid "released" o) None None))))
  | BeginTransfer c heir => begin_transfer sid o c heir
  | CommitTransfer r _ => commit sid o r
  | RollBack r =>
      staged_as o r (fun staged =>
        inr (mk_done (unstaged o) [mk_entry (AReceipt staged) RolledBack None] None None))
  | Attenuate c to_ => attenuate sid o c to_
  | IssueReadiness c predicate => issue_readiness sid o c predicate
  | ConsumeReadiness c used => consume_readiness sid o c used
  | OwnerDied name =>
      match og_owner o with
      | None => inl Unclaimed
      | Some w => need (String.eqb (ow_name w) name) StaleCapability (ends sid "owner_died" None Died [] None o)
      end
  | FailCommit r why => staged_as o r (fun _ => ends sid "transfer_commit_failed" (Some why) CommitFailed [] None o)
  | Abandon r why => abandon sid o r why
  end.

(** What was shown, where something was. *)
Definition shown_in (d : deed) : option artifact :=
  match d with
  | GiveUp c | BeginTransfer c _ | Attenuate c _ | IssueReadiness c _ => Some (ACapability c)
  | CommitTransfer r _ | RollBack r | FailCommit r _ | Abandon r _ => Some (AReceipt r)
  | ConsumeReadiness _ w => Some (AReadiness w)
  | Claim _ _ | OwnerDied _ => None
  end.

Definition objection_text (x : objection) : string :=
  match x with
  | AlreadyClaimed => "the session has an owner"
  | Unclaimed => "the session has no owner; claim it first"
  | StaleCapability => "the capability is not the one in force; its owner or generation has passed on"
  | ScopeViolation => "the capability's scope does not cover this"
  | TransferPending => "a transfer has begun; commit it or roll it back first"
  | TransferNotPending => "no transfer has begun"
  | ReceiptMismatch => "the receipt is of another transfer"
  | InvalidWitness => "the witness was not issued for this"
  | WitnessConsumed => "the witness was used before"
  | SessionOver => "the session's ownership has ended"
  end.

(** What is on record of a deed that is refused. *)
Definition refused_entries (d : deed) (x : objection) : list entry :=
  match shown_in d with Some a => [mk_entry a TurnedDown (Some (objection_text x))] | None => [] end.
