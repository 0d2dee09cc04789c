#!/bin/sh
# pull: what a hub has comes whole, once, checked, and goes on where it broke off; import and train
# take it; what is hostile is refused in a line, and a token goes to nobody else
set -eu
. tests/cli/expect
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

root=$T/root
mkdir -p "$root"
: >"$root/log"
"$BUILD/tests/cli/httpd" "$root" >"$T/port" &
server=$!
trap 'kill $server 2>/dev/null || :' EXIT
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$T/port" ] || sleep 0.1
done
hub=http://127.0.0.1:$(cat "$T/port")
# One that breaks at the same place for ever, and knows no ranges: the pauses take their time.
mkdir "$T/broken"
head -c 200000 /dev/zero >"$T/broken/line.bin"
printf '200 OK\nETag: "broken"\n!range 5\n!cut 70000\n' >"$T/broken/line.bin.head"
"$BUILD/tests/cli/httpd" "$T/broken" >"$T/broken/port" &
other=$!
trap 'kill $server $other 2>/dev/null || :' EXIT
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$T/broken/port" ] || sleep 0.1
done
"$DISCERN" pull "http://127.0.0.1:$(cat "$T/broken/port")/line.bin" --cache "$T/broken/cache" \
    2>"$T/broken/err" &
broken=$!
at=$root/me/net/resolve/main            # where the repository me/net lies, by its branch
commit=0123456789abcdef0123456789abcdef01234567
fixed=$root/me/net/resolve/$commit      # and by its commit
mkdir -p "$at" "$fixed"
store=$T/cache/${hub#http://}/models--me--net
snapshot=$store/snapshots/$commit

pull() { want_=$1; shift; run "$want_" pull "$@" --endpoint "$hub" --cache "$T/cache"; }
asked() { grep -c "$1" "$root/log" || :; }
git_sum() { { printf 'blob %d\0' "$(wc -c <"$1")"; cat "$1"; } | sha1sum | cut -d ' ' -f 1; }
sum() { sha256sum "$1" | cut -d ' ' -f 1; }

# serve NAME: a file of the repository, small ones with git's sum, as a hub does; by both names.
serve() {
    printf '200 OK\nETag: "%s"\nX-Repo-Commit: %s\n' "$(git_sum "$at/$1")" $commit >"$at/$1.head"
    cp "$at/$1" "$at/$1.head" "$fixed/"
}
# serve_large NAME: leads to where the bytes are, with their SHA-256.
serve_large() {
    mkdir -p "$root/far"
    cp "$at/$1" "$root/far/$1"
    printf '200 OK\nETag: "of-the-far-host"\n' >"$root/far/$1.head"
    printf '302 Found\nLocation: %s/far/%s\nX-Linked-ETag: "%s"\nX-Linked-Size: %d\n' "$hub" "$1" \
        "$(sum "$at/$1")" "$(wc -c <"$at/$1")" >"$at/$1.head"
    printf 'X-Repo-Commit: %s\n' $commit >>"$at/$1.head"
    cp "$at/$1.head" "$fixed/"
}
missing() {
    for folder in "$at" "$fixed"; do
        printf '404 Not Found\nX-Error-Code: EntryNotFound\nX-Repo-Commit: %s\n' $commit \
            >"$folder/$1.head"
    done
}

# ---- a network comes, once ----------------------------------------------------------------------

draw_one 60
"$DISCERN" train "$T/one" --arch resnet20 --steps 1 --size 32 --batch 8 --cache off --quiet \
    --out "$T/run" >/dev/null || fail "no weights to try with"
sed 's/discern\./another./g' "$T/run/best.safetensors" >"$at/model.safetensors"
echo '{"pretrained_cfg":{"input_size":[3,32,32],"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}}' \
    >"$at/config.json"
serve config.json
serve_large model.safetensors
missing preprocessor_config.json
pull 0 hf://me/net
printed "$snapshot"
lines 1
said 'checksums are right'
cmp "$snapshot/model.safetensors" "$at/model.safetensors"
cmp "$snapshot/config.json" "$at/config.json"
[ "$(asked /far/)" = 1 ] || fail "the weights were asked for $(asked /far/) times"
[ "$(cat "$store/refs/main")" = $commit ] || fail "no commit in refs/main"
[ -f "$store/blobs/$(sum "$at/model.safetensors")" ] || fail "the blob has another name"
run 0 import "$snapshot" -o "$T/m"
said 'resnet20: all 97 tensors fit'
run 0 info "$T/m"
printed 'mean 0.5'
run 0 train "$T/one" --init "$snapshot" --steps 1 --batch 8 --cache off --quiet --out "$T/more"

: >"$root/log"
pull 0 hf://me/net --json
printed '"schema":"discern.pull/1"'
printed "\"commit\":\"$commit\""
printed '"downloaded":0'
[ "$(asked /far/)" = 0 ] || fail "the weights came again"
# a page's address is the repository's
pull 0 "$hub/me/net/blob/main/config.json"
printed "$snapshot/config.json"

# what has gone bad on the disk is not called right, and comes anew where somebody can be asked
blob=$store/blobs/$(sum "$at/model.safetensors")
spoil() { printf XXXX | dd of="$1" bs=1 seek=5000 conv=notrunc 2>/dev/null; }
spoil "$blob"
pull 3 hf://me/net --offline
said 'model.safetensors: has gone bad on this disk: its SHA-256 is '
pull 0 hf://me/net
said 'model.safetensors: what came before has gone bad on this disk'
cmp "$snapshot/model.safetensors" "$at/model.safetensors"
spoil "$blob"
pull 0 "hf://me/net@$commit"
cmp "$snapshot/model.safetensors" "$at/model.safetensors"

# ---- without a network --------------------------------------------------------------------------

: >"$root/log"
pull 0 hf://me/net --offline
printed "$snapshot"
pull 0 "hf://me/net@$commit" --offline
pull 3 hf://me/other --offline
said 'hf://me/other: has not come before, and no server is asked'
[ ! -s "$root/log" ] || fail "somebody was asked: $(cat "$root/log")"
run 4 pull hf://me/net --endpoint http://127.0.0.1:1 --cache "$T/cache"
said 'hf://me/net: '
mkdir -p "$T/cache/127.0.0.1:1"
cp -a "$store" "$T/cache/127.0.0.1:1/"
run 0 pull hf://me/net --endpoint http://127.0.0.1:1 --cache "$T/cache"
said 'what came before is taken'

# ---- what breaks off goes on --------------------------------------------------------------------

head -c 300000 /dev/urandom >"$at/big.onnx"
serve_large big.onnx
printf '200 OK\n!cut 100000\n' >"$root/far/big.onnx.once"
: >"$root/log"
pull 0 hf://me/net/big.onnx
printed "$snapshot/big.onnx"
cmp "$snapshot/big.onnx" "$at/big.onnx"
grep -q '^/far/big.onnx 100000 ' "$root/log" || fail "no range was asked for: $(cat "$root/log")"
[ -z "$(find "$store" -name '*.part')" ] || fail "a part is left"

# killed on the way: the part stays, and the next one goes on from there
head -c 300000 /dev/urandom >"$at/killed.onnx"
serve_large killed.onnx
printf '200 OK\n!stall 123456\n' >"$root/far/killed.onnx.once"
"$DISCERN" pull hf://me/net/killed.onnx --endpoint "$hub" --cache "$T/cache" 2>/dev/null &
client=$!
part=$store/blobs/$(sum "$at/killed.onnx").part
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ "$(cat "$part" 2>/dev/null | wc -c)" = 123456 ] || sleep 0.1
done
"$DISCERN" pull hf://me/net/killed.onnx --offline --endpoint "$hub" --cache "$T/cache" \
    >/dev/null 2>&1 && fail "taken before it is there"
