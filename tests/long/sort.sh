#!/bin/sh
# sort: a sorting into folders falls at every single call on its files, in every way, and loses none
exec sh tests/fault/sort.sh all
