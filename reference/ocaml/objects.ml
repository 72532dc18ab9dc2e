(* The semantic objects of a run as a document. Outputs are told apart by numbers, in the order in which they came: the
   machine has digests of its own packed form in their place. *)

open Reference
open Json

let text = Wire.optional_json
let strings all = Array (List.map (fun one -> String one) (List.sort compare all))

let stage_name = function
  | AtObserved -> "observed"
  | AtAuthoritative -> "authoritative"
  | AtMaterialized -> "materialized"
  | AtCanonical -> "canonical"
  | AtRejected -> "rejected"

let proof_id p = Printf.sprintf "materialization:%s:%d" p.p_output.o_under.h_predicate p.p_number
let read_id p = Printf.sprintf "output_condition:%s:%d" p.p_output.o_under.h_predicate p.p_number
let publication p = if p.p_way.y_published > 0 then "materialization.succeeded" else "materialization.failed"
let publication_id p = proof_id p ^ ":" ^ publication p
let session p = ("session", int p.p_output.o_session)
let owner_of found = ("owner_id", text found)
let owner p = owner_of p.p_output.o_owner
let when_ holds all = if holds then all else []

let operation p =
  Object
    [ ("operation_id", String (proof_id p)); session p; owner p; ("kind", String "materialization");
      ("phase", String (if p.p_way.y_stage = AtCanonical then "succeeded" else "failed"));
      ("handler_identity", Null); ("effect_ids", Array []); ("dependent_operation_ids", Array []);
      ("terminal_publication", String (publication p)); ("budget_ticks", Null); ("requires_proof", Bool true) ]

let read p =
  Object
    [ ("read_id", String (read_id p)); session p; owner p; ("kind", String "output_condition");
      ("lifecycle", String (if p.p_way.y_read then "verified" else "rejected"));
      ("predicate_ref", String p.p_output.o_under.h_predicate); ("witness_id", Null); ("generation", Null);
      ("reason", text p.p_output.o_under.h_witness) ]

let proof p =
  Object
    [ ("proof_id", String (proof_id p)); session p; ("predicate_ref", String p.p_output.o_under.h_predicate);
      ("witness_ref", String (read_id p)); ("output_digest", String (string_of_int p.p_number));
      ("passed", Bool p.p_way.y_proof) ]

let handle p =
  Object
    [ ("handle_id", String (proof_id p)); session p; owner p; ("kind", String "materialization");
      ("proof_ref", String (proof_id p)) ]

let published p =
  Object
    [ ("publication_id", String (publication_id p)); session p; ("operation_id", String (proof_id p)); owner p;
      ("publication", String (publication p)); ("observer_class", String "canonical");
      ("status", String (if p.p_way.y_published > 0 then "published" else "rejected"));
      ("proof_ref", String (proof_id p)); ("handle_ref", text (if p.p_way.y_handle then Some (proof_id p) else None));
      ("reason", Null) ]

let path p =
  let w = p.p_way in
  Object
    [ ("operation_id", String (proof_id p)); session p; owner p;
      ("read_class", String (if w.y_read then "authoritative_only" else "none")); ("stage", String (stage_name w.y_stage));
      ("observed_read_ids", Array []); ("authoritative_read_ids", strings (when_ w.y_read [ read_id p ]));
      ("proof_ids", strings [ proof_id p ]); ("canonical_handle_ids", strings (when_ w.y_handle [ proof_id p ]));
      ("publication_ids", strings (when_ (w.y_published > 0) [ publication_id p ]));
      ("invalidated_by_handoff_ids", Array []);
      ("rejected_publication_ids", strings (when_ (w.y_stage = AtRejected) [ publication_id p ])) ]

(* What changed hands: endpoints, and sessions. Each is an operation, which a commit ends with a handle and a publication. *)

type moved = {
  id : string; sid : int; from_ : int; to_ : int; revoked : string; activated : string; all : scope;
  status : string option; (* none while it has only begun *)
  owned : string option; tick : int; why : string option; affected : string list; invalidated : bool }

