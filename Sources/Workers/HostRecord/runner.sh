# flow-runner: the host side of the host record, protocol 1. docs/internals/host-record.md is its specification.
#
# Given as constant text: /bin/sh -c TEXT flow-runner VERB. Everything else comes on standard input, so that no value is ever in
# an argument list. Written for dash, bash and busybox ash. Lines that start with # and indentation are taken out before it is sent;
# it holds no single quote, so that it can stand inside two of them.
#
# What costs is starting programs (1 ms each), not the shell: it reads /proc by builtins and starts as few as it can.

case ${BASH_VERSION:-} in ?*) set -o posix ;; esac
export LC_ALL=C
trap : PIPE
exec 3<&0 </dev/null

say() { printf "%s\n" "$*"; }
fail() { say "error $*"; exit 1; }
# Whether all arguments are whole numbers.
numbers() { for v; do case $v in "" | *[!0-9]*) return 1 ;; esac; done; }
# Whether a file of the spool is one, and no link: others who have the same account may put anything in its place, and what is read or written for
# ever (a device, a pipe) is neither read nor written.
plain() { [ -f "$1" ] && [ ! -L "$1" ]; }
# Takes away whatever else stands where a file is to be written.
vacate() { plain "$1" || { [ ! -e "$1" ] && [ ! -L "$1" ]; } || wipe "$1"; }
# Removes them with all that is in them, also where folders in there may not be written in.
wipe() { rm -rf "$@" 2>/dev/null || { chmod -R u+rwx "$@"; rm -rf "$@"; } 2>/dev/null; }
# now: centiseconds since boot, counted while the machine sleeps too.
clock() { read -r up _ </proc/uptime; now=$((${up%.*} * 100 + 1${up#*.} - 100)); }
# pid, state, parent, session and birth (start time in ticks) of a process; false when there is none.
look() {
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  pid=${line%% *} line=${line##*) }
  set -- $line
  state=$1 parent=$2 session=$4 birth=${20:-}
  numbers "$birth"
}
as() { if [ -n "$r_account" ]; then sudo -n -H -u "$r_account" -- "$@"; else "$@"; fi; }
# The same, for a program of the account that the folder belongs to.
wiper="rm -rf \"\$1\" 2>/dev/null || { chmod -R u+rwx \"\$1\"; rm -rf \"\$1\"; } 2>/dev/null"
# The next pause of a poll, growing from 20 ms to 1 s.
longer() { case $pause in 0.02) pause=0.04 ;; 0.04) pause=0.08 ;; 0.08) pause=0.16 ;; 0.16) pause=0.32 ;; 0.32) pause=0.64 ;; *) pause=1 ;; esac; }
# Sleeps for $pause; where sleep takes no fractions, for a second.
rest() { sleep "$pause" 2>/dev/null || sleep 1; }

# ---- the place: boot id, spool, containment ----

find_spool() {
  s=${FLOW_SPOOL:-}
  if [ -z "$s" ]; then
    s=/var/lib/flow/spool
    [ -w "$s" ] || { [ ! -e "$s" ] && { [ -w /var/lib/flow ] || [ -w /var/lib ]; }; } || s=${HOME:-}/.local/state/flow/spool
  fi
  case $s in /*) ;; *) s=$PWD/$s ;; esac
  read_id && return
  (umask 077 && mkdir -p "$s") 2>/dev/null && chmod 700 "$s" 2>/dev/null || fail storage "cannot make the spool directory $s"
  read -r spool </proc/sys/kernel/random/uuid
  { say "$spool" >"$s/id.$$"; } 2>/dev/null || fail storage "cannot write in the spool directory $s"
  # A link is made whole or not at all: of several that come at once, one makes the id.
  ln "$s/id.$$" "$s/id" 2>/dev/null
  rm -f "$s/id.$$"
  read_id || fail storage "$s/id is damaged, or cannot be made: remove it"
}
# spool: the id; false when there is none.
read_id() {
  spool=
  [ -e "$s/id" ] || [ -L "$s/id" ] || return 1
  plain "$s/id" || fail storage "$s/id is not a plain file: remove it"
  spool=$(dd if="$s/id" bs=100 count=1 2>/dev/null)
  case $spool in "" | *[!0-9A-Za-z-]*) spool=; return 1 ;; esac
}

find_cgroup() {
  base=
  for m in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    [ -e "$m/cgroup.controllers" ] || continue
    if [ -w "$m/cgroup.procs" ]; then base=$m/flow; return; fi
    while IFS=: read -r n c own; do
      [ "$n" = 0 ] && [ "$own" != / ] && [ -w "$m$own" ] && [ -w "$m$own/cgroup.procs" ] && base=$m$own
    done </proc/self/cgroup
    return
  done
}

find_place() {
  for tool in cat chmod dd env flock grep ln mkdir mkfifo mv rm rmdir setsid sleep sync wc; do
    command -v "$tool" >/dev/null || fail missing "$tool"
  done
  [ -r /proc/uptime ] && read -r boot </proc/sys/kernel/random/boot_id || fail missing /proc
  find_spool
  find_cgroup
  level=session
  [ -z "$base" ] || level=cgroup
  # On a line of its own, whatever login files have written.
  say "
flow-runner 1 $boot $spool $level"
}

# A host whose /proc hides the processes of others can neither watch over nor end what a step starts by sudo or su: nothing begins there.
see_all() {
  look 1 || fail missing "a view of all processes: /proc hides those of others from this account (hidepid), so that what a step leaves running could \
not be found and ended; mount /proc with gid= of a group that the account is in, or log in as root"
}

# ---- records ----

lock() {
  while :; do
    vacate "$d/lock"
    { true >>"$d/lock"; } 2>/dev/null || refuse storage "cannot write in $d"
    exec 9<"$d/lock"
    flock -w 60 9 || refuse busy "another request for this step holds its lock"
    # Forgotten in between, the lock is another file.
    [ "$d/lock" -ef /proc/self/fd/9 ] && return
  done
}
unlock() { exec 9<&-; }
# Fails, and leaves nothing of an attempt that was about to begin.
refuse() { [ -z "$t" ] || drop "$@"; fail "$@"; }

# Puts files on the disk; an old sync takes no names.
settle() { sync "$@" 2>/dev/null || sync; }

# mark: EPOCH.NUMBER of the newest attempt of the step in folder $1 that was begun and not forgotten; false when there is none.
marked() { mark= k=; ! plain "$1.begun" || { read -r k mark <"$1.begun"; } 2>/dev/null; [ "$k" = attempt ] && numbers "${mark%.*}" "${mark#*.}"; }

# The recorded fence: the highest of what was asked with, of what was started, and of what was begun; false when it cannot be read.
recorded() {
  e=0 n=0
  [ ! -e "$d/fence" ] || { e= n=; ! plain "$d/fence" || { read -r e n <"$d/fence"; } 2>/dev/null; numbers "$e" "$n" || return 1; }
  ! marked "$d" || { above "${mark%.*}" "${mark#*.}" "$e" "$n" && e=${mark%.*} n=${mark#*.}; }
  for f in "$d"/[0-9]*.[0-9]*; do
    [ -d "$f" ] || continue
    f=${f##*/}
    above "${f%.*}" "${f#*.}" "$e" "$n" && e=${f%.*} n=${f#*.}
  done
  return 0
}
above() { [ "$1" -gt "$3" ] || { [ "$1" -eq "$3" ] && [ "$2" -gt "$4" ]; }; }

