(** What holds of owners: nobody acts beside another, whoever is handed over to acts when the one before has lost everything, and
    what has lost its force shows nothing. *)

From Coq Require Import String List Bool Arith Lia.
From Motet Require Import Owners.
Import ListNotations.
Open Scope list_scope.

(** * Equality *)

Lemma names_eqb_eq : forall xs ys, names_eqb xs ys = true <-> xs = ys.
Proof.
  induction xs as [|x xs IH]; intros [|y ys]; simpl; split; intros H; try discriminate; try reflexivity.
  - apply andb_true_iff in H as [E H]. apply String.eqb_eq in E as ->. f_equal. now apply IH.
  - injection H as -> ->. apply andb_true_iff. split; [apply String.eqb_refl | now apply IH].
Qed.

Lemma scope_eqb_eq : forall a b, scope_eqb a b = true <-> a = b.
Proof.
  intros [|xs] [|ys]; simpl; split; intros H; try discriminate; try reflexivity.
  - f_equal. now apply names_eqb_eq.
  - injection H as ->. now apply names_eqb_eq.
Qed.

Lemma capability_eqb_eq : forall a b, capability_eqb a b = true <-> a = b.
Proof.
  intros [s o g c] [t p h d]. unfold capability_eqb. simpl. split.
  - intros H. repeat (apply andb_true_iff in H as [H ?]). apply Nat.eqb_eq in H as ->.
    apply String.eqb_eq in H2 as ->. apply Nat.eqb_eq in H1 as ->. now apply scope_eqb_eq in H0 as ->.
  - intros H. injection H as -> -> -> ->. rewrite !Nat.eqb_refl, String.eqb_refl. simpl. now apply scope_eqb_eq.
Qed.

(** * Capabilities in force, as the audit tells *)

Definition then_in_force (live : list capability) (e : entry) : list capability :=
  match en_artifact e, en_fate e with
  | ACapability c, Issued => live ++ [c]
  | ACapability c, Invalidated => filter (fun d => negb (capability_eqb c d)) live
  | _, _ => live
  end.

Definition in_force (live : list capability) (log : list entry) : list capability := fold_left then_in_force log live.

