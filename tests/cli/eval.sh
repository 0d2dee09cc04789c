#!/bin/sh
# eval: figures on pictures whose labels are known; the same as training told, and however it is run
set -eu
. tests/cli/expect

draw_one
draw_many
train "$T/one/train" model              # a folder without parts: training holds some out
train "$T/many/labels.csv" multi

run 0 eval "$T/model" "$T/one"
quiet
printed "$T/model on $T/one, part test: 30 pictures"
grep -qE '^accuracy +[0-9.]+%   \(always "[a-z-]+": 10.00%\)$' "$T/out" ||
    fail "headline: $(cat "$T/out")"
printed 'calibration error'
printed 'true label in rows, answer in columns'
grep -qE '^letter-a +[01]\.[0-9]{4}  [01]\.[0-9]{4}  [01]\.[0-9]{4} +3$' "$T/out" ||
    fail "letter-a: $(cat "$T/out")"

run 0 eval "$T/model" "$T/one" --json --top 3
quiet
lines 1
printed '"schema":"discern.eval/1"'
printed '"split":"test","task":"single","pictures":30,"failed":0,"learnt":0,"accuracy":'
printed '"failures":[]'
[ "$(grep -o '"support":' "$T/out" | wc -l)" = 10 ] || fail "not 10 labels"
[ "$(grep -o '"truth":' "$T/out" | wc -l)" -le 3 ] || fail "more than 3 confused pairs"
run 0 eval "$T/model" "$T/one" --json --split val
printed '"split":"val"'
printed '"pictures":20,'
run 0 eval "$T/model" "$T/one" --json --split all
printed '"pictures":200,'
cp "$T/out" "$T/all"
for how in '--batch 1 --threads 1' '--batch 64 --threads 3' '--batch 7 --threads 2'; do
    run 0 eval "$T/model" "$T/one" --json --split all $how
    cmp "$T/out" "$T/all" || fail "$how changes figures"
done

# A folder that it has learnt from: the held-out part, and the very figures of training.
run 0 eval "$T/model" "$T/one/train" --json
said 'held out'
printed '"split":"val"'
accuracy=$(number accuracy) loss=$(number log_loss) pictures=$(number pictures)
run 0 info --json "$T/model"
printed "\"pictures\":$pictures,"
[ "$(number accuracy)" = "$accuracy" ] ||
    fail "training told accuracy $(number accuracy), eval $accuracy"
[ "$(number log_loss)" = "$loss" ] || fail "training told loss $(number log_loss), eval $loss"
run 0 eval "$T/model" "$T/one/train" --json --split all
quiet
printed '"pictures":150,'

# The same where copies that look the same were kept on one side, and where they were not.
mkdir "$T/twins"
cp -r "$T/one/train/star" "$T/one/train/ring" "$T/twins"
for file in "$T"/twins/star/*.png; do
    { cat "$file"; echo; } >"${file%.png}-twin.png"
done
for near in '' --no-near; do
    rm -rf "$T/run-twins"
    "$DISCERN" train "$T/twins" --epochs 1 --size 32 --out "$T/run-twins" $near >"$T/log" 2>&1 ||
        fail "$(cat "$T/log")"
    grep -q 'look the same' "$T/log" || [ -n "$near" ] || fail "twins: $(cat "$T/log")"
    run 0 eval "$T/run-twins/best.safetensors" "$T/twins" --json
    said 'held out'
    [ "$(number pictures)" = "$(grep -c ',val$' "$T/run-twins/split.csv")" ] ||
        fail "twins: other pictures are held out $near"
    pictures=$(number pictures) loss=$(number log_loss)
    run 0 info --json "$T/run-twins/best.safetensors"
    printed "\"pictures\":$pictures,"
    [ "$(number log_loss)" = "$loss" ] || fail "twins: training told $(number log_loss), not $loss"
    torn=$(sed 's/-twin//' "$T/run-twins/split.csv" | sort -u | cut -d, -f1 | uniq -d | wc -l)
    [ "$torn" = 0 ] || [ -n "$near" ] || fail "twins: $torn are torn apart"
done

mkdir "$T/other"
cp -r "$T/one/train/ring" "$T/one/train/star" "$T/other"
run 0 eval "$T/model" "$T/other" --json
printed '"split":"all","task":"single","pictures":30,'
said 'the figures flatter'
said '--split-file with the split.csv'

# A training with a split file, measured without it: never silent, and it says what helps; with it,
# and where the bytes are others, there is nothing to say.
ls "$T"/other/*/*.png | sed "s|^$T/other/||" |
    awk 'BEGIN { print "name,split" } { print $0 "," (NR % 3 ? "train" : "val") }' >"$T/thirds.csv"
"$DISCERN" train "$T/other" --epochs 1 --size 32 --split-file "$T/thirds.csv" --out "$T/thirds" \
    >"$T/log" 2>&1 || fail "$(cat "$T/log")"
