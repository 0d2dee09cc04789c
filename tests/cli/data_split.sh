#!/bin/sh
# data split: shares, what stays when a set grows, what is kept together, what is refused
set -eu
. tests/cli/expect

draw_one
mkdir "$T/flat"
for part in train val test; do
    (cd "$T/one/$part" && tar cf - .) | (cd "$T/flat" && tar xf -)
done

# ---- a table is written, and every label has its share ----
run 0 data split "$T/flat" -o "$T/s.csv" --json
quiet
printed '"schema":"discern.data.split/1"'
printed '"pictures":200,"train":140,"val":40,"test":20,"drawn":200,"kept":0'
[ "$(head -1 "$T/s.csv")" = name,split ] || fail "header: $(head -1 "$T/s.csv")"
[ "$(wc -l <"$T/s.csv")" -eq 201 ] || fail "not a row a picture"
[ "$(grep -c ',val$' "$T/s.csv")" -eq 40 ] || fail "val"
no_rest "$T"
run 0 data split "$T/flat"
printed 'label'
printed '70.0%'
printed 'drawn              200 pictures'
printed 'every label has its share'
printed 'written            nothing: -o FILE'
not_printed shares

# The same for any number of threads.
run 0 data split "$T/flat" -o "$T/s3.csv" --threads 3
cmp "$T/s.csv" "$T/s3.csv" || fail "threads change the split"

# ---- it grows: nothing moves, and shares hold ----
sort "$T/s.csv" >"$T/before"
"$DRAW" "$T/more" --kind single --size 32 --seed 9 --count 20 >"$T/log" 2>&1 || fail "draw"
for class in "$T"/more/train/*; do
    for file in "$class"/*.png; do
        cp "$file" "$T/flat/$(basename "$class")/new-$(basename "$file")"
    done
done
added=$(find "$T/flat" -name 'new-*' | wc -l)
run 0 data split "$T/flat" -o "$T/s.csv" --json
printed "\"drawn\":$added,\"kept\":200,"
sort "$T/s.csv" | grep -v new- >"$T/after"
cmp "$T/before" "$T/after" || fail "old pictures have moved"
awk -v w="$(number worst)" 'BEGIN { exit !(w <= 1) }' || fail "shares are off by $(number worst)"

# What is gone is counted, and an old file may begin a new one.
gone=$(find "$T/flat/ring" -name '*.png' | head -1)
rm "$gone"
run 0 data split "$T/flat" --split-file "$T/s.csv" -o "$T/t.csv" --json
printed '"drawn":0,'
run 0 data split "$T/flat" -o "$T/s.csv"
printed 'gone               1 name of the file is no longer there'
printed 'nothing is new'

# Other shares than the file has are not had, and that is said.
run 0 data split "$T/flat" -o "$T/s.csv"
not_printed shares
run 0 data split "$T/flat" -o "$T/s.csv" --val 0.4
printed 'shares             val is 22.'
printed '%, not 40.0 %: what the data or the file say stays'
printed '(--redraw draws'

# --redraw forgets; --still needs no file.
run 0 data split "$T/flat" -o "$T/s.csv" --redraw --val 0.5 --test 0 --json
printed '"test":0,'
printed '"kept":0,'
run 0 data split "$T/flat" --still --json
cp "$T/out" "$T/x"
run 0 data split "$T/flat" --still --json --threads 2
cmp "$T/out" "$T/x" || fail "lots change"

# Parts that the data name stay.
run 0 data split "$T/one" --json
printed '"pictures":200,"train":150,"val":20,"test":30,"drawn":0,"kept":200'

run 0 data split "$T/one"
printed 'val is 10.0 %, not 20.0 %, test is 15.0 %, not 10.0 %: what the data'

# Pictures that cannot be decoded are told, with their parts.
cp -r "$T/one" "$T/odd"
echo odd >"$T/odd/train/ring/odd.png"
echo odder >"$T/odd/test/ring/odd.png"
run 0 data split "$T/odd"
printed 'unreadable         2 pictures, placed as the others: train 1, test 1 (discern data check'
run 0 data split "$T/odd" --json
printed '"unreadable":2,"unreadable_in":{"train":1,"val":0,"test":1}'

# ---- what belongs together ----
mkdir "$T/twins"
cp -r "$T/one/train/star" "$T/one/train/ring" "$T/twins"
for file in "$T"/twins/*/*.png; do
    { cat "$file"; echo; } >"${file%.png}-twin.png"
done
torn() { sed 's/-twin//' "$1" | sort -u | cut -d, -f1 | uniq -d | wc -l; }
run 0 data split "$T/twins" -o "$T/w.csv"
printed 'belong together'
[ "$(torn "$T/w.csv")" = 0 ] || fail "pictures that look the same are torn apart"
run 0 data split "$T/twins" -o "$T/v.csv" --no-near
[ "$(torn "$T/v.csv")" != 0 ] || fail "--no-near looks all the same"
run 0 data split "$T/twins" -o "$T/v.csv"
printed 'torn apart'
printed -twin.png
run 0 data split "$T/twins" -o "$T/v.csv" --json
printed '"torn":[[{"name":'
run 0 data split "$T/twins" -o "$T/v.csv" --redraw --json
printed '"straddling":0'

# ---- train and eval take the table, and agree on what is new in a set that grew ----
run 0 data split "$T/flat" --redraw -o "$T/u.csv"
find "$T/flat/ring" -name '*.png' | sort | head -10 >"$T/some"
while read -r file; do
    { cat "$file"; echo; } >"$T/flat/ring/late-$(basename "$file")"
done <"$T/some"
run 0 train "$T/flat" --split-file "$T/u.csv" --no-near --epochs 1 --size 32 --out "$T/run" --quiet
grep -v late- "$T/run/split.csv" | sort >"$T/x"
sort "$T/u.csv" | cmp - "$T/x" || fail "train moves what the table says"
run 0 eval "$T/run/best.safetensors" "$T/flat" --split-file "$T/u.csv" --split val --json
[ "$(number pictures)" = "$(grep -c ',val$' "$T/run/split.csv")" ] ||
    fail "eval checks with $(number pictures) pictures"

# ---- refused ----
run 3 data split "$T/nowhere"
said nowhere
usage data split "$T/flat" --val 0.5 --test 0.5
usage data split
echo 'no split at all' >"$T/other.txt"
run 3 data split "$T/flat" -o "$T/other.txt"
said 'columns name and split'
grep -q 'no split at all' "$T/other.txt" || fail "overwritten"
run 3 data split "$T/flat" -o "$T/other.txt" --redraw
grep -q 'no split at all' "$T/other.txt" || fail "overwritten by --redraw"
run 4 data split "$T/flat" -o "$T/no folder/s.csv"
run 3 data split "$T/flat" --split-file "$T/other.txt" --json
printed '{"error":{"code":3,'
