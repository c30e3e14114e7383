//! Replies of hostile, broken or old servers: the client returns a clear error of the right kind
//! within the deadline, and does not reuse the connection.

use std::time::{Duration, Instant};

use acclient::{Client, Error, ErrorKind};
use support::scripted::{
    At, EVERYWHERE, LONG, PASSWORD, Peer, SHORT, Server, call, check_maybe_sent, check_words,
    client, hello, run, server_that, violations, within,
};
use support::{LATE, with_growing_time};

/// Stack size of small threads in C and Go programs.
const SMALL_STACK: usize = 128 * 1024;
const USUAL_STACK: usize = 2 * 1024 * 1024;

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
            assert_eq!(error.command_handle().is_some(), at == At::Timeout, "{name}: {error}");
            server.wait_ended(1);
            client.ping().unwrap_or_else(|error| panic!("after {name} at {at:?}: {error}"));
            assert_eq!(server.connections(), 2, "{name} at {at:?}");
            assert_eq!(server.seen("RPUSH").len(), usize::from(at == At::Timeout), "{name}");
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
    violations_are_refused(At::Timeout, USUAL_STACK);
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
            if peer.connection > 0 {
                return peer.serve(); // the command may run, so that its keys are to be expired
            }
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
                if at == At::Timeout {
                    peer.expect("BLMOVE");
                }
                peer.send(reply);
                peer.serve(); // an error reply is no reason to end the connection
            });
            let client = client(&server);
            let called = call(&client, at, LONG);
            // What is refused there, in whatever words, has a substitute.
            if at != At::Ping {
                called.unwrap_or_else(|error| panic!("{at:?} {reply:?}: {error}"));
                let seen = |command| server.seen(command).len();
                match at {
                    At::Hello => assert_eq!(seen("AUTH"), 1, "{reply:?}"),
                    // One that neither Redis nor Valkey has may pass. What the id holds is read before.
                    _ => assert_eq!(seen("BRPOPLPUSH") + seen("LRANGE"), 1 + 1, "{reply:?}"),
                }
                continue;
            }
            let error = called.expect_err("an error");
            assert_eq!(error.kind(), ErrorKind::Server, "{at:?} {reply:?}: {error}");
            client.ping().expect("the server is sane again");
        }
    }
}

#[test]
fn replies_that_come_byte_by_byte_are_read_as_well() {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.command() {
            let reply = peer.sane_reply(&seen);
            peer.send_byte_by_byte(&reply);
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
            peer.answer(&seen);
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
    assert_eq!(error.is_retriable(), at != At::Timeout, "{name} at {at:?}: {error}");
    assert!(took >= SHORT && took < SHORT + LATE, "{name} at {at:?} took {took:?}");
    assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
    assert_eq!(error.command_handle().is_some(), at == At::Timeout, "{error}");
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
                "BLMOVE" | "HGET" => peer.send("$-1\r\n"),
                "LRANGE" => peer.send("*0\r\n"),
                _ => {
                    let reply = peer.sane_reply(&seen);
                    peer.send(reply)
                }
            };
        }
    });
    times_out("nulls", &client(&server), At::Timeout);
    assert_eq!(server.seen("RPUSH").len(), 1);
}

#[test]
fn silence_ends_on_the_deadline() {
    let all: [(At, &str, &[u8]); 7] = [
        (At::Hello, "connecting", b""),
        (At::Hello, "half a login", b"%7\r\n$6\r\nser"),
        (At::Ping, "the login", b""),
        (At::Ping, "half a PONG", b"+PO"),
        (At::Timeout, "RPUSH", b""),
        (At::Timeout, "half a header", b"$1"),
        (At::Timeout, "half a result", b"$100\r\n{\"id\""),
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
    // The kernel accepts the connection, and no process reads from it.
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
                    _ => {
                        let reply = peer.sane_reply(&seen);
                        peer.send(reply)
                    }
                };
            }
        });
        let url = format!("{}/3", server.url_with_password());
        let client = Client::builder().url(&url).and_then(|builder| builder.build());
        times_out(silent, &client.expect("a client"), At::Ping);
        assert_eq!(server.seen(silent).len(), 1);
    }
}

