#!/bin/sh
# Installs the C library that `make lib` built, or the program acctl, and uninstalls both.
#
# usage: scripts/install.sh library DIRECTORY    libraries from there, headers, pkg-config and CMake files, Go package
#        scripts/install.sh acctl PROGRAM        the program, its completions and its man pages
#        scripts/install.sh uninstall
# variables: PREFIX (/usr/local), LIBDIR, INCLUDEDIR, MANDIR, DESTDIR, NATIVE_LIBS
set -eu

usage() {
    sed -n 's/^# \{0,1\}//; 4,7p' "$0" >&2
    exit 2
}

case $#:${1-} in
    2:library | 2:acctl | 1:uninstall) action=$1 ;;
    *) usage ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
bindir=$prefix/bin
godir=$prefix/share/acclient/go
man1=${MANDIR:-$prefix/share/man}/man1
bash_completion=$prefix/share/bash-completion/completions/acctl
zsh_completion=$prefix/share/zsh/site-functions/_acctl
fish_completion=$prefix/share/fish/vendor_completions.d/acctl.fish
to=${DESTDIR:-}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
# Before 1.0 each minor version is an ABI of its own: see docs/abi.md.
case $version in
    0.*) so_version=${version%.*} ;;
    *) so_version=${version%%.*} ;;
esac
case $(uname -s) in
    Darwin) shared=libacclient.$version.dylib soname=libacclient.$so_version.dylib link=libacclient.dylib ;;
    *) shared=libacclient.so.$version soname=libacclient.so.$so_version link=libacclient.so ;;
esac
# What a program needs that links libacclient.a; tests/languages/packaging.rs asks rustc whether it still is.
private=${NATIVE_LIBS:--lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}

fill() {
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@INCLUDEDIR@|$includedir|g" \
        -e "s|@VERSION@|$version|g" -e "s|@SO_VERSION@|$so_version|g" -e "s|@SHARED@|$shared|g" \
        -e "s|@SONAME@|$soname|g" -e "s|@PRIVATE@|$private|g" "$root/packaging/$1" >"$2"
}

install_library() {
    install -d "$to$libdir/pkgconfig" "$to$libdir/cmake/acclient" "$to$includedir/acclient"
    install -m 755 "$1/$link" "$to$libdir/$shared"
    ln -sf "$shared" "$to$libdir/$soname"
    ln -sf "$soname" "$to$libdir/$link"
    install -m 644 "$1/libacclient.a" "$to$libdir/libacclient.a"
    install -m 644 "$root"/include/*.h "$root"/include/*.hpp "$to$includedir/"
    install -m 644 "$root"/include/acclient/*.hpp "$to$includedir/acclient/"
    fill acclient.pc.in "$to$libdir/pkgconfig/acclient.pc"
    fill acclient-config.cmake.in "$to$libdir/cmake/acclient/acclient-config.cmake"
    fill acclient-config-version.cmake.in "$to$libdir/cmake/acclient/acclient-config-version.cmake"
}

# The module without its tests, for a replace line in the go.mod of a program. A file of an older version would
# be compiled with the others.
install_go() {
    rm -rf "$to$godir"
    install -d "$to$godir/quickstart"
    for file in "$root"/go/*.* "$root"/go/LICENSE-*; do
        case $file in *_test.go) ;; *) install -m 644 "$file" "$to$godir/" ;; esac
    done
    install -m 644 "$root/go/quickstart/main.go" "$to$godir/quickstart/"
}

install_acctl() {
    install -d "$to$bindir"
    install -m 755 "$1" "$to$bindir/acctl"
    for shell in bash zsh fish; do
        eval "file=\$${shell}_completion"
        install -d "$to$(dirname "$file")"
        "$1" completions "$shell" >"$to$file"
        chmod 644 "$to$file"
    done
    install -d "$to$man1"
    "$1" man "$to$man1"
    chmod 644 "$to$man1/acctl.1" "$to$man1"/acctl-*.1
}

case $action in
    library)
        install_library "$2"
        install_go
        ;;
    acctl) install_acctl "$2" ;;
    uninstall)
        rm -f "$to$libdir/$shared" "$to$libdir/$soname" "$to$libdir/$link" "$to$libdir/libacclient.a" \
            "$to$libdir/pkgconfig/acclient.pc" "$to$includedir/acclient.h" "$to$includedir/acclient.hpp"
        rm -rf "$to$libdir/cmake/acclient" "$to$includedir/acclient" "$to$godir"
        rm -f "$to$bindir/acctl" "$to$bash_completion" "$to$zsh_completion" "$to$fish_completion" \
            "$to$man1/acctl.1" "$to$man1"/acctl-*.1
        ;;
esac
