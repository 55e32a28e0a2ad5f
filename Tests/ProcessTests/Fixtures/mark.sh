# Leaves a line at start and end of this execution: mark.sh LEDGER
line() { printf '%s %s %s %s %s\n' "$1" "$FLOW_RUN_ID" "$FLOW_STEP" "$FLOW_ATTEMPT" "$(cut -d ' ' -f 1 /proc/uptime)" >>"$ledger"; }
ledger=$1
line start
sleep 0.2
line end
