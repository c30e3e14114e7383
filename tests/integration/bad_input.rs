//! Invalid input from the caller: rejected with a clear error before anything is sent, or taken
//! literally.

use std::time::Duration;

use acclient::{Client, ErrorKind, JobState, Request, RunArgs, Target};
use devgrid::{Grid, RedisServer};
use support::{ask, error, fill, redis, result, servers};

/// Timeout of a call that has to succeed or fail for another reason.
const LONG: Duration = support::WAIT;
/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(300);
const MIB: usize = 1024 * 1024;

/// Checks that nothing was pushed and no key was written.
fn check_untouched(admin: &mut redis::Connection, name: &str) {
    let keys: Vec<String> = ask(admin, &[b"KEYS", b"*"]);
    assert!(keys.is_empty(), "{name} wrote {keys:?}");
}

#[test]
fn wrong_urls_are_refused_and_never_quoted() {
    for url in [
        "",
        "localhost",
        "localhost:6379",
        "//localhost",
        "http://localhost",
        "redis:localhost",
        "redis://",
        "redis:///0",
        "redis://:sesame@",
        "redis://localhost:sesame",
        "redis://localhost:65536",
        "redis://localhost:-1",
        // A password with an unescaped slash or ampersand in it.
        "redis://user:1/sesame@localhost",
        "redis+unix:///socket?pass=1&sesame",
        "redis://localhost/-1",
        "redis://localhost/4294967296",
        "redis://localhost/0/1",
        "redis://localhost/0?db=1",
        "redis://localhost/0#1",
        "redis://:sesame@local host",
        "redis://[::1",
        "redis://0.0.0.0",
        "redis://[::]",
        "redis://:sesame%ff@localhost",
        "redis://a\0b",
        "redis+unix://",
        "redis+unix:///",
        "redis+unix://host/socket",
        "redis+unix:///socket?db=one",
        "redis+unix:///socket?password=sesame",
        "redis+unix:///so%00cket",
    ] {
        let error = error(Client::connect(url), url);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{url}: {error}");
        assert!(!error.is_retriable(), "{url}");
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    }
    let short = Duration::from_millis(200);
    for (url, time, kind) in [
        ("rediss://:sesame@127.0.0.1:1", LONG, ErrorKind::Connect),
        ("redis+sentinel://:sesame@127.0.0.1:1/main/0", short, ErrorKind::Timeout),
    ] {
        let builder = Client::builder().timeout(time).url(url);
        let error = error(builder.and_then(acclient::ClientBuilder::connect), url);
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    }
}

#[test]
fn wrong_settings_are_refused() {
    let builder = Client::builder;
    for (name, builder) in [
        ("no host", builder().host("")),
        ("a host with a NUL", builder().host("a\0b")),
        ("no connections", builder().max_connections(0)),
        ("a million connections", builder().max_connections(1_000_000)),
        ("no reply", builder().max_reply(0)),
        ("no time", builder().timeout(Duration::ZERO)),
    ] {
        assert_eq!(error(builder.build(), name).kind(), ErrorKind::InvalidArgument, "{name}");
    }
}

#[test]
fn a_server_that_is_not_there_is_a_connect_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let tcp = (format!("redis://:sesame@127.0.0.1:{port}"), format!("127.0.0.1:{port}"));
    let path = "/nonexistent/redis.sock";
    let unix = (format!("redis+unix://{path}?pass=sesame"), path.to_owned());
    for (url, address) in [tcp, unix] {
        let error = error(Client::connect(&url), &url);
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
        assert!(error.is_retriable() && !error.is_timeout(), "{error}");
        assert!(error.to_string().contains(&address), "{error}");
        assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
    }
}

