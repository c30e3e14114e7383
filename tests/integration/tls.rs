//! TLS: which certificates are trusted, and that everything else works as without TLS.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use acclient::{CancelToken, Client, ClientBuilder, ErrorKind, JobState, Target, Timeout};
use devgrid::{Grid, RedisServer};
use support::alone::{is_alone, passes_alone};
use support::certificates::{Certificates, TlsRedis};
use support::process::{exit_status, fork};
use support::proxy::{Fault, Plan, Proxy};
use support::{LATE, WAIT, error, servers, wait_until_running};

const SHORT: Duration = Duration::from_secs(1);

fn builder(redis: &TlsRedis) -> ClientBuilder {
    Client::builder().url(&redis.url()).expect("a URL")
}

fn trusting(redis: &TlsRedis) -> Client {
    builder(redis).tls_ca_file(redis.certificates.ca()).connect().expect("a client")
}

#[test]
fn a_grid_is_used_as_without_it() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let grid = Grid::demo_builder().redis(redis.builder()).start().expect("a grid");
    let client = trusting(&redis);
    // More than a record and more than the buffers of a socket, in both directions.
    let large = "x".repeat(3 << 20);
    let script = format!("#{large}\necho 20::\\\"{}\\\"", "y".repeat(100_000));
    let job = client.bash(Target::agent((1, 1)), script).run(WAIT).expect("a result");
    assert_eq!((job.state(), job.data().len()), (&JobState::Success, 100_002));

    let many = client.submit_many((0..2000).map(|_| client.cmd(Target::agent((1, 2)), "ping")));
    let many: Vec<_> = many.into_iter().map(|sent| sent.expect("it was taken")).collect();
    let jobs = client.wait_any(&many, WAIT).expect("results");
    assert_eq!(jobs.map(|job| job.expect("a result")).filter(|job| job.is_success()).count(), 2000);

    let command = client.bash(Target::all(), "sleep 0.2; echo done").submit().expect("sent");
    let results = command.results(WAIT).expect("results");
    let said: Vec<_> = results.map(|job| job.expect("a result").stdout().to_owned()).collect();
    assert_eq!(said, ["done\n"; 3]);
    for _ in 0..100 {
        client.ping().expect("a connection that is used again");
    }
    drop(grid);
    let gone = error(client.ping(), "a ping without a server");
    assert_eq!(gone.kind(), ErrorKind::Connect);
}

#[test]
fn waits_end_by_deadlines_and_tokens() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let _server = redis.builder().start().expect("a server");
    let client = trusting(&redis);
    let mut command = client.cmd(Target::agent((1, 1)), "ping").submit().expect("sent");
    let begun = Instant::now();
    assert!(error(command.next_result(SHORT), "a wait for nobody").is_timeout());
    assert!(begun.elapsed() < SHORT + LATE, "{:?}", begun.elapsed());
    let cancel = CancelToken::new().expect("a token");
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let wait = Timeout::none().or_cancelled(&cancel);
        assert_eq!(error(command.next_result(wait), "a wait").kind(), ErrorKind::Cancelled);
    });
    client.ping().expect("another connection");
}

#[test]
fn a_child_works_and_its_parent_is_unharmed() {
    if !servers::has_tls() {
        return;
    }
    const URL: &str = "ACCLIENT_TEST_URL";
    const CA: &str = "ACCLIENT_TEST_CA";
    let test = support::this_test!();
    if !is_alone(test) {
        let redis = TlsRedis::new("localhost");
        let _grid = Grid::demo_builder().redis(redis.builder()).start().expect("a grid");
        let ca = redis.certificates.ca().display().to_string();
        passes_alone(test, &[(URL, &redis.url()), (CA, &ca)]);
        return;
    }
    let variable = |name| std::env::var(name).expect("what the test program has started");
    let builder = Client::builder().url(&variable(URL)).expect("a URL");
    let client = builder.tls_ca_file(variable(CA)).connect().expect("a client");
    let mut command =
        client.bash(Target::agent((1, 1)), "sleep 2; echo parent").submit().expect("sent");
    wait_until_running(&command);
    let waiting = thread::spawn(move || command.next_result(WAIT));
    for round in 0..5 {
        let child = fork(|| {
            let job = client.bash(Target::agent((1, 2)), format!("echo {round}")).run(WAIT);
            i32::from(job.is_err())
        });
        assert_eq!(exit_status(child), 0, "the child of round {round}");
        client.ping().expect("the parent's connection");
    }
    let job = waiting.join().expect("no panic").expect("a result").expect("the first");
    assert_eq!(job.stdout(), "parent\n");
}

