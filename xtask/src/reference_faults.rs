//! Faults planted in the reference: each is one change of its text, built into a runner of its own, and must be found
//! by the differential lane.

use crate::prove::Reference;
use std::path::Path;
use std::process::Command;

/// How many cases each fault may hide from.
const CASES: u64 = 10_000;

/// One fault: what stands in a theory, and what stands there instead.
struct Fault {
    name: &'static str,
    theory: &'static str,
    right: &'static str,
    wrong: &'static str,
}

const fn fault(name: &'static str, theory: &'static str, right: &'static str, wrong: &'static str) -> Fault {
    Fault { name, theory, right, wrong }
}

/// Each `right` stands exactly once in its theory.
const FAULTS: &[Fault] = &[
    fault(
        "session.send_keeps_type",
        "Session",
        "let s := retyped j t next (put i (moved pc (k_registers k) k) s) in\n  match overwritten",
        "let s := put i (moved pc (k_registers k) k) s in\n  match overwritten",
    ),
    fault(
        "session.room_wakes_nobody",
        "Session",
        "(wake (OnRoom e) (with_queue e rest (retyped j t next (put i k s))))",
        "(with_queue e rest (retyped j t next (put i k s)))",
    ),
    fault("session.queue_is_a_stack", "Session", "(ms ++ [mk_message l v])", "(mk_message l v :: ms)"),
    fault("session.offered_unsaid", "Session", "if offered then [EOffered e l] else []", "[]"),
    fault(
        "session.one_too_many",
        "Session",
        "Nat.ltb (length ms) (holds (e_config env))",
        "Nat.leb (length ms) (holds (e_config env))",
    ),
    fault("state.counter_stays", "State", "with_asked (S (k_asked k)) k.", "with_asked (k_asked k) k."),
    fault("session.any_drop_passes", "Session", "if elastic env e l (t_type t) next then\n", "if true then\n"),
    fault(
        "session.defer_keeps_turn",
        "Session",
        "| OSend Defer => mk_stepped (put i k' s) [] xs Yielded",
        "| OSend Defer => mk_stepped (put i k' s) [] xs Ran",
    ),
    fault(
        "session.replacement_ignored",
        "Session",
        "enqueue env s i k' j t xs to_ l w next pc offered",
        "enqueue env s i k' j t xs to_ l v next pc offered",
    ),
    fault(
        "session.payload_unwritten",
        "Session",
        "let k := moved pc (replace dst v (k_registers k)) k in",
        "let k := moved pc (k_registers k) k in",
    ),
    fault(
        "session.overwrites_first",
        "Session",
        "| old :: rest => option_map (cons old) (overwrite_last m rest)",
        "| old :: rest => if label_eqb (m_label old) (m_label m) then Some (m :: rest) else None",
    ),
    fault("step.branch_falls_through", "Step", "Some target => on target | None => next", "_ => next"),
    fault("island.cast_anything", "Island", "if has_sort v needed then", "if true then"),
    fault(
        "island.spawn_copies_nothing",
        "Island",
        "firstn args (k_registers k) ++ repeat VUnit (registers - args)",
        "repeat VUnit registers",
    ),
    fault(
        "guests.halt_leaves_types",
        "Guests",
        "Nat.eqb (t_owner t) i && negb (is_end (t_type t))",
        "false && negb (is_end (t_type t))",
    ),
    fault("island.tag_without_limit", "Island", "if knows f (s_facts s) || room then", "if true then"),
    fault(
        "island.check_any_flow",
        "Island",
        "may_flow (c_flow (e_config env)) (plain_name role) text to_ in",
        "true in",
    ),
    fault("island.transfer_any_flow", "Island", "else if negb (forallb flows known) then", "else if false then"),
    fault("island.transfer_keeps_facts", "Island", "handed i to_ (t_role t) (s_facts s)", "s_facts s"),
    fault(
        "island.transfer_moves_nothing",
        "Island",
        "(t_type t) to_) (s_seats s)) s in",
        "(t_type t) i) (s_seats s)) s in",
    ),
    fault(
        "island.abort_keeps_types",
        "Island",
        "(n_seats before) (n_queues before) (n_facts before)",
        "(n_seats now) (n_queues before) (n_facts before)",
    ),
    fault(
        "island.abort_keeps_messages",
        "Island",
        "(n_seats before) (n_queues before) (n_facts before)",
        "(n_seats before) (n_queues now) (n_facts before)",
    ),
    fault(
        "island.abort_keeps_facts",
        "Island",
        "(n_seats before) (n_queues before) (n_facts before)",
        "(n_seats before) (n_queues before) (n_facts now)",
    ),
    fault("island.abort_rolls_counters", "Island", "with_asked (k_asked n) b :: counted", "b :: counted"),
    fault(
        "island.abort_reuses_numbers",
        "Island",
        "mk_coroutine (k_role n) 0 [] Halted (k_asked n) :: counted now []",
        "counted now []",
    ),
    fault("machine.kept_unheard", "Machine", "| Kept es => (s, es ++ r_events r)", "| Kept es => (s, r_events r)"),
    fault("machine.fork_inside", "Machine", "| _ => (s, r_events r)\n", "| _ => heard (r_events r) s\n"),
    fault("sites.cut_carries", "Session", "else if existsb (edge_eqb e) (s_cut s) then", "else if false then"),
    fault("sites.heal_wakes_nobody", "Sites", "(with_inside (inside (s_inside s)) s).", "s."),
    fault("sites.heal_forgets_undone", "Sites", "(inside (v_before v))", "(v_before v)"),
    fault("sites.blames_owner", "Sites", "with [] => [other] | found => found end.", "with _ => [other] end."),
    fault("sites.blames_halted", "Sites", "if goes_on k && is_at", "if is_at"),
    fault("sites.ended_stay_queued", "Machine", "filter (fun i => negb (Nat.eqb i sid)) q", "q"),
    fault("sites.tells_early", "Machine", "stamped (S (rounds m)) sid es", "stamped (rounds m) sid es"),
    fault("island.close_unsaid", "Island", "[EClosed] [] Shut", "[] [] Shut"),
    fault("machine.epoch_untold", "Machine", "ends_of s' TClosed ++ [EEpochAdvanced]", "ends_of s' TClosed"),
    fault("guests.end_untold", "Sites", "map (fun u => EGuest (u_number u) (ETerminal t)) (s_guests s) ++", ""),
    fault(
        "guests.never_over",
        "Guests",
        "(u_seats u) then [ETerminal TClosed] else [].",
        "(u_seats u) then [] else [].",
    ),
    fault(
        "guests.closed_at_once",
        "Guests",
        "if u_draining u then if in_flight u then [] else",
        "if u_draining u then",
    ),
    fault("guests.close_discards_all", "Guests", "discard (u_draining u) i closing s", "discard true i closing s"),
    fault("guests.close_keeps_all", "Guests", "everything || is_owned (snd (fst q))", "everything"),
    fault(
        "objects.end_again",
        "Objects",
        "  match f_end f with\n  | Some _ => f\n  | None =>\n      mk_effect",
        "  match f_end f with\n  | Some _ | None =>\n      mk_effect",
    ),
    fault(
        "objects.left_open",
        "Objects",
        "map (ended_where (fun f => Nat.eqb (f_session f) sid) (round, Cancelled) h) fs",
        "fs",
    ),
    fault("machine.asking_unsaid", "Machine", "Some q => [EAsked i (pred (k_asked k)) (k_role k) q]", "Some q => []"),
    fault(
        "machine.answered_before",
        "Machine",
        "stamped (S (rounds m)) (at_session at_) came",
        "stamped (rounds m) (at_session at_) came",
    ),
    fault(
        "guests.facts_stay",
        "Guests",
        "filter (fun f => negb (has_role (f_role f) (u_seats u))) (s_facts s)",
        "s_facts s",
    ),
    fault(
        "guests.drained_by_none",
        "Guests",
        "with [] => false | _ => true end\n    | _ => false",
        "with _ => false end\n    | _ => false",
    ),
    fault(
        "guests.numbers_again",
        "Guests",
        "let number := S (b_opened b) in",
        "let number := S (length (s_guests s)) in",
    ),
    fault("guests.links_are_its_own", "Guests", "with_cut (cut_in env u (s_cut s))", "with_cut []"),
    fault("guests.opens_crashed", "Guests", "existsb (String.eqb role) (b_crashed (s_beyond s))", "false"),
    fault(
        "guests.one_too_many",
        "Guests",
        "Nat.ltb (length (s_guests s)) (c_max_guests",
        "Nat.leb (length (s_guests s)) (c_max_guests",
    ),
    fault(
        "guests.asked_as_itself",
        "Guests",
        "(x_at x) (plain_name role) (x_request x)",
        "(x_at x) (x_role x) (x_request x)",
    ),
    fault("island.abort_keeps_opened", "Island", "    (n_guests before).", "    (n_guests now)."),
    fault("late.answer_kept", "Late", "go a (used i a s)", "go a s"),
    fault(
        "late.asking_uncounted",
        "Late",
        "(put i (with_gate g (asked_once k)) s) [] [] (Waits g)",
        "(put i (with_gate g k) s) [] [] (Waits g)",
    ),
    fault("late.spent_forgotten", "Late", "x :: rest => ((i, a) :: x) :: rest", "x :: rest => x :: rest"),
    fault("late.evidence_of_any_layer", "Late", "Nat.eqb (g_layer e) layer && negb", "negb"),
    fault("late.evidence_stays", "Late", "(g_granted e) true else e", "(g_granted e) false else e"),
    fault("late.release_unasked", "Late", "if w_release (c_wants (e_config env)) then", "if false then"),
    fault(
        "machine.turn_after_answers",
        "Machine",
        "match next_ready (s_coroutines s) from with Some i => i | None => from end.",
        "from.",
    ),
    fault("machine.answers_wake_first", "Machine", "(ready_queue m ++ woken)", "(woken ++ ready_queue m)"),
    fault(
        "machine.first_always",
        "Machine",
        "match first_ready (skipn from ks) from with",
        "match first_ready ks 0 with",
    ),
    fault(
        "machine.queue_is_a_stack",
        "Machine",
        "(ready_queue m ++ (if runnable s then [sid] else []))",
        "((if runnable s then [sid] else []) ++ ready_queue m)",
    ),
    fault(
        "machine.fault_branch_unsaid",
        "Machine",
        "r_events r ++ EFailureBranch i f :: EFaulted i f ::",
        "r_events r ++ EFaulted i f ::",
    ),
    fault(
        "machine.yield_keeps_turn",
        "Machine",
        "(turn_to (Nat.modulo (S i) (length (s_coroutines s))) s')",
        "(turn_to i s')",
    ),
    fault("machine.fault_ends_nothing", "Machine", "(at_ i (Some TFaulted) last", "(at_ i None last"),
    fault(
        "outputs.refused_leaves_traces",
        "Outputs",
        "else mk_stepped s [check] (r_exchanges r ++ xs) (Faults FOutputCondition).",
        "else mk_stepped s (r_events r ++ [check]) (r_exchanges r ++ xs) (Faults FOutputCondition).",
    ),
    fault(
        "outputs.hint_unheard",
        "Outputs",
        "if well_named given then judged policy s i r after xs given",
        "if well_named given then judged policy s i r after xs observable",
    ),
    fault(
        "outputs.asking_uncounted",
        "Outputs",
        "let after := put i (asked_once k) (r_session r) in",
        "let after := r_session r in",
    ),
    fault(
        "objects.one_of_each_check",
        "Objects",
        "if existsb (fun y => same y x) kept then kept else kept ++ [x]",
        "if existsb (fun y => same y x) kept then kept ++ [x] else kept ++ [x]",
    ),
    fault(
        "project.union_unsorted",
        "Project",
        "LRecv p (sorted (both ++ others xs ys))",
        "LRecv p (both ++ others xs ys)",
    ),
    fault(
        "project.end_absorbed",
        "Project",
        "(merge t u) else None\n  | _, _ => None",
        "(merge t u) else None\n  | LEnd, t | t, LEnd => Some t\n  | _, _ => None",
    ),
    fault("project.binder_kept", "Project", "| _ => if occurs x body then LRec x body else body", "| _ => LRec x body"),
    fault(
        "owners.any_generation",
        "Owners",
        "Nat.eqb (cap_generation c) (og_generation o)) StaleCapability (go w)",
        "true) StaleCapability (go w)",
    ),
    fault(
        "owners.generation_stays",
        "Owners",
        "mk_owning None (S (og_generation o)) (og_staged o) []",
        "mk_owning None (og_generation o) (og_staged o) []",
    ),
    fault("owners.any_receipt", "Owners", "need (receipt_eqb staged r) ReceiptMismatch", "need true ReceiptMismatch"),
    fault(
        "owners.keeps_witnesses",
        "Owners",
        "(S (og_generation o)) (og_staged o) [] (og_used o)",
        "(S (og_generation o)) (og_staged o) (og_ready o) (og_used o)",
    ),
    fault("owners.widens", "Owners", "given w (cap_scope c) && lies_in s (cap_scope c).", "given w (cap_scope c)."),
    fault("owners.forgets_used", "Owners", "(wt_number used :: og_used o)", "(og_used o)"),
    fault(
        "owners.activates_first",
        "Owners",
        "losses sid \"transferred\" o ++ [issued given]",
        "issued given :: losses sid \"transferred\" o",
    ),
    fault(
        "owned.settles_beyond_scope",
        "Owned",
        "if waits_for_host env k && has_part (k_role k) sc then",
        "if waits_for_host env k then",
    ),
    fault("owned.fails_nobody", "Owned", "(if invalidates then lost affected s else s)", "s"),
    fault(
        "owned.settles_what_stays",
        "Owned",
        "if String.eqb (rc_from r) (rc_to r) then (s, [])",
        "if false then (s, [])",
    ),
    fault("owned.abandoned_faults", "Owned", "| Abandoned => (TCancelled,", "| Abandoned => (TFaulted,"),
    fault(
        "sites.owners_outlive_sessions",
        "Sites",
        "map EAuthority (closing (s_id s) \"session_ended\" None (s_owning s)) ++",
        "",
    ),
    fault(
        "holdings.owner_of_everything",
        "Holdings",
        "if has_part role (hd_scope h) then hd_owner h else None.",
        "hd_owner h.",
    ),
    fault("objects.late_unsaid", "Objects", "map (rejects (is_at sid i n) a) fs", "fs"),
    fault(
        "holdings.owner_stays",
        "Holdings",
        "mk_holding (Some (rc_to r)) (hd_scope h) None",
        "mk_holding (hd_owner h) (hd_scope h) None",
    ),
    fault("holdings.history_goes_on", "Holdings", "filter (fun v => negb (Nat.eqb (v_session v) sid)) vs", "vs"),
];

