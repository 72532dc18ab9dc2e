(** What instructions do besides messages: coroutines that they start, endpoints that change hands, facts, and
    speculations. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Names Code State Session.
Import ListNotations.
Open Scope list_scope.

(** * Values and coroutines *)

(** Goes on where a register holds a value of the sort. *)
Definition cast (s : session) (i : nat) (k : coroutine) (val : nat) (needed : sort) (pc : nat) : stepped :=
  match nth_error (k_registers k) val with
  | None => fails s [] FRegister
  | Some v => if has_sort v needed then silently s i k pc (k_registers k) else fails s [] FType
  end.

(** Starts a coroutine of the same role, which owns nothing. Its number is its place. *)
Definition spawn (env : setting) (s : session) (i : nat) (k : coroutine) (registers args dst target pc : nat) : stepped :=
  if negb (Nat.leb args (length (k_registers k)) && Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
  else if negb (Nat.ltb (length (filter goes_on (s_coroutines s))) (c_max_coroutines (e_config env))) then
    fails s [] FSpeculation
  else
    let number := length (s_coroutines s) in
    let child := mk_coroutine (k_role k) target
      (firstn args (k_registers k) ++ repeat VUnit (registers - args)) Open 0 in
    let parent := moved pc (replace dst (VNat (N.of_nat number)) (k_registers k)) k in
    mk_stepped (with_coroutines (replace i parent (s_coroutines s) ++ [child]) s) [] [] Ran.

(** Ends the session, in no speculation: that could not be taken back. *)
Definition close (s : session) (i : nat) (k : coroutine) (pc : nat) : stepped :=
  match s_levels s with
  | [] => mk_stepped (put i (moved pc (k_registers k) k) s) [EClosed] [] Shut
  | _ => fails s [] FClose
  end.

(** * Facts *)

Definition fact_eqb (a b : fact) : bool :=
  Nat.eqb (f_knower a) (f_knower b) && String.eqb (f_role a) (f_role b) && String.eqb (f_text a) (f_text b).

Definition knows (f : fact) (known : list fact) : bool := existsb (fact_eqb f) known.

(** Two registers, an endpoint and a text: its session, its role, and the text. *)
Definition about (k : coroutine) (at_ : nat) : fault + (nat * string * string) :=
  match nth_error (k_registers k) at_, nth_error (k_registers k) (S at_) with
  | Some (VEndpoint sid role), Some (VStr text) => inr (sid, role, text)
  | Some _, Some _ => inl FType
  | _, _ => inl FRegister
  end.

Definition has_role (role : string) (ts : list seat) : bool := existsb (fun t => String.eqb (t_role t) role) ts.

(** Whether there is such an endpoint, of the session or of one that was opened in it. *)
Definition is_there (s : session) (role : string) : bool :=
  has_role role (s_seats s) || existsb (fun u => has_role role (u_seats u)) (s_guests s).

(** Adds a fact about an endpoint, whosoever that is. *)
Definition tag (env : setting) (s : session) (i : nat) (k : coroutine) (at_ dst pc : nat) : stepped :=
  match about k at_ with
  | inl f => fails s [] f
  | inr (sid, role, text) =>
      let f := mk_fact i role text in
      let room := Nat.ltb (length (s_facts s)) (c_max_facts (e_config env)) &&
                  Nat.leb (String.length text) (c_max_fact_bytes (e_config env)) in
      if negb (Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
      else if negb (Nat.eqb sid (s_id s) && is_there s role) then fails s [] FChannel
      else if knows f (s_facts s) || room then
        let known := if knows f (s_facts s) then s_facts s else s_facts s ++ [f] in
        let k := moved pc (replace dst (VBool true) (k_registers k)) k in
        mk_stepped (with_facts known (put i k s)) [ETagged role text] [] Ran
      else fails s [] FFlow
  end.

(** Whether the coroutine knows a fact and may let it flow to a role, by the role's name. *)
Definition check (env : setting) (s : session) (i : nat) (k : coroutine) (at_ target dst pc : nat) : stepped :=
  match about k at_, nth_error (k_registers k) target with
  | inl f, _ => fails s [] f
  | _, None => fails s [] FRegister
  | inr (sid, role, text), Some (VStr to_) =>
      let permitted := Nat.eqb sid (s_id s) && knows (mk_fact i role text) (s_facts s) &&
                       may_flow (c_flow (e_config env)) (plain_name role) text to_ in
      if Nat.ltb dst (length (k_registers k)) then
        mk_stepped (put i (moved pc (replace dst (VBool permitted) (k_registers k)) k) s)
          [EChecked role to_ permitted] [] Ran
      else fails s [] FRegister
  | _, Some _ => fails s [] FType
  end.

(** * Endpoints that change hands *)

(** Facts that one coroutine knows about a role's endpoint become another's, which may know some of them. *)
Definition handed (from to_ : nat) (role : string) (known : list fact) : list fact :=
  let goes f := Nat.eqb (f_knower f) from && String.eqb (f_role f) role in
  let stay := filter (fun f => negb (goes f)) known in
  stay ++ filter (fun f => negb (knows f stay)) (map (fun f => mk_fact to_ role (f_text f)) (filter goes known)).

(** Gives an endpoint to a coroutine that goes on, with what the giver knows of it, if all of that may flow there. *)
Definition transfer (env : setting) (s : session) (i : nat) (k : coroutine) (chan target pc : nat) : stepped :=
  match endpoint s i k chan, nth_error (k_registers k) target with
  | inl f, _ => fails s [] f
  | _, None => fails s [] FRegister
  | inr (j, t), Some (VNat n) =>
      let to_ := if N.ltb n (N.of_nat (length (s_coroutines s))) then N.to_nat n else i in
      match nth_error (s_coroutines s) to_ with
      | None => fails s [] FTransfer
      | Some taker =>
          let flows f := may_flow (c_flow (e_config env)) (plain_name (t_role t)) (f_text f) (k_role taker) in
          let known := filter (fun f => Nat.eqb (f_knower f) i && String.eqb (f_role f) (t_role t)) (s_facts s) in
          if Nat.eqb to_ i || negb (goes_on taker) then fails s [] FTransfer
          else if negb (forallb flows known) then fails s [] FFlow
          else
            let number := S (b_delegated (s_beyond s)) in
            let s := with_seats (replace j (mk_seat (t_role t) (t_type t) to_) (s_seats s)) s in
            let s := with_facts (handed i to_ (t_role t) (s_facts s)) (put i (moved pc (k_registers k) k) s) in
            mk_stepped
              (with_beyond (mk_beyond number (s_answers s) (b_spent (s_beyond s)) (s_evidence s) (s_cut s)
                (b_opened (s_beyond s)) (b_crashed (s_beyond s)) (b_owning (s_beyond s))) s)
              [ETransferred i to_ (t_role t) number] [] Ran
      end
  | _, Some _ => fails s [] FType
  end.

(** * Speculations *)

Definition with_spent (spent : list (list (nat * answer))) (b : beyond) : beyond :=
  mk_beyond (b_delegated b) (b_answers b) spent (b_evidence b) (b_cut b) (b_opened b) (b_crashed b) (b_owning b).

(** What the innermost speculation used was used in the one around it. *)
Definition merged (spent : list (list (nat * answer))) : list (list (nat * answer)) :=
  match spent with
  | x :: y :: rest => (y ++ x) :: rest
  | _ => []
  end.

(** Answers that the innermost speculation used are there again. *)
Definition unspent (b : beyond) : beyond :=
  match b_spent b with
  | x :: rest =>
      mk_beyond (b_delegated b) (b_answers b ++ x) rest (b_evidence b) (b_cut b) (b_opened b) (b_crashed b)
        (b_owning b)
  | [] => b
  end.

(** Events that nobody hears before the speculation is kept. *)
Definition withheld (es : list event) (v : level) : level := mk_level (v_ghost v) (v_before v) (v_told v ++ es).

(** Begins a speculation: everything as it is behind the [IFork] is kept. One coroutine at a time speculates. *)
Definition fork (env : setting) (s : session) (i : nat) (k : coroutine) (ghost pc : nat) : stepped :=
  let others := match s_levels s with [] => false | _ => negb (Nat.eqb (s_speculator s) i) end in
  match nth_error (k_registers k) ghost with
  | None => fails s [] FRegister
  | Some (VNat n) =>
      if others || negb (N.ltb n 4294967296) || negb (Nat.ltb (length (s_levels s)) (c_depth (e_config env))) then
        fails s [] FSpeculation
      else
        let s := put i (moved pc (k_registers k) k) s in
        let levels := mk_level n (s_inside s) [] :: s_levels s in
        let beyond := with_spent ([] :: b_spent (s_beyond s)) (s_beyond s) in
        mk_stepped (mk_session (s_id s) (s_inside s) levels i beyond (s_current s) (s_end s))
          [EForked i n] [] Began
  | Some _ => fails s [] FSpeculation
  end.

(** The innermost speculation, if it is the coroutine's, and those around it. *)
Definition innermost (s : session) (i : nat) : option (level * list level) :=
  if Nat.eqb (s_speculator s) i then match s_levels s with [] => None | v :: rest => Some (v, rest) end else None.

(** What the innermost did is kept: by the speculation around it, or for good. *)
Definition join (s : session) (i : nat) (k : coroutine) (pc : nat) : stepped :=
  match innermost s i with
  | None => fails s [] FSpeculation
  | Some (v, rest) =>
      let s := put i (moved pc (k_registers k) k) s in
      let s := with_beyond (with_spent (merged (b_spent (s_beyond s))) (s_beyond s)) s in
      match rest with
      | [] => mk_stepped (with_levels [] s) [EJoined i (v_ghost v)] [] (Kept (v_told v))
      | w :: rest => mk_stepped (with_levels (withheld (v_told v) w :: rest) s) [EJoined i (v_ghost v)] [] Ran
      end
  end.

(** Coroutines as they were, but for how often they have asked: no place is asked for twice. A number that was given out is
    used: whoever was started in between never was. *)
Fixpoint counted (now before : list coroutine) : list coroutine :=
  match now, before with
  | n :: now, b :: before => with_asked (k_asked n) b :: counted now before
  | n :: now, [] => mk_coroutine (k_role n) 0 [] Halted (k_asked n) :: counted now []
  | [], before => before
  end.

(** Whoever has an answer need not wait for it. *)
Definition rouse (answers : list (nat * answer)) (n : nat) (k : coroutine) : coroutine :=
  if existsb (fun a => Nat.eqb (fst a) n) answers && goes_on k then with_gate Open k else k.

Fixpoint roused (answers : list (nat * answer)) (n : nat) (ks : list coroutine) : list coroutine :=
  match ks with
  | [] => []
  | k :: ks => rouse answers n k :: roused answers (S n) ks
  end.

Definition taken_back (now before : inside) : inside :=
  mk_inside (counted (n_coroutines now) (n_coroutines before)) (n_seats before) (n_queues before) (n_facts before)
    (n_guests before).

(** What the innermost did is taken back, whoever did it; its coroutine goes on behind the [IAbort]. *)
Definition abort (s : session) (i : nat) (k : coroutine) (pc : nat) : stepped :=
  match innermost s i with
  | None => fails s [] FSpeculation
  | Some (v, rest) =>
      let s := with_beyond (unspent (s_beyond s)) (with_levels rest (with_inside (taken_back (s_inside s) (v_before v)) s)) in
      let s := with_coroutines (roused (s_answers s) 0 (s_coroutines s)) s in
      let registers := match nth_error (s_coroutines s) i with Some old => k_registers old | None => [] end in
      mk_stepped (put i (moved pc registers k) s) [EAborted i (v_ghost v)] [] Ran
  end.

(** All that any open speculation did is taken back. *)
Definition withdrawn (s : session) : session :=
  match rev (s_levels s) with
  | [] => s
  | v :: _ => with_levels [] (with_inside (v_before v) s)
  end.
