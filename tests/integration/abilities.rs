//! Features that a server, a proxy or the ACL of a user may lack, and what is lost without them:
//! the table in docs/redis.md.

use std::sync::atomic::{AtomicU32, Ordering};

use acclient::{Client, ErrorKind, JobState, Stage, Target, WaitMethod};
use devgrid::{Grid, RedisServer};
use support::proxy::{Fault, Plan, Proxy};
use support::refusing::{Refusing, Verdict};
use support::scripted::{Server, hello};
use support::{WAIT, error, redis, servers, wait_until, wait_until_running};

/// Each as the commands that it needs.
const ABILITIES: [&[&str]; 10] = [
    &["HELLO"],
    &["CLIENT"],
    &["EVAL"],
    &["INFO"],
    &["ROLE"],
    &["ACL"],
    &["CONFIG"],
    &["BLMOVE", "BRPOPLPUSH"],
    &["EXISTS"],
    &["EXPIRE"],
];

/// The wording of Redis 5 and 7, of Envoy in two versions, and of an unknown proxy.
const WORDS: [&str; 5] = [
    "ERR unknown command `{}`, with args beginning with: `x`, ",
    "ERR unknown command '{}', with args beginning with: 'x' ",
    "ERR command not allowed",
    "ERR unsupported command `{}`",
    "FORBIDDEN this endpoint does not offer it",
];

/// Uses every feature of a grid without these commands.
fn use_without(lost: &[&str], client: &Client, how: &str) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let without = |name: &str| lost.contains(&name);
    let said = format!("without {lost:?}, {how}");
    let one = Target::agent((1, 1));
    let job = client.cmd(one.clone(), "ping").run(WAIT);
    assert!(job.unwrap_or_else(|error| panic!("{said}: {error}")).is_success());
    let slow = client.bash(one.clone(), "sleep 0.2; echo done").run(WAIT);
    assert_eq!(slow.unwrap_or_else(|error| panic!("{said}: {error}")).stdout(), "done\n");

    let all = client.bash(Target::all(), "sleep 0.1").submit().expect(&said);
    let mut results = all.results(WAIT).expect(&said);
    results.next().expect(&said).unwrap_or_else(|error| panic!("{said}: {error}"));
    let polled = without("HELLO") || without("CLIENT") || !servers::has_hello();
    let method = if polled { WaitMethod::Polling } else { WaitMethod::Broadcast };
    assert_eq!(results.method(), Some(method), "{said}");
    assert_eq!(results.filter(Result::is_ok).count(), 2, "{said}");

    let id = format!("once-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
    match client.cmd(one.clone(), "ping").id(&id).submit_once() {
        Ok(mut command) => {
            let job = command.next_result(WAIT).unwrap_or_else(|error| panic!("{said}: {error}"));
            assert!(job.expect("the first").is_success(), "{said}");
            let progress = client.get_by_id(&id).progress(WAIT);
            assert_eq!(progress.expect(&said).stage, Stage::Done, "{said}");
            assert!(!client.get_by_id(&id).retract().expect(&said), "{said}");
        }
        // A script has the permissions of its user.
        Err(error) => {
            assert!(without("EXISTS") && error.kind() == ErrorKind::Server, "{said}: {error}");
        }
    }

    let sleeping = client.execute(one, "sleep").arg("600").submit().expect(&said);
    wait_until_running(&sleeping);
    sleeping.kill().expect(&said).into_result().unwrap_or_else(|error| panic!("{said}: {error}"));
    wait_until("it is killed", || {
        sleeping.jobs().expect(&said).values().all(|job| job.state() == &JobState::Killed)
    });

    let history = error(client.get_cmds(0, 10), "a history that is not kept");
    assert_eq!(history.kind(), ErrorKind::Unsupported, "{said}: {history}");
    let diagnosis = client.doctor(WAIT).expect(&said);
    assert!(diagnosis.is_healthy(), "{said}: {diagnosis}");
}

