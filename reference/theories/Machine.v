(** Sessions in order of opening, a queue of those that are ready, and rounds.

    A canonical round takes the first ready session and lets it make one step; a session that is still ready goes to
    the end of the queue. Within a session the running coroutine goes on until it waits, yields or ends; then the next
    ready one in cyclic order runs. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners Code State Session Island Late Guests Sites Owned Step Outputs.
Import ListNotations.
Open Scope list_scope.

Definition ready (k : coroutine) : bool := match k_gate k with Open => true | _ => false end.

Fixpoint first_ready (ks : list coroutine) (i : nat) : option nat :=
  match ks with
  | [] => None
  | k :: rest => if ready k then Some i else first_ready rest (S i)
  end.

(** The next ready coroutine at or behind [from], in cyclic order. *)
Definition next_ready (ks : list coroutine) (from : nat) : option nat :=
  match first_ready (skipn from ks) from with
  | Some i => Some i
  | None => first_ready (firstn from ks) 0
  end.

Definition runnable (s : session) : bool := live s && existsb ready (s_coroutines s).

Definition all_halted (s : session) : bool :=
  forallb (fun k => match k_gate k with Halted => true | _ => false end) (s_coroutines s).

(** Whose turn it is: of who is ready when a step is over. Whoever is answered before the next step comes behind. *)
Definition turn_to (from : nat) (s : session) : nat :=
  match next_ready (s_coroutines s) from with Some i => i | None => from end.

(** Events are heard at once, or withheld by the innermost speculation. *)
Definition heard (es : list event) (s : session) : session * list event :=
  match s_levels s with
  | [] => (s, es)
  | v :: rest => (with_levels (withheld es v :: rest) s, [])
  end.

(** What a step told, as far as it is heard: what begins a speculation stands outside of it. *)
Definition told (r : stepped) : session * list event :=
  let s := r_session r in
  match r_outcome r with
  | Began =>
      match s_levels s with
      | v :: w :: rest => (with_levels (v :: withheld (r_events r) w :: rest) s, [])
      | _ => (s, r_events r)
      end
  | Kept es => (s, es ++ r_events r)
  | _ => heard (r_events r) s
  end.

(** That a coroutine waits for the host from now on. *)
Definition asked_now (env : setting) (s : session) (i : nat) (g : gate) : list event :=
  match g, nth_error (s_coroutines s) i with
  | OnAnswer, Some k | OnGuard _, Some k =>
      match question env k with Some q => [EAsked i (pred (k_asked k)) (k_role k) q] | None => [] end
  | _, _ => []
  end.

(** What a session's step leaves behind: the session, its events, its exchanges. *)
Definition moved_on : Set := (session * list event * list exchange)%type.

(** One step of a session, its end included. *)
Definition advance_session (env : setting) (h : host) (s : session) : moved_on :=
  if negb (live s) then (s, [], []) else
  match next_ready (s_coroutines s) (s_current s) with
  | None => (s, [], [])
  | Some i =>
      let r := seen env h s i (step env h s i) in
      let '(s', es) := told r in
      match r_outcome r with
      | Faults f =>
          let last := withdrawn (r_session r) in
          (at_ i (Some TFaulted) last, r_events r ++ EFailureBranch i f :: EFaulted i f :: ends_of last TFaulted,
           r_exchanges r)
      | Done =>
          if all_halted s' then (at_ i (Some TClosed) s', es ++ ends_of s' TClosed, r_exchanges r)
          else (at_ (turn_to i s') None s', es, r_exchanges r)
      | Shut => (at_ i (Some TClosed) s', es ++ ends_of s' TClosed ++ [EEpochAdvanced], r_exchanges r)
      | Yielded => (at_ (turn_to (Nat.modulo (S i) (length (s_coroutines s))) s') None s', es, r_exchanges r)
      | Waits g => (at_ (turn_to i s') None s', es ++ asked_now env s' i g, r_exchanges r)
      | Ran | Began | Kept _ => (at_ (turn_to i s') None s', es, r_exchanges r)
      end
  end.

(** * The machine

    Every session has a setting of its own: sessions of several protocols run side by side. *)

Record machine : Set := mk_machine {
  sessions : list session;
  ready_queue : list nat;
  rounds : nat;
  steps : nat;
  (** Newest first: the round, the session, the event. *)
  trace : list (nat * nat * event);
  exchanges : list exchange }.

Definition start (p : program) (sid : nat) : coroutine :=
  mk_coroutine (p_role p) 0 (VEndpoint sid (p_role p) :: repeat VUnit (p_registers p - 1)) Open 0.

(** The endpoints of the roles, each its own coroutine's. *)
Fixpoint seated (ps : list program) (ts : list ltype) (n : nat) : list seat :=
  match ps, ts with
  | p :: ps, t :: ts => mk_seat (p_role p) (head t) n :: seated ps ts (S n)
  | _, _ => []
  end.

Definition open (env : setting) (sid : nat) : session :=
  let inside := mk_inside (map (fun p => start p sid) (e_programs env)) (seated (e_programs env) (e_types env) 0) [] []
    [] in
  mk_session sid inside [] 0 (mk_beyond 0 [] [] [] [] 0 [] unowned) 0 None.

Definition boot (env : nat -> setting) (count : nat) : machine :=
  let ids := seq 0 count in
  mk_machine (map (fun sid => open (env sid) sid) ids) ids 0 0 (rev (map (fun sid => (0, sid, EOpened)) ids)) [].

Definition stamped (round sid : nat) (es : list event) : list (nat * nat * event) :=
  map (fun e => (round, sid, e)) es.

(** Puts a session's step into the machine. The clock has advanced before: the first round's events carry 1. *)
Definition committed (sid : nat) (done : moved_on) (m : machine) : machine :=
  let '(s, es, xs) := done in
  mk_machine (replace sid s (sessions m))
    (ready_queue m ++ (if runnable s then [sid] else []))
    (rounds m) (S (steps m))
    (rev (stamped (rounds m) sid es) ++ trace m)
    (rev xs ++ exchanges m).

Definition tick (m : machine) : machine :=
  mk_machine (sessions m) (ready_queue m) (S (rounds m)) (steps m) (trace m) (exchanges m).

Definition popped (n : nat) (m : machine) : machine :=
  mk_machine (sessions m) (skipn n (ready_queue m)) (rounds m) (steps m) (trace m) (exchanges m).

(** A canonical round. *)
Definition round (env : nat -> setting) (h : host) (m : machine) : option machine :=
  match ready_queue m with
  | [] => None
  | sid :: _ =>
      match nth_error (sessions m) sid with
      | None => None
      | Some s => Some (committed sid (advance_session (env sid) h s) (popped 1 (tick m)))
      end
  end.

(** At most [n] canonical rounds. *)
Fixpoint run (env : nat -> setting) (h : host) (n : nat) (m : machine) : machine :=
  match n with
  | O => m
  | S n => match round env h m with Some m => run env h n m | None => m end
  end.

(** * Answers that come later

    They come in between rounds: an input of the run, as its rounds are. *)

(** The answer to what was asked at a place, or word that the host puts it off; [None] where nobody waits for it. *)
Definition deliver (env : nat -> setting) (at_ : coordinate) (a : answer) (m : machine) : option machine :=
  match nth_error (sessions m) (at_session at_) with
  | None => None
  | Some s =>
      match (if live s then arrived (env (at_session at_)) s at_ a else None) with
      | None => None
      | Some (s', x) =>
          let woken := if negb (runnable s) && runnable s' then [at_session at_] else [] in
          let came := if puts_off a then [] else [EAnswered (at_coroutine at_) (at_counter at_) a] in
          Some (mk_machine (replace (at_session at_) s' (sessions m)) (ready_queue m ++ woken) (rounds m) (steps m)
            (rev (stamped (S (rounds m)) (at_session at_) came) ++ trace m) (x :: exchanges m))
      end
  end.

(** An answer for an effect that a handoff has invalidated: it is rejected, and that is on record; [None] where it is no such. *)
Definition was_invalidated (at_ : coordinate) (m : machine) : bool :=
  existsb (fun e => match e with
    | (_, sid, ESettled _ affected true) =>
        Nat.eqb sid (at_session at_) &&
        existsb (fun x => Nat.eqb (fst x) (at_coroutine at_) && Nat.eqb (snd x) (at_counter at_)) affected
    | _ => false
    end) (trace m).

Definition reject_late (at_ : coordinate) (a : answer) (m : machine) : option machine :=
  if was_invalidated at_ m && negb (puts_off a) then
    Some (mk_machine (sessions m) (ready_queue m) (rounds m) (steps m)
      ((S (rounds m), at_session at_, ELate (at_coroutine at_) (at_counter at_) a) :: trace m) (exchanges m))
  else None.

(** * What happens to sites and links

    It comes in between rounds too, and its events carry the number of the round to come. *)

Definition in_queue (sid : nat) (before after : session) (q : list nat) : list nat :=
  if negb (live after) then filter (fun i => negb (Nat.eqb i sid)) q
  else if negb (runnable before) && runnable after then q ++ [sid]
  else q.

(** A session became another one between rounds, and told something. *)
Definition between (sid : nat) (s s' : session) (es : list event) (m : machine) : machine :=
  mk_machine (replace sid s' (sessions m)) (in_queue sid s s' (ready_queue m)) (rounds m) (steps m)
    (rev (stamped (S (rounds m)) sid es) ++ trace m) (exchanges m).

Definition perturbed_at (p : perturbation) (m : machine) (sid : nat) : machine :=
  match nth_error (sessions m) sid with
  | None => m
  | Some s =>
      let '(s', es) := perturbed p s in between sid s s' es m
  end.

(** One after another, in the order of opening. *)
Definition perturb (p : perturbation) (m : machine) : machine :=
  fold_left (perturbed_at p) (seq 0 (length (sessions m))) m.

(** * Owners

    What they do comes in between rounds as well. [None] where there is no such session. *)
Definition own (env : nat -> setting) (sid : nat) (d : deed) (m : machine) : option (machine * came) :=
  match nth_error (sessions m) sid with
  | None => None
  | Some s =>
      let '(s', es, c) := owned (env sid) d s in Some (between sid s s' es m, c)
  end.

(** * Waves

    A wave is a list of different ready sessions. Each is stepped from the machine as it stood before the wave, as
    independent workers would do it, and the results are committed in pick order. *)

Fixpoint distinct (ids : list nat) : bool :=
  match ids with
  | [] => true
  | i :: rest => negb (existsb (Nat.eqb i) rest) && distinct rest
  end.

(** What a certificate says: the picks are the first of the queue, they differ, and each is there and can run. *)
Definition certified (m : machine) (width : nat) : bool :=
  let picks := firstn width (ready_queue m) in
  Nat.leb width (length (ready_queue m)) && distinct picks &&
  forallb (fun sid => match nth_error (sessions m) sid with Some s => runnable s | None => false end) picks.

Definition stepped_from (env : nat -> setting) (h : host) (m : machine) (sid : nat) : list (nat * moved_on) :=
  match nth_error (sessions m) sid with
  | Some s => [(sid, advance_session (env sid) h s)]
  | None => []
  end.

Definition wave (env : nat -> setting) (h : host) (width : nat) (m : machine) : machine :=
  let picks := firstn width (ready_queue m) in
  let results := flat_map (stepped_from env h m) picks in
  fold_left (fun m r => committed (fst r) (snd r) m) results (popped width (tick m)).

Definition waiting (s : session) : bool :=
  live s && existsb (fun k => match k_gate k with OnAnswer | OnGuard _ => true | _ => false end) (s_coroutines s).

Inductive status : Set := SCompleted | SFaulted | SStuck | SMaxSteps | SWaiting.

Definition status_of (m : machine) : status :=
  if existsb live (sessions m) then
    match ready_queue m with
    | [] => if existsb waiting (sessions m) then SWaiting else SStuck
    | _ => SMaxSteps
    end
  else if existsb (fun s => match s_end s with Some TFaulted => true | _ => false end) (sessions m) then SFaulted
  else SCompleted.
