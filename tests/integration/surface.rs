//! What the original client and later ones could do: node information, processes, logs, scripts,
//! the schedule, history.

use std::time::{Duration, SystemTime};

use acclient::{
    AgentId, CancelToken, Client, Command, ErrorKind, JobState, MsgQuery, Outcome, ProcessQuery,
    RunArgs, Target, Timeout,
};
use devgrid::{Grid, RedisServer};
use serde_json::json;
use support::demo as grid;
use support::{WAIT, wait_until, wait_until_running, with_growing_time};

/// Makes a request to an existing and to a missing agent.
macro_rules! asks {
    ($client:ident . $call:ident ( $($arg:expr),* )) => {{
        let error = $client.$call((9, 9) $(, $arg)*).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSuchAgent, "{}: {error}", stringify!($call));
        $client.$call((1, 1) $(, $arg)*).unwrap()
    }};
}

#[test]
fn node_information_is_typed_and_has_its_json() {
    let (_grid, client) = grid();
    let cpus = asks!(client.get_cpu_info());
    assert!(!cpus.is_empty() && cpus[0].mhz >= 0.0 && cpus.json().contains("model_name"));
    let disks = asks!(client.get_disk_info());
    assert!(disks.iter().all(|disk| disk.mountpoint.starts_with('/')));
    assert!(disks.json().starts_with('['));
    let memory = asks!(client.get_mem_info());
    assert!(memory.total > memory.used && memory.used_percent > 0.0, "{memory:?}");
    let nics = asks!(client.get_nic_info());
    let loopback = nics.iter().find(|nic| nic.name == "lo").expect("a loopback interface");
    assert!(loopback.addrs.iter().any(|addr| addr.addr.starts_with("127.0.0.1")), "{loopback:?}");
    let os = asks!(client.get_os_info());
    assert!(!os.hostname.is_empty() && os.os == std::env::consts::OS && os.boot_time > 0);
    let stats = asks!(client.get_aggregated_stats());
    assert!(stats.rss > 0, "{stats:?}");
    let raw: serde_json::Value = serde_json::from_str(stats.json()).unwrap();
    assert_eq!(raw["rss"], stats.into_inner().rss);
}

#[test]
fn an_agent_that_is_away_is_a_timeout_within_the_clients_time() {
    let (grid, client) = grid();
    grid.pause_agent(1, 1);
    let hasty = client.with_timeout(Duration::from_millis(50));
    let error = hasty.get_os_info((1, 1)).unwrap_err();
    assert!(
        error.is_timeout() && error.to_string().starts_with("get_os_info on agent 1:1"),
        "{error}"
    );
}

