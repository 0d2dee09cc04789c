#!/bin/sh
# --sandbox: the same answers as without it, and none when the processes cannot be had
set -eu
. tests/cli/expect

draw_one
first=$(ls "$T/one/train" | head -1)
printf 'no picture' >"$T/one/train/$first/broken.jpg"
trained="train $T/one --steps 2 --size 32 --batch 8 --cache off --quiet"

# same ARGUMENT...: --sandbox changes neither what is printed nor said, nor the status.
same() {
    rc=0
    "$DISCERN" "$@" >"$T/plain" 2>"$T/plain-said" || rc=$?
    run "$rc" "$@" --sandbox
    cmp "$T/plain" "$T/out" || fail "discern $*: --sandbox prints something else"
    cmp "$T/plain-said" "$T/err" || fail "discern $*: --sandbox says other things: $(cat "$T/err")"
}

# shellcheck disable=SC2086
run 0 $trained --out "$T/a"
# shellcheck disable=SC2086
"$DISCERN" $trained --out "$T/b" --sandbox >"$T/out" 2>"$T/err" || {
    grep -q 'kernel refuses seccomp' "$T/err" && { echo "seccomp is refused here"; exit 77; }
    fail "train --sandbox: $(cat "$T/err")"
}
model=$T/a/best.safetensors
same predict "$model" "$T/one/test" "$T/one/train"
grep -q broken "$T/err" || fail "the broken picture was not named"
same eval "$model" "$T/one" --split test
"$DISCERN" eval "$T/b/best.safetensors" "$T/one" --split test >"$T/out"
"$DISCERN" eval "$model" "$T/one" --split test | tail -n +2 >"$T/plain"
tail -n +2 "$T/out" | cmp - "$T/plain" || fail "train --sandbox learnt something else"
same data check "$T/one"
same data dedup "$T/one"
same data split "$T/one" --redraw
run 0 data show "$T/one" -o "$T/a.png" --count 4
run 0 data show "$T/one" -o "$T/b.png" --count 4 --sandbox
cmp "$T/a.png" "$T/b.png" || fail "data show --sandbox shows something else"

# Where there are no descriptors for the processes' sockets, nothing is decoded here instead.
rc=0
(ulimit -n 8 && exec "$DISCERN" predict "$model" "$T/one/test" --sandbox --threads 2) \
    >"$T/out" 2>"$T/err" || rc=$?
[ "$rc" = 4 ] || fail "no descriptors: status $rc: $(cat "$T/err")"
[ ! -s "$T/out" ] || fail "answered without a sandbox"
said 'process to decode in'
