(** One instruction, and one step: what a coroutine does next. *)

From Coq Require Import NArith String List Bool Arith.
From Motet Require Import Values Types Code State Session Island Late Guests.
Import ListNotations.
Open Scope list_scope.

(** What a coroutine does through the endpoint that a register holds: one of the session's own, or of the view's. *)
Definition communicate (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (p : program)
    (op : instr) : stepped :=
  let code := p_code p in
  let on pc := go_on (e_config env) code pc in
  let next := on (S (k_pc k)) in
  let at_endpoint chan (go : nat -> seat -> stepped) :=
    match endpoint s i k chan with inl f => fails s [] f | inr (j, t) => go j t end in
  match op with
  | ISend chan val =>
      at_endpoint chan (fun j t =>
        match head (t_type t) with
        | LSend to_ [(l, _)] => send env h s i k j t to_ l val next false
        | _ => fails s [] FType
        end)
  | IOffer chan val l =>
      at_endpoint chan (fun j t =>
        match head (t_type t) with
        | LSend to_ _ => send env h s i k j t to_ l val next true
        | _ => fails s [] FType
        end)
  | IReceive chan dst =>
      at_endpoint chan (fun j t =>
        match head (t_type t) with
        | LRecv from [_] => incoming s i k t from (fun m rest => take env h s i k j t from m rest dst next false)
        | _ => fails s [] FType
        end)
  | IChoose chan rows =>
      at_endpoint chan (fun j t =>
        match head (t_type t) with
        | LRecv from bs =>
            if Nat.eqb (length rows) (length bs) then
              incoming s i k t from (fun m rest =>
                match row_of (m_label m) bs rows with
                | Some (target, dst) => take env h s i k j t from m rest dst (on target) true
                | None => fails s [] FLabel
                end)
            else fails s [] FType
        | _ => fails s [] FType
        end)
  | IDecide chan rows =>
      at_endpoint chan (fun _ t =>
        match head (t_type t) with
        | LSend to_ bs =>
            if Nat.eqb (length rows) (length bs) then decide env h s i k to_ bs rows code else fails s [] FType
        | _ => fails s [] FType
        end)
  | _ => fails s [] FType
  end.

Definition execute (env : setting) (h : host) (s : session) (i : nat) (k : coroutine) (p : program)
    (op : instr) : stepped :=
  let on pc := go_on (e_config env) (p_code p) pc in
  let next := on (S (k_pc k)) in
  match op with
  | ISend chan _ | IOffer chan _ _ | IReceive chan _ | IChoose chan _ | IDecide chan _ =>
      match guest_at s k chan with
      | None => communicate env h s i k p op
      | Some (u, role) =>
          if is_shut u role then fails s [] FChannel
          else within s u role (communicate (setting_in env u) h (view env u s) i k p op)
      end
  | IInvoke arg dst interface operation sort may_block =>
      if may_block then invoke_late env s i k arg dst interface operation sort next
      else invoke env h s i k arg dst interface operation sort next
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
  | IYield => mk_stepped (put i (moved next (k_registers k) k) s) [] [] Yielded
  | IHalt => halt s i k
  | ISpawn args dst target => spawn env s i k (p_registers p) args dst (on target) next
  | ICast val sort => cast s i k val sort next
  | IFork ghost => fork env s i k ghost next
  | IJoin => join s i k next
  | IAbort => abort s i k next
  | ITransfer chan target =>
      match guest_at s k chan with
      | None => transfer env s i k chan target next
      | Some (u, role) => within s u role (transfer env (view env u s) i k chan target next)
      end
  | ITag at_ dst => tag env s i k at_ dst next
  | ICheck at_ target dst => check env s i k at_ target dst next
  | IAcquire dst layer => acquire env s i k dst layer next
  | IRelease from layer => release env h s i k from layer next
  | IClose chan =>
      match guest_at s k chan, endpoint s i k chan with
      | Some (u, role), _ => close_guest s i k u role next
      | None, inr _ => close s i k next
      | None, inl f => fails s [] f
      end
  | IOpen dst row => open_guest env s i k dst row next
  end.

(** One instruction of coroutine [i]. *)
Definition step (env : setting) (h : host) (s : session) (i : nat) : stepped :=
  match nth_error (s_coroutines s) i with
  | Some k =>
      match program_of (k_role k) env with
      | Some p =>
          match nth_error (p_code p) (k_pc k) with
          | Some op => execute env h s i (with_gate Open k) p op
          | None => fails s [] FPc
          end
      | None => fails s [] FPc
      end
  | None => fails s [] FPc
  end.
