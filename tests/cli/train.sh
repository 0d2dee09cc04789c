#!/bin/sh
# train: from a folder to a model; the same again; bad data and nonsense values; signals;
# nothing half-written
set -eu
. tests/cli/expect

draw_net
tiny="--arch $T/tiny.net --epochs 1"

draw_one
draw_many

# ---- what is written and said ----
run 0 train "$T/one" --epochs 2 --out "$T/a" --threads 1
lines 1
printed "$T/a/best.safetensors"
said 'size 32'
said 'batch '
said 'epoch 1/2: loss '
said 'epoch 2/2: loss '
said 'trained in '
said "discern eval $T/a/best.safetensors $T/one"
said 'resize crop: '
[ "$(ls "$T/a" | sed 's/tfevents\..*/tfevents/' | xargs)" = "best.safetensors \
events.out.tfevents last.safetensors log.jsonl metrics.csv previous.safetensors report.html \
run.json split.csv" ] ||
    fail "the run folder: $(ls "$T/a")"
# The report asks the file, and gets what the training told.
accuracy=$(sed -n 's/.*trained in .*: accuracy \([0-9.]*\) on .*/\1/p' "$T/err" |
    awk '{ printf "%.2f%%", 100 * $1 }')
grep -q "</i>accuracy $accuracy<" "$T/a/report.html" || fail "the report does not say $accuracy"
grep -q '<td>lr<td class=name>0.0125<td>' "$T/a/report.html" || fail "no reason for the rate"
! grep -q 'stopped before its end' "$T/a/report.html" || fail "the report says: stopped"
run 0 info "$T/a/last.safetensors"
printed resnet_small
not_printed "$T/one"

# same A B: the best models are the same but for the date, and the arrays of the trainings (at the
# end of the last models, which also hold times) are the same.
same() {
    undated "$1/best.safetensors" >"$T/x"
    undated "$2/best.safetensors" >"$T/y"
    cmp "$T/x" "$T/y" || fail "$1, $2: best differs"
    more=$((($(wc -c <"$1/last.safetensors") - $(wc -c <"$1/best.safetensors")) / 2))
    tail -c $more "$1/last.safetensors" >"$T/x"
    tail -c $more "$2/last.safetensors" >"$T/y"
    cmp "$T/x" "$T/y" || fail "$1, $2: last differs"
}

# The same seed gives the same values, whatever the threads.
run 0 train "$T/one" --epochs 2 --out "$T/b" --threads 3 --quiet
quiet
same "$T/a" "$T/b"
run 0 train "$T/one" --epochs 2 --out "$T/c" --seed 1 --quiet
tail -c 1000000 "$T/b/last.safetensors" >"$T/x"
tail -c 1000000 "$T/c/last.safetensors" >"$T/y"
if cmp -s "$T/x" "$T/y"; then fail "another seed gives the same"; fi

run 0 train "$T/one" $tiny --out "$T/j" --json
lines 1
printed '"schema":"discern.train/1"'
printed "\"best\":\"$T/j/best.safetensors\""
printed '"accuracy":'
printed '"history":[{"epoch":1,'
loss=$(number loss)
for optim in adamw lamb lion muon; do
    run 0 train "$T/one" $tiny --out "$T/$optim" --quiet --optim $optim --sched plateau --clip 1 \
        --ema 0.9 --lookahead 2 --loss focal --class-weights balanced --accumulate 2 --batch 8
done
run 0 train "$T/one" $tiny --out "$T/j2" --json --sampling balanced
printed '"sampling":"balanced"'
[ "$(number loss)" != "$loss" ] || fail "balanced sampling changes nothing: $loss"
run 0 train "$T/many/labels.csv" $tiny --out "$T/m" --json
printed '"mAP":'
said 'resize squash: '

# The split that was used, for --split-file and for people.
head -1 "$T/a/split.csv" | grep -qx 'name,split' || fail "split.csv: header"
[ "$(grep -c ',val$' "$T/a/split.csv")" = "$(find "$T/one/val" -name '*.png' | wc -l)" ] ||
    fail "split.csv: val"

printed '"waited":'

# Every event as it comes, the same that the log holds, and no other word on stdout.
run 0 train "$T/one" $tiny --out "$T/lj" --log-json
[ "$(grep -vc '^{"schema":"discern.train.event/1","event":"[a-z_]*","time":.*}$' "$T/out")" = 0 ] ||
    fail "not all are events: $(head -c 2000 "$T/out")"
