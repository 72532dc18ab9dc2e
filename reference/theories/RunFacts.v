(** What each role did over a whole run is a trace of its local type, speculations that are taken back included. *)

From Coq Require Import NArith String List Bool Arith Lia.
From Motet Require Import Values Types TypesFacts Code State Session Island Sites Step SessionFacts Outputs Machine.
Import ListNotations.
Open Scope list_scope.

Definition events_of (m : machine) (sid : nat) : list event :=
  map snd (filter (fun e => Nat.eqb (snd (fst e)) sid) (rev (trace m))).

(** The same roles, and each type is what the events of its role leave of what it was. *)
Definition follows (from : list (string * ltype)) (es : list event) (to_ : list (string * ltype)) : Prop :=
  map fst from = map fst to_ /\
  forall j role t u, nth_error from j = Some (role, t) -> nth_error to_ j = Some (role, u) ->
    advances t (acts role es) = Some u.

(** From the start through what was heard to the outermost speculation, and from each speculation through what it
    withholds to the next, the types follow. *)
Fixpoint follow_levels (start : list (string * ltype)) (es : list event) (levels : list level)
    (now : list (string * ltype)) : Prop :=
  match levels with
  | [] => follows start es now
  | v :: rest => follows (typing_in (v_before v)) (v_told v) now /\ follow_levels start es rest (typing_in (v_before v))
  end.

Definition started (env : setting) : list (string * ltype) := typing (open env 0).

(** Every endpoint's type is what its own events leave of the type that it began with. *)
Definition typed (env : setting) (s : session) (es : list event) : Prop :=
  NoDup (map fst (typing s)) /\ follow_levels (started env) es (s_levels s) (typing s).

Lemma advances_app : forall xs ys t u,
  advances t xs = Some u -> advances t (xs ++ ys) = advances u ys.
Proof.
  induction xs; simpl; intros ys t u A; [now injection A as ->|].
  destruct (advance t a); [now apply IHxs | discriminate].
Qed.

Lemma acts_plain : forall role es, Forall (fun e => act role e = []) es -> acts role es = [].
Proof. intros role es F. induction F; simpl; [reflexivity | now rewrite H]. Qed.

Lemma follows_quiet : forall a es, quiet es -> follows a es a.
Proof. intros a es Q. split; [reflexivity|]. intros j role t u A B. rewrite Q. simpl. congruence. Qed.

Lemma named_there : forall (a b : list (string * ltype)) j role t,
  map fst a = map fst b -> nth_error a j = Some (role, t) -> exists u, nth_error b j = Some (role, u).
Proof.
  intros a b j role t M A. assert (E : nth_error (map fst b) j = Some role) by (now rewrite <- M, nth_error_map, A).
  rewrite nth_error_map in E. destruct (nth_error b j) as [[r u]|]; [|discriminate].
  injection E as ->. now exists u.
Qed.

Lemma follows_then : forall a b c xs ys, follows a xs b -> follows b ys c -> follows a (xs ++ ys) c.
Proof.
  intros a b c xs ys [M A] [N B]. split; [congruence|]. intros j role t u T U.
  destruct (named_there a b j role t M T) as [w W]. rewrite acts_app, (advances_app _ _ _ w (A j role t w T W)).
  now apply B with j.
Qed.

(** More is told: withheld by the innermost speculation, or heard. *)
Lemma follow_more : forall start es levels now more next,
  follow_levels start es levels now -> follows now more next ->
  match levels with
  | [] => follow_levels start (es ++ more) [] next
  | v :: rest => follow_levels start es (withheld more v :: rest) next
  end.
Proof.
  intros start es [|v rest] now more next F G; simpl in *.
  - now apply follows_then with now.
  - destruct F as [F R]. split; [now apply follows_then with now | assumption].
Qed.

Lemma roles_stay : forall start es levels now, follow_levels start es levels now -> map fst start = map fst now.
Proof.
  intros start es levels. revert es. induction levels as [|v rest IH]; intros es now F; simpl in F.
  - now destruct F.
  - destruct F as [[M _] R]. rewrite (IH es _ R). exact M.
Qed.

Lemma acting_follows : forall s i j t u es,
  NoDup (map fst (typing s)) -> nth_error (s_seats s) j = Some t -> t_owner t = i ->
  advances (t_type t) (acts (t_role t) es) = Some u -> (forall role, role <> t_role t -> acts role es = []) ->
  follows (typing s) es (replace j (t_role t, u) (typing s)).
Proof.
  intros s i j t u es D T _ A O.
  assert (H : nth_error (typing s) j = Some (t_role t, t_type t)).
  { unfold typing, typing_in. unfold s_seats in T. now rewrite nth_error_map, T. }
  split.
  - rewrite replace_map. symmetry. apply replace_same. now rewrite nth_error_map, H.
  - intros j' role a b X Y. destruct (Nat.eq_dec j j') as [<- | N].
    + rewrite nth_replace_same with (y := (t_role t, t_type t)) in Y by assumption. congruence.
    + rewrite nth_replace_other in Y by assumption. rewrite O; [simpl; congruence|].
      intros ->. apply N. rewrite NoDup_nth_error in D. apply D.
      * apply nth_error_Some. rewrite nth_error_map, H. discriminate.
      * now rewrite !nth_error_map, H, X.
