#!/bin/sh
# discern: the table of commands, help, version, and what is no command
set -eu
. tests/cli/expect

run 0
quiet
[ "$(wc -l <"$T/out")" -le 24 ] || fail "the summary has $(wc -l <"$T/out") lines"
[ "$(grep -c '^  discern ' "$T/out")" -eq 3 ] || fail "not three examples"
cp "$T/out" "$T/summary"
run 0 help
cmp "$T/out" "$T/summary"
run 0 --help
cmp "$T/out" "$T/summary"

run 0 --version
quiet
lines 1
grep -qE '^discern [0-9]+\.[0-9]+\.[0-9]+ \(.+\)$' "$T/out" || fail "version: $(cat "$T/out")"
run 0 --version --json
lines 1
version='"schema":"discern.version/1","version":"[0-9.]+","git":"[^"]+","decoders":"stb[ a-z]*"'
grep -qE "^\{$version\}\$" "$T/out" || fail "$(cat "$T/out")"

usage trian
said '"train"'
usage xyzzy
said 'discern help'
usage ''
usage help trian
said '"train"'
usage help train eval info
usage help --markdwon
said '--markdown'
usage --verison
said 'did you mean --version?'
usage --quiet train
said 'discern COMMAND --quiet'
run 0 help data --json
printed '"name":"data check"'
not_printed '"name":"train"'

for command in train eval predict info export help; do
    grep -q "^  $command " "$T/summary" || fail "$command is not in the summary"
    run 0 "$command" --help
    quiet
    printed "usage: discern $command"
    cp "$T/out" "$T/help"
    run 0 help "$command"
    cmp "$T/out" "$T/help"
    awk 'length > 80 { print; bad = 1 } END { exit bad }' "$T/help" ||
        fail "$command: help is wider than 80"
done

run 0 help --markdown
quiet
for command in train eval predict info export help; do
    printed "## discern $command"
done
run 0 help --ops
quiet
sed -n 's/^NN_OP(\(.*\))$/\1/p' nn/op/ops.def | while read -r op; do
    grep -qx "## $op" "$T/out" || fail "$op is not among the operators"
done
grep '^|' "$T/out" | awk -F'|' 'NF != 7 { print; bad = 1 } END { exit bad }' ||
    fail "a cell holds a bar"

# A reader that goes away is no error to speak of; a full disk is.
for what in '' '--markdown' '--ops'; do
    "$DISCERN" help $what 2>"$T/err" | head -1 >/dev/null
    quiet
done
if [ -c /dev/full ]; then
    rc=0
    "$DISCERN" help >/dev/full 2>"$T/err" || rc=$?
    [ $rc = 4 ] || fail "a full disk: status $rc"
fi
