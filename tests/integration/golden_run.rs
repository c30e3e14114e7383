//! Operations of the original client, run against the development grid and compared with what the
//! original daemons answered (tests/golden).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use acclient::{
    AgentId, Client, Command, ErrorKind, Job, JobResult, KillResult, MsgQuery, Outcome,
    ProcessQuery, Target, Tunnel,
};
use devgrid::{Grid, RedisServer};
use serde_json::{Value, json};
use support::golden::{again, exceptions, golden, pushes, text};
use support::{WAIT, wait_until, wait_until_running};

/// One golden file, and the client that runs it again.
struct Recording<'a> {
    file: &'a str,
    lines: &'a [Value],
    pushes: Vec<Value>,
    client: &'a Client,
    grid: &'a Grid,
}

#[test]
fn operations_return_what_the_original_grid_returned() {
    let exceptions = exceptions("run");
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    for (file, lines) in &golden() {
        if !exceptions.contains(file) {
            let pushes = if file == "payload_tolerance" { Vec::new() } else { pushes(lines) };
            Recording { file, lines, pushes, client: &client, grid: &grid }.run();
        }
    }
}

impl Recording<'_> {
    fn run(&self) {
        match self.file {
            "list_agents" => self.list_agents(),
            "duplicate_id" => self.duplicate_id(),
            "kill" | "recurring" | "kill_bash_child" => self.kill(),
            "kill_twice_hangs" => self.kill_twice(),
            "killall" => self.killall(),
            "get_stats" => self.get_stats(),
            "get_stats_finished" => {
                let job = self.send(0).run_to_the_end();
                assert_eq!(job.get_stats().unwrap_err().kind(), ErrorKind::JobFailed);
            }
            "get_processes" => self.get_processes(),
            "get_msgs" => self.get_msgs(),
            "get_msgs_immediately" => self.get_msgs_of(&["1", "2", "3", "4", "5"]),
            "get_msgs_limit" => self.get_msgs_limit(),
            "get_msgs_loglevels" => self.get_msgs_loglevels(),
            "get_cmds" => {
                // The original client returned an empty list, as if nothing had ever run.
                assert_eq!(self.client.get_cmds(0, 10).unwrap_err().kind(), ErrorKind::Unsupported);
            }
            "unknown_job_id" => {
                let unknown = &self.lines[1]["args"][1];
                let id = text(unknown).trim_start_matches("cmd.").trim_end_matches(".queued");
                let waited = self.client.get_by_id(id).next_result(Duration::from_millis(50));
                assert!(waited.unwrap_err().is_timeout());
            }
            "payload_tolerance" => tolerance(self.lines),
            "race_running_after_terminal" => read_back_the_race(self.lines),
            "minimal_command" | "null_fields" => self.by_hand(),
            "role_wrong" | "wrong_gid" | "wrong_nid" => {
                let error = again(self.client, &self.pushes[0]).run(WAIT).unwrap_err();
                self.compare_no_such_agent(&error);
            }
            "fanout_zero" | "fanout_zero_gid" => {
                let results: Vec<_> = self.send(0).results(WAIT).unwrap().collect();
                let [Err(error)] = results.as_slice() else { panic!("{}: {results:?}", self.file) };
                self.compare_no_such_agent(error);
            }
            name if name.starts_with("fanout_") => self.fanout(),
            name if name.starts_with("role_") => self.role(),
            name if name.starts_with("schedule_") => self.schedule(),
            name if name.starts_with("reverse_tunnel_") => self.reverse_tunnel(),
            name if name.starts_with("tunnel") => self.tunnel(),
            _ => {
                assert_eq!(self.pushes.len(), 1, "{} needs an entry of its own", self.file);
                self.compare(&self.send(0).run_to_the_end(), &self.stored(0));
            }
        }
    }

    /// Sends a recorded command again, with a new id.
    fn send(&self, index: usize) -> Command {
        again(self.client, &self.pushes[index]).submit().unwrap()
    }

    /// What the original client returned.
    fn returned(&self) -> &Value {
        &self.lines.iter().find(|line| line["kind"] == "client").expect("a return value")["returned"]
    }

    /// The results of a recorded command as the controller stored them, by agent.
    fn stored_by_agent(&self, index: usize) -> BTreeMap<String, Value> {
        let prefix = format!("cmd.{}.", text(&self.pushes[index]["id"]));
        let dumps =
            self.lines.iter().filter(|line| line["kind"] == "dump" && line["type"] == "list");
        let results = dumps.filter_map(|line| {
            let agent = text(&line["key"]).strip_prefix(&prefix)?.replace('.', ":");
            let value = serde_json::from_str::<Value>(text(&line["value"][0])).ok()?;
            value.is_object().then_some((agent, value))
        });
        results.collect()
    }

    fn stored(&self, index: usize) -> Value {
        self.stored_by_agent(index).pop_first().expect("a stored result").1
    }

    fn data_of(&self, index: usize) -> Value {
        serde_json::from_str(text(&self.stored(index)["data"])).expect("data of JSON")
    }

    /// The data of a recorded command, which is JSON too.
    fn sent_data(&self, index: usize) -> Value {
        serde_json::from_str(text(&self.pushes[index]["data"])).expect("data of JSON")
    }

    fn compare(&self, job: &Job, recorded: &Value) {
        self.compare_result(job.result(), recorded);
    }

    fn compare_result(&self, result: &JobResult, recorded: &Value) {
        /// Fields whose values differ from run to run.
        const VARIABLE: &[&str] = &["id", "starttime", "time"];
        /// Files whose data or streams depend on the machine; their shape is compared.
        const OF_THE_MACHINE: &[&str] = &[
            "bash_env",
            "execute_ls",
            "get_aggregated_stats",
            "get_cpu_info",
            "get_disk_info",
            "get_mem_info",
            "get_nic_info",
            "get_os_info",
        ];
        let file = self.file;
        let ours: Value = serde_json::from_str(&result.dump()).unwrap();
        let of_machine = OF_THE_MACHINE.contains(&file);
        for (field, theirs) in recorded.as_object().expect("a result") {
            let ours = ours.get(field).unwrap_or_else(|| panic!("{file}: no field {field}"));
            let is_payload = matches!(field.as_str(), "data" | "streams");
            if VARIABLE.contains(&field.as_str()) || of_machine && is_payload {
                let kind = |value: &Value| std::mem::discriminant(value);
                assert_eq!(kind(ours), kind(theirs), "{file}: {field}");
            } else {
                assert_eq!(ours, theirs, "{file}: {field}");
            }
        }
        assert_eq!(ours.as_object().unwrap().len(), recorded.as_object().unwrap().len(), "{file}");
    }

    fn compare_no_such_agent(&self, error: &acclient::Error) {
        assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{}: {error}", self.file);
        self.compare_result(error.job().expect("the controller's answer"), &self.stored(0));
    }

    fn list_agents(&self) {
        let agents = self.client.list_agents().unwrap();
        let agents: BTreeMap<String, Vec<String>> =
            agents.into_iter().map(|(agent, roles)| (agent.to_string(), roles)).collect();
        assert_eq!(&json!(agents), self.returned());
    }

    fn duplicate_id(&self) {
        let first = again(self.client, &self.pushes[0]).id("twice").submit().unwrap();
        wait_until_running(&first);
        let second = again(self.client, &self.pushes[1]).id("twice").submit().unwrap();
        for command in [first, second] {
            self.compare(&command.run_to_the_end(), &self.returned()["list"][1]);
        }
    }

    /// Sends the first command; returns when the program that it is about runs.
    fn start(&self) -> Command {
        let command = self.send(0);
        wait_until_running(&command);
        if self.pushes[0]["cmd"] == "bash" {
            wait_until("the script is at its sleep", || self.runs("sleep\x003\0"));
        }
        command
    }

    /// Whether some job of the grid runs this program.
    fn runs(&self, line: &str) -> bool {
        let home = format!("AGENT_HOME={}/", self.grid.redis().dir().display());
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let holds = |path: PathBuf, text: &str| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(text)
        };
        processes
            .map(|process| process.path())
            .any(|path| holds(path.join("cmdline"), line) && holds(path.join("environ"), &home))
    }

    fn kill(&self) {
        let command = self.start();
        command.kill().unwrap().into_result().unwrap();
        self.compare(&command.run_to_the_end(), &self.stored(0));
    }

    fn kill_twice(&self) {
        let command = self.start();
        command.kill().unwrap().into_result().unwrap();
        // The agent would never answer: none is sent.
        let second = command.kill().unwrap().into_result().unwrap();
        let ordered = |outcome: &Outcome<_>| matches!(outcome, Outcome::Done(KillResult::Ordered));
        assert!(second.values().all(ordered), "{second:?}");
        self.compare(&command.run_to_the_end(), &self.stored(0));
    }

    fn killall(&self) {
        let (first, second) = (self.send(0), self.send(1));
        wait_until_running(&first);
        wait_until_running(&second);
        let job = self.client.killall(Target::agent((1, 1))).run(WAIT).unwrap();
        self.compare(&job, &self.stored(2));
        self.compare(&first.run_to_the_end(), &self.stored(0));
        self.compare(&second.run_to_the_end(), &self.stored(1));
    }

    fn get_stats(&self) {
        let command = self.send(0);
        wait_until_running(&command);
        let job = command.jobs().unwrap().into_values().next().unwrap();
        // A process that was only just forked has no memory of its own yet.
        wait_until("it has memory", || job.get_stats().unwrap().rss > 0);
        let stats = job.get_stats().unwrap();
        assert_eq!(stats.cmd["args"], self.data_of(1)["cmd"]["args"]);
        assert!(stats.vms > 0 && stats.extra.is_empty());
        job.kill().unwrap();
    }

    fn get_processes(&self) {
        let command = self.send(0);
        wait_until_running(&command);
        for index in 1..5 {
            let query = self.sent_data(index);
            let mut ours = ProcessQuery::new();
            if let Some(domain) = query["domain"].as_str() {
                ours = ours.domain(domain);
            }
            if let Some(name) = query["name"].as_str() {
                ours = ours.name(name);
            }
            let found = self.client.get_processes((1, 1), &ours).unwrap();
            let recorded = self.data_of(index);
            let commands = |list: &Value| -> BTreeSet<String> {
                let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
                list.iter().map(|process| text(&process["cmd"]["cmd"]).to_owned()).collect()
            };
            let ours: Value = serde_json::from_str(found.json()).unwrap();
            assert_eq!(commands(&ours), commands(&recorded), "{query}");
            let fields = |list: &Value| -> BTreeSet<String> {
                let first = list.get(0).and_then(Value::as_object).cloned().unwrap_or_default();
                first.into_iter().map(|(field, _)| field).collect()
            };
            assert_eq!(fields(&ours), fields(&recorded), "{query}");
        }
        command.kill().unwrap().into_result().unwrap();
    }

    fn get_msgs(&self) {
        let job = self.send(0).run_to_the_end();
        for index in 1..5 {
            let sent = self.sent_data(index);
            let limit = u32::try_from(sent["limit"].as_u64().unwrap()).unwrap();
            let query = MsgQuery::new().levels(text(&sent["levels"])).limit(limit);
            let recorded = self.data_of(index);
            let recorded = recorded.as_array().unwrap();
            let found = settled(&job, &query, recorded.len());
            let mut ours: Vec<_> =
                found.iter().map(|message| (message.data.as_str(), message.level)).collect();
            let mut theirs: Vec<_> = recorded
                .iter()
                .map(|message| (text(&message["data"]), message["level"].as_i64().unwrap()))
                .collect();
            // Stdout and stderr race for their place in the log, so of the newest two only their
            // number is sure.
            ours.sort_unstable();
            theirs.sort_unstable();
            assert!(ours == theirs || limit == 2, "{sent}: {ours:?}");
        }
    }

    fn get_msgs_of(&self, expected: &[&str]) {
        let job = self.send(0).run_to_the_end();
        let found = settled(&job, &MsgQuery::new(), expected.len());
        let mut ours: Vec<_> = found.iter().map(|message| message.data.as_str()).collect();
        ours.reverse();
        assert_eq!(ours, expected);
    }

    fn get_msgs_limit(&self) {
        let job = self.send(0).run_to_the_end();
        let recorded = self.returned();
        // Messages show up late, and not in their order.
        wait_until("the log has settled", || {
            let found = job.get_msgs(&MsgQuery::new().limit(1000)).unwrap();
            recorded["rows"] == found.len()
                && recorded["first"] == found[0].data
                && recorded["last"] == found[found.len() - 1].data
        });
        let too_many = job.get_msgs(&MsgQuery::new().limit(5000)).unwrap_err();
        assert_eq!(too_many.kind(), ErrorKind::InvalidArgument);
    }

    fn get_msgs_loglevels(&self) {
        for (index, name) in [(0, "loglevels=2"), (2, "loglevels_db=7"), (4, "loglevels=\"\"")] {
            let job = self.send(index).run_to_the_end();
            let recorded = &self.returned()[name];
            let messages = recorded["msgs"].as_array().unwrap();
            let found = settled(&job, &MsgQuery::new(), messages.len());
            let ours: BTreeSet<_> = found.iter().map(|message| message.data.clone()).collect();
            let theirs: BTreeSet<_> =
                messages.iter().map(|message| text(&message["data"]).to_owned()).collect();
            assert_eq!(ours, theirs, "{name}");
            assert_eq!(recorded["streams"], json!([job.stdout(), job.stderr()]), "{name}");
        }
    }

    fn fanout(&self) {
        let jobs: Vec<Job> = self.send(0).results(WAIT).unwrap().map(Result::unwrap).collect();
        let theirs = self.stored_by_agent(0);
        assert_eq!(jobs.len(), theirs.len(), "{}", self.file);
        jobs.iter().for_each(|job| self.compare(job, &theirs[&job.agent().to_string()]));
    }

    /// The controller may choose another agent than it did then.
    fn role(&self) {
        for (index, push) in self.pushes.iter().enumerate() {
            let job = again(self.client, push).run(WAIT).unwrap();
            let mut theirs = self.stored(index);
            theirs["gid"] = job.agent().gid.into();
            theirs["nid"] = job.agent().nid.into();
            self.compare(&job, &theirs);
        }
    }

    /// Written by hand for the recording: pushed as it was, and read by this client.
    fn by_hand(&self) {
        let line = self.lines.iter().find(|line| line["args"][0] == "RPUSH").unwrap();
        let mut connection = self.grid.redis().connection();
        let mut push = redis::cmd("RPUSH");
        push.arg("cmds.queue").arg(text(&line["args"][2]));
        let _: i64 = push.query(&mut connection).unwrap();
        let mut command = self.client.get_by_id(text(&self.pushes[0]["id"]));
        let job = command.next_result(WAIT).unwrap().expect("a result");
        self.compare(&job, &self.stored(0));
    }

    fn schedule(&self) {
        let client = self.client;
        let add = |data: &Value| {
            let command = again(client, &data["cmd"]);
            client.schedule_add(text(&data["id"]), text(&data["cron"]), command)
        };
        let three = golden();
        let three = pushes(&three["schedule_add"]);
        let add_three = || {
            for push in &three {
                add(&serde_json::from_str(text(&push["data"])).unwrap()).unwrap();
            }
        };
        match self.file {
            "schedule_add_bad_cron" => {
                let error = add(&self.sent_data(0)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidArgument, "refused before it is sent");
            }
            "schedule_fires" => {
                add(&self.sent_data(0)).unwrap();
                let listed = client.schedule_list().unwrap();
                assert_eq!((listed.len(), listed[0].id.as_str()), (1, "tick"));
                assert!(client.schedule_remove("tick").unwrap());
            }
            "schedule_remove" => {
                add_three();
                let removed = [0, 1].map(|_| i64::from(client.schedule_remove("job.one").unwrap()));
                assert_eq!(&json!(removed), self.returned());
            }
            "schedule_remove_prefix" => {
                add_three();
                client.schedule_remove_prefix("job.").unwrap();
                assert_eq!(json!(client.schedule_list().unwrap().len()), 0);
            }
            _ => {
                add_three();
                let listed = client.schedule_list().unwrap();
                let mut ours: Value = serde_json::from_str(listed.json()).unwrap();
                let recorded = golden();
                let lines = recorded["schedule_list"].iter();
                let mut theirs = lines
                    .filter(|line| line["kind"] == "client")
                    .map(|line| line["returned"].clone())
                    .next()
                    .unwrap();
                for list in [&mut ours, &mut theirs] {
                    let list = list.as_array_mut().unwrap();
                    list.sort_by_key(|entry| text(&entry["id"]).to_owned());
                    list.iter_mut().for_each(|entry| entry["cmd"]["id"] = json!(""));
                }
                assert_eq!(ours, theirs);
                client.schedule_remove_prefix("").unwrap();
            }
        }
    }

    fn reverse_tunnel(&self) {
        let tunnel = Tunnel::new(9995, AgentId::new(1, 1), "127.0.0.1", 1);
        let error = match self.file {
            "reverse_tunnel_open" => self.client.reverse_tunnel_open(&tunnel).unwrap_err(),
            "reverse_tunnel_close" => self.client.reverse_tunnel_close(&tunnel).unwrap_err(),
            _ => self.client.reverse_tunnel_list().unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }

    /// What the tunnels carry is in tunnels.rs.
    fn tunnel(&self) {
        let client = self.client;
        let sent = self.sent_data(0);
        let number = |field: &str| u16::try_from(sent[field].as_u64().unwrap()).unwrap();
        let (gateway, ip) = (text(&sent["gateway"]), text(&sent["ip"]));
        let tunnel = Tunnel::new(number("local"), gateway, ip, number("remote"));
        match self.file {
            "tunnel_close_unknown" => {
                // The agent answers with success; the client looks.
                let error = client.tunnel_close((1, 1), &tunnel).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NoSuchTunnel);
            }
            "tunnel_to_self" => {
                let error = client.tunnel_open((1, 1), &tunnel).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidArgument, "refused before it is sent");
            }
            "tunnel_port_in_use" => {
                // The port is that of Redis here as there.
                let port = self.grid.redis().port();
                let tunnel = Tunnel::new(port, gateway, ip, number("remote"));
                let error = client.tunnel_open((1, 1), &tunnel).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::JobFailed);
                let mut theirs = self.data_of(0);
                theirs["Addr"]["Port"] = port.into();
                assert_eq!(error.job().unwrap().json::<Value>().unwrap(), theirs);
            }
            _ => {
                let opened = client.tunnel_open((1, 1), &tunnel).unwrap();
                assert!(opened.local == tunnel.local || tunnel.local == 0 && opened.local > 0);
                assert_eq!(opened, Tunnel::new(opened.local, gateway, ip, tunnel.remote));
                let listed = client.tunnel_list((1, 1)).unwrap();
                assert!(listed.contains(&opened), "{listed:?}");
                client.tunnel_close((1, 1), &opened).unwrap();
            }
        }
    }
}

