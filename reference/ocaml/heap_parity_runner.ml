(* The reference heap as a process: one list of operations per line in, one account per line out.

   A line is {"operations": [...], "prove": n?} with operations as `motet heap replay` takes them. *)

open Reference
open Json

let hex path text = try Blake3.unhex text with Blake3.Not_hex -> refuse path "must be hexadecimal"

let number path = function Number n -> Wire.n_of_text path n | _ -> refuse path "must be a number"

let payload path json =
  only path json [ "label"; "payload_hex" ];
  { y_label = str path json "label"; y_bytes = hex path (str path json "payload_hex") }

let id path json =
  only path json [ "digest_hex"; "counter" ];
  { d_digest = hex path (str path json "digest_hex"); d_counter = number path (field path json "counter") }

let operation i json =
  let path = Printf.sprintf "operations[%d]" i in
  let only = only path json in
  match str path json "kind" with
  | "alloc_channel" ->
      only [ "kind"; "sender"; "receiver"; "queue" ];
      let queue = match optional json "queue" with Some (Array xs) -> xs | None -> [] | Some _ -> refuse path "queue" in
      Alloc (RChannel (str path json "sender", str path json "receiver", List.map (payload (path ^ ".queue")) queue))
  | "alloc_message" ->
      only [ "kind"; "source"; "dest"; "label"; "payload_hex"; "seq_no" ];
      let content = { y_label = str path json "label"; y_bytes = hex path (str path json "payload_hex") } in
      Alloc (RMessage (str path json "source", str path json "dest", content, number path (field path json "seq_no")))
  | "alloc_session" ->
      only [ "kind"; "role"; "type_hash" ];
      Alloc (RSession (str path json "role", number path (field path json "type_hash")))
  | "alloc_value" ->
      only [ "kind"; "tag"; "data_hex" ];
      Alloc (RValue (str path json "tag", hex path (str path json "data_hex")))
  | "consume" -> only [ "kind"; "resource_id" ]; Consume (id path (field path json "resource_id"))
  | "remove" -> only [ "kind"; "resource_id" ]; Remove (id path (field path json "resource_id"))
  | other -> refuse path ("`" ^ other ^ "` is no kind of operation")

let refusal_name = function
  | NotFound -> "not_found"
  | AlreadyConsumed -> "already_consumed"
  | AlreadyExists -> "already_exists"

let account json =
  only "request" json [ "operations"; "prove" ];
  let operations = List.mapi operation (list "request" json "operations") in
  let h = Blake3.hash in
  let run () = replay h 0 operations empty in
  let ((heap, allocated), stop) = run () in
  let text bytes = String (Blake3.hex bytes) in
  let digests ids = Array (List.map (fun i -> text i.d_digest) ids) in
  let live = active heap in
  let proof =
    match optional json "prove" with
    | None -> []
    | Some index -> (
        match prove h (as_int "prove" index) (List.map (leaf h) live) with
        | None -> [ ("proof_leaf_hex", Null) ]
        | Some (own, path) ->
            let step (direction, sibling) =
              Object
                [ ("direction", String (match direction with Left -> "left" | Right -> "right"));
                  ("sibling_hash_hex", text sibling) ]
            in
            [ ("proof_leaf_hex", text own); ("proof_root_hex", text (resource_root h heap));
              ("proof_path", Array (List.map step path));
              ("proof_verifies", Bool (verify h own path (resource_root h heap))) ])
  in
  Object
    ([ ("schema_version", String "heap_parity.v1");
       ("heap_encoding_version", int 1);
       ("hasher", String "blake3");
       ("active_resource_ids_hex", digests (List.map fst live));
       ("consumed_resource_ids_hex", digests heap.nullified);
       ("allocated_resource_ids_hex", digests allocated);
       ("resource_root_hex", text (resource_root h heap));
       ("nullifier_root_hex", text (nullifier_root h heap));
       ("commitment_hash_hex", text (commitment h heap));
       ( "refused",
         match stop with
         | None -> Null
         | Some (at, why) -> Object [ ("operation", int at); ("code", String (refusal_name why)) ] );
       ("stable", Bool (run () = ((heap, allocated), stop))) ]
    @ proof)

let () =
  try
    while true do
      let line = input_line stdin in
      if line <> "" then (
        let answer =
          try account (parse line) with
          | Malformed message ->
              Object [ Wire.version; ("error", Object [ ("code", String "malformed"); ("path", String ""); ("message", String message) ]) ]
        in
        print_string (to_string answer);
        print_newline ())
    done
  with End_of_file -> ()
