//! Outcomes by agent and the resulting exit status.

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
    /// Agents whose results could not be written to files, whatever their outcome.
    unwritten: Vec<AgentId>,
    /// Exit status for all outcomes.
    worst: Status,
    /// Handles of commands that may still have results.
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

    /// Number of results and errors of agents.
    pub fn told(&self) -> usize {
        self.fates().iter().map(|(agents, _, _)| agents.len()).sum()
    }

    /// Agents of each outcome, with its JSON field name and its text.
    fn fates(&self) -> [(&Agents, &'static str, &'static str); 7] {
        [
            (&self.succeeded, "succeeded", "succeeded"),
            (&self.failed, "failed", "failed"),
            (&self.lost, "lost", "lost"),
            (&self.silent, "silent", "did not answer"),
            (&self.maybe_sent, "maybe_sent", "maybe sent"),
            (&self.unreadable, "unreadable", "unreadable"),
            (&self.unreached, "unreached", "unknown to the controller"),
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

    /// Counts an error, given the stage of its agent if known. Returns the outcome under which the summary lists the
    /// agent, if any.
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
        // An error that ends the wait stands for an unknown number of agents.
        let is_counted = error.is_maybe_sent() || status == Status::Nobody || !error.is_final();
        if is_counted {
            agents.push(error.agent());
        }
        if error.is_maybe_sent() || error.is_timeout() && status != Status::SomeFailed {
            error.command_handle().into_iter().for_each(|handle| self.pend(handle.to_owned()));
        }
        (is_counted && error.agent().is_some()).then_some(fate)
    }

    /// Counts agents of an earlier command without a result as silent.
    pub fn missing(&mut self, missing: Missing) {
        if !missing.commands.is_empty() {
            self.worst = self.worst.and(Status::TimedOut);
        }
        self.silent.extend(missing.agents.into_iter().map(Some));
        missing.commands.into_iter().for_each(|handle| self.pend(handle));
    }

    /// Adds a command that may still have results.
    pub fn pend(&mut self, handle: String) {
        if !self.pending.contains(&handle) {
            self.pending.push(handle);
        }
    }

    /// Records that Redis has no trace of a command.
    pub fn unknown(&mut self) {
        self.worst = self.worst.and(Status::Nobody);
    }

    /// Records agents whose results could not be written to files.
    pub fn unwritten(&mut self, agents: Vec<AgentId>) {
        if !agents.is_empty() {
            self.worst = self.worst.and(Status::Other);
        }
        self.unwritten = agents;
    }

    /// Exit status for all outcomes.
    pub fn status(&self, is_complete: bool) -> Status {
        match self.worst {
            // A rollout without failures ran out of time.
            Status::Success if !is_complete => Status::TimedOut,
            // No result at all: no agent was reached.
            Status::Success if self.succeeded.is_empty() => Status::Nobody,
            worst => worst,
        }
    }

    pub fn in_words(&self) -> String {
        let fates = self.fates();
        let told = fates.iter().filter(|(agents, _, _)| !agents.is_empty());
        let words: Vec<String> =
            told.map(|(agents, _, what)| format!("{} {what}", agents.len())).collect();
        if words.is_empty() { "no agent answered".into() } else { words.join(", ") }
    }

    /// One line per outcome other than success: its text and the agents.
    pub fn names(&self) -> Vec<String> {
        let named = |(agents, _, what): &(&Agents, &str, &str)| {
            let agents = fold(agents.iter().flatten().copied());
            (!agents.is_empty()).then(|| format!("{what}: {agents}"))
        };
        self.fates()[1..].iter().filter_map(named).collect()
    }

    /// Text for agents whose results could not be written to files.
    pub fn unwritten_in_words(&self) -> Option<String> {
        let agents = fold(self.unwritten.iter().copied());
        (!agents.is_empty()).then(|| format!("not written to --output-dir: {agents}"))
    }

    /// Final document of a report. `pending` are the handles of commands that may still have results.
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
    fn lowest_status_of_any_agent_wins() {
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
    fn status_without_results_is_nobody_or_timed_out() {
        assert_eq!(Tally::new().status(true), Status::Nobody);
        assert_eq!(Tally::new().status(false), Status::TimedOut, "of a rollout");
    }
}
