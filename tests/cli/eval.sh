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
grep -qE '^accuracy +[0-9.]+%  +[0-9.]+ to +[0-9.]+   \(always "[a-z-]+": 10.00%\)$' "$T/out" ||
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
[ "$(grep -o '"answer":"[^"]*","pictures":' "$T/out" | wc -l)" = 3 ] || fail "not 3 confused pairs"
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

run 0 eval "$T/model" "$T/one" --json --split all --precision fp32
cmp "$T/out" "$T/all" || fail "fp32 is not what is meant"
run 0 eval "$T/model" "$T/one" --json --split all --precision bf16
! cmp -s "$T/out" "$T/all" || fail "bf16 changes nothing"
run 0 eval "$T/model" "$T/model" "$T/one" --precision bf16
usage eval "$T/model" "$T/one" --precision fp16

# A val part that the data have: what the epoch was chosen by is no test.
mkdir "$T/two"
cp -r "$T/one/train" "$T/one/val" "$T/two"
train "$T/two" of-two
run 0 eval "$T/of-two" "$T/two"
said 'was chosen by these 20 pictures'
run 0 eval "$T/of-two" "$T/two" --split val
quiet
run 0 eval "$T/of-two" "$T/one"
quiet

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

# A training with a split file, measured without it: never silent, and it says what helps; with it
# only that the epoch was chosen by them; where the bytes are others, there is nothing to say.
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
    said 'was chosen by these 10 pictures'
    printed '"split":"val","task":"single","pictures":10,"failed":0,"learnt":0,'
done
run 0 eval "$T/thirds/best.safetensors" "$T/other" --split-file "$T/thirds.csv" --split train --json
quiet
printed '"learnt":20,'
cp -r "$T/other" "$T/anew"
for file in "$T"/anew/*/*.png; do echo >>"$file"; done
run 0 eval "$T/thirds/best.safetensors" "$T/anew"
quiet
run 0 info --json "$T/thirds/best.safetensors"
printed '"sample":['

# A row a picture, in the order of names, with every probability; and a page.
run 0 eval "$T/model" "$T/one" --csv "$T/rows.csv" --report "$T/page.html" --top-k 3 --json
quiet
printed '"k":3,'
head -1 "$T/rows.csv" | grep -q '^file,truth,answer,right,p:checker,p:circle,' ||
    fail "rows: $(head -1 "$T/rows.csv")"
[ "$(wc -l <"$T/rows.csv")" = 31 ] || fail "$(wc -l <"$T/rows.csv") rows"
tail -n +2 "$T/rows.csv" | sort -c -t, -k1,1 || fail "rows are in no order"
awk -F, -v accuracy="$(number accuracy)" '
    NR > 1 {
        right += $4
        sum = 0
        for (i = 5; i <= NF; i++)
            sum += $i
        bad = bad || sum < 0.999 || sum > 1.001 || ($2 == $3) != $4
    }
    END { exit bad || (right / (NR - 1) - accuracy) ^ 2 > 1e-9 }' "$T/rows.csv" ||
    fail "rows are not the figures"
grep -q '</html>' "$T/page.html" || fail "not the whole page"
grep -q 'among the top 3' "$T/page.html" || fail "the page has another k"
run 3 eval "$T/model" "$T/one" --csv "$T/rows.csv"
said '--force'
run 3 eval "$T/model" "$T/one" --report "$T/page.html"
said '--force'
run 3 eval "$T/model" "$T/one" --report "$(ls "$T"/one/test/ring/*.png | head -1)" --force
ring=$(ls "$T"/one/test/ring/*.png | head -1)
printf 'filename,label\n%s,ring\n' "$ring" | tee "$T/table.csv" >"$T/table.was"
run 3 eval "$T/model" "$T/table.csv" --csv "$T/table.csv" --force
said 'table.csv: is the input itself'
cmp "$T/table.csv" "$T/table.was"
run 4 eval "$T/model" "$T/one" --report "$T/nowhere/page.html"
[ ! -s "$T/out" ] || fail "an answer without its page"
run 0 eval "$T/model" "$T/one" --report "$T/page.html" --force
no_rest "$T"

# Two models: on the same pictures, and in whatever order they know the labels.
"$DISCERN" train "$T/one/train" --epochs 1 --size 32 --seed 5 --out "$T/run-twin" >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
cp "$T/run-twin/best.safetensors" "$T/twin"
run 0 eval "$T/model" "$T/twin" "$T/one" --json
accuracy=$(sed 's/.*"second"://' "$T/out" | grep -o '"accuracy":[0-9.e-]*' | head -1)
printed '"mcnemar_p":'
printed '"compared":{"both_right":'
run 0 eval "$T/twin" "$T/one" --json
printed "$accuracy,"
run 0 eval "$T/model" "$T/model" "$T/one"
printed 'the first alone 0, the second alone 0'
printed 'mid-p: 1.0000'
printed 'No difference is shown'
usage eval "$T/model" "$T/twin" "$T/one" --csv "$T/two.csv"
usage eval "$T/model" "$T/one" --csv "$T/both" --report "$T/both"
usage eval "$T/model" "$T/one" --csv ''
said '--csv: "" is no name of a file'
"$DISCERN" train "$T/other" --epochs 1 --size 32 --out "$T/run-few" >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
run 3 eval "$T/model" "$T/run-few/best.safetensors" "$T/one"
said 'knows 2 labels'
run 3 eval "$T/model" "$T/multi" "$T/one"
said 'are compared only'

# Several as one, and several views of a picture.
run 0 eval "$T/model,$T/twin" "$T/one" --json
quiet
loss=$(number log_loss)
run 0 eval "$T/twin,$T/model" "$T/one" --json --batch 7 --threads 1
awk -v a="$loss" -v b="$(number log_loss)" 'BEGIN { exit (a - b) ^ 2 > 1e-12 }' ||
    fail "another order, other answers"
run 0 eval "$T/model,$T/model" "$T/one" --json
grep -o '"accuracy":.*' "$T/out" >"$T/same"
run 0 eval "$T/model" "$T/one" --json
grep -o '"accuracy":.*' "$T/out" | cmp - "$T/same" || fail "twice the same answers otherwise"
loss=$(number log_loss)
run 0 eval "$T/model" "$T/one" --json --views mirror
[ "$(number log_loss)" != "$loss" ] || fail "a mirror image changes nothing"
run 3 eval "$T/model,$T/nowhere" "$T/one"
said nowhere

# Names that would be tags stay text.
hostile="<script>alert('1')<b>\"&"
cp -r "$T/other" "$T/names"
mv "$T/names/ring" "$T/names/$hostile"
for file in "$T"/names/star/*; do
    mv "$file" "${file%/*}/\"><img src=x onerror=alert(1)>${file##*/}"
done
"$DISCERN" train "$T/names" --epochs 1 --size 32 --out "$T/run-names" >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
run 0 eval "$T/run-names/best.safetensors" "$T/names" --split all --report "$T/names.html" \
    --csv "$T/names.csv"
! grep -qi '<script\|<img src=x\|onerror=alert(1)>' "$T/names.html" || fail "a name is a tag"
grep -q '&lt;script&gt;' "$T/names.html" || fail "a name is missing"
grep -qF "\"<script>alert('1')<b>\"\"&\"" "$T/names.csv" || fail "rows: $(head -2 "$T/names.csv")"

# A calibrated model: beside what it would be without, which --raw tells; and its promises.
"$DISCERN" calibrate "$T/model" "$T/one" --split all --force -o "$T/sure" >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
run 0 eval "$T/model" "$T/one" --json
loss=$(number log_loss) error=$(number calibration_error)
not_printed uncalibrated
run 0 eval "$T/sure" "$T/one" --json --report "$T/sure.html"
[ "$(number log_loss)" != "$loss" ] || fail "calibration changes nothing"
sed 's/.*"uncalibrated"://' "$T/out" >"$T/before"
printed '"bands":{"lo":{"answers":'
cp "$T/before" "$T/out"
awk -v a="$loss" -v b="$(number log_loss)" 'BEGIN { exit (a - b) ^ 2 > 1e-10 }' ||
    fail "uncalibrated it would be $(number log_loss), not $loss"
awk -v a="$error" -v b="$(number calibration_error)" 'BEGIN { exit (a - b) ^ 2 > 1e-8 }' ||
    fail "uncalibrated the error would be $(number calibration_error), not $error"
grep -q '^<tr><td>hi<td class=n>[0-9]*<td class=n>[0-9.]*%*.*<td class=n>95.00%</tr>$' \
    "$T/sure.html" || fail "the page has no bands"
grep -q '^<p>Called unknown: [0-9]* of [0-9]* pictures, ' "$T/sure.html" || fail "nor unknown"
grep -q uncalibrated "$T/sure.html" || fail "the page does not tell how it was before"
run 0 eval "$T/sure" "$T/one" --json --raw
[ "$(number log_loss)" = "$loss" ] || fail "--raw is not the model as it was"
not_printed uncalibrated
run 0 eval "$T/sure" "$T/one"
printed 'confidence as calibrated'
printed '   (uncalibrated '

# Several labels a picture.
run 0 eval "$T/multi" "$T/many/labels.csv"
grep -qE '^mAP +[0-9.]+%  +[0-9.]+ to +[0-9.]+   \(label frequencies: [0-9.]+%\)$' "$T/out" ||
    fail "headline: $(cat "$T/out")"
run 0 eval "$T/multi" "$T/many/labels.csv" --json --split all
printed '"task":"multi","pictures":40,'
[ -n "$(number mean_ap)" ] || fail "no mean_ap"
[ "$(grep -o '"ap":' "$T/out" | wc -l)" = 8 ] || fail "not 8 labels"
run 0 eval "$T/multi" "$T/many/labels.csv" --split all --csv "$T/many.csv" --report "$T/many.html"
awk -F, 'NR > 1 {
    told = $3 == "" ? 0 : split($3, label, "|")
    for (i = 5; i <= NF; i++)
        told -= $i >= 0.5
    if (told != 0)
        exit 1
}' "$T/many.csv" || fail "rows: $(head -3 "$T/many.csv")"
grep -q 'at a probability of 0.5' "$T/many.html" ||
    fail "the page does not say when a label is told"
"$DISCERN" train "$T/one/train" --task multi --epochs 1 --size 32 --out "$T/run-tags" \
    >"$T/log" 2>&1 || fail "$(cat "$T/log")"
"$DISCERN" calibrate "$T/run-tags/best.safetensors" "$T/one" --split all --force -o "$T/tags" \
    >"$T/log" 2>&1 || fail "$(cat "$T/log")"
run 0 eval "$T/tags" "$T/one" --split all --report "$T/tags.html"
printed 'pictures  threshold'
grep -q "at each label's own threshold" "$T/tags.html" || fail "the page knows no thresholds"
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
usage eval "$T/model" "$T/model" "$T/one" "$T/one"
run 3 eval "$T/model" "$T/one" "$T/one"
said 'is a folder'
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
for wrong in '--batch 0' '--threads x' '--min-accuracy 2' '--top -3' '--top-k 0' '--views two'; do
    usage eval "$T/model" "$T/one" $wrong
done
run 0 eval --help
printed 'usage: discern eval'
