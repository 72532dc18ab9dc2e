(** What the host may take its time for: guards, and operations that may block. They are asked between steps; whoever asks
    waits, the others go on, and the answer is used by the step that asked, which is then taken again. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Names Code State Session Island.
Import ListNotations.
Open Scope list_scope.

(** * Answers *)

Definition answer_of (i : nat) (s : session) : option answer :=
  option_map snd (find (fun a => Nat.eqb (fst a) i) (s_answers s)).

(** The answer is used, once; an open speculation remembers it. *)
Definition used (i : nat) (a : answer) (s : session) : session :=
  let b := s_beyond s in
  let spent := match b_spent b with x :: rest => ((i, a) :: x) :: rest | [] => [] end in
  let left := filter (fun a => negb (Nat.eqb (fst a) i)) (b_answers b) in
  with_beyond (mk_beyond (b_delegated b) left spent (b_evidence b) (b_cut b) (b_opened b) (b_crashed b) (b_owning b)) s.

Definition speculates (s : session) : bool := match s_levels s with [] => false | _ => true end.

(** Goes on with the answer, or asks and waits. Nobody outside is asked within a speculation. *)
Definition awaited (s : session) (i : nat) (k : coroutine) (g : gate) (go : answer -> session -> stepped) : stepped :=
  match answer_of i s with
  | Some a => go a (used i a s)
  | None =>
      if speculates s then fails s [] FSpeculation
      else mk_stepped (put i (with_gate g (asked_once k)) s) [] [] (Waits g)
  end.

Definition invoke_late (env : setting) (s : session) (i : nat) (k : coroutine) (arg dst : nat)
    (interface operation : string) (sort : sort) (pc : nat) : stepped :=
  if negb (Nat.ltb arg (length (k_registers k)) && Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
  else
    awaited s i k OnAnswer (fun a after =>
      match a with
      | OInvoke w =>
          if fits (e_config env) w sort then
            mk_stepped (put i (moved pc (replace dst w (k_registers k)) k) after)
              [EInvoked i interface operation] [] Ran
          else fails s [] FInvoke
      | _ => fails s [] FInvoke
      end).

(** * Guards *)

(** The text that stands for a guard: it names the place where the guard was asked for, so no other has it. *)
Definition evidence_id (at_ : coordinate) : string :=
  ("guard " ++ text_of (at_session at_) ++ "/" ++ text_of (at_coroutine at_) ++ "/" ++ text_of (at_counter at_))%string.

Definition with_evidence (es : list evidence) (s : session) : session :=
  let b := s_beyond s in
  with_beyond (mk_beyond (b_delegated b) (b_answers b) (b_spent b) es (b_cut b) (b_opened b) (b_crashed b) (b_owning b)) s.

(** Asks for a guard; where it is granted its evidence is kept. *)
Definition acquire (env : setting) (s : session) (i : nat) (k : coroutine) (dst layer pc : nat) : stepped :=
  if negb (Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
  else if speculates s then fails s [] FSpeculation
  else
    awaited s i k (OnGuard layer) (fun a after =>
      match a with
      | OAcquire v =>
          if N.leb (wire_size v) (c_max_payload (e_config env)) then
            (* The asking itself was counted. *)
            let id := evidence_id (mk_coordinate (s_id s) i (pred (k_asked k))) in
            let after := with_evidence (s_evidence after ++ [mk_evidence id layer v false]) after in
            mk_stepped (put i (moved pc (replace dst (VStr id) (k_registers k)) k) after) [EAcquired i layer] [] Ran
          else fails s [] FAcquire
      | _ => fails s [] FAcquire
      end).

(** Evidence of a layer that a text stands for and that was not given back. *)
Definition stands_for (id : string) (layer : nat) (e : evidence) : bool :=
  String.eqb (g_id e) id && Nat.eqb (g_layer e) layer && negb (g_consumed e).

Definition consumed_of (id : string) (e : evidence) : evidence :=
  if String.eqb (g_id e) id then mk_evidence (g_id e) (g_layer e) (g_granted e) true else e.

Definition given_back (s : session) (i : nat) (k : coroutine) (xs : list exchange) (id : string) (layer pc : nat)
    : stepped :=
  let s := with_evidence (map (consumed_of id) (s_evidence s)) s in
  mk_stepped (put i (moved pc (k_registers k) k) s) [EReleased i layer] xs Ran.

(** Gives a guard back: its evidence is looked at, then the host is asked, and only then is the evidence consumed. *)
Definition release (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (from layer pc : nat) : stepped :=
  if speculates s then fails s [] FSpeculation
  else
    match nth_error (k_registers k) from with
    | None => fails s [] FRegister
    | Some (VStr id) =>
        match find (stands_for id layer) (s_evidence s) with
        | None => fails s [] FAcquire
        | Some e =>
            if w_release (c_wants (e_config env)) then
              let q := QRelease layer (g_granted e) in
              let a := h (here s i k) q (k_registers k) in
              let xs := [record_of s i k q a] in
              let k' := asked_once k in
              match a with
              | ORelease => given_back s i k' xs id layer pc
              | _ => fails (put i k' s) xs FAcquire
              end
            else given_back s i k [] id layer pc
        end
    | Some _ => fails s [] FAcquire
    end.

(** * What comes in *)

(** What a waiting coroutine has asked. *)
Definition question (env : setting) (k : coroutine) : option request :=
  match program_of (k_role k) env with
  | None => None
  | Some p =>
      match k_gate k, nth_error (p_code p) (k_pc k) with
      | OnAnswer, Some (IInvoke arg _ interface operation _ true) =>
          option_map (QInvoke interface operation) (nth_error (k_registers k) arg)
      | OnGuard _, Some (IAcquire _ layer) => Some (QAcquire layer)
      | _, _ => None
      end
  end.

Definition puts_off (a : answer) : bool := match a with OBlocked | OPending => true | _ => false end.

(** The session with the answer in it, and what was exchanged: nothing of the registers is shown. *)
Definition arrived (env : setting) (s : session) (at_ : coordinate) (a : answer) : option (session * exchange) :=
  match nth_error (s_coroutines s) (at_coroutine at_) with
  | None => None
  | Some k =>
      match question env k with
      | Some q =>
          if Nat.eqb (k_asked k) (S (at_counter at_)) then
            let x := mk_exchange at_ (k_role k) q [] a in
            if puts_off a then Some (s, x)
            else
              let b := s_beyond s in
              let b := mk_beyond (b_delegated b) (b_answers b ++ [(at_coroutine at_, a)]) (b_spent b) (b_evidence b)
                (b_cut b) (b_opened b) (b_crashed b) (b_owning b) in
              Some (with_beyond b (put (at_coroutine at_) (with_gate Open k) s), x)
          else None
      | None => None
      end
  end.
