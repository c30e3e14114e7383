//! Errors of connections, logins and agents.

use std::process::Stdio;
use std::time::{Duration, Instant};

use devgrid::{Grid, RedisServer};

use crate::program::{ACCTL, Ran, acctl, command};
use support::certificates::TlsRedis;
use support::scripted::Server;
use support::{ClosedPort, LATE, with_growing_time};

fn file(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("acctl-{name}-{}", std::process::id()));
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn refused_connection_has_status_5() {
    let port = ClosedPort::new();
    let url = format!("redis://127.0.0.1:{}", port.number());
    for args in [&["agents"][..], &["run", "1:1", "--", "true"], &["wait", "x"]] {
        let ran = acctl(&url, args);
        assert_eq!((ran.status, ran.stdout.as_str()), (5, ""), "{ran:?}");
        assert!(ran.stderr.starts_with("acctl: ") && ran.stderr.contains("127.0.0.1:"), "{ran:?}");
        assert!(ran.stderr.lines().count() == 1, "{ran:?}");
    }
    let ran = acctl(&url, &["doctor"]);
    assert_eq!(ran.status, 5, "{ran:?}");
    assert!(ran.stdout.starts_with("bad  redis  ") && ran.stderr.is_empty(), "{ran:?}");
    let ran = acctl("http://example.org", &["agents"]);
    assert_eq!(ran.status, 2, "{ran:?}");
}

#[test]
fn silent_redis_times_out_within_the_shorter_limit() {
    let grid = Grid::demo().expect("a grid");
    grid.redis().pause();
    // Connecting is bounded by both --wait and --timeout.
    for args in [
        &["run", "1:1", "--wait", "1", "--timeout", "600", "--", "true"][..],
        &["bash", "all", "true", "--batch", "1", "--wait", "1", "--timeout", "600"],
        &["wait", "x", "--wait", "1", "--timeout", "600"],
        &["run", "1:1", "--wait", "600", "--timeout", "1", "--", "true"],
        &["run", "1:1", "--detach", "--wait", "600", "--timeout", "1", "--", "true"],
        &["agents", "--timeout", "1"],
    ] {
        let begun = Instant::now();
        let ran = acctl(&grid.url(), args);
        assert!(begun.elapsed() < LATE, "{args:?}: {:?}", begun.elapsed());
        assert_eq!((ran.status, ran.stdout.as_str()), (4, ""), "{args:?}: {ran:?}");
        assert!(ran.stderr.lines().count() == 1, "{ran:?}");
    }
    grid.redis().resume();
}

