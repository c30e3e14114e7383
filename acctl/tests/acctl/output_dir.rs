//! `--output-dir`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use devgrid::Grid;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ran, acctl, command};
use crate::schemas::documents;

fn new() -> (TempDir, PathBuf) {
    let above = tempfile::tempdir().expect("a directory");
    let path = above.path().join("results/of a day");
    (above, path)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn read(path: &Path, name: &str) -> String {
    fs::read_to_string(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Document in a file, validated against its schema.
fn document(path: &Path, name: &str) -> Value {
    let mut found = documents(&read(path, name));
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Names of all visible files, and the number of hidden ones.
fn names(path: &Path) -> (Vec<String>, usize) {
    let entries = fs::read_dir(path).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let (hidden, mut shown): (Vec<String>, Vec<String>) = names.partition(|it| it.starts_with('.'));
    shown.sort();
    (shown, hidden.len())
}

#[test]
fn each_agent_has_its_own_files() {
    let grid = Grid::demo().expect("a grid");
    let (_above, path) = new();
    let script = "echo out of $AGENT_GID; echo err >&2; exit $((AGENT_GID - 1))";
    let ran = acctl(&grid.url(), &["bash", "all", "--output-dir", text(&path), script]);
    assert!(ran.status == 1 && ran.stdout.contains("out of 2"), "{ran:?}");
    let kinds = |agent: &str| ["err", "json", "out"].map(|kind| format!("{agent}.{kind}"));
    assert_eq!(names(&path), (["1.1", "1.2", "2.1"].map(kinds).concat(), 1));
    assert_eq!(
        (read(&path, "2.1.out"), read(&path, "2.1.err")),
        ("out of 2\n".into(), "err\n".into())
    );
    let result = document(&path, "2.1.json");
    assert_eq!((&result["type"], &result["state"]), (&"result".into(), &"ERROR".into()));
    // The umask applies.
    let other = path.parent().expect("a parent").join("other");
    fs::write(&other, "").expect("written");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode(&path.join("1.1.out")), mode(&other));
}

#[test]
fn earlier_results_are_replaced_without_following_links() {
    let grid = Grid::demo().expect("a grid");
    let (above, path) = new();
    let run = |target: &str, what: &str| {
        acctl(&grid.url(), &["run", target, "--output-dir", text(&path), "--", "echo", what])
    };
    assert_eq!(run("1:1-2", "first").status, 0);
    let other = above.path().join("other");
    fs::write(&other, "precious").expect("written");
    fs::remove_file(path.join("1.1.out")).expect("removed");
    symlink(&other, path.join("1.1.out")).expect("a link");
    assert_eq!(run("1:1,9:9", "second").status, 3);
    assert_eq!(fs::read_to_string(&other).expect("a file"), "precious");
    assert_eq!(read(&path, "1.1.out"), "second\n");
    // The earlier result of an agent that was not sent to is kept.
    assert_eq!(read(&path, "1.2.out"), "first\n");
    // The document is the error.
    let error = document(&path, "9.9.json");
    assert_eq!((&error["type"], &error["agent"]), (&"error".into(), &"9:9".into()));
    assert_eq!(error["error"]["kind"], "NoSuchAgent");
    assert!(!path.join("9.9.out").exists());
    // The earlier result of an agent without a new one is removed.
    grid.stop_controller();
    let ran = acctl(
        &grid.url(),
        &["run", "1:1", "--wait", "1", "--output-dir", text(&path), "--", "true"],
    );
    assert!(ran.status == 4 && !path.join("1.1.out").exists(), "{ran:?}");
    assert_eq!(document(&path, "1.1.json")["error"]["stage"], "InQueue");
}

#[test]
fn foreign_directory_is_rejected_before_anything_is_sent() {
    let grid = Grid::demo().expect("a grid");
    let above = tempfile::tempdir().expect("a directory");
    let file = above.path().join("1.1.out");
    fs::write(&file, "precious").expect("written");
    for (path, why) in [(above.path(), "did not write"), (&file, "File exists")] {
        let ran = acctl(&grid.url(), &["run", "1:1", "--output-dir", text(path), "--", "true"]);
        assert!(ran.status == 2 && ran.stderr.contains(why), "{ran:?}");
        assert!(ran.stderr.contains(&format!("invalid --output-dir {path:?}: ")), "{ran:?}");
    }
    assert_eq!(fs::read_to_string(&file).expect("a file"), "precious");
    let mut redis = grid.redis().connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("cmd*").query(&mut redis).expect("keys");
    assert!(keys.is_empty(), "something was sent: {keys:?}");
    // An empty directory is accepted.
    fs::remove_file(&file).expect("removed");
    let ran = acctl(&grid.url(), &["run", "1:1", "--output-dir", text(above.path()), "--", "true"]);
    assert_eq!(ran.status, 0, "{ran:?}");
}

#[test]
fn write_errors_are_reported_once_with_status_7() {
    let grid = Grid::demo().expect("a grid");
    let (_above, path) = new();
    let run = |args: &str| -> Ran {
        // Limit files to 1 KiB.
        let line = format!("trap '' XFSZ; ulimit -f 1; exec acctl {args}");
        let mut shell = command("bash", Some(&grid.url()));
        shell.env("DIR", &path).args(["-c", &line]).output().expect("a shell").into()
    };
    let script = "'[ $AGENT_GID = 2 ] || seq 1000'";
    let ran = run(&format!("bash all --output-dir \"$DIR\" {script}"));
    assert_eq!(ran.status, 7, "{ran:?}");
    assert_eq!(ran.stdout.matches("\n1000\n").count(), 2, "all is printed");
    let lines: Vec<&str> =
        ran.stderr.lines().filter(|line| line.contains("cannot write")).collect();
    let [line] = lines[..] else { panic!("said once: {ran:?}") };
    assert!(line.contains(text(&path)) && line.contains("File too large"), "{line}");
    assert!(ran.stderr.contains("acctl: not written to --output-dir: 1:1-2\n"), "{ran:?}");
    assert_eq!(names(&path), (["2.1.err", "2.1.json", "2.1.out"].map(str::to_owned).to_vec(), 1));
    let ran = run(&format!("--json bash all --output-dir \"$DIR\" {script}"));
    let documents = documents(&ran.stdout);
    let errors: Vec<&Value> = documents.iter().filter(|it| it["type"] == "error").collect();
    assert!(errors.len() == 2 && errors[0]["error"]["kind"] == "System", "{errors:?}");
    // A failed job takes precedence.
    let ran = run("bash all --output-dir \"$DIR\" 'seq 1000; exit 1'");
    assert_eq!(ran.status, 1, "{ran:?}");
}

#[test]
fn wait_writes_only_the_first_result_of_each_agent() {
    let grid = Grid::demo().expect("a grid");
    for id in ["one", "two"] {
        assert_eq!(acctl(&grid.url(), &["run", "1:1", "--id", id, "--", "echo", id]).status, 0);
    }
    let (_above, path) = new();
    let ran = acctl(&grid.url(), &["wait", "one", "--output-dir", text(&path), "--summary"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""), "{ran:?}");
    assert_eq!(read(&path, "1.1.out"), "one\n");
    let ran = acctl(&grid.url(), &["wait", "one", "two", "--output-dir", text(&path)]);
    assert!(ran.status == 7 && ran.stderr.contains("another result of agent 1:1"), "{ran:?}");
    assert!(ran.stdout.contains("one") && ran.stdout.contains("two"), "{ran:?}");
}
