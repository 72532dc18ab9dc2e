(** Instructions, requests to the host and its answers, events, and the configuration of a run. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types.
Import ListNotations.

(** Positions are within the role's own code. Rows of tables stand in the instruction, in the order of the type's
    branches: where to go on, and for a receiver the register of the payload. *)
Inductive instr : Set :=
| ISend (chan val : nat)
| IReceive (chan dst : nat)
| IOffer (chan val : nat) (l : label)
| IChoose (chan : nat) (rows : list (nat * nat))
| IDecide (chan : nat) (rows : list nat)
| IInvoke (arg dst : nat) (interface operation : string) (answer : sort)
| ISet (dst : nat) (v : value)
| IMove (dst src : nat)
| IJump (target : nat)
| IBranch (on : nat) (rows : list nat)
| IYield
| IHalt.

Record program : Set := mk_program { p_role : string; p_registers : nat; p_code : list instr }.

(** A directed edge: sender and receiver. *)
Definition edge : Set := (string * string)%type.
Definition edge_eqb (a b : edge) : bool := String.eqb (fst a) (fst b) && String.eqb (snd a) (snd b).

Lemma edge_eqb_spec : forall a b, edge_eqb a b = true <-> a = b.
Proof.
  intros [a b] [c d]. unfold edge_eqb. simpl. rewrite andb_true_iff, !String.eqb_eq.
  split; [intros [-> ->]; reflexivity | now injection 1].
Qed.

(** Where an effect is asked for: session, coroutine, and how many effects the coroutine had asked for before. *)
Record coordinate : Set := mk_coordinate { at_session : nat; at_coroutine : nat; at_counter : nat }.

Inductive request : Set :=
| QSend (partner : string) (l : label) (payload : value)
| QReceive (partner : string) (l : label) (payload : value)
| QChoose (partner : string) (labels : list label)
| QInvoke (interface operation : string) (argument : value)
| QOutputConditionHint.

(** Under which condition an output is said to stand, and what is said to speak for it. *)
Record hint : Set := mk_hint { h_predicate : string; h_witness : option string }.

Inductive decision : Set :=
| Deliver
| Replace (v : value)
| Drop
| Defer.

Inductive answer : Set :=
| OSend (d : decision)
| OReceive (replacement : option value)
| OChoose (position : nat)
| OInvoke (v : value)
| OOutputConditionHint (given : option hint)
| OFailed (kind message : string)
| OBlocked
| OPending.

(** A host that answers at once: from the place where it is asked, the request, and the asking coroutine's registers.
    That it is a function is the contract of immediate handlers. *)
Definition host : Set := coordinate -> request -> list value -> answer.

Inductive fault : Set :=
| FType | FLabel | FChannel | FInvoke | FRegister | FPc | FBuffer | FOutputCondition.

Inductive terminal : Set := TClosed | TFaulted.

Inductive event : Set :=
| EOpened
| ESent (on : edge) (l : label)
| EReceived (on : edge) (l : label)
| EOffered (on : edge) (l : label)
| EChose (on : edge) (l : label)
| EInvoked (coroutine : nat) (interface operation : string)
| EHalted (coroutine : nat)
| EFailureBranch (coroutine : nat) (f : fault)
| EFaulted (coroutine : nat) (f : fault)
| ETerminal (t : terminal)
(** An output was held against its condition: what the step told, and the payload of the message that it sent, are what
    the condition is about. *)
| EOutputConditionChecked (coroutine : nat) (under : hint) (passed : bool) (told : list event) (sent : option value).

(** What was asked, with the registers as they were, and what was answered. *)
Record exchange : Set := mk_exchange {
  x_at : coordinate; x_request : request; x_registers : list value; x_answer : answer }.

Inductive policy : Set := PBlock | PDrop | PError | PResize (max : nat).

(** Which kinds of effects the host wants to be asked about; the machine answers the others itself. *)
Record wants : Set := mk_wants {
  w_send : bool; w_receive : bool; w_choose : bool; w_invoke : bool; w_hint : bool }.

(** Which outputs may stand. *)
Inductive outputs : Set := OutputsUnchecked | OutputsAll | OutputsNone | OutputsUnder (predicates : list string).

Record config : Set := mk_config {
  c_capacity : nat;
  c_policy : policy;
  c_latest : bool;
  c_max_payload : N;
  c_wants : wants;
  c_outputs : outputs;
  (** Registered deviation [jump-folding]: jumps belong to the instruction before them. *)
  c_fold_jumps : bool }.

Definition holds (c : config) : nat :=
  match c_policy c with PResize max => Nat.max max (c_capacity c) | _ => c_capacity c end.
