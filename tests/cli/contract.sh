#!/bin/sh
# contract: what every command promises, a function a row; the commands are those of `discern help`,
# so that a new one is held to it without a word here
set -eu
. tests/cli/expect

program=$DISCERN
why=discern
draw_one 60
draw_net
"$program" train "$T/one" --arch "$T/tiny.net" --steps 2 --size 16 --batch 8 --cache off --quiet \
    --out "$T/run" >/dev/null || fail "no model to try with"
model=$T/run/best.safetensors
picture=$(find "$T/one/" -name "*.jpg" -o -name "*.png" | sort | head -1)

"$program" help --markdown | sed -n 's/^## discern //p' >"$T/commands"
[ "$(wc -l <"$T/commands")" -ge 10 ] || fail "hardly any commands: $(cat "$T/commands")"

# each DO: calls it with every command's name, as words, in $command.
each() {
    while read -r command; do
        why="discern $command"
        "$1"
    done <"$T/commands"
    why=discern
}

# Prints $1 once for each argument that the command wants; help wants commands, not files.
wanted() {
    [ "$command" = help ] || "$program" help $command |
        sed -n '1s/.*\[OPTION[.]*\]//p' | sed 's/\[[^]]*\]//g' | tr ' ' '\n' |
        sed -n "s|^[A-Z].*|$1|p"
}

# Options without which a command does not look at its arguments.
needed() {
    case $command in
    'data import' | embed) echo "-o $T/unused.csv" ;;
    merge | import) echo "-o $T/unused" ;;
    'data cluster' | 'data errors') echo "--model $model" ;;
    'data similar') echo "--model $model --in $T/one" ;;
    esac
}

# missing OPTION...: the command of paths that are not there, without spaces, as $T is.
missing() {
    rc=0
    "$program" $command "$@" $(needed) $(wanted "$T/no-such-thing") >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = 3 ] || fail "$why $* of what is not there: status $rc: $(cat "$T/err")"
    said "$T/no-such-thing"
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "$why: not one line: $(cat "$T/err")"
}
has_option() { "$program" help $command | grep -qE "^ +(-., )?$1( |\$)"; }

# valid_json: $T/out is one JSON value on one line, with a schema.
valid_json() {
    [ "$(wc -l <"$T/out")" -eq 1 ] || fail "$why: not one line of JSON: $(head -c 300 "$T/out")"
    rest=$(sed -E -e 's/"([^"\\]|\\["\\\/bfnrtu])*"/s/g' \
        -e 's/-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/v/g' -e 's/ +//g' \
        -e 's/s:/k/g' -e 's/s/v/g' \
        -e ':a' -e 's/\[(v(,v)*)?\]/v/g' -e 's/\{(kv(,kv)*)?\}/v/g' -e 'ta' "$T/out")
    [ "$rest" = v ] || fail "$why: no JSON ($(echo "$rest" | head -c 99)): $(head -c 300 "$T/out")"
    grep -q '"schema":"discern\.[a-z.]*/[0-9]' "$T/out" || fail "$why: JSON without a schema"
}
printf '%s\n' '{"schema":"discern.x/1","a":[1,-2.5e-3,"a\"]b",{}],"b":{"c":null}}' >"$T/out"
valid_json
for broken in '{"schema":"discern.x/1",}' '{"schema":"discern.x/1"' '{"schema":"discern.x/1"}{}'; do
    printf '%s\n' "$broken" >"$T/out"
    ! (valid_json) >/dev/null || fail "the check of JSON takes $broken"
done

# ---- 1: a summary on a screen, the nearest of what does not exist --------------------------------

