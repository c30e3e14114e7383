//! Tunnels between agents, and scripts, on the development grid.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use acclient::{AgentId, Client, ErrorKind, Gateway, JobState, Target, Tunnel};
use devgrid::Grid;
use serde_json::json;
use support::{WAIT, wait_until};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn grid() -> (Grid, Client) {
    let grid = Grid::demo().unwrap();
    let client = Client::connect(&grid.url()).unwrap();
    (grid, client)
}

/// A server that answers each connection with what it was sent, until the first line ends.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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
    port
}

fn passes(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"hello").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"hello"
}

#[test]
fn a_tunnel_carries_what_it_is_given_until_it_is_closed() {
    let (_grid, client) = grid();
    let remote = echo();
    for gateway in [Gateway::Agent(AgentId::new(2, 1)), Gateway::Controller] {
        let tunnel =
            client.tunnel_open((1, 1), &Tunnel::new(0, gateway, LOOPBACK, remote)).unwrap();
        assert!(tunnel.local > 0);
        assert!(passes(tunnel.local));
        let listed = client.tunnel_list((1, 1)).unwrap();
        assert!(
            listed.iter().any(|listed| listed.local == tunnel.local && listed.gateway == gateway)
        );
        // The agent knows it by port 0, which the value remembers.
        client.tunnel_close((1, 1), &tunnel).unwrap();
        wait_until("it is closed", || !passes(tunnel.local));
        // Closed as it is, the agent would not open it again with a port of its choice.
        let again =
            client.tunnel_open((1, 1), &Tunnel::new(0, gateway, LOOPBACK, remote)).unwrap_err();
        assert!(again.to_string().contains("choose a local port"), "{again}");
        let fixed = client
            .tunnel_open((1, 1), &Tunnel::new(tunnel.local, gateway, LOOPBACK, remote))
            .unwrap();
        assert_eq!(fixed.local, tunnel.local);
        assert!(passes(fixed.local));
        client.tunnel_close((1, 1), &fixed).unwrap();
        wait_until("it is closed", || !passes(fixed.local));
    }
}

#[test]
fn tunnels_that_cannot_be() {
    let (_grid, client) = grid();
    let tunnel = |local, gateway: Gateway, remote| Tunnel::new(local, gateway, LOOPBACK, remote);
    let to_itself = tunnel(0, AgentId::new(1, 1).into(), 1);
    assert_eq!(
        client.tunnel_open((1, 1), &to_itself).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let to_nothing = tunnel(0, Gateway::Controller, 0);
    assert_eq!(
        client.tunnel_open((1, 1), &to_nothing).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = tunnel(taken.local_addr().unwrap().port(), Gateway::Controller, 1);
    let taken_port = TcpListener::bind(("127.0.0.1", taken.local));
    assert_eq!(client.tunnel_open((1, 1), &taken).unwrap_err().kind(), ErrorKind::JobFailed);
    drop(taken_port);
    client.tunnel_close((1, 2), &tunnel(5, Gateway::Controller, 1)).unwrap(); // not open: no error
    assert_eq!(client.tunnel_list((9, 9)).unwrap_err().kind(), ErrorKind::NoSuchAgent);
    assert!(client.tunnel_list((2, 1)).unwrap().is_empty());
    for error in [
        client.reverse_tunnel_open(&taken).unwrap_err(),
        client.reverse_tunnel_close(&taken).unwrap_err(),
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
