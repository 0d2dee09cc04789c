#!/bin/sh
# train, where it starts: the weights of a model, branches at 0, filters from pictures, a rate that
# is found, pictures that grow
set -eu
. tests/cli/expect

draw_net
tiny="--arch $T/tiny.net --epochs 1 --batch 16 --no-near"
draw_one 60

run 0 train "$T/one" $tiny --out "$T/a"
not_said 'check before the first step'
a=$T/a/last.safetensors

# ---- a model to begin with ----
run 0 train "$T/one" $tiny --out "$T/b" --init "$a"
said "init $a: 7 of 7 parameters taken"
said 'mean, deviation and crop of pictures: as'
not_said 'check before the first step'
run 0 info "$T/b/last.safetensors" --json
not_printed "$T/a"
run 3 train "$T/one" --epochs 1 --no-near --arch resnet_small --out "$T/d" --init "$a"
said 'none of its weights fits'
[ ! -e "$T/d" ] || fail "a training that was refused left a folder"
run 3 train "$T/one" $tiny --out "$T/d" --init "$T/nothing"
said "$T/nothing"

# ---- a network that has no name here: its own graph, for the labels that there are ----
mkdir -p "$T/few/train" "$T/few/val"
for l in ring star; do
    for p in train val; do
        cp -r "$T/one/$p/$l" "$T/few/$p/$l"
    done
done
some="--epochs 2 --batch 16 --no-near"
run 0 train "$T/few" $some --out "$T/own" --init "$a"
said 'arch: the graph of tiny.net'
said "init $a: 7 of 7 parameters taken"
not_said 'probe: '
run 0 info "$T/own/best.safetensors"
grep -q 'labels *2: ring, star' "$T/out" || fail "labels: $(cat "$T/out")"
run 0 train --config "$T/own/run.json" --out "$T/own2"
cmp "$T/own/metrics.csv" "$T/own2/metrics.csv" >"$T/log" 2>&1 ||
    [ "$(cut -d, -f4,5,11 "$T/own/metrics.csv")" = "$(cut -d, -f4,5,11 "$T/own2/metrics.csv")" ] ||
    fail 'the same settings gave another training'
run 0 export "$a" -o "$T/a.onnx"
run 0 train "$T/few" $some --out "$T/onnx" --init "$T/a.onnx"
said 'arch: the graph of a,'
said 'init: 10 labels; pictures of 16x16'
run 0 train "$T/few" $some --out "$T/larger" --init "$T/a.onnx" --resize squash --json
printed '"resize":"squash"'
head -c 300 "$T/a.onnx" >"$T/cut.onnx"
run 3 train "$T/few" $some --out "$T/no" --init "$T/cut.onnx"
said "$T/cut.onnx: no ONNX file"
[ ! -e "$T/no" ] || fail 'a training that was refused left a folder'
run 3 train "$T/few" $some --out "$T/no" --init "$T/a.onnx" --channels grey
said "$T/a.onnx: channels grey: the network of --init sees rgb"

# ---- the last layer first ----
cp -r "$T/few" "$T/new"
for p in train val; do
    mv "$T/new/$p/ring" "$T/new/$p/round"
done
run 0 train "$T/new" $some --out "$T/probe" --init "$a"
said 'probe: the last layer begins as the linear classifier of'
said 'layer_lr '
run 0 train "$T/new" --batch 16 --no-near --out "$T/only" --init "$a" --probe only --json
printed '"steps":0'
printed '"probe":"only"'
not_said 'layer_lr '
said 'without a step'
said 'held out; always answering'
run 0 eval "$T/only/best.safetensors" "$T/new"
run 0 train --config "$T/only/run.json" --out "$T/only2"
run 0 train --config "$T/only/run.json" --probe yes --epochs 1 --out "$T/only3"
said 'epoch 1/1: loss'
run 0 train "$T/new" $some --init "$a" --dry-run
said 'probe: the last layer will be fitted to what the network sees'
usage train "$T/new" --probe only --epochs 3 --init "$a"
usage train "$T/new" --probe yes

# ---- rules ----
run 0 train "$T/one" $tiny --out "$T/e0" --weights dirac --json
not_said 'check before the first step'
printed '"weights":"dirac"'
usage train "$T/one" $tiny --weights diracc
run 0 train "$T/one" $tiny --out "$T/e" --zero-gamma --whiten
said 'zero-gamma: no residual branch of this network ends in a norm'
said 'whiten: 4 of the 4 filters of c are the 2 directions'

# ---- a rate ----
run 0 train "$T/one" $tiny --out "$T/f" --find-lr
lines 1
said 'that is the highest rate to take'
grep -q '<svg' "$T/f/find_lr.html" || fail 'no curve'
[ "$(ls "$T/f")" = find_lr.html ] || fail "the run folder: $(ls "$T/f")"
run 0 train "$T/one" $tiny --out "$T/g" --lr "$(cat "$T/out")"
run 0 train "$T/one" $tiny --out "$T/h" --find-lr --json
printed '"schema":"discern.find_lr/1"'
printed '"losses":['
run 0 train "$T/one" $tiny --out "$T/h2" --find-lr --log-json
printed '"schema":"discern.find_lr/1"'

# ---- pictures that grow ----
run 0 train "$T/one" --arch "$T/tiny.net" --batch 16 --no-near --epochs 4 --out "$T/i" \
    --progressive 0.5
said 'epoch 1: pictures of 8x8 from here on'
said 'epoch 4: pictures of 16x16 from here on'
usage train "$T/one" $tiny --progressive 0
