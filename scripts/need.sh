#!/bin/sh
# Ensures that programs are installed: installs their packages on Debian and Ubuntu, and prints what to install
# elsewhere. Replaces no system program: a newer Go is installed in target/go, which the Makefile adds to PATH.
#
# usage: scripts/need.sh PROGRAM...
# variables: CARGO_TARGET_DIR
set -eu
own_go=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/go
PATH=$own_go/bin:$PATH

# Prints the Debian packages of a program.
package() {
    case "$1" in
        redis-server) echo redis-server ;;
        clang-format) echo clang-format ;;
        clang) echo clang ;;
        valgrind) echo valgrind ;;
        nm) echo binutils ;;
        cc) echo gcc libc6-dev ;;
        c++) echo g++ ;;
        go) echo golang-go ;;
        pkg-config) echo pkgconf ;;
        hiredis) echo libhiredis-dev ;;
        cffi) echo python3-cffi ;;
        abidiff) echo abigail-tools ;;
        dh) echo debhelper ;;
        dpkg-buildpackage) echo dpkg-dev fakeroot ;;
        *) echo "$1" ;;
    esac
}

# Whether Go is installed and recent enough for the package in go.
go_is_new() {
    command -v go >/dev/null 2>&1 || return 1
    version=$(GOTOOLCHAIN=local go version | sed -n 's/.*go1\.\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 23 ]
}

# Downloads a newer Go as a module, with any Go. Modules do not preserve executable bits.
newer_go() {
    go_is_new && return 0
    toolchain=golang.org/toolchain@v0.0.1-go1.23.12.linux-$(go env GOARCH)
    mkdir -p "$own_go"
    own_go=$(cd "$own_go" && pwd)
    echo "acclient: downloading Go 1.23.12 to $own_go" >&2
    place=$(mktemp -d)
    directory=$(
        cd "$place"
        go mod init x >/dev/null 2>&1
        go mod download -json "$toolchain" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
    )
    rm -rf "$place"
    [ -n "$directory" ] || return 1
    cp -R "$directory/." "$own_go" && chmod -R u+w "$own_go"
    chmod a+x "$own_go"/bin/* "$own_go"/pkg/tool/*/*
    hash -r # forget the path of the old one
    go_is_new
}

missing=
packages=
for program in "$@"; do
    if [ "$program" = go ]; then
        if go_is_new || { command -v go >/dev/null 2>&1 && newer_go; }; then continue; fi
    elif [ "$program" = hiredis ]; then
        # A shared library that the benchmarks open.
        if ldconfig -p 2>/dev/null | grep -q libhiredis; then continue; fi
    elif [ "$program" = cffi ]; then
        # A Python module.
        if python3 -c 'import cffi' 2>/dev/null; then continue; fi
    elif command -v "$program" >/dev/null 2>&1; then
        continue
    fi
    # valkey-server replaces redis-server.
    if [ "$program" = redis-server ] && command -v valkey-server >/dev/null 2>&1; then continue; fi
    missing="$missing $program"
    packages="$packages $(package "$program")"
done
[ -n "$missing" ] || exit 0

give_up() {
    echo "acclient: missing:$missing" >&2
    echo "acclient: $1" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 ||
    give_up "install them with the package manager of your system (Redis or Valkey provides redis-server)"
if [ "$(id -u)" = 0 ]; then
    run=
elif command -v sudo >/dev/null 2>&1; then
    run=sudo
else
    give_up "as root, run: apt-get install$packages"
fi

echo "acclient: installing with apt-get:$packages" >&2
# shellcheck disable=SC2086 # intentional word splitting
{
    $run apt-get update -qq
    $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
} >/dev/null || give_up "apt-get could not install$packages"
case " $missing " in
    *" go "*) newer_go || give_up "install Go 1.23 or later from https://go.dev/dl or your distribution's backports" ;;
esac
