//! What `make install` puts down is what programs can be built with: by pkg-config and by CMake,
//! shared and static.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use devgrid::Grid;
use serde_json::Value;
use support::ROOT;
use support::library::{cargo, library_dir};
use support::prefix::{Prefix, have, succeed};

/// Runs the quickstart that was built, on a grid.
fn runs(program: &Path, prefix: &Prefix, shared: bool) {
    let needed = succeed(Command::new("readelf").arg("-d").arg(program)).stdout;
    let needed = String::from_utf8_lossy(&needed).contains("libacclient.so.0.1");
    assert_eq!(needed, shared, "{}", program.display());
    let grid = Grid::demo().unwrap();
    let mut command = Command::new(program);
    command.env("ACCLIENT_URL", grid.url());
    if shared {
        command.env("LD_LIBRARY_PATH", prefix.lib());
    }
    let output = succeed(&mut command);
    assert!(String::from_utf8_lossy(&output.stdout).contains("2:1 KILLED"));
}

#[test]
fn a_program_is_built_through_pkg_config() {
    if !have(&["cc", "pkg-config", "readelf"]) {
        return;
    }
    let prefix = Prefix::install("pkg-config");
    assert_eq!(prefix.pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let source = format!("{ROOT}/examples/quickstart.c");
    let shared = prefix.0.join("shared");
    let mut cc = Command::new("cc");
    cc.arg(&source).args(prefix.pkg_config(&["--cflags", "--libs"])).arg("-o").arg(&shared);
    succeed(&mut cc);
    runs(&shared, &prefix, true);
    // pkg-config knows the other libraries; which form of this one is taken is for the linker to say.
    let all = prefix.pkg_config(&["--cflags", "--libs", "--static"]);
    let statically = all.iter().flat_map(|arg| match arg.as_str() {
        "-lacclient" => vec!["-Wl,-Bstatic", "-lacclient", "-Wl,-Bdynamic"],
        other => vec![other],
    });
    let program = prefix.0.join("static");
    succeed(Command::new("cc").arg(&source).args(statically).arg("-o").arg(&program));
    runs(&program, &prefix, false);
}

#[test]
fn a_program_is_built_through_cmake() {
    if !have(&["cc", "cmake", "readelf"]) {
        return;
    }
    let prefix = Prefix::install("cmake");
    let project = prefix.0.join("project");
    std::fs::create_dir(&project).unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.16)\nproject(sample C)\nfind_package(acclient 0.1 REQUIRED)\n\
         add_executable(shared {ROOT}/examples/quickstart.c)\ntarget_link_libraries(shared acclient::acclient)\n\
         add_executable(static {ROOT}/examples/quickstart.c)\n\
         target_link_libraries(static acclient::acclient-static)\n"
    );
    std::fs::write(project.join("CMakeLists.txt"), lists).unwrap();
    let build = prefix.0.join("cmake-build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&project).arg("-B").arg(&build);
    succeed(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.0.join("usr").display())));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    runs(&build.join("shared"), &prefix, true);
    runs(&build.join("static"), &prefix, false);
}

/// By the rule of docs/abi.md: what is installed, and what libraries of later versions would serve.
#[test]
fn cmake_finds_the_versions_that_the_abi_serves() {
    if !have(&["cmake"]) {
        return;
    }
    let prefix = Prefix::install("cmake-versions");
    let installed = prefix.lib().join("cmake/acclient/acclient-config-version.cmake");
    let template = std::fs::read_to_string(installed).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for (library, so_version, wanted, found) in [
        (version, "0.1", version, true),
        (version, "0.1", "0.1", true),
        (version, "0.1", "0", true),
        (version, "0.1", "0.0.9", false),
        (version, "0.1", "0.2", false),
        (version, "0.1", "9.0", false),
        ("0.1.7", "0.1", "0.1.0", true),
        ("0.1.7", "0.1", "0.1.8", false),
        ("0.2.0", "0.2", "0.1.0", false),
        ("0.10.0", "0.10", "0.1", false),
        ("1.4.0", "1", "1.2", true),
        ("1.4.0", "1", "0.1", false),
        ("2.0.0", "2", "1.9", false),
    ] {
        let directory = prefix.0.join(format!("{library}-for-{wanted}"));
        std::fs::create_dir(&directory).unwrap();
        let text = template
            .replace(&format!("\"{version}\""), &format!("\"{library}\""))
            .replace("\"0.1.\"", &format!("\"{so_version}.\""));
        std::fs::write(directory.join("acclient-config-version.cmake"), text).unwrap();
        std::fs::write(directory.join("acclient-config.cmake"), "").unwrap();
        let lists = format!(
            "cmake_minimum_required(VERSION 3.16)\nproject(sample NONE)\n\
             find_package(acclient {wanted} REQUIRED CONFIG PATHS {} NO_DEFAULT_PATH)\n",
            directory.display()
        );
        std::fs::write(directory.join("CMakeLists.txt"), lists).unwrap();
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(&directory).arg("-B").arg(directory.join("build"));
        let is_found = configure.output().unwrap().status.success();
        assert_eq!(is_found, found, "{wanted} with {library} installed");
    }
}