kill -9 $client
wait $client 2>/dev/null || :
[ "$(wc -c <"$part")" = 123456 ] || fail "the part has $(wc -c <"$part") bytes"
: >"$root/log"
pull 0 hf://me/net/killed.onnx --json
printed '"downloaded":176544'
cmp "$snapshot/killed.onnx" "$at/killed.onnx"
grep -q '^/far/killed.onnx 123456 ' "$root/log" || fail "not gone on with: $(cat "$root/log")"

# a part that has gone bad is noticed, and all of it comes anew
for how in bad norange; do
    head -c 300000 /dev/urandom >"$at/$how.onnx"
    serve_large $how.onnx
    [ $how = bad ] || echo '!norange' >>"$root/far/$how.onnx.head"
    head -c 5000 /dev/zero >"$store/blobs/$(sum "$at/$how.onnx").part"
    pull 0 hf://me/net/$how.onnx
    cmp "$snapshot/$how.onnx" "$at/$how.onnx"
done

# ---- what is wrong is refused -------------------------------------------------------------------

# refused NAME KIND WORDS: nothing is left of it but, of a disk, the part
refused() {
    pull "$2" "hf://me/net/$1"
    said "hf://me/net/$1: $1: "
    said "$3"
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "$1: not one line: $(cat "$T/err")"
    [ ! -e "$snapshot/$1" ] || fail "$1 is there all the same"
}
odd() {
    echo "an odd one: $1" >"$at/$1"
    serve "$1"
}
odd wrong.bin
echo 'something else' >"$fixed/wrong.bin"
cp "$fixed/wrong.bin" "$at/wrong.bin"
refused wrong.bin 3 'what came is not what was announced: its git hash is'
[ -z "$(find "$store" -name '*.part')" ] || fail "a wrong part is left"
odd file.bin
printf '302 Found\nLocation: file:///etc/passwd\nX-Repo-Commit: %s\n' $commit >"$at/file.bin.head"
refused file.bin 3 'which is neither http nor https'
printf '302 Found\nLocation: /me/net/resolve/main/file.bin\n' >"$at/file.bin.head"
refused file.bin 3 'leads on and on'
printf '200 OK\nETag: "%s"\nX-Repo-Commit: %s\n!length 999999999999999\n' \
    "$(git_sum "$at/file.bin")" $commit >"$at/file.bin.head"
