use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::job::Job;
use crate::protocol::{AgentId, CommandDocument, ResultDocument, RunArgs, check_name};
use crate::target::Target;
use crate::wait::Wait;
use crate::waiting;

/// What the printed form starts with: the name and the version of the form.
const PREFIX: &str = "acclient:1:";
/// What an id is escaped for, so that the printed form is one word without colons in the id.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b':').add(b'"').add(b'\'').add(b'\\');

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
    /// Whom it went to, once that is known.
    agents: Option<Vec<AgentId>>,
    /// Those whose results were handed out.
    returned: Vec<AgentId>,
    recurring: bool,
    /// What was sent, in a few words, where it was sent from here.
    sent: Option<String>,
}

impl CommandRef {
    pub(crate) fn new(client: Client, id: String, target: Target) -> Self {
        let agents = target.answers_as().map(|agent| vec![agent]);
        CommandRef {
            client,
            id,
            target,
            agents,
            returned: Vec::new(),
            recurring: false,
            sent: None,
        }
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
        let id = percent_decode_str(id).decode_utf8().map_err(|_| wrong("the id is not UTF-8"))?;
        if id.is_empty() || check_name("the id", &id).is_err() {
            return Err(wrong("the id is empty or holds a NUL"));
        }
        let target = Target::parse(target).map_err(|error| wrong(&error.to_string()))?;
        Ok(CommandRef::new(client, id.into_owned(), target))
    }

    /// Adds what is known of a command that is sent from here.
    pub(crate) fn sent(mut self, cmd: &str, args: &RunArgs) -> Self {
        self.recurring = args.is_recurring();
        self.sent = Some(match args.program() {
            Some(program) => format!("{cmd} {program}"),
            None => cmd.to_owned(),
        });
        self
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
    /// A job that failed is a result like any other. A wait of zero looks once.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`]; [`ErrorKind::Cancelled`]; [`ErrorKind::NoSuchAgent`] where the
    /// controller knew no agent for the target, which is returned once, like a result;
    /// [`ErrorKind::Protocol`] for a result that cannot be read;
    /// [`ErrorKind::InvalidArgument`] for a wait for ever on a recurring command, which has no
    /// result until it is killed; and those of the connection.
    pub fn next_result(&mut self, wait: impl Into<Wait>) -> Result<Option<Job>> {
        let wait = wait.into();
        self.refuse_endless(&wait)?;
        if self.is_exhausted() {
            return Ok(None);
        }
        if wait.is_zero() {
            return match self.try_next_result()? {
                Some(job) => Ok(Some(job)),
                None if self.is_exhausted() => Ok(None),
                None => {
                    Err(self.tell_how_far(Error::new(ErrorKind::Timeout, "there is no result yet")))
                }
            };
        }
        let words = self.in_words();
        let client = self.client.clone();
        let (agent, document) = client.bounded(
            wait,
            || words,
            |until| {
                let found = match self.pending() {
                    None => {
                        self.agents = Some(waiting::targets(&client, &self.id, until)?);
                        self.first_of_pending(until)
                    }
                    Some(_) => self.first_of_pending(until),
                };
                found.map_err(|error| self.tell_how_far(error))
            },
        )?;
        self.returned.push(agent);
        self.deliver(agent, document).map(Some)
    }

    /// The next result if there is one now. `None`: there is no new one, or all are returned. Asks
    /// Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// As [`CommandRef::next_result`].
    pub fn try_next_result(&mut self) -> Result<Option<Job>> {
        if self.is_exhausted() {
            return Ok(None);
        }
        let words = self.in_words();
        let client = self.client.clone();
        let found = client.bounded(
            client.quick(),
            || words,
            |until| match self.pending() {
                Some(pending) => {
                    let answers = waiting::look_at_all(&client, &self.id, &pending, until)?;
                    Ok(answers.into_iter().find_map(|(agent, document)| Some((agent, document?))))
                }
                None => {
                    // Not known whom it went to: what the hash has now.
                    let latest = waiting::latest(&client, &self.id, until)?;
                    Ok(latest.into_iter().find(|(agent, document)| {
                        let state = document.state.value();
                        let is_final =
                            state.is_some_and(|state| state.is_final()) && !document.is_duplicate();
                        is_final && !self.returned.contains(agent)
                    }))
                }
            },
        )?;
        let Some((agent, document)) = found else {
            return Ok(None);
        };
        self.returned.push(agent);
        self.deliver(agent, document).map(Some)
    }

    /// The job of every agent that the command went to, as it stands now: running or over. Empty
    /// while no controller has routed it. Asks Redis, for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a result that cannot be read, and those of the connection.
    pub fn jobs(&self) -> Result<BTreeMap<AgentId, Job>> {
        let client = &self.client;
        let latest = client.bounded(
            client.quick(),
            || self.in_words(),
            |until| waiting::latest(client, &self.id, until),
        )?;
        let job = |(agent, document)| (agent, Job::new(client.clone(), &self.id, agent, document));
        Ok(latest.into_iter().map(job).collect())
    }

    /// Kills the job on its agent, with all its processes, and returns once the agent has taken
    /// the order; the job's result, usually `KILLED`, follows. Blocks for the client's timeout at
    /// most.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where it is not known which one agent runs it;
    /// [`ErrorKind::Timeout`] for an agent that is away, or busy with an earlier kill of the same
    /// job; those of [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn kill(&self) -> Result<()> {
        match self.agents.as_deref() {
            Some([agent]) => Job::kill_on(&self.client, &self.id, *agent),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "killing a command that is known by its id only: kill the jobs of jobs() one by one",
            )),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The same command by another handle of the client.
    pub(crate) fn with_client(&self, client: Client) -> CommandRef {
        CommandRef { client, ..self.clone() }
    }

