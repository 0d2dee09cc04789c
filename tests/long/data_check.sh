#!/bin/sh
# data check on real sets: the flaws that they are known to have are told, and nothing of the sort
# where there is none.  Wants the archives in ../shared/datasets or $DISCERN_DATASETS.
set -eu
. tests/cli/expect

sets=${DISCERN_DATASETS:-../shared/datasets}
for set in flowers movie_posters hymenoptera; do
    if [ ! -f "$sets/$set.tar.gz" ]; then
        echo "skipped: $sets/$set.tar.gz is not there (set DISCERN_DATASETS)"
        exit 77
    fi
    tar -xzf "$sets/$set.tar.gz" -C "$T"
done

# together FINDING NAME NAME: a case of that finding holds both, in the JSON on stdout.
together() {
    sed 's/{"name":/\n&/g' "$T/out" | grep "^{\"name\":\"$1\"" | grep -o '"pictures":\[[^]]*\]' |
        grep "$2" | grep -q "$3" || fail "$1 does not tell $2 and $3"
}

run 0 data check "$T/flowers" --json
printed '"pictures":3670,"readable":3670,'
together leak 10466290366 10994032453
together leak 4654848357 4278757393
together leak 1775233884 2093263381
together conflict roses/15922772266 tulips/15922772266
[ "$(sed 's/{"name":/\n&/g' "$T/out" | grep '^{"name":"duplicate"' | grep -o 'sunflowers/' |
    wc -l)" = 4 ] || fail "not two pairs of sunflowers"

run 0 data check "$T/movie_posters/labels.csv" --json
printed '"pictures":7242,"readable":7242,'
together conflict tt0402577 tt0420286
for label in Reality-TV N/A News; do
    printed "{\"what\":\"$label\",\"note\":"
done

run 0 data check "$T/hymenoptera" --strict
printed '0 errors, 0 warnings, '
