//! Gives the shared library its SONAME, which a plain `cargo build` would leave out.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Numbers up to 1.0 share the name: before it the ABI only grows.
    let major = std::env::var("CARGO_PKG_VERSION_MAJOR").unwrap_or_else(|_| "0".into());
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    match target("OS").as_str() {
        "macos" | "ios" => println!(
            "cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libacclient.{major}.dylib"
        ),
        _ if target("FAMILY") == "unix" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libacclient.so.{major}");
        }
        _ => {}
    }
}
