//! Refuses targets that the library cannot support, with one sentence instead of compiler errors.
//!
//! A `compile_error!` would come last, after the errors of everything that does not compile there.

/// The operating systems of docs/platforms.md, as `target_os` names them.
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
