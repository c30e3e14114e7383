//! Installation by `make install`, and building C and C++ programs with it: by pkg-config and CMake, shared,
//! static and fully static, from a prefix that was staged and moved.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use devgrid::Grid;
use support::ROOT;
use support::library::{by_hand, library_dir};
use support::prefix::{Prefix, have, succeed};

use crate::packaging::files_in;
use crate::versions;

/// The library directory on Debian.
const MULTIARCH: &str = "lib/x86_64-linux-gnu";

/// Checks whether the quickstart was built with the shared library, and returns the command that runs it.
fn built(program: &Path, lib: Option<&Path>) -> Command {
    let needed = succeed(Command::new("readelf").arg("-d").arg(program)).stdout;
    let needed = String::from_utf8_lossy(&needed).contains("libacclient.so.0.1");
    assert_eq!(needed, lib.is_some(), "{}", program.display());
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH").envs(lib.map(|lib| ("LD_LIBRARY_PATH", lib)));
    command
}

fn runs_on_a_grid(program: &Path, lib: Option<&Path>, grid: &Grid) {
    let output = succeed(built(program, lib).env("ACCLIENT_URL", grid.url()));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2:1 KILLED"));
}

/// Runs a program up to its first call, which shows that it is linked. A run on a grid takes seconds.
fn runs_without_a_server(program: &Path, lib: Option<&Path>) {
    let output = built(program, lib).env("ACCLIENT_URL", "redis://127.0.0.1:1").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(printed.contains("cannot connect to 127.0.0.1:1"), "{output:?}");
}

/// Runs install.sh in a directory, with only these variables.
fn script(directory: &Path, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut script = Command::new(format!("{ROOT}/scripts/install.sh"));
    script.args(args).current_dir(directory);
    for variable in ["PREFIX", "LIBDIR", "INCLUDEDIR", "MANDIR", "DOCDIR", "DESTDIR", "NATIVE_LIBS"]
    {
        script.env_remove(variable);
    }
    script.envs(variables.iter().copied()).output().expect("the script runs")
}

/// A directory like that of `cargo lib`, with empty libraries.
fn empty_libraries(at: &Path, names: &[&str]) -> PathBuf {
    let directory = at.join("empty-libraries");
    fs::create_dir(&directory).unwrap();
    for name in names {
        fs::write(directory.join(name), "").unwrap();
    }
    directory
}

/// Runs a shell command that contains `$(pkg-config …)`, as in a makefile.
fn shell(line: &str, prefix: &Path) {
    let mut sh = Command::new("sh");
    sh.args(["-euc", line]).env("PKG_CONFIG_PATH", prefix.join(MULTIARCH).join("pkgconfig"));
    succeed(sh.env("SOURCE", format!("{ROOT}/examples/quickstart.c")).current_dir(prefix));
}

