#!/bin/sh
# data stats: counts of labels, parts, sizes and formats, without decoding anything
set -eu
. tests/cli/expect

draw_one
run 0 data stats "$T/one"
quiet
printed 'one label a picture'
printed '  pictures  200, PNG; '
printed '  sizes     all 32x32'
printed '  parts     train 150, val 20, test 30'
grep -qE '^  label +train +val +test +all +share$' "$T/out" || fail "$(cat "$T/out")"
grep -qE '^  ring +15 +2 +3 +20 +10\.0%  #{24}$' "$T/out" || fail "ring: $(cat "$T/out")"
printed 'evenness 1.000'
grep -qE '^  shorter side +32 +32 +32$' "$T/out" || fail "sizes: $(cat "$T/out")"
[ "$(awk 'length > 80' "$T/out" | grep -vc "$T")" = 0 ] || fail "wider than 80: $(cat "$T/out")"

run 0 data stats "$T/one" --json
lines 1
printed '{"schema":"discern.data.stats/1","data":"'
printed '"pictures":200,"readable":200,'
printed '"width":{"min":32,"median":32,"max":32}'
printed '{"label":"ring","pictures":20,"parts":{"train":15,"val":2,"test":3}}'
printed '"skipped":0}'

# Broken from behind is still a picture of some size; from the front it is none.
cp -r "$T/one/train" "$T/bad"
: >"$T/bad/ring/empty.png"
run 0 data stats "$T/bad"
printed '151, of which 1 cannot be read'
printed '`discern data check`'

# Pictures without an ending count, and what is no picture is told.
cp -r "$T/one/train" "$T/bare"
for file in "$T"/bare/ring/*.png; do mv "$file" "${file%.png}"; done
echo notes >"$T/bare/star/notes.txt"
run 0 data stats "$T/bare"
printed '  pictures  150, PNG; '
printed '  parts     none named, all 150'
printed "  others    1 file is no picture: $T/bare/star/notes.txt"
run 0 data stats "$T/bare" --json
printed '"others":1,'
run 0 data check "$T/bare"
printed "  others    1 file is no picture: "
printed '  pictures  150, PNG; '

# Several labels a picture.
draw_many
run 0 data stats "$T/many/labels.csv"
printed 'any number of labels a picture'
printed 'labels a picture: none '
printed 'most often together'
run 0 data stats "$T/many/labels.csv" --json
printed '"task":"multi"'
printed '"together":[{"a":"'

# Long lists are cut; names are cut and cleaned.
i=0
while [ $i -lt 45 ]; do
    mkdir -p "$T/many45/class $i"
    cp "$T"/one/train/ring/*.png "$T/many45/class $i"
    i=$((i + 1))
done
long=$(printf 'a long name \033[1m with more letters than there is room for')
cp -r "$T/one/train/star" "$T/many45/$long"
run 0 data stats "$T/many45"
printed '... and 6 more (--all)'
printed 'a long name ?[1m with mo '
run 0 data stats "$T/many45" --all
printed 'class 44'

run 3 data stats "$T/nowhere"
said "$T/nowhere"
usage data stats
usage data stats "$T/one" --threads -1
run 0 data stats --help
printed 'usage: discern data stats'
run 0 data --help
printed 'data check'
