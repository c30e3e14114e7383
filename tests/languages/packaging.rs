//! Output of `cargo lib`, installation by cargo-c, and linking into Rust programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::ROOT;
use support::library::{cargo, library_dir};
use support::prefix::{Prefix, have, succeed};

/// The files below a directory, as relative paths.
pub fn files_in(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(inner) = left.pop() {
        for entry in std::fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().display().to_string());
            }
        }
    }
    found
}

fn assert_soname(library: &Path) {
    let dynamic = succeed(Command::new("readelf").arg("-d").arg(library)).stdout;
    assert!(
        String::from_utf8_lossy(&dynamic).contains("[libacclient.so.0.1]"),
        "{}",
        library.display()
    );
}

#[test]
fn cargo_lib_puts_headers_and_soname_next_to_the_library() {
    if !have(&["readelf"]) {
        return;
    }
    let built = library_dir();
    assert_soname(&built.join("libacclient.so"));
    assert_soname(&built.join("libacclient.so.0.1"));
    assert!(built.join("libacclient.a").is_file());
    let headers = Path::new(ROOT).join("include");
    for header in files_in(&headers) {
        let copy = std::fs::read(built.join("include").join(&header));
        assert_eq!(copy.ok(), std::fs::read(headers.join(&header)).ok(), "{header}");
    }
}

/// Symbols of the C ABI in a file, as `nm` prints them.
fn c_symbols(nm: &[&str], file: &Path) -> Vec<String> {
    let printed = succeed(Command::new("nm").args(nm).arg(file)).stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(printed.lines().count() > 10, "{} has no symbols at all", file.display());
    let names = printed.lines().filter_map(|line| line.split_whitespace().last());
    names.filter(|name| name.starts_with("acclient_")).map(str::to_owned).collect()
}

#[test]
fn rust_programs_contain_no_c_library_and_no_c_symbols() {
    if !have(&["nm"]) {
        return;
    }
    let prefix = Prefix::new("dependent");
    let program = "fn main() {\n    println!(\"{:?}\", acclient::Client::connect(\"\"));\n}\n";
    let plugin = "#[unsafe(no_mangle)]\npub extern \"C\" fn plugin() -> bool {\n    \
                  acclient::Client::connect(\"\").is_ok()\n}\n";
    // A separate workspace, independent of the temporary directory. A shared library would export the C symbols
    // of its crates.
    let manifest = format!(
        "[package]\nname = \"dependent\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [lib]\nname = \"plugin\"\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\nacclient = {{ path = \"{ROOT}\" }}\n\n[profile.dev]\ndebug = false\n"
    );
    std::fs::create_dir(prefix.0.join("src")).unwrap();
    std::fs::write(prefix.0.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(prefix.0.join("src/main.rs"), program).unwrap();
    std::fs::write(prefix.0.join("src/lib.rs"), plugin).unwrap();
    std::fs::copy(format!("{ROOT}/Cargo.lock"), prefix.0.join("Cargo.lock")).unwrap();
    // In the target directory of this test, which has the compiled dependencies.
    let mut build = cargo();
    build.args(["build", "--quiet", "--offline", "--message-format=json"]).current_dir(&prefix.0);
    let messages = String::from_utf8(succeed(&mut build).stdout).unwrap();
    let made = |target: &str| -> Vec<PathBuf> {
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_target = messages.filter(|message| message["target"]["name"] == target);
        let files = of_target.flat_map(|message| message["filenames"].as_array().cloned());
        files.flatten().map(|file| file.as_str().unwrap().into()).collect()
    };
    let library = made("acclient");
    let is_rust = |file: &Path| file.extension().is_some_and(|end| end == "rlib" || end == "rmeta");
    assert!(!library.is_empty() && library.iter().all(|file| is_rust(file)), "{library:?}");
    for rlib in library.iter().filter(|file| file.extension().is_some_and(|end| end == "rlib")) {
        assert_eq!(c_symbols(&[], rlib), [""; 0]);
    }
    let [program] = &made("dependent")[..] else { panic!("one program in {messages}") };
    assert_eq!(c_symbols(&[], program), [""; 0]);
    let [plugin] = &made("plugin")[..] else { panic!("one shared library in {messages}") };
    assert_eq!(c_symbols(&["-D"], plugin), [""; 0]);
}

/// Skipped without cargo-c, even in CI, since building it takes minutes.
#[test]
fn cargo_c_installs_the_same() {
    let found = Command::new("cargo-cinstall").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("\n*** cargo-c IS MISSING: its installation is NOT TESTED ***\n");
        return;
    }
    let prefix = Prefix::install("cargo-c");
    let destination = prefix.0.join("cargo-c");
    let mut cinstall = Command::new("cargo");
    cinstall.args(["cinstall", "--profile", "dev", "--prefix", "/usr", "--libdir", "/usr/lib"]);
    cinstall.arg("--destdir").arg(&destination).current_dir(ROOT);
    succeed(cinstall.arg("--target-dir").arg(prefix.0.join("cargo-c-target")));
    let ours = files_in(&prefix.0.join("usr"));
    let theirs = files_in(&destination.join("usr"));
    // cargo-c installs no CMake files, Go package or licences.
    let only_ours = |file: &&String| file.contains("/cmake/") || file.starts_with("share/");
    let missing: Vec<_> = ours.difference(&theirs).filter(|file| !only_ours(file)).collect();
    assert!(missing.is_empty(), "cargo-c does not install {missing:?}");
    let more: Vec<_> = theirs.difference(&ours).collect();
    assert!(more.is_empty(), "only cargo-c installs {more:?}");
    assert_soname(&destination.join("usr/lib/libacclient.so"));
    let lines = |root: &Path| {
        let file = root.join("lib/pkgconfig/acclient.pc");
        let text = std::fs::read_to_string(file).unwrap();
        let wanted = ["Name:", "Description:", "Version:", "Libs:", "Cflags:"];
        let is_wanted = |line: &&str| wanted.iter().any(|name| line.starts_with(name));
        text.lines().filter(is_wanted).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(lines(&destination.join("usr")), lines(&prefix.0.join("usr")));
}
