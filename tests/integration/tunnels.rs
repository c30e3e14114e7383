//! Tunnels between agents, and scripts, on the development grid.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use acclient::{AgentId, Client, ErrorKind, Gateway, Job, JobState, Target, Tunnel};
use devgrid::RedisServer;
use serde_json::{Value, json};
use support::demo as grid;
use support::{WAIT, servers, wait_until};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server that answers each connection with what it was sent, until the first line ends.
fn echo() -> u16 {
    echo_at("127.0.0.1:0").unwrap()
}

/// The same at an address; `None` if the machine does not have the address.
fn echo_at(address: &str) -> Option<u16> {
    let listener = TcpListener::bind(address).ok()?;
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        }
    });
    Some(port)
}

fn passes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"hello").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"hello"
}

/// What another program has the agent do, which passes on what it is told.
fn raw(client: &Client, cmd: &str, tunnel: &Value) -> Job {
    client.cmd(Target::agent((1, 1)), cmd).data(tunnel.to_string()).run(WAIT).unwrap()
}

/// A tunnel to the same place.
fn on_any_port(tunnel: &Tunnel) -> Tunnel {
    Tunnel::new(0, tunnel.gateway.clone(), &tunnel.ip, tunnel.remote)
}

/// The tunnel that an agent opens on a port of its choice, for another program.
fn chosen_by_the_agent(client: &Client, remote: u16) -> Tunnel {
    let asked = json!({"local": 0, "gateway": "2.1", "ip": "127.0.0.1", "remote": remote});
    let opened: Value = raw(client, "hubble_open_tunnel", &asked).json().unwrap();
    let local = u16::try_from(opened["local"].as_u64().unwrap()).unwrap();
    Tunnel::new(local, "2.1", LOOPBACK, remote)
}

#[test]
fn a_tunnel_carries_what_it_is_given_until_it_is_closed() {
    let (_grid, client) = grid();
    let remote = echo();
    for gateway in [Gateway::Agent(AgentId::new(2, 1)), Gateway::Controller] {
        let asked = Tunnel::new(0, gateway, LOOPBACK, remote);
        let tunnel = client.tunnel_open((1, 1), &asked).unwrap();
        let another = client.tunnel_open((1, 1), &asked).unwrap();
        assert!(tunnel.local >= 49152 && tunnel.local != another.local, "{tunnel} {another}");
        assert!(passes(tunnel.local) && passes(another.local));
        let listed = client.tunnel_list((1, 1)).unwrap();
        assert!(listed.contains(&tunnel) && listed.contains(&another), "{listed:?}");
        assert!(!client.tunnel_close((1, 1), &tunnel).unwrap().still_listed);
        assert!(!passes(tunnel.local) && passes(another.local));
        assert_eq!(client.tunnel_list((1, 1)).unwrap(), std::slice::from_ref(&another));
        assert_eq!(client.tunnel_open((1, 1), &tunnel).unwrap(), tunnel);
        assert!(passes(tunnel.local));
        for tunnel in [tunnel, another] {
            assert!(!client.tunnel_close((1, 1), &tunnel).unwrap().still_listed);
            assert!(!passes(tunnel.local));
        }
    }
}

#[test]
fn a_tunnel_that_cannot_listen_is_an_error_each_time_and_is_not_listed() {
    let (_grid, client) = grid();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let tunnel = Tunnel::new(taken.local_addr().unwrap().port(), "2.1", LOOPBACK, echo());
    for _ in 0..2 {
        let error = client.tunnel_open((1, 1), &tunnel).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::JobFailed);
        assert!(error.to_string().ends_with("the port is in use"), "{error}");
        assert_eq!(error.job().unwrap().state(), &JobState::Error);
        assert_eq!(client.tunnel_list((1, 1)).unwrap(), [] as [Tunnel; 0]);
    }
    drop(taken);
    client.tunnel_open((1, 1), &tunnel).unwrap();
    assert!(passes(tunnel.local));
}

