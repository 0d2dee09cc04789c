#!/bin/sh
# info: what a model file holds, for people and for programs; files that are no models are named
set -eu
. tests/cli/expect

draw_one
train "$T/one" model

run 0 info "$T/model"
quiet
printed 'single: one label a picture'
printed 'labels       10: checker, circle'
printed '32 x 32 pixels'
printed 'resnet_small'
grep -q '^parameters   [0-9,]*$' "$T/out" || fail "parameters"
grep -q '^cost .*flop' "$T/out" || fail "cost"
printed 'epochs 1'

run 0 info --json "$T/model"
quiet
lines 1
printed '"schema":"discern.info/1"'
printed '"task":"single"'
printed '"labels":["checker","circle"'
printed '"input":{"height":32,"width":32,"channels":3}'
[ "$(number bytes)" = "$(wc -c <"$T/model")" ] || fail "bytes"
[ "$(number parameters)" -gt 1000 ] || fail "parameters"
[ "$(number flops)" -gt 1000000 ] || fail "flops"
not_printed '"graph"'
run 0 info --json --graph "$T/model"
lines 1
printed '"graph":"'

# The graph's text is a network that can be trained anew.
run 0 info --graph "$T/model"
quiet
grep -q '^image = input' "$T/out" || fail "no input: $(head -3 "$T/out")"
grep -q '^output logits = ' "$T/out" || fail "no output: $(tail -3 "$T/out")"
cp "$T/out" "$T/net.txt"
"$DISCERN" train "$T/one" --arch "$T/net.txt" --epochs 1 --size 32 --out "$T/again" \
    >"$T/log" 2>&1 || fail "$(cat "$T/log")"
run 0 info --graph "$T/again/best.safetensors"
cmp "$T/out" "$T/net.txt" || fail "the graph came back changed"

info_fails() {
    run 3 info "$1"
    [ ! -s "$T/out" ] || fail "$1: printed something"
}
broken_models "$T/model" info_fails
run 3 info --json "$T/no-such-model"
printed '{"error":{"code":3,"message":"'

usage info
usage info "$T/model" "$T/model"
usage info --grph "$T/model"
said 'did you mean --graph?'
usage inf "$T/model"
said 'did you mean "info"?'
if [ -w /dev/full ]; then
    rc=0
    "$DISCERN" info "$T/model" >/dev/full 2>"$T/err" || rc=$?
    [ $rc = 4 ] || fail "full disk: status $rc"
    said 'standard output'
fi
run 0 info --help
printed 'usage: discern info'
