//! Refuses targets that the library cannot support, with one sentence instead of compiler errors.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        return;
    }
    let target = std::env::var("TARGET").unwrap_or_default();
    println!(
        "cargo::error=acclient supports Unix systems only, for lack of ppoll and fork elsewhere: not {target}"
    );
}
