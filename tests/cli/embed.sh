#!/bin/sh
# embed: a row for every readable picture, the same in every form and however it is run
set -eu
. tests/cli/expect

draw_one 60
draw_net
"$DISCERN" train "$T/one" --arch "$T/tiny.net" --steps 2 --size 16 --batch 8 --cache off --quiet \
    --out "$T/run" >/dev/null || fail "no model to try with"
model=$T/run/best.safetensors
data=$T/one/train
n=$(find "$data/" -name '*.png' | wc -l)

# CSV on standard output: a row a picture, in the order of predict, four numbers each.
run 0 embed "$model" "$data"
quiet
cp "$T/out" "$T/rows.csv"
lines $((n + 1))
[ "$(head -1 "$T/out")" = file,f0,f1,f2,f3 ] || fail "$(head -1 "$T/out")"
run 0 predict "$model" "$data" --csv --top 1
[ "$(sed 1d "$T/out" | cut -d, -f1)" = "$(sed 1d "$T/rows.csv" | cut -d, -f1)" ] || fail "order"
[ "$(sed 1d "$T/rows.csv" | cut -d, -f2- | sort -u | wc -l)" -gt 1 ] || fail "all rows are alike"

# The same bits, whatever the batch and the threads; a picture alone; on standard input; of a list.
for how in '--batch 1 --threads 1' '--batch 7 --threads 2' '--sandbox'; do
    run 0 embed "$model" "$data" $how
    cmp "$T/out" "$T/rows.csv" || fail "$how changes rows"
done
p=$(sed -n 2p "$T/rows.csv" | cut -d, -f1)
run 0 embed "$model" "$p"
sed 1d "$T/out" >"$T/out.1"
sed -n 2p "$T/rows.csv" | cmp - "$T/out.1" || fail "alone it has another row"
"$DISCERN" embed "$model" - <"$p" >"$T/out" || fail "no row from standard input"
[ "$(sed 1d "$T/out" | cut -d, -f2-)" = "$(cut -d, -f2- "$T/out.1")" ] || fail "stdin"
find "$data" -name '*.png' -print0 | sort -z |
    "$DISCERN" embed "$model" --files-from - -0 >"$T/out" || fail "no rows of a list"
[ "$(wc -l <"$T/out")" -eq $((n + 1)) ] || fail "a list: $(wc -l <"$T/out")"
run 0 embed "$model" "$data" --precision bf16
! cmp -s "$T/out" "$T/rows.csv" || fail "bf16 changes nothing"

# Lines of JSON have the same numbers.
run 0 embed "$model" "$data" --to jsonl
lines "$n"
grep -q '^{"schema":"discern.embed.line/1","file":"' "$T/out" || fail "$(head -1 "$T/out")"
sed 's/.*"file":"\([^"]*\)","features":\[\(.*\)\]}$/\1,\2/' "$T/out" >"$T/lines"
sed 1d "$T/rows.csv" | cmp - "$T/lines" || fail "JSON lines have other numbers"

# Files: the ending says the form; NPY has its names beside it.
run 0 embed "$model" "$data" -o "$T/rows.npy" --json
printed '{"schema":"discern.embed/1","model":'
printed '"to":"npy"'
printed "\"names\":\"$T/rows.names.csv\",\"features\":\"what goes into fc (4 numbers)\",\"width\":4"
printed "\"normalized\":false,\"pictures\":$n,\"failed\":0,\"failures\":[]}"
said "wrote $T/rows.npy: $n rows, what goes into fc (4 numbers)"
head -c 128 "$T/rows.npy" | grep -aq "'descr': '<f4'.*'shape': ($n, 4), }" || fail "no NPY"
[ "$(wc -c <"$T/rows.npy")" -eq $((128 + 16 * n)) ] || fail "NPY: $(wc -c <"$T/rows.npy") bytes"
[ "$(cat "$T/rows.names.csv")" = "$(cut -d, -f1 "$T/rows.csv")" ] || fail "names of NPY"
run 0 embed "$model" "$data" -o "$T/rows.safetensors"
[ "$(tail -c $((16 * n)) "$T/rows.safetensors" | cksum)" = \
    "$(tail -c $((16 * n)) "$T/rows.npy" | cksum)" ] || fail "NPY and safetensors differ"
for text in '"features":' '"discern.embed.files":' '"discern.embed.model":'; do
    grep -aqF "$text" "$T/rows.safetensors" || fail "safetensors lack $text"
done
run 0 embed "$model" "$data" -o "$T/again.csv"
cmp "$T/again.csv" "$T/rows.csv" || fail "in a file it is another table"
no_rest "$T"

# Of length 1.
run 0 embed "$model" "$data" --normalize
sed 1d "$T/out" | awk -F, '{ s = $2*$2 + $3*$3 + $4*$4 + $5*$5
    if (s < 0.99999 || s > 1.00001) exit 1 }' || fail "not of length 1"

# What cannot be read has no row and is told; the others have theirs.
mkdir "$T/mixed"
cp "$p" "$T/mixed/a.png"
echo nothing >"$T/mixed/b.png"
cp "$p" "$T/mixed/c.png"
run 3 embed "$model" "$T/mixed" "$T/no-such" -o "$T/mixed.npy" --json
said "$T/mixed/b.png: "
said "$T/no-such"
said '2 of 4 could not be read and have no row'
printed '"pictures":2,"failed":2,"failures":[{"file":"'"$T/mixed/b.png"'","error":{"code":3,'
[ "$(wc -l <"$T/mixed.names.csv")" -eq 3 ] || fail "names: $(cat "$T/mixed.names.csv")"
run 3 embed "$model" "$T/mixed/b.png" -o "$T/none.npy"
said 'none of what was named could be read'
[ ! -e "$T/none.npy" ] && [ ! -e "$T/none.names.csv" ] || fail "a file of nothing"
no_rest "$T"

# What killed runs left of writing the same files goes.
sh -c 'echo $$' >"$T/pid"
for f in again.csv rows.npy rows.names.csv; do
    : >"$T/$f.tmp-$(cat "$T/pid")"
done
run 0 embed "$model" "$data" -o "$T/again.csv" --force
run 0 embed "$model" "$data" -o "$T/rows.npy" --force
no_rest "$T"

# What is refused.
usage embed
usage embed "$model"
said '--files-from'
usage embed "$model" "$data" --to npy
said '-o FILE'
run 2 embed "$model" "$data" --json
said '-o FILE'
usage embed "$model" - -
run 3 embed "$T/run" "$data"
run 3 embed "$model" "$data" -o "$T/rows.npy"
said --force
run 3 embed "$model" "$p" -o "$p" --force
run 3 embed "$model" "$p" -o "$model" --force
mv "$T/rows.npy" "$T/elsewhere.npy"
run 3 embed "$model" "$data" -o "$T/rows.npy"
said "$T/rows.names.csv"
run 4 embed "$model" "$data" -o "$T/no-such-folder/rows.npy"
