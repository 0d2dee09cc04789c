#!/bin/sh
# train --autotune: what is measured is told, stored and taken again; tables of others and tables
# that are none
set -eu
. tests/cli/expect

draw_one 60
cat >"$T/tiny.net" <<'NET'
image = input shape=16x16x3
c = conv2d image channels=40 size=3 pad=1
d = conv2d c channels=96 size=3 pad=1
r = relu d
m = meanpool r
fc = linear m width=classes bias=true
output logits = fc
NET
tiny="--arch $T/tiny.net --epochs 1 --batch 16 --no-near"

# ---- measured, stored, repeated ----
run 0 train "$T/one" $tiny --autotune --out "$T/a"
said 'autotune: '
grep -q '"variants": "kernels [a-z0-9 ]*[";]' "$T/a/run.json" ||
    fail "not in run.json: $(cat "$T/a/run.json")"
run 0 train --config "$T/a/run.json" --threads 1 --out "$T/b"
not_said 'autotune: '
not_said 'elsewhere'
undated "$T/a/best.safetensors" >"$T/a.undated"
undated "$T/b/best.safetensors" | cmp -s "$T/a.undated" - ||
    fail "another training with the same table"
run 0 info "$T/a/best.safetensors"
tr -s '\n ' ' ' <"$T/out" | grep -q 'variants measured with kernels ' ||
    fail "info: $(cat "$T/out")"
run 0 train "$T/one" $tiny --out "$T/rule"
run 0 info "$T/rule/best.safetensors"
not_printed 'variants'
usage train --resume "$T/a" --autotune
said '--autotune'

# ---- a table from elsewhere ----
call='conv2d channels=96 size=3 pad=1 of 16x16x16x40 f32 f32'
table="kernels sve; $call: weight=whole"
single="$tiny --precision fp32"
run 0 train "$T/one" $single --out "$T/c" --variants "$table; fft of 1: x=y"
said 'variants were measured elsewhere, with kernels sve'
not_said 'autotune: '
run 0 train "$T/one" $single --variants "$table" --dry-run
printed 'ways to compute, where there are several, and the steps that go by each'
printed 'conv2d weight=whole             2'
printed 'conv2d forward=rows'
run 0 train "$T/one" $single --dry-run
not_printed 'conv2d weight=whole'

# ---- no table ----
run 3 train "$T/one" $tiny --variants 'kernels sve; conv2d' --out "$T/none"
said 'variants: table of variants: expected "CALL: CHOICE=VARIANT", not "conv2d"'
sed 's/"variants": "[^"]*"/"variants": "\\u0001;;"/' "$T/a/run.json" >"$T/bad.json"
run 3 train --config "$T/bad.json" --out "$T/none"
said 'table of variants'
[ ! -e "$T/none" ] || fail "a training that was refused left a folder"

# ---- the plan of an answer ----
run 0 info --plan "$T/a/best.safetensors"
printed 'conv2d forward=rows             1'
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"
run 0 info --plan --json "$T/a/best.safetensors"
printed '"variants":{"forward":"rows"}'

# ---- bench ----
run 0 bench --autotune --arch "$T/tiny.net" --batch 16 --rounds 1 --only train
quiet
printed 'weight by rule mixed: mixed '
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"
run 0 bench --autotune --arch "$T/tiny.net" --batch 16 --rounds 1 --only train --json
lines 1
printed '"choice":"weight"'
[ "$(number seconds_tuned)" != 0 ] || fail "no time of a step with the better variants"
