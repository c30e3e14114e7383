//! Commands on real processes, while parts of the grid fail.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, ErrorKind, JobState, RunArgs, Target, Timeout};
use devgrid::{Fault, Grid, RedisServer};
use support::demo as grid;
use support::gate::Gate;
use support::{WAIT, keys_without_ttl, servers, wait_until, wait_until_running, with_growing_time};

fn agent() -> Target {
    Target::agent((1, 1))
}

#[test]
fn every_end_of_a_job_is_told() {
    let (_grid, client) = grid();
    let run = |program: &str, args: &[&str], options: RunArgs| {
        client
            .execute(agent(), program)
            .args(args.iter().copied())
            .run_args(options)
            .run(WAIT)
            .unwrap()
    };
    let none = RunArgs::new;
    assert_eq!(run("true", &[], none()).state(), &JobState::Success);
    assert_eq!(run("false", &[], none()).state(), &JobState::Error);
    assert_eq!(run("sleep", &["600"], none().max_time(1)).state(), &JobState::Timeout);
    assert_eq!(run("no-such-program", &[], none()).state(), &JobState::Error);
    let unknown = client.cmd(agent(), "no-such-command").run(WAIT).unwrap();
    assert_eq!(unknown.state(), &JobState::UnknownCmd);
    assert_eq!(unknown.clone().into_success().unwrap_err().kind(), ErrorKind::UnknownCommand);
    assert_eq!((unknown.streams(), unknown.starttime()), (None, None));
    let killed = client.execute(agent(), "sleep").arg("600").submit().unwrap();
    wait_until_running(&killed);
    killed.kill().unwrap().into_result().unwrap();
    let mut killed = killed;
    assert_eq!(killed.next_result(WAIT).unwrap().unwrap().state(), &JobState::Killed);
}

#[test]
fn the_fields_of_a_job_are_those_of_the_process() {
    let (_grid, client) = grid();
    let script = "read line; echo \"out $line $0 $X $(pwd)\"; echo err >&2; echo '9::bad'; \
                  echo '20::{\"answer\": 42}'; exit 3";
    let options = RunArgs::new().working_dir("/usr").env("X", "a b").queue("q").domain("d");
    let command = client.execute(agent(), "sh").args(["-c", script, "zero"]).run_args(options);
    let job = command.data("hello\n").tags("t").id("an id").run(WAIT).unwrap();
    assert_eq!(job.stdout(), "out hello zero a b /usr\n");
    assert_eq!(job.stderr(), "err\n");
    assert_eq!((job.state(), job.cmd(), job.id()), (&JobState::Error, "execute", "an id"));
    assert_eq!((job.critical(), job.tags(), job.level()), (Some("bad"), Some("t"), 20));
    assert_eq!(job.json::<serde_json::Value>().unwrap()["answer"], 42);
    assert_eq!(job.args()["working_dir"], "/usr");
    assert_eq!(job.agent().to_string(), "1:1");
    assert!(job.starttime().unwrap().elapsed().unwrap() < WAIT);
    assert!(job.time() < WAIT);
    let error = job.into_success().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed);
    assert!(error.to_string().contains("answer"), "{error}");
    assert_eq!(error.job().unwrap().stderr(), "err\n");
}

#[test]
fn long_and_odd_output_arrives() {
    let (_grid, client) = grid();
    let job = client.execute(agent(), "seq").arg("10000").run(WAIT).unwrap();
    let lines: Vec<&str> = job.stdout().lines().collect();
    assert_eq!((lines.len(), lines[0], lines[999]), (1000, "9001", "10000"));
    let job = client.bash(agent(), "printf '\\377\\376bad\\000end\\n'").run(WAIT).unwrap();
    assert_eq!(job.stdout(), "\u{fffd}\u{fffd}bad\0end\n");
    let text = "line \"one\"\t<&>\nünïcode ☃ 😀\n";
    assert_eq!(client.execute(agent(), "cat").data(text).run(WAIT).unwrap().stdout(), text);
}

