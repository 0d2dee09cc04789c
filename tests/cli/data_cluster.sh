#!/bin/sh
# data cluster: what looks alike lies together, nothing is moved unless told, and all goes back
set -eu
. tests/cli/expect

draw_colours
state() { (cd "$T/colours" && find . -type f -exec cksum {} + | sort); }
state >"$T/was"

run 0 data cluster "$T/colours" --model "$T/eyes" --html "$T/c.html" --csv "$T/c.csv"
printed '36 pictures by what'
printed '3 clusters, as many as are clearest (silhouette '
[ "$(grep -cE '^ +[123] +12  (red|green|blue) 100%$' "$T/out")" = 3 ] || fail "$(cat "$T/out")"
printed '100.0% of the pictures carry the commonest label of their cluster'
said "wrote $T/c.html"
said "wrote $T/c.csv"
[ "$(head -1 "$T/c.csv")" = name,cluster,distance,labels ] || fail "$(head -1 "$T/c.csv")"
[ "$(wc -l <"$T/c.csv")" = 37 ] || fail "$(wc -l <"$T/c.csv") rows"
[ "$(sed 1d "$T/c.csv" | awk -F, '{ print $2 $4 }' | sort -u | wc -l)" = 3 ] || fail "torn clusters"
grep -q "Cluster 3: 12 pictures" "$T/c.html" || fail "the page has no third cluster"
[ "$(grep -o '<img alt' "$T/c.html" | wc -l)" = 36 ] || fail "not every picture is on the page"
grep -q "default-src 'none'" "$T/c.html" || fail "no policy"
state | cmp - "$T/was" || fail "something was moved"

# The table is data, too: the cluster as a label.
run 0 data stats "$T/c.csv" --label cluster --images "$T/colours"
printed 'labels    3, 12 pictures each'

# The same for any number of threads and pictures at a time; another number of clusters when asked.
run 0 data cluster "$T/colours" --model "$T/eyes" --json
cp "$T/out" "$T/want"
lines 1
printed '"schema":"discern.data.cluster/1"'
printed '"purity":1,"information":1,"rand":1'
run 0 data cluster "$T/colours" --model "$T/eyes" --json --threads 1 --batch 5
cmp "$T/out" "$T/want" || fail "threads change clusters"
run 0 data cluster "$T/colours" --model "$T/eyes" --clusters 2
printed ': 2 clusters'
run 0 data cluster "$T/colours" --model "$T/eyes" --density
printed ': 3 clusters of 5 or more by density, 0 pictures in none'

# A folder without labels, and a broken picture.
mkdir "$T/heap"
for c in red green blue; do
    for i in 1 2 3 4; do cp "$T/colours/$c/$i.bmp" "$T/heap/$c$i.bmp"; done
done
head -c 60 "$T/heap/red1.bmp" >"$T/heap/broken.bmp"
run 0 data cluster "$T/heap" --model "$T/eyes" --clusters 3
said broken.bmp
printed '12 pictures by what'
printed 'nearest to the middle'
not_printed 'carry the commonest label'
rm "$T/heap/broken.bmp"

# Copies: one cluster, however many are asked for, and that is told.
mkdir "$T/same"
for i in 1 2 3 4 5 6; do cp "$T/colours/red/1.bmp" "$T/same/$i.bmp"; done
run 0 data cluster "$T/same" --model "$T/eyes"
printed ': 1 cluster, for all look the same to it'
not_printed inf
run 0 data cluster "$T/same" --model "$T/eyes" --clusters 3
said '1 cluster, not 3'
run 0 data cluster "$T/same" --model "$T/eyes" --density --least 2
printed ': 1 cluster of 2 or more by density, 0 pictures in none'
usage data cluster "$T/same" --model "$T/eyes" --density --least 1
said 'a cluster is 2 pictures at least'

# Into folders and back.
for how in copy link move; do
    run 0 data cluster "$T/heap" --model "$T/eyes" --clusters 3 --sort-into "$T/s" --how $how
    said "sorted 12 pictures into $T/s"
    for d in "$T/s"/cluster-[123]; do
        [ "$(ls "$d" | sed 's/[0-9].*//' | sort | uniq -c | awk '{ print $1 }')" = 4 ] ||
            fail "$how: $(ls "$d")"
    done
    [ $how != move ] || [ -z "$(ls "$T/heap")" ] || fail "not moved"
    run 0 data cluster --undo "$T/s"
    [ ! -e "$T/s" ] || fail "$how: left: $(find "$T/s")"
    [ "$(ls "$T/heap" | wc -l)" = 12 ] || fail "$how: not put back"
done
run 3 data cluster --undo "$T/s"

# A set does not come to hold itself once more; what is moved is there once.
ln -s "$T/heap" "$T/way"
for into in "$T/heap" "$T/heap/s" "$T/heap/new/s" "$T/way/s" "$T/heap/../heap/s"; do
    run 3 data cluster "$T/heap" --model "$T/eyes" --clusters 3 --sort-into "$into"
    said "$into: lies in the set"
done
run 3 data cluster "$T/way" --model "$T/eyes" --clusters 3 --sort-into "$T/heap/s" --how link
[ "$(ls "$T/heap" | wc -l)" = 12 ] || fail "something was sorted: $(ls "$T/heap")"
run 0 data cluster "$T/heap" --model "$T/eyes" --clusters 3 --sort-into "$T/heap" --how move
[ "$(ls "$T/heap")" = "$(printf 'cluster-1\ncluster-2\ncluster-3')" ] || fail "$(ls "$T/heap")"
run 0 data cluster --undo "$T/heap"
[ "$(ls "$T/heap" | wc -l)" = 12 ] || fail "not put back"
run 0 data cluster "$T/heap" --model "$T/eyes" --clusters 3 --sort-into "$T/heap2"
run 0 data cluster --undo "$T/heap2"

usage data cluster
usage data cluster "$T/heap"
said '--model MODEL is missing'
usage data cluster "$T/heap" --model "$T/eyes" --density --clusters 3
usage data cluster "$T/heap" --model "$T/eyes" --least 3
usage data cluster "$T/heap" --model "$T/eyes" --how move
usage data cluster "$T/heap" --undo "$T/s"
usage data cluster "$T/heap" --model "$T/eyes" --csv "$T/x" --html "$T/x"
run 3 data cluster "$T/heap" --model "$T/eyes" --clusters 13
said 'give fewer'
run 3 data cluster "$T/heap" --model "$T/no-such-model"
said no-such-model
run 3 data cluster "$T/heap" --model "$T/eyes" --csv "$T/heap/red1.bmp" --force
said 'is a picture of the data'
run 4 data cluster "$T/heap" --model "$T/eyes" --html "$T/no-such-folder/c.html"
no_rest "$T"
