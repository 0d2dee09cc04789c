#!/bin/sh
# few.sh BUILD [SEED...] -- `train --few N` beside scikit-learn's linear probe, on the same pictures
#
# For each seed (1 to 5 when none is given) discern makes a classifier of SET (flowers, or another
# of tests/interop/sets.sh that has parts) from N (5) pictures of each label of its training part,
# drawn by the seed, and MobileNetV1 0.25; scikit-learn's LogisticRegressionCV
# behind a StandardScaler learns from the same pictures by the numbers that `discern embed` writes
# of them.  Prints accuracies on the test part as rows of a table.  Status 77: no set, no weights,
# or no Python with scikit-learn.
set -eu

build=$1
shift
[ $# != 0 ] || set -- 1 2 3 4 5
python=${PYTHON:-python3}
discern=$build/release/discern
set=${SET:-flowers}
n=${N:-5}
work=$build/interop/few-$set-$n
weights=${DISCERN_DATASETS:-../shared/datasets}/weights/mobilenet_v1_0.25_224_imagenet.safetensors

"$python" -c 'import sklearn' 2>/dev/null || {
    echo "few: $python lacks sklearn; name another Python in PYTHON"
    exit 77
}
data=$(sh tests/interop/sets.sh "$set" "$build/sets")
[ -f "$weights" ] || {
    echo "few: there is no $weights"
    exit 77
}
rm -rf "$work"
mkdir -p "$work"
"$discern" import "$weights" -o "$work/net.safetensors" --quiet
"$discern" embed "$work/net.safetensors" "$data/train" "$data/test" -o "$work/rows.npy" --quiet
for seed in "$@"; do
    "$discern" train "$data/train" --init "$weights" --few "$n" --seed "$seed" \
        --out "$work/$seed" --quiet >/dev/null
    "$discern" eval "$work/$seed/best.safetensors" "$data/test" --json --quiet \
        >"$work/$seed.json"
done
"$python" -B tests/interop/few.py "$work" "$data" "$@"
