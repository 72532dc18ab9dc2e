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

let region sid own given =
  Object
         [ ("region_id", String (Printf.sprintf "session:%d" sid)); ("session", int sid); owner;
           ("scope", String "session"); ("operation_ids", strings (List.map proof_id own @ List.map handoff_operation_id given));
           ("effect_ids", Array []); ("authoritative_read_ids", strings (List.map read_id own));
           ( "handle_ids",
             strings
               (List.map proof_id (List.filter (fun p -> p.p_way.y_handle) own) @ List.map handoff_operation_id given) );
           ("publication_ids", strings (List.map publication_id own @ List.map handoff_publication_id given)) ]

(* Those of a session to which something happened, or that has not ended; and of those that were opened in it, where an endpoint of
   theirs changed hands. *)
let regions all moved s =
  let own = List.filter (fun p -> p.p_output.o_session = s.s_id) all in
  let moved = List.filter (fun h -> h.h_session = s.s_id) moved in
  let given sid = List.filter (fun h -> session_of h = sid) moved in
  let opened = List.sort_uniq compare (List.filter (fun sid -> sid <> s.s_id) (List.map session_of moved)) in
  let main = if s.s_end <> None && own = [] && moved = [] then [] else [ region s.s_id own (given s.s_id) ] in
  main @ List.map (fun sid -> region sid [] (given sid)) opened

let document m =
  let trace = List.rev m.trace in
  let all = operations trace and moved = handoffs trace in
  let both f g = Array (List.map f all @ List.map g moved) in
  let none = Array [] in
  Object
    [ ("schema_version", String "protocol_machine.semantic_objects.v1");
      ("operation_instances", both operation handoff_operation); ("outstanding_effects", none);
      ("semantic_handoffs", Array (List.map handoff moved));
      ("transformation_obligations", Array (List.map obligation moved));
      ("authoritative_reads", Array (List.map read all)); ("observed_reads", none);
      ("materialization_proofs", Array (List.map proof all));
      ( "canonical_handles",
        Array (List.map handle (List.filter (fun p -> p.p_way.y_handle) all) @ List.map handoff_handle moved) );
      ("publication_events", both published handoff_published); ("prestate_bindings", none);
      ("agreement_profiles", none); ("agreement_contracts", none); ("agreement_evidence", none);
      ("agreement_states", none); ("regions", Array (List.concat_map (regions all moved) m.sessions));
      ("progress_contracts", none); ("progress_transitions", none); ("finalization_paths", both path handoff_path) ]
