# Makes the directories that services expect: directories.sh ROOT ACCOUNT
root=$1 account=$2
changed=false
for directory in /srv/app /var/log/app /etc/app; do
    if [ ! -d "$root$directory" ]; then
        mkdir -p "$root$directory"
        [ -n "$root" ] || chown "$account:" "$root$directory"
        changed=true
    fi
    if [ "$(stat -c %a "$root$directory")" != 750 ]; then
        chmod 750 "$root$directory"
        changed=true
    fi
done
echo "changed=$changed" >"$FLOW_OUTPUT"
