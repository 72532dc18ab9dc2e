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
let owner = ("owner_id", Null)
let when_ holds all = if holds then all else []

let operation p =
  Object
    [ ("operation_id", String (proof_id p)); session p; owner; ("kind", String "materialization");
      ("phase", String (if p.p_way.y_stage = AtCanonical then "succeeded" else "failed"));
      ("handler_identity", Null); ("effect_ids", Array []); ("dependent_operation_ids", Array []);
      ("terminal_publication", String (publication p)); ("budget_ticks", Null); ("requires_proof", Bool true) ]

let read p =
  Object
    [ ("read_id", String (read_id p)); session p; owner; ("kind", String "output_condition");
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
    [ ("handle_id", String (proof_id p)); session p; owner; ("kind", String "materialization");
      ("proof_ref", String (proof_id p)) ]

let published p =
  Object
    [ ("publication_id", String (publication_id p)); session p; ("operation_id", String (proof_id p)); owner;
      ("publication", String (publication p)); ("observer_class", String "canonical");
      ("status", String (if p.p_way.y_published > 0 then "published" else "rejected"));
      ("proof_ref", String (proof_id p)); ("handle_ref", text (if p.p_way.y_handle then Some (proof_id p) else None));
      ("reason", Null) ]

let path p =
  let w = p.p_way in
  Object
    [ ("operation_id", String (proof_id p)); session p; owner;
      ("read_class", String (if w.y_read then "authoritative_only" else "none")); ("stage", String (stage_name w.y_stage));
      ("observed_read_ids", Array []); ("authoritative_read_ids", strings (when_ w.y_read [ read_id p ]));
      ("proof_ids", strings [ proof_id p ]); ("canonical_handle_ids", strings (when_ w.y_handle [ proof_id p ]));
      ("publication_ids", strings (when_ (w.y_published > 0) [ publication_id p ]));
      ("invalidated_by_handoff_ids", Array []);
      ("rejected_publication_ids", strings (when_ (w.y_stage = AtRejected) [ publication_id p ])) ]

(* Endpoints that changed hands. Each is an operation that was done at once, with a handle and a publication. *)

(* The session whose endpoint it was. *)
let session_of h = if h.h_guest = 0 then h.h_session else Wire.opened_session h.h_session h.h_guest
let handoff_id h = Printf.sprintf "%d.endpoint.%010d" (session_of h) h.h_number
let handoff_operation_id h = "handoff:" ^ handoff_id h
let handoff_publication_id h = handoff_operation_id h ^ ":handoff.committed"
let of_handoff h = ("session", int (session_of h))
let coroutine number = String (Printf.sprintf "coro:%d" number)
let fragment h = Object [ ("fragments", Array [ String h.h_role ]) ]

let handoff_operation h =
  Object
    [ ("operation_id", String (handoff_operation_id h)); of_handoff h; owner; ("kind", String "handoff");
      ("phase", String "succeeded"); ("handler_identity", Null); ("effect_ids", Array []);
      ("dependent_operation_ids", Array []); ("terminal_publication", String "handoff.committed");
      ("budget_ticks", Null); ("requires_proof", Bool false) ]

let handoff_path h =
  Object
    [ ("operation_id", String (handoff_operation_id h)); of_handoff h; owner; ("read_class", String "none");
      ("stage", String "canonical"); ("observed_read_ids", Array []); ("authoritative_read_ids", Array []);
      ("proof_ids", Array []); ("canonical_handle_ids", strings [ handoff_operation_id h ]);
      ("publication_ids", strings [ handoff_publication_id h ]); ("invalidated_by_handoff_ids", Array []);
      ("rejected_publication_ids", Array []) ]

let handoff_handle h =
  Object
    [ ("handle_id", String (handoff_operation_id h)); of_handoff h; owner; ("kind", String "handoff"); ("proof_ref", Null) ]

let handoff_published h =
  Object
    [ ("publication_id", String (handoff_publication_id h)); of_handoff h;
      ("operation_id", String (handoff_operation_id h)); owner; ("publication", String "handoff.committed");
      ("observer_class", String "canonical"); ("status", String "published"); ("proof_ref", Null);
      ("handle_ref", String (handoff_operation_id h)); ("reason", Null) ]

let handoff h =
  Object
    [ ("handoff_id", String (handoff_id h)); of_handoff h; ("from_coro", int h.h_from); ("to_coro", int h.h_to);
      ("revoked_owner_id", coroutine h.h_from); ("activated_owner_id", coroutine h.h_to); ("scope", fragment h);
      ("status", String "committed"); ("tick", int h.h_round); ("reason", Null) ]

(* Nothing is pending where every effect is answered at once. *)
let obligation h =
  Object
    [ ("obligation_id", String ("obligation:" ^ handoff_id h)); ("handoff_id", String (handoff_id h)); of_handoff h;
      ("transformed_fragments", Array [ String h.h_role ]); ("affected_operation_ids", Array []);
      ("affected_effect_ids", Array []); ("transported_effect_ids", Array []); ("invalidated_effect_ids", Array []);
      ("witness_policy", String "withdrawn"); ("publication_revoked_from", coroutine h.h_from);
      ("publication_activated_to", coroutine h.h_to); ("scope", fragment h); ("status", String "committed");
      ("tick", int h.h_round); ("reason", Null) ]

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

(* How it stands, and why it does not stand better. *)
let stand f =
  match f.f_end with
  | None -> ("pending", None)
  | Some (_, Cancelled) -> ("cancelled", None)
  | Some (_, Answered (OFailed (kind, _))) -> ("failed", Some kind)
  | Some (_, Answered _) -> ("succeeded", None)

let ended f = Option.map fst f.f_end
let tick name found = (name, match found with Some n -> int n | None -> Null)
let because f = ("reason", text (snd (stand f)))
let effect_publication f = "effect." ^ fst (stand f)
let effect_publication_id f = effect_operation_id f ^ ":" ^ effect_publication f
let effect_publications f = when_ (f.f_end <> None) [ effect_publication_id f ]

let inputs f =
  match f.f_request with
  | QInvoke (_, _, v) -> Wire.value_json v
  | QAcquire layer -> Object [ ("layer", int layer) ]
  | _ -> Null

let outputs f =
  match f.f_end with
  | Some (_, Answered (OInvoke v | OAcquire v)) -> Wire.value_json v
  | Some (_, Answered (OFailed (kind, message))) ->
      Object [ ("failure", String kind); ("message", String message) ]
  | _ -> Null

let effect_operation host f =
  let terminal = if f.f_end = None then Null else String (effect_publication f) in
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; owner; kind f;
      ("phase", String (fst (stand f))); handler host; ("effect_ids", strings [ effect_id f ]);
      ("dependent_operation_ids", Array []); ("terminal_publication", terminal); ("budget_ticks", Null);
      ("requires_proof", Bool false) ]