#[test]
fn two_hundred_commands_at_once() {
    let (grid, client) = grid();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let client = client.clone();
            thread::spawn(move || {
                let numbers = (0..25).map(|number| format!("{thread}-{number}"));
                let commands = numbers.map(|number| {
                    (
                        client
                            .execute(Target::agent((1, 1)), "echo")
                            .arg(&number)
                            .submit()
                            .unwrap(),
                        number,
                    )
                });
                for (mut command, number) in commands.collect::<Vec<_>>() {
                    let job = command.next_result(WAIT).unwrap().unwrap();
                    assert_eq!(job.stdout(), format!("{number}\n"));
                    assert!(command.next_result(WAIT).unwrap().is_none());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(client);
    assert_eq!(keys_without_ttl(grid.redis()), [""; 0]);
}

#[test]
fn running_written_after_the_result_changes_nothing() {
    let (grid, client) = grid();
    grid.inject(Fault::RunningAfterTerminal);
    let mut command = client.execute(agent(), "echo").arg("x").submit().unwrap();
    let job = command.next_result(WAIT).unwrap().unwrap();
    assert_eq!(job.state(), &JobState::Success);
    let hash: String = redis::cmd("HGET")
        .arg(format!("jobresult:{}", command.id()))
        .arg("1:1")
        .query(&mut grid.redis().connection())
        .unwrap();
    assert!(hash.contains("RUNNING"), "the fault did not take: {hash}");
    let job = command.jobs().unwrap().into_values().next().unwrap();
    assert_eq!(job.state(), &JobState::Success);
    let mut late = client.get_by_id(command.id());
    assert_eq!(late.try_next_result().unwrap().unwrap().stdout(), "x\n");
}

#[test]
fn an_id_used_twice_gives_both_the_answer_of_the_first() {
    let (_grid, client) = grid();
    let gate = Gate::new();
    let start = |output: &str| {
        let script = format!("{}; echo {output}", gate.wait());
        client.bash(agent(), script).id("twice").submit().unwrap()
    };
    let mut first = start("first");
    wait_until_running(&first);
    let mut second = start("second");
    wait_until("the agent refused the second", || {
        let jobs = second.jobs().unwrap();
        jobs.values().any(|job| job.state() == &JobState::DuplicateId)
    });
    with_growing_time(Duration::from_millis(60), |wait| {
        let short = second.next_result(wait).unwrap_err();
        assert!(short.is_timeout(), "{short}");
        short.to_string().contains("same id was running").then_some(())
    });
    gate.open();
    for command in [&mut first, &mut second] {
        assert_eq!(command.next_result(WAIT).unwrap().unwrap().stdout(), "first\n");
    }
    // Once it has ended, the same ID runs again, and the later result counts.
    let mut third = start("third");
    wait_until("the third is over", || {
        let job = third.jobs().unwrap().into_values().next();
        job.is_some_and(|job| job.stdout() == "third\n")
    });
    assert_eq!(third.next_result(WAIT).unwrap().unwrap().stdout(), "third\n");
}

#[test]
fn a_recurring_command_is_not_waited_for_for_ever() {
    let (_grid, client) = grid();
    let recurring = RunArgs::new().recurring_period(1);
    let mut command = client.execute(agent(), "true").run_args(recurring.clone()).submit().unwrap();
    let refused = command.next_result(None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    let refused = client.execute(agent(), "true").run_args(recurring).run(None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    wait_until_running(&command);
    assert!(command.next_result(Duration::from_millis(10)).unwrap_err().is_timeout());
    command.kill().unwrap().into_result().unwrap();
    assert_eq!(command.next_result(WAIT).unwrap().unwrap().state(), &JobState::Killed);
}

#[test]
fn a_command_for_nobody_is_an_error_about_routing() {
    let (grid, client) = grid();
    let error = client.execute(Target::agent((9, 9)), "true").run(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchAgent);
    assert!(error.to_string().starts_with("execute true on agent 9:9: "), "{error}");
    assert!(!error.is_retriable());
    assert_eq!(client.ping_agent((9, 9)).unwrap_err().kind(), ErrorKind::NoSuchAgent);
    let mut command = client.cmd(Target::agent((9, 9)), "ping").submit().unwrap();
    assert_eq!(command.next_result(WAIT).unwrap_err().kind(), ErrorKind::NoSuchAgent);
    assert!(command.next_result(WAIT).unwrap().is_none(), "told once, like a result");
    // The controller writes `queued` after its answer, so here it has to be expired later.
    drop((client, command, error));
    assert_eq!(keys_without_ttl(grid.redis()), [""; 0]);
}

#[test]
fn results_are_found_by_id_and_by_printed_form() {
    let (grid, client) = grid();
    let id = "odd: id % 😀";
    let command = client.execute(agent(), "echo").arg("x").id(id).submit().unwrap();
    let other = Client::connect(&grid.url()).unwrap();
    assert_eq!(other.get_by_id(id).next_result(WAIT).unwrap().unwrap().stdout(), "x\n");
    let printed = command.to_string();
    assert!(printed.is_ascii() && !printed.contains(' '), "{printed}");
    let mut found = other.get_by_handle(&printed).unwrap();
    assert_eq!((found.id(), found.to_string()), (id, printed));
    assert_eq!(found.next_result(Duration::ZERO).unwrap().unwrap().stdout(), "x\n");
    assert!(found.try_next_result().unwrap().is_none());
    let unknown = other.get_by_id("never-sent").next_result(Duration::from_millis(30)).unwrap_err();
    assert!(unknown.is_timeout(), "{unknown}");
    assert!(other.get_by_id("never-sent").jobs().unwrap().is_empty());
}

#[test]
fn a_job_is_refreshed_and_waited_for() {
    let (_grid, client) = grid();
    let command = client.bash(agent(), "read x").submit().unwrap();
    let mut ended = client.bash(agent(), "sleep 0.2; echo done").submit().unwrap();
    wait_until("both have a job", || !ended.jobs().unwrap().is_empty());
    let mut job = ended.jobs().unwrap().into_values().next().unwrap();
    job.wait(WAIT).unwrap();
    assert_eq!(job.stdout(), "done\n");
    job.refresh().unwrap();
    assert_eq!(job.stdout(), "done\n");
    assert!(ended.next_result(Duration::ZERO).unwrap().is_some());
    drop(command);
}

#[test]
fn commands_for_a_dead_agent_run_when_it_returns() {
    let (grid, client) = grid();
    grid.kill_agent(1, 2);
    let mut command = client.execute(Target::agent((1, 2)), "echo").arg("late").submit().unwrap();
    let error = command.next_result(Duration::from_millis(50)).unwrap_err();
    assert!(error.is_timeout() && error.is_retriable());
    assert_eq!(error.command_handle(), Some(command.to_string().as_str()));
    grid.start_agent(1, 2, &["storage"]);
    assert_eq!(command.next_result(WAIT).unwrap().unwrap().stdout(), "late\n");
}

#[test]
fn commands_wait_for_a_controller_that_is_away() {
    let grid = Grid::demo_builder().registration_delay(Duration::ZERO).start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    grid.stop_controller();
    let mut command = client.execute(agent(), "echo").arg("x").submit().unwrap();
    assert!(command.next_result(Duration::from_millis(50)).unwrap_err().is_timeout());
    let hasty = client.with_timeout(Duration::from_millis(50));
    assert!(hasty.list_agents().unwrap_err().is_timeout());
    let waiter = thread::spawn(move || command.next_result(WAIT));
    grid.start_controller();
    assert_eq!(waiter.join().unwrap().unwrap().unwrap().stdout(), "x\n");
}

#[test]
fn a_wait_outlives_a_restart_of_redis_and_the_controller() {
    let grid = Grid::builder()
        .agent(1, 1, &[])
        .redis(RedisServer::builder().persistent())
        .supervise(Duration::from_millis(50))
        .start()
        .unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let gate = Gate::new();
    let script = format!("{}; echo done", gate.wait());
    let mut command = client.bash(agent(), &script).submit().unwrap();
    wait_until_running(&command);
    let waiter = thread::spawn(move || command.next_result(WAIT));
    grid.redis().kill();
    wait_until("the controller has died", || !grid.controller_running());
    grid.redis().restart();
    // A job that ended before another one is there would be lost.
    wait_until("another controller has the agent", || {
        client.cmd(agent(), "ping").run(WAIT).is_ok_and(|pong| pong.is_success())
    });
    gate.open();
    assert_eq!(waiter.join().unwrap().unwrap().unwrap().stdout(), "done\n");
    client.ping().unwrap();
}

#[test]
fn a_wait_says_that_redis_is_gone() {
    let (grid, client) = grid();
    let mut command = client.execute(agent(), "sleep").arg("600").submit().unwrap();
    grid.redis().kill();
    with_growing_time(Duration::from_millis(300), |wait| {
        let begun = Instant::now();
        let error = command.next_result(wait).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(begun.elapsed() >= wait);
        error.to_string().contains("cannot connect to 127.0.0.1").then_some(())
    });
    assert_eq!(client.ping().unwrap_err().kind(), ErrorKind::Connect);
    let sent = client.execute(agent(), "true").submit().unwrap_err();
    assert_eq!((sent.kind(), sent.is_maybe_sent()), (ErrorKind::Connect, false));
}

#[test]
fn closing_the_client_ends_waits_in_other_threads() {
    let (_grid, client) = grid();
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let mut command = client.execute(agent(), "sleep").arg("600").submit().unwrap();
            thread::spawn(move || command.next_result(None))
        })
        .collect();
    client.close();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
    assert_eq!(client.ping().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_token_ends_waits_and_later_calls() {
    let (_grid, client) = grid();
    let cancel = CancelToken::new().unwrap();
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let mut command = client.execute(agent(), "sleep").arg("600").submit().unwrap();
            let wait = Timeout::none().or_cancelled(&cancel);
            thread::spawn(move || command.next_result(wait))
        })
        .collect();
    assert!(cancel.cancel());
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    }
    assert_eq!(client.with_cancel(&cancel).ping().unwrap_err().kind(), ErrorKind::Cancelled);
    client.ping().unwrap();
}

#[test]
fn calls_past_the_pool_wait_their_turn() {
    let grid = Grid::demo().unwrap();
    let client = Client::builder().url(&grid.url()).unwrap().max_connections(2).connect().unwrap();
    let client = Arc::new(client);
    let mut commands: Vec<_> =
        (0..2).map(|_| client.execute(agent(), "sleep").arg("600").submit().unwrap()).collect();
    let kill: Vec<_> = commands.iter().map(|command| command.to_string()).collect();
    let waiters: Vec<_> = commands
        .drain(..)
        .map(|mut command| thread::spawn(move || command.next_result(WAIT)))
        .collect();
    let one_more = |wait| client.get_by_handle(&kill[0]).unwrap().next_result(wait);
    wait_until("both connections are in use", || {
        one_more(Duration::from_millis(50))
            .is_err_and(|error| error.kind() == ErrorKind::PoolExhausted)
    });
    // One that waits longer gets its turn as soon as a wait ends.
    let patient = {
        let mut command = client.get_by_handle(&kill[0]).unwrap();
        thread::spawn(move || command.next_result(WAIT))
    };
    let other = Client::connect(&grid.url()).unwrap();
    other.get_by_handle(&kill[0]).unwrap().kill().unwrap().into_result().unwrap();
    patient.join().unwrap().unwrap().expect("a result");
    other.get_by_handle(&kill[1]).unwrap().kill().unwrap().into_result().unwrap();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap().unwrap().unwrap().state(), &JobState::Killed);
    }
}