#[test]
fn a_wrong_login_is_refused_and_nothing_is_sent() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder().password("right").user_acl("alice on >hers ~* +@all");
    let server = server.arg("databases", "4").start().expect("a Redis");
    let mut admin = server.connection();
    let address = format!("127.0.0.1:{}", server.port());
    for (login, path, kind) in [
        ("", "", ErrorKind::Authentication),
        (":sesame@", "", ErrorKind::Authentication),
        ("alice:sesame@", "", ErrorKind::Authentication),
        ("alice:right@", "", ErrorKind::Authentication),
        ("nobody:right@", "", ErrorKind::Authentication),
        ("alice@", "", ErrorKind::Authentication),
        (":right@", "/4", ErrorKind::Server),
        (":right@", "/4294967295", ErrorKind::Server),
    ] {
        let url = format!("redis://{login}{address}{path}");
        let error = error(Client::connect(&url), &url);
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(!error.is_retriable(), "{url}: {error}");
        assert!(error.server_code().is_some(), "{url}: {error}");
        let words = format!("{error} {error:?}");
        assert!(words.contains(&address), "{url}: {error}");
        assert!(
            !["sesame", "right", "hers"].iter().any(|secret| words.contains(secret)),
            "{words}"
        );
        check_untouched(&mut admin, &url);
    }
    for login in [":right@", "alice:hers@"] {
        Client::connect(&format!("redis://{login}{address}/3")).expect(login);
    }
}

#[test]
fn a_user_who_may_not_push_gets_a_server_error() {
    if !servers::has_users() {
        return;
    }
    let server = RedisServer::builder().user_acl("reader on >sesame ~* +@all -rpush");
    let server = server.start().expect("a Redis");
    let url = format!("redis://reader:sesame@127.0.0.1:{}", server.port());
    let client = Client::connect(&url).expect("reader may log in");
    let error = error(client.cmd(Target::agent((1, 1)), "ping").run(LONG), "a forbidden push");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert!(error.to_string().contains("NOPERM") && !error.is_maybe_sent(), "{error}");
    check_untouched(&mut server.connection(), "a forbidden push");
}

#[test]
fn a_server_without_hello_is_served_by_the_older_protocol() {
    if !servers::has_users() {
        return;
    }
    let server = servers::without_hello().user_acl("old on >sesame ~* +@all");
    let server = server.start().expect("a Redis");
    let mut admin = server.connection();
    let url = format!("redis://old:sesame@127.0.0.1:{}", server.port());
    let client = Client::connect(&url).expect("the login by AUTH");
    client.cmd(Target::agent((1, 1)), "ping").submit().expect("a push");
    let clients: String = ask(&mut admin, &[b"CLIENT", b"LIST"]);
    let ours = clients.lines().find(|line| line.contains("user=old")).expect("our connection");
    // Redis 6 does not list the protocol.
    assert!(!ours.contains("resp=3"), "{ours}");
}

#[test]
fn a_full_server_says_so() {
    let server = redis();
    let mut admin = server.connection();
    ask::<()>(&mut admin, &[b"CONFIG", b"SET", b"maxclients", b"1"]);
    let error = error(Client::connect(&server.url()), "one client too many");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert!(error.to_string().contains("max number of clients"), "{error}");
}

#[test]
fn a_command_that_the_server_finds_too_large_is_a_server_error() {
    let server = RedisServer::builder().arg("proto-max-bulk-len", "1mb").start();
    let server = server.expect("a Redis");
    let client = Client::connect(&server.url()).expect("a client");
    let command = client.execute(Target::agent((1, 1)), "cat").data(vec![b'x'; 32 * MIB]);
    let error = error(command.run(LONG), "a large command");
    check_untouched(&mut server.connection(), "a large command");
    // Redis replies "Protocol error: invalid bulk length" and closes the connection.
    assert_eq!(error.kind(), ErrorKind::Server, "{error:?}");
    assert!(error.to_string().contains("bulk length"), "{error}");
}

/// Returns a command that is valid except for what `change` does.
fn command(client: &Client, change: impl FnOnce(Request) -> Request) -> Request {
    change(client.execute(Target::agent((1, 1)), "true"))
}