fn copied(from: &Path, to: &Path) -> Result<(), String> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(to).map_err(|error| told(to, error))?;
    for entry in std::fs::read_dir(from).map_err(|error| told(from, error))? {
        let path = entry.map_err(|error| told(from, error))?.path();
        if path.is_file()
            && let Some(name) = path.file_name()
        {
            std::fs::copy(&path, to.join(name)).map_err(|error| told(&path, error))?;
        }
    }
    Ok(())
}

/// The reference with the fault in it; its sources and its build stand below the sound one's build.
fn planted(sound: &Reference, fault: &Fault) -> Result<Reference, String> {
    let folder = sound.build.join("faults").join(fault.name);
    let wrong = Reference { source: folder.join("source"), build: folder.join("build") };
    for part in ["theories", "ocaml", ""] {
        copied(&sound.source.join(part), &wrong.source.join(part))?;
    }
    // What stands before the fault need not be built again.
    copied(&sound.build.join("theories"), &wrong.build.join("theories"))?;
    let path = wrong.source.join("theories").join(format!("{}.v", fault.theory));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = text.matches(fault.right).count();
    if found != 1 {
        return Err(format!("{}: the text stands {found} times in {}.v", fault.name, fault.theory));
    }
    std::fs::write(&path, text.replace(fault.right, fault.wrong)).map_err(|error| error.to_string())?;
    Ok(wrong)
}

