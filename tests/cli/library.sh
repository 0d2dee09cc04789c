#!/bin/sh
# library.sh: what `make install` puts where, what it takes away again, what the libraries show, and
# the examples built against the installed copy
set -eu
. tests/cli/expect

case $BUILD in
*/release) ;;
*) echo "what is installed is the release build"; exit 77 ;;
esac
root=$T/root lib=$T/root/opt/lib

# installed ARGUMENT...: make, quietly, into $root.
installed() {
    make -s --no-print-directory "$@" BUILD="${BUILD%/*}" DESTDIR="$root" PREFIX=/opt \
        >"$T/out" 2>"$T/err" || fail "make $*: $(cat "$T/err")"
}

# files: what lies in $root, with the mode where it may be run; pages, manual and completions aside,
# which have a list of their own.
files() {
    (cd "$root" && find . ! -type d ! -path './opt/share/*' -printf '%m %P %l\n') |
        sed 's/^777 /link /; s/ $//' | sort
}

version=$("$DISCERN" --version | sed 's/discern \([^ ]*\).*/\1/')
installed install
files >"$T/files"
cat >"$T/wanted" <<END
644 opt/include/discern/discern.h
644 opt/lib/libdiscern.a
644 opt/lib/pkgconfig/discern.pc
755 opt/bin/discern
755 opt/lib/libdiscern.so.$version
link opt/lib/libdiscern.so libdiscern.so.0
link opt/lib/libdiscern.so.0 libdiscern.so.$version
END
cmp -s "$T/files" "$T/wanted" || fail "installed: $(diff "$T/wanted" "$T/files")"
for f in README.md library.md cli.md examples/classify.c examples/classify.cpp \
    examples/classify.py; do
    [ -f "$root/opt/share/doc/discern/$f" ] || fail "share/doc/discern/$f is not installed"
done
for f in man/man1/discern.1 man/man1/discern-data-check.1 bash-completion/completions/discern \
    zsh/site-functions/_discern fish/vendor_completions.d/discern.fish; do
    [ -s "$root/opt/share/$f" ] || fail "share/$f is not installed"
done
[ -z "$(find "$root" -type f ! -perm -a+r)" ] || fail "not for all to read"

# ---- what the libraries show: the header, the map and both libraries name the same -------------

sed -n 's/^DISCERN_API.*[ *]\(discern_[a-z_]*\)(.*/\1/p' infer/discern.h | sort >"$T/header"
sed -n 's/^ *\(discern_[a-z_]*\);$/\1/p' infer/libdiscern.map | sort >"$T/map"
[ "$(wc -l <"$T/header")" -ge 17 ] || fail "the header has but $(wc -l <"$T/header") functions"
cmp -s "$T/header" "$T/map" || fail "libdiscern.map is not discern.h: $(diff "$T/header" "$T/map")"
nm -D --defined-only "$lib/libdiscern.so.0" | sed 's/.* //' | grep -v '^DISCERN_[0-9.]*$' |
    sort >"$T/shown"
sed 's/@@DISCERN_[0-9.]*$//' "$T/shown" | cmp -s - "$T/map" ||
    fail "libdiscern.so shows: $(cat "$T/shown")"
grep -qv '@@DISCERN_' "$T/shown" && fail "without a version: $(cat "$T/shown")"
nm -g --defined-only "$lib/libdiscern.a" | sed -n 's/^[0-9a-f].* //p' | sort >"$T/shown"
cmp -s "$T/shown" "$T/map" || fail "libdiscern.a shows: $(diff "$T/map" "$T/shown")"
objdump -p "$lib/libdiscern.so.0" >"$T/so"
grep -q 'SONAME *libdiscern\.so\.0$' "$T/so" || fail "soname: $(grep SONAME "$T/so")"
# What it asks of others: no printing, no exit, no environment.
for f in exit _exit getenv printf puts perror stdout stderr signal sigaction setlocale system; do
    nm -D --undefined-only "$lib/libdiscern.so.0" | grep -q " $f\(@.*\)\?$" &&
        fail "libdiscern.so uses $f"
done

