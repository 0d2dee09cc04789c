#!/bin/sh
# cache: trainings that are killed while they fill it leave nothing broken; with it, training hardly
# waits for pictures
set -eu
. tests/cli/expect

draw_net
draw_one
set -- train "$T/one" --arch "$T/tiny.net" --epochs 3 --threads 2

run 0 "$@" --cache off --out "$T/plain"
begin=$(date +%s%N)
run 0 "$@" --cache "$T/timed" --out "$T/a"
took=$((($(date +%s%N) - begin) / 1000000))

# ---- 50 kills, at times spread over a training ----
k=0
while [ $k -lt 50 ]; do
    k=$((k + 1))
    [ $((k % 3)) != 0 ] || rm -rf "$T/c"
    "$DISCERN" "$@" --cache "$T/c" --out "$T/killed" --force >"$T/out" 2>"$T/err" &
    pid=$!
    sleep "$(awk "BEGIN { print $k * $took / 50000 }")"
    kill -9 $pid 2>/dev/null || :
    wait $pid 2>/dev/null || :
    [ $((k % 5)) = 0 ] || continue
    run 0 "$@" --cache "$T/c" --out "$T/b" --force
    undated "$T/plain/last.safetensors" >"$T/x"
    undated "$T/b/last.safetensors" >"$T/y"
    cmp "$T/x" "$T/y" || fail "after kill $k: another model"
    no_rest "$T/c"
done

# ---- two trainings that fill one cache ----
rm -rf "$T/c"
"$DISCERN" "$@" --cache "$T/c" --out "$T/d" >"$T/log" 2>&1 &
pid=$!
run 0 "$@" --cache "$T/c" --out "$T/e"
wait $pid || fail "$(cat "$T/log")"
run 0 "$@" --cache "$T/c" --out "$T/g"
said 'decoded pictures are reused from'
for m in d e g; do
    undated "$T/$m/last.safetensors" >"$T/y"
    cmp "$T/x" "$T/y" || fail "two at once: $m is another model"
done
no_rest "$T/c"

# ---- waiting, on photographs ----
flowers=${DISCERN_DATASETS:-../shared/datasets}/flowers.tar.gz
[ -f "$flowers" ] || { echo "skipped: $flowers is not there"; exit 0; }
tar -xzf "$flowers" -C "$T"
train_flowers() {
    run 0 train "$T/flowers" --size 32 --epochs "$2" --cache "$T/f" --out "$T/flowers-$1" --json
    echo "$1: waited for pictures in $(number waited) of the time"
}
train_flowers first 4
train_flowers second 2
said 'decoded pictures are reused from'
awk "BEGIN { exit !($(number waited) < 0.02) }" || fail "waited for $(number waited) of the time"
