//! docs/errors.md: every kind of error with its meaning, its remedy, and the messages of its typical causes. What
//! differs from run to run is a `#` there.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use acclient::{
    AgentId, CancelToken, Client, Error, ErrorKind, MsgQuery, RunArgs, Target, Timeout, Tunnel,
};
use devgrid::{Fault, Grid, RedisServer};
use support::alone::{is_alone, program_for};
use support::process::{exit_status, fork};
use support::scripted::Server;
use support::{
    ClosedPort, ROOT, WAIT, ask, error, servers, wait_until, wait_until_running, with_growing_time,
};

const PAGE: &str = "docs/errors.md";
/// What stands above the kinds.
const HEADING: &str = "\
# Errors

Every error has a kind, and a message that says what was asked of which agent, why it failed, how long the call took,
and the handle of the command. The kinds are the same in every language: `ErrorKind::Timeout` in Rust,
`ACCLIENT_TIMEOUT` in C, `errc::timeout` in C++, `ErrTimeout` in Go, and `Timeout` in the JSON of acctl;
[docs/api.md](api.md) lists them. Where a command may have been sent, the error carries its handle, with which any process finds
the command again. [docs/faults.md](faults.md) has the kind that each call returns for each fault of the server.

The messages are those of the tests; `#` stands for what differs from run to run.
";
/// Set to write the page instead of comparing it.
const WRITE: &str = "ACCLIENT_WRITE_ERRORS";

/// What a kind means, and what to do about it.
fn meaning(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::InvalidArgument => (
            "An argument is invalid. Nothing was sent.",
            "Correct the argument; the message names it and says what is expected.",
        ),
        ErrorKind::Connect => (
            "Redis could not be reached, or the connection was lost.",
            "Check address, port and firewall, and that Redis runs. Retrying is safe.",
        ),
        ErrorKind::Authentication => (
            "Redis rejected the user or the password, or requires one.",
            "Correct the credentials. Retrying does not help.",
        ),
        ErrorKind::Timeout => (
            "The deadline of the call was exceeded. The message says how far the command got.",
            "Wait again with the handle, or use a longer timeout; `progress` and `doctor` show what is missing.",
        ),
        ErrorKind::Cancelled => (
            "A cancel token, a context or a stop token ended the call.",
            "None is needed. A command that was sent continues to run: find it with its handle, or kill it.",
        ),
        ErrorKind::Server => (
            "Redis replied with an error; its words are in the message.",
            "Correct the settings or the rights of the user: see [docs/redis.md](redis.md).",
        ),
        ErrorKind::Protocol => (
            "A reply, or a document in Redis, cannot be decoded.",
            "Check that the address is that of a Redis, and that all programs of the grid speak the same protocol.",
        ),
        ErrorKind::NoSuchAgent => (
            "The controller knows no agent for the target at this moment.",
            "Check the target with `acctl agents`. Agents register up to 4 seconds after their controller has started.",
        ),
        ErrorKind::JobFailed => (
            "A job ended in a state other than `SUCCESS`.",
            "Read the state, the exit status and the output of the job, which the error carries.",
        ),
        ErrorKind::UnknownCommand => (
            "The agent or the controller does not know the command.",
            "Correct the name of the command, or install it on the agent.",
        ),
        ErrorKind::Unsupported => (
            "The server, the controller, the agent or this version of the library does not support the request.",
            "Use a version that does; the message names what is missing.",
        ),
        ErrorKind::MaybeSent => (
            "The whole command was sent, but Redis did not confirm it: it may run or not.",
            "Look for its result with the handle. `submit_once` can be retried without running the command twice.",
        ),
        ErrorKind::PoolExhausted => (
            "All connections that the call may use stayed in use until the deadline.",
            "Raise the maximum number of connections, or wait for several commands in one call.",
        ),
        ErrorKind::Closed => (
            "The client was closed.",
            "Use another client. Commands that were sent continue to run.",
        ),
        ErrorKind::ForkedHandle => (
            "The handle was made in another process, before a fork, and works only there.",
            "Make the handle after the fork.",
        ),
        ErrorKind::Panic => (
            "A panic was caught at the C boundary; the handle in which it happened refuses further use.",
            "Free the handle, and report a bug.",
        ),
        ErrorKind::System => (
            "The operating system refused a descriptor, a thread or a file.",
            "Raise the limit that the message names, or close what is not needed.",
        ),
        ErrorKind::NoSuchTunnel => (
            "The agent, or the controller, lists no such tunnel.",
            "Open it again: a tunnel ends when its agent restarts.",
        ),
        ErrorKind::TunnelExists => (
            "The agent, or the controller, lists the tunnel already.",
            "Close it first, or use another port.",
        ),
        ErrorKind::NotRunning => (
            "The agent is not running the job, so a kill cannot reach it.",
            "`progress` tells whether the job waits in a queue, has not started, or is lost; `retract` takes back what \
             no agent has fetched.",
        ),
        ErrorKind::Lost => (
            "The job is lost: no agent has it, and its result cannot come any more. It may have run.",
            "Decide whether it may run twice, and submit it again under a new id.",
        ),
        ErrorKind::Gap => (
            "Messages of a job may be missing from its log, which continues after the error.",
            "Read on. Poll more often, or raise the number of messages that the agent keeps.",
        ),
        ErrorKind::IdInUse => (
            "Another command was submitted under the id by `submit_once`. Nothing was sent.",
            "Use another id for another command.",
        ),
        other => panic!("{other:?} has no meaning here"),
    }
}

