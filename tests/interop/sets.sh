#!/bin/sh
# sets.sh NAME WORK -- what to train on: cifar10 (shortened), cifar10-whole, flowers or posters
#
# Takes the set from $DISCERN_DATASETS (../shared/datasets when that is not said), a folder there or
# an archive, which is unpacked into WORK.  The shortened CIFAR-10 has the first 1,000 training
# pictures of each class by their names, as links, and all test pictures.  Status 77: no such set.
set -eu
LC_ALL=C
export LC_ALL

name=$1 work=$2
from=${DISCERN_DATASETS:-../shared/datasets}
each=1000

case $name in
cifar10 | flowers) folder=$name ;;
cifar10-whole) folder=cifar10 ;;
posters) folder=movie_posters ;;
*) echo "sets: cifar10, cifar10-whole, flowers or posters, not $name" >&2; exit 2 ;;
esac
mkdir -p "$work"
work=$(cd "$work" && pwd)
if [ -d "$from/$folder" ]; then
    set=$(cd "$from/$folder" && pwd)
elif [ -f "$from/$folder.tar.gz" ]; then
    set=$work/$folder
    [ -d "$set" ] || {
        mkdir -p "$work/unpack"
        tar -xzf "$from/$folder.tar.gz" -C "$work/unpack"
        mv "$work/unpack/$folder" "$set"
    }
else
    echo "sets: there is no $folder in $from" >&2
    exit 77
fi
case $name in
cifar10-whole | flowers) echo "$set" ;;
posters) echo "$set/labels.csv" ;;
cifar10)
    short=$work/cifar10-short
    [ -d "$short" ] || {
        rm -rf "$short.new"
        for class in "$set"/train/*; do
            mkdir -p "$short.new/train/${class##*/}"
            find "$class" -type f | sort | head -n $each |
                xargs ln -s -t "$short.new/train/${class##*/}"
        done
        ln -s "$set/test" "$short.new/test"
        mv "$short.new" "$short"
    }
    echo "$short"
    ;;
esac
