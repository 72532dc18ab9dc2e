(** Names that are made of numbers: of guards' evidence, and of the roles of sessions that instructions open.

    Role n of the number's session of an island is "number/n/role": no role of a protocol has a slash in its name, so no two
    sessions of an island have a role's name in common. *)

From Coq Require Import String Ascii Decimal DecimalString.
Open Scope string_scope.

Definition text_of (n : nat) : string := NilZero.string_of_uint (Nat.to_uint n).

Definition qualified (number position : nat) (role : string) : string :=
  text_of number ++ "/" ++ text_of position ++ "/" ++ role.

Fixpoint behind_slash (text : string) : option string :=
  match text with
  | EmptyString => None
  | String c rest => if Ascii.eqb c "/" then Some rest else behind_slash rest
  end.

(** The role's name in its protocol. *)
Definition plain_name (role : string) : string :=
  match behind_slash role with
  | None => role
  | Some rest => match behind_slash rest with None => rest | Some name => name end
  end.
