//! Requests that no controller takes are retracted, so that none of them runs later.

use std::time::Duration;

use acclient::{Client, Error, MsgQuery, Target};
use support::{ask, error, redis, with_growing_time};

type Call = fn(&Client) -> Result<(), Error>;
const CALLS: [(&str, Call); 8] = [
    ("list_agents", |client| client.list_agents().map(drop)),
    ("ping_agent", |client| client.ping_agent((1, 1))),
    ("get_mem_info", |client| client.get_mem_info((1, 1)).map(drop)),
    ("tunnel_list", |client| client.tunnel_list((1, 1)).map(drop)),
    ("schedule_list", |client| client.schedule_list().map(drop)),
    ("schedule_add", |client| {
        client.schedule_add("x", "@yearly", client.bash(Target::agent((1, 1)), "true"))
    }),
    ("kill of a list", |client| {
        let command = client.get_by_handle("acclient:1:x:1:1,1:2")?;
        command.kill()?.into_result().map(drop)
    }),
    ("messages of a list", |client| {
        let command = client.get_by_handle("acclient:1:x:1:1,1:2")?;
        command.get_msgs(&MsgQuery::new())?.into_result().map(drop)
    }),
];

#[test]
fn what_no_controller_takes_does_not_run_later() {
    let server = redis();
    let client = Client::connect(&server.url()).expect("a client");
    let mut admin = server.connection();
    for (name, call) in CALLS {
        with_growing_time(Duration::from_millis(500), |time| {
            let late = error(call(&client.with_timeout(time)), name);
            assert!(late.is_timeout(), "{name}: {late}");
            let left: usize = ask(&mut admin, &[b"LLEN", b"cmds.queue"]);
            let is_empty = left == 0;
            if is_empty {
                assert!(late.to_string().contains("will not run"), "{name}: {late}");
            }
            ask::<()>(&mut admin, &[b"FLUSHALL"]);
            is_empty.then_some(())
        });
    }
}
