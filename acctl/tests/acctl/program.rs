//! Runs `acctl`, replays sessions and scrubs output that differs between runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::schemas::documents;

pub const ACCTL: &str = env!("CARGO_BIN_EXE_acctl");

/// Command with a clean environment: no grid, colour or CI settings of the machine.
pub fn command(program: &str, url: Option<&str>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| name.starts_with("ACCLIENT_"));
        // anstream enables colours if CI is set.
        let of_colours = ["CI", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"];
        if is_ours || of_colours.iter().any(|variable| name == *variable) {
            command.env_remove(name);
        }
    }
    let directory = Path::new(ACCTL).parent().expect("a directory");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = [directory.to_path_buf()].into_iter().chain(std::env::split_paths(&paths));
    command.env("PATH", std::env::join_paths(paths).expect("a PATH")).env("TERM", "xterm");
    // No instances file.
    command.env("XDG_CONFIG_HOME", directory.join("no-configuration")).env("LC_ALL", "C");
    // No recorded handles.
    command.env("XDG_STATE_HOME", directory.join("no-state"));
    if let Some(url) = url {
        command.env("ACCLIENT_URL", url);
    }
    command
}

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let status = output.status.code().unwrap_or(-1);
        Ran { status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs acctl with these arguments. Validates JSON output against the schemas.
pub fn acctl(url: &str, args: &[&str]) -> Ran {
    let ran: Ran = command(ACCTL, Some(url)).args(args).output().expect("acctl runs").into();
    if args.contains(&"--json") {
        documents(&ran.stdout);
    }
    ran
}

/// Runs the commands after `$ ` in a file of tests/acctl, and compares their output with the lines below: stdout, then
/// stderr prefixed with `2> `, then a nonzero status in brackets. `NAME=$(…)` sets a variable for later commands.
/// `ACCLIENT_WRITE_GOLDEN=1` regenerates the file.
pub fn session(name: &str, url: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/acctl/{name}.txt"));
    let expected = std::fs::read_to_string(&path).expect("a golden file");
    let found = scrubbed(&replay(&expected, url, "", |ran| {
        let stderr: String = ran.stderr.lines().map(|line| format!("2> {line}\n")).collect();
        let status = if ran.status == 0 { String::new() } else { format!("[{}]\n", ran.status) };
        ran.stdout + &stderr + &status
    }));
    if std::env::var_os("ACCLIENT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, found).expect("written");
        return;
    }
    compare(&found, &expected);
}

/// Runs the session of a page, whose output is unscrubbed, with stdout and stderr interleaved.
pub fn page(name: &str, url: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let page = std::fs::read_to_string(&path).expect("a page");
    let (before, rest) = page.split_once("```console\n").expect("a session");
    let (session, behind) = rest.split_once("```").expect("its end");
    let found = replay(session, url, "exec 2>&1; ", |ran| ran.stdout);
    if std::env::var_os("ACCLIENT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}```console\n{found}```{behind}")).expect("written");
        return;
    }
    compare(&scrubbed(&found), &scrubbed(session));
}

fn compare(found: &str, expected: &str) {
    let lines = found.lines().zip(expected.lines());
    let other = { lines }.find(|(found, expected)| found != expected);
    assert!(found == expected, "found and expected: {other:#?}\n{found}");
}

/// Replays a session and returns it with the new output. `before` is prepended to commands that set no variable.
fn replay(session: &str, url: &str, before: &str, print: impl Fn(Ran) -> String) -> String {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut found = String::new();
    for line in session.lines() {
        let Some(words) = line.strip_prefix("$ ") else {
            if line.starts_with("# ") || line.is_empty() {
                found.push_str(&format!("{line}\n"));
            }
            continue;
        };
        found.push_str(&format!("{line}\n"));
        let assigned = words.split_once("=$(").filter(|(name, _)| {
            name.bytes().all(|byte| byte.is_ascii_uppercase()) && words.ends_with(')')
        });
        let script = match assigned {
            Some((_, script)) => script.strip_suffix(')').expect("it ends so").to_owned(),
            None => format!("{before}{words}"),
        };
        let mut shell = command("bash", Some(url));
        let mut ran: Ran =
            shell.arg("-c").arg(&script).envs(&variables).output().expect("a shell").into();
        if let Some((name, _)) = assigned {
            variables.insert(name.to_owned(), ran.stdout.trim_end().to_owned());
            ran.stdout.clear();
        }
        // Truncated documents are validated by other tests.
        if before.is_empty() && words.contains("--json") && !words.contains("| cut") {
            documents(&ran.stdout);
        }
        found.push_str(&print(ran));
    }
    found
}

fn scrubbed(text: &str) -> String {
    text.lines().map(|line| scrub(line) + "\n").collect()
}

/// Replaces ids, times, ports and sizes, which differ between runs.
pub fn scrub(line: &str) -> String {
    if line.starts_with("$ ") {
        return line.to_owned();
    }
    let mut scrubbed = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (with, length) =
            replaced(rest, &scrubbed).unwrap_or((&rest[..first.len_utf8()], first.len_utf8()));
        scrubbed.push_str(with);
        rest = &rest[length..];
    }
    support::without_last_look(&scrubbed)
}

/// Placeholder for the start of the text, and the length that it replaces.
fn replaced(text: &str, before: &str) -> Option<(&'static str, usize)> {
    let shaped = |shape: &str| {
        let fits = |(byte, shape): (u8, u8)| match shape {
            b'x' => byte.is_ascii_hexdigit(),
            b'9' => byte.is_ascii_digit(),
            other => byte == other,
        };
        text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits)
    };
    let id = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if shaped(id) {
        return Some(("<id>", id.len()));
    }
    let date = "9999-99-99T99:99:99Z";
    if shaped(date) {
        return Some(("<time>", date.len()));
    }
    if let Some(version) = text.strip_prefix("Redis ").or(text.strip_prefix("Valkey ")) {
        let number =
            version.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        return (number > 0).then_some(("Redis #", text.len() - version.len() + number));
    }
    if before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.') {
        return None;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    if digits == 0 {
        return None;
    }
    let unit = |unit: &&str| {
        let behind = text[number..].strip_prefix(unit);
        behind.is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_alphanumeric()))
    };
    let is_measured = [" s", " ms", " KiB", " MiB", " GiB", " TiB"].iter().any(unit);
    let is_named = ["\"starttime\":", "\"time\":", "\"epoch\":", "\"id\":", "\"local\":"]
        .iter()
        .any(|name| before.ends_with(name));
    let is_tunnel = text[number..].starts_with(":2.1:");
    let is_port = digits >= 4 && digits == number && (before.ends_with(':') || is_tunnel);
    (is_measured || is_named || is_port).then_some(("#", number))
}
