(** Extraction to OCaml. [nat] becomes the machine integer: positions, counts and ids only; a protocol's own numbers are
    [N], which stays as Coq has it. Strings become native ones. *)

From Coq Require Extraction.
From Coq Require Import ExtrOcamlBasic ExtrOcamlNatInt ExtrOcamlNativeString.
From Coq Require Import NArith String List.
From Motet Require Import Values Types Owners Names Project Code State Session Island Late Guests Sites Owned Step Outputs Machine Holdings Objects Compile Heap Durability WalSync.

Extraction Language OCaml.

Extraction "reference.ml"
  has_sort default_of project wellformed advance head heads
  compile boot round run wave certified deliver reject_late perturb own status_of missing
  operations handoffs handovers readings effects holdings holding_of owner_for objection_text
  next_ready s_coroutines s_seats s_queues s_facts s_guests seat_of plain_name
  replay empty active prove leaf verify resource_root nullifier_root commitment
  N.of_nat N.to_nat N.add N.mul N.div_eucl N.eqb N.ltb.
