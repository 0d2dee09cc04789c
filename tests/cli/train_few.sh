#!/bin/sh
# train --few: a classifier from few pictures of each label, whose model is one like any other
set -eu
. tests/cli/expect

draw_net
draw_one 120
run 0 train "$T/one" --arch "$T/tiny.net" --epochs 1 --batch 16 --no-near --cache off \
    --out "$T/a"
from=$T/a/best.safetensors

# Three pictures of each label; the others of the train part check them.
n=$(find "$T/one/train" -name '*.png' | wc -l)
labels=$(ls "$T/one/train" | wc -l)
mkdir "$T/set"
cp -r "$T/one/train"/* "$T/set"
run 0 train "$T/set" --init "$from" --few 3 --cache off --out "$T/few"
said ' labels; no steps'
for step in 'kept by its layers' 'batch ' 'augment' 'check before the first step' '0 steps'; do
    not_said "$step"
done
said "few 3: $((3 * labels)) pictures to learn from, drawn by seed"
said "$((n - 3 * labels)) others of the training part check them"
said "has learnt from about "
said " of the $((n - 3 * labels)) pictures that check this training, so its figures flatter"
said "of $((3 * labels)) pictures, by the 4 numbers that the network makes of each"
said "of those held out of it are right: made even "
not_said 'have fewer pictures'
not_said 'on one scale'
[ "$(wc -l <"$T/few/metrics.csv")" -eq 2 ] || fail "not one line: $(cat "$T/few/metrics.csv")"
model=$T/few/best.safetensors
run 0 eval "$model" "$T/set" --json
run 0 predict "$model" "$T/set" --csv
run 0 export "$model" -o "$T/few.onnx"
run 0 export "$model" -o "$T/few.c" --to c
run 0 embed "$model" "$T/set"

# The same seed and settings, on any threads, give the same model; another seed another one.
undated "$model" >"$T/one.model"
run 0 train "$T/set" --init "$from" --few 3 --cache off --out "$T/again" --threads 1
undated "$T/again/best.safetensors" | tail -c 400 >"$T/two.model"
tail -c 400 "$T/one.model" | cmp - "$T/two.model" || fail "threads change the model"
run 0 train --config "$T/few/run.json" --out "$T/config"
undated "$T/config/best.safetensors" | cmp - "$T/one.model" || fail "run.json: another model"
run 0 train "$T/set" --init "$from" --few 3 --cache off --out "$T/other" --seed 9
undated "$T/other/best.safetensors" | tail -c 400 >"$T/two.model"
! tail -c 400 "$T/one.model" | cmp -s - "$T/two.model" || fail "the seed changes nothing"

# Ten pictures in all.
mkdir "$T/ten"
for l in ring star; do
    mkdir "$T/ten/$l"
    find "$T/one/train/$l" -name '*.png' | sort | head -5 | while read -r p; do
        cp "$p" "$T/ten/$l"
    done
done
run 0 train "$T/ten" --init "$from" --few 5 --cache off --out "$T/from10"
said 'few 5: 10 pictures to learn from'
said 'nothing is held out'
run 0 eval "$T/from10/best.safetensors" "$T/ten" --split all
run 0 train "$T/ten" --init "$from" --few 9 --cache off --out "$T/from10b"
said 'few 9: 2 of 2 labels have fewer pictures'
run 0 train "$T/ten" --init "$from" --few 1 --cache off --out "$T/from2"
said 'made even, on one scale: of so few pictures each number'
said 'nothing else was tried'

# Files that cannot be read: others are drawn for them, and a label that has no others is told.
mkdir "$T/junk" "$T/junk/worm"
cp -r "$T/set/ring" "$T/set/star" "$T/junk"
for i in 1 2 3 4 5 6 7 8 9; do
    for l in ring worm; do
        head -c 60 "$T/set/ring/$(ls "$T/set/ring" | head -1)" >"$T/junk/$l/no$i.png"
    done
done
run 0 train "$T/junk" --init "$from" --few 4 --cache off --out "$T/junk.few"
said 'few 4: 8 pictures to learn from'
said 'that cannot be read were drawn beside them, and others for them'
said 'few 4: 1 of 3 labels have fewer pictures'
said 'few: probe of 8 pictures'
said '1 of 3 labels have no picture to learn from that can be read and will not be learnt: worm'
run 0 train "$T/junk" --init "$from" --probe only --cache off --out "$T/junk.probe"
said '1 of 3 labels have no picture to learn from that can be read and will not be learnt: worm'

# Several labels a picture.
draw_many
run 0 train "$T/many/labels.csv" --init "$from" --few 4 --cache off --out "$T/several"
said 'few: probe of'
run 0 eval "$T/several/best.safetensors" "$T/many/labels.csv"

# From a model that was made so, once and again.
run 0 train "$T/set" --init "$model" --few 3 --cache off --out "$T/second"
run 0 train "$T/set" --init "$T/second/best.safetensors" --few 3 --cache off --out "$T/third"
run 0 eval "$T/third/best.safetensors" "$T/set" --json
run 0 export "$T/third/best.safetensors" -o "$T/third.onnx"

# What it began with has learnt from more than it; and where nothing was learnt nothing is told.
run 0 eval "$T/third/best.safetensors" "$T/one/train" --split all --json
[ "$(number learnt)" -gt $((6 * labels)) ] || fail "learnt: $(number learnt)"
run 0 export "$T/third/best.safetensors" --to card -o "$T/third.md"
! grep -q earlier "$T/third.md" || fail "the card: $(cat "$T/third.md")"
"$DRAW" "$T/new" --kind single --size 32 --seed 7 --count 60 >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
run 0 train "$T/new" --init "$model" --few 3 --cache off --out "$T/unseen"
not_said 'has learnt from'
run 0 train "$T/one" --init "$from" --probe only --cache off --out "$T/same"
not_said 'has learnt from'

# What makes no sense.
usage train "$T/set" --few 3
said '--init'
for more in '--epochs 2' '--steps 5' '--time 9' '--probe yes'; do
    usage train "$T/set" --init "$from" --few 3 $more
    said "few 3: "
done
run 0 train "$T/set" --init "$from" --few 3 --dry-run
printed 'length   no steps'
not_printed 'estimate'
said 'few 3: '