#[test]
fn what_cannot_be_sent_is_refused_before_anything_is_sent() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    let agent = Target::agent((1, 1));
    let args = |args: RunArgs| command(&client, |command| command.run_args(args));
    let new = RunArgs::new;
    let all = [
        ("an empty id", command(&client, |command| command.id("")), "id"),
        ("an id with a NUL", command(&client, |command| command.id("a\0b")), "byte 1"),
        ("an empty command name", client.cmd(agent.clone(), ""), "name"),
        ("a command name with a NUL", client.cmd(agent.clone(), "a\0"), "byte 1"),
        ("a program with a NUL", client.execute(agent, "ab\0"), "byte 2"),
        ("an argument with a NUL", command(&client, |command| command.args(["a", "\0"])), "byte 0"),
        ("tags with a NUL", command(&client, |command| command.tags("t\0")), "byte 1"),
        ("a variable with a NUL", args(new().env("A", "x\0")), "byte 3"),
        ("a variable's name with a NUL", args(new().env("A\0", "x")), "byte 1"),
        ("a variable without a name", args(new().env("", "x")), "name"),
        ("a domain with a NUL", args(new().domain("\0")), "byte 0"),
        ("a queue with a NUL", args(new().queue("\0")), "byte 0"),
        ("a directory with a NUL", args(new().working_dir("/\0")), "byte 1"),
        ("log levels that are none", args(new().loglevels("a-b")), "log levels"),
        ("a max_time below -1", args(new().max_time(-2)), "maximum time"),
        ("a max_time above 2^31 - 1", args(new().max_time(1 << 31)), "up to 2147483647"),
        ("a large gid", client.cmd(Target::agent((1 << 31, 1)), "ping"), "up to 2147483647"),
        ("a large nid", client.cmd(Target::agents([(1, 1), (1, 1 << 31)]), "ping"), "2147483647"),
        ("a large grid id", client.cmd(Target::all().grid(1 << 31), "ping"), "up to 2147483647"),
        ("gid 0", client.cmd(Target::agent((0, 1)), "ping"), "0:1"),
        ("nid 0", client.cmd(Target::agent((1, 0)), "ping"), "1:0"),
        ("bytes that are no text", command(&client, |c| c.data(b"abc\xff")), "byte 3"),
        ("half a character", command(&client, |c| c.data(b"\xe2\x82")), "byte 0"),
        ("a surrogate", command(&client, |c| c.data(b"ab\xed\xa0\x80")), "byte 2"),
        ("more than 64 MiB", command(&client, |c| c.data(vec![b'x'; 64 * MIB + 1])), "limit"),
        ("more than 64 MiB once escaped", command(&client, |c| c.data(vec![0; 11 * MIB])), "limit"),
    ];
    for (name, command, words) in all {
        for run in [false, true] {
            let command = command.clone();
            let result = if run { command.run(LONG).map(drop) } else { command.submit().map(drop) };
            let error = error(result, name);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}: {error}");
            assert!(error.to_string().contains(words), "{name}: {error}");
            assert!(!error.is_retriable() && !error.is_maybe_sent(), "{name}: {error}");
            check_untouched(&mut admin, name);
        }
    }
    let zero = command(&client, |command| command).run(Duration::ZERO);
    let endless = args(new().recurring_period(1)).run(None);
    for (name, result) in
        [("a wait of zero", zero), ("a wait for ever for a recurring job", endless)]
    {
        assert_eq!(error(result, name).kind(), ErrorKind::InvalidArgument);
        check_untouched(&mut admin, name);
    }
}

#[test]
fn quick_calls_with_no_time_are_refused_and_nothing_is_sent() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let hasty = client.with_timeout(Duration::ZERO);
    let submit = hasty.cmd(Target::agent((1, 1)), "ping").submit().map(drop);
    check_untouched(&mut server.connection(), "submitting in no time");
    for (name, result) in [("submit", submit), ("ping", hasty.ping())] {
        let error = error(result, name);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}: {error}");
    }
}

#[test]
fn the_longest_times_there_are_do_not_overflow() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    fill(&mut server.connection(), &[result("SUCCESS", 5)]);
    for time in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 40)] {
        let client = client.with_timeout(time);
        client.ping().expect("PONG");
        let job = client.get_by_id("x").next_result(time).expect("a result").expect("a result");
        assert!(job.is_success());
    }
}

#[test]
fn an_id_that_cannot_be_is_refused_when_it_is_waited_for() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for id in ["", "a\0b"] {
        let error = error(client.get_by_id(id).next_result(SHORT), id);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{id:?}: {error}");
    }
}