refused file.bin 3 'bytes; '
printf '200 OK\nETag: "%s"\nX-Repo-Commit: %s\n' 'a-word' $commit >"$at/file.bin.head"
refused file.bin 3 'is that a Hugging Face hub?'
printf '200 OK\nETag: "%s"\n' "$(git_sum "$at/file.bin")" >"$at/file.bin.head"
refused file.bin 3 'tells no X-Repo-Commit'
refused not-there.bin 3 'the server answers 404'
printf '403 Forbidden\nX-Error-Code: GatedRepo\nX-Error-Message: ask first\n' >"$at/file.bin.head"
refused file.bin 3 'the server answers 403 (GatedRepo: ask first)'
said '--token-file'
printf '429 Too Many Requests\nRetry-After: 900\n' >"$at/file.bin.head"
refused file.bin 4 'asked again in 900 seconds'
said 'more often with --token-file'
serve file.bin
printf '429 Too Many Requests\nRetry-After: 0\n' >"$at/file.bin.once"
pull 0 hf://me/net/file.bin

# an index leads to files beside it, and nowhere else
mkdir -p "$root/me/parts/resolve/main"
printf '{"weight_map":{"a":"one.safetensors","b":"../../two"}}' \
    >"$root/me/parts/resolve/main/model.safetensors.index.json"
(at=$root/me/parts/resolve/main fixed=$root/me/parts/resolve/$commit
mkdir -p "$fixed"
serve model.safetensors.index.json)
pull 3 hf://me/parts
said 'names the file "../../two"'
printf '{"weight_map":{"a":"one.safetensors","b":"one.safetensors"}}' \
    >"$root/me/parts/resolve/main/model.safetensors.index.json"
(at=$root/me/parts/resolve/main fixed=$root/me/parts/resolve/$commit
echo one >"$at/one.safetensors"
serve model.safetensors.index.json
serve one.safetensors)
pull 0 hf://me/parts
cmp "$root/me/parts/resolve/main/one.safetensors" "$(cat "$T/out")/one.safetensors"
pull 3 hf://me/empty
said 'has neither model.safetensors nor model.safetensors.index.json'