(* The session whose endpoint it was. *)
let session_of h = if h.h_guest = 0 then h.h_session else Wire.opened_session h.h_session h.h_guest
let coroutine number = Printf.sprintf "coro:%d" number

let of_endpoint h =
  { id = Printf.sprintf "%d.endpoint.%010d" (session_of h) h.h_number; sid = session_of h; from_ = h.h_from; to_ = h.h_to;
    revoked = coroutine h.h_from; activated = coroutine h.h_to; all = Part [ h.h_role ]; status = Some "committed";
    owned = h.h_owner; tick = h.h_round; why = None; affected = []; invalidated = false }

let owner_handoff_id sid claim = Printf.sprintf "%d.owner.%010d" sid claim

let of_session v =
  let r = v.v_receipt in
  let status, why =
    match v.v_course with
    | Begun -> (None, None)
    | Done_ -> (Some "committed", None)
    | Undone why -> (Some "rolled_back", why)
  in
  let place (by, counter) = Printf.sprintf "%d/%d/%d" v.v_session by counter in
  { id = owner_handoff_id v.v_session r.rc_claim; sid = v.v_session; from_ = 0; to_ = 0; revoked = r.rc_from;
    activated = r.rc_to; all = r.rc_scope; status; owned = v.v_owner; tick = v.v_round; why;
    affected = List.map place v.v_affected; invalidated = v.v_invalidated }

let handoff_operation_id h = "handoff:" ^ h.id
let handoff_publication_id h = handoff_operation_id h ^ ":handoff.committed"
let of_handoff h = ("session", int h.sid)
let handoff_owner h = owner_of h.owned
let is_committed h = h.status = Some "committed"

let handoff_operation h =
  let phase = match h.status with None -> "pending" | Some "committed" -> "succeeded" | Some _ -> "cancelled" in
  Object
    [ ("operation_id", String (handoff_operation_id h)); of_handoff h; handoff_owner h; ("kind", String "handoff");
      ("phase", String phase); ("handler_identity", Null); ("effect_ids", Array []);
      ("dependent_operation_ids", Array []);
      ("terminal_publication", if is_committed h then String "handoff.committed" else Null); ("budget_ticks", Null);
      ("requires_proof", Bool false) ]

let handoff_path h =
  let when_done id = strings (when_ (is_committed h) [ id ]) in
  Object
    [ ("operation_id", String (handoff_operation_id h)); of_handoff h; handoff_owner h; ("read_class", String "none");
      ("stage", String (if is_committed h then "canonical" else "observed")); ("observed_read_ids", Array []);
      ("authoritative_read_ids", Array []); ("proof_ids", Array []);
      ("canonical_handle_ids", when_done (handoff_operation_id h)); ("publication_ids", when_done (handoff_publication_id h));
      ("invalidated_by_handoff_ids", Array []); ("rejected_publication_ids", Array []) ]

let handoff_handle h =
  Object
    [ ("handle_id", String (handoff_operation_id h)); of_handoff h; handoff_owner h; ("kind", String "handoff");
      ("proof_ref", Null) ]

let handoff_published h =
  Object
    [ ("publication_id", String (handoff_publication_id h)); of_handoff h;
      ("operation_id", String (handoff_operation_id h)); handoff_owner h; ("publication", String "handoff.committed");
      ("observer_class", String "canonical"); ("status", String "published"); ("proof_ref", Null);
      ("handle_ref", String (handoff_operation_id h)); ("reason", Null) ]

let scope h = ("scope", Authority.scope_json h.all)
let ends h = [ ("status", text h.status); ("tick", int h.tick); ("reason", text h.why) ]

let handoff h =
  Object
    ([ ("handoff_id", String h.id); of_handoff h; ("from_coro", int h.from_); ("to_coro", int h.to_);
       ("revoked_owner_id", String h.revoked); ("activated_owner_id", String h.activated); scope h ]
    @ ends h)