#[test]
fn password_user_database_and_unix_socket() {
    if !servers::has_users() {
        return;
    }
    let redis = RedisServer::builder().password("s e:cret").user_acl("ops on >other ~* +@all");
    let grid = Grid::builder().agent(1, 1, &[]).redis(redis).start().unwrap();
    Client::connect(&grid.url()).unwrap().ping_agent((1, 1)).unwrap();
    let port = grid.redis().port();
    let builder = || Client::builder().port(port);
    builder().password("s e:cret").connect().unwrap().ping_agent((1, 1)).unwrap();
    let ops = builder().user("ops").password("other").connect().unwrap();
    ops.ping_agent((1, 1)).unwrap();
    builder().password("s e:cret").db(3).connect().unwrap().ping().unwrap();
    for wrong in [builder(), builder().password("x"), builder().user("ops").password("s e:cret")] {
        let error = wrong.connect().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        assert!(!error.is_retriable() && !error.to_string().contains("cret"), "{error}");
    }
    let socket = RedisServer::builder().unix_socket();
    let grid = Grid::builder().agent(1, 1, &[]).redis(socket).start().unwrap();
    assert!(grid.url().starts_with("redis+unix://"), "{}", grid.url());
    Client::connect(&grid.url()).unwrap().ping_agent((1, 1)).unwrap();
}

#[test]
fn an_old_server_is_served_by_resp2_and_brpoplpush() {
    let redis = servers::without_hello().password("pw");
    let grid = Grid::builder().agent(1, 1, &[]).redis(redis).start().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    let mut command = client.execute(agent(), "echo").arg("x").submit().unwrap();
    assert_eq!(command.next_result(WAIT).unwrap().unwrap().stdout(), "x\n");
    assert_eq!(client.get_by_id(command.id()).jobs().unwrap().len(), 1);
    let stats: String =
        redis::cmd("INFO").arg("commandstats").query(&mut grid.redis().connection()).unwrap();
    assert!(stats.contains("cmdstat_brpoplpush") && !stats.contains("cmdstat_blmove"), "{stats}");
}
