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
said 'as it begins: val accuracy '
said 'held out; always answering'
run 0 eval "$T/only/best.safetensors" "$T/new"
run 0 train --config "$T/only/run.json" --out "$T/only2"
run 0 train --config "$T/only/run.json" --probe yes --epochs 1 --out "$T/only3"
said 'epoch 1/1: loss'
run 0 train "$T/new" $some --init "$a" --dry-run
said 'probe: the last layer will be fitted to what the network sees'
usage train "$T/new" --probe only --epochs 3 --init "$a"
usage train "$T/new" --probe yes

# ---- a start that answers is judged, and shipped where nothing is better ----
mkdir -p "$T/sure/red" "$T/sure/blue"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    bmp "$T/sure/red/$i.bmp" $((190 + 5 * i)) $((2 * i)) 20
    bmp "$T/sure/blue/$i.bmp" 20 $((2 * i)) $((190 + 5 * i))
done
run 0 train "$T/sure" --arch "$T/tiny.net" --val 0.4 --no-near --augment none --epochs 30 \
    --out "$T/good"
not_said 'as it begins'
good=$T/good/best.safetensors
mkdir -p "$T/wrong/train" # the labels of the part that is learnt from: changed over
cp -r "$T/sure" "$T/wrong/val"
cp -r "$T/sure/red" "$T/wrong/train/blue"
cp -r "$T/sure/blue" "$T/wrong/train/red"
wrong="$T/wrong --init $good --norms learn --lr 1 --batch 8 --no-near --augment none --epochs 3"
run 0 train $wrong --out "$T/ruin" --json
said 'as it begins: val accuracy 1.0000'
said 'as it began: none of the 3 epochs made it better'
printed '"epoch":0,"epochs":3'
printed '"history":[{"epoch":0,"step":0,"loss":null,'
[ "$(wc -l <"$T/ruin/metrics.csv")" -eq 5 ] || fail "not four rows: $(cat "$T/ruin/metrics.csv")"
sed -n 2p "$T/ruin/metrics.csv" | grep -q '^0,0,.*,1$' || fail "row 0: $(cat "$T/ruin/metrics.csv")"
grep -q '"event":"epoch",.*"epoch":0,' "$T/ruin/log.jsonl" || fail 'log.jsonl: no epoch 0'
grep -q '3 epochs, ' "$T/ruin/report.html" || fail 'report.html: not 3 epochs'
grep -q '"epoch": 0' "$T/ruin/run.json" || fail "run.json: $(tail -20 "$T/ruin/run.json")"
for m in "$good" "$T/ruin/best.safetensors"; do
    run 0 predict --raw "$m" "$T/sure" --csv
    mv "$T/out" "$T/$(basename "$(dirname "$m")").csv"
done
cmp "$T/good.csv" "$T/ruin.csv" || fail 'what is shipped is not what it began with'
run 0 train --config "$T/ruin/run.json" --out "$T/ruin2"
for m in ruin ruin2; do cut -d, -f1,2,4,5,6,11,18,20 "$T/$m/metrics.csv" >"$T/$m.csv"; done
cmp "$T/ruin.csv" "$T/ruin2.csv" || fail 'the same settings gave another training'
run 0 train --resume "$T/ruin"
run 0 train $wrong --stop-after 2 --out "$T/ruin3"
said '2 epochs brought nothing better than the start: that is the end'

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
