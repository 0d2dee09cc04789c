#!/bin/sh
# train: how it ends when it is asked twice, and when its pictures go or change
set -eu
. tests/cli/expect

draw_net
draw_one 80
tiny="--arch $T/tiny.net --batch 16 --threads 1 --cache off --epochs 100000"

# begin NAME DATA ARGUMENT...: trains in the background; returns when there is a checkpoint.
begin() {
    name=$1
    shift
    "$DISCERN" train "$@" --out "$T/$name" >"$T/out" 2>"$T/err" &
    pid=$!
    for _ in $(seq 1200); do
        [ ! -e "$T/$name/last.safetensors" ] || return 0
        sleep 0.05
    done
    fail "no checkpoint after 60 s: $(cat "$T/err")"
}

# ends STATUS: the one in the background does, and what it had saved is whole.
ends() {
    rc=0
    wait "$pid" || rc=$?
    [ $rc = "$1" ] || fail "$name: status $rc, not $1: $(tail -3 "$T/err")"
    cp "$T/err" "$T/err-$name"
    run 0 info "$T/$name/last.safetensors"
    cp "$T/err-$name" "$T/err"
}

# ---- asked a second time before the step is made: it leaves at once, and saves nothing more ----
# Steps take a while: in plain C.  It stands still while the time goes by after which a signal is a
# second one.
begin twice "$T/one" --arch resnet18 --size 32 --batch 64 --epochs 1000 --threads 1 --cache off \
    --isa ref
sum=$(cksum <"$T/twice/last.safetensors")
kill -TERM "$pid"
for _ in $(seq 100); do
    ! grep -q 'once more stops at once' "$T/err" || break
    sleep 0.01
done
kill -STOP "$pid"
sleep 0.4
kill -HUP "$pid"
kill -CONT "$pid"
ends 129
not_said 'goes on'
[ "$sum" = "$(cksum <"$T/twice/last.safetensors")" ] || fail 'it was saved all the same'

# ---- a terminal that is closed stops it as a wish does ----
# shellcheck disable=SC2086
begin closed "$T/one" $tiny
kill -HUP "$pid"
ends 129
said "\"discern train --resume $T/closed\" goes on"

# ---- the pictures go while it trains ----
cp -r "$T/one" "$T/gone"
# shellcheck disable=SC2086
begin dead "$T/gone" $tiny
mv "$T/gone" "$T/elsewhere"
ends 3
mv "$T/elsewhere" "$T/gone"

# ---- other pictures are not gone on with ----
rm "$(find "$T/gone/train/star" -name '*.png' | head -1)"
run 3 train --resume "$T/dead" --cache off
said "are not what $T/dead began with"
