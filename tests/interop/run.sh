#!/bin/sh
# run.sh PROGRAM DRAW BUILD -- do others read our files, and do they find in them what we do?
#
# Trains small models of every architecture on drawn pictures, one with several labels a picture and
# one of the other operators, asks each about 100 pictures that it has not seen, and has compare.py
# ask ONNX Runtime the same; tfevents.py reads their curves.
# Wants Python with numpy and onnxruntime; Pillow, onnx and tensorboard are used when they
# are there.
set -eu

[ $# = 3 ] || { echo "usage: sh tests/interop/run.sh PROGRAM DRAW BUILD" >&2; exit 2; }
discern=$1 draw=$2 work=$3/interop
python=${PYTHON:-python3}
pictures=100

command -v "$python" >/dev/null || {
    echo "interop: there is no $python; name one in PYTHON"
    exit 77
}
for module in numpy onnxruntime; do
    "$python" -c "import $module" 2>/dev/null || {
        echo "interop: $python has no $module; install it, or name another Python in PYTHON"
        exit 77
    }
done

# compare NAME DATA FOLDER OPTION...: trains on DATA, compares on the pictures of FOLDER
compare() {
    name=$1 data=$2 folder=$3
    shift 3
    "$discern" train "$data" --out "$work/$name" --seed 1 --quiet "$@" >/dev/null
    model=$work/$name/best.safetensors
    "$discern" export "$model" -o "$work/$name.one.onnx" 2>/dev/null
    "$discern" export "$model" -o "$work/$name.many.onnx" --dynamic-batch 2>/dev/null
    "$discern" export "$model" -o "$work/$name.logits.onnx" --dynamic-batch --logits 2>/dev/null
    find "$folder" -name '*.png' | sort | head -n $pictures >"$work/list"
    # shellcheck disable=SC2046
    "$discern" predict "$model" $(cat "$work/list") --json --top 1000 --threshold 0 \
        --dump-input "$work/$name.npy" >"$work/$name.json"
    echo "$name:"
    "$python" tests/interop/compare.py "$work/$name" $pictures || status=1
}

rm -rf "$work"
mkdir -p "$work"
status=0
"$draw" "$work/single" --count 800 --seed 1
"$draw" "$work/multi" --kind multi --count 800 --seed 1
for arch in $(sed -n 's/^NN_MODEL(\(.*\))$/\1/p' nn/model/models.def); do
    compare "$arch" "$work/single" "$work/single/test" --arch "$arch" --epochs 3
done
compare operators "$work/single" "$work/single/test" --arch tests/interop/ops.txt --epochs 3
compare several-labels "$work/multi/labels.csv" "$work/multi/images" --epochs 3

# TensorBoard's own reader, where it is installed, finds the numbers of metrics.csv.
if "$python" -c 'import tensorboard' 2>/dev/null; then
    for run in "$work"/*/events.out.tfevents.*; do
        "$python" tests/interop/tfevents.py "${run%/*}" || status=1
    done
else
    echo "interop: $python has no tensorboard; its reader was not asked"
fi
exit $status
