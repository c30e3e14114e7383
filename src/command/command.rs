use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use crate::client::Client;
use crate::command::Results;
#[cfg(doc)]
use crate::command::Stage;
use crate::command::progress::{self, Progress};
use crate::engine::Wait;
use crate::engine::queue;
use crate::engine::waiting;
use crate::engine::watch::Watch;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
#[cfg(doc)]
use crate::job::Outcome;
use crate::job::outcome::{self, Ask, Outcomes};
use crate::job::{Message, MsgQuery};
use crate::node::ProcessStats;
use crate::protocol::Target;
use crate::protocol::{
    AgentId, CommandDocument, Contents, ResultDocument, RunArgs, WORD, check_name, mended,
};
use crate::transport::Until;

/// What the printed form starts with: the name and the version of the form.
const PREFIX: &str = "acclient:1:";

/// A command that was sent, by this program or another: the way to its results.
///
/// From [`Client::command`] by id, from [`Client::command_from`] by its printed form, and part of
/// every [`Command`]. Its printed form (`Display`), `acclient:1:<id>:<target>`, finds the command
/// again from any process, in any language, for as long as Redis keeps its results: 24 hours.
///
/// Reading results takes nothing away: any number of readers get them all, each once per
/// `CommandRef`.
#[derive(Debug, Clone)]
pub struct CommandRef {
    client: Client,
    id: String,
    target: Target,
    /// Whom it went to, once the controller has said it.
    routed: Option<Vec<AgentId>>,
    /// Those whose results were handed out.
    returned: Vec<AgentId>,
    /// What was sent, where it was sent from here.
    sent: Option<Arc<Sent>>,
}

/// What was sent. There may be many commands at a time, so they are passed around by a pointer.
#[derive(Debug)]
struct Sent {
    contents: Contents,
    /// The document as it was found, of a command that was not sent from here.
    found: Option<Vec<u8>>,
}

impl CommandRef {
    pub(crate) fn new(client: Client, id: String, target: Target) -> Self {
        CommandRef { client, id, target, routed: None, returned: Vec::new(), sent: None }
    }

