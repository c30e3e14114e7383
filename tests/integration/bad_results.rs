//! Invalid data in Redis in place of a result: rejected with a clear error, or read literally.

use std::time::Duration;

use acclient::{Client, Error, ErrorKind, Job, JobState, Target};
use support::{HASH, LIST, ask, error, fill, redis, result};

/// Timeout of a call that has to succeed or fail for another reason.
const LONG: Duration = support::WAIT;
/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_secs(1);
/// Stack size of small threads in C and Go programs.
const SMALL_STACK: usize = 128 * 1024;
const MIB: usize = 1024 * 1024;

/// Runs a test on a thread with little stack.
fn on_a_small_stack(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(SMALL_STACK);
        let thread = thread.spawn_scoped(scope, test).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Every way to read the result that [`fill`] puts there.
type Read = fn(&Client) -> Result<Option<Job>, Error>;
const READS: [(&str, Read); 5] = [
    ("next_result", |client| client.get_by_handle("acclient:1:x:1:1")?.next_result(LONG)),
    ("next_result by id", |client| client.get_by_id("x").next_result(LONG)),
    ("try_next_result", |client| client.get_by_handle("acclient:1:x:1:1")?.try_next_result()),
    ("try_next_result by id", |client| client.get_by_id("x").try_next_result()),
    ("jobs", |client| Ok(client.get_by_id("x").jobs()?.into_values().next())),
];

fn nested(open: &str, close: &str) -> Vec<u8> {
    [open.repeat(100_000), "1".to_owned(), close.repeat(100_000)].concat().into_bytes()
}

#[test]
fn results_that_cannot_be_read_are_protocol_errors_on_any_stack() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    let unreadable: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", b"".to_vec()),
        ("a word", b"sesame".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a string", br#""sesame""#.to_vec()),
        ("a number", b"1".to_vec()),
        ("null", b"null".to_vec()),
        ("half an object", br#"{"state":"SUCCESS","data":"sesame"#.to_vec()),
        ("something behind it", br#"{"state":"SUCCESS"} sesame"#.to_vec()),
        ("a NUL behind it", b"{\"state\":\"SUCCESS\"}\0".to_vec()),
        ("bytes that are no text", b"\xff\xfe".to_vec()),
        ("a state that is a number", br#"{"state":1,"data":"sesame"}"#.to_vec()),
        ("a state that is a list", br#"{"state":["SUCCESS"],"data":"sesame"}"#.to_vec()),
        ("no state", br#"{"id":"x","gid":1,"nid":1,"data":"sesame"}"#.to_vec()),
        ("lists without end", "[".repeat(100_000).into_bytes()),
        ("objects without end", r#"{"a":"#.repeat(100_000).into_bytes()),
        ("100 000 nested lists", nested("[", "]")),
    ];
    for (name, entry) in unreadable {
        fill(&mut admin, std::slice::from_ref(&entry));
        on_a_small_stack(|| {
            for (how, read) in READS {
                let error = error(read(&client), &format!("{name} by {how}"));
                assert_eq!(error.kind(), ErrorKind::Protocol, "{name} by {how}: {error}");
                let words = error.to_string();
                assert!(words.contains(LIST) || words.contains(HASH), "{name} by {how}: {words}");
                assert!(!words.contains("sesame"), "{name} by {how}: {words}");
                assert!(!error.is_retriable(), "{name} by {how}: {words}");
            }
        });
        let kept: Vec<Vec<u8>> = ask(&mut admin, &[b"LRANGE", LIST.as_bytes(), b"0", b"-1"]);
        assert_eq!(kept, [entry], "reading {name} changed it");
    }
}

#[test]
fn fields_that_do_not_decide_the_outcome_hide_nothing() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    let deep = |open, close| String::from_utf8(nested(open, close)).expect("text");
    let long = format!(r#""{}""#, "x".repeat(MIB));
    let cases = [
        (r#""starttime":1795521098681.0"#.to_owned(), None),
        (r#""time":1e3,"level":"20""#.into(), None),
        (r#""tags":["a"]"#.into(), Some("tags")),
        (r#""streams":"sesame""#.into(), Some("streams")),
        (r#""streams":[1,null]"#.into(), Some("streams")),
        (r#""streams":["a","b","c"]"#.into(), None),
        (r#""critical":5"#.into(), Some("critical")),
        (r#""args":"sesame""#.into(), Some("args")),
        (r#""level":1e99"#.into(), Some("level")),
        (r#""starttime":99999999999999999999"#.into(), Some("starttime")),
        (r#""time":-1e999"#.into(), Some("time")),
        (r#""cmd":5,"id":6,"gid":"x","nid":{}"#.into(), Some("gid")),
        (r#""id":"another","gid":7,"nid":8"#.into(), None),
        (r#""LEVEL":20"#.into(), None),
        (format!(r#""args":{}"#, deep("[", "]")), Some("args")),
        (format!(r#""later":{}"#, deep(r#"{"a":"#, "}")), Some("later")),
        (format!(r#""tags":{}"#, deep("[", "]")), Some("tags")),
        (format!(r#""critical":{long},"tags":[{long}]"#), Some("tags")),
    ];
    for (odd, dropped) in cases {
        let entry = format!(r#"{{"state":"SUCCESS","data":"seen",{odd}}}"#).into_bytes();
        let name = &odd[..odd.len().min(40)];
        fill(&mut admin, std::slice::from_ref(&entry));
        on_a_small_stack(|| {
            for (how, read) in READS {
                let job = read(&client).unwrap_or_else(|error| panic!("{name} by {how}: {error}"));
                let job = job.expect("a result");
                assert_eq!((job.state(), job.data()), (&JobState::Success, "seen"), "{name}");
                assert_eq!((job.id(), job.agent()), ("x", (1, 1).into()), "{name} by {how}");
                assert!(dropped.is_none_or(|it| job.dropped_fields().contains(&it)), "{name}");
                assert_eq!(job.dropped_fields().is_empty(), dropped.is_none(), "{name} by {how}");
                assert!(job.raw().is_none_or(|raw| raw == entry), "{name} by {how}");
                assert!(dropped.is_none() || job.raw().is_some(), "{name} by {how}");
                let dump = job.dump();
                serde_json::from_str::<serde::de::IgnoredAny>(&dump).expect("JSON");
                assert!(dump.contains(r#""data":"seen""#), "{name} by {how}");
            }
        });
    }
    fill(&mut admin, &[br#"{"state":"SUCCESS","data":{"a":[1.0]},"level":20}"#.into()]);
    for (how, read) in READS {
        let job = read(&client).expect(how).expect("a result");
        assert_eq!(job.data(), r#"{"a":[1.0]}"#, "{how}");
        assert_eq!(job.json::<serde_json::Value>().expect("JSON")["a"][0], 1.0, "{how}");
    }
}

/// Two agents that have answered, the first with an unreadable result.
fn one_of_two_is_unreadable(admin: &mut redis::Connection, entry: &[u8]) {
    fill(admin, &[entry.into()]);
    ask::<()>(admin, &[b"RPUSH", b"cmd.x.1.2", &result("SUCCESS", 5)]);
    ask::<()>(admin, &[b"HSET", HASH.as_bytes(), b"1:2", &result("SUCCESS", 5)]);
}

#[test]
fn a_result_that_cannot_be_read_is_the_failure_of_its_agent_alone() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    for entry in [&b"sesame"[..], br#"{"state":5}"#, b"[]"] {
        one_of_two_is_unreadable(&mut admin, entry);
        let jobs = client.get_by_id("x").jobs().expect("the other job");
        assert_eq!(jobs.keys().copied().collect::<Vec<_>>(), [(1, 2).into()]);
        for handle in ["acclient:1:x:1:1,1:2", "acclient:1:x:unknown"] {
            for patience in [LONG, Duration::ZERO] {
                let mut command = client.get_by_handle(handle).expect("a command");
                let mut seen = Vec::new();
                while seen.len() < 3 {
                    seen.push(match command.next_result(patience) {
                        Ok(Some(job)) => job.agent(),
                        Ok(None) => break,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
                            error.agent().expect("the agent")
                        }
                    });
                }
                seen.sort();
                assert_eq!(seen, [(1, 1).into(), (1, 2).into()], "{handle} {patience:?}");
            }
            let results = client.get_by_handle(handle).expect("a command").results(LONG);
            let (read, failed): (Vec<_>, Vec<_>) =
                results.expect("an iterator").partition(Result::is_ok);
            assert_eq!((read.len(), failed.len()), (1, 1), "{handle}");
        }
    }
}

#[test]
fn an_entry_that_cannot_be_read_does_not_hide_the_answer_beside_it() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    for junk in [&b"sesame"[..], b"", b"{}", br#"{"state":5}"#] {
        for entries in [
            vec![junk.to_vec(), result("SUCCESS", 5)],
            vec![result("SUCCESS", 5), junk.to_vec()],
            vec![result("DUPILICATE_ID", 0), junk.to_vec(), result("SUCCESS", 5)],
        ] {
            fill(&mut admin, &entries);
            for (how, read) in READS {
                let job = read(&client).unwrap_or_else(|error| panic!("{how}: {error}"));
                assert_eq!(job.expect("a result").data(), "5", "{how}");
            }
        }
    }
}

#[test]
fn a_field_of_the_hash_that_is_no_agent_hides_no_job() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    fill(&mut admin, &[result("SUCCESS", 5)]);
    ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), b"nobody", &result("SUCCESS", 5)]);
    let jobs = client.get_by_id("x").jobs().expect("the job of the agent");
    assert_eq!(jobs.keys().copied().collect::<Vec<_>>(), [(1, 1).into()]);
}

#[test]
fn a_result_with_text_that_is_none_is_read_and_kept_byte_for_byte() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for entry in [
        &b"{\"state\":\"SUCCESS\",\"data\":\"a\xff\"}"[..],
        br#"{"state":"SUCCESS","data":"a\ud800"}"#,
    ] {
        fill(&mut server.connection(), &[entry.into()]);
        on_a_small_stack(|| {
            for (how, read) in READS {
                let job = read(&client).expect(how).expect("a result");
                assert_eq!((job.state(), job.data()), (&JobState::Success, "a\u{fffd}"), "{how}");
                assert_eq!(job.raw(), Some(entry), "{how}");
            }
        });
    }
    fill(&mut server.connection(), &[br#"{"state":"SUCCESS","data":"a\u0000"}"#.into()]);
    for (how, read) in READS {
        let job = read(&client).expect(how).expect("a result");
        assert_eq!((job.data(), job.raw()), ("a\0", None), "{how}");
    }
}

#[test]
fn a_result_without_a_state_is_not_taken_for_a_result() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    for entry in ["{}", r#"{"state":null}"#, r#"{"id":"x","gid":1,"nid":1,"data":"1"}"#] {
        fill(&mut server.connection(), &[entry.into()]);
        let read = client.get_by_handle("acclient:1:x:1:1").expect("a command").next_result(LONG);
        let error = error(read.map(|job| panic!("{entry} became {job:?}")), entry);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{entry}: {error}");
    }
}

#[test]
fn a_result_larger_than_max_reply_is_a_protocol_error_and_the_client_goes_on() {
    let server = redis();
    let builder = Client::builder().url(&server.url()).expect("a URL").max_reply(MIB);
    let client = builder.connect().expect("a client");
    let large = format!(r#"{{"state":"SUCCESS","data":"{}"}}"#, "x".repeat(8 * MIB));
    fill(&mut server.connection(), &[large.into()]);
    for (how, read) in READS {
        let error = error(read(&client), how);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{how}: {error}");
        assert!(error.to_string().contains("maximum reply size"), "{how}: {error}");
        client.ping().expect("a new connection");
    }
    let patient = Client::connect(&server.url()).expect("a client");
    on_a_small_stack(|| {
        for (how, read) in READS {
            let job = read(&patient).expect(how).expect("a result");
            assert_eq!(job.data().len(), 8 * MIB, "{how}");
        }
    });
}

#[test]
fn of_several_results_the_one_that_counts_is_returned() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    let duplicate = || result("DUPILICATE_ID", 0);
    let success = |starttime| result("SUCCESS", starttime);
    let cases: [(&str, Vec<Vec<u8>>, &str); 8] = [
        ("one", vec![success(5)], "5"),
        ("a refusal first", vec![duplicate(), success(5)], "5"),
        ("a refusal last", vec![success(5), duplicate()], "5"),
        ("refusals around it", vec![duplicate(), success(5), duplicate()], "5"),
        ("the later last", vec![success(5), success(6)], "6"),
        ("the later first", vec![success(6), success(5)], "6"),
        ("a failure after a success", vec![success(5), result("ERROR", 6)], "6"),
        ("three and a refusal", vec![success(5), success(7), duplicate(), success(6)], "7"),
    ];
    for (name, entries, expected) in &cases {
        fill(&mut admin, entries);
        on_a_small_stack(|| {
            for (how, read) in READS {
                let job = read(&client).unwrap_or_else(|error| panic!("{name} by {how}: {error}"));
                let job = job.unwrap_or_else(|| panic!("{name} by {how}: none"));
                assert_eq!(job.data(), *expected, "{name} by {how}");
            }
        });
        let length: usize = ask(&mut admin, &[b"LLEN", LIST.as_bytes()]);
        assert_eq!(length, entries.len(), "reading {name} changed it");
    }
}

#[test]
fn an_id_in_use_is_waited_for_and_named_when_the_time_is_over() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    fill(&mut admin, &[result("DUPILICATE_ID", 0)]);
    let mut command = client.get_by_handle("acclient:1:x:1:1").expect("a command");
    let error = error(command.next_result(SHORT), "a refusal");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("rejected the id"), "{error}");
    assert!(command.try_next_result().expect("a look").is_none());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| command.next_result(LONG));
        ask::<()>(&mut admin, &[b"RPUSH", LIST.as_bytes(), &result("SUCCESS", 5)]);
        let job = waiting.join().expect("no panic").expect("a result").expect("a result");
        assert_eq!((job.state(), job.data()), (&JobState::Success, "5"));
    });
}

#[test]
fn a_key_of_the_wrong_type_is_a_server_error() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    let push: Read = |client| client.cmd(Target::agent((1, 1)), "ping").id("x").run(LONG).map(Some);
    let [by_target, by_id, try_by_target, try_by_id, jobs] = READS.map(|(_, read)| read);
    for (key, reads) in [
        ("cmds.queue", &[push][..]),
        (LIST, &[push, by_target, by_id, try_by_target][..]),
        (HASH, &[by_id, try_by_id, jobs][..]),
        ("cmd.x.queued", &[by_id][..]),
    ] {
        for read in reads {
            fill(&mut admin, &[result("RUNNING", 5)]);
            ask::<()>(&mut admin, &[b"DEL", key.as_bytes(), b"cmds.queue"]);
            ask::<()>(&mut admin, &[b"SET", key.as_bytes(), b"sesame"]);
            let error = error(read(&client), key);
            assert_eq!(error.kind(), ErrorKind::Server, "{key}: {error}");
            assert!(error.to_string().contains("WRONGTYPE"), "{key}: {error}");
            assert!(!error.is_retriable() && !error.is_maybe_sent(), "{key}: {error}");
            assert!(!error.to_string().contains("sesame"), "{key}: {error}");
        }
    }
}

#[test]
fn a_target_that_is_no_agent_is_a_protocol_error() {
    let server = redis();
    let mut admin = server.connection();
    let client = Client::connect(&server.url()).expect("a client");
    for field in ["", "x", "1", "1:", "1:1:1", "-1:1", "1:99999999999", "\u{ff11}:1"] {
        fill(&mut admin, &[]);
        ask::<()>(&mut admin, &[b"HSET", HASH.as_bytes(), field.as_bytes(), &result("SUCCESS", 5)]);
        for read in [READS[1].1, READS[3].1, READS[4].1] {
            let error = error(read(&client), field);
            assert_eq!(error.kind(), ErrorKind::Protocol, "{field:?}: {error}");
            assert!(error.to_string().contains(HASH), "{field:?}: {error}");
        }
    }
}
