# Unpacks a release and makes it the current one: switch.sh BASE VERSION SECONDS
base=$1 version=$2 pace=$3
new=$base/releases/$version
rm -rf "$new.new" && mkdir "$new.new"
tar -xzf "$base/releases/$version.tar.gz" -C "$new.new" --strip-components=1
rm -rf "$new" && mv "$new.new" "$new"
# One line for every execution: what an auditor counts.
printf '%s %s %s\n' "$FLOW_RUN_ID" "$FLOW_STEP" "$version" >>"$base/switches"
sleep "$pace"
ln -sfn "releases/$version" "$base/current"
