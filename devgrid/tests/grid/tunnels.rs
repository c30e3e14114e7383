//! Tunnels with real connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::common::{Client, LONG, wait_until};
use devgrid::Grid;
use serde_json::{Value, json};

/// Serializes these tests, each of which runs in its own process: a port freed by one must not be reused by another, nor
/// stay open in a process being started, which inherits all descriptors until exec.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Larger than all buffers on the path.
const BIG: usize = 16 << 20;

/// Starts a server with a thread per connection. Returns its port.
fn server(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (serve, stream) = (serve.clone(), stream.unwrap());
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn echo() -> u16 {
    server(|stream| drop(std::io::copy(&mut &stream, &mut &stream)))
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn route(local: u16, gateway: &str, remote: u16) -> Value {
    json!({"local": local, "gateway": gateway, "ip": "127.0.0.1", "remote": remote})
}

struct Tunnels {
    client: Client,
    count: usize,
}

impl Tunnels {
    fn new(grid: &Grid) -> Self {
        Tunnels { client: Client::new(grid), count: 0 }
    }

    fn ask(&mut self, cmd: &str, data: &str) -> Value {
        self.count += 1;
        self.client.run(&format!("t{}", self.count), cmd, json!({"data": data}))
    }

    fn succeed(&mut self, cmd: &str, data: &Value) -> Value {
        let result = self.ask(cmd, &data.to_string());
        assert_eq!(result["state"], "SUCCESS", "{result}");
        serde_json::from_str(result["data"].as_str().unwrap()).unwrap()
    }

    /// Opens a tunnel and returns its port.
    fn open(&mut self, route: &Value) -> u16 {
        let opened = self.succeed("hubble_open_tunnel", route);
        opened["local"].as_u64().unwrap().try_into().unwrap()
    }

    fn close(&mut self, route: &Value) {
        assert_eq!(self.succeed("hubble_close_tunnel", route), true);
    }

    fn list(&mut self) -> Value {
        self.succeed("hubble_list_tunnels", &Value::Null)
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends a text and waits for its echo.
fn exchange(mut stream: &TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, text.as_bytes());
}

/// Waits for the end of a connection without receiving data.
fn assert_ends(mut stream: &TcpStream) {
    match stream.read(&mut [0; 100]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
}

fn assert_refused(port: u16) {
    let error = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// Whether the grid has threads for the port.
fn busy(port: u16) -> bool {
    let names = [format!("tunnel {port}\n"), format!("via {port}\n")];
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(name).any(|name| names.contains(&name))
}

#[test]
fn data_passes_in_both_directions() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let port = Tunnels::new(&grid).open(&route(0, "2.1", echo()));
    let many: Vec<_> = (0..5).map(|_| connect(port)).collect();
    for (number, stream) in many.iter().enumerate() {
        exchange(stream, &format!("connection {number}"));
    }
    assert_eq!(grid.tunnelled_connections(), 5);
    assert!(busy(port));

    let sent = noise(BIG);
    let mut received = vec![0; BIG];
    std::thread::scope(|scope| {
        scope.spawn(|| (&many[0]).write_all(&sent).unwrap());
        (&many[0]).read_exact(&mut received).unwrap();
    });
    assert!(received == sent, "the data was corrupted");
    drop(many);
    wait_until("the connections to end", || grid.tunnelled_connections() == 0);
}

#[test]
fn data_arrives_before_the_end_of_the_connection() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let (sender, arrived) = std::sync::mpsc::channel();
    let taker = server(move |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        sender.send(all).unwrap();
    });
    let giver = server(|mut stream| stream.write_all(&noise(BIG)).unwrap());
    let mut tunnels = Tunnels::new(&grid);

    let mut stream = connect(tunnels.open(&route(0, "2.1", giver)));
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert!(all == noise(BIG), "received {} bytes", all.len());

    let mut stream = connect(tunnels.open(&route(0, "2.1", taker)));
    stream.write_all(&noise(BIG)).unwrap();
    drop(stream);
    let all = arrived.recv_timeout(LONG).unwrap();
    assert!(all == noise(BIG), "received {} bytes", all.len());
}

#[test]
fn closing_one_side_closes_both() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let port = Tunnels::new(&grid).open(&route(0, "2.1", echo()));
    let stream = connect(port);
    exchange(&stream, "open");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_ends(&stream);
    wait_until("the connection to be closed", || grid.tunnelled_connections() == 0);
}

#[test]
fn closing_frees_the_port_and_ends_the_connections() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let (kept, closed) = (route(free_port(), "2.1", echo()), route(free_port(), "1.2", echo()));
    let (kept_port, port) = (tunnels.open(&kept), tunnels.open(&closed));
    assert_eq!(tunnels.list(), json!([kept, closed]));
    let (other, stream) = (connect(kept_port), connect(port));
    exchange(&other, "x");
    exchange(&stream, "y");
    tunnels.close(&closed);
    assert_refused(port);
    assert_ends(&stream);
    assert_eq!(tunnels.list(), json!([kept]));
    wait_until("the threads to end", || !busy(port));
    exchange(&other, "still there");
    // Closing again succeeds, and the tunnel can be reopened.
    tunnels.close(&closed);
    assert_eq!(tunnels.open(&closed), port);
    exchange(&connect(port), "again");
}

