(** A session as it stands: coroutines, endpoints, messages, facts; and what its open speculations could put back.

    A type is an endpoint's, and an endpoint is a coroutine's, the one that was started with it until it is given away. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners Code.
Import ListNotations.
Open Scope list_scope.

Inductive gate : Set := Open | OnMessage (e : edge) | OnRoom (e : edge) | OnAnswer | OnGuard (layer : nat)
| OnLink (e : edge) | Halted.

Record message : Set := mk_message { m_label : label; m_payload : value }.

(** Coroutine number n of a session is the n-th of its list: those of the roles first, then those that were started. One
    that has ended keeps its place. *)
Record coroutine : Set := mk_coroutine {
  k_role : string; k_pc : nat; k_registers : list value; k_gate : gate; k_asked : nat }.

(** The endpoint of a role: what is left of the role's type, and which coroutine owns it. *)
Record seat : Set := mk_seat { t_role : string; t_type : ltype; t_owner : nat }.

(** Who knows it, of which role's endpoint, and what. *)
Record fact : Set := mk_fact { f_knower : nat; f_role : string; f_text : string }.

(** A session that an instruction opened: the number of its opening in the session that opened it, the row of its protocol, and
    whether it is closing. It has endpoints and messages, and no coroutines of its own. *)
Record guest : Set := mk_guest {
  u_number : nat; u_plan : nat; u_draining : bool; u_seats : list seat; u_queues : list (edge * list message) }.

(** All that a speculation can take back. *)
Record inside : Set := mk_inside {
  n_coroutines : list coroutine;
  n_seats : list seat;
  n_queues : list (edge * list message);
  n_facts : list fact;
  n_guests : list guest }.

(** An open speculation: its number, how everything was when it began, and what was told since, which nobody has heard. *)
Record level : Set := mk_level { v_ghost : N; v_before : inside; v_told : list event }.

(** A guard that was granted: under which text, with what, and whether it was given back. *)
Record evidence : Set := mk_evidence { g_id : string; g_layer : nat; g_granted : value; g_consumed : bool }.

(** What no speculation takes back. *)
Record beyond : Set := mk_beyond {
  (** How many endpoints have changed hands, what was taken back included. *)
  b_delegated : nat;
  (** Answers that have come and were not used yet, each with whose it is. *)
  b_answers : list (nat * answer);
  (** Those that were used, by open speculation, the innermost first: they are there again where it is taken back. *)
  b_spent : list (list (nat * answer));
  b_evidence : list evidence;
  (** Links on which nothing can be sent. *)
  b_cut : list edge;
  (** How many sessions were opened, what was taken back included. *)
  b_opened : nat;
  (** Sites that crashed and that the session had no role at. *)
  b_crashed : list string;
  (** Who owns the session. *)
  b_owning : owning }.

Record session : Set := mk_session {
  s_id : nat;
  s_inside : inside;
  (** The innermost first; all are one coroutine's. *)
  s_levels : list level;
  s_speculator : nat;
  s_beyond : beyond;
  s_current : nat;
  s_end : option terminal }.

Definition s_coroutines (s : session) : list coroutine := n_coroutines (s_inside s).
Definition s_seats (s : session) : list seat := n_seats (s_inside s).
Definition s_queues (s : session) : list (edge * list message) := n_queues (s_inside s).
Definition s_answers (s : session) : list (nat * answer) := b_answers (s_beyond s).
Definition s_evidence (s : session) : list evidence := b_evidence (s_beyond s).
Definition s_cut (s : session) : list edge := b_cut (s_beyond s).
Definition s_owning (s : session) : owning := b_owning (s_beyond s).
Definition s_facts (s : session) : list fact := n_facts (s_inside s).
Definition s_guests (s : session) : list guest := n_guests (s_inside s).

(** A protocol of which sessions may be opened: its roles and their types. *)
Record plan : Set := mk_plan { a_roles : list string; a_types : list ltype }.

(** What does not change during a run. The session's roles are those of the programs, in order, and have these types. *)
Record setting : Set := mk_setting {
  e_config : config; e_programs : list program; e_types : list ltype; e_plans : list plan }.

(** What a step comes to. [Began] opens a speculation; [Kept] closes the outermost, whose events are heard now; [Shut] ends the
    session. *)
Inductive outcome : Set :=
| Ran | Yielded | Waits (g : gate) | Done | Faults (f : fault) | Began | Kept (told : list event) | Shut.

Record stepped : Set := mk_stepped {
  r_session : session; r_events : list event; r_exchanges : list exchange; r_outcome : outcome }.

(** * Lists and queues *)

Fixpoint replace {A} (i : nat) (x : A) (xs : list A) : list A :=
  match xs, i with
  | [], _ => []
  | _ :: rest, O => x :: rest
  | y :: rest, S i => y :: replace i x rest
  end.

Fixpoint queue (e : edge) (qs : list (edge * list message)) : list message :=
  match qs with
  | [] => []
  | (f, ms) :: rest => if edge_eqb e f then ms else queue e rest
  end.

Fixpoint set_queue (e : edge) (ms : list message) (qs : list (edge * list message)) : list (edge * list message) :=
  match qs with
  | [] => [(e, ms)]
  | (f, old) :: rest => if edge_eqb e f then (f, ms) :: rest else (f, old) :: set_queue e ms rest
  end.

(** * Changes *)

Definition with_inside (n : inside) (s : session) : session :=
  mk_session (s_id s) n (s_levels s) (s_speculator s) (s_beyond s) (s_current s) (s_end s).

Definition with_levels (vs : list level) (s : session) : session :=
  mk_session (s_id s) (s_inside s) vs (s_speculator s) (s_beyond s) (s_current s) (s_end s).

Definition with_beyond (b : beyond) (s : session) : session :=
  mk_session (s_id s) (s_inside s) (s_levels s) (s_speculator s) b (s_current s) (s_end s).

Definition with_coroutines (ks : list coroutine) (s : session) : session :=
  with_inside (mk_inside ks (s_seats s) (s_queues s) (s_facts s) (s_guests s)) s.

Definition with_seats (ts : list seat) (s : session) : session :=
  with_inside (mk_inside (s_coroutines s) ts (s_queues s) (s_facts s) (s_guests s)) s.

Definition with_facts (fs : list fact) (s : session) : session :=
  with_inside (mk_inside (s_coroutines s) (s_seats s) (s_queues s) fs (s_guests s)) s.

Definition with_guests (us : list guest) (s : session) : session :=
  with_inside (mk_inside (s_coroutines s) (s_seats s) (s_queues s) (s_facts s) us) s.

Definition put (i : nat) (k : coroutine) (s : session) : session := with_coroutines (replace i k (s_coroutines s)) s.

Definition with_queue (e : edge) (ms : list message) (s : session) : session :=
  with_inside (mk_inside (s_coroutines s) (s_seats s) (set_queue e ms (s_queues s)) (s_facts s) (s_guests s)) s.

(** The endpoint at [j], which was [t], goes on with a type. *)
Definition retyped (j : nat) (t : seat) (next : ltype) (s : session) : session :=
  with_seats (replace j (mk_seat (t_role t) next (t_owner t)) (s_seats s)) s.

Definition with_gate (g : gate) (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) (k_pc k) (k_registers k) g (k_asked k).

Definition with_asked (n : nat) (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) (k_pc k) (k_registers k) (k_gate k) n.

Definition asked_once (k : coroutine) : coroutine := with_asked (S (k_asked k)) k.

(** Moves a coroutine on. *)
Definition moved (pc : nat) (registers : list value) (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) pc registers Open (k_asked k).

Definition goes_on (k : coroutine) : bool := match k_gate k with Halted => false | _ => true end.

Definition gate_eqb (a b : gate) : bool :=
  match a, b with
  | Open, Open | Halted, Halted => true
  | OnMessage e, OnMessage f | OnRoom e, OnRoom f | OnLink e, OnLink f => edge_eqb e f
  | _, _ => false
  end.

(** Opens the gate of whoever waits for exactly this. *)
Definition woken (g : gate) (k : coroutine) : coroutine := if gate_eqb (k_gate k) g then with_gate Open k else k.

Definition wake (g : gate) (s : session) : session := with_coroutines (map (woken g) (s_coroutines s)) s.

Fixpoint seat_from (role : string) (ts : list seat) (j : nat) : option (nat * seat) :=
  match ts with
  | [] => None
  | t :: ts => if String.eqb (t_role t) role then Some (j, t) else seat_from role ts (S j)
  end.

(** The endpoint of a role, and where it stands. *)
Definition seat_of (role : string) (s : session) : option (nat * seat) := seat_from role (s_seats s) 0.

Definition program_of (role : string) (env : setting) : option program :=
  find (fun p => String.eqb (p_role p) role) (e_programs env).

(** * Ends *)

Definition live (s : session) : bool := match s_end s with None => true | Some _ => false end.

Definition at_ (current : nat) (end_ : option terminal) (s : session) : session :=
  mk_session (s_id s) (s_inside s) (s_levels s) (s_speculator s) (s_beyond s) current end_.

(** * Positions *)

Fixpoint follow (n : nat) (code : list instr) (pc : nat) : option nat :=
  match n with
  | O => None
  | S n =>
      match nth_error code pc with
      | Some (IJump target) => follow n code target
      | _ => Some pc
      end
  end.

(** Where execution goes on: through jumps when they are folded, but not round a loop of them. *)
Definition go_on (c : config) (code : list instr) (pc : nat) : nat :=
  if c_fold_jumps c then
    match follow (S (length code)) code pc with Some end_ => end_ | None => pc end
  else pc.
