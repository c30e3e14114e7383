//! What the server program under test can do: not every version has users, push notifications and TLS.

use std::collections::HashSet;
use std::sync::OnceLock;

use acclient::WaitMethod;
use devgrid::{RedisServer, RedisServerBuilder};

use crate::certificates::TlsRedis;
use crate::not_tested;

/// Whether the server has users (ACL), as Redis 6 and later do. If not, says that the calling test is left
/// out.
pub fn has_users() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found =
        *FOUND.get_or_init(|| RedisServer::builder().user_acl("x on nopass").start().is_ok());
    if !found {
        not_tested("this Redis has no users");
    }
    found
}

/// Whether the server has TLS: Redis 6 and later, if built with it. If not, says that the calling test is
/// left out.
pub fn has_tls() -> bool {
    static REFUSAL: OnceLock<Option<String>> = OnceLock::new();
    let started = || TlsRedis::new("localhost").builder().start();
    let refusal = REFUSAL.get_or_init(|| {
        let error = started().err()?.to_string();
        Some(error.lines().rfind(|line| !line.is_empty()).unwrap_or_default().to_owned())
    });
    if let Some(refusal) = refusal {
        not_tested(&format!("this Redis has no TLS: {refusal}"));
    }
    refusal.is_none()
}

/// Whether the server has a command.
pub fn knows(command: &str) -> bool {
    static COMMANDS: OnceLock<HashSet<String>> = OnceLock::new();
    let commands = COMMANDS.get_or_init(|| {
        let server = RedisServer::start().expect("a Redis");
        let commands = redis::cmd("COMMAND").query(&mut server.connection());
        let commands: Vec<Vec<redis::Value>> = commands.expect("a list");
        let name = |command: &Vec<redis::Value>| redis::from_redis_value_ref(&command[0]);
        commands.iter().map(|command| name(command).expect("a name")).collect()
    });
    commands.contains(&command.to_lowercase())
}

/// Whether the server has HELLO, and with it RESP3 and push notifications, as Redis 6 and later do.
pub fn has_hello() -> bool {
    knows("HELLO")
}

/// Whether the server refuses the writes of a script too while replicas are missing, as Redis 6 and later do.
/// If not, says that this part of the calling test is left out.
pub fn replicas_bind_scripts() -> bool {
    let server = RedisServer::builder().arg("min-replicas-to-write", "1").start().expect("a Redis");
    let mut script = redis::cmd("EVAL");
    script.arg("return redis.call('SET', 'key', '')").arg(0);
    let is_bound = script.query::<redis::Value>(&mut server.connection()).is_err();
    if !is_bound {
        not_tested("this Redis lets scripts write while replicas are missing");
    }
    is_bound
}

/// The same. If not, says that the calling test is left out.
pub fn has_pushes() -> bool {
    if !has_hello() {
        not_tested("this Redis has no push notifications");
    }
    has_hello()
}

/// A short timeout of blocking commands, in seconds. Redis 5 takes whole seconds only.
pub fn short_pause() -> &'static str {
    if has_hello() { "0.1" } else { "1" }
}

/// How the results of several agents are waited for.
pub fn fan_out_method() -> WaitMethod {
    if has_hello() { WaitMethod::Broadcast } else { WaitMethod::Polling }
}

/// A server without HELLO. Redis 5 refuses to rename a command that it does not have.
pub fn without_hello() -> RedisServerBuilder {
    let server = RedisServer::builder();
    if has_hello() { server.arg("rename-command", "HELLO \"\"") } else { server }
}
