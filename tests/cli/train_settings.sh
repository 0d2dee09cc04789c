#!/bin/sh
# train: settings in layers; run.json, and what repeats a training; going on in a folder
set -eu
. tests/cli/expect

draw_net
draw_one
tiny="--arch $T/tiny.net --epochs 2"

# settings NAME: the line of it in the run.json of $T/DIR.
setting() {
    grep -qF "    \"$2\": $3" "$T/$1/run.json" ||
        fail "$1/run.json: $2 is not $3: $(grep "\"$2\"" "$T/$1/run.json")"
}

# The models that a training wrote are the same, but for their dates.
same() {
    undated "$T/$1/best.safetensors" >"$T/x"
    undated "$T/$2/best.safetensors" >"$T/y"
    cmp "$T/x" "$T/y" || fail "$1 and $2 differ"
}

# ---- what was decided is written, and repeats the training ----
run 0 train "$T/one" $tiny --out "$T/a" --augment auto
setting a batch 16
setting a epochs 2
setting a steps 0
setting a seed 0
grep -q '"state": "finished"' "$T/a/run.json" || fail "state: $(cat "$T/a/run.json")"
grep -q '"batch 16: ' "$T/a/run.json" || fail "no notes: $(cat "$T/a/run.json")"
run 0 train --config "$T/a/run.json" --out "$T/b"
same a b
run 0 train --config "$T/b/run.json" --out "$T/c" --threads 1
same a c

# ---- nothing is held out where nobody wants it ----
run 0 train "$T/one/train" $tiny --val 0 --cache off --out "$T/all"
said 'nothing is held out: no figure will say how good the network is'
not_said 'val 0'
setting all val 0
! grep -q ',val' "$T/all/split.csv" || fail "held out: $(grep ',val' "$T/all/split.csv")"
run 0 train --config "$T/all/run.json" --cache off --out "$T/all-2"
same all all-2
run 0 train "$T/one/train" $tiny --cache off --out "$T/held"
said 'val 0.2: '
grep -q ',val' "$T/held/split.csv" || fail "nothing is held out"

# bf16 where nothing multiplies it is done, and said to be slow.
run 0 train "$T/one" $tiny --out "$T/half" --precision bf16 --isa ref --steps 1 --epochs 0
said 'precision bf16: there are no instructions'
run 0 train "$T/one" $tiny --out "$T/whole" --precision fp32 --isa ref --steps 1 --epochs 0
not_said 'no instructions'

# A training by time is repeated by its steps.
run 0 train "$T/one" --arch "$T/tiny.net" --time 1s --out "$T/timed"
setting timed time 0.0
setting timed epochs 0
run 0 train --config "$T/timed/run.json" --out "$T/timed-again"
same timed timed-again

# ---- layers: the later one is right, and one length takes the place of another ----
run 0 train --config "$T/a/run.json" --seed 1 --steps 3 --out "$T/d"
setting d seed 1
setting d steps 3
setting d epochs 0
setting d batch 16
run 0 train --config "$T/a/run.json" --optim adamw --out "$T/e"
setting e optim '"adamw"'
grep -q '"lr": 0.0125' "$T/e/run.json" && fail "the rate of another optimiser"
run 0 train "$T/one" --recipe small-pictures $tiny --out "$T/f"
setting f batch 128
setting f epochs 2
usage train "$T/one" --recipe small-picture
said 'did you mean small-pictures?'
usage train
usage train --recipe photos

# ---- the pictures must be the same, or be named ----
cp -r "$T/one" "$T/other"
run 0 train "$T/other" --config "$T/a/run.json" --out "$T/moved"
not_said 'no repeat'
same a moved
run 0 train "$T/other" $tiny --out "$T/g"
rm "$(find "$T/other/train/star" -name '*.png' | head -1)"
run 3 train --config "$T/g/run.json" --out "$T/h"
said "no longer those of $T/g/run.json"
[ ! -e "$T/h" ] || fail "refused, and a folder left"
run 0 train "$T/other" --config "$T/g/run.json" --out "$T/h"
said 'no repeat'

# ---- files that are none ----
echo '{"schema":"discern.run/1","settings":{"batchs":3}}' >"$T/bad.json"
run 3 train "$T/one" --config "$T/bad.json" --out "$T/never"
said "$T/bad.json: settings: unknown key \"batchs\"; did you mean \"batch\"?"
run 3 train "$T/one" --config "$T/tiny.net" --out "$T/never"
run 3 train "$T/one" --config "$T/none.json" --out "$T/never"
run 3 train --resume "$T/one"
run 3 train --resume "$T/nowhere"