    pub(crate) fn parse(client: Client, printed: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::invalid(format!(
                "not a printed command: {what}; it looks like acclient:1:<id>:<target>"
            ))
        };
        let rest = printed
            .strip_prefix(PREFIX)
            .ok_or_else(|| wrong("it does not begin with acclient:1:"))?;
        let (id, target) = rest.split_once(':').ok_or_else(|| wrong("no target"))?;
        let escapes = id.split('%').skip(1);
        let is_hex = |text: &str| text.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !{ escapes }.all(is_hex) {
            return Err(wrong("a % of the id begins no escape"));
        }
        let id = percent_decode_str(id).decode_utf8().map_err(|_| wrong("the id is not UTF-8"))?;
        if id.is_empty() || check_name("the id", &id).is_err() {
            return Err(wrong("the id is empty or holds a NUL"));
        }
        let target = Target::parse(target).map_err(|error| wrong(&error.to_string()))?;
        Ok(CommandRef::new(client, id.into_owned(), target))
    }

    /// The id of the command.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom it was sent to, as far as this knows.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Waits for the next result: that of an agent whose result this `CommandRef` has not
    /// returned yet. `None`: all are returned. Blocks; a lost connection is replaced and the wait
    /// goes on.
    ///
    /// A job that failed is a result like any other. A wait of zero looks once. For a fan-out to many
    /// agents [`CommandRef::results`] is far cheaper: each call of this one looks at all agents that
    /// are left.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Cancelled`]; [`ErrorKind::NoSuchAgent`] where the
    /// controller knew no agent for the target, which is returned once, like a result;
    /// [`ErrorKind::Protocol`] for a result that cannot be read;
    /// [`ErrorKind::InvalidArgument`] for a wait for ever on a recurring command, which has no
    /// result until it is killed; and those of the connection.
    pub fn next_result(&mut self, wait: impl Into<Wait>) -> Result<Option<Job>> {
        let wait = wait.into();
        self.check_id()?;
        self.refuse_endless(&wait)?;
        if self.is_exhausted() {
            return Ok(None);
        }
        if wait.is_zero() {
            // The token ends the look as it would end a wait.
            let look = Wait { cancel: wait.cancel, ..self.client.quick() };
            return match self.look_once(look)? {
                Some(job) => Ok(Some(job)),
                None if self.is_exhausted() => Ok(None),
                None => {
                    let none = Error::new(ErrorKind::Timeout, "there is no result yet");
                    Err(self.tell_how_far(none.asked(|| self.in_words())))
                }
            };
        }
        let begun = Instant::now();
        let found = self.client.until(&wait).and_then(|until| {
            if self.agents().is_none() {
                self.routed = Some(waiting::targets(&self.client, &self.id, &until, None)?);
            }
            self.first_of_pending(&until)
        });
        let found = found.map_err(|error| self.explained(self.tell_how_far(error), begun))?;
        let Some((agent, document)) = found else { return Ok(None) };
        self.returned.push(agent);
        self.deliver(agent, document).map(Some)
    }

    /// The results that this `CommandRef` has not returned, in order of completion, within one
    /// deadline for all: an iterator that owns what it uses. See [`Results`].
    ///
    /// It counts on its own: what it gives is not counted here.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a wait for ever on a recurring command and for a wait of
    /// zero; [`ErrorKind::Closed`], [`ErrorKind::Cancelled`]. Everything else is an item of it.
    pub fn results(&self, wait: impl Into<Wait>) -> Result<Results> {
        self.client.wait_any([self], wait)
    }

    /// The same where part of the wait is over: none of it may be left.
    pub(crate) fn results_within(&self, wait: Wait) -> Result<Results> {
        Results::new(self.client.clone(), vec![self.clone()], &wait)
    }

    /// The next result if there is one now. `None`: there is no new one, or all are returned. Asks
    /// Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// As [`CommandRef::next_result`].
    pub fn try_next_result(&mut self) -> Result<Option<Job>> {
        self.check_id()?;
        self.look_once(self.client.quick())
    }

    fn look_once(&mut self, wait: Wait) -> Result<Option<Job>> {
        let begun = Instant::now();
        let found = self.client.until(&wait).and_then(|until| {
            if self.agents().is_none() {
                self.routed = waiting::targets_now(&self.client, &self.id, &until)?;
            }
            let pending = self.pending().unwrap_or_default();
            let answers = waiting::look_at_all(&self.client, &self.id, &pending, &until)?;
            Ok(answers.into_iter().find_map(|(agent, document)| Some((agent, document?))))
        });
        let found = found.map_err(|error| self.explained(error, begun))?;
        let Some((agent, document)) = found else { return Ok(None) };
        self.returned.push(agent);
        self.deliver(agent, document).map(Some)
    }

    /// The job of every agent that the command went to, as it stands now: running or over. Empty
    /// while no controller has routed it. Asks Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a result that cannot be read, and those of the connection.
    pub fn jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        self.check_id()?;
        let client = &self.client;
        let latest = self.bounded(|until| waiting::latest(client, &self.id, until))?;
        let job = |(agent, document)| (agent, Job::new(client.clone(), &self.id, agent, document));
        Ok(latest.into_iter().map(job).collect())
    }

    /// Takes the command back if no controller has taken it yet: whether it was still in the queue, and
    /// thus never ran and never will. `false`: it is not in the queue, and may run or have run. Blocks
    /// for the client's timeout at most; looks through the queue for the id.
    ///
    /// # Errors
    /// [`ErrorKind::MaybeSent`] where the connection broke as it was taken back, and it is not known
    /// whether it was; those of the connection.
    pub fn retract(&self) -> Result<bool> {
        self.take_back(None)
    }

    fn take_back(&self, json: Option<&[u8]>) -> Result<bool> {
        self.check_id()?;
        let client = &self.client;
        let take = |until: &Until| queue::take_back(client, &self.id, json, until);
        let taken =
            client.bounded(client.quick(), || format!("taking back {}", self.in_words()), take);
        taken.map_err(|error| error.about_command(self))
    }

    /// How far the command got, on each agent, as well as can be found out: reads what Redis has, looks
    /// through the queue, and asks the agents that are said to run it whether they do. Blocks for so
    /// long at most; agents that do not answer within that are [`Stage::Unknown`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a wait of zero, and those of the connection.
    pub fn progress(&self, wait: impl Into<Wait>) -> Result<Progress> {
        self.check_id()?;
        progress::of(self, wait.into())
    }

    /// Whether it was sent from here, so that Redis has had it.
    pub(crate) fn was_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Kills the job wherever it runs, with all its processes, and returns what came of it for
    /// each agent once all have taken the order; the results, usually `KILLED`, follow. Blocks for
    /// the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] where it is not known whom the command went to, since no controller
    /// has routed it; those of [`CommandRef::jobs`]. What is about one agent is in its [`Outcome`].
    pub fn kill(&self) -> Result<Outcomes<()>> {
        outcome::everywhere(self, Ask::Running, Job::kill_order, |_| Ok(()))
    }

    /// What the job uses at this moment, on each agent. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// As [`CommandRef::kill`].
    pub fn get_stats(&self) -> Result<Outcomes<ProcessStats>> {
        outcome::everywhere(self, Ask::Running, Job::stats_order, |answer| answer.json())
    }

    /// What the job has logged, on each agent. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a query out of range; as [`CommandRef::kill`].
    pub fn get_msgs(&self, query: &MsgQuery) -> Result<Outcomes<Vec<Message>>> {
        query.check()?;
        let order = |job: &Job| job.msgs_order(query);
        outcome::everywhere(self, Ask::Everyone, order, |answer| query.read(answer))
    }

    /// The jobs of all agents that it went to; waits until the controller has said who they are.
    pub(crate) fn routed_jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        let client = &self.client;
        let latest = self.bounded(|until| {
            let agents = match self.agents() {
                Some(agents) => agents.to_vec(),
                None => waiting::targets(client, &self.id, until, None)?,
            };
            // An agent that has said nothing yet is asked all the same.
            let unknown = |agent| (agent, ResultDocument::default());
            let mut jobs: BTreeMap<_, _> = agents.into_iter().map(unknown).collect();
            jobs.extend(waiting::latest(client, &self.id, until)?);
            Ok(jobs)
        })?;
        let job = |(agent, document)| (agent, Job::new(client.clone(), &self.id, agent, document));
        Ok(latest.into_iter().map(job).collect())
    }

    /// The same with what was sent, where it was sent from here.
    pub(crate) fn as_sent(&self) -> Option<Command> {
        Some(Command { sent: self.sent.clone()?, reference: self.clone() })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The same command by another handle of the client.
    pub(crate) fn with_client(&self, client: Client) -> CommandRef {
        CommandRef { client, ..self.clone() }
    }

    /// Counts a result as returned that was returned elsewhere.
    pub(crate) fn note_returned(&mut self, agent: AgentId) {
        self.returned.push(agent);
    }

    /// Whom it went to, where that is known.
    fn agents(&self) -> Option<&[AgentId]> {
        self.routed.as_deref().or_else(|| self.target.answers_as().map(std::slice::from_ref))
    }

    /// Agents whose results are still to be returned, where it is known who they are.
    pub(crate) fn pending(&self) -> Option<Vec<AgentId>> {
        let agents = self.agents()?.iter().copied();
        Some(agents.filter(|agent| !self.returned.contains(agent)).collect())
    }

    fn is_exhausted(&self) -> bool {
        self.pending().is_some_and(|pending| pending.is_empty())
    }

    fn first_of_pending(&self, until: &Until) -> Result<Option<(AgentId, ResultDocument)>> {
        let pending = self.pending().unwrap_or_default();
        if let [agent] = pending.as_slice() {
            let document = waiting::final_result(&self.client, &self.id, *agent, until, None)?;
            return Ok(Some((*agent, document)));
        }
        let mut watch = Watch::new(self.client.clone(), vec![(self.id.clone(), Some(pending))]);
        let Some(found) = watch.next(until)? else { return Ok(None) };
        Ok(Some((found.agent, found.document.map_err(|error| error.about_agent(found.agent))?)))
    }

    /// A result as the caller gets it.
    pub(crate) fn deliver(&self, agent: AgentId, document: ResultDocument) -> Result<Job> {
        let routed_nowhere = document.is_no_such_agent();
        let job = Job::new(self.client.clone(), &self.id, agent, document);
        if routed_nowhere {
            let message = "the controller knows no such agent at this moment: it may be down, not yet \
                           registered, or its number wrong";
            let error = Error::new(ErrorKind::NoSuchAgent, message).asked(|| self.in_words());
            return Err(error.with_job(job).about_command(self));
        }
        Ok(job)
    }

    /// An id that no command can have, and that would be waited for in vain.
    pub(crate) fn check_id(&self) -> Result<()> {
        if self.id.is_empty() {
            return Err(Error::invalid("the id is empty"));
        }
        Ok(check_name("the id", &self.id)?)
    }

    /// A quick call about it.
    fn bounded<T>(&self, call: impl FnOnce(&Until) -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        let result = self.client.until(&self.client.quick()).and_then(|until| call(&until));
        result.map_err(|error| self.explained(error, begun))
    }

    /// An error of a call about it.
    fn explained(&self, error: Error, begun: Instant) -> Error {
        let error = error.asked(|| self.in_words()).about_command(self);
        error.waited_if_it_did(begun.elapsed())
    }

    /// A recurring job has no result until it is killed, so that a wait for ever would be one.
    pub(crate) fn refuse_endless(&self, wait: &Wait) -> Result<()> {
        let recurs = self.sent.as_ref().is_some_and(|sent| sent.contents.args.is_recurring());
        if recurs && wait.timeout.is_none() {
            return Err(Error::invalid(
                "a recurring command has no result until it is killed: give the wait a time",
            ));
        }
        Ok(())
    }

    /// What an error says of it.
    pub(crate) fn in_words(&self) -> String {
        match &self.sent {
            Some(sent) => in_words(&sent.contents.cmd, &sent.contents.args, &self.target),
            None => format!("command {} on {}", self.id, self.target.in_words()),
        }
    }

    /// A timeout says how far the command got, as far as that is known here.
    pub(crate) fn tell_how_far(&self, error: Error) -> Error {
        let error = error.about_command(self);
        if error.kind() == ErrorKind::Timeout {
            error.noting(if self.sent.is_some() {
                "Redis has the command; it waits for the controller or its agent, or still runs"
            } else {
                "whether Redis knows this command is not known here; a wrong id looks the same"
            })
        } else {
            error
        }
    }
}

