//! What an id of `submit_once` stands for: one content, and one run. It is free again where nothing ran.

use std::thread;
use std::time::Duration;

use acclient::{Client, ErrorKind, Request, RunArgs, Target};
use devgrid::{Grid, RedisServer};
use support::{WAIT, ask, error, servers, wait_until};

/// Users who push by a script, and by a transaction.
const USERS: [&str; 2] = ["all", "few"];

fn server() -> RedisServer {
    let server = RedisServer::builder().user_acl("all on nopass ~* +@all");
    server.user_acl("few on nopass ~* +@all -eval").start().expect("a Redis")
}

fn client(server: &RedisServer, user: &str) -> Client {
    let builder = Client::builder().port(server.port()).user(user).timeout(WAIT);
    builder.connect().expect("a client")
}

fn number(server: &RedisServer, words: &[&str]) -> i64 {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    ask(&mut server.connection(), &words)
}

fn in_queue(server: &RedisServer) -> i64 {
    number(server, &["LLEN", "cmds.queue"])
}

fn unknown() -> Target {
    Target::agent((9, 9))
}

/// Returns the error of the controller for an address without an agent.
fn refusal(gid: u32, nid: u32) -> String {
    format!(
        r#"{{"id":"x","gid":{gid},"nid":{nid},"cmd":"","args":null,"data":"No matching connected agents found","streams":null,"critical":"","tags":"","level":0,"starttime":1795474876886,"state":"ERROR","time":0}}"#
    )
}

/// As a controller routes the command `x`: takes it, and files this document for each address.
fn route(server: &RedisServer, documents: &[((u32, u32), String)]) {
    for ((gid, nid), document) in documents {
        number(server, &["HSET", "jobresult:x", &format!("{gid}:{nid}"), document]);
        number(server, &["RPUSH", &format!("cmd.x.{gid}.{nid}"), document]);
        ask::<String>(&mut server.connection(), &[b"LPOP", b"cmds.queue"]);
        number(server, &["RPUSH", "cmd.x.queued", "queued"]);
    }
}

fn refuse(server: &RedisServer, addresses: &[(u32, u32)]) {
    let documents = addresses.iter().map(|&(gid, nid)| ((gid, nid), refusal(gid, nid)));
    route(server, &documents.collect::<Vec<_>>());
}

#[test]
fn another_content_under_the_id_is_refused() {
    if !servers::has_users() {
        return;
    }
    for user in USERS {
        let (server, one) = (server(), Target::agent((1, 1)));
        let client = client(&server, user);
        let request = |target: &Target| client.bash(target.clone(), "true").id("x").tags("t");
        request(&one).submit_once().expect("sent");
        request(&one).submit_once().expect("the same");
        let others: [(&str, Request); 6] = [
            ("another target", request(&Target::agent((1, 2)))),
            ("roles", request(&Target::all().into())),
            ("another command", client.execute(one.clone(), "bash").data("true").id("x").tags("t")),
            ("other data", request(&one).data("false")),
            ("other arguments", request(&one).run_args(RunArgs::new().max_time(1))),
            ("other tags", request(&one).tags("other")),
        ];
        for (what, other) in others {
            let refused = error(other.submit_once(), what);
            assert_eq!(refused.kind(), ErrorKind::IdInUse, "{user}, {what}: {refused}");
            assert!(!refused.is_retriable() && !refused.is_maybe_sent(), "{what}: {refused}");
            assert!(refused.to_string().contains("id is in use"), "{refused}");
        }
        assert_eq!(in_queue(&server), 1);
        assert_eq!(client.statistics().pushed, 1);
        // After the command was retracted, the ID is free.
        assert!(client.get_by_id("x").retract().expect("an answer"));
        request(&Target::agent((1, 2))).submit_once().expect("sent");
        assert_eq!(in_queue(&server), 1);
    }
}

#[test]
fn each_user_knows_the_mark_of_the_other() {
    if !servers::has_users() {
        return;
    }
    let server = server();
    let [by_script, by_transaction] = USERS.map(|user| client(&server, user));
    for (first, second) in [(&by_script, &by_transaction), (&by_transaction, &by_script)] {
        ask::<()>(&mut server.connection(), &[b"FLUSHALL"]);
        let request = |client: &Client, data: &str| client.bash((1, 1), data).id("x");
        request(first, "true").submit_once().expect("sent");
        request(second, "true").submit_once().expect("the same");
        let refused = error(request(second, "false").submit_once(), "another script");
        assert_eq!(refused.kind(), ErrorKind::IdInUse);
        assert_eq!(in_queue(&server), 1);
    }
}