untimed() { sed 's/"time":[0-9.]*//' "$1"; }
untimed "$T/out" >"$T/x"
untimed "$T/lj/log.jsonl" >"$T/y"
cmp "$T/x" "$T/y" || fail "streamed and logged differ"
[ "$(sed -n '$s/.*"event":"\([a-z]*\)".*/\1/p' "$T/out")" = end ] || fail "the last is no end"
[ "$(wc -l <"$T/lj/metrics.csv")" = 2 ] || fail "metrics.csv: $(cat "$T/lj/metrics.csv")"
# Streams that are closed: what is said goes nowhere, and into no file.
"$DISCERN" train "$T/one" $tiny --out "$T/closed" >"$T/out" 2>&- <&-
! grep -v '^{.*}$' "$T/closed/log.jsonl" || fail "said into log.jsonl"
printed "$T/closed/best.safetensors"
rc=0
"$DISCERN" train "$T/one" $tiny --out "$T/closed2" >&- 2>"$T/err" || rc=$?
[ "$rc" = 4 ] || fail "no standard output, and status $rc: $(cat "$T/err")"
run 2 train "$T/one" $tiny --out "$T/never" --log-json --json
run 3 train "$T/empty" --log-json
printed '{"error":{"code":3,'
# A reader who goes does not end the training; the status tells.
{
    sleep 0.1
    "$DISCERN" train "$T/one" $tiny --out "$T/gone-reader" --log-json 2>"$T/err" || echo $? >"$T/rc"
} | true
[ "$(cat "$T/rc")" = 4 ] || fail "the reader has gone: status $(cat "$T/rc"): $(cat "$T/err")"
[ "$(grep -c 'the stream of events: .*goes on without it' "$T/err")" = 1 ] || fail "$(cat "$T/err")"
[ -e "$T/gone-reader/best.safetensors" ] || fail "a reader who goes ends the training"

# ---- decoded pictures are kept, and it makes no difference where, or whether ----
kept="--arch $T/tiny.net --epochs 4"
run 0 train "$T/one" $kept --out "$T/k0" --cache off
not_said 'cache:'
rm -rf "$XDG_CACHE_HOME"
run 0 train "$T/one" $kept --out "$T/k1"
said "cache: the first epoch fills $XDG_CACHE_HOME/discern with decoded pictures, about "
same "$T/k0" "$T/k1"
run 0 train "$T/one" $kept --out "$T/k2" --cache "$T/kept"
said "cache: the first epoch fills $T/kept with decoded pictures, about "
same "$T/k0" "$T/k2"
[ "$(ls "$T/kept" | sed 's/^[0-9a-f]*//' | sort | uniq -c | xargs)" = '2 .pixels' ] ||
    fail "in the cache: $(ls "$T/kept")"
