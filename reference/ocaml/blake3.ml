(* BLAKE3, plain mode, after its specification. Words are kept below 2^32 in machine integers of 63 bits. *)

let mask = 0xffffffff
let iv = [| 0x6a09e667; 0xbb67ae85; 0x3c6ef372; 0xa54ff53a; 0x510e527f; 0x9b05688c; 0x1f83d9ab; 0x5be0cd19 |]
let permutation = [| 2; 6; 3; 10; 7; 0; 4; 13; 1; 11; 12; 5; 9; 14; 15; 8 |]
let chunk_start = 1
let chunk_end = 2
let parent = 4
let root = 8
let block_size = 64
let chunk_size = 1024

let rotate x n = ((x lsr n) lor (x lsl (32 - n))) land mask

let mix s a b c d x y =
  s.(a) <- (s.(a) + s.(b) + x) land mask;
  s.(d) <- rotate (s.(d) lxor s.(a)) 16;
  s.(c) <- (s.(c) + s.(d)) land mask;
  s.(b) <- rotate (s.(b) lxor s.(c)) 12;
  s.(a) <- (s.(a) + s.(b) + y) land mask;
  s.(d) <- rotate (s.(d) lxor s.(a)) 8;
  s.(c) <- (s.(c) + s.(d)) land mask;
  s.(b) <- rotate (s.(b) lxor s.(c)) 7

(* Eight words from eight and a block of sixteen. *)
let compress cv block counter length flags =
  let s = Array.make 16 0 in
  Array.blit cv 0 s 0 8;
  Array.blit iv 0 s 8 4;
  s.(12) <- counter land mask;
  s.(13) <- (counter lsr 32) land mask;
  s.(14) <- length;
  s.(15) <- flags;
  let m = ref (Array.copy block) in
  for round = 0 to 6 do
    let w = !m in
    mix s 0 4 8 12 w.(0) w.(1);
    mix s 1 5 9 13 w.(2) w.(3);
    mix s 2 6 10 14 w.(4) w.(5);
    mix s 3 7 11 15 w.(6) w.(7);
    mix s 0 5 10 15 w.(8) w.(9);
    mix s 1 6 11 12 w.(10) w.(11);
    mix s 2 7 8 13 w.(12) w.(13);
    mix s 3 4 9 14 w.(14) w.(15);
    if round < 6 then m := Array.map (fun i -> w.(i)) permutation
  done;
  Array.init 8 (fun i -> s.(i) lxor s.(i + 8))

let words text at length =
  Array.init 16 (fun i ->
    let byte j = if (4 * i) + j < length then Char.code text.[at + (4 * i) + j] else 0 in
    byte 0 lor (byte 1 lsl 8) lor (byte 2 lsl 16) lor (byte 3 lsl 24))

(* The chaining value of the chunk that begins at [at]. *)
let chunk text at length number last =
  let rec go cv offset flags =
    let size = min block_size (length - offset) in
    let final = offset + size >= length in
    let flags' = flags lor if final then chunk_end lor last else 0 in
    let cv = compress cv (words text (at + offset) size) number size flags' in
    if final then cv else go cv (offset + size) 0
  in
  go iv 0 chunk_start

let rec tree text at length first last =
  if length <= chunk_size then chunk text at length first last
  else
    (* The left part is the largest power of two of whole chunks that leaves something to the right. *)
    let rec power n = if 2 * n < length then power (2 * n) else n in
    let left = power chunk_size in
    let a = tree text at left first 0 in
    let b = tree text (at + left) (length - left) (first + (left / chunk_size)) 0 in
    compress iv (Array.append a b) 0 block_size (parent lor last)

(* 32 bytes. *)
let hash text =
  let cv = tree text 0 (String.length text) 0 root in
  String.init 32 (fun i -> Char.chr ((cv.(i / 4) lsr (8 * (i mod 4))) land 0xff))

let hex bytes = String.concat "" (List.map (fun c -> Printf.sprintf "%02x" (Char.code c)) (List.of_seq (String.to_seq bytes)))

exception Not_hex

let unhex text =
  if String.length text mod 2 <> 0 then raise Not_hex;
  String.init (String.length text / 2) (fun i ->
    match int_of_string_opt ("0x" ^ String.sub text (2 * i) 2) with Some n -> Char.chr n | None -> raise Not_hex)
