//! Rejects unsupported targets with a single error.
//!
//! A `compile_error!` would be printed after the errors of all code that does not compile for the target.

/// Operating systems of docs/platforms.md, as `target_os` values.
const SUPPORTED: [&str; 13] = [
    "android",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "linux",
    "macos",
    "netbsd",
    "openbsd",
    "solaris",
    "tvos",
    "visionos",
    "watchos",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if SUPPORTED.contains(&system.as_str()) {
        return;
    }
    let target = std::env::var("TARGET").unwrap_or_default();
    println!(
        "cargo::error=acclient supports Unix systems only (Linux, Android, macOS and its relatives, the BSDs, \
         illumos, Solaris), for lack of ppoll and fork elsewhere: not {target}"
    );
}