(** All are one owner's, of one generation. *)
Definition of_one (live : list capability) : Prop :=
  forall c d, In c live -> In d live -> cap_owner c = cap_owner d /\ cap_generation c = cap_generation d.

(** What the owner has. *)
Definition held (sid : nat) (o : owning) : list capability :=
  match og_owner o with
  | None => []
  | Some w => map (capability_of sid (ow_name w) (og_generation o)) (ow_scopes w)
  end.

Lemma held_is_of_one : forall sid o, of_one (held sid o).
Proof.
  intros sid o c d C D. unfold held in *. destruct (og_owner o) as [w|]; [|contradiction].
  apply in_map_iff in C as [s [<- _]]. apply in_map_iff in D as [t [<- _]]. now split.
Qed.

Lemma of_one_incl : forall live more, of_one live -> incl more live -> of_one more.
Proof. intros live more O I c d C D. apply O; now apply I. Qed.

(** Entries that issue no capability. *)
Definition issues_none (log : list entry) : Prop :=
  Forall (fun e => match en_artifact e, en_fate e with ACapability _, Issued => False | _, _ => True end) log.

Lemma issues_none_shrinks : forall log live, issues_none log -> incl (in_force live log) live.
Proof.
  induction log as [|e log IH]; intros live N; simpl; [apply incl_refl|]. inversion N as [|? ? E L]; subst.
  apply incl_tran with (then_in_force live e); [now apply IH|]. unfold then_in_force.
  destruct (en_artifact e), (en_fate e); try apply incl_refl; try contradiction.
  intros d D. now apply filter_In in D as [D _].
Qed.

Lemma firstn_issues_none : forall log n, issues_none log -> issues_none (firstn n log).
Proof.
  intros log n N. apply Forall_forall. intros e E. revert e E. apply Forall_forall.
  revert n. induction N as [|e log H N IH]; intros [|n]; simpl; constructor; auto.
Qed.

Lemma losses_issue_none : forall sid why o, issues_none (losses sid why o).
Proof.
  intros sid why o. unfold losses. destruct (og_owner o) as [w|]; [|constructor]. apply Forall_app. split;
    apply Forall_forall; intros e E; apply in_map_iff in E as [x [<- _]]; exact I.
Qed.

Lemma closing_issues_none : forall sid reason why o, issues_none (closing sid reason why o).
Proof.
  intros sid reason why o. unfold closing. apply Forall_app. split; [|apply losses_issue_none].
  destruct (og_staged o); repeat constructor.
Qed.

Lemma in_force_app : forall xs ys live, in_force live (xs ++ ys) = in_force (in_force live xs) ys.
Proof. intros. unfold in_force. apply fold_left_app. Qed.

Lemma withdrawn_all : forall sid name g why scopes live,
  incl live (map (capability_of sid name g) scopes) ->
  in_force live (map (fun s => mk_entry (ACapability (capability_of sid name g s)) Invalidated (Some why)) scopes) = [].
Proof.
  induction scopes as [|s scopes IH]; intros live I; simpl.
  - destruct live as [|c live]; [reflexivity|]. destruct (I c). now left.
  - apply IH. intros d D. unfold then_in_force in D. simpl in D. apply filter_In in D as [D N].
    destruct (I d D) as [E | E]; [|exact E]. apply negb_true_iff in N. subst d.
    assert (R : capability_eqb (capability_of sid name g s) (capability_of sid name g s) = true)
      by (now apply capability_eqb_eq). congruence.
Qed.

Lemma readiness_changes_none : forall why ready live,
  in_force live (map (fun r => mk_entry (AReadiness r) Invalidated (Some why)) ready) = live.
Proof. intros why ready. induction ready as [|r ready IH]; intros live; simpl; [reflexivity | apply IH]. Qed.

Lemma losses_leave_none : forall sid why o, in_force (held sid o) (losses sid why o) = [].
Proof.
  intros sid why o. unfold losses, held. destruct (og_owner o) as [w|]; [|reflexivity].
  rewrite in_force_app, withdrawn_all by apply incl_refl. apply readiness_changes_none.
Qed.

Lemma closing_leaves_none : forall sid reason why o, in_force (held sid o) (closing sid reason why o) = [].
Proof.
  intros sid reason why o. unfold closing. destruct (og_staged o) as [r|]; simpl; apply losses_leave_none.
Qed.

Lemma receipts_change_none : forall r f why live log,
  in_force live (mk_entry (AReceipt r) f why :: log) = in_force live log.
Proof. intros r [] why live log; reflexivity. Qed.

Lemma cancellations_change_none : forall w f why live log,
  in_force live (mk_entry (ACancellation w) f why :: log) = in_force live log.
Proof. intros w [] why live log; reflexivity. Qed.

(** * What a deed says *)

(** Everything but the last entry issues no capability; the last may issue one, to whoever has all that is left. *)
Definition says_soundly (sid : nat) (o : owning) (d : done) : Prop :=
  in_force (held sid o) (dn_said d) = held sid (dn_owning d) /\
  forall n, of_one (in_force (held sid o) (firstn n (dn_said d))).

Lemma soundly_none : forall sid o d,
  issues_none (dn_said d) -> in_force (held sid o) (dn_said d) = held sid (dn_owning d) -> says_soundly sid o d.
Proof.
  intros sid o d N E. split; [exact E|]. intros n. apply of_one_incl with (held sid o); [apply held_is_of_one|].
  apply issues_none_shrinks. now apply firstn_issues_none.
Qed.

Lemma soundly_last : forall sid o d before c,
  dn_said d = before ++ [issued (ACapability c)] -> issues_none before ->
  in_force (held sid o) before ++ [c] = held sid (dn_owning d) -> says_soundly sid o d.
Proof.
  intros sid o d before c S N E.
  assert (W : in_force (held sid o) (dn_said d) = held sid (dn_owning d)).
  { rewrite S, in_force_app. exact E. }
  split; [exact W|]. intros n. destruct (Nat.le_gt_cases n (length before)) as [L | L].
  - rewrite S, firstn_app. replace (n - length before) with 0 by lia. rewrite firstn_O, app_nil_r.
    apply of_one_incl with (held sid o); [apply held_is_of_one|]. apply issues_none_shrinks. now apply firstn_issues_none.
  - rewrite firstn_all2 by (rewrite S, app_length; simpl; lia). rewrite W. apply held_is_of_one.
Qed.

Ltac unneed :=
  repeat match goal with
  | H : need ?b _ _ = inr _ |- _ => unfold need in H at 1; destruct b eqn:?; [|discriminate]
  | H : shown_by _ _ _ _ = inr _ |- _ => unfold shown_by in H; let w := fresh "w" in destruct (og_owner _) as [w|] eqn:?; [|discriminate]
  | H : staged_as _ _ _ = inr _ |- _ => unfold staged_as in H; let r := fresh "r" in destruct (og_staged _) as [r|] eqn:?; [|discriminate]
  end.

Lemma receipt_eqb_eq : forall a b, receipt_eqb a b = true -> a = b.
Proof.
  intros [] [] H. unfold receipt_eqb in H. simpl in H. repeat (apply andb_true_iff in H as [H ?]).
  repeat match goal with
  | E : Nat.eqb _ _ = true |- _ => apply Nat.eqb_eq in E; subst
  | E : String.eqb _ _ = true |- _ => apply String.eqb_eq in E; subst
  | E : scope_eqb _ _ = true |- _ => apply scope_eqb_eq in E; subst
  end. reflexivity.
Qed.

Lemma closed_holds_none : forall sid o, held sid (closed o) = [].
Proof. intros sid o. unfold held, closed, stripped, unstaged. simpl. destruct (og_owner o) eqn:E; reflexivity. Qed.

Lemma deeds_say_soundly : forall sid o x d, perform sid o x = inr d -> says_soundly sid o d.
Proof.
  intros sid o x d P. destruct x; simpl in P.
  - (* claim *)
    unfold claim in P. destruct (og_owner o) eqn:O; [discriminate|]. unneed. injection P as <-.
    apply soundly_last with [] (capability_of sid name (og_generation o) all); [reflexivity | constructor|].
    unfold held. rewrite O. reflexivity.
  - (* give up *)
    unneed. injection P as <-. apply soundly_none; simpl; [apply losses_issue_none|].
    rewrite losses_leave_none. unfold held, stripped. now rewrite Heqo0.
  - (* begin a transfer *)
    unfold begin_transfer in P. unneed. injection P as <-. apply soundly_none; [repeat constructor|].
    unfold held. simpl. now rewrite Heqo0.
  - (* commit *)
    unfold commit in P. unneed. injection P as <-.
    eapply soundly_last with (before := mk_entry (AReceipt r) Committed None :: losses sid "transferred" o);
      [reflexivity | constructor; [exact I | apply losses_issue_none]|].
    rewrite receipts_change_none, losses_leave_none. reflexivity.
  - (* roll back *)
    unneed. injection P as <-. apply soundly_none; [repeat constructor | reflexivity].
  - (* attenuate *)
    unfold attenuate in P. unneed. destruct (given w to_) eqn:G; injection P as <-.
    + apply soundly_none; [constructor | reflexivity].
    + apply soundly_last with [] (capability_of sid (ow_name w) (og_generation o) to_); [reflexivity | constructor|].
      unfold held. rewrite Heqo0. simpl. now rewrite map_app.
  - (* issue a witness *)
    unfold issue_readiness in P. unneed. injection P as <-. apply soundly_none; [repeat constructor|].
    unfold held. simpl. now rewrite Heqo0.
  - (* use one *)
    unfold consume_readiness in P. unneed. injection P as <-. apply soundly_none; [repeat constructor|].
    unfold held. simpl. now rewrite Heqo0.
  - (* the owner died *)
    destruct (og_owner o) as [w|] eqn:O; [|discriminate]. unneed. injection P as <-.
    apply soundly_none; simpl; [apply closing_issues_none|]. now rewrite closing_leaves_none, closed_holds_none.
  - (* a commit that failed *)
    unneed. injection P as <-. apply soundly_none; simpl; [apply closing_issues_none|].
    now rewrite closing_leaves_none, closed_holds_none.
  - (* a transfer that is abandoned *)
    unfold abandon in P. unneed. injection P as <-. apply soundly_none; cbn [dn_said dn_owning app].
    + repeat (constructor; [exact I|]). apply closing_issues_none.
    + rewrite !cancellations_change_none. now rewrite closing_leaves_none, closed_holds_none.
Qed.

(** * Histories *)

(** What is on record of deeds, one after the other, for as long as the session goes on; a refused one changes nothing. *)
Fixpoint history (sid : nat) (o : owning) (deeds : list deed) : list entry :=
  match deeds with
  | [] => []
  | x :: deeds =>
      match perform sid o x with
      | inl objection => refused_entries x objection ++ history sid o deeds
      | inr d => dn_said d ++ match dn_demise d with None => history sid (dn_owning d) deeds | Some _ => [] end
      end
  end.

Lemma refused_changes_none : forall x objection live n, in_force live (firstn n (refused_entries x objection)) = live.
Proof.
  intros x objection live n. unfold refused_entries. destruct (shown_in x) as [a|]; [|now destruct n].
  destruct n as [|[|n]]; simpl; try reflexivity; unfold then_in_force; simpl; now destruct a.
Qed.

(** Whatever is tried, at no time do two owners have capabilities, nor one owner of two generations. *)
Theorem handoff_well_held : forall deeds sid o n, of_one (in_force (held sid o) (firstn n (history sid o deeds))).
Proof.
  induction deeds as [|x deeds IH]; intros sid o n; simpl.
  - rewrite firstn_nil. apply held_is_of_one.
  - destruct (perform sid o x) as [objection|d] eqn:P.
    + rewrite firstn_app, in_force_app, refused_changes_none. apply IH.
    + destruct (deeds_say_soundly sid o x d P) as [E S]. rewrite firstn_app, in_force_app.
      destruct (Nat.le_gt_cases n (length (dn_said d))) as [L | L].
      * replace (n - length (dn_said d)) with 0 by lia. rewrite firstn_O. simpl. apply S.
      * rewrite (firstn_all2 (n := n)) by lia. rewrite E.
        destruct (dn_demise d); [rewrite firstn_nil; apply held_is_of_one | apply IH].
Qed.

(** A committed handoff revokes before it activates: all that the old owner had has lost its force when the new one is given
    something. *)
Theorem handoff_revokes_first : forall sid o r invalidates d,
  perform sid o (CommitTransfer r invalidates) = inr d ->
  exists c,
    dn_said d = mk_entry (AReceipt r) Committed None :: losses sid "transferred" o ++ [issued (ACapability c)] /\
    in_force (held sid o) (mk_entry (AReceipt r) Committed None :: losses sid "transferred" o) = [] /\
    cap_owner c = rc_to r.
Proof.
  intros sid o r invalidates d P. simpl in P. unfold commit in P. unneed.
  match goal with E : receipt_eqb _ _ = true |- _ => apply receipt_eqb_eq in E as <- end. injection P as <-. eexists. split; [reflexivity|]. split; [|reflexivity].
  rewrite receipts_change_none. apply losses_leave_none.
Qed.

(** With every commit the generation goes on, so what was shown before is stale. *)
Theorem handoff_generation : forall sid o r invalidates d w,
  og_owner o = Some w -> perform sid o (CommitTransfer r invalidates) = inr d ->
  og_generation (dn_owning d) = S (og_generation o).
Proof.
  intros sid o r invalidates d w O P. simpl in P. unfold commit in P. unneed. injection P as <-. simpl.
  unfold closed, stripped, unstaged. simpl. now rewrite O.
Qed.

(** A capability of another generation, owner or session is refused, whatever is tried with it. *)
Theorem stale_capabilities_show_nothing : forall sid o c {A} (go : owner -> objection + A) a,
  shown_by sid o c go = inr a ->
  exists w, og_owner o = Some w /\ cap_session c = sid /\ cap_owner c = ow_name w /\ cap_generation c = og_generation o.
Proof.
  intros sid o c A go a H. unneed. exists w.
  match goal with E : _ && _ = true |- _ => apply andb_true_iff in E as [B G] end. apply andb_true_iff in B as [S N].
  apply Nat.eqb_eq in S, G. apply String.eqb_eq in N. now repeat split.
Qed.

(** A witness is used once. *)
Lemma used_is_noted : forall sid o c w d,
  perform sid o (ConsumeReadiness c w) = inr d -> existsb (Nat.eqb (wt_number w)) (og_used (dn_owning d)) = true.
Proof.
  intros sid o c w d P. cbn [perform] in P. unfold consume_readiness in P. unneed. injection P as <-. simpl.
  now rewrite Nat.eqb_refl.
Qed.

Lemma noted_is_refused : forall sid o c w d,
  existsb (Nat.eqb (wt_number w)) (og_used o) = true -> perform sid o (ConsumeReadiness c w) <> inr d.
Proof.
  intros sid o c w d U P. cbn [perform] in P. unfold consume_readiness in P. unneed.
  match goal with E : negb (existsb (Nat.eqb (wt_number w)) _) = true |- _ => now rewrite U in E end.
Qed.

Theorem witnesses_are_used_once : forall sid o c w d c2 d2,
  perform sid o (ConsumeReadiness c w) = inr d -> perform sid (dn_owning d) (ConsumeReadiness c2 w) <> inr d2.
Proof. intros sid o c w d c2 d2 P. apply noted_is_refused. now apply used_is_noted with sid o c. Qed.
