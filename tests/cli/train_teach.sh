#!/bin/sh
# train --teacher: a model that says what pictures show, those without labels too
set -eu
. tests/cli/expect

draw_net
draw_one 60
tiny="--arch $T/tiny.net --epochs 2 --batch 16 --no-near"
"$DRAW" "$T/more" --kind single --size 32 --seed 9 --count 20 >"$T/log" 2>&1 || fail 'draw'
cp "$T/one/train/star/$(ls "$T/one/train/star" | head -1)" "$T/more/copy.png"

run 0 train "$T/one" $tiny --out "$T/t"
t=$T/t/best.safetensors

# ---- a student ----
run 0 train "$T/one" $tiny --out "$T/s" --teacher "$t" --temperature 3 --unlabelled "$T/more"
said "unlabelled $T/more: 20 pictures; 1 more are left out, as they are among those with labels"
said "teacher $t: tiny.net, 10 labels; sees pictures of 16x16"
grep -q '"teacher": "'"$t"'"' "$T/s/run.json" || fail 'run.json does not name the teacher'
grep -q '"teacher_sum": "[0-9a-f]*"' "$T/s/run.json" || fail 'run.json has no checksum'
grep -q '^unlabelled:.*,train$' "$T/s/split.csv" || fail 'split.csv lacks what was learnt from'
run 0 info "$T/s/best.safetensors"
printed 'teacher_share'
run 0 info "$T/s/best.safetensors" --json
not_printed "$T/t"

# ---- the same again, and with another teacher ----
run 0 train --config "$T/s/run.json" --out "$T/again" --threads 2
undated "$T/s/best.safetensors" >"$T/a"
undated "$T/again/best.safetensors" >"$T/b"
cmp -s "$T/a" "$T/b" || fail 'a repeated training gave another model'
run 0 train "$T/one" --dry-run $tiny --teacher "$t" --json
printed '"teacher_sum":'
rm "$(find "$T/more/train" -name '*.png' | sort | head -1)"
run 3 train --config "$T/s/run.json" --out "$T/never"
said "$T/one: its pictures, their labels or parts or those of --unlabelled $T/more are no longer"
cp "$T/again/best.safetensors" "$t"
run 3 train --config "$T/s/run.json" --out "$T/never"
said "$t: is not the teacher that was learnt from"
[ ! -e "$T/never" ] || fail 'a training that was refused left a folder'

# ---- a file that is learnt from, or begun with, is not written over ----
mkdir "$T/own"
cp "$t" "$T/own/best.safetensors"
cp "$t" "$T/own/mine.safetensors"
ln -s "$T/own" "$T/link"
for option in --teacher --init; do
    for out in "$T/own" "$T/link/." ; do
        run 3 train "$T/one" $tiny --out "$out" --force "$option" "$T/link/best.safetensors"
        said "$T/own/best.safetensors: is what $option names"
        [ "$(wc -l <"$T/err")" -eq 1 ] || fail "not one line: $(cat "$T/err")"
    done
done
cmp "$t" "$T/own/best.safetensors" || fail 'the file was written over'
run 0 train "$T/one" $tiny --out "$T/own" --force --teacher "$T/own/mine.safetensors"
cmp "$t" "$T/own/mine.safetensors" || fail 'the teacher was written over'

# ---- what cannot be ----
usage train "$T/one" $tiny --out "$T/never" --unlabelled "$T/more"
said '--teacher MODEL says what they show'
usage train "$T/one" $tiny --out "$T/never" --teacher "$t" --unlabelled "$T/more" \
    --sampling balanced
usage train "$T/one" $tiny --out "$T/never" --teacher "$t" --temperature 0
usage train "$T/one" $tiny --out "$T/never" --temperature 3
said 'temperature 3: says how --teacher is meant'
usage train "$T/one" $tiny --out "$T/never" --teacher-share 0.5
said 'teacher_share 0.5: says how --teacher is meant'
usage train "$T/one" --out "$T/never" --init "$t" --probe only --teacher "$t"
said 'leave lora and teacher out'
run 3 train "$T/one" $tiny --out "$T/never" --teacher "$T/none"
said "$T/none"
run 3 train "$T/one" $tiny --out "$T/never" --teacher "$T/tiny.net"
said "$T/tiny.net"
mkdir "$T/empty"
run 3 train "$T/one" $tiny --out "$T/never" --teacher "$t" --unlabelled "$T/empty"
said "$T/empty: no pictures are in it"
cp -r "$T/one/train" "$T/other"
mv "$T/other/star" "$T/other/sun"
run 3 train "$T/other" $tiny --out "$T/never" --teacher "$t"
said 'does not know the label "sun"'
[ ! -e "$T/never" ] || fail 'a training that was refused left a folder'
