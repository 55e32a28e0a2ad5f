# Raises the account's limits: limits.sh ROOT ACCOUNT FILES
root=$1 account=$2 files=$3
file=$root/etc/security/limits.d/50-$account.conf
wanted=$(printf '%s soft nofile %s\n%s hard nofile %s' "$account" "$files" "$account" "$files")
changed=false
if [ "$(cat "$file" 2>/dev/null || true)" != "$wanted" ]; then
    mkdir -p "${file%/*}"
    printf '%s\n' "$wanted" >"$file.new"
    mv "$file.new" "$file"
    changed=true
fi
echo "changed=$changed" >"$FLOW_OUTPUT"
