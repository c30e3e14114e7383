//! What a hostile, broken or old server can say, and what the client makes of it: a clear error of
//! the right kind, within the deadline, and a connection that is not used again.

mod scripted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use acclient::{Cancel, Client, Error, ErrorKind, Job, Target};
use scripted::{
    At, EVERYWHERE, Gate, LONG, MAX_REPLY, PASSWORD, Peer, RESULT, Server, bulk, hello, sane_reply,
    server_that, violations, within,
};

/// A thread as small as C and Go programs have them.
const SMALL_STACK: usize = 128 * 1024;
const USUAL_STACK: usize = 2 * 1024 * 1024;
/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(400);
/// How late a test may find it over on a busy machine.
const LATE: Duration = Duration::from_secs(3);
/// More than sockets on loopback buffer.
const HUGE: usize = 32 * 1024 * 1024;

fn client(server: &Server) -> Client {
    let builder = Client::builder().url(&server.url_with_password()).expect("a URL");
    // One connection only: one that is not given back would block the next call.
    let builder = builder.max_reply(MAX_REPLY).max_connections(1).timeout(LONG);
    builder.build().expect("a client")
}

fn run(client: &Client, timeout: Duration) -> Result<Job, Error> {
    client.cmd(Target::agent(1, 1), "ping").id("x").run(timeout)
}

/// The call that comes to that point.
fn call(client: &Client, at: At, timeout: Duration) -> Result<(), Error> {
    match at {
        At::Hello | At::Ping => client.with_timeout(timeout).ping(),
        At::Wait => run(client, timeout).map(drop),
    }
}

/// Whatever goes wrong, an error of the connection names the server and never the password.
fn check_words(error: &Error, server: &Server) {
    let words = format!("{error} {error:?}");
    assert!(words.contains(&server.address()), "no address: {words}");
    assert!(!words.contains(PASSWORD), "a password: {words}");
}

fn violations_are_refused(at: At, stack: usize) {
    let all = violations();
    within(Duration::from_secs(60), stack, move || {
        for (name, reply) in all {
            let server = server_that(at, move |peer| {
                peer.send(&reply);
                peer.silence();
            });
            let client = client(&server);
            let error = call(&client, at, LONG).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Protocol, "{name} at {at:?}: {error}");
            assert!(!error.is_retriable(), "{name} at {at:?}");
            check_words(&error, &server);
            assert_eq!(error.command().is_some(), at == At::Wait, "{name}: {error}");
            server.wait_ended(1);
            client.ping().unwrap_or_else(|error| panic!("after {name} at {at:?}: {error}"));
            assert_eq!(server.connections(), 2, "{name} at {at:?}");
            assert_eq!(server.seen("RPUSH").len(), usize::from(at == At::Wait), "{name}");
        }
    });
}

#[test]
fn a_violation_in_place_of_the_login_is_a_protocol_error() {
    violations_are_refused(At::Hello, USUAL_STACK);
}

#[test]
fn a_violation_in_place_of_a_quick_answer_is_a_protocol_error() {
    violations_are_refused(At::Ping, USUAL_STACK);
}

#[test]
fn a_violation_in_place_of_a_result_is_a_protocol_error() {
    violations_are_refused(At::Wait, USUAL_STACK);
}

#[test]
fn no_violation_overflows_a_small_stack() {
    for at in EVERYWHERE {
        violations_are_refused(at, SMALL_STACK);
    }
}

#[test]
fn the_deepest_reply_allowed_does_not_overflow_a_small_stack() {
    within(LONG, SMALL_STACK, || {
        for deep in ["*1\r\n", "%1\r\n+k\r\n", "~1\r\n"] {
            let hello = format!("%1\r\n$7\r\nmodules\r\n{}:1\r\n", deep.repeat(15));
            let server = server_that(At::Hello, move |peer| {
                peer.send(&hello);
                peer.serve();
            });
            client(&server).ping().expect("a login within the limits");
            assert_eq!(server.connections(), 1);
        }
    });
}

