//! Plays a schedule and checks the outcome against the reference model.

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;
use std::{iter, thread};

use acclient::{
    CancelToken, Client, Command, Error, ErrorKind, Job, Request, Results, Target, Timeout,
};
use support::process::{exit_status, fork};
use support::{LATE, WAIT, clients, descriptors, keys_without_ttl, servers, wait_until};

use super::reference::{Record, Sent, explains};
use super::schedule::{Aim, Call, Child, Fault, Schedule, Step};
use super::world::World;

/// Results that are not taken to their end, and keep their connections.
const OPEN: usize = 3;

/// Prints the schedule of a run that fails.
struct Printed<'a>(&'a Schedule);

impl Drop for Printed<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("ACCLIENT_MODEL_SEED={} plays {:#?}", self.0.seed, self.0);
        }
    }
}

struct Player<'a> {
    world: &'a World,
    schedule: &'a Schedule,
    client: Client,
    records: Vec<Record>,
    open: Vec<Results>,
}

/// Plays it in a process of its own, and compares the descriptors of the process before and after.
pub fn play(world: &World, schedule: &Schedule, descriptors_before: usize) {
    let _printed = Printed(schedule);
    world.clear(schedule.unknown);
    let client = new_client(world, schedule);
    let mut player = Player { world, schedule, client, records: Vec::new(), open: Vec::new() };
    schedule.steps.iter().for_each(|step| player.step(step));
    player.finish();
    wait_until("no descriptor is left", || descriptors() <= descriptors_before);
}

fn new_client(world: &World, schedule: &Schedule) -> Client {
    world.builder().timeout(schedule.timeout).build().expect("a client")
}

fn request(client: &Client, record: &Record) -> Request {
    let target = if record.to_all { Target::all().into() } else { Target::agent((1, 1)) };
    client.cmd(target, "ping").id(&record.id)
}