row_1_command() {
    run 0 $command --help
    quiet
    printed "usage: discern $command [OPTION...]"
    printed 'what every command takes:'
    awk 'length > 80 { print; bad = 1 } END { exit bad }' "$T/out" || fail "$why: wider than 80"
    usage $command --hlep
    said 'did you mean --help?'
    usage $command --quite
    said 'did you mean --quiet?'
    usage $command --no-such-thing-at-all
    said "see discern $command --help"
    usage ${command}x
    said "did you mean \"$command\"?"
}
row_1() {
    for how in '' help --help -h; do
        run 0 $how
        quiet
        [ "$(wc -l <"$T/out")" -le 24 ] || fail "the summary has $(wc -l <"$T/out") lines"
        awk 'length > 80 { exit 1 }' "$T/out" || fail "the summary is wider than 80"
        [ "$(grep -c '^  discern ' "$T/out")" -eq 3 ] || fail "not three examples"
    done
    while read -r first second; do
        grep -q "^  $first " "$T/out" || fail "$first is not in the summary"
        [ -z "$second" ] || grep -q "^  $first .*[ ,]$second\(,\|\$\)" "$T/out" ||
            fail "$first $second is not in the summary"
    done <"$T/commands"
    each row_1_command
}

# ---- 2: data on stdout, the rest on stderr; one object, also of an error -------------------------

row_2_command() {
    has_option --json || fail "$why has no --json"
    run 2 $command --json --no-such-thing
    valid_json
    printed '{"error":{"code":2,"message":"'
    printed '"hint":'
    run 2 $command --no-such-thing --json
    valid_json
    run 2 $command --no-such-thing
    [ ! -s "$T/out" ] || fail "$why: an error on stdout"
    [ -n "$(wanted x)" ] || return 0
    missing --json
    valid_json
    printed '{"error":{"code":3,'
}
row_2() {
    each row_2_command
    run 2 no-such-command --json
    valid_json
    why=answers
    for command in "info $model" "info $model --graph" "eval $model $T/one" "help" "help train" \
        "data check $T/one" "data stats $T/one" "data split $T/one" "data dedup $T/one" \
        "predict $model $picture" "train $T/one --dry-run --arch $T/tiny.net --size 16" \
        "data show $T/one -o $T/sheet.png --size 16 --count 2" \
        "data import $T/one --to csv -o $T/labels.csv" \
        "embed $model $picture -o $T/rows.npy" \
        "export $model -o $T/exported.onnx" "merge $model $model -o $T/merged" \
        "data cluster $T/one --model $model" "data errors $T/one --model $model" \
        "data similar $picture --in $T/one --model $model"; do
        why="discern $command"
        run 0 $command --json
        valid_json
    done
    rc=0
    "$program" doctor --json >"$T/out" 2>/dev/null || rc=$?
    [ $rc -le 1 ] || fail "doctor: status $rc"
    valid_json
    run 0 --version --json
    valid_json
    why=discern
}

# ---- 3: exit statuses ----------------------------------------------------------------------------

row_3_command() {
    usage $command --no-such-thing
    [ -n "$(wanted x)" ] || return 0
    missing
    [ ! -s "$T/out" ] || fail "$why of what is not there: an answer"
}
row_3() {
    each row_3_command
    run 3 info "$T/no-such-model"
    run 1 eval "$model" "$T/one" --min-accuracy 1
    if [ -w /dev/full ]; then
        for command in help 'data stats '"$T/one" "info $model"; do
            rc=0
            "$program" $command >/dev/full 2>"$T/err" || rc=$?
            [ $rc = 4 ] || fail "discern $command on a full disk: status $rc"
            said 'standard output'
        done
    fi
}

# ---- 4: progress: nothing that is written over where no terminal is; tests/nn/base/test_tell.c ---

row_4() {
    run 0 data check "$T/one"
    ! grep -q "$(printf '\r')" "$T/err" || fail "a live line in a file"
    run 0 train "$T/one" --arch "$T/tiny.net" --steps 2 --size 16 --batch 8 --cache off \
        --out "$T/lines"
    ! grep -q "$(printf '\r')" "$T/err" || fail "a live line in a file"
}

# ---- 5: colour -----------------------------------------------------------------------------------

