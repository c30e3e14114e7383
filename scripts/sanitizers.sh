#!/bin/sh
# Runs the unit tests, and the integration tests of threads and the pool, with the library itself under
# AddressSanitizer and then ThreadSanitizer. Needs the nightly toolchain with rust-src, since the standard library
# is built with them too.
#
# usage: scripts/sanitizers.sh
# variables: FILTER runs only integration tests whose names contain it
set -eu
cd "$(dirname "$0")/.."

if ! rustup component list --toolchain nightly 2>/dev/null | grep -q '^rust-src.*(installed)'; then
    echo "install it with: rustup toolchain install nightly --component rust-src" >&2
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
    # What a child of fork leaves behind is no leak.
    export ASAN_OPTIONS=detect_leaks=0
    run --lib
    # Not the tests of memory and of a burst within ten seconds: a sanitizer keeps what is freed, and is slow.
    # shellcheck disable=SC2086 # a list of filters on purpose
    run --test integration -- ${FILTER:-pool many scale cancel rooms} \
        --skip scale::many_commands_leave_nothing_behind --skip many::ten_thousand_results_in_one_burst
done
