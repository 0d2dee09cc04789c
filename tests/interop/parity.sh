#!/bin/sh
# parity.sh BUILD SET [MODEL] -- do all roads give the same answers to the same 1,000 pictures?
#
# SET is flowers or posters (sets.sh).  Roads: `discern predict`, whose input is kept
# (--dump-input); `discern eval`; validation while training (its figures, of a model that is
# trained here with this build, so without MODEL); libdiscern where it was built; the exported C;
# the exported ONNX in ONNX Runtime and in OpenCV.  OPENCV may name a folder with another OpenCV
# (pip install --target).  Wants Python with numpy and onnxruntime.  The figures of docs/results.md.
set -eu

[ $# -ge 2 ] || {
    echo "usage: sh tests/interop/parity.sh BUILD flowers|posters [MODEL]" >&2
    exit 2
}
build=$1 set=$2 model=${3:-}
python=${PYTHON:-python3}
discern=$build/release/discern
work=$build/interop/parity-$set
pictures=1000
data=$(sh tests/interop/sets.sh "$set" "$build/sets")

rm -rf "$work"
mkdir -p "$work"
own=
if [ -z "$model" ]; then
    "$discern" train "$data" --out "$work/run" --seed 1 --size 64 --epochs 2 --quiet >/dev/null
    model=$work/run/best.safetensors own=--validation
fi
"$python" tests/interop/parity.py sample "$work" "$set" $pictures "$data"
# shellcheck disable=SC2046
"$discern" predict "$model" $(cat "$work/list") --json --top 1000000 --threshold 0 --quiet \
    --dump-input "$work/input.npy" >"$work/predict.json"
"$discern" eval "$model" "$work/sample.csv" --images / --split all --json --quiet \
    --csv "$work/eval.csv" >"$work/eval.json"
"$discern" info "$model" --json >"$work/info.json"
if [ "$own" ]; then
    "$discern" eval "$model" "$data" --split val --json --quiet >"$work/val.json"
fi
"$discern" export "$model" -o "$work/model.onnx" --dynamic-batch
"$discern" export "$model" -o "$work/pixels.onnx" --uint8 --layout nhwc
"$discern" export "$model" --to c -o "$work/model.c"
${CC:-cc} -std=c99 -O2 -shared -fPIC "$work/model.c" -o "$work/model.so"
library=$(find "$build/release" -maxdepth 1 -name 'libdiscern.so*' -type f | head -n 1)
[ -z "$library" ] || ln -s "$(realpath "$library")" "$work/libdiscern.so"
if [ "${OPENCV:-}" ]; then
    PYTHONPATH=$OPENCV "$python" tests/interop/parity.py opencv "$work" other
fi
ln -s "$(realpath "$model")" "$work/model.safetensors"
# shellcheck disable=SC2086
"$python" tests/interop/parity.py compare "$work" $own