trait RunToTheEnd {
    fn run_to_the_end(self) -> Job;
}

impl RunToTheEnd for Command {
    fn run_to_the_end(mut self) -> Job {
        self.next_result(WAIT).unwrap().expect("a result")
    }
}

/// Returns the messages of a job once there are `count` of them: the log lags behind.
fn settled(job: &Job, query: &MsgQuery, count: usize) -> Vec<acclient::Message> {
    wait_until("the log has settled", || job.get_msgs(query).unwrap().len() == count);
    job.get_msgs(query).unwrap()
}

/// The recorded race: the hash permanently says RUNNING, and the list holds the result.
fn read_back_the_race(lines: &[Value]) {
    let redis = RedisServer::start().unwrap();
    let mut connection = redis.connection();
    let mut ids = BTreeSet::new();
    for line in lines.iter().filter(|line| line["kind"] == "dump") {
        let key = text(&line["key"]);
        let mut write = redis::cmd(if line["type"] == "hash" { "HSET" } else { "RPUSH" });
        write.arg(key);
        match &line["value"] {
            Value::Object(fields) => {
                ids.insert(key.replace("jobresult:", ""));
                for (field, value) in fields {
                    write.arg(field).arg(text(value));
                }
            }
            values => {
                for value in values.as_array().unwrap() {
                    write.arg(text(value));
                }
            }
        }
        let _: i64 = write.query(&mut connection).unwrap();
    }
    let client = Client::connect(&redis.url()).unwrap();
    assert!(!ids.is_empty());
    for id in ids {
        let hash: Vec<String> =
            redis::cmd("HVALS").arg(format!("jobresult:{id}")).query(&mut connection).unwrap();
        assert!(hash.iter().any(|result| result.contains("RUNNING")), "no race recorded");
        let results: Vec<Job> =
            client.get_by_id(id.as_str()).results(WAIT).unwrap().map(Result::unwrap).collect();
        assert_eq!(results.len(), 3);
        assert!(results.iter().all(Job::is_success));
        assert!(client.get_by_id(id).jobs().unwrap().values().all(Job::is_success));
    }
}

