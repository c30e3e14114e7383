//! Jumpscripts stored on an agent and sent with a command.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{Client, wait_until};
use devgrid::{Grid, RedisServer};
use serde_json::{Value, json};

/// Directory of scripts, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("devgrid-scripts-{name}-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("tools")).unwrap();
        Folder(dir)
    }

    fn write(&self, name: &str, script: &str) {
        std::fs::write(self.0.join(format!("tools/{name}.py")), script).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn grid(folder: &Path) -> Grid {
    Grid::builder().agent(1, 1, &[]).jumpscripts(1, 1, folder).start().unwrap()
}

fn script(name: &str, data: &str) -> Value {
    json!({"args": {"domain": "tools", "name": name}, "data": data})
}

fn content(content: &str, args: Value) -> Value {
    json!({"data": json!({"content": content, "args": args}).to_string()})
}

/// Return value of a script.
fn returned(result: &Value) -> Value {
    assert_eq!((&result["state"], &result["level"]), (&json!("SUCCESS"), &json!(20)), "{result}");
    serde_json::from_str(result["data"].as_str().unwrap()).unwrap()
}

/// Type and message of the exception of a failed script.
fn failed(result: &Value) -> (String, String) {
    assert_eq!((&result["state"], &result["data"]), (&json!("ERROR"), &json!("")), "{result}");
    let critical: Value = serde_json::from_str(result["critical"].as_str().unwrap()).unwrap();
    let text = |name: &str| critical[name].as_str().unwrap().to_string();
    (text("type"), text("errormessage"))
}

#[test]
fn arguments_and_return_values_are_passed() {
    let folder = Folder::new("arguments");
    folder.write("back", "def action(**kwargs):\n    return [sorted(kwargs), kwargs]\n");
    folder.write("fixed", "def action(a, b=2):\n    return a * b\n");
    let grid = grid(&folder.0);
    let mut client = Client::new(&grid);
    let kwargs = json!({"text": "ü€😀\n\"", "list": [1, 2.5, null], "map": {"a": {}}, "no": false});
    let back = client.run("1", "jumpscript", script("back", &kwargs.to_string()));
    assert_eq!(returned(&back), json!([["list", "map", "no", "text"], kwargs]));
    for (id, none) in [("2", ""), ("3", "{}"), ("4", "null")] {
        assert_eq!(returned(&client.run(id, "jumpscript", script("back", none))), json!([[], {}]));
    }
    let fixed = client.run("5", "jumpscript", script("fixed", r#"{"a": 21}"#));
    assert_eq!(returned(&fixed), 42);
    let sent = "def action(one, *, two):\n    return {'one': one, 'two': two}\n";
    let sent =
        client.run("6", "jumpscript_content", content(sent, json!({"two": "ü", "one": [1]})));
    assert_eq!(returned(&sent), json!({"one": [1], "two": "ü"}));
    let none = client.run("7", "jumpscript_content", content("def action(): pass", Value::Null));
    assert_eq!(returned(&none), Value::Null);
}

#[test]
fn output_goes_to_the_streams() {
    let folder = Folder::new("printed");
    folder.write(
        "talk",
        r#"import os, sys
def action():
    print("one")
    print("two", file=sys.stderr)
    print("7::a warning")
    os.system("echo three")
    print(os.environ["AGENT_GID"], os.environ["MINE"], os.getcwd(), __file__)
    sys.stdout.write("no end")
    return "done"
"#,
    );
    let grid = grid(&folder.0);
    let mut client = Client::new(&grid);
    let mut command = script("talk", "{}");
    command["args"]["env"] = json!(["MINE=x"]);
    command["args"]["working_dir"] = json!("/");
    let result = client.run("id", "jumpscript", command);
    assert_eq!(returned(&result), "done");
    let file = folder.0.join("tools/talk.py");
    let out = format!("one\nthree\n1 x / {}\nno end\n", file.display());
    assert_eq!(result["streams"], json!([out, "two\n"]));
    wait_until("the log", || {
        client.forget();
        let ask = json!({"data": r#"{"jobid":"id","levels":"7","limit":10}"#});
        let rows = client.run("log", "get_msgs", ask)["data"].as_str().unwrap().to_string();
        rows.contains(r#""data":"a warning""#)
    });
}

#[test]
fn failed_script_has_a_traceback() {
    let folder = Folder::new("fails");
    folder.write("broken", "def action(:\n");
    folder.write("raises", "def action(n):\n    print('before')\n    return 1 / n  # here\n");
    folder.write("odd", "def action():\n    return object()\n");
    folder.write("empty", "");
    let grid = grid(&folder.0);
    let mut client = Client::new(&grid);
    let cases = [
        ("raises", r#"{"n": 0}"#, "ZeroDivisionError", "division by zero"),
        ("raises", "{}", "TypeError", "missing 1 required positional argument"),
        ("raises", "[0]", "TypeError", "must be a mapping"),
        ("raises", "{", "JSONDecodeError", "Expecting property name"),
        ("odd", "{}", "TypeError", "not JSON serializable"),
        ("empty", "{}", "AttributeError", "'action'"),
        ("broken", "{}", "SyntaxError", "broken.py"),
        ("absent", "{}", "FileNotFoundError", "absent.py"),
    ];
    for (number, (name, data, kind, text)) in cases.into_iter().enumerate() {
        let result = client.run(&number.to_string(), "jumpscript", script(name, data));
        let (have, message) = failed(&result);
        assert_eq!(have, kind, "{name} {data}");
        assert!(message.contains(text), "{name} {data}: {message}");
        let trace = result["streams"][1].as_str().unwrap();
        assert!(trace.starts_with("Traceback ") && trace.contains(kind), "{trace}");
    }
    let result = client.run("named", "jumpscript", script("raises", r#"{"n": 0}"#));
    assert_eq!(result["streams"][0], "before\n");
    assert!(result["streams"][1].as_str().unwrap().contains("return 1 / n  # here"), "{result}");
    let sent = "def action():\n    raise KeyError('x')  # there\n";
    let result = client.run("sent", "jumpscript_content", content(sent, json!({})));
    assert_eq!(failed(&result), ("KeyError".into(), "'x'".into()));
    assert!(result["streams"][1].as_str().unwrap().contains("# there"), "{result}");
}

#[test]
fn sent_script_is_stored_by_the_controller() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let at = |gid: u32, nid: u32, mut more: Value| {
        (more["gid"], more["nid"]) = (json!(gid), json!(nid));
        more
    };
    client.send(
        "one",
        "jumpscript_content",
        at(1, 2, content("def action(): return 1", json!({}))),
    );
    assert_eq!(returned(&client.wait("one", 1, 2)), 1);
    let keys: Vec<_> = client.keys().into_iter().filter(|k| k.starts_with("jumpscript:")).collect();
    let hash = keys[0].strip_prefix("jumpscript:").unwrap();
    assert_eq!((keys.len(), hash.len()), (1, 32));

    // Also by the hash alone; an unknown hash fails.
    client.send(
        "two",
        "jumpscript_content",
        at(1, 2, json!({"data": json!({"hash": hash}).to_string()})),
    );
    assert_eq!(returned(&client.wait("two", 1, 2)), 1);
    client.send("none", "jumpscript_content", at(1, 2, json!({"data": r#"{"hash":"0"}"#})));
    let (kind, text) = failed(&client.wait("none", 1, 2));
    assert_eq!(kind, "Exception");
    assert!(text.starts_with("Failed to retrieve script from controller"), "{text}");

    // Agents without the extension.
    for (id, cmd) in [("three", "jumpscript_content"), ("four", "jumpscript")] {
        client.send(id, cmd, content("def action(): return 2", json!({})));
        assert_eq!(client.wait(id, 1, 1)["state"], "UNKNOWN_CMD", "{cmd}");
    }
    // A restarted agent keeps its extension.
    grid.start_agent(1, 2, &[]);
    let echo = json!({"args": {"domain": "test", "name": "echo"}, "data": r#"{"message":"x"}"#});
    client.send("five", "jumpscript", at(1, 2, echo));
    assert_eq!(returned(&client.wait("five", 1, 2)), json!({"echo": "x"}));
}

#[test]
fn scripts_can_be_killed_and_time_limited() {
    let folder = Folder::new("killed");
    folder.write(
        "sleep",
        "import time\ndef action():\n    print('on', flush=True)\n    time.sleep(300)\n",
    );
    let grid = grid(&folder.0);
    let mut client = Client::new(&grid);
    client.send("killed", "jumpscript", script("sleep", "{}"));
    wait_until("the script to run", || grid.running_jobs() == 1);
    client.run("kill", "kill", json!({"data": r#"{"id":"killed"}"#}));
    assert_eq!(client.wait("killed", 1, 1)["state"], "KILLED");
    let mut limited = script("sleep", "{}");
    limited["args"]["max_time"] = json!(1);
    let limited = client.run("limited", "jumpscript", limited);
    assert_eq!((&limited["state"], &limited["streams"][0]), (&json!("TIMEOUT"), &json!("on\n")));
}

#[test]
fn jumpscripts_are_unknown_without_python() {
    let path = std::env::var_os("PATH").unwrap();
    let server = ["redis-server", "valkey-server"];
    let mut programs =
        std::env::split_paths(&path).flat_map(|dir| server.map(|name| dir.join(name)));
    let server = std::env::var_os("DEVGRID_REDIS_SERVER").map(PathBuf::from);
    let server = server.or_else(|| programs.find(|path| path.exists())).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_devgrid"))
        .env("PATH", "/nowhere")
        .env("DEVGRID_REDIS_SERVER", server)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let connection = redis::Client::open(url.trim()).and_then(|client| client.get_connection());
    let mut client = Client(connection.unwrap());
    let echo = json!({"nid": 2, "args": {"domain": "test", "name": "echo"}, "data": "{}"});
    client.send("id", "jumpscript", echo);
    let state = client.wait("id", 1, 2)["state"].clone();
    program.kill().unwrap();
    program.wait().unwrap();
    assert_eq!(state, "UNKNOWN_CMD");
}

#[test]
fn joblog_keeps_all_commands() {
    let redis = RedisServer::builder();
    let grid = Grid::demo_builder().redis(redis).joblog().start().unwrap();
    let mut client = Client::new(&grid);
    let commands = [
        r#"{ "id":"a", "gid":1, "nid":1, "cmd":"ping", "more":[1.0] }"#,
        r#"{"id":"b","gid":9,"nid":9,"cmd":"ping"}"#,
        r#"{"id":"c","cmd":"controller","args":{"name":"list_agents"}}"#,
        r#"{"id":"d","gid":1,"nid":2,"cmd":"jumpscript_content","data":"{\"content\":\"\"}"}"#,
    ];
    commands.iter().for_each(|command| client.push(command.as_bytes()));
    wait_until("the last of them", || client.len("cmd.d.queued") == 1);
    let newest_first: Vec<_> = commands.into_iter().rev().collect();
    assert_eq!(client.list("joblog"), newest_first);
    // Without joblog there is no list.
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    client.run("id", "ping", json!({}));
    assert_eq!(client.len("joblog"), 0);
}
