#!/bin/sh
# Relinks the libraries of `cargo lib` for distribution: the shared library with symbol versions, the static library
# with only the symbols of the C ABI global. Cargo can do neither.
#
# usage: scripts/relink.sh DIRECTORY
# variables: CC (cc)
set -eu

[ $# = 1 ] || {
    sed -n 's/^# \{0,1\}//; 5,6p' "$0" >&2
    exit 2
}

if ! ld --help 2>/dev/null | grep -q -e --force-group-allocation || ! command -v objcopy >/dev/null 2>&1; then
    echo "relink.sh: without GNU binutils, the libraries in $1 are left as linked by cargo" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Replaces a file atomically. Cargo has a hard link to the old one, which must not change.
replace() {
    chmod "$1" "$2"
    mv "$2" "$3.new"
    mv "$3.new" "$3"
}

# A program may link several static Rust libraries, each with its own copy of the Rust runtime under the same symbol
# names. Therefore merge all objects into one and make its other symbols local. Remove the bitcode of the standard
# library, which plugins of binutils cannot read after merging. Turn section groups into plain sections: if the linker
# discarded a group, references to it would point to symbols that are local elsewhere.
objcopy -R .llvmbc -R .llvmcmd "$1/libacclient.a" "$work/plain.a"
ld -r --whole-archive --force-group-allocation -o "$work/all.o" "$work/plain.a"
objcopy --wildcard --keep-global-symbol='acclient_*' "$work/all.o" "$work/acclient.o"
# D: deterministic, without timestamps and user ids.
ar rcsD "$work/libacclient.a" "$work/acclient.o"
replace 644 "$work/libacclient.a" "$1/libacclient.a"

# A program may load two libraries that depend on different versions of this one. With symbol versions, the dynamic
# linker binds each to its own; without, both to the first one loaded. Cargo cannot add them: rustc passes its own
# version script, and linkers accept only one.
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
# Drop the debug information of the standard library if the crate has none, like cargo.
strip=
objdump -h "$1/libacclient.so" | grep -q '\.debug_' || strip=-Wl,--strip-debug
# shellcheck disable=SC2046,SC2086 # a list of libraries, and an optional flag
"${CC:-cc}" -shared -o "$work/libacclient.so" "$work/acclient.o" -Wl,-soname,"$soname" \
    -Wl,--version-script="$work/acclient.map" -Wl,--gc-sections,--as-needed,-O1,-z,relro,-z,now,-z,defs $strip \
    $("$(dirname "$0")/install.sh" native-libs)
replace 755 "$work/libacclient.so" "$1/libacclient.so"
