(** The [wal_sync] gate (specification, section 6): what has to be in the log of an operation before something becomes
    visible, in which order it is written, and what the log does not take. *)

From Coq Require Import String List Bool Arith Lia.
From Motet Require Import Durability.
Import ListNotations.
Open Scope list_scope.

Record evidence : Set := mk_evidence { v_id : string; v_level : agreement_level; v_authoritative : bool }.

Inductive record : Set :=
| REvidence (v : evidence)
| REscalation (previous next : agreement_level) (on : string)
| REnd (how : finalization)
| RCrossing (who : string) (gate : agreement_level).

Definition level_eqb (a b : agreement_level) : bool := Nat.eqb (rank a) (rank b).

Definition how_eqb (a b : finalization) : bool :=
  match a, b with
  | Finalized, Finalized | Aborted, Aborted | Rejected, Rejected | TimedOut, TimedOut => true
  | _, _ => false
  end.

(** Two records of one identity are one fact. *)
Definition about_the_same (a b : record) : bool :=
  match a, b with
  | REvidence v, REvidence w => String.eqb (v_id v) (v_id w)
  | REscalation _ n _, REscalation _ m _ => level_eqb n m
  | REnd _, REnd _ => true
  | RCrossing w g, RCrossing x h => String.eqb w x && level_eqb g h
  | _, _ => false
  end.

Definition record_eqb (a b : record) : bool :=
  match a, b with
  | REvidence v, REvidence w =>
      String.eqb (v_id v) (v_id w) && level_eqb (v_level v) (v_level w) &&
      Bool.eqb (v_authoritative v) (v_authoritative w)
  | REscalation p n e, REscalation q m f => level_eqb p q && level_eqb n m && String.eqb e f
  | REnd x, REnd y => how_eqb x y
  | RCrossing w g, RCrossing x h => String.eqb w x && level_eqb g h
  | _, _ => false
  end.

(** How far the operation has got by its log, oldest record first. One of which nothing is known is provisional. *)
Definition level_of (log : list record) : agreement_level :=
  fold_left (fun l r => match r with REscalation _ n _ => n | _ => l end) log LProvisional.

Definition end_of (log : list record) : option finalization :=
  fold_left (fun e r => match r with REnd how => Some how | _ => e end) log None.

Definition rises (a b : agreement_level) : bool :=
  match a, b with
  | LProvisional, (LSoftSafe | LFinalized) | LSoftSafe, LFinalized => true
  | _, _ => false
  end.

Definition rests_on (id : string) (r : record) : bool :=
  match r with REvidence v => String.eqb id (v_id v) && v_authoritative v | _ => false end.

Definition permitted (log : list record) (r : record) : bool :=
  match r, end_of log with
  | REvidence _, _ => true
  | REscalation previous next on, None =>
      level_eqb previous (level_of log) && rises previous next && existsb (rests_on on) log
  | REnd how, None =>
      match how, level_of log with
      | Finalized, LFinalized | Aborted, (LProvisional | LSoftSafe) | (Rejected | TimedOut), LSoftSafe => true
      | _, _ => false
      end
  | RCrossing _ gate, ended =>
      Nat.leb (rank gate) (rank (level_of log)) &&
      match ended, gate with
      | None, _ | Some Finalized, _ | _, LNone => true
      | _, _ => false
      end
  | _, _ => false
  end.

Inductive admitted : Set := New | Known | Refused.

Definition judge (log : list record) (r : record) : admitted :=
  match find (about_the_same r) log with
  | Some known => if record_eqb known r then Known else Refused
  | None => if permitted log r then New else Refused
  end.

(** Records in order: those that are new are written, and one that is refused refuses all. *)
Fixpoint written (log : list record) (rs : list record) : option (list record) :=
  match rs with
  | [] => Some []
  | r :: rs =>
      match judge log r with
      | New => option_map (cons r) (written (log ++ [r]) rs)
      | Known => written log rs
      | Refused => None
      end
  end.

Record sync : Set := mk_sync {
  y_evidence : list evidence;  (** in the order of their ids *)
  y_state : option agreement;  (** how far agreement has got *)
  y_who : string;
  y_gate : agreement_level }.

(** What an escalation rests on: the first evidence with authority for the level, or the first there is. *)
Definition backing (to_ : agreement_level) (vs : list evidence) : string :=
  match find (fun v => v_authoritative v && Nat.leb (rank to_) (rank (v_level v))) vs, vs with
  | Some v, _ | None, v :: _ => v_id v
  | None, [] => EmptyString
  end.

(** Evidence, escalation, end, crossing. *)
Definition wanted (log : list record) (y : sync) : list record :=
  map REvidence (y_evidence y) ++
  match y_state y with
  | None => []
  | Some a =>
      (if level_eqb (a_level a) (level_of log) then []
       else [REscalation (level_of log) (a_level a) (backing (a_level a) (y_evidence y))]) ++
      match a_final a with Some how => [REnd how] | None => [] end
  end ++ [RCrossing (y_who y) (y_gate y)].

Definition missing (log : list record) (y : sync) : option (list record) := written log (wanted log y).

(** * What holds of it *)

(** What is written is part of what is wanted, in its order. *)
Inductive part_of {A} : list A -> list A -> Prop :=
| part_nil : part_of [] []
| part_left : forall x xs ys, part_of xs ys -> part_of xs (x :: ys)
| part_taken : forall x xs ys, part_of xs ys -> part_of (x :: xs) (x :: ys).

Theorem written_in_order : forall log y rs, missing log y = Some rs -> part_of rs (wanted log y).
Proof.
  intros log y. unfold missing. generalize (wanted log y). intros ws. revert log.
  induction ws as [|w ws IH]; intros log rs E; simpl in E.
  - injection E as <-. constructor.
  - destruct (judge log w).
    + destruct (written (log ++ [w]) ws) eqn:W; [|discriminate]. injection E as <-.
      apply part_taken. now apply (IH (log ++ [w])).
    + apply part_left. now apply (IH log).
    + discriminate.
Qed.

(** Every record that is written was permitted where it stands. *)
Fixpoint all_permitted (log rs : list record) : Prop :=
  match rs with
  | [] => True
  | r :: rs => permitted log r = true /\ all_permitted (log ++ [r]) rs
  end.

Theorem written_is_permitted : forall log y rs, missing log y = Some rs -> all_permitted log rs.
Proof.
  intros log y. unfold missing. generalize (wanted log y). intros ws. revert log.
  induction ws as [|w ws IH]; intros log rs E; simpl in E.
  - injection E as <-. exact I.
  - destruct (judge log w) eqn:J.
    + destruct (written (log ++ [w]) ws) eqn:W; [|discriminate]. injection E as <-. split; [|now apply IH].
      unfold judge in J. destruct (find (about_the_same w) log); [destruct (record_eqb r w); discriminate|].
      destruct (permitted log w); [reflexivity | discriminate].
    + now apply IH.
    + discriminate.
Qed.

(** Nothing becomes visible at a level that the log does not have: where a gate was crossed for the first time, the level
    behind all that was written before it is at or above the gate. *)
Theorem crossing_is_covered : forall log who gate,
  permitted log (RCrossing who gate) = true -> rank gate <= rank (level_of log).
Proof.
  intros log who gate P. unfold permitted in P. apply andb_true_iff in P as [P _]. now apply Nat.leb_le in P.
Qed.