# Asking raises the fence, so that a start that comes later does nothing.
raise() {
  # What is no fence is replaced by that of who asks.
  recorded || e=0 n=0
  above "$e" "$n" "$epoch" "$number" && fail refused "$e.$n"
  above "$epoch" "$number" "$e" "$n" || return 0
  vacate "$d/fence"
  vacate "$d/fence.new"
  { say "$epoch $number" >"$d/fence.new"; } 2>/dev/null && settle "$d/fence.new" && mv -f "$d/fence.new" "$d/fence" ||
    fail storage "cannot write in $d"
}

# a: the folder of the attempt asked about, also one that was begun and is gone; empty when nothing was begun.
find_attempt() {
  a=
  for f in "$d"/[0-9]*."$number"; do
    [ ! -d "$f" ] || a=$f
  done
  [ -n "$a" ] || ! marked "$d" || [ "${mark#*.}" != "$number" ] || a=$d/$mark
}

# Loads the record of the attempt in folder $1: its own; where that is gone, the mark beside the folder of its step; where that is gone
# too, what was loaded of it before.
load() {
  read_record "$1/started" || { marked "${1%/*}" && [ "$mark" = "${1##*/}" ] && read_record "${1%/*}.begun"; } || [ "$loaded" = "$1" ] || return 1
  loaded=$1
}
read_record() {
  plain "$1" && [ -s "$1" ] && [ -r "$1" ] || return 1
  r_boot= r_pid=0 r_birth=0 r_grace=1000 r_level= r_cgroup= r_account= r_tmp=
  while read -r k v; do
    case $k in
      boot) r_boot=$v ;; pid) r_pid=$v ;; birth) r_birth=$v ;; grace) r_grace=$v ;; containment) r_level=$v ;;
      cgroup) r_cgroup=$v ;; account) r_account=$v ;; tmp) r_tmp=$v ;;
    esac
  done <"$1"
  # One that was cut short lacks these, which come last.
  case $r_level in session) ;; cgroup) [ -n "$r_cgroup" ] ;; *) false ;; esac && [ -n "$r_boot" ] && numbers "$r_pid" "$r_birth" "$r_grace"
}

# Whether the supervisor of the loaded record lives.
supervised() { [ "$r_boot" = "$boot" ] && look "$r_pid" && [ "$birth" = "$r_birth" ] && [ "$state" != Z ]; }

# ---- containment ----