#[test]
fn whoever_cannot_be_believed_is_refused() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let _server = redis.builder().start().expect("a server");
    let stranger = error(builder(&redis).connect(), "an authority of its own");
    assert_eq!((stranger.kind(), stranger.is_retriable()), (ErrorKind::Connect, false));
    let words = stranger.to_string();
    assert!(words.contains("certificate") && words.contains("authority"), "{words}");

    let other = Certificates::new("localhost");
    let stranger = error(builder(&redis).tls_ca_file(other.ca()).connect(), "another authority");
    assert_eq!(stranger.kind(), ErrorKind::Connect, "{stranger}");

    let insecure = format!("{}#insecure", redis.url());
    Client::connect(&insecure).expect("asked for").ping().expect("a connection");
    builder(&redis).tls_insecure().connect().expect("asked for");

    let elsewhere = TlsRedis::new("elsewhere.example");
    let _server = elsewhere.builder().start().expect("a server");
    let trusted = builder(&elsewhere).tls_ca_file(elsewhere.certificates.ca());
    let misnamed = error(trusted.connect(), "a certificate of another host");
    assert_eq!((misnamed.kind(), misnamed.is_retriable()), (ErrorKind::Connect, false));
    assert!(misnamed.to_string().contains("elsewhere.example"), "{misnamed}");
}

#[test]
fn a_server_may_want_to_know_who_the_client_is() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let _server = redis.builder().arg("tls-auth-clients", "yes").start().expect("a server");
    let trusting = || builder(&redis).tls_ca_file(redis.certificates.ca());
    let unknown = error(trusting().connect(), "a client without a certificate");
    assert_eq!((unknown.kind(), unknown.is_retriable()), (ErrorKind::Connect, false), "{unknown}");
    assert!(unknown.to_string().contains("set a client certificate"), "{unknown}");
    let (certificate, key) = redis.certificates.client();
    trusting().tls_client_cert(certificate, key).connect().expect("a known client");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let certificates = Certificates::new("localhost");
    let (certificate, key) = certificates.client();
    let missing = certificates.ca().with_file_name("missing.pem");
    for (what, builder) in [
        ("missing.pem", Client::builder().tls_ca_file(&missing)),
        ("key.pem", Client::builder().tls_ca_file(&key)),
        ("missing.pem", Client::builder().tls_client_cert(&missing, &key)),
        ("missing.pem", Client::builder().tls_client_cert(&certificate, &missing)),
        ("missing.pem", Client::builder().tls_ca_file(&missing).tls_insecure()),
        ("client.pem", Client::builder().tls_client_cert(&certificate, certificates.other_key())),
    ] {
        let unusable = error(builder.build(), what);
        assert_eq!(unusable.kind(), ErrorKind::InvalidArgument, "{unusable}");
        assert!(unusable.to_string().contains(what), "{what}: {unusable}");
    }
}

#[test]
fn one_side_without_tls_is_told() {
    if !servers::has_tls() {
        return;
    }
    let plain = RedisServer::start().expect("a server");
    // The server takes the handshake for the beginning of a line, and waits for the rest.
    let confused = Client::builder().port(plain.port()).tls_insecure().timeout(SHORT);
    let wrong = error(confused.connect(), "a server without TLS");
    assert!(wrong.is_timeout() && wrong.to_string().contains("may not be a TLS port"), "{wrong}");
    let redis = TlsRedis::new("localhost");
    let _server = redis.builder().start().expect("a server");
    let begun = Instant::now();
    let wrong = error(Client::connect(&redis.url().replace("rediss", "redis")), "a client without");
    // The server closes with or without an alert, depending on the version of OpenSSL.
    assert!(matches!(wrong.kind(), ErrorKind::Connect | ErrorKind::Protocol), "{wrong}");
    assert!(wrong.to_string().contains("a TLS port"), "{wrong}");
    assert!(begun.elapsed() < WAIT / 3);
}

