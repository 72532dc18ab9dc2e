(** Global and local types, and how a local type advances.

    Binders are named, and a variable means its innermost binder of that name. A state of a role is the closed local
    type that is left to it: where an automaton has a state, the reference has the type itself. *)

From Coq Require Import String List Bool Arith.
From Motet Require Import Values.
Import ListNotations.

Inductive gtype : Set :=
| GEnd
| GComm (sender receiver : string) (branches : list (label * gtype))
| GRec (var : string) (body : gtype)
| GVar (var : string).

Inductive ltype : Set :=
| LEnd
| LSend (partner : string) (branches : list (label * ltype))
| LRecv (partner : string) (branches : list (label * ltype))
| LRec (var : string) (body : ltype)
| LVar (var : string).

Fixpoint ltype_eqb (a b : ltype) {struct a} : bool :=
  let fix all (xs ys : list (label * ltype)) : bool :=
    match xs, ys with
    | [], [] => true
    | (l, x) :: xs, (m, y) :: ys => label_eqb l m && ltype_eqb x y && all xs ys
    | _, _ => false
    end in
  match a, b with
  | LEnd, LEnd => true
  | LSend p xs, LSend q ys => String.eqb p q && all xs ys
  | LRecv p xs, LRecv q ys => String.eqb p q && all xs ys
  | LRec x t, LRec y u => String.eqb x y && ltype_eqb t u
  | LVar x, LVar y => String.eqb x y
  | _, _ => false
  end.

(** Puts a closed type in place of a variable. *)
Fixpoint subst (x : string) (by_ : ltype) (t : ltype) : ltype :=
  match t with
  | LEnd => LEnd
  | LSend p bs => LSend p (map (fun b => (fst b, subst x by_ (snd b))) bs)
  | LRecv p bs => LRecv p (map (fun b => (fst b, subst x by_ (snd b))) bs)
  | LRec y body => if String.eqb x y then t else LRec y (subst x by_ body)
  | LVar y => if String.eqb x y then by_ else t
  end.

(** How many loops a type begins with. *)
Fixpoint heads (t : ltype) : nat :=
  match t with
  | LRec _ body => S (heads body)
  | _ => O
  end.

Fixpoint unfold (n : nat) (t : ltype) : ltype :=
  match n, t with
  | S n, LRec x body => unfold n (subst x t body)
  | _, _ => t
  end.

(** The type with its first loops opened: an end, a send, a receive, or a variable that nothing binds. *)
Definition head (t : ltype) : ltype := unfold (heads t) t.

Fixpoint branch (l : label) (bs : list (label * ltype)) : option ltype :=
  match bs with
  | [] => None
  | (m, k) :: bs => if label_eqb l m then Some k else branch l bs
  end.

(** The monitor: the type after an action, when the type allows it. *)
Definition advance (t : ltype) (a : action) : option ltype :=
  match head t, a with
  | LSend p bs, ASend q l => if String.eqb p q then option_map head (branch l bs) else None
  | LRecv p bs, ARecv q l => if String.eqb p q then option_map head (branch l bs) else None
  | _, _ => None
  end.

Definition is_end (t : ltype) : bool := match head t with LEnd => true | _ => false end.

(** Whether a well-formed type may be run: labels of a choice have different names, and every loop begins with a
    message or an end, so that a variable stands behind a message. *)
Definition starts_with_var (t : ltype) : bool := match t with LVar _ => true | _ => false end.

Fixpoint names_differ (names : list string) : bool :=
  match names with
  | [] => true
  | x :: rest => negb (existsb (String.eqb x) rest) && names_differ rest
  end.

Fixpoint wellformed (t : ltype) : bool :=
  match t with
  | LEnd | LVar _ => true
  | LSend _ bs | LRecv _ bs =>
      names_differ (map (fun b => l_name (fst b)) bs) && forallb (fun b => wellformed (snd b)) bs
  | LRec _ body => negb (starts_with_var body) && wellformed body
  end.
