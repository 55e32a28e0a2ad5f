# Settings of sshd, in a file of their own: sshd.sh ROOT
root=$1
file=$root/etc/ssh/sshd_config.d/50-flow.conf
wanted='PermitRootLogin prohibit-password
PasswordAuthentication no
X11Forwarding no
MaxStartups 100:30:1000
MaxSessions 100'
changed=false
if [ "$(cat "$file" 2>/dev/null || true)" != "$wanted" ]; then
    mkdir -p "${file%/*}"
    printf '%s\n' "$wanted" >"$file.new"
    if [ -z "$root" ]; then
        # A setting that sshd refuses must not lock anybody out.
        /usr/sbin/sshd -t -f "$file.new"
        mv "$file.new" "$file"
        systemctl reload ssh
    else
        mv "$file.new" "$file"
    fi
    changed=true
fi
echo "changed=$changed" >"$FLOW_OUTPUT"
