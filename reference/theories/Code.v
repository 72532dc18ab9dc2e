(** Instructions, requests to the host and its answers, events, and the configuration of a run. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners.
Import ListNotations.

(** Positions are within the role's own code. Rows of tables stand in the instruction, in the order of the type's
    branches: where to go on, and for a receiver the register of the payload. *)
Inductive instr : Set :=
| ISend (chan val : nat)
| IReceive (chan dst : nat)
| IOffer (chan val : nat) (l : label)
| IChoose (chan : nat) (rows : list (nat * nat))
| IDecide (chan : nat) (rows : list nat)
(** What [may_block] is asked between steps, and answered when the host has an answer. *)
| IInvoke (arg dst : nat) (interface operation : string) (answer : sort) (may_block : bool)
| ISet (dst : nat) (v : value)
| IMove (dst src : nat)
| IJump (target : nat)
| IBranch (on : nat) (rows : list nat)
| IYield
| IHalt
| ISpawn (args dst target : nat)
| ICast (val : nat) (s : sort)
| IFork (ghost : nat)
| IJoin
| IAbort
(** Whose number [target] holds gets the endpoint. *)
| ITransfer (endpoint target : nat)
(** A fact is two registers: an endpoint, and in the next one a text. *)
| ITag (fact dst : nat)
| ICheck (knowledge target dst : nat)
(** Evidence of a guard is a text, which names where the guard was asked for. *)
| IAcquire (dst layer : nat)
| IRelease (evidence layer : nat)
(** Ends the session, whatever its coroutines are at. *)
| IClose (chan : nat)
(** A session of the protocol in the plan's row; its endpoints go into registers from [dst] on. *)
| IOpen (dst plan : nat).

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
| QAcquire (layer : nat)
| QRelease (layer : nat) (evidence : value)
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
| OAcquire (evidence : value)
| ORelease
| OOutputConditionHint (given : option hint)
| OFailed (kind message : string)
| OBlocked
| OPending.

(** A host that answers at once: from the place where it is asked, the request, and the asking coroutine's registers.
    That it is a function is the contract of immediate handlers. *)
Definition host : Set := coordinate -> request -> list value -> answer.

Inductive fault : Set :=
| FType | FLabel | FChannel | FInvoke | FRegister | FPc | FBuffer | FOutputCondition
| FSpeculation | FTransfer | FFlow | FAcquire | FTopology | FClose.

Inductive terminal : Set := TClosed | TFaulted | TCancelled.

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
| EForked (coroutine : nat) (ghost : N)
| EJoined (coroutine : nat) (ghost : N)
| EAborted (coroutine : nat) (ghost : N)
(** Who gave the endpoint of which role to whom; [number] counts what has changed hands in the session. *)
| ETransferred (from to_ : nat) (role : string) (number : nat)
| ETagged (role fact : string)
| EChecked (role target : string) (permitted : bool)
| EAcquired (coroutine layer : nat)
| EReleased (coroutine layer : nat)
| EClosed
(** Of a session that an instruction opened as the number-th. *)
| EGuest (number : nat) (e : event)
| EEpochAdvanced
| ETerminal (t : terminal)
(** What no trace tells, and semantic objects are made of: that a coroutine asked for an effect and waits, the how-manieth of its
    effects, of which role's code and what it asked; and that the host answered, or did so when nobody waited any more. *)
| EAsked (coroutine counter : nat) (role : string) (asked : request)
| EAnswered (coroutine counter : nat) (given : answer)
| ELate (coroutine counter : nat) (given : answer)
(** As little: what has become of an artifact; and of whoever waited for the host when the session was handed over by a claim. *)
| EAuthority (said : entry)
| ESettled (claim : nat) (affected : list (nat * nat)) (invalidated : bool)
| ECancellationRequested
| ECancelled
(** An output was held against its condition: what the step told, and the payload of the message that it sent, are what
    the condition is about. *)
| EOutputConditionChecked (coroutine : nat) (under : hint) (passed : bool) (told : list event) (sent : option value).

(** What was asked, by a coroutine of which role, with its registers as they were, and what was answered. *)
Record exchange : Set := mk_exchange {
  x_at : coordinate; x_role : string; x_request : request; x_registers : list value;
  x_answer : answer }.

Inductive policy : Set := PBlock | PDrop | PError | PResize (max : nat).

(** Which kinds of effects the host wants to be asked about; the machine answers the others itself. *)
Record wants : Set := mk_wants {
  w_send : bool; w_receive : bool; w_choose : bool; w_invoke : bool; w_hint : bool;
  w_release : bool }.

(** Which outputs may stand. *)
Inductive outputs : Set := OutputsUnchecked | OutputsAll | OutputsNone | OutputsUnder (predicates : list string).

(** Which facts may flow to which roles: a condition on the role of the endpoint that a fact is about, the fact, and the
    role that it would flow to. *)
Inductive predicate : Set :=
| TargetRolePrefix (prefix : string)
| FactContains (part : string)
| EndpointRoleMatchesTarget
| All (parts : list predicate)
| Any (parts : list predicate).

Inductive flow : Set :=
| AllowAll
| DenyAll
| AllowRoles (roles : list string)
| DenyRoles (roles : list string)
| PredicateExpr (p : predicate).

Fixpoint holds_of (p : predicate) (role fact target : string) : bool :=
  match p with
  | TargetRolePrefix text => prefix text target
  | FactContains text => match index 0 text fact with Some _ => true | None => false end
  | EndpointRoleMatchesTarget => String.eqb role target
  | All parts => forallb (fun p => holds_of p role fact target) parts
  | Any parts => existsb (fun p => holds_of p role fact target) parts
  end.

Definition may_flow (policy : flow) (role fact target : string) : bool :=
  match policy with
  | AllowAll => true
  | DenyAll => false
  | AllowRoles roles => existsb (String.eqb target) roles
  | DenyRoles roles => negb (existsb (String.eqb target) roles)
  | PredicateExpr p => holds_of p role fact target
  end.

Record config : Set := mk_config {
  c_capacity : nat;
  c_policy : policy;
  c_latest : bool;
  c_max_payload : N;
  c_wants : wants;
  c_outputs : outputs;
  c_flow : flow;
  (** Of a session's facts: how many there may be, and how long one may be. *)
  c_max_facts : nat;
  c_max_fact_bytes : nat;
  (** How deep speculations nest, and how many coroutines a session may have that go on. *)
  c_depth : nat;
  c_max_coroutines : nat;
  (** How many sessions that were opened in it a session may have. *)
  c_max_guests : nat;
  (** Registered deviation [jump-folding]: jumps belong to the instruction before them. *)
  c_fold_jumps : bool }.

Definition holds (c : config) : nat :=
  match c_policy c with PResize max => Nat.max max (c_capacity c) | _ => c_capacity c end.