/// The controller reads names in any letter case, so that a wrong value under `MAX_TIME` kills it
/// as one under `max_time` does.
#[test]
fn no_run_arguments_from_json_kill_the_controller() {
    let grid = Grid::builder().agent(1, 1, &[]).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    for json in [
        r#"{"max_time":"soon"}"#,
        r#"{"max_time":1.0}"#,
        r#"{"args":[1]}"#,
        r#"{"queue":1}"#,
        r#"{"MAX_TIME":"soon"}"#,
        r#"{"Max_Time":1.5}"#,
        r#"{"Args":[1]}"#,
        r#"{"QUEUE":1}"#,
        r#"{"Name":["x"]}"#,
        r#"{"Domain":{}}"#,
        // The comparison in Go treats the long s as an s; the development grid does not.
        r#"{"arg\u017f":[1]}"#,
    ] {
        if let Ok(args) = serde_json::from_str::<RunArgs>(json) {
            let sent = command(&client, |command| command.run_args(args)).run(SHORT);
            assert!(grid.controller_running(), "{json} killed the controller");
            let error = error(sent, json);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{json}: {error}");
        }
    }
}

const ODD_IDS: [&str; 12] =
    [":", ".", "%", "a b", "💩", "a\nb", "a:1:1", "%41", "\"'\\", "*?[a]", "é", "\u{7f}\u{1}"];

#[test]
fn odd_ids_work_and_are_found_again_by_their_printed_form() {
    let grid = Grid::builder().agent(1, 1, &[]).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let other = Client::connect(&grid.url()).expect("another client");
    for id in ODD_IDS {
        let command = command(&client, |command| command.id(id)).submit().expect(id);
        let printed = command.to_string();
        assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()), "{printed:?} is not one word");
        let mut again = other.get_by_handle(&printed).expect(&printed);
        assert_eq!((again.id(), again.to_string()), (id, printed));
        for reference in [&mut again, &mut other.get_by_id(id)] {
            let job = reference.next_result(LONG).expect(id).expect("a result");
            assert_eq!((job.id(), job.state()), (id, &JobState::Success));
        }
    }
}

#[test]
fn printed_forms_that_are_wrong_are_refused() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for wrong in [
        "",
        "x",
        "acclient",
        "acclient:1:",
        "acclient:1::1:1",
        "acclient:1:x",
        "acclient:1:x:",
        "acclient:1:x:1",
        "acclient:1:x:1:",
        "acclient:1:x::1",
        "acclient:1:x:1:1:1",
        "acclient:1:x:a:b",
        "acclient:1:x:-1:1",
        "acclient:1:x:+1:1",
        "acclient:1:x:1:4294967296",
        "acclient:1:x:1:1 ",
        " acclient:1:x:1:1",
        "acclient:1:x:1:1\n",
        "acclient:1:x:Controller",
        "acclient:0:x:1:1",
        "acclient:2:x:1:1",
        "ACCLIENT:1:x:1:1",
        "acclient:1:a%00b:1:1",
        "acclient:1:%ff:1:1",
        "acclient:1:a\0b:1:1",
    ] {
        let error = error(client.get_by_handle(wrong), wrong);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong:?}: {error}");
        assert!(error.to_string().contains("acclient:1:<id>:<target>"), "{wrong:?}: {error}");
    }
    check_untouched(&mut server.connection(), "a printed form");
}

/// Taken literally, it would be another ID, which belongs to no command.
#[test]
fn a_broken_escape_in_a_printed_form_is_refused() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for wrong in ["acclient:1:a%zz:1:1", "acclient:1:a%4:1:1", "acclient:1:a%:1:1"] {
        let error = error(client.get_by_handle(wrong), wrong);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong:?}: {error}");
    }
}

#[test]
fn data_goes_through_as_it_is() {
    let grid = Grid::builder().agent(1, 1, &[]).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client");
    let cat = |data: &[u8]| client.execute(Target::agent((1, 1)), "cat").data(data).run(LONG);
    for data in ["a\0b\n", "\0\n", "é 💩 \u{2028} \u{feff}\n", "\"\\\t\u{7f}</script>\n"] {
        assert_eq!(cat(data.as_bytes()).expect(data).stdout(), data);
    }
    let large = client.execute(Target::agent((1, 1)), "wc").arg("-c").data(vec![b'x'; 16 * MIB]);
    assert_eq!(large.run(LONG).expect("16 MiB").stdout().trim(), (16 * MIB).to_string());
}