#[test]
fn refused_in_whatever_words() {
    let grid = Grid::demo().expect("a grid");
    let without = |lost: &'static [&'static str], words: &'static str| {
        let proxy = Refusing::new(grid.redis().port(), move |command| {
            let name = command[0].to_uppercase();
            if lost.contains(&&*name) {
                return Verdict::Refuse(words.replace("{}", &command[0]));
            }
            Verdict::Pass
        });
        let client = Client::connect(&proxy.url());
        let client = client.unwrap_or_else(|error| panic!("without {lost:?}, {words}: {error}"));
        use_without(lost, &client.with_timeout(WAIT), words);
    };
    for (number, lost) in ABILITIES.into_iter().enumerate() {
        without(lost, WORDS[number % WORDS.len()]);
        without(lost, WORDS[(number + 2) % WORDS.len()]);
    }
    const ALL: &[&str] =
        &["HELLO", "CLIENT", "INFO", "ROLE", "ACL", "CONFIG", "BLMOVE", "BRPOPLPUSH", "CLUSTER"];
    WORDS.into_iter().for_each(|words| without(ALL, words));
}

#[test]
fn renamed_away() {
    // Required by the grid itself.
    let needed = [&["INFO"][..], &["CLIENT"]];
    for lost in ABILITIES.into_iter().filter(|lost| !needed.contains(lost)) {
        // A command that the server lacks cannot be renamed.
        let known = lost.iter().filter(|command| servers::knows(command));
        let server = known.fold(RedisServer::builder(), |server, command| {
            server.arg("rename-command", &format!("{command} \"\""))
        });
        let grid = Grid::demo_builder().redis(server).start();
        let grid = grid.unwrap_or_else(|error| panic!("without {lost:?}: {error}"));
        let client = Client::connect(&grid.url());
        let client = client.unwrap_or_else(|error| panic!("without {lost:?}: {error}"));
        use_without(lost, &client.with_timeout(WAIT), "renamed away");
    }
}

#[test]
fn denied_by_the_rights_of_the_user() {
    if !servers::has_users() {
        return;
    }
    let users = ABILITIES.into_iter().enumerate();
    let server = users.fold(RedisServer::builder(), |server, (number, lost)| {
        // A command that the server lacks cannot be denied: Redis 6.0 has no BLMOVE.
        let known = lost.iter().filter(|command| servers::knows(command));
        let denied = known.map(|command| format!("-{}", command.to_lowercase()));
        let denied = denied.collect::<Vec<_>>().join(" ");
        server.user_acl(&format!("user{number} on >secret ~* +@all {denied}"))
    });
    let grid = Grid::demo_builder().redis(server).start().expect("a grid");
    for (number, lost) in ABILITIES.into_iter().enumerate() {
        // A user without permission for HELLO may still log in with it.
        let lost = if lost == ["HELLO"] { &[] } else { lost };
        let user = format!("user{number}");
        let client = Client::builder().port(grid.redis().port()).user(user).password("secret");
        let client = client.connect().unwrap_or_else(|error| panic!("without {lost:?}: {error}"));
        use_without(lost, &client.with_timeout(WAIT), "denied");
    }
}

/// Like twemproxy.
#[test]
fn refused_by_closing_the_connection() {
    const LOST: [&str; 9] =
        ["HELLO", "CLIENT", "INFO", "ROLE", "ACL", "CONFIG", "BLMOVE", "BRPOPLPUSH", "CLUSTER"];
    let grid = Grid::demo().expect("a grid");
    let proxy = Refusing::new(grid.redis().port(), |command| {
        if LOST.contains(&&*command[0].to_uppercase()) { Verdict::Close } else { Verdict::Pass }
    });
    let client = Client::connect(&proxy.url()).expect("a client");
    use_without(&LOST, &client.with_timeout(WAIT), "by closing");
    let asked = proxy.seen();
    let asked: Vec<_> =
        LOST[1..].iter().filter(|name| asked.iter().any(|it| it == *name)).collect();
    assert_eq!(asked, Vec::<&&str>::new(), "asked of a proxy that closes");
}