#[test]
fn tunnel_with_a_chosen_port_is_closed_by_port_0_only() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let remote = echo();
    let asked = route(0, "2.1", remote);
    let port = tunnels.open(&asked);
    let listed = json!([route(port, "2.1", remote)]);
    assert_eq!(tunnels.list(), listed);
    tunnels.close(&listed[0]);
    assert_eq!(tunnels.list(), listed);
    exchange(&connect(port), "still open");
    // A second tunnel with the same route is not opened, and the answer has port 0.
    assert_eq!(tunnels.open(&asked), 0);
    assert_eq!(tunnels.list(), listed);
    tunnels.close(&asked);
    assert_refused(port);
    assert_eq!(tunnels.list(), listed);
}

#[test]
fn tunnels_that_cannot_be_opened_are_errors() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = route(listener.local_addr().unwrap().port(), "2.1", 1);
    let wrong = [
        (route(0, "1.1", 1).to_string(), "{}"),
        (r#"{"local":70000,"gateway":"2.1"}"#.into(), "{}"),
        (r#"{"local":"1","gateway":"2.1"}"#.into(), "{}"),
        ("[]".into(), "{}"),
        ("x".into(), r#"{"Offset":1}"#),
    ];
    for (data, answer) in &wrong {
        let result = tunnels.ask("hubble_open_tunnel", data);
        assert_eq!(result["state"], "ERROR", "{data}");
        assert_eq!(result["data"], *answer, "{data}");
    }
    assert_eq!(tunnels.list(), json!([]));
    let result = tunnels.ask("hubble_open_tunnel", &taken.to_string());
    drop(listener);
    let in_use = json!({
        "Op": "listen", "Net": "tcp", "Source": null,
        "Addr": {"IP": "127.0.0.1", "Port": taken["local"], "Zone": ""},
        "Err": {"Syscall": "bind", "Err": 98},
    });
    let data: Value = serde_json::from_str(result["data"].as_str().unwrap()).unwrap();
    assert_eq!((&result["state"], data), (&json!("ERROR"), in_use));
    // It is listed, and opening it again does nothing and succeeds.
    assert_eq!(tunnels.list(), json!([taken]));
    let port = tunnels.open(&taken);
    assert_refused(port);
    assert_eq!(tunnels.list(), json!([taken]));
    tunnels.close(&taken);
    assert_eq!(tunnels.list(), json!([]));
}

#[test]
fn closing_by_port_0_unlists_a_tunnel_on_that_port_but_leaves_it_open() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let remote = echo();
    let asked = route(0, "2.1", remote);
    let port = tunnels.open(&asked);
    tunnels.close(&asked);
    let fixed = route(port, "2.1", remote);
    assert_eq!(tunnels.open(&fixed), port);
    assert_eq!(tunnels.list(), json!([fixed, fixed]));
    tunnels.close(&asked);
    tunnels.close(&fixed);
    assert_eq!(tunnels.list(), json!([fixed]));
    exchange(&connect(port), "cannot be closed");
    grid.kill_agent(1, 1);
    assert_refused(port);
}

#[test]
fn ipv6_needs_brackets() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let Ok(listener) = TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)) else {
        return; // a machine without IPv6
    };
    let remote = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        listener.incoming().for_each(|stream| {
            let stream = stream.unwrap();
            drop(std::io::copy(&mut &stream, &mut &stream));
        });
    });
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let to = |ip: &str| json!({"local": 0, "gateway": "2.1", "ip": ip, "remote": remote});
    exchange(&connect(tunnels.open(&to("[::1]"))), "x");
    assert_ends(&connect(tunnels.open(&to("::1"))));
}