let outstanding host n f =
  let effect_kind = ("effect_kind", snd (kind f)) in
  Object
    ([ ("effect_id", String (effect_id f)); ("operation_id", String (effect_operation_id f)); of_effect f; owner ]
    @ interface f
    @ [ effect_kind; handler host; ("status", String (fst (stand f))); order n; ("budget_ticks", Null);
        ("retry_policy", String "forbid_late_results");
        ("invalidation_token", String ("effect:" ^ effect_id f ^ ":live")); tick "completed_at_tick" (ended f);
        ("inputs", inputs f); ("outputs", outputs f) ])

let observed host f =
  Object
    ([ ("read_id", String (observed_id f)); of_effect f; ("effect_id", String (effect_id f)) ]
    @ interface f
    @ [ handler host; ("status", String (fst (stand f))) ])

let contract n f =
  let last = match ended f with Some tick -> tick | None -> f.f_asked in
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; ("state", String (fst (stand f)));
      ("last_ordering_key", int n); ("bounded", Bool false); ("budget_ticks", Null);
      tick "last_progress_tick" (Some last); ("escalated_at_tick", Null); because f ]

let transition f =
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; ("from_state", String "pending");
      ("to_state", String (fst (stand f))); tick "tick" (ended f); because f ]

let effect_published f =
  Object
    [ ("publication_id", String (effect_publication_id f)); of_effect f;
      ("operation_id", String (effect_operation_id f)); owner; ("publication", String (effect_publication f));
      ("observer_class", String "canonical"); ("status", String "published"); ("proof_ref", Null);
      ("handle_ref", Null); because f ]

