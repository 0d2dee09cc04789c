#!/bin/sh
# kill: trainings that are killed at random times and gone on with end in the bits of one that never
# was
#
# KILLS (200) times: a training of some seconds, 200 drawn pictures of 32x32, is killed (SIGKILL)
# after a time drawn uniformly between 0 and what the whole one takes; then --resume, which is
# killed too by a time drawn anew, and so on until it comes to its end.  Every fifth training is
# killed as often as it takes with short times.  The times are random numbers of SEED (1) and the
# number of the kill.  Where nothing was begun yet the same command begins again.
set -eu
. tests/cli/expect

kills=${KILLS:-200} seed=${SEED:-1}
draw_net
draw_one
set -- train "$T/one" --arch "$T/tiny.net" --batch 50 --threads 1 --save-every 0.2s --quiet \
    --calibrate yes
on="train --threads 1 --save-every 0.2s --quiet"

# arrays FILE: what a model file holds behind its header.
arrays() { tail -c "+$(($(od -An -tu8 -N8 "$1") + 9))" "$1"; }

# As many epochs as take about three seconds here.
now() { date +%s%N; }
begin=$(now)
run 0 "$@" --epochs 200 --out "$T/timed"
took=$((($(now) - begin) / 1000000))
epochs=$((200 * 3000 / took))
begin=$(now)
run 0 "$@" --epochs $epochs --out "$T/whole"
took=$((($(now) - begin) / 1000000))
undated "$T/whole/best.safetensors" >"$T/best"
arrays "$T/whole/last.safetensors" >"$T/arrays"
cut -d, -f 1,2,4-6,10- "$T/whole/metrics.csv" >"$T/rows"
echo "a training of $epochs epochs, $took ms; kills are drawn from seed $seed"

# seconds N: when to kill for the N-th time.
seconds() {
    printf '%s' "$seed $1" | md5sum | awk -v most="$2" '{
        for (i = 1; i <= 8; i++)
            x = 16 * x + index("0123456789abcdef", substr($1, i, 1)) - 1
        print x / 4294967296 * most / 1000 }'
}

done=0 trainings=0 fresh=0 late=0
while [ $done -lt "$kills" ]; do
    trainings=$((trainings + 1))
    rm -rf "$T/run"
    over=false
    while ! $over; do
        if [ -e "$T/run/run.json" ]; then
            set -- $on --resume "$T/run"
        else
            fresh=$((fresh + 1))
            set -- train "$T/one" --arch "$T/tiny.net" --batch 50 --threads 1 --save-every 0.2s \
                --quiet --calibrate yes --epochs $epochs --out "$T/run"
        fi
        [ $done -lt "$kills" ] || { run 0 "$@"; break; }
        most=$took
        [ $((trainings % 5)) != 0 ] || most=$((took / 3))
        "$DISCERN" "$@" >"$T/out" 2>"$T/err" &
        pid=$!
        sleep "$(seconds $((done + late)) $most)"
        kill -KILL $pid 2>/dev/null || :
        rc=0
        wait $pid 2>/dev/null || rc=$?
        case $rc in
        137) done=$((done + 1)) ;;
        0) over=true late=$((late + 1)) ;;
        *) fail "kill $done: status $rc: $(cat "$T/err")" ;;
        esac
        [ ! -e "$T/run/last.safetensors" ] || run 0 info "$T/run/last.safetensors"
    done
    undated "$T/run/best.safetensors" | cmp - "$T/best" || fail "kill $done: best differs"
    arrays "$T/run/last.safetensors" | cmp - "$T/arrays" || fail "kill $done: last differs"
    cut -d, -f 1,2,4-6,10- "$T/run/metrics.csv" | cmp - "$T/rows" || fail "kill $done: metrics.csv"
    no_rest "$T/run"
done
echo "killed $done times in $trainings trainings ($fresh begun, $late over before the kill),"  \
    "each gone on with to its end: $trainings of $trainings the same bits"
