#!/bin/sh
# bench: figures are there, add up and are of what was asked for; how fast a machine is, is no test
set -eu
. tests/cli/expect

draw_one 60
draw_net

run 0 bench --arch "$T/tiny.net" --batch 1,4 --rounds 1 --threads 1 --steps
quiet
grep -q ' 16  *1 fp32 predict  *[0-9.]* ' "$T/out" || fail "no single answers: $(cat "$T/out")"
grep -q ' 16  *4 [a-z]*[0-9]* train  *[0-9.]* ' "$T/out" || fail "no steps: $(cat "$T/out")"
! grep -q ' 1 [a-z]*[0-9]* train' "$T/out" || fail "a step of one picture: $(cat "$T/out")"
grep -q '^    conv2d  *1 .*ms forward .*ms backward .* %$' "$T/out" ||
    fail "not where its time goes: $(cat "$T/out")"
awk 'length > 80 { exit 1 }' "$T/out" || fail "wider than 80: $(cat "$T/out")"

run 0 bench --json --arch "$T/tiny.net" --batch 4 --rounds 1 --threads 2 --only train
quiet
lines 1
printed '"schema":"discern.bench/1"'
printed '"threads":2'
printed '"what":"train"'
not_printed '"what":"predict"'
not_printed '"steps"'
[ "$(number process_bytes)" -gt 1000000 ] || fail "no memory"
# A step is three answers, and pictures a second are a batch's by its seconds.
three=$(number flops)
pictures=$(number pictures) seconds=$(number seconds)
awk "BEGIN { exit !($pictures * $seconds > 3.99 && $pictures * $seconds < 4.01) }" ||
    fail "$pictures pictures a second, $seconds seconds"
run 0 bench --json --arch "$T/tiny.net" --batch 4 --rounds 1 --threads 2 --only predict
one=$(number flops)
[ "$three" -gt $((2 * one)) ] || fail "a step of $three flops, an answer of $one"

run 0 bench --json --size 16 --threads 1 "$T/one"
printed '"data":{"pictures":'
[ "$(number decode)" != 0 ] || fail "nothing was decoded"
not_printed '"networks"'

run 0 bench --overhead --rounds 1 --threads 2
quiet
grep -q '^    beside them  *[-0-9.]* us, [-0-9.]* us a step$' "$T/out" ||
    fail "no overhead: $(cat "$T/out")"
grep -q '^a job of nothing,  2 threads  *[0-9.]* us; until ' "$T/out" ||
    fail "no threads: $(cat "$T/out")"
run 0 bench --overhead --rounds 1 --threads 1 --json
printed '"overhead":{"steps":12,'
not_printed '"networks"'

usage bench --batch 0
usage bench --isa sparc
said 'expected auto'
usage bench --arch resnet19
said 'resnet18'
run 3 bench "$T/none"
said "$T/none"
