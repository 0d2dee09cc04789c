#!/bin/sh
# report.sh PROGRAM DRAW BUILD -- does a browser open our reports without a complaint?
#
# Trains on drawn pictures, with one label each and with several, some of names that would be
# scripts if they were not escaped, and evaluates what came of it; opens each report in headless
# Chromium, wide and narrow.  Fails on a line of its console, on a script, and on anything that
# would be loaded. BUILD/interop/report has the pages and, to be looked at, pictures of them.
set -eu

[ $# = 3 ] || { echo "usage: sh tests/interop/report.sh PROGRAM DRAW BUILD" >&2; exit 2; }
discern=$1 draw=$2 work=$(mkdir -p "$3/interop" && cd "$3/interop" && pwd)/report
browser=${CHROMIUM:-chromium}

command -v "$browser" >/dev/null || {
    echo "interop: there is no $browser; install chromium, or name one in CHROMIUM"
    exit 77
}

fail() { echo "interop: $*"; status=1; }

# browse PAGE OPTION...: what it logs, in $work/log
browse() {
    page=$1
    shift
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars \
        --enable-logging=stderr --user-data-dir="$work/profile" "$@" "file://$page" 2>"$work/log"
}

# look NAME: opens the report of the run NAME
look() {
    page=$work/$1/report.html
    [ -s "$page" ] || { fail "$1 has no report"; return; }
    for size in 1280,5000 500,9000; do
        picture=$work/$1-${size%,*}.png
        browse "$page" --window-size=$size --screenshot="$picture" || fail "$1: the browser failed"
        [ -s "$picture" ] || fail "$1: no picture of it"
        ! grep CONSOLE "$work/log" || fail "$1: the console complains"
    done
    browse "$page" --dump-dom >"$work/$1.dom" || fail "$1: the browser failed"
    grep -q '</html>' "$work/$1.dom" || fail "$1: not the whole page"
    ! grep -qi '<script' "$work/$1.dom" || fail "$1: a script"
    # What names an address, in a tag or a rule: nothing but data: may.
    sed 's/ src="data:image[^"]*"//g; s/ title="[^"]*"//g' "$page" >"$work/plain"
    ! grep -o '<[^>]*>' "$work/plain" | grep -Ei '(src|href)=|://' || fail "$1: it would load"
    ! grep -Eio 'url\([^)]*|@import[^;]*' "$work/plain" || fail "$1: it would load"
    echo "$1: $(wc -c <"$page") bytes, $(grep -o '<svg' "$work/$1.dom" | wc -l) plots"
}

rm -rf "$work"
mkdir -p "$work"
status=0

# A page that must not pass, lest nothing be found ever.
printf '%s\n' '<!doctype html><script>console.error("seen")</script>' >"$work/bad.html"
browse "$work/bad.html" --screenshot="$work/bad.png" || fail "the browser failed"
grep -q CONSOLE "$work/log" || fail "a line of the console was not seen"

"$draw" "$work/single" --count 200 --seed 1 >/dev/null
for part in train val test; do
    mv "$work/single/$part/ring" "$work/single/$part/<script>alert('1')<b>\"&"
done
for picture in "$work/single/val/star"/*; do
    mv "$picture" "${picture%/*}/\"><img src=x onerror=alert(${picture##*/})>.png"
done
"$draw" "$work/multi" --kind multi --count 200 --seed 1 >/dev/null
"$discern" train "$work/single" --out "$work/one" --epochs 3 --quiet >/dev/null
"$discern" train "$work/multi/labels.csv" --out "$work/several" --epochs 2 --quiet >/dev/null
mkdir "$work/eval-one" "$work/eval-several"
"$discern" eval "$work/one/best.safetensors" "$work/several/best.safetensors" "$work/single" \
    --report "$work/eval-one/report.html" >/dev/null 2>&1 && fail "two kinds of models compared"
"$discern" eval "$work/one/best.safetensors" "$work/one/last.safetensors" "$work/single" \
    --report "$work/eval-one/report.html" >/dev/null
"$discern" eval "$work/several/best.safetensors" "$work/multi/labels.csv" --split all \
    --report "$work/eval-several/report.html" >/dev/null
for run in one several eval-one eval-several; do
    look "$run"
done
exit $status
