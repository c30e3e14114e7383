//! The same tour in every language prints the same.

#[path = "common/prefix.rs"]
mod prefix;

use std::path::Path;
use std::process::Command;

use devgrid::Grid;
use prefix::{Prefix, ROOT, have, succeed};

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

#[test]
fn the_same_tour_prints_the_same_in_every_language() {
    if !have(&["cc", "c++", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("examples");
    // cargo builds examples with all tests only, and not when this one alone is run.
    let profile = std::env::current_exe().unwrap();
    let profile = profile.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", "quickstart", "--target-dir"]);
    succeed(cargo.arg(profile.parent().unwrap()).current_dir(ROOT));
    let rust = profile.join("examples/quickstart");
    let expected = prints(&mut Command::new(rust));
    assert!(
        expected.len() > 30 && expected.iter().any(|line| line.contains("chosen")),
        "{expected:#?}"
    );
    for (compiler, standard, source) in
        [("cc", "-std=c11", "quickstart.c"), ("c++", "-std=c++17", "quickstart.cpp")]
    {
        let program = prefix.0.join(source).with_extension("out");
        let mut compile = Command::new(compiler);
        compile.arg(standard).args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
        compile.arg(format!("{ROOT}/examples/{source}")).arg("-o").arg(&program);
        succeed(compile.args(prefix.pkg_config(&["--cflags", "--libs"])));
        let mut run = Command::new(&program);
        assert_eq!(prints(run.env("LD_LIBRARY_PATH", prefix.lib())), expected, "{source}");
    }
    if !have(&["go"]) {
        return;
    }
    let program = prefix.0.join("quickstart-go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg("./quickstart");
    build.current_dir(format!("{ROOT}/examples/go"));
    // Go's cache goes by CGO_LDFLAGS, and not by what pkg-config says of a prefix that moved.
    build.env("CGO_LDFLAGS", format!("-L{}", prefix.lib().display()));
    succeed(build.env("PKG_CONFIG_PATH", prefix.lib().join("pkgconfig")));
    let mut run = Command::new(&program);
    assert_eq!(prints(run.env("LD_LIBRARY_PATH", prefix.lib())), expected, "Go");
}
