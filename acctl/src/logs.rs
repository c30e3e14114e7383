//! `acctl logs`: log messages of jobs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use acclient::{AgentId, Command, ErrorKind, Job, Message, MsgQuery, Outcome as Answered, Stage};
use serde_json::json;

use crate::commands::Worst;
use crate::exit::{self, Failure, Outcome, Status};
use crate::jobs::utc;
use crate::json;
use crate::session::{LOOK, Session};
use crate::stages;
use crate::target;
use crate::times::{self, Patience};

/// Show the log messages of the jobs of a command
///
/// Messages are printed oldest first. -f prints them as they are logged, until all jobs are over and their logs are
/// complete; a message that the agent writes late is printed late, and a gap is reported on stderr.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl logs -f 'acclient:1:0b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:1'
  acctl logs 'acclient:1:nightly:all,role=cpu' --levels 2,7-9 --since 10m")]
pub struct Logs {
    /// Command handle or id
    command: String,
    /// Print messages as they are logged, until all jobs are over
    #[arg(long, short)]
    follow: bool,
    /// Follow for up to TIME: 30 (seconds), 5m, 1h30m, or forever
    #[arg(long, value_name = "TIME", default_value = "forever", requires = "follow")]
    wait: Patience,
    /// Show only messages of this agent
    #[arg(long, value_name = "GID:NID", value_parser = target::agent)]
    agent: Option<AgentId>,
    /// Show only messages of these levels: 1 stdout, 2 stderr, 7 warning, 9 critical, ...
    #[arg(long, default_value = "*")]
    levels: String,
    /// Show the newest N messages of each agent, at most 1000
    #[arg(long, value_name = "N", default_value = "1000", conflicts_with = "follow")]
    limit: u32,
    /// Show only messages of the last TIME: 30 (seconds), 5m, 2h; by the clock of this machine
    #[arg(long, value_name = "TIME", value_parser = times::duration)]
    since: Option<Duration>,
    /// Prefix each message with its time and level
    #[arg(long)]
    times: bool,
}

impl Logs {
    /// Limit on the time to connect.
    pub fn time(&self) -> Option<Duration> {
        self.wait.0
    }

    pub fn perform(&self, session: &Session) -> Outcome {
        let mut query = MsgQuery::new().levels(&self.levels).limit(self.limit);
        if let Some(begun) = self.since.and_then(|since| SystemTime::now().checked_sub(since)) {
            query = query.from(begun);
        }
        if self.follow { self.follow(session, &query) } else { self.all(session, &query) }
    }

    fn is_wanted(&self, agent: AgentId) -> bool {
        self.agent.is_none_or(|wanted| wanted == agent)
    }

    fn all(&self, session: &Session, query: &MsgQuery) -> Outcome {
        let command = session.command(&self.command)?;
        let outcomes = match command.get_msgs(query) {
            Ok(outcomes) => outcomes,
            Err(error) => return stages::unless_unknown(session, &command, error),
        };
        let is_silent = |outcome: &Answered<Vec<Message>>| matches!(outcome, Answered::Done(messages) if messages.is_empty());
        // An agent gives the same answer for an unknown id.
        if outcomes.values().all(is_silent)
            && command.jobs()?.is_empty()
            && stages::of(session, &command).is_ok_and(|found| stages::is_unknown(&found))
        {
            return stages::tell_unknown(session, &command);
        }
        let wanted: Vec<_> =
            { outcomes }.into_iter().filter(|(agent, _)| self.is_wanted(*agent)).collect();
        if let (true, Some(agent)) = (wanted.is_empty(), self.agent) {
            return stages::tell_no_agent(session, &command, agent);
        }
        let (is_many, mut worst) = (wanted.len() > 1, Worst::default());
        for (agent, outcome) in wanted {
            match outcome {
                Answered::Done(mut messages) => {
                    messages.sort_by_key(|message| message.id);
                    let show = |message: &Message| self.show(session, agent, is_many, message);
                    messages.iter().try_for_each(show)?;
                }
                Answered::Failed(error) => worst.tell(session, agent, &error)?,
                // Never returned: agents are asked whether or not the job is over.
                Answered::Over(_) => {}
            }
        }
        Ok(worst.status())
    }