# pids: what is left of the attempt in folder $1, whose record is loaded. What has left cgroup, session and its parents is known by its mark alone. To
# look for that costs programs: it is done with $2, and as the last look before nothing is left.
members() {
  pids= leader=0 born=0
  ! plain "$1/pid" || read -r leader born <"$1/pid"
  if look "$leader"; then
    if [ "$birth" != "$born" ]; then
      # A number taken by a younger process says nothing about the session that had it.
      leader=0
    elif [ "$state" != Z ]; then
      # It may just be beginning, and not be where the others are looked for.
      pids=" $leader"
    fi
  elif ! supervised; then
    # Nobody was there to see whether its session came to its end: the number may be that of a stranger by now.
    leader=0
  fi
  if [ -n "$r_cgroup" ]; then
    for f in "$r_cgroup"/cgroup.procs "$r_cgroup"/*/cgroup.procs "$r_cgroup"/*/*/cgroup.procs "$r_cgroup"/*/*/*/cgroup.procs; do
      [ -r "$f" ] || continue
      while read -r p; do include "$p"; done <"$f"
    done 2>/dev/null
  fi
  # Also with a cgroup: su, systemd-run and cron take what they start to another one.
  if [ "$leader" != 0 ] || [ -n "$pids" ]; then
    for f in /proc/[0-9]*; do
      look "${f#/proc/}" && [ "$state" != Z ] || continue
      if [ "$leader" = 0 ] || [ "$session" != "$leader" ]; then case "$pids " in *" $parent "*) ;; *) continue ;; esac; fi
      include "$pid"
    done
  fi
  [ -z "$pids" ] || [ -n "$2" ] || return 0
  for f in $(as grep -lsF "FLOW_ATTEMPT_MARK=${1#"$s/"}/" /proc/[0-9]*/environ 2>/dev/null); do
    f=${f#/proc/}
    include "${f%/environ}"
  done
}
include() { case "$pids " in *" $1 "*) ;; *) pids="$pids $1" ;; esac; }

# Ends everything of the attempt in folder $1: TERM, $2 centiseconds, KILL until nothing is left. With $3 no longer than so many after the first
# KILL: false when something is left then, which pids names.
empty() {
  load "$1" || return 0
  [ "$r_boot" = "$boot" ] || return 0
  clock
  end=$((now + $2)) pause=0.02 told= killed= wide=yes
  while members "$1" "$wide"; [ -n "$pids" ]; do
    clock
    if [ "$now" -ge "$end" ]; then
      wide=yes killed=${killed:-$now}
      [ -z "$3" ] || [ $((now - killed)) -lt "$3" ] || return 1
      [ ! -w "$r_cgroup/cgroup.kill" ] || say 1 >"$r_cgroup/cgroup.kill"
      deliver KILL $pids
    else
      wide= fresh=
      for p in $pids; do
        case " $told $fresh " in *" $p "*) continue ;; esac
        # What one of them starts after it was told is its way to clean up, and has the grace too.
        if [ -n "$told" ] && look "$p"; then case " $pids " in *" $parent "*) continue ;; esac; fi
        fresh="$fresh $p"
      done
      told="$told$fresh"
      # A stopped process handles nothing until it goes on.
      [ -z "$fresh" ] || { deliver TERM $fresh; deliver CONT $fresh; }
    fi
    rest
    # What does not take KILL is looked at for as long as it takes, and seldom.
    [ -z "$killed" ] && [ "$pause" = 0.16 ] || longer
  done
}
deliver() {
  signal=$1
  shift
  kill -"$signal" "$@" 2>/dev/null || [ -z "$r_account" ] || as /bin/sh -c "kill -$signal $* 2>/dev/null"
}

