(** Messages, and what the host is asked for: the instructions that a type is about, and those about registers.

    A step executes one instruction of one coroutine. It checks, asks the host if it wants to be asked, and only then
    changes anything: a step that waits or faults leaves the session as it was, but for the count of effects asked for
    and for what the coroutine waits for. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Code State.
Import ListNotations.
Open Scope list_scope.

(** * Which messages may be left out or overwritten

    Only where no type can tell: the branch leads back to the same type at the sender, and in every state of the
    receiver's type that takes this label from this sender. *)

Definition nexts (t : ltype) : list ltype :=
  match t with
  | LSend _ bs | LRecv _ bs => map (fun b => head (snd b)) bs
  | _ => []
  end.

Fixpoint reachable (n : nat) (todo seen : list ltype) : list ltype :=
  match n, todo with
  | S n, t :: todo =>
      if existsb (ltype_eqb t) seen then reachable n todo seen
      else reachable n (nexts t ++ todo) (t :: seen)
  | _, _ => seen
  end.

Definition most_states : nat := 64 * 64.

(** Whether two types are the same but for how often their loops are written out: whatever happens from one can happen from
    the other. [taken] are pairs that are being looked at already; [n] bounds how many are. *)

Fixpoint continuations (xs ys : list (label * ltype)) : option (list (ltype * ltype)) :=
  match xs with
  | [] => Some []
  | (l, x) :: xs =>
      match branch l ys, continuations xs ys with
      | Some y, Some rest => Some ((head x, head y) :: rest)
      | _, _ => None
      end
  end.

Definition both_go_on (a b : ltype) : option (list (ltype * ltype)) :=
  match a, b with
  | LEnd, LEnd => Some []
  | LSend p xs, LSend q ys | LRecv p xs, LRecv q ys =>
      if String.eqb p q && Nat.eqb (length xs) (length ys) then continuations xs ys else None
  | _, _ => None
  end.

Fixpoint alike (n : nat) (todo taken : list (ltype * ltype)) : bool :=
  match n, todo with
  | _, [] => true
  | O, _ => false
  | S n, (a, b) :: todo =>
      if ltype_eqb a b || existsb (fun p => ltype_eqb (fst p) a && ltype_eqb (snd p) b) taken
      then alike n todo taken
      else match both_go_on a b with
           | Some more => alike n (more ++ todo) ((a, b) :: taken)
           | None => false
           end
  end.

Definition same_type (a b : ltype) : bool := alike most_states [(head a, head b)] [].
Arguments same_type : simpl never.

Definition keeps (from : string) (l : label) (t : ltype) : bool :=
  match t with
  | LRecv p bs =>
      if String.eqb p from then match branch l bs with Some k => same_type k t | None => true end else true
  | _ => true
  end.

Definition receiver_type (env : setting) (role : string) : ltype :=
  let fix find (ps : list program) (ts : list ltype) : ltype :=
    match ps, ts with
    | p :: ps, t :: ts => if String.eqb (p_role p) role then t else find ps ts
    | _, _ => LEnd
    end in
  find (e_programs env) (e_types env).

Definition elastic (env : setting) (e : edge) (l : label) (now next : ltype) : bool :=
  same_type now next &&
  forallb (keeps (fst e) l) (reachable most_states [head (receiver_type env (snd e))] []).

(** * The instructions *)

Definition fails (s : session) (xs : list exchange) (f : fault) : stepped := mk_stepped s [] xs (Faults f).

(** The endpoint that a register holds, with its place: one of this session that the coroutine owns. *)
Definition endpoint (s : session) (i : nat) (k : coroutine) (chan : nat) : fault + (nat * seat) :=
  match nth_error (k_registers k) chan with
  | None => inl FRegister
  | Some (VEndpoint sid role) =>
      match seat_of role s with
      | Some (j, t) => if Nat.eqb sid (s_id s) && Nat.eqb (t_owner t) i then inr (j, t) else inl FChannel
      | None => inl FChannel
      end
  | Some _ => inl FType
  end.

Definition here (s : session) (i : nat) (k : coroutine) : coordinate := mk_coordinate (s_id s) i (k_asked k).

Definition record_of (s : session) (i : nat) (k : coroutine) (q : request) (a : answer) : exchange :=
  mk_exchange (here s i k) (k_role k) q (k_registers k) a.

Definition fits (c : config) (v : value) (s : sort) : bool := has_sort v s && N.leb (wire_size v) (c_max_payload c).

(** Leaves a message out, where no type can tell. *)
Definition drop (env : setting) (s : session) (i : nat) (k : coroutine) (t : seat) (xs : list exchange) (e : edge)
    (l : label) (next : ltype) (pc : nat) : stepped :=
  if elastic env e l (t_type t) next then
    mk_stepped (put i (moved pc (k_registers k) k) s) [] xs Yielded
  else fails (put i k s) xs FBuffer.

Fixpoint overwrite_last (m : message) (ms : list message) : option (list message) :=
  match ms with
  | [] => None
  | [old] => if label_eqb (m_label old) (m_label m) then Some [m] else None
  | old :: rest => option_map (cons old) (overwrite_last m rest)
  end.

(** Enqueues, wakes, advances and records, together. *)
Definition enqueue (env : setting) (s : session) (i : nat) (k : coroutine) (j : nat) (t : seat) (xs : list exchange)
    (to_ : string) (l : label) (v : value) (next : ltype) (pc : nat) (offered : bool) : stepped :=
  let e := (t_role t, to_) in
  let ms := queue e (s_queues s) in
  let events := ESent e l :: (if offered then [EOffered e l] else []) in
  let overwritten :=
    if c_latest (e_config env) && elastic env e l (t_type t) next
    then overwrite_last (mk_message l v) ms else None in
  let s := retyped j t next (put i (moved pc (k_registers k) k) s) in
  match overwritten with
  | Some ms => mk_stepped (with_queue e ms s) events xs Yielded
  | None => mk_stepped (wake (OnMessage e) (with_queue e (ms ++ [mk_message l v]) s)) events xs Ran
  end.

Definition room (env : setting) (e : edge) (l : label) (now next : ltype) (ms : list message) : bool :=
  Nat.ltb (length ms) (holds (e_config env)) ||
  (c_latest (e_config env) && elastic env e l now next &&
   match overwrite_last (mk_message l VUnit) ms with Some _ => true | None => false end).

(** [ISend] and [IOffer], once the label is known. *)
Definition send (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (j : nat) (t : seat) (to_ : string)
    (l : label) (val pc : nat) (offered : bool) : stepped :=
  let e := (t_role t, to_) in
  match advance (t_type t) (ASend to_ l) with
  | None => fails s [] FLabel
  | Some next =>
      match nth_error (k_registers k) val with
      | None => fails s [] FRegister
      | Some v =>
          if negb (has_sort v (l_sort l)) then fails s [] FType
          else if existsb (edge_eqb e) (s_cut s) then
            mk_stepped (put i (with_gate (OnLink e) k) s) [] [] (Waits (OnLink e))
          else if negb (room env e l (t_type t) next (queue e (s_queues s))) then
            match c_policy (e_config env) with
            | PBlock => mk_stepped (put i (with_gate (OnRoom e) k) s) [] [] (Waits (OnRoom e))
            | PDrop => drop env s i k t [] e l next pc
            | PError | PResize _ => fails s [] FBuffer
            end
          else if w_send (c_wants (e_config env)) then
            let q := QSend to_ l v in
            let a := h (here s i k) q (k_registers k) in
            let xs := [record_of s i k q a] in
            let k' := asked_once k in
            match a with
            | OSend Deliver => enqueue env s i k' j t xs to_ l v next pc offered
            | OSend (Replace w) =>
                if fits (e_config env) w (l_sort l) then enqueue env s i k' j t xs to_ l w next pc offered
                else fails (put i k' s) xs FInvoke
            | OSend Drop => drop env s i k' t xs e l next pc
            | OSend Defer => mk_stepped (put i k' s) [] xs Yielded
            | _ => fails (put i k' s) xs FInvoke
            end
          else enqueue env s i k j t [] to_ l v next pc offered
      end
  end.

(** Dequeues, wakes, writes, advances and records, together. *)
Definition dequeue (s : session) (i : nat) (k : coroutine) (j : nat) (t : seat) (xs : list exchange) (from : string)
    (rest : list message) (l : label) (v : value) (next : ltype) (dst pc : nat) (chosen : bool) : stepped :=
  let e := (from, t_role t) in
  let events := EReceived e l :: (if chosen then [EChose e l] else []) in
  let k := moved pc (replace dst v (k_registers k)) k in
  mk_stepped (wake (OnRoom e) (with_queue e rest (retyped j t next (put i k s)))) events xs Ran.

(** [IReceive] and [IChoose], once a message has come; [dst] and [pc] belong to its label. *)
Definition take (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (j : nat) (t : seat) (from : string)
    (m : message) (rest : list message) (dst pc : nat) (chosen : bool) : stepped :=
  let l := m_label m in
  match advance (t_type t) (ARecv from l) with
  | None => fails s [] FLabel
  | Some next =>
      if negb (Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
      else if w_receive (c_wants (e_config env)) then
        let q := QReceive from l (m_payload m) in
        let a := h (here s i k) q (k_registers k) in
        let xs := [record_of s i k q a] in
        let k' := asked_once k in
        match a with
        | OReceive None => dequeue s i k' j t xs from rest l (m_payload m) next dst pc chosen
        | OReceive (Some w) =>
            if fits (e_config env) w (l_sort l) then dequeue s i k' j t xs from rest l w next dst pc chosen
            else fails (put i k' s) xs FInvoke
        | _ => fails (put i k' s) xs FInvoke
        end
      else dequeue s i k j t [] from rest l (m_payload m) next dst pc chosen
  end.

(** The row of a table that belongs to a label: rows stand in the order of the type's branches. *)
Fixpoint row_of {A} (l : label) (bs : list (label * ltype)) (rows : list A) : option A :=
  match bs, rows with
  | (m, _) :: bs, row :: rows => if label_eqb l m then Some row else row_of l bs rows
  | _, _ => None
  end.

(** Waits for the first message of an edge, or hands it on. *)
Definition incoming (s : session) (i : nat) (k : coroutine) (t : seat) (from : string)
    (taken : message -> list message -> stepped) : stepped :=
  let e := (from, t_role t) in
  match queue e (s_queues s) with
  | [] => mk_stepped (put i (with_gate (OnMessage e) k) s) [] [] (Waits (OnMessage e))
  | m :: rest => taken m rest
  end.

Definition decide (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (to_ : string)
    (bs : list (label * ltype)) (rows : list nat) (code : list instr) : stepped :=
  if w_choose (c_wants (e_config env)) then
    let q := QChoose to_ (map fst bs) in
    let a := h (here s i k) q (k_registers k) in
    let xs := [record_of s i k q a] in
    let k' := asked_once k in
    match a with
    | OChoose position =>
        match nth_error (combine bs rows) position with
        | Some (_, target) =>
            let pc := go_on (e_config env) code target in
            mk_stepped (put i (moved pc (k_registers k') k') s) [] xs Ran
        | None => fails (put i k' s) xs FInvoke
        end
    | _ => fails (put i k' s) xs FInvoke
    end
  else fails s [] FInvoke.

Definition invoke (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (arg dst : nat)
    (interface operation : string) (sort : sort) (pc : nat) : stepped :=
  match nth_error (k_registers k) arg with
  | None => fails s [] FRegister
  | Some v =>
      if negb (Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
      else if w_invoke (c_wants (e_config env)) then
        let q := QInvoke interface operation v in
        let a := h (here s i k) q (k_registers k) in
        let xs := [record_of s i k q a] in
        let k' := asked_once k in
        match a with
        | OInvoke w =>
            if fits (e_config env) w sort then
              mk_stepped (put i (moved pc (replace dst w (k_registers k')) k') s)
                [EInvoked i interface operation] xs Ran
            else fails (put i k' s) xs FInvoke
        | _ => fails (put i k' s) xs FInvoke
        end
      else if has_sort VUnit sort then
        mk_stepped (put i (moved pc (replace dst VUnit (k_registers k)) k) s)
          [EInvoked i interface operation] [] Ran
      else fails s [] FInvoke
  end.

(** A step that only moves and writes registers. *)
Definition silently (s : session) (i : nat) (k : coroutine) (pc : nat) (registers : list value) : stepped :=
  mk_stepped (put i (moved pc registers k) s) [] [] Ran.

Definition write (s : session) (i : nat) (k : coroutine) (dst : nat) (v : value) (pc : nat) : stepped :=
  if Nat.ltb dst (length (k_registers k)) then silently s i k pc (replace dst v (k_registers k))
  else fails s [] FRegister.
