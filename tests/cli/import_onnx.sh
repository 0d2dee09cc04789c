#!/bin/sh
# import, ONNX: what was exported comes back and answers alike; labels and preparation from options
# and metadata; files of others where they are; refusals in one line that name file and cause
set -eu
. tests/cli/expect

draw_one
train "$T/one" model
picture=$(find "$T/one/test/" -name '*.jpg' -o -name '*.png' | sort | head -1)

# same MODEL MODEL: the same answers to a picture, but for the last digits.
same() {
    "$DISCERN" predict "$1" "$picture" --json --quiet >"$T/a" || fail "$1 does not answer"
    "$DISCERN" predict "$2" "$picture" --json --quiet >"$T/b" || fail "$2 does not answer"
    for f in a b; do
        sed -n '1p' "$T/$f" | grep -o '"label":"[a-z]*"\|"probability":[0-9.]\{1,5\}' |
            head -2 >"$T/$f.short"
    done
    cmp -s "$T/a.short" "$T/b.short" || fail "$1 and $2: $(cat "$T/a.short" "$T/b.short")"
}

run 0 export "$T/model" -o "$T/one.onnx"
run 0 import "$T/one.onnx" -o "$T/back"
said 'the softmax at the end is known'
said "wrote $T/back"
same "$T/model" "$T/back"
run 0 export "$T/model" -o "$T/u.onnx" --uint8 --layout nhwc --dynamic-batch
run 0 import "$T/u.onnx" -o "$T/u"
same "$T/model" "$T/u"
run 0 export "$T/model" -o "$T/l.onnx" --logits --opset 17
run 0 import "$T/l.onnx" -o "$T/l" --json
printed '"schema":"discern.import/1"'
same "$T/model" "$T/l"
run 0 export "$T/back" -o "$T/again.onnx"
run 0 info "$T/back"
printed 'checker, circle'

# It is trained further, as any other.
run 0 train "$T/one" --init "$T/back" --steps 2 --batch 8 --out "$T/more" --quiet

# Who takes it for a model is told what it is, whatever it is called.
cp "$T/one.onnx" "$T/net.bin"
for net in "$T/one.onnx" "$T/net.bin"; do
    for command in "info $net" "predict $net $picture" "eval $net $T/one" "calibrate $net $T/one" \
        "embed $net $picture" "export $net -o $T/no"; do
        run 3 $command
        said "$net: is an ONNX file, no discern model; \"discern import $net -o MODEL\" makes"
    done
done

# What nothing says of the preparation, and is taken, is told.
run 0 import "$T/one.onnx" -o "$T/told"
not_said 'pictures: nothing says'
sed 's/discern\.prep/another.prep/; s/imgsz/other/' "$T/one.onnx" >"$T/bare.onnx"
run 0 import "$T/bare.onnx" -o "$T/told" --force
said 'pictures: nothing says all of how they were prepared; taken are crop 1 (the whole'
said 'filter bilinear, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225; --crop and --normalize'
run 0 import "$T/bare.onnx" -o "$T/told" --force --normalize full
said '(the whole picture), filter bilinear; --crop of discern import says another'

# Labels and preparation as they are said.
"$DISCERN" info "$T/model" --json | grep -o '"labels":\[[^]]*\]' | tr -d '[]"' |
    sed 's/^labels://' | tr ',' '\n' | sed 's/^/the /' >"$T/names.txt"
run 0 import "$T/one.onnx" --labels "$T/names.txt" --normalize full --crop 0.5 -o "$T/named"
run 0 info "$T/named"
printed 'the checker, the circle'
printed 'mean 0.5 0.5 0.5'
printed 'crop 0.5'
run 0 import "$T/one.onnx" --threshold 0.25 -o "$T/from"
run 0 info "$T/from"
printed 'checker 0.25, '
run 0 predict "$T/from" "$picture" --json
printed '"threshold":0.25'
usage import "$T/one.onnx" --threshold 2 -o "$T/no"
echo one >"$T/short.txt"
run 3 import "$T/one.onnx" --labels "$T/short.txt" -o "$T/no"
said 'has 1 names, the network answers with 10'
[ ! -e "$T/no" ] || fail "written all the same"

# Nothing is lost, nothing half written.
run 3 import "$T/one.onnx" -o "$T/back"
said '--force'
run 0 import "$T/one.onnx" -o "$T/back" --force
usage import "$T/one.onnx"
said '-o'
run 3 import "$T/one.onnx" -o "$T/no" --size 64
said "$T/one.onnx"
said 'pictures of 32x32, not of --size 64'
run 3 import "$T/one.onnx" -o "$T/no" --output else
said 'no output "else"'
run 2 import "$T/one.onnx" -o "$T/no" --arch resnet18
said 'its own network'
run 2 import "$T/model" -o "$T/no" --layout nchw
said 'are of ONNX files'
head -c 1000 "$T/one.onnx" >"$T/cut.onnx"
run 3 import "$T/cut.onnx" -o "$T/no"
said "$T/cut.onnx: no ONNX file"
no_rest "$T"

weights=${DISCERN_DATASETS:-../shared/datasets}/weights
if [ -f "$weights/cifar10_resnet20.onnx" ] && [ -f "$weights/../cifar10_test200.tar.gz" ]; then
    tar xzf "$weights/../cifar10_test200.tar.gz" -C "$T"
    run 0 import "$weights/cifar10_resnet20.onnx" -o "$T/r20"
    run 0 eval "$T/r20" "$T/cifar10_test200" --json --quiet
    [ "$(number accuracy)" = 0.9 ] || fail "CIFAR-10: $(number accuracy) of 200, not 0.9"
    run 0 import "$weights/mobilenet_v1_0.25_224_imagenet.onnx" --crop 0.875 -o "$T/mobilenet"
    run 0 info "$T/mobilenet"
    printed 'mean 0.5 0.5 0.5'
    run 3 import "$weights/ultraface_slim_320.onnx" -o "$T/no"
    said 'is no number a label'
else
    echo "skipped: no $weights"
fi
