(** Semantic objects of a run (specification, section 8): every output that is checked is an operation with a read, a
    proof, and, where it passed, a handle and a canonical publication; every endpoint and every session that changes hands is one;
    and so is every effect that the host takes its time for.

    Made from the whole trace at its end, where the machine keeps them as they come. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types Owners Names Code Holdings.
Import ListNotations.
Open Scope list_scope.

(** * Outputs *)

(** One checked output. Outputs of one coroutine with the same content under the same condition are one. *)
Record output : Set := mk_output {
  o_session : nat; o_by : nat; o_told : list event; o_sent : option value; o_under : hint; o_passed : bool;
  o_owner : option string }.

Fixpoint list_eqb {A} (eqb : A -> A -> bool) (xs ys : list A) : bool :=
  match xs, ys with
  | [], [] => true
  | x :: xs, y :: ys => eqb x y && list_eqb eqb xs ys
  | _, _ => false
  end.

Definition option_eqb {A} (eqb : A -> A -> bool) (x y : option A) : bool :=
  match x, y with
  | None, None => true
  | Some x, Some y => eqb x y
  | _, _ => false
  end.

Fixpoint value_eqb (a b : value) : bool :=
  match a, b with
  | VUnit, VUnit => true
  | VNat n, VNat m => N.eqb n m
  | VBool x, VBool y => Bool.eqb x y
  | VStr x, VStr y => String.eqb x y
  | VProd a1 a2, VProd b1 b2 => value_eqb a1 b1 && value_eqb a2 b2
  | VEndpoint s r, VEndpoint t q => Nat.eqb s t && String.eqb r q
  | _, _ => false
  end.

(** What one step can tell, compared; nothing else is part of an output. *)
Fixpoint told_eqb (a b : event) : bool :=
  match a, b with
  | ESent e l, ESent f m | EReceived e l, EReceived f m | EOffered e l, EOffered f m | EChose e l, EChose f m =>
      edge_eqb e f && label_eqb l m
  | EInvoked i x o, EInvoked j y p => Nat.eqb i j && String.eqb x y && String.eqb o p
  | EHalted i, EHalted j => Nat.eqb i j
  | EForked i m, EForked j n | EJoined i m, EJoined j n | EAborted i m, EAborted j n => Nat.eqb i j && N.eqb m n
  | ETransferred i j r _, ETransferred k l q _ => Nat.eqb i k && Nat.eqb j l && String.eqb r q
  | ETagged r f, ETagged q g => String.eqb r q && String.eqb f g
  | EAcquired i l, EAcquired j m | EReleased i l, EReleased j m => Nat.eqb i j && Nat.eqb l m
  | EClosed, EClosed | EOpened, EOpened | EEpochAdvanced, EEpochAdvanced => true
  | ETerminal t, ETerminal u =>
      match t, u with TClosed, TClosed | TFaulted, TFaulted => true | _, _ => false end
  | EGuest n x, EGuest m y => Nat.eqb n m && told_eqb x y
  | EChecked r t p, EChecked q u o => String.eqb r q && String.eqb t u && Bool.eqb p o
  | _, _ => false
  end.

Definition same_output (a b : output) : bool :=
  Nat.eqb (o_session a) (o_session b) && Nat.eqb (o_by a) (o_by b) && list_eqb told_eqb (o_told a) (o_told b) &&
  option_eqb value_eqb (o_sent a) (o_sent b).

Definition same_check (a b : output) : bool :=
  same_output a b && String.eqb (h_predicate (o_under a)) (h_predicate (o_under b)).

(** The number of an output among different ones, and its operation among those. *)
Fixpoint first_at (same : output -> output -> bool) (x : output) (xs : list output) (n : nat) : nat :=
  match xs with
  | [] => n
  | y :: xs => if same y x then n else first_at same x xs (S n)
  end.

(** Each once, in the order in which they came. *)
Definition once (same : output -> output -> bool) (xs : list output) : list output :=
  fold_left (fun kept x => if existsb (fun y => same y x) kept then kept else kept ++ [x]) xs [].

Definition checked_outputs (trace : list (nat * nat * event)) : list output :=
  flat_map (fun e => match e with
    | (_, sid, EOutputConditionChecked i under passed told sent, h) => [mk_output sid i told sent under passed (hd_owner h)]
    | _ => []
    end) (attended_trace trace).

(** * The way of an operation that needs a proof *)

Inductive stage : Set := AtObserved | AtAuthoritative | AtMaterialized | AtCanonical | AtRejected.

Record way : Set := mk_way { y_stage : stage; y_read : bool; y_proof : bool; y_handle : bool; y_published : nat }.

Inductive act_on : Set := Authorize | Materialize (passed : bool) | Publish | Reject.

Definition began : way := mk_way AtObserved false false false 0.

(** Nothing is published without a passed proof and its handle, and nothing twice. *)
Definition taken (w : way) (a : act_on) : option way :=
  match a, y_stage w with
  | Authorize, AtObserved => Some (mk_way AtAuthoritative true (y_proof w) (y_handle w) (y_published w))
  | Materialize true, AtAuthoritative => Some (mk_way AtMaterialized (y_read w) true true (y_published w))
  | Publish, AtMaterialized => Some (mk_way AtCanonical (y_read w) (y_proof w) (y_handle w) (S (y_published w)))
  | Reject, AtObserved | Reject, AtAuthoritative => Some (mk_way AtRejected (y_read w) false false (y_published w))
  | _, _ => None
  end.

Fixpoint along (w : way) (acts : list act_on) : option way :=
  match acts with
  | [] => Some w
  | a :: acts => match taken w a with Some w => along w acts | None => None end
  end.

Definition way_of (passed : bool) : way :=
  match along began (if passed then [Authorize; Materialize true; Publish] else [Reject]) with
  | Some w => w
  | None => began
  end.

Record operation : Set := mk_operation { p_output : output; p_number : nat; p_way : way }.

(** The operations of a trace, oldest event first. *)
Definition operations (trace : list (nat * nat * event)) : list operation :=
  let checks := checked_outputs trace in
  let outputs := once same_output checks in
  map (fun x => mk_operation x (first_at same_output x outputs 0) (way_of (o_passed x))) (once same_check checks).

(** * What changes hands *)

(** Endpoints that changed hands, in order: in which round and session, of which that was opened there or 0, the how-manieth, whose,
    from whom to whom, and who owned the session. *)
Record handoff : Set := mk_handoff {
  h_round : nat; h_session : nat; h_guest : nat; h_number : nat; h_role : string; h_from : nat; h_to : nat;
  h_owner : option string }.

Definition handoffs (trace : list (nat * nat * event)) : list handoff :=
  flat_map (fun e => match e with
    | (round, sid, ETransferred from to_ role number, h) => [mk_handoff round sid 0 number role from to_ (hd_owner h)]
    | (round, sid, EGuest guest (ETransferred from to_ role number), _) =>
        [mk_handoff round sid guest number (plain_name role) from to_ None]
    | _ => []
    end) (attended_trace trace).

(** * Effects that the host takes its time for *)

Inductive ending : Set := Answered (a : answer) | Cancelled | Taken (claim : nat).

(** Where it was asked for, what, by whose code, and in which round; how and in which round it ended, and whose it was then; and
    which results came when it had been taken away. *)
Record effect : Set := mk_effect {
  f_session : nat; f_by : nat; f_counter : nat; f_asker : string; f_request : request; f_asked : nat;
  f_end : option (nat * ending * option string); f_late : list answer }.

(** What has ended stays as it is. *)
Definition ended_by (x : nat * ending) (h : holding) (f : effect) : effect :=
  match f_end f with
  | Some _ => f
  | None =>
      mk_effect (f_session f) (f_by f) (f_counter f) (f_asker f) (f_request f) (f_asked f)
        (Some (x, owner_for (f_asker f) h)) (f_late f)
  end.

Definition ended_where (p : effect -> bool) (x : nat * ending) (h : holding) (f : effect) : effect :=
  if p f then ended_by x h f else f.

Definition is_at (sid i n : nat) (f : effect) : bool :=
  Nat.eqb (f_session f) sid && Nat.eqb (f_by f) i && Nat.eqb (f_counter f) n.

(** A result that comes too late is rejected. *)
Definition rejects (p : effect -> bool) (a : answer) (f : effect) : effect :=
  match f_end f with
  | Some (_, Taken _, _) =>
      if p f then
        mk_effect (f_session f) (f_by f) (f_counter f) (f_asker f) (f_request f) (f_asked f) (f_end f) (f_late f ++ [a])
      else f
  | _ => f
  end.

Definition effect_on (fs : list effect) (x : nat * nat * event * holding) : list effect :=
  match x with
  | (round, sid, EAsked i n role q, _) => fs ++ [mk_effect sid i n role q round None []]
  | (round, sid, EAnswered i n a, h) => map (ended_where (is_at sid i n) (round, Answered a) h) fs
  | (round, sid, ELate i n a, _) => map (rejects (is_at sid i n) a) fs
  | (round, sid, ESettled claim affected true, h) =>
      let lost f := existsb (fun x => is_at sid (fst x) (snd x) f) affected in
      map (ended_where lost (round, Taken claim) h) fs
  | (round, sid, ETerminal _, h) => map (ended_where (fun f => Nat.eqb (f_session f) sid) (round, Cancelled) h) fs
  | _ => fs
  end.

Definition effects_of (trace : list (nat * nat * event * holding)) : list effect := fold_left effect_on trace [].

(** Those of a trace, in the order in which they were asked for. *)
Definition effects (trace : list (nat * nat * event)) : list effect := effects_of (attended_trace trace).

Lemma ended_stays_on : forall fs x k f,
  nth_error fs k = Some f -> f_end f <> None ->
  exists g, nth_error (effect_on fs x) k = Some g /\ f_end g = f_end f.
Proof.
  intros fs [[[round sid] e] h] k f K E.
  assert (M : forall p y, nth_error (map (ended_where p y h) fs) k = Some f).
  { intros p y. rewrite nth_error_map, K. simpl. unfold ended_where, ended_by.
    destruct (p f); [|reflexivity]. now destruct (f_end f). }
  assert (S : exists g, nth_error fs k = Some g /\ f_end g = f_end f) by (now exists f).
  destruct e; simpl; try exact S; try (exists f; split; [apply M | reflexivity]).
  - exists f. rewrite nth_error_app1; [now split | apply nth_error_Some; congruence].
  - rewrite nth_error_map, K. simpl. eexists. split; [reflexivity|]. unfold rejects.
    destruct (f_end f) as [[[r []] o]|] eqn:F; try congruence. destruct (is_at sid coroutine counter f); simpl; congruence.
  - destruct invalidated; [|exact S]. exists f. split; [apply M | reflexivity].
Qed.

(** How an effect has ended, and whose it was then, nothing changes that comes for it: no result, no handoff, no end. *)
Theorem ended_effects_stay : forall trace more k f,
  nth_error (effects trace) k = Some f -> f_end f <> None ->
  exists g, nth_error (effects (trace ++ more)) k = Some g /\ f_end g = f_end f.
Proof.
  intros trace more. unfold effects, effects_of, attended_trace. rewrite attended_app, fold_left_app.
  generalize (fold_left effect_on (attended [] trace) []).
  induction (attended (fold_left holdings_on trace []) more) as [|x rest IH]; intros fs k f K E; simpl; [now exists f|].
  destruct (ended_stays_on fs x k f K E) as [g [G F]].
  destruct (IH _ k g G) as [u [U V]]; [congruence|]. exists u. split; [exact U | congruence].
Qed.

(** With its session every effect ends. *)
Theorem sessions_end_with_their_effects : forall trace round sid t f,
  In f (effects (trace ++ [(round, sid, ETerminal t)])) -> f_session f = sid -> f_end f <> None.
Proof.
  intros trace round sid t f I S. unfold effects, effects_of, attended_trace in I.
  rewrite attended_app, fold_left_app in I. simpl in I.
  apply in_map_iff in I as [g [E I]]. unfold ended_where, ended_by in E.
  destruct (Nat.eqb (f_session g) sid) eqn:Q; destruct (f_end g) eqn:F; subst f; simpl in *; try congruence.
  apply Nat.eqb_neq in Q. contradiction.
Qed.

(** Whatever acts are tried, what is published has a read with authority, a passed proof and its handle, and is published
    once. *)
Theorem published_is_proved : forall acts w,
  along began acts = Some w -> y_published w <= 1 /\
  (0 < y_published w -> y_read w = true /\ y_proof w = true /\ y_handle w = true).
Proof.
  assert (I : forall acts w0 w, along w0 acts = Some w ->
    (match y_stage w0 with
     | AtObserved => y_published w0 = 0
     | AtAuthoritative => y_published w0 = 0 /\ y_read w0 = true
     | AtMaterialized => y_published w0 = 0 /\ y_read w0 = true /\ y_proof w0 = true /\ y_handle w0 = true
     | AtCanonical => y_published w0 = 1 /\ y_read w0 = true /\ y_proof w0 = true /\ y_handle w0 = true
     | AtRejected => y_published w0 = 0
     end) ->
    y_published w <= 1 /\ (0 < y_published w -> y_read w = true /\ y_proof w = true /\ y_handle w = true)).
  { induction acts as [|a acts IH]; intros w0 w E J; simpl in E.
    - injection E as ->. destruct (y_stage w); intuition lia.
    - destruct (taken w0 a) as [w1|] eqn:T; [|discriminate]. apply (IH w1 w E).
      destruct a as [|[]| |], w0 as [[] r p h n]; simpl in *; try discriminate; injection T as <-; simpl;
        repeat match goal with H : _ /\ _ |- _ => destruct H end; subst; auto. }
  intros acts w E. apply (I acts began w E). reflexivity.
Qed.

(** The ways that a machine takes are ways: a passed output ends canonical, a refused one rejected with nothing to show. *)
Theorem outputs_end_as_they_must :
  way_of true = mk_way AtCanonical true true true 1 /\ way_of false = mk_way AtRejected false false false 0.
Proof. split; reflexivity. Qed.
