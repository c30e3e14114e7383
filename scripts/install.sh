#!/bin/sh
# Installs or uninstalls the C library built by `make lib`, and acctl.
#
# usage: scripts/install.sh library DIRECTORY    libraries from DIRECTORY, headers, pkg-config, CMake, Go package
#        scripts/install.sh acctl PROGRAM        acctl with its completions and man pages
#        scripts/install.sh uninstall            uninstall both
#        scripts/install.sh native-libs          print the libraries to link besides libacclient.a
# variables: PREFIX (/usr/local), DESTDIR, NATIVE_LIBS (libraries to link besides libacclient.a, by system);
#            relative to PREFIX unless absolute: LIBDIR (lib), INCLUDEDIR (include), MANDIR (share/man),
#            DOCDIR (share/doc/acclient)
set -eu

usage() {
    sed -n 's/^# \{0,1\}//; 4,10p' "$0" >&2
    exit 2
}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

case $#:${1-} in
    2:library | 2:acctl | 1:uninstall | 1:native-libs) action=$1 ;;
    *) usage ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)

# Prints a directory as an absolute path without a trailing slash. usage: directory NAME VALUE BASE
directory() {
    # Characters that cannot be quoted in pkg-config 1.8, CMake lists, LD_LIBRARY_PATH or -Wl,-rpath.
    case $2 in
        *[\'\"\\\$\`\;\:,\(\)\<\>\|\*\?\[\]\{\}[:cntrl:]]*)
            fail "invalid $1 \"$2\": expected a path without control characters and any of ' \" \\ \$ \` ; : , ( ) < > | * ? [ ] { }"
            ;;
    esac
    case $2 in
        /*) path=$2 ;;
        *) path=$3/$2 ;;
    esac
    printf '%s\n' "$path" | sed 's|//*|/|g; s|/$||'
}

# Rejects . and .. : relative paths count the directories below PREFIX.
below() {
    case /$2/ in
        */./* | */../*) fail "invalid $1 \"$2\": expected a path without . and .." ;;
    esac
    directory "$1" "$2" "$prefix"
}

# Validated here too: command substitution drops trailing newlines.
prefix=$(directory PREFIX "${PREFIX:-/usr/local}" "$PWD")
libdir=$(below LIBDIR "${LIBDIR:-lib}")
includedir=$(below INCLUDEDIR "${INCLUDEDIR:-include}")
docdir=$(below DOCDIR "${DOCDIR:-share/doc/acclient}")
man1=$(below MANDIR "${MANDIR:-share/man}")/man1
bindir=$prefix/bin
godir=$prefix/share/acclient/go
bash_completion=$prefix/share/bash-completion/completions/acctl
zsh_completion=$prefix/share/zsh/site-functions/_acctl
fish_completion=$prefix/share/fish/vendor_completions.d/acctl.fish
to=${DESTDIR:-}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
# Before 1.0 each minor version has its own ABI: see docs/abi.md.
case $version in
    0.*) so_version=${version%.*} ;;
    *) so_version=${version%%.*} ;;
esac
system=$(uname -s)
case $system in
    Darwin) shared=libacclient.$version.dylib soname=libacclient.$so_version.dylib link=libacclient.dylib ;;
    *) shared=libacclient.so.$version soname=libacclient.so.$so_version link=libacclient.so ;;
esac
# Libraries to link besides libacclient.a, without those that the compiler adds: -lc and the unwinder, which is a
# different library in fully static programs. tests/languages/install.rs compares this list with rustc's.
case $system in
    Darwin) native="-framework Security -framework CoreFoundation -liconv -lm" ;;
    FreeBSD) native="-lexecinfo -lkvm -lmemstat -lprocstat -ldevstat -lutil -lrt -lpthread -lm" ;;
    *) native="-lutil -lrt -lpthread -lm -ldl" ;;
esac
native=${NATIVE_LIBS:-$native}

# Prints a path relative to PREFIX; fails if it is outside.
from_prefix() {
    case $1 in
        "$prefix"/*) printf '%s\n' "${1#"$prefix"/}" ;;
        *) return 1 ;;
    esac
}

# Prints the inverse of a relative path: ../.. for lib/pkgconfig.
back() {
    printf '%s\n' "$1" | sed 's|[^/]\{1,\}|..|g'
}

# Validates a path that is written to pkg-config and CMake files.
plain() {
    case $1 in
        *[!A-Za-z0-9/._+,@=~-]*)
            fail "invalid directory \"$1\" in a pkg-config file: expected letters, digits and / . _ + , @ = ~ -" \
                "(a PREFIX above LIBDIR and INCLUDEDIR is not written to the file and may have other characters)"
            ;;
    esac
}

# Sets the paths in the pkg-config and CMake files. They are relative to the file, so that the installation is
# relocatable and its path may contain spaces. Below /usr they are absolute: pkg-config omits the default search
# directories of compilers, which it recognizes by name.
locate() {
    pc_prefix=$prefix pc_libdir=$libdir pc_includedir=$includedir cmake_includedir=$includedir
    # shellcheck disable=SC2016 # pkg-config and CMake expand these
    if lib=$(from_prefix "$libdir"); then
        pc_libdir='${prefix}/'$lib
        case $prefix in
            '' | /usr) ;;
            *) pc_prefix='${pcfiledir}/'$(back "$lib/pkgconfig") ;;
        esac
        if include=$(from_prefix "$includedir"); then
            pc_includedir='${prefix}/'$include
            cmake_includedir='${_acclient_lib}/'$(back "$lib")/$include
        fi
    fi
    for path in "${pc_prefix#'${pcfiledir}'}" "${pc_libdir#'${prefix}'}" "${pc_includedir#'${prefix}'}"; do
        plain "$path"
    done
}

fill() {
    sed -e "s|@PREFIX@|$pc_prefix|g" -e "s|@LIBDIR@|$pc_libdir|g" -e "s|@INCLUDEDIR@|$pc_includedir|g" \
        -e "s|@CMAKE_INCLUDEDIR@|$cmake_includedir|g" -e "s|@VERSION@|$version|g" \
        -e "s|@SO_VERSION@|$so_version|g" -e "s|@SHARED@|$shared|g" -e "s|@SONAME@|$soname|g" \
        -e "s|@LIBS@|$libs|g" -e "s|@PRIVATE@|$private|g" -e "s|@NATIVE@|$native|g" "$root/packaging/$1" >"$2"
}

# Updates the cache of the dynamic linker, or prints how programs find the library. Skipped in a staged installation.
tell_loader() {
    [ -z "$to" ] && [ "$system" = Linux ] || return 0
    PATH=$PATH:/usr/sbin:/sbin
    if ldconfig -N -X -v 2>/dev/null | cut -d: -f1 | grep -qxF "$libdir"; then
        if [ ! -w /etc/ld.so.cache ] || ! ldconfig; then
            echo "Run ldconfig as root, so that programs find the library in $libdir."
        fi
    elif [ "$action" = library ]; then
        echo "The dynamic linker does not search $libdir: link programs with -Wl,-rpath,'$libdir' or run them with"
        echo "LD_LIBRARY_PATH='$libdir'. pkg-config finds the library with PKG_CONFIG_PATH='$libdir/pkgconfig',"
        echo "CMake with CMAKE_PREFIX_PATH='$prefix'."
    fi
}

install_library() {
    locate
    install -d "$to$libdir/pkgconfig" "$to$libdir/cmake/acclient" "$to$includedir/acclient" "$to$godir" "$to$docdir"
    if [ -e "$1/$link" ]; then
        libs="-lacclient" private=$native
        install -m 755 "$1/$link" "$to$libdir/$shared"
        ln -sf "$shared" "$to$libdir/$soname"
        ln -sf "$soname" "$to$libdir/$link"
    else
        libs="-lacclient $native" private=
        echo "install.sh: installing only libacclient.a: $1 has no $link, which Rust does not build for targets" \
            "that link the C library statically; RUSTFLAGS=-Ctarget-feature=-crt-static builds both (see" \
            "docs/abi.md)" >&2
    fi
    install -m 644 "$1/libacclient.a" "$to$libdir/libacclient.a"
    install -m 644 "$root"/include/*.h "$root"/include/*.hpp "$to$includedir/"
    install -m 644 "$root"/include/acclient/*.hpp "$to$includedir/acclient/"
    install -m 644 "$root"/LICENSE-* "$root/packaging/THIRD-PARTY-LICENSES" "$to$docdir/"
    fill acclient.pc.in "$to$libdir/pkgconfig/acclient.pc"
    fill acclient-config.cmake.in "$to$libdir/cmake/acclient/acclient-config.cmake"
    fill acclient-config-version.cmake.in "$to$libdir/cmake/acclient/acclient-config-version.cmake"
    install_go
    if [ -e "$1/$link" ]; then tell_loader; fi
}

# Installs the Go module without its tests, for a replace directive in go.mod. Removes files of older versions, which
# would be compiled too.
install_go() {
    rm -rf "$to$godir"
    install -d "$to$godir/quickstart"
    for file in "$root"/go/*.* "$root"/go/LICENSE-*; do
        case $file in *_test.go) ;; *) install -m 644 "$file" "$to$godir/" ;; esac
    done
    install -m 644 "$root/go/quickstart/main.go" "$to$godir/quickstart/"
}

install_acctl() {
    install -d "$to$bindir" "$to$docdir"
    install -m 755 "$1" "$to$bindir/acctl"
    install -m 644 "$root"/LICENSE-* "$root/packaging/THIRD-PARTY-LICENSES" "$to$docdir/"
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
    native-libs) printf '%s\n' "$native" ;;
    library)
        install_library "$2"
        install_go
        ;;
    acctl) install_acctl "$2" ;;
    uninstall)
        rm -f "$to$libdir/$shared" "$to$libdir/$soname" "$to$libdir/$link" "$to$libdir/libacclient.a" \
            "$to$libdir/pkgconfig/acclient.pc" "$to$includedir/acclient.h" "$to$includedir/acclient.hpp"
        rm -rf "$to$libdir/cmake/acclient" "$to$includedir/acclient" "$to$docdir" "$to$godir"
        rm -f "$to$bindir/acctl" "$to$bash_completion" "$to$zsh_completion" "$to$fish_completion" \
            "$to$man1/acctl.1" "$to$man1"/acctl-*.1
        tell_loader
        ;;
esac