/// Whether the lane finds the fault, and what it says.
fn caught(top: &Path, sound: &Reference, fault: &Fault) -> Result<String, String> {
    let wrong = planted(sound, fault)?;
    wrong.runners()?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let mut command = Command::new(cargo);
    // The workspace, so that what its tests have built is used again.
    command.args(["test", "-q", "--workspace", "--test", "differential"]);
    command.args(["--", "--ignored", "--nocapture", "the_machine_is_as"]).current_dir(top);
    command.env("MOTET_REFERENCE", wrong.runner()).env("MOTET_CASES", CASES.to_string()).env("RUST_BACKTRACE", "0");
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    match said.split_once("-- The machine and the reference differ") {
        Some((_, shown)) if !output.status.success() => {
            let end = shown.find("\nnote:").unwrap_or(shown.len());
            Ok(format!("-- The machine and the reference differ{}", &shown[..end]))
        }
        _ => Err(format!("{}: not found in {CASES} cases\n{said}", fault.name)),
    }
}

/// Plants every fault, one after another, and shows how each was found; only those whose names begin with `only`.
pub fn run(top: &Path, only: &str) -> Result<(), String> {
    crate::prove::build(top, false)?;
    let sound = Reference::of(top);
    let (mut found, mut missed) = (0, Vec::new());
    for fault in FAULTS.iter().filter(|fault| fault.name.starts_with(only)) {
        match caught(top, &sound, fault) {
            Ok(shown) => {
                found += 1;
                println!("== {}: found\n{shown}", fault.name);
            }
            Err(why) => {
                println!("== {}: NOT FOUND", fault.name);
                missed.push(why);
            }
        }
    }
    println!("reference: {found} planted faults found");
    if missed.is_empty() && found > 0 { Ok(()) } else { Err(missed.join("\n")) }
}

#[cfg(test)]
mod tests {
    /// A change of the reference must not leave a fault without its place.
    #[test]
    fn every_fault_has_one_place() {
        let sound = crate::prove::Reference::of(&crate::top());
        for fault in super::FAULTS {
            let path = sound.source.join(format!("theories/{}.v", fault.theory));
            let text = std::fs::read_to_string(path).unwrap();
            assert_eq!(text.matches(fault.right).count(), 1, "{}", fault.name);
        }
    }
}