# ---- an ONNX file that has its weights in others -------------------------------------------------

# Protobuf: a number, bytes of a file, a text, each as field $1.
byte() { printf "\\$(printf %03o "$1")"; }
whole() { byte $(($1 * 8)); byte "$2"; }
bytes() {
    n=$(wc -c <"$2")
    byte $(($1 * 8 + 2))
    [ "$n" -lt 128 ] || { byte $((n % 128 + 128)); n=$((n / 128)); }
    byte "$n"
    cat "$2"
}
text() { printf %s "$2" >"$T/text" && bytes "$1" "$T/text"; }
# value NAME DIM...: a tensor's type
value() {
    called=$1
    shift
    for dim; do whole 1 "$dim" >"$T/dim" && bytes 1 "$T/dim"; done >"$T/shape"
    { whole 1 1 && bytes 2 "$T/shape"; } >"$T/tensor"
    bytes 1 "$T/tensor" >"$T/type"
    text 1 "$called" && bytes 2 "$T/type"
}
node() { text 4 "$1" && text 2 "$2" && shift 2 && for from; do text 1 "$from"; done; }
# net LOCATION: the mean of each channel times weights that lie there
net() {
    { text 1 location && text 2 "$1"; } >"$T/entry"
    { whole 1 3 && whole 1 2 && whole 2 1 && text 8 w && bytes 13 "$T/entry" && whole 14 1
    } >"$T/w"
    {
        for n in 'GlobalAveragePool p x' 'Flatten f p' 'Gemm y f w'; do
            # shellcheck disable=SC2086
            node $n >"$T/node" && bytes 1 "$T/node"
        done
        text 2 g && bytes 5 "$T/w"
        value x 1 3 8 8 >"$T/value" && bytes 11 "$T/value"
        value y 1 2 >"$T/value" && bytes 12 "$T/value"
    } >"$T/graph"
    whole 2 13 >"$T/opset"
    whole 1 8 && bytes 8 "$T/opset" && bytes 7 "$T/graph"
}
mkdir -p "$at/onnx/more" "$fixed/onnx/more" "$root/far/onnx/more"
printf '\0\0\200\077\0\0\0\100' >"$T/two"              # 1 and 2
cat "$T/two" "$T/two" "$T/two" >"$at/onnx/more/w.data"
net more/w.data >"$at/onnx/model.onnx"
serve onnx/model.onnx
cp "$at/onnx/model.onnx" "$at/onnx/model.onnx.head" "$fixed/onnx/"
serve_large onnx/more/w.data
cp "$at/onnx/more/w.data.head" "$fixed/onnx/more/"
pull 0 hf://me/net/onnx/model.onnx
printed "$snapshot/onnx/model.onnx"
lines 1
said 'onnx/model.onnx: has its weights in other files, which came with it'
cmp "$snapshot/onnx/more/w.data" "$at/onnx/more/w.data"
cmp "$snapshot/config.json" "$at/config.json"
pull 0 hf://me/net/onnx/model.onnx --json
printed '"name":"onnx/more/w.data"'
printed '"downloaded":0'
not_printed '"downloaded":24'
pull 0 hf://me/net/onnx/model.onnx --offline
run 3 import "$snapshot/onnx/model.onnx" --size 8 -o "$T/beside"
said '"more/w.data": --allow-external-data reads files'
run 0 import "$snapshot/onnx/model.onnx" --size 8 -o "$T/beside" --allow-external-data
not_said 'nothing says how they were prepared'
run 0 info "$T/beside"
printed 'mean 0.5'
run 0 import "$at/onnx/model.onnx" --size 8 -o "$T/beside.too" --allow-external-data
cmp "$T/beside" "$T/beside.too" || fail "read otherwise from the cache"
# names that are not below the folder are not asked for
: >"$root/log"
for name in ../secret.bin /etc/passwd more/../../secret.bin; do
    net $name >"$at/onnx/model.onnx"
    serve onnx/model.onnx
    cp "$at/onnx/model.onnx" "$at/onnx/model.onnx.head" "$fixed/onnx/"
    pull 3 hf://me/net/onnx/model.onnx
    said "onnx/model.onnx: tensor \"w\": its numbers are in \"$name\""