/// With requirepass, and HELLO renamed away. Valkey 9.1 answers NOAUTH to any unknown command then.
#[test]
fn a_password_where_hello_is_unknown() {
    let server = servers::without_hello().password("sesame").start().expect("a Redis");
    let client = |password: &str| Client::builder().port(server.port()).password(password);
    client("sesame").connect().expect("a login by AUTH").ping().expect("PONG");
    client("sesame").user("default").connect().expect("a login by AUTH");
    let wrong = error(client("wrong").connect(), "a wrong password");
    assert_eq!(wrong.kind(), ErrorKind::Authentication, "{wrong}");
    let none = error(Client::builder().port(server.port()).connect(), "no password");
    assert_eq!(none.kind(), ErrorKind::Authentication, "{none}");
}

/// Likewise, where the words cannot be had of this server.
#[test]
fn the_answer_to_auth_counts_and_not_that_to_hello() {
    let refusals = [
        "NOAUTH Authentication required.",
        "ERR command not allowed",
        "ERR unsupported command `hello`",
        "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' ",
        "NOPERM this user has no permissions to run the 'hello' command",
        "NOPROTO unsupported protocol version",
        "ERR Protocol error: AUTH is not possible here",
        "-",
    ];
    for refusal in refusals {
        for taken in [true, false] {
            let server = Server::start(move |peer| {
                while let Some(seen) = peer.command() {
                    match seen.name() {
                        "HELLO" => peer.send(format!("-{refusal}\r\n")),
                        "AUTH" if !taken => peer.send("-WRONGPASS no such user\r\n"),
                        _ => {
                            let reply = peer.sane_reply(&seen);
                            peer.send(reply)
                        }
                    };
                }
            });
            let client =
                Client::builder().url(&server.url_with_password()).and_then(|it| it.build());
            let ping = client.expect("a client").ping();
            match ping {
                Ok(()) => assert!(taken, "{refusal}"),
                Err(error) => {
                    let kind = error.kind();
                    assert!(!taken && kind == ErrorKind::Authentication, "{refusal}: {error}");
                }
            }
            assert_eq!(server.seen("AUTH").len(), 1, "{refusal}");
            assert_eq!(server.connections(), 1, "{refusal}");
        }
    }
}

#[test]
fn a_refused_password_is_not_tried_twice() {
    let server = Server::start(|peer| {
        while peer.command().is_some() {
            peer.send("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
        }
    });
    let wrong = error(Client::connect(&server.url_with_password()), "a wrong password");
    assert_eq!(wrong.kind(), ErrorKind::Authentication, "{wrong}");
    assert_eq!((server.seen("HELLO").len(), server.seen("AUTH").len()), (1, 0));
}

/// A script that refuses something in itself may have pushed the command: it is not pushed once more by
/// a transaction.
#[test]
fn an_error_of_a_script_is_no_refusal_of_scripts() {
    let server = redis();
    let proxy = Refusing::new(server.port(), |command| match command {
        [eval, script, ..] if eval == "EVAL" && script.contains("RPUSH") => {
            Verdict::Refuse("ERR something in the script is not allowed".to_owned())
        }
        _ => Verdict::Pass,
    });
    let client = Client::connect(&proxy.url()).expect("a client");
    let refused = error(client.cmd(Target::agent((1, 1)), "ping").submit_once(), "a script");
    assert_eq!((refused.kind(), refused.server_code()), (ErrorKind::Server, Some("ERR")));
    assert!(!proxy.seen().iter().any(|name| name == "MULTI"), "{:?}", proxy.seen());
}

#[test]
fn without_info_submit_once_doubts_after_a_cut() {
    let server = redis();
    let proxy = Proxy::new(server.port());
    let refusing = Refusing::new(proxy.port(), |command| {
        if command[0] == "INFO" {
            return Verdict::Refuse("ERR command not allowed".to_owned());
        }
        Verdict::Pass
    });
    let client = || Client::builder().url(&refusing.url()).and_then(|it| it.timeout(WAIT).build());
    let submit = |id: &str| {
        client().expect("a client").cmd(Target::agent((1, 1)), "ping").id(id).submit_once()
    };
    submit("first").expect("sent");
    let [_, down] = proxy.passed();
    proxy.next(Plan::down(down - 2, Fault::Cut));
    // Either the mark is found, or the error says that it may have been sent. It is not sent twice.
    match submit("second") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::MaybeSent, "{error}"),
    }
    let length: i64 = support::ask(&mut server.connection(), &[b"LLEN", b"cmds.queue"]);
    assert_eq!(length, 2);
}

