# Lets the key log in to the account, beside those that can already: key.sh ROOT ACCOUNT KEY
root=$1 account=$2 key=$3
home=$root/home/$account
[ -n "$root" ] || home=$(getent passwd "$account" | cut -d : -f 6)
file=$home/.ssh/authorized_keys
changed=false
if ! grep -qxF -e "$key" "$file" 2>/dev/null; then
    mkdir -p "$home/.ssh"
    chmod 700 "$home/.ssh"
    { [ ! -e "$file" ] || cat "$file"; printf '%s\n' "$key"; } >"$file.new"
    chmod 600 "$file.new"
    mv "$file.new" "$file"
    [ -n "$root" ] || chown -R "$account:" "$home/.ssh"
    changed=true
fi
echo "changed=$changed" >"$FLOW_OUTPUT"
