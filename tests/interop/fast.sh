#!/bin/sh
# fast.sh BUILD [SEED...] -- the recipe `fast` on CIFAR-10 beside the same recipe in PyTorch
#
# For each seed (1 when none is given) discern trains on the training part by `--recipe fast` and
# answers the test part with what it ended with, PyTorch does the same on the same files in fp32 and
# in bf16 (fast.py), and rows of a table are printed: seconds of training, those of PyTorch without
# reading the pictures, and accuracy by the picture, with its mirror image, and by six views.  It
# wants a quiet machine and, without AMX, the better part of an hour a seed.  FAST='SETTINGS' trains
# by these instead of `--recipe fast`, STEPS=N makes as many steps, to try it out; COMPILE=1 has
# torch.compile.  Status 77: no set, or no Python with PyTorch, Pillow and safetensors.
set -eu

build=$1
shift
[ $# != 0 ] || set -- 1
python=${PYTHON:-python3}
discern=$build/release/discern
threads=${THREADS:-2}
how=${FAST:---recipe fast}
[ -z "${STEPS:-}" ] || how="$how --steps $STEPS"

"$python" -c 'import torch, safetensors, PIL' 2>/dev/null || {
    echo "fast: $python lacks torch, safetensors or PIL; name another Python in PYTHON"
    exit 77
}
data=$(sh tests/interop/sets.sh cifar10-whole "$build/sets")

# answers DIR VIEWS: accuracy of the last model
answers() {
    "$discern" eval "$1/last.safetensors" "$data/test" --views "$2" --threads "$threads" --json \
        2>/dev/null | "$python" -c 'import json, sys; print(json.load(sys.stdin)["accuracy"])'
}

echo '| seed | | precision | steps | s | accuracy | with its mirror image | six views |'
echo '|---:|---|---|---:|---:|---:|---:|---:|'
for seed in "$@"; do
    dir=$build/fast/$seed
    rm -rf "$dir"
    mkdir -p "$dir"
    # shellcheck disable=SC2086
    "$discern" train "$data/train" --out "$dir" --force --seed "$seed" --threads "$threads" $how \
        >/dev/null 2>"$dir/train.log" || { cat "$dir/train.log" >&2; exit 1; }
    "$python" - "$dir" "$seed" "$(answers "$dir" one)" "$(answers "$dir" mirror)" \
        "$(answers "$dir" six)" <<'EOF'
import json, sys
sys.path.append("tests/interop")
from networks import describe
dir, seed, one, mirror, six = sys.argv[1:]
made = describe(dir + "/last.safetensors")["provenance"]
with open(dir + "/run.json") as f:
    seconds = json.load(f)["result"]["seconds"]
print(f"| {seed} | discern | {made['settings']['precision']} | {made['step']} | {seconds:.1f} | "
      f"{float(one):.4f} | {float(mirror):.4f} | {float(six):.4f} |")
EOF
    for precision in fp32 bf16; do
        "$python" -B tests/interop/fast.py "$dir" "$data/train" "$data/test" --seed "$seed" \
            --threads "$threads" --precision $precision ${COMPILE:+--compile} \
            >"$dir/$precision.json"
        "$python" - "$seed" "$dir/$precision.json" <<'EOF'
import json, sys
with open(sys.argv[2]) as f:
    r = json.load(f)
a = r["accuracy"]
print(f"| {sys.argv[1]} | PyTorch{', compiled' if r['compiled'] else ''} | {r['precision']} | "
      f"{r['steps']} | {r['seconds']['train']:.1f} | {a['one']:.4f} | {a['mirror']:.4f} | "
      f"{a['six']:.4f} |")
EOF
    done
done