    /// Follows each agent on its own thread.
    fn follow(&self, session: &Session, query: &MsgQuery) -> Outcome {
        let begun = Instant::now();
        let command = session.command(&self.command)?;
        let jobs = match self.routed(session, &command, begun)? {
            Ok(jobs) => jobs,
            Err(status) => return Ok(status),
        };
        let listed = command.target().agent_ids();
        let missing: Vec<AgentId> =
            listed.iter().filter(|agent| !jobs.contains_key(agent)).copied().collect();
        let wanted: Vec<Job> =
            jobs.into_values().filter(|job| self.is_wanted(job.agent())).collect();
        if let (true, Some(agent)) = (wanted.is_empty(), self.agent) {
            return stages::tell_no_agent(session, &command, agent);
        }
        let is_many = wanted.len() > 1;
        let ends = thread::scope(|scope| {
            let left = self.left(begun);
            let follow =
                |job| scope.spawn(move || self.follow_one(session, job, query, left, is_many));
            let threads: Vec<_> = wanted.iter().map(follow).collect();
            let died = || Err(Failure::System(io::Error::other("a thread panicked")));
            let join = |thread: thread::ScopedJoinHandle<'_, Outcome>| {
                thread.join().unwrap_or_else(|_| died())
            };
            threads.into_iter().map(join).collect::<Vec<Outcome>>()
        });
        let ends = ends.into_iter().collect::<Result<Vec<Status>, Failure>>()?;
        let mut status = ends.into_iter().min().unwrap_or(Status::Success);
        if status == Status::Interrupted {
            return Ok(exit::interrupted(session.output, &[command.to_string()], &[]));
        }
        if self.agent.is_none() && !missing.is_empty() {
            let unreached = stages::unreached(&command, &stages::of(session, &command)?);
            status = status.and(stages::tell_unreached(session, &command, &unreached)?);
        }
        Ok(status)
    }

    /// Remaining time, at least 1 ms: a timeout of zero is invalid.
    fn left(&self, begun: Instant) -> Option<Duration> {
        self.wait.0.map(|wait| wait.saturating_sub(begun.elapsed()).max(Duration::from_millis(1)))
    }

    /// Waits until a controller has routed the command and returns its jobs. The inner error is the exit status if
    /// there are none.
    fn routed(
        &self,
        session: &Session,
        command: &Command,
        begun: Instant,
    ) -> Result<Result<BTreeMap<AgentId, Job>, Status>, Failure> {
        loop {
            let jobs = command.jobs()?;
            if !jobs.is_empty() {
                return Ok(Ok(jobs));
            }
            let (left, usual) = (self.left(begun), session.client.timeout());
            let progress = command.progress(left.into_iter().chain(usual).min())?;
            let (kind, stage, text) = match progress.stage {
                _ if stages::is_unknown(&progress) => {
                    return Ok(Err(stages::tell_unknown(session, command)?));
                }
                Stage::Lost if progress.agents.is_empty() => {
                    let text = "command lost: it left the queue, and no controller has it";
                    (ErrorKind::Lost, Stage::Lost, text)
                }
                stage if self.wait.0.is_some_and(|wait| begun.elapsed() >= wait) => {
                    let text = "timed out: no controller has taken the command";
                    (ErrorKind::Timeout, stage, text)
                }
                _ => {
                    thread::sleep(LOOK);
                    continue;
                }
            };
            session.output.problem(text);
            let mut document = json::failure(kind, &text, Some(command));
            document["error"]["stage"] = json::stage(stage).into();
            session.output.document(document)?;
            let is_lost = kind == ErrorKind::Lost;
            return Ok(Err(if is_lost { Status::SomeFailed } else { Status::TimedOut }));
        }
    }

    fn follow_one(
        &self,
        session: &Session,
        job: &Job,
        query: &MsgQuery,
        wait: Option<Duration>,
        is_many: bool,
    ) -> Outcome {
        let agent = job.agent();
        let mut worst = Worst::default();
        for message in job.follow(query, wait)? {
            match message {
                Ok(message) => self.show(session, agent, is_many, &message)?,
                Err(error) if error.kind() == ErrorKind::Cancelled => {
                    return Ok(Status::Interrupted);
                }
                Err(error) => worst.tell(session, agent, &error)?,
            }
        }
        Ok(worst.status())
    }

    fn show(
        &self,
        session: &Session,
        agent: AgentId,
        is_many: bool,
        message: &Message,
    ) -> io::Result<()> {
        let output = session.output;
        if output.is_json() {
            return output.document(json!({
                "type": "message", "agent": agent.to_string(), "message": message,
            }));
        }
        let mut before = String::new();
        if is_many {
            before.push_str(&format!("{agent}: "));
        }
        if self.times {
            let milliseconds = u64::try_from(message.epoch).unwrap_or_default();
            before.push_str(&format!("{} {:>2} ", utc(milliseconds / 1000), message.level));
        }
        // Prefix every line, so that a message cannot forge one of another agent.
        let text = message.data.trim_end_matches('\n');
        text.split('\n').try_for_each(|line| output.line(format!("{before}{line}")))
    }
}