#[test]
fn a_mark_without_a_digest_is_that_of_the_command() {
    if !servers::has_users() {
        return;
    }
    for user in USERS {
        let server = server();
        let client = client(&server, user);
        // As earlier versions wrote it, and as a later one may.
        for mark in ["1", "blake9:5c:0"] {
            ask::<()>(&mut server.connection(), &[b"SET", b"cmd.x.submitted", mark.as_bytes()]);
            client.cmd((1, 1), "ping").id("x").submit_once().expect("taken for sent");
            assert_eq!(in_queue(&server), 0, "{user}, {mark}");
        }
    }
}

#[test]
fn what_matched_no_agent_is_sent_again_under_its_id() {
    if !servers::has_users() {
        return;
    }
    let roles = |target: Target| target;
    for user in USERS {
        let targets = [
            (unknown(), vec![(9, 9)]),
            (roles(Target::any().role("none").into()), vec![(0, 0)]),
            (roles(Target::all().role("none").grid(2).into()), vec![(2, 0)]),
            (Target::agents([(9, 9), (9, 8)]), vec![(9, 8), (9, 9)]),
        ];
        for (target, addresses) in targets {
            let server = server();
            let client = client(&server, user);
            let submit = || client.cmd(target.clone(), "ping").id("x").submit_once();
            for round in 0..3 {
                submit().expect("sent");
                assert_eq!(in_queue(&server), addresses.len() as i64, "{user}, {target}, {round}");
                assert_eq!(number(&server, &["EXISTS", "jobresult:x", "cmd.x.queued"]), 0);
                submit().expect("it is in the queue");
                assert_eq!(in_queue(&server), addresses.len() as i64, "{user}, {target}, {round}");
                refuse(&server, &addresses);
            }
            let mut lists = addresses.iter().map(|(gid, nid)| format!("cmd.x.{gid}.{nid}"));
            assert!(lists.all(|list| number(&server, &["LLEN", &list]) == 1), "only the last");
            // The id is still that of this command.
            let other = client.cmd(target.clone(), "ping").tags("other").id("x").submit_once();
            assert_eq!(error(other, "other tags").kind(), ErrorKind::IdInUse);
        }
    }
}

/// A command of an earlier version that matched no agent: its content is not known, but its target is.
#[test]
fn a_mark_without_a_digest_does_not_burn_the_id_either() {
    if !servers::has_users() {
        return;
    }
    for user in USERS {
        let server = server();
        let client = client(&server, user);
        let submit = || client.cmd(unknown(), "ping").id("x").submit_once().expect("sent");
        submit();
        refuse(&server, &[(9, 9)]);
        ask::<()>(&mut server.connection(), &[b"SET", b"cmd.x.submitted", b"1"]);
        submit();
        assert_eq!(in_queue(&server), 1, "{user}");
    }
}

#[test]
fn what_may_have_run_is_never_sent_again() {
    if !servers::has_users() {
        return;
    }
    let job = |state: &str, nid: u32| {
        refusal(9, nid).replace("ERROR", state).replace("No matching connected agents found", "")
    };
    let of_a_job = refusal(9, 9).replace(r#""cmd":"""#, r#""cmd":"bash""#);
    let with_args = refusal(9, 9).replace("null", "{}");
    let large =
        refusal(9, 9).replace(r#""tags":"""#, &format!(r#""tags":"{}""#, "t".repeat(70_000)));
    let quoted = job("ERROR", 9).replace(
        r#""data":"""#,
        r#""data":"{\"data\":\"No matching connected agents found\",\"state\":\"ERROR\"}""#,
    );
    type Prepare<'a> = Box<dyn Fn(&RedisServer) + 'a>;
    let refused_and = |words: &'static [&'static str], document: String| -> Prepare<'static> {
        Box::new(move |server: &RedisServer| {
            refuse(server, &[(9, 9)]);
            let document = document.as_str();
            number(server, &words.iter().copied().chain([document]).collect::<Vec<_>>());
        })
    };
    let cases: [(&str, Prepare); 13] = [
        ("it is in the queue", Box::new(|_| ())),
        ("a success", Box::new(|server| route(server, &[((9, 9), job("SUCCESS", 9))]))),
        ("a failure", Box::new(|server| route(server, &[((9, 9), job("ERROR", 9))]))),
        ("a job that says so", Box::new(|server| route(server, &[((9, 9), of_a_job.clone())]))),
        ("a job with arguments", Box::new(|server| route(server, &[((9, 9), with_args.clone())]))),
        ("a job that quotes it", Box::new(|server| route(server, &[((9, 9), quoted.clone())]))),
        ("no JSON", Box::new(|server| route(server, &[((9, 9), "No matching".into())]))),
        ("a large document", Box::new(|server| route(server, &[((9, 9), large.clone())]))),
        ("it is queued", refused_and(&["HSET", "jobresult:x", "9:9"], job("QUEUED", 9))),
        ("another agent runs it", refused_and(&["HSET", "jobresult:x", "9:8"], job("RUNNING", 8))),
        ("another result", refused_and(&["RPUSH", "cmd.x.9.9"], job("SUCCESS", 9))),
        (
            "the list is gone",
            Box::new(|server| {
                refuse(server, &[(9, 9)]);
                number(server, &["DEL", "cmd.x.9.9"]);
            }),
        ),
        (
            "the controller is about to say that it is routed",
            Box::new(|server| {
                refuse(server, &[(9, 9)]);
                number(server, &["DEL", "cmd.x.queued"]);
            }),
        ),
    ];
    for user in USERS {
        for (what, prepare) in &cases {
            let server = server();
            let client = client(&server, user);
            let submit = || client.cmd(unknown(), "ping").id("x").submit_once().expect(what);
            submit();
            prepare(&server);
            submit();
            assert_eq!(client.statistics().pushed, 1, "{user}, {what}");
            assert_eq!(number(&server, &["EXISTS", "cmd.x.submitted"]), 1);
        }
    }
}

