//! Starts, stops, deaths and restarts of agents, controller and Redis.

use std::time::{Duration, Instant};

use crate::common::{Client, fresh, wait_until};
use crate::monitor::Monitor;
use devgrid::{Grid, RedisServer, Step};
use serde_json::json;
use support::LATE;
use support::gate::Gate;

#[test]
fn grid_is_send_and_sync() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Grid>();
    shareable::<RedisServer>();
}

#[test]
fn commands_for_a_dead_agent_wait_for_it() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    client.send("job", "execute", json!({"args": {"name": "sleep", "args": ["300"]}}));
    wait_until("the job to run", || grid.running_jobs() == 1);
    grid.kill_agent(1, 1);
    assert_eq!(grid.running_jobs(), 0);
    client.send("late", "ping", json!({}));
    client.wait_state("late", "1:1", "QUEUED");
    wait_until("the routing", || client.len("cmd.late.queued") == 1);
    assert_eq!(client.len("cmds:1:1"), 1);
    grid.start_agent(1, 1, &["cpu"]);
    assert_eq!(client.wait("late", 1, 1)["state"], "SUCCESS");
    // The job died with its agent, without a result.
    assert_eq!(client.state("job", "1:1").unwrap(), "RUNNING");
    assert_eq!(client.len("cmd.job.1.1"), 0);
}

#[test]
fn dead_agent_stays_routable_for_a_while() {
    let grid =
        Grid::builder().agent(1, 1, &[]).routable_for(Duration::from_secs(2)).start().unwrap();
    let mut client = Client::new(&grid);
    grid.kill_agent(1, 1);
    let killed = Instant::now();
    let mut number = 0;
    wait_until("the agent to be unregistered", || {
        number += 1;
        let id = format!("try{number}");
        client.send(&id, "ping", json!({}));
        wait_until("the routing", || client.len(&format!("cmd.{id}.queued")) == 1);
        client.state(&id, "1:1").unwrap() == "ERROR"
    });
    assert!(
        killed.elapsed() >= Duration::from_secs(1), // it polled a while before
        "unregistered after {:?}",
        killed.elapsed()
    );
    grid.start_agent(1, 1, &[]);
    assert_eq!(client.run("again", "ping", json!({}))["state"], "SUCCESS");
}

#[test]
fn new_agent_receives_commands() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    grid.start_agent(7, 8, &["gpu"]);
    client.send("gpu", "ping", json!({"gid": 0, "nid": 0, "roles": ["gpu"]}));
    assert_eq!(client.wait("gpu", 7, 8)["gid"], 7);
}

#[test]
fn paused_agent_holds_back_commands_and_results() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    client.run("fifo", "bash", json!({"data": "mkfifo pipe"}));
    client.send("held", "bash", json!({"data": "read x < pipe; echo $x"}));
    wait_until("the job to run", || grid.running_jobs() == 1);
    grid.pause_agent(1, 1);
    client.send("later", "ping", json!({}));
    wait_until("the routing", || client.len("cmd.later.queued") == 1);
    // End the job while its agent is paused, by writing into its pipe.
    let home = pipe_of(&grid);
    std::fs::write(home, "word\n").unwrap();
    wait_until("the job to end", || grid.running_jobs() == 0);
    assert_eq!(client.state("held", "1:1").unwrap(), "RUNNING");
    assert_eq!(client.state("later", "1:1").unwrap(), "QUEUED");
    assert_eq!(client.len("cmds:1:1"), 1);
    grid.resume_agent(1, 1);
    assert_eq!(client.wait("held", 1, 1)["streams"][0], "word\n");
    assert_eq!(client.wait("later", 1, 1)["state"], "SUCCESS");
}

/// Path of the pipe, in the working directory of jobs of agent 1:1.
fn pipe_of(grid: &Grid) -> std::path::PathBuf {
    let mut connection = grid.redis().connection();
    let dir: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("dir").query(&mut connection).unwrap();
    std::path::Path::new(&dir[1]).join("1.1/pipe")
}

#[test]
fn stopped_controller_leaves_the_queue_and_loses_results() {
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    let mut client = Client::new(&grid);
    let gate = Gate::new();
    client.send("lost", "bash", json!({"data": gate.wait()}));
    wait_until("the job to run", || grid.running_jobs() == 1);
    grid.stop_controller();
    assert!(!grid.controller_running());
    client.send("waits", "ping", json!({}));
    gate.open();
    wait_until("the job to end", || grid.running_jobs() == 0);
    assert_eq!(client.len("cmds.queue"), 1);
    assert_eq!(blocked_clients(&mut client), 0);
    grid.start_controller();
    assert_eq!(client.wait("waits", 1, 1)["state"], "SUCCESS");
    // Its result arrived while no controller was running.
    assert_eq!(client.state("lost", "1:1").unwrap(), "RUNNING");
    assert_eq!(client.len("cmd.lost.1.1"), 0);
}

