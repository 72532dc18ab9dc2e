(** The resource heap, version 1 (specification, section 9): bytes, ids, order, trees, proofs, replay.

    The hash is a parameter. Bytes are Coq strings, so that extraction makes them native ones. *)

From Coq Require Import NArith Ascii String List Bool Arith.
Import ListNotations.
Open Scope list_scope.
Open Scope string_scope.

(** * Bytes *)

Fixpoint little_endian (width : nat) (n : N) : string :=
  match width with
  | O => ""
  | S width => String (ascii_of_N (N.modulo n 256)) (little_endian width (N.div n 256))
  end.

Definition u16 := little_endian 2.
Definition u32 := little_endian 4.
Definition u64 := little_endian 8.

Definition sized (bytes : string) : string := u32 (N.of_nat (String.length bytes)) ++ bytes.

(** What every object begins with: "TTHP", the version, and its tag. *)
Definition prelude (tag : N) : string := "TTHP" ++ u16 1 ++ little_endian 1 tag.

Record payload : Set := mk_payload { y_label : string; y_bytes : string }.

Inductive resource : Set :=
| RChannel (sender receiver : string) (queue : list payload)
| RMessage (source dest : string) (content : payload) (seq : N)
| RSession (role : string) (type_hash : N)
| RValue (tag data : string).

Definition payload_bytes (p : payload) : string := prelude 16 ++ sized (y_label p) ++ sized (y_bytes p).

Definition resource_bytes (r : resource) : string :=
  match r with
  | RChannel a b queue =>
      prelude 64 ++ prelude 32 ++ sized a ++ sized b ++ u32 (N.of_nat (length queue)) ++
      String.concat "" (map payload_bytes queue)
  | RMessage a b p seq => prelude 65 ++ prelude 48 ++ sized a ++ sized b ++ payload_bytes p ++ u64 seq
  | RSession role type_hash => prelude 66 ++ sized role ++ u64 type_hash
  | RValue tag data => prelude 67 ++ sized tag ++ sized data
  end.

Definition id_preimage (r : resource) (counter : N) : string := prelude 80 ++ sized (resource_bytes r) ++ u64 counter.
Definition leaf_preimage (digest : string) (r : resource) : string :=
  prelude 81 ++ sized digest ++ sized (resource_bytes r).
Definition nullifier_preimage (digest : string) : string := prelude 82 ++ sized digest.
Definition node_preimage (left right : string) : string := prelude 83 ++ sized left ++ sized right.
Definition commitment_preimage (resources nullifiers : string) (counter : N) : string :=
  prelude 84 ++ sized resources ++ sized nullifiers ++ u64 counter.

(** * The heap *)

Record id : Set := mk_id { d_digest : string; d_counter : N }.

Definition id_eqb (a b : id) : bool := String.eqb (d_digest a) (d_digest b) && N.eqb (d_counter a) (d_counter b).

(** By digest bytes, then by counter. *)
Definition id_ltb (a b : id) : bool :=
  match String.compare (d_digest a) (d_digest b) with
  | Lt => true
  | Gt => false
  | Eq => N.ltb (d_counter a) (d_counter b)
  end.

(** Resources, the consumed ones retained, and nullifiers, each in order of id. *)
Record heap : Set := mk_heap { retained : list (id * resource); nullified : list id; counter : N }.

Definition empty : heap := mk_heap [] [] 0.

Inductive refusal : Set := NotFound | AlreadyConsumed | AlreadyExists.

Inductive result (A : Set) : Set := Ok (a : A) | Refused (why : refusal).
Arguments Ok {A} a.
Arguments Refused {A} why.

Fixpoint find (i : id) (xs : list (id * resource)) : option resource :=
  match xs with
  | [] => None
  | (j, r) :: rest => if id_eqb i j then Some r else find i rest
  end.

Definition mem (i : id) (xs : list id) : bool := existsb (id_eqb i) xs.

Definition active (h : heap) : list (id * resource) :=
  filter (fun e => negb (mem (fst e) (nullified h))) (retained h).

Fixpoint insert_live (i : id) (r : resource) (xs : list (id * resource)) : list (id * resource) :=
  match xs with
  | [] => [(i, r)]
  | (j, q) :: rest => if id_ltb i j then (i, r) :: xs else (j, q) :: insert_live i r rest
  end.

Fixpoint insert_id (i : id) (xs : list id) : list id :=
  match xs with
  | [] => [i]
  | j :: rest => if id_ltb i j then i :: xs else j :: insert_id i rest
  end.

