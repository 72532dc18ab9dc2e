#!/bin/sh
# A runner that behaves as its own name says: the tests link to it under each of them.
answer='{"schema_version":"lean_bridge.v1","local_types":{}}'
holder() {
    # It keeps what it inherited, standard output among it, and outlives whoever started it.
    sh -c 'while :; do sleep 1; done' "$0" &
}
case "$(basename "$0")" in
    good) cat >/dev/null; echo "$answer" ;;
    lines) while read -r _; do echo "$answer"; done ;;
    deaf) exec 0<&-; echo "$answer" ;;
    silent) while :; do sleep 1; done ;;
    slow) printf '%s' '{"schema_version":'; while :; do sleep 1; done ;;
    lingers) echo "$answer"; exec 1>&-; while :; do sleep 1; done ;;
    truncated) printf '%s' '{"schema_version":"lean_bridge.v1","local_ty' ;;
    empty) cat >/dev/null ;;
    version) echo '{"schema_version":"lean_bridge.v2","local_types":{}}' ;;
    unversioned) echo '{"local_types":{}}' ;;
    surplus) echo '{"schema_version":"lean_bridge.v1","local_types":{},"more":1}' ;;
    less) echo '{"schema_version":"lean_bridge.v1"}' ;;
    twice) echo '{"schema_version":"lean_bridge.v1","local_types":{},"local_types":{}}' ;;
    positional) echo '["lean_bridge.v1",{}]' ;;
    chatty) printf 'Hello!\n%s\n' "$answer" ;;
    refuses) echo '{"schema_version":"lean_bridge.v1","error":{"code":"projection","path":"global_type","message":"A cannot tell"}}' ;;
    refusal) echo '{"schema_version":"lean_bridge.v1","error":"no"}' ;;
    flood) yes '{"schema_version":"lean_bridge.v1","trace":[' | tr -d '\n' | head -c 1000000000 ;;
    shouts) yes 'this goes to standard error' | head -c 3000000 >&2; echo "$answer" ;;
    binary) printf '{"schema_version":"\377\376"}\n' ;;
    three) echo 'first line' >&2; echo 'out of memory' >&2; exit 3 ;;
    answers_three) echo "$answer"; exit 3 ;;
    killed) kill -KILL $$ ;;
    holder) holder; exit 0 ;;
    answers_holder) holder; cat >/dev/null; echo "$answer"; exit 0 ;;
    holder_stays) holder; while :; do sleep 1; done ;;
    *) echo "unknown behaviour: $0" >&2; exit 99 ;;
esac