impl Player<'_> {
    fn step(&mut self, step: &Step) {
        let world = self.world;
        let Some(spell) = &step.fault else {
            return step.calls.iter().for_each(|call| self.call(call));
        };
        if spell.after.is_zero() {
            world.begin(&spell.fault);
        }
        // These pauses are the schedule: nothing is expected of what has happened by their end.
        thread::scope(|scope| {
            scope.spawn(|| {
                if !spell.after.is_zero() {
                    thread::sleep(spell.after);
                    world.begin(&spell.fault);
                }
                thread::sleep(spell.lasts);
                world.end(&spell.fault);
            });
            step.calls.iter().for_each(|call| self.call(call));
        });
        if matches!(spell.fault, Fault::Down { keeps_data: false }) {
            self.records.iter_mut().for_each(|record| record.losses += 1);
        }
    }

    /// The number of a command that can be asked about.
    fn chosen(&self, which: usize) -> Option<usize> {
        let known: Vec<usize> =
            (0..self.records.len()).filter(|at| self.records[*at].command.is_some()).collect();
        (!known.is_empty()).then(|| known[which % known.len()])
    }

    fn handle(&self, at: usize) -> Command {
        let command = self.records[at].command.as_ref().expect("it can be asked about");
        self.client.get_by_handle(&command.handle()).expect("a handle")
    }

    fn add(&mut self, once: bool, aim: Aim) -> usize {
        let id = format!("m{}-{}", self.schedule.seed, self.records.len());
        self.records.push(Record::new(id, once, matches!(aim, Aim::All)));
        self.records.len() - 1
    }

    fn call(&mut self, call: &Call) {
        let timeout = self.schedule.timeout;
        let begun = Instant::now();
        match call {
            Call::Submit(aim) => {
                let at = self.add(false, *aim);
                let sent = request(&self.client, &self.records[at]).submit();
                self.sent(at, sent);
            }
            Call::SubmitOnce(aim) => {
                let at = self.add(true, *aim);
                self.submit_once(at);
            }
            Call::Repeat(which) => {
                let once: Vec<usize> =
                    (0..self.records.len()).filter(|at| self.records[*at].once).collect();
                if !once.is_empty() {
                    self.submit_once(once[which % once.len()]);
                }
            }
            Call::SubmitMany(count) => {
                let added: Vec<usize> = (0..*count).map(|_| self.add(false, Aim::One)).collect();
                let requests = added.iter().map(|at| request(&self.client, &self.records[*at]));
                let sent = self.client.submit_many(requests);
                assert_eq!(sent.len(), added.len());
                iter::zip(added, sent).for_each(|(at, sent)| self.sent(at, sent));
            }
            Call::Run(aim @ Aim::One) => {
                let at = self.add(false, *aim);
                let ran = request(&self.client, &self.records[at]).run(timeout);
                self.ran(at, ran.map(|job| vec![job]));
            }
            Call::Run(aim @ Aim::All) => {
                let at = self.add(false, *aim);
                let ran = request(&self.client, &self.records[at]).run_all(timeout);
                self.ran(at, ran.map(|all| all.jobs));
            }
            Call::NextResult(which) => self.wait(*which, |command| command.next_result(timeout)),
            Call::TryNextResult(which) => self.wait(*which, Command::try_next_result),
            Call::Cancelled(which, after) => {
                let token = CancelToken::new().expect("a token");
                thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(*after);
                        token.cancel();
                    });
                    let wait = Timeout::none().or_cancelled(&token);
                    self.wait(*which, |command| command.next_result(wait));
                });
            }
            Call::Results(which) => self.results(*which),
            Call::WaitAny => self.wait_any(),
            Call::Retract(which) => {
                let Some(at) = self.chosen(*which) else { return };
                let retracted = self.handle(at).retract();
                self.records[at].retracting(&retracted);
                let _ = self.judged(retracted, false);
            }
            Call::Jobs(which) => {
                let Some(at) = self.chosen(*which) else { return };
                let jobs = self.handle(at).jobs();
                if let Some(jobs) = self.judged(jobs, false) {
                    self.records[at].ran |= jobs.values().any(Job::is_success);
                }
            }
            Call::Progress(which) => {
                let Some(at) = self.chosen(*which) else { return };
                let progress = self.handle(at).progress(timeout);
                if let Some(progress) = self.judged(progress, true) {
                    self.records[at].ran |= progress.stage == acclient::Stage::Done;
                }
            }
            Call::NewClient => {
                self.open.clear();
                self.client.close();
                self.records.iter_mut().for_each(|record| record.left = true);
                self.client = new_client(self.world, self.schedule);
            }
            Call::Fork(child) => self.fork(*child),
        }
        let took = begun.elapsed();
        assert!(took < timeout + LATE, "{call:?} took {took:?} with a timeout of {timeout:?}");
    }

    /// The value, or nothing where the schedule accounts for the error.
    fn judged<T>(&self, outcome: Result<T, Error>, is_wait: bool) -> Option<T> {
        outcome
            .inspect_err(|error| {
                assert!(
                    explains(self.schedule, error, is_wait),
                    "no fault explains {:?}, code {:?}: {error}",
                    error.kind(),
                    error.server_code()
                );
            })
            .ok()
    }

    fn sent(&mut self, at: usize, outcome: Result<Command, Error>) {
        let handle = match &outcome {
            Ok(command) => Some(command.handle()),
            Err(error) => error.command_handle().map(str::to_owned),
        };
        let outcome = outcome.map(drop);
        self.records[at].sending(&outcome, false);
        if let Some(handle) = handle {
            let command = self.client.get_by_handle(&handle).expect("a handle");
            assert_eq!(command.id(), self.records[at].id);
            self.records[at].command = Some(command);
        }
        self.judged(outcome, false);
    }

    fn submit_once(&mut self, at: usize) {
        let sent = request(&self.client, &self.records[at]).submit_once();
        self.sent(at, sent);
    }

    fn ran(&mut self, at: usize, outcome: Result<Vec<Job>, Error>) {
        let record = &mut self.records[at];
        for job in outcome.iter().flatten() {
            assert!(job.is_success() && job.id() == record.id, "{job:?}");
            record.ran = true;
        }
        let outcome = outcome.map(drop);
        record.sending(&outcome, true);
        record.command = Some(self.client.get_by_id(&record.id));
        self.judged(outcome, false);
    }

    fn wait(
        &mut self,
        which: usize,
        wait: impl FnOnce(&mut Command) -> Result<Option<Job>, Error>,
    ) {
        let Some(at) = self.chosen(which) else { return };
        let mut command = self.handle(at);
        let outcome = wait(&mut command);
        if let Some(Some(job)) = self.judged(outcome, true) {
            assert!(job.is_success() && job.id() == self.records[at].id, "{job:?}");
            self.records[at].ran = true;
        }
    }

    fn results(&mut self, which: usize) {
        let Some(at) = self.chosen(which) else { return };
        let results = self.handle(at).results(self.schedule.timeout);
        let Some(mut results) = self.judged(results, true) else { return };
        if let Some(item) = results.next() {
            self.records[at].ran |= self.judged(item, true).is_some();
        }
        if self.open.len() == OPEN {
            self.open.remove(0);
        }
        self.open.push(results);
    }

    fn wait_any(&mut self) {
        let numbers = 0..self.records.len();
        let asked: Vec<Command> = numbers
            .filter(|at| self.records[*at].command.is_some())
            .map(|at| self.handle(at))
            .collect();
        let Some(results) = self.judged(self.client.wait_any(&asked, self.schedule.timeout), true)
        else {
            return;
        };
        // Each agent of each command, and each command, at most once.
        let most = 3 * asked.len() + 1;
        for (count, item) in results.enumerate() {
            assert!(count < most, "an iterator does not end");
            if let Some(job) = self.judged(item, true) {
                let record = self.records.iter_mut().find(|record| record.id == job.id());
                record.expect("a command that was asked about").ran = true;
            }
        }
    }

    /// A child whose exit status tells what became of the command that it sent.
    fn fork(&mut self, child: Child) {
        let sends = matches!(child, Child::Submits);
        let number = sends.then(|| self.add(false, Aim::One));
        let status = exit_status(fork(|| self.in_child(child, number)));
        let sent = match status {
            0 => Sent::No,
            1 => Sent::Maybe,
            2 => Sent::Yes,
            other => panic!("a child that does {child:?} ended with {other}"),
        };
        if let Some(at) = number {
            let command = self.client.get_by_id(&self.records[at].id);
            let record = &mut self.records[at];
            (record.sent, record.left, record.command) = (sent, true, Some(command));
        }
    }

    fn in_child(&mut self, child: Child, number: Option<usize>) -> i32 {
        let timeout = self.schedule.timeout;
        let open = || File::open("Cargo.toml").expect("a file");
        let mut files: Vec<File> = (0..8).map(|_| open()).collect();
        let mut sent = Sent::No;
        match child {
            Child::Drops => {}
            Child::Waits => {
                for results in &mut self.open {
                    match results.next() {
                        // Its deadline had passed before the fork.
                        None => {}
                        Some(Err(error)) if !error.is_final() => {}
                        Some(Err(error)) if error.kind() == ErrorKind::ForkedHandle => {}
                        item => panic!("inherited results return {item:?}"),
                    }
                }
                for record in &mut self.records {
                    let Some(command) = &mut record.command else { continue };
                    let outcomes =
                        [command.jobs().map(drop), command.next_result(timeout).map(drop)];
                    for error in outcomes.into_iter().filter_map(Result::err) {
                        assert!(error.kind() != ErrorKind::ForkedHandle, "{error}");
                    }
                }
            }
            Child::Submits => {
                let record = &mut self.records[number.expect("a command")];
                let outcome = request(&self.client, record).submit().map(drop);
                record.sending(&outcome, false);
                sent = record.sent;
                self.judged(outcome, false);
            }
        }
        files.extend((0..8).map(|_| open()));
        self.open.clear();
        self.records.clear();
        self.client.close();
        for file in &mut files {
            let mut start = [0; 9];
            file.read_exact(&mut start).expect("a file that is still open");
            assert_eq!(&start, b"[package]");
        }
        sent as i32
    }

    /// Finishes the schedule once all faults are over.
    fn finish(mut self) {
        let patient = self.world.direct().with_timeout(WAIT);
        for record in self.records.iter_mut().filter(|record| record.once) {
            let outcome = request(&patient, record).submit_once().map(drop);
            record.sending(&outcome, false);
            outcome.unwrap_or_else(|error| panic!("{} cannot be repeated: {error}", record.id));
            // The ID was free again.
            record.retracted = None;
        }
        // What has left on a connection that is gone comes to the server before the connection ends.
        wait_until("connections that are gone have ended", || {
            self.world.connections() <= self.client.statistics().open_connections
        });
        self.world.settle();
        self.results_are_found(&patient);
        let _ = self.client.with_timeout(WAIT).ping();
        self.open.clear();
        self.client.close();
        patient.close();
        drop((self.client, patient));
        wait_until("the clients are gone", || clients(self.world.server()) <= 1);
        self.world.settle();
        for record in &self.records {
            let checked = record.check(self.world.seen(&record.id));
            checked.unwrap_or_else(|wrong| panic!("{wrong}"));
        }
        let endless = keys_without_ttl(self.world.server());
        for record in self.records.iter().filter(|record| !record.left) {
            let own = format!("cmd.{}.", record.id);
            // Redis 5 writes the move that has ended a wait to its AOF as RPOP and LPUSH. After a restart, the list
            // has lost the time to live that the controller gave it.
            let is_kept = |key: &str| servers::has_hello() || key.ends_with(".queued");
            let key = endless.iter().find(|key| key.starts_with(&own) && is_kept(key));
            assert!(key.is_none(), "no time to live: {key:?} of {record:?}");
        }
    }

    /// What the agents have answered is there for a later wait, in each way of waiting.
    fn results_are_found(&self, patient: &Client) {
        let answered = self
            .records
            .iter()
            .filter(|record| record.command.is_some() && self.world.seen(&record.id).answered);
        let commands: Vec<Command> = answered
            .map(|record| {
                let handle = record.command.as_ref().expect("one").handle();
                patient.get_by_handle(&handle).expect("a handle")
            })
            .collect();
        // Where a list is evicted each wait takes a second, until it reads the hash.
        for command in commands.iter().take(2) {
            let job = command.clone().next_result(WAIT).expect("a result").expect("the first");
            assert!(job.is_success(), "{job:?}");
        }
        let mut missing: Vec<&str> = commands.iter().map(Command::id).collect();
        for item in patient.wait_any(&commands, WAIT).expect("results") {
            let job = item.unwrap_or_else(|error| panic!("a written result is not found: {error}"));
            missing.retain(|id| *id != job.id());
        }
        assert_eq!(missing, Vec::<&str>::new(), "their results are not found");
    }
}
