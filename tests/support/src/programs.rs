//! Builds and runs the programs of the C, C++ and Go tests, against the header and the C library.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

pub use crate::library::root;
use devgrid::RedisServer;

use crate::not_tested;

/// The libraries that `rustc --print native-static-libs` lists and that are not part of the C
/// library.
pub const SYSTEM_LIBRARIES: [&str; 5] = ["-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];
/// Exit status of valgrind after errors or leaks.
pub const VALGRIND_ERRORS: &str = "99";

/// Build directory of a test, kept if the test fails.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let dir = scratch().join(name);
        fs::create_dir_all(&dir).expect("a directory for the programs");
        // Programs load the library by its SONAME.
        symlink(library("libacclient.so"), dir.join("libacclient.so.0.1")).expect("a link");
        Dir(dir)
    }

    /// Runs a program to its end, or kills it with all of its children when it times out.
    pub fn bounded(
        &self,
        mut command: Command,
        environment: &[(&str, &str)],
        time: Duration,
    ) -> (ExitStatus, String) {
        let path = self.0.join("output");
        let output = File::create(&path).expect("a file for the output");
        command
            .envs(environment.iter().copied())
            .stdin(std::process::Stdio::null())
            .stdout(output.try_clone().expect("a second descriptor"))
            .stderr(output)
            .process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let group = child.id();
        let (ended, end) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            // After a timeout the receiver no longer exists.
            let _ = ended.send(());
            status
        });
        let in_time = end.recv_timeout(time).is_ok();
        if !in_time {
            let kill = format!("kill -KILL -- -{group}");
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
        let status = waiting.join().expect("the thread that waits does not panic");
        let output = String::from_utf8_lossy(&fs::read(&path).expect("the output")).into_owned();
        assert!(in_time, "{command:?} was not over after {time:?}; it said:\n{output}");
        print!("{output}");
        (status, output)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Stores a result that is not valid text: a byte that is not UTF-8, half of a surrogate pair, and
/// a NUL, which is valid. Its command is `acclient:1:broken:1:1`.
pub fn put_broken_result(redis: &RedisServer) {
    let result =
        b"{\"id\":\"broken\",\"gid\":1,\"nid\":1,\"cmd\":\"execute\",\"args\":{},\"data\":\"\",\
        \"streams\":[\"caf\xe9 \\u0000 \\ud800\\n\",\"\"],\"level\":0,\"state\":\"SUCCESS\",\
        \"starttime\":1.0,\"time\":1e3,\"tags\":[\"a\"],\"critical\":5}";
    let mut connection = redis.connection();
    redis::pipe()
        .rpush("cmd.broken.1.1", result)
        .ignore()
        .hset("jobresult:broken", "1:1", result)
        .ignore()
        .query::<()>(&mut connection)
        .expect("an answer of Redis");
}

/// Returns the names of the functions that the header declares.
pub fn declared() -> BTreeSet<String> {
    let header = code(&fs::read_to_string(include().join("acclient.h")).expect("the header"));
    let declarations = header.split_inclusive('(').filter_map(|part| part.strip_suffix('('));
    let names = declarations.filter_map(|part| part.rsplit(|c| !is_name(c)).next());
    names.filter(|name| name.starts_with("acclient_")).map(str::to_owned).collect()
}

/// Returns the functions of the header: return type, name and parameters.
pub fn declarations() -> Vec<(String, String, Vec<String>)> {
    let header = code(&fs::read_to_string(include().join("acclient.h")).expect("the header"));
    let declared = header.split(';').filter_map(|text| {
        let (start, parameters) = text.trim().strip_suffix(')')?.split_once('(')?;
        let start = start.lines().last()?;
        let name = start.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let (result, name) = start.split_at(name);
        let parameters = parameters.split(',').map(str::to_owned).collect();
        name.starts_with("acclient_")
            .then(|| (result.trim().to_owned(), name.to_owned(), parameters))
    });
    declared.collect()
}

/// Returns the functions of the header that the code of a C program mentions.
pub fn mentioned(program: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(program);
    let code = code(&text.unwrap_or_else(|error| panic!("{}: {error}", program.display())));
    let words = code.split(|c| !is_name(c));
    words.filter(|word| word.starts_with("acclient_")).map(str::to_owned).collect()
}

/// Strips comments and quoted text from C code.
fn code(text: &str) -> String {
    const SKIPPED: [[&str; 2]; 4] = [["/*", "*/"], ["//", "\n"], ["\"", "\""], ["/", ""]];
    let text = text.replace("\\\\", "").replace("\\\"", "");
    let (mut code, mut rest) = (String::new(), text.as_str());
    while let Some(start) = rest.find(['"', '/']) {
        code += &rest[..start];
        rest = &rest[start..];
        let [open, close] =
            SKIPPED.into_iter().find(|[open, _]| rest.starts_with(open)).expect("one");
        rest = rest[open.len()..].split_once(close).expect("comments and texts end").1;
        code.push(' ');
    }
    code + rest
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns the programs in a folder, without extension. A program is included only if the test of
/// its name in `module` (`module_path!()` of the caller) runs it.
pub fn tested(folder: &str, extension: &str, module: &str) -> BTreeSet<String> {
    let mut list = Command::new(std::env::current_exe().expect("the path of this program"));
    list.arg("--list");
    let list = succeed(list);
    let module = module.split_once("::").map_or(String::new(), |(_, inner)| format!("{inner}::"));
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let tests: BTreeSet<&str> = tests.filter_map(|test| test.strip_prefix(&module)).collect();
    let files = fs::read_dir(root().join(folder)).expect("the programs");
    let paths = files.map(|file| file.expect("a program").path());
    let programs = paths.filter(|path| path.extension().is_some_and(|it| it == extension));
    let names = programs.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    names.filter(|name| tests.contains(name.as_str())).collect()
}

/// Returns the directory for files of tests in this build directory: `target/tmp`, as Cargo names
/// it.
fn scratch() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    // target/debug/deps/<program>
    program.ancestors().nth(3).expect("a build directory").join("tmp")
}

pub fn include() -> PathBuf {
    root().join("include")
}

/// Returns a command for a program that was linked here. Cargo sets LD_LIBRARY_PATH to libraries of
/// earlier builds, which would come before those that the program was linked with.
pub fn built(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// Returns the path of the library in the form that C programs link with.
pub fn library(name: &str) -> PathBuf {
    let path = crate::library::library_dir().join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// Returns whether a tool is on PATH, which it has to be in CI.
pub fn is_there(tool: &str) -> bool {
    let argument = if tool == "go" { "version" } else { "--version" };
    let found = Command::new(tool).arg(argument).output().is_ok();
    if !found {
        not_tested(&format!("what needs {tool}, which is missing"));
    }
    found
}

/// Runs a tool that has to succeed and returns its output.
pub fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}{complaints}", output.status);
    printed
}

pub const ADDRESS: &str = "address,undefined";

/// Environment of a program with sanitizers.
pub const SANITIZER_OPTIONS: [(&str, &str); 2] = [
    ("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"),
    ("UBSAN_OPTIONS", "print_stacktrace=1"),
];

/// Returns whether the compiler has sanitizers and their programs run here, which they have to in
/// CI.
pub fn sanitizes(dir: &Dir, sanitizers: &str) -> bool {
    let path = dir.0.join("sanitized.c");
    fs::write(&path, "int main(void) { return 0; }\n").expect("a file");
    let program = dir.0.join("sanitized");
    let mut cc = Command::new("cc");
    cc.arg(format!("-fsanitize={sanitizers}")).arg(&path).arg("-o").arg(&program);
    let works = |mut command: Command| command.output().is_ok_and(|output| output.status.success());
    let found = works(cc) && works(built(program));
    if !found {
        not_tested(&format!("what needs the sanitizer {sanitizers}, which does not run here"));
    }
    found
}