# ---- examples ----------------------------------------------------------------------------------

PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR=$root LD_LIBRARY_PATH=$lib
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH
[ "$(pkg-config --modversion discern)" = "$version" ] || fail "discern.pc has another version"
draw_one 40
draw_net
"$DISCERN" train "$T/one" --arch "$T/tiny.net" --epochs 1 --out "$T/run" >"$T/log" 2>&1 ||
    fail "$(cat "$T/log")"
model=$T/run/best.safetensors
pictures=$(find "$T/one" -name '*.png' | sort | head -5)
echo 'no picture' >"$T/broken.jpg"

# built EXAMPLE COMPILER...: with what pkg-config says.
built() {
    example=$1
    shift
    flags=$(pkg-config --cflags --libs discern) || fail "pkg-config"
    eval "$* -Wall -Wextra -Werror docs/examples/$example $flags -o '$T/classify'" ||
        fail "$example does not build"
}

# answers COMMAND...: what it says of the pictures, into $T/said; then a broken one, which it names.
answers() {
    # shellcheck disable=SC2086
    "$@" "$model" $pictures >"$T/said" 2>"$T/err" || fail "$*: $(cat "$T/err")"
    [ "$(wc -l <"$T/said")" = 5 ] || fail "$*: $(cat "$T/said")"
    if "$@" "$model" "$T/broken.jpg" >"$T/out" 2>"$T/err"; then fail "$*: answers no picture"; fi
    said broken.jpg
    if "$@" "$T/broken.jpg" "$T/broken.jpg" >"$T/out" 2>"$T/err"; then fail "$*: no model"; fi
    said broken.jpg
}

built classify.c cc -std=c99 -pedantic
answers "$T/classify"
mv "$T/said" "$T/c"
# shellcheck disable=SC2086
"$DISCERN" predict "$model" $pictures --json --top 1 >"$T/json" 2>"$T/err"
i=0
for p in $pictures; do
    i=$((i + 1))
    label=$(grep -o '"label":"[^"]*"' "$T/json" | sed -n "${i}s/.*:\"\(.*\)\"/\1/p")
    sed -n "${i}p" "$T/c" | grep -q "^$p: $label [0-9.]*%" ||
        fail "predict says $label: $(sed -n "${i}p" "$T/c")"
done

# Without the shared library: the archive, and what it needs.
flags=$(pkg-config --cflags --libs --static discern | sed 's/-ldiscern/-l:libdiscern.a/')
eval "cc docs/examples/classify.c $flags -o '$T/static'" || fail "libdiscern.a does not link"
objdump -p "$T/static" | grep -q 'NEEDED.*libdiscern' && fail "it is not static"
answers "$T/static"
cmp "$T/said" "$T/c"

if command -v c++ >/dev/null; then
    built classify.cpp c++ -std=c++11 -pedantic
    answers "$T/classify"
    cmp "$T/said" "$T/c"
else
    echo "no C++ compiler: its example is not tried"
fi
if python3 -c 'import ctypes' 2>/dev/null; then
    answers python3 docs/examples/classify.py
    cmp "$T/said" "$T/c"
else
    echo "no Python: its example is not tried"
fi

# ---- a host whose numbers have commas ------------------------------------------------------------

if localedef -i de_DE -f UTF-8 "$T/de_DE.UTF-8" 2>/dev/null; then
    LOCPATH=$T "$BUILD/tests/infer/test_api" >"$T/out" 2>&1 || fail "$(cat "$T/out")"
    grep -q 'OK.*a_comma_for_a_point_changes_nothing' "$T/out" || fail "$(cat "$T/out")"
else
    echo "no source of a locale with commas: it is not tried"
fi

# ---- and away again ----------------------------------------------------------------------------

foreign=$root/opt/share/man/man1/discern-other.1
: >"$foreign"
installed uninstall
rm "$foreign" || fail "uninstall took what install did not put there"
rest=$(find "$root" ! -type d)
[ -z "$rest" ] || fail "left behind: $rest"
rest=$(find "$root" -type d -name discern)
[ -z "$rest" ] || fail "left behind: $rest"
