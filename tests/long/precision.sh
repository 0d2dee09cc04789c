#!/bin/sh
# precision.sh BUILD [SEED...] -- does a training in bf16 reach what one in fp32 reaches?
#
# For each seed (1 to 10 when none is given) two trainings on CIFAR-10 that differ in --precision
# alone: resnet_small at half its width, eight epochs of its 50,000 pictures, so that ten pairs take
# the better part of an hour on two cores.  What they end with answers the 10,000 test pictures.
# Prints a row a pair and the mean difference with its 95 % interval by Student's t.  Status 1 when
# the interval lies below 0, 77 without the set.  THREADS: 2.
set -eu

build=$1
shift
[ $# != 0 ] || set -- 1 2 3 4 5 6 7 8 9 10
discern=$build/release/discern
threads=${THREADS:-2}
data=$(sh tests/interop/sets.sh cifar10-whole "$build/sets")
dir=$build/precision
mkdir -p "$dir"

block() {
    echo "$1.conv = conv2d $2 channels=$3 size=3 pad=1"
    echo "$1.bn = batchnorm $1.conv"
    echo "$1 = relu $1.bn"
}
{
    echo 'image = input shape=32x32x3'
    block stem image 24
    x=stem
    for channels in 24 48 96; do
        block "wide$channels" "$x" "$channels"
        echo "half$channels = maxpool wide$channels size=2 stride=2"
        block "branch$channels" "half$channels" "$channels"
        echo "sum$channels = add half$channels branch$channels"
        x=sum$channels
    done
    echo "mean = meanpool $x"
    echo 'fc = linear mean width=classes bias=true'
    echo 'output logits = fc'
} >"$dir/half.net"

# reached PRECISION SEED: accuracy on the test part of what such a training ends with
reached() {
    "$discern" train "$data/train" --arch "$dir/half.net" --size 32 --epochs 8 --batch 256 \
        --augment altflip,translate:0.125 --val 0.02 --no-near --calibrate no --precision "$1" \
        --seed "$2" --threads "$threads" --out "$dir/$1-$2" --force --quiet >"$dir/$1-$2.out"
    "$discern" eval "$dir/$1-$2/last.safetensors" "$data/test" --threads "$threads" --json \
        --quiet | grep -o '"accuracy": *[0-9.]*' | head -1 | grep -o '[0-9.]*$'
}

echo '| seed | fp32 | bf16 | bf16 is above by |'
echo '|---:|---:|---:|---:|'
for seed in "$@"; do
    echo "$seed $(reached fp32 "$seed") $(reached bf16 "$seed")"
done | awk '
    { d = 100 * ($3 - $2); sum += d; squares += d * d; n++
      printf "| %d | %.2f | %.2f | %+.2f |\n", $1, 100 * $2, 100 * $3, d; fflush() }
    END {
        split("12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 " \
              "2.145 2.131 2.120 2.110 2.101 2.093", t)
        mean = sum / n
        if (n < 2 || n > 20) { printf "| mean | | | %+.2f |\n", mean; exit }
        half = t[n - 1] * sqrt((squares - n * mean * mean) / (n - 1) / n)
        printf "| mean | | | %+.2f, 95 %% interval %+.2f to %+.2f |\n", mean, mean - half,
               mean + half
        exit mean + half < 0
    }'