#[test]
fn a_list_of_agents_is_sent_again_only_where_none_of_them_was_known() {
    if !servers::has_users() {
        return;
    }
    let both = || Target::agents([(9, 8), (9, 9)]);
    let known = refusal(9, 9).replace("ERROR", "QUEUED");
    let known = known.replace("No matching connected agents found", "");
    for user in USERS {
        for documents in [
            vec![((9, 8), refusal(9, 8)), ((9, 9), known.clone())],
            // The controller has not come to the second one.
            vec![((9, 8), refusal(9, 8))],
        ] {
            let server = server();
            let client = client(&server, user);
            let submit = || client.cmd(both(), "ping").id("x").submit_once().expect("sent");
            submit();
            route(&server, &documents);
            submit();
            assert_eq!(client.statistics().pushed, 1, "{user}");
        }
    }
}

/// Answers that were there before the command do not count as its own.
#[test]
fn an_earlier_command_of_the_same_id_proves_nothing() {
    if !servers::has_users() {
        return;
    }
    for user in USERS {
        let server = server();
        let client = client(&server, user);
        client.cmd(unknown(), "ping").id("x").submit().expect("sent");
        refuse(&server, &[(9, 9)]);
        let submit = || client.cmd(unknown(), "ping").id("x").submit_once().expect("sent");
        submit();
        submit();
        assert_eq!(in_queue(&server), 1, "{user}: it was not routed yet");
        refuse(&server, &[(9, 9)]);
        submit();
        assert_eq!(in_queue(&server), 1, "{user}: none of the two has run");
    }
}

#[test]
fn of_many_that_send_it_again_one_does() {
    if !servers::has_users() {
        return;
    }
    let server = server();
    let clients = USERS.map(|user| client(&server, user));
    let submit = |client: &Client| client.cmd(unknown(), "ping").id("x").submit_once();
    submit(&clients[0]).expect("sent");
    for _ in 0..20 {
        refuse(&server, &[(9, 9)]);
        thread::scope(|scope| {
            for number in 0..8 {
                let client = &clients[number % 2];
                scope.spawn(move || submit(client).expect("submitted"));
            }
        });
        assert_eq!(in_queue(&server), 1);
    }
}

#[test]
fn an_agent_that_comes_later_runs_it() {
    let grid = Grid::builder().agent(1, 1, &[]).start().expect("a grid");
    let client = Client::connect(&grid.url()).expect("a client").with_timeout(WAIT);
    let submit = || client.bash((1, 2), "echo done").id("x").submit_once().expect("sent");
    let nobody = error(submit().next_result(WAIT), "no such agent");
    assert_eq!(nobody.kind(), ErrorKind::NoSuchAgent);
    grid.start_agent(1, 2, &[]);
    wait_until("the agent is listed", || {
        client.list_agents().expect("agents").keys().any(|agent| agent.nid == 2)
    });
    // The controller is about to say that it is routed, or has.
    wait_until("it can be sent again", || {
        submit();
        client.get_by_id("x").jobs().is_ok()
    });
    let mut command = submit();
    let job = command.next_result(WAIT).expect("a result").expect("a job");
    assert_eq!(job.stdout(), "done\n");
    submit();
    assert_eq!(number(grid.redis(), &["LLEN", "cmd.x.1.2"]), 1, "it ran once");
}