#[test]
fn a_plain_client_at_a_tls_port_is_told_of_it() {
    let server = Peer::answering(vec![21, 3, 1, 0, 2, 2, 70]);
    let wrong = error(Client::builder().port(server.port).connect(), "a client without");
    assert_eq!((wrong.kind(), wrong.is_retriable()), (ErrorKind::Protocol, false), "{wrong}");
    assert!(wrong.to_string().contains("this is a TLS port"), "{wrong}");
    // Some TLS servers send nothing before they close.
    let server = Peer::start(|mut peer| {
        let _ = peer.read(&mut [0; 1024]);
    });
    let wrong = error(Client::builder().port(server.port).connect(), "a client without");
    assert_eq!((wrong.kind(), wrong.is_retriable()), (ErrorKind::Connect, true), "{wrong}");
    assert!(wrong.to_string().contains("may be a TLS port"), "{wrong}");
}

/// A server that does to its connections what a test wants.
struct Peer {
    port: u16,
}

impl Peer {
    fn start(serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(serve));
        Peer { port }
    }

    /// Answers each ClientHello with these bytes and ends the connection.
    fn answering(bytes: Vec<u8>) -> Self {
        Peer::start(move |mut peer| {
            let _ = peer.read(&mut [0; 4096]);
            let _ = peer.write_all(&bytes);
        })
    }

    fn client(&self) -> Client {
        let builder = Client::builder().port(self.port).tls_insecure().timeout(WAIT);
        builder.build().expect("a client")
    }
}

#[test]
fn an_alert_ends_a_call_for_good_or_for_a_moment() {
    // By their numbers in RFC 8446 and RFC 5246.
    let is_final = [40, 41, 42, 43, 44, 45, 46, 48, 49, 70, 71, 109, 110, 111, 112, 116, 120];
    let passing = [0, 10, 20, 22, 47, 50, 51, 80, 90, 115, 255];
    for (alerts, retriable) in [(&is_final[..], false), (&passing, true)] {
        for alert in alerts {
            let peer = Peer::answering(vec![21, 3, 3, 0, 2, 2, *alert]);
            let refused = error(peer.client().ping(), "an alert");
            assert_eq!(refused.kind(), ErrorKind::Connect, "{alert}: {refused}");
            assert_eq!(refused.is_retriable(), retriable, "{alert}: {refused}");
        }
    }
}

#[test]
fn a_first_record_that_is_none_is_final() {
    for answer in
        ["-ERR unknown command\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "+PONG\r\n", "SSH-2.0\r\n"]
    {
        let refused = error(Peer::answering(answer.into()).client().ping(), answer);
        assert_eq!((refused.kind(), refused.is_retriable()), (ErrorKind::Connect, false));
        assert!(refused.to_string().contains("not a TLS port"), "{refused}");
    }
    // What begins as TLS, and ends at once or in garbage, is a broken connection.
    for answer in [&b""[..], &[22], &[22, 3], &[22, 3, 3, 0, 3, 9, 9, 9], &[21, 3]] {
        let cut = error(Peer::answering(answer.to_vec()).client().ping(), "a cut");
        assert_eq!(cut.kind(), ErrorKind::Connect, "{answer:?}: {cut}");
        assert!(cut.is_retriable(), "{answer:?}: {cut}");
    }
}

#[test]
fn a_handshake_that_is_cut_or_reset_is_tried_again() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let server = redis.builder().start().expect("a server");
    let proxy = Proxy::new(redis.port);
    let client = || {
        let builder = Client::builder().host("localhost").port(proxy.port()).timeout(WAIT);
        builder.tls_ca_file(redis.certificates.ca()).build().expect("a client")
    };
    client().ping().expect("PONG");
    let [up, down] = proxy.passed();
    let plans = |part: usize| {
        let ups = (0..up).step_by(part).map(|after| Plan::up(after, Fault::Cut));
        ups.chain((0..down).step_by(part).map(|after| Plan::down(after, Fault::Cut)))
    };
    for plan in plans(97) {
        proxy.next(plan);
        if let Err(cut) = client().ping() {
            assert_eq!(cut.kind(), ErrorKind::Connect, "{plan:?}: {cut}");
            assert!(cut.is_retriable(), "{plan:?}: {cut}");
        }
    }
    // A wait goes on through all of them.
    let all: Vec<Plan> = plans(401).collect();
    let cuts = all.len();
    proxy.plan(move |number| all.get(number).copied().unwrap_or_default());
    let mut command = client().get_by_handle("acclient:1:x:1:1").expect("a command");
    let waiting = thread::spawn(move || command.next_result(WAIT));
    support::wait_until("every handshake was cut", || proxy.connections() > cuts);
    let result = support::result("SUCCESS", 1);
    support::ask::<()>(&mut server.connection(), &[b"RPUSH", b"cmd.x.1.1", &result]);
    waiting.join().expect("no panic").expect("a result").expect("the first");

    let resetting = Peer::start(|mut peer| {
        let _ = peer.read(&mut [0; 16]);
        let _ = socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO));
    });
    let reset = error(resetting.client().ping(), "a reset");
    assert_eq!((reset.kind(), reset.is_retriable()), (ErrorKind::Connect, true), "{reset}");
}

