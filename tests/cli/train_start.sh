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
run 3 train "$T/one" --epochs 1 --no-near --out "$T/d" --init "$a"
said 'none of its weights fits'
[ ! -e "$T/d" ] || fail "a training that was refused left a folder"
run 3 train "$T/one" $tiny --out "$T/d" --init "$T/nothing"
said "$T/nothing"

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
