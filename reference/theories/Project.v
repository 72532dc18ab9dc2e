(** Projection and structural merge (specification, section 11).

    The sender of a communication sends, the receiver receives, everybody else gets the merge of the branches. A closed
    part of the protocol in which the role does not occur is the end for it; a loop whose body does nothing is the end,
    and a loop that is never continued is no loop. *)

From Coq Require Import String List Bool Arith.
From Motet Require Import Values Types.
Import ListNotations.

Fixpoint mentions (r : string) (g : gtype) : bool :=
  match g with
  | GEnd | GVar _ => false
  | GComm p q bs => String.eqb r p || String.eqb r q || existsb (fun b => mentions r (snd b)) bs
  | GRec _ body => mentions r body
  end.

Fixpoint closed_under (bound : list string) (g : gtype) : bool :=
  match g with
  | GEnd => true
  | GVar x => existsb (String.eqb x) bound
  | GComm _ _ bs => forallb (fun b => closed_under bound (snd b)) bs
  | GRec x body => closed_under (x :: bound) body
  end.

Fixpoint occurs (x : string) (t : ltype) : bool :=
  match t with
  | LEnd => false
  | LVar y => String.eqb x y
  | LSend _ bs | LRecv _ bs => existsb (fun b => occurs x (snd b)) bs
  | LRec y body => negb (String.eqb x y) && occurs x body
  end.

(** Insertion by name, for the order of a union. *)
Fixpoint insert (b : label * ltype) (bs : list (label * ltype)) : list (label * ltype) :=
  match bs with
  | [] => [b]
  | c :: rest => if String.leb (l_name (fst b)) (l_name (fst c)) then b :: bs else c :: insert b rest
  end.

Definition sorted (bs : list (label * ltype)) : list (label * ltype) := fold_right insert [] bs.

Fixpoint by_name (n : string) (bs : list (label * ltype)) : option (label * ltype) :=
  match bs with
  | [] => None
  | b :: rest => if String.eqb n (l_name (fst b)) then Some b else by_name n rest
  end.

(** The branches of [ys] whose names [xs] does not have. *)
Definition others (xs ys : list (label * ltype)) : list (label * ltype) :=
  filter (fun b => match by_name (l_name (fst b)) xs with None => true | Some _ => false end) ys.

(** One type for two. Equal types merge to themselves; the end with the end only; sends need the same labels; receives
    take the union, sorted by name; loops and variables need the same name. *)
Fixpoint merge (a b : ltype) {struct a} : option ltype :=
  let fix sends (xs ys : list (label * ltype)) : option (list (label * ltype)) :=
    match xs with
    | [] => Some []
    | (l, x) :: xs =>
        match by_name (l_name l) ys with
        | Some (m, y) =>
            if label_eqb l m then
              match merge x y, sends xs ys with
              | Some k, Some rest => Some ((l, k) :: rest)
              | _, _ => None
              end
            else None
        | None => None
        end
    end in
  let fix recvs (xs ys : list (label * ltype)) : option (list (label * ltype)) :=
    match xs with
    | [] => Some []
    | (l, x) :: xs =>
        match by_name (l_name l) ys with
        | Some (m, y) =>
            if label_eqb l m then
              match merge x y, recvs xs ys with
              | Some k, Some rest => Some ((l, k) :: rest)
              | _, _ => None
              end
            else None
        | None => option_map (cons (l, x)) (recvs xs ys)
        end
    end in
  if ltype_eqb a b then Some a else
  match a, b with
  | LSend p xs, LSend q ys =>
      if String.eqb p q && Nat.eqb (length xs) (length ys) then option_map (LSend p) (sends xs ys) else None
  | LRecv p xs, LRecv q ys =>
      if String.eqb p q then option_map (fun both => LRecv p (sorted (both ++ others xs ys))) (recvs xs ys) else None
  | LRec x t, LRec y u => if String.eqb x y then option_map (LRec x) (merge t u) else None
  | _, _ => None
  end.

Definition merge_all (types : list ltype) : option ltype :=
  match types with
  | [] => None
  | first :: rest =>
      fold_left (fun sum t => match sum with Some s => merge s t | None => None end) rest (Some first)
  end.

Fixpoint all_some {A} (xs : list (option A)) : option (list A) :=
  match xs with
  | [] => Some []
  | Some x :: rest => option_map (cons x) (all_some rest)
  | None :: _ => None
  end.

Definition close_loop (x : string) (body : ltype) : ltype :=
  match body with
  | LVar y => if String.eqb x y then LEnd else body
  | _ => if occurs x body then LRec x body else body
  end.

(** The local type of a role, or nothing where the role cannot tell branches apart. *)
Fixpoint project (r : string) (g : gtype) : option ltype :=
  if negb (mentions r g) && closed_under [] g then Some LEnd else
  match g with
  | GEnd => Some LEnd
  | GVar x => Some (LVar x)
  | GRec x body => option_map (close_loop x) (project r body)
  | GComm p q bs =>
      match all_some (map (fun b => project r (snd b)) bs) with
      | None | Some [] => None
      | Some ks =>
          let own := combine (map fst bs) ks in
          if String.eqb r p then Some (LSend q own)
          else if String.eqb r q then Some (LRecv p own)
          else merge_all ks
      end
  end.
