//! Connections that break, stall, or bring something else than was sent, at every byte: no call hangs,
//! no result is lost, no command runs twice, and what is said of it is true.

use std::time::{Duration, Instant};

use acclient::{Client, Command, Error, ErrorKind, Target};
use devgrid::RedisServer;
use support::certificates::TlsRedis;
use support::controller::Controller;
use support::proxy::{Fault, Plan, Proxy};
use support::{LATE, WAIT, redis, servers};

/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(60);

struct Setting {
    redis: RedisServer,
    controller: Controller,
    proxy: Proxy,
    tls: Option<TlsRedis>,
}

impl Setting {
    fn new() -> Self {
        let redis = redis();
        let (controller, proxy) = (Controller::start(&redis), Proxy::new(redis.port()));
        Setting { redis, controller, proxy, tls: None }
    }

    /// The client speaks TLS, and the proxy passes it on as it is.
    fn with_tls() -> Self {
        let tls = TlsRedis::new("localhost");
        let redis = tls.builder().start().expect("a Redis");
        let (controller, proxy) = (Controller::start(&redis), Proxy::new(tls.port));
        Setting { redis, controller, proxy, tls: Some(tls) }
    }

    /// Returns a client without a connection.
    fn client(&self) -> Client {
        let builder = Client::builder().url(&self.proxy.url()).expect("a URL");
        let builder = match &self.tls {
            Some(tls) => builder.tls_ca_file(tls.certificates.ca()),
            None => builder,
        };
        builder.build().expect("a client")
    }

    /// Every fault of a kind at every byte that passes up and down in one call, or at every `step`th.
    fn plans(&self, fault: Fault, step: usize, call: impl Fn(&Client)) -> Vec<Plan> {
        self.proxy.plan(|_| Plan::default());
        self.proxy.passed();
        let client = self.client();
        call(&client);
        // Bytes sent on closing are not counted.
        let [up, down] = self.proxy.passed();
        assert!(up > 300 && down > 100, "{up} {down}");
        let ups = (0..=up).step_by(step).map(|after| Plan::up(after, fault));
        let downs = (0..=down).step_by(step).map(|after| Plan::down(after, fault));
        ups.chain(downs).collect()
    }

    /// Checks that the reported outcome of a command is true.
    fn check<T>(&self, id: &str, outcome: &Result<T, Error>, plan: Plan) -> usize {
        self.controller.settle(&self.redis);
        let count = self.controller.count(id);
        match outcome {
            Ok(_) => assert_eq!(count, 1, "{plan:?}: it succeeded"),
            Err(error) if error.is_maybe_sent() => assert!(count <= 1, "{plan:?}: it ran twice"),
            Err(error) => assert_eq!(count, 0, "{plan:?}: it was not sent, but: {error}"),
        }
        count
    }
}

fn ping(client: &Client, id: &str) -> acclient::Request {
    client.cmd(Target::agent((1, 1)), "ping").id(id)
}

#[test]
fn a_run_whose_connection_is_cut_at_any_byte() {
    cut_runs(&Setting::new(), 1);
}

/// The server can decrypt none of a partially sent TLS record.
#[test]
fn a_run_under_tls_whose_connection_is_cut_at_many_bytes() {
    if !servers::has_tls() {
        return;
    }
    cut_runs(&Setting::with_tls(), 7);
}

fn cut_runs(setting: &Setting, step: usize) {
    let plans = setting.plans(Fault::Cut, step, |client| drop(ping(client, "first").run(WAIT)));
    let (mut done, mut doubtful) = (0, 0);
    for (number, plan) in plans.iter().enumerate() {
        setting.proxy.next(*plan);
        let id = format!("run-{number:08}");
        let outcome = ping(&setting.client(), &id).run(WAIT);
        setting.check(&id, &outcome, *plan);
        match outcome {
            Ok(job) => {
                assert!(job.is_success());
                done += 1;
            }
            Err(error) if error.kind() == ErrorKind::MaybeSent => doubtful += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Connect, "{plan:?}: {error}"),
        }
    }
    // Each kind of outcome was there: sent, not sent, and not known.
    let not_sent = plans.len() - done - doubtful;
    let few = 10;
    assert!(done > few && doubtful > few && not_sent > few, "{done} {doubtful} {not_sent}");
}

#[test]
fn a_command_that_is_submitted_once_runs_once_wherever_its_connection_is_cut() {
    let setting = Setting::new();
    let submit = |client: &Client, id: &str| ping(client, id).submit_once();
    let plans = setting.plans(Fault::Cut, 1, |client| drop(submit(client, "first")));
    for (number, plan) in plans.iter().enumerate() {
        setting.proxy.next(*plan);
        let id = format!("once-{number:08}");
        let outcome = submit(&setting.client(), &id);
        assert_eq!(setting.check(&id, &outcome, *plan), 1, "{plan:?}: {:?}", outcome.err());
        let again = submit(&setting.client(), &id).expect("it was submitted");
        assert_eq!(setting.check(&id, &Ok::<_, Error>(()), *plan), 1, "{again}");
    }
}