# colored WANT VARIABLES OPTIONS
colored() {
    rc=0
    env -u NO_COLOR -u CLICOLOR_FORCE TERM=xterm $2 "$program" $command --nope $3 \
        >"$T/out" 2>"$T/err" || rc=$?
    if grep -q "$(printf '\033')" "$T/err"; then colour=yes; else colour=no; fi
    [ $colour = "$1" ] || fail "$why ($2 $3): colour $colour"
    ! grep -q "$(printf '\033')" "$T/out" || fail "$why ($2 $3): colour on stdout"
}
row_5_command() {
    colored no '' ''
    colored yes '' '--color always'
    colored yes NO_COLOR=1 '--color=always'
    colored yes CLICOLOR_FORCE=1 ''
    colored no CLICOLOR_FORCE=0 ''
    colored no 'CLICOLOR_FORCE=1 NO_COLOR=1' ''
    colored no CLICOLOR_FORCE=1 '--color never'
}
row_5() { each row_5_command; }

# ---- 6: help at once, manual pages, completions --------------------------------------------------

row_6_command() {
    # Generous: it takes some milliseconds, and loads no model on the way.
    timeout 2 "$program" $command --help "$T/no-such-thing" >/dev/null 2>&1 ||
        fail "$why --help: slow"
    run 0 help --man $command
    quiet
    page="$T/discern-$(echo $command | tr ' ' -).1"
    cp "$T/out" "$page"
    grep -q '^\.SH OPTIONS' "$page" || fail "$why: no options in the manual"
    "$program" $command --help | sed -nE 's/^ +(-., )?--(\[no-\])?([a-z0-9-]+).*/\3/p' >"$T/names"
    while read -r name; do
        grep -qF -e "\\-\\-$(echo "$name" | sed 's/-/\\-/g')" "$page" ||
            grep -qF "[no\\-]$(echo "$name" | sed 's/-/\\-/g')" "$page" ||
            fail "$why: --$name is not in the manual"
    done <"$T/names"
    if command -v groff >/dev/null; then
        groff -ww -man -Tutf8 -z "$page" 2>"$T/said"
        [ ! -s "$T/said" ] || fail "$why: groff: $(head -3 "$T/said")"
    fi
    command -v bash >/dev/null || return 0
    bash "$T/complete.bash" $command -- >"$T/said"
    while read -r name; do
        grep -qx -e "--\(no-\)*$name" "$T/said" || fail "$why: bash completes no --$name"
    done <"$T/names"
}
row_6() {
    for shell in bash zsh fish; do
        run 0 help --completion $shell
        quiet
        cp "$T/out" "$T/completion.$shell"
        ! command -v $shell >/dev/null || $shell -n "$T/completion.$shell" ||
            fail "$shell: no script"
    done
    cat >"$T/complete.bash" <<'END'
# complete.bash WORD...: what the last of them may become, a line each
source "$(dirname "$0")/completion.bash"
[[ $(complete -p discern) == 'complete -F _discern discern' ]] || echo 'not complete'
compopt() { :; }
COMP_WORDS=(discern "$@")
COMP_CWORD=$#
_discern
printf '%s\n' "${COMPREPLY[@]}"
END
    each row_6_command
    run 0 help --man
    ! command -v groff >/dev/null || { cp "$T/out" "$T/discern.1" &&
        groff -ww -man -Tutf8 -z "$T/discern.1" 2>"$T/said" && [ ! -s "$T/said" ]; } ||
        fail "discern.1: $(head -3 "$T/said")"
    ! command -v fish >/dev/null || HOME=$T fish -c "source $T/completion.fish
        complete -C 'discern data check --s'" | grep -q -e '^--strict' || fail "fish: no option"
    command -v bash >/dev/null || return 0
    bash "$T/complete.bash" '' >"$T/said"
    while read -r first second; do
        grep -qx "$first" "$T/said" || fail "bash completes no $first"
        [ -z "$second" ] || bash "$T/complete.bash" "$first" '' | grep -qx "$second" ||
            fail "bash completes no $first $second"
    done <"$T/commands"
    bash "$T/complete.bash" train --sched = cos | grep -qx cosine || fail "bash completes no name"
    (cd "$T/run" && touch notes.txt && bash "$T/complete.bash" info '') >"$T/said"
    grep -qx best.safetensors "$T/said" || fail "bash completes no model"
    ! grep -q notes.txt "$T/said" || fail "bash completes what is no model"
}

