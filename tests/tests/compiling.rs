//! From a global type to an image: what must work and what must be refused.

motet_tests::promises! {
    compiling: labels_stand_once, parts_share_no_role, receives_merge_to_all_labels, sends_need_one_label,
        ends_merge_with_ends_only, shared_labels_carry_one_sort, merged_messages_have_one_partner,
        messages_have_two_ends, parts_are_followed, endless_parts_are_followed_by_nothing, roles_may_leave_endless_parts, loops_go_back_to_their_binder,
        labels_and_payloads_belong_together, first_payloads_are_plain, jumps_go_to_their_loop;
}
