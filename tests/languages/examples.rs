//! The same tour in every language prints the same, and what the README shows of C and C++ runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use devgrid::Grid;
use support::ROOT;
use support::library::cargo;
use support::prefix::{Prefix, have, succeed};

/// What a program prints on a grid of its own, with numbers and ids taken out: they differ from run
/// to run.
fn prints(command: &mut Command) -> Vec<String> {
    let grid = Grid::demo().unwrap();
    let output = succeed(command.env("ACCLIENT_URL", grid.url()));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let word = |word: &str| {
        let is_id = word.starts_with("[acclient:") || word.starts_with("acclient:");
        if is_id {
            "<command>".to_owned()
        } else {
            word.replace(|letter: char| letter.is_ascii_digit(), "#")
        }
    };
    let line = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        words.join(" ").replace("####", "#").replace("###", "#").replace("##", "#")
    };
    text.lines().map(line).collect()
}

/// An example in Rust. cargo builds examples with all tests only, and not when these alone are run.
fn rust_example(name: &str) -> PathBuf {
    let profile = std::env::current_exe().unwrap();
    let profile = profile.parent().and_then(Path::parent).unwrap();
    let mut build = cargo();
    build.args(["build", "--quiet", "--example", name]);
    if cfg!(feature = "capi") {
        // As `make test` has built it, which leaves nothing to compile.
        build.args(["--workspace", "--features", "capi"]);
    }
    succeed(&mut build);
    profile.join("examples").join(name)
}

/// Compiles an example in C or C++ against an installation.
fn example(prefix: &Prefix, compiler: &str, standard: &str, source: &str) -> Command {
    let program = prefix.0.join(source).with_extension("out");
    let mut compile = Command::new(compiler);
    compile.arg(standard).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    compile.arg(format!("{ROOT}/examples/{source}")).arg("-o").arg(&program);
    succeed(compile.args(prefix.pkg_config(&["--cflags", "--libs"])));
    let mut run = Command::new(&program);
    run.env("LD_LIBRARY_PATH", prefix.lib());
    run
}

/// Every agent answers, in whatever order.
#[test]
fn event_loops_of_other_programs() {
    let check = |run: &mut Command, name: &str| {
        let mut lines = prints(run);
        lines.retain(|line| line.ends_with("Linux"));
        assert_eq!(lines, ["#:#: Linux"; 3], "{name}");
    };
    check(&mut Command::new(rust_example("async_results")), "Rust");
    if !have(&["cc", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("event-loops");
    check(&mut example(&prefix, "cc", "-std=c11", "event_loop.c"), "C");
}

#[test]
fn the_same_tour_prints_the_same_in_every_language() {
    if !have(&["cc", "c++", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("examples");
    let expected = prints(&mut Command::new(rust_example("quickstart")));
    assert!(
        expected.len() > 30 && expected.iter().any(|line| line.contains("chosen")),
        "{expected:#?}"
    );
    for (compiler, standard, source) in
        [("cc", "-std=c11", "quickstart.c"), ("c++", "-std=c++17", "quickstart.cpp")]
    {
        let mut run = example(&prefix, compiler, standard, source);
        assert_eq!(prints(&mut run), expected, "{source}");
    }
    if !have(&["go"]) {
        return;
    }
    let program = prefix.0.join("quickstart-go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("./quickstart");
    build.current_dir(format!("{ROOT}/go"));
    // Go's cache goes by CGO_LDFLAGS, and not by what pkg-config says of a prefix that moved.
    build.env("CGO_LDFLAGS", format!("-L{}", prefix.lib().display()));
    succeed(build.env("PKG_CONFIG_PATH", prefix.lib().join("pkgconfig")));
    let mut run = Command::new(&program);
    assert_eq!(prints(run.env("LD_LIBRARY_PATH", prefix.lib())), expected, "Go");
}

/// The first block of a language in the README, with a grid's address in the place of its own.
fn snippet(language: &str, grid: &Grid) -> String {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let (_, rest) = readme.split_once(&format!("\n```{language}\n")).expect("a block");
    let (code, _) = rest.split_once("\n```").expect("blocks end");
    assert_eq!(code.matches("redis://localhost").count(), 1, "{code}");
    code.replace("redis://localhost", &grid.url())
}

#[test]
fn what_the_readme_shows_of_c_and_cpp_runs() {
    if !have(&["cc", "c++", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("snippets");
    let grid = Grid::demo().unwrap();
    for (compiler, standard, language) in [("cc", "-std=c11", "c"), ("c++", "-std=c++17", "cpp")] {
        let source = prefix.0.join(format!("snippet.{language}"));
        std::fs::write(&source, snippet(language, &grid)).unwrap();
        let program = source.with_extension(format!("{language}.out"));
        let mut compile = Command::new(compiler);
        compile.arg(standard).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        compile.arg(&source).arg("-o").arg(&program);
        succeed(compile.args(prefix.pkg_config(&["--cflags", "--libs"])));
        let output = succeed(Command::new(&program).env("LD_LIBRARY_PATH", prefix.lib()));
        assert!(output.stdout.starts_with(b"Linux "), "{language}: {output:?}");
    }
}
