#!/bin/sh
# export: an ONNX file beside the model or where asked, whole or not at all; no file is lost unasked
set -eu
. tests/cli/expect

draw_one
train "$T/one" model
mkdir "$T/dir"
cp "$T/model" "$T/dir/cats.safetensors"

run 0 export "$T/dir/cats.safetensors"
[ ! -s "$T/out" ] || fail "stdout: $(cat "$T/out")"
said "wrote $T/dir/cats.onnx: image [1,3,32,32] -> probability [1,10]"
[ -s "$T/dir/cats.onnx" ] || fail "no cats.onnx"
for text in image probability names "{0: 'checker', 1: 'circle'" discern.prep discern.labels \
    discern.task; do
    grep -aqF "$text" "$T/dir/cats.onnx" || fail "the file lacks $text"
done
cp "$T/dir/cats.onnx" "$T/first.onnx"
run 0 export "$T/dir/cats.safetensors" --to onnx --out "$T/second.onnx"
cmp "$T/first.onnx" "$T/second.onnx" || fail "two exports differ"
run 0 export "$T/dir/cats.safetensors" -o "$T/l.onnx" --logits --dynamic-batch
said 'image [N,3,32,32] -> logits [N,10]'
grep -aqF logits "$T/l.onnx" || fail "no logits"
cp "$T/model" "$T/dir/plain"
run 0 export "$T/dir/plain"
[ -s "$T/dir/plain.onnx" ] || fail "no plain.onnx"

run 0 export "$T/model" -o "$T/u.onnx" --uint8 --layout nhwc --batch 4 --opset 17
said 'image uint8 [4,32,32,3] -> probability [4,10]; checked: probabilities differ by at most'
run 0 export "$T/model" -o "$T/n.onnx" --no-verify --input-name in.1 --output-name out.1
said 'in.1 [1,3,32,32] -> out.1 [1,10]'
grep -q checked "$T/err" && fail "checked all the same"
run 0 export "$T/dir/cats.safetensors" --to labels
said "wrote $T/dir/cats.labels.txt: 10 labels"
[ "$(head -n 2 "$T/dir/cats.labels.txt")" = "checker
circle" ] || fail "labels: $(cat "$T/dir/cats.labels.txt")"
[ "$(wc -l <"$T/dir/cats.labels.txt")" = 10 ] || fail "labels: $(cat "$T/dir/cats.labels.txt")"

run 0 export "$T/dir/cats.safetensors" --to card
said "wrote $T/dir/cats.md: a card of 10 labels"
for text in 'Image classifier of 10 labels' '| 1 | circle |' '| accuracy | ' '- network: ' \
    '## Limits' 'fingerprint'; do
    grep -qF -- "$text" "$T/dir/cats.md" || fail "the card lacks $text"
done

# What is there stays, but with --force.
echo mine >"$T/mine"
run 3 export "$T/model" -o "$T/mine"
said '--force'
[ "$(cat "$T/mine")" = mine ] || fail "overwritten"
run 0 export "$T/model" -o "$T/mine" --force
cmp "$T/first.onnx" "$T/mine" || fail "not overwritten"
run 3 export "$T/model" -o "$T/dir" --force
run 3 export "$T/model" -o "$T/model" --force
said 'is the input itself'
run 0 info "$T/model"
run 4 export "$T/model" -o "$T/no/such/folder.onnx"
said "$T/no/such/folder.onnx"
if [ -w /dev/full ]; then
    run 3 export "$T/model" -o /dev/full --force
fi
no_rest "$T"

export_fails() {
    run 3 export "$1" -o "$T/new.onnx"
    [ ! -e "$T/new.onnx" ] || fail "$1: a file all the same"
}
broken_models "$T/model" export_fails

usage export
usage export "$T/model" "$T/model"
usage export "$T/model" --to tflite
said 'onnx'
usage export "$T/model" --to labels --logits
said '--logits is for --to onnx or c; --to labels has no such choice'
usage export "$T/model" --to labels --no-verify
usage export "$T/model" --batch 2 --dynamic-batch
said 'which?'
usage export "$T/model" --input-name probability
usage export "$T/model" --opset 18
usage export "$T/model" --batch 0
usage export "$T/model" --dynamic_bach
said 'did you mean --dynamic-batch?'
usage exprot "$T/model"
said 'did you mean "export"?'
run 0 export --help
printed 'usage: discern export'
