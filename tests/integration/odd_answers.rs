//! Answers of agents and controllers with fields and rows that are not as they should be: each is read for
//! what it is, and hides no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use acclient::{AgentId, Client, MsgQuery, ProcessQuery};
use devgrid::RedisServer;
use support::{WAIT, ask, redis, servers};

/// A controller that answers every command with the same data, as the one whom it was for.
struct Answering {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Answering {
    fn start(redis: &RedisServer, level: &str, data: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, mut connection) = (stop.clone(), redis.connection());
        let (level, data) = (level.to_owned(), serde_json::json!(data).to_string());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let popped: Option<(String, String)> = ask(
                    &mut connection,
                    &[b"BLPOP", b"cmds.queue", servers::short_pause().as_bytes()],
                );
                let Some((_, command)) = popped else { continue };
                let command: serde_json::Value = serde_json::from_str(&command).expect("a command");
                let id = command["id"].as_str().expect("an id");
                let is_fanout = command["fanout"] == true;
                let number = |name| if is_fanout { 1 } else { command[name].as_i64().expect(name) };
                let (gid, nid) = (number("gid"), number("nid"));
                let result = format!(r#"{{"state":"SUCCESS","level":{level},"data":{data}}}"#);
                let words: [&[&str]; 3] = [
                    &["HSET", &format!("jobresult:{id}"), &format!("{gid}:{nid}"), &result],
                    &["RPUSH", &format!("cmd.{id}.queued"), "queued"],
                    &["RPUSH", &format!("cmd.{id}.{gid}.{nid}"), &result],
                ];
                for words in words {
                    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
                    ask::<()>(&mut connection, &words);
                }
            }
        });
        Answering { stop, thread: Some(thread) }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the controller panicked");
        }
    }
}

/// Has every question answered with some data, and asks one.
fn answered<T>(level: &str, data: &str, question: impl FnOnce(&Client) -> T) -> T {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client").with_timeout(WAIT);
    let _answering = Answering::start(&server, level, data);
    question(&client)
}

const AGENT: (u32, u32) = (1, 1);

#[test]
fn node_information_with_odd_fields() {
    let data = r#"[{"cpu":0.0,"mhz":"2400.5","cores":1e999,"flags":["a",5],"model":7,"vendor_id":"v"},
                   5, null, {"cpu":1,"mhz":2400,"Cores":4,"flags":null}]"#;
    let (cpus, memory, nics) = answered("20", data, |client| {
        let memory = client.get_mem_info(AGENT).expect_err("a list is no memory");
        (client.get_cpu_info(AGENT).expect("rows"), memory, client.get_nic_info(AGENT))
    });
    assert_eq!(cpus.len(), 2, "rows that are no objects are left out: {cpus:?}");
    assert_eq!((cpus[0].cpu, cpus[0].mhz, cpus[0].cores), (0, 2400.5, 0));
    assert_eq!((cpus[0].vendor_id.as_str(), cpus[0].model.as_str()), ("v", ""));
    assert_eq!((cpus[0].flags.len(), cpus[1].cores, cpus[1].flags.len()), (2, 4, 0));
    assert_eq!(cpus.json(), data);
    assert!(memory.to_string().contains("not a JSON object"), "{memory}");
    assert_eq!(nics.expect("rows").len(), 2);

    let data = r#"{"total":1.6e10,"available":-5,"used":"8000000000","free":18446744073709551615,"cached":{}}"#;
    let memory = answered("20", data, |client| client.get_mem_info(AGENT).expect("memory"));
    assert_eq!((memory.total, memory.used, memory.free), (16_000_000_000, 8_000_000_000, u64::MAX));
    assert_eq!((memory.available, memory.cached), (0, 0));

    let data = r#"[{"name":"eth0","mtu":"1500","addrs":[{"addr":"192.0.2.2/24"},5,{"addr":6}]},{"addrs":"x"}]"#;
    let nics = answered("20", data, |client| client.get_nic_info(AGENT).expect("rows"));
    assert_eq!((nics[0].name.as_str(), nics[0].mtu, nics[0].addrs.len()), ("eth0", 1500, 2));
    assert_eq!((nics[0].addrs[0].addr.as_str(), nics[1].addrs.len()), ("192.0.2.2/24", 0));

    let os = answered("20", r#"{"hostname":5,"uptime":"60","os":"linux"}"#, |client| {
        client.get_os_info(AGENT).expect("a system")
    });
    assert_eq!((os.hostname.as_str(), os.uptime, os.os.as_str()), ("", 60, "linux"));
}

