(** The heap: replay is a function that composes, nullifiers only grow, nothing is consumed twice, and every proof that
    is made verifies. *)

From Coq Require Import NArith Ascii String List Bool Arith Lia.
From Motet Require Import Heap.
Import ListNotations.
Open Scope list_scope.

Lemma id_eqb_spec : forall a b, id_eqb a b = true <-> a = b.
Proof.
  intros [d c] [e k]. unfold id_eqb. simpl. rewrite andb_true_iff, String.eqb_eq, N.eqb_eq.
  split; [intros [-> ->]; reflexivity | now injection 1].
Qed.

Lemma mem_spec : forall i xs, mem i xs = true <-> In i xs.
Proof.
  intros. unfold mem. rewrite existsb_exists. split.
  - intros [j [J E]]. apply id_eqb_spec in E as ->. assumption.
  - intros I. exists i. split; [assumption | now apply id_eqb_spec].
Qed.

Lemma insert_id_in : forall i j xs, In j (insert_id i xs) <-> j = i \/ In j xs.
Proof.
  induction xs as [|k xs IH]; simpl; [intuition|].
  destruct (id_ltb i k); simpl; [intuition|]. rewrite IH. intuition.
Qed.

Section facts.
Variable H : string -> string.

(** Replaying is a function of the operations and the heap, and may be cut anywhere and gone on with. *)
Theorem replay_deterministic : forall at_ ops h a b,
  replay H at_ ops h = a -> replay H at_ ops h = b -> a = b.
Proof. congruence. Qed.

Theorem replay_composes : forall xs ys at_ h h1 ids,
  replay H at_ xs h = (h1, ids, None) ->
  replay H at_ (xs ++ ys) h =
    let '(h2, more, stop) := replay H (at_ + length xs) ys h1 in (h2, ids ++ more, stop).
