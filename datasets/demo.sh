#!/bin/sh
# demo.sh BUILD PROGRAM DRAW -- what `make demo` shows: from nothing to two models that were
# trained, measured and used
#
# Everything goes to BUILD/demo, which is made anew.  Stops at the first thing that fails; the last
# lines check that the models are as good as they should be, and a check that fails makes the exit
# status 1.
set -eu

[ $# = 3 ] || { echo "usage: sh datasets/demo.sh BUILD PROGRAM DRAW" >&2; exit 2; }
build=$1 discern=$2 draw=$3
demo=$build/demo
pictures=8000 epochs=7 seed=1
# The drawings are random already: varying them further only slows a short training down.
how="--epochs $epochs --batch 32 --augment none --seed $seed"
want=0.95
begun=$(date +%s)

say() { printf '\n%s\n' "$*"; }

stop() {
    printf '\ndemo: failed: %s\n' "$*" >&2
    exit 1
}

# Shows a command, runs it, and stops when it fails.
run() {
    printf '$ %s\n' "$*"
    "$@" || stop "status $? from: $*"
}

# The same; what it prints goes to file $1.
run_to() {
    file=$1; shift
    printf '$ %s >%s\n' "$*" "$file"
    "$@" >"$file" || stop "status $? from: $*"
}

# The number called $1 in the JSON file $2, cut to four digits: rounding up would flatter.
number() {
    sed -n 's/.*"'"$1"'": *\([0-9][0-9.e+-]*\).*/\1/p' "$2" |
        awk '{ printf "%.4f\n", int($1 * 10000) / 10000 }'
}

for program in "$discern" "$draw"; do
    [ -x "$program" ] || stop "$program is not there; run make"
done
rm -rf "$demo"
mkdir -p "$demo"

say "1. Drawing pictures: $pictures with one label each, in folders;" \
    "$pictures with one to three, and a table."
run "$draw" "$demo/single" --count $pictures --seed $seed
run "$draw" "$demo/multi" --kind multi --count $pictures --seed $seed

say "2. Learning from the folders: a small residual network, $epochs times through all pictures."
run "$discern" train "$demo/single" --out "$demo/single-run" $how --lr 0.05

say "3. Learning from the table, where a picture may have several labels."
run "$discern" train "$demo/multi/labels.csv" --out "$demo/multi-run" $how --lr 0.1

single=$demo/single-run/best.safetensors multi=$demo/multi-run/best.safetensors

say "4. How good they are, on pictures that neither has seen."
run "$discern" eval "$single" "$demo/single/test"
run_to "$demo/single.json" "$discern" eval "$single" "$demo/single/test" --json
run "$discern" eval "$multi" "$demo/multi/labels.csv" --split test
run_to "$demo/multi.json" "$discern" eval "$multi" "$demo/multi/labels.csv" --split test --json

say "5. Asking them about a few pictures."
set --
for class in letter-a ring star stripes; do
    for picture in "$demo/single/test/$class"/*.png; do
        set -- "$@" "$picture"
        break
    done
done
run "$discern" predict "$single" "$@" --top 3
set -- $(awk -F, -v dir="$demo/multi/images" \
    '$NF == "test" { print dir "/" $1; if (++n == 4) exit }' \
    "$demo/multi/labels.csv")
run "$discern" predict "$multi" "$@"

say "6. What a model file holds, and the same model for other programs: as ONNX, and as C."
run "$discern" info "$single"
run "$discern" export "$single" --to onnx -o "$demo/single.onnx"
run "$discern" export "$multi" --to onnx -o "$demo/multi.onnx"
run "$discern" export "$single" --to c -o "$demo/single.c" --header

accuracy=$(number accuracy "$demo/single.json")
map=$(number mean_ap "$demo/multi.json")
[ -n "$accuracy" ] || stop "no accuracy in $demo/single.json"
[ -n "$map" ] || stop "no mean_ap in $demo/multi.json"

seconds=$(($(date +%s) - begun))
took="$((seconds / 60)) min $((seconds % 60)) s"
cat <<END

What happened, in $took: pictures were drawn; one network learnt to say which of ten
things a picture shows, another which of eight things are in it. Asked about test pictures that they
had never seen,
  one label:       accuracy $accuracy   (guessing: 0.10)
  several labels:  mAP      $map   (guessing: 0.25)

Where things are:
  $demo/single, $demo/multi    the pictures
  $single
  $multi    the models
  $demo/single.json, $demo/multi.json    all figures
  $demo/single.onnx, $demo/multi.onnx    for other programs
  $demo/single.c    for whatever has a C compiler; docs/export.md shows how

With pictures of your own, in a folder a label (photos/cat/1.jpg, photos/dog/2.jpg ...):
  $discern train photos --out cats
  $discern eval cats/best.safetensors photos-kept-back
  $discern predict cats/best.safetensors new.jpg
  $discern export cats/best.safetensors --to onnx -o cats.onnx
With several labels a picture, a table: filename,beach,night,people and a row of 0 and 1 for each
picture:
  $discern train labels.csv --out tags

END

status=0
for figure in "accuracy:$accuracy" "mAP:$map"; do
    if awk -v x="${figure#*:}" -v want=$want 'BEGIN { exit !(x + 0 >= want) }'; then
        echo "demo: ${figure%:*} ${figure#*:} is at least $want: good"
    else
        echo "demo: ${figure%:*} ${figure#*:} is below $want: BAD" >&2
        status=1
    fi
done
exit $status
