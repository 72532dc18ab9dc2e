(** What holds of sessions that instructions open: no name is of two of them, each is typed as every session is, nothing that is
    done in one touches the session's own types and messages, and of one that has ended nothing is left. *)

From Coq Require Import NArith String Ascii List Bool Arith Decimal DecimalString DecimalNat.
From Motet Require Import Values Types Names Code State Session Island Guests Step SessionFacts.
Import ListNotations.
Open Scope list_scope.

(** * Names *)

(** A text up to its first slash. *)
Fixpoint before_slash (text : string) : string :=
  match text with
  | EmptyString => EmptyString
  | String c rest => if Ascii.eqb c "/" then EmptyString else String c (before_slash rest)
  end.

Lemma digits_have_no_slash : forall d x,
  behind_slash (NilEmpty.string_of_uint d ++ String "/" x) = Some x /\
  before_slash (NilEmpty.string_of_uint d ++ String "/" x) = NilEmpty.string_of_uint d.
Proof.
  induction d; intros x; simpl; try (destruct (IHd x) as [B A]; now rewrite ?B, ?A). now split.
Qed.

Lemma numbers_have_no_slash : forall n x,
  behind_slash (text_of n ++ String "/" x) = Some x /\ before_slash (text_of n ++ String "/" x) = text_of n.
Proof.
  intros n x. unfold text_of, NilZero.string_of_uint.
  destruct (Nat.to_uint n) eqn:E; [now split|..]; rewrite <- E; apply digits_have_no_slash.
Qed.

Lemma text_of_inj : forall n m, text_of n = text_of m -> n = m.
Proof.
  intros n m E. unfold text_of in E. apply (f_equal NilZero.uint_of_string) in E.
  assert (U : forall k, NilZero.uint_of_string (NilZero.string_of_uint (Nat.to_uint k)) = Some (Nat.to_uint k)).
  { intros k. apply NilZero.usu. intros H. destruct k; [discriminate|].
    apply (f_equal Nat.of_uint) in H. now rewrite Unsigned.of_to in H. }
  rewrite !U in E. injection E as E. now apply Unsigned.to_uint_inj.
Qed.

(** A qualified name has the role's name in it. *)
Theorem qualified_names_are_plain : forall n i role, plain_name (qualified n i role) = role.
Proof.
  intros n i role. unfold plain_name, qualified.
  change ("/" ++ text_of i ++ "/" ++ role)%string with (String "/" (text_of i ++ String "/" role)).
  destruct (numbers_have_no_slash n (text_of i ++ String "/" role)) as [-> _].
  now destruct (numbers_have_no_slash i role) as [-> _].
Qed.

(** No name is of two sessions. *)
Theorem names_are_of_one_session : forall n m i j role other,
  qualified n i role = qualified m j other -> n = m /\ role = other.
Proof.
  intros n m i j role other E. split.
  - apply text_of_inj. apply (f_equal before_slash) in E. unfold qualified in E.
    change ("/" ++ text_of i ++ "/" ++ role)%string with (String "/" (text_of i ++ String "/" role)) in E.
    change ("/" ++ text_of j ++ "/" ++ other)%string with (String "/" (text_of j ++ String "/" other)) in E.
    destruct (numbers_have_no_slash n (text_of i ++ String "/" role)) as [_ N].
    destruct (numbers_have_no_slash m (text_of j ++ String "/" other)) as [_ M].
    now rewrite N, M in E.
  - apply (f_equal plain_name) in E. now rewrite !qualified_names_are_plain in E.
Qed.

(** * What is done in them *)

(** In its view a coroutine does what the type of an endpoint that it owns lets it do, and no other type moves. *)
Theorem opened_sessions_are_typed : forall env h s u i k p op,
  sound (view env u s) i (communicate (setting_in env u) h (view env u s) i k p op).
Proof. intros. apply sound_communicate. Qed.

(** What the view comes to is written into the opened session alone, unless nothing comes of it or it ends by it. *)
Lemma put_guest_there : forall u us v,
  In v us -> u_number v = u_number u -> In u (put_guest u us).
Proof.
  intros u us v I E. unfold put_guest. apply in_map_iff. exists v. rewrite E, Nat.eqb_refl. now split.
Qed.

Theorem opened_sessions_stay_aside : forall s u role r,
  let t := r_session (within s u role r) in
  s_seats t = s_seats s /\ s_queues t = s_queues s /\ s_levels t = s_levels s /\ s_cut t = s_cut s /\
  forall v, u_number v <> u_number u -> In v (s_guests t) -> In v (s_guests s).
Proof.
  intros s u role r. unfold within.
  destruct (r_outcome r); try (repeat split; auto; fail);
    unfold settle; destruct (last_of _); simpl; (split; [reflexivity|]); (split; [reflexivity|]);
    (split; [reflexivity|]); (split; [reflexivity|]); intros v N I;
    first [ apply filter_In in I as [I _]; exact I
          | apply in_map_iff in I as [w [E I]]; simpl in E; destruct (Nat.eqb (u_number w) (u_number u));
            [subst v; simpl in N; contradiction | now subst v] ].
Qed.

(** * Ends *)

(** Of one that has nothing left to do neither the session nor what was known of it is left. *)
Theorem ended_sessions_are_gone : forall u s,
  last_of u <> [] ->
  let t := fst (settle u s) in
  (forall v, In v (s_guests t) -> u_number v <> u_number u) /\
  (forall f, In f (s_facts t) -> has_role (f_role f) (u_seats u) = false).
Proof.
  intros u s L. unfold settle. destruct (last_of u); [contradiction|]. simpl. split.
  - intros v I. apply filter_In in I as [_ I]. apply negb_true_iff in I. now apply Nat.eqb_neq.
  - intros f I. apply filter_In in I as [_ I]. now apply negb_true_iff in I.
Qed.

(** A number is given out once: the next one is behind it. *)
Theorem openings_are_counted : forall env s i k dst row pc number,
  In (EGuest number EOpened) (r_events (open_guest env s i k dst row pc)) ->
  number = S (b_opened (s_beyond s)) /\ b_opened (s_beyond (r_session (open_guest env s i k dst row pc))) = number.
Proof.
  intros env s i k dst row pc number. unfold open_guest, fails. cbv zeta.
  split_matches; simpl; intros I; try contradiction. destruct I as [I | []]. now injection I as <-.
Qed.
