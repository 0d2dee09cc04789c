#!/bin/sh
# memory: what discern train says beforehand is within a tenth of what it takes at its most
set -eu
. tests/cli/expect

# near DATA SIZE OPTION...: on one and two threads, without a cache, with a new one and a full one.
near() {
    data=$1
    shift
    for threads in 1 2; do
        for cache in off "$T/kept" "$T/kept"; do
            run 0 train "$data" "$@" --steps 6 --threads $threads --cache "$cache" \
                --out "$T/run" --force --json
            told=$(sed -n 's/^discern: memory \([0-9]*\) MB.*/\1/p' "$T/err")
            took=$(grep -o '"memory":[0-9]*' "$T/out" | sed 's/.*://')
            awk -v told="$told" -v took="$took" 'BEGIN {
                ratio = 1e6 * told / took
                printf "%s MB told, %.0f MB taken, ratio %.3f", told, took / 1e6, ratio
                exit !(ratio > 0.9 && ratio < 1.1)
            }' >"$T/line" || fail "$*, $threads threads, cache $cache: $(cat "$T/line")"
            echo "$*, $threads threads, cache ${cache##*/}: $(cat "$T/line")"
        done
        rm -rf "$T/kept"
    done
}

for size in 32 160 240; do
    "$DRAW" "$T/set-$size" --kind single --size $size --seed 1 --count 1000 >"$T/log" 2>&1 ||
        fail "$(cat "$T/log")"
done
near "$T/set-32" --batch 128
near "$T/set-160" --size 128 --batch 32
near "$T/set-160" --size 128 --batch 32 --arch mobilenet_v2
near "$T/set-160" --size 128 --batch 32 --optim adamw --ema 0.9
near "$T/set-240" --size 224 --batch 16 --arch resnet18
# Under a limit, by what is made again and, last, by slices of a batch.
near "$T/set-240" --size 224 --batch 16 --arch resnet18 --memory 400
near "$T/set-240" --size 224 --batch 16 --arch resnet18 --memory 300
