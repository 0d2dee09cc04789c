#!/bin/sh
# Every unit test that is quick enough, and the commands on a tiny set, under valgrind: not a leak
command -v valgrind >/dev/null || { echo "valgrind is not installed"; exit 77; }
vg="valgrind -q --error-exitcode=99 --leak-check=full"
vg="$vg --errors-for-leak-kinds=definite,indirect,possible"
set -e
for t in $BUILD/tests/nn/base/test_* $BUILD/tests/data/test_* $BUILD/tests/infer/test_* \
    $BUILD/tests/nn/test_safetensors $BUILD/tests/nn/test_onnx $BUILD/tests/nn/test_plan; do
    case $t in *.o | *.d | */test_odd) continue ;; esac   # test_odd measures processes
    [ -x "$t" ] || continue
    echo "$t"
    $vg "$t"
done
"$DRAW" "$T/data" --count 60 --seed 3 --kind single --size 32
$vg "$DISCERN" train "$T/data" --out "$T/run" --epochs 1 --batch 16 --threads 2
$vg "$DISCERN" eval "$T/run/best.safetensors" "$T/data" --json >/dev/null
$vg "$DISCERN" predict "$T/run/best.safetensors" "$T/data/test" >/dev/null
$vg "$DISCERN" info "$T/run/best.safetensors" --graph >/dev/null
$vg "$DISCERN" export "$T/run/best.safetensors" --to onnx -o "$T/net.onnx"
