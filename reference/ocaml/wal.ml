(* The operation walSync: the records that an operation's log lacks before something becomes visible. *)

open Reference
open Json

let level path = function
  | String "none" -> LNone
  | String "provisional" -> LProvisional
  | String "soft_safe" -> LSoftSafe
  | String "finalized" -> LFinalized
  | _ -> refuse path "is no level"

let level_json l =
  String (match l with LNone -> "none" | LProvisional -> "provisional" | LSoftSafe -> "soft_safe" | LFinalized -> "finalized")

let outcome path = function
  | String "finalized" -> Finalized
  | String "aborted" -> Aborted
  | String "rejected" -> Rejected
  | String "timed_out" -> TimedOut
  | _ -> refuse path "is no outcome"

let outcome_json o =
  String (match o with Finalized -> "finalized" | Aborted -> "aborted" | Rejected -> "rejected" | TimedOut -> "timed_out")

let evidence path json =
  only path json [ "evidence_id"; "level"; "authoritative" ];
  { v_id = str path json "evidence_id"; v_level = level path (field path json "level");
    v_authoritative = as_bool path (field path json "authoritative") }

let evidence_json v =
  Object
    [ ("evidence_id", String v.v_id); ("level", level_json v.v_level); ("authoritative", Bool v.v_authoritative) ]

let record path json =
  match str path json "kind" with
  | "evidence_produced" -> REvidence (evidence path (field path json "evidence"))
  | "escalation" ->
      let at key = level path (field path json key) in
      REscalation (at "previous_level", at "new_level", str path json "evidence_id")
  | "finalization" -> REnd (outcome path (field path json "outcome"))
  | "visibility_gate_crossing" ->
      RCrossing (str path json "downstream_coroutine_id", level path (field path json "gate_level"))
  | other -> refuse path ("`" ^ other ^ "` is no kind of record")

let record_json r =
  let put kind fields = Object (("kind", String kind) :: fields) in
  match r with
  | REvidence v -> put "evidence_produced" [ ("evidence", evidence_json v) ]
  | REscalation (previous, next, on) ->
      put "escalation"
        [ ("previous_level", level_json previous); ("new_level", level_json next); ("evidence_id", String on) ]
  | REnd how -> put "finalization" [ ("outcome", outcome_json how) ]
  | RCrossing (who, gate) ->
      put "visibility_gate_crossing" [ ("downstream_coroutine_id", String who); ("gate_level", level_json gate) ]

let state path json =
  only path json [ "level"; "finalization" ];
  { a_level = level path (field path json "level");
    a_final = Option.map (outcome path) (optional json "finalization") }

let sync payload =
  let path = "payload" in
  only path payload
    [ "log"; "downstream_coroutine_id"; "gate_level"; "agreement_state"; "agreement_evidence" ];
  let log = List.map (record "payload.log") (list path payload "log") in
  let found = List.map (evidence "payload.agreement_evidence") (list path payload "agreement_evidence") in
  let request =
    { y_evidence = List.sort (fun a b -> compare a.v_id b.v_id) found;
      y_state = Option.map (state "payload.agreement_state") (optional payload "agreement_state");
      y_who = str path payload "downstream_coroutine_id";
      y_gate = level path (field path payload "gate_level") }
  in
  let written = match missing log request with Some rs -> Array (List.map record_json rs) | None -> Null in
  Object [ Wire.version; ("written", written) ]