fn blocked_clients(client: &mut Client) -> usize {
    let info: String = client.ask(&["INFO", "clients"]);
    let line = info.lines().find_map(|l| l.strip_prefix("blocked_clients:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn stopping_and_starting_loses_no_command() {
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    let mut client = Client::new(&grid);
    let count = 600;
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            let mut client = Client::new(&grid);
            for number in 0..count {
                client.send(&format!("n{number}"), "ping", json!({}));
                if number % 20 == 0 {
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
        });
        while !pushing.is_finished() {
            grid.stop_controller();
            grid.start_controller();
        }
    });
    for number in 0..count {
        wait_until("every command to be routed once", || {
            client.len(&format!("cmd.n{number}.queued")) == 1
        });
        wait_until(&format!("the result of command {number}"), || {
            client.len(&format!("cmd.n{number}.1.1")) == 1
        });
    }
}

#[test]
fn agents_register_late_after_a_restart() {
    let grid = Grid::builder().agent(1, 1, &[]).start().unwrap();
    let mut client = Client::new(&grid);
    assert_eq!(client.run("first", "ping", json!({}))["state"], "SUCCESS");
    grid.stop_controller();
    grid.start_controller();
    let early = client.run("early", "ping", json!({}));
    assert_eq!(early["data"], "No matching connected agents found");
    wait_until("the registration", || {
        client.forget();
        client.send("then", "ping", json!({}));
        client.wait("then", 1, 1)["state"] == "SUCCESS"
    });
}

#[test]
fn controller_crashes_after_the_given_step() {
    // After the crash: state in the hash, lengths of cmds:1:1, of the key queued and of the result list, and whether
    // the latter expires.
    type After = (Step, Option<&'static str>, usize, usize, usize, bool);
    const AFTER: [After; 8] = [
        (Step::Pop, None, 0, 0, 0, false),
        (Step::Queued, Some("QUEUED"), 0, 0, 0, false),
        (Step::Pushed, Some("QUEUED"), 1, 0, 0, false),
        (Step::Announced, Some("QUEUED"), 1, 1, 0, false),
        (Step::Fetched, Some("QUEUED"), 0, 1, 0, false),
        (Step::Running, Some("RUNNING"), 0, 1, 0, false),
        (Step::ResultHash, Some("SUCCESS"), 0, 1, 0, false),
        (Step::ResultList, Some("SUCCESS"), 0, 1, 1, false),
    ];
    for (step, state, waiting, queued, results, expires) in AFTER {
        let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
        let mut client = Client::new(&grid);
        let early = matches!(step, Step::Pop | Step::Queued | Step::Pushed | Step::Announced);
        if early {
            // So that the agent does not fetch the command.
            grid.pause_agent(1, 1);
        }
        grid.crash_controller_after(step);
        client.send("id", "ping", json!({}));
        wait_until(&format!("the crash after {step:?}"), || !grid.controller_running());
        grid.stop_controller();
        assert_eq!(client.len("cmds.queue"), 0, "{step:?}");
        assert_eq!(client.state("id", "1:1").as_deref(), state, "{step:?}");
        assert_eq!(client.len("cmds:1:1"), waiting, "{step:?}");
        assert_eq!(client.len("cmd.id.queued"), queued, "{step:?}");
        assert_eq!(client.len("cmd.id.1.1"), results, "{step:?}");
        assert_eq!(client.ask::<i64>(&["TTL", "cmd.id.1.1"]) > 0, expires, "{step:?}");
        grid.start_controller();
        grid.resume_agent(1, 1);
        assert_eq!(client.run("next", "ping", json!({}))["state"], "SUCCESS", "{step:?}");
        if waiting == 1 {
            assert_eq!(client.wait("id", 1, 1)["state"], "SUCCESS", "{step:?}");
        }
    }
}

/// Restart delay of the supervisor.
const SOON: Duration = Duration::from_millis(50);

#[test]
fn controller_dies_with_redis_and_loses_results_until_restarted() {
    let grid = Grid::builder()
        .agent(1, 1, &[])
        .redis(RedisServer::builder().persistent())
        .registration_delay(Duration::ZERO)
        .supervise(SOON)
        .start()
        .unwrap();
    let mut client = Client::new(&grid);
    let (early, late) = (Gate::new(), Gate::new());
    client.send("early", "bash", json!({"data": early.wait()}));
    client.send("late", "bash", json!({"data": late.wait()}));
    wait_until("the jobs to run", || grid.running_jobs() == 2);
    wait_until("the routing", || client.len("cmd.late.queued") == 1);
    let pid = grid.redis().pid();
    grid.redis().kill();
    assert!(!crate::common::alive(pid));
    wait_until("the controller to die", || !grid.controller_running());
    early.open();
    wait_until("the job to end", || grid.running_jobs() == 1);
    grid.redis().restart();
    let mut client = Client::new(&grid);
    wait_until("a new controller", || {
        client.run(&fresh("after"), "ping", json!({}))["state"] == "SUCCESS"
    });
    // The data was persisted, but the result is lost.
    assert_eq!(client.state("early", "1:1").unwrap(), "RUNNING");
    assert_eq!(client.len("cmd.early.queued"), 1);
    assert_eq!(client.len("cmd.early.1.1"), 0);
    late.open();
    assert_eq!(client.wait("late", 1, 1)["state"], "SUCCESS");
}

#[test]
fn controller_without_supervisor_stays_dead() {
    let grid = Grid::demo().unwrap();
    grid.redis().kill();
    wait_until("the controller to die", || !grid.controller_running());
    grid.redis().restart();
    let mut client = Client::new(&grid);
    client.send("id", "ping", json!({}));
    assert_eq!(client.len("cmds.queue"), 1);
    assert!(!grid.controller_running());
    grid.start_controller();
    assert!(grid.controller_running());
}

#[test]
fn redis_error_kills_the_controller() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    // A master that becomes a replica rejects blocking commands.
    let _: String = client.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    wait_until("the controller to die", || !grid.controller_running());
}