#[test]
fn a_bad_answer_to_the_push_leaves_open_whether_it_was_taken() {
    for (name, reply) in [("no reply", &b"HTTP/1.1 400\r\n\r\n"[..]), ("a length", b"$-5\r\n")] {
        let server = Server::start(move |peer| {
            peer.log_in();
            peer.expect("RPUSH");
            peer.send(reply);
            peer.silence();
        });
        let error = run(&client(&server), LONG).expect_err(name);
        check_maybe_sent(&error, &server);
        assert!(!error.is_timeout(), "{name}: {error}");
        check_words(&error, &server);
    }
}

#[test]
fn an_error_text_that_is_not_utf8_is_an_ordinary_server_error() {
    for at in EVERYWHERE {
        for reply in
            [&b"-ERR \xff\xfe no\r\n"[..], b"-\xff\xff\r\n", b"!8\r\nERR \xff\xff\xff\xff\r\n"]
        {
            let server = server_that(at, move |peer| {
                peer.send(reply);
                peer.serve(); // an error reply is no reason to end the connection
            });
            let client = client(&server);
            let error = call(&client, at, LONG).expect_err("an error");
            assert_eq!(error.kind(), ErrorKind::Server, "{at:?} {reply:?}: {error}");
            client.ping().expect("the server is sane again");
        }
    }
}

#[test]
fn replies_that_come_byte_by_byte_are_read_as_well() {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.command() {
            peer.send_byte_by_byte(&sane_reply(seen.name()));
        }
    });
    let client = client(&server);
    client.ping().expect("PONG");
    assert_eq!(run(&client, LONG).expect("a result").data(), "\"pong\"");
    assert_eq!(server.connections(), 1);
}

#[test]
fn pushes_between_replies_are_no_replies() {
    const PUSH: &str = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    let server = Server::start(|peer| {
        while let Some(seen) = peer.command() {
            peer.send(PUSH);
            peer.send(sane_reply(seen.name()));
        }
    });
    let client = client(&server);
    client.ping().expect("PONG");
    assert_eq!(run(&client, LONG).expect("a result").data(), "\"pong\"");
}

#[test]
fn an_answer_too_many_ends_the_connection() {
    let server = server_that(At::Ping, |peer| {
        peer.send("+PONG\r\n-ERR and another one\r\n");
        peer.silence();
    });
    let client = client(&server);
    client.ping().expect("PONG");
    server.wait_ended(1);
    client.ping().expect("PONG, and not the answer left over");
}

/// A call that must end on its deadline, neither much earlier nor much later.
fn times_out(name: &str, client: &Client, at: At) -> Error {
    let (begun, client) = (Instant::now(), client.clone());
    let error = within(LONG, USUAL_STACK, move || call(&client, at, SHORT)).expect_err(name);
    let took = begun.elapsed();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{name} at {at:?}: {error}");
    // Once the command is pushed, the same call would push it again.
    assert!(error.is_timeout(), "{name} at {at:?}: {error}");
    assert_eq!(error.is_retriable(), at != At::Wait, "{name} at {at:?}: {error}");
    assert!(took >= SHORT && took < SHORT + LATE, "{name} at {at:?} took {took:?}");
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
    assert_eq!(error.command().is_some(), at == At::Wait, "{error}");
    error
}

#[test]
fn traffic_without_end_does_not_extend_the_deadline() {
    const PUSH: &str = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    type Flood = fn(&mut Peer);
    let floods: [(&str, Flood); 3] = [
        ("pushes", |peer| {
            let pushes = PUSH.repeat(100);
            while peer.send(&pushes) {}
        }),
        ("pushes one by one", |peer| while peer.send(PUSH) {}),
        ("a large string byte by byte", |peer| {
            peer.send("$1000000\r\n");
            while peer.send("x") {}
        }),
    ];
    for (name, flood) in floods {
        for at in EVERYWHERE {
            let server = server_that(at, flood);
            let client = client(&server);
            times_out(name, &client, at);
            client.ping().expect("the server is sane again");
        }
    }
}

