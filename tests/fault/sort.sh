#!/bin/sh
# sort: a sorting into folders that is ended, or fails, at any call on its files loses none of them
#
# The calls of an undisturbed run are counted; then the run is made again for every k, and falls at
# its k-th call (shim.c).  After that
# - the same command ends with what the undisturbed run left, or
# - --undo, ended at its k-th call as well and begun again, leaves everything as it was before.
# Here every third k falls, the ways taking turns; `sort.sh all` has every k fall in all of them.
set -eu
. tests/cli/expect

shim=$(pwd)/$BUILD/tests/fault/shim.so
ways='exit torn ENOSPC EIO' which=${1:-some}
draw_net
draw_one 40
run 0 train "$T/one" --arch "$T/tiny.net" --epochs 1 --out "$T/model"
m=$T/model/best.safetensors
mkdir "$T/w" "$T/keep"
set -- $(find "$T/one" -name '*.png' | sort | head -2)
mkdir "$T/keep/a" "$T/keep/b"
cp "$1" "$T/keep/a/1.png"
cp "$2" "$T/keep/a/2.png"
cp "$1" "$T/keep/b/1.png"              # of the same label: it needs another name

# state: every file and link below $T/w with what it holds, but for the log.
state() {
    (cd "$T/w" && find . ! -name .discern-sorted \( -type f -exec cksum {} + -o \
        -type l -printf '%p -> %l\n' -o -type d -print \) | sort)
}

begin() {
    rm -rf "$T/w"
    cp -r "$T/keep" "$T/w"
}

# faulty K HOW ARGUMENT...
faulty() {
    k=$1 how=$2
    shift 2
    rc=0
    LD_PRELOAD=$shim FAULT_DIR=$T/w FAULT_LOG=$T/log FAULT_K=$k FAULT_HOW=$how \
        "$DISCERN" predict "$@" >"$T/out" 2>"$T/err" || rc=$?
}

again() {
    "$DISCERN" predict "$@" >"$T/out" 2>"$T/err" || fail "$why: then predict $*: $(cat "$T/err")"
}

# sorted ROUND: the run, and then what is told above.
sorted() {
    begin
    faulty "$k" "$way" "$m" "$T/w/a" "$T/w/b" --sort-into "$T/w/s" --how "$act"
    case $way in
    exit | torn) [ $rc = 137 ] || fail "$why: status $rc" ;;
    esac
    if [ "$1" = on ]; then
        # What was moved already is no longer there to be named.
        set --
        for d in a b; do
            [ -z "$(ls "$T/w/$d" 2>/dev/null)" ] || set -- "$@" "$T/w/$d"
        done
        [ $# = 0 ] || again "$m" "$@" --sort-into "$T/w/s" --how "$act"
        state | cmp - "$T/want.$act" >/dev/null ||
            fail "$why: gone on: $(state | diff - "$T/want.$act")"
    elif [ -s "$T/w/s/.discern-sorted" ]; then
        faulty "$k" exit --undo "$T/w/s"
        [ ! -e "$T/w/s/.discern-sorted" ] || again --undo "$T/w/s"
        state | grep -v '^\./s$' | cmp - "$T/was" >/dev/null ||
            fail "$why: undone: $(state | diff - "$T/was")"
    fi
}

begin
state >"$T/was"
for act in copy link move; do
    begin
    rm -f "$T/log"
    why=$act
    faulty 0 none "$m" "$T/w/a" "$T/w/b" --sort-into "$T/w/s" --how $act
    [ $rc = 0 ] || fail "$act: $(cat "$T/err")"
    state >"$T/want.$act"
    calls=$(wc -l <"$T/log")
    [ "$calls" -gt 10 ] || fail "$act: $calls calls only: $(cat "$T/log")"
    k=1
    while [ $k -le "$calls" ]; do
        n=0
        for way in $ways; do
            n=$((n + 1))
            why="$act, call $k of $calls: $way"
            if [ "$which" = all ]; then
                sorted on
                sorted back
            elif [ $((k / 3 % 4 + 1)) = $n ]; then
                sorted "$([ $((k % 2)) = 0 ] && echo on || echo back)"
            fi
        done
        k=$((k + $([ "$which" = all ] && echo 1 || echo 3)))
    done
done