#[test]
fn result_rejected_by_redis_is_lost() {
    let grid = Grid::demo().unwrap();
    let mut client = Client::new(&grid);
    let gate = Gate::new();
    client.send("id", "bash", json!({"data": gate.wait()}));
    client.wait_state("id", "1:1", "RUNNING");
    for key in ["jobresult:id", "cmd.id.1.1"] {
        let _: i64 = client.ask(&["DEL", key]);
        let _: String = client.ask(&["SET", key, "no hash and no list"]);
    }
    let monitor = Monitor::start(grid.redis().port());
    gate.open();
    wait_until("the result to be rejected", || {
        let commands = monitor.commands(&mut client);
        commands.iter().any(|words| words.starts_with(&["RPUSH".into(), "cmd.id.1.1".into()]))
    });
    // There is no retry.
    assert_eq!(client.run("next", "ping", json!({}))["state"], "SUCCESS");
    assert_eq!(client.ask::<String>(&["GET", "cmd.id.1.1"]), "no hash and no list");
}

#[test]
fn paused_redis_delays_the_stop_only_briefly() {
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    grid.redis().pause();
    let began = Instant::now();
    grid.stop_controller();
    assert!(began.elapsed() < LATE, "stopping took {:?}", began.elapsed());
    grid.redis().resume();
    grid.start_controller();
    assert_eq!(Client::new(&grid).run("id", "ping", json!({}))["state"], "SUCCESS");
}

#[test]
fn server_with_password_acl_and_unix_socket() {
    let password = "p @:/ä\"\\";
    let builder = RedisServer::builder()
        .password(password)
        .user_acl("alice on >pw ~* +@all")
        .arg("--hz", "50");
    let grid = Grid::builder().agent(1, 1, &[]).redis(builder).start().unwrap();
    let mut client = Client::new(&grid);
    assert_eq!(client.run("id", "ping", json!({}))["state"], "SUCCESS");
    let hz: Vec<String> = client.ask(&["CONFIG", "GET", "hz"]);
    assert_eq!(hz[1], "50");
    let anonymous =
        redis::Client::open(format!("redis://127.0.0.1:{}", grid.redis().port())).unwrap();
    assert!(anonymous.get_connection().and_then(|mut c| redis::cmd("PING").exec(&mut c)).is_err());
    let alice =
        redis::Client::open(format!("redis://alice:pw@127.0.0.1:{}", grid.redis().port())).unwrap();
    redis::cmd("PING").exec(&mut alice.get_connection().unwrap()).unwrap();
    redis::cmd("PING")
        .exec(&mut redis::Client::open(grid.url()).unwrap().get_connection().unwrap())
        .unwrap();

    let grid = Grid::builder()
        .agent(1, 1, &[])
        .redis(RedisServer::builder().unix_socket())
        .registration_delay(Duration::ZERO)
        .start()
        .unwrap();
    assert_eq!(grid.redis().port(), 0);
    assert_eq!(
        grid.url(),
        format!("redis+unix://{}", grid.redis().socket_path().unwrap().display())
    );
    assert_eq!(Client::new(&grid).run("id", "ping", json!({}))["state"], "SUCCESS");
    let secret = RedisServer::builder().unix_socket().password("x y").start().unwrap();
    redis::cmd("PING").exec(&mut secret.connection()).unwrap();
    grid.redis().shutdown();
    wait_until("the controller to die", || !grid.controller_running());
    grid.redis().restart();
    grid.start_controller();
    assert_eq!(Client::new(&grid).run("id2", "ping", json!({}))["state"], "SUCCESS");
}