/// Whether the controller of the recordings lives on after a payload: the rules that every recorded
/// case bears out.
fn survives(payload: &str) -> bool {
    let Ok(command) = serde_json::from_str::<Value>(payload) else { return false };
    let Some(fields) = command.as_object() else { return command.is_null() };
    let field = |name: &str| {
        let mut found = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next_back().map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let is = |value: &Value, wanted: fn(&Value) -> bool| value.is_null() || wanted(value);
    let strings =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    let args = field("args");
    ["id", "cmd", "data", "tags"].iter().all(|name| is(&field(name), Value::is_string))
        && ["gid", "nid"].iter().all(|name| is(&field(name), Value::is_i64))
        && is(&field("fanout"), Value::is_boolean)
        && (field("roles").is_null() || strings(&field("roles")))
        && is(&args, Value::is_object)
        && (args["args"].is_null() || strings(&args["args"]))
        && is(&args["max_time"], Value::is_i64)
        && is(&args["queue"], Value::is_string)
        && is(&args["name"], Value::is_string)
}

/// The rules above agree with every recorded case, and nothing that this client pushes breaks one.
fn tolerance(lines: &[Value]) {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    let mut killing = 0;
    for case in lines {
        // The recording writes two bytes that are no UTF-8 as escapes.
        let payload = text(&case["payload"]).replace("\\xff\\xfe", "??");
        let lives = case["controller_survives"].as_bool().unwrap();
        assert_eq!(survives(&payload), lives, "{}", case["case"]);
        killing += usize::from(!lives);
    }
    assert!(killing > 10, "only {killing} payloads that kill");
    for (file, lines) in &golden() {
        if file == "payload_tolerance" || file == "minimal_command" || file == "null_fields" {
            continue;
        }
        for push in pushes(lines) {
            let command = again(&client, &push).submit().unwrap();
            assert!(survives(&command.dump().unwrap()), "{file}");
        }
    }
}