/// A wait that is under way sees the old answer or the new result.
#[test]
fn a_wait_goes_on_to_the_new_result() {
    if !servers::has_users() {
        return;
    }
    let server = server();
    let client = client(&server, "all");
    let submit = || client.cmd(unknown(), "ping").id("x").submit_once().expect("sent");
    submit();
    let waiting = {
        let mut command = submit();
        thread::spawn(move || command.next_result(WAIT))
    };
    wait_until("it blocks", || {
        let clients: String = ask(&mut server.connection(), &[b"CLIENT", b"LIST"]);
        clients.contains("cmd=blmove") || clients.contains("cmd=brpoplpush")
    });
    refuse(&server, &[(9, 9)]);
    assert_eq!(error(waiting.join().expect("no panic"), "nobody").kind(), ErrorKind::NoSuchAgent);
    let mut command = submit();
    let waiting = thread::spawn(move || command.next_result(WAIT));
    let success = refusal(9, 9).replace("ERROR", "SUCCESS");
    route(&server, &[((9, 9), success.replace("No matching connected agents found", "pong"))]);
    let job = waiting.join().expect("no panic").expect("a result").expect("a job");
    assert_eq!(job.data(), "pong");
}

/// Between WATCH and EXEC a right may be missing: nothing is pushed or removed, and the next call does not
/// find itself within a transaction.
#[test]
fn a_transaction_that_fails_leaves_nothing_behind() {
    if !servers::has_users() {
        return;
    }
    for right in ["multi", "exec", "get", "set", "llen", "unwatch"] {
        let rules = format!("few on nopass ~* +@all -eval -{right}");
        let server = RedisServer::builder().user_acl(&rules).start().expect("a Redis");
        let builder = Client::builder().port(server.port()).user("few").max_connections(1);
        let client = builder.timeout(WAIT).connect().expect("a client");
        let ping = || client.cmd((1, 1), "ping");
        if right != "unwatch" {
            let refused = error(ping().id("x").submit_once(), right);
            assert_eq!(refused.server_code(), Some("NOPERM"), "{right}: {refused}");
            assert_eq!(in_queue(&server), 0, "{right}");
            assert_eq!(number(&server, &["EXISTS", "cmd.x.submitted"]), 0, "{right}");
        }
        client.ping().unwrap_or_else(|error| panic!("{right}: {error}"));
        let command = ping().submit().unwrap_or_else(|error| panic!("{right}: {error}"));
        assert_eq!(in_queue(&server), 1, "{right}");
        let taken = command.retract();
        client.ping().unwrap_or_else(|error| panic!("{right}: {error}"));
        let is_needed = matches!(right, "multi" | "exec");
        assert_eq!(taken.is_err(), is_needed, "{right}: {taken:?}");
        assert_eq!(in_queue(&server), i64::from(is_needed), "{right}");
    }
}

/// The rights of `docs/redis.md` before ids could be free again.
#[test]
fn without_the_rights_to_look_closer_an_id_stays_in_use() {
    if !servers::has_users() {
        return;
    }
    for rules in ["+@all -hstrlen -hget", "+@all -hstrlen -hget -eval"] {
        let rules = format!("old on nopass ~* {rules}");
        let server = RedisServer::builder().user_acl(&rules).start().expect("a Redis");
        let client = client(&server, "old");
        let submit = || client.cmd(unknown(), "ping").id("x").submit_once().expect("sent");
        submit();
        refuse(&server, &[(9, 9)]);
        submit();
        assert_eq!(in_queue(&server), 0);
    }
}

#[test]
fn the_callers_iterator_runs_while_no_connection_is_held() {
    if !servers::has_users() {
        return;
    }
    let server = server();
    let builder = Client::builder().port(server.port()).max_connections(1);
    let client = builder.timeout(Duration::from_secs(30)).connect().expect("a client");
    let requests = (0..2500).map(|number| {
        if number % 500 == 0 {
            client.ping().expect("the only connection is free");
        }
        let statistics = client.statistics();
        assert_eq!(statistics.open_connections, statistics.idle_connections);
        client.cmd((1, 1), "ping")
    });
    let sent = client.submit_many(requests);
    assert_eq!(sent.len(), 2500);
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(in_queue(&server), 2500);
}
