//! Commands that Redis does not confirm, and those that surely were not sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;

use devgrid::{Grid, RedisServer};

use crate::program::{ACCTL, Ran, acctl, command};
use support::gate::Gate;
use support::{ask, wait_until};

/// The URL of a proxy that ends the client's connection once so many commands with this word have left on
/// it, and gives them to Redis all the same: no confirmation arrives.
pub fn cutting(redis: &RedisServer, word: &'static str, commands: usize) -> String {
    let to = redis.port();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("redis://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).expect("Redis");
            let [from, back] = [&server, &client].map(|it| it.try_clone().expect("a socket"));
            thread::spawn(move || pass(from, back, |_| false));
            thread::spawn(move || {
                pass(client, server, |sent| {
                    let text = String::from_utf8_lossy(sent);
                    text.matches(word).count() >= commands && text.ends_with("}\r\n")
                });
            });
        }
    });
    url
}

/// Passes bytes on until one end is gone, or what has passed is the last that `from` may say.
fn pass(mut from: TcpStream, mut to: TcpStream, is_last: impl Fn(&[u8]) -> bool) {
    let (mut part, mut all) = ([0; 1 << 14], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut part) {
        all.extend_from_slice(&part[..count]);
        let cut = is_last(&all);
        if cut {
            let _ = from.shutdown(Shutdown::Both);
        }
        if to.write_all(&part[..count]).is_err() || cut {
            break;
        }
    }
    // What was written arrives before the end does.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Both);
}

/// What stands behind "come back with: acctl wait".
fn to_come_back(ran: &Ran) -> Vec<&str> {
    let lines = ran.stderr.lines();
    let behind: Vec<&str> =
        lines.filter_map(|line| line.strip_prefix("come back with: acctl wait ")).collect();
    let [forms] = behind[..] else { panic!("{ran:?}") };
    forms.split(' ').map(|form| form.trim_matches('\'')).collect()
}

#[test]
fn a_rollout_counts_what_was_not_confirmed_and_says_how_to_come_back() {
    let grid = Grid::demo().expect("a grid");
    let url = cutting(grid.redis(), "unconfirmed", 2);
    let ran = acctl(&url, &["run", "all", "--batch", "2", "--", "echo", "unconfirmed"]);
    assert_eq!(ran.status, 6, "{ran:?}");
    assert!(ran.stderr.contains("2 maybe sent"), "{ran:?}");
    assert!(ran.stderr.contains("stopped: nothing was sent to 2:1"), "{ran:?}");
    let forms = to_come_back(&ran);
    assert!(
        forms.len() == 2 && forms[0].ends_with(":1:1") && forms[1].ends_with(":1:2"),
        "{ran:?}"
    );
    let waited = acctl(&grid.url(), &[&["wait"], &forms[..]].concat());
    assert_eq!(waited.status, 0, "Redis had them: {waited:?}");
    assert!(waited.stderr.contains("2 succeeded"), "{waited:?}");
}

#[test]
fn a_fan_out_that_was_not_confirmed_says_how_to_come_back() {
    let grid = Grid::demo().expect("a grid");
    let url = cutting(grid.redis(), "unconfirmed", 1);
    let ran = acctl(&url, &["run", "all", "--", "echo", "unconfirmed"]);
    assert_eq!(ran.status, 6, "{ran:?}");
    let forms = to_come_back(&ran);
    let waited = acctl(&grid.url(), &[&["wait"], &forms[..]].concat());
    assert!(waited.status == 0 && waited.stderr.contains("3 succeeded"), "{waited:?}");
}

#[test]
fn a_rollout_that_is_refused_names_those_that_got_nothing() {
    let redis = RedisServer::builder().user_acl("few on nopass ~* +@all");
    let grid = Grid::demo_builder().redis(redis).start().expect("a grid");
    let gate = Gate::new();
    let mut command = command(ACCTL, Some(&grid.url()));
    command.args(["bash", "all", "--user", "few", "--batch", "1", &gate.wait()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("acctl");
    wait_until("the first is at work", || grid.running_jobs() == 1);
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"ACL", b"SETUSER", b"few", b"-rpush"]);
    gate.open();
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 7, "{ran:?}");
    assert!(ran.stderr.contains("1 succeeded"), "{ran:?}");
    assert!(ran.stderr.contains("stopped: nothing was sent to 1:2,2:1"), "{ran:?}");
    assert!(!ran.stderr.contains("come back"), "{ran:?}");
}
