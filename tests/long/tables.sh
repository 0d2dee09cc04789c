#!/bin/sh
# tables: the labels of the real movie posters, from both of their tables, counted by label and part
set -eu
sets=${DISCERN_DATASETS:-../shared/datasets}
[ -f "$sets/movie_posters.tar.gz" ] || { echo "$sets/movie_posters.tar.gz is not there"; exit 77; }

fail() {
    echo "FAIL: $*"
    exit 1
}

tar -xf "$sets/movie_posters.tar.gz" -C "$T"
set=$T/movie_posters

# What README.md of the sets says: label, pictures to train and to test with.
cat >"$T/want" <<'END'
Action 1056/283, Adventure 712/156, Animation 207/37, Biography 354/87,
Comedy 2323/572, Crime 909/266, Documentary 520/130, Drama 2916/701, Family 361/73,
Fantasy 394/73, History 187/37, Horror 412/90, Music 236/68, Musical 77/20,
Mystery 367/86, N/A 8/1, News 19/2, Reality-TV 1/1, Romance 1069/262,
Sci-Fi 315/82, Short 36/10, Sport 176/43, Thriller 738/178, War 117/27,
Western 36/14
END
tr ',' '\n' <"$T/want" | sed 's/^ *//; /^$/d' | sort >"$T/wanted"

# counts TABLE PART: "Action 1056/283" a line, of the train part and PART.
counts() {
    "$DISCERN" data import "$1" --to long -o "$T/long.csv" --force --json >"$T/json" 2>"$T/err" ||
        fail "$1: $(cat "$T/err")"
    grep -qF '"pictures":7242,' "$T/json" || fail "$1: not 7242 pictures: $(head -c 300 "$T/json")"
    grep -qF '"skipped":[]' "$T/json" || fail "$1: some are left out"
    grep -oE '\{"name":"[^"]*","unsplit":0,[^}]*\}' "$T/json" |
        sed "s/.*\"name\":\"\([^\"]*\)\".*\"train\":\([0-9]*\).*\"$2\":\([0-9]*\).*/\1 \2\/\3/" |
        sort >"$T/counted"
    diff "$T/wanted" "$T/counted" || fail "$1: counts"
}

counts "$set/labels.csv" test
grep -qF '"parts":{"unsplit":0,"train":5823,"val":0,"test":1419}' "$T/json" ||
    fail "parts: $(head -c 300 "$T/json")"
cp "$T/long.csv" "$T/one-hot.csv"
counts "$set/labels_space.csv" val
sed 's/,val$/,test/' "$T/long.csv" | cmp - "$T/one-hot.csv" || fail 'the two tables differ'

# Through every layout: the same facts in the end.
from=$set/labels.csv
for to in cells jsonl coco viam vertex long; do
    "$DISCERN" data import "$from" --to $to -o "$set/on.$to" 2>"$T/err" || fail "$(cat "$T/err")"
    from=$set/on.$to
done
"$DISCERN" data import "$from" --to csv -o "$set/back.csv" 2>"$T/err" || fail "$(cat "$T/err")"
sort "$set/labels.csv" >"$T/a"
sort "$set/back.csv" >"$T/b"
cmp "$T/a" "$T/b" || fail 'labels.csv does not come back'