#[test]
fn the_libraries_that_a_static_program_needs_are_those_that_rust_names() {
    let prefix = Prefix::install("libs");
    let source = prefix.0.join("empty.rs");
    std::fs::write(&source, "").unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--crate-type", "staticlib", "--print", "native-static-libs", "-o"]);
    let output = succeed(rustc.arg(prefix.0.join("libempty.a")).arg(&source));
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let named = printed.split_once("native-static-libs:").expect("the list").1;
    let libraries = |words: &str| -> BTreeSet<String> {
        words.split_whitespace().filter(|word| word.starts_with("-l")).map(str::to_owned).collect()
    };
    let file = std::fs::read_to_string(prefix.lib().join("pkgconfig/acclient.pc")).unwrap();
    let private = file.lines().find_map(|line| line.strip_prefix("Libs.private:")).unwrap();
    let missing: Vec<_> = libraries(named).difference(&libraries(private)).cloned().collect();
    assert!(missing.is_empty(), "acclient.pc does not name {missing:?}");
}

/// The files below a directory, by their paths from there.
fn files_in(directory: &Path) -> BTreeSet<String> {
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
fn the_built_library_lies_beside_its_headers_and_soname() {
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
fn a_rust_program_gets_no_c_library_and_no_c_symbols() {
    if !have(&["nm"]) {
        return;
    }
    let prefix = Prefix::new("dependent");
    let program = "fn main() {\n    println!(\"{:?}\", acclient::Client::connect(\"\"));\n}\n";
    let plugin = "#[unsafe(no_mangle)]\npub extern \"C\" fn plugin() -> bool {\n    \
                  acclient::Client::connect(\"\").is_ok()\n}\n";
    // A workspace of its own, wherever temporary files are. A shared library would pass on the C symbols
    // of the crates in it.
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
    // In the target directory of this test, where the dependencies are compiled already.
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

/// cargo-c takes minutes to build, so it is tested where somebody has it: no failure without it, even
/// in CI.
#[test]
fn cargo_c_installs_the_same() {
    let found = Command::new("cargo-cinstall").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("\n*** cargo-c IS MISSING: what it installs is NOT TESTED ***\n");
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
    // cargo-c knows no CMake and no Go.
    let only_ours = |file: &&String| file.contains("/cmake/") || file.contains("/acclient/go/");
    let missing: Vec<_> = ours.difference(&theirs).filter(|file| !only_ours(file)).collect();
    assert!(missing.is_empty(), "cargo-c does not install {missing:?}");
    let more: Vec<_> = theirs.difference(&ours).collect();
    assert!(more.is_empty(), "cargo-c installs {more:?} too");
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

#[test]
fn what_is_installed_can_be_taken_away() {
    let prefix = Prefix::install("uninstall");
    let files = || files_in(&prefix.0.join("usr"));
    for name in
        ["libacclient.so", "libacclient.so.0.1", "libacclient.a", "acclient.h", "acclient.pc"]
    {
        let end = format!("/{name}");
        assert!(files().iter().any(|file| file.ends_with(&end)), "no {name}");
    }
    prefix.script(&["uninstall"]);
    assert!(files().is_empty(), "{:?}", files());
}
