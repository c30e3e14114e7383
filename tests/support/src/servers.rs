//! Capabilities of the server under test: not every version has users, push notifications and TLS.

use std::collections::HashSet;
use std::sync::OnceLock;

use acclient::WaitMethod;
use devgrid::{RedisServer, RedisServerBuilder};

use crate::certificates::TlsRedis;
use crate::not_tested;

/// Returns whether the server has users (ACL), as Redis 6 and later do. If not, reports the calling
/// test as skipped.
pub fn has_users() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found =
        *FOUND.get_or_init(|| RedisServer::builder().user_acl("x on nopass").start().is_ok());
    if !found {
        not_tested("this Redis has no users");
    }
    found
}

/// Returns whether the server has TLS: Redis 6 and later, if built with it. If not, reports the
/// calling test as skipped.
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

/// Returns whether the server has a command.
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

/// Returns whether the server has HELLO, and with it RESP3 and push notifications, as Redis 6 and
/// later do.
pub fn has_hello() -> bool {
    knows("HELLO")
}

/// Returns whether the server also rejects writes of a script while replicas are missing, as Redis
/// 6 and later do. If not, reports this part of the calling test as skipped.
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

/// Like [`has_hello`]. If not, reports the calling test as skipped.
pub fn has_pushes() -> bool {
    if !has_hello() {
        not_tested("this Redis has no push notifications");
    }
    has_hello()
}

/// Returns a short timeout of blocking commands in seconds. Redis 5 accepts only whole seconds.
pub fn short_pause() -> &'static str {
    if has_hello() { "0.1" } else { "1" }
}

/// Returns how results of several agents are awaited.
pub fn fan_out_method() -> WaitMethod {
    if has_hello() { WaitMethod::Broadcast } else { WaitMethod::Polling }
}

/// Returns a server without HELLO. Redis 5 cannot rename a command that it does not have.
pub fn without_hello() -> RedisServerBuilder {
    let server = RedisServer::builder();
    if has_hello() { server.arg("rename-command", "HELLO \"\"") } else { server }
}
