(* What comes to a run in between rounds: answers, what happens to sites and links, what owners do. *)

open Reference
open Json

exception Refused of string * string * string

let refused code path message = raise (Refused (code, path, message))

(* Nobody waits for this answer. *)
exception Unawaited of string

let coordinate path id =
  match List.map int_of_string_opt (String.split_on_char '/' id) with
  | [ Some session; Some by; Some count ] when session >= 0 && by >= 0 && count >= 0 ->
      { at_session = session; at_coroutine = by; at_counter = count }
  | _ -> refuse (path ^ ".operation_id") "must be session/coroutine/count"

let place at = Printf.sprintf "%d/%d/%d" at.at_session at.at_coroutine at.at_counter

(* What comes in between rounds. *)
type input = Answer of coordinate * answer | Happens of perturbation | Late of coordinate * answer | Does of int * deed

(* What is still to come in, each with how many rounds are over by then, in order; and what has come of what owners did, newest
   first. *)
type coming = { left : (int * input) list; results : came list }

(* Takes in what has come so far. *)
let rec taken_in env late m =
  match late.left with
  | (tick, input) :: left when tick <= m.rounds -> (
      let late = { late with left } in
      let awaited at = function Some m -> taken_in env late m | None -> raise (Unawaited (place at)) in
      match input with
      | Answer (at, answer) -> awaited at (deliver env at answer m)
      | Late (at, answer) -> awaited at (reject_late at answer m)
      | Happens it -> taken_in env late (perturb it m)
      | Does (sid, deed) -> (
          match own env sid deed m with
          | Some (m, came) -> taken_in env { late with results = came :: late.results } m
          | None -> refused "session" "authority" (Printf.sprintf "there is no session %d" sid)))
  | _ -> (late, m)

let perturbation path json =
  let link () =
    only path json [ "kind"; "from"; "to" ];
    (str path json "from", str path json "to")
  in
  match str path json "kind" with
  | "crash" ->
      only path json [ "kind"; "site" ];
      Crash (str path json "site")
  | "partition" -> Partition (link ())
  | "heal" -> Heal (link ())
  | kind -> refused "perturbation" (path ^ ".kind") ("`" ^ kind ^ "` is not one that this runner has")

(* Answers, what happens to sites and links, and what owners do, in the order in which they came: what happens says how many of
   the answers had come before it, and what owners do how many of both. *)
let inputs answers topology authority =
  let entry i json =
    let path = Printf.sprintf "topology[%d]" i in
    only path json [ "tick"; "answers"; "perturbation" ];
    let happens = Happens (perturbation (path ^ ".perturbation") (field path json "perturbation")) in
    (num path json "answers", (num path json "tick", happens))
  in
  let happened = match topology with None -> [] | Some list -> List.mapi entry (as_list "topology" list) in
  let deed i json =
    let path = Printf.sprintf "authority[%d]" i in
    only path json [ "tick"; "answers"; "perturbations"; "session"; "operation" ];
    let operation = field path json "operation" and path = path ^ ".operation" in
    let what =
      match optional operation "kind" with
      | Some (String "late_result") ->
          only path operation [ "kind"; "operation_id"; "outcome" ];
          Late (coordinate path (str path operation "operation_id"), Wire.answer path (field path operation "outcome"))
      | _ -> Does (num path json "session", Authority.deed path operation)
    in
    ((num path json "answers", num path json "perturbations"), (num path json "tick", what))
  in
  let deeds = match authority with None -> [] | Some list -> List.mapi deed (as_list "authority" list) in
  let rec merge answered happened answers happens deeds =
    match (answers, happens, deeds) with
    | _, _, ((a, h), it) :: rest when a <= answered && h <= happened -> it :: merge answered happened answers happens rest
    | _, (a, it) :: rest, _ when a <= answered -> it :: merge answered (happened + 1) answers rest deeds
    | (tick, at, answer) :: rest, _, _ -> (tick, Answer (at, answer)) :: merge (answered + 1) happened rest happens deeds
    | [], (_, it) :: rest, _ -> it :: merge answered (happened + 1) [] rest deeds
    | [], [], (_, it) :: rest -> it :: merge answered happened [] [] rest
    | [], [], [] -> []
  in
  merge 0 0 answers happened deeds
