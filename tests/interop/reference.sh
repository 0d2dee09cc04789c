#!/bin/sh
# reference.sh BUILD SET [SEED...] -- does a training of discern reach what PyTorch reaches?
#
# SET is cifar10 (shortened, sets.sh), flowers or posters.  For each seed (1 when none is given)
# discern trains, PyTorch trains in the same way for as many steps (train_torch.py), both answer the
# test part with what they ended with, and a row of a table is printed: figures in percent
# (accuracy; posters: mAP), their difference and its 95 % interval (agree.py).  Status 1 when
# discern is more than a point below, in the mean over the seeds.  Some minutes a training on two
# cores; STEPS=N makes as many steps instead, to try it out.  Wants Python with PyTorch, Pillow and
# safetensors.
set -eu

build=$1 set=$2
shift 2
[ $# != 0 ] || set -- 1
python=${PYTHON:-python3}
discern=$build/release/discern
threads=${THREADS:-2}

"$python" -c 'import torch, safetensors, PIL' 2>/dev/null || {
    echo "reference: $python lacks torch, safetensors or PIL; name another Python in PYTHON"
    exit 77
}
case $set in
cifar10) how='--size 32 --epochs 15' ;;
flowers) how='--size 64 --epochs 20' ;;
posters) how='--size 64 --epochs 10' ;;
*) echo "reference: cifar10, flowers or posters, not $set" >&2; exit 2 ;;
esac
[ -z "${STEPS:-}" ] || how="${how% --epochs *} --steps $STEPS"
data=$(sh tests/interop/sets.sh "$set" "$build/sets")

# test_files SPLIT: the test pictures, by their path, a line each
test_files() {
    if [ -d "$data" ]; then root=$data; else root=$(dirname "$data")/images; fi
    sed -n 's/^"\{0,1\}\(.*[^"]\)"\{0,1\},test$/\1/p' "$1" | sed "s|^|$root/|"
}

echo '| set | steps | discern | PyTorch | difference, 95 % interval |'
echo '|---|---:|---:|---:|---|'
folders=
for seed in "$@"; do
    dir=$build/reference/$set-$seed
    rm -rf "$dir"
    mkdir -p "$dir"
    # shellcheck disable=SC2086
    "$discern" train "$data" --out "$dir" --force --seed "$seed" --threads "$threads" $how \
        --arch resnet_small --optim sgd --augment light --cache "$build/reference/cache" \
        >/dev/null 2>"$dir/train.log" || { cat "$dir/train.log" >&2; exit 1; }
    model=$dir/last.safetensors
    "$discern" eval "$model" "$data" --split test --json --threads "$threads" >"$dir/eval.json"
    test_files "$dir/split.csv" | tr '\n' '\0' |
        xargs -0 -x -s 1500000 "$discern" predict "$model" --json --top 1000000 --threshold 0 \
            --threads "$threads" >"$dir/answers.json"
    THREADS=$threads "$python" -B tests/interop/train_torch.py "$model" "$data" "$dir/torch.npz" \
        2>"$dir/torch.log" || { cat "$dir/torch.log" >&2; exit 1; }
    "$python" -B tests/interop/agree.py row "$set" "$seed" "$dir"
    folders="$folders $dir"
done
# shellcheck disable=SC2086
"$python" -B tests/interop/agree.py sum "$set" $folders
