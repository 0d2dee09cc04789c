#!/bin/sh
# data similar: the nearest come first, a picture is not like itself, labels are told
set -eu
. tests/cli/expect

draw_colours
bmp "$T/reddish.bmp" 215 12 25

run 0 data similar "$T/reddish.bmp" --in "$T/colours" --model "$T/eyes" --top 12
[ "$(head -1 "$T/out")" = "$T/reddish.bmp" ] || fail "$(head -1 "$T/out")"
lines 13
pattern='^  [ 01.]+[0-9]+  red/[0-9]+\.bmp \(red\)$'
[ "$(grep -cE "$pattern" "$T/out")" = 12 ] || fail "$(cat "$T/out")"
sed 1d "$T/out" | awk '{ if (NR > 1 && $1 > last) exit 1; last = $1 }' || fail "not in order"

# One of the set is not in its own list, as another file it is.
run 0 data similar "$T/colours/blue/3.bmp" --in "$T/colours" --model "$T/eyes" --top 36
not_printed ' blue/3.bmp '
lines 36
cp "$T/colours/blue/3.bmp" "$T/copy.bmp"
run 0 data similar "$T/copy.bmp" --in "$T/colours" --model "$T/eyes" --top 1
printed '   1.000  blue/3.bmp (blue)'

run 0 data similar "$T/reddish.bmp" "$T/copy.bmp" --in "$T/colours" --model "$T/eyes" --json \
    --html "$T/s.html" --top 3
lines 1
printed '"schema":"discern.data.similar/1"'
[ "$(grep -o '"cosine":' "$T/out" | wc -l)" = 6 ] || fail "not three each"
[ "$(grep -o '<img alt' "$T/s.html" | wc -l)" = 8 ] || fail "not every picture is on the page"
cp "$T/out" "$T/want"
run 0 data similar "$T/reddish.bmp" "$T/copy.bmp" --in "$T/colours" --model "$T/eyes" --json \
    --html "$T/s.html" --top 3 --threads 1 --batch 1 --force
cmp "$T/out" "$T/want" || fail "threads change what is similar"

# A broken one is named, the others are answered.
head -c 60 "$T/copy.bmp" >"$T/broken.bmp"
run 3 data similar "$T/broken.bmp" --in "$T/colours" --model "$T/eyes"
said broken.bmp
[ ! -s "$T/out" ] || fail "an answer about a broken picture"
run 3 data similar "$T/broken.bmp" "$T/copy.bmp" --in "$T/colours" --model "$T/eyes" --top 1
said broken.bmp
lines 2
run 3 data similar "$T/no-such.bmp" --in "$T/colours" --model "$T/eyes"
said no-such.bmp
run 3 data similar "$T/colours" --in "$T/colours" --model "$T/eyes"
said 'is a folder'
run 3 data similar "$T/copy.bmp" --in "$T/no-such-set" --model "$T/eyes"
said no-such-set
usage data similar "$T/copy.bmp" --model "$T/eyes"
said '--in DATA'
usage data similar "$T/copy.bmp" --in "$T/colours"
said '--model MODEL'
run 3 data similar "$T/copy.bmp" --in "$T/colours" --model "$T/eyes" --html "$T/copy.bmp" --force
cmp "$T/copy.bmp" "$T/colours/blue/3.bmp" || fail "the picture was written over"
no_rest "$T"