# Makes sure that nothing of the attempt in folder $1 runs on, and that its supervisor, if it lives, has written its end. False when that does not come
# about within $patience after KILL; remains says what is there then.
finish() {
  load "$1" || return 0
  [ ! -e "$1/ended" ] || return 0
  [ -e "$1/stop" ] || { say "$2" >"$1/stop"; } 2>/dev/null
  clock
  bound=$((now + $3 + patience)) still=0.02
  while :; do
    empty "$1" "$3" "$patience" || { name_remains $pids; return 1; }
    if [ -e "$1/ended" ] || ! supervised; then return 0; fi
    clock
    [ "$now" -lt "$bound" ] || { remains="its supervisor, process $r_pid, has not written the end"; return 1; }
    pause=$still
    rest
    longer
    still=$pause
  done
}
# The first of many: they have to fit into a line.
name_remains() {
  remains="processes that take no KILL:"
  for p; do
    [ ${#remains} -le 200 ] || { remains="$remains and more"; return; }
    remains="$remains $p"
  done
}

# ---- start ----

receive() {
  t=$d/new.$$
  level=session cgroup=
  # Of several that come with the same fence, each needs one of its own: those that lose take theirs away.
  [ -z "$base" ] || cgroup=$base/$step.$epoch.$number.$$
  mkdir -p "$t/work" ${cgroup:+"$cgroup"} 2>/dev/null
  [ -d "$t/work" ] || fail storage "cannot make a folder in $s"
  if [ -n "$cgroup" ] && [ -w "$cgroup/cgroup.procs" ]; then level=cgroup; else cgroup=; fi
  # The end is written over a block that is there already, so that a full disk cannot lose it.
  { printf "%b" "$prelude" >"$t/prelude" && printf "%b" "$script" >"$t/script" && printf "%b" "$dir" >"$t/dir" &&
    true >"$t/stdout" && true >"$t/stderr" && printf "%120s\n" "" >"$t/ended.new"; } 2>/dev/null || drop storage "no room in $s"
  for part in $parts; do
    length=${part#*:}
    part=$t/${part%:*}
    blocks=$((length / 1048576))
    [ "$blocks" = 0 ] || take 1048576 "$blocks"
    [ $((length % 1048576)) = 0 ] || take $((length % 1048576)) 1
  done
  mkfifo "$t/out" "$t/err" 2>/dev/null || drop storage "no room in $s"
}
# Exactly $2 blocks of $1 bytes of the request; never a byte more, and fewer only when it ended early.
take() {
  dd bs="$1" count="$2" iflag=fullblock <&3 2>"$t/dd" >>"$part" || drop storage "no room in $s"
  read -r got _ <"$t/dd"
  [ "$got" = "$2+0" ] || drop input "the request ended early"
}
# Fails with nothing left behind.
drop() {
  [ -z "$cgroup" ] || rmdir "$cgroup" 2>/dev/null
  [ -z "$tmp" ] || as /bin/sh -c "$wiper" flow "$tmp"
  wipe "$t"
  fail "$@"
}

# The process of the attempt itself: it outlives the connection, and it alone writes the end.
supervise() {
  trap : HUP INT TERM PIPE USR1
  exec 8>&1 3<&- 2>/dev/null
  look self
  me=$pid mine=$birth
  lock
  recorded || drop storage "cannot read the fence in $d"
  above "$epoch" "$number" "$e" "$n" || drop refused "$e.$n"
  # The one that was begun last may have lost its folder.
  begun=
  ! marked "$d" || begun=$d/$mark
  # What the engine does not know of ran before its journal was taken back to an earlier copy.
  for f in "$d"/[0-9]*.[0-9]* ${begun:+"$begun"}; do
    [ -d "$f" ] || [ "$f" = "$begun" ] || continue
    [ "$after" = - ] || [ "${f##*.}" -le "$after" ] || drop known "${f##*.}"
  done
  for former in "$d"/[0-9]*.[0-9]* ${begun:+"$begun"}; do
    [ -d "$former" ] || [ "$former" = "$begun" ] || continue
    finish "$former" superseded "$grace" || drop former "attempt ${former##*.} of it has not ended: $remains"
  done
  r_account=$account tmp=
  if [ -n "$account" ]; then
    command -v sudo >/dev/null || drop missing "sudo, which account $account needs"
    tmp=$(as mktemp -d /tmp/flow.XXXXXXXXXX 2>"$t/dd") || complain
    cat "$t/prelude" "$t/script" "$t/dir" ${data:+"$t/data"} >"$t/all" || drop storage "no room in $s"
  fi
  clock
  due=-
  [ "$timeout" = - ] || due=$((now + timeout))
  # In one piece: a disk that fills up keeps all of it or nothing.
  record="attempt $epoch.$number
boot $boot
pid $me
birth $mine
at $now
deadline $due
grace $grace
containment $level${cgroup:+
cgroup $cgroup}${account:+
account $account}${tmp:+
tmp $tmp}"
  { say "$record" >"$t/started"; } 2>/dev/null && settle "$t/started" "$t/ended.new" && mv "$t" "$a" || drop storage "no room in $s"
  # Once more beside the folder, which its own script or somebody who cleans up may take away. Nothing runs before that is written.
  vacate "$d.begun"
  { say "$record" >"$d.begun"; } 2>/dev/null || { t=$a; drop storage "no room in $s"; }
  unlock
  load "$a"
  exec >/dev/null
  run
}

# What sudo says is output of the attempt, and the reason: warnings come before and after what matters.
complain() {
  all=
  while read -r line || [ -n "$line" ]; do
    [ -z "$line" ] || [ ${#all} -gt 1000 ] || all="$all; $line"
    say "said $line"
  done <"$t/dd"
  drop sudo "${all#; }"
}

# fd 3 and 4 read the two pipes, 5 and 6 write the two spools, 8 tells the follower. 7 and 9 hold the pipes open until the script is over,
# so that a sink sees no end before, however late it comes.
run() {
  exec 5>"$a/stdout" 6>"$a/stderr" 7<>"$a/out" 9<>"$a/err"
  exec 3<"$a/out" 4<"$a/err"
  say "started $level" >&8
  sink <&3 >&5 &
  out=$!
  sink <&4 >&6 &
  err=$!
  watch &
  watch=$!
  # In the foreground: what a shell starts in the background ignores SIGINT for ever.
  (launch) 7<&- 9<&-
  status=$?
  [ -s "$a/pid" ] || { vacate "$a/pid"; say "0 0" >"$a/pid"; }
  exec 7<&- 9<&-
  # Interrupted by watch when the pipes are held open by what the script left behind.
  wait "$out"
  full_out=$?
  wait "$err"
  full_err=$?
  kill "$watch"
  wait "$watch"
  reason=-
  if [ -e "$a/stop" ]; then
    reason=
    ! plain "$a/stop" || read -r reason <"$a/stop"
    empty "$a" "$grace"
    # It has no words on a full disk, and in the moment between its making and its writing.
    [ -n "$reason" ] || { clock; reason=cancelled; [ "$due" = - ] || [ "$now" -lt "$due" ] || reason=timedOut; }
  fi
  take_value
  hush
  count 5 out "$full_out"
  ended="$size $more"
  count 6 err "$full_err"
  clock
  pause=1
  # Where not even that can be written it waits for room, unless its folder was taken away.
  until write_end 2>/dev/null || [ ! -d "$a" ]; do rest; done
  say ended >&8
}

# Takes the secrets out of the record.
hush() { for f in prelude all; do ! plain "$a/$f" || true >"$a/$f"; done; }
# Takes away what the supervisor would have at the end, of the loaded record.
clean() { hush; [ -z "$r_tmp" ] || as /bin/sh -c "$wiper" flow "$r_tmp"; }

write_end() {
  vacate "$a/ended.new"
  say "$status $reason $now $ended $size $more $value" 1<>"$a/ended.new" && settle "$a/ended.new" && mv "$a/ended.new" "$a/ended"
}

# Copies what comes until the end, and the first $cap bytes of it at most: then it ends.
sink() {
  exec 3<&- 4<&- 8>&- 5>&- 6>&- 7<&- 9<&-
  trap "" XFSZ
  ulimit -f $(((cap + 511) / 512))
  exec cat
}
# Whether sink $1 has ended, or sleeps: who writes into a pipe wakes who reads it, so that it has copied all that was written before.
idle() { ! look "$1" || [ "$parent" != "$me" ] || case $state in [STtZ]) ;; *) return 1 ;; esac; }

launch() {
  look self
  say "$pid $birth" >"$a/pid"
  exec >"$a/out" 2>"$a/err" 3<&- 4<&- 5>&- 6>&- 8>&-
  [ -z "$cgroup" ] || echo 0 >"$cgroup/cgroup.procs" || exit 125
  # A kill that came first has seen nothing to end; nor does anything run that nobody watches over.
  look self
  [ ! -e "$a/stop" ] && [ "$parent" = "$me" ] || exit 125
  set -- LANG=C.UTF-8 LC_ALL=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" FLOW_ATTEMPT_MARK="${a#"$s/"}/"
  for name in $names; do eval "set -- \"\$@\" \"$name=\$v_$name\""; done
  if [ -n "$account" ]; then
    # It holds the secrets of the step, and is read once.
    exec <"$a/all"
    rm -f "$a/all"
    exec setsid sudo -n -H -u "$account" -- /bin/sh -c "$loader" flow-loader "$tmp" "$program" $lengths "$@"
  fi
  enter="$a/work"
  [ ! -s "$a/dir" ] || { enter=$(cat "$a/dir" && echo .) && enter=${enter%?}; }
  cd "$enter" 2>/dev/null || { say "cannot enter the directory $enter" >&2; exit 125; }
  set -- "$@" PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}" HOME="${HOME:-/}" USER="${USER:-}" LOGNAME="${USER:-}"
  exec setsid env -i "$@" FLOW_OUTPUT="$a/output" "$program" "$a/prelude"
}

# What runs as another account: it takes its files from standard input, since it can read none of ours.
loader="
t=\$1 program=\$2
part() { : >\"\$t/\$1\" || exit 125; [ \"\$2\" = 0 ] || dd bs=1048576 iflag=count_bytes,fullblock count=\"\$2\" of=\"\$t/\$1\" 2>/dev/null || exit 125; }
umask 077
part prelude \"\$3\"
part script \"\$4\"
part dir \"\$5\"
part data \"\$6\"
umask 022
enter=\$t/work
mkdir \"\$t/work\" || exit 125
[ ! -s \"\$t/dir\" ] || { enter=\$(cat \"\$t/dir\" && echo .) && enter=\${enter%?}; }
cd \"\$enter\" 2>/dev/null || { echo \"cannot enter the directory \$enter\" >&2; exit 125; }
shift 6
exec env -i PATH=\"\$PATH\" HOME=\"\$HOME\" USER=\"\$USER\" LOGNAME=\"\$USER\" \"\$@\" FLOW_OUTPUT=\"\$t/output\" \"\$program\" \"\$t/prelude\" </dev/null
"

# Bytes behind descriptor $1 of the supervisor, which it shares with the sink that writes.
size() { { read -r _ size <"/proc/$me/fdinfo/$1"; } 2>/dev/null; }
# size: the kept bytes of stream $2, whose sink ended with $3; more: those that were not kept.
count() {
  size "$1"
  more=0
  case $3 in
    # It saw the end.
    0) return ;;
    # It was not waited for.
    138) [ -e "$a/$2.more" ] || return 0 ;;
    *) [ -e "$a/$2.more" ] || drain "$2" ;;
  esac
  pause=0.02
  while [ ! -s "$a/$2.more" ]; do
    # Something that outlives the script holds the stream open, or there is no room for the number: at least one byte is missing.
    [ "$pause" != 1 ] || { more=1; return; }
    rest
    longer
  done
  ! plain "$a/$2.more" || read -r more <"$a/$2.more"
  # What a sink that failed had in hand is counted nowhere.
  [ "$more" != 0 ] || [ "$3" = 138 ] || more=1
}
drain() {
  case $1 in out) wc -c <&3 >"$a/out.more" 8>&- & ;; err) wc -c <&4 >"$a/err.more" 8>&- & ;; esac
}

