#!/bin/sh
# predict: an answer for every readable picture, the others named; the same bits however it is run
set -eu
. tests/cli/expect

two_models
run 0 calibrate "$T/model" --reset
run 0 calibrate "$T/multi" --reset
p=$T/one/test/ring/$(ls "$T/one/test/ring" | head -1)

# One picture, one line.
run 0 predict "$T/model" "$p"
quiet
lines 1
grep -qE "^$p: [a-z-]+ [0-9.]+%, [a-z-]+ [0-9.]+%, [a-z-]+ [0-9.]+%\$" "$T/out" ||
    fail "$(cat "$T/out")"
run 0 predict "$T/model" "$p" --top 1
grep -qE "^$p: [a-z-]+ [0-9.]+%\$" "$T/out" || fail "$(cat "$T/out")"
run 0 predict "$T/model" "$p" --threshold 1
printed ': none (likeliest: '
run 0 predict --json --top 10 "$T/model" "$p"
lines 1
printed '{"schema":"discern.predict/1","model":'
printed '"pictures":1,"failed":0'
[ "$(grep -o '"probability":' "$T/out" | wc -l)" = 10 ] || fail "not 10 answers"

# Folders: everything below, sorted, hidden and other files left alone.
mkdir -p "$T/dir/b/c" "$T/dir/.hidden"
for f in z.png b/2.PNG b/c/1.png a.png .hidden/x.png; do
    cp "$p" "$T/dir/$f"
done
echo notes >"$T/dir/README.txt"
ln -s .. "$T/dir/b/up"
run 0 predict "$T/model" "$T/dir/" --top 1
quiet
[ "$(sed 's/: .*//' "$T/out")" = "$(printf "$T/dir/%s\n" a.png b/2.PNG b/c/1.png z.png)" ] ||
    fail "order: $(cat "$T/out")"

# The same bits, whatever the batch and the threads.
for model in model multi; do
    run 0 predict "$T/$model" "$T/one/train" --json --top 8 --batch 1 --threads 1
    cp "$T/out" "$T/ones"
    for how in '--batch 7 --threads 1' '--batch 64 --threads 2' '--batch 2 --threads 3' ''; do
        run 0 predict "$T/$model" "$T/one/train" --json --top 8 $how
        cmp "$T/out" "$T/ones" || fail "$model: $how changes answers"
    done
done

# Precision: fp32 unless bf16 is said, whose bits do not depend on batch and threads either.
run 0 predict "$T/model" "$T/one/train" --json --top 8 --batch 1 --threads 1
cp "$T/out" "$T/ones"
run 0 predict "$T/model" "$T/one/train" --json --top 8 --precision fp32
cmp "$T/out" "$T/ones" || fail "fp32 is not what is meant"
run 0 predict "$T/model" "$T/one/train" --json --top 8 --precision bf16
! cmp -s "$T/out" "$T/ones" || fail "bf16 changes nothing"
cp "$T/out" "$T/half"
run 0 predict "$T/model" "$T/one/train" --json --top 8 --precision bf16 --batch 5 --threads 1
cmp "$T/out" "$T/half" || fail "bf16: the batch changes answers"
usage predict "$T/model" "$p" --precision fp16
said 'bf16'

# Several labels a picture.
run 0 predict "$T/multi" "$p" --threshold 0
[ "$(grep -o '%' "$T/out" | wc -l)" = 8 ] || fail "not all 8 labels: $(cat "$T/out")"
run 0 predict "$T/multi" "$p" --threshold 0 --top 2
[ "$(grep -o '%' "$T/out" | wc -l)" = 2 ] || fail "not 2 labels: $(cat "$T/out")"
run 0 predict "$T/multi" "$p" --threshold 1
printed 'none (likeliest: '
run 0 predict "$T/multi" "$p" --threshold 1 --json
printed '"threshold":1,'
printed '"answers":[]'

# What a model says must be numbers: else each picture is named, and none has an answer.
overflowing "$T/model" "$T/huge"
run 3 predict "$T/huge" "$p"
said "$p: what $T/huge says of it is no finite number: its weights are damaged, or far too large"
lines 0
run 3 predict "$T/model,$T/huge" "$p" "$p" --json
said "2 of 2 could not be answered"
printed '"error":{"code":3,"message":"'"$p: what $T/huge says of it"
run 3 eval "$T/huge" "$T/one/test"
said "what $T/huge says of it is no finite number"
run 3 calibrate "$T/huge" "$T/one/test" --split all
said "what $T/huge says of it is no finite number"
run 3 embed "$T/huge" "$p"
said "$p: what $T/huge says of it is no finite number"
run 3 embed "$T/huge" "$p" -o "$T/huge.npy"
[ ! -e "$T/huge.npy" ] || fail "embed wrote what is no number"
for what in cluster errors; do
    run 3 data $what "$T/one/test" --model "$T/huge"
    said "what $T/huge says of it is no finite number"
