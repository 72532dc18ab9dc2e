(** Sessions that instructions open. They have endpoints and messages and no coroutines: whoever owns an endpoint acts for it,
    and they end with the session in which they were opened.

    Their roles' names are qualified by their number ([Names]), and so are their types: what is done in them is what is done in
    every session, on a view in which their endpoints and messages stand in place of the session's own. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Names Code State Session Island.
Import ListNotations.
Open Scope list_scope.

(** * Names and types *)

Fixpoint position (role : string) (roles : list string) (n : nat) : nat :=
  match roles with
  | [] => n
  | r :: roles => if String.eqb r role then n else position role roles (S n)
  end.

Definition named_in (number : nat) (roles : list string) (role : string) : string :=
  qualified number (position role roles 0) role.

(** A type with other names for the partners. *)
Fixpoint renamed (name : string -> string) (t : ltype) : ltype :=
  match t with
  | LEnd => LEnd
  | LVar x => LVar x
  | LRec x body => LRec x (renamed name body)
  | LSend p bs => LSend (name p) (map (fun b => (fst b, renamed name (snd b))) bs)
  | LRecv p bs => LRecv (name p) (map (fun b => (fst b, renamed name (snd b))) bs)
  end.

Definition no_plan : plan := mk_plan [] [].
Definition plan_at (env : setting) (row : nat) : plan := nth row (e_plans env) no_plan.

(** Roles and types of a session that is opened as the number-th. *)
Definition cast_of (p : plan) (number : nat) : list (string * ltype) :=
  let name := named_in number (a_roles p) in
  combine (map name (a_roles p)) (map (renamed name) (a_types p)).

(** * Views *)

(** What does not change, as the session sees it: nobody runs its roles' code. *)
Definition setting_in (env : setting) (u : guest) : setting :=
  let cast := cast_of (plan_at env (u_plan u)) (u_number u) in
  mk_setting (e_config env) (map (fun c => mk_program (fst c) 0 []) cast) (map snd cast) [].

(** The links between its roles' sites that are cut. *)
Definition cut_in (env : setting) (u : guest) (links : list edge) : list edge :=
  let name := named_in (u_number u) (a_roles (plan_at env (u_plan u))) in
  map (fun e => (name (fst e), name (snd e))) links.

Definition with_cut (es : list edge) (s : session) : session :=
  let b := s_beyond s in
  with_beyond
    (mk_beyond (b_delegated b) (b_answers b) (b_spent b) (b_evidence b) es (b_opened b) (b_crashed b) (b_owning b)) s.

Definition view (env : setting) (u : guest) (s : session) : session :=
  with_cut (cut_in env u (s_cut s))
    (with_inside (mk_inside (s_coroutines s) (u_seats u) (u_queues u) (s_facts s) (s_guests s)) s).

(** The guest whose endpoint a register holds, and the endpoint's role. *)
Definition guest_at (s : session) (k : coroutine) (chan : nat) : option (guest * string) :=
  match nth_error (k_registers k) chan with
  | Some (VEndpoint sid role) =>
      if Nat.eqb sid (s_id s) then
        option_map (fun u => (u, role)) (find (fun u => has_role role (u_seats u)) (s_guests s))
      else None
  | _ => None
  end.

Definition put_guest (u : guest) (us : list guest) : list guest :=
  map (fun v => if Nat.eqb (u_number v) (u_number u) then u else v) us.

(** * Ends *)

(** Whoever waits in it goes on, and finds out. *)
Definition roused_in (u : guest) (k : coroutine) : coroutine :=
  match k_gate k with
  | OnMessage e | OnRoom e | OnLink e => if has_role (fst e) (u_seats u) then with_gate Open k else k
  | _ => k
  end.

Definition rouse_in (u : guest) (s : session) : session := with_coroutines (map (roused_in u) (s_coroutines s)) s.

Definition in_flight (u : guest) : bool := existsb (fun q => match snd q with [] => false | _ => true end) (u_queues u).

(** What is told where it has nothing left to do: it was closing and is drained, or all its types are at their ends. *)
Definition last_of (u : guest) : list event :=
  if u_draining u then if in_flight u then [] else [EClosed; ETerminal TClosed; EEpochAdvanced]
  else if forallb (fun t => is_end (t_type t)) (u_seats u) then [ETerminal TClosed] else [].

(** The guest is written, and taken away with all that is known of it where it has nothing left to do. *)
Definition settle (u : guest) (s : session) : session * list event :=
  match last_of u with
  | [] => (with_guests (put_guest u (s_guests s)) s, [])
  | es =>
      let known := filter (fun f => negb (has_role (f_role f) (u_seats u))) (s_facts s) in
      let others := filter (fun v => negb (Nat.eqb (u_number v) (u_number u))) (s_guests s) in
      (with_guests others (with_facts known (rouse_in u s)), map (EGuest (u_number u)) es)
  end.

(** Discards what is in flight: everything, or what coroutine [i] was to receive. *)
Definition discard (everything : bool) (i : nat) (u : guest) (s : session) : session * list event :=
  let is_owned role := existsb (fun t => String.eqb (t_role t) role && Nat.eqb (t_owner t) i) (u_seats u) in
  let emptied q := if everything || is_owned (snd (fst q)) then (fst q, []) else q in
  settle (mk_guest (u_number u) (u_plan u) (u_draining u) (u_seats u) (map emptied (u_queues u))) (rouse_in u s).

(** * Instructions *)

(** In one that is closing what is in flight can be received, and nothing else. *)
Definition is_shut (u : guest) (role : string) : bool :=
  u_draining u &&
  negb (existsb (fun t => String.eqb (t_role t) role &&
    match head (t_type t) with
    | LRecv from _ => match queue (from, role) (u_queues u) with [] => false | _ => true end
    | _ => false
    end) (u_seats u)).

Definition asked_by (role : string) (x : exchange) : exchange :=
  mk_exchange (x_at x) (plain_name role) (x_request x) (x_registers x) (x_answer x).

(** What a step in a guest's view, for a role of it, comes to in the session itself. *)
Definition within (s : session) (u : guest) (role : string) (r : stepped) : stepped :=
  let seen := r_session r in
  let xs := map (asked_by role) (r_exchanges r) in
  match r_outcome r with
  | Waits g => mk_stepped (with_coroutines (s_coroutines seen) s) [] xs (Waits g)
  | Faults f => mk_stepped (with_coroutines (s_coroutines seen) s) [] xs (Faults f)
  | o =>
      let after := mk_guest (u_number u) (u_plan u) (u_draining u) (s_seats seen) (s_queues seen) in
      let inside := mk_inside (s_coroutines seen) (s_seats s) (s_queues s) (s_facts seen) (s_guests s) in
      let '(t, es) := settle after (with_cut (s_cut s) (with_beyond (s_beyond seen) (with_inside inside s))) in
      mk_stepped t (map (EGuest (u_number u)) (r_events r) ++ es) xs (match o with Yielded => Yielded | _ => Ran end)
  end.

Fixpoint replaced (at_ : nat) (vs rs : list value) : list value :=
  match vs with
  | [] => rs
  | v :: vs => replaced (S at_) vs (replace at_ v rs)
  end.

(** Opens a session whose endpoints are all the coroutine's. *)
Definition open_guest (env : setting) (s : session) (i : nat) (k : coroutine) (dst row pc : nat) : stepped :=
  let p := plan_at env row in
  if negb (Nat.leb (dst + length (a_roles p)) (length (k_registers k))) then fails s [] FRegister
  else if negb (Nat.ltb (length (s_guests s)) (c_max_guests (e_config env))) then fails s [] FClose
  else if existsb (fun role => existsb (String.eqb role) (b_crashed (s_beyond s))) (a_roles p) then fails s [] FClose
  else
    let b := s_beyond s in
    let number := S (b_opened b) in
    let cast := cast_of p number in
    let u := mk_guest number row false (map (fun c => mk_seat (fst c) (head (snd c)) i) cast) [] in
    let registers := replaced dst (map (fun c => VEndpoint (s_id s) (fst c)) cast) (k_registers k) in
    let s := with_guests (s_guests s ++ [u]) (put i (moved pc registers k) s) in
    let b := mk_beyond (b_delegated b) (b_answers b) (b_spent b) (b_evidence b) (b_cut b) number (b_crashed b) (b_owning b) in
    mk_stepped (with_beyond b s) [EGuest number EOpened] [] Ran.

(** Nothing can be sent any more. What is in flight for others can still be received, unless it was closing already. *)
Definition close_guest (s : session) (i : nat) (k : coroutine) (u : guest) (role : string) (pc : nat) : stepped :=
  if existsb (fun t => String.eqb (t_role t) role && Nat.eqb (t_owner t) i) (u_seats u) then
    let closing := mk_guest (u_number u) (u_plan u) true (u_seats u) (u_queues u) in
    let '(t, es) := discard (u_draining u) i closing s in
    mk_stepped (put i (moved pc (k_registers k) k) t) es [] Ran
  else fails s [] FChannel.

Definition unfinished (i : nat) (ts : list seat) : bool :=
  existsb (fun t => Nat.eqb (t_owner t) i && negb (is_end (t_type t))) ts.

(** What coroutine [i] was to receive in sessions that are closing is discarded. *)
Fixpoint left_to (i : nat) (us : list guest) (s : session) : session * list event :=
  match us with
  | [] => (s, [])
  | u :: us =>
      if u_draining u then
        let '(s, es) := discard false i u s in
        let '(s, more) := left_to i us s in
        (s, es ++ more)
      else left_to i us s
  end.

(** Who ends must own no endpoint that is not at its end, but in sessions that are closing. What it knew is forgotten. *)
Definition halt (s : session) (i : nat) (k : coroutine) : stepped :=
  if unfinished i (s_seats s) || existsb (fun u => negb (u_draining u) && unfinished i (u_seats u)) (s_guests s) then
    fails s [] FType
  else
    let '(t, es) := left_to i (s_guests s) s in
    let known := filter (fun f => negb (Nat.eqb (f_knower f) i)) (s_facts t) in
    mk_stepped (with_facts known (put i (with_gate Halted (moved (k_pc k) (k_registers k) k)) t)) (es ++ [EHalted i])
      [] Done.