#[test]
fn a_level_that_cannot_be_read_hides_no_answer() {
    for level in ["20", r#""20""#, "2e1", "null", r#""JSON""#, "[]"] {
        let disks = answered(level, r#"[{"device":"sda"}]"#, |client| client.get_disk_info(AGENT));
        assert_eq!(disks.unwrap_or_else(|error| panic!("{level}: {error}"))[0].device, "sda");
    }
    let refused = answered("0", "[]", |client| client.get_disk_info(AGENT));
    assert!(refused.expect_err("it is plain text").to_string().contains("level is 0"));
    for nothing in ["null", "[]"] {
        let disks = answered("20", nothing, |client| client.get_disk_info(AGENT));
        assert_eq!(disks.expect("no rows").len(), 0, "{nothing}");
    }
}

#[test]
fn processes_and_messages_with_odd_fields() {
    let data = r#"[{"cmd":{"id":"a","args":{"n":1e999}},"cpu":"1.5","rss":-1,"vms":2.0,"swap":[],"debug":9,"new":1},
                   "x", {"cmd":5,"cpu":null,"rss":7}]"#;
    let (one, all) = answered("20", data, |client| {
        let query = ProcessQuery::new();
        (client.get_processes(AGENT, &query), client.get_all_processes(&query))
    });
    let rows = one.expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0].cmd["id"], rows[0].cpu, rows[0].rss, rows[0].vms),
        (&"a".into(), 1.5, 0, 2)
    );
    let kept: Vec<&str> = rows[0].extra.keys().map(String::as_str).collect();
    assert_eq!(kept, ["debug", "new", "rss", "swap"]);
    assert_eq!((rows[0].extra["rss"].as_i64(), rows[1].rss), (Some(-1), 7));
    let shown = serde_json::to_value(&rows[0]).expect("JSON");
    assert_eq!((&shown["rss"], &shown["vms"]), (&(-1).into(), &2.into()));
    assert_eq!(all.expect("outcomes").len(), 1);

    let data = r#"[{"data":"first","level":"1","epoch":1795521098681.0,"id":3},
                   {"data":{"a":1},"level":"high","epoch":1e99,"id":2e0}, [], {"id":1}]"#;
    let messages =
        answered("20", data, |client| client.get_msgs(AGENT, "x", &MsgQuery::new()).expect("rows"));
    let read: Vec<_> = messages.iter().map(|it| (it.id, it.level, it.data.as_str())).collect();
    assert_eq!(read, [(3, 1, "first"), (2, 0, r#"{"a":1}"#), (1, 0, "")]);
    assert_eq!((messages[0].epoch, &messages[1].extra["level"]), (1795521098681, &"high".into()));
}

#[test]
fn agents_schedules_and_tunnels_with_odd_rows() {
    let data = r#"{"1:2":["cpu",5,null,"disk"],"nobody":["x"],"2:1":null,"1:1":"cpu","3:1":[]}"#;
    let agents = answered("20", data, |client| client.list_agents().expect("agents"));
    let ids: Vec<AgentId> = agents.keys().copied().collect();
    assert_eq!(ids, [(1, 1), (1, 2), (2, 1), (3, 1)].map(AgentId::from));
    assert_eq!(agents[&(1, 2).into()], ["cpu", "disk"]);
    assert_eq!(answered("20", "null", |client| client.list_agents().expect("agents")).len(), 0);

    let data =
        r#"[{"id":"b","cron":5,"cmd":{"gid":1e999}},7,{"id":["x"]},{"ID":"a","cron":"@daily"}]"#;
    let listed = answered("20", data, |client| client.schedule_list().expect("entries"));
    let read: Vec<_> = listed.iter().map(|it| (it.id.as_str(), it.cron.as_str())).collect();
    assert_eq!(read, [("", ""), ("a", "@daily"), ("b", "")]);
    for (count, removed) in
        [("1", true), ("1.0", true), (r#""1""#, true), ("0", false), ("null", false)]
    {
        let answer =
            answered("20", count, |client| client.schedule_remove("a").expect("an answer"));
        assert_eq!(answer, removed, "{count}");
    }

    // A tunnel is named by all of its parts, so that a row without one of them is none.
    let data = r#"[{"local":"8022","gateway":"2.1","ip":"127.0.0.1","remote":22.0},
                   {"local":70000,"gateway":"2.1","ip":"127.0.0.1","remote":22},
                   {"local":1,"gateway":5,"ip":"127.0.0.1","remote":22}, null,
                   {"local":1,"gateway":"2.1","ip":"::1","remote":80,"later":{}}]"#;
    let tunnels = answered("20", data, |client| client.tunnel_list(AGENT).expect("tunnels"));
    let tunnels: Vec<String> = tunnels.iter().map(ToString::to_string).collect();
    assert_eq!(tunnels, ["8022:2.1:127.0.0.1:22", "1:2.1:[::1]:80"]);
}

#[test]
fn history_with_odd_entries() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    let entries = [
        r#"{"id":"a","gid":1.0,"nid":"2","cmd":"ping","args":"x","data":{"a":1},"tags":["t"]}"#,
        "sesame",
        r#"{"id":"b","gid":{},"nid":2,"cmd":"ping"}"#,
        r#"{"id":"c","gid":1.5,"nid":1,"cmd":"ping"}"#,
        r#"{"id":"d","gid":1,"nid":1,"cmd":5,"args":{"max_time":1e999,"name":"n"}}"#,
        "[]",
        r#"{"id":"e","roles":[5],"fanout":true,"cmd":"ping"}"#,
        r#"{"id":"f","gid":-1,"nid":99999999999,"cmd":"ping"}"#,
        r#"{"id":7,"gid":1,"nid":1,"cmd":"ping"}"#,
    ];
    for entry in entries {
        ask::<()>(&mut admin, &[b"RPUSH", b"joblog", entry.as_bytes()]);
    }
    let commands = client.get_cmds(0, 100).expect("commands");
    let read: Vec<_> = commands.iter().map(|it| (it.id(), it.target().to_string())).collect();
    let expected = [
        ("a", "1:2"),
        ("b", "unknown"),
        ("c", "unknown"),
        ("d", "1:1"),
        ("e", "unknown"),
        ("f", "unknown"),
        ("", "1:1"),
    ];
    assert_eq!(read, expected.map(|(id, target)| (id, target.to_owned())));
    assert_eq!(commands[0].data(), Some(r#"{"a":1}"#));
    let args: serde_json::Value =
        serde_json::from_str(&commands[3].args().expect("they were found").to_json())
            .expect("JSON");
    assert_eq!(args["name"], "n");
}