#[test]
fn a_refused_push_is_a_server_error_and_not_sent_again() {
    for (reply, code) in [
        ("-OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("-NOPERM this user has no permissions to run the 'rpush' command", "NOPERM"),
        ("-", ""),
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
        assert_eq!(error.server_code(), Some(code), "{error}");
        assert!(!error.is_retriable() && !error.is_maybe_sent(), "{error}");
        assert_eq!(server.seen("RPUSH").len(), 1);
    }
}

/// By a user who may not say HELLO a cluster is found out late.
#[test]
fn a_node_of_a_cluster_is_unsupported_whenever_it_is_found_out() {
    let server = Server::start(|peer| {
        peer.log_in();
        peer.expect("RPUSH");
        peer.send("-MOVED 15495 127.0.0.1:7001\r\n");
        peer.silence();
    });
    let error = run(&client(&server), LONG).expect_err("a cluster");
    assert_eq!((error.kind(), error.is_maybe_sent()), (ErrorKind::Unsupported, false), "{error}");
    assert!(error.to_string().contains("Redis Cluster"), "{error}");
}

/// A rejected command has not run: the push is repeated until the server is ready or the call times
/// out.
#[test]
fn a_server_that_is_not_ready_is_waited_for() {
    for reply in [
        "-LOADING Redis is loading the dataset in memory",
        "-READONLY You can't write against a read only replica.",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ] {
        let server = Server::start(move |peer| {
            peer.log_in();
            if peer.connection < 3 {
                peer.expect("RPUSH");
                peer.send(format!("{reply}\r\n"));
                return peer.silence();
            }
            peer.serve();
        });
        let job = run(&client(&server), LONG).expect(reply);
        assert!(job.is_success(), "{job:?}");
        assert_eq!(server.seen("RPUSH").len(), 4, "refused thrice, each time by a connection");

        let server = Server::start(move |peer| {
            peer.log_in();
            while peer.command().is_some() {
                peer.send(format!("{reply}\r\n"));
            }
        });
        // With less time than it takes to get the reply, there is none to name.
        let is_named = |error: Error| {
            assert!(error.is_timeout() && !error.is_maybe_sent(), "{error}");
            error.to_string().contains(&reply[1..]).then_some(())
        };
        with_growing_time(SHORT, |time| is_named(run(&client(&server), time).expect_err(reply)));
        with_growing_time(SHORT, |time| {
            is_named(client(&server).with_timeout(time).ping().expect_err(reply))
        });
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
        let hello_is_taken = !shown.starts_with('-');
        let server = Server::start(move |peer| {
            while let Some(seen) = peer.command() {
                match seen.name() {
                    "HELLO" => peer.send(&hello),
                    _ => {
                        let reply = peer.sane_reply(&seen);
                        peer.send(reply)
                    }
                };
            }
        });
        run(&client(&server), LONG).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let used = ["BLMOVE", "BRPOPLPUSH"].map(|name| server.seen(name).len());
        assert_eq!(used, if expected == "BLMOVE" { [1, 0] } else { [0, 1] }, "{shown}");
        // Redis 5, which has no RESP3, takes whole seconds only.
        let seconds = server.seen(expected)[0].words.last().expect("seconds").clone();
        assert_eq!(seconds != "1", hello_is_taken, "{shown}: {seconds}");
        assert_eq!(server.seen("AUTH").len(), usize::from(!hello_is_taken), "{shown}");
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
        for at in [At::Ping, At::Timeout] {
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

/// The error for HELLO is not the reason for the end of the connection.
#[test]
fn a_connection_that_ends_after_hello_is_refused_is_a_lost_connection() {
    let server = refusing(&["-ERR unknown command 'HELLO'"]);
    let error = client(&server).ping().expect_err("no login");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Connect, true), "{error}");
}
