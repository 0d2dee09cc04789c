#!/bin/sh
# predict --sort-into: every picture to its labels' folders, nothing overwritten, everything back
set -eu
. tests/cli/expect

two_models

# fresh: $T/in, with pictures that share a name, a broken one and a text.
fresh() {
    rm -rf "$T/in" "$T/s"
    mkdir -p "$T/in/sub"
    cp "$T"/one/test/*/*.png "$T/in"
    first=$(ls "$T/in" | grep png | head -1)
    cp "$T/in/$first" "$T/in/sub/$first"
    head -c 100 "$T/in/$first" >"$T/in/broken.png"
    echo notes >"$T/in/notes.txt"
}
state() { (cd "$T/in" && find . -type f -exec cksum {} + | sort); }
files() { find "$1" ! -type d ! -name .discern-sorted | wc -l; }

fresh
state >"$T/was"
n=$(($(files "$T/in") - 2))

# Each way: as many files as pictures, in folders of labels; then all is as before.
for how in copy link move; do
    fresh
    run 3 predict "$T/model" "$T/in" --sort-into "$T/s" --how $how
    said "sorted $n pictures into $T/s"
    said "$T/in/broken.png: "
    lines $n
    [ "$(files "$T/s")" = $n ] || fail "$how: $(files "$T/s") files, not $n"
    for d in "$T/s"/*; do
        grep -qF ": ${d##*/} " "$T/out" || fail "$how: $d is no answer's folder"
    done
    [ "$(find "$T/s" -name "${first%.png}-????????.png" | wc -l)" = 1 ] ||
        fail "$how: no second $first"
    case $how in
    copy) state | cmp - "$T/was" || fail "copying changed something" ;;
    link) [ -z "$(find "$T/s" -type f ! -name .discern-sorted)" ] || fail "no links" ;;
    move) [ "$(ls "$T/in" | tr '\n' ' ')" = 'broken.png notes.txt sub ' ] || fail "$(ls "$T/in")" ;;
    esac
    # A second run has nothing to do.
    if [ $how != move ]; then
        run 3 predict "$T/model" "$T/in" --sort-into "$T/s" --how $how
        said 'sorted 0 pictures'
        said "$n had been sorted before"
        [ "$(files "$T/s")" = $n ] || fail "$how: sorted twice"
        run 3 predict "$T/model" "$T/in" --sort-into "$T/s" --how move
        said "--how $how"
    fi
    run 0 predict --undo "$T/s"
    [ ! -e "$T/s" ] || fail "$how: left: $(find "$T/s")"
    state | cmp - "$T/was" || fail "$how: not as before"
    run 3 predict --undo "$T/s"
done

# A folder that was there stays, with what lay in it, and nothing of it is overwritten or answered.
fresh
label=$("$DISCERN" predict "$T/model" "$T/in/$first" --top 1 | sed 's/.*: \(.*\) .*/\1/')
mkdir -p "$T/in/s/$label"
echo mine >"$T/in/s/$label/$first"
run 3 predict "$T/model" "$T/in" --sort-into "$T/in/s" --how move
lines $n
[ "$(cat "$T/in/s/$label/$first")" = mine ] || fail "overwritten"
run 3 predict "$T/model" "$T/in" --sort-into "$T/in/s" --how move
lines 0
run 0 predict --undo "$T/in/s"
[ "$(find "$T/in/s" -type f)" = "$T/in/s/$label/$first" ] || fail "$(find "$T/in/s")"

# What was changed since stays and is told; the rest goes back; the log keeps what stays.
fresh
run 3 predict "$T/model" "$T/in" --sort-into "$T/s"
one=$(find "$T/s" -name '*.png' ! -name '*-*' | sort | head -1)
echo more >>"$one"
run 3 predict --undo "$T/s"
said "$one: stays"
[ "$(files "$T/s")" = 1 ] || fail "$(find "$T/s")"
run 3 predict --undo "$T/s"
cp "$T/in/${one##*/}" "$one"
run 0 predict --undo "$T/s"
[ ! -e "$T/s" ] || fail "left: $(find "$T/s")"
fresh
run 3 predict "$T/model" "$T/in" --sort-into "$T/s" --how move
echo new >"$T/in/$first"
run 3 predict --undo "$T/s"
said 'there is another file'
[ "$(cat "$T/in/$first")" = new ] || fail "undo overwrote a file"

