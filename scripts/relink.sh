#!/bin/sh
# Links the libraries of `cargo lib` anew, as they are shipped: the shared one with versions of its symbols, the
# static one with no global symbols but those of the C ABI. Cargo can do neither.
#
# usage: scripts/relink.sh DIRECTORY
# variables: CC (cc)
set -eu

[ $# = 1 ] || {
    sed -n 's/^# \{0,1\}//; 5,6p' "$0" >&2
    exit 2
}

if ! ld --help 2>/dev/null | grep -q -e --force-group-allocation || ! command -v objcopy >/dev/null 2>&1; then
    echo "relink.sh: without GNU binutils, the libraries in $1 stay as cargo links them" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Puts a file in place of another. Cargo has a name of its own for the old one, which stays as it is.
replace() {
    chmod "$1" "$2"
    mv "$2" "$3.new"
    mv "$3.new" "$3"
}

# A program may link several static libraries written in Rust, each of which has Rust's runtime in itself, under
# the same names. So all becomes one object, in which names are local. Bitcode of the standard library goes, since
# plugins of binutils cannot read it once it is put together. Groups of sections, of which a linker keeps one for
# all objects, become plain ones: references to a group that was dropped would be to a symbol that is local
# elsewhere.
objcopy -R .llvmbc -R .llvmcmd "$1/libacclient.a" "$work/plain.a"
ld -r --whole-archive --force-group-allocation -o "$work/all.o" "$work/plain.a"
objcopy --wildcard --keep-global-symbol='acclient_*' "$work/all.o" "$work/acclient.o"
# D: no times and no user ids.
ar rcsD "$work/libacclient.a" "$work/acclient.o"
replace 644 "$work/libacclient.a" "$1/libacclient.a"

# A program that loads two libraries, built with two versions of this one, gets both. With versions, the loader
# binds each to its own; without, both to the one that it has loaded first. rustc passes a script of its own for
# the linker, without a version, and linkers take one.
[ -e "$1/libacclient.so" ] || exit 0
soname=$(objdump -p "$1/libacclient.so" | sed -n 's/^ *SONAME *//p')
cat >"$work/acclient.map" <<END
ACCLIENT_${soname#libacclient.so.} {
  global:
    acclient_*;
  local:
    *;
};
END
# The standard library brings debug information of its own; cargo leaves it out where the crate has none.
strip=
objdump -h "$1/libacclient.so" | grep -q '\.debug_' || strip=-Wl,--strip-debug
# shellcheck disable=SC2046,SC2086 # a list of libraries, and perhaps no option
"${CC:-cc}" -shared -o "$work/libacclient.so" "$work/acclient.o" -Wl,-soname,"$soname" \
    -Wl,--version-script="$work/acclient.map" -Wl,--gc-sections,--as-needed,-O1,-z,relro,-z,now,-z,defs $strip \
    $("$(dirname "$0")/install.sh" native-libs)
replace 755 "$work/libacclient.so" "$1/libacclient.so"
