(* The reference machine as a process: one JSON document per line in, one per line out, until the input ends.

   A document is a run input, or an envelope {schema_version, operation, payload}. *)

open Reference
open Json
open Coming

let checked_version path json =
  match optional json "schema_version" with
  | Some (String "lean_bridge.v1") -> ()
  | _ -> refused "schema" (path ^ ".schema_version") "must be `lean_bridge.v1`"

(* One choreography, projected: its setting and how many sessions it has. *)

let policy path json =
  match json with
  | String "block" -> PBlock
  | String "drop" -> PDrop
  | String "error" -> PError
  | Object [ ("resize", n) ] -> PResize (as_int path n)
  | _ -> refuse path "is no policy"

let outputs path json =
  match json with
  | String "disabled" -> OutputsUnchecked
  | String "allow_all" -> OutputsAll
  | String "deny_all" -> OutputsNone
  | Object [ ("allow_list", names) ] -> OutputsUnder (List.map (as_string path) (as_list path names))
  | _ -> refuse path "is no policy for outputs"

let config json wants =
  let path = "config" in
  only path json
    [ "capacity"; "policy"; "latest"; "max_payload"; "fold_jumps"; "outputs"; "flow"; "max_facts"; "max_fact_bytes";
      "speculation_depth"; "max_coroutines"; "max_guest_sessions" ];
  let or_ key default read = match optional json key with Some x -> read (path ^ "." ^ key) x | None -> default in
  { c_capacity = or_ "capacity" 64 as_int;
    c_policy = or_ "policy" PBlock policy;
    c_latest = or_ "latest" false as_bool;
    c_max_payload = N.of_nat (or_ "max_payload" 65536 as_int);
    c_wants = wants;
    c_outputs = or_ "outputs" OutputsUnchecked outputs;
    c_flow = or_ "flow" AllowAll Wire.flow;
    c_max_facts = or_ "max_facts" 65535 as_int;
    c_max_fact_bytes = or_ "max_fact_bytes" 65535 as_int;
    c_depth = or_ "speculation_depth" 0 as_int;
    c_max_coroutines = or_ "max_coroutines" 65535 as_int;
    c_max_guests = or_ "max_guest_sessions" 65535 as_int;
    c_fold_jumps = or_ "fold_jumps" false as_bool }

let projected path global roles =
  List.map
    (fun role ->
      match project role global with
      | Some t when wellformed t -> (role, t)
      | Some _ -> refused "ill_formed" path (role ^ "'s local type is not well-formed")
      | None -> refused "projection" path (role ^ " cannot tell branches apart"))
    roles

