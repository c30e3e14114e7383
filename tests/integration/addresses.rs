//! Hosts, zones, schemes and passwords in URLs.

use std::net::TcpListener;

use acclient::{Client, ErrorKind};
use devgrid::RedisServer;
use support::{error, redis};

#[test]
fn an_ipv6_number_may_have_brackets_and_a_zone() {
    if TcpListener::bind("[::1]:0").is_err() {
        return support::not_tested("this machine has no IPv6");
    }
    let server = RedisServer::builder().arg("bind", "127.0.0.1 ::1").start().expect("a Redis");
    let port = server.port();
    for host in ["::1", "[::1]", "::1%lo", "[::1%lo]", "[::1%25lo]", "::1%1"] {
        let client = Client::builder().host(host).port(port).connect();
        client.unwrap_or_else(|error| panic!("{host}: {error}")).ping().expect("PONG");
    }
    for host in ["[::1]", "[::1%25lo]", "[::1%lo]", "[::1%251]"] {
        for scheme in ["redis", "REDIS", "Valkey"] {
            let url = format!("{scheme}://{host}:{port}/0");
            Client::connect(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
    let unknown = error(Client::connect("redis://[fe80::1%25nosuch]:1"), "an unknown zone");
    assert_eq!(unknown.kind(), ErrorKind::Connect, "{unknown}");
    assert!(unknown.to_string().contains("no network interface \"nosuch\""), "{unknown}");
}

#[test]
fn sentinels_may_have_brackets_and_zones() {
    if TcpListener::bind("[::1]:0").is_err() {
        return support::not_tested("this machine has no IPv6");
    }
    let master = redis();
    let watched = format!("grid 127.0.0.1 {} 1", master.port());
    let sentinel = RedisServer::builder().sentinel().arg("bind", "127.0.0.1 ::1");
    let sentinel = sentinel.arg("sentinel monitor", &watched).start().expect("a Sentinel");
    let port = sentinel.port();
    for host in ["::1", "[::1]", "[::1%25lo]", "::1%lo"] {
        let builder = Client::builder().sentinels("grid", [(host, port)]);
        builder.connect().unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    for url in [
        format!("Redis+Sentinel://[::1]:{port}/grid"),
        format!("redis+sentinel://[::1%25lo]:{port},[::1%lo]:{port}/grid"),
    ] {
        Client::connect(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}

#[test]
fn a_plus_sign_in_a_password_is_one() {
    let server = RedisServer::builder().unix_socket().password("a+b c").start().expect("a Redis");
    let path = server.socket_path().expect("a path").display();
    for (scheme, password) in [("redis+unix", "a+b%20c"), ("UNIX", "a%2Bb%20c")] {
        let url = format!("{scheme}://{path}?pass={password}");
        Client::connect(&url)
            .unwrap_or_else(|error| panic!("{url}: {error}"))
            .ping()
            .expect("PONG");
    }
    let wrong = error(Client::connect(&format!("redis+unix://{path}?pass=a+b+c")), "no spaces");
    assert_eq!(wrong.kind(), ErrorKind::Authentication, "{wrong}");
}

#[test]
fn a_host_with_a_port_is_refused() {
    for host in ["localhost:6379", "127.0.0.1:1", "[::1]:1", "[localhost]", "", "a b"] {
        let refused = error(Client::builder().host(host).build(), host);
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{host}: {refused}");
        let refused = error(Client::builder().sentinels("n", [(host, 1)]).build(), host);
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{host}: {refused}");
    }
}

#[test]
fn the_largest_numbers_are_taken() {
    let server = redis();
    let builder = || Client::builder().port(server.port());
    let large = "x".repeat(1 << 20);
    for max in [usize::MAX, usize::MAX - 1, isize::MAX as usize] {
        let client = builder().max_reply(max).connect().expect("a client");
        let mut command = client.get_by_handle("acclient:1:large:1:1").expect("a command");
        let result =
            format!(r#"{{"id":"large","gid":1,"nid":1,"state":"SUCCESS","data":"{large}"}}"#);
        let list = b"cmd.large.1.1";
        support::ask::<()>(&mut server.connection(), &[b"DEL", list]);
        support::ask::<()>(&mut server.connection(), &[b"RPUSH", list, result.as_bytes()]);
        let job = command.next_result(support::WAIT).expect("a result").expect("the first");
        assert_eq!(job.data().len(), large.len());
    }
    let longest = std::time::Duration::MAX;
    let client = builder().timeout(longest).connect().expect("a client");
    client.ping().expect("PONG");
    client.get_by_id("large").results(longest).map(drop).expect("a wait without an end");
}
