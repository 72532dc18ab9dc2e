(** Output conditions (specification, sections 2.2 and 5): a step that tells something is held against a condition before
    anybody sees it. Of a step that is refused nothing stays. *)

From Coq Require Import NArith String Ascii List Bool Arith.
From Motet Require Import Values Types Code State Session Step.
Import ListNotations.
Open Scope list_scope.

(** The condition of an output of which the host says nothing. *)
Definition observable : hint := mk_hint "protocol_machine.observable_output"%string None.

Definition no_control (c : ascii) : bool := Nat.leb 32 (nat_of_ascii c) && negb (Nat.eqb (nat_of_ascii c) 127).

Fixpoint printable (text : string) : bool :=
  match text with
  | EmptyString => true
  | String c rest => no_control c && printable rest
  end.

(** A name of a condition or a witness: something, at most 256 bytes, no control characters. *)
Definition named (text : string) : bool :=
  Nat.ltb 0 (String.length text) && Nat.leb (String.length text) 256 && printable text.

Definition well_named (given : hint) : bool :=
  named (h_predicate given) && match h_witness given with Some w => named w | None => true end.

Definition passes (policy : outputs) (given : hint) : bool :=
  match policy with
  | OutputsUnchecked | OutputsAll => true
  | OutputsNone => false
  | OutputsUnder names => existsb (String.eqb (h_predicate given)) names
  end.

Definition queues_of (s : session) (number : nat) : list (edge * list message) :=
  match find (fun u => Nat.eqb (u_number u) number) (s_guests s) with Some u => u_queues u | None => [] end.

Definition last_on (e : edge) (qs : list (edge * list message)) : option value :=
  match rev (queue e qs) with m :: _ => Some (m_payload m) | [] => None end.

(** The payload of the message that a step sent: the last on its edge. *)
Fixpoint sent_by (es : list event) (s : session) : option value :=
  match es with
  | [] => None
  | ESent e _ :: _ => last_on e (s_queues s)
  | EGuest number (ESent e _) :: _ => last_on e (queues_of s number)
  | _ :: es => sent_by es s
  end.

(** What the check makes of a step: [s] is the session before it, [xs] are the exchanges of the check. *)
Definition judged (policy : outputs) (s : session) (i : nat) (r : stepped) (after : session) (xs : list exchange)
    (given : hint) : stepped :=
  let check := EOutputConditionChecked i given (passes policy given) (r_events r) (sent_by (r_events r) (r_session r)) in
  if passes policy given then mk_stepped after (r_events r ++ [check]) (r_exchanges r ++ xs) (r_outcome r)
  else mk_stepped s [check] (r_exchanges r ++ xs) (Faults FOutputCondition).

(** A step, [r], of coroutine [i] with its output checked. *)
Definition seen (env : setting) (h : host) (s : session) (i : nat) (r : stepped) : stepped :=
  let policy := c_outputs (e_config env) in
  match policy, r_events r, r_outcome r, nth_error (s_coroutines (r_session r)) i with
  | OutputsUnchecked, _, _, _ | _, [], _, _ | _, _, Faults _, _ | _, _, _, None => r
  | _, _, _, Some k =>
      if w_hint (c_wants (e_config env)) then
        let a := h (here (r_session r) i k) QOutputConditionHint (k_registers k) in
        let xs := [record_of (r_session r) i k QOutputConditionHint a] in
        let after := put i (asked_once k) (r_session r) in
        match a with
        | OOutputConditionHint None => judged policy s i r after xs observable
        | OOutputConditionHint (Some given) =>
            if well_named given then judged policy s i r after xs given
            else mk_stepped s [] (r_exchanges r ++ xs) (Faults FInvoke)
        | _ => mk_stepped s [] (r_exchanges r ++ xs) (Faults FInvoke)
        end
      else judged policy s i r (r_session r) [] observable
  end.
