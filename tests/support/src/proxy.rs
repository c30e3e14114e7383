//! A proxy between a client and a server that injects faults into their connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Fault in one direction of a connection, after a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends in both directions.
    Cut,
    /// Nothing passes in this direction any more, and the connection stays open.
    Stall,
    /// The next byte is changed.
    Garble,
    /// From here on every byte is sent separately.
    Slow,
}

/// Faults of one connection: in the direction of the server, and of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub up: Option<(usize, Fault)>,
    pub down: Option<(usize, Fault)>,
}

impl Plan {
    pub fn up(after: usize, fault: Fault) -> Self {
        Plan { up: Some((after, fault)), down: None }
    }

    pub fn down(after: usize, fault: Fault) -> Self {
        Plan { up: None, down: Some((after, fault)) }
    }
}

type Planner = Box<dyn Fn(usize) -> Plan + Send + Sync>;

struct Shared {
    /// The port of the server.
    to: AtomicU16,
    plan: Mutex<Planner>,
    connections: AtomicUsize,
    /// Connections that have not ended.
    open: AtomicUsize,
    /// Bytes that have passed since the last query, up and down.
    passed: [AtomicUsize; 2],
}

/// Its threads end with their connections and with the test process.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy for a server on 127.0.0.1, which passes everything through.
    pub fn new(to: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            to: AtomicU16::new(to),
            plan: Mutex::new(Box::new(|_| Plan::default())),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            passed: Default::default(),
        });
        let own = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", own.to.load(Ordering::SeqCst)))
                else {
                    continue; // and the client's connection ends
                };
                let number = own.connections.fetch_add(1, Ordering::SeqCst);
                let plan = own.plan.lock().expect("no panic")(number);
                connect(client, server, plan, &own);
            }
        });
        Proxy { port, shared }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the plan of each further connection by its number, counted from 0.
    pub fn plan(&self, plan: impl Fn(usize) -> Plan + Send + Sync + 'static) {
        let mut planner = self.shared.plan.lock().expect("no panic");
        self.shared.connections.store(0, Ordering::SeqCst);
        *planner = Box::new(plan);
    }

    /// Applies a plan to the next connection only.
    pub fn next(&self, plan: Plan) {
        self.plan(move |number| if number == 0 { plan } else { Plan::default() });
    }

    /// Returns the number of connections since the last plan was set.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of connections whose end was not yet passed on to the client.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Returns the bytes that have passed up and down since the last call.
    pub fn passed(&self) -> [usize; 2] {
        [0, 1].map(|direction| self.shared.passed[direction].swap(0, Ordering::SeqCst))
    }
}

/// A connection, until both of its directions have ended.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Arc<Self> {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Arc::new(Open(shared.clone()))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn connect(client: TcpStream, server: TcpStream, plan: Plan, shared: &Arc<Shared>) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("nodelay");
    }
    let open = Open::new(shared);
    let back = [server.try_clone().expect("a socket"), client.try_clone().expect("a socket")];
    for (from, to, fault, direction) in [
        (client, server, plan.up, 0),
        (
            back[0].try_clone().expect("a socket"),
            back[1].try_clone().expect("a socket"),
            plan.down,
            1,
        ),
    ] {
        let open = open.clone();
        thread::spawn(move || {
            pass(&from, &to, fault, &open.0.passed[direction]);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        });
    }
}

/// Passes bytes until the connection ends or a fault ends it.
fn pass(
    mut from: &TcpStream,
    mut to: &TcpStream,
    fault: Option<(usize, Fault)>,
    passed: &AtomicUsize,
) {
    let mut buffer = [0; 1 << 14];
    let mut total = 0;
    let (after, fault) = fault.map_or((usize::MAX, None), |(after, fault)| (after, Some(fault)));
    if after == 0 && fault == Some(Fault::Cut) {
        return;
    }
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut bytes = &mut buffer[..count];
        let reached =
            total + count > after || (total + count == after && fault == Some(Fault::Cut));
        if reached && fault == Some(Fault::Garble) && total <= after {
            bytes[after - total] ^= 0x15;
        }
        if reached && matches!(fault, Some(Fault::Cut | Fault::Stall)) {
            bytes = &mut bytes[..after - total];
        }
        total += bytes.len();
        passed.fetch_add(bytes.len(), Ordering::SeqCst);
        let written = if reached && fault == Some(Fault::Slow) {
            bytes.chunks(1).try_for_each(|byte| {
                thread::sleep(Duration::from_micros(50));
                to.write_all(byte)
            })
        } else {
            to.write_all(bytes)
        };
        if written.is_err() {
            return;
        }
        match fault {
            Some(Fault::Cut) if reached => return,
            Some(Fault::Stall) if reached => {
                // Until the other end closes the connection.
                while let Ok(1..) = from.read(&mut buffer) {}
                return;
            }
            _ => {}
        }
    }
}