run 0 train "$T/one" $kept --out "$T/k3" --cache "$T/kept"
said "cache: decoded pictures are reused from $T/kept, "
same "$T/k0" "$T/k3"
for file in "$T"/kept/*; do
    head -c 1000 "$file" >"$T/x"
    cp "$T/x" "$file"
done
run 0 train "$T/one" $kept --out "$T/k4" --cache "$T/kept"
said "cache: the first epoch fills $T/kept with decoded pictures, about "
same "$T/k0" "$T/k4"
run 0 train "$T/one" $kept --out "$T/k5" --cache "$T/x"
said 'cache: pictures are decoded in every epoch'
same "$T/k0" "$T/k5"

# ---- grey ----
run 0 train "$T/one" --epochs 1 --channels grey --background 0,0,0 --resize letterbox \
    --filter bicubic --out "$T/g"
run 0 info "$T/g/best.safetensors"
printed '32 x 32 pixels, grey'
printed 'background 0'
printed 'resize letterbox'
printed 'filter bicubic'
run 0 eval "$T/g/best.safetensors" "$T/one"
run 0 predict "$T/g/best.safetensors" "$T/one/val" --dump-input "$T/g.npy"
head -c 128 "$T/g.npy" | grep -aqF ', 32, 32, 1)' || fail "dump: $(head -c 128 "$T/g.npy")"
run 0 export "$T/g/best.safetensors" -o "$T/g.onnx"
said 'image [1,1,32,32]'
run 3 train "$T/one" $tiny --channels grey --out "$T/never"
said '--channels'

# ---- folders ----
bin=$DISCERN
top=$(pwd)
cd "$T"
run 0 train one $tiny --quiet
lines 1
printed runs/train-1/best.safetensors
run 0 train one $tiny --quiet
printed runs/train-2/best.safetensors
cd "$top"
cp "$T/a/best.safetensors" "$T/x"
run 3 train "$T/one" $tiny --out "$T/a"
said '--force'
cmp "$T/x" "$T/a/best.safetensors" || fail "refused, and still written"
run 0 train "$T/one" $tiny --out "$T/a" --force
run 3 train "$T/one" $tiny --out "$T/x"
run 0 train "$T/one" $tiny --out "$T/new/deep/er"
[ -e "$T/new/deep/er/best.safetensors" ] || fail "no file in a deep folder"

# A folder without parts is split; a file that cannot be read is left out, and named.
mkdir "$T/with space"
cp -r "$T/one/train/star" "$T/one/train/ring" "$T/with space"
echo 'no picture' >"$T/with space/star/broken.png"
run 0 train "$T/with space" $tiny --out "$T/s"
said 'held out'
said 'broken.png'
said 'left out'
said "discern eval $T/s/best.safetensors '$T/with space'"

# ---- time: what repeats it is told when it is known, with the steps that were made ----
run 0 train "$T/one" --arch "$T/tiny.net" --time 1s --out "$T/timed" --json
[ "$(grep -c 'the machine is slower' "$T/err")" -le 1 ] ||
    fail "tells each new plan: $(cat "$T/err")"
[ "$(grep -c -e '--steps ' "$T/err")" = 1 ] || fail "not one --steps: $(cat "$T/err")"
said 'instead of --time repeats this training'

# ---- where nothing can be written: status 4 ----
run 4 train "$T/one" $tiny --out /proc/no/folder

# ---- bad data: status 3, one line at most beside notes, no folder left ----
refused() {
    run "$@" --out "$T/never"
    [ ! -e "$T/never" ] || fail "$*: left $(find "$T/never")"
    [ ! -s "$T/out" ] || fail "$*: an answer"
}
mkdir -p "$T/empty" "$T/lone/cat" "$T/none/a" "$T/none/b"
cp "$T"/one/train/star/*.png "$T/lone/cat"
echo 'no picture' >"$T/none/a/1.png"
cp "$T/none/a/1.png" "$T/none/a/2.png"
cp "$T/none/a/1.png" "$T/none/b/1.png"
cp "$T/none/a/1.png" "$T/none/b/2.png"
refused 3 train "$T/empty"
refused 3 train "$T/lone"
refused 3 train "$T/none"
# What makes no sense is said before anything is read, and so is a val part that is of no use.
refused 2 train "$T/none" --epochs 2 --steps 3
refused 2 train "$T/no such path" --epochs 2 --steps 3
mkdir -p "$T/blind/train" "$T/blind/val"
cp -r "$T/one/train/star" "$T/one/train/ring" "$T/blind/train"
cp -r "$T/none/a" "$T/blind/val/star"
refused 3 train "$T/blind" $tiny
said 'none of the 2 pictures to check with can be read'
said '1.png'
if grep -q 'epoch 1' "$T/err"; then fail "a blind val part: trained first"; fi
refused 3 train "$T/no such path"
said 'no such path'
refused 3 train "$T/one/train/star/$(ls "$T/one/train/star" | head -1)"
refused 2 train "$T/one" --arch resnet_smal
said 'did you mean "resnet_small"? (discern info --models'
refused 2 train "$T/one" --format foldr
refused 3 train "$T/one" --arch "$T/no.net"
refused 3 train "$T/one" --arch resnet_small --size 8
echo 'image = input shape=16x16x3' >"$T/bad.net"
refused 3 train "$T/one" --arch "$T/bad.net"
refused 2 train "$T/one" --isa avx9
refused 2 train "$T/one" --optim sdg
refused 2 train "$T/one" $tiny --freeze 'layr*' --out "$T/none"
run 3 train "$T/empty" --json
printed '{"error":{"code":3,'

# ---- nonsense: status 2 ----
nonsense() {
    usage "$@" --out "$T/never"
    [ ! -e "$T/never" ] || fail "$*: left a folder"
}
nonsense train
nonsense train "$T/one" "$T/one"
nonsense train "$T/one" --epoch 3
said '--epochs'
nonsense train "$T/one" --epochs three
nonsense train "$T/one" --epochs -1
nonsense train "$T/one" --lr nan
nonsense train "$T/one" --lr -0.1
nonsense train "$T/one" --momentum 1.5
nonsense train "$T/one" --size 100000
nonsense train "$T/one" --time tomorrow
nonsense train "$T/one" --channels blue
nonsense train "$T/one" --filter sharp
nonsense train "$T/one" --background 256,0,0
nonsense train "$T/one" --augment extreme
nonsense train "$T/one" --augment crop,flipp
said 'did you mean "flip"?'
nonsense train "$T/one" --augment flip:0.5
said 'flip:1:0.5'
nonsense train "$T/one" --augment crop:2
nonsense train "$T/one" --val 1
nonsense train "$T/one" --threads 1000000
run 2 train "$T/one" --epochs 3 --time 5s --out "$T/never"
run 2 train "$T/one" --batch 1 --out "$T/never"
[ ! -e "$T/never" ] || fail "left a folder"

# ---- how data are read: said once, said again for whoever reads them next ----
printf 'ring\nstar\n' >"$T/the classes"
ln -s nowhere "$T/one/train/ring/gone.png"
run 0 train "$T/one/train" --steps 1 --size 32 --out "$T/gone" --json
said '1 left out: '
said 'ring/gone.png (a link that leads nowhere)'
lines 1
rm "$T/one/train/ring/gone.png"
run 0 train "$T/one" --epochs 1 --size 32 --classes "$T/the classes" --group '^[a-z]*/[a-z]*/(.)' \
    --task single --out "$T/two" --json
