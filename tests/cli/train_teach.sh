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

# ---- pictures alone ----
mkdir "$T/bare"
find "$T/one/train" -name '*.png' | while read -r f; do
    cp "$f" "$T/bare/$(basename "$(dirname "$f")")-$(basename "$f")"
done
echo 'no picture' >"$T/bare/broken.png"
alone="--arch $T/tiny.net --epochs 3 --batch 16 --no-near"
why='pictures alone'
run 0 train "$T/bare" $alone --teacher "$t" --out "$T/alone"
said "unlabelled $T/bare: labels are what the teacher says: of 60 pictures it says: "
said 'val agreement 0.'
said ' with the teacher on '
said 'not calibrated: nobody knows'
said "now try: discern predict $T/alone/best.safetensors $T/bare"
not_said ' accuracy '
not_said 'will not be learnt'
grep -q '"path": null' "$T/alone/run.json" || fail 'run.json has DATA'
grep -q '"unlabelled": "'"$T/bare"'"' "$T/alone/run.json" || fail 'run.json lacks the pictures'
grep -q '"taught": true' "$T/alone/run.json" || fail 'run.json does not say whose the labels are'
[ "$(grep -c ',val$' "$T/alone/split.csv")" -gt 5 ] || fail 'nothing was held out'
grep -q 'agreement with the teacher' "$T/alone/report.html" || fail 'the page tells no agreement'
run 0 info "$T/alone/best.safetensors"
printed 'what the teacher says'
run 0 export "$T/alone/best.safetensors" --to card -o "$T/card.md"
grep -q 'agreement with it, not accuracy' "$T/card.md" || fail 'the card calls it accuracy'

# what is told of a picture held out is what predict says of it: the student that is its teacher
run 0 train "$T/bare" --init "$t" --lr 0.000000001 --epochs 1 --batch 16 --no-near --augment none \
    --norms keep --teacher "$t" --out "$T/same" --json
printed '"taught":true'
printed '"accuracy":1,'

why='the same, otherwise said'
undated "$T/alone/best.safetensors" >"$T/a"
run 0 train --unlabelled "$T/bare" $alone --teacher "$t" --out "$T/alone2"
undated "$T/alone2/best.safetensors" >"$T/b"
cmp -s "$T/a" "$T/b" || fail '--unlabelled without DATA gave another model'
(cd "$T" && "$DISCERN" train --config alone/run.json --out alone3 --threads 2 --quiet >out 2>err) ||
    fail "$(cat "$T/err")"
undated "$T/alone3/best.safetensors" >"$T/b"
cmp -s "$T/a" "$T/b" || fail 'a repeated training gave another model'

why='gone on with'
sed 's/"state": "finished"/"state": "stopped"/' "$T/alone/run.json" >"$T/run.json"
cp "$T/run.json" "$T/alone/run.json"
run 0 train --resume "$T/alone"
undated "$T/alone/best.safetensors" >"$T/b"
cmp -s "$T/a" "$T/b" || fail 'a training that went on gave another model'
cp "$T/run.json" "$T/alone/run.json"
rm "$T/bare/broken.png"
run 3 train --resume "$T/alone"
said "$T/bare: its pictures, or the teacher's labels, are not what began $T/alone"

why='what would be done'
run 0 train "$T/bare" $alone --teacher "$t" --dry-run
printed 'pictures'
run 0 train "$T/bare" $alone --teacher "$t" --dry-run --json
printed '"unlabelled":"'"$T/bare"'"'

why='several labels a picture'
draw_many
run 0 train "$T/many/labels.csv" $tiny --out "$T/tm"
run 0 train "$T/bare" $alone --teacher "$T/tm/best.safetensors" --out "$T/sm"
said 'val mAP of agreement '

why='what cannot be'
usage train "$T/bare" $alone --teacher "$t" --out "$T/never" --calibrate yes
usage train "$T/bare" $alone --teacher "$t" --out "$T/never" --split-file "$T/alone/split.csv"
said '--split-file says how DATA with labels are read'
usage train --unlabelled "$T/bare" --out "$T/never"
said '--teacher MODEL says what they show'
run 3 train "$T/bare" $alone --out "$T/never"
said 'no class folders'
mkdir "$T/deep"
mv "$T/bare" "$T/deep/camera1"
run 3 train "$T/deep" $alone --teacher "$t" --out "$T/never"
said "where nobody has labelled them, --unlabelled $T/deep without DATA"
cp -r "$T/deep/camera1" "$T/deep/camera2"
run 3 train "$T/deep" $alone --teacher "$t" --out "$T/never"
said '--unlabelled without DATA learns what it says instead'
run 0 train --unlabelled "$T/deep" $alone --teacher "$t" --out "$T/deeper"
mkdir "$T/broken"
echo 'no picture' >"$T/broken/1.png"
echo 'none' >"$T/broken/2.png"
run 3 train "$T/broken" $alone --teacher "$t" --out "$T/never"
said "$T/broken: none of its 2 pictures can be read"
[ ! -e "$T/never" ] || fail 'a training that was refused left a folder'
why=

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
run 3 train "$T/one" $tiny --out "$T/never" --teacher "$T/t"
said "is a folder; did you mean $t?"
cp -r "$T/one/train" "$T/other"
mv "$T/other/star" "$T/other/sun"
run 3 train "$T/other" $tiny --out "$T/never" --teacher "$t"
said 'does not know the label "sun"'
[ ! -e "$T/never" ] || fail 'a training that was refused left a folder'