(* A role's name in a runner has no slash: names of roles of opened sessions have two. *)
let roles_of path json =
  let role json =
    let name = as_string (path ^ ".roles") json in
    if String.contains name '/' then refuse (path ^ ".roles") ("`" ^ name ^ "` has a slash in it");
    name
  in
  List.map role (list path json "roles")

let typed path json =
  let global = Wire.global (path ^ ".global_type") (field path json "global_type") in
  projected path global (roles_of path json)

(* A protocol of which sessions may be opened. *)
let plan path i json =
  let path = Printf.sprintf "%s.plans[%d]" path i in
  only path json [ "global_type"; "roles" ];
  let types = typed path json in
  { a_roles = List.map fst types; a_types = List.map snd types }

let choreography config i json =
  let path = Printf.sprintf "choreographies[%d]" i in
  only path json [ "schema_version"; "global_type"; "roles"; "programs"; "plans"; "sessions" ];
  checked_version path json;
  let types = typed path json in
  let programs =
    match optional json "programs" with
    | None -> List.map (fun (role, t) -> compile role t) types
    | Some given ->
        let program i = Wire.program (Printf.sprintf "%s.programs[%d]" path i) in
        let programs = List.mapi program (as_list (path ^ ".programs") given) in
        if List.map (fun p -> p.p_role) programs <> List.map fst types then
          refused "programs" path "the programs must be one for each role, in order";
        programs
  in
  let sessions = match optional json "sessions" with Some n -> as_int (path ^ ".sessions") n | None -> 1 in
  let plans = match optional json "plans" with Some all -> as_list (path ^ ".plans") all | None -> [] in
  let unplanned = function IOpen (_, row) -> row >= List.length plans | _ -> false in
  if List.exists (fun p -> List.exists unplanned p.p_code) programs then
    refused "plans" path "an instruction opens a session of a protocol that is not among the plans";
  let plans = List.mapi (plan path) plans in
  let setting = { e_config = config; e_programs = programs; e_types = List.map snd types; e_plans = plans } in
  List.init sessions (fun _ -> setting)

(* The host: what it was written to answer at each place, or the plain answers. *)

exception Unscripted of string

let wants_of json =
  let named = match json with Some list -> List.map (as_string "host.wants") (as_list "host.wants" list) | None -> [] in
  List.iter
    (fun name ->
      if not (List.mem name [ "send_decision"; "receive"; "choose"; "invoke_step"; "release"; "output_condition_hint" ]) then
        refuse "host.wants" ("`" ^ name ^ "` is no kind of effect"))
    named;
  let has name = List.mem name named in
  { w_send = has "send_decision"; w_receive = has "receive"; w_choose = has "choose"; w_invoke = has "invoke_step";
    w_hint = has "output_condition_hint"; w_release = has "release" }

let plain at = function
  | QSend _ -> OSend Deliver
  | QReceive _ -> OReceive None
  | QChoose (_, ls) -> OChoose (at.at_counter mod max 1 (List.length ls))
  | QInvoke _ -> OInvoke VUnit
  | QAcquire _ -> OAcquire VUnit
  | QRelease _ -> ORelease
  | QOutputConditionHint -> OOutputConditionHint None

let host_of json =
  match json with
  | None -> ({ w_send = false; w_receive = false; w_choose = true; w_invoke = false; w_hint = false; w_release = false }, [], fun at q _ -> plain at q)
  | Some json -> (
      only "host" json [ "wants"; "script"; "identity" ];
      let wants = wants_of (optional json "wants") in
      match optional json "script" with
      | None -> (wants, [], fun at q _ -> plain at q)
      | Some script ->
          let answers = Hashtbl.create 64 and late = ref [] in
          List.iteri
            (fun i entry ->
              let path = Printf.sprintf "host.script[%d]" i in
              only path entry [ "operation_id"; "outcome"; "tick" ];
              let id = str path entry "operation_id" and outcome = Wire.answer path (field path entry "outcome") in
              match optional entry "tick" with
              | Some tick -> late := (as_int (path ^ ".tick") tick, coordinate path id, outcome) :: !late
              | None -> Hashtbl.replace answers id outcome)
            (as_list "host.script" script);
          ( wants,
            List.rev !late,
            fun at _ _ ->
              match Hashtbl.find_opt answers (place at) with
              | Some answer -> answer
              | None -> raise (Unscripted (place at)) ))

(* Runs. *)

let status_name = function
  | SCompleted -> "completed"
  | SFaulted -> "faulted"
  | SStuck -> "stuck"
  | SMaxSteps -> "max_steps"
  | SWaiting -> "waiting"

let gate_name = function
  | Open -> "ready"
  | OnMessage _ -> "recv_wait"
  | OnRoom _ | OnLink _ -> "send_wait"
  | OnAnswer -> "invoke_wait"
  | OnGuard _ -> "acquire_denied"
  | Halted -> "done"

let edges_json queues =
  let edge ((from, to_), ms) =
    Object [ ("sender", String (plain_name from)); ("receiver", String (plain_name to_));
             ("messages", Array (List.map (fun m -> String m.m_label.l_name) ms)) ]
  in
  let held = List.sort compare (List.filter (fun (_, ms) -> ms <> []) queues) in
  Array (List.map edge held)

(* The coroutines of the roles, and those that were started and have not ended, with their numbers. *)
let crew s =
  let roles = List.length (s_seats s) in
  let all = List.mapi (fun i k -> (i, k)) (s_coroutines s) in
  let mains, started = List.partition (fun (i, _) -> i < roles) all in
  (List.map snd mains, List.filter (fun (_, k) -> k.k_gate <> Halted) started)

let session_state s =
  let type_of k = match List.find_opt (fun t -> t.t_role = k.k_role) (s_seats s) with Some t -> t.t_type | None -> LEnd in
  let coroutine k =
    Object
      [ ("role", String k.k_role); ("pc", int k.k_pc); ("status", String (gate_name k.k_gate));
        ("registers", Array (List.map Wire.value_json k.k_registers)); ("local_type", Wire.local_json (type_of k)) ]
  in
  Object
    [ ("sid", int s.s_id);
      ("status", match s.s_end with None -> String "active" | Some t -> String (Wire.terminal_name t));
      ("coroutines", Array (List.map coroutine (fst (crew s)))); ("buffers", edges_json (s_queues s)) ]

(* What a session has besides its roles, messages and their coroutines: only what there is. *)
let growth_json s =
  let fact f =
    match Wire.opened_role f.f_role with
    | Some (number, at, role) -> (f.f_knower, number, at, role, f.f_text)
    | None -> (f.f_knower, 0, (match seat_of f.f_role s with Some (at, _) -> at | None -> -1), f.f_role, f.f_text)
  in
  let known = List.sort compare (List.map fact (s_facts s)) in
  let moved = List.filter (fun (at, t) -> t.t_owner <> at) (List.mapi (fun at t -> (at, t)) (s_seats s)) in
  let list key all = if all = [] then [] else [ (key, Array all) ] in
  let started (number, k) =
    Object
      [ ("number", int number); ("role", String k.k_role); ("pc", int k.k_pc); ("status", String (gate_name k.k_gate));
        ("asked", int k.k_asked); ("registers", Array (List.map Wire.value_json k.k_registers)) ]
  in
  let opened u =
    let owner t = Array [ String (plain_name t.t_role); int t.t_owner ] in
    Object
      [ ("number", int u.u_number); ("draining", Bool u.u_draining); ("owners", Array (List.map owner u.u_seats));
        ("buffers", edges_json u.u_queues) ]
  in
  list "started" (List.map started (snd (crew s)))
  @ list "moved" (List.map (fun (_, t) -> Array [ String t.t_role; int t.t_owner ]) moved)
  @ list "known" (List.map (fun (by, number, _, role, text) -> Array [ int by; int number; String role; String text ]) known)
  @ list "opened" (List.map opened (s_guests s))
  @ list "speculations" (List.rev_map (fun v -> Number (Wire.text_of_n v.v_ghost)) s.s_levels)

(* How a session stands behind a step: by its number, and nothing of one that has ended. *)
let step_state index before s =
  let coroutine k =
    Object
      [ ("pc", int k.k_pc); ("status", String (gate_name k.k_gate)); ("asked", int k.k_asked);
        ("registers", Array (List.map Wire.value_json k.k_registers)) ]
  in
  let state =
    if s.s_end <> None then Null
    else
      Object
        ([ ("sid", int s.s_id); ("coroutines", Array (List.map coroutine (fst (crew s)))); ("buffers", edges_json (s_queues s)) ]
        @ growth_json s)
  in
  let next =
    match next_ready (s_coroutines before) before.s_current with
    | Some i -> [ ("selected_coro", int i); ("selected_pc", int (List.nth (s_coroutines before) i).k_pc) ]
    | None -> []
  in
  Object ([ ("step_index", int index) ] @ next @ [ ("post_state", Object [ (string_of_int s.s_id, state) ]) ])

(* Canonical rounds one by one, with the session that made each. *)
let run_by_steps env host late limit started =
  let rec go index late before states =
    let late, before = taken_in env late before in
    match before.ready_queue with
    | sid :: _ when index < limit -> (
        match round env host before with
        | Some m -> go (index + 1) late m (step_state index (List.nth before.sessions sid) (List.nth m.sessions sid) :: states)
        | None -> (late, before, states))
    | _ -> (late, before, states)
  in
  let late, m, states = go 0 late started [] in
  (late, m, List.rev states)

(* Waves of at most the given width, narrower where the queue or what is left of the limit is shorter. A wave that is
   not certified is a canonical round instead. *)
let rec run_wide env host late width left m =
  let late, m = taken_in env late m in
  let wide = min width (min left (List.length m.ready_queue)) in
  if wide > 1 && certified m wide then run_wide env host late width (left - wide) (wave env host wide m)
  else if left = 0 then (late, m)
  else match round env host m with Some m -> run_wide env host late width (left - 1) m | None -> (late, m)

let run_protocol payload =
  only "payload" payload
    [ "schema_version"; "choreographies"; "concurrency"; "max_steps"; "config"; "host"; "topology"; "authority"; "detail"; "steps" ];
  checked_version "payload" payload;
  let wants, late, host = host_of (optional payload "host") in
  let identity =
    match Option.bind (optional payload "host") (fun host -> optional host "identity") with
    | Some name -> as_string "host.identity" name
    | None -> "plain"
  in
  let late = { left = inputs late (optional payload "topology") (optional payload "authority"); results = [] } in
  let config = config (Option.value (optional payload "config") ~default:(Object [])) wants in
  let settings = Array.of_list (List.concat (List.mapi (choreography config) (list "payload" payload "choreographies"))) in
  if settings = [||] then refused "choreographies" "choreographies" "there is nothing to run";
  let concurrency = num "payload" payload "concurrency" in
  let env sid = if sid < Array.length settings then settings.(sid) else settings.(0) in
  let started = boot env (Array.length settings) in
  let limit = num "payload" payload "max_steps" in
  let steps = match optional payload "steps" with Some b -> as_bool "payload.steps" b | None -> false in
  if steps && concurrency > 1 then refused "steps" "steps" "they are of runs with a concurrency of 1";
  let late, m, states =
    if steps then run_by_steps env host late limit started
    else
      let late, m = run_wide env host late (max 1 concurrency) limit started in
      (late, m, [])
  in
  let late_answer = function (_, (Answer (at, _) | Late (at, _))) -> Some at | (_, (Happens _ | Does _)) -> None in
  (match List.find_map late_answer late.left with Some at -> raise (Unawaited (place at)) | None -> ());
  let role_of sid i =
    match List.nth_opt (env sid).e_programs i with Some p -> p.p_role | None -> "?"
  in
  let detail = match optional payload "detail" with Some b -> as_bool "payload.detail" b | None -> false in
  let session s =
    Object [ Wire.version; ("sid", int s.s_id); ("terminal", Bool (s.s_end <> None)) ]
  in
  Object
    ([ Wire.version;
       ( "trace",
         let told (((_, sid), _) as e) = Wire.event_json (role_of sid) e in
         Array (List.filter (fun e -> e <> Null) (List.rev_map told m.trace)) );
       ("sessions", Array (List.map session m.sessions));
       ("steps_executed", int m.steps);
       ("concurrency", int concurrency);
       ("status", String (status_name (status_of m)));
       ( "effect_exchanges",
         Array (List.rev_map Wire.exchange_json m.exchanges) );
       ("semantic_objects", Objects.document identity m);
       ("step_states", Array states) ]
    @ (if late.results = [] then [] else [ ("authority", Array (List.rev_map Authority.came_json late.results)) ])
    @ if detail then [ ("final_states", Array (List.map session_state m.sessions)) ] else [])

let project_all payload =
  only "payload" payload [ "global_type"; "roles" ];
  let global = Wire.global "global_type" (field "payload" payload "global_type") in
  let types = projected "global_type" global (roles_of "payload" payload) in
  Object [ Wire.version; ("local_types", Object (List.map (fun (role, t) -> (role, Wire.local_json t)) types)) ]

let answer line =
  let error code path message =
    Object
      [ Wire.version;
        ("error", Object [ ("code", String code); ("path", String path); ("message", String message) ]) ]
  in
  try
    let json = parse line in
    match optional json "operation" with
    | None -> run_protocol json
    | Some operation -> (
        only "envelope" json [ "schema_version"; "operation"; "payload" ];
        checked_version "envelope" json;
        let payload = field "envelope" json "payload" in
        match operation with
        | String "runProtocol" -> run_protocol payload
        | String "project" -> project_all payload
        | String "walSync" -> Wal.sync payload
        | _ -> refused "operation" "operation" "is not one that this runner has")
  with
  | Malformed message -> error "malformed" "" message
  | Refused (code, path, message) -> error code path message
  | Unawaited at -> error "unawaited" at "nobody waits for this answer"
  | Unscripted at -> error "unscripted" at "the script has no answer for this effect"
  | Stack_overflow -> error "too_deep" "" "the document needs more stack than there is"

let () =
  try
    while true do
      let line = input_line stdin in
      if line <> "" then (
        print_string (to_string (answer line));
        print_newline ())
    done
  with End_of_file -> ()
