#!/bin/sh
# bare.sh [TARGET...] -- the README's commands on a bare Debian 12: debootstrap's root, a new clone
#
# Wants root, debootstrap and git.  Clones HEAD, so what is not committed is not there.  Without
# arguments: make demo, then make test.  The root is made once and kept as CACHE
# (build/bare/base.tar); where apt gets its packages, and through what proxy, is taken from this
# machine.  Prints the seconds of every step, and at the first that fails the end of what it said.
# Whatever happens, nothing stays mounted and the root is removed.
set -eu
cd "$(dirname "$0")/.."
cache=${CACHE:-build/bare/base.tar}
top=
[ $# != 0 ] || set -- demo test

die() { echo "bare: $*" >&2; exit 1; }

mounted() { grep -q " $top/" /proc/mounts; }

# The root may hold our /dev: nothing is removed while it does.
clean() {
    [ -n "$top" ] || return 0
    for folder in dev proc; do
        ! grep -q " $top/root/$folder " /proc/mounts || umount "$top/root/$folder" ||
            umount -l "$top/root/$folder"
    done
    if mounted; then
        echo "bare: something is still mounted below $top; it is left there" >&2
    else
        rm -rf --one-file-system "$top"
    fi
    top=
}
trap clean EXIT
trap 'exit 130' HUP INT TERM

# timed NAME COMMAND... -- runs it with its words in the log, prints how long it took
timed() {
    name=$1; shift
    start=$(date +%s)
    "$@" >"$top/log" 2>&1 </dev/null || {
        status=$?
        tail -40 "$top/log" >&2
        die "failed with status $status after $(($(date +%s) - start)) s: $name"
    }
    printf '%6d s  %s\n' $(($(date +%s) - start)) "$name"
}

# Where this machine gets bookworm from; nothing where it does not say: debootstrap knows a place.
mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([a-z+]*:[^ ]*\)  *bookworm .*/\2/p'
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$file" ] || awk '
            function told() { if (deb && here && uri != "") print uri; deb = here = 0; uri = "" }
            /^[ \t]*$/ { told() }
            /^Types:.*deb( |$)/ { deb = 1 }
            /^URIs:/ { uri = $2 }
            /^Suites:/ { for (i = 2; i <= NF; i++) if ($i == "bookworm") here = 1 }
            END { told() }' "$file"
    done
}

make_base() {
    mkdir -p "$(dirname "$cache")"
    mkdir "$top/base"
    # shellcheck disable=SC2046
    timed "debootstrap" debootstrap --variant=minbase bookworm "$top/base" $(mirror | head -1)
    rm -f "$top"/base/var/cache/apt/archives/*.deb
    tar -C "$top/base" --one-file-system -cf "$cache.new" .
    mv "$cache.new" "$cache"
    rm -rf --one-file-system "$top/base"
}

# What apt and the network want to know: sources with their keys, proxies, names, certificates.
copy_settings() {
    root=$top/root
    rm -f "$root/etc/apt/sources.list"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
        /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$file" ] || cp "$file" "$root$file"
    done
    find "$root/etc/apt" -name '*.list' -o -name '*.sources' | while read -r file; do
        sed -n 's/.*[Ss]igned-[Bb]y[:=] *\(\/[^] ]*\).*/\1/p' "$file"
    done | sort -u | while read -r key; do
        [ ! -f "$key" ] || { mkdir -p "$root$(dirname "$key")" && cp "$key" "$root$key"; }
    done
    for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        [ -f "$file" ] || continue
        grep -qiE '::proxy|cainfo|verify-peer|check-valid-until|check-date|::retries|::timeout' \
            "$file" || continue
        cp "$file" "$root$file"
    done
    for file in /etc/resolv.conf /etc/hosts; do
        [ ! -f "$file" ] || cp -L "$file" "$root$file"
    done
    if [ -d /etc/ssl/certs ]; then
        mkdir -p "$root/etc/ssl/certs"
        cp -L /etc/ssl/certs/*.crt /etc/ssl/certs/*.pem "$root/etc/ssl/certs/" 2>/dev/null || true
    fi
}

# inside COMMAND -- by a shell in the clone, with nothing of our environment but the proxies
inside() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
        ${no_proxy:+"no_proxy=$no_proxy"} \
        chroot "$top/root" /bin/sh -c "cd /discern && $1"
}

[ "$(id -u)" = 0 ] || die "wants to be root: it makes a root and changes into it"
for program in debootstrap git; do
    command -v $program >/dev/null || die "$program is missing: apt-get install $program"
done

top=$(mktemp -d)
[ -f "$cache" ] || make_base
mkdir "$top/root"
timed "unpack $cache" tar -C "$top/root" -xf "$cache"
copy_settings
git clone -q --no-hardlinks . "$top/root/discern"
echo "bare: $(git -C "$top/root/discern" log -1 --format='%h %s')"
mount -t proc proc "$top/root/proc"
mount --bind /dev "$top/root/dev"

timed "apt-get update && apt-get install -y make" inside "apt-get update && apt-get install -y make"
for target in "$@"; do
    timed "make $target" inside "make $target"
    tail -3 "$top/log" | sed 's/^/          /'
done
echo "bare: fine"