done
mkdir "$T/asked"
cp "$p" "$T/asked"
run 3 data similar "$p" --in "$T/asked" --model "$T/huge"
said "what $T/huge says of it is no finite number"

# Lists: lines, 0 bytes, folders in them, line ends of others; behind what the command line names.
d=$T/dir
printf '%s\r\n\n%s\n%s' "$d/z.png" "$d/b" "$d/a.png" >"$T/list"
run 0 predict "$T/model" "$d/a.png" --files-from "$T/list" --top 1
[ "$(sed 's/: .*//' "$T/out")" = "$(printf "$d/%s\n" a.png z.png b/2.PNG b/c/1.png a.png)" ] ||
    fail "list: $(cat "$T/out")"
cp "$p" "$d/line
end.png"
find "$d" -name '*end.png' -print0 >"$T/list0"
run 0 predict "$T/model" --files-from "$T/list0" -0 --ndjson
lines 1
printed '{"schema":"discern.predict.line/1","file":"'"$d"'/line\nend.png","answers":[{"label":"'
"$DISCERN" predict "$T/model" --files-from - --null --csv <"$T/list0" >"$T/out" 2>"$T/err" ||
    fail "$(cat "$T/err")"
[ "$(head -1 "$T/out")" = file,rank,label,probability,band,unknown,error ] || fail "$(cat "$T/out")"
printed "\"$d/line"
rm "$d/line
end.png"
run 3 predict "$T/model" --files-from "$T/list0"
said '--null'
: >"$T/none"
run 0 predict "$T/model" --files-from "$T/none"
lines 0
run 3 predict "$T/model" --files-from "$T/no-list"
run 3 predict "$T/model" --files-from "$T/list" "$T/gone.png" --json
printed '"pictures":5,"failed":1,'
# A list that is being written is answered as far as it goes.
mkfifo "$T/pipe"
rm "$T/out"
"$DISCERN" predict "$T/model" --files-from - --top 1 <"$T/pipe" >"$T/out" 2>"$T/err" &
exec 3>"$T/pipe"
echo "$d/a.png" >&3
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$T/out" ] || sleep 0.5
done
lines 1
echo "$d/z.png" >&3
exec 3>&-
wait $! || fail "$(cat "$T/err")"
lines 2
rm "$T/pipe"

# A picture on standard input: as in a file, or bytes that are none.
run 0 predict "$T/model" "$p" --csv
sed 's/^[^,]*,/-,/' "$T/out" | tail -n +2 >"$T/want"
"$DISCERN" predict "$T/model" - --csv <"$p" >"$T/out" 2>"$T/err" || fail "$(cat "$T/err")"
tail -n +2 "$T/out" | cmp - "$T/want" || fail "stdin: $(cat "$T/out")"
rc=0
echo none | "$DISCERN" predict "$T/model" - "$p" --top 1 >"$T/out" 2>"$T/err" || rc=$?
[ $rc = 3 ] || fail "no picture on stdin: status $rc"
said 'standard input: '
lines 1

# Every form tells the same.
run 3 predict "$T/model" "$d" "$T/gone.png" --json
cp "$T/out" "$T/json"
grep -o '{"file":.*' "$T/json" | sed 's/}\]}$//; s/},{"file"/}\n{"file"/g' >"$T/want"
run 3 predict "$T/model" "$d" "$T/gone.png" --ndjson
sed 's/"schema":"discern.predict.line\/1",//' "$T/out" | head -4 >"$T/got"
head -4 "$T/want" | cmp - "$T/got" || fail "ndjson: $(cat "$T/got")"
run 3 predict "$T/model" "$d" "$T/gone.png" --csv
grep -o '"probability":[0-9.e-]*' "$T/json" | sed 's/.*://' >"$T/want"
awk -F, 'NR > 1 && $4 { print $4 }' "$T/out" | cmp - "$T/want" || fail "csv: $(cat "$T/out")"
tail -1 "$T/out" | grep -q "^$T/gone.png,0,,,,,$T/gone.png: " || fail "csv: $(tail -1 "$T/out")"