/// Redis 5 has no HELLO, which tells it elsewhere.
#[test]
fn clusters_and_sentinels_are_known_without_hello() {
    let node = RedisServer::builder().arg("cluster-enabled", "yes").start().expect("a node");
    let watched = redis();
    let monitor = format!("grid 127.0.0.1 {} 1", watched.port());
    let sentinel = RedisServer::builder().sentinel().arg("sentinel monitor", &monitor);
    let sentinel = sentinel.start().expect("a Sentinel");
    for lost in [&["HELLO"][..], &["HELLO", "INFO"], &["HELLO", "ROLE"], &["HELLO", "CLUSTER"]] {
        let refusing = |port| {
            Refusing::new(port, move |command| {
                if lost.contains(&&*command[0].to_uppercase()) {
                    return Verdict::Refuse("ERR command not allowed".to_owned());
                }
                Verdict::Pass
            })
        };
        for (server, word) in [(&node, "Redis Cluster"), (&sentinel, "redis+sentinel://")] {
            let proxy = refusing(server.port());
            let refused = error(Client::connect(&proxy.url()), word);
            let kind = refused.kind();
            assert!(
                kind == ErrorKind::Unsupported && refused.to_string().contains(word),
                "without {lost:?}: {refused}"
            );
        }
        let proxy = refusing(watched.port());
        Client::connect(&proxy.url()).expect("a server").ping().expect("PONG");
    }
    // A proxy may support RESP3 without reporting the mode.
    let silent = hello("7.2.4");
    let silent = String::from_utf8_lossy(&silent).replace("mode", "nope");
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.command() {
            match seen.name() {
                "HELLO" => peer.send(&silent),
                "CLUSTER" => peer.send("$17\r\ncluster_state:ok\n\r\n"),
                _ => {
                    let reply = peer.sane_reply(&seen);
                    peer.send(reply)
                }
            };
        }
    });
    assert_eq!(error(Client::connect(&server.url()), "a cluster").kind(), ErrorKind::Unsupported);
}

/// A master that does not report its role is the one that the Sentinels name.
#[test]
fn a_role_that_is_not_told_is_believed() {
    let master = redis();
    let proxy = Refusing::new(master.port(), |command| match &*command[0].to_uppercase() {
        "HELLO" | "ROLE" => Verdict::Refuse("ERR command not allowed".to_owned()),
        _ => Verdict::Pass,
    });
    let monitor = format!("grid 127.0.0.1 {} 1", proxy.port());
    let sentinel = RedisServer::builder().sentinel().arg("sentinel monitor", &monitor);
    let sentinel = sentinel.start().expect("a Sentinel");
    let url = format!("redis+sentinel://127.0.0.1:{}/grid", sentinel.port());
    let client = Client::builder().url(&url).and_then(|it| it.timeout(WAIT).connect());
    client.expect("a client").ping().expect("PONG");
}

/// Some proxies support HELLO, and close the connection on an unknown command.
#[test]
fn a_proxy_that_closes_on_info_is_asked_once() {
    let server = Server::start(|peer| {
        if peer.connection > 0 {
            return peer.serve();
        }
        peer.expect("HELLO");
        peer.send(hello("7.2.4"));
        peer.ignore_greeting();
    });
    let client = Client::connect(&server.url()).expect("a client");
    client.ping().expect("a second connection without it");
    let job = client.cmd(Target::agent((1, 1)), "ping").id("x").run(WAIT).expect("a result");
    assert_eq!(job.data(), "\"pong\"");
    assert_eq!((server.seen("HELLO").len(), server.seen("INFO").len()), (1, 1));
}
