(* The machine's objects as JSON, after the specification, sections 10.2 and 10.3. *)

open Reference
open Json

(* Natural numbers of a protocol, by their decimal text. *)

let ten = N.of_nat 10

let n_of_text path text =
  if text = "" then refuse path "must be a whole number";
  String.fold_left
    (fun sum c ->
      if c < '0' || c > '9' then refuse path "must be a whole number";
      N.add (N.mul sum ten) (N.of_nat (Char.code c - 48)))
    N0 text

let rec text_of_n n =
  let rest, digit = N.div_eucl n ten in
  (if rest = N0 then "" else text_of_n rest) ^ string_of_int (N.to_nat digit)

(* Names of roles. Those of sessions that instructions open are qualified: "number/position/role". *)

let opened_role name =
  match String.split_on_char '/' name with
  | [ number; at; role ] -> Some (int_of_string number, int_of_string at, role)
  | _ -> None

(* A session that was opened in another as the number-th, by one number. *)
let opened_session sid number = sid lor (number lsl 44)

(* The session in which this one was opened, where an instruction opened it. *)
let opened_in sid = if sid lsr 44 = 0 then None else Some (sid land ((1 lsl 44) - 1))

(* Sorts and types. *)

let rec sort path = function
  | String "unit" -> SUnit
  | String "nat" -> SNat
  | String "bool" -> SBool
  | String "string" -> SString
  | String "real" -> SReal
  | Object [ ("vector", Number n) ] -> SVector (n_of_text path n)
  | Object [ ("prod", Array [ a; b ]) ] -> SProd (sort path a, sort path b)
  | _ -> refuse path "is no sort"

let rec sort_json = function
  | SUnit -> String "unit"
  | SNat -> String "nat"
  | SBool -> String "bool"
  | SString -> String "string"
  | SReal -> String "real"
  | SVector n -> Object [ ("vector", Number (text_of_n n)) ]
  | SProd (a, b) -> Object [ ("prod", Array [ sort_json a; sort_json b ]) ]

let label path json =
  only path json [ "name"; "sort" ];
  { l_name = str path json "name"; l_sort = sort (path ^ ".sort") (field path json "sort") }

let label_json l = Object [ ("name", String l.l_name); ("sort", sort_json l.l_sort) ]

let rec global path json =
  match str path json "kind" with
  | "end" -> only path json [ "kind" ]; GEnd
  | "var" -> only path json [ "kind"; "name" ]; GVar (str path json "name")
  | "rec" ->
      only path json [ "kind"; "var"; "body" ];
      GRec (str path json "var", global (path ^ ".body") (field path json "body"))
  | "comm" ->
      only path json [ "kind"; "sender"; "receiver"; "branches" ];
      let branch i json =
        let path = Printf.sprintf "%s.branches[%d]" path i in
        only path json [ "label"; "continuation" ];
        (label (path ^ ".label") (field path json "label"), global path (field path json "continuation"))
      in
      GComm (str path json "sender", str path json "receiver", List.mapi branch (list path json "branches"))
  | other -> refuse path ("`" ^ other ^ "` is no kind of global type")

let rec local_json t =
  let comm kind partner branches =
    let branch (l, k) = Object [ ("label", label_json l); ("continuation", local_json k) ] in
    Object [ ("kind", String kind); ("partner", String partner); ("branches", Array (List.map branch branches)) ]
  in
  match t with
  | LEnd -> Object [ ("kind", String "end") ]
  | LVar x -> Object [ ("kind", String "var"); ("name", String x) ]
  | LRec (x, body) -> Object [ ("kind", String "rec"); ("var", String x); ("body", local_json body) ]
  | LSend (p, bs) -> comm "send" p bs
  | LRecv (p, bs) -> comm "recv" p bs

(* Values, in the form that needs no sort: a real or a vector is its text, as the machine carries it. *)

let rec value path = function
  | Null -> VUnit
  | Bool b -> VBool b
  | Number n -> VNat (n_of_text path n)
  | String s -> VStr s
  | Array [ a; b ] -> VProd (value path a, value path b)
  | _ -> refuse path "is no value"

let rec value_json = function
  | VUnit -> Null
  | VBool b -> Bool b
  | VNat n -> Number (text_of_n n)
  | VStr s -> String s
  | VProd (a, b) -> Array [ value_json a; value_json b ]
  | VEndpoint (sid, role) ->
      let endpoint =
        match opened_role role with
        | Some (number, at, _) -> [ int (opened_session sid number); int at ]
        | None -> [ int sid; String role ]
      in
      Object [ ("endpoint", Array endpoint) ]

(* Instructions: an array of the mnemonic and its operands, tables and constants in place. *)

let pair path = function
  | Array [ a; b ] -> (as_int path a, as_int path b)
  | _ -> refuse path "must be [target, register]"

let instr path json =
  let int = as_int path in
  let ints = function Array xs -> List.map int xs | _ -> refuse path "must be an array of positions" in
  match json with
  | Array [ String "Send"; chan; val_ ] -> ISend (int chan, int val_)
  | Array [ String "Receive"; chan; dst ] -> IReceive (int chan, int dst)
  | Array [ String "Offer"; chan; val_; l ] -> IOffer (int chan, int val_, label path l)
  | Array [ String "Choose"; chan; Array rows ] -> IChoose (int chan, List.map (pair path) rows)
  | Array [ String "Decide"; chan; rows ] -> IDecide (int chan, ints rows)
  | Array [ String "Invoke"; arg; dst; String interface; String operation; answer ] ->
      IInvoke (int arg, int dst, interface, operation, sort path answer, false)
  | Array [ String "Invoke"; arg; dst; String interface; String operation; answer; String "may_block" ] ->
      IInvoke (int arg, int dst, interface, operation, sort path answer, true)
  | Array [ String "Set"; dst; v ] -> ISet (int dst, value path v)
  | Array [ String "Move"; dst; src ] -> IMove (int dst, int src)
  | Array [ String "Jump"; target ] -> IJump (int target)
  | Array [ String "Branch"; on; rows ] -> IBranch (int on, ints rows)
  | Array [ String "Yield" ] -> IYield
  | Array [ String "Halt" ] -> IHalt
  | Array [ String "Spawn"; args; dst; target ] -> ISpawn (int args, int dst, int target)
  | Array [ String "Cast"; val_; s ] -> ICast (int val_, sort path s)
  | Array [ String "Fork"; ghost ] -> IFork (int ghost)
  | Array [ String "Join" ] -> IJoin
  | Array [ String "Abort" ] -> IAbort
  | Array [ String "Transfer"; endpoint; target ] -> ITransfer (int endpoint, int target)
  | Array [ String "Tag"; fact; dst ] -> ITag (int fact, int dst)
  | Array [ String "Check"; knowledge; target; dst ] -> ICheck (int knowledge, int target, int dst)
  | Array [ String "Acquire"; dst; layer ] -> IAcquire (int dst, int layer)
  | Array [ String "Release"; evidence; layer ] -> IRelease (int evidence, int layer)
  | Array [ String "Close"; chan ] -> IClose (int chan)
  | Array [ String "Open"; dst; plan ] -> IOpen (int dst, int plan)
  | _ -> refuse path "is no instruction"

let program path json =
  only path json [ "role"; "registers"; "code" ];
  let code = List.mapi (fun i -> instr (Printf.sprintf "%s.code[%d]" path i)) (list path json "code") in
  { p_role = str path json "role"; p_registers = num path json "registers"; p_code = code }

(* Which facts may flow where, as in docs/configuration.md. *)

let rec predicate path json =
  let names = function Array xs -> List.map (predicate path) xs | _ -> refuse path "must be an array of predicates" in
  match json with
  | Object [ ("target_role_prefix", String text) ] -> TargetRolePrefix text
  | Object [ ("fact_contains", String text) ] -> FactContains text
  | String "endpoint_role_matches_target" -> EndpointRoleMatchesTarget
  | Object [ ("all", parts) ] -> All (names parts)
  | Object [ ("any", parts) ] -> Any (names parts)
  | _ -> refuse path "is no predicate"

let flow path json =
  let names xs = List.map (as_string path) (as_list path xs) in
  match json with
  | String "allow_all" -> AllowAll
  | String "deny_all" -> DenyAll
  | Object [ ("allow_roles", roles) ] -> AllowRoles (names roles)
  | Object [ ("deny_roles", roles) ] -> DenyRoles (names roles)
  | Object [ ("predicate_expr", p) ] -> PredicateExpr (predicate path p)
  | _ -> refuse path "is no policy for facts"

(* What the host is asked and what it answers, as in docs/host.md. *)

let request_json = function
  | QSend (partner, l, v) ->
      [ ("kind", String "send_decision"); ("partner", String (plain_name partner)); ("label", String l.l_name);
        ("sort", sort_json l.l_sort); ("payload", value_json v) ]
  | QReceive (partner, l, v) ->
      [ ("kind", String "receive"); ("partner", String (plain_name partner)); ("label", String l.l_name);
        ("sort", sort_json l.l_sort); ("payload", value_json v) ]
  | QChoose (partner, ls) ->
      [ ("kind", String "choose"); ("partner", String (plain_name partner));
        ("labels", Array (List.map (fun l -> String l.l_name) ls)) ]
  | QInvoke (interface, operation, v) ->
      [ ("kind", String "invoke_step"); ("interface", String interface); ("operation", String operation);
        ("argument", value_json v) ]
  | QAcquire layer -> [ ("kind", String "acquire"); ("layer", int layer) ]
  | QRelease (layer, v) -> [ ("kind", String "release"); ("layer", int layer); ("evidence", value_json v) ]
  | QOutputConditionHint -> [ ("kind", String "output_condition_hint") ]

let hint path json =
  only path json [ "predicate_ref"; "witness_ref" ];
  let witness = Option.map (as_string path) (optional json "witness_ref") in
  { h_predicate = str path json "predicate_ref"; h_witness = witness }

let optional_json = function Some text -> String text | None -> Null

let answer path json =
  match str path json "status" with
  | "blocked" -> OBlocked
  | "pending" -> OPending
  | "failure" ->
      let failure = field path json "failure" in
      OFailed (str path failure "kind", str path failure "message")
  | "success" -> (
      let response = field path json "response" in
      let present key = match response with Object fields -> List.assoc_opt key fields | _ -> None in
      match str path response "kind" with
      | "send_decision" -> (
          match (str path response "decision", present "payload") with
          | "deliver", None -> OSend Deliver
          | "deliver", Some v -> OSend (Replace (value path v))
          | "drop", None -> OSend Drop
          | "defer", None -> OSend Defer
          | _ -> refuse path "is no decision")
      | "receive" -> OReceive (Option.map (value path) (present "payload"))
      | "choose" -> OChoose (num path response "position")
      | "invoke_step" -> OInvoke (value path (field path response "answer"))
      | "acquire" -> OAcquire (value path (field path response "evidence"))
      | "release" -> ORelease
      | "output_condition_hint" -> OOutputConditionHint (Option.map (hint path) (optional response "hint"))
      | other -> refuse path ("`" ^ other ^ "` is no kind of response"))
  | other -> refuse path ("`" ^ other ^ "` is no status")

let answer_json = function
  | OBlocked -> Object [ ("status", String "blocked") ]
  | OPending -> Object [ ("status", String "pending") ]
  | OFailed (kind, message) ->
      Object [ ("status", String "failure"); ("failure", Object [ ("kind", String kind); ("message", String message) ]) ]
  | found ->
      let kind, fields =
        match found with
        | OSend Deliver -> ("send_decision", [ ("decision", String "deliver") ])
        | OSend (Replace v) -> ("send_decision", [ ("decision", String "deliver"); ("payload", value_json v) ])
        | OSend Drop -> ("send_decision", [ ("decision", String "drop") ])
        | OSend Defer -> ("send_decision", [ ("decision", String "defer") ])
        | OReceive None -> ("receive", [])
        | OReceive (Some v) -> ("receive", [ ("payload", value_json v) ])
        | OChoose n -> ("choose", [ ("position", int n) ])
        | OInvoke v -> ("invoke_step", [ ("answer", value_json v) ])
        | OAcquire v -> ("acquire", [ ("evidence", value_json v) ])
        | ORelease -> ("release", [])
        | OOutputConditionHint None -> ("output_condition_hint", [ ("hint", Null) ])
        | OOutputConditionHint (Some given) ->
            let fields =
              [ ("predicate_ref", String given.h_predicate); ("witness_ref", optional_json given.h_witness) ]
            in
            ("output_condition_hint", [ ("hint", Object fields) ])
        | OFailed _ | OBlocked | OPending -> ("", [])
      in
      Object [ ("status", String "success"); ("response", Object (("kind", String kind) :: fields)) ]

(* Events. *)

let version = ("schema_version", String "lean_bridge.v1")

let fault_code = function
  | FType -> "type"
  | FLabel -> "label"
  | FChannel -> "channel"
  | FInvoke -> "invoke"
  | FRegister -> "register"
  | FPc -> "pc"
  | FBuffer -> "buffer"
  | FOutputCondition -> "output_condition"
  | FSpeculation -> "speculation"
  | FTransfer -> "transfer"
  | FFlow -> "flow"
  | FAcquire -> "acquire"
  | FTopology -> "topology"
  | FClose -> "close"

let terminal_name = function TClosed -> "closed" | TFaulted -> "faulted" | TCancelled -> "cancelled"

(* Facts about an endpoint say by its name of which session it is. *)
let session_of sid role = match opened_role role with Some (number, _, _) -> opened_session sid number | None -> sid

let rec event_json role_of ((round, sid), event) =
  let put kind fields =
    Object (version :: ("kind", String kind) :: ("tick", int round) :: ("session", int sid) :: fields)
  in
  let name role = String (plain_name role) in
  let message kind (from, to_) l =
    put kind [ ("sender", name from); ("receiver", name to_); ("label", String l.l_name) ]
  in
  let role i = ("role", String (role_of i)) in
  let fault kind i f = put kind [ role i; ("reason", String ("machine.fault." ^ fault_code f)) ] in
  match event with
  | EOpened -> put "opened" []
  | ESent (e, l) -> message "sent" e l
  | EReceived (e, l) -> message "received" e l
  | EOffered (e, l) -> message "offered" e l
  | EChose (e, l) -> message "chose" e l
  | EInvoked (i, interface, operation) -> put "invoked" [ role i; ("label", String (interface ^ "." ^ operation)) ]
  | EHalted i -> put "halted" [ role i ]
  | EFailureBranch (i, f) -> fault "failure_branch_entered" i f
  | EFaulted (i, f) -> fault "faulted" i f
  | EForked (i, ghost) -> put "forked" [ role i; ("ghost", Number (text_of_n ghost)) ]
  | EJoined (i, ghost) -> put "joined" [ role i; ("ghost", Number (text_of_n ghost)) ]
  | EAborted (i, ghost) -> put "aborted" [ role i; ("ghost", Number (text_of_n ghost)) ]
  | ETransferred (from, to_, role, _) -> put "transferred" [ ("role", name role); ("from", int from); ("to", int to_) ]
  | ETagged (role, fact) when opened_role role <> None ->
      event_json role_of ((round, session_of sid role), ETagged (plain_name role, fact))
  | ETagged (role, fact) -> put "tagged" [ ("role", String role); ("label", String fact) ]
  | EChecked (role, target, permitted) when opened_role role <> None ->
      event_json role_of ((round, session_of sid role), EChecked (plain_name role, target, permitted))
  | EChecked (role, target, permitted) ->
      put "checked" [ ("role", String role); ("target", String target); ("permitted", Bool permitted) ]
  | EAcquired (i, layer) -> put "acquired" [ role i; ("label", String ("layer" ^ string_of_int layer)) ]
  | EClosed -> put "closed" []
  | EEpochAdvanced -> put "epoch_advanced" []
  (* Of these no trace tells. *)
  | EAsked _ | EAnswered _ | ELate _ | EAuthority _ | ESettled _ -> Null
  | ECancellationRequested -> put "cancellation_requested" [ role 0 ]
  | ECancelled -> put "cancelled" [ role 0 ]
  | EGuest (number, e) -> event_json role_of ((round, opened_session sid number), e)
  | EReleased (i, layer) -> put "released" [ role i; ("label", String ("layer" ^ string_of_int layer)) ]
  | ETerminal t -> put "session_terminal" [ ("reason", String (terminal_name t)) ]
  | EOutputConditionChecked (i, under, passed, _, _) ->
      let witness = match under.h_witness with Some text -> [ ("witness_ref", String text) ] | None -> [] in
      put "output_condition_checked"
        ([ role i; ("predicate_ref", String under.h_predicate); ("passed", Bool passed) ] @ witness)

let exchange_json x =
  let at = x.x_at in
  Object
    [ ("operation_id", String (Printf.sprintf "%d/%d/%d" at.at_session at.at_coroutine at.at_counter));
      ("body",
        Object
          (("role", String x.x_role)
          :: ("state", Array (List.map value_json x.x_registers))
          :: request_json x.x_request));
      ("outcome", answer_json x.x_answer) ]
