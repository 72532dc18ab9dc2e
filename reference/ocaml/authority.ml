(* Who owns sessions: what owners do, what is issued to them, and what is on record of it. *)

open Reference
open Json

let scope path = function
  | String "session" -> Whole
  | Object [ ("fragments", roles) ] -> Part (List.map (as_string path) (as_list path roles))
  | _ -> refuse path "is no scope"

let scope_json = function
  | Whole -> String "session"
  | Part roles -> Object [ ("fragments", Array (List.map (fun role -> String role) roles)) ]

let capability path json =
  only path json [ "session_id"; "owner_id"; "generation"; "scope" ];
  { cap_session = num path json "session_id"; cap_owner = str path json "owner_id";
    cap_generation = num path json "generation"; cap_scope = scope (path ^ ".scope") (field path json "scope") }

let capability_json c =
  Object
    [ ("session_id", int c.cap_session); ("owner_id", String c.cap_owner); ("generation", int c.cap_generation);
      ("scope", scope_json c.cap_scope) ]

let receipt path json =
  only path json
    [ "session_id"; "claim_id"; "from_owner_id"; "from_generation"; "to_owner_id"; "to_generation"; "scope" ];
  { rc_session = num path json "session_id"; rc_claim = num path json "claim_id";
    rc_from = str path json "from_owner_id"; rc_from_generation = num path json "from_generation";
    rc_to = str path json "to_owner_id"; rc_to_generation = num path json "to_generation";
    rc_scope = scope (path ^ ".scope") (field path json "scope") }

let receipt_json r =
  Object
    [ ("session_id", int r.rc_session); ("claim_id", int r.rc_claim); ("from_owner_id", String r.rc_from);
      ("from_generation", int r.rc_from_generation); ("to_owner_id", String r.rc_to);
      ("to_generation", int r.rc_to_generation); ("scope", scope_json r.rc_scope) ]

let readiness path json =
  only path json [ "witness_id"; "session_id"; "owner_id"; "generation"; "scope"; "predicate_ref" ];
  { wt_number = num path json "witness_id"; wt_session = num path json "session_id";
    wt_owner = str path json "owner_id"; wt_generation = num path json "generation";
    wt_scope = scope (path ^ ".scope") (field path json "scope"); wt_text = str path json "predicate_ref" }

let witness_json text w =
  Object
    [ ("witness_id", int w.wt_number); ("session_id", int w.wt_session); ("owner_id", String w.wt_owner);
      ("generation", int w.wt_generation); ("scope", scope_json w.wt_scope); (text, String w.wt_text) ]

let artifact_json one =
  let kind, value =
    match one with
    | ACapability c -> ("ownership_capability", capability_json c)
    | AReceipt r -> ("ownership_receipt", receipt_json r)
    | AReadiness w -> ("readiness", witness_json "predicate_ref" w)
    | ACancellation w -> ("cancellation", witness_json "reason" w)
  in
  Object [ ("kind", String kind); ("value", value) ]

let fate_name = function
  | Issued -> "issued"
  | Consumed -> "consumed"
  | Invalidated -> "invalidated"
  | Committed -> "committed"
  | RolledBack -> "rolled_back"
  | TurnedDown -> "rejected"

let entry_json e =
  Object
    [ ("artifact", artifact_json e.en_artifact); ("event", String (fate_name e.en_fate));
      ("reason", Wire.optional_json e.en_reason) ]

(* What an owner or a host does. *)
let deed path json =
  let fields names = only path json ("kind" :: names) in
  let at key read = read (path ^ "." ^ key) (field path json key) in
  let text key = str path json key in
  match text "kind" with
  | "claim" -> fields [ "owner_id"; "scope" ]; Claim (text "owner_id", at "scope" scope)
  | "release" -> fields [ "capability" ]; GiveUp (at "capability" capability)
  | "begin_transfer" ->
      fields [ "capability"; "to_owner_id" ];
      BeginTransfer (at "capability" capability, text "to_owner_id")
  | "commit_transfer" ->
      fields [ "receipt"; "pending" ];
      let invalidates =
        match text "pending" with
        | "preserve_pending" -> false
        | "invalidate_blocked" -> true
        | _ -> refuse (path ^ ".pending") "is no treatment of what is pending"
      in
      CommitTransfer (at "receipt" receipt, invalidates)
  | "roll_back_transfer" -> fields [ "receipt" ]; RollBack (at "receipt" receipt)
  | "attenuate" -> fields [ "capability"; "scope" ]; Attenuate (at "capability" capability, at "scope" scope)
  | "issue_readiness" ->
      fields [ "capability"; "predicate_ref" ];
      IssueReadiness (at "capability" capability, text "predicate_ref")
  | "consume_readiness" ->
      fields [ "capability"; "witness" ];
      ConsumeReadiness (at "capability" capability, at "witness" readiness)
  | "owner_died" -> fields [ "owner_id" ]; OwnerDied (text "owner_id")
  | "fail_commit" -> fields [ "receipt"; "reason" ]; FailCommit (at "receipt" receipt, text "reason")
  | "abandon_transfer" -> fields [ "receipt"; "reason" ]; Abandon (at "receipt" receipt, text "reason")
  | kind -> refuse (path ^ ".kind") ("`" ^ kind ^ "` is not one that this runner has")

(* What comes of it. *)
let came_json c =
  let issued, refused =
    match c.cm_result with
    | Inl x -> (Null, String (objection_text x))
    | Inr (Some a) -> (artifact_json a, Null)
    | Inr None -> (Null, Null)
  in
  Object [ ("issued", issued); ("refused", refused); ("audit", Array (List.map entry_json c.cm_said)) ]