said 'its class is not among those asked for'
said "--task single --classes '$T/the classes' --group"
run 0 train "$T/one" $tiny --split-file "$T/a/split.csv" --out "$T/again"
said "discern eval $T/again/best.safetensors $T/one --split-file $T/a/split.csv"
run 0 info --json "$T/two/best.safetensors"
printed '"labels":["ring","star"]'
refused 3 train "$T/one" --epochs 1 --split-file "$T/nowhere.csv"
said nowhere.csv
refused 3 train "$T/one" --epochs 1 --group '('
said 'nor a regular expression'

# ---- a folder that a training is using is refused, whoever asks ----
"$DISCERN" train "$T/one" --arch "$T/tiny.net" --time 30s --out "$T/busy" --quiet \
    >"$T/log" 2>&1 &
busy=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ ! -e "$T/busy/.lock" ] || break
    sleep 0.1
done
run 4 train "$T/one" $tiny --out "$T/busy" --force
said "$T/busy: a training is under way in it: process $busy on "
kill "$busy"
wait "$busy" || :
run 0 train "$T/one" $tiny --out "$T/busy" --force

# ---- divergence: status 6, and no model ----
refused 6 train "$T/one" --epochs 2 --lr 1e30
said 'learning rate'

# ---- files that may not grow: an error of the writer, and nothing half-written ----
rc=0
(ulimit -f 100 && exec "$DISCERN" train "$T/one" --steps 2 --size 32 --cache "$T/cache-small" \
    --out "$T/no-room") >"$T/out" 2>"$T/err" || rc=$?
[ "$rc" = 4 ] || fail "no room for the model: status $rc: $(tail -3 "$T/err")"
said 'no-room/'
[ ! -e "$T/no-room/best.safetensors" ] || fail "half a model was left"

# ---- signals: what is there is saved, and the status says which ----
for signal in INT:130 TERM:143; do
    rc=0
    timeout --preserve-status -s "${signal%:*}" 2 "$DISCERN" train "$T/one" \
        --arch "$T/tiny.net" --epochs 100000 \
        --out "$T/stop-$signal" >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = "${signal#*:}" ] || fail "$signal: status $rc: $(tail -3 "$T/err")"
    said "discern train --resume $T/stop-$signal"
    run 0 info "$T/stop-$signal/last.safetensors"
    grep -q 'stopped before its end' "$T/stop-$signal/report.html" || fail "$signal: no report"
done
no_rest "$T"