#[test]
fn a_listed_tunnel_is_not_opened_again_and_stays_as_it_is() {
    let (_grid, client) = grid();
    let remote = echo();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = taken.local_addr().unwrap().port();
    let failed = json!({"local": local, "gateway": "2.1", "ip": "127.0.0.1", "remote": remote});
    raw(&client, "hubble_open_tunnel", &failed).into_success().unwrap_err();
    let failed = Tunnel::new(local, "2.1", LOOPBACK, remote);
    drop(taken);
    let open = client.tunnel_open((1, 1), &on_any_port(&failed)).unwrap();
    for tunnel in [&failed, &open] {
        let error = client.tunnel_open((1, 1), tunnel).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TunnelExists);
        assert!(error.to_string().contains("close it first"), "{error}");
    }
    assert!(passes(open.local) && !passes(failed.local));
    assert!(!client.tunnel_close((1, 1), &failed).unwrap().still_listed);
    client.tunnel_open((1, 1), &failed).unwrap();
    assert!(passes(failed.local));
}

#[test]
fn a_tunnel_that_is_not_listed_cannot_be_closed() {
    let (_grid, client) = grid();
    let remote = echo();
    let asked = Tunnel::new(0, "2.1", LOOPBACK, remote);
    let open = client.tunnel_open((1, 1), &asked).unwrap();
    let error = client.tunnel_close((1, 1), &asked).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchTunnel);
    assert!(error.to_string().ends_with(&format!("no such tunnel: {asked}; listed: {open}")));
    for wrong in [
        Tunnel::new(open.local, "1.2", LOOPBACK, remote),
        Tunnel::new(open.local, "2.1", "127.0.0.2", remote),
        Tunnel::new(open.local, "2.1", LOOPBACK, remote ^ 1),
    ] {
        let error = client.tunnel_close((1, 1), &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSuchTunnel, "{error}");
    }
    let elsewhere = client.tunnel_close((1, 2), &open).unwrap_err();
    assert_eq!(elsewhere.kind(), ErrorKind::NoSuchTunnel);
    assert!(passes(open.local));
    client.tunnel_close((1, 1), &open).unwrap();
    let again = client.tunnel_close((1, 1), &open).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NoSuchTunnel);
}

#[test]
fn a_tunnel_whose_port_the_agent_chose_is_closed_by_its_listed_name_and_no_other_is() {
    let (_grid, client) = grid();
    let remote = echo();
    let tunnel = chosen_by_the_agent(&client, remote);
    let other = client.tunnel_open((1, 1), &on_any_port(&tunnel)).unwrap();
    assert!(passes(tunnel.local));
    for _ in 0..2 {
        assert!(client.tunnel_close((1, 1), &tunnel).unwrap().still_listed);
        assert!(!passes(tunnel.local) && passes(other.local));
        assert!(client.tunnel_list((1, 1)).unwrap().contains(&tunnel));
    }
    // On a port that is listed and closed a tunnel can be opened, and nothing of it is left.
    assert_eq!(client.tunnel_open((1, 1), &tunnel).unwrap(), tunnel);
    assert!(passes(tunnel.local));
    assert!(client.tunnel_close((1, 1), &tunnel).unwrap().still_listed);
    assert!(!passes(tunnel.local) && passes(other.local));
    assert!(!client.tunnel_close((1, 1), &other).unwrap().still_listed);
    assert_eq!(client.tunnel_list((1, 1)).unwrap(), [tunnel]);
}

#[test]
fn an_open_tunnel_on_a_port_that_the_agent_chose_is_in_use_and_is_not_closed_by_that() {
    let (_grid, client) = grid();
    let tunnel = chosen_by_the_agent(&client, echo());
    let error = client.tunnel_open((1, 1), &tunnel).unwrap_err();
    assert!(error.to_string().ends_with("the port is in use"), "{error}");
    assert_eq!(client.tunnel_list((1, 1)).unwrap(), std::slice::from_ref(&tunnel));
    assert!(passes(tunnel.local));
}