#[test]
fn processes_of_one_agent_and_of_all() {
    let (grid, client) = grid();
    let options = RunArgs::new().domain("dom");
    let job = client
        .execute(Target::agent((1, 1)), "sleep")
        .arg("600")
        .run_args(options)
        .submit()
        .unwrap();
    wait_until_running(&job);
    let names = |query: &ProcessQuery| {
        let found = client.get_processes((1, 1), query).unwrap();
        found
            .iter()
            .map(|process| process.cmd["cmd"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(names(&ProcessQuery::new()).contains(&"execute".to_owned()));
    assert_eq!(names(&ProcessQuery::new().name("sleep")), ["execute"]);
    assert_eq!(names(&ProcessQuery::new().domain("dom")), ["execute"]);
    assert_eq!(names(&ProcessQuery::new().domain("nope")), [""; 0]);
    let all = client.get_all_processes(&ProcessQuery::new().name("sleep")).unwrap();
    let counts: Vec<_> = all
        .iter()
        .map(|(agent, outcome)| match outcome {
            Outcome::Done(found) => (agent.to_string(), found.len()),
            other => panic!("{agent}: {other:?}"),
        })
        .collect();
    assert_eq!(counts, [("1:1".into(), 1), ("1:2".into(), 0), ("2:1".into(), 0)]);
    grid.pause_agent(2, 1);
    let some = with_growing_time(Duration::from_millis(300), |time| {
        client.with_timeout(time).get_all_processes(&ProcessQuery::new()).ok()
    });
    assert!(matches!(&some[&AgentId::new(2, 1)], Outcome::Failed(error) if error.is_timeout()));
    assert_eq!(some.len(), 3);
}

#[test]
fn stats_of_a_job_that_is_over_are_a_clear_error() {
    let (_grid, client) = grid();
    let job = client.execute(Target::agent((1, 1)), "true").run(WAIT).unwrap();
    let error = job.get_stats().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed);
    assert!(error.to_string().contains("only while the job is running"), "{error}");
}

#[test]
fn messages_by_level_limit_and_time() {
    let (_grid, client) = grid();
    let script = "echo one; echo '7::two'; echo three >&2; echo '9::four'";
    let job = client.bash(Target::agent((1, 1)), script).run(WAIT).unwrap();
    let all = MsgQuery::new();
    wait_until("all is logged", || job.get_msgs(&all).unwrap().len() == 4);
    let texts = |query: &MsgQuery| {
        let mut texts: Vec<String> =
            job.get_msgs(query).unwrap().into_iter().map(|message| message.data).collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(&MsgQuery::new().levels("1,7-8")), ["one", "two"]);
    assert_eq!(texts(&MsgQuery::new().levels("2")), ["three"]);
    assert_eq!(job.get_msgs(&MsgQuery::new().limit(2)).unwrap().len(), 2);
    let newest_first: Vec<i64> =
        job.get_msgs(&all).unwrap().iter().map(|message| message.id).collect();
    assert!(newest_first.is_sorted_by(|a, b| a > b), "{newest_first:?}");
    let now = SystemTime::now();
    let minute = Duration::from_secs(60);
    assert_eq!(texts(&MsgQuery::new().from(now - minute).to(now + minute)).len(), 4);
    assert_eq!(texts(&MsgQuery::new().from(now + minute)).len(), 0);
    assert_eq!(texts(&MsgQuery::new().to(now - minute)).len(), 0);
    for wrong in
        [MsgQuery::new().limit(0), MsgQuery::new().limit(1001), MsgQuery::new().levels("a")]
    {
        assert_eq!(job.get_msgs(&wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            client.get_msgs((1, 1), "x", &wrong).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
    assert_eq!(client.get_msgs((1, 1), job.id(), &all).unwrap().len(), 4);
    assert!(client.get_msgs((1, 1), "unknown", &all).unwrap().is_empty());
}

#[test]
fn following_gives_each_message_once_and_ends_with_the_job() {
    let (_grid, client) = grid();
    let script = "for i in $(seq 20); do echo line $i; sleep 0.05; done";
    let command = client.bash(Target::agent((1, 1)), script).submit().unwrap();
    wait_until_running(&command);
    let job = command.jobs().unwrap().into_values().next().unwrap();
    let mut follow = job.follow(&MsgQuery::new(), WAIT).unwrap();
    let mut messages: Vec<_> = follow.by_ref().map(Result::unwrap).collect();
    messages.sort_by_key(|message| message.id); // one that was written late comes late
    let texts: Vec<String> = messages.into_iter().map(|message| message.data).collect();
    let expected: Vec<String> = (1..=20).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(follow.job().state(), &JobState::Success);
    assert!(follow.next().is_none());
}

#[test]
fn following_ends_with_its_wait_and_its_token() {
    let (_grid, client) = grid();
    let command = client.bash(Target::agent((1, 1)), "echo x; sleep 600").submit().unwrap();
    wait_until_running(&command);
    let job = command.jobs().unwrap().into_values().next().unwrap();
    let mut follow = with_growing_time(Duration::from_millis(700), |wait| {
        let mut follow = job.follow(&MsgQuery::new(), wait).unwrap();
        assert_eq!(follow.next().unwrap().ok()?.data, "x");
        Some(follow)
    });
    assert!(follow.next().unwrap().unwrap_err().is_timeout());
    assert!(follow.next().is_none());
    let cancel = CancelToken::new().unwrap();
    let mut follow = job.follow(&MsgQuery::new(), Timeout::none().or_cancelled(&cancel)).unwrap();
    follow.next().unwrap().unwrap();
    cancel.cancel();
    assert_eq!(follow.next().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(follow.next().is_none());
    job.kill().unwrap();
}

#[test]
fn the_schedule() {
    let (_grid, client) = grid();
    let ping = || client.cmd(Target::agent((1, 1)), "ping");
    client.schedule_add("job.two", "@every 1h", ping()).unwrap();
    client
        .schedule_add("job.one", "0 30 3 * * *", client.bash(Target::all().role("cpu"), "true"))
        .unwrap();
    client.schedule_add("other", "*/5 * * * *", ping().tags("t")).unwrap();
    let listed = client.schedule_list().unwrap();
    let ids: Vec<&str> = listed.iter().map(|scheduled| scheduled.id.as_str()).collect();
    assert_eq!(ids, ["job.one", "job.two", "other"]);
    assert_eq!(
        (listed[0].cron.as_str(), &listed[0].cmd["roles"]),
        ("0 30 3 * * *", &json!(["cpu"]))
    );
    assert_eq!((&listed[2].cmd["cmd"], &listed[2].cmd["tags"]), (&json!("ping"), &json!("t")));
    assert!(client.schedule_remove("other").unwrap());
    assert!(!client.schedule_remove("other").unwrap());
    client.schedule_remove_prefix("job.").unwrap();
    assert!(client.schedule_list().unwrap().is_empty());
    for (id, cron) in [
        ("", "@hourly"),
        ("a\0", "@hourly"),
        ("a", "* * *"),
        ("a", "@every x"),
        ("a", "0 30 3 * *x"),
    ] {
        let error = client.schedule_add(id, cron, ping()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{id:?} {cron:?}: {error}");
    }
    // Without a command it would make the controller exit when it fires.
    let error =
        client.schedule_add("a", "@hourly", client.cmd(Target::agent((1, 1)), "")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_scheduled_command_runs() {
    let (grid, client) = grid();
    let touched = std::env::temp_dir().join(format!("acclient-schedule-{}", std::process::id()));
    let script = format!("echo fired > {}", touched.display());
    client.schedule_add("tick", "* * * * * *", client.bash(Target::agent((1, 1)), script)).unwrap();
    wait_until("it fired", || touched.exists());
    assert!(client.schedule_remove("tick").unwrap());
    drop(grid);
    std::fs::remove_file(touched).unwrap();
}

#[test]
fn agents_are_killed_and_restarted_as_a_whole() {
    let (grid, client) = grid();
    let mut long: Vec<_> = (0..2)
        .map(|_| client.execute(Target::agent((1, 1)), "sleep").arg("600").submit().unwrap())
        .collect();
    long.iter().for_each(wait_until_running);
    assert_eq!(client.killall(Target::agent((1, 1))).run(WAIT).unwrap().state(), &JobState::Killed);
    for command in &mut long {
        assert_eq!(command.next_result(WAIT).unwrap().unwrap().state(), &JobState::Killed);
    }
    assert_eq!(grid.running_jobs(), 0);
    client.restart(Target::agent((1, 1))).submit().unwrap();
    wait_until("it is back", || client.ping_agent((1, 1)).is_ok());
    let rebooted = client.reboot(Target::agent((1, 1))).run(WAIT).unwrap();
    assert_eq!(rebooted.state(), &JobState::UnknownCmd, "an extension that these agents lack");
}

#[test]
fn scripts_take_objects_only() {
    let (_grid, client) = grid();
    let wrong = json!(["no", "object"]);
    let named = client.execute_jumpscript(Target::agent((1, 2)), "test", "echo", &wrong).submit();
    assert_eq!(named.unwrap_err().kind(), ErrorKind::InvalidArgument);
    let sent = client.execute_jumpscript_content(Target::agent((1, 2)), "x", &wrong).submit();
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn history_where_there_is_one_and_where_there_is_none() {
    let (grid, client) = grid();
    let error = client.get_cmds(0, 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("does not keep one"), "{error}");
    // An older controller puts each command there, most recent first.
    let jobs: Vec<_> = ["a", "b", "c"]
        .map(|text| {
            client.execute(Target::agent((1, 1)), "echo").arg(text).tags(text).submit().unwrap()
        })
        .into();
    let mut connection = grid.redis().connection();
    for command in &jobs {
        let _: i64 =
            redis::cmd("LPUSH").arg("joblog").arg(command.dump()).query(&mut connection).unwrap();
    }
    let past = client.get_cmds(1, 5).unwrap();
    let tags: Vec<_> = past.iter().map(|command| command.tags().unwrap()).collect();
    assert_eq!(tags, ["b", "a"]);
    assert_eq!((past[0].id(), past[0].cmd()), (jobs[1].id(), Some("execute")));
    assert_eq!(past[0].target(), &Target::agent((1, 1)));
    let args = |command: &Command| command.args().unwrap().to_json();
    assert_eq!(args(&past[0]), args(&jobs[1]));
    wait_until("it is over", || past[0].jobs().unwrap().values().any(|job| job.stdout() == "b\n"));
    assert!(client.get_cmds(9, 5).unwrap().is_empty());
    assert_eq!(client.get_cmds(0, 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let _: i64 = redis::cmd("LPUSH").arg("joblog").arg("not json").query(&mut connection).unwrap();
    assert_eq!(client.get_cmds(0, 9).unwrap().len(), 3, "the others can be read");
    let unreadable = client.get_cmds(0, 1).unwrap_err();
    assert_eq!(unreadable.kind(), ErrorKind::Protocol);
    assert!(unreadable.to_string().starts_with("entry 0 of joblog: "), "{unreadable}");
    assert_eq!(client.get_cmds(1, 9).unwrap().len(), 3);
    // Entries of other programs are read as far as possible.
    let odd = r#"{"id":"odd","cmd":"x","args":{"name":"n","max_time":"ten"}}"#;
    let _: i64 = redis::cmd("LPUSH").arg("joblog").arg(odd).query(&mut connection).unwrap();
    let odd = client.get_cmds(0, 1).unwrap().remove(0);
    assert_eq!(odd.args().unwrap().to_json(), r#"{"name":"n","max_time":"ten"}"#);
    assert_eq!(odd.target().to_string(), "unknown");
}

/// The example of the original client's documentation: a fan-out, its first result, back to it by
/// id, its logs.
#[test]
fn the_worked_example_of_the_python_client() {
    let (_grid, client) = grid();
    let mut command = client.execute(Target::all().role("cpu"), "ls").arg("/usr").submit().unwrap();
    let first = command.next_result(WAIT).unwrap().expect("a result");
    assert!(first.is_success() && first.stdout().contains("bin"));
    let id = command.id().to_owned();

    let mut same = client.get_by_id(id);
    let mut seen = Vec::new();
    while let Some(job) = same.next_result(WAIT).unwrap() {
        seen.push(job.agent().to_string());
    }
    seen.sort();
    assert_eq!(seen, ["1:1", "2:1"]);
    for (agent, job) in same.jobs().unwrap() {
        wait_until("the log has it", || {
            let messages = job.get_msgs(&MsgQuery::new().levels("1").limit(1000)).unwrap();
            messages.iter().any(|message| message.data == "bin")
        });
        assert!(job.is_success(), "{agent}");
    }
}

#[test]
fn a_named_instance() {
    const VARIABLE: &str = "ACCLIENT_TEST_INSTANCE";
    if std::env::var_os(VARIABLE).is_some() {
        let client = Client::instance("main").unwrap();
        client.ping_agent((1, 1)).unwrap();
        let unknown = Client::instance("other").unwrap_err();
        assert!(unknown.to_string().contains("main"), "{unknown}");
        println!("instance ok");
        return;
    }
    let redis = RedisServer::builder().password("sesame");
    let grid = Grid::builder().agent(1, 1, &[]).redis(redis).start().unwrap();
    let file = std::env::temp_dir().join(format!("acclient-instances-{}.toml", std::process::id()));
    let port = grid.redis().port();
    std::fs::write(
        &file,
        format!("[main]\nhost = \"localhost\"\nport = {port}\npassword = \"sesame\"\n"),
    )
    .unwrap();
    let output = support::alone::program_for(support::this_test!())
        .env(VARIABLE, "1")
        .env("ACCLIENT_CONFIG", &file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("instance ok"), "{text}");
}
