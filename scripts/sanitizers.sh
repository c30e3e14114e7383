#!/bin/sh
# Runs the unit tests, and the integration tests of threads and the pool, with the library under AddressSanitizer and
# then ThreadSanitizer. Needs the nightly toolchain with rust-src, because the standard library is instrumented too.
#
# usage: scripts/sanitizers.sh
# variables: FILTER runs only integration tests whose names contain it
set -eu
cd "$(dirname "$0")/.."

if ! rustup component list --toolchain nightly 2>/dev/null | grep -q '^rust-src.*(installed)'; then
    echo "rust-src is missing: rustup toolchain install nightly --component rust-src" >&2
    exit 1
fi
scripts/need.sh redis-server
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}/sanitizers
for sanitizer in address thread; do
    run() {
        RUSTFLAGS="-Zsanitizer=$sanitizer" RUSTDOCFLAGS="-Zsanitizer=$sanitizer" \
            ${CARGO:-cargo} +nightly test -Zbuild-std --target "$host" --target-dir "$target/$sanitizer" \
            --features capi "$@"
    }
    # Forked children exit without freeing memory.
    export ASAN_OPTIONS=detect_leaks=0
    # Not the simulated schedules: one thread plays thousands of them.
    run --lib -- --skip agree_with_the_model
    # Not the tests of bursts and of memory: they allow seconds, and a sanitizer is slow and keeps freed memory.
    # shellcheck disable=SC2086 # a list of filters
    run --test integration -- ${FILTER:-pool cancel many::sixty_four_threads scale::many_fan_outs}
done
