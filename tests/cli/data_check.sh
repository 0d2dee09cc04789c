#!/bin/sh
# data check: each flaw that is planted is told, in text, JSON and HTML; the set is not written to
set -eu
. tests/cli/expect

draw_one
set=$T/one

# A set as it comes from drawing: small, but nothing wrong with its files.
run 0 data check "$set"
quiet
printed "$set: "
printed 'one label a picture'
printed '  pictures  200, PNG; '
printed '  parts     train 150, val 20, test 30'
printed '0 errors, 1 warning, '
printed 'warning few, 10: labels with fewer than 20 pictures to learn from'
not_printed 'unreadable'
run 1 data check "$set" --strict
said 'there are errors or warnings'

# Flaws, one of each.
cp -r "$set" "$T/bad"
p=$(find "$set/train/ring" -name '*.png' | sort | head -1)
head -c 200 "$p" >"$T/bad/train/ring/cut.png"
cp "$p" "$T/bad/test/ring/leak.png"
cp "$p" "$T/bad/train/star/wrong.png"
mkfifo "$T/bad/train/ring/fifo.png"
odd=$(printf 'train/ring/<script>alert(1)<\n&"\047>\033[1m\377.jpg')
cp "$p" "$T/bad/$odd"
before=$(find "$T/bad" -type f -exec cksum {} + | sort | cksum)
run 0 data check "$T/bad" --html "$T/page.html"
said "wrote $T/page.html"
printed 'error leak, 1: the same picture in several parts'
printed 'error conflict, 1: the same picture under different labels'
printed 'ring against star'
printed 'warning unreadable, 1: pictures that cannot be read'
printed '    train/ring/cut.png: '
printed 'warning skipped, 1: '
printed 'fifo.png'
printed 'note ending, 1: '
[ "$(tr -d '\n\040-\176\200-\377' <"$T/out" | wc -c)" = 0 ] ||
    fail "control characters: $(cat -v "$T/out")"
[ "$before" = "$(find "$T/bad" -type f -exec cksum {} + | sort | cksum)" ] ||
    fail "the set was changed"

# The page holds all it shows, and nothing that a name could have smuggled in.
[ "$(grep -c 'Content-Security-Policy' "$T/page.html")" = 1 ] || fail "no policy"
grep -q 'src="data:image/jpeg;base64,/9j/' "$T/page.html" || fail "no thumbnails"
grep -q '&lt;script&gt;alert(1)&lt;?&amp;&quot;&#39;&gt;?\[1m' "$T/page.html" ||
    fail "name is not there"
for never in '<script' 'http:' 'https:' '//' ' on[a-z]*=' 'url(' '<link' '<iframe'; do
    ! sed 's/data:image[^"]*//g' "$T/page.html" | grep -q -e "$never" || fail "the page has $never"
done
iconv -f UTF-8 -t UTF-8 "$T/page.html" >"$T/utf8" || fail "the page is not UTF-8"
[ "$(wc -c <"$T/page.html")" -lt 1000000 ] || fail "the page is large"

# What a table lists and is not there is missing, not skipped.
printf 'file,label\n%s,a\n%s,b\ngone.png,a\n' "$p" "$p.2" >"$T/gone.csv"
cp "$p" "$p.2"
run 0 data check "$T/gone.csv"
printed 'missing, 1: pictures that are listed and not there'
printed 'gone.png'
not_printed 'skipped'
rm "$p.2"

# A page that is there is not lost.
run 3 data check "$T/bad" --html "$T/page.html"
said '--force'
run 0 data check "$T/bad" --html "$T/page.html" --force
run 4 data check "$set" --html "$T/no/such/folder.html"
run 4 data check "$set" --html "$T/no/such/folder.html" --json
lines 1
printed '{"error":'
no_rest "$T"

# JSON: one object, every case.
run 0 data check "$T/bad" --json
quiet
lines 1
printed '{"schema":"discern.data.check/1","data":"'
printed '"pictures":204,"readable":203,'
printed '"parts":{"train":152,"val":20,"test":31}'
printed '{"name":"leak","severity":"error",'
printed '"pictures":["train/ring/cut.png"]}'
run 1 data check "$T/bad" --json --strict
printed '"errors":2,'

# Long lists are cut, unless asked for.
mkdir "$T/broken"
cp -r "$set/train/ring" "$set/train/star" "$T/broken"
for i in 1 2 3 4 5 6 7 8 9; do
    : >"$T/broken/ring/empty$i.png"
done
run 0 data check "$T/broken"
printed 'error unreadable, 9: '
printed '... and 4 more (--all)'
not_printed empty9
run 0 data check "$T/broken" --all
printed empty9
not_printed '(--all)'

# Too little to learn from is a finding here, not a refusal.
mkdir -p "$T/lone/train/ring" "$T/lone/train/star" "$T/lone/val"
cp "$p" "$T/lone/train/ring"
cp "$set"/train/star/*.png "$T/lone/train/star"
run 3 data split "$T/lone/train"
run 0 data check "$T/lone/train"
printed 'error few, 2: '
printed '    ring: 1, and training asks for 2 at least'
mv "$T/lone/train/ring" "$T/lone/val"
run 0 data check "$T/lone"
printed '    ring: none of 1 in train'
rm -r "$T/lone/val"
run 0 data check "$T/lone"
printed 'error always, 1: labels that every picture has'
run 1 data check "$T/lone" --strict
run 0 data stats "$T/lone"
printed '  labels    1, '

# In worker processes, where the kernel lets us; the same report.
if "$DISCERN" data check "$T/bad" --sandbox --html "$T/boxed.html" >"$T/boxed" 2>"$T/err"; then
    run 0 data check "$T/bad"
    cmp "$T/out" "$T/boxed" || fail "the sandbox changes the report"
    cmp "$T/page.html" "$T/boxed.html" || fail "the sandbox changes the page"
fi
for threads in 1 3; do
    run 0 data check "$T/bad" --threads "$threads" --json
    mv "$T/out" "$T/json$threads"
done
cmp "$T/json1" "$T/json3" || fail "threads change the report"

# Several labels a picture.
draw_many
run 0 data check "$T/many/labels.csv"
printed 'any number of labels a picture'

# What is no set at all.
run 3 data check "$T/nowhere"
said "$T/nowhere"
mkdir "$T/empty"
run 3 data check "$T/empty" --json
printed '{"error":{"code":3,"message":"'
usage data check
usage data check "$set" "$set"
usage data check "$set" --strikt
said 'did you mean --strict?'
run 0 data check --help
printed 'usage: discern data check'