#[test]
fn listed_tunnels_listen_again_after_a_restart_of_the_controller() {
    let (grid, client) = grid();
    let remote = echo();
    let closed = chosen_by_the_agent(&client, remote);
    assert!(client.tunnel_close((1, 1), &closed).unwrap().still_listed);
    let asked = on_any_port(&closed);
    let (open, gone) =
        (client.tunnel_open((1, 1), &asked).unwrap(), client.tunnel_open((1, 1), &asked).unwrap());
    client.tunnel_close((1, 1), &gone).unwrap();
    grid.stop_controller();
    assert!(!passes(open.local));
    grid.start_controller();
    for tunnel in [&open, &closed] {
        wait_until("it listens again", || passes(tunnel.local));
        // Its end at the agent may be there before the controller knows the agent again.
        wait_until("the agent is registered", || client.tunnel_list((1, 1)).is_ok());
        client.tunnel_close((1, 1), tunnel).unwrap();
        assert!(!passes(tunnel.local));
    }
    assert!(!passes(gone.local));
}

#[test]
fn tunnels_of_other_programs_are_listed_and_closed_whatever_they_say() {
    let (_grid, client) = grid();
    let remote = echo();
    for (gateway, ip) in
        [("nobody", "127.0.0.1"), ("", ""), ("02.1", "127.0.0.1"), ("2.1", "::1"), ("2.1", "a b")]
    {
        let asked = json!({"local": 0, "gateway": gateway, "ip": ip, "remote": remote});
        raw(&client, "hubble_open_tunnel", &asked).into_success().unwrap();
    }
    let listed = client.tunnel_list((1, 1)).unwrap();
    assert_eq!(listed.len(), 5);
    for tunnel in &listed {
        assert!(TcpStream::connect(("127.0.0.1", tunnel.local)).is_ok(), "{tunnel}");
        let typed: Tunnel = tunnel.to_string().parse().unwrap();
        assert!(client.tunnel_close((1, 1), &typed).unwrap().still_listed);
        assert!(TcpStream::connect(("127.0.0.1", tunnel.local)).is_err(), "{tunnel}");
    }
}

#[test]
fn tunnels_lead_to_host_names_and_to_ipv6() {
    let (_grid, client) = grid();
    let named = Tunnel::new(0, "2.1", "localhost", echo());
    assert!(passes(client.tunnel_open((1, 1), &named).unwrap().local));
    let Some(remote) = echo_at("[::1]:0") else { return }; // a machine without IPv6
    let v6 = Tunnel::new(0, "2.1", Ipv6Addr::LOCALHOST, remote);
    let open = client.tunnel_open((1, 1), &v6).unwrap();
    assert!(passes(open.local));
    assert!(!client.tunnel_close((1, 1), &open).unwrap().still_listed);
}

/// Answers orders about tunnels as an agent whose first `busy` ports are in use, until it is told to
/// stop; returns what it was asked to do.
fn unlucky_agent(redis: &RedisServer, mut busy: usize, stop: &AtomicBool) -> Vec<(String, u64)> {
    let mut connection = redis.connection();
    let mut orders = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut pop = redis::cmd("BLPOP");
        let popped: Option<(String, String)> =
            pop.arg("cmds.queue").arg(servers::short_pause()).query(&mut connection).unwrap();
        let Some((_, command)) = popped else { continue };
        let command: Value = serde_json::from_str(&command).unwrap();
        let (id, cmd) = (command["id"].as_str().unwrap(), command["cmd"].as_str().unwrap());
        let sent: Value =
            serde_json::from_str(command["data"].as_str().unwrap()).unwrap_or_default();
        let (state, data) = match cmd {
            "hubble_open_tunnel" if busy > 0 => {
                busy -= 1;
                ("ERROR", json!({"Op": "listen", "Err": {"Syscall": "bind", "Err": 98}}))
            }
            "hubble_list_tunnels" => ("SUCCESS", json!([])),
            _ => ("SUCCESS", sent.clone()),
        };
        orders.push((cmd.to_owned(), sent["local"].as_u64().unwrap_or_default()));
        let job = json!({
            "id": id, "gid": 1, "nid": 1, "cmd": cmd, "data": data.to_string(), "level": 20, "state": state,
        });
        let mut push = redis::cmd("RPUSH");
        push.arg(format!("cmd.{id}.1.1")).arg(job.to_string());
        push.exec(&mut connection).unwrap();
    }
    orders
}

