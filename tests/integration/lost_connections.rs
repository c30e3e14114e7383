//! Connections that end or stall at each point of a call: what is sent again, what never is, and
//! what the error says about a command that may have been pushed.

use std::sync::Arc;
use std::time::Duration;

use acclient::{CancelToken, Client, Error, ErrorKind, Job, Target};
use support::scripted::{
    At, Gate, LONG, Peer, RESULT, SHORT, Server, bulk, check_maybe_sent, check_words, client,
    hello, run, sane_reply, server_that,
};
use support::with_growing_time;

/// More than sockets on loopback buffer.
const HUGE: usize = 32 * 1024 * 1024;

#[test]
fn a_connection_that_ends_within_the_login_is_a_connect_error() {
    let whole = hello("7.2.4");
    // A connection that ends without any byte may be a proxy without HELLO: see abilities.rs.
    for end in 1..whole.len() {
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

/// A question has time left when it is given up to ask how far it got.
#[test]
fn a_question_whose_push_is_not_confirmed_in_time_may_be_answered_all_the_same() {
    with_growing_time(Duration::from_secs(1), |time| {
        let server = Server::start(|peer| {
            if peer.connection > 0 {
                return peer.serve();
            }
            peer.log_in();
            peer.silence();
        });
        let asked = client(&server).with_timeout(time).ping_agent((1, 1));
        assert_eq!(server.seen("RPUSH").len(), 1);
        asked.inspect_err(|error| assert!(error.is_timeout(), "{error}")).ok()
    });
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
        with_growing_time(SHORT, |time| {
            let server = silent();
            let client = client(&server);
            let result = if submit_only {
                let client = client.with_timeout(time);
                client.cmd(Target::agent((1, 1)), "ping").id("x").submit().map(drop)
            } else {
                run(&client, time).map(drop)
            };
            let error = result.expect_err("no answer");
            assert!(error.is_timeout() && error.elapsed() >= Some(time), "{error}");
            // Less than it takes to send it.
            error.is_maybe_sent().then_some(())?;
            check_maybe_sent(&error, &server);
            client.ping().expect("on a new connection");
            assert_eq!(server.seen("RPUSH").len(), 1);
            Some(())
        });
    }
}

#[test]
fn a_call_ended_by_its_caller_still_says_that_the_command_may_be_sent() {
    for close in [false, true] {
        let server = Arc::new(Server::start(|peer| {
            peer.log_in();
            peer.silence();
        }));
        let cancel = CancelToken::new().expect("a token");
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
        assert_eq!(error.command_handle(), Some("acclient:1:x:1:1"));
        ending.join().expect("it ended the call");
    }
}

fn huge(client: &Client) -> Result<Job, Error> {
    let command = client.execute(Target::agent((1, 1)), "cat").id("x");
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
    let command = client.execute(Target::agent((1, 1)), "cat").data(vec![b'x'; HUGE]);
    let error = command.run(SHORT).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(!error.is_maybe_sent() && error.is_retriable(), "{error}");
    gate.open();
    assert_eq!(server.seen("RPUSH"), []);
}

#[test]
fn full_sockets_on_both_sides_do_not_block_each_other() {
    let result = RESULT.replace("\\\"pong\\\"", &"y".repeat(HUGE));
    let nothing_before = b":0\r\n*1\r\n$-1\r\n*0\r\n".to_vec();
    let reply = [nothing_before, sane_reply("RPUSH"), b"*1\r\n".to_vec(), bulk(&result)].concat();
    let server = Server::start(move |peer| {
        // Of a server that closes on HELLO the client asks nothing else in between, such as SCAN.
        if peer.connection == 0 {
            peer.expect("HELLO");
            return;
        }
        peer.expect("PING");
        peer.send("+PONG\r\n");
        // More than the sockets hold, before a byte of the command is read.
        peer.send(&reply);
        for name in ["LLEN", "HMGET", "LRANGE", "RPUSH", "LRANGE"] {
            assert_eq!(peer.command().expect(name).name(), name);
        }
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
    with_growing_time(SHORT, |time| {
        let server = Server::start(|peer| {
            if peer.connection == 0 {
                peer.log_in();
                peer.expect("RPUSH");
                peer.send(":1\r\n");
            }
        });
        let error = run(&client(&server), time).expect_err("it never comes back");
        assert!(error.is_timeout(), "{error}");
        // Less than it takes to send it, to be told so, or to find out that the server has gone.
        let is_pushed = error.kind() == ErrorKind::Timeout && !server.seen("RPUSH").is_empty();
        (is_pushed && error.to_string().contains(&server.address())).then_some(())?;
        assert_eq!(error.command_handle(), Some("acclient:1:x:1:1"));
        check_words(&error, &server);
        assert_eq!(server.seen("RPUSH").len(), 1);
        Some(())
    });
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
    assert_eq!(error.command_handle(), Some("acclient:1:x:1:1"));
    check_words(&error, &server);
    assert_eq!(server.connections(), 2);
}
