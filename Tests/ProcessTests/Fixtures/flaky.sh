# As mark.sh, but fails at its first attempt: flaky.sh LEDGER
line() { printf '%s %s %s %s %s\n' "$1" "$FLOW_RUN_ID" "$FLOW_STEP" "$FLOW_ATTEMPT" "$(cut -d ' ' -f 1 /proc/uptime)" >>"$ledger"; }
ledger=$1
line start
sleep 0.1
line end
test "$FLOW_ATTEMPT" -gt 1
