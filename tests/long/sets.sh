#!/bin/sh
# The machine's real sets are read with the counts that are known of them
DISCERN_LONG=1 "$BUILD/tests/data/test_sets" >"$T/out"
status=$?
cat "$T/out"
[ $status = 0 ] && ! grep -q '^\[       OK \]' "$T/out" && exit 77
exit $status
