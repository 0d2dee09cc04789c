#!/bin/sh
# data dedup: copies are named, leaks and contradictions flagged, and nothing is touched
set -eu
. tests/cli/expect

draw_one
run 0 data dedup "$T/one" --strict
quiet
printed 'clusters      0 of 0 pictures'

# One picture three times: the same bytes in val, under another label, and with a tail in test.
file=$(find "$T/one/train/star" -name '*.png' | sort | head -1)
cp "$file" "$T/one/val/star/again.png"
cp "$file" "$T/one/train/ring/strange.png"
{ cat "$file"; echo tail; } >"$T/one/test/star/tail.png"
other=$(find "$T/one/train/ring" -name '[0-9]*.png' | sort | head -1)
cp "$other" "$T/one/train/ring/same.png"
find "$T/one" -type f | sort | xargs cat | cksum >"$T/sum"
run 0 data dedup "$T/one"
quiet
printed '4 that look the same, in more than one part, with labels that contradict each other'
printed '2 of the same file'
printed 'keep    test     test/star/tail.png  (star)'
printed 'clusters      2 of 6 pictures: 1 of the same file'
printed 'leaks         1'
printed 'conflicts     1'
printed 'pictures      204, 200 without their duplicates'
run 1 data dedup "$T/one" --strict
said '2 pictures are there more than once'
run 0 data dedup "$T/one" --json
printed '"schema":"discern.data.dedup/1"'
printed '"pictures":204,"kept":200,"clustered":6,"same":1,"leaks":1,"conflicts":1,"unreadable":0'
printed '{"name":"test/star/tail.png","split":"test","labels":["star"],"distance":0,"keep":true}'
run 0 data dedup "$T/one" --json --threads 3
cp "$T/out" "$T/x"
run 0 data dedup "$T/one" --json --threads 1
cmp "$T/out" "$T/x" || fail "threads change what is found"
run 0 data dedup "$T/one" --no-near
printed 'clusters      2 of 5 pictures: 2 of the same file'

# The set without them.
run 0 data dedup "$T/one" -o "$T/kept.txt"
printed 'written'
[ "$(wc -l <"$T/kept.txt")" -eq 200 ] || fail "not a line a picture"
grep -qF "/one/test/star/tail.png" "$T/kept.txt" || fail "what is kept is not there"
if grep -q 'again.png\|strange.png' "$T/kept.txt"; then fail "a duplicate is there"; fi
run 3 data dedup "$T/one" -o "$T/kept.txt"
said '--force'
run 0 data dedup "$T/one" -o "$T/kept.txt" --force

# A picture of the set is not overwritten by any command, whatever it is called.
p=$(find "$T/one" -name '*.png' | head -1)
cp "$p" "$T/p.png"
ln -s "$p" "$T/link.png"
for out in "$p" "$T/link.png"; do
    run 3 data dedup "$T/one" -o "$out" --force
    said 'is a picture of the data, which are never changed'
    run 3 data import "$T/one" -o "$out" --force
    run 3 data check "$T/one" --html "$out" --force
    run 3 data show "$T/one" -o "$out" --force
done
cmp "$p" "$T/p.png" || fail "a picture was overwritten"
run 0 data dedup "$T/one" -o "$T/kept.csv"
run 0 data dedup "$T/kept.csv" --strict
printed 'pictures      200, 200 without'
find "$T/one" -type f | sort | xargs cat | cksum | cmp - "$T/sum" || fail "the data were changed"

# What cannot be read is no duplicate.
echo 'no picture' >"$T/one/train/star/bad.png"
echo 'no picture either' >"$T/one/train/star/worse.png"
run 0 data dedup "$T/one"
printed 'clusters      2 of 6'
printed 'unreadable    2: only the same bytes are found'

# Of many the first are told, contradictions and leaks before the rest; --all tells all.
mkdir -p "$T/many/train/a" "$T/many/train/b" "$T/many/test/a"
n=0
for file in "$T"/one/train/*/[0-9]*.png; do
    n=$((n + 1))
    [ $n -le 30 ] || break
    cp "$file" "$T/many/train/a/$n.png"
    cp "$file" "$T/many/train/a/$n-again.png"
done
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    cp "$T/many/train/a/1.png" "$T/many/train/a/1-$n.png"
done
cp "$T/many/train/a/30.png" "$T/many/train/b/z.png"
cp "$T/many/train/a/29.png" "$T/many/test/a/y.png"
cp "$(find "$T/one/val/star" -name '[0-9]*.png' | head -1)" "$T/many/train/b/other.png"
run 0 data dedup "$T/many" --no-near
sed -n 1p "$T/out" | grep -q contradict || fail "no contradiction first: $(head -3 "$T/out")"
sed -n 5p "$T/out" | grep -q 'more than one part' || fail "no leak second: $(head -8 "$T/out")"
printed '14 of the same file'
printed '    ... and 6 more'
printed '... and 10 more clusters (--all)'
[ "$(grep -c '^[0-9]' "$T/out")" -eq 20 ] || fail "not 20: $(cat "$T/out")"
run 0 data dedup "$T/many" --no-near --all
not_printed '... and'
[ "$(grep -c '^[0-9]' "$T/out")" -eq 30 ] || fail "not 30: $(cat "$T/out")"

run 3 data dedup "$T/nowhere"
usage data dedup
usage data dedup "$T/one" --strickt
said 'did you mean --strict?'
