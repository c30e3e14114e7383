//! Advice for failed checks.

use crate::engine::probe::Place;
use crate::error::{Error, ErrorKind};

/// Advice on a Redis that could not be reached.
pub(super) fn on_unreachable(error: &Error) -> &'static str {
    if let Some(advice) = on_refusal(error) {
        return advice;
    }
    match error.kind() {
        ErrorKind::Authentication => "give the right user and password",
        ErrorKind::Unsupported => "name the one Redis that the controller uses",
        ErrorKind::Timeout => "no connection or no reply: check address, firewall and load",
        ErrorKind::PoolExhausted => "other calls use all connections of this client",
        ErrorKind::Protocol => "is this a Redis server?",
        _ => "is Redis running there, and is the address right?",
    }
}

/// Advice on an error reply of Redis, including one after which a wait ended.
pub(super) fn on_refusal(error: &Error) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 8] = [
        ("OOM", "Redis is at its maxmemory: raise it, or remove keys"),
        (
            "MISCONF",
            "Redis cannot save to its disk and refuses writes: free space there or mend it",
        ),
        ("NOREPLICAS", "Redis misses replicas and refuses writes: set min-replicas-to-write 0"),
        ("READONLY", "it is a replica, which takes no commands: name the master, or the Sentinels"),
        ("LOADING", "Redis is loading its data: try again when it is done"),
        ("BUSY", "a script keeps Redis busy: wait, or end it with SCRIPT KILL"),
        ("WRONGTYPE", "another program uses this key: give the grid a database of its own"),
        ("NOPERM", "the user needs the rights that the documentation lists"),
    ];
    let last = error.last_failure().unwrap_or_default();
    let has = |code: &str| {
        error.server_code() == Some(code) || last.split([' ', ':']).any(|word| word == code)
    };
    ADVICE.iter().find(|(code, _)| has(code)).map(|(_, advice)| *advice)
}

/// Advice on a controller that does not answer, by where the request was last seen.
pub(super) fn on_silent_controller(place: Place) -> &'static str {
    match place {
        Place::Queue => {
            "start the controller, and check that it uses this Redis and this database; it exits on errors of Redis, so \
             it needs a supervisor"
        }
        Place::Controller => {
            "the controller is stopped, busy or hanging, or it exited over the question: look at its log, continue or \
             restart it"
        }
        Place::Agent | Place::Fetched | Place::Unknown => "check the controller, and try again",
    }
}

/// Advice on an agent that does not answer, by where the request was last seen.
pub(super) fn on_silent_agent(place: Place) -> &'static str {
    match place {
        Place::Fetched => {
            "if it runs 100 jobs, wait until some end or restart the agent, since no kill reaches it; if its \
             process is stopped, continue it"
        }
        Place::Agent => {
            "start or continue the agent; one that runs 100 jobs fetches again when some end. The controller \
             forgets an agent that does not fetch 30 to 45 s after it last did; until then commands wait for it"
        }
        Place::Queue | Place::Controller => {
            "the controller answered a moment ago: check that it still runs, and try again"
        }
        Place::Unknown => {
            "Redis or the controller did not keep up: try again with a longer timeout"
        }
    }
}