#[test]
fn waits_of_every_kind_outlive_a_cut_at_any_byte() {
    let setting = Setting::new();
    let direct = Client::connect(&setting.redis.url()).expect("a client");
    let sent: Vec<Command> =
        (0..3).map(|n| ping(&direct, &format!("w{n}")).submit().expect("sent")).collect();
    let forms: Vec<String> = sent.iter().map(ToString::to_string).collect();
    let wait = |client: &Client| {
        for form in &forms {
            let job = client.get_by_handle(form).expect("a form").next_result(WAIT);
            assert!(job.expect("a result").expect("the first").is_success());
        }
        let by_id = client.get_by_id("w0").next_result(WAIT).expect("a result");
        assert!(by_id.expect("the first").is_success());
        let commands = forms.iter().map(|form| client.get_by_handle(form).expect("a form"));
        let jobs = client.wait_any(commands, WAIT).expect("results");
        assert_eq!(
            jobs.map(|job| job.expect("a result")).filter(|job| job.is_success()).count(),
            3
        );
    };
    for plan in setting.plans(Fault::Cut, 1, |client| wait(client)) {
        setting.proxy.next(plan);
        wait(&setting.client());
    }
}

#[test]
fn a_connection_that_stalls_at_any_byte_makes_no_call_late() {
    let setting = Setting::new();
    type Call = fn(&Client, &str) -> Result<(), Error>;
    let calls: [(&str, Call); 6] = [
        ("ping", |client, _| client.ping()),
        ("submit", |client, id| ping(client, id).submit().map(drop)),
        ("submit_once", |client, id| ping(client, id).submit_once().map(drop)),
        ("run", |client, id| ping(client, id).run(SHORT).map(drop)),
        ("jobs", |client, id| client.get_by_id(id).jobs().map(drop)),
        ("retract", |client, id| client.get_by_id(id).retract().map(drop)),
    ];
    for (name, call) in calls {
        setting.proxy.plan(|_| Plan::default());
        setting.proxy.passed();
        // A slow call on a busy machine exchanges more bytes, so the shortest of several calls
        // counts.
        let counts: Vec<[usize; 2]> = ["first", "again", "third"]
            .map(|id| {
                // Bytes sent on closing are not counted.
                let client = setting.client().with_timeout(WAIT);
                call(&client, &format!("{name}-{id}")).expect(name);
                setting.proxy.passed()
            })
            .into();
        let least = |direction: usize| counts.iter().map(|count| count[direction]).min().unwrap();
        let (up, down) = (least(0), least(1));
        let points = |total: usize| (0..10).map(move |part| total * part / 10);
        let ups = points(up).map(|after| Plan::up(after, Fault::Stall));
        let plans = ups.chain(points(down).map(|after| Plan::down(after, Fault::Stall)));
        for (number, plan) in plans.enumerate() {
            setting.proxy.plan(move |_| plan);
            let client = setting.client().with_timeout(SHORT);
            let id = format!("{name}-{number}");
            let begun = Instant::now();
            let outcome = call(&client, &id);
            let took = begun.elapsed();
            assert!(took < SHORT + LATE, "{name}, {plan:?}: {took:?}");
            // A wait reads once more over another connection before its deadline.
            let is_found = name == "run" && outcome.is_ok();
            if name != "jobs" && name != "retract" && !is_found {
                let error = outcome.expect_err("nothing comes");
                assert!(error.is_timeout() || error.is_maybe_sent(), "{name}, {plan:?}: {error}");
            }
        }
    }
}

#[test]
fn a_reply_with_a_wrong_byte_anywhere_does_no_harm() {
    let setting = Setting::new();
    let plans = setting.plans(Fault::Garble, 1, |client| drop(ping(client, "first").run(WAIT)));
    for (number, plan) in plans.iter().filter(|plan| plan.down.is_some()).enumerate() {
        setting.proxy.next(*plan);
        let id = format!("garbled-{number:04}");
        let begun = Instant::now();
        let outcome = ping(&setting.client(), &id).run(Duration::from_secs(1));
        assert!(begun.elapsed() < Duration::from_secs(1) + LATE, "{plan:?}: {:?}", begun.elapsed());
        setting.controller.settle(&setting.redis);
        assert!(setting.controller.count(&id) <= 1, "{plan:?}: it ran twice");
        // Where a digit of the confirmation was another it is one all the same; so is a letter of the result.
        if let Err(error) = outcome {
            let known =
                [ErrorKind::Protocol, ErrorKind::Timeout, ErrorKind::MaybeSent, ErrorKind::Connect];
            let known = known.contains(&error.kind()) || error.kind() == ErrorKind::Unsupported;
            assert!(known || error.kind() == ErrorKind::Server, "{plan:?}: {error}");
        }
    }
}

#[test]
fn bytes_that_come_one_by_one_are_as_good() {
    let setting = Setting::new();
    let slow = Plan { up: Some((0, Fault::Slow)), down: Some((0, Fault::Slow)) };
    setting.proxy.plan(move |_| slow);
    let client = setting.client();
    assert!(ping(&client, "slow").run(WAIT).expect("a result").is_success());
    let once = ping(&client, "slow-once").submit_once().expect("sent");
    let mut jobs = once.results(WAIT).expect("results");
    assert!(jobs.next().expect("one").expect("a result").is_success());
}
