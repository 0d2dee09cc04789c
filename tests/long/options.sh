#!/bin/sh
# The four builds with and without WebP and libjpeg-turbo, by gcc and clang: no warning, tests pass,
# --version says what is in them; and objects are made anew when, and only when, a flag changes
command -v clang >/dev/null || { echo "clang is not installed"; exit 77; }
pkg-config --exists libwebp libturbojpeg || { echo "libwebp or libturbojpeg is missing"; exit 77; }
set -e
. tests/cli/expect
tests="tests/data/test_image tests/data/test_webp tests/data/test_gif tests/data/test_odd"

build() {
    programs="$T/b/release/discern"
    for t in $tests; do
        programs="$programs $T/b/release/$t"
    done
    # shellcheck disable=SC2086
    make BUILD="$T/b" CFLAGS="-O1 -Werror" "$@" $programs >"$T/made" 2>&1 || {
        tail -20 "$T/made"
        fail "make $* failed"
    }
}

for cc in cc clang; do
    for webp in '' 1; do
        for turbo in '' 1; do
            build CC="${CCACHE:+ccache }$cc" WITH_WEBP=$webp WITH_TURBOJPEG=$turbo
            has="stb${turbo:+ turbojpeg}${webp:+ webp}"
            echo "$cc: $has"
            "$T/b/release/discern" --version --json | grep -q "\"decoders\":\"$has\"" ||
                fail "--version does not say $has"
            for t in $tests; do
                "$T/b/release/$t" >"$T/log" 2>&1 || { cat "$T/log"; fail "$t with $has"; }
            done
        done
    done
done

build CC="${CCACHE:+ccache }clang" WITH_WEBP=1 WITH_TURBOJPEG=1
grep -q '^  cc ' "$T/made" && fail "the same flags made objects anew"
build CC="${CCACHE:+ccache }clang" WITH_TURBOJPEG=1
[ "$(grep -c '^  cc ' "$T/made")" -gt 50 ] || fail "other flags did not make objects anew"
