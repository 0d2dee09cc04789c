#!/bin/sh
# disk: 40 sizes of a disk around what a training needs: the checkpoint before stays whole, the
# message says how much is missing, and with more room the training goes on to the same bits
#
# A small file system of its own (tmpfs) is mounted in a namespace where users may, else as root.
set -eu
. tests/cli/expect

sizes=${SIZES:-40}
if unshare -rm mount -t tmpfs tmpfs "$T" 2>/dev/null; then
    own='unshare -rm'
elif unshare -m mount -t tmpfs tmpfs "$T" 2>/dev/null; then
    own='unshare -m'
else
    echo 'no file system of its own can be mounted here'
    exit 77
fi

draw_net
draw_one 40
sed -i 's/channels=4/channels=256/' "$T/tiny.net"
set -- train "$T/one" --arch "$T/tiny.net" --epochs 3 --batch 12 --threads 1 --cache off
run 0 "$@" --out "$T/whole"
undated "$T/whole/best.safetensors" >"$T/best"
arrays() { tail -c "+$(($(od -An -tu8 -N8 "$1") + 9))" "$1"; }
arrays "$T/whole/last.safetensors" >"$T/arrays"
bytes=$(wc -c <"$T/whole/last.safetensors")
all=$(du -sk --apparent-size "$T/whole" | cut -f 1)
echo "a checkpoint of $bytes bytes, a run folder of $all kB"

full=0 fits=0 nothing=0
i=0
while [ $i -lt "$sizes" ]; do
    i=$((i + 1))
    # From a third of a checkpoint to half as much again as all that is written at once.
    kb=$((bytes / 3072 + i * (all * 3 / 2 + bytes / 1024) / sizes))
    mkdir -p "$T/disk"
    rm -rf "$T/run"
    rc=0
    $own sh -c 'kb=$1 disk=$2 to=$3
        shift 3
        mount -t tmpfs -o size="${kb}k" tmpfs "$disk" || exit 99
        rc=0
        "$@" --out "$disk/run" || rc=$?
        [ ! -e "$disk/run" ] || cp -r "$disk/run" "$to"
        exit $rc' sh "$kb" "$T/disk" "$T/run" "$DISCERN" "$@" >"$T/out" 2>"$T/err" || rc=$?
    case $rc in
    0)
        fits=$((fits + 1))
        ;;
    4)
        full=$((full + 1))
        tail -1 "$T/err" | grep -q "^discern: $T/disk/run.*no space" ||
            fail "$kb kB: $(tail -3 "$T/err")"
        # A model is told with the bytes that it takes; lines that are appended are not.
        case $(tail -1 "$T/err") in
        *.safetensors:* | *run.json:*) said ' bytes are needed' ;;
        esac
        ;;
    *) fail "$kb kB: status $rc: $(tail -3 "$T/err")" ;;
    esac
    no_rest "$T/disk"
    [ ! -d "$T/run" ] || no_rest "$T/run"
    [ ! -e "$T/run/last.safetensors" ] || run 0 info "$T/run/last.safetensors"
    [ ! -e "$T/run/previous.safetensors" ] || run 0 info "$T/run/previous.safetensors"
    if [ -e "$T/run/run.json" ]; then
        run 0 train --resume "$T/run" --threads 1 --cache off
    else
        nothing=$((nothing + 1))
        run 0 "$@" --out "$T/run"
    fi
    undated "$T/run/best.safetensors" | cmp - "$T/best" || fail "$kb kB: best differs"
    arrays "$T/run/last.safetensors" | cmp - "$T/arrays" || fail "$kb kB: last differs"
done
[ $full -gt $((sizes / 4)) ] && [ $fits -gt 0 ] || fail "$full were full, $fits had room"
echo "$sizes sizes of disk: $full were full ($nothing before anything was begun), $fits had room:" \
    "all gone on with to the same bits"
