//! The pages about C, C++ and Go: each block of code compiles, and each complete program does what its page says.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use devgrid::Grid;
use support::prefix::{Prefix, have, succeed};
use support::{ROOT, wait_until};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// How the blocks of a page are compiled.
struct Language {
    name: &'static str,
    page: &'static str,
    compiler: &'static str,
    standard: &'static str,
    /// What every block assumes.
    before: &'static str,
    /// Handles that blocks use and do not make.
    parameters: &'static str,
}

const C: Language = Language {
    name: "c",
    page: "using-from-c.md",
    compiler: "cc",
    standard: "-std=c11",
    before: "#define _POSIX_C_SOURCE 200809L
#include <acclient.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void report(const char *what, acclient_error *error);
",
    parameters: "acclient_client *client, acclient_command *command, acclient_results *results, \
        acclient_job *job, acclient_error *error",
};

const CPP: Language = Language {
    name: "cpp",
    page: "using-from-cpp.md",
    compiler: "c++",
    standard: "-std=c++17",
    before: "#include <acclient.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <poll.h>
using namespace std::chrono_literals;
",
    parameters: "const acclient::client &client, acclient::command &command, \
        const acclient::job &job",
};

const GO_PACKAGES: [&str; 7] = ["context", "errors", "fmt", "log/slog", "os", "os/signal", "time"];
const GO_PARAMETERS: &str = "ctx context.Context, client *acclient.Client, \
    command *acclient.Command, job *acclient.Job";

/// The blocks of one language on its page; the complete program is the last.
fn blocks(page: &str, language: &str) -> (Vec<String>, String) {
    let page = fs::read_to_string(format!("{ROOT}/docs/{page}")).expect("a page");
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let block = |text: &str| text.split_once("\n```").expect("blocks end").0.to_owned() + "\n";
    let mut blocks: Vec<String> = blocks.map(block).collect();
    let program = blocks.pop().expect("a program");
    assert!(blocks.len() > 8 && program.contains("main("), "{program}");
    (blocks, program)
}

impl Language {
    /// One file of all blocks: declarations as they are, everything else in a function of its own.
    fn fragments(&self, blocks: &[String]) -> String {
        let mut file = self.before.to_owned();
        for (index, block) in blocks.iter().enumerate() {
            let is_declaration = block.starts_with("static ") || block.contains("extern \"C\"");
            // Writing to a String cannot fail.
            let _ = if is_declaration {
                write!(file, "{block}")
            } else {
                let function = format!("void block_{index}({})", self.parameters);
                write!(file, "{function};\n{function} {{{{\n{block}}}}}\n")
            };
        }
        file
    }

    fn compile(&self, prefix: &Prefix, source: &Path, more: &[&str]) {
        let mut compile = Command::new(self.compiler);
        compile.arg(self.standard).args(WARNINGS).arg(source).args(more);
        succeed(compile.args(prefix.pkg_config(&["--cflags", "--libs"])));
    }

    /// Compiles the blocks of the page, and makes its program.
    fn program(&self, prefix: &Prefix) -> PathBuf {
        let (blocks, program) = blocks(self.page, self.name);
        let file = prefix.0.join(format!("blocks.{}", self.name));
        fs::write(&file, self.fragments(&blocks)).unwrap();
        // What a block makes, other blocks use.
        let unused = ["-fsyntax-only", "-Wno-unused-variable", "-Wno-unused-parameter"];
        self.compile(prefix, &file, &unused);
        let source = prefix.0.join(format!("program.{}", self.name));
        fs::write(&source, program).unwrap();
        let built = prefix.0.join("program");
        self.compile(prefix, &source, &["-o", built.to_str().unwrap()]);
        built
    }
}

#[test]
fn the_page_about_c_compiles_and_its_program_runs() {
    if have(&["cc", "pkg-config"]) {
        let prefix = Prefix::install("page-c");
        does_what_its_page_says(&prefix, &C.program(&prefix));
    }
}

#[test]
fn the_page_about_cpp_compiles_and_its_program_runs() {
    if have(&["c++", "pkg-config"]) {
        let prefix = Prefix::install("page-cpp");
        does_what_its_page_says(&prefix, &CPP.program(&prefix));
    }
}

/// The blocks in Go as one file: each is a function with the imports that it needs.
fn go_blocks(blocks: &[String], module: &str) -> String {
    let text = blocks.concat() + GO_PARAMETERS;
    let is_used = |package: &&&str| {
        let name = package.rsplit('/').next().unwrap_or_default();
        text.contains(&format!("{name}."))
    };
    let mut file = "package blocks\n\nimport (\n".to_owned();
    for package in GO_PACKAGES.iter().filter(is_used) {
        let _ = writeln!(file, "\"{package}\"");
    }
    let _ = writeln!(file, "acclient \"{module}\"\n)");
    for (index, block) in blocks.iter().enumerate() {
        let _ = writeln!(
            file,
            "func block{index}({GO_PARAMETERS}) error {{\n{{\n{block}}}\nreturn nil\n}}"
        );
    }
    file
}

