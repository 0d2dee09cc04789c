#!/bin/sh
# export --to c on other processors: the same answers on x86-64, aarch64 and 32-bit ARM under qemu,
# of two architectures and every operator; the sizes that they have for a Cortex-M4 and an M7
#
# Packages: gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-arm-none-eabi libnewlib-arm-none-eabi
# qemu-user libc6-dev-arm64-cross libc6-dev-armhf-cross.  What is missing is named and left out.
set -eu
. tests/cli/expect
. tests/cli/c_answers

NEAR=1e-5
machines='x86-64 aarch64 arm'
tried=

# A compiler, and what runs what it makes.
machine() {
    case $1 in
    x86-64) compiler='cc' runner= ;;
    aarch64) compiler='aarch64-linux-gnu-gcc -static' runner=qemu-aarch64 ;;
    arm) compiler='arm-linux-gnueabihf-gcc -static' runner=qemu-arm ;;
    esac
}

draw_one 60
mkdir "$T/c"
c_main "$T/c/main.c"
pictures=$(find "$T/one" -name '*.png' | sort | head -4)

# answers NAME ARGUMENT...: a model trained with these, exported and asked on each machine.
answers() {
    name=$1
    shift
    "$DISCERN" train "$T/one" --epochs 1 --out "$T/run" --force "$@" >"$T/log" 2>&1 ||
        fail "$(cat "$T/log")"
    run 0 export "$T/run/best.safetensors" --to c -o "$T/c/net.c" --header --force
    sed 's/^discern: //' "$T/err"
    # shellcheck disable=SC2086
    c_inputs "$T/run/best.safetensors" 10 $pictures
    for m in $machines; do
        machine "$m"
        command -v ${compiler%% *} >/dev/null || { echo "$m: no ${compiler%% *}"; continue; }
        [ -z "$runner" ] || command -v "$runner" >/dev/null || { echo "$m: no $runner"; continue; }
        # shellcheck disable=SC2086
        (cd "$T/c" && $compiler -std=c99 -O2 -Wall -Wextra -Werror net.c main.c -o run) ||
            fail "$m: does not compile"
        # shellcheck disable=SC2086
        $runner "$T/c/run" <"$T/in" >"$T/$m" || fail "$m: ends with $?"
        printf '%s, %s: off by %s\n' "$name" "$m" "$(c_near "$T/$m" "$T/want" $NEAR)"
        [ "$m" = x86-64 ] || {
            c_near "$T/$m" "$T/x86-64" $NEAR >/dev/null
            case $tried in *$m*) ;; *) tried="$tried $m" ;; esac
        }
    done
    command -v arm-none-eabi-gcc >/dev/null || { echo "sizes: no arm-none-eabi-gcc"; return 0; }
    for core in 'cortex-m4 -mfpu=fpv4-sp-d16' 'cortex-m7 -mfpu=fpv5-d16'; do
        # shellcheck disable=SC2086
        (cd "$T/c" && arm-none-eabi-gcc -std=c99 -O2 -Wall -Wextra -Werror -ffreestanding -mthumb \
            -mcpu=$core -mfloat-abi=hard -c net.c -o core.o) || fail "$core: does not compile"
        arm-none-eabi-size "$T/c/core.o" | awk -v of="$name, ${core%% *}" '
            NR == 2 { printf "%s: text %d, data %d, bss %d bytes\n", of, $1, $2, $3 }'
    done
}

answers resnet_small --size 32
answers mobilenet_v2 --arch mobilenet_v2 --size 32
answers 'every operator' --arch tests/interop/ops.txt --size 24
[ -n "$tried" ] || { echo "skipped: no compiler or no qemu for ARM"; exit 77; }