let obligation h =
  let fragments = match h.all with Whole -> [] | Part roles -> roles in
  let operations = List.map (fun id -> "effect:" ^ id) h.affected in
  Object
    ([ ("obligation_id", String ("obligation:" ^ h.id)); ("handoff_id", String h.id); of_handoff h;
       ("transformed_fragments", strings fragments); ("affected_operation_ids", strings operations);
       ("affected_effect_ids", strings h.affected);
       ("transported_effect_ids", strings (when_ (not h.invalidated) h.affected));
       ("invalidated_effect_ids", strings (when_ h.invalidated h.affected)); ("witness_policy", String "withdrawn");
       ("publication_revoked_from", String h.revoked); ("publication_activated_to", String h.activated); scope h ]
    @ ends h)

(* Reads that rest on witnesses. *)

let reading_id g =
  Printf.sprintf "%s:%d:%d%s" (if g.g_cancels then "cancellation" else "readiness") g.g_session g.g_witness.wt_number
    (if g.g_refused then ":refused" else "")

let reading g =
  let w = g.g_witness in
  let lifecycle = match g.g_fate with Issued -> "issued" | Consumed -> "consumed" | _ -> "rejected" in
  Object
    [ ("read_id", String (reading_id g)); ("session", int g.g_session); owner_of (Some w.wt_owner);
      ("kind", String (if g.g_cancels then "cancellation" else "readiness")); ("lifecycle", String lifecycle);
      ("predicate_ref", if g.g_cancels then Null else String w.wt_text); ("witness_id", int w.wt_number);
      ("generation", int w.wt_generation); ("reason", text g.g_why) ]

(* Effects that the host takes its time for. Each is an operation that ends with a canonical publication; that of an operation is
   an observation, that of a guard is none. *)

let effect_id f = Printf.sprintf "%d/%d/%d" f.f_session f.f_by f.f_counter
let effect_operation_id f = "effect:" ^ effect_id f
let of_effect f = ("session", int f.f_session)
let is_observed f = match f.f_request with QInvoke _ -> true | _ -> false
let kind f = ("kind", String (if is_observed f then "invoke_step" else "handle_acquire"))
let handler host = ("handler_identity", String host)
let observed_id f = "observed:" ^ effect_id f
let order n = ("ordering_key", int n)

let interface f =
  let of_, operation = match f.f_request with QInvoke (i, o, _) -> (i, o) | _ -> ("Guard", "acquire") in
  [ ("effect_interface", String of_); ("effect_operation", String operation) ]

(* How it stands, how far its operation has come, and why that is not further. *)
let stand f =
  match f.f_end with
  | None -> ("pending", "pending", None)
  | Some ((_, Cancelled), _) -> ("cancelled", "cancelled", None)
  | Some ((_, Taken _), _) -> ("invalidated", "handed_off", Some "a handoff took it away")
  | Some ((_, Answered (OFailed (kind, _))), _) -> ("failed", "failed", Some kind)
  | Some ((_, Answered _), _) -> ("succeeded", "succeeded", None)

let status f = let status, _, _ = stand f in status
let state f = let _, state, _ = stand f in state
let ended f = Option.map (fun ((tick, _), _) -> tick) f.f_end
let taken_by f = match f.f_end with Some ((_, Taken claim), _) -> [ owner_handoff_id f.f_session claim ] | _ -> []
let tick name found = (name, match found with Some n -> int n | None -> Null)
let because f =
  let _, _, why = stand f in
  ("reason", text why)

(* Whose it is, or was when it ended. *)
let effect_owner held f =
  owner_of (match f.f_end with Some (_, owned) -> owned | None -> owner_for f.f_asker (holding_of f.f_session held))

let effect_publication f = "effect." ^ status f
let effect_publication_id f = effect_operation_id f ^ ":" ^ effect_publication f
let effect_publications f = when_ (f.f_end <> None) [ effect_publication_id f ]

(* Publications of results that came too late, each once. *)
let rejected f =
  let what = function OFailed _ -> "effect.failed" | _ -> "effect.succeeded" in
  let once all one = if List.mem one all then all else all @ [ one ] in
  List.fold_left once [] (List.map what f.f_late)

let rejected_id f what = effect_operation_id f ^ ":" ^ what

let inputs f =
  match f.f_request with
  | QInvoke (_, _, v) -> Wire.value_json v
  | QAcquire layer -> Object [ ("layer", int layer) ]
  | _ -> Null

