#!/bin/sh
# train --lora: thin matrices beside weights that stay; what ships is an ordinary model
set -eu
. tests/cli/expect

cat >"$T/vit.net" <<'NET'
image = input shape=16x16x3
c = conv2d image channels=16 size=4 stride=4 bias=true
t = reshape c shape=-1x16
n = layernorm t
qkv = linear n width=48 bias=true
a = attention qkv heads=2
proj = linear a width=16 bias=true
x = add t proj
fc = linear x width=32 bias=true
g = gelu fc
f = flatten g
head = linear f width=classes bias=true
output logits = head
NET
draw_one 60
vit="--arch $T/vit.net --batch 16 --no-near --epochs 2"

run 0 train "$T/one" $vit --out "$T/a"
a=$T/a/last.safetensors
run 0 train "$T/one" $vit --out "$T/b" --init "$a" --lora 4 --lora-alpha 8 --optim adamw
said 'lora 4: beside the last layer 2 linear layers learn, by matrices of rank 4: qkv, proj'
not_said 'of no use'
grep -q '"lora": 4' "$T/b/run.json" || fail 'run.json lacks the rank'
run 0 info "$T/b/best.safetensors" --graph
not_printed lora
run 0 eval "$T/b/best.safetensors" "$T/one"
run 0 train --config "$T/b/run.json" --out "$T/c" --threads 2
undated "$T/b/best.safetensors" >"$T/x"
undated "$T/c/best.safetensors" >"$T/y"
cmp -s "$T/x" "$T/y" || fail 'a repeated training gave another model'
run 0 train "$T/one" $vit --out "$T/d" --init "$a" --lora 2 --lora-layers 'fc' --freeze head.bias

run 0 train "$T/one" $vit --out "$T/e" --init "$a" --lora 20 --freeze 'qkv*' --dry-run
said 'lora 20: beside the last layer 1 linear layer learns, by matrices of rank 20: proj; none'
said 'none of them has a rank above 16, so more than that is of no use'

usage train "$T/one" $vit --out "$T/never" --lora 4
said '--init MODEL says which to begin with'
for more in '--lora-alpha 3' '--lora-layers fc'; do
    usage train "$T/one" $vit --out "$T/never" --init "$a" $more
    said 'says how --lora is meant'
done
run 2 train "$T/one" $vit --out "$T/never" --init "$a" --lora 4 --lora-layers 'fcc'
said 'none but the last is called "fcc": its linear layers are qkv, proj, fc, head'
for all in '*' 'qkv*,proj*'; do
    run 2 train "$T/one" $vit --out "$T/never" --init "$a" --lora 4 --freeze "$all"
    said "freeze $all: means the thin matrices of --lora too"
done
[ ! -e "$T/never" ] || fail 'a training that was refused left a folder'
