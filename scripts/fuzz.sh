#!/bin/sh
# Runs fuzz targets one after another, with a stable toolchain and without cargo-fuzz.
#
# usage: scripts/fuzz.sh [SECONDS] [TARGET...]     default: 60 seconds each, all targets
#        scripts/fuzz.sh merge [TARGET...]         merge new inputs into fuzz/corpus
# variables: FUZZ_ADDRESS=1 uses the nightly toolchain with AddressSanitizer
#
# New inputs stay outside fuzz/corpus, which is committed and small. A crash ends the run; its input is in
# fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."

seconds=60
case ${1-} in
    merge | [0-9]*)
        seconds=$1
        shift
        ;;
esac
# shellcheck disable=SC2046 # names without blanks
[ $# -gt 0 ] || set -- $(ls fuzz/fuzz_targets | sed 's/\.rs$//')

cargo=${CARGO:-cargo}
host=$(rustc -vV | sed -n 's/^host: //p')
build=${CARGO_TARGET_DIR:-fuzz/target}

# The flags of cargo-fuzz: edge counters and traced comparisons.
flags="--cfg fuzzing -C debug-assertions -C overflow-checks -C codegen-units=1
    -C passes=sancov-module
    -C llvm-args=-sanitizer-coverage-level=4
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters
    -C llvm-args=-sanitizer-coverage-pc-table
    -C llvm-args=-sanitizer-coverage-trace-compares"
if [ "${FUZZ_ADDRESS:-0}" = 1 ]; then
    cargo="$cargo +nightly"
    flags="$flags -Zsanitizer=address"
    build=$build/address
fi

# An explicit target keeps the flags from build scripts and macros, which do not link the fuzzer.
RUSTFLAGS="$flags" $cargo build --quiet --manifest-path fuzz/Cargo.toml --release \
    --target "$host" --target-dir "$build"

# Adds up to 100 inputs that cover edges missing from fuzz/corpus, those with the most coverage first.
merge() {
    merged=$build/merged/$target
    rm -rf "$merged"
    mkdir -p "$build/merged"
    cp -R "fuzz/corpus/$target" "$merged"
    "$program" -set_cover_merge=1 -use_counters=0 "$merged" "$found" || return
    # Inputs with the most coverage were written first.
    ls -tr "$merged" | while read -r name; do
        [ -e "fuzz/corpus/$target/$name" ] || echo "$name"
    done | head -n 100 | while read -r name; do
        cp "$merged/$name" "fuzz/corpus/$target/"
    done
}

for target in "$@"; do
    program=$build/$host/release/$target
    found=$build/found/$target
    log=$found.log
    mkdir -p "$found" "fuzz/artifacts/$target"
    if [ "$seconds" = merge ]; then
        merge >"$log" 2>&1 || {
            tail -n 20 "$log"
            exit 1
        }
        continue
    fi
    echo "$target: running for $seconds s, log in $log"
    "$program" -max_total_time="$seconds" -timeout=10 -artifact_prefix="fuzz/artifacts/$target/" \
        "$found" "fuzz/corpus/$target" >"$log" 2>&1 || {
        tail -n 40 "$log"
        echo "$target failed; reproduce with: $program fuzz/artifacts/$target/…" >&2
        exit 1
    }
    sed -n '/\tDONE/p;/^Done /p' "$log"
done