#[test]
fn nulls_without_end_do_not_extend_the_deadline() {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.command() {
            match seen.name() {
                "BLMOVE" => peer.send("$-1\r\n"),
                name => peer.send(sane_reply(name)),
            };
        }
    });
    times_out("nulls", &client(&server), At::Wait);
    assert_eq!(server.seen("RPUSH").len(), 1);
}

#[test]
fn silence_ends_on_the_deadline() {
    let all: [(At, &str, &[u8]); 7] = [
        (At::Hello, "connecting", b""),
        (At::Hello, "half a login", b"%7\r\n$6\r\nser"),
        (At::Ping, "the login", b""),
        (At::Ping, "half a PONG", b"+PO"),
        (At::Wait, "RPUSH", b""),
        (At::Wait, "half a header", b"$1"),
        (At::Wait, "half a result", b"$100\r\n{\"id\""),
    ];
    for (at, name, reply) in all {
        let server = server_that(at, move |peer| {
            peer.send(reply);
            peer.silence();
        });
        let client = client(&server);
        times_out(&format!("silence after {name}"), &client, at);
        server.wait_ended(1);
        client.ping().expect("the server is sane again");
        assert!(server.seen("RPUSH").len() <= 1);
    }
}

#[test]
fn silence_of_a_server_that_accepts_nothing_ends_on_the_deadline() {
    // The kernel takes the connection, nobody ever reads from it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("redis://:{PASSWORD}@{}", listener.local_addr().expect("an address"));
    let client = Client::builder().url(&url).and_then(|builder| builder.timeout(SHORT).build());
    times_out("silence", &client.expect("a client"), At::Ping);
}

#[test]
fn silence_after_auth_and_after_select_ends_on_the_deadline() {
    for silent in ["AUTH", "SELECT"] {
        let server = Server::start(move |peer| {
            while let Some(seen) = peer.command() {
                match seen.name() {
                    "HELLO" => peer.send("-ERR unknown command 'HELLO'\r\n"),
                    name if name == silent => return peer.silence(),
                    name => peer.send(sane_reply(name)),
                };
            }
        });
        let url = format!("{}/3", server.url_with_password());
        let client = Client::builder().url(&url).and_then(|builder| builder.build());
        times_out(silent, &client.expect("a client"), At::Ping);
        assert_eq!(server.seen(silent).len(), 1);
    }
}

/// What [`ErrorKind::MaybeSent`] promises.
fn check_maybe_sent(error: &Error, server: &Server) {
    assert_eq!(error.kind(), ErrorKind::MaybeSent, "{error}");
    assert!(error.is_maybe_sent() && !error.is_retriable(), "{error}");
    assert_eq!(error.command(), Some("acclient:1:x:1:1"), "{error}");
    server.wait_seen("RPUSH", 1);
    assert_eq!(server.seen("RPUSH").len(), 1, "pushed twice");
}

#[test]
fn a_connection_that_ends_within_the_login_is_a_connect_error() {
    let whole = hello("7.2.4");
    for end in 0..whole.len() {
        let part = whole[..end].to_vec();
        let server = server_that(At::Hello, move |peer| {
            peer.send(&part);
        });
        let client = client(&server);
        let error = client.ping().expect_err("no login");
        assert_eq!(error.kind(), ErrorKind::Connect, "after {end} bytes: {error}");
        assert!(error.is_retriable() && !error.is_timeout(), "after {end} bytes: {error}");
        check_words(&error, &server);
        client.ping().expect("the server is sane again");
    }
}

#[test]
fn a_quick_question_is_asked_once_more_when_its_connection_ends() {
    for reset in [false, true] {
        for part in ["", "+", "+PONG", "+PONG\r"] {
            let server = server_that(At::Ping, move |peer| {
                peer.send(part);
                if reset {
                    peer.reset_at_end();
                }
            });
            client(&server).ping().expect("answered on a new connection");
            assert_eq!(server.seen("PING").len(), 2, "{part:?}");
        }
    }
    let server = Server::start(|peer| {
        peer.log_in();
        peer.expect("PING");
    });
    let error = client(&server).ping().expect_err("every connection ends");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(error.is_retriable() && server.connections() == 2, "{error}");
    check_words(&error, &server);
}