# Several labels: a copy in each folder; moved, one file and links to it.  None: left where it is.
rm -rf "$T/in"
mkdir "$T/in"
cp "$(find "$T/many" -name '*.png' | head -1)" "$T/in/x.png"
run 0 predict "$T/multi" "$T/in" --threshold 0 --top 3 --sort-into "$T/s3"
[ "$(files "$T/s3")" = 3 ] || fail "$(find "$T/s3")"
run 0 predict --undo "$T/s3"
run 0 predict "$T/multi" "$T/in" --threshold 0 --top 3 --sort-into "$T/s3" --how move
[ "$(find "$T/s3" -name x.png -type f | wc -l)" = 1 ] || fail "$(find "$T/s3" -ls)"
[ "$(find -L "$T/s3" -name x.png -type f | wc -l)" = 3 ] ||
    fail "$(find "$T/s3" -ls)"
run 0 predict --undo "$T/s3"
[ -f "$T/in/x.png" ] && [ ! -e "$T/s3" ] || fail "several labels: not back"
run 0 predict "$T/multi" "$T/in" --threshold 1 --sort-into "$T/s3" --how move
[ -f "$T/in/x.png" ] && [ "$(files "$T/s3")" = 0 ] || fail "sorted by no label"

# To another file system.
if [ -d /dev/shm ] && [ -w /dev/shm ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$T")" ]; then
    shm=$(mktemp -d /dev/shm/discern-XXXXXX)
    trap 'rm -rf "$shm"' EXIT
    fresh
    run 3 predict "$T/model" "$T/in" --sort-into "$shm/s" --how move
    [ "$(files "$shm/s")" = $n ] || fail "$(files "$shm/s") files on another file system"
    run 0 predict --undo "$shm/s"
    state | cmp - "$T/was" || fail "another file system: not as before"
    [ ! -e "$shm/s" ] || fail "left: $(find "$shm/s")"
fi

# Links are not moved; a log that is none, or leads elsewhere, is refused.
fresh
ln -s "$T/in/$first" "$T/link.png"
run 3 predict "$T/model" "$T/link.png" --sort-into "$T/s" --how move
said 'link.png: is a symbolic link'
[ -L "$T/link.png" ] || fail "moved a link"
run 0 predict --undo "$T/s"
mkdir "$T/evil" "$T/evil/a"
echo x >"$T/evil/a/b"
for line in 'move\t/etc/x\t../../a/b' \
    'move\tx/y\ta/b' 'move\t/nowhere/x\ta' 'move\t/nowhere/%00x\ta/b' \
    'steal\t/nowhere/x\ta/b' 'move\t/nowhere/x\ta/..' 'also\t/nowhere/x\ta/b' nonsense; do
    printf 'discern sorted 1 move\n%b\n' "$line" >"$T/evil/.discern-sorted"
    run 3 predict --undo "$T/evil"
    said 'damaged'
    [ -f "$T/evil/a/b" ] || fail "$line: obeyed"
done
echo 'nothing of ours' >"$T/evil/.discern-sorted"
run 3 predict --undo "$T/evil"
said 'no log of a sorting'

# Killed at any time, gone on with, and put back.
fresh
"$DISCERN" predict "$T/model" "$T/in" --batch 1 --sort-into "$T/s" --how move >"$T/out" 2>"$T/err" &
sleep 0.05
kill -KILL $! 2>/dev/null || true
wait $! || true
run 3 predict "$T/model" "$T/in" --sort-into "$T/s" --how move
[ "$(files "$T/s")" = $n ] || fail "killed: $(files "$T/s") files, not $n"
run 0 predict --undo "$T/s"
state | cmp - "$T/was" || fail "killed: not as before"

usage predict --undo
usage predict --undo "$T/s" "$T/model"
usage predict "$T/model" - --sort-into "$T/s"
usage predict "$T/model" "$T/in" --sort-into "$T/s" --how steal
usage predict "$T/model" "$T/in" --how copy
said '--how is for --sort-into'
usage predict "$T/model" "$T/in" --sort-into ''
[ ! -d /proc/1 ] || { run 4 predict "$T/model" "$T/in" --sort-into /proc && said '/proc/'; }
