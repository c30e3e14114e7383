//! Gives the shared library its SONAME, which a plain `cargo build` would leave out, and puts the
//! headers and a link of that name beside it, so that what was built can be used as it lies there.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=include");
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
    if target("FAMILY") == "unix" {
        // target/<profile>/build/acclient-<hash>/out. A convenience: where it cannot be had, nothing
        // is missing that an installation would not bring.
        let out = std::env::var("OUT_DIR").unwrap_or_default();
        if let Some(profile) = Path::new(&out).ancestors().nth(3) {
            let _ = beside(profile, &major);
        }
    }
}

fn beside(profile: &Path, major: &str) -> std::io::Result<()> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    copy_headers(&Path::new(&root).join("include"), profile)?;
    let link = profile.join(format!("libacclient.so.{major}"));
    let _ = std::fs::remove_file(&link);
    #[cfg(unix)]
    std::os::unix::fs::symlink("libacclient.so", link)?;
    Ok(())
}

fn copy_headers(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        match path.file_name() {
            Some(name) if path.is_dir() => copy_headers(&path, &to.join(name))?,
            Some(name) => drop(std::fs::copy(&path, to.join(name))?),
            None => {}
        }
    }
    Ok(())
}
