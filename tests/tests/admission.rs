//! Admission: contracts against what images, configurations, schedules and profiles need.

motet_tests::promises! {
    admission: needs_are_discharged_item_by_item, nothing_advanced_runs_ungated, profiles_need_their_artifacts,
        promises_are_kept_or_refused, attachment_points_are_listed;
}