done
net 'more/.git' >"$at/onnx/model.onnx"
serve onnx/model.onnx
cp "$at/onnx/model.onnx" "$at/onnx/model.onnx.head" "$fixed/onnx/"
pull 3 hf://me/net/onnx/model.onnx
said '"more/.git", which is no name of a file'
[ "$(asked 'secret\|passwd\|git')" = 0 ] || fail "asked for what is not below: $(cat "$root/log")"
net more/not-there.data >"$at/onnx/model.onnx"
serve onnx/model.onnx
cp "$at/onnx/model.onnx" "$at/onnx/model.onnx.head" "$fixed/onnx/"
pull 3 hf://me/net/onnx/model.onnx
said 'onnx/more/not-there.data: the server answers 404'

# a model of ours needs no import: the file itself is what all commands take
mkdir -p "$root/me/ours/resolve/main"
(at=$root/me/ours/resolve/main fixed=$root/me/ours/resolve/$commit
mkdir -p "$fixed"
cp "$T/run/best.safetensors" "$at/model.safetensors"
serve_large model.safetensors)
pull 0 hf://me/ours
ours=$(cat "$T/out")
run 0 info "$ours"
run 0 train "$T/one" --init "$ours" --steps 1 --batch 8 --cache off --quiet --out "$T/again"

for bad in hf://me hf://me/.. hf://../net hf://me/net@../x hf://me/net/../x hf://me/net//x \
    hf://me/net/.git ftp://x/y 'http://user:word@127.0.0.1/x' "$T/no-file"; do
    pull 3 "$bad"
    said "$bad: is no address"
done

# ---- a token ------------------------------------------------------------------------------------

echo hf_secret >"$T/token"
odd mine.bin
serve_large mine.bin
: >"$root/log"
sed -i "s|$hub|http://localhost:${hub##*:}|" "$at/mine.bin.head"
pull 0 hf://me/net/mine.bin --token-file "$T/token"
grep -q '^/me/net/resolve/main/mine.bin -1 Bearer hf_secret$' "$root/log" || fail "no token sent"
grep -q '^/far/mine.bin -1 -$' "$root/log" || fail "a token for another host: $(cat "$root/log")"
run 2 pull hf://me/net --endpoint http://example.org --cache "$T/cache" --token-file "$T/token"
said 'over https alone'
printf 'two words\n' >"$T/token"
pull 3 hf://me/net --token-file "$T/token"
said "$T/token: holds no token"

# ---- a file of its own --------------------------------------------------------------------------

echo plain >"$root/plain.bin"
printf '200 OK\nETag: "v1"\n' >"$root/plain.bin.head"
pull 0 "$hub/plain.bin"
said 'nobody says a checksum'
cmp "$root/plain.bin" "$(cat "$T/out")"
pull 0 "$hub/plain.bin" --json
printed '"downloaded":0'
printf 'newer\n' >"$root/plain.bin"
printf '200 OK\nETag: "v2"\n' >"$root/plain.bin.head"
pull 0 "$hub/plain.bin"
cmp "$root/plain.bin" "$(cat "$T/out")"
pull 3 "$hub/plain.bin" --sha256 "$(sum "$T/token")"
said 'its SHA-256 is'
: >"$root/log"
pull 0 "$hub/plain.bin" --sha256 "$(sum "$root/plain.bin")"
pull 0 "$hub/plain.bin" --sha256 "$(sum "$root/plain.bin")"
said 'checksums are right'
[ "$(asked plain)" = 1 ] || fail "asked again for what has a checksum"
# what breaks off goes on where the ETag is strong and still the same; else all of it comes anew
for etag in '"one"' 'W/"weak"' '"new"'; do
    head -c 200000 /dev/urandom >"$root/line.bin"
    printf '200 OK\nETag: %s\n' "$etag" >"$root/line.bin.head"
    printf '200 OK\nETag: %s\n!cut 70000\n' "$(echo "$etag" | sed 's/new/old/')" \
        >"$root/line.bin.once"
    : >"$root/log"
    pull 0 "$hub/line.bin"
    cmp "$root/line.bin" "$(cat "$T/out")"
    case $etag in
    '"one"') grep -q '^/line.bin 70000 ' "$root/log" || fail "all came anew: $(cat "$root/log")" ;;
    *) ! grep -q '^/line.bin 70000 ' "$root/log" || fail "$etag was gone on with" ;;
    esac
