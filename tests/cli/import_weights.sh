#!/bin/sh
# import, weights: of others become a model; what does not fit is named; a training begins with them
set -eu
. tests/cli/expect

draw_one 60
printf 'tensors' >"$T/net.pt"
run 3 import "$T/net.pt" -o "$T/m"
said 'safetensors.torch'
run 3 import "$T/no-such-thing" -o "$T/m"
said "$T/no-such-thing"

# Who takes such a file for a model is told how it becomes one.
for net in net.pt:'a Python pickle, which can run code' net.pth:safetensors.torch \
    net.h5:'an HDF5 file' net.keras:tf2onnx net.tflite:'a TensorFlow Lite file'; do
    printf 'ten bytes.' >"$T/${net%%:*}"
    for command in "info MODEL" "predict MODEL $T/one" "eval MODEL $T/one" \
        "data cluster $T/one --model MODEL"; do
        run 3 $(echo "$command" | sed "s:MODEL:$T/${net%%:*}:")
        said "${net#*:}"
        said 'no discern model; "discern import" makes one of what this converts it to: python3'
    done
done

# A model of ours is a safetensors file with timm's names: without our metadata it is one of others.
run 0 train "$T/one" --arch resnet20 --steps 2 --size 32 --batch 16 --cache off --quiet \
    --out "$T/run"
sed 's/discern\./another./g' "$T/run/best.safetensors" >"$T/run/weights.safetensors"
run 3 import "$T/run/best.safetensors" -o "$T/m"
said 'is a model of discern already'
run 2 import "$T/run/weights.safetensors"
said 'where to? -o FILE says it'
run 0 import "$T/run/weights.safetensors" -o "$T/m" --normalize imagenet
said 'resnet20: all 97 tensors fit, as timm calls them'
said 'pictures: nothing says all of how they were prepared; taken are 32x32 pixels, crop 1 (the'
said 'filter bilinear, as weights of this network mostly have them; --size and --crop of discern'
said "wrote $T/m"
run 3 import "$T/run/weights.safetensors" -o "$T/m"
said "$T/m"
run 0 import "$T/run/weights.safetensors" -o "$T/m" --force --json
printed '"schema":"discern.import/1"'
printed '"arch":"resnet20"'
run 0 info "$T/m"
printed 'resnet20'
run 2 import "$T/no-such-thing" --json
said 'where to? -o FILE says it'

# A size that the network cannot be of is the cause that is told, not another network.
run 0 train "$T/one" --arch mobilenet_v1_0.25 --steps 1 --size 32 --batch 8 --cache off --quiet \
    --out "$T/mobile"
mkdir "$T/small"
sed 's/discern\./another./g' "$T/mobile/best.safetensors" >"$T/small/model.safetensors"
for size in 7 24; do
    run 3 import "$T/small" -o "$T/no" --size $size
    said "mobilenet_v1_0.25: pictures of ${size}x$size are too small, 32x32 is the least"
    run 3 train "$T/one" --init "$T/small" --size $size --steps 1 --cache off --out "$T/no"
    said "mobilenet_v1_0.25: pictures of ${size}x$size are too small, 32x32 is the least"
done
# Our own names may hold a point; timm's have a tag behind it.
echo '{"architecture":"mobilenet_v1_0.25"}' >"$T/small/config.json"
run 0 import "$T/small" -o "$T/small-m"
said 'mobilenet_v1_0.25: all '
echo '{"architecture":"no.net"}' >"$T/small/config.json"
run 3 import "$T/small" -o "$T/no"
said 'says that it is "no.net", which is no network of ours'

# What is read is not written over: the input, or a part of it.
mkdir "$T/parts"
cp "$T/run/weights.safetensors" "$T/parts/model.safetensors"
cp "$T/m" "$T/parts/old"
run 3 import "$T/run/weights.safetensors" -o "$T/run/weights.safetensors" --force
said 'is the input itself'
run 3 import "$T/parts" -o "$T/parts/model.safetensors" --force
said "$T/parts/model.safetensors: is no model of discern, and may be a part of $T/parts"
cmp "$T/run/weights.safetensors" "$T/parts/model.safetensors"
run 0 import "$T/parts" -o "$T/parts/old" --force
no_rest "$T"
run 0 info --models
printed 'resnet50 '
run 2 info --models "$T/m"
said 'answers alone'
run 2 info
said 'expects MODEL'

# Weights of the world, where they are.
sets=${DISCERN_DATASETS:-../shared/datasets}
if [ ! -f "$sets/cifar10_test200.tar.gz" ]; then
    echo "import_weights: real weights skipped: $sets is not there (set DISCERN_DATASETS)"
    exit 0
fi
tar -C "$T" -xzf "$sets/cifar10_test200.tar.gz"
ls "$T/cifar10_test200" >"$T/names"
while read -r layers right; do
    run 0 import "$sets/weights/cifar10_resnet$layers.safetensors" --labels "$T/names" \
        -o "$T/cifar" --force
    run 0 eval "$T/cifar" "$T/cifar10_test200" --split all --json
    printed "\"accuracy\":$right,"
done <<END
20 0.9
32 0.94
44 0.885
56 0.91
END

# They are what a training begins with, its network as they say.
run 0 train "$T/cifar10_test200" --init "$sets/weights/cifar10_resnet20.safetensors" --steps 2 \
    --batch 16 --cache off --out "$T/more"
said 'init: resnet20: all 97 tensors fit'
said '95 of 97 parameters taken'
run 0 info "$T/more/best.safetensors"
printed 'resnet20'
