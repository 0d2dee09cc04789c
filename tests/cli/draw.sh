#!/bin/sh
# draw: the same seed draws the same, in the promised layout; a folder that is not empty is left
set -eu

fail() { echo "$*"; exit 1; }

"$DRAW" "$T/a" --count 400
"$DRAW" "$T/b" --count 400
diff -r "$T/a" "$T/b" || fail "two runs differ"
"$DRAW" "$T/c" --count 400 --seed 2
cmp -s "$T/a/train/star/00005.png" "$T/c/train/star/00005.png" && fail "another seed draws the same"
[ "$(ls "$T/a")" = "$(printf 'test\ntrain\nval')" ] || fail "parts"
for class in checker circle cross dots letter-a ring square star stripes triangle; do
    for part in train:30 val:4 test:6; do
        n=$(find "$T/a/${part%:*}/$class" -name '*.png' | wc -l)
        [ "$n" -eq "${part#*:}" ] || fail "$class: $n in $part"
    done
done
[ "$(find "$T/a" -type f | wc -l)" -eq 400 ] || fail "something else was drawn"

"$DRAW" "$T/m" --kind multi --count 400 --size 40
[ "$(find "$T/m/images" -name '*.png' | wc -l)" -eq 400 ] || fail "multi: pictures"
[ "$(head -1 "$T/m/labels.csv")" = \
    filename,circle,cross,letter-a,ring,square,star,stripes,triangle,split ] || fail "multi: header"
awk -F, '
    NR > 1 {
        n = 0
        for (i = 2; i < 10; i++) { n += $i; seen[i] += $i }
        if (NF != 10 || n < 1 || n > 3) { print "row " NR ": " $0; bad = 1 }
        part[$10]++
    }
    END {
        for (i = 2; i < 10; i++)
            if (seen[i] < 60 || seen[i] > 140) { print "label " i - 1 ": " seen[i]; bad = 1 }
        if (part["train"] != 300 || part["val"] != 40 || part["test"] != 60) {
            print "parts"
            bad = 1
        }
        exit bad
    }' "$T/m/labels.csv" || fail "multi: labels.csv"

"$DRAW" "$T/a" 2>"$T/err" && fail "drew into a folder with things in it"
grep -q '^draw: .*not empty' "$T/err" || fail "$(cat "$T/err")"
"$DRAW" --count 3 "$T/z" 2>"$T/err" && fail "drew 3"
grep -q 'count' "$T/err" || fail "$(cat "$T/err")"
[ ! -e "$T/z" ] || fail "left a folder behind"