Definition without (i : id) (xs : list (id * resource)) : list (id * resource) :=
  filter (fun e => negb (id_eqb i (fst e))) xs.

Section hashed.
Variable H : string -> string.

Definition id_of (r : resource) (counter : N) : id := mk_id (H (id_preimage r counter)) counter.

Definition alloc (r : resource) (h : heap) : result (heap * id) :=
  let i := id_of r (counter h) in
  match find i (retained h) with
  | Some _ => Refused AlreadyExists
  | None => Ok (mk_heap (insert_live i r (retained h)) (nullified h) (counter h + 1), i)
  end.

(** Consuming sets the id's nullifier and keeps its contents; that it was consumed is looked at first. *)
Definition consume (i : id) (h : heap) : result heap :=
  if mem i (nullified h) then Refused AlreadyConsumed
  else match find i (retained h) with
       | Some _ => Ok (mk_heap (retained h) (insert_id i (nullified h)) (counter h))
       | None => Refused NotFound
       end.

(** Forgets a resource's contents, consumed or not. A nullifier is never forgotten (registered deviation
    [v1-remove]). *)
Definition remove (i : id) (h : heap) : result heap :=
  match find i (retained h) with
  | Some _ => Ok (mk_heap (without i (retained h)) (nullified h) (counter h))
  | None => if mem i (nullified h) then Refused AlreadyConsumed else Refused NotFound
  end.

(** * Replay *)

Inductive operation : Set := Alloc (r : resource) | Consume (i : id) | Remove (i : id).

Definition apply (op : operation) (h : heap) : result (heap * list id) :=
  match op with
  | Alloc r => match alloc r h with Ok (h, i) => Ok (h, [i]) | Refused why => Refused why end
  | Consume i => match consume i h with Ok h => Ok (h, []) | Refused why => Refused why end
  | Remove i => match remove i h with Ok h => Ok (h, []) | Refused why => Refused why end
  end.

(** Applies operations until one is refused; answers the heap, the allocated ids and where it stopped. *)
Fixpoint replay (at_ : nat) (ops : list operation) (h : heap) : heap * list id * option (nat * refusal) :=
  match ops with
  | [] => (h, [], None)
  | op :: rest =>
      match apply op h with
      | Ok (h, ids) => let '(h, more, stop) := replay (S at_) rest h in (h, (ids ++ more)%list, stop)
      | Refused why => (h, [], Some (at_, why))
      end
  end.

(** * Trees *)

Definition leaf (e : id * resource) : string := H (leaf_preimage (d_digest (fst e)) (snd e)).
Definition nullifier (i : id) : string := H (nullifier_preimage (d_digest i)).
Definition node (a b : string) : string := H (node_preimage a b).

(** The level above: an odd last digest is paired with itself. *)
Fixpoint level (xs : list string) : list string :=
  match xs with
  | a :: b :: rest => node a b :: level rest
  | [a] => [node a a]
  | [] => []
  end.

(** The fuel is the number of leaves, more than there are levels. *)
Fixpoint climb (fuel : nat) (xs : list string) : string :=
  match fuel, xs with
  | _, [] => H ""
  | _, [a] => a
  | S fuel, xs => climb fuel (level xs)
  | O, a :: _ => a
  end.

Definition root (leaves : list string) : string := climb (length leaves) leaves.

Inductive direction : Set := Left | Right.

Fixpoint path (fuel : nat) (i : nat) (xs : list string) : list (direction * string) :=
  match fuel, xs with
  | _, [] | _, [_] | O, _ => []
  | S fuel, xs =>
      let even := Nat.even i in
      let sibling := if even then S i else Nat.pred i in
      let own := nth i xs "" in
      (if even then Right else Left, nth sibling xs own) :: path fuel (Nat.div2 i) (level xs)
  end.

Definition prove (i : nat) (leaves : list string) : option (string * list (direction * string)) :=
  match nth_error leaves i with
  | Some own => Some (own, path (length leaves) i leaves)
  | None => None
  end.

Definition fold_path (own : string) (p : list (direction * string)) : string :=
  fold_left (fun sum s => match fst s with Right => node sum (snd s) | Left => node (snd s) sum end) p own.

Definition verify (own : string) (p : list (direction * string)) (root : string) : bool :=
  String.eqb (fold_path own p) root.

Definition resource_root (h : heap) : string := root (map leaf (active h)).
Definition nullifier_root (h : heap) : string := root (map nullifier (nullified h)).
Definition commitment (h : heap) : string :=
  H (commitment_preimage (resource_root h) (nullifier_root h) (counter h)).

End hashed.
