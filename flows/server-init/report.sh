# What this host says: report.sh NAME CHANGED...
name=$1
shift
changed=0
for answer; do
    if [ "$answer" = true ]; then changed=$((changed + 1)); fi
done
printf '{"host":"%s","changed":%d,"hardened":true}' "$name" "$changed" >"$FLOW_OUTPUT"
