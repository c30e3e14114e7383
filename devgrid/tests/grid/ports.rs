//! Mapping between recorded ports and ours in commands and answers about tunnels.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;

/// Port of the recorded Redis.
const REDIS: u16 = 6379;

/// Pairs of ports, recorded and ours.
#[derive(Default)]
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    pub fn new(redis: u16) -> Self {
        Ports(vec![(REDIS, redis)])
    }

    /// Rewrites a recorded command for sending. A fixed port is replaced by a free one.
    pub fn as_sent(&mut self, payload: &str) -> String {
        let command: Value = serde_json::from_str(payload).unwrap();
        if command["cmd"] == "hubble_open_tunnel" {
            let local = local(&command);
            if local > 0 && !self.0.iter().any(|(theirs, _)| *theirs == local) {
                self.0.push((local, free()));
            }
        }
        replaced(payload, self.0.iter().copied())
    }

    /// Learns the port from an answer, and uses the tunnel like the recorded client.
    pub fn learn(&mut self, recorded: &str, ours: &str) {
        let (recorded, ours): (Value, Value) =
            (serde_json::from_str(recorded).unwrap(), serde_json::from_str(ours).unwrap());
        if recorded["state"] != "SUCCESS" {
            return;
        }
        assert_eq!(ours["state"], "SUCCESS", "{ours}");
        let pair = (local(&recorded), local(&ours));
        if !self.0.contains(&pair) {
            self.0.push(pair);
        }
        let redis = redis::Client::open(format!("redis://127.0.0.1:{}", pair.1)).unwrap();
        redis::cmd("PING").exec(&mut redis.get_connection().unwrap()).unwrap();
    }

    /// Rewrites our text with the recorded ports.
    pub fn as_recorded(&self, text: &str) -> String {
        replaced(text, self.0.iter().map(|(theirs, ours)| (*ours, *theirs)))
    }
}

fn local(message: &Value) -> u16 {
    let data: Value = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
    data["local"].as_u64().unwrap().try_into().unwrap()
}

fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Replaces ports together with their field names, because digits may be part of an id. The texts are JSON within JSON
/// strings.
fn replaced(text: &str, pairs: impl Iterator<Item = (u16, u16)>) -> String {
    pairs.fold(text.to_string(), |text, (from, to)| {
        let text = text.replace(&format!(r#"local\":{from},"#), &format!(r#"local\":{to},"#));
        let text = text.replace(&format!(r#"Port\":{from},"#), &format!(r#"Port\":{to},"#));
        text.replace(&format!(r#"remote\":{from}}}"#), &format!(r#"remote\":{to}}}"#))
    })
}