# Networks and views that answer as one.
run 0 predict "$T/model,$T/model" "$d" --json
sed 's/"model":"[^"]*"//' "$T/out" >"$T/got"
run 0 predict "$T/model" "$d" --json
sed 's/"model":"[^"]*"//' "$T/out" | cmp - "$T/got" || fail "a model with itself answers otherwise"
run 0 predict "$T/model" "$d" --json --views mirror
sed 's/"model":"[^"]*"//' "$T/out" | cmp -s - "$T/got" && fail "the mirror changes nothing"
run 3 predict "$T/model,$T/multi" "$p"
said 'models answer together only when'
run 3 predict "$T/model,$T/no-such" "$p"
cp "$T/model" "$T/a,b"
run 0 predict "$T/a,b" "$p"
run 3 predict "$T/model" "$p" --unknown
said 'discern calibrate'

# A calibrated model says what its answers are worth; --raw takes that back; unknown is an answer.
cp "$T/model" "$T/sure"
run 0 calibrate "$T/sure" "$T/one" --split all --force --false-alarms 0.5
run 0 predict "$T/sure" "$T/one/test" --top 1
grep -qE ': [a-z-]+ [0-9.]+%  \[(lo|med|hi)\]' "$T/out" || fail "no band: $(cat "$T/out")"
printed '[unknown?]'
run 0 predict "$T/sure" "$T/one/test" --top 1 --unknown
cp "$T/out" "$T/text"
printed ': unknown (likeliest: '
n=$(grep -c ': unknown (' "$T/out")
run 0 predict "$T/sure" "$T/one/test" --top 1 --unknown --json
[ "$(grep -o '"answers":\[\],"band":"[a-z]*","unknown":true' "$T/out" | wc -l)" = "$n" ] ||
    fail "json: not $n unknown"
printed '"unknown":false'
run 0 predict "$T/sure" "$T/one/test" --top 1 --unknown --csv
[ "$(grep -c ',0,unknown,,[a-z]*,1,$' "$T/out")" = "$n" ] || fail "csv: not $n unknown"
run 0 predict "$T/sure,$T/model" "$T/one/test" --top 1 --unknown
[ "$(sed -n 's/: unknown (.*//p' "$T/out")" = "$(sed -n 's/: unknown (.*//p' "$T/text")" ] ||
    fail "the first of two models does not say what is unknown"
run 0 predict "$T/sure" "$T/one/test" --unknown --sort-into "$T/sorted"
[ "$(ls "$T/sorted/_unknown" | wc -l)" = "$n" ] || fail "not $n in _unknown"
run 0 predict "$T/sure" "$T/one/test" --raw
cp "$T/out" "$T/raw"
run 0 predict "$T/model" "$T/one/test"
cmp "$T/out" "$T/raw" || fail "--raw is not the model without calibration"

# Names: options look-alikes, spaces, what terminals obey.
cp "$p" "$T/dir/--json.png"
(cd "$T/dir" && "$DISCERN" predict ../model --top 1 -- --json.png >"$T/out" 2>"$T/err") ||
    fail "--: $(cat "$T/err")"
printed '--json.png: '
odd=$(printf 'a b\nc\033[31m\302\233d\377.png')
cp "$p" "$T/dir/$odd"
run 0 predict "$T/model" "$T/dir/$odd" --top 1
lines 1
printed '/a b?c?[31m?d'
run 0 predict "$T/model" "$T/dir/$odd" --json
printed '/a b\nc\u001b[31m'
rm "$T/dir/$odd"

# Broken pictures are named, the others answered, and the status says so.
mkdir "$T/bad" "$T/empty"
cp "$p" "$T/bad/good1.png"
cp "$p" "$T/bad/good2.png"
head -c 300 "$p" >"$T/bad/cut.png"
: >"$T/bad/zero.jpg"
echo 'hello, I am a text' >"$T/bad/text.jpg"
head -c 2000 "$T/model" >"$T/bad/noise.png"
{ head -c 100 "$p"; printf 'XXXXXXXX'; tail -c +109 "$p"; } >"$T/bad/flipped.png"
run 3 predict "$T/model" "$T/bad" "$T/gone.png" --top 1
[ "$(sed 's/: .*//' "$T/out")" = "$(printf "$T/bad/%s\n" good1.png good2.png)" ] ||
    fail "$(cat "$T/out")"
for f in bad/cut.png bad/zero.jpg bad/text.jpg bad/noise.png bad/flipped.png gone.png; do
    said "discern: $T/$f: "
done
said '6 of 8 could not be answered'
run 3 predict "$T/model" "$T/bad" "$T/empty" --json
lines 1
printed '"pictures":7,"failed":6,'
printed "{\"file\":\"$T/bad/cut.png\",\"error\":{\"code\":3,\"message\":\"$T/bad/cut.png: truncated"
printed "{\"file\":\"$T/empty\",\"error\":{\"code\":3,"
printed "{\"file\":\"$T/bad/good2.png\",\"answers\":[{\"label\":"
run 3 predict "$T/model" "$T/empty"
said "$T/empty: no pictures"
[ ! -s "$T/out" ] || fail "an answer for nothing"
run 3 predict "$T/model" "$T/bad/zero.jpg"
mkfifo "$T/fifo"
run 3 predict "$T/model" "$T/fifo"
said 'fifo'

