(** Every named theorem, and what it assumes. `cargo xtask prove` reads what this prints and refuses anything but
    "Closed under the global context" for each. *)

From Motet Require Import Values Types TypesFacts Code State Session Step SessionFacts Outputs OutputsFacts Objects Machine RunFacts
  LateFacts SitesFacts OwnersFacts OwnedFacts IslandFacts GuestsFacts MachineFacts Heap HeapFacts Durability WalSync.

(* Types and their monitor *)
Print Assumptions monitor_is_type.
Print Assumptions monitor_is_trace_language.
Print Assumptions advance_wellformed.

(* Steps *)
Print Assumptions step_preserves_typing.
Print Assumptions nothing_by_halves.

(* Speculations, counts, endpoints, facts *)
Print Assumptions abort_takes_back.
Print Assumptions withheld_until_kept.
Print Assumptions counts_never_fall.
Print Assumptions transfers_are_policed.
Print Assumptions checks_are_policed.

(* Answers that come later, guards *)
Print Assumptions answers_come_to_who_waits.
Print Assumptions answers_are_used_once.
Print Assumptions answers_preserve_typing.
Print Assumptions evidence_is_given_back_once.
Print Assumptions releases_have_evidence.
Print Assumptions guards_are_not_speculative.
Print Assumptions cut_links_carry_nothing.
Print Assumptions healed_links_are_waited_for_by_none.
Print Assumptions crashes_end_sessions.
Print Assumptions perturbations_preserve_typing.

(* Sessions that instructions open *)
Print Assumptions qualified_names_are_plain.
Print Assumptions names_are_of_one_session.
Print Assumptions opened_sessions_are_typed.
Print Assumptions opened_sessions_stay_aside.
Print Assumptions ended_sessions_are_gone.
Print Assumptions openings_are_counted.

(* Outputs *)
Print Assumptions refused_output_leaves_nothing.
Print Assumptions standing_outputs_pass.
Print Assumptions published_is_proved.
Print Assumptions outputs_end_as_they_must.
Print Assumptions ended_effects_stay.
Print Assumptions sessions_end_with_their_effects.

(* Runs *)
Print Assumptions step_deterministic.
Print Assumptions run_splits.
Print Assumptions round_preserves_typing.
Print Assumptions boot_typed.
Print Assumptions run_preserves_typing.
Print Assumptions run_follows_types.

(* Waves *)
Print Assumptions disjoint_steps_commute.
Print Assumptions disjoint_steps_see_nothing.
Print Assumptions certified_wave_refines.
Print Assumptions one_is_equality.

(* Heap *)
Print Assumptions replay_deterministic.
Print Assumptions replay_composes.
Print Assumptions nullifiers_grow.
Print Assumptions nullifiers_grow_in_replay.
Print Assumptions consume_nullifies.
Print Assumptions consumed_once.
Print Assumptions consumed_not_active.
Print Assumptions refused_changes_nothing.
Print Assumptions proofs_verify.

(* Durability *)
Print Assumptions rows_legal.
Print Assumptions wal_sync_legal.
Print Assumptions internal_needs_internal.
Print Assumptions outside_wal_sync_illegal.
Print Assumptions untimed_wal_sync_illegal.
Print Assumptions may_escalate_spec.
Print Assumptions rank_monotone.
Print Assumptions recovery_rank_monotone.
Print Assumptions terminal_stays.
Print Assumptions finalized_means_top.
Print Assumptions recovered_rank.
Print Assumptions crossed_gate.
Print Assumptions reuse_is_finalized.
Print Assumptions terminal_truth.
Print Assumptions soft_safe_not_reexecuted.
Print Assumptions recover_again.
Print Assumptions written_in_order.
Print Assumptions written_is_permitted.
Print Assumptions crossing_is_covered.

(* Results and ownership *)
Print Assumptions late_result_rejected.
Print Assumptions accepted_once.
Print Assumptions invalidated_by_handoff_is_late.
Print Assumptions handoff_revokes_first.
Print Assumptions handoff_well_held.
Print Assumptions handoff_generation.
Print Assumptions handoff_settles_each.
Print Assumptions stale_capabilities_show_nothing.
Print Assumptions witnesses_are_used_once.
Print Assumptions owners_preserve_typing.