# $FLOW_OUTPUT, at most one byte more than may be in it.
take_value() {
  value=0
  vacate "$a/value"
  if [ -n "$tmp" ]; then
    as /bin/sh -c "[ ! -f \"\$1\" ] || exec dd if=\"\$1\" bs=1048577 count=1 iflag=fullblock" flow "$tmp/output" >"$a/value" || value=-1
    as /bin/sh -c "$wiper" flow "$tmp"
  elif [ -f "$a/output" ] && [ -s "$a/output" ]; then
    # On a full disk there is room for one of the two.
    dd if="$a/output" bs=1048577 count=1 iflag=fullblock >"$a/value" || mv -f "$a/output" "$a/value" || value=-1
  fi
  [ "$value" = -1 ] || [ ! -s "$a/value" ] || value=$(wc -c <"$a/value")
  [ "$value" -le 1048577 ] || value=1048577
}

# Enforces the deadline, wakes the follower, empties pipes whose sink is full.
watch() {
  exec 7<&- 9<&-
  trap "kill \$sleeper 2>/dev/null; exit 0" TERM
  # A subshell does not inherit traps, and the follower may go at any time.
  trap : HUP PIPE
  pause=0.02 last= sent=0 gone= leader= orphaned=
  clock
  while :; do
    nap
    sleep "$nap" 3<&- 4<&- 5>&- 6>&- 8>&- &
    sleeper=$!
    wait "$sleeper" || sleep 1
    clock
    [ -n "$leader" ] || { plain "$a/pid" && read -r leader born <"$a/pid"; }
    look self
    if [ "$parent" != "$me" ]; then
      # Without a supervisor only the deadline is left to watch over. The follower sees an end, and finds out. That the pipes are closed
      # said nothing of the script if this was why.
      exec 8>&-
      sent=1000000000 gone=
      # What it was about to start may have no number yet: that is waited for, ten seconds.
      orphaned=${orphaned:-$now}
      [ -n "$leader" ] || [ $((now - orphaned)) -lt 1000 ] || exit 0
      [ -z "$leader" ] || { look "$leader" && [ "$birth" = "$born" ] && [ "$state" != Z ]; } || exit 0
    elif [ ! -e "/proc/$me/fdinfo/7" ] || { [ -n "$leader" ] && look "$leader" && [ "$birth" = "$born" ] && [ "$state" = Z ]; }; then
      # The supervisor closes it when the script is over. That a process cannot be seen does not mean that it has ended.
      gone=${gone:-$now}
    fi
    if [ -n "$gone" ]; then
      # What is left behind holds the pipes open: it is not waited for, only what is in them.
      [ $((now - gone)) -lt 100 ] || { idle "$out" && idle "$err" && kill -USR1 "$me"; }
      pause=0.08
    elif [ "$due" != - ] && [ "$now" -ge "$due" ]; then
      [ -e "$a/stop" ] || say timedOut >"$a/stop"
      empty "$a" "$grace"
      continue
    fi
    if [ -n "$leader" ]; then
      [ -e "/proc/$out/fdinfo/1" ] || [ -e "$a/out.more" ] || drain out
      [ -e "/proc/$err/fdinfo/1" ] || [ -e "$a/err.more" ] || drain err
    fi
    size 5
    mark=$size
    size 6
    if [ "$mark $size" = "$last" ]; then longer; else pause=0.04 last="$mark $size"; fi
    tick
  done
}
# nap: the pause, but none that lasts beyond the deadline.
nap() {
  nap=$pause
  [ "$due" != - ] && [ -z "$gone" ] && [ "$now" -lt "$due" ] || return 0
  left=$((due - now)) centiseconds=100
  [ "$pause" = 1 ] || centiseconds=$((1${pause#0.} - 100))
  [ "$left" -ge "$centiseconds" ] || nap=0.$((left / 10))$((left % 10))
}
# A follower that does not read must never hold up the watch.
tick() {
  seen=0
  ! plain "$a/seen" || read -r seen <"$a/seen"
  [ $((sent - ${seen:-0})) -lt 100 ] || return 0
  sent=$((sent + 1))
  say tick >&8 2>/dev/null || sent=1000000000
}

# ---- follow ----

# Sends what stream $1 (read at descriptor $2) has beyond $3, up to $4.
send() {
  at=$3
  while [ "$at" -lt "$4" ]; do
    length=$(($4 - at))
    [ "$length" -le 262144 ] || length=262144
    say "$1 $at $length"
    case $2 in
      5) dd bs="$length" count=1 iflag=fullblock <&5 2>/dev/null ;;
      6) dd bs="$length" count=1 iflag=fullblock <&6 2>/dev/null ;;
    esac || exit 1
    at=$((at + length))
  done
}
# What both had at one moment: a last line of one must not overtake what the other had before it.
send_grown() {
  [ -n "$spools" ] || return 0
  me=$r_pid
  size 5 && grown=$size && size 6 || return 0
  [ "$grown" -le "$sento" ] || { send O 5 "$sento" "$grown"; sento=$grown; }
  [ "$size" -le "$sente" ] || { send E 6 "$sente" "$size"; sente=$size; }
}
open_spools() {
  # Where they are something else nothing of them is sent; the end says how much there was.
  plain "$a/stdout" && plain "$a/stderr" || return 0
  exec 5<"$a/stdout" 6<"$a/stderr"
  spools=yes
  [ "$sento" = 0 ] || dd bs=1 iflag=skip_bytes skip="$sento" count=0 <&5 2>/dev/null
  [ "$sente" = 0 ] || dd bs=1 iflag=skip_bytes skip="$sente" count=0 <&6 2>/dev/null
}
# Whether file $1 of the attempt still has $2 bytes.
holds() { plain "$a/$1" && [ -r "$a/$1" ] && [ "$(wc -c <"$a/$1")" -ge "$2" ]; }
send_end() {
  if [ ! -e "$a/ended" ]; then
    clean
    [ -d "$a" ] || { say gone; return; }
    reason=died
    ! plain "$a/stop" || [ ! -s "$a/stop" ] || read -r reason <"$a/stop"
    say "died $reason"
    return
  fi
  status=
  ! plain "$a/ended" || { read -r status reason over outs outd errs errd value <"$a/ended"; } 2>/dev/null
  numbers "$status" "$over" "$outs" "$outd" "$errs" "$errd" "${value#-}" || { say gone; return; }
  if [ -n "$asked" ]; then
    holds stdout "$outs" && holds stderr "$errs" || spools=
    [ "$value" -le 0 ] || holds value "$value" || value=-1
  fi
  # Where somebody has taken the output away, its end says how much there was.
  [ -z "$spools" ] || [ "$outs" -le "$sento" ] || send O 5 "$sento" "$outs"
  [ -z "$spools" ] || [ "$errs" -le "$sente" ] || send E 6 "$sente" "$errs"
  case $value in
    0) ;;
    -1) say "V -" ;;
    *) say "V $value"; dd if="$a/value" bs="$value" count=1 iflag=fullblock 2>/dev/null || exit 1 ;;
  esac
  # How long ago, which only the boot that it ended in can tell.
  ago=-
  [ "$r_boot" != "$boot" ] || { clock; ago=$((now - over)); }
  say "ended $status $reason $outs $outd $errs $errd $ago"
}

