#!/bin/sh
# data errors: wrong labels are found, the set is as it was, and what is written can be learnt from
set -eu
. tests/cli/expect

draw_colours
run 0 data errors "$T/colours" --model "$T/eyes" --strict
printed ': 0 of 36 pictures are likely labelled wrongly (0.0%)'

mv "$T/colours/red/4.bmp" "$T/colours/blue/r4.bmp"
mv "$T/colours/green/9.bmp" "$T/colours/red/g9.bmp"
run 0 data errors "$T/colours" --model "$T/eyes" --csv "$T/e.csv" --html "$T/e.html" \
    -o "$T/kept.csv"
printed ': 2 of 36 pictures are likely labelled wrongly'
printed 'blue/r4.bmp'
printed 'red/g9.bmp'
grep -qE '^blue/r4.bmp,blue,red,0[.0-9e-]*,0\.[0-9]+$' "$T/e.csv" || fail "$(cat "$T/e.csv")"
grep -qE '^red/g9.bmp,red,green,' "$T/e.csv" || fail "$(cat "$T/e.csv")"
[ "$(wc -l <"$T/e.csv")" = 3 ] || fail "$(cat "$T/e.csv")"
[ "$(grep -o '<img alt' "$T/e.html" | wc -l)" = 2 ] || fail "not every picture is on the page"
grep -q 'blue &rarr; red (1)' "$T/e.html" || fail "no pair"
run 1 data errors "$T/colours" --model "$T/eyes" --strict

# What is left, as a table and as a list, and with the likely labels.
run 0 data stats "$T/kept.csv"
printed 'pictures  34,'
run 0 data errors "$T/colours" --model "$T/eyes" -o "$T/kept.txt"
run 0 data stats "$T/kept.txt"
printed 'pictures  34,'
run 0 data errors "$T/colours" --model "$T/eyes" -o "$T/right.csv" --relabel
run 0 data errors "$T/right.csv" --model "$T/eyes" --strict
printed ': 0 of 36 '
[ -e "$T/colours/blue/r4.bmp" ] || fail "the set was changed"

run 0 data errors "$T/colours" --model "$T/eyes" --json
lines 1
printed '"schema":"discern.data.errors/1"'
printed '"given":"blue","likely":"red"'
cp "$T/out" "$T/want"
run 0 data errors "$T/colours" --model "$T/eyes" --json --threads 1 --batch 3
cmp "$T/out" "$T/want" || fail "threads change what is found"
run 0 data errors "$T/colours" --model "$T/eyes" --sure 1
printed ': 0 of 36 '

# Several labels a picture: one that is missing, one that should not be there.
{
    echo filename,warm,cold
    for i in 1 2 3 5 6 7 8 10 11 12; do
        echo "red/$i.bmp,1,0"
        echo "blue/$i.bmp,0,1"
    done
    echo blue/9.bmp,1,1
    echo blue/4.bmp,0,0
} >"$T/colours/many.csv"
run 0 data errors "$T/colours/many.csv" --model "$T/eyes" --json
printed '{"name":"blue/9.bmp","given":"warm","likely":"no warm"'
printed '{"name":"blue/4.bmp","given":"no cold","likely":"cold"'
run 0 data errors "$T/colours/many.csv" --model "$T/eyes" -o "$T/colours/right.csv" --relabel
grep -q '^blue/9.bmp,1,0' "$T/colours/right.csv" || fail "$(cat "$T/colours/right.csv")"
grep -q '^blue/4.bmp,1,0' "$T/colours/right.csv" || fail "$(cat "$T/colours/right.csv")"

# A model that has learnt from the very pictures is told of.
run 0 data errors "$T/one" --model "$T/eyes"
said 'knows by heart'

# The only picture of a label is not judged, and stays; where all are such there is nothing to say.
mkdir "$T/grey" "$T/lone" "$T/lone/a" "$T/lone/b"
cp -r "$T/colours/red" "$T/colours/green" "$T/grey"
mkdir "$T/grey/grey"
bmp "$T/grey/grey/1.bmp" 120 120 120
run 0 data errors "$T/grey" --model "$T/eyes" -o "$T/grey.csv"
said '1 picture is not judged'
not_printed 'grey/1.bmp'
grep -q '^grey/grey/1.bmp,' "$T/grey.csv" || fail "$(cat "$T/grey.csv")"
run 0 data errors "$T/grey" --model "$T/eyes" --json
printed '"not_judged":1,'
# A label all of whose pictures are suspect is gone from what is written: that is told.
mkdir "$T/odd"
cp -r "$T/colours/red" "$T/colours/green" "$T/odd"
mkdir "$T/odd/wrong"
bmp "$T/odd/wrong/1.bmp" 203 3 20
bmp "$T/odd/wrong/2.bmp" 20 203 3
for how in '' --relabel; do
    run 0 data errors "$T/odd" --model "$T/eyes" -o "$T/odd.csv" --force $how
    said 'no picture with the label wrong is left in it'
done
bmp "$T/lone/a/1.bmp" 200 10 10
bmp "$T/lone/b/1.bmp" 10 10 200
run 3 data errors "$T/lone" --model "$T/eyes" -o "$T/lone.csv"
said 'no label has two pictures'
[ ! -e "$T/lone.csv" ] || fail 'a set without a picture'

usage data errors "$T/colours"
said '--model MODEL is missing'
usage data errors "$T/colours" --model "$T/eyes" --relabel
usage data errors "$T/colours" --model "$T/eyes" --relabel -o "$T/x.txt"
run 3 data errors "$T/colours/red" --model "$T/eyes"
said 'no class folders'
mkdir "$T/alone"
cp -r "$T/colours/red" "$T/alone"
run 3 data errors "$T/alone" --model "$T/eyes"
said alone
run 3 data errors "$T/colours" --model "$T/eyes" -o "$T/colours/red/1.bmp" --force
said 'is a picture of the data'
no_rest "$T"
