#!/bin/sh
# onnx_in.sh PROGRAM DRAW BUILD -- do we compute ONNX files of others as others do?
#
# The networks of ../shared/datasets/weights (or below $DISCERN_DATASETS) beside ONNX Runtime, the
# nine of onnx_light with their outputs, and a table of the node tests of group core: what fails,
# or is refused in opsets 6 to 18 beyond what docs/import.md says, is an error.
# Wants Python with numpy and onnxruntime.
set -eu

[ $# = 3 ] || { echo "usage: sh tests/interop/onnx_in.sh PROGRAM DRAW BUILD" >&2; exit 2; }
run=$3/release/tests/interop/onnx_run work=$3/interop/onnx_in
weights=${DISCERN_DATASETS:-../shared/datasets}/weights
python=${PYTHON:-python3}
KNOWN_REFUSED=3         # of opsets 6 to 18
KNOWN_FAILED=2          # bfloat16 is not rounded to

if [ ! -f "$weights/onnx_node_tests.tar.gz" ] ||
    ! "$python" -c "import onnxruntime" 2>/dev/null; then
    echo "interop: no $weights, or no onnxruntime in $python: ONNX files of others are not tried"
    exit 77
fi
rm -rf "$work"
mkdir -p "$work"
"$python" -B tests/interop/onnx_in.py "$run" "$weights"/*.onnx
tar xzf "$weights/onnx_light.tar.gz" -C "$work"
for file in "$work"/onnx_light/*.onnx; do
    "$run" light "$file" "${file%.onnx}_output_0.pb"
done
tar xzf "$weights/onnx_node_tests.tar.gz" -C "$work"
# shellcheck disable=SC2046
"$run" tests "$work/onnx_node_tests" $(awk -F, '$NF ~ /core/ { print $1 }' \
    "$work/onnx_node_tests/INDEX.csv") >"$work/table.csv"
awk -F, -v refused="$KNOWN_REFUSED" -v failed="$KNOWN_FAILED" '
    FILENAME ~ /INDEX/ { opset[$1] = $3; next }
    { n[$2]++ }
    $2 != "passed" && opset[$1] >= 6 && opset[$1] <= 18 { old++; print }
    END {
        printf "node tests: %d passed, %d refused, %d failed; in opsets 6 to 18 not passed: %d\n",
            n["passed"], n["refused"], n["FAILED"], old
        exit n["FAILED"] > failed || old > refused
    }' "$work/onnx_node_tests/INDEX.csv" "$work/table.csv"
