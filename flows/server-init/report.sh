# What this host says: report.sh NAME CHANGED...
name=$1
shift
changes=0
for answer; do
    if [ "$answer" = true ]; then changes=$((changes + 1)); fi
done
printf '{"host":"%s","changes":%d,"hardened":true}' "$name" "$changes" >"$FLOW_OUTPUT"
