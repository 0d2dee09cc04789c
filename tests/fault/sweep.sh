#!/bin/sh
# sweep: a training that is ended, or fails, at every single call on the files of its run folder
# loses nothing
#
# The calls of an undisturbed run are counted and their order is checked (order.awk).  Then the run
# is made again for every k, and falls at its k-th call (shim.c).  After that
# - the checkpoint is whole, or there is none yet;
# - a call that failed is told in one line that names the file, with status 4, or was of no account;
# - --resume, or the same command where nothing was begun, ends with the undisturbed run's bits;
# - nothing half-written is left.
# Here every other k falls, the ways taking turns; `sweep.sh all` has every k fall in all of them.
set -eu
. tests/cli/expect

shim=$(pwd)/$BUILD/tests/fault/shim.so
ways='exit ENOSPC torn EIO lost' which=${1:-some}
draw_net
draw_one
# Two steps an epoch, a checkpoint after every step, and at the end a calibration.
set -- train "$T/one" --arch "$T/tiny.net" --epochs 2 --batch 75 --save-every 0.000001s \
    --calibrate yes --threads 1 --cache "$T/cache"

# arrays FILE: what a model file holds behind its header.
arrays() { tail -c "+$(($(od -An -tu8 -N8 "$1") + 9))" "$1"; }

# rows DIR: its metrics.csv without what depends on time.
rows() { cut -d, -f 1,2,4-6,10- "$1/metrics.csv"; }

# same DIR: it holds what the undisturbed training left.
same() {
    undated "$1/best.safetensors" | cmp - "$T/best" || fail "$why: best differs"
    arrays "$1/last.safetensors" | cmp - "$T/arrays" || fail "$why: last differs"
    grep -q '"state": "finished"' "$1/run.json" || fail "$why: run.json: $(cat "$1/run.json")"
    rest=$(find "$1" -name "*.tmp*")
    [ -z "$rest" ] || fail "$why: left behind: $rest"
}

# faulty COMMAND...: with the shim, into $T/out and $T/err; its status.
faulty() {
    rc=0
    LD_PRELOAD=$shim FAULT_DIR=$T/run FAULT_LOG=$T/log FAULT_K=$k FAULT_HOW=$how \
        "$DISCERN" "$@" >"$T/out" 2>"$T/err" || rc=$?
}

# Calls that may fail unheard: what is lost is a name in the lock, a link to the previous
# checkpoint, tidiness, or room taken beforehand.
of_no_account() {
    case $1 in
    'close '*.tmp-*) return 1 ;;
    'ftruncate .lock' | 'pwrite .lock' | 'rmdir .' | 'close '*) ;;
    'link last.safetensors '* | 'rename previous.safetensors.tmp-'* | 'unlink '*) ;;
    'fallocate '*) [ $how = EIO ] ;;
    *) return 1 ;;
    esac
}

# The status and the words of a run of which one call failed.
check_told() {
    call=$(sed -n "s/^$k //p" "$T/log")
    if [ $rc = 0 ]; then
        of_no_account "$call" || fail "$why: status 0"
        return 0
    fi
    [ $rc = 4 ] || fail "$why: status $rc: $(tail -3 "$T/err")"
    said_last=$(tail -1 "$T/err")
    case $how in
    ENOSPC) words='no space' ;;
    *) words='input/output error' ;;
    esac
    file=$(echo "$call" | sed 's/^[a-z]* //; s/ .*//; s/\.tmp-.*//; s/^\.$//')
    echo "$said_last" | grep -q "^discern: .*$T/run/*$file.*\($words\)" ||
        fail "$why: not told: $(tail -3 "$T/err")"
}

# ---- undisturbed ----
k=0 how=none why=undisturbed
faulty "$@" --out "$T/run"
[ $rc = 0 ] || fail "$(cat "$T/err")"
undated "$T/run/best.safetensors" >"$T/best"
grep -qa discern.calibration "$T/best" || fail "it is not calibrated"
arrays "$T/run/last.safetensors" >"$T/arrays"
rows "$T/run" >"$T/rows"
same "$T/run"
awk -f tests/fault/order.awk "$T/log" || fail "the order of calls"
sed 's/^\([0-9]* fsync \)last\.safetensors\.tmp.*/\1split.csv/' "$T/log" >"$T/bad"
if awk -f tests/fault/order.awk "$T/bad" >/dev/null; then fail "a missing fsync passes"; fi
calls=$(wc -l <"$T/log")
[ "$calls" -gt 100 ] || fail "only $calls calls: $(cat "$T/log")"

# ---- every call ----
fallen=0 resumed=0 again=0
fall() {
    why="call $k, $how"
    rm -rf "$T/run" "$T/log"
    faulty "$@" --out "$T/run"
    why="$why ($(sed -n "s/^$k //p" "$T/log"))"
    fallen=$((fallen + 1))
    case $how in
    exit | torn | lost)
        # The last calls tidy up: whoever is gone there is as good as done.
        [ $rc = 137 ] || fail "$why: status $rc: $(cat "$T/err")"
        ;;
    *) check_told ;;
    esac
    [ ! -e "$T/run/last.safetensors" ] || run 0 info "$T/run/last.safetensors"
    if [ -e "$T/run/run.json" ]; then
        resumed=$((resumed + 1))
        run 0 train --resume "$T/run" --threads 1 --cache "$T/cache" --save-every 0.000001s
    else
        again=$((again + 1))
        run 0 "$@" --out "$T/run"
    fi
    same "$T/run"
    case $how in
    exit | torn | lost) rows "$T/run" | cmp - "$T/rows" || fail "$why: metrics.csv differs" ;;
    esac
}

k=1
while [ "$k" -le "$calls" ]; do
    i=0
    for how in $ways; do
        i=$((i + 1))
        [ "$which" != all ] && [ $((k % 10)) != $((2 * i - 2)) ] || fall "$@"
    done
    k=$((k + 1))
done
echo "$calls calls; $fallen runs fell, $resumed were resumed, $again begun again: all the same bits"
