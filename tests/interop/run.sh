#!/bin/sh
# run.sh PROGRAM DRAW BUILD -- do others read our files, and do they find in them what we do?
#
# Trains small models of an architecture of every kind on drawn pictures, one with several labels a
# picture and one of the other operators, asks each about 100 pictures that it has not seen, and has
# compare.py ask ONNX Runtime and OpenCV the same of every kind of file that export writes;
# families.py holds networks to timm's, hugging.py imported ones to transformers', opsets.py files
# of every family and opset to the network they are of; tfevents.py reads their curves.
# Wants Python with numpy and onnxruntime; OpenCV, Pillow, onnx and tensorboard are used when they
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

# write WHAT OPTION...: of the model that is looked at
write() {
    what=$1
    shift
    "$discern" export "$model" -o "$work/$name.$what.onnx" "$@" 2>>"$work/export.log"
}

# compare NAME DATA FOLDER OPTION...: trains on DATA, compares on the pictures of FOLDER
compare() {
    name=$1 data=$2 folder=$3
    shift 3
    "$discern" train "$data" --out "$work/$name" --seed 1 --quiet "$@" >/dev/null
    model=$work/$name/best.safetensors
    write one
    write four --batch 4
    write many --dynamic-batch
    write logits --dynamic-batch --logits
    write nhwc --dynamic-batch --layout nhwc
    write pixels --dynamic-batch --uint8
    write pixels-nhwc --uint8 --layout nhwc
    write renamed --input-name in.put --output-name "out put"
    for opset in 14 15 16 17; do
        write "opset-$opset" --dynamic-batch --opset $opset
    done
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
for arch in $("$discern" info --models --json | grep -o '"name":"[^"]*"[^}]*"sample":true' |
    sed 's/"name":"\([^"]*\)".*/\1/'); do
    compare "$arch" "$work/single" "$work/single/test" --arch "$arch" --epochs 3
done
compare operators "$work/single" "$work/single/test" --arch tests/interop/ops.txt --epochs 3
compare several-labels "$work/multi/labels.csv" "$work/multi/images" --epochs 3

# Networks beside timm's, where there is PyTorch.
if PYTHONPATH=tests/interop "$python" -B -c 'import no_torchvision, timm, safetensors' \
        2>/dev/null; then
    make -s "BUILD=$3" "$3/release/tests/interop/net" "$3/double/tests/interop/net"
    "$python" -B tests/interop/families.py "$3/release/tests/interop/net" \
        "$3/double/tests/interop/net" || status=1
    "$python" -B tests/interop/opsets.py "$discern" "$3/release/tests/interop/net" || status=1
else
    echo "interop: $python has no torch, timm or safetensors; networks were not held to theirs"
fi

# Networks of Hugging Face beside transformers, where that is.
if "$python" -c 'import torch, transformers, PIL' 2>/dev/null; then
    "$python" -B tests/interop/hugging.py "$discern" || status=1
else
    echo "interop: $python has no torch, transformers or Pillow; networks were not held to theirs"
fi

# TensorBoard's own reader, where it is installed, finds the numbers of metrics.csv.
if "$python" -c 'import tensorboard' 2>/dev/null; then
    for run in "$work"/*/events.out.tfevents.*; do
        "$python" tests/interop/tfevents.py "${run%/*}" || status=1
    done
else
    echo "interop: $python has no tensorboard; its reader was not asked"
fi
exit $status
