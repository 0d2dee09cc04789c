#!/bin/sh
# A million files become an index in under 60 s and 400 MB
df -Pi /dev/shm 2>/dev/null | awk 'NR == 2 && $4 > 1100000 { found = 1 } END { exit !found }' || {
    echo "/dev/shm has no room for 1,000,000 files"
    exit 77
}
"$BUILD/bench" index >"$T/out" || exit 1
cat "$T/out"
awk '/ files in .* folders: / { n++; if ($6 >= 60 || $8 >= 400) bad = 1 }
    END { exit bad || n != 2 }' "$T/out"