    /// Agents whose results are still to be returned, where it is known who they are.
    fn pending(&self) -> Option<Vec<AgentId>> {
        let agents = self.agents.as_ref()?.iter().copied();
        Some(agents.filter(|agent| !self.returned.contains(agent)).collect())
    }

    fn is_exhausted(&self) -> bool {
        self.pending().is_some_and(|pending| pending.is_empty())
    }

    fn first_of_pending(
        &self,
        until: &crate::transport::Until,
    ) -> Result<(AgentId, ResultDocument)> {
        match self.pending().unwrap_or_default().as_slice() {
            [] => Err(Error::new(
                ErrorKind::Protocol,
                "its results are gone from Redis, which keeps them for 24 hours",
            )),
            [agent] => {
                let document = waiting::final_result(&self.client, &self.id, *agent, until, None)?;
                Ok((*agent, document))
            }
            several => waiting::first_of(&self.client, &self.id, several, until),
        }
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

    /// A recurring job has no result until it is killed, so that a wait for ever would be one.
    pub(crate) fn refuse_endless(&self, wait: &Wait) -> Result<()> {
        if self.recurring && wait.timeout.is_none() {
            return Err(Error::invalid(
                "a recurring command has no result until it is killed: give the wait a time",
            ));
        }
        Ok(())
    }

    /// What an error says of it.
    pub(crate) fn in_words(&self) -> String {
        let whom = self.target.in_words();
        match &self.sent {
            Some(sent) => format!("{sent} on {whom}"),
            None => format!("command {} on {whom}", self.id),
        }
    }

    /// A timeout says how far the command got, as far as that is known here.
    pub(crate) fn tell_how_far(&self, error: Error) -> Error {
        let error = error.about_command(self);
        if error.kind() == ErrorKind::Timeout {
            error.noting(
                "Redis has the command; it waits for the controller or its agent, or still runs",
            )
        } else {
            error
        }
    }
}

/// The printed form.
impl fmt::Display for CommandRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", utf8_percent_encode(&self.id, ESCAPED), self.target)
    }
}

/// A command that this program has sent; from [`CommandBuilder::submit`](crate::CommandBuilder).
///
/// It is a [`CommandRef`], by which its results are read, that also knows what was sent.
#[derive(Debug, Clone)]
pub struct Command {
    reference: CommandRef,
    document: CommandDocument,
    args: RunArgs,
}

impl Command {
    pub(crate) fn new(reference: CommandRef, document: CommandDocument, args: RunArgs) -> Self {
        Command { reference, document, args }
    }

    /// The command without what was sent: what reads its results.
    pub fn reference(&self) -> &CommandRef {
        &self.reference
    }

    /// The name of the command: `execute`, `ping`, …
    pub fn cmd(&self) -> &str {
        self.document.cmd.value().map_or("", String::as_str)
    }

    /// The run arguments that were sent.
    pub fn args(&self) -> &RunArgs {
        &self.args
    }

    /// The data that was sent.
    pub fn data(&self) -> &str {
        self.document.data.value().map_or("", String::as_str)
    }

    /// The tags that were sent.
    pub fn tags(&self) -> Option<&str> {
        self.document.tags.value().map(String::as_str)
    }

    /// The JSON that was pushed to the queue.
    pub fn dump(&self) -> String {
        // It was written once already, to be sent.
        self.document.to_json().unwrap_or_default()
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