run 0 eval "$T/thirds/best.safetensors" "$T/other"
said 'the model has learnt from about 20 of these 30 pictures, so the figures flatter'
said "--split-file $T/thirds/split.csv measures"
printed 'part all: 30 pictures, the model has learnt from about 20 of them'
run 0 eval "$T/thirds/best.safetensors" "$T/other" --json --split val
said 'the figures flatter'
for file in thirds.csv thirds/split.csv; do
    run 0 eval "$T/thirds/best.safetensors" "$T/other" --split-file "$T/$file" --json
    quiet
    printed '"split":"val","task":"single","pictures":10,"failed":0,"learnt":0,'
done
run 0 eval "$T/thirds/best.safetensors" "$T/other" --split-file "$T/thirds.csv" --split train --json
quiet
printed '"learnt":20,'
cp -r "$T/other" "$T/anew"
for file in "$T"/anew/*/*.png; do echo >>"$file"; done
run 0 eval "$T/thirds/best.safetensors" "$T/anew"
quiet
run 0 info "$T/thirds/best.safetensors"
printed 'sample 20 (--json has them)'

# Several labels a picture.
run 0 eval "$T/multi" "$T/many/labels.csv"
grep -qE '^mAP +[0-9.]+%   \(label frequencies: [0-9.]+%\)$' "$T/out" ||
    fail "headline: $(cat "$T/out")"
run 0 eval "$T/multi" "$T/many/labels.csv" --json --split all
printed '"task":"multi","pictures":40,'
[ -n "$(number mean_ap)" ] || fail "no mean_ap"
[ "$(grep -o '"ap":' "$T/out" | wc -l)" = 8 ] || fail "not 8 labels"
run 3 eval "$T/model" "$T/many/labels.csv"
said 'labels.csv'
run 3 eval "$T/multi" "$T/one"
said "$T/one"

# An answer that is not good enough.
run 1 eval "$T/multi" "$T/many/labels.csv" --min-accuracy 1
said 'is below 1'
run 0 eval "$T/multi" "$T/many/labels.csv" --min-accuracy 0.0001

# Bad pictures are named, counted and left out.
p=$(ls "$T"/one/train/ring/*.png | head -1)
cp -r "$T/one/test" "$T/bad"
head -c 200 "$p" >"$T/bad/ring/cut.png"
: >"$T/bad/star/zero.jpg"
echo hello >"$T/bad/star/text.jpg"
run 0 eval "$T/model" "$T/bad"
printed '30 pictures (3 could not be read)'
for f in ring/cut.png star/zero.jpg star/text.jpg; do
    said "discern: $T/bad/$f: "
done
run 0 eval "$T/model" "$T/bad" --json
printed '"pictures":30,"failed":3,"learnt":0,'
printed '{"file":"ring/cut.png","error":{"code":3,"message":"'
mkdir -p "$T/worse/ring" "$T/worse/star" "$T/empty"
: >"$T/worse/ring/1.png"
: >"$T/worse/star/1.png"
run 3 eval "$T/model" "$T/worse"
said 'none of the 2 pictures can be read'
[ ! -s "$T/out" ] || fail "figures of nothing"

# Data that are none.
run 3 eval "$T/model" "$T/empty"
said "$T/empty"
run 3 eval "$T/model" "$T/nowhere"
said "$T/nowhere"
run 3 eval "$T/model" "$p"
run 3 eval --json "$T/model" "$T/nowhere"
printed '{"error":{"code":3,"message":"'
mkdir -p "$T/strange"
cp -r "$T/one/test/ring" "$T/one/test/star" "$T/strange"
mv "$T/strange/star" "$T/strange/comet"
run 3 eval "$T/model" "$T/strange"
said comet

# How data are read may be said, and what is left out is told.
echo ring >"$T/classes"
run 0 eval "$T/model" "$T/strange" --classes "$T/classes" --split all --json
said 'left out:'
said 'its class is not among those asked for'
printed "\"pictures\":$(find "$T/strange/ring" -name '*.png' | wc -l),"
run 2 eval "$T/model" "$T/strange" --format foldr
said "did you mean 'folder'?"
usage eval "$T/model" "$T/strange" --task multi
said 'was trained for the task single'
run 3 eval "$T/model" "$T/other" --split test
said 'no test part'

eval_fails() {
    run 3 eval "$1" "$T/one"
    [ ! -s "$T/out" ] || fail "$1: printed something"
}
broken_models "$T/model" eval_fails

usage eval "$T/model"
usage eval "$T/model" "$T/one" "$T/one"
usage eval "$T/model" "$T/one" --spilt val
said 'did you mean --split?'
usage eval "$T/model" "$T/one" --split vla
said 'did you mean val?'
# The other way round, or the folder of a training.
usage eval "$T/one" "$T/thirds/best.safetensors"
said "did you mean $T/thirds/best.safetensors $T/one?"
usage predict "$T/one" "$T/thirds/best.safetensors"
said 'MODEL comes first'
run 3 eval "$T/thirds" "$T/one"
said "did you mean $T/thirds/best.safetensors?"
run 3 eval "$T/one" "$T/thirds"
said 'MODEL comes first'
usage evla "$T/model" "$T/one"
said 'did you mean "eval"?'
for wrong in '--batch 0' '--threads x' '--min-accuracy 2' '--top -3'; do
    usage eval "$T/model" "$T/one" $wrong
done
run 0 eval --help
printed 'usage: discern eval'