# ---- 7, 8: defaults and run.json (more of them: train.sh, train_settings.sh) ---------------------

row_7() {
    run 0 train "$T/one" --dry-run
    printed pictures
    [ ! -d runs/train-1 ] || [ "$(pwd)" != "$T" ] || fail "--dry-run made a folder"
}
row_8() {
    for member in argv settings seed version compiler fingerprint; do
        grep -q "\"$member\"" "$T/run/run.json" || fail "run.json has no $member"
    done
    run 0 train --config "$T/run/run.json" --cache off --out "$T/again" --quiet
    quiet
    "$program" info --json "$T/again/best.safetensors" >/dev/null || fail "no model again"
}

# ---- 9: never overwrite --------------------------------------------------------------------------

# keeps FILE COMMAND...: refused while FILE is there, which stays; done with --force
keeps() {
    file=$1
    shift
    why="discern $*"
    echo mine >"$file"
    run 3 "$@"
    said --force
    [ "$(cat "$file")" = mine ] || fail "$why: overwrote $file"
    run 0 "$@" --force
    [ "$(head -c 5 "$file")" != mine ] || fail "$why --force: left $file"
    no_rest "$(dirname "$file")"
    why=discern
}
row_9() {
    mkdir "$T/kept"
    keeps "$T/kept/m.onnx" export "$model" -o "$T/kept/m.onnx"
    keeps "$T/kept/s.png" data show "$T/one" --size 16 --count 2 -o "$T/kept/s.png"
    keeps "$T/kept/l.csv" data import "$T/one" --to csv -o "$T/kept/l.csv"
    keeps "$T/kept/d.csv" data dedup "$T/one" -o "$T/kept/d.csv"
    keeps "$T/kept/c.html" data check "$T/one" --html "$T/kept/c.html"
    keeps "$T/kept/g.csv" data cluster "$T/one" --model "$model" --csv "$T/kept/g.csv"
    keeps "$T/kept/g.html" data cluster "$T/one" --model "$model" --html "$T/kept/g.html"
    keeps "$T/kept/v.html" data similar "$picture" --in "$T/one" --model "$model" \
        --html "$T/kept/v.html"
    keeps "$T/kept/w.csv" data errors "$T/one" --model "$model" --csv "$T/kept/w.csv"
    keeps "$T/kept/w.html" data errors "$T/one" --model "$model" --html "$T/kept/w.html"
    keeps "$T/kept/s.csv" data errors "$T/one" --model "$model" -o "$T/kept/s.csv"
    keeps "$T/kept/r.html" eval "$model" "$T/one" --report "$T/kept/r.html"
    keeps "$T/kept/e.csv" eval "$model" "$T/one" --csv "$T/kept/e.csv"
    keeps "$T/kept/k" calibrate "$model" "$T/one" --split train -o "$T/kept/k"
    keeps "$T/kept/a" merge "$model" "$model" -o "$T/kept/a"
    keeps "$T/kept/n.h" export "$model" --to c --header -o "$T/kept/n.c"
    keeps "$T/kept/x.npy" predict "$model" "$picture" --dump-input "$T/kept/x.npy"
    keeps "$T/kept/r.npy" embed "$model" "$picture" -o "$T/kept/r.npy"
    run 3 train "$T/one" --steps 2 --out "$T/run"
    said --force
}

# ---- 10: names -----------------------------------------------------------------------------------