/// `rediss://` at a plain port: a call has its own deadline for more than that.
#[test]
fn a_handshake_has_a_bound_of_its_own() {
    let plain = RedisServer::start().expect("a server");
    let client = Client::builder().port(plain.port()).tls_insecure().timeout(WAIT);
    let client = client.build().expect("a client");
    let begun = Instant::now();
    let first = error(client.ping(), "a plain port");
    assert!(begun.elapsed() < WAIT / 2, "{:?}", begun.elapsed());
    assert_eq!((first.kind(), first.is_retriable()), (ErrorKind::Connect, true), "{first}");
    assert!(first.to_string().contains("may not be a TLS port"), "{first}");
    // The second failure in a row is final, also for a wait.
    let mut command = client.get_by_handle("acclient:1:x:1:1").expect("a command");
    let second = error(command.next_result(WAIT), "a plain port");
    assert!(begun.elapsed() < WAIT, "{:?}", begun.elapsed());
    assert_eq!((second.kind(), second.is_retriable()), (ErrorKind::Connect, false), "{second}");
    assert!(second.to_string().contains("may not be a TLS port"), "{second}");
}

#[test]
fn a_tls_server_that_is_frozen_for_long_is_waited_for() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let server = redis.builder().start().expect("a server");
    let proxy = Proxy::new(redis.port);
    let builder = Client::builder().host("localhost").port(proxy.port()).timeout(WAIT);
    let client = builder.tls_ca_file(redis.certificates.ca()).connect().expect("a client");
    let mut command = client.get_by_handle("acclient:1:x:1:1").expect("a command");
    // The connection of the client ends; then three stay silent.
    let silent = Plan { up: Some((0, Fault::Stall)), down: None };
    proxy.plan(move |number| if number < 3 { silent } else { Plan::default() });
    support::ask::<i64>(&mut server.connection(), &[b"CLIENT", b"KILL", b"TYPE", b"normal"]);
    let waiting = thread::spawn(move || command.next_result(WAIT));
    support::wait_until("the fourth connection", || proxy.connections() > 3);
    let result = support::result("SUCCESS", 1);
    support::ask::<()>(&mut server.connection(), &[b"RPUSH", b"cmd.x.1.1", &result]);
    waiting.join().expect("no panic").expect("a result").expect("the first");
}

/// Accepts connections, reads everything and never replies.
#[test]
fn a_server_that_never_shakes_hands_ends_no_call_late() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let listening = thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("a connection");
        let mut received = Vec::new();
        peer.read_to_end(&mut received).expect("what the client says");
        received
    });
    let begun = Instant::now();
    let silent = Client::builder().port(port).tls_insecure().timeout(SHORT);
    assert!(error(silent.connect(), "a silent server").is_timeout());
    assert!(begun.elapsed() < SHORT + LATE, "{:?}", begun.elapsed());
    assert_eq!(listening.join().expect("no panic").first(), Some(&22), "it is a ClientHello");
}

/// Killed while a client writes: by SIGPIPE the process would end.
#[test]
fn a_server_that_dies_in_a_write_is_an_error() {
    if !servers::has_tls() {
        return;
    }
    let redis = TlsRedis::new("localhost");
    let server = redis.builder().start().expect("a server");
    let client = trusting(&redis);
    server.pause();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(200));
            server.kill();
        });
        let large = client.bash(Target::agent((1, 1)), "x".repeat(16 << 20)).submit();
        let lost = error(large, "a command that was cut");
        assert_eq!((lost.kind(), lost.is_maybe_sent()), (ErrorKind::Connect, false), "{lost}");
    });
}
