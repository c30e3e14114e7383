//! `cargo lib`: builds the shared and the static C library and puts them, with the headers, into one
//! directory, whose path it prints.
//!
//! `cargo lib [PROFILE] [OPTION...]` fills `target/capi/release`; with the profile `dev`, which the tests
//! use, it fills `target/capi/debug`. The options are those of cargo, such as `--no-default-features` for a
//! library without TLS; with `--target TRIPLE` it fills `target/TRIPLE/capi/release`. The library is the
//! crate `acclient` with the feature `capi`. A crate type of its own in Cargo.toml would give every Rust
//! program that depends on the crate a C library too.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the SONAME ends with. Before 1.0 each minor version is an ABI of its own: see docs/abi.md.
fn so_version() -> String {
    match (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR")) {
        ("0", minor) => format!("0.{minor}"),
        (major, _) => major.to_owned(),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (profile, options) = match arguments.split_first() {
        Some((profile, options)) if !profile.starts_with('-') => (&profile[..], options),
        _ => ("release", &arguments[..]),
    };
    match build(profile, options) {
        Ok(directory) => {
            println!("{}", directory.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cargo lib: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(profile: &str, options: &[String]) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent")?;
    // cargo runs this program as <target>/debug/xtask.
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("xtask is outside of a target directory")?;
    let triple = triple(options)?;
    let target = triple.map_or_else(|| target.to_path_buf(), |triple| target.join(triple));
    let name = if profile == "dev" { "debug" } else { profile };
    let directory = target.join("capi").join(name);
    fs::create_dir_all(&directory)?;
    // Several test programs may ask for the library at the same time.
    let lock = File::create(directory.join(".lock"))?;
    lock.lock()?;
    let (shared, soname, link_argument) = names(triple);
    let (built, soname) = (target.join(name), directory.join(soname));
    // cargo makes it anew from what it has compiled. One that stays away is of an earlier build.
    remove(&built.join(shared))?;
    run_cargo(root, profile, options, &link_argument)?;
    place(&built.join("libacclient.a"), &directory.join("libacclient.a"))?;
    if built.join(shared).exists() {
        place(&built.join(shared), &directory.join(shared))?;
        link(shared, &soname)?;
    } else {
        remove(&directory.join(shared))?;
        remove(&soname)?;
        eprintln!(
            "cargo lib: no shared library, since this target links the C runtime statically; for one, set \
             RUSTFLAGS='-C target-feature=-crt-static'"
        );
    }
    copy_headers(&root.join("include"), &directory.join("include"))?;
    Ok(directory)
}

/// The value of `--target`, if it is given.
fn triple(options: &[String]) -> Result<Option<&str>> {
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if option == "--target" {
            return Ok(Some(options.next().ok_or("--target needs a triple")?));
        }
        if let Some(triple) = option.strip_prefix("--target=") {
            return Ok(Some(triple));
        }
    }
    Ok(None)
}

/// Returns the file name of the shared library, its SONAME, and the linker argument that sets it.
fn names(triple: Option<&str>) -> (&'static str, String, String) {
    let so_version = so_version();
    if triple.map_or(cfg!(target_vendor = "apple"), |triple| triple.contains("-apple-")) {
        let name = format!("libacclient.{so_version}.dylib");
        let argument = format!("-Wl,-install_name,@rpath/{name}");
        ("libacclient.dylib", name, argument)
    } else {
        let name = format!("libacclient.so.{so_version}");
        let argument = format!("-Wl,-soname,{name}");
        ("libacclient.so", name, argument)
    }
}

/// Compiles the crate once, for both crate types. A build script could not set the SONAME: cargo warns
/// about `rustc-cdylib-link-arg` in a package without a cdylib target, and says that it may refuse it.
fn run_cargo(root: &Path, profile: &str, options: &[String], link_argument: &str) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["rustc", "--package", "acclient", "--lib"]);
    command.args(["--features", "capi", "--crate-type", "cdylib,staticlib"]).args(options);
    command.args(["--profile", profile, "--", "-C", &format!("link-arg={link_argument}")]);
    if profile != "dev" {
        // The same library wherever the sources are. Debuggers want the paths of a dev build.
        command.arg(format!("--remap-path-prefix={}=acclient", root.display()));
    }
    // What cargo sets for this program would reach the build scripts of dependencies, some of which run
    // again when it changes.
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo rustc: {status}").into()) }
}

/// Links or copies a file. The old one, which a program may have mapped, is replaced and not written to.
fn place(from: &Path, to: &Path) -> Result<()> {
    let temporary = to.with_extension("new");
    remove(&temporary)?;
    if fs::hard_link(from, &temporary).is_err() {
        fs::copy(from, &temporary).map_err(|error| format!("{}: {error}", from.display()))?;
    }
    fs::rename(&temporary, to)?;
    // A rename does nothing where both names are links to one file.
    remove(&temporary)
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|old| old == Path::new(to)) {
        return Ok(());
    }
    remove(at)?;
    Ok(std::os::unix::fs::symlink(to, at)?)
}

#[cfg(not(unix))]
fn link(_to: &str, _at: &Path) -> Result<()> {
    Err("the C library is supported on Unix only".into())
}

fn copy_headers(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copy = to.join(path.file_name().ok_or("a header without a name")?);
        if path.is_dir() {
            copy_headers(&path, &copy)?;
        } else {
            fs::copy(&path, copy)?;
        }
    }
    Ok(())
}
