(** One session and one step of it.

    A step executes one instruction of one coroutine. It checks, asks the host if it wants to be asked, and only then
    changes anything: a step that waits or faults leaves the session as it was, but for the count of effects asked for
    and for what the coroutine waits for. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Code.
Import ListNotations.
Open Scope list_scope.

Inductive gate : Set := Open | OnMessage (e : edge) | OnRoom (e : edge) | Halted.

Record message : Set := mk_message { m_label : label; m_payload : value }.

Record coroutine : Set := mk_coroutine {
  k_role : string; k_pc : nat; k_registers : list value; k_type : ltype; k_gate : gate; k_asked : nat }.

Record session : Set := mk_session {
  s_id : nat;
  s_coroutines : list coroutine;
  s_queues : list (edge * list message);
  s_current : nat;
  s_end : option terminal }.

(** What does not change during a run. Coroutine number n runs program number n from local type number n. *)
Record setting : Set := mk_setting {
  e_config : config; e_programs : list program; e_types : list ltype }.

Inductive outcome : Set := Ran | Yielded | Waits (g : gate) | Done | Faults (f : fault).

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

Definition put (i : nat) (k : coroutine) (s : session) : session :=
  mk_session (s_id s) (replace i k (s_coroutines s)) (s_queues s) (s_current s) (s_end s).

Definition with_queue (e : edge) (ms : list message) (s : session) : session :=
  mk_session (s_id s) (s_coroutines s) (set_queue e ms (s_queues s)) (s_current s) (s_end s).

Definition with_gate (g : gate) (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) (k_pc k) (k_registers k) (k_type k) g (k_asked k).

Definition asked_once (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) (k_pc k) (k_registers k) (k_type k) (k_gate k) (S (k_asked k)).

Definition gate_eqb (a b : gate) : bool :=
  match a, b with
  | Open, Open | Halted, Halted => true
  | OnMessage e, OnMessage f | OnRoom e, OnRoom f => edge_eqb e f
  | _, _ => false
  end.

(** Opens the gate of whoever waits for exactly this. *)
Definition wake (g : gate) (s : session) : session :=
  mk_session (s_id s) (map (fun k => if gate_eqb (k_gate k) g then with_gate Open k else k) (s_coroutines s))
    (s_queues s) (s_current s) (s_end s).

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

(** A register that must hold the coroutine's own end of the session. *)
Definition endpoint (s : session) (k : coroutine) (chan : nat) : option fault :=
  match nth_error (k_registers k) chan with
  | None => Some FRegister
  | Some (VEndpoint sid role) => if Nat.eqb sid (s_id s) && String.eqb role (k_role k) then None else Some FChannel
  | Some _ => Some FType
  end.

Definition here (s : session) (i : nat) (k : coroutine) : coordinate := mk_coordinate (s_id s) i (k_asked k).

Definition record_of (s : session) (i : nat) (k : coroutine) (q : request) (a : answer) : exchange :=
  mk_exchange (here s i k) q (k_registers k) a.

Definition fits (c : config) (v : value) (s : sort) : bool := has_sort v s && N.leb (wire_size v) (c_max_payload c).

(** Moves a coroutine on. *)
Definition moved (pc : nat) (registers : list value) (t : ltype) (k : coroutine) : coroutine :=
  mk_coroutine (k_role k) pc registers t Open (k_asked k).

(** Leaves a message out, where no type can tell. *)
Definition drop (env : setting) (s : session) (i : nat) (k : coroutine) (xs : list exchange) (e : edge) (l : label)
    (next : ltype) (pc : nat) : stepped :=
  if elastic env e l (k_type k) next then
    mk_stepped (put i (moved pc (k_registers k) (k_type k) k) s) [] xs Yielded
  else fails (put i k s) xs FBuffer.

Fixpoint overwrite_last (m : message) (ms : list message) : option (list message) :=
  match ms with
  | [] => None
  | [old] => if label_eqb (m_label old) (m_label m) then Some [m] else None
  | old :: rest => option_map (cons old) (overwrite_last m rest)
  end.

(** Enqueues, wakes, advances and records, together. *)
Definition enqueue (env : setting) (s : session) (i : nat) (k : coroutine) (xs : list exchange) (to_ : string)
    (l : label) (v : value) (next : ltype) (pc : nat) (offered : bool) : stepped :=
  let e := (k_role k, to_) in
  let ms := queue e (s_queues s) in
  let events := ESent e l :: (if offered then [EOffered e l] else []) in
  let overwritten :=
    if c_latest (e_config env) && elastic env e l (k_type k) next
    then overwrite_last (mk_message l v) ms else None in
  let k := moved pc (k_registers k) next k in
  match overwritten with
  | Some ms => mk_stepped (with_queue e ms (put i k s)) events xs Yielded
  | None => mk_stepped (wake (OnMessage e) (with_queue e (ms ++ [mk_message l v]) (put i k s))) events xs Ran
  end.

Definition room (env : setting) (e : edge) (l : label) (now next : ltype) (ms : list message) : bool :=
  Nat.ltb (length ms) (holds (e_config env)) ||
  (c_latest (e_config env) && elastic env e l now next &&
   match overwrite_last (mk_message l VUnit) ms with Some _ => true | None => false end).

(** [ISend] and [IOffer], once the label is known. *)
Definition send (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (to_ : string) (l : label)
    (val pc : nat) (offered : bool) : stepped :=
  let e := (k_role k, to_) in
  match advance (k_type k) (ASend to_ l) with
  | None => fails s [] FLabel
  | Some next =>
      match nth_error (k_registers k) val with
      | None => fails s [] FRegister
      | Some v =>
          if negb (has_sort v (l_sort l)) then fails s [] FType
          else if negb (room env e l (k_type k) next (queue e (s_queues s))) then
            match c_policy (e_config env) with
            | PBlock => mk_stepped (put i (with_gate (OnRoom e) k) s) [] [] (Waits (OnRoom e))
            | PDrop => drop env s i k [] e l next pc
            | PError | PResize _ => fails s [] FBuffer
            end
          else if w_send (c_wants (e_config env)) then
            let q := QSend to_ l v in
            let a := h (here s i k) q (k_registers k) in
            let xs := [record_of s i k q a] in
            let k' := asked_once k in
            match a with
            | OSend Deliver => enqueue env s i k' xs to_ l v next pc offered
            | OSend (Replace w) =>
                if fits (e_config env) w (l_sort l) then enqueue env s i k' xs to_ l w next pc offered
                else fails (put i k' s) xs FInvoke
            | OSend Drop => drop env s i k' xs e l next pc
            | OSend Defer => mk_stepped (put i k' s) [] xs Yielded
            | _ => fails (put i k' s) xs FInvoke
            end
          else enqueue env s i k [] to_ l v next pc offered
      end
  end.

(** Dequeues, wakes, writes, advances and records, together. *)
Definition dequeue (s : session) (i : nat) (k : coroutine) (xs : list exchange) (from : string) (rest : list message)
    (l : label) (v : value) (next : ltype) (dst pc : nat) (chosen : bool) : stepped :=
  let e := (from, k_role k) in
  let events := EReceived e l :: (if chosen then [EChose e l] else []) in
  let k := moved pc (replace dst v (k_registers k)) next k in
  mk_stepped (wake (OnRoom e) (with_queue e rest (put i k s))) events xs Ran.

(** [IReceive] and [IChoose], once a message has come; [dst] and [pc] belong to its label. *)
Definition take (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (from : string) (m : message)
    (rest : list message) (dst pc : nat) (chosen : bool) : stepped :=
  let l := m_label m in
  match advance (k_type k) (ARecv from l) with
  | None => fails s [] FLabel
  | Some next =>
      if negb (Nat.ltb dst (length (k_registers k))) then fails s [] FRegister
      else if w_receive (c_wants (e_config env)) then
        let q := QReceive from l (m_payload m) in
        let a := h (here s i k) q (k_registers k) in
        let xs := [record_of s i k q a] in
        let k' := asked_once k in
        match a with
        | OReceive None => dequeue s i k' xs from rest l (m_payload m) next dst pc chosen
        | OReceive (Some w) =>
            if fits (e_config env) w (l_sort l) then dequeue s i k' xs from rest l w next dst pc chosen
            else fails (put i k' s) xs FInvoke
        | _ => fails (put i k' s) xs FInvoke
        end
      else dequeue s i k [] from rest l (m_payload m) next dst pc chosen
  end.

(** The row of a table that belongs to a label: rows stand in the order of the type's branches. *)
Fixpoint row_of {A} (l : label) (bs : list (label * ltype)) (rows : list A) : option A :=
  match bs, rows with
  | (m, _) :: bs, row :: rows => if label_eqb l m then Some row else row_of l bs rows
  | _, _ => None
  end.

(** Waits for the first message of an edge, or hands it on. *)
Definition incoming (s : session) (i : nat) (k : coroutine) (from : string)
    (taken : message -> list message -> stepped) : stepped :=
  let e := (from, k_role k) in
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
            mk_stepped (put i (moved pc (k_registers k') (k_type k') k') s) [] xs Ran
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
              mk_stepped (put i (moved pc (replace dst w (k_registers k')) (k_type k') k') s)
                [EInvoked i interface operation] xs Ran
            else fails (put i k' s) xs FInvoke
        | _ => fails (put i k' s) xs FInvoke
        end
      else if has_sort VUnit sort then
        mk_stepped (put i (moved pc (replace dst VUnit (k_registers k)) (k_type k) k) s)
          [EInvoked i interface operation] [] Ran
      else fails s [] FInvoke
  end.

(** A step that only moves and writes registers. *)
Definition silently (s : session) (i : nat) (k : coroutine) (pc : nat) (registers : list value) : stepped :=
  mk_stepped (put i (moved pc registers (k_type k) k) s) [] [] Ran.

Definition write (s : session) (i : nat) (k : coroutine) (dst : nat) (v : value) (pc : nat) : stepped :=
  if Nat.ltb dst (length (k_registers k)) then silently s i k pc (replace dst v (k_registers k))
  else fails s [] FRegister.

Definition execute (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (code : list instr)
    (op : instr) : stepped :=
  let on pc := go_on (e_config env) code pc in
  let next := on (S (k_pc k)) in
  let at_endpoint chan (go : stepped) := match endpoint s k chan with Some f => fails s [] f | None => go end in
  match op with
  | ISend chan val =>
      at_endpoint chan
        match head (k_type k) with
        | LSend to_ [(l, _)] => send env h s i k to_ l val next false
        | _ => fails s [] FType
        end
  | IOffer chan val l =>
      at_endpoint chan
        match head (k_type k) with
        | LSend to_ _ => send env h s i k to_ l val next true
        | _ => fails s [] FType
        end
  | IReceive chan dst =>
      at_endpoint chan
        match head (k_type k) with
        | LRecv from [_] => incoming s i k from (fun m rest => take env h s i k from m rest dst next false)
        | _ => fails s [] FType
        end
  | IChoose chan rows =>
      at_endpoint chan
        match head (k_type k) with
        | LRecv from bs =>
            incoming s i k from (fun m rest =>
              match row_of (m_label m) bs rows with
              | Some (target, dst) => take env h s i k from m rest dst (on target) true
              | None => fails s [] FLabel
              end)
        | _ => fails s [] FType
        end
  | IDecide chan rows =>
      at_endpoint chan
        match head (k_type k) with
        | LSend to_ bs => decide env h s i k to_ bs rows code
        | _ => fails s [] FType
        end
  | IInvoke arg dst interface operation sort => invoke env h s i k arg dst interface operation sort next
  | ISet dst v => write s i k dst v next
  | IMove dst src =>
      match nth_error (k_registers k) src with
      | Some v => write s i k dst v next
      | None => fails s [] FRegister
      end
  | IJump target => silently s i k (on target) (k_registers k)
  | IBranch on_ rows =>
      match nth_error (k_registers k) on_ with
      | None => fails s [] FRegister
      | Some v =>
          let row :=
            match v with
            | VNat n => if N.ltb n (N.of_nat (length rows)) then nth_error rows (N.to_nat n) else None
            | _ => None
            end in
          silently s i k (match row with Some target => on target | None => next end) (k_registers k)
      end
  | IYield => mk_stepped (put i (moved next (k_registers k) (k_type k) k) s) [] [] Yielded
  | IHalt =>
      if is_end (k_type k) then
        mk_stepped (put i (with_gate Halted (moved (k_pc k) (k_registers k) (k_type k) k)) s) [EHalted i] [] Done
      else fails s [] FType
  end.

(** One instruction of coroutine [i]. *)
Definition step (env : setting) (h : host) (s : session) (i : nat) : stepped :=
  match nth_error (s_coroutines s) i, nth_error (e_programs env) i with
  | Some k, Some p =>
      match nth_error (p_code p) (k_pc k) with
      | Some op => execute env h s i (with_gate Open k) (p_code p) op
      | None => fails s [] FPc
      end
  | _, _ => fails s [] FPc
  end.
