//! Outcomes of the agents of a command, and the exit status that follows.

use acclient::{AgentId, Error, Job, Stage};
use serde_json::{Value, json};

use crate::exit::Status;
use crate::fold::fold;
use crate::retry::Missing;

/// Agents with the same outcome; `None` for a result whose agent is unknown.
type Agents = Vec<Option<AgentId>>;

/// Outcomes reported so far.
#[derive(Debug)]
pub struct Tally {
    succeeded: Agents,
    failed: Agents,
    lost: Agents,
    silent: Agents,
    maybe_sent: Agents,
    unreadable: Agents,
    unreached: Agents,
    /// Whatever came of them, their results are not in the files where they should be.
    unwritten: Vec<AgentId>,
    /// Exit status for all outcomes.
    worst: Status,
    /// Handles of commands that are still to be waited for.
    pub pending: Vec<String>,
}

impl Tally {
    pub fn new() -> Self {
        Tally {
            succeeded: Agents::new(),
            failed: Agents::new(),
            lost: Agents::new(),
            silent: Agents::new(),
            maybe_sent: Agents::new(),
            unreadable: Agents::new(),
            unreached: Agents::new(),
            unwritten: Vec::new(),
            worst: Status::Success,
            pending: Vec::new(),
        }
    }

    /// How many results and errors of agents there were.
    pub fn told(&self) -> usize {
        self.fates().iter().map(|(agents, _, _)| agents.len()).sum()
    }

    /// Each with its name in JSON and in words.
    fn fates(&self) -> [(&Agents, &'static str, &'static str); 7] {
        [
            (&self.succeeded, "succeeded", "succeeded"),
            (&self.failed, "failed", "failed"),
            (&self.lost, "lost", "lost"),
            (&self.silent, "silent", "did not answer"),
            (&self.maybe_sent, "maybe_sent", "maybe sent"),
            (&self.unreadable, "unreadable", "answered what cannot be read"),
            (&self.unreached, "unreached", "not known to the controller"),
        ]
    }

    pub fn job(&mut self, job: &Job) {
        let agent = Some(job.agent());
        if job.is_success() {
            return self.succeeded.push(agent);
        }
        self.failed.push(agent);
        self.worst = self.worst.and(Status::SomeFailed);
    }

    /// An error, and the stage of its agent if it was asked for. Gives where the summary names the agent, if it does.
    pub fn error(&mut self, error: &Error, stage: Option<Stage>) -> Option<&'static str> {
        let status = match stage {
            Some(Stage::Lost) => Status::SomeFailed,
            _ => Status::of(error),
        };
        self.worst = self.worst.and(status);
        let (agents, fate) = match status {
            _ if error.is_maybe_sent() => (&mut self.maybe_sent, "maybe_sent"),
            Status::Nobody => (&mut self.unreached, "unreached"),
            Status::SomeFailed => (&mut self.lost, "lost"),
            Status::TimedOut => (&mut self.silent, "silent"),
            _ => (&mut self.unreadable, "unreadable"),
        };
        // What ends a wait does not tell how many agents are left.
        let is_counted = error.is_maybe_sent() || status == Status::Nobody || !error.is_final();
        if is_counted {
            agents.push(error.agent());
        }
        if error.is_maybe_sent() || error.is_timeout() && status != Status::SomeFailed {
            error.command_handle().into_iter().for_each(|handle| self.pend(handle.to_owned()));
        }
        (is_counted && error.agent().is_some()).then_some(fate)
    }

    /// Agents of an earlier command that have no result.
    pub fn missing(&mut self, missing: Missing) {
        if !missing.commands.is_empty() {
            self.worst = self.worst.and(Status::TimedOut);
        }
        self.silent.extend(missing.agents.into_iter().map(Some));
        missing.commands.into_iter().for_each(|handle| self.pend(handle));
    }

    /// A command that is still to be waited for.
    pub fn pend(&mut self, handle: String) {
        if !self.pending.contains(&handle) {
            self.pending.push(handle);
        }
    }

    /// There is no trace of a command.
    pub fn unknown(&mut self) {
        self.worst = self.worst.and(Status::Nobody);
    }

    /// Agents whose results could not be written to files.
    pub fn unwritten(&mut self, agents: Vec<AgentId>) {
        if !agents.is_empty() {
            self.worst = self.worst.and(Status::Other);
        }
        self.unwritten = agents;
    }

    /// The exit status for all outcomes.
    pub fn status(&self, is_complete: bool) -> Status {
        match self.worst {
            // Nobody failed, and still there was no time for all.
            Status::Success if !is_complete => Status::TimedOut,
            // Without a result nobody was reached.
            Status::Success if self.succeeded.is_empty() => Status::Nobody,
            worst => worst,
        }
    }

    pub fn in_words(&self) -> String {
        let fates = self.fates();
        let told = fates.iter().filter(|(agents, _, _)| !agents.is_empty());
        let words: Vec<String> =
            told.map(|(agents, _, what)| format!("{} {what}", agents.len())).collect();
        if words.is_empty() { "nobody has answered".into() } else { words.join(", ") }
    }

    /// A line for each outcome but success: what it is, and the agents.
    pub fn names(&self) -> Vec<String> {
        let named = |(agents, _, what): &(&Agents, &str, &str)| {
            let agents = fold(agents.iter().flatten().copied());
            (!agents.is_empty()).then(|| format!("{what}: {agents}"))
        };
        self.fates()[1..].iter().filter_map(named).collect()
    }

    /// Says whose results are in no file.
    pub fn unwritten_in_words(&self) -> Option<String> {
        let agents = fold(self.unwritten.iter().copied());
        (!agents.is_empty()).then(|| format!("not written to --output-dir: {agents}"))
    }

    /// The document that ends a report. `pending` are handles to come back to.
    pub fn summary(&self, not_started: &[AgentId], pending: &[String], status: Status) -> Value {
        let mut document = json!({
            "type": "summary",
            "not_started": not_started.iter().map(AgentId::to_string).collect::<Vec<_>>(),
            "pending": pending,
            "status": status.code(),
        });
        for (agents, name, _) in self.fates() {
            let mut agents: Vec<AgentId> = agents.iter().flatten().copied().collect();
            agents.sort_unstable();
            document[name] = agents.iter().map(AgentId::to_string).collect::<Vec<_>>().into();
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_the_lowest_that_is_true_of_one_agent() {
        let told = |of: &[Status]| {
            let worst = of.iter().fold(Status::Success, |worst, status| worst.and(*status));
            Tally { succeeded: vec![None], worst, ..Tally::new() }.status(true)
        };
        assert_eq!(told(&[]), Status::Success);
        assert_eq!(told(&[Status::Nobody]), Status::Nobody);
        assert_eq!(told(&[Status::TimedOut, Status::Nobody]), Status::Nobody);
        assert_eq!(told(&[Status::Nobody, Status::SomeFailed]), Status::SomeFailed);
        assert_eq!(told(&[Status::MaybeSent, Status::TimedOut]), Status::TimedOut);
        assert_eq!(told(&[Status::NotRunning, Status::Other]), Status::Other);
        assert_eq!(told(&[Status::SomeFailed, Status::Interrupted]), Status::Interrupted);
    }

    #[test]
    fn without_a_result_nobody_was_reached() {
        assert_eq!(Tally::new().status(true), Status::Nobody);
        assert_eq!(Tally::new().status(false), Status::TimedOut, "of a rollout");
    }
}