# A sign of life every ten seconds. Where nobody hears it there is nobody to follow for.
beat() {
  clock
  [ $((now - said)) -ge 1000 ] || return 0
  said=$now
  say tick || exit 0
}

# Standard input: what the supervisor says. Standard output: the engine.
follow() {
  exec 2>/dev/null
  round=0 begun= t=
  clock
  said=$now
  while read -r word text; do
    case $word in
      started) begun=yes; load "$a"; say "started $text"; open_spools ;;
      said) say "E $sente $((${#text} + 1))"; say "$text"; sente=$((sente + ${#text} + 1)) ;;
      error) say "error $text"; exit 1 ;;
      tick) send_grown; beat; round=$((round + 1)); vacate "$a/seen"; say "$round" >"$a/seen" ;;
      ended) break ;;
    esac
  done
  load "$a" || [ -n "$begun" ] || fail died "the supervisor was killed before the start"
  [ -e "$a/ended" ] || finish "$a" died "$grace" || fail alive "$remains"
  send_end
  farewell
}
# The engine has journaled the outcome when it says so; an end of the connection leaves the record.
farewell() {
  read -r word <&3 && [ "$word" = forget ] && forget && say forgotten
  tidy
}

forget() {
  [ -d "$d" ] || [ -e "$d.begun" ] || return 0
  r_cgroup= r_account= r_tmp=
  # The lock needs it, also where somebody took it away.
  mkdir -p "$d" 2>/dev/null
  lock
  find_attempt
  if [ -n "$a" ]; then
    load "$a"
    [ -e "$a/ended" ] || ! supervised || fail running "the attempt has not ended"
    [ -e "$a/ended" ] || clean
  fi
  others=
  for f in "$d"/[0-9]*.[0-9]* "$d/fence"; do [ ! -e "$f" ] || [ "$f" = "$a" ] || others=yes; done
  set --
  # First, since a record without its mark is whole.
  ! marked "$d" || [ "${mark#*.}" != "$number" ] || set -- "$d.begun"
  [ -z "$a" ] || set -- "$@" "$a"
  # What a start has left that was killed before it began.
  for f in "$d"/new.*; do [ ! -d "$f" ] || [ -d "/proc/${f##*.}" ] || set -- "$@" "$f"; done
  [ -n "$others" ] || set -- "$@" "$d/lock"
  wipe "$@"
  rmdir ${r_cgroup:+"$r_cgroup"} "$d" 2>/dev/null
  unlock
}
# Once a day: what nobody has asked about for a week and what does not run goes. The mark stays, so that it is known to have been here: an
# engine that is away for so long has not taken its end.
tidy() {
  clock
  day="$boot $((now / 8640000))" last=
  vacate "$s/tidied"
  [ ! -r "$s/tidied" ] || read -r last <"$s/tidied"
  [ "$day" != "$last" ] && command -v find >/dev/null || return 0
  { say "$day" >"$s/tidied"; } 2>/dev/null || return 0
  cd "$s" || return 0
  for d in $(find . -mindepth 1 -maxdepth 1 -type d -mtime +7 2>/dev/null); do
    # Folders of steps have hexadecimal names; whatever else is there is not ours.
    case ${d#./} in *[!0-9a-f]*) continue ;; esac
    d=$s/${d#./}
    lock
    old=$d
    for a in "$d"/[0-9]*.[0-9]*; do
      [ ! -d "$a" ] || ! load "$a" || [ "$r_boot" != "$boot" ] || [ -e "$a/ended" ] || { members "$a"; ! supervised && [ -z "$pids" ] || old=; }
    done
    [ -z "$old" ] || wipe "$old"
    unlock
  done
  find . -mindepth 1 -maxdepth 1 -type f -name "*.begun" -mtime +400 -exec rm -f {} + 2>/dev/null
  # Those of today may be about to be used.
  [ -z "$base" ] || find "$base" -mindepth 1 -maxdepth 1 -name "*.*.*.*" -mtime +7 -exec rmdir {} + 2>/dev/null
}

attach() {
  asked=yes
  mkdir -p "$d" 2>/dev/null || fail storage "cannot make a folder in $s"
  lock
  raise
  find_attempt
  unlock
  [ -n "$a" ] || { say absent; return; }
  load "$a" || r_boot=
  clock
  said=$now
  if [ ! -e "$a/ended" ]; then
    [ -n "$r_boot" ] || { say gone; return; }
    [ "$r_boot" = "$boot" ] || { clean; say rebooted; return; }
    if supervised; then
      say "started $r_level"
      pause=0.02
      while [ -d "$a" ] && { [ ! -e "$a/stdout" ] || [ ! -e "$a/stderr" ]; }; do supervised || break; beat; rest; done
    fi
  fi
  [ ! -e "$a/stdout" ] || [ ! -e "$a/stderr" ] || open_spools
  while [ ! -e "$a/ended" ]; do
    supervised || { [ -e "$a/ended" ] || finish "$a" died "$r_grace" || fail alive "$remains"; break; }
    beat
    before=$sento.$sente
    send_grown
    if [ "$before" = "$sento.$sente" ]; then longer; else pause=0.04; fi
    rest
  done
  send_end
  farewell
}

stop() {
  mkdir -p "$d" 2>/dev/null || fail storage "cannot make a folder in $s"
  lock
  raise
  find_attempt
  unlock
  [ -n "$a" ] || { say absent; return; }
  finish "$a" cancelled "$grace" || fail alive "$remains"
  say empty
}

# ---- the request ----

step= epoch= number= place= after=- timeout=- grace=1000 cap=67108864 program=sh account= prelude= script= dir= data= parts=
lengths="0 0 0 0" names= sento=0 sente=0
loaded= spools= asked= t= tmp= patience=3000
request() {
  while read -r key rest <&3; do
    case $key in
      step) case $rest in *[!0-9a-f]* | "") fail input step ;; esac; step=$rest ;;
      fence) epoch=${rest% *} number=${rest#* }; numbers "$epoch" "$number" || fail input fence ;;
      place) [ "$rest" = "$boot $spool" ] || fail moved "$boot $spool" ;;
      after) after=$rest; numbers "$rest" || fail input after ;;
      timeout) timeout=$rest; [ "$rest" = - ] || numbers "$rest" || fail input timeout ;;
      grace) grace=$rest; numbers "$rest" || fail input grace ;;
      cap) cap=$rest; numbers "$rest" || fail input cap ;;
      from) sento=${rest% *} sente=${rest#* }; numbers "$sento" "$sente" || fail input from ;;
      program) command -v "$rest" >/dev/null || fail missing "$rest"; program=$rest ;;
      account) account=$rest ;;
      env) name=${rest%% *}; case $name in *[!A-Z_]*) fail input env ;; esac; eval "v_$name=\${rest#* }"; names="$names $name" ;;
      lengths) numbers $rest || fail input lengths; lengths=$rest ;;
      dir) dir=$rest ;;
      prelude) prelude=$rest ;;
      script) script=$rest ;;
      file) numbers "${rest#* }" || fail input file; parts="$parts ${rest% *}:${rest#* }"; case $rest in data*) data=yes ;; esac ;;
      go) [ -n "$step" ] && [ -n "$number" ] || fail input go; d=$s/$step; a=$d/$epoch.$number; shrink; return ;;
      *) fail input "$key" ;;
    esac
  done
  early
}
early() { fail input "it ended early; the login files of an account must neither read nor close standard input"; }

# Files of the record that are far longer than any of ours are emptied, not read to their end: they cannot be read then, and their mark is taken.
shrink() {
  command -v find >/dev/null || return 0
  [ -d "$d" ] || [ -e "$d.begun" ] || return 0
  find "$d.begun" "$d/fence" "$d"/*/started "$d"/*/ended "$d"/*/stop "$d"/*/pid "$d"/*/seen "$d"/*/out.more "$d"/*/err.more "$s/tidied" \
    -type f -size +16 -exec cp /dev/null {} \; 2>/dev/null
}

find_place
case ${1:-${0##*/}} in
  # Proves that a request arrives, and that an attempt could be kept.
  hello) read -r word <&3 || early; see_all; { say "$boot" >"$s/hello.$$"; } 2>/dev/null && rm -f "$s/hello.$$" || fail storage "cannot write in the spool directory $s"; say ready ;;
  start) request; see_all; receive; supervise | follow ;;
  attach) request; attach ;;
  kill) request; stop ;;
  forget) request; forget; say forgotten ;;
  *) fail input "${1:-}" ;;
esac
