#!/bin/sh
# export --to c: a file that compiles by itself, answers as `discern predict`, and has a safe name
set -eu
. tests/cli/expect
. tests/cli/c_answers

STRICT='-std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror -ffreestanding'

draw_one
draw_many
draw_net
train "$T/one" model
"$DISCERN" train "$T/many/labels.csv" --arch "$T/tiny.net" --size 16 --epochs 1 \
    --out "$T/run-many" >"$T/log" 2>&1 || fail "$(cat "$T/log")"
cp "$T/run-many/best.safetensors" "$T/several"
mkdir "$T/c"
c_main "$T/c/main.c"

# answers MODEL FLAGS LABELS PICTURE...: exported, compiled, asked.
answers() {
    model=$1 flags=$2
    shift 2
    run 0 export "$model" --to c -o "$T/c/net.c" --header --force
    said 'checked: probabilities differ by at most'
    said 'ms a picture'
    # shellcheck disable=SC2086
    (cd "$T/c" && cc $STRICT $flags -c net.c -o net.o &&
        cc -std=c99 $flags net.o main.c -o run) >"$T/log" 2>&1 || fail "$(cat "$T/log")"
    c_inputs "$model" "$@"
    "$T/c/run" <"$T/in" >"$T/got" || fail "the compiled file ends with $?"
    c_near "$T/got" "$T/want" 1e-5
}

# shellcheck disable=SC2046
answers "$T/model" -O2 10 $(find "$T/one" -name '*.png' | sort | head -20)
# shellcheck disable=SC2046
pictures=$(find "$T/many" -name '*.png' | sort | head -20)
# shellcheck disable=SC2086
answers "$T/several" '-O1 -fsanitize=address,undefined -fno-sanitize-recover=all' 8 $pictures
# shellcheck disable=SC2086
answers "$T/several" '-O3 -DPIXELS=1' 8 $pictures

# Nothing that a program must bring, but what compilers call by themselves.
run 0 export "$T/several" --to c -o "$T/c/net.c" --force
(cd "$T/c" && cc -std=c99 -O2 -ffreestanding -c net.c) || fail "does not compile"
others=$(nm -u "$T/c/net.o" | awk '
    $NF != "memcpy" && $NF != "memset" && $NF != "_GLOBAL_OFFSET_TABLE_" { print $NF }')
[ -z "$others" ] || fail "it wants $others"
(cd "$T/c" && cc -std=c99 -O2 -DNET_NO_ARENA -c net.c) || fail "does not compile without an arena"
size -A "$T/c/net.o" | awk '$1 == ".bss" || $1 == ".data" { n += $2 } END { exit n > 0 }' ||
    fail "memory of its own although NET_NO_ARENA: $(size -A "$T/c/net.o")"

# Twice the same file; names become identifiers; what is there stays.
run 0 export "$T/several" --to c -o "$T/first.c" --no-verify
not_said checked
cp "$T/first.c" "$T/keep.c"
run 3 export "$T/several" --to c -o "$T/first.c"
said '--force'
run 0 export "$T/several" --to c -o "$T/first.c" --force
cmp "$T/first.c" "$T/keep.c" || fail "two exports differ"
echo mine >"$T/new.h"
run 3 export "$T/several" --to c -o "$T/new.c" --header
said "$T/new.h"
[ "$(cat "$T/new.h")" = mine ] && [ ! -e "$T/new.c" ] || fail "half written"
cp "$T/several" "$T/plain.safetensors"
run 0 export "$T/plain.safetensors" --to c
said "wrote $T/plain.c: plain_run"
usage export "$T/several" --to c --opset 13
usage export "$T/several" --header

# A name is never read by a shell or as an option.
mkdir "$T/odd"
odd='-o $(touch x);"`touch x`"'
(cd "$T/odd" && "$DISCERN" export ../several --to c --out "./$odd.c" 2>"$T/err") ||
    fail "$(cat "$T/err")"
said 'o_touch_x_touch_x_run'
[ "$(ls "$T/odd")" = "$odd.c" ] || fail "$(ls "$T/odd")"

# Without a compiler the file is written all the same, and says so.
PATH=$T/nowhere "$DISCERN" export "$T/several" --to c -o "$T/blind.c" 2>"$T/err" ||
    fail "$(cat "$T/err")"
said 'not checked: there is no cc'
[ -s "$T/blind.c" ] || fail "no blind.c"
no_rest "$T"