#[test]
fn port_0_tries_other_ports_and_leaves_none_of_them_listed() {
    let redis = RedisServer::start().unwrap();
    let client = Client::connect(&redis.url()).unwrap();
    for (busy, opens) in [(0, 1), (2, 3), (8, 8)] {
        let stop = AtomicBool::new(false);
        let orders = thread::scope(|scope| {
            let agent = scope.spawn(|| unlucky_agent(&redis, busy, &stop));
            let opened = client.tunnel_open((1, 1), &Tunnel::new(0, "2.1", LOOPBACK, 1));
            stop.store(true, Ordering::Relaxed);
            assert_eq!(opened.is_ok(), busy < 8, "{opened:?}");
            agent.join().unwrap()
        });
        let ports_of = |verb: &str| -> Vec<u64> {
            let cmd = format!("hubble_{verb}_tunnel");
            orders.iter().filter(|(sent, _)| *sent == cmd).map(|(_, port)| *port).collect()
        };
        let opened = ports_of("open");
        assert_eq!(opened.len(), opens);
        assert!(opened.iter().all(|port| *port >= 49152), "{opened:?}");
        assert_eq!(ports_of("close"), opened[..busy]);
    }
}

#[test]
fn tunnels_that_cannot_be() {
    let (_grid, client) = grid();
    for (wrong, why) in [
        (Tunnel::new(0, AgentId::new(1, 1), LOOPBACK, 1), "from an agent to itself"),
        (Tunnel::new(0, "controller", LOOPBACK, 0), "invalid remote port 0"),
        (Tunnel::new(0, "nobody", LOOPBACK, 1), "invalid gateway \"nobody\""),
        (Tunnel::new(0, "2.1", "1.2.3", 1), "invalid ip \"1.2.3\""),
    ] {
        let error = client.tunnel_open((1, 1), &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(client.tunnel_list((9, 9)).unwrap_err().kind(), ErrorKind::NoSuchAgent);
    assert_eq!(client.tunnel_list((2, 1)).unwrap(), [] as [Tunnel; 0]);
    let tunnel = Tunnel::new(5, "1.1", LOOPBACK, 1);
    for error in [
        client.reverse_tunnel_open(&tunnel).unwrap_err(),
        client.reverse_tunnel_close(&tunnel).unwrap_err(),
        client.reverse_tunnel_list().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("unsupported by this controller"), "{error}");
    }
}

#[test]
fn scripts_that_agents_have_and_scripts_that_are_sent_along() {
    let (_grid, client) = grid();
    let agent = Target::agent((1, 2));
    let named = client.execute_jumpscript(agent.clone(), "test", "echo", &json!({"message": "hi"}));
    let job = named.run(WAIT).unwrap();
    assert_eq!(job.state(), &JobState::Success, "{job:?} {}", job.stderr());
    assert_eq!(job.json::<serde_json::Value>().unwrap(), json!({"echo": "hi"}));
    let content = "def action(a, b):\n    print('adding')\n    return a + b\n";
    let sent = client.execute_jumpscript_content(agent.clone(), content, &json!({"a": 1, "b": 2}));
    let job = sent.run(WAIT).unwrap();
    assert_eq!((job.json::<i64>().unwrap(), job.stdout()), (3, "adding\n"));
    let failing = client.execute_jumpscript_content(agent, "def action():\n    1/0\n", &json!({}));
    assert_eq!(failing.run(WAIT).unwrap().state(), &JobState::Error);
    let elsewhere = client.execute_jumpscript(Target::agent((1, 1)), "test", "echo", &json!({}));
    assert_eq!(elsewhere.run(WAIT).unwrap().state(), &JobState::UnknownCmd);
}