Qed.

(** A sound step, with what is heard of it. *)
Lemma typed_told : forall env s es i r,
  typed env s es -> sound s i r -> typed env (fst (told r)) (es ++ snd (told r)).
Proof.
  intros env s es i [s' more xs o] [D F] S. unfold sound in S. simpl in S.
  assert (Plainly : forall now, plain o -> follows (typing s) more now -> s_levels s' = s_levels s -> typing s' = now ->
      typed env (fst (told (mk_stepped s' more xs o))) (es ++ snd (told (mk_stepped s' more xs o)))).
  { intros now P G L T.
    assert (E : told (mk_stepped s' more xs o) = heard more s') by (destruct o; try reflexivity; destruct P).
    rewrite E. unfold heard. rewrite L. pose proof (follow_more _ _ _ _ _ _ F G) as M.
    assert (D' : NoDup (map fst now)) by (destruct G as [G _]; now rewrite <- G).
    destruct (s_levels s) as [|v rest] eqn:V; simpl.
    - split; [now rewrite T|]. now rewrite L, T.
    - rewrite app_nil_r. split; simpl; [change (NoDup (map fst (typing s'))); now rewrite T|].
      change (follow_levels (started env) es (withheld more v :: rest) (typing s')). now rewrite T. }
  remember (s_levels s') as levels eqn:L. remember (typing s') as now eqn:T.
  destruct S as [more o Q P | j t u more o J O A N P | ghost n more E Q | v more V Q | v w rest more o V Q P | v rest more o V Q P].
  - apply Plainly with (now := typing s); auto. now apply follows_quiet.
  - apply Plainly with (now := replace j (t_role t, u) (typing s)); auto. now apply acting_follows with i.
  - clear Plainly. unfold told. simpl. rewrite <- L.
    assert (B : follow_levels (started env) es (s_levels s) (typing_in n)) by (now rewrite E).
    pose proof (follow_more _ _ _ _ _ _ B (follows_quiet _ more Q)) as M.
    destruct (s_levels s) as [|w rest]; simpl.
    + split; [now rewrite <- T|]. rewrite <- L, <- T. simpl. split; [rewrite E; now apply follows_quiet | exact M].
    + rewrite app_nil_r. split; [change (NoDup (map fst (typing s'))); now rewrite <- T|].
      change (follow_levels (started env) es (mk_level ghost n [] :: withheld more w :: rest) (typing s')).
      rewrite <- T. simpl in *. split; [rewrite E; now apply follows_quiet | exact M].
  - clear Plainly. unfold told. simpl. split; [now rewrite <- T|]. rewrite <- L, <- T. simpl. rewrite app_assoc.
    rewrite V in F. simpl in F. destruct F as [F G].
    apply follows_then with (typing s); [|now apply follows_quiet]. now apply follows_then with (typing_in (v_before v)).
  - clear Plainly. rewrite V in F. simpl in F. destruct F as [F [G R]].
    assert (E : told (mk_stepped s' more xs o) = heard more s') by (destruct o; try reflexivity; destruct P).
    rewrite E. unfold heard. rewrite <- L. simpl. rewrite app_nil_r.
    split; [change (NoDup (map fst (typing s'))); now rewrite <- T|].
    change (follow_levels (started env) es (withheld more (withheld (v_told v) w) :: rest) (typing s')).
    rewrite <- T. simpl. split; [|exact R].
    apply follows_then with (typing s); [|now apply follows_quiet]. now apply follows_then with (typing_in (v_before v)).
  - clear Plainly. rewrite V in F. simpl in F. destruct F as [[M F] G].
    assert (E : told (mk_stepped s' more xs o) = heard more s') by (destruct o; try reflexivity; destruct P).
    rewrite E. unfold heard. rewrite <- L.
    pose proof (follow_more _ _ _ _ _ _ G (follows_quiet _ more Q)) as B.
    assert (D' : NoDup (map fst (typing s'))) by (rewrite <- T, M; exact D).
    destruct rest as [|w rest]; simpl.
    + split; [exact D'|]. rewrite <- L, <- T. exact B.
    + rewrite app_nil_r. split; [exact D'|].
      change (follow_levels (started env) es (withheld more w :: rest) (typing s')). rewrite <- T. exact B.
Qed.

Lemma sound_like : forall s i r s' more xs,
  sound s i r -> s_levels s' = s_levels (r_session r) -> typing s' = typing (r_session r) -> quiet more ->
  sound s i (mk_stepped s' (r_events r ++ more) xs (r_outcome r)).
Proof.
  intros s i r s' more xs S L T Q. unfold sound in *. simpl. rewrite L, T.
  destruct S as [es o Q' P | j t u es o J O A N P | ghost n es E Q' | v es V Q' | v w rest es o V Q' P | v rest es o V Q' P].
  - apply SStill; auto using quiet_app.
  - apply (SActs s i j t u); auto.
    + now rewrite acts_app, (Q (t_role t)), app_nil_r.
    + intros role M. now rewrite acts_app, N, (Q role).
  - apply SBegan; auto using quiet_app.
  - apply SKept; auto using quiet_app.
  - apply (SMerged s i v w rest); auto using quiet_app.
  - apply (STakenBack s i v rest); auto using quiet_app.
Qed.

(** A check of an output moves no type: neither where it passes nor where it takes the step back. *)
Lemma sound_seen : forall env h s i r, sound s i r -> sound s i (seen env h s i r).
Proof.
  intros env h s i r S.
  assert (Back : forall more xs f, quiet more -> sound s i (mk_stepped s more xs (Faults f)))
    by (intros; apply sound_still; auto; exact I).
  unfold seen. destruct (c_outputs (e_config env)); try exact S;
    (destruct (r_events r) as [|e rest] eqn:E; [exact S |]);
    (destruct (r_outcome r) eqn:O; try exact S);
    (destruct (nth_error (s_coroutines (r_session r)) i) as [k|] eqn:K; [|exact S]);
    unfold judged; cbv zeta; rewrite <- ?E, <- ?O; split_matches;
    first [ apply Back; intros ?; reflexivity
          | apply sound_like; first [assumption | reflexivity | intros ?; reflexivity] ].
Qed.

(** What was heard before a speculation began is all that is heard when it is withdrawn. *)
Lemma typed_withdrawn : forall env s es, typed env s es -> typed env (withdrawn s) es.
Proof.
  intros env s es [D F]. pose proof (roles_stay _ _ _ _ F) as Roles. unfold withdrawn. destruct (rev (s_levels s)) as [|v others] eqn:R; [now split|].
  assert (L : s_levels s = rev others ++ [v]) by (rewrite <- (rev_involutive (s_levels s)), R; reflexivity).
  assert (G : forall vs now, follow_levels (started env) es (vs ++ [v]) now ->
      follows (started env) es (typing_in (v_before v))).
  { induction vs as [|w vs IH]; intros now H; simpl in H; [now destruct H|]. destruct H as [_ H]. now apply IH in H. }
  rewrite L in F. apply G in F. split; [|exact F].
  change (NoDup (map fst (typing_in (v_before v)))). destruct F as [M _].
  now rewrite <- M, Roles.
Qed.

Lemma typed_at : forall env s es current end_, typed env s es -> typed env (at_ current end_ s) es.
Proof. intros env s es current end_ T. exact T. Qed.

Lemma typed_quietly : forall env s es more, s_levels s = [] -> quiet more -> typed env s es -> typed env s (es ++ more).
Proof.
  intros env s es more L Q [D F]. split; [exact D|]. rewrite L in *. simpl in *.
  apply follows_then with (typing s); [assumption | now apply follows_quiet].
Qed.

Lemma withdrawn_levels : forall s, s_levels (withdrawn s) = [].
Proof.
  intros s. unfold withdrawn. destruct (rev (s_levels s)) eqn:R; [|reflexivity].
  rewrite <- (rev_involutive (s_levels s)), R. reflexivity.
Qed.

(** A fault tells at most that an output was refused, and moves no type and no speculation. *)
Lemma seen_faults_quietly : forall env h s i f,
  r_outcome (seen env h s i (step env h s i)) = Faults f ->
  let r := seen env h s i (step env h s i) in
  s_levels (r_session r) = s_levels s /\ typing (r_session r) = typing s /\ quiet (r_events r).
Proof.
  intros env h s i f. pose proof (nothing_by_halves env h s i) as N.
  set (r := step env h s i) in *. cbv zeta.
  assert (Same : r_outcome r = Faults f ->
      s_levels (r_session r) = s_levels s /\ typing (r_session r) = typing s /\ quiet (r_events r)).
  { intros O. unfold nothing in N. rewrite O in N. destruct N as [E [_ [T [_ [L _]]]]].
    unfold typing, typing_in. unfold s_seats in T. rewrite E, T, L. now repeat split. }
  unfold seen. destruct (c_outputs (e_config env)); try exact Same;
    (destruct (r_events r) as [|e rest] eqn:E; [rewrite ?E in *; exact Same |]);
    (destruct (r_outcome r) eqn:O; try (rewrite ?E, ?O in *; exact Same));
    (destruct (nth_error (s_coroutines (r_session r)) i) as [k|] eqn:K; [|rewrite ?E, ?O in *; exact Same]);
    unfold judged; cbv zeta; rewrite ?O; split_matches; simpl; intros H; try discriminate H;
    repeat split; intros ?; reflexivity.
Qed.

(** A session's last word moves no type. *)
Lemma follow_quietly : forall start es levels now more,
  quiet more -> follow_levels start es levels now -> follow_levels start (es ++ more) levels now.
Proof.
  intros start es levels. induction levels as [|v rest IH]; intros now more Q F; simpl in *.
  - apply follows_then with now; [assumption | now apply follows_quiet].
  - destruct F as [F R]. split; [assumption | now apply IH].
Qed.

(** That sessions end, those that were opened in it included, is of no role. *)
Lemma said_is_quiet : forall said, quiet (map EAuthority said).
Proof.
  intros said role. apply acts_plain. apply Forall_forall. intros e E. apply in_map_iff in E as [x [<- _]]. reflexivity.
Qed.

Lemma ends_are_quiet : forall s t, quiet (ends_of s t).
Proof.
  intros s t. unfold ends_of. apply quiet_app; [apply said_is_quiet|]. apply quiet_app; [|intros ?; reflexivity].
  intros role. apply acts_plain. apply Forall_forall. intros e E. apply in_map_iff in E as [u [<- _]]. reflexivity.
Qed.

Lemma asking_is_quiet : forall env s i g, quiet (asked_now env s i g).
Proof. intros env s i g role. unfold asked_now. split_matches; reflexivity. Qed.

Lemma typed_session : forall env h s es,
  typed env s es ->
  let '(s', more, _) := advance_session env h s in typed env s' (es ++ more).
Proof.
  intros env h s es T. unfold advance_session.
  destruct (negb (live s)); [rewrite app_nil_r; assumption|].
  destruct (next_ready (s_coroutines s) (s_current s)) as [i|]; [|rewrite app_nil_r; assumption].
  pose proof (sound_seen env h s i _ (step_preserves_typing env h s i)) as S.
  pose proof (seen_faults_quietly env h s i) as N.
  set (r := seen env h s i (step env h s i)) in *. pose proof (typed_told env s es i r T S) as U.
  destruct (told r) as [s' more] eqn:E. simpl in U.
  destruct (r_outcome r) eqn:O; try exact U.
  - rewrite app_assoc. destruct U as [D F]. split; [exact D|]. apply follow_quietly; [apply asking_is_quiet | exact F].
  - destruct (all_halted s'); [|exact U]. rewrite app_assoc.
    destruct U as [D F]. split; [exact D|]. apply follow_quietly; [apply ends_are_quiet | exact F].
  - destruct (N f eq_refl) as [L [Ty Q]].
    assert (W : typed env (withdrawn (r_session r)) es).
    { apply typed_withdrawn. destruct T as [D F]. split; [now rewrite Ty | now rewrite L, Ty]. }
    apply (typed_quietly env (withdrawn (r_session r)) es); [apply withdrawn_levels | | exact W].
    apply quiet_app; [exact Q | exact (ends_are_quiet (withdrawn (r_session r)) TFaulted)].
  - rewrite app_assoc. destruct U as [D F]. split; [exact D|].
    apply follow_quietly; [apply quiet_app; [apply ends_are_quiet | intros ?; reflexivity] | exact F].
Qed.

(** The machine's invariant: every session stands where it says it stands, and is typed. *)
Definition typed_machine (env : nat -> setting) (m : machine) : Prop :=
  forall sid s, nth_error (sessions m) sid = Some s -> typed (env sid) s (events_of m sid).

Lemma events_committed : forall sid s es xs m sid',
  events_of (committed sid (s, es, xs) m) sid' = events_of m sid' ++ (if Nat.eqb sid sid' then es else []).
Proof.
  intros. unfold events_of, committed. simpl. rewrite rev_app_distr, rev_involutive, filter_app, map_app. f_equal.
  unfold stamped. destruct (Nat.eqb sid sid') eqn:E.
  - induction es as [|e es IH]; simpl; [reflexivity|]. rewrite E. simpl. now f_equal.
  - induction es as [|e es IH]; simpl; [reflexivity|]. now rewrite E.
Qed.

Theorem round_preserves_typing : forall env h m m',
  typed_machine env m -> round env h m = Some m' -> typed_machine env m'.
Proof.
  intros env h m m' T R. unfold round in R.
  destruct (ready_queue m) as [|sid rest]; [discriminate|].
  destruct (nth_error (sessions m) sid) as [s|] eqn:S; [|discriminate]. injection R as <-.
  intros sid' s' S'. pose proof (typed_session (env sid) h s (events_of m sid) (T sid s S)) as A.
  destruct (advance_session (env sid) h s) as [[t es] xs]. rewrite events_committed. simpl in S'.
  destruct (Nat.eqb_spec sid sid') as [<- | N].
  - rewrite nth_replace_same with (y := s) in S' by assumption. injection S' as <-. exact A.
  - rewrite nth_replace_other in S' by assumption. rewrite app_nil_r. exact (T sid' s' S').
Qed.

Theorem run_preserves_typing : forall env h n m, typed_machine env m -> typed_machine env (run env h n m).
Proof.
  induction n; intros m T; simpl; [assumption|].
  destruct (round env h m) eqn:R; [|assumption]. apply IHn. now apply round_preserves_typing with h m.
Qed.

(** A machine that has just been started is typed. *)
Lemma opened_events : forall ids role n,
  acts role (map snd (filter (fun e : nat * nat * event => Nat.eqb (snd (fst e)) n)
    (map (fun i => (0, i, EOpened)) ids))) = [].
Proof.
  intros ids role n. apply acts_plain. apply Forall_forall. intros e E.
  apply in_map_iff in E as [[[r i] x] [<- E]]. apply filter_In in E as [E _]. apply in_map_iff in E as [j [J _]].
  now injection J as <- <- <-.
Qed.

Lemma seated_roles : forall ps ts n role,
  In role (map fst (map (fun t => (t_role t, t_type t)) (seated ps ts n))) -> In role (map p_role ps).
Proof.
  induction ps as [|p ps IH]; intros [|t ts] n role H; simpl in *; try contradiction.
  destruct H as [H | H]; [now left | right; now apply IH in H].
Qed.

Lemma seated_differ : forall ps ts n,
  NoDup (map p_role ps) -> NoDup (map fst (map (fun t => (t_role t, t_type t)) (seated ps ts n))).
Proof.
  induction ps as [|p ps IH]; intros [|t ts] n D; simpl; try constructor; inversion D; subst; auto.
  intros I. apply seated_roles in I. contradiction.
Qed.

Lemma seated_type : forall ps ts n i role t,
  nth_error (map (fun t => (t_role t, t_type t)) (seated ps ts n)) i = Some (role, t) ->
  exists t0, nth_error ts i = Some t0 /\ t = head t0.
Proof.
  induction ps as [|p ps IH]; intros [|t0 ts] n [|i] role t H; simpl in *; try discriminate.
  - injection H as <- <-. now exists t0.
  - now apply IH in H.
Qed.

Theorem boot_typed : forall env count,
  (forall sid, NoDup (map p_role (e_programs (env sid)))) -> typed_machine env (boot env count).
Proof.
  intros env count D sid s S. simpl in S. rewrite nth_error_map in S.
  destruct (nth_error (seq 0 count) sid) as [n|] eqn:N; [|discriminate]. injection S as <-.
  assert (n = sid) as ->.
  { assert (B : sid < length (seq 0 count)) by (apply nth_error_Some; congruence).
    rewrite seq_length in B. apply nth_error_nth with (d := 0) in N. now rewrite seq_nth in N. }
  split.
  - apply seated_differ, D.
  - apply (follows_quiet (started (env sid))). intros role. unfold events_of, boot. simpl trace. rewrite rev_involutive.
    apply opened_events.
Qed.

(** Where the outermost speculation began, or now where there is none. *)
Lemma follows_outside : forall start es levels now,
  follow_levels start es levels now -> exists mid, follows start es mid /\ map fst mid = map fst now.
Proof.
  intros start es levels. induction levels as [|v rest IH]; intros now F; simpl in F.
  - now exists now.
  - destruct F as [[M _] R]. destruct (IH _ R) as [mid [F N]]. exists mid. split; [exact F | congruence].
Qed.

(** In a run from a typed machine, what each role did in a session, as far as it was heard, is a trace of its local type. *)
Theorem run_follows_types : forall env h n m sid s i role t,
  typed_machine env m -> (forall sid t0, In t0 (e_types (env sid)) -> wellformed t0 = true) ->
  nth_error (sessions (run env h n m)) sid = Some s -> nth_error (typing s) i = Some (role, t) ->
  exists t0 u, nth_error (e_types (env sid)) i = Some t0 /\
    ltrace (head t0) (acts role (events_of (run env h n m) sid)) u.
Proof.
  intros env h n m sid s i role t T W S H.
  destruct (run_preserves_typing env h n m T sid s S) as [_ Q].
  destruct (follows_outside _ _ _ _ Q) as [mid [[M F] N]].
  destruct (named_there _ mid i role t (eq_sym N) H) as [b B].
  destruct (named_there mid _ i role b (eq_sym M) B) as [a A].
  pose proof (F i role a b A B) as Trace.
  destruct (seated_type _ _ _ _ _ _ A) as [t0 [E ->]].
  assert (W0 : wellformed (head t0) = true) by (apply head_plain, (W sid), nth_error_In with i, E).
  destruct (proj1 (monitor_is_trace_language (acts role (events_of (run env h n m) sid)) (head t0) W0)) as [u U].
  - now exists b.
  - now exists t0, u.
Qed.
