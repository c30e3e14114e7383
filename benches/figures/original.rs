//! The four steps of the original client: push the command, block for the mark that it was routed,
//! ask which agents it went to, and block for the result of one agent after the other.

use crate::hiredis::Hiredis;

/// A client that can perform these steps.
pub trait Steps {
    fn command(&mut self, words: &[&[u8]]);

    /// Returns the fields of a hash.
    fn fields(&mut self, key: &str) -> Vec<String>;
}

impl Steps for Hiredis {
    fn command(&mut self, words: &[&[u8]]) {
        assert!(Hiredis::command(self, words));
    }

    /// Reads and discards the reply, which always lists one agent.
    fn fields(&mut self, key: &str) -> Vec<String> {
        Steps::command(self, &[b"HKEYS", key.as_bytes()]);
        vec!["1:1".to_owned()]
    }
}

impl Steps for redis::Connection {
    fn command(&mut self, words: &[&[u8]]) {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        command.exec(self).unwrap();
    }

    fn fields(&mut self, key: &str) -> Vec<String> {
        redis::cmd("HKEYS").arg(key).query(self).unwrap()
    }
}

/// Returns a command for agent 1:1 in the form that is pushed.
pub fn command(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","gid":1,"nid":1,"tags":null,"roles":null,"fanout":false,"cmd":"execute","args":{{"name":"true","loglevels":"*"}},"data":""}}"#
    )
}

/// Pushes the command and waits for all results.
pub fn submit_and_wait(client: &mut impl Steps, id: &str) {
    client.command(&[b"RPUSH", b"cmds.queue", command(id).as_bytes()]);
    wait(client, id, |_| ());
}

/// Waits for the results of all agents, one after the other.
pub fn wait(client: &mut impl Steps, id: &str, mut taken: impl FnMut(u32)) {
    block(client, &format!("cmd.{id}.queued"));
    for agent in client.fields(&format!("jobresult:{id}")) {
        let (gid, nid) = agent.split_once(':').unwrap();
        block(client, &format!("cmd.{id}.{gid}.{nid}"));
        taken(nid.parse().unwrap());
    }
}

fn block(client: &mut impl Steps, key: &str) {
    client.command(&[b"BRPOPLPUSH", key.as_bytes(), key.as_bytes(), b"60"]);
}
