#!/bin/sh
# run.sh BUILD TEST... -- runs tests, programs and scripts, shows what failed, and counts at the end
#
# A cmocka program counts its own tests; a script counts one.  A script that exits with 77, and a
# program of which no test ran but a line "skipped: ..." says why, were skipped.  Scripts get the
# program under test in $DISCERN and an own empty folder in $T; caches go there too.
build=$1; shift
passed=0 failed=0 skipped=0
log=$(mktemp)
for t in "$@"; do
    start=$(date +%s)
    case $t in
    *.sh)
        T=$(mktemp -d)
        DISCERN=$(pwd)/$build/discern DRAW=$(pwd)/$build/datasets/draw T=$T BUILD=$build \
            XDG_CACHE_HOME=$T/.cache sh "$t" >"$log" 2>&1
        rc=$?
        rm -rf "$T"
        ok=$([ $rc = 0 ] && echo 1 || echo 0) bad=$([ $rc = 0 ] || [ $rc = 77 ] && echo 0 || echo 1)
        ;;
    *)
        "$t" >"$log" 2>&1
        rc=$?
        ok=$(grep -c '^\[       OK \]' "$log")
        bad=$(grep '^\[  FAILED  \] [a-z_0-9]*$' "$log" | sort -u | wc -l)
        [ $rc != 0 ] && [ "$bad" = 0 ] && bad=1
        if [ $rc = 0 ] && [ "$ok" = 0 ] && grep -q '^skipped: ' "$log"; then
            rc=77
            why=$(grep '^skipped: ' "$log" | tail -1)
            echo "${why#skipped: }" >>"$log"
        elif [ $rc = 0 ] && [ "$ok" = 0 ]; then
            echo "no test ran" >>"$log"
            bad=1
        fi
        ;;
    esac
    passed=$((passed + ok)) failed=$((failed + bad))
    if [ $rc = 77 ]; then
        skipped=$((skipped + 1))
        echo "skip $t: $(tail -1 "$log")"
    elif [ "$bad" != 0 ]; then
        echo "FAIL $t (status $rc)"
        tail -60 "$log"
    else
        echo "ok   $t ($ok, $(($(date +%s) - start)) s)"
    fi
done
rm -f "$log"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed != 0 ]
