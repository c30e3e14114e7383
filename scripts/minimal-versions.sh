#!/bin/sh
# Compiles everything with the oldest version of each direct dependency that Cargo.toml allows. Works on a copy of the
# sources, because it regenerates Cargo.lock.
#
# usage: scripts/minimal-versions.sh
set -eu
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-$PWD/target}/minimal-versions
copy=$target/sources
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=- |
    tar --extract --directory "$copy"
cd "$copy"
rm Cargo.lock
# The option is unstable. RUSTC_BOOTSTRAP is not set for the build below, because build scripts detect it.
RUSTC_BOOTSTRAP=1 "$cargo" generate-lockfile -Z direct-minimal-versions
CARGO_TARGET_DIR=$target "$cargo" check --locked --workspace --all-targets --features capi
