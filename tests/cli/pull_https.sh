#!/bin/sh
# pull, https: a certificate of who is trusted is taken, and others are refused in a line that says
# why; trusted is who SSL_CERT_FILE or CURL_CA_BUNDLE say
set -eu
. tests/cli/expect
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR

command -v openssl >/dev/null || { echo "no openssl, which is the server here"; exit 77; }

# ---- certificates -------------------------------------------------------------------------------

ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
# shellcheck disable=SC2086
openssl req -x509 $ec -keyout "$T/ca.key" -out "$T/ca.pem" -subj /CN=tests -days 2 2>"$T/log" ||
    fail "no certificate: $(cat "$T/log")"
# issue NAME HOST DAYS
issue() {
    echo "subjectAltName=DNS:$2" >"$T/ext"
    # shellcheck disable=SC2086
    { openssl req $ec -keyout "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$1" &&
        openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial \
            -days "$3" -extfile "$T/ext" -out "$T/$1.pem"; } 2>"$T/log" ||
        fail "no certificate: $(cat "$T/log")"
}
issue good localhost 1
issue other other.example 1
issue old localhost -1

# ---- a hub --------------------------------------------------------------------------------------

commit=0123456789abcdef0123456789abcdef01234567
# serve NAME TEXT: files as a server of openssl wants them, their heads before them
serve() {
    for rev in main $commit; do
        mkdir -p "$T/root/me/net/resolve/$rev"
        {
            printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "%s"\r\n' ${#2} \
                "$(printf 'blob %d\0%s' ${#2} "$2" | sha1sum | cut -d ' ' -f 1)"
            printf 'X-Repo-Commit: %s\r\nConnection: close\r\n\r\n%s' $commit "$2"
        } >"$T/root/me/net/resolve/$rev/$1"
    done
}
serve net.bin 'weights, more or less'
servers=
trap 'kill $servers 2>/dev/null || :' EXIT
# listen NAME: a server with that certificate; its port in $port
listen() {
    : >"$T/$1.out"
    (cd "$T/root" && exec timeout 60 openssl s_server -HTTP -accept 127.0.0.1:0 -cert "$T/$1.pem" \
        -key "$T/$1.key" >"$T/$1.out" 2>&1 </dev/null) &
    servers="$servers $!"
    port=
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$T/$1.out")
        [ -z "$port" ] || break
        sleep 0.1
    done
    [ -n "$port" ] || fail "no server: $(cat "$T/$1.out")"
}
# pull STATUS HOST CACHE
pull() { run "$1" pull hf://me/net/net.bin --endpoint "https://$2:$port" --cache "$T/$3"; }
# refused HOST WORDS
refused() {
    pull 4 "$1" cache
    said 'hf://me/net/net.bin: net.bin: '
    said "$2"
    [ "$(wc -l <"$T/err")" -eq 1 ] || fail "not one line: $(cat "$T/err")"
    [ -z "$(find "$T/cache" -type f)" ] || fail "something came: $(find "$T/cache" -type f)"
}

# ---- who is trusted -----------------------------------------------------------------------------

listen good
refused localhost 'certificate'
export SSL_CERT_FILE="$T/ca.pem"
pull 0 localhost by-file
said 'checksums are right'
[ "$(cat "$(cat "$T/out")")" = 'weights, more or less' ] || fail "other bytes came"
refused 127.0.0.1 '127.0.0.1'
SSL_CERT_FILE="$T/no-such-file" CURL_CA_BUNDLE="$T/ca.pem"
export CURL_CA_BUNDLE
pull 0 localhost by-bundle
unset CURL_CA_BUNDLE
refused localhost "$T/no-such-file"
export SSL_CERT_FILE="$T/ca.pem"
listen other
refused localhost 'localhost'
listen old
refused localhost 'expired'
