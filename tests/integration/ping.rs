//! Pings of several agents: their times, their errors, and what they leave in Redis.

use std::time::Duration;

use acclient::{AgentId, CancelToken, Client, ErrorKind};
use devgrid::Grid;
use support::delay::Distant;
use support::{WAIT, ask, error, wait_until, with_growing_time};

fn grid() -> Grid {
    Grid::demo_builder().routable_for(Duration::from_secs(3600)).start().expect("a grid")
}

/// How many commands are in a list of commands.
fn length(grid: &Grid, key: &str) -> i64 {
    ask(&mut grid.redis().connection(), &[b"LLEN", key.as_bytes()])
}

#[test]
fn each_agent_has_its_time_or_its_error() {
    let grid = grid();
    let client = Client::connect(&grid.url()).expect("a client");
    grid.pause_agent(1, 2);
    let pinged = with_growing_time(Duration::from_secs(1), |time| {
        let client = client.with_timeout(time);
        let pinged = client.ping_agents([(1, 1), (1, 2), (9, 9), (1, 1)]).expect("answers");
        (pinged[&(1, 1).into()].is_ok() && pinged.len() == 3).then_some(pinged)
    });
    let of = |agent: (u32, u32)| pinged[&AgentId::from(agent)].as_ref().expect_err("no answer");
    let silent = of((1, 2));
    assert_eq!((silent.kind(), silent.agent()), (ErrorKind::Timeout, Some((1, 2).into())));
    assert!(silent.to_string().contains("it does not fetch commands"), "{silent}");
    assert_eq!(of((9, 9)).kind(), ErrorKind::NoSuchAgent);
    assert_eq!((length(&grid, "cmds:1:2"), length(&grid, "cmds.queue")), (0, 0));
    assert_eq!(client.ping_agents::<AgentId>([]).expect("nothing").len(), 0);
}

#[test]
fn the_time_is_that_without_the_network() {
    let grid = grid();
    let delay = Duration::from_millis(300);
    let distant = Distant::new(grid.redis().port(), delay);
    let client = Client::connect(&distant.url()).expect("a client").with_timeout(WAIT);
    let took = with_growing_time(Duration::from_secs(1), |_| {
        let pinged = client.ping_agents([(1, 1), (2, 1)]).expect("answers");
        let took = pinged.into_values().map(|answer| answer.expect("an answer")).max();
        // A busy machine may make an agent slow.
        took.filter(|took| *took < delay)
    });
    assert!(took > Duration::ZERO);
}

#[test]
fn nothing_stays_of_pings_that_were_cancelled_or_that_nobody_took() {
    let grid = grid();
    let cancel = CancelToken::new().expect("a token");
    let client = Client::connect(&grid.url()).expect("a client").with_cancel(&cancel);
    grid.pause_agent(1, 2);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.with_timeout(WAIT).ping_agents([(1, 2)]));
        wait_until("the ping waits", || length(&grid, "cmds:1:2") == 1);
        cancel.cancel();
        let error = error(call.join().expect("no panic"), "a cancelled call");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
    assert_eq!(length(&grid, "cmds:1:2"), 0);
    grid.stop_controller();
    let client = Client::connect(&grid.url()).expect("a client");
    let client = client.with_timeout(Duration::from_secs(1));
    let pinged = client.ping_agents([(1, 1), (2, 1)]).expect("errors");
    let kinds: Vec<_> = pinged.into_values().map(|it| error(it, "no answer").kind()).collect();
    assert_eq!(kinds, [ErrorKind::Timeout; 2]);
    assert_eq!(length(&grid, "cmds.queue"), 0);
}