/// A kind, its cause, and the message.
struct Row(ErrorKind, &'static str, String);

fn row<T>(cause: &'static str, result: Result<T, Error>) -> Row {
    let error = error(result, cause);
    Row(error.kind(), cause, error.to_string())
}

/// Numbers, ids and paths are different each time.
fn generic(message: &str) -> String {
    let mut text = String::new();
    for word in message.split_inclusive([' ', '[', ']', '(', ')', '"', ',']) {
        let bare = word.trim_end_matches([' ', '[', ']', '(', ')', '"', ',']);
        let is_uuid = bare.len() >= 36 && bare.matches('-').count() >= 4;
        if bare.starts_with("acclient:1:") && is_uuid {
            text += &word.replace(&bare[11..47], "#");
        } else if is_uuid {
            text += &word.replace(&bare[..36], "#");
        } else if let Some(port) = bare.strip_prefix("127.0.0.1:") {
            text += &word.replace(port.trim_end_matches([':', ';']), "#");
        } else if bare.parse::<f64>().is_ok() && bare.contains('.') {
            text += &word.replace(bare, "#");
        } else {
            text += word;
        }
    }
    support::without_last_look(&text).replace(ROOT, "#")
}

fn arguments(client: &Client) -> Vec<Row> {
    let one = || Target::agent((1, 1));
    let ping = || client.cmd(one(), "ping");
    vec![
        row("a URL of another scheme", Client::connect("http://localhost")),
        row("no timeout at all", client.with_timeout(Duration::ZERO).ping()),
        row("a host with a space", Client::builder().host("a b").build()),
        row("too many connections", Client::builder().max_connections(0).build()),
        row("an agent without a number", client.cmd(Target::agent((1, 0)), "ping").submit()),
        row("a text for a target", "cpu".parse::<Target>().map_err(Error::from)),
        row("a text for an agent", "1-1".parse::<AgentId>().map_err(Error::from)),
        row("no command name", client.cmd(one(), "").submit()),
        row("data that is not text", client.bash(one(), [0xff]).submit()),
        row("a NUL in an argument", client.execute(one(), "ls").arg("a\0").submit()),
        row("a maximum time of -2", ping().run_args(RunArgs::new().max_time(-2)).submit()),
        row("log levels in words", ping().run_args(RunArgs::new().loglevels("high")).submit()),
        row("one result of many agents", client.cmd(Target::all(), "ping").run(WAIT)),
        row(
            "a message query without a limit",
            client.get_msgs((1, 1), "x", &MsgQuery::new().limit(0)),
        ),
        row("a schedule without seconds", client.schedule_add("x", "* * *", ping())),
        row("a text for a handle", client.get_by_handle("x")),
        row(
            "endless wait for a recurring command",
            ping().run_args(RunArgs::new().recurring_period(1)).run(None),
        ),
    ]
}

fn another_command_under_an_id(client: &Client) -> Row {
    let request = |name: &'static str| client.cmd(Target::agent((1, 1)), name).id("used");
    request("ping").submit_once().expect("sent");
    row("another command under the id", request("get_os_info").submit_once())
}

fn of_redis(url: &str) -> Vec<Row> {
    let closed = ClosedPort::new();
    let nobody = Client::builder().port(closed.number()).build().expect("a client");
    let locked = RedisServer::builder().password("sesame").start().expect("a Redis");
    let wrong = format!("redis://:wrong@127.0.0.1:{}", locked.port());
    let client = Client::connect(url).expect("a client");
    let (token, dead) = (CancelToken::new().expect("a token"), Client::connect(url).expect("one"));
    token.cancel();
    dead.close();
    let full = Client::builder().url(url).expect("a URL").max_connections(1);
    let full = full.timeout(Duration::from_millis(100)).connect().expect("a client");
    let holder = full.clone().with_timeout(None);
    let mut waiting = holder.get_by_handle("acclient:1:nobody:1:1").expect("a handle");
    let exhausted = std::thread::scope(|scope| {
        let end = CancelToken::new().expect("a token");
        let wait = Timeout::none().or_cancelled(&end);
        scope.spawn(move || waiting.next_result(wait));
        wait_until("the connection is taken", || full.statistics().idle_connections == 0);
        let mut other = full.get_by_handle("acclient:1:other:1:1").expect("a handle");
        let exhausted = other.next_result(Duration::from_millis(100));
        end.cancel();
        exhausted
    });
    let strange = Server::start(|peer| {
        peer.receive();
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let admin = RedisServer::start().expect("a Redis");
    let odd = Client::connect(&admin.url()).expect("a client");
    ask::<i64>(&mut admin.connection(), &[b"RPUSH", b"cmd.x.1.1", b"no JSON"]);
    ask::<String>(&mut admin.connection(), &[b"SET", b"cmds.queue", b"x"]);
    let by = |client: &Client| client.get_by_handle("acclient:1:x:1:1").expect("a handle");
    let rows = vec![
        row("a closed port", nobody.ping()),
        row("a wrong password", Client::connect(&wrong)),
        row("an id of another command", {
            let once = |script| client.bash((1, 1), script).id("once").submit_once();
            once("true").expect("sent");
            once("false")
        }),
        row("no result in time", by(&client).next_result(Duration::from_secs(2))),
        row("no result yet", by(&client).next_result(Duration::ZERO)),
        row("a cancelled token", client.with_cancel(&token).ping()),
        row(
            "a database that is not there",
            Client::connect(&format!("{}/99", url.trim_end_matches("/0"))),
        ),
        row("a key of another type", odd.cmd(Target::agent((1, 1)), "ping").submit()),
        row("a result that is not JSON", by(&odd).next_result(WAIT)),
        row("not a Redis server", Client::connect(&strange.url())),
        row("a pool in use", exhausted),
        row("a closed client", dead.ping()),
    ];
    drop(admin);
    rows
}

fn of_the_grid(grid: &Grid) -> Vec<Row> {
    let client = Client::connect(&grid.url()).expect("a client");
    let one = || Target::agent((1, 1));
    let run = |program: &str| client.execute(one(), program).run(WAIT);
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let tunnel = Tunnel::new(free.port(), "2.1", "127.0.0.1", 22);
    let in_use = Tunnel::new(grid.redis().port(), "2.1", "127.0.0.1", 22);
    let mut rows = vec![
        row("an agent that is not there", client.cmd(Target::agent((7, 7)), "ping").run(WAIT)),
        row(
            "roles that no agent has",
            client
                .bash(Target::all().role("x"), "true")
                .rollout(acclient::RolloutPlan::agents(1), WAIT),
        ),
        row(
            "results of roles that no agent has",
            client
                .bash(Target::all().role("x"), "true")
                .submit()
                .and_then(|command| command.results(WAIT)?.next().expect("an item")),
        ),
        row("a job that failed", run("false").and_then(|job| job.into_success())),
        row(
            "a program that is not there",
            run("no-such-program").and_then(|job| job.into_success()),
        ),
        row(
            "a command that agents do not know",
            client.cmd(one(), "dance").run(WAIT).and_then(|job| job.into_success()),
        ),
        row("data that is not JSON", run("true").and_then(|job| job.json::<i64>())),
        row("tunnels of the controller", client.reverse_tunnel_list()),
        row("a tunnel that is not listed", client.tunnel_close((1, 1), &tunnel)),
        row("a tunnel on a port in use", client.tunnel_open((1, 1), &in_use)),
        row(
            "a tunnel that is listed already",
            client.tunnel_open((1, 2), &tunnel).and_then(|_| client.tunnel_open((1, 2), &tunnel)),
        ),
        row("a history that is not kept", client.get_cmds(0, 1)),
    ];
    rows.push(row("a kill of a job that waits in a queue", kill_in_a_queue(&client)));
    rows.push(gap(&client));
    rows.push(lost(grid, &client));
    for Row(_, _, message) in &mut rows {
        *message = message.replace(&tunnel.local.to_string(), "#");
        *message = message.replace(&in_use.local.to_string(), "#");
    }
    grid.pause_agent(1, 1);
    // The time has to suffice for finding out why.
    rows.push(with_growing_time(Duration::from_millis(300), |wait| {
        let row = row("an agent that is stopped", client.with_timeout(wait).ping_agent((1, 1)));
        row.2.contains("has not fetched the command").then_some(row)
    }));
    grid.stop_controller();
    let quick = client.with_timeout(Duration::from_millis(300));
    let unrouted = client.cmd(Target::all(), "ping").submit().expect("sent");
    let mut results = unrouted.results(Duration::from_millis(50)).expect("results");
    rows.push(row("no controller", results.next().expect("a verdict")));
    let found = quick.get_by_handle(&unrouted.handle()).expect("a handle");
    rows.push(row("a kill without a controller", found.kill()));
    let nobody = error(quick.list_agents(), "no controller");
    assert!(nobody.is_retriable(), "it changes nothing: {nobody}");
    rows.push(row::<()>("the agents without a controller", Err(nobody)));
    let jobs = client.get_by_id("true").jobs().expect("jobs");
    let follow = jobs[&AgentId::new(1, 1)].follow(&MsgQuery::new(), Duration::from_millis(300));
    rows.push(row(
        "a log without a controller",
        follow.expect("messages").next().expect("an item"),
    ));
    rows
}

fn gap(client: &Client) -> Row {
    let job = client.bash(Target::agent((1, 1)), "seq 2000").run(WAIT).expect("a result");
    wait_until("more is logged than is returned", || {
        job.get_msgs(&MsgQuery::new().limit(1000)).expect("messages").len() == 1000
    });
    let follow = job.follow(&MsgQuery::new(), WAIT).expect("messages");
    let gap = follow.filter_map(Result::err).next().expect("a gap");
    let id = gap.gap().expect("its place").before.to_string();
    Row(gap.kind(), "a job that logs a lot", gap.to_string().replace(&id, "#"))
}

fn lost(grid: &Grid, client: &Client) -> Row {
    grid.inject(Fault::DropResult);
    let command = client.bash(Target::agent((1, 1)), "true").id("true").submit().expect("sent");
    wait_until("it is over", || !grid.is_injected(&Fault::DropResult));
    let jobs = command.jobs().expect("jobs");
    let follow = jobs[&AgentId::new(1, 1)].follow(&MsgQuery::new(), WAIT).expect("messages");
    let lost = follow.filter_map(Result::err).next().expect("an error");
    row::<()>("the log of a job whose result was lost", Err(lost))
}

fn kill_in_a_queue(client: &Client) -> Result<(), Error> {
    let sleep = || {
        let sleep = client.execute(Target::agent((1, 1)), "sleep").arg("600");
        sleep.run_args(RunArgs::new().queue("q")).submit().expect("sent")
    };
    let (_first, second) = (sleep(), sleep());
    wait_until_running(&second);
    second.kill()?.into_result().map(|_| ())
}

fn unconfirmed() -> Row {
    // It logs in, takes the command, and is gone.
    let server = Server::start(|peer| {
        peer.log_in();
        if peer.connection == 0 {
            peer.expect("RPUSH");
        }
    });
    let client = Client::builder().url(&server.url()).expect("a URL").build().expect("a client");
    row("a connection lost after the push", client.cmd(Target::agent((1, 1)), "ping").submit())
}

/// Prints the message of a failure that needs a process of its own.
fn alone(test: &str) -> Row {
    let mut program = Command::new("sh");
    program.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]);
    let of = program_for(test);
    program.arg(of.get_program()).args(of.get_args());
    program.envs(of.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = program.output().expect("this program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = text.lines().find_map(|line| line.split_once("TOLD ")).map(|(_, told)| told);
    let (kind, message) =
        told.and_then(|told| told.split_once('|')).unwrap_or_else(|| panic!("{text}"));
    match kind {
        "ForkedHandle" => {
            Row(ErrorKind::ForkedHandle, "a token of the parent in a child", message.to_owned())
        }
        "System" => Row(ErrorKind::System, "no descriptors left", message.to_owned()),
        other => panic!("{other}"),
    }
}

fn tell(error: &Error) {
    eprintln!("TOLD {:?}|{error}", error.kind());
}

/// Only for [`alone`].
#[test]
fn in_a_forked_child() {
    if !is_alone(support::this_test!()) {
        return;
    }
    let client = Client::builder().build().expect("a client");
    let token = CancelToken::new().expect("a token");
    let child = fork(|| {
        tell(&error(client.with_cancel(&token).ping(), "a token of another process"));
        0
    });
    assert_eq!(exit_status(child), 0);
}

/// Only for [`alone`].
#[test]
fn without_descriptors() {
    if !is_alone(support::this_test!()) {
        return;
    }
    let held: Vec<fs::File> =
        std::iter::from_fn(|| fs::File::open("/dev/null").ok()).take(100).collect();
    let refused = error(CancelToken::new(), "no descriptors");
    drop(held);
    tell(&refused);
}

#[test]
fn every_kind_says_what_failed_and_why() {
    let grid = Grid::demo().expect("a grid");
    let redis = RedisServer::start().expect("a Redis");
    let mut rows = arguments(&Client::connect(&redis.url()).expect("a client"));
    rows.extend(of_redis(&redis.url()));
    rows.extend(of_the_grid(&grid));
    rows.push(unconfirmed());
    rows.push(another_command_under_an_id(&Client::connect(&redis.url()).expect("a client")));
    rows.push(alone("error_page::in_a_forked_child"));
    rows.push(alone("error_page::without_descriptors"));
    rows.sort_by_key(|row| row.0 as i32);

    // A panic is caught at the C boundary alone: src/ffi/guard.rs has its test.
    let kinds: Vec<i32> = rows.iter().map(|row| row.0 as i32).collect();
    assert!((1..=23).filter(|kind| *kind != 16).all(|kind| kinds.contains(&kind)), "{kinds:?}");

    let mut page = HEADING.to_owned();
    let mut last = None;
    for Row(kind, cause, message) in &rows {
        if last != Some(kind) {
            let (meaning, remedy) = meaning(*kind);
            page += &format!("\n## {kind:?}\n\n{meaning} **Remedy:** {remedy}\n\n");
            last = Some(kind);
        }
        let message = generic(message);
        page += &format!("- {cause}: `{message}`\n");
        // One text serves every language.
        let code =
            |word: &str| word.contains("()") || word.contains("acclient_") || word.contains("::");
        let of_a_language =
            message.split_whitespace().find(|word| code(word) && !word.contains("acclient:1:"));
        assert_eq!(of_a_language, None, "{cause}: {message}");
        // Redis's own words end as Redis likes.
        assert!(
            (!message.ends_with('.') || *kind == ErrorKind::Authentication)
                && !message.contains('\n'),
            "{cause}: {message}"
        );
    }
    let path = format!("{ROOT}/{PAGE}");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &page).expect("the page");
    }
    // The page quotes the words of the version that BLMOVE came with.
    if !servers::knows("BLMOVE") {
        return support::not_tested("the error page quotes Redis 6.2 and later");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(page == expected, "{PAGE} differs; {WRITE}=1 writes it:\n{page}");
}
