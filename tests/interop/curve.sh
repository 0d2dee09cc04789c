#!/bin/sh
# curve.sh BUILD [NAME...] -- do discern's losses lie on PyTorch's, step by step?
#
# For each case (all of them when none is named): steps of discern without augmentation, in
# float and in double, then PyTorch from the same weights on the same batches (curve.py).  Some
# minutes a case on one core.  Wants Python with PyTorch and safetensors, and the sets (sets.sh).
set -eu

build=$1 work=$1/curves
shift
python=${PYTHON:-python3}
status=0

"$python" -c 'import torch, safetensors' 2>/dev/null || {
    echo "curves: $python lacks torch or safetensors; name another Python in PYTHON"
    exit 77
}

# curve NAME SET ARCH SIZE BATCH STEPS: doubles are slow, so in batches of 8
curve() {
    name=$1 arch=$3 size=$4 steps=${STEPS:-$6}
    data=$(sh tests/interop/sets.sh "$2" "$build/sets") || { echo "$1: left out"; return 0; }
    for kind in float double; do
        tree=$build/release batch=$5
        [ $kind = float ] || tree=$build/double batch=8
        dir=$work/$name/$kind
        rm -rf "$dir"
        mkdir -p "$dir"
        "$tree/tests/interop/steps" "$data" "$dir" "$arch" "$size" $batch "$steps"
        "$build/release/tests/interop/batches" "$dir/last.safetensors" "$data" "$dir/split.csv" \
            "$steps" "$dir/batches.safetensors"
    done
    echo "$name: $arch, $size pixels"
    "$python" -B tests/interop/curve.py "$work/$name" || status=1
    rm -f "$work/$name"/*/batches.safetensors
}

# MobileNetV2 is left out: at its start a difference grows tenfold and more with every step, so that
# even doubles part within ten.  tests/nn/test_golden_models.c holds its first two steps.
[ $# != 0 ] || set -- cifar10 flowers posters resnet18
for name in "$@"; do
    case $name in
    cifar10) curve cifar10 cifar10 resnet_small 32 32 100 ;;
    flowers) curve flowers flowers resnet_small 64 32 100 ;;
    posters) curve posters posters resnet_small 64 32 100 ;;
    resnet18) curve resnet18 flowers resnet18 64 16 30 ;;
    *) echo "curves: there is no case $name" >&2; exit 2 ;;
    esac
done
exit $status
