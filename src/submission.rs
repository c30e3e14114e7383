//! Commands on their way to the queue: each is pushed once.

use std::time::Instant;

use crate::client::Client;
use crate::command::Command;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::outcome::Collected;
use crate::protocol::{AgentId, ResultDocument, keys};
use crate::queue;
use crate::transport::{self, Backoff, Connection, Pooled, Until, integer};
use crate::wait::Wait;
use crate::waiting::{self, Look};

/// How many commands of a pipeline are sent before the first replies are read.
const PIPELINE: usize = 1000;

/// A command about to be sent, and its bytes.
pub(crate) struct Submission {
    command: Command,
    json: String,
}

impl Submission {
    pub(crate) fn new(command: Command, json: String) -> Self {
        Submission { command, json }
    }

    pub(crate) fn into_json(self) -> String {
        self.json
    }

    /// Refuses a wait that could not end, before anything is sent.
    pub(crate) fn check_wait(&self, wait: &Wait) -> Result<()> {
        self.command.refuse_endless(wait)
    }

    pub(crate) fn submit(self, wait: Wait) -> Result<Command> {
        let client = self.command.client();
        let asked = || self.command.in_words();
        client.bounded(wait, asked, |until| self.push(client, until, |_| ()).map(|_| ()))?;
        Ok(self.command)
    }

    pub(crate) fn submit_once(self, wait: Wait) -> Result<Command> {
        let (client, id) = (self.command.client(), self.command.id());
        let push = |until: &Until| queue::push_once(client, id, &self.json, until);
        let pushed = client.bounded(wait, || self.command.in_words(), push);
        pushed.map_err(|error| error.about_command(&*self.command))?;
        Ok(self.command)
    }

    /// Sends it and waits for the one result.
    pub(crate) fn run(self, wait: Wait) -> Result<Job> {
        let client = self.command.client().clone();
        if self.command.target().is_fanout() {
            return Err(Error::invalid("run() is for one agent; for a fan-out there is run_all()"));
        }
        self.command.refuse_endless(&wait)?;
        let asked = || self.command.in_words();
        let (agent, document) =
            client.bounded(wait, asked, |until| match self.command.target().answers_as() {
                Some(agent) => self.run_on(&client, agent, until).map(|document| (agent, document)),
                None => self.run_on_any(&client, until),
            })?;
        self.command.deliver(agent, document)
    }

    fn run_on(&self, client: &Client, agent: AgentId, until: &Until) -> Result<ResultDocument> {
        let id = self.command.id();
        let mut connection =
            self.push(client, until, |connection| waiting::ask(connection, id, agent))?;
        // From here on the command is with Redis: whatever breaks now, only the wait goes on.
        let first = Look::read(&mut connection, id, &until.impatient());
        drop(connection);
        let result = waiting::final_result(client, id, agent, until, Some(first));
        result.map_err(|error| self.after_the_push(error))
    }

    /// An error of the wait for a command that is with Redis. The same call, made again, would run
    /// it again.
    fn after_the_push(&self, error: Error) -> Error {
        self.command.tell_how_far(error).once_only()
    }

