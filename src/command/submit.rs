//! Commands on their way to the queue: each is pushed once.

use std::time::Instant;

use redis::Value;

use crate::client::Client;
use crate::command::Command;
use crate::engine::Wait;
use crate::engine::queue;
use crate::engine::waiting::{self, Look};
use crate::error::{Error, ErrorKind, Result};
use crate::job::Collected;
use crate::job::Job;
use crate::protocol::{AgentId, ResultDocument, keys};
use crate::transport::{self, Backoff, Connection, Pooled, Until, integer};

/// How many commands of a pipeline are sent before the first replies are read, and how many bytes: what
/// is not sent yet is in memory, and the deadline is looked at between two of these parts.
const PIPELINE: usize = 1000;
const PIPELINE_BYTES: usize = 1024 * 1024;

/// A command about to be sent.
pub(crate) struct Submission(Command);

impl Submission {
    pub(crate) fn new(command: Command) -> Self {
        Submission(command)
    }

    /// The bytes that are pushed.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = Vec::new();
        self.0.write_json(&mut json)?;
        Ok(json)
    }

    /// Refuses a wait that could not end, before anything is sent.
    pub(crate) fn check_wait(&self, wait: &Wait) -> Result<()> {
        self.0.refuse_endless(wait)
    }

    pub(crate) fn submit(self, wait: Wait) -> Result<Command> {
        let (client, json) = (self.0.client(), self.to_json()?);
        let asked = || self.0.in_words();
        client.bounded(wait, asked, |until| self.push(client, &json, until, |_| ()).map(|_| ()))?;
        Ok(self.0)
    }

    pub(crate) fn submit_once(self, wait: Wait) -> Result<Command> {
        let (client, id, json) = (self.0.client(), self.0.id(), self.to_json()?);
        let push = |until: &Until| queue::push_once(client, id, &json, until);
        let pushed = client.bounded(wait, || self.0.in_words(), push);
        pushed.map_err(|error| error.about_command(&*self.0))?;
        Ok(self.0)
    }

    /// Sends it and waits for the one result.
    pub(crate) fn run(self, wait: Wait) -> Result<Job> {
        let client = self.0.client().clone();
        if self.0.target().is_fanout() {
            return Err(Error::invalid("run() is for one agent; for a fan-out there is run_all()"));
        }
        self.0.refuse_endless(&wait)?;
        let asked = || self.0.in_words();
        let json = self.to_json()?;
        let (agent, document) =
            client.bounded(wait, asked, |until| match self.0.target().answers_as() {
                Some(&agent) => {
                    self.run_on(&client, agent, &json, until).map(|document| (agent, document))
                }
                None => self.run_on_any(&client, &json, until),
            })?;
        self.0.deliver(agent, document)
    }

    fn run_on(
        &self,
        client: &Client,
        agent: AgentId,
        json: &[u8],
        until: &Until,
    ) -> Result<ResultDocument> {
        let id = self.0.id();
        let mut connection =
            self.push(client, json, until, |connection| waiting::ask(connection, id, agent))?;
        // From here on the command is with Redis: whatever breaks now, only the wait goes on.
        let first = Look::read(&mut connection, id, &until.impatient());
        drop(connection);
        let result = waiting::final_result(client, id, agent, until, Some(first));
        result.map_err(|error| self.after_the_push(error))
    }

    /// An error of the wait for a command that is with Redis. The same call, made again, would run
    /// it again.
    fn after_the_push(&self, error: Error) -> Error {
        self.0.tell_how_far(error).once_only()
    }

    /// The controller chooses the agent, and says which in the hash.
    fn run_on_any(
        &self,
        client: &Client,
        json: &[u8],
        until: &Until,
    ) -> Result<(AgentId, ResultDocument)> {
        let id = self.0.id();
        let mut connection =
            self.push(client, json, until, |connection| waiting::ask_targets(connection, id))?;
        let first = waiting::read_targets(&mut connection, id, &until.impatient());
        drop(connection);
        let wait = || {
            let agents = waiting::targets(client, id, until, Some(first))?;
            let [agent] = agents[..] else {
                let several = format!("the controller sent it to {} agents", agents.len());
                return Err(Error::new(ErrorKind::Protocol, several));
            };
            Ok((agent, waiting::final_result(client, id, agent, until, None)?))
        };
        wait().map_err(|error| self.after_the_push(error))
    }

    /// Sends it and takes all results.
    pub(crate) fn collect(self, wait: Wait, stop_at_failure: bool) -> Result<Collected> {
        let begun = Instant::now();
        self.0.refuse_endless(&wait)?;
        let command = self.submit(wait.clone())?;
        // One deadline for both steps.
        let results = command.reference().results_within(wait.since(begun))?;
        let mut collected = Collected::new(command);
        for result in results {
            let failed = match result {
                Ok(job) => {
                    let failed = !job.is_success();
                    collected.command.note_returned(job.agent());
                    collected.jobs.push(job);
                    failed
                }
                Err(error) => {
                    // Without an agent it has ended the wait for everybody.
                    collected.stopped |= error.agent().is_none() && !error.is_timeout();
                    collected.errors.push(error);
                    true
                }
            };
            if failed && stop_at_failure {
                collected.stopped = true;
                break;
            }
        }
        Ok(collected)
    }

    /// Pushes the command, once, along with what `then` queues behind it.
    fn push(
        &self,
        client: &Client,
        json: &[u8],
        until: &Until,
        then: impl Fn(&mut Connection),
    ) -> Result<Pooled> {
        let mut tried_again = false;
        let mut backoff = Backoff::new();
        loop {
            let mut connection = connection(client, until)?;
            let mark = queue_push(&mut connection, json);
            then(&mut connection);
            match connection.reply(until) {
                Ok(reply) => {
                    integer(&reply).map_err(|error| maybe_sent(&self.0, error.into()))?;
                    return Ok(connection);
                }
                // What Redis refuses it has not run.
                Err(error @ transport::Error::Server(_)) => {
                    client.pool().note_failure(&mut connection, &error);
                    drop(connection);
                    if !error.is_waited_out() {
                        return Err(error.into());
                    }
                    backoff.pause(error, until)?;
                }
                Err(error) if connection.was_sent(mark) => {
                    return Err(maybe_sent(&self.0, error.into()));
                }
                // Cut short, so Redis cannot have run it. An idle connection that the server has
                // ended in this very moment is no reason to fail.
                Err(transport::Error::Lost { .. }) if !tried_again => tried_again = true,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn queue_push(connection: &mut Connection, json: &[u8]) -> u64 {
    connection.command(&[b"RPUSH", keys::QUEUE.as_bytes(), json])
}

/// Sends many commands in one pipeline, with an outcome for each, in their order. Each is made as it is
/// sent, so that the server is at work meanwhile.
pub(crate) fn submit_many(
    client: &Client,
    submissions: impl Iterator<Item = Result<Submission>>,
) -> Vec<Result<Command>> {
    let begun = Instant::now();
    let mut many =
        Many { outcomes: Vec::with_capacity(submissions.size_hint().0), json: Vec::new() };
    let mut submissions = submissions.fuse();
    let sent = client
        .until(&client.quick())
        .and_then(|until| many.send_all(client, &mut submissions, &until));
    if let Err(error) = sent {
        // What ended it is said of all that come after.
        many.outcomes.extend(submissions.map(|one| one.and_then(|one| Err(one.told(&error)))));
    }
    let waited = |outcome: Result<Command>| match outcome {
        Err(error) => Err(error.waited_if_it_did(begun.elapsed())),
        sent => sent,
    };
    many.outcomes.into_iter().map(waited).collect()
}

/// What came of many commands, by their places. A command that is on its way counts as sent until
/// something else is known.
struct Many {
    outcomes: Vec<Result<Command>>,
    /// The bytes of the command that is sent now.
    json: Vec<u8>,
}

/// Commands that a server has refused since it is not ready, by their places, and why.
#[derive(Default)]
struct Refused {
    places: Vec<usize>,
    why: Option<transport::Error>,
}

/// Commands that are sent before their replies are read, by their places, each with what has to be sent
/// for it to have left.
#[derive(Default)]
struct Part {
    commands: Vec<(usize, u64)>,
    bytes: usize,
}

impl Part {
    fn clear(&mut self) {
        self.commands.clear();
        self.bytes = 0;
    }

    fn is_full(&self) -> bool {
        self.commands.len() >= PIPELINE || self.bytes >= PIPELINE_BYTES
    }
}

/// What an error says of a command that did not leave.
const NOT_SENT: &str = "this command was not sent";

impl Many {
    /// Sends all, and those again that a server refuses which is not ready. `Err`: what ended it before
    /// all were made.
    fn send_all(
        &mut self,
        client: &Client,
        rest: &mut impl Iterator<Item = Result<Submission>>,
        until: &Until,
    ) -> Result<()> {
        let mut refused = Refused::default();
        let sent = self.send_new(client, rest, until, &mut refused);
        let mut backoff = Backoff::new();
        while let Some(why) = refused.why.take() {
            let left = std::mem::take(&mut refused.places);
            let ended = match &sent {
                Err(error) => Err(error.clone()),
                Ok(()) => backoff.pause(why, until).map_err(Error::from),
            };
            match ended {
                Ok(()) => self.send_again(client, &left, until, &mut refused),
                // They were refused.
                Err(error) => {
                    let error = error.noting(NOT_SENT);
                    left.iter().for_each(|place| self.fail(*place, &error));
                }
            }
        }
        sent
    }

    fn send_new(
        &mut self,
        client: &Client,
        rest: &mut impl Iterator<Item = Result<Submission>>,
        until: &Until,
        refused: &mut Refused,
    ) -> Result<()> {
        let mut connection = connection(client, until)?;
        let mut part = Part::default();
        loop {
            until.check()?;
            part.clear();
            while !part.is_full() {
                let Some(one) = rest.next() else { break };
                self.outcomes.push(one.map(|one| one.0));
                self.queue(&mut connection, self.outcomes.len() - 1, &mut part);
            }
            self.read(client, &mut connection, &part.commands, until, refused)?;
            // Not full: there are no more.
            if !part.is_full() {
                return Ok(());
            }
        }
    }

    fn send_again(
        &mut self,
        client: &Client,
        places: &[usize],
        until: &Until,
        refused: &mut Refused,
    ) {
        let mut left = places.iter();
        let sent = connection(client, until).and_then(|mut connection| {
            let mut part = Part::default();
            while !left.as_slice().is_empty() {
                until.check()?;
                part.clear();
                while !part.is_full() {
                    let Some(place) = left.next() else { break };
                    self.queue(&mut connection, *place, &mut part);
                }
                self.read(client, &mut connection, &part.commands, until, refused)?;
            }
            Ok(())
        });
        if let Err(error) = sent {
            left.for_each(|place| self.fail(*place, &error.clone().noting(NOT_SENT)));
        }
    }

    /// Queues the command of a place, if there is one.
    fn queue(&mut self, connection: &mut Connection, place: usize, part: &mut Part) {
        let Ok(command) = &self.outcomes[place] else { return };
        match command.write_json(&mut self.json) {
            Ok(()) => {
                part.commands.push((place, queue_push(connection, &self.json)));
                part.bytes += self.json.len();
            }
            Err(error) => self.outcomes[place] = Err(error),
        }
    }

    /// Reads the replies to a part. `Err`: what broke the connection, which is said of all whose replies
    /// did not come.
    fn read(
        &mut self,
        client: &Client,
        connection: &mut Connection,
        part: &[(usize, u64)],
        until: &Until,
        refused: &mut Refused,
    ) -> Result<()> {
        for (number, (place, _)) in part.iter().enumerate() {
            match connection.reply(until) {
                Ok(Value::Int(_)) => {}
                Ok(reply) => {
                    if let Err(error) = integer(&reply) {
                        self.doubt(*place, error.into());
                    }
                }
                Err(error) if error.is_waited_out() => {
                    client.pool().note_failure(connection, &error);
                    refused.places.push(*place);
                    refused.why = Some(error);
                }
                Err(error @ transport::Error::Server(_)) => self.fail(*place, &error.into()),
                Err(error) => {
                    let error = Error::from(error);
                    for (place, mark) in &part[number..] {
                        if connection.was_sent(*mark) {
                            self.doubt(*place, error.clone());
                        } else {
                            self.fail(*place, &error.clone().noting(NOT_SENT));
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, place: usize, error: &Error) {
        self.replace(place, |command| error.clone().asked(|| command.in_words()));
    }

    /// It has left, and was not confirmed.
    fn doubt(&mut self, place: usize, error: Error) {
        self.replace(place, |command| maybe_sent(command, error).asked(|| command.in_words()));
    }

    fn replace(&mut self, place: usize, told: impl FnOnce(&Command) -> Error) {
        if let Ok(command) = &self.outcomes[place] {
            self.outcomes[place] = Err(told(command));
        }
    }
}

/// A connection; a server that is not ready is waited for.
fn connection(client: &Client, until: &Until) -> Result<Pooled> {
    let mut backoff = Backoff::new();
    loop {
        match client.pool().get(until) {
            Err(error) if error.is_waited_out() => backoff.pause(error, until)?,
            connection => return Ok(connection?),
        }
    }
}

fn maybe_sent(command: &Command, error: Error) -> Error {
    error.with_command_maybe_sent().about_command(command.reference())
}

impl Submission {
    /// What is said of it where it cannot be sent.
    fn told(&self, error: &Error) -> Error {
        error.clone().noting(NOT_SENT).asked(|| self.0.in_words())
    }
}
