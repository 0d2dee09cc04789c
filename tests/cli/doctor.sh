#!/bin/sh
# doctor: a line a check, what to do where one warns, and a status that says whether one does
set -eu
. tests/cli/expect

# look ARGUMENT...: $T/out is what the doctor says, and $rc, which is 0 or 1, what it ends with.
look() {
    rc=0
    timeout 10 "$DISCERN" doctor "$@" >"$T/out" 2>"$T/err" || rc=$?
    [ $rc -le 1 ] || fail "status $rc: $(cat "$T/err")"
}

look
grep -q '^warn ' "$T/out" && want=1 || want=0
[ $rc = $want ] || fail "status $rc, but: $(cat "$T/out")"
[ $rc = 1 ] || quiet
grep -v '^ok \|^warn \|^  ' "$T/out" && fail "a line of no form"
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"
for check in build processor cores memory kernels decoders sandbox cache disk limits programs; do
    grep -q "^\(ok  \|warn\)  $check " "$T/out" || fail "no line for $check"
done
printed "$("$DISCERN" --version)"
look --json
for check in build processor cores memory kernels decoders sandbox cache disk limits programs; do
    printed "{\"name\":\"$check\",\"state\":\""
done
look --color always
grep -q "$(printf '\033')\[3[23]mok\|$(printf '\033')\[3[23]mwarn" "$T/out" || fail "no colour"
look --color auto
! grep -q "$(printf '\033')" "$T/out" || fail "colour in a file"

# ---- what is worse than it need be is told, with what to do --------------------------------------

warns() {
    [ $rc = 1 ] || fail "$1: status $rc: $(cat "$T/out")"
    grep -q "^warn  $1 " "$T/out" || fail "$1 does not warn: $(cat "$T/out")"
    printed "$2"
    said warning
}
(unset HOME XDG_CACHE_HOME && look && warns cache '--cache DIR')
echo 'no folder' >"$T/file"
(export XDG_CACHE_HOME="$T/file" && look && warns cache '--cache DIR')
(ulimit -n 100 && look && warns limits 'ulimit -n')
(ulimit -n 100 && look --json && printed '"state":"warn"' && printed '"advice":"ulimit -n')
