#!/bin/sh
# data show: a sheet of the size that its options say, the same for the same seed, written whole
set -eu
. tests/cli/expect

draw_one 60

# pixels FILE: width and height of a PNG, from its header.
pixels() { od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }'; }

run 0 data show "$T/one" -o "$T/a.png" --size 32 --count 6 --views 2 --columns 3
printed "$T/a.png"
lines 1
said '6 of 60 pictures, each plain and varied, size 32, resize crop, channels rgb, augment crop'
# A tile is 96 wide: 32 pixels, three times; three of them and gaps, three pictures a row, two rows.
[ "$(pixels "$T/a.png")" = "936 276" ] || fail "size: $(pixels "$T/a.png")"
no_rest "$T"

# A sheet is a picture that we can read, and so is one as JPEG.
mkdir -p "$T/sheets/x" "$T/sheets/y"
cp "$T/a.png" "$T/sheets/x/1.png"
cp "$T/a.png" "$T/sheets/x/2.png"
run 0 data show "$T/one" -o "$T/sheets/y/2.jpg" --size 64 --count 4 --augment strong
run 0 data show "$T/one" -o "$T/sheets/y/3.JPEG" --size 64 --count 4 --augment none \
    --resize squash --channels grey
not_said 'varied'
run 0 data show "$T/sheets" -o "$T/of-sheets.png" --augment auto --resize letterbox
said '4 of 4 pictures'
not_said 'sheets/y/2.jpg:'

# The same again is the same; another seed or recipe is not.
again() {
    run 0 data show "$T/one" -o "$T/b.png" --force --size 32 --count 6 --views 2 --columns 3 "$@"
}
again
cmp "$T/a.png" "$T/b.png" || fail "twice the same sheet differs"
again --augment auto        # as train, which chooses by the pictures
cmp "$T/a.png" "$T/b.png" || fail "another recipe than that of train"
again --seed 1
cmp -s "$T/a.png" "$T/b.png" && fail "another seed, the same sheet"
again --augment crop,flip,mixup:1:1
cmp -s "$T/a.png" "$T/b.png" && fail "another recipe, the same sheet"

# Several labels, and parts.
draw_many
run 0 data show "$T/many/labels.csv" -o "$T/many.png" --split train --count 1000 --augment strong
said 'resize squash'
run 0 data show "$T/many/labels.csv" -o "$T/many.png" --force --count 2 --resize crop
said 'resize crop'
run 3 data show "$T/sheets" -o "$T/none.png" --split val
said 'no picture is in part val'
[ ! -e "$T/none.png" ] || fail "a sheet of nothing"

# What cannot be read is named, and the rest is shown.
echo broken >"$T/one/train/$(ls "$T/one/train" | head -1)/broken.png"
run 0 data show "$T/one" -o "$T/c.png" --count 1000
said 'broken.png'
said '60 of 61 pictures, each'
# and takes no place on the sheet: the one that is left of two stands alone.
mkdir -p "$T/lame/a" "$T/lame/b"
cp "$(find "$T/one/train" -name '[0-9]*.png' | sort | head -1)" "$T/lame/a/2.png"
cp "$T/lame/a/2.png" "$T/lame/b/1.png"
cp "$T/lame/a/2.png" "$T/lame/b/2.png"
echo broken >"$T/lame/a/1.png"
run 0 data show "$T/lame" -o "$T/lame.png" --augment none --columns 4 --size 96
said '3 of 4 pictures'
[ "$(pixels "$T/lame.png")" = "$((3 * (96 + 12) + 12)) $(pixels "$T/lame.png" | cut -d' ' -f2)" ] ||
    fail "size: $(pixels "$T/lame.png")"
for name in "$T/sheets"/*/*; do echo broken >"$name"; done
run 3 data show "$T/sheets" -o "$T/none.png"
[ ! -e "$T/none.png" ] || fail "a sheet of nothing"

# Labels that do not fit are left out whole: what the second one is makes no odds.
cp "$T/lame/a/2.png" "$T/lame/1.png"
cp "$T/lame/a/2.png" "$T/lame/2.png"
named() {
    printf 'filename,labels\n1.png,%s|%s|xyzzy\n2.png,\n' "$1" "$2" >"$T/lame/$2.csv"
    run 0 data show "$T/lame/$2.csv" -o "$T/$1-$2.png" --augment none --size 96
}
named beach peoples
named beach peanuts
named coast peoples
cmp "$T/beach-peoples.png" "$T/beach-peanuts.png" || fail "half of a label is shown"
cmp -s "$T/beach-peoples.png" "$T/coast-peoples.png" && fail "labels are not shown"

# Nothing is overwritten by accident.
cp "$T/a.png" "$T/kept.png"
run 3 data show "$T/one" -o "$T/kept.png"
said '--force'
cmp "$T/a.png" "$T/kept.png" || fail "overwritten"
run 3 data show "$T/no-such-folder" -o "$T/none.png"
run 4 data show "$T/one" -o "$T/no-such-folder/a.png"

usage data show
usage data show "$T/one" -o "$T/sheet.gif"
usage data show "$T/one" -o "$T/none.png" --augment krop
said 'did you mean "crop"?'
usage data show "$T/one" -o "$T/none.png" --size 0
usage data show "$T/one" -o "$T/none.png" --size 1024 --count 1000
said 'show fewer'
[ ! -e "$T/none.png" ] || fail "a sheet of nothing"
run 0 data show --help
printed 'usage: discern data show'
