#!/bin/sh
# calibrate: confidences mean what they say afterwards, and the model file is whole whatever happens
set -eu
. tests/cli/expect

draw_one
draw_many
"$DRAW" "$T/fresh" --kind single --size 32 --seed 2 --count 240 >"$T/log" 2>&1
train "$T/one" model
train "$T/many/labels.csv" multi
cp "$T/model" "$T/before"

# loss MODEL: its log loss on the fresh pictures
loss() {
    run 0 eval "$1" "$T/fresh" --split train --json
    number log_loss
}

run 0 calibrate "$T/model" "$T/fresh" --split train --unknown "$T/many/images"
said "wrote $T/model"
printed "$T/model on $T/fresh, part train: 190 pictures"
printed 'log loss'
printed 'temperature'
printed 'bands             hi'
pattern='^unknown +energy below [-0-9.e]+: [0-9.]+% of the pictures, [0-9.]+% of 40 foreign ones$'
grep -qE "$pattern" "$T/out" ||
    fail "unknown: $(cat "$T/out")"
not_printed thresholds
no_rest "$T"
! cmp -s "$T/model" "$T/before" || fail "nothing was written"
a=$(loss "$T/before") b=$(loss "$T/model")
awk "BEGIN { exit !($b < $a) }" || fail "log loss $a, calibrated $b"
run 0 eval "$T/before" "$T/fresh" --split train --json
a=$(number accuracy)
run 0 eval "$T/model" "$T/fresh" --split train --json
[ "$(number accuracy)" = "$a" ] || fail "a temperature changes accuracy"

# The same pictures, the same bytes: however it is run, and whatever was in the model before.
for how in '--batch 1 --threads 1' '--batch 64 --threads 3'; do
    run 0 calibrate "$T/before" "$T/fresh" --split train --unknown "$T/many/images" \
        -o "$T/again" --force $how
    cmp "$T/again" "$T/model" || fail "$how changes the model"
done
run 0 calibrate "$T/again" "$T/fresh" --split train --unknown "$T/many/images"
said "$T/again: was calibrated already, by 190 pictures; all of that is fitted anew"
cmp "$T/again" "$T/model"

run 3 calibrate "$T/before" "$T/fresh" --split train -o "$T/again"
said 'again'
cmp "$T/again" "$T/model"

run 0 calibrate "$T/again" "$T/fresh" --split train --method vector --goal precision:0.5 \
    --unknown-by confidence --json
lines 1
printed '"schema":"discern.calibrate/1"'
printed '"split":"train","pictures":190,"failed":0,"learnt":0,"calibration":{"temperature":'
printed '"goal":"precision","goal_at":0.5'
printed '"unknown":"confidence"'
pattern='"(scale|shift|threshold)":\[([-0-9.e]+,){9}[-0-9.e]+\]'
[ "$(grep -oE "$pattern" "$T/out" | wc -l)" = 3 ] || fail "$(cat "$T/out")"
# Labels that no threshold is good for are named.
run 0 calibrate "$T/before" "$T/fresh" --split train --goal precision:0.999 -o "$T/never"
not_said 'was calibrated already'
printed 'never told        checker, circle, '
run 0 calibrate "$T/before" "$T/fresh" --split train --goal precision:0.999 -o "$T/never" --force \
    --json
printed '"never_told":["checker","circle",'
run 0 calibrate "$T/again" "$T/fresh" --split train --hi 0 --unknown-by none
not_printed bands
not_printed unknown

run 0 calibrate "$T/again" --reset
cmp "$T/again" "$T/before" || fail "--reset leaves something"

# Several labels: thresholds for F1 by themselves.
"$DRAW" "$T/more" --kind multi --size 32 --seed 3 --count 120 >"$T/log" 2>&1
run 0 calibrate "$T/multi" "$T/more/labels.csv" --split all
printed 'thresholds        for f1:'
printed 'part all: 120 pictures'
run 0 predict "$T/multi" "$T/more/images/00000.png"

