# The hardening check: everything above is as it must be, whoever made it so: check.sh ROOT ACCOUNT
root=$1 account=$2
fail() { echo "not hardened: $*" >&2; exit 1; }
settings=$root/etc/ssh/sshd_config.d/50-flow.conf
grep -qx 'PasswordAuthentication no' "$settings" || fail "passwords can log in"
home=$root/home/$account
[ -n "$root" ] || home=$(getent passwd "$account" | cut -d : -f 6)
[ "$(stat -c %a "$home/.ssh/authorized_keys")" = 600 ] || fail "others can read authorized_keys"
[ "$(stat -c %a "$home/.ssh")" = 700 ] || fail "others can look into .ssh"
for directory in /srv/app /var/log/app /etc/app; do
    [ "$(stat -c %a "$root$directory")" = 750 ] || fail "$directory is open to others"
done
echo changed=false >"$FLOW_OUTPUT"
