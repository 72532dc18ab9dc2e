(** What happens to sites and links. A site is a role's name, a link goes from one site to another.

    By the coarser of the specification's rules: a site that crashes ends every session that has it. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Owners Names Code State Session Island Guests.
Import ListNotations.
Open Scope list_scope.

Inductive perturbation : Set :=
| Crash (site : string)
| Partition (l : edge)
| Heal (l : edge).

Definition with_crashed (sites : list string) (s : session) : session :=
  let b := s_beyond s in
  with_beyond
    (mk_beyond (b_delegated b) (b_answers b) (b_spent b) (b_evidence b) (b_cut b) (b_opened b) sites (b_owning b)) s.

(** Whether a coroutine waits for a link, in whichever of the sessions. *)
Definition waits_for (e : edge) (k : coroutine) : bool :=
  match k_gate k with
  | OnLink f => edge_eqb e (plain_name (fst f), plain_name (snd f))
  | _ => false
  end.

Definition linked (e : edge) (k : coroutine) : coroutine := if waits_for e k then with_gate Open k else k.

(** Whoever waits for a link goes on, in what a speculation may bring back as well. *)
Definition relinked (e : edge) (s : session) : session :=
  let inside n :=
    mk_inside (map (linked e) (n_coroutines n)) (n_seats n) (n_queues n) (n_facts n) (n_guests n) in
  let level v := mk_level (v_ghost v) (inside (v_before v)) (v_told v) in
  with_levels (map level (s_levels s)) (with_inside (inside (s_inside s)) s).

(** The endpoint of a site's role among these, and where it stands. *)
Fixpoint seat_at (site : string) (ts : list seat) (j : nat) : option (nat * seat) :=
  match ts with
  | [] => None
  | t :: ts => if String.eqb (plain_name (t_role t)) site then Some (j, t) else seat_at site ts (S j)
  end.

(** Whether a coroutine is at a site: it runs the role's code, or owns an endpoint of that role. *)
Definition is_at (site : string) (s : session) (i : nat) (k : coroutine) : bool :=
  let owns ts := existsb (fun t => String.eqb (plain_name (t_role t)) site && Nat.eqb (t_owner t) i) ts in
  String.eqb (k_role k) site || owns (s_seats s) || existsb (fun u => owns (u_seats u)) (s_guests s).

Fixpoint found_at (site : string) (s : session) (ks : list coroutine) (i : nat) : list nat :=
  match ks with
  | [] => []
  | k :: ks => (if goes_on k && is_at site s i k then [i] else []) ++ found_at site s ks (S i)
  end.

(** Who is blamed where nobody at the site goes on; [None] where the session has no such site. It is who owns the role's
    endpoint, of the session or of one that was opened in it; of one that is there only in what may be taken back, whoever runs
    the code of that row. *)
Definition responsible (site : string) (s : session) : option nat :=
  let owners ts := match seat_at site ts 0 with Some (_, t) => [t_owner t] | None => [] end in
  let rows ts := match seat_at site ts 0 with Some (j, _) => [j] | None => [] end in
  let there := owners (s_seats s) ++ flat_map (fun u => owners (u_seats u)) (s_guests s) in
  let kept := flat_map (fun v => flat_map (fun u => rows (u_seats u)) (n_guests (v_before v))) (rev (s_levels s)) in
  hd_error (there ++ kept).

(** Who is blamed: whoever is at the site and goes on; where nobody does, who is responsible. *)
Definition victims (site : string) (s : session) (other : nat) : list nat :=
  match found_at site s (s_coroutines s) 0 with [] => [other] | found => found end.

(** What its owner holds loses its force with the session, and sessions that were opened in it end with it. *)
Definition ends_of (s : session) (t : terminal) : list event :=
  map EAuthority (closing (s_id s) "session_ended" None (s_owning s)) ++
  map (fun u => EGuest (u_number u) (ETerminal t)) (s_guests s) ++ [ETerminal t].

Definition last_words (found : list nat) (last : session) : list event :=
  flat_map (fun i => [EFailureBranch i FTopology; EFaulted i FTopology]) found ++ ends_of last TFaulted.

(** A session behind what has happened, and what it tells. *)
Definition perturbed (p : perturbation) (s : session) : session * list event :=
  if negb (live s) then (s, []) else
  match p with
  | Crash site =>
      match responsible site s with
      | None => (with_crashed (site :: b_crashed (s_beyond s)) s, [])
      | Some other =>
          (at_ (s_current s) (Some TFaulted) (withdrawn s), last_words (victims site s other) (withdrawn s))
      end
  | Partition e => (with_cut (e :: s_cut s) s, [])
  | Heal e => (relinked e (with_cut (filter (fun f => negb (edge_eqb e f)) (s_cut s)) s), [])
  end.
