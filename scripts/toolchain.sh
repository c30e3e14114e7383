#!/bin/sh
# Ensures that rustup has a toolchain installed; otherwise prints how to get it and fails.
#
# usage: scripts/toolchain.sh VERSION
set -eu

if ! command -v rustup >/dev/null 2>&1; then
    echo "*** NOT TESTED with Rust $1: rustup is missing, see https://rustup.rs ***" >&2
    exit 1
fi
rustup run "$1" rustc --version >/dev/null 2>&1 && exit 0
rustup toolchain install "$1" --profile minimal --no-self-update || {
    echo "*** NOT TESTED with Rust $1: rustup could not install it ***" >&2
    exit 1
}
