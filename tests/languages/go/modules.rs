//! Programs outside the repository that use the installed package as its README describes. Nothing is
//! downloaded.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use devgrid::Grid;
use support::prefix::{Prefix, have, succeed};
use support::{ROOT, not_tested};

/// Files that contain the module path, apart from go.mod.
const NAMING: [&str; 6] = [
    "README.md",
    "docs/using-from-go.md",
    "go/README.md",
    "go/doc.go",
    "go/example_test.go",
    "go/quickstart/main.go",
];

fn text(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The module path in go.mod.
fn module_path() -> String {
    let file = text("go/go.mod");
    file.lines().find_map(|line| line.strip_prefix("module ")).expect("a module").to_owned()
}

/// To change the path, edit go.mod; with ACCLIENT_WRITE_GO_PATH=1 this test writes it to all other files.
#[test]
fn all_files_have_the_module_path_of_go_mod() {
    let path = module_path();
    let tour = text("go/quickstart/main.go");
    let imported = tour.lines().find_map(|line| line.strip_prefix("\tacclient \""));
    let imported = imported.and_then(|rest| rest.strip_suffix('"')).expect("an import").to_owned();
    if std::env::var_os("ACCLIENT_WRITE_GO_PATH").is_some() {
        for file in NAMING {
            fs::write(format!("{ROOT}/{file}"), text(file).replace(&imported, &path)).unwrap();
        }
    }
    for file in NAMING {
        let text = text(file);
        assert!(
            text.contains(&path),
            "{file} does not contain the module path {path} of go/go.mod"
        );
        assert!(
            imported == path || !text.contains(&imported),
            "{file} contains the old module path {imported}"
        );
    }
}

#[test]
fn the_module_has_the_licenses_of_the_repository() {
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert_eq!(text(&format!("go/{license}")), text(license), "{license}");
    }
}

/// The first code block of a language in the README's section about Go.
fn readme_block(language: &str) -> String {
    let readme = text("README.md");
    let (_, section) = readme.split_once("\n### Go\n").expect("the section about Go");
    let (_, rest) = section.split_once(&format!("\n```{language}\n")).expect("a block");
    rest.split_once("```").expect("blocks end").0.to_owned()
}

#[test]
fn the_package_documentation_begins_with_the_program_of_the_readme() {
    let quoted = readme_block("go");
    let quoted = quoted.lines().map(|line| format!("//\t{line}").trim_end().to_owned());
    let quoted: Vec<String> = quoted.collect();
    assert!(
        text("go/doc.go").contains(&quoted.join("\n")),
        "doc.go has another program than the README"
    );
}

/// A separate module with the program of the README, and an installation in a prefix.
struct Module<'a> {
    prefix: &'a Prefix,
    directory: PathBuf,
}

impl<'a> Module<'a> {
    fn new(prefix: &'a Prefix, name: &str, grid: &Grid) -> Self {
        let directory = prefix.0.join(name);
        fs::create_dir_all(&directory).unwrap();
        let program = readme_block("go");
        assert_eq!(program.matches("redis://localhost").count(), 1, "{program}");
        let program = program.replace("redis://localhost", &grid.url());
        fs::write(directory.join("main.go"), program).unwrap();
        Module { prefix, directory }
    }

    /// The installed package.
    fn package(&self) -> PathBuf {
        self.prefix.0.join("usr/share/acclient/go")
    }