row_10_command() {
    [ -n "$(wanted x)" ] || return 0
    # behind -- there are no options
    rc=0
    "$program" $command $(needed) -- $(wanted --help) >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = 3 ] || fail "$why -- --help: status $rc"
    [ ! -s "$T/out" ] || fail "$why -- --help: an answer"
    # what a name has in it neither breaks the line nor reaches the terminal
    two=$(wanted x | sed -n 2p)
    odd=$(printf '%s/no\nsuch \033[31m %%s "x"' "$T")
    rc=0
    "$program" $command $(needed) "$odd" ${two:+"$odd"} >"$T/out" 2>"$T/err" || rc=$?
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "$why of an odd name: not one line: $(cat "$T/err")"
    ! grep -q "$(printf '\033')" "$T/err" || fail "$why of an odd name: an escape"
    rc=0
    "$program" $command $(needed) --json "$odd" ${two:+"$odd"} >"$T/out" 2>"$T/err" || rc=$?
    valid_json
}
row_10() {
    each row_10_command
    cd "$T"
    odd=$(printf -- '-a \n%%d"\047;.safetensors')
    cp "$model" "./$odd"
    run 0 info -- "$odd"
    run 0 info --json -- "$odd"
    valid_json
    mkdir -- '-d'
    cp "$picture" "./-d/$odd.${picture##*.}"
    run 0 predict --json -- "$odd" -d
    valid_json
    run 2 export "$model" -o -
    [ ! -e ./- ] || fail "a file that is called -"
    cd - >/dev/null
}

# ---- 11: quiet, a log, no network ----------------------------------------------------------------

row_11_command() {
    rm -f "$T/log.txt"
    run 2 $command --nope --quiet --log-file "$T/log.txt"
    [ -s "$T/err" ] || fail "$why --quiet: not even an error"
    cmp "$T/err" "$T/log.txt" || fail "$why: the log differs"
    run 2 $command --nope --log-file "$T/log.txt"
    [ "$(wc -l <"$T/log.txt")" -eq 2 ] || fail "$why: the log was not appended to"
    rc=0
    "$program" $command --log-file "$T/no-such-folder/log" >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = 4 ] || fail "$why: a log that cannot be written: status $rc"
}
row_11() {
    each row_11_command
    run 0 data stats "$T/one"
    quiet
    run 0 data stats "$T/one" --verbose
    said 'MB of memory at most'
    run 0 data import "$T/one" --to csv -o "$T/q.csv" --quiet --log-file "$T/q.log"
    quiet
    grep -q '^discern: .*wrote' "$T/q.log" || fail "the note is not in the log"
    command -v strace >/dev/null || return 0
    for command in "info $model" "eval $model $T/one" "data stats $T/one" help; do
        strace -f -e trace=socket,connect -o "$T/calls" "$program" $command >/dev/null 2>&1 ||
            return 0                    # it may not be allowed
        ! grep -q 'AF_INET' "$T/calls" || fail "discern $command: asks the network"
    done
}

# ---- 12: errors name the file, the problem, the remedy -------------------------------------------

# Of a file that is there and is of no use; row 3 has those that are not there.
row_12_command() {
    [ -n "$(wanted x)" ] || return 0
    rc=0
    "$program" $command $(needed) $(wanted "$T/wrong") >"$T/out" 2>"$T/err" || rc=$?
    [ $rc = 3 ] || fail "$why of what is neither model nor data: status $rc"
    grep -q "^discern: $T/wrong: ." "$T/err" || fail "$why: no file, or no problem: $(cat "$T/err")"
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "$why: not one line: $(cat "$T/err")"
    [ ! -s "$T/out" ] || fail "$why of what is neither model nor data: an answer"
}
row_12() {
    echo 'neither a model nor pictures' >"$T/wrong"
    each row_12_command
    run 3 info "$T/run"
    said "$T/run: is a folder; did you mean $model?"
    usage eval "$T/one" "$model"
    said "did you mean $model $T/one?"
    usage predict "$model"
    said '--files-from'
    head -c 60 "$picture" >"$T/cut.${picture##*.}"
    run 3 predict "$model" "$T/cut.${picture##*.}"
    said "$T/cut.${picture##*.}: "
}

# ---- 13: versions --------------------------------------------------------------------------------

row_13() {
    run 0 --version --json
    valid_json
    printed '"schema":"discern.version/1"'
    run 0 help --json
    valid_json
    [ "$(grep -o '"summary":' "$T/out" | wc -l)" -eq "$(wc -l <"$T/commands")" ] ||
        fail "help --json does not list all commands"
}

for n in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
    row_$n
done