/// Installs with DESTDIR and moves the result to a directory whose name has unusual characters.
fn staged_and_moved(at: &Path) -> PathBuf {
    let stage = at.join("stage").display().to_string();
    let variables = [("PREFIX", "/opt/a c"), ("LIBDIR", MULTIARCH), ("DESTDIR", &stage)];
    let output = script(at, &variables, &["library", library_dir().to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let moved = at.join("#1 & moved é~%!^=@");
    fs::rename(at.join("stage/opt/a c"), &moved).unwrap();
    moved
}

#[test]
fn programs_build_with_a_staged_and_moved_prefix() {
    if !have(&["cc", "c++", "cmake", "pkg-config", "readelf"]) {
        return;
    }
    let directory = Prefix::new("moved");
    let prefix = staged_and_moved(&directory.0);
    let lib = prefix.join(MULTIARCH);
    let grid = Grid::demo().unwrap();

    shell(r#"test "$(pkg-config --modversion acclient)" = 0.1.0"#, &prefix);
    shell(r#"eval "cc $SOURCE -o shared $(pkg-config --cflags --libs acclient)""#, &prefix);
    runs_on_a_grid(&prefix.join("shared"), Some(&lib), &grid);
    // pkg-config lists the other libraries; linker flags select the static form of this one.
    let statically = r#"eval "cc $SOURCE -o static $(pkg-config --cflags --libs --static acclient |
        sed 's/-lacclient/-Wl,-Bstatic -lacclient -Wl,-Bdynamic/')""#;
    shell(statically, &prefix);
    runs_without_a_server(&prefix.join("static"), None);
    let fully =
        r#"eval "cc -static $SOURCE -o full $(pkg-config --cflags --libs --static acclient)" 2>&1"#;
    shell(fully, &prefix);
    runs_on_a_grid(&prefix.join("full"), None, &grid);

    cmake_project(&directory.0);
    let build = directory.0.join("cmake build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(directory.0.join("project")).arg("-B").arg(&build);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display()));
    succeed(configure.arg("-DCMAKE_LIBRARY_ARCHITECTURE=x86_64-linux-gnu"));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    runs_without_a_server(&build.join("shared"), Some(&lib));
    runs_without_a_server(&build.join("static"), None);
}

/// A project in which a subproject, a C++ library, finds the package for a C program that links the library but
/// does not find the package itself.
fn cmake_project(at: &Path) {
    let (project, sub) = (at.join("project"), at.join("project/sub"));
    fs::create_dir_all(&sub).unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.16)\nproject(sample C CXX)\nadd_subdirectory(sub)\n\
         add_executable(shared {ROOT}/examples/quickstart.c)\ntarget_link_libraries(shared PRIVATE versions)\n\
         find_package(acclient 0.1.0 REQUIRED)\n\
         add_executable(static {ROOT}/examples/quickstart.c)\n\
         target_link_libraries(static PRIVATE acclient::acclient-static)\n"
    );
    fs::write(project.join("CMakeLists.txt"), lists).unwrap();
    let lists = "find_package(acclient 0.1 REQUIRED)\nadd_library(versions STATIC versions.cpp)\n\
                 target_compile_features(versions PUBLIC cxx_std_17)\n\
                 target_link_libraries(versions PUBLIC acclient::acclient)\n";
    fs::write(sub.join("CMakeLists.txt"), lists).unwrap();
    let source = "#include <acclient.hpp>\nbool known() { return !acclient::version().empty(); }\n";
    fs::write(sub.join("versions.cpp"), source).unwrap();
}

/// The source tree as part of a project, added by FetchContent. cargo has already built the library.
#[test]
fn a_cmake_project_builds_the_source_tree_by_fetchcontent() {
    if !have(&["cc", "cmake", "readelf"]) {
        return;
    }
    let directory = Prefix::new("fetched");
    let target = library_dir().ancestors().nth(2).expect("a target directory");
    fs::write(directory.0.join("program.c"), versions::PROGRAM).unwrap();
    let lists = format!(
        "cmake_minimum_required(VERSION 3.19)\nproject(sample C)\ninclude(FetchContent)\n\
         FetchContent_Declare(acclient SOURCE_DIR \"{ROOT}\")\nFetchContent_MakeAvailable(acclient)\n\
         add_executable(program program.c)\ntarget_link_libraries(program acclient::acclient)\n"
    );
    fs::write(directory.0.join("CMakeLists.txt"), lists).unwrap();
    let build = directory.0.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&directory.0).arg("-B").arg(&build).arg("-DACCLIENT_PROFILE=dev");
    succeed(configure.arg(format!("-DACCLIENT_TARGET_DIR={}", target.display())));
    succeed(by_hand(Command::new("cmake").arg("--build").arg(&build)));
    succeed(Command::new(build.join("program")).env_remove("LD_LIBRARY_PATH"));
}

#[test]
fn directories_are_configurable_and_installed_files_use_relative_paths() {
    let directory = Prefix::new("directories");
    let at = directory.0.display().to_string();
    empty_libraries(&directory.0, &["libacclient.so", "libacclient.a"]);
    let absolute = format!("{at}/other/include");
    // PREFIX, LIBDIR, INCLUDEDIR, DESTDIR; the directory of pkg-config, and the first three lines there.
    for (variables, pkgconfig, lines) in [
        (
            ["out", "", "", ""],
            "out/lib/pkgconfig",
            ["${pcfiledir}/../..", "${prefix}/lib", "${prefix}/include"],
        ),
        (
            ["./x/../a b/", "lib64", "include/ac", "stage it"],
            "stage it/$AT/x/../a b/lib64/pkgconfig",
            ["${pcfiledir}/../..", "${prefix}/lib64", "${prefix}/include/ac"],
        ),
        (
            ["/usr", MULTIARCH, "", "stage"],
            "stage/usr/lib/x86_64-linux-gnu/pkgconfig",
            ["/usr", "${prefix}/lib/x86_64-linux-gnu", "${prefix}/include"],
        ),
        (
            ["/opt", "/opt//lib/", &absolute, "stage"],
            "stage/opt/lib/pkgconfig",
            ["${pcfiledir}/../..", "${prefix}/lib", &absolute],
        ),
        (
            ["/opt/p", "/srv/lib", "", "stage"],
            "stage/srv/lib/pkgconfig",
            ["/opt/p", "/srv/lib", "/opt/p/include"],
        ),
    ] {
        let names = ["PREFIX", "LIBDIR", "INCLUDEDIR", "DESTDIR"];
        let set: Vec<_> = names.into_iter().zip(variables).collect();
        fs::create_dir_all(directory.0.join("x")).unwrap();
        fs::create_dir_all(directory.0.join("stage it").join(&at[1..]).join("x")).unwrap();
        let output = script(&directory.0, &set, &["library", "empty-libraries"]);
        assert!(output.status.success(), "{variables:?}: {output:?}");
        let pkgconfig = directory.0.join(pkgconfig.replace("$AT", &at[1..]));
        let text = fs::read_to_string(pkgconfig.join("acclient.pc")).unwrap();
        let values = text.lines().take(3).filter_map(|line| line.split_once('='));
        assert_eq!(values.map(|(_, value)| value).collect::<Vec<_>>(), lines, "{variables:?}");
        let cmake = pkgconfig.join("../cmake/acclient/acclient-config.cmake");
        assert!(!fs::read_to_string(cmake).unwrap().contains('@'), "{variables:?}");
        let output = script(&directory.0, &set, &["uninstall"]);
        assert!(output.status.success(), "{variables:?}: {output:?}");
        let left = files_in(&directory.0);
        assert!(left.iter().all(|file| file.starts_with("empty-libraries/")), "{left:?}");
    }
}

#[test]
fn directories_with_unsupported_characters_are_rejected() {
    let directory = Prefix::new("refused");
    empty_libraries(&directory.0, &["libacclient.so", "libacclient.a"]);
    for (variable, value) in [
        ("PREFIX", "it's"),
        ("PREFIX", "a\"b"),
        ("PREFIX", "$HOME"),
        ("PREFIX", "a\\b"),
        ("PREFIX", "a:b"),
        ("PREFIX", "a;b"),
        ("PREFIX", "a,b"),
        ("PREFIX", "a (1)"),
        ("PREFIX", "line\n"),
        ("LIBDIR", "../lib"),
        ("LIBDIR", "lib 64"),
        ("INCLUDEDIR", "in&out"),
        ("INCLUDEDIR", "/some where/include"),
        ("DOCDIR", "a\tb"),
    ] {
        let variables = [("PREFIX", "out"), (variable, value)];
        let output = script(&directory.0, &variables, &["library", "empty-libraries"]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{variable}={value}");
        assert!(message.contains(": expected "), "{variable}={value}: {message}");
        assert!(!directory.0.join("out").exists(), "{variable}={value} leaves files");
    }
}

/// As on musl targets, for which Rust builds no shared library by default.
#[test]
fn a_static_library_installs_without_a_shared_one() {
    if !have(&["cc", "cmake", "pkg-config"]) {
        return;
    }
    let directory = Prefix::new("static-alone");
    let empty = empty_libraries(&directory.0, &[]);
    let version = env!("CARGO_PKG_VERSION");
    versions::compile(&directory.0, version, "staticlib", &empty.join("libacclient.a"), &[]);
    fs::write(directory.0.join("program.c"), versions::PROGRAM).unwrap();
    let output = script(&directory.0, &[("PREFIX", "usr")], &["library", "empty-libraries"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("crt-static"), "{output:?}");
    assert!(files_in(&directory.0.join("usr")).iter().all(|file| !file.contains(".so")));
    let libs = directory.pkg_config(&["--libs"]);
    assert!(libs.contains(&"-lpthread".to_owned()), "{libs:?}");

    let lists = "cmake_minimum_required(VERSION 3.16)\nproject(sample C)\nfind_package(acclient REQUIRED)\n\
                 add_executable(program program.c)\ntarget_link_libraries(program acclient::acclient)\n";
    fs::write(directory.0.join("CMakeLists.txt"), lists).unwrap();
    let build = directory.0.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&directory.0).arg("-B").arg(&build);
    succeed(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", directory.0.join("usr").display())));
    succeed(Command::new("cmake").arg("--build").arg(&build));
    succeed(&mut Command::new(build.join("program")));
}

/// Uses a fake ldconfig that knows one directory and records that it ran.
#[test]
fn installation_runs_or_suggests_ldconfig_for_loader_directories() {
    let directory = Prefix::new("ldconfig");
    let at = directory.0.display().to_string();
    empty_libraries(&directory.0, &["libacclient.so", "libacclient.a"]);
    let ldconfig = directory.0.join("ldconfig");
    let program = "#!/bin/sh\nif [ $# = 0 ]; then echo ran >>\"$NOTE\"; else echo \"$KNOWN: (from x:1)\"; fi\n";
    fs::write(&ldconfig, program).unwrap();
    fs::set_permissions(&ldconfig, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{at}:{}", std::env::var("PATH").unwrap());
    let (known, note) = (format!("{at}/usr/lib"), format!("{at}/note"));
    let install = |more: &[(&str, &str)]| {
        let mut variables = vec![("PATH", path.as_str()), ("KNOWN", &known), ("NOTE", &note)];
        variables.extend(more);
        let output = script(&directory.0, &variables, &["library", "empty-libraries"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };

    let told = install(&[("PREFIX", "usr"), ("DESTDIR", "stage")]);
    assert!(told.is_empty() && !Path::new(&note).exists(), "{told}");
    let told = install(&[("PREFIX", "my usr")]);
    assert!(told.contains(&format!("-Wl,-rpath,'{at}/my usr/lib'")), "{told}");
    assert!(!Path::new(&note).exists());
    let told = install(&[("PREFIX", "usr")]);
    let ran = Path::new(&note).exists();
    assert!(ran != told.contains("Run ldconfig as root"), "{told}");
}

/// The libraries that a program links besides libacclient.a: those that rustc names, except those that compilers
/// add themselves.
#[test]
fn libs_private_lists_the_libraries_that_rustc_names() {
    let prefix = Prefix::new("libs");
    empty_libraries(&prefix.0, &["libacclient.so", "libacclient.a"]);
    let source = prefix.0.join("empty.rs");
    fs::write(&source, "").unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--crate-type", "staticlib", "--print", "native-static-libs", "-o"]);
    let output = succeed(rustc.arg(prefix.0.join("libempty.a")).arg(&source));
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let named = printed.split_once("native-static-libs:").expect("the list").1;
    let libraries = |words: &str| -> BTreeSet<String> {
        words.split_whitespace().filter(|word| word.starts_with("-l")).map(str::to_owned).collect()
    };
    let output = script(&prefix.0, &[("PREFIX", "usr")], &["library", "empty-libraries"]);
    assert!(output.status.success(), "{output:?}");
    let file = fs::read_to_string(prefix.lib().join("pkgconfig/acclient.pc")).unwrap();
    let private = file.lines().find_map(|line| line.strip_prefix("Libs.private:")).unwrap();
    let mut missing = &libraries(named) - &libraries(private);
    missing.retain(|library| !["-lc", "-lgcc_s"].contains(&library.as_str()));
    assert!(missing.is_empty(), "acclient.pc does not name {missing:?}");
}
