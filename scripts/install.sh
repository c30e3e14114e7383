#!/bin/sh
# Installs the library that `cargo build --release` made, and `acctl` if it is there too, or takes them
# away again.
#
# usage: scripts/install.sh install|uninstall TARGET_DIRECTORY
# variables: PREFIX (/usr/local), LIBDIR, INCLUDEDIR, DESTDIR, NATIVE_LIBS, PROFILE (release)
set -eu

action=$1
built=$2/${PROFILE:-release}
root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
bindir=$prefix/bin
bash_completion=$prefix/share/bash-completion/completions/acctl
zsh_completion=$prefix/share/zsh/site-functions/_acctl
fish_completion=$prefix/share/fish/vendor_completions.d/acctl.fish
to=${DESTDIR:-}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
major=${version%%.*}
case $(uname -s) in
    Darwin) shared=libacclient.$version.dylib soname=libacclient.$major.dylib link=libacclient.dylib made=libacclient.dylib ;;
    *) shared=libacclient.so.$version soname=libacclient.so.$major link=libacclient.so made=libacclient.so ;;
esac
# What a program needs that links libacclient.a; tests/languages/packaging.rs asks rustc whether it still is.
private=${NATIVE_LIBS:--lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}

fill() {
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@INCLUDEDIR@|$includedir|g" \
        -e "s|@VERSION@|$version|g" -e "s|@MAJOR@|$major|g" -e "s|@SHARED@|$shared|g" \
        -e "s|@SONAME@|$soname|g" -e "s|@PRIVATE@|$private|g" "$root/packaging/$1" >"$2"
}

case $action in
    install)
        install -d "$to$libdir/pkgconfig" "$to$libdir/cmake/acclient" "$to$includedir"
        install -m 755 "$built/$made" "$to$libdir/$shared"
        ln -sf "$shared" "$to$libdir/$soname"
        ln -sf "$soname" "$to$libdir/$link"
        install -m 644 "$built/libacclient.a" "$to$libdir/libacclient.a"
        for header in "$root"/include/*.h "$root"/include/*.hpp; do
            [ -e "$header" ] && install -m 644 "$header" "$to$includedir/"
        done
        if [ -d "$root/include/acclient" ]; then
            install -d "$to$includedir/acclient"
            install -m 644 "$root"/include/acclient/*.hpp "$to$includedir/acclient/"
        fi
        fill acclient.pc.in "$to$libdir/pkgconfig/acclient.pc"
        fill acclient-config.cmake.in "$to$libdir/cmake/acclient/acclient-config.cmake"
        fill acclient-config-version.cmake.in "$to$libdir/cmake/acclient/acclient-config-version.cmake"
        # The program is built by a feature that not everybody wants.
        if [ -x "$built/acctl" ]; then
            install -d "$to$bindir"
            install -m 755 "$built/acctl" "$to$bindir/acctl"
            for shell in bash zsh fish; do
                eval "file=\$${shell}_completion"
                install -d "$to$(dirname "$file")"
                "$built/acctl" completions "$shell" >"$to$file"
                chmod 644 "$to$file"
            done
        fi
        ;;
    uninstall)
        rm -f "$to$libdir/$shared" "$to$libdir/$soname" "$to$libdir/$link" "$to$libdir/libacclient.a" \
            "$to$libdir/pkgconfig/acclient.pc" "$to$includedir/acclient.h" "$to$includedir/acclient.hpp"
        rm -rf "$to$libdir/cmake/acclient" "$to$includedir/acclient"
        rm -f "$to$bindir/acctl" "$to$bash_completion" "$to$zsh_completion" "$to$fish_completion"
        ;;
    *)
        echo "usage: scripts/install.sh install|uninstall TARGET_DIRECTORY" >&2
        exit 2
        ;;
esac
