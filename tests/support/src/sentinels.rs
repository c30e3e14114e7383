//! A master, a replica, and three Sentinels that monitor them.

use devgrid::RedisServer;

use crate::wait_until;

pub const NAME: &str = "grid";

pub struct Sentinels {
    /// The first is the initial master.
    pub servers: [RedisServer; 2],
    pub sentinels: Vec<RedisServer>,
}

impl Sentinels {
    /// Starts all. The Sentinels consider a master down after half a second without a reply.
    pub fn start() -> Self {
        let master = RedisServer::start().expect("a master");
        let replica = RedisServer::builder()
            .arg("replicaof", &format!("127.0.0.1 {}", master.port()))
            .start()
            .expect("a replica");
        let watch = format!("{NAME} 127.0.0.1 {} 2", master.port());
        let sentinel = |_| {
            let sentinel = RedisServer::builder().sentinel().arg("sentinel monitor", &watch);
            let sentinel = sentinel.arg("sentinel down-after-milliseconds", &format!("{NAME} 500"));
            let sentinel = sentinel.arg("sentinel failover-timeout", &format!("{NAME} 3000"));
            sentinel.start().expect("a Sentinel")
        };
        let made =
            Sentinels { servers: [master, replica], sentinels: (0..3).map(sentinel).collect() };
        made.wait_until_they_know_each_other();
        made
    }

    /// Returns `redis+sentinel://…`.
    pub fn url(&self) -> String {
        let ports = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port()));
        format!("redis+sentinel://{}/{NAME}", ports.collect::<Vec<_>>().join(","))
    }

    fn wait_until_they_know_each_other(&self) {
        wait_until("the Sentinels know each other and the replica", || {
            self.sentinels.iter().all(|sentinel| {
                let state = self.state(sentinel);
                let is = |field: &str, value: &str| {
                    state.windows(2).any(|pair| pair[0] == field && pair[1] == value)
                };
                is("num-slaves", "1") && is("num-other-sentinels", "2") && is("flags", "master")
            })
        });
        wait_until("the replica has what the master has", || {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query(&mut self.servers[1].connection())
                .expect("INFO");
            info.contains("master_link_status:up")
        });
    }

    fn state(&self, sentinel: &RedisServer) -> Vec<String> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("MASTER").arg(NAME).query(&mut sentinel.connection()).unwrap_or_default()
    }

    /// Makes the Sentinels promote the replica, without waiting for it.
    pub fn fail_over(&self) {
        wait_until("a failover is taken", || {
            let mut order = redis::cmd("SENTINEL");
            let mut connection = self.sentinels[0].connection();
            order.arg("FAILOVER").arg(NAME).exec(&mut connection).is_ok()
        });
    }

    /// Waits until a server is the master according to all Sentinels.
    pub fn wait_for_master(&self, server: &RedisServer) {
        let port = server.port().to_string();
        wait_until("there is a new master", || {
            self.sentinels.iter().all(|sentinel| {
                let mut ask = redis::cmd("SENTINEL");
                ask.arg("GET-MASTER-ADDR-BY-NAME").arg(NAME);
                let master: Vec<String> = ask.query(&mut sentinel.connection()).unwrap_or_default();
                master.get(1) == Some(&port)
            })
        });
        wait_until("it knows that it is", || {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query(&mut server.connection())
                .expect("INFO");
            info.contains("role:master")
        });
    }
}
