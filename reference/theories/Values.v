(** Sorts and values: what messages carry and registers hold.

    The machine has no words for reals and vectors; it carries them as text. A product is a pair of values.
    Natural numbers of a protocol are [N]; [nat] is kept for positions and counts, which extraction maps to machine
    integers. *)

From Coq Require Import NArith String List Bool Arith.
Import ListNotations.
Open Scope string_scope.

Inductive sort : Set :=
| SUnit | SNat | SBool | SString | SReal
| SVector (length : N)
| SProd (first second : sort).

Fixpoint sort_eqb (a b : sort) : bool :=
  match a, b with
  | SUnit, SUnit | SNat, SNat | SBool, SBool | SString, SString | SReal, SReal => true
  | SVector n, SVector m => N.eqb n m
  | SProd a1 a2, SProd b1 b2 => sort_eqb a1 b1 && sort_eqb a2 b2
  | _, _ => false
  end.

Lemma sort_eqb_spec : forall a b, sort_eqb a b = true <-> a = b.
Proof.
  induction a; destruct b; simpl; split; intros H; try discriminate; try reflexivity; try congruence.
  - apply N.eqb_eq in H. now subst.
  - injection H as ->. apply N.eqb_refl.
  - apply andb_true_iff in H as [H1 H2]. apply IHa1 in H1. apply IHa2 in H2. now subst.
  - injection H as -> ->. apply andb_true_iff. split; [now apply IHa1 | now apply IHa2].
Qed.

Inductive value : Set :=
| VUnit
| VNat (n : N)
| VBool (b : bool)
| VStr (text : string)
| VProd (first second : value)
| VEndpoint (session : nat) (role : string).

(** Whether a value may be the payload of a label of that sort. *)
Fixpoint has_sort (v : value) (s : sort) : bool :=
  match v, s with
  | VUnit, SUnit => true
  | VNat _, SNat => true
  | VBool _, SBool => true
  | VStr _, SString | VStr _, SReal | VStr _, SVector _ => true
  | VProd a b, SProd s1 s2 => has_sort a s1 && has_sort b s2
  | _, _ => false
  end.

(** The accounting size in bytes: unit 1, nat 8, bool 1, string 8 plus its length, product 1 plus both, endpoint 16. *)
Fixpoint wire_size (v : value) : N :=
  match v with
  | VUnit | VBool _ => 1
  | VNat _ => 8
  | VStr text => 8 + N.of_nat (String.length text)
  | VProd a b => 1 + wire_size a + wire_size b
  | VEndpoint _ _ => 16
  end%N.

Fixpoint zeros (n : nat) : string :=
  match n with
  | O => ""
  | S O => "0"
  | S rest => "0," ++ zeros rest
  end.

(** The plainest value of a sort. *)
Fixpoint default_of (s : sort) : value :=
  match s with
  | SUnit => VUnit
  | SNat => VNat 0
  | SBool => VBool false
  | SString => VStr ""
  | SReal => VStr "0"
  | SVector n => VStr ("[" ++ zeros (N.to_nat n) ++ "]")
  | SProd a b => VProd (default_of a) (default_of b)
  end.

Lemma default_has_sort : forall s, has_sort (default_of s) s = true.
Proof. induction s; simpl; try reflexivity. now rewrite IHs1, IHs2. Qed.

(** A label is a name with the sort of its payload. *)
Record label : Set := mk_label { l_name : string; l_sort : sort }.

Definition label_eqb (a b : label) : bool :=
  String.eqb (l_name a) (l_name b) && sort_eqb (l_sort a) (l_sort b).

Lemma label_eqb_spec : forall a b, label_eqb a b = true <-> a = b.
Proof.
  intros [n s] [m t]. unfold label_eqb. simpl. rewrite andb_true_iff, String.eqb_eq, sort_eqb_spec.
  split; [intros [-> ->]; reflexivity | now injection 1].
Qed.

(** What a role may do as its type sees it. *)
Inductive action : Set :=
| ASend (partner : string) (l : label)
| ARecv (partner : string) (l : label).
