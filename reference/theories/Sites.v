(** What happens to sites and links. A site is a role's name, a link goes from one site to another.

    By the coarser of the specification's rules: a site that crashes ends every session that has it. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Code State Session Island.
Import ListNotations.
Open Scope list_scope.

Inductive perturbation : Set :=
| Crash (site : string)
| Partition (l : edge)
| Heal (l : edge).

Definition with_cut (es : list edge) (s : session) : session :=
  let b := s_beyond s in with_beyond (mk_beyond (b_delegated b) (b_answers b) (b_spent b) (b_evidence b) es) s.

(** Whoever waits for a link goes on, in what a speculation may bring back as well. *)
Definition relinked (e : edge) (s : session) : session :=
  let inside n := mk_inside (map (woken (OnLink e)) (n_coroutines n)) (n_seats n) (n_queues n) (n_facts n) in
  let level v := mk_level (v_ghost v) (inside (v_before v)) (v_told v) in
  with_levels (map level (s_levels s)) (wake (OnLink e) s).

(** Whether a coroutine is at a site: it runs the role's code, or owns its endpoint. *)
Definition is_at (site : string) (s : session) (i : nat) (k : coroutine) : bool :=
  String.eqb (k_role k) site ||
  existsb (fun t => String.eqb (t_role t) site && Nat.eqb (t_owner t) i) (s_seats s).

Fixpoint found_at (site : string) (s : session) (ks : list coroutine) (i : nat) : list nat :=
  match ks with
  | [] => []
  | k :: ks => (if goes_on k && is_at site s i k then [i] else []) ++ found_at site s ks (S i)
  end.

(** Who is blamed: whoever is at the site and goes on; where nobody does, who owned its endpoint last. *)
Definition victims (site : string) (s : session) (owner : nat) : list nat :=
  match found_at site s (s_coroutines s) 0 with [] => [owner] | found => found end.

Definition last_words (found : list nat) : list event :=
  flat_map (fun i => [EFailureBranch i FTopology; EFaulted i FTopology]) found ++ [ETerminal TFaulted].

(** A session behind what has happened, and what it tells. *)
Definition perturbed (p : perturbation) (s : session) : session * list event :=
  if negb (live s) then (s, []) else
  match p with
  | Crash site =>
      match seat_of site s with
      | None => (s, [])
      | Some (_, t) =>
          (at_ (s_current s) (Some TFaulted) (withdrawn s), last_words (victims site s (t_owner t)))
      end
  | Partition e => (with_cut (e :: s_cut s) s, [])
  | Heal e => (relinked e (with_cut (filter (fun f => negb (edge_eqb e f)) (s_cut s)) s), [])
  end.
