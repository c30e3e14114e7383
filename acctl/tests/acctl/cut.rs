//! Commands that Redis does not confirm, and commands that were not sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;

use devgrid::{Grid, RedisServer};

use crate::program::{ACCTL, Ran, acctl, command};
use support::gate::Gate;
use support::{ask, wait_until};

/// Starts a proxy that closes the client's connection after `commands` commands that contain `word`, but still forwards
/// them to Redis: no confirmation arrives. Returns its URL.
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

/// Forwards bytes until one end is closed or `is_last` holds for the bytes so far.
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
    // Data already written arrives before the end of the stream.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Both);
}

/// Handles after "resume with: acctl wait".
fn pending(ran: &Ran) -> Vec<&str> {
    let lines = ran.stderr.lines();
    let behind: Vec<&str> =
        lines.filter_map(|line| line.strip_prefix("resume with: acctl wait ")).collect();
    let [forms] = behind[..] else { panic!("{ran:?}") };
    forms.split(' ').map(|form| form.trim_matches('\'')).collect()
}

#[test]
fn rollout_counts_unconfirmed_commands_and_prints_how_to_resume() {
    let grid = Grid::demo().expect("a grid");
    let url = cutting(grid.redis(), "unconfirmed", 2);
    let ran = acctl(&url, &["run", "all", "--batch", "2", "--", "echo", "unconfirmed"]);
    assert_eq!(ran.status, 6, "{ran:?}");
    assert!(ran.stderr.contains("2 maybe sent"), "{ran:?}");
    assert!(ran.stderr.contains("stopped: not sent to 2:1"), "{ran:?}");
    let forms = pending(&ran);
    assert!(
        forms.len() == 2 && forms[0].ends_with(":1:1") && forms[1].ends_with(":1:2"),
        "{ran:?}"
    );
    let waited = acctl(&grid.url(), &[&["wait"], &forms[..]].concat());
    assert_eq!(waited.status, 0, "Redis received them: {waited:?}");
    assert!(waited.stderr.contains("2 succeeded"), "{waited:?}");
}

#[test]
fn unconfirmed_fan_out_prints_how_to_resume() {
    let grid = Grid::demo().expect("a grid");
    let url = cutting(grid.redis(), "unconfirmed", 1);
    let ran = acctl(&url, &["run", "all", "--", "echo", "unconfirmed"]);
    assert_eq!(ran.status, 6, "{ran:?}");
    let forms = pending(&ran);
    let waited = acctl(&grid.url(), &[&["wait"], &forms[..]].concat());
    assert!(waited.status == 0 && waited.stderr.contains("3 succeeded"), "{waited:?}");
}

#[test]
fn rejected_rollout_lists_agents_not_started() {
    let redis = RedisServer::builder().user_acl("few on nopass ~* +@all");
    let grid = Grid::demo_builder().redis(redis).start().expect("a grid");
    let gate = Gate::new();
    let mut command = command(ACCTL, Some(&grid.url()));
    command.args(["bash", "all", "--user", "few", "--batch", "1", &gate.wait()]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("acctl");
    wait_until("the first job runs", || grid.running_jobs() == 1);
    let mut admin = grid.redis().connection();
    ask::<()>(&mut admin, &[b"ACL", b"SETUSER", b"few", b"-rpush"]);
    gate.open();
    let ran: Ran = child.wait_with_output().expect("it ends").into();
    assert_eq!(ran.status, 7, "{ran:?}");
    assert!(ran.stderr.contains("1 succeeded"), "{ran:?}");
    assert!(ran.stderr.contains("stopped: not sent to 1:2,2:1"), "{ran:?}");
    assert!(!ran.stderr.contains("resume with"), "{ran:?}");
}