#[test]
fn a_command_is_pushed_once_wherever_its_connection_ends() {
    let conversation = ["RPUSH", "BLMOVE", "LLEN", "EXPIRE"].map(sane_reply).concat();
    let confirmed = sane_reply("RPUSH").len();
    for end in 0..=conversation.len() {
        for reset in [false, true] {
            let part = conversation[..end].to_vec();
            let server = Server::start(move |peer| {
                if peer.connection > 0 {
                    return peer.serve();
                }
                peer.log_in();
                for name in ["RPUSH", "BLMOVE", "LLEN", "EXPIRE"] {
                    peer.expect(name);
                }
                if reset && end == 0 {
                    peer.reset_at_end(); // a reset may overtake what was sent before it
                }
                peer.send(&part);
            });
            let client = client(&server);
            let result = run(&client, LONG);
            if end < confirmed {
                let error = result.expect_err("not confirmed");
                check_maybe_sent(&error, &server);
                assert!(!error.is_timeout(), "{error}");
                check_words(&error, &server);
            } else {
                let job = result.unwrap_or_else(|error| panic!("cut after {end} bytes: {error}"));
                assert_eq!(job.data(), "\"pong\"");
                assert_eq!(server.seen("RPUSH").len(), 1, "cut after {end} bytes");
            }
        }
    }
}

#[test]
fn a_push_that_is_never_answered_is_maybe_sent_when_the_time_is_over() {
    let silent = || {
        Server::start(|peer| {
            if peer.connection > 0 {
                return peer.serve();
            }
            peer.log_in();
            peer.silence();
        })
    };
    for submit_only in [false, true] {
        let server = silent();
        let client = client(&server);
        let result = if submit_only {
            let client = client.with_timeout(SHORT);
            client.cmd(Target::agent(1, 1), "ping").id("x").submit().map(drop)
        } else {
            run(&client, SHORT).map(drop)
        };
        let error = result.expect_err("no answer");
        check_maybe_sent(&error, &server);
        assert!(error.is_timeout() && error.elapsed() >= Some(SHORT), "{error}");
        client.ping().expect("on a new connection");
        assert_eq!(server.seen("RPUSH").len(), 1);
    }
}

#[test]
fn a_call_ended_by_its_caller_still_says_that_the_command_may_be_sent() {
    for close in [false, true] {
        let server = Arc::new(Server::start(|peer| {
            peer.log_in();
            peer.silence();
        }));
        let cancel = Cancel::new().expect("a token");
        let client = client(&server).with_cancel(&cancel);
        let (ender, watched) = (client.clone(), server.clone());
        let ending = std::thread::spawn(move || {
            watched.wait_seen("RPUSH", 1);
            if close { ender.close() } else { assert!(cancel.cancel()) }
        });
        let error = run(&client, LONG).expect_err("ended");
        let kind = if close { ErrorKind::Closed } else { ErrorKind::Cancelled };
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.is_maybe_sent() && !error.is_retriable(), "{error}");
        assert_eq!(error.command(), Some("acclient:1:x:1:1"));
        ending.join().expect("it ended the call");
    }
}

fn huge(client: &Client) -> Result<Job, Error> {
    let command = client.execute(Target::agent(1, 1), "cat").id("x");
    command.data(vec![b'x'; HUGE]).run(LONG)
}

/// A server that ends a connection while a huge command is half sent.
fn cut_short(peer: &mut Peer) {
    peer.log_in();
    peer.receive();
}

