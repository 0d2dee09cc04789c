#!/bin/sh
# stream: 100,000 pictures are answered in the memory of a few, in their order
#
# Links to twenty drawn pictures, named so that folders sort them; the resident size is sampled four
# times a second, and every answer is compared with the one of its picture.  NAMES says how many,
# in thousands.
set -eu
. tests/cli/expect

n=$((${NAMES:-100} * 1000))
draw_net
draw_one 40
run 0 train "$T/one" --arch "$T/tiny.net" --epochs 1 --out "$T/run"
find "$T/one" -name '*.png' | sort | head -20 >"$T/pictures"

# A thousand links a folder: link i is picture i modulo 20.
mkdir -p "$T/links/000"
i=0
while [ $i -lt 1000 ]; do
    printf '%03d.png\n' $i
    i=$((i + 1))
done >"$T/thousand"
awk 'NR == FNR { p[NR - 1] = $0; next } { print p[(FNR - 1) % 20]; print dir $0 }' \
    dir="$T/links/000/" "$T/pictures" "$T/thousand" | xargs -n 2 ln -s
folders=$((n / 1000))
i=1
while [ $i -lt $folders ]; do
    d=$(printf '%03d' $i)
    cp -a "$T/links/000" "$T/links/$d"
    i=$((i + 1))
done
for d in "$T/links"/*; do
    sed "s|^|$d/|" "$T/thousand"
done >"$T/names"

# sampled HOW ARGUMENT...: answers into $T/out, lines "answers kilobytes" into $T/HOW.
sampled() {
    how=$1
    shift
    "$DISCERN" predict "$T/run/best.safetensors" "$@" --ndjson --top 1 >"$T/out" 2>"$T/err" &
    pid=$!
    : >"$T/$how"
    while kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$kb" ]; do
        echo "$(wc -l <"$T/out") $kb" >>"$T/$how"
        sleep 0.25
    done
    wait $pid || fail "$how: status $?: $(head -5 "$T/err")"
}

# Every line is its file's, and says what its picture is said to be.
check() {
    [ "$(wc -l <"$T/out")" -eq "$n" ] || fail "$1: $(wc -l <"$T/out") answers, not $n"
    sed 's/.*"file":"\([^"]*\)".*/\1/' "$T/out" | cmp - "$T/names" || fail "$1: another order"
    sed 's/.*"answers"://' "$T/out" |
        awk -v what="$1" 'NR <= 20 { want[(NR - 1) % 20] = $0 }
            $0 != want[(NR - 1) % 20] { print "FAIL: " what ": line " NR; exit 1 }'
    # Flat: behind the first tenth no sample is more than 8 MB above the least.
    awk -v n="$n" -v what="$1" '
        $1 > n / 10 { if (!low || $2 < low) low = $2; if ($2 > high) high = $2; k++ }
        END { printf "%s: %d samples, %.1f to %.1f MB\n", what, k, low / 1024, high / 1024
              exit k < 3 || high - low > 8192 }' "$T/$1" || fail "$1: $(cat "$T/$1")"
    # A tenth of the way each, for docs/results.md.
    awk -v n="$n" '$1 && $1 >= at { printf "    %d %.1f\n", $1, $2 / 1024; at = $1 + n / 10 }' \
        "$T/$1"
}

sampled folder "$T/links"
check folder
tr '\n' '\0' <"$T/names" >"$T/names0"
sampled list --files-from "$T/names0" -0
check list