    /// The controller chooses the agent, and says which in the hash.
    fn run_on_any(&self, client: &Client, until: &Until) -> Result<(AgentId, ResultDocument)> {
        let id = self.command.id();
        let mut connection =
            self.push(client, until, |connection| waiting::ask_targets(connection, id))?;
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
        self.command.refuse_endless(&wait)?;
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
        until: &Until,
        then: impl Fn(&mut Connection),
    ) -> Result<Pooled> {
        let mut tried_again = false;
        let mut backoff = Backoff::new();
        loop {
            let mut connection = match client.pool().get(until) {
                Err(error) if error.is_waited_out() => {
                    backoff.pause(error, until)?;
                    continue;
                }
                connection => connection?,
            };
            let mark = self.queue(&mut connection);
            then(&mut connection);
            match connection.reply(until) {
                Ok(reply) => {
                    integer(&reply).map_err(|error| self.maybe_sent(error.into()))?;
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
                    return Err(self.maybe_sent(error.into()));
                }
                // Cut short, so Redis cannot have run it. An idle connection that the server has
                // ended in this very moment is no reason to fail.
                Err(transport::Error::Lost { .. }) if !tried_again => tried_again = true,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn queue(&self, connection: &mut Connection) -> u64 {
        connection.command(&[b"RPUSH", keys::QUEUE.as_bytes(), self.json.as_bytes()])
    }

    fn maybe_sent(&self, error: Error) -> Error {
        error.with_command_maybe_sent().about_command(&*self.command)
    }
}

/// Sends many commands in one pipeline, with an outcome for each, in their order.
pub(crate) fn submit_many(
    client: &Client,
    submissions: Vec<Result<Submission>>,
) -> Vec<Result<Command>> {
    let begun = Instant::now();
    let waited =
        |outcome: Result<Command>| outcome.map_err(|error| error.waited_if_it_did(begun.elapsed()));
    let until = match client.until(&client.quick()) {
        Ok(until) => until,
        Err(error) => {
            return submissions.into_iter().map(|one| Err(not_sent(one, &error))).collect();
        }
    };
    let mut many = Many { outcomes: Vec::new(), left: Vec::new() };
    for (place, one) in submissions.into_iter().enumerate() {
        match one {
            Ok(one) => {
                many.outcomes.push(None);
                many.left.push((place, one));
            }
            Err(error) => many.outcomes.push(Some(Err(error))),
        }
    }
    many.send_all(client, &until);
    many.outcomes.into_iter().flatten().map(waited).collect()
}

/// What is said of a command that is not sent since no call can be.
fn not_sent(one: Result<Submission>, error: &Error) -> Error {
    match one {
        Ok(one) => error.clone().asked(|| one.command.in_words()),
        Err(invalid) => invalid,
    }
}

/// Commands on their way, and what came of those that have arrived.
struct Many {
    /// By place; `None` for what is left.
    outcomes: Vec<Option<Result<Command>>>,
    left: Vec<(usize, Submission)>,
}

impl Many {
    /// Sends what is left, and again what a server refuses that is not ready.
    fn send_all(&mut self, client: &Client, until: &Until) {
        let mut backoff = Backoff::new();
        while !self.left.is_empty() {
            let refused = match client.pool().get(until) {
                Ok(mut connection) => self.send(client, &mut connection, until),
                Err(error) if error.is_waited_out() => Some(error),
                Err(error) => return self.give_up(&error.into()),
            };
            if let Some(error) = refused
                && let Err(error) = backoff.pause(error, until)
            {
                return self.give_up(&error.into());
            }
        }
    }

    fn give_up(&mut self, error: &Error) {
        for (place, one) in self.left.drain(..) {
            self.outcomes[place] = Some(Err(error.clone().asked(|| one.command.in_words())));
        }
    }

    /// Sends what is left over one connection, a batch at a time. Gives the refusal of a server that
    /// is not ready; those commands are left then.
    fn send(
        &mut self,
        client: &Client,
        connection: &mut Connection,
        until: &Until,
    ) -> Option<transport::Error> {
        let mut refused = None;
        let mut rest = std::mem::take(&mut self.left).into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(PIPELINE).collect();
            let marks: Vec<u64> = batch.iter().map(|(_, one)| one.queue(connection)).collect();
            let mut broken: Option<Error> = None;
            for ((place, one), mark) in batch.into_iter().zip(marks) {
                let reply = match &broken {
                    None => connection.reply(until),
                    Some(error) => {
                        let error = error.clone();
                        self.outcomes[place] = Some(Err(one.unconfirmed(error, connection, mark)));
                        continue;
                    }
                };
                self.outcomes[place] = match reply {
                    Ok(reply) => match integer(&reply) {
                        Ok(_) => Some(Ok(one.command)),
                        Err(error) => Some(Err(one.maybe_sent(error.into()))),
                    },
                    Err(error) if error.is_waited_out() => {
                        client.pool().note_failure(connection, &error);
                        refused = Some(error);
                        self.left.push((place, one));
                        continue;
                    }
                    Err(error @ transport::Error::Server(_)) => {
                        Some(Err(Error::from(error).asked(|| one.command.in_words())))
                    }
                    Err(error) => {
                        let error = broken.insert(error.into()).clone();
                        Some(Err(one.unconfirmed(error, connection, mark)))
                    }
                };
            }
            if let Some(error) = broken {
                // Those behind it did not go out, nor are those sent again that were refused.
                self.left.extend(rest);
                self.give_up(&error);
                return None;
            }
        }
        refused
    }
}

impl Submission {
    /// What is said of a command on a connection that broke.
    fn unconfirmed(&self, error: Error, connection: &Connection, mark: u64) -> Error {
        let error = if connection.was_sent(mark) { self.maybe_sent(error) } else { error };
        error.asked(|| self.command.in_words())
    }
}