let outputs f =
  match f.f_end with
  | Some ((_, Answered (OInvoke v | OAcquire v)), _) -> Wire.value_json v
  | Some ((_, Answered (OFailed (kind, message))), _) ->
      Object [ ("failure", String kind); ("message", String message) ]
  | _ -> Null

let effect_operation host held f =
  let terminal = if f.f_end = None then Null else String (effect_publication f) in
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; effect_owner held f; kind f;
      ("phase", String (state f)); handler host; ("effect_ids", strings [ effect_id f ]);
      ("dependent_operation_ids", Array []); ("terminal_publication", terminal); ("budget_ticks", Null);
      ("requires_proof", Bool false) ]

let outstanding host held n f =
  let effect_kind = ("effect_kind", snd (kind f)) in
  Object
    ([ ("effect_id", String (effect_id f)); ("operation_id", String (effect_operation_id f)); of_effect f;
       effect_owner held f ]
    @ interface f
    @ [ effect_kind; handler host; ("status", String (status f)); order n; ("budget_ticks", Null);
        ("retry_policy", String "forbid_late_results");
        ("invalidation_token", String ("effect:" ^ effect_id f ^ ":live")); tick "completed_at_tick" (ended f);
        ("inputs", inputs f); ("outputs", outputs f) ])

let observed host f =
  Object
    ([ ("read_id", String (observed_id f)); of_effect f; ("effect_id", String (effect_id f)) ]
    @ interface f
    @ [ handler host; ("status", String (status f)) ])

let contract n f =
  let last = match ended f with Some tick -> tick | None -> f.f_asked in
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; ("state", String (state f));
      ("last_ordering_key", int n); ("bounded", Bool false); ("budget_ticks", Null);
      tick "last_progress_tick" (Some last); ("escalated_at_tick", Null); because f ]

let transition f =
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; ("from_state", String "pending");
      ("to_state", String (state f)); tick "tick" (ended f); because f ]

let effect_published held f =
  Object
    [ ("publication_id", String (effect_publication_id f)); of_effect f;
      ("operation_id", String (effect_operation_id f)); effect_owner held f; ("publication", String (effect_publication f));
      ("observer_class", String "canonical"); ("status", String "published"); ("proof_ref", Null);
      ("handle_ref", Null); because f ]

let effect_rejected held f what =
  Object
    [ ("publication_id", String (rejected_id f what)); of_effect f; ("operation_id", String (effect_operation_id f));
      effect_owner held f; ("publication", String what); ("observer_class", String "canonical");
      ("status", String "rejected"); ("proof_ref", Null); ("handle_ref", Null);
      ("reason", String "the effect was invalidated before the result came") ]

let effect_path held f =
  let stage = match f.f_end with None -> "observed" | Some ((_, Taken _), _) -> "invalidated" | Some _ -> "canonical" in
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; effect_owner held f;
      ("read_class", String (if is_observed f then "observed_only" else "none"));
      ("stage", String stage);
      ("observed_read_ids", strings (when_ (is_observed f) [ observed_id f ])); ("authoritative_read_ids", Array []);
      ("proof_ids", Array []); ("canonical_handle_ids", Array []); ("publication_ids", strings (effect_publications f));
      ("invalidated_by_handoff_ids", strings (taken_by f));
      ("rejected_publication_ids", strings (List.map (rejected_id f) (rejected f))) ]

