#!/bin/sh
# Runs cargo check for the library with its C layer and for acctl on each target of docs/platforms.md, and updates the
# table there. The standard library comes from rustup, or is built from source with a nightly toolchain and rust-src.
#
# usage: scripts/cross.sh [TARGET...]    default: all targets; updates the table
#
# cargo check does not link, so ring, a dependency of rustls, only needs clang for its C code. Missing tools are
# reported, and fail in CI.
set -eu
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
page=docs/platforms.md
built=${CARGO_TARGET_DIR:-$PWD/target}/cross
logs=$built/logs
rows=$built/rows
mkdir -p "$logs"

supported='x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf i686-unknown-linux-gnu
powerpc64le-unknown-linux-gnu riscv64gc-unknown-linux-gnu s390x-unknown-linux-gnu
x86_64-unknown-linux-musl aarch64-unknown-linux-musl aarch64-linux-android
aarch64-apple-darwin aarch64-apple-ios aarch64-apple-tvos aarch64-apple-visionos aarch64-apple-watchos
x86_64-unknown-freebsd x86_64-unknown-netbsd x86_64-unknown-openbsd x86_64-unknown-dragonfly
x86_64-unknown-illumos x86_64-pc-solaris'
refused='x86_64-pc-windows-gnu x86_64-unknown-redox wasm32-wasip1'
# Only clang's own headers, and an empty Apple header that ring includes.
mkdir -p "$built/include"
: >"$built/include/TargetConditionals.h"
freestanding="-ffreestanding -nostdlibinc -DRING_CORE_NOSTDLIBINC=1 -I$built/include"
sentence='acclient supports Unix systems only'

missing=0
failed=0

not_checked() {
    echo "*** NOT CHECKED: $1: $2 ***" >&2
    missing=1
}

# Sets $with to the cargo arguments for the standard library of a target; fails if there is none.
find_std() {
    with=
    if [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] || rustup target add "$1" >/dev/null 2>&1; then
        std=rustup
    elif [ -d "$(rustc +nightly --print sysroot 2>/dev/null)/lib/rustlib/src" ]; then
        std='built from source'
        with='+nightly -Z build-std=std,panic_abort'
    else
        return 1
    fi
}

# Runs cargo check with warnings as errors. Arguments: target, log name, further cargo arguments.
check() {
    log=$logs/$1-$2
    toolchain=
    extra=$with
    case $with in +*) toolchain=${with%% *} extra=${with#* } ;; esac
    variable=$(echo "$1" | tr - _)
    shift 2
    # shellcheck disable=SC2086 # intentional word splitting
    env SDKROOT="$built/include" AR_"$variable"=ar CC_"$variable"=clang CFLAGS_"$variable"="$freestanding" \
        RUSTFLAGS='-D warnings' CARGO_TARGET_DIR="$built" "$cargo" $toolchain check $extra --target "$target" "$@" >"$log" 2>&1
}

# Runs a check, prints its table cell, and reports errors.
cell() {
    if check "$@"; then
        echo checked
    else
        echo "*** FAILED: $1, $2: see $log ***" >&2
        grep -m 3 '^error' "$log" >&2 || true
        echo '**fails**'
    fi
}

check_supported() {
    if ! find_std "$target"; then
        not_checked "$target" 'no standard library (rustup target add, or nightly with rust-src)'
        echo "| \`$target\` | none | not checked | not checked |" >>"$rows"
        return
    fi
    crates='--package acclient --package acctl --features acclient/capi'
    # shellcheck disable=SC2086
    without=$(cell "$target" without-tls --no-default-features $crates)
    if command -v clang >/dev/null 2>&1; then
        # shellcheck disable=SC2086
        tls=$(cell "$target" tls $crates)
    else
        not_checked "$target with TLS" 'clang is missing'
        tls='not checked'
    fi
    case $without$tls in *fails*) failed=1 ;; esac
    echo "| \`$target\` | $std | $without | $tls |" >>"$rows"
}

# The only error must be that of build.rs.
check_refused() {
    if ! find_std "$target"; then
        not_checked "$target" 'no standard library'
        return
    fi
    if check "$target" refused --package acclient || ! grep -q "^error: .*$sentence" "$logs/$target-refused" ||
        [ "$(grep -c '^error\[' "$logs/$target-refused")" != 0 ]; then
        echo "*** FAILED: $target is not rejected with a single error: see $logs/$target-refused ***" >&2
        failed=1
        return
    fi
    echo "| \`$target\` | $std | refused | refused |" >>"$rows"
}

# A target without shared libraries builds only the static C library.
check_static() {
    target=x86_64-unknown-linux-musl
    if ! find_std "$target" || [ "$std" != rustup ]; then
        not_checked "the C library for $target" 'no standard library from rustup'
        return
    fi
    log=$logs/$target-lib
    made=$built/$target/capi/debug
    if ! CARGO_TARGET_DIR="$built" "$cargo" lib dev --target "$target" --no-default-features >"$log" 2>&1 ||
        [ ! -f "$made/libacclient.a" ] || [ -e "$made/libacclient.so" ]; then
        echo "*** FAILED: the C library for $target: see $log ***" >&2
        failed=1
    fi
}

: >"$rows"
for target in ${*:-$supported}; do
    echo "$target" >&2
    check_supported
done
if [ $# = 0 ]; then
    for target in $refused; do
        echo "$target" >&2
        check_refused
    done
    check_static
    {
        sed '/<!-- written by/q' "$page"
        echo
        echo "As of $($cargo --version | cut -d' ' -f1-2), acclient $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1):"
        echo
        echo '| target | standard library | without TLS | with TLS |'
        echo '|---|---|---|---|'
        cat "$rows"
    } >"$page.new"
    mv "$page.new" "$page"
fi
cat "$rows"
if [ $failed = 1 ] || { [ $missing = 1 ] && [ -n "${CI:-}" ]; }; then exit 1; fi
