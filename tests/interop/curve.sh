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

# curve NAME SET BATCH STEPS SETTING=VALUE...: doubles are slow, so in batches of 8
curve() {
    name=$1 set=$2 most=$3 steps=${STEPS:-$4}
    shift 4
    data=$(sh tests/interop/sets.sh "$set" "$build/sets") || { echo "$name: left out"; return 0; }
    for kind in float double; do
        tree=$build/release batch=$most
        [ $kind = float ] || tree=$build/double batch=8
        dir=$work/$name/$kind
        rm -rf "$dir"
        mkdir -p "$dir"
        "$tree/tests/interop/steps" "$data" "$dir" batch=$batch steps="$steps" "$@"
        "$build/release/tests/interop/batches" "$dir/last.safetensors" "$data" "$dir/split.csv" \
            "$steps" "$dir/batches.safetensors"
    done
    echo "$name: $*"
    "$python" -B tests/interop/curve.py "$work/$name" || status=1
    rm -f "$work/$name"/*/batches.safetensors
}

# MobileNetV2 is left out: at its start a difference grows tenfold and more with every step, so that
# even doubles part within ten.  tests/nn/test_golden_models.c holds its first two steps.
[ $# != 0 ] || set -- cifar10 flowers posters resnet18 averaged
for name in "$@"; do
    case $name in
    cifar10) curve $name cifar10 32 100 arch=resnet_small size=32 ;;
    flowers) curve $name flowers 32 100 arch=resnet_small size=64 ;;
    posters) curve $name posters 32 100 arch=resnet_small size=64 ;;
    resnet18) curve $name flowers 16 30 arch=resnet18 size=64 ;;
    averaged) curve $name cifar10 32 30 arch=resnet_small size=32 ema=0.9 clip=0.5 ;;
    *) echo "curves: there is no case $name" >&2; exit 2 ;;
    esac
done
exit $status