# ---- going on ----
run 0 train --resume "$T/a"
said 'has come to its end'
printed "$T/a/best.safetensors"
run 0 train --resume "$T/a" --log-json
lines 0
usage train --resume "$T/a" --lr 0.1
said '--init'
usage train --resume "$T/a" --out "$T/x"
# Begun with a path that means something in its own folder only, and gone on with from another.
(cd "$T" && exec "$DISCERN" train one --arch tiny.net --epochs 400 --out cut >"$T/log" 2>&1) &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ ! -e "$T/cut/last.safetensors" ] || break
    sleep 0.1
done
kill -KILL "$pid"
wait "$pid" || :
grep -q '"state": "running"' "$T/cut/run.json" || fail "killed, and $(cat "$T/cut/run.json")"
: >"$T/cut/last.safetensors.tmp-1"
run 0 train --resume "$T/cut" --threads 1 --quiet
no_rest "$T/cut"
grep -q '"resumed": \[' "$T/cut/run.json" || fail "not resumed: $(cat "$T/cut/run.json")"
run 0 train "$T/one" --arch "$T/tiny.net" --epochs 400 --out "$T/uncut" --quiet
same cut uncut

# ---- --force: nothing of the training that was there is taken for this one's ----
run 0 train "$T/one" $tiny --out "$T/anew"
run 3 train "$T/one" $tiny --out "$T/anew" --force --find-lr --init "$T/nowhere"
[ -e "$T/anew/run.json" ] || fail "a rate that was not found took the training away"
run 6 train "$T/one" $tiny --out "$T/anew" --force --lr 1e30
[ ! -e "$T/anew/best.safetensors" ] || fail "the model of another training"
run 3 train --resume "$T/anew"

# ---- what would be done: told, and nothing written ----
rm -rf "$XDG_CACHE_HOME"
(cd "$T" && "$DISCERN" train one $tiny --dry-run >"$T/out" 2>"$T/err") || fail "$(cat "$T/err")"
printed 'star  '
printed 'pictures                       150        20        30'
printed 'an estimate'
printed 'MB at its most'
printed '18 steps of 16 pictures in 2 epochs'
said 'batch 16: '
[ ! -e "$T/runs" ] && [ ! -e "$XDG_CACHE_HOME" ] || fail "a dry run wrote something"
run 0 train "$T/one" $tiny --dry-run --json --quiet
quiet
lines 1
printed '"schema":"discern.plan/1"'
printed '"batch":16'
printed '"label":"star","train":15,"val":2,"test":3'
usage train --resume "$T/a" --dry-run

# ---- a limit of memory: values made again, then batches cut, then a refusal; told before ----
# told: MB that the last training said it takes.
told() { sed -n 's/^discern: memory \([0-9]*\) MB.*/\1/p' "$T/err"; }
# least: MB that it was refused for, and a little: the program itself is not the same every time.
least() {
    refused=$(sed -n 's/.*this training takes \([0-9]*\) MB at least.*/\1/p' "$T/err")
    echo $((refused + 3))
}
cat >"$T/deep.net" <<'NET'
image = input shape=48x48x3
c1 = conv2d image channels=48 size=3 pad=1
b1 = batchnorm c1
r1 = relu b1
c2 = conv2d r1 channels=48 size=3 pad=1
b2 = batchnorm c2
r2 = relu b2
c3 = conv2d r2 channels=48 size=3 pad=1
b3 = batchnorm c3
r3 = relu b3
m = meanpool r3
fc = linear m width=classes bias=true
output logits = fc
NET
sed 's/batchnorm \(.*\)/layernorm \1/' "$T/deep.net" >"$T/alone.net"
deep="--arch $T/deep.net --batch 16 --steps 2 --cache off --isa ref"
alone="--arch $T/alone.net --batch 16 --steps 2 --cache off --isa ref"

run 0 train "$T/one" $deep --out "$T/any"
any=$(told)
run 2 train "$T/one" $deep --memory 1 --out "$T/none"
said 'MB at least'
said 'whose batches cannot be cut'
least=$(least)
[ "$least" -lt "$any" ] || fail "$least MB at least, $any without a limit"
run 0 train "$T/one" $deep --memory "$least" --out "$T/little"
[ "$(told)" -le "$least" ] || fail "$(told) MB told, $least given"
said 'kept by its layers to learn from, '
said 'more computed twice instead)'
same any little
setting little memory "$least"
setting little slice 0
run 2 train "$T/one" $deep --slice 4 --out "$T/none"
said 'slice 4: the network, or its loss, looks at whole batches'

run 2 train "$T/one" $alone --memory 1 --out "$T/none"
least=$(least)
run 0 train "$T/one" $alone --memory "$least" --out "$T/cut-up"
said 'so many pictures of a batch at a time'
run 0 train --config "$T/cut-up/run.json" --memory 0 --out "$T/cut-again"
same cut-up cut-again