#[test]
fn passwords_come_from_a_file_or_the_environment() {
    let redis = RedisServer::builder().password("sesame");
    let grid = Grid::builder().agent(1, 1, &[]).redis(redis).start().expect("a grid");
    let url = format!("redis://127.0.0.1:{}", grid.redis().port());
    let ran = |set: Option<&str>, args: &[&str]| -> Ran {
        let mut command = command(ACCTL, Some(&url));
        if let Some(password) = set {
            command.env("ACCLIENT_PASSWORD", password);
        }
        command.args(args).output().expect("acctl runs").into()
    };
    for (set, code) in [(None, "NOAUTH"), (Some("Sesame"), "WRONGPASS")] {
        let ran = ran(set, &["agents"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (5, ""), "{ran:?}");
        assert!(ran.stderr.contains(code) && ran.stderr.contains("--password-file"), "{ran:?}");
        assert!(!ran.stderr.to_lowercase().contains("sesame"), "{ran:?}");
    }
    assert_eq!(ran(Some("sesame"), &["agents"]).status, 0);
    let right = file("password", "sesame\nnot this\n");
    let (name, empty) = (right.display().to_string(), file("empty", ""));
    assert_eq!(ran(Some("wrong"), &["agents", "--password-file", &name]).status, 0);
    let ran_empty = ran(None, &["agents", "--password-file", &empty.display().to_string()]);
    assert!(ran_empty.status == 2 && ran_empty.stderr.contains("first line"), "{ran_empty:?}");
    let ran_none = ran(None, &["agents", "--password-file", "/no/such/file"]);
    assert!(ran_none.status == 2 && ran_none.stderr.contains("/no/such/file"), "{ran_none:?}");
    // A password in the URL works, with a warning.
    let open = url.replace("redis://", "redis://:sesame@");
    let ran_open = ran(None, &["agents", "--url", &open]);
    assert!(ran_open.status == 0 && ran_open.stderr.contains("ACCLIENT_PASSWORD"), "{ran_open:?}");
    assert!(!ran_open.stderr.contains("sesame"), "{ran_open:?}");
    for path in [right, empty] {
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn named_instances_and_precedence_of_options() {
    let grid = Grid::demo().expect("a grid");
    let path = file("instances", &format!("[lab]\nurl = \"{}\"\n", grid.url()));
    let ran = |variables: &[(&str, &str)], args: &[&str]| -> Ran {
        let mut command = command(ACCTL, None);
        command.env("ACCLIENT_CONFIG", &path).envs(variables.iter().copied());
        command.args(args).output().expect("acctl runs").into()
    };
    assert_eq!(ran(&[], &["agents", "--instance", "lab"]).status, 0);
    assert_eq!(ran(&[("ACCLIENT_INSTANCE", "lab")], &["agents"]).status, 0);
    // Flags override the environment, and a URL overrides a name.
    let nowhere = "redis://127.0.0.1:1";
    assert_eq!(ran(&[("ACCLIENT_URL", nowhere)], &["agents", "--instance", "lab"]).status, 0);
    assert_eq!(
        ran(&[("ACCLIENT_INSTANCE", "lab"), ("ACCLIENT_URL", nowhere)], &["agents"]).status,
        5
    );
    assert_eq!(ran(&[("ACCLIENT_INSTANCE", "lab")], &["agents", "--url", nowhere]).status, 5);
    let unknown = ran(&[], &["agents", "--instance", "office"]);
    assert!(unknown.status == 2 && unknown.stderr.contains("the file has: lab"), "{unknown:?}");
    let both = ran(&[], &["agents", "--instance", "lab", "--user", "x"]);
    assert!(both.status == 2 && both.stderr.contains("cannot be used with"), "{both:?}");
    std::fs::remove_file(&path).expect("removed");
}

#[test]
fn tls_options() {
    let redis = TlsRedis::new("127.0.0.1");
    let server = redis.builder().arg("tls-auth-clients", "yes");
    let _grid = Grid::demo_builder().redis(server).start().expect("a grid");
    let (certificate, key) = redis.certificates.client();
    let text = |path: std::path::PathBuf| path.display().to_string();
    let (ca, certificate, key) = (text(redis.certificates.ca()), text(certificate), text(key));
    let client = ["--cert-file", &certificate, "--key-file", &key];
    let all = [&["agents", "--ca-file", &ca], &client[..]].concat();
    assert_eq!(acctl(&redis.url(), &all).status, 0);
    assert_eq!(acctl(&redis.url(), &[&["agents", "--insecure"], &client[..]].concat()).status, 0);
    let stranger = acctl(&redis.url(), &[&["agents"], &client[..]].concat());
    assert!(stranger.status == 5 && stranger.stderr.contains("certificate"), "{stranger:?}");
    assert_eq!(acctl(&redis.url(), &["agents", "--ca-file", &ca]).status, 5);
    assert_eq!(acctl(&redis.url(), &["agents", "--cert-file", &certificate]).status, 2);
    assert_eq!(acctl(&redis.url(), &["agents", "--ca-file", "/no/such/file"]).status, 2);
}

#[test]
fn unknown_and_silent_agents() {
    let grid = Grid::demo().expect("a grid");
    let nobody = acctl(&grid.url(), &["run", "9:9", "--", "true"]);
    assert!(nobody.status == 3 && nobody.stderr.contains("no such agent"), "{nobody:?}");
    let nobody = acctl(&grid.url(), &["run", "role=gpu", "--", "true"]);
    assert_eq!(nobody.status, 3, "{nobody:?}");
    let nobody = acctl(&grid.url(), &["run", "role=gpu", "--batch", "1", "--", "true"]);
    assert!(nobody.status == 3 && nobody.stderr.contains("matches"), "{nobody:?}");
    for args in [&["info", "os", "9:9"][..], &["ps", "9:9"], &["tunnel", "list", "9:9"]] {
        assert_eq!(acctl(&grid.url(), args).status, 3, "{args:?}");
    }
    grid.pause_agent(2, 1);
    let enough = |args: &[&str], option: &str, is: fn(&Ran) -> bool| {
        with_growing_time(Duration::from_secs(2), |time| {
            let seconds = time.as_secs().to_string();
            let ran = acctl(&grid.url(), &[&[args[0], option, &seconds], &args[1..]].concat());
            is(&ran).then_some(ran)
        })
    };
    let silent = enough(&["run", "all", "--", "true"], "--wait", |ran| {
        ran.stdout.matches("SUCCESS").count() == 2
    });
    assert_eq!(silent.status, 4, "{silent:?}");
    assert!(silent.stderr.contains("2 succeeded, 1 did not answer"), "{silent:?}");
    assert!(silent.stderr.contains("resume with: acctl wait 'acclient:1:"), "{silent:?}");
    // A failed agent takes precedence over a silent one.
    enough(&["run", "all", "--", "false"], "--wait", |ran| ran.status == 1);
    let slow = enough(&["ps"], "--timeout", |ran| ran.stdout.contains("AGENT"));
    assert_eq!(slow.status, 4, "{slow:?}");
    let sick = enough(&["doctor"], "--timeout", |ran| ran.stdout.contains("bad   agent 2:1"));
    assert_eq!(sick.status, 4, "{sick:?}");
    grid.stop_controller();
    let queued = acctl(&grid.url(), &["run", "1:1", "--detach", "--", "true"]);
    let form = queued.stdout.trim_end();
    let waiting = acctl(&grid.url(), &["job", form]);
    assert!(waiting.stdout.starts_with("in the queue"), "{waiting:?}");
    assert_eq!(acctl(&grid.url(), &["agents", "--timeout", "2"]).status, 4);
    let back = acctl(&grid.url(), &["retract", form]);
    assert_eq!((back.status, back.stdout.as_str()), (0, "retracted: the command will not run\n"));
    assert_eq!(acctl(&grid.url(), &["retract", form]).status, 3, "there is no trace of it");
}

#[test]
fn unconfirmed_command_has_status_6() {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.command() {
            if seen.name() == "RPUSH" {
                return;
            }
            peer.answer(&seen);
        }
    });
    let ran = acctl(&server.url(), &["run", "1:1", "--timeout", "60", "--", "true"]);
    assert_eq!(ran.status, 6, "{ran:?}");
    assert!(ran.stderr.contains("may run or not"), "{ran:?}");
    assert!(ran.stderr.contains("resume with: acctl wait 'acclient:1:"), "{ran:?}");
}

#[test]
fn closed_stdout_has_status_141() {
    let grid = Grid::demo().expect("a grid");
    for args in [&["agents"][..], &["--json", "doctor"], &["completions", "zsh"]] {
        let mut command = command(ACCTL, Some(&grid.url()));
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("acctl");
        drop(child.stdout.take());
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        assert_eq!((ran.status, ran.stderr.as_str()), (141, ""), "{args:?}");
    }
    let mut closed = command("bash", Some(&grid.url()));
    let ran: Ran = closed.args(["-c", "acctl agents 2>&-"]).output().expect("a shell").into();
    assert_eq!(ran.status, 0, "{ran:?}");
}
