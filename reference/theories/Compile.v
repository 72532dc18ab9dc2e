(** A plain compiler from a local type to code, for runs that bring a global type and no code of their own.

    Register 0 holds the role's end of the session; every sort that the type handles has one further register. A choice
    of one label is a [ISend] or [IReceive], of several a [IDecide] with an [IOffer] per arm, or a [IChoose]. *)

From Coq Require Import String List Bool Arith.
From Motet Require Import Values Types Code.
Import ListNotations.
Open Scope list_scope.

Fixpoint sorts_of (t : ltype) : list sort :=
  match t with
  | LEnd | LVar _ => []
  | LRec _ body => sorts_of body
  | LSend _ bs | LRecv _ bs => flat_map (fun b => l_sort (fst b) :: sorts_of (snd b)) bs
  end.

Fixpoint without_repeats (xs : list sort) : list sort :=
  match xs with
  | [] => []
  | x :: rest => x :: filter (fun y => negb (sort_eqb x y)) (without_repeats rest)
  end.

Fixpoint register (s : sort) (from : nat) (sorts : list sort) : nat :=
  match sorts with
  | [] => 0
  | x :: rest => if sort_eqb s x then from else register s (S from) rest
  end.

Fixpoint size (t : ltype) : nat :=
  match t with
  | LEnd | LVar _ => 1
  | LRec _ body => size body
  | LSend _ bs =>
      match bs with
      | [(_, k)] => S (size k)
      | _ => S (fold_right (fun b n => S (size (snd b)) + n) 0 bs)
      end
  | LRecv _ bs => S (fold_right (fun b n => size (snd b) + n) 0 bs)
  end.

Fixpoint bound (x : string) (loops : list (string * nat)) : option nat :=
  match loops with
  | [] => None
  | (y, at_) :: rest => if String.eqb x y then Some at_ else bound x rest
  end.

(** The code of a type that stands at [at_]; a loop's name leads back to where its body stands. *)
Fixpoint emit (sorts : list sort) (loops : list (string * nat)) (at_ : nat) (t : ltype) {struct t} : list instr :=
  let reg l := register (l_sort l) 1 sorts in
  let fix arms (offers : bool) (at_ : nat) (bs : list (label * ltype)) : list instr :=
    match bs with
    | [] => []
    | (l, k) :: bs =>
        let own := if offers then IOffer 0 (reg l) l :: emit sorts loops (S at_) k else emit sorts loops at_ k in
        own ++ arms offers (at_ + length own) bs
    end in
  let fix targets (offers : bool) (at_ : nat) (bs : list (label * ltype)) : list nat :=
    match bs with
    | [] => []
    | (_, k) :: bs => at_ :: targets offers (at_ + (if offers then 1 else 0) + size k) bs
    end in
  match t with
  | LEnd => [IHalt]
  | LVar x => match bound x loops with Some target => [IJump target] | None => [IHalt] end
  | LRec x body => emit sorts ((x, at_) :: loops) at_ body
  | LSend _ bs =>
      match bs with
      | [(l, k)] => ISend 0 (reg l) :: emit sorts loops (S at_) k
      | _ => IDecide 0 (targets true (S at_) bs) :: arms true (S at_) bs
      end
  | LRecv _ bs =>
      match bs with
      | [(l, k)] => IReceive 0 (reg l) :: emit sorts loops (S at_) k
      | _ => IChoose 0 (combine (targets false (S at_) bs) (map (fun b => reg (fst b)) bs)) :: arms false (S at_) bs
      end
  end.

Definition compile (role : string) (t : ltype) : program :=
  let sorts := without_repeats (sorts_of t) in
  let prologue := map (fun s => ISet (register s 1 sorts) (default_of s)) sorts in
  mk_program role (S (length sorts)) (prologue ++ emit sorts [] (length prologue) t).
