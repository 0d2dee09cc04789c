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
grep -q '^network      resnet_small, [0-9,]* parameters$' "$T/out" || fail "parameters"
grep -q '^cost .*flop' "$T/out" || fail "cost"
grep -q '^trained      [-0-9]* [0-9:]* UTC by discern ' "$T/out" || fail "when: $(cat "$T/out")"
tr -s '\n ' ' ' <"$T/out" | grep -q ' epoch 1 of 1,' || fail "epochs: $(cat "$T/out")"
grep -q '^data  .*[0-9] pictures to learn from, [0-9]* to check with, fingerprint' "$T/out" ||
    fail "data: $(cat "$T/out")"
grep -q '^figures .*accuracy [0-9.]*' "$T/out" || fail "figures: $(cat "$T/out")"
grep -q '^recipe .*batch [0-9]*' "$T/out" || fail "recipe: $(cat "$T/out")"
sed -n '/^kernels  /,$p' "$T/out" | sed 1d | grep -q '^[a-z]' && fail "kernels do not come last"
for off in teacher_share patience layer_lr progressive; do
    not_printed "$off"
done
grep -q '^calibration  ' "$T/out" || fail "calibration: $(cat "$T/out")"
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"

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


# What the steps of the plan cost is what the whole costs.
run 0 info --json --plan "$T/model"
whole=$(number flops)
sum=$(grep -o '"plan":.*' "$T/out" | grep -o '"flops":[0-9]*' | sed 's/.*://' |
    awk '{ sum += $1 } END { printf "%d", sum }')
[ "$sum" = "$whole" ] || fail "steps cost $sum, all of them $whole"
grep -q '"training":{"batch":32,"step":{"bytes":[1-9][0-9]*,"kept":[1-9]' "$T/out" ||
    fail "no memory of training: $(tail -c 600 "$T/out")"
run 0 info --plan "$T/model"
printed 'training step of 32'
grep -q '^least memory  *[0-9.]* [kM]B  *[0-9.]* [kM]B  *[0-9.]* [kM]B  *[0-9.]* %$' "$T/out" ||
    fail "no least memory: $(tail -3 "$T/out")"
quiet
printed conv2d
grep -q '^[0-9]* steps, .*flop a picture' "$T/out" || fail "no sum: $(tail -1 "$T/out")"
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"

# Every arrow of the drawing leads from and to what is drawn.
run 0 info --dot "$T/model"
quiet
printed 'digraph discern {'
sed -n 's/^  \([no][0-9]*\) \[.*/\1/p' "$T/out" | sort >"$T/drawn"
[ "$(wc -l <"$T/drawn")" -gt 10 ] || fail "hardly anything is drawn"
[ -z "$(uniq -d "$T/drawn")" ] || fail "drawn twice: $(uniq -d "$T/drawn")"
sed -n 's/^  \([no][0-9]*\) -> \([no][0-9]*\);$/\1\n\2/p' "$T/out" | sort -u >"$T/ends"
cmp "$T/drawn" "$T/ends" || fail "arrows: $(diff "$T/drawn" "$T/ends")"
! command -v dot >/dev/null || dot -Tsvg "$T/out" >"$T/drawn.svg" || fail "dot refuses it"
usage info --dot --plan "$T/model"
usage info --dot --graph "$T/model"

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
