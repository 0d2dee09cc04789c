#!/bin/sh
# data import: any layout into any other, nothing lost, nothing overwritten
set -eu
. tests/cli/expect

mkdir -p "$T/set/images"
for n in a b c d e f; do
    : >"$T/set/images/$n.jpg"
done
cat >"$T/set/labels.csv" <<'END'
filename,cat,dog,split
a.jpg,1,0,train
b.jpg,0,1,train
c.jpg,0,0,train
d.jpg,1,1,val
e.jpg,1,0,
f.jpg,0,1,test
gone.jpg,1,1,test
END

run 0 data import "$T/set/labels.csv" --to jsonl -o "$T/set/labels.jsonl"
printed "$T/set/labels.jsonl"
lines 1
said 'gone.jpg: left out: missing'
said '(csv): 6 pictures, train 3, val 1, test 1, 2 labels; wrote'
grep -qxF '{"file_name":"d.jpg","labels":["cat","dog"],"split":"val"}' "$T/set/labels.jsonl" ||
    fail "$(cat "$T/set/labels.jsonl")"

quiet_but() {
    said "$1"
    [ "$(grep -vc ' in .*, labels in ' "$T/err")" = 1 ] || fail "$(cat "$T/err")"
}

# The column of the labels: told, and named.
printf '%s\n' image,species,male a.jpg,dog,1 b.jpg,cat,0 c.jpg,dog,0 d.jpg,cat,1 \
    >"$T/set/two.csv"
run 0 data import "$T/set/two.csv" -o "$T/two.csv"
said "file names in 'image', labels in 'male'; passed over: species"
said '--label COLUMN names the column of the labels, if they are in: species'
run 0 data stats "$T/set/two.csv"
printed "  columns   file names in 'image', labels in 'male'; passed over: species"
run 0 data stats "$T/set/two.csv" --label Species --json
printed '"task":"single"'
printed "\"columns\":\"file names in 'image', labels in 'species'; passed over: male\""

# Through every layout and back: the same table, byte for byte.
run 0 data import "$T/set/labels.csv" -o "$T/set/first.csv"
from=$T/set/first.csv
for to in jsonl cells coco long viam vertex csv; do
    run 0 data import "$from" --to $to -o "$T/set/on.$to"
    quiet_but "wrote $T/set/on.$to ($to)"
    from=$T/set/on.$to
done
cmp "$T/set/first.csv" "$T/set/on.csv" || fail "changed on the way: $(cat "$T/set/on.csv")"

# Into another folder: names lead back.
mkdir "$T/else"
run 0 data import "$T/set/labels.csv" --to cells -o "$T/else/labels.csv"
grep -qxF '../set/images/d.jpg,"cat|dog",val' "$T/else/labels.csv" ||
    fail "$(cat "$T/else/labels.csv")"
run 0 data import "$T/else/labels.csv" --json -o "$T/else/2.csv"
printed '"schema":"discern.data.import/1"'
printed '"format":"cells","columns":"file names in'
printed '"to":"csv"'
printed '"task":"multi","pictures":6,"parts":{"unsplit":1,"train":3,"val":1,"test":1}'
printed '{"name":"cat","unsplit":1,"train":1,"val":1,"test":0}'
printed '"skipped":[]'

# Folders in, a table out.
draw_one 20
run 3 data import "$T/one" --label species -o "$T/one.csv"
said 'the layout folder has neither'
run 0 data import "$T/one" --to cells -o "$T/one.csv"
[ "$(wc -l <"$T/one.csv")" = 21 ] || fail "$(wc -l <"$T/one.csv") lines"
grep -q '^one/train/ring/.*\.png,ring,train$' "$T/one.csv" || fail "$(head -3 "$T/one.csv")"

# What a layout cannot say is refused, and no file is there.
sed 's/^b.jpg,0/b.jpg,-1/' "$T/set/labels.csv" >"$T/set/masked.csv"
run 3 data import "$T/set/masked.csv" --to coco -o "$T/set/no.json"
said "whether b.jpg shows 'cat' is unknown, which this form cannot say"
[ ! -e "$T/set/no.json" ] || fail 'a file all the same'
run 0 data import "$T/set/masked.csv" --to long -o "$T/set/masked-long.csv"
run 0 data import "$T/set/masked-long.csv" -o "$T/set/back.csv"
grep -qxF 'b.jpg,-1,1,train' "$T/set/back.csv" || fail "$(cat "$T/set/back.csv")"

# Folders with tables: each part in its own, whole or not at all.
run 3 data import "$T/set/labels.csv" --to roboflow -o "$T/robo/"
said '1 of 6 pictures are in no part'
[ ! -e "$T/robo" ] || fail 'a folder all the same'
sed '/^e.jpg/d' "$T/set/labels.csv" >"$T/set/parts.csv"
run 0 data import "$T/set/parts.csv" --to roboflow -o "$T/robo/"
grep -qxF '../../set/images/d.jpg,1,1' "$T/robo/valid/_classes.csv" ||
    fail "$(cat "$T/robo/valid/_classes.csv")"
run 0 data import "$T/robo" --json -o "$T/set/from-robo.csv"
printed '"format":"roboflow"'
printed '"pictures":5,"parts":{"unsplit":0,"train":3,"val":1,"test":1}'
run 3 data import "$T/set/parts.csv" --to roboflow -o "$T/robo" --force
said 'is no file that can be overwritten'

# Nothing is overwritten unasked, the input never.
cp "$T/set/first.csv" "$T/kept"
run 3 data import "$T/set/labels.csv" -o "$T/set/first.csv"
said 'exists; --force overwrites it'
cmp "$T/kept" "$T/set/first.csv"
run 3 data import "$T/set/labels.csv" -o "$T/set/labels.csv" --force
said 'is the input itself'
usage data import "$T/set/labels.csv" -o -
said "not written to stdout"
usage data import "$T/set/labels.csv" --format jsnol -o "$T/never"
said "did you mean 'jsonl'?"
run 0 data import "$T/set/labels.csv" --to vertex -o "$T/set/first.csv" --force
grep -qxF 'UNASSIGNED,gs://bucket/e.jpg,cat' "$T/set/first.csv" || fail "$(cat "$T/set/first.csv")"
no_rest "$T"

# Copies do not go into what they are copies of.
for out in one/more one/train/more/ robo/../one/more; do
    run 3 data import "$T/one" --to folder -o "$T/$out"
    said 'write it beside'
    [ ! -e "$T/$out" ] || fail 'copies all the same'
done
run 0 data import "$T/one" --to folder -o "$T/one2"

run 0 data import --formats
printed 'roboflow'
printed 'COCO: images, annotations and categories in JSON'
run 0 data import --formats --json
printed '{"name":"csv","doc":"'
run 2 data import "$T/set/labels.csv" --to jsnol -o "$T/x"
said "did you mean 'jsonl'?"
run 3 data import "$T/nowhere" -o "$T/x"
run 3 data import --json "$T/nowhere" -o "$T/x"
printed '{"error":{"code":3,"message":"'
run 2 data import "$T/set/labels.csv" --too csv --json
printed '{"error":{"code":2,"message":"'
usage data import
usage data import "$T/set/labels.csv"
usage data import "$T/set/labels.csv" "$T/set/labels.csv" -o "$T/x"
run 0 data import --help
printed "Layouts: "