let effect_path f =
  Object
    [ ("operation_id", String (effect_operation_id f)); of_effect f; owner;
      ("read_class", String (if is_observed f then "observed_only" else "none"));
      ("stage", String (if f.f_end = None then "observed" else "canonical"));
      ("observed_read_ids", strings (when_ (is_observed f) [ observed_id f ])); ("authoritative_read_ids", Array []);
      ("proof_ids", Array []); ("canonical_handle_ids", Array []); ("publication_ids", strings (effect_publications f));
      ("invalidated_by_handoff_ids", Array []); ("rejected_publication_ids", Array []) ]

let region sid own given asked =
  Object
         [ ("region_id", String (Printf.sprintf "session:%d" sid)); ("session", int sid); owner;
           ("scope", String "session"); ("operation_ids", strings (List.map proof_id own @ List.map handoff_operation_id given @ List.map effect_operation_id asked));
           ("effect_ids", strings (List.map effect_id asked)); ("authoritative_read_ids", strings (List.map read_id own));
           ( "handle_ids",
             strings
               (List.map proof_id (List.filter (fun p -> p.p_way.y_handle) own) @ List.map handoff_operation_id given) );
           ( "publication_ids",
             strings
               (List.map publication_id own @ List.map handoff_publication_id given
               @ List.concat_map effect_publications asked) ) ]

(* Those of a session to which something happened, or that has not ended; and of those that were opened in it, where an endpoint of
   theirs changed hands. *)
let regions all moved asked s =
  let own = List.filter (fun p -> p.p_output.o_session = s.s_id) all in
  let moved = List.filter (fun h -> h.h_session = s.s_id) moved in
  let given sid = List.filter (fun h -> session_of h = sid) moved in
  let opened = List.sort_uniq compare (List.filter (fun sid -> sid <> s.s_id) (List.map session_of moved)) in
  let asked = List.filter (fun f -> f.f_session = s.s_id) asked in
  let nothing = own = [] && moved = [] && asked = [] in
  let main = if s.s_end <> None && nothing then [] else [ region s.s_id own (given s.s_id) asked ] in
  main @ List.map (fun sid -> region sid [] (given sid) []) opened

let document host m =
  let trace = List.rev m.trace in
  let all = operations trace and moved = handoffs trace and asked = effects trace in
  let each f g h = Array (List.map f all @ List.map g moved @ h) in
  let done_ = List.filter (fun f -> f.f_end <> None) asked in
  let none = Array [] in
  Object
    [ ("schema_version", String "protocol_machine.semantic_objects.v1");
      ("operation_instances", each operation handoff_operation (List.map (effect_operation host) asked));
      ("outstanding_effects", Array (List.mapi (outstanding host) asked));
      ("semantic_handoffs", Array (List.map handoff moved));
      ("transformation_obligations", Array (List.map obligation moved));
      ("authoritative_reads", Array (List.map read all)); ("observed_reads", Array (List.map (observed host) (List.filter is_observed asked)));
      ("materialization_proofs", Array (List.map proof all));
      ( "canonical_handles",
        Array (List.map handle (List.filter (fun p -> p.p_way.y_handle) all) @ List.map handoff_handle moved) );
      ("publication_events", each published handoff_published (List.map effect_published done_)); ("prestate_bindings", none);
      ("agreement_profiles", none); ("agreement_contracts", none); ("agreement_evidence", none);
      ("agreement_states", none); ("regions", Array (List.concat_map (regions all moved asked) m.sessions));
      ("progress_contracts", Array (List.mapi contract asked)); ("progress_transitions", Array (List.map transition done_));
      ("finalization_paths", each path handoff_path (List.map effect_path asked)) ]
