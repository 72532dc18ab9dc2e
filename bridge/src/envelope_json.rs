//! How far two runs of different schedules differ, as JSON: the shape of the specification, section 4.3.

use motet_runtime::{
    ENVELOPE_DIFF_SCHEMA, EffectOrderingClass, EnvelopeDiff, FailureVisibleDiffClass, SchedulerPermutationClass,
};
use serde_json::{Value as Json, json};

/// The report as JSON.
pub fn envelope_json(diff: &EnvelopeDiff) -> Json {
    json!({
        "schema_version": ENVELOPE_DIFF_SCHEMA,
        "envelope_diff": {
            "baseline_engine": diff.baseline_engine,
            "candidate_engine": diff.candidate_engine,
            "scheduler_permutation_class": permutation(diff.scheduler_permutation_class),
            "wave_width_bound": {
                "baseline_max": diff.wave_width_bound.baseline_max,
                "candidate_max": diff.wave_width_bound.candidate_max,
                "declared_upper_bound": diff.wave_width_bound.declared_upper_bound,
            },
            "effect_ordering_class": ordering(diff.effect_ordering_class),
            "failure_visible_diff_class": failure(diff.failure_visible_diff_class),
            "effect_determinism_tier": diff.effect_determinism_tier.tier.name(),
        },
        "baseline_fragment_hash": diff.baseline_fragment_hash.to_string(),
        "candidate_fragment_hash": diff.candidate_fragment_hash.to_string(),
        "envelope_diff_hash": diff.hash().to_string(),
    })
}

const fn permutation(class: SchedulerPermutationClass) -> &'static str {
    match class {
        SchedulerPermutationClass::Exact => "exact",
        SchedulerPermutationClass::SessionNormalizedPermutation => "session_normalized_permutation",
        SchedulerPermutationClass::EnvelopeBounded => "envelope_bounded",
    }
}

const fn ordering(class: EffectOrderingClass) -> &'static str {
    match class {
        EffectOrderingClass::Exact => "exact",
        EffectOrderingClass::ReplayDeterministic => "replay_deterministic",
        EffectOrderingClass::EnvelopeBounded => "envelope_bounded",
    }
}

const fn failure(class: FailureVisibleDiffClass) -> &'static str {
    match class {
        FailureVisibleDiffClass::Exact => "exact",
        FailureVisibleDiffClass::EnvelopeBounded => "envelope_bounded",
    }
}