(* What is in a session's region. *)
type members = { outputs : Reference.operation list; moves : moved list; asked : effect list; read_of : reading list }

let region held sid { outputs; moves; asked; read_of } =
  let h = holding_of sid held and committed = List.filter is_committed moves in
  let effect_publications f = effect_publications f @ List.map (rejected_id f) (rejected f) in
  let operations =
    List.map proof_id outputs @ List.map handoff_operation_id moves @ List.map effect_operation_id asked
  in
  let handles =
    List.map proof_id (List.filter (fun p -> p.p_way.y_handle) outputs) @ List.map handoff_operation_id committed
  in
  let publications =
    List.map publication_id outputs @ List.map handoff_publication_id committed @ List.concat_map effect_publications asked
  in
  Object
    [ ("region_id", String (Printf.sprintf "session:%d" sid)); ("session", int sid); owner_of h.hd_owner;
      ("scope", Authority.scope_json h.hd_scope); ("operation_ids", strings operations);
      ("effect_ids", strings (List.map effect_id asked));
      ("authoritative_read_ids", strings (List.map read_id outputs @ List.map reading_id read_of));
      ("handle_ids", strings handles); ("publication_ids", strings publications) ]

(* Whether anything has happened to a session's ownership. What is shown in vain is nothing, unless it is a witness. *)
let is_owned trace sid =
  let happens = function
    | (_, at), EAuthority said -> (
        at = sid
        && match (said.en_artifact, said.en_fate) with (ACapability _ | AReceipt _), TurnedDown -> false | _ -> true)
    | _ -> false
  in
  List.exists happens trace

(* Those of a session to which something happened, or that has not ended; and of those that were opened in it, where an endpoint of
   theirs changed hands. *)
let regions trace held everything s =
  let mine sid =
    { outputs = List.filter (fun p -> p.p_output.o_session = sid) everything.outputs;
      moves = List.filter (fun h -> h.sid = sid) everything.moves;
      asked = List.filter (fun f -> f.f_session = sid) everything.asked;
      read_of = List.filter (fun g -> g.g_session = sid) everything.read_of }
  in
  let inside h = h.sid <> s.s_id && (match Wire.opened_in h.sid with Some sid -> sid = s.s_id | None -> false) in
  let opened = List.sort_uniq compare (List.map (fun h -> h.sid) (List.filter inside everything.moves)) in
  let own = mine s.s_id in
  let nothing = own.outputs = [] && own.moves = [] && own.asked = [] && opened = [] && not (is_owned trace s.s_id) in
  let main = if s.s_end <> None && nothing then [] else [ region held s.s_id own ] in
  main @ List.map (fun sid -> region [] sid { (mine sid) with outputs = []; asked = []; read_of = [] }) opened

let document host m =
  let trace = List.rev m.trace in
  let held = holdings trace and all = operations trace and asked = effects trace and read_of = readings trace in
  let moved = List.map of_endpoint (handoffs trace) @ List.map of_session (handovers trace) in
  let done_ = List.filter (fun h -> h.status <> None) moved and committed = List.filter is_committed moved in
  let ended = List.filter (fun f -> f.f_end <> None) asked in
  let none = Array [] in
  let published =
    List.map published all @ List.map handoff_published committed @ List.map (effect_published held) ended
    @ List.concat_map (fun f -> List.map (effect_rejected held f) (rejected f)) asked
  in
  let everything = { outputs = all; moves = moved; asked; read_of } in
  Object
    [ ("schema_version", String "protocol_machine.semantic_objects.v1");
      ( "operation_instances",
        Array (List.map operation all @ List.map handoff_operation moved @ List.map (effect_operation host held) asked) );
      ("outstanding_effects", Array (List.mapi (outstanding host held) asked));
      ("semantic_handoffs", Array (List.map handoff done_));
      ("transformation_obligations", Array (List.map obligation done_));
      ("authoritative_reads", Array (List.map read all @ List.map reading read_of));
      ("observed_reads", Array (List.map (observed host) (List.filter is_observed asked)));
      ("materialization_proofs", Array (List.map proof all));
      ( "canonical_handles",
        Array (List.map handle (List.filter (fun p -> p.p_way.y_handle) all) @ List.map handoff_handle committed) );
      ("publication_events", Array published); ("prestate_bindings", none);
      ("agreement_profiles", none); ("agreement_contracts", none); ("agreement_evidence", none);
      ("agreement_states", none); ("regions", Array (List.concat_map (regions trace held everything) m.sessions));
      ("progress_contracts", Array (List.mapi contract asked)); ("progress_transitions", Array (List.map transition ended));
      ( "finalization_paths",
        Array (List.map path all @ List.map handoff_path moved @ List.map (effect_path held) asked) ) ]
