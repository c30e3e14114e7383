#!/bin/sh
# Packs the C library for users without Rust: shared and static library, headers, pkg-config and CMake files, the Go
# package and licences. The archive is reproducible for given libraries and SOURCE_DATE_EPOCH.
#
# usage: scripts/dist.sh LIBRARY_DIRECTORY TO
# variables: SOURCE_DATE_EPOCH
set -eu

[ $# = 2 ] || {
    sed -n 's/^# \{0,1\}//; 5,6p' "$0" >&2
    exit 2
}
root=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
host=$(rustc -vV | sed -n 's/^host: //p')
name=acclient-$version-$host
rm -rf "${2:?}/$name"
mkdir -p "$2/$name"
to=$(cd "$2" && pwd)

# Relative directories make the installation relocatable.
DESTDIR='' LIBDIR=lib INCLUDEDIR=include DOCDIR=share/doc/acclient PREFIX="$to/$name" "$root/scripts/install.sh" library "$1" >/dev/null
strip --strip-unneeded "$to/$name/lib/libacclient.so.$version"
strip --strip-debug --enable-deterministic-archives "$to/$name/lib/libacclient.a"
cp "$root/packaging/dist-README.md" "$to/$name/README.md"
cp "$root/packaging/dist-CMakeLists.txt" "$to/$name/CMakeLists.txt"

cd "$to"
tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=go=rX,u+w \
    --mtime="@${SOURCE_DATE_EPOCH:?}" -cf - "$name" | gzip -9n >"$name.tar.gz"
echo "$to/$name.tar.gz"
