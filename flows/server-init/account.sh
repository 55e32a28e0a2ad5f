# Makes the account if there is none: account.sh ROOT ACCOUNT
root=$1 account=$2
changed=false
if [ -n "$root" ]; then
    # Trying out: a line of our own stands for the account.
    mkdir -p "$root/etc" "$root/home/$account"
    if ! grep -q "^$account:" "$root/etc/passwd" 2>/dev/null; then
        printf '%s:x:1000:1000::/home/%s:/bin/sh\n' "$account" "$account" >>"$root/etc/passwd"
        changed=true
    fi
elif ! id "$account" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash "$account"
    changed=true
fi
echo "changed=$changed" >"$FLOW_OUTPUT"
