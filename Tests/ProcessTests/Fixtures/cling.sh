# cling.sh SECONDS
trap '' TERM
setsid sh -c 'trap "" TERM; sleep "$1" & sleep "$1"' sh "$1" &
setsid sleep "$1" &
sleep "$1"