#[test]
fn the_page_about_go_compiles_and_its_program_runs() {
    if !have(&["cc", "go", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("page-go");
    let (blocks, program) = blocks("using-from-go.md", "go");
    let file = fs::read_to_string(format!("{ROOT}/go/go.mod")).unwrap();
    let module = file.lines().find_map(|line| line.strip_prefix("module ")).expect("a module");
    let directory = prefix.0.join("everywhere");
    fs::create_dir_all(directory.join("blocks")).unwrap();
    fs::write(directory.join("main.go"), program).unwrap();
    fs::write(directory.join("blocks/blocks.go"), go_blocks(&blocks, module)).unwrap();
    let go = |arguments: &[&str]| {
        let mut go = Command::new("go");
        go.args(arguments).current_dir(&directory);
        go.env("PKG_CONFIG_PATH", prefix.lib().join("pkgconfig"));
        // Go's cache goes by CGO_LDFLAGS, and not by what pkg-config says of a prefix that moved.
        go.env("CGO_LDFLAGS", format!("-L{}", prefix.lib().display()));
        go.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env_remove("GOFLAGS");
        succeed(&mut go);
    };
    let package = prefix.0.join("usr/share/acclient/go");
    go(&["mod", "init", "example.com/everywhere"]);
    go(&["mod", "edit", &format!("-replace={module}={}", package.display())]);
    go(&["mod", "tidy"]);
    go(&["vet", "./..."]);
    go(&["build", "-o", "everywhere", "."]);
    does_what_its_page_says(&prefix, &directory.join("everywhere"));
}

/// The program on a grid, with its arguments.
fn on(grid: &Grid, prefix: &Prefix, built: &Path, role: &str, script: &str) -> Command {
    let mut command = Command::new(built);
    command.args([role, script]).env("ACCLIENT_URL", grid.url());
    command.env("LD_LIBRARY_PATH", prefix.lib()).env_remove("GRID_PASSWORD");
    command
}

fn does_what_its_page_says(prefix: &Prefix, built: &Path) {
    let grid = Grid::demo().unwrap();
    let good = succeed(&mut on(&grid, prefix, built, "cpu", "echo hello"));
    let text = String::from_utf8(good.stdout).unwrap();
    assert!(
        text.contains("1:1 SUCCESS\nhello\n") && text.contains("2:1 SUCCESS\nhello\n"),
        "{text}"
    );
    assert!(String::from_utf8(good.stderr).unwrap().contains("acclient:1:"), "no handle");

    let script = "[ $AGENT_GID = 1 ] || { echo bad >&2; exit 1; }";
    let failed = on(&grid, prefix, built, "cpu", script).output().unwrap();
    let text = String::from_utf8(failed.stdout).unwrap();
    assert!(text.contains("1:1 SUCCESS\n") && text.contains("2:1 ERROR\n  log: bad\n"), "{text}");
    assert_eq!(failed.status.code(), Some(1));

    let nobody = on(&grid, prefix, built, "none", "true").output().unwrap();
    let text = String::from_utf8(nobody.stderr).unwrap();
    assert!(text.contains("no agent matches") && nobody.status.code() == Some(1), "{text}");

    kills_when_it_is_interrupted(&grid, prefix, built);
}

fn kills_when_it_is_interrupted(grid: &Grid, prefix: &Prefix, built: &Path) {
    let running = prefix.0.join("running");
    fs::create_dir(&running).unwrap();
    let at = running.display();
    let script = format!("touch {at}/$AGENT_GID; while [ -e {at} ]; do sleep 0.02; done");
    let mut waiting = on(grid, prefix, built, "cpu", &script);
    let child = waiting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the script runs on both agents", || fs::read_dir(&running).unwrap().count() == 2);
    succeed(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let ended = child.wait_with_output().unwrap();
    fs::remove_dir_all(&running).unwrap();
    let text = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.signal().is_none() && ended.status.code() == Some(1), "{text}");
    // An agent that reads the announcement of the script late has killed the shell around it only.
    for agent in ["1:1", "2:1"] {
        let is_killed = |kill: &str| text.contains(&format!("{agent} {kill}\n"));
        assert!(is_killed("ended") || is_killed("ordered"), "{text}");
    }
}
