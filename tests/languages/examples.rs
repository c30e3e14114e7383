//! The tour prints the same in every language, and the C and C++ examples in the README run.

use std::path::{Path, PathBuf};
use std::process::Command;

use devgrid::Grid;
use support::ROOT;
use support::library::cargo;
use support::prefix::{Prefix, have, succeed};

/// The output of a program on a new grid, without numbers and ids, which differ from run to run.
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

/// Builds an example in Rust. cargo builds examples only when all tests are run.
fn rust_example(name: &str) -> PathBuf {
    let profile = std::env::current_exe().unwrap();
    let profile = profile.parent().and_then(Path::parent).unwrap();
    let mut build = cargo();
    build.args(["build", "--quiet", "--example", name]);
    if cfg!(feature = "capi") {
        // The same options as in `make test`, so that nothing is compiled again.
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

/// All agents answer, in any order.
#[test]
fn results_arrive_in_event_loops() {
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
fn the_tour_prints_the_same_in_every_language() {
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
    // Go's build cache depends on CGO_LDFLAGS but not on the output of pkg-config.
    build.env("CGO_LDFLAGS", format!("-L{}", prefix.lib().display()));
    succeed(build.env("PKG_CONFIG_PATH", prefix.lib().join("pkgconfig")));
    let mut run = Command::new(&program);
    assert_eq!(prints(run.env("LD_LIBRARY_PATH", prefix.lib())), expected, "Go");
}

/// The first code block of a language in the README, with the address of a grid.
fn snippet(language: &str, grid: &Grid) -> String {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let (_, rest) = readme.split_once(&format!("\n```{language}\n")).expect("a block");
    let (code, _) = rest.split_once("\n```").expect("blocks end");
    assert_eq!(code.matches("redis://localhost").count(), 1, "{code}");
    code.replace("redis://localhost", &grid.url())
}

#[test]
fn c_and_cpp_examples_in_the_readme_run() {
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