/// What an error says of a command that was sent, or is to be.
pub(crate) fn in_words(cmd: &str, args: &RunArgs, target: &Target) -> String {
    match args.program() {
        Some(program) => format!("{cmd} {program} on {}", target.in_words()),
        None => format!("{cmd} on {}", target.in_words()),
    }
}

/// The printed form.
impl fmt::Display for CommandRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", utf8_percent_encode(&self.id, WORD), self.target)
    }
}

impl From<&CommandRef> for CommandRef {
    fn from(command: &CommandRef) -> Self {
        command.clone()
    }
}

/// A command that this program has sent; from [`CommandBuilder::submit`](crate::CommandBuilder).
///
/// It is a [`CommandRef`], by which its results are read, that also knows what was sent.
#[derive(Debug, Clone)]
pub struct Command {
    reference: CommandRef,
    sent: Arc<Sent>,
}

impl Command {
    /// `found`: the document of a command that was not sent from here.
    pub(crate) fn new(reference: CommandRef, contents: Contents, found: Option<Vec<u8>>) -> Self {
        let sent = Arc::new(Sent { contents, found });
        Command { reference: CommandRef { sent: Some(sent.clone()), ..reference }, sent }
    }

    /// A command as it was found in the history.
    pub(crate) fn from_history(client: Client, json: Vec<u8>) -> Result<Self> {
        let document = CommandDocument::parse(&json)
            .map_err(|error| Error::document("the command", &error))?;
        let id = document.id.value().cloned().unwrap_or_default();
        let reference = CommandRef::new(client, id, Target::of_document(&document)?);
        Ok(Command::new(reference, document.into(), Some(json)))
    }

