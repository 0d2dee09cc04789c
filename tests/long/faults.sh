#!/bin/sh
# faults: a training falls at every single call on its run folder, in every way, and loses nothing
exec sh tests/fault/sweep.sh all