# What the network sees, as numbers: 128 bytes and a float each.
run 0 predict "$T/model" "$T/one/val" --dump-input "$T/x.npy"
n=$(find "$T/one/val" -name '*.png' | wc -l)
lines "$n"
[ "$(wc -c <"$T/x.npy")" = $((128 + n * 32 * 32 * 3 * 4)) ] ||
    fail "x.npy: $(wc -c <"$T/x.npy") bytes"
head -c 128 "$T/x.npy" | grep -aqF "'shape': ($n, 32, 32, 3)" ||
    fail "x.npy: $(head -c 128 "$T/x.npy")"
cp "$T/x.npy" "$T/y.npy"
run 3 predict "$T/model" "$p" --dump-input "$T/x.npy"
said '--force'
cmp "$T/x.npy" "$T/y.npy" || fail "x.npy was overwritten"
run 0 predict "$T/model" "$T/one/val" --dump-input "$T/x.npy" --force --batch 3
cmp "$T/x.npy" "$T/y.npy" || fail "the batch changes x.npy"
cp "$p" "$T/read.png"
cp "$T/model" "$T/read.model"
echo "$p" >"$T/read.list"
for file in png model list; do
    cp "$T/read.$file" "$T/read.was"
    run 3 predict "$T/model,$T/read.model" --files-from "$T/read.list" "$T/read.png" \
        --dump-input "$T/read.$file" --force
    said "read.$file: is the input itself"
    cmp "$T/read.$file" "$T/read.was"
done
run 3 predict "$T/model" "$T/bad" --dump-input "$T/bad.npy"
[ "$(wc -c <"$T/bad.npy")" = $((128 + 7 * 32 * 32 * 3 * 4)) ] || fail "bad.npy: a row is missing"
run 4 predict "$T/model" "$p" --dump-input "$T/no/folder/x.npy"
[ ! -s "$T/out" ] || fail "answered although the dump cannot be written"
if [ -w /dev/full ]; then
    for how in '' --json "--dump-input $T/full.npy"; do
        rc=0
        "$DISCERN" predict "$T/model" "$T/one/val" $how >/dev/full 2>"$T/err" || rc=$?
        [ $rc = 4 ] || fail "full disk $how: status $rc"
        said 'standard output'
    done
    [ ! -e "$T/full.npy" ] || fail "full disk: a dump all the same"
fi

# A reader that leaves, and a signal, take the half-written dump away.
d=$T/one/train
set -- "$d" "$d" "$d" "$d" "$d"
set -- "$@" "$@" "$@" "$@"
"$DISCERN" predict "$T/model" "$@" --batch 1 --dump-input "$T/pipe.npy" 2>"$T/err" |
    head -1 >"$T/out"
[ ! -e "$T/pipe.npy" ] || fail "closed pipe: a dump all the same"
"$DISCERN" predict "$T/model" "$@" --batch 1 --dump-input "$T/term.npy" >"$T/out" 2>"$T/err" &
until [ -n "$(find "$T" -name 'term.npy*')" ]; do
    kill -0 $! 2>/dev/null || fail "it ended before its dump began"
    sleep 0.05
done
kill -TERM $!
rc=0
wait $! || rc=$?
[ $rc = 143 ] || fail "SIGTERM: status $rc"
[ ! -e "$T/term.npy" ] || fail "SIGTERM: a dump all the same"
no_rest "$T"

predict_fails() {
    run 3 predict "$1" "$p"
    [ ! -s "$T/out" ] || fail "$1: printed something"
}
broken_models "$T/model" predict_fails
run 3 predict --json "$T/no-such-model" "$p"
printed '{"error":{"code":3,"message":"'

run 3 predict "$p" "$p"
said "$p: is a picture, no model"

usage predict
usage predict "$T/model"
usage predict "$T/model" "$p" --tpo 1
said 'did you mean --top?'
usage predct "$T/model" "$p"
said 'did you mean "predict"?'
usage predict "$T/model" - -
usage predict "$T/model" - --files-from -
usage predict "$T/model" "$p" -0
run 2 predict "$T/model" "$p" --json --csv
for wrong in '--views two' '--top x' \
    '--top -1' '--top 1e99' '--threshold 2' '--threshold nan' '--batch 0' \
    '--batch 1.5' '--threads 99999' '--threads=' '--json=maybe' --dump-input; do
    usage predict "$T/model" "$p" $wrong
done
run 0 predict --help
printed 'usage: discern predict'