#[test]
fn listed_tunnels_are_reopened_when_the_controller_is_back() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let remote = echo();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let failed = route(taken.local_addr().unwrap().port(), "2.1", remote);
    let (fixed, lost) = (route(free_port(), "2.1", remote), route(free_port(), "2.1", remote));
    let chosen = route(0, "2.1", remote);
    assert_eq!(tunnels.ask("hubble_open_tunnel", &failed.to_string())["state"], "ERROR");
    let ports = [&fixed, &lost, &chosen].map(|route| tunnels.open(route));
    tunnels.close(&chosen);
    let listed = tunnels.list();
    grid.stop_controller();
    ports.iter().for_each(|port| assert_refused(*port));
    drop(taken);
    let _in_use = TcpListener::bind((Ipv4Addr::LOCALHOST, ports[1])).unwrap();
    grid.start_controller();
    let failed_port = u16::try_from(failed["local"].as_u64().unwrap()).unwrap();
    for port in [ports[0], ports[2], failed_port] {
        wait_until("it to be open again", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        exchange(&connect(port), "closed, failed or open before");
    }
    assert_eq!(tunnels.list(), listed);
}

#[test]
fn connections_to_unreachable_destinations_are_closed() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    for (gateway, remote) in
        [("7.8", echo()), ("nobody", echo()), ("", echo()), ("2.1", free_port())]
    {
        let port = tunnels.open(&route(0, gateway, remote));
        assert_ends(&connect(port));
    }
    wait_until("the connections to be closed", || grid.tunnelled_connections() == 0);
}

#[test]
fn tunnel_needs_its_gateway_and_the_controller() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let remote = echo();
    let by_agent = tunnels.open(&route(0, "2.1", remote));
    let by_controller = tunnels.open(&route(0, "controller", remote));
    let streams = || [by_agent, by_controller].map(connect);

    let [one, two] = streams();
    exchange(&one, "one");
    exchange(&two, "two");
    grid.kill_agent(2, 1);
    assert_ends(&one);
    exchange(&two, "two");
    assert_ends(&connect(by_agent));
    grid.start_agent(2, 1, &[]);
    exchange(&connect(by_agent), "again");

    let [one, _] = streams();
    exchange(&one, "one");
    grid.stop_controller();
    assert_ends(&one);
    assert_ends(&two);
    [by_agent, by_controller].into_iter().for_each(assert_refused);
    grid.start_controller();
    for port in [by_agent, by_controller] {
        wait_until("it to be open again", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }
    streams().iter().for_each(|stream| exchange(stream, "again"));
}

#[test]
fn tunnel_ends_with_its_agent() {
    let _alone = alone();
    if support::own_process!() {
        return;
    }
    let grid = Grid::demo().unwrap();
    let mut tunnels = Tunnels::new(&grid);
    let remote = echo();
    let port = tunnels.open(&route(0, "2.1", remote));
    let stream = connect(port);
    exchange(&stream, "x");
    grid.kill_agent(1, 1);
    assert_refused(port);
    assert_ends(&stream);
    wait_until("the threads to end", || !busy(port));
    grid.start_agent(1, 1, &[]);
    assert_eq!(tunnels.list(), json!([]));

    let port = tunnels.open(&route(0, "2.1", remote));
    let stream = connect(port);
    exchange(&stream, "x");
    // The server does not read, so that the threads of the connection block in write.
    let stuck = server(|stream| {
        let _ = stream.peek(&mut [0]);
        std::thread::sleep(LONG);
    });
    let stuck_port = tunnels.open(&route(0, "2.1", stuck));
    let stuck = connect(stuck_port);
    stuck.set_nonblocking(true).unwrap();
    let full = |stream: &TcpStream| (&*stream).write(&noise(BIG)).is_err();
    wait_until("all buffers to be full", || full(&stuck));
    drop(grid);
    assert_refused(port);
    assert_refused(stuck_port);
    assert_ends(&stream);
    wait_until("the threads to end", || !busy(port) && !busy(stuck_port));
}
