#!/bin/sh
# merge: averages of models that are alike, a soup that takes no worse ones, nothing half-written
set -eu
. tests/cli/expect

draw_one
draw_net
# made NAME SEED [OPTION...]: a model of the tiny network, $T/NAME
made() {
    name=$1 seed=$2
    shift 2
    "$DISCERN" train "$T/one" --arch "$T/tiny.net" --steps 4 --size 16 --batch 16 --cache off \
        --seed "$seed" --quiet --out "$T/run-$name" "$@" >/dev/null || fail "no model $name"
    cp "$T/run-$name/best.safetensors" "$T/$name"
}
made base 1
made a 2 --init "$T/base"
made b 3 --init "$T/base"
pictures=$(find "$T/one/test" -name '*.png' | sort | head -5)
answers() { "$DISCERN" predict "$1" $pictures --csv --top 10 --raw; }

run 0 merge "$T/a" "$T/b" -o "$T/m"
said "wrote $T/m"
said 'statistics of batch-norms are averaged'
printed 'averaged 2 of 2 models'
run 0 eval "$T/m" "$T/one"
run 0 info "$T/m"

# A model is the average of itself; what counts nothing is not in it.
run 0 merge "$T/a" "$T/a" -o "$T/aa"
answers "$T/a" >"$T/want"
answers "$T/aa" | cmp - "$T/want" || fail "the average of a model is another"
run 0 merge "$T/b" "$T/a" --weights 0,2 -o "$T/aa" --force
answers "$T/aa" | cmp - "$T/want" || fail "--weights 0,2 is not the second"

# Statistics measured anew: other ones, and the same for any number of threads.
run 0 merge "$T/a" "$T/b" -o "$T/m1" --data "$T/one" --threads 1
not_said averaged
printed 'statistics        measured on 128 pictures'
! cmp -s "$T/m" "$T/m1" || fail "nothing was measured"
run 0 merge "$T/a" "$T/b" -o "$T/m3" --data "$T/one" --threads 3
cmp "$T/m1" "$T/m3" || fail "threads change what is measured"
run 0 merge "$T/a" "$T/b" -o "$T/m3" --data "$T/one" --json --force
lines 1
printed '"schema":"discern.merge/1"'
printed '"statistics":"measured","measured":128'

# A soup is no worse than its best, and the best is in it.
run 0 merge "$T/a" "$T/b" "$T/base" -o "$T/soup" --soup "$T/one" --json
soup=$(number value)
best=$(grep -o '"alone":[0-9.]*' "$T/out" | sed 's/.*://' | sort -g | tail -1)
awk "BEGIN { exit !($soup >= $best) }" || fail "the soup gets $soup, its best $best"
printed '"figure":"accuracy"'
printed '"weight":1'
run 0 eval "$T/soup" "$T/one" --split val --json
[ "$(number accuracy)" = "$soup" ] || fail "eval: $(number accuracy), not $soup"
run 0 merge "$T/a" "$T/b" "$T/base" -o "$T/soup" --soup "$T/one" --force
printed 'averaged '
printed 'on part val, '
# By heart is no measure.
run 0 merge "$T/a" "$T/b" -o "$T/soup" --soup "$T/one/train" --split all --force
said 'learnt from'
rm "$T/soup"
run 3 merge "$T/a" "$T/b" -o "$T/soup" --soup "$T/one/train" --split all
said '--force'
[ ! -e "$T/soup" ] || fail "a soup was written"

# What is not alike, one line each.
"$DISCERN" train "$T/one" --arch "$T/tiny.net" --steps 2 --size 16 --batch 16 --cache off --quiet \
    --resize squash --out "$T/run-squash" >/dev/null || fail "no squashed model"
sed 's/channels=4/channels=5/' "$T/tiny.net" >"$T/tiny2.net"
"$DISCERN" train "$T/one" --arch "$T/tiny2.net" --steps 2 --size 16 --batch 16 --cache off --quiet \
    --out "$T/run-other" >/dev/null || fail "no other model"
run 3 merge "$T/a" "$T/run-squash/best.safetensors" -o "$T/x"
said 'resize squash against crop'
run 3 merge "$T/a" "$T/run-other/best.safetensors" -o "$T/x"
said 'of one network'
run 3 merge "$T/a" "$T/b" -o "$T/a" --force
said "$T/a"
run 3 merge "$T/a" "$T/b" -o "$T/m"
said --force
run 3 merge "$T/a" "$T/b" -o "$T/x" --data "$T/no-such-data"
said no-such-data
merge() { run 3 merge "$T/a" "$1" -o "$T/x"; }
broken_models "$T/b" merge
[ ! -e "$T/x" ] || fail "something was written"
no_rest "$T"

usage merge "$T/a" -o "$T/x"
usage merge "$T/a" "$T/b"
said '-o FILE'
for weights in 1 1,2,3 1,x 0,0 -1,1 ''; do
    usage merge "$T/a" "$T/b" -o "$T/x" --weights "$weights"
    said --weights
done
usage merge "$T/a" "$T/b" -o "$T/x" --weights 1,1 --soup "$T/one"
usage merge "$T/a" "$T/b" -o "$T/x" --data "$T/one" --soup "$T/one"

# What was calibrated is so no more.
"$DRAW" "$T/fresh" --kind single --size 32 --seed 2 --count 60 >"$T/log" 2>&1
run 0 calibrate "$T/b" "$T/fresh" --split all --force
run 0 merge "$T/a" "$T/b" -o "$T/m" --force
said 'calibration of the parts does not hold'
run 0 info "$T/m"
printed 'calibration  none'