    /// Writes the bytes that are pushed to the queue into a buffer, in place of what it holds.
    pub(crate) fn write_json(&self, into: &mut Vec<u8>) -> Result<()> {
        let CommandRef { id, target, .. } = &self.reference;
        Ok(self.sent.contents.write_json(id, &target.address()?, into)?)
    }

    /// The bytes that were pushed to the queue.
    fn pushed(&self) -> Cow<'_, [u8]> {
        if let Some(found) = &self.sent.found {
            return Cow::Borrowed(found);
        }
        let mut json = Vec::new();
        // It was written once already, to be sent.
        let _ = self.write_json(&mut json);
        Cow::Owned(json)
    }

    /// Takes the command back if no controller has taken it yet; see [`CommandRef::retract`]. This looks
    /// for exactly what was pushed, without reading the queue.
    ///
    /// # Errors
    /// Those of [`CommandRef::retract`].
    pub fn retract(&self) -> Result<bool> {
        self.reference.take_back(Some(&self.pushed()))
    }

    /// The command without what was sent: what reads its results.
    pub fn reference(&self) -> &CommandRef {
        &self.reference
    }

    /// The name of the command: `execute`, `ping`, …
    pub fn cmd(&self) -> &str {
        &self.sent.contents.cmd
    }

    /// The run arguments that were sent.
    pub fn args(&self) -> &RunArgs {
        &self.sent.contents.args
    }

    /// The data that was sent.
    pub fn data(&self) -> &str {
        &self.sent.contents.data
    }

    /// The tags that were sent.
    pub fn tags(&self) -> Option<&str> {
        self.sent.contents.tags.as_deref()
    }

    /// The JSON that was pushed to the queue; of a command of a history, as it stands there.
    pub fn dump(&self) -> String {
        mended(&self.pushed()).into_owned()
    }
}

impl From<Command> for CommandRef {
    fn from(command: Command) -> Self {
        command.reference
    }
}

impl From<&Command> for CommandRef {
    fn from(command: &Command) -> Self {
        command.reference.clone()
    }
}

impl Deref for Command {
    type Target = CommandRef;
    fn deref(&self) -> &CommandRef {
        &self.reference
    }
}

impl DerefMut for Command {
    fn deref_mut(&mut self) -> &mut CommandRef {
        &mut self.reference
    }
}

/// The printed form, by which [`Client::command_from`] finds the command again.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}