Proof.
  induction xs as [|op xs IH]; intros ys at_ h h1 ids R; simpl in *.
  - injection R as <- <-. rewrite Nat.add_0_r. now destruct (replay H at_ ys h) as [[h2 more] stop].
  - destruct (apply H op h) as [[h' new]|]; [|discriminate].
    destruct (replay H (S at_) xs h') as [[h'' ids'] stop'] eqn:E.
    injection R as <- <- ->. rewrite (IH ys (S at_) h' h'' ids' E), Nat.add_succ_r. simpl Nat.add.
    destruct (replay H (S (at_ + length xs)) ys h'') as [[h2 more] stop]. now rewrite app_assoc.
Qed.

(** No operation takes a nullifier away. *)
Theorem nullifiers_grow : forall op h h' ids i,
  apply H op h = Ok (h', ids) -> In i (nullified h) -> In i (nullified h').
Proof.
  intros [r|j|j] h h' ids i A I; simpl in A.
  - unfold alloc in A. destruct (find _ _); [discriminate|]. injection A as <- _. exact I.
  - unfold consume in A. destruct (mem j (nullified h)); [discriminate|].
    destruct (find j (retained h)); [|discriminate]. injection A as <- _. simpl. apply insert_id_in. now right.
  - unfold remove in A. destruct (find j (retained h)).
    + injection A as <- _. exact I.
    + destruct (mem j (nullified h)); discriminate.
Qed.

Theorem nullifiers_grow_in_replay : forall ops at_ h h' ids stop i,
  replay H at_ ops h = (h', ids, stop) -> In i (nullified h) -> In i (nullified h').
Proof.
  induction ops as [|op ops IH]; intros at_ h h' ids stop i R I; simpl in R.
  - now injection R as <- _ _.
  - destruct (apply H op h) as [[h1 new]|] eqn:A.
    + destruct (replay H (S at_) ops h1) as [[h2 more] stop'] eqn:E. injection R as <- _ _.
      apply (IH (S at_) h1 h2 more stop' i E). now apply (nullifiers_grow op h h1 new).
    + now injection R as <- _ _.
Qed.

(** What was consumed is consumed, and stays refused for ever, whatever happens in between. *)
Theorem consume_nullifies : forall i h h', consume i h = Ok h' -> In i (nullified h').
Proof.
  intros i h h' C. unfold consume in C. destruct (mem i (nullified h)); [discriminate|].
  destruct (find i (retained h)); [|discriminate]. injection C as <-. simpl. apply insert_id_in. now left.
Qed.

Theorem consumed_once : forall i h h1 ops at_ h2 ids stop,
  consume i h = Ok h1 -> replay H at_ ops h1 = (h2, ids, stop) -> consume i h2 = Refused AlreadyConsumed.
Proof.
  intros i h h1 ops at_ h2 ids stop C R. unfold consume.
  assert (I : In i (nullified h2)) by (now apply (nullifiers_grow_in_replay ops at_ h1 h2 ids stop), (consume_nullifies i h)).
  now rewrite (proj2 (mem_spec _ _) I).
Qed.

Theorem consumed_not_active : forall i r h, In i (nullified h) -> ~ In (i, r) (active h).
Proof.
  intros i r h I A. unfold active in A. apply filter_In in A as [_ A]. simpl in A.
  now rewrite (proj2 (mem_spec _ _) I) in A.
Qed.

(** A refusal changes nothing. *)
Theorem refused_changes_nothing : forall op h at_ why,
  apply H op h = Refused why -> replay H at_ [op] h = (h, [], Some (at_, why)).
Proof. intros op h at_ why A. simpl. now rewrite A. Qed.

(** * Every proof that is made verifies *)

Lemma pairs : forall (P : list string -> Prop),
  P [] -> (forall a, P [a]) -> (forall a b xs, P xs -> P (a :: b :: xs)) -> forall xs, P xs.
Proof.
  intros P none one more xs. assert (X : P xs /\ forall a, P (a :: xs)).
  { induction xs as [|b xs [IH1 IH2]]; split; auto. }
  apply X.
Qed.

(** One step of a path leads to the node above. *)
Lemma path_step : forall xs i, i < length xs ->
  nth (Nat.div2 i) (level H xs) ""%string =
    (if Nat.even i then node H (nth i xs ""%string) (nth (S i) xs (nth i xs ""%string))
     else node H (nth (Nat.pred i) xs (nth i xs ""%string)) (nth i xs ""%string)).
Proof.
  induction xs as [|a|a b xs IH] using pairs; intros i L; simpl in L.
  - lia.
  - destruct i; [reflexivity | lia].
  - destruct i as [|[|i]]; [reflexivity | reflexivity |].
    specialize (IH i ltac:(lia)). simpl Nat.div2. simpl Nat.even.
    change (level H (a :: b :: xs)) with (node H a b :: level H xs). simpl nth.
    rewrite IH. destruct (Nat.even i) eqn:E; [reflexivity|].
    destruct i; [discriminate | reflexivity].
Qed.

Lemma level_length : forall xs, length (level H xs) = Nat.div2 (S (length xs)).
Proof.
  induction xs as [|a|a b xs IH] using pairs; try reflexivity.
  change (level H (a :: b :: xs)) with (node H a b :: level H xs). simpl length. now rewrite IH.
Qed.

Lemma half_below : forall i n, i < n -> Nat.div2 i < Nat.div2 (S n).
Proof.
  induction i as [i IH] using (well_founded_induction lt_wf). intros n L.
  destruct i as [|[|i]], n as [|[|n]]; try lia; try (simpl; lia).
  assert (X : Nat.div2 i < Nat.div2 (S n)) by (apply IH; lia).
  change (S (Nat.div2 i) < S (Nat.div2 (S n))). lia.
Qed.

Lemma folded : forall fuel xs i, length xs <= fuel -> i < length xs ->
  fold_path H (nth i xs ""%string) (path H fuel i xs) = climb H fuel xs.
Proof.
  induction fuel; intros xs i F L; [lia|].
  destruct xs as [|a [|b xs]]; simpl length in *; [lia | destruct i; [reflexivity | lia] |].
  set (ys := a :: b :: xs) in *.
  assert (Y : length ys = S (S (length xs))) by reflexivity.
  change (climb H (S fuel) ys) with (climb H fuel (level H ys)).
  change (path H (S fuel) i ys) with
    ((if Nat.even i then Right else Left,
      nth (if Nat.even i then S i else Nat.pred i) ys (nth i ys ""%string)) :: path H fuel (Nat.div2 i) (level H ys)).
  rewrite <- (IHfuel (level H ys) (Nat.div2 i)).
  - unfold fold_path. cbn [fold_left fst snd]. rewrite (path_step ys i L). now destruct (Nat.even i).
  - rewrite level_length, Y. change (S (Nat.div2 (S (length xs))) <= fuel).
    pose proof (Nat.div2_decr (S (length xs)) (length xs) (le_n _)). lia.
  - rewrite level_length. apply half_below. lia.
Qed.

Theorem proofs_verify : forall i leaves own p,
  prove H i leaves = Some (own, p) -> verify H own p (root H leaves) = true.
Proof.
  intros i leaves own p P. unfold prove in P. destruct (nth_error leaves i) eqn:N; [|discriminate].
  injection P as <- <-. unfold verify, root. apply String.eqb_eq.
  rewrite <- (nth_error_nth _ _ ""%string N). apply folded; [lia|].
  apply nth_error_Some. congruence.
Qed.

End facts.