#[test]
fn a_command_cut_short_is_sent_once_more_on_a_new_connection() {
    let server = Server::start(|peer| match peer.connection {
        0 => cut_short(peer),
        _ => peer.serve(),
    });
    huge(&client(&server)).expect("the second connection takes it");
    assert_eq!(server.seen("RPUSH").len(), 1);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_command_cut_short_twice_is_a_connect_error_and_not_maybe_sent() {
    let server = Server::start(cut_short);
    let error = huge(&client(&server)).expect_err("cut short");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(error.is_retriable() && !error.is_maybe_sent(), "{error}");
    check_words(&error, &server);
    assert_eq!(server.connections(), 2, "retried more than once");
    assert_eq!(server.seen("RPUSH"), []);
}

#[test]
fn a_server_that_stops_reading_in_mid_command_is_a_plain_timeout() {
    let gate = Gate::default();
    let for_server = gate.clone();
    let server = Server::start(move |peer| {
        if peer.connection > 0 {
            return peer.serve();
        }
        peer.log_in();
        for_server.wait();
    });
    let client = client(&server);
    let command = client.execute(Target::agent(1, 1), "cat").data(vec![b'x'; HUGE]);
    let error = command.run(SHORT).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(!error.is_maybe_sent() && error.is_retriable(), "{error}");
    gate.open();
    assert_eq!(server.seen("RPUSH"), []);
}

#[test]
fn full_sockets_on_both_sides_do_not_block_each_other() {
    let result = RESULT.replace("\\\"pong\\\"", &"y".repeat(HUGE));
    let reply = [sane_reply("RPUSH"), bulk(&result)].concat();
    let server = Server::start(move |peer| {
        peer.log_in();
        // More than the sockets hold, before a byte of the command is read.
        peer.send(&reply);
        peer.expect("RPUSH");
        peer.expect("BLMOVE");
        peer.serve();
    });
    let client = Client::builder().url(&server.url()).and_then(|builder| builder.build());
    let job = huge(&client.expect("a client")).expect("no deadlock");
    assert_eq!(job.data().len(), HUGE);
}

#[test]
fn a_wait_goes_on_through_lost_connections_and_a_loading_server() {
    const LOADING: &str = "-LOADING Redis is loading the dataset in memory\r\n";
    let server = Server::start(|peer| match peer.connection {
        0 => {
            peer.log_in();
            peer.expect("RPUSH");
            peer.send(":1\r\n");
            peer.expect("BLMOVE");
        }
        1 => peer.reset_at_end(),
        2 => {
            peer.expect("HELLO");
            peer.send(LOADING);
        }
        3 => {
            peer.log_in();
            while peer.command().is_some() {
                peer.send(LOADING);
            }
        }
        4 => {
            peer.log_in();
            peer.expect("BLMOVE");
            peer.send("-UNBLOCKED force unblock from blocking operation\r\n");
            peer.silence();
        }
        _ => peer.serve(),
    });
    assert_eq!(run(&client(&server), LONG).expect("a result").data(), "\"pong\"");
    assert_eq!(server.seen("RPUSH").len(), 1);
    assert_eq!(server.connections(), 6);
}

#[test]
fn a_server_that_stays_away_is_named_when_the_time_of_a_wait_is_over() {
    let server = Server::start(|peer| {
        if peer.connection == 0 {
            peer.log_in();
            peer.expect("RPUSH");
            peer.send(":1\r\n");
        }
    });
    let error = run(&client(&server), SHORT).expect_err("it never comes back");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(error.command(), Some("acclient:1:x:1:1"));
    check_words(&error, &server);
    assert_eq!(server.seen("RPUSH").len(), 1);
}

#[test]
fn a_password_that_is_wrong_at_the_reconnect_ends_a_wait() {
    let server = Server::start(|peer| {
        if peer.connection == 0 {
            peer.log_in();
            peer.expect("RPUSH");
            peer.send(":1\r\n");
        } else {
            peer.expect("HELLO");
            peer.send("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        }
    });
    let error = run(&client(&server), LONG).expect_err("no login");
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
    assert!(!error.is_retriable(), "{error}");
    assert_eq!(error.command(), Some("acclient:1:x:1:1"));
    check_words(&error, &server);
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_refused_push_is_a_server_error_and_not_sent_again() {
    for (reply, retriable) in [
        ("-LOADING Redis is loading the dataset in memory", true),
        ("-READONLY You can't write against a read only replica.", true),
        ("-OOM command not allowed when used memory > 'maxmemory'.", false),
        ("-NOPERM this user has no permissions to run the 'rpush' command", false),
        ("-", false),
    ] {
        let server = Server::start(move |peer| {
            peer.log_in();
            peer.expect("RPUSH");
            peer.send(format!("{reply}\r\n"));
            peer.silence();
        });
        let error = run(&client(&server), LONG).expect_err(reply);
        assert_eq!(error.kind(), ErrorKind::Server, "{error}");
        assert!(error.to_string().contains(&reply[1..]), "{error}");
        assert_eq!(error.is_retriable(), retriable, "{error}");
        assert!(!error.is_maybe_sent(), "{error}");
        assert_eq!(server.seen("RPUSH").len(), 1);
    }
}

#[test]
fn the_blocking_command_is_one_that_the_server_has() {
    let no_hello = b"-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, \r\n";
    let no_resp3 = b"-NOPROTO unsupported protocol version\r\n";
    for (hello, expected) in [
        (no_hello.to_vec(), "BRPOPLPUSH"),
        (no_resp3.to_vec(), "BRPOPLPUSH"),
        (hello("6.0.20"), "BRPOPLPUSH"),
        (hello("6.2.0"), "BLMOVE"),
        (hello("7.0.15"), "BLMOVE"),
        (hello("10.1"), "BLMOVE"),
        (hello("of my own"), "BRPOPLPUSH"),
    ] {
        let shown = String::from_utf8_lossy(&hello).into_owned();
        let server = Server::start(move |peer| {
            while let Some(seen) = peer.command() {
                match seen.name() {
                    "HELLO" => peer.send(&hello),
                    name => peer.send(sane_reply(name)),
                };
            }
        });
        run(&client(&server), LONG).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let used = ["BLMOVE", "BRPOPLPUSH"].map(|name| server.seen(name).len());
        assert_eq!(used, if expected == "BLMOVE" { [1, 0] } else { [0, 1] }, "{shown}");
        let auth = usize::from(shown.starts_with('-'));
        assert_eq!(server.seen("AUTH").len(), auth, "{shown}");
    }
}

/// A server that answers the login with these, and then ends the connection.
fn refusing(replies: &'static [&'static str]) -> Server {
    Server::start(move |peer| {
        for reply in replies {
            peer.command();
            peer.send(format!("{reply}\r\n"));
        }
    })
}

#[test]
fn a_refused_login_is_an_authentication_error_and_never_retriable() {
    const OLD: &str = "-ERR unknown command 'HELLO'";
    let refusals: [&[&str]; 6] = [
        &["-WRONGPASS invalid username-password pair or user is disabled."],
        &["-NOAUTH HELLO must be called with the client already authenticated"],
        &[OLD, "-WRONGPASS invalid username-password pair or user is disabled."],
        &[OLD, "-ERR invalid password"],
        &[OLD, "-ERR Client sent AUTH, but no password is set"],
        &[OLD, "-NOAUTH Authentication required."],
    ];
    for replies in refusals {
        for at in [At::Ping, At::Wait] {
            let server = refusing(replies);
            let error = call(&client(&server), at, LONG).expect_err("no login");
            assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
            assert!(!error.is_retriable() && !error.is_maybe_sent(), "{error}");
            check_words(&error, &server);
            assert_eq!(server.connections(), 1, "{error}");
        }
    }
}

#[test]
fn a_server_that_quotes_the_password_is_not_quoted() {
    let quoting: [&[&str]; 3] = [
        &[
            "-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `sesame`, ",
            "-ERR unknown command `AUTH`, with args beginning with: `sesame`, ",
        ],
        &["-ERR wrong arguments for HELLO: 3 AUTH default sesame"],
        &["-DENIED by the proxy: HELLO 3 AUTH default sesame"],
    ];
    for replies in quoting {
        let server = refusing(replies);
        let error = client(&server).ping().expect_err("no login");
        assert!(matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Server), "{error}");
        assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
    }
}

#[test]
fn a_server_with_too_many_clients_is_a_server_error() {
    let server = refusing(&["-ERR max number of clients reached"]);
    let error = client(&server).ping().expect_err("no room");
    assert_eq!(error.kind(), ErrorKind::Server, "{error}");
    assert!(error.to_string().contains("max number of clients"), "{error}");
}