    /// A command in the directory of the module, with the environment that the README describes.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory);
        command.env("PKG_CONFIG_PATH", self.prefix.lib().join("pkgconfig"));
        for variable in ["LD_LIBRARY_PATH", "CGO_LDFLAGS", "CGO_ENABLED", "GOFLAGS", "GOWORK"] {
            command.env_remove(variable);
        }
        command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
        command
    }

    fn go(&self, arguments: &[&str]) {
        succeed(self.command("go").args(arguments));
    }

    /// Creates a go.mod.
    fn init(&self) {
        self.go(&["mod", "init", "example.com/hello"]);
    }

    /// Replaces the module by the installed package.
    fn replace(&self) {
        let line = format!("-replace={}={}", module_path(), self.package().display());
        self.go(&["mod", "edit", &line]);
        self.go(&["mod", "tidy"]);
    }

    /// Runs a program built here, without the build environment, and checks its output.
    fn runs(&self, program: &str) {
        let output = succeed(Command::new(self.directory.join(program)).env_clear());
        assert!(output.stdout.starts_with(b"Linux "), "{output:?}");
    }

    /// The shared libraries that a program needs, and its run paths.
    fn dynamic(&self, program: &str) -> String {
        let output = succeed(self.command("readelf").arg("-d").arg(program));
        let lines = String::from_utf8(output.stdout).unwrap();
        let is_wanted = |line: &&str| line.contains("(NEEDED)") || line.contains("(RUNPATH)");
        lines.lines().filter(is_wanted).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_program_builds_by_the_commands_of_the_readme() {
    if !have(&["go", "pkg-config", "readelf"]) {
        return;
    }
    let prefix = Prefix::install("go-readme");
    let grid = Grid::demo().unwrap();
    let module = Module::new(&prefix, "hello", &grid);
    let commands = readme_block("sh");
    let installed = format!("{}/usr", prefix.0.display());
    assert!(commands.contains("=/usr/local/share/acclient/go\n"), "{commands}");
    let commands = commands.replace("/usr/local", &installed);
    let mut shell = module.command("sh");
    shell.args(["-ec", &commands]).env("LD_LIBRARY_PATH", prefix.lib());
    let output = succeed(&mut shell);
    assert!(output.stdout.starts_with(b"Linux "), "{output:?}");

    module.go(&["vet", "."]);
    finds_the_shared_library_by_its_run_path(&module);
    contains_the_static_library(&module);
}

fn finds_the_shared_library_by_its_run_path(module: &Module) {
    module.go(&["build", "-o", "plain", "."]);
    let needed = module.dynamic("plain");
    assert!(needed.contains("[libacclient.so.0.1]") && !needed.contains("RUNPATH"), "{needed}");
    let complaints = fails(Command::new(module.directory.join("plain")).env_clear());
    explained(&complaints, "error while loading shared libraries: libacclient.so.0.1");
    let absolute = format!("-r {}", module.prefix.lib().display());
    std::os::unix::fs::symlink(module.prefix.lib(), module.directory.join("lib")).unwrap();
    for (program, run_path) in [("absolute", &*absolute), ("relative", "-r $ORIGIN/lib")] {
        module.go(&["build", "-ldflags", run_path, "-o", program, "."]);
        module.runs(program);
    }
}

/// The shared library in the archive's directory must not be linked.
fn contains_the_static_library(module: &Module) {
    module.go(&["build", "-tags", "acclient_static", "-o", "static", "."]);
    let needed = module.dynamic("static");
    assert!(!needed.contains("libacclient"), "{needed}");
    module.runs("static");
    let found = succeed(module.command("cc").arg("-print-file-name=libc.a")).stdout;
    if !found.starts_with(b"/") {
        return not_tested("fully static programs: this system has no static C library");
    }
    let fully = "-extldflags \"-static\"";
    module.go(&["build", "-tags", "acclient_static", "-ldflags", fully, "-o", "fully", "."]);
    assert_eq!(module.dynamic("fully"), "");
    module.runs("fully");
}

#[test]
fn without_cgo_the_only_build_error_names_cgo() {
    if !have(&["go"]) {
        return;
    }
    let prefix = Prefix::install("go-without-cgo");
    let module = Module::new(&prefix, "hello", &Grid::demo().unwrap());
    module.init();
    module.replace();
    let name = "undefined: acclient_needs_cgo_set_CGO_ENABLED_1_and_install_a_C_compiler";
    for action in ["build", "vet"] {
        let mut go = module.command("go");
        let complaints = fails(go.args([action, "."]).env("CGO_ENABLED", "0"));
        let is_error = |line: &&str| !line.starts_with('#');
        let errors: Vec<&str> = complaints.lines().filter(is_error).collect();
        let is_clear = errors.len() == 1 && errors[0].ends_with(name);
        assert!(is_clear, "go {action}: {complaints}");
    }
    explained(name, name);
}

#[test]
fn a_workspace_needs_no_replace_line() {
    if !have(&["go", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("go-workspace");
    let grid = Grid::demo().unwrap();
    let module = Module::new(&prefix, "workspace/app", &grid);
    module.init();
    let workspace = prefix.0.join("workspace");
    let run = |arguments: &[&str]| {
        let mut go = module.command("go");
        succeed(go.args(arguments).current_dir(&workspace));
    };
    run(&["work", "init", "./app", module.package().to_str().unwrap()]);
    run(&["vet", "./app"]);
    let run_path = format!("-r {}", prefix.lib().display());
    run(&["build", "-ldflags", &run_path, "-o", "app/app", "./app"]);
    module.runs("app");
}

/// As in the Dockerfile of go/README.md, the program runs without the package and the library.
#[test]
fn a_vendored_program_builds_without_the_package_and_runs_without_the_library() {
    if !have(&["go", "pkg-config", "readelf"]) {
        return;
    }
    let prefix = Prefix::install("go-vendored");
    let grid = Grid::demo().unwrap();
    let module = Module::new(&prefix, "hello", &grid);
    module.init();
    module.replace();
    module.go(&["mod", "vendor"]);
    let vendored = module.directory.join("vendor").join(module_path());
    for file in ["acclient.h", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(vendored.join(file).is_file(), "{file} is not vendored");
    }
    fs::remove_dir_all(module.package()).unwrap();
    fs::remove_dir_all(prefix.0.join("usr/include")).unwrap();
    module.go(&["build", "-tags", "acclient_static", "-o", "hello", "."]);
    fs::remove_dir_all(prefix.lib()).unwrap();
    module.runs("hello");
}

#[test]
fn the_readme_explains_build_errors() {
    if !have(&["go", "pkg-config"]) {
        return;
    }
    let prefix = Prefix::install("go-errors");
    let module = Module::new(&prefix, "hello", &Grid::demo().unwrap());
    let build = || {
        let mut go = module.command("go");
        go.args(["build", "."]);
        go
    };
    module.init();
    explained(&fails(&mut build()), "no required module provides package");
    module.replace();
    let nowhere = prefix.0.join("nowhere");
    let complaints =
        fails(build().env("PKG_CONFIG_PATH", &nowhere).env("PKG_CONFIG_LIBDIR", &nowhere));
    explained(&complaints, "Package acclient was not found in the pkg-config search path");
    let complaints = fails(build().env("PKG_CONFIG", "no-pkg-config"));
    let complaints = complaints.replace("no-pkg-config", "pkg-config");
    explained(&complaints, "exec: \"pkg-config\": executable file not found");
}

/// Runs a command that must fail, and returns its standard error.
fn fails(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{command:?} succeeds");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks that the output contains an error and that the package's README explains it.
fn explained(complaints: &str, error: &str) {
    assert!(complaints.contains(error), "missing {error:?} in\n{complaints}");
    let readme = text("go/README.md");
    assert!(readme.contains(error), "go/README.md does not explain {error:?}");
}
