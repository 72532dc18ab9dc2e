#!/bin/sh
# A runner that knows the manners of each kind and always says the same: the tests link to it under the kinds' names.
ok='"schema_version":"lean_bridge.v1","valid":true,"errors":[],"artifacts":null'
machine() {
    case "$1" in
        *'"operation":"project"'*) echo '{"schema_version":"lean_bridge.v1","local_types":{"A":{"kind":"end"}}}' ;;
        *'"operation":"runSimulation"'*) echo '{"schema_version":"lean_bridge.v1","trace":[],"violations":[],"artifacts":1}' ;;
        *'"operation":"inspectCapabilityModel","payload":{}'*)
            echo '{"schema_version":"lean_bridge.v1","finalization_paths":{"canonical":1,"invalidated":2},"upgrade_artifacts":{"committed_cutover":3,"rolled_back":4}}' ;;
        *'"operation":"validateTrace"'* | *'"operation":"validateSimulationTrace"'* | \
        *'"operation":"verifyProtocolBundle"'* | *'"operation":"validateReconfigurationTransition"'*) echo "{$ok}" ;;
        *'"operation"'*) echo '{"schema_version":"lean_bridge.v1","error":{"code":"operation","message":"unknown"}}' ;;
        *) echo '{"schema_version":"lean_bridge.v1","trace":[],"sessions":[],"steps_executed":0,"concurrency":1,"status":"stuck"}' ;;
    esac
}
case "$(basename "$0")" in
    protocol_machine_runner) while read -r line; do machine "$line"; done ;;
    heap_parity_runner)
        printf '{"schema_version":"heap_parity.v1","heap_encoding_version":1,"hasher":"blake3","resource_fixture":%s,"heap_fixture":null,' "$(cat "$1")"
        printf '"replay":{"first_run":1,"second_run":1,"stable":true,"active_ids_match_fixture":true,"consumed_ids_match_fixture":true}}\n' ;;
    telltale_validator)
        mode=$1 first=$2
        while [ $# -gt 2 ]; do shift; done
        case "$1 $mode" in
            '--json-log --choreography') printf '{"role":"A","status":"error","message":%s}' "$(cat "$first")" >"$2" ;;
            '--output --export-projection') printf '{"success":true,"projection":%s}' "$(cat "$first")" >"$2" ;;
            '--output --export-all-projections') printf '{"success":true,"projections":{"A":%s}}' "$(cat "$first")" >"$2" ;;
            '--output --check-async-subtype') printf '{"success":true,"result":true}' >"$2" ;;
            '--output --check-orphan-free') printf '{"success":true,"result":false}' >"$2" ;;
            '--output --check-regular-practical-fragment') printf '{"success":false,"error":%s}' "$(cat "$first")" >"$2" ;;
            *) exit 9 ;;
        esac ;;
    forgets) exit 0 ;;
esac