done
# a server that sends another range than was asked for is asked for all of it, and in the end told
printf '200 OK\nETag: "range"\n!range 5\n' >"$root/line.bin.head"
printf '200 OK\nETag: "range"\n!cut 70000\n' >"$root/line.bin.once"
pull 0 "$hub/line.bin"
cmp "$root/line.bin" "$(cat "$T/out")"
wait $broken && fail "a server that always breaks was believed"
[ "$(wc -l <"$T/broken/log")" -lt 20 ] || fail "asked on and on, and nothing more came"
! grep -q 'goes on from there' "$T/broken/err" || fail "said of a part that is never gone on with"
for word in 99999999999999999999999999 -5 value; do
    printf '200 OK\n!text %s\n' "$word" >"$root/line.bin.head"
    pull 3 "$hub/line.bin"
    said "the server's answer makes no sense"
done
printf '200 OK\n' >"$root/line.bin.head"
printf '503 Busy\nRetry-After: 0\n' >"$root/line.bin.once"
pull 0 "$hub/line.bin"
printf '503 Busy\nRetry-After: 0\n' >"$root/busy.bin.head"
: >"$root/log"
pull 4 "$hub/busy.bin"
said 'the server answers 503'
[ "$(asked busy)" = 6 ] || fail "asked $(asked busy) times"
# how much is announced is a stranger's word: the disk is asked, and nothing taken ahead of bytes
taken() {
    find "$T/cache" -name "*.part" -newer "$T/mark" -exec du -k {} + |
        awk "{ n += \$1 } END { print n + 0 }"
}
echo little >"$root/much.bin"
printf '200 OK\nETag: "much"\n!stall 3\n!length 200000000\n' >"$root/much.bin.head"
: >"$T/mark"
"$DISCERN" pull "$hub/much.bin" --cache "$T/cache" 2>/dev/null &
client=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -n "$(find "$T/cache" -name '*.part' -newer "$T/mark")" ] || sleep 0.1
done
sleep 0.2
kill -9 $client
wait $client 2>/dev/null || :
[ "$(taken)" -lt 1000 ] || fail "$(taken) kB are taken by 3 bytes"
free=$(df -k --output=avail "$T" | tail -n 1)
if [ "$free" -lt 64000000 ]; then
    printf '200 OK\nETag: "most"\n!length %d000\n' $((free + free / 16)) >"$root/much.bin.head"
    pull 4 "$hub/much.bin"
    said 'cannot write: no space left on device; 0 of '
    [ "$(taken)" -lt 1000 ] || fail "$(taken) kB are taken by nothing"
fi
printf '200 OK\n!endless\n' >"$root/plain.bin.head"
if (ulimit -f 20000) 2>/dev/null; then
    rc=0
    (ulimit -f 20000
    "$DISCERN" pull "$hub/plain.bin" --cache "$T/cache" >"$T/out" 2>"$T/err") || rc=$?
    [ $rc = 4 ] || fail "a disk that is full: status $rc: $(cat "$T/err")"
    said 'cannot write'
    [ "$(taken)" -lt 1000 ] || fail "$(taken) kB stay that nobody can go on with"
fi

# ---- nothing else downloads ---------------------------------------------------------------------

: >"$root/log"
for command in "train $T/one --init hf://me/net --quiet" "import hf://me/net -o $T/no" \
    "info $hub/x" "predict hf://me/net $T/one" "import $hub/x.onnx -o $T/no"; do
    # shellcheck disable=SC2086
    run 3 $command
    said 'is no file: "discern pull '
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "$command: not one line: $(cat "$T/err")"
done
[ ! -s "$root/log" ] || fail "somebody was asked: $(cat "$root/log")"
