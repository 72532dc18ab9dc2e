(* JSON as text and as a tree. Numbers keep their text, so nothing is lost of one that no machine word holds. *)

type t =
  | Null
  | Bool of bool
  | Number of string
  | String of string
  | Array of t list
  | Object of (string * t) list

exception Malformed of string

let malformed at what = raise (Malformed (Printf.sprintf "%s at byte %d" what at))

(* How deep arrays and objects may stand inside each other. *)
let most_depth = 4096

let utf8 buffer code =
  let add n = Buffer.add_char buffer (Char.chr n) in
  if code < 0x80 then add code
  else if code < 0x800 then (add (0xc0 lor (code lsr 6)); add (0x80 lor (code land 0x3f)))
  else if code < 0x10000 then (
    add (0xe0 lor (code lsr 12));
    add (0x80 lor ((code lsr 6) land 0x3f));
    add (0x80 lor (code land 0x3f)))
  else (
    add (0xf0 lor (code lsr 18));
    add (0x80 lor ((code lsr 12) land 0x3f));
    add (0x80 lor ((code lsr 6) land 0x3f));
    add (0x80 lor (code land 0x3f)))

let parse text =
  let size = String.length text in
  let at = ref 0 in
  let peek () = if !at < size then text.[!at] else '\000' in
  let rec blank () =
    if !at < size then
      match text.[!at] with
      | ' ' | '\t' | '\n' | '\r' -> incr at; blank ()
      | _ -> ()
  in
  let expect c = if peek () = c && !at < size then incr at else malformed !at (Printf.sprintf "expected %C" c) in
  let word w value =
    let n = String.length w in
    if !at + n <= size && String.sub text !at n = w then (at := !at + n; value) else malformed !at "no such word"
  in
  let hex4 () =
    if !at + 4 > size then malformed !at "a cut escape";
    match int_of_string_opt ("0x" ^ String.sub text !at 4) with
    | Some n -> at := !at + 4; n
    | None -> malformed !at "an escape that is not hexadecimal"
  in
  let string () =
    expect '"';
    let buffer = Buffer.create 16 in
    let rec go () =
      if !at >= size then malformed !at "a string without end";
      match text.[!at] with
      | '"' -> incr at
      | '\\' ->
          incr at;
          let c = peek () in
          incr at;
          (match c with
          | '"' | '\\' | '/' -> Buffer.add_char buffer c
          | 'b' -> Buffer.add_char buffer '\b'
          | 'f' -> Buffer.add_char buffer '\012'
          | 'n' -> Buffer.add_char buffer '\n'
          | 'r' -> Buffer.add_char buffer '\r'
          | 't' -> Buffer.add_char buffer '\t'
          | 'u' ->
              let high = hex4 () in
              if high >= 0xd800 && high < 0xdc00 then (
                expect '\\'; expect 'u';
                let low = hex4 () in
                if low < 0xdc00 || low > 0xdfff then malformed !at "half a surrogate pair";
                utf8 buffer (0x10000 + ((high - 0xd800) lsl 10) + (low - 0xdc00)))
              else utf8 buffer high
          | _ -> malformed !at "an unknown escape");
          go ()
      | c when c < ' ' -> malformed !at "a control character in a string"
      | c -> Buffer.add_char buffer c; incr at; go ()
    in
    go ();
    Buffer.contents buffer
  in
  let number () =
    let first = !at in
    let digit c = c >= '0' && c <= '9' in
    let rec while_ f = if !at < size && f text.[!at] then (incr at; while_ f) in
    while_ (fun c -> digit c || c = '-' || c = '+' || c = '.' || c = 'e' || c = 'E');
    let found = String.sub text first (!at - first) in
    if found = "" || float_of_string_opt found = None then malformed first "no value";
    Number found
  in
  let rec value depth =
    if depth > most_depth then malformed !at "nested too deep";
    blank ();
    let found =
      match peek () with
      | '{' ->
          incr at; blank ();
          if peek () = '}' then (incr at; Object [])
          else
            let rec fields so_far =
              blank ();
              let key = string () in
              if List.mem_assoc key so_far then malformed !at ("a second " ^ key);
              blank (); expect ':';
              let found = (key, value (depth + 1)) :: so_far in
              match peek () with
              | ',' -> incr at; fields found
              | _ -> expect '}'; Object (List.rev found)
            in
            fields []
      | '[' ->
          incr at; blank ();
          if peek () = ']' then (incr at; Array [])
          else
            let rec items so_far =
              let found = value (depth + 1) :: so_far in
              match peek () with
              | ',' -> incr at; items found
              | _ -> expect ']'; Array (List.rev found)
            in
            items []
      | '"' -> String (string ())
      | 't' -> word "true" (Bool true)
      | 'f' -> word "false" (Bool false)
      | 'n' -> word "null" Null
      | _ -> number ()
    in
    blank ();
    found
  in
  let found = value 0 in
  if !at < size then malformed !at "something behind the document";
  found

let quote buffer text =
  Buffer.add_char buffer '"';
  String.iter
    (function
      | '"' -> Buffer.add_string buffer "\\\""
      | '\\' -> Buffer.add_string buffer "\\\\"
      | c when c < ' ' -> Buffer.add_string buffer (Printf.sprintf "\\u%04x" (Char.code c))
      | c -> Buffer.add_char buffer c)
    text;
  Buffer.add_char buffer '"'

let to_string json =
  let buffer = Buffer.create 4096 in
  let add = Buffer.add_string buffer in
  let separated f = List.iteri (fun i x -> if i > 0 then add ","; f x) in
  let rec go = function
    | Null -> add "null"
    | Bool b -> add (if b then "true" else "false")
    | Number n -> add n
    | String s -> quote buffer s
    | Array xs -> add "["; separated go xs; add "]"
    | Object fields ->
        add "{";
        separated (fun (key, x) -> quote buffer key; add ":"; go x) fields;
        add "}"
  in
  go json;
  Buffer.contents buffer

let int n = Number (string_of_int n)

(* What is asked of a document; a refusal names the field. *)

let refuse path what = raise (Malformed (Printf.sprintf "`%s`: %s" path what))

let field path json key =
  match json with
  | Object fields -> (match List.assoc_opt key fields with Some x -> x | None -> refuse path ("`" ^ key ^ "` is missing"))
  | _ -> refuse path "must be an object"

let optional json key =
  match json with Object fields -> (match List.assoc_opt key fields with Some Null | None -> None | x -> x) | _ -> None

(* Refuses what is not named. *)
let only path json keys =
  match json with
  | Object fields ->
      List.iter (fun (key, _) -> if not (List.mem key keys) then refuse path ("`" ^ key ^ "` is unknown")) fields
  | _ -> refuse path "must be an object"

let as_string path = function String s -> s | _ -> refuse path "must be a string"
let as_list path = function Array xs -> xs | _ -> refuse path "must be an array"
let as_bool path = function Bool b -> b | _ -> refuse path "must be true or false"

let as_int path = function
  | Number n -> (match int_of_string_opt n with Some n when n >= 0 -> n | _ -> refuse path "must be a whole number")
  | _ -> refuse path "must be a number"

let str path json key = as_string (path ^ "." ^ key) (field path json key)
let num path json key = as_int (path ^ "." ^ key) (field path json key)
let list path json key = as_list (path ^ "." ^ key) (field path json key)