# Training does the same at its end, by the pictures that it held out; and again where it was killed
# between its last checkpoint and that.
"$DISCERN" train "$T/fresh/train" --epochs 2 --size 32 --calibrate yes --out "$T/run-own" \
    >"$T/log" 2>&1 || fail "$(cat "$T/log")"
grep -q 'calibrated by the [0-9]* pictures held out: temperature' "$T/log" || fail "$(cat "$T/log")"
cp "$T/run-own/best.safetensors" "$T/own"
grep -qa discern.calibration "$T/own" || fail "training did not calibrate"
run 0 calibrate "$T/own" "$T/fresh/train"
cmp "$T/own" "$T/run-own/best.safetensors" || fail "training calibrates otherwise"
cp "$T/run-own/metrics.csv" "$T/metrics.csv"
run 0 calibrate "$T/run-own/best.safetensors" --reset
sed -i 's/"state": "finished"/"state": "running"/' "$T/run-own/run.json"
run 0 train --resume "$T/run-own"
cmp "$T/own" "$T/run-own/best.safetensors" || fail "--resume calibrates otherwise"
cmp "$T/metrics.csv" "$T/run-own/metrics.csv"
! grep -qa discern.calibration "$T/run-model/best.safetensors" || fail "calibrated by 20 pictures"
run 0 train "$T/one" --steps 2 --size 32 --out "$T/run-few"
said 'not calibrated: of the 100 pictures that it takes 20 are held out'

# What was learnt by heart is no measure; few pictures are none.
run 3 calibrate "$T/again" "$T/one" --split train
said "discern: $T/one: the model has learnt from about 150 of these 150 pictures"
said '--force'
cmp "$T/again" "$T/before"
run 0 calibrate "$T/again" "$T/one" --split train --force
cp "$T/before" "$T/again"
mkdir "$T/few"
cp -r "$T/fresh/val/star" "$T/fresh/val/ring" "$T/few"
run 3 calibrate "$T/again" "$T/few" --split all
said 'pictures are too few to calibrate: 20 at least'
mkdir -p "$T/lone/star" "$T/lone/ring"
cp "$(ls "$T"/fresh/val/star/*.png | head -1)" "$T/lone/star"
run 3 calibrate "$T/again" "$T/lone" --split all
said '1 picture is too few to calibrate'
run 3 calibrate "$T/again" "$T/fresh" --split train --unknown "$T/no-such-folder"
said no-such-folder
mkdir "$T/void"
run 3 calibrate "$T/again" "$T/fresh" --split train --unknown "$T/void"
said 'void: no pictures'
star=$(ls "$T"/fresh/val/star/*.png | head -1)
cp "$star" "$T/star.was"
run 3 calibrate "$T/again" "$T/fresh" --split train -o "$star" --force
said 'is a picture of the data'
cmp "$star" "$T/star.was"
cmp "$T/again" "$T/before"

# A checkpoint keeps what the training needs.
cp "$T/run-model/last.safetensors" "$T/last"
run 3 calibrate "$T/last" "$T/fresh" --split train
said best.safetensors
run 3 calibrate "$T/last" --reset
cmp "$T/last" "$T/run-model/last.safetensors"
run 0 calibrate "$T/last" "$T/fresh" --split train -o "$T/from-last"
run 0 info "$T/from-last"

for goal in f2 f1:0.9 precision precision:2 precision:0 recall:x ''; do
    usage calibrate "$T/model" "$T/fresh" --goal "$goal"
    said '--goal'
done
usage calibrate "$T/model"
said DATA
usage calibrate "$T/model" "$T/fresh" --reset
usage calibrate "$T/model" "$T/fresh" --med 0.9 --hi 0.8
usage calibrate
calibrate() { run 3 calibrate "$1" "$T/fresh" --split train; }
broken_models "$T/before" calibrate

# A full disk leaves the model as it was.
(
    trap '' XFSZ
    ulimit -f 8
    rc=0
    "$DISCERN" calibrate "$T/again" "$T/fresh" --split train >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = 4 ] || fail "no room: status $rc: $(cat "$T/err")"
)
cmp "$T/again" "$T/before"
no_rest "$T"
