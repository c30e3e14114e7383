//! [`Request`]: a command before it is sent, and the ways of sending it.

use std::borrow::Cow;

use super::{Collected, Command};
#[cfg(doc)]
use crate::client::Client;
use crate::engine::{Session, Timeout, ids, once, push, run};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::protocol::{
    AgentId, Contents, Envelope, RunArgs, Target, check_size, in_words, into_payload,
};
use crate::transport::{Until, clock};

/// A command that is not sent yet; from [`Client::cmd`], [`Client::execute`] and [`Client::bash`].
///
/// Everything is checked before anything is sent: no command that this sends can make the
/// controller exit, which a malformed one does. A command that the controller stores by `scheduler_add`
/// would end it each time the schedule fires; it is refused with the field that is wrong, like
/// `cmd.args.args[0]`. What the controller answers with an error is sent. `docs/faults.md` lists what is
/// refused.
///
/// ```no_run
/// # use acclient::*;
/// # use std::time::Duration;
/// # let client = Client::connect("redis://localhost")?;
/// let command = client
///     .execute(Target::agent((1, 1)), "sort")
///     .arg("-u")
///     .data("b\na\nb\n")
///     .run_args(RunArgs::new().max_time(60))
///     .tags("nightly")
///     .submit()?;
/// println!("come back by {command}");
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before submit() or run()"]
pub struct Request(Box<Parts>);

/// In a box, since each step hands the whole on.
#[derive(Debug, Clone)]
struct Parts {
    session: Session,
    target: Target,
    cmd: Cow<'static, str>,
    args: RunArgs,
    data: Vec<u8>,
    id: Option<String>,
    tags: Option<String>,
    killable: bool,
    /// What is wrong with it already, told when it is sent.
    wrong: Option<String>,
}

/// A message of level 101 names a process that the agent kills with the job, and counts in its
/// statistics. On the line of the script, so that the line numbers in its errors stay.
const ANNOUNCE_SHELL: &str = "echo 101::$$; ";

impl Request {
    pub(crate) fn new(session: Session, target: Target, cmd: Cow<'static, str>) -> Self {
        Request(Box::new(Parts {
            session,
            target,
            cmd,
            args: RunArgs::new(),
            data: Vec::new(),
            id: None,
            tags: None,
            killable: false,
            wrong: None,
        }))
    }

    /// Adds an argument of the program of `execute`; scripts get none.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.0.args.push_arg(arg.into());
        self
    }

    /// Adds arguments of the program.
    pub fn args<I: IntoIterator<Item: Into<String>>>(self, args: I) -> Self {
        args.into_iter().fold(self, Request::arg)
    }

    /// The program of `execute`.
    pub(crate) fn program(mut self, program: String) -> Self {
        self.0.args.set_program(program);
        self
    }

    /// Merges run arguments into those set so far.
    pub fn run_args(mut self, args: RunArgs) -> Self {
        self.0.args = std::mem::take(&mut self.0.args).merge(args);
        self
    }

    /// The data of the command: the stdin of a program, the script of `bash`, JSON for the
    /// agents' own commands. Text: what is not UTF-8 is refused when the command is sent. NUL is
    /// fine. Default: empty.
    ///
    /// The agent writes all of the stdin before it reads any output. So a program that answers while it
    /// reads, like `cat`, hangs without end once both exceed what a pipe holds, 64 KiB on Linux: let
    /// it write to a file.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.0.data = data.as_ref().to_vec();
        self
    }

    /// An id of your own, instead of a new UUID. Not empty, no NUL.
    ///
    /// While a job of the same id runs, its agent refuses a second one, and the result of the first counts for
    /// both. After it has ended the same id runs again. This command then waits for its own result: what Redis
    /// has of earlier commands under the id is read just before it is sent, and left out. An
    /// agent knows a job for a moment after its result, and refuses the next one in that moment: its result then
    /// has the state `DUPILICATE_ID`. A handle by the id alone, or in another process, returns what is newest in
    /// Redis.
    /// [`Request::submit_once`] does not run an id twice.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.id = Some(id.into());
        self
    }

    /// Tags: a text that comes back with the result.
    pub fn tags(mut self, tags: impl Into<String>) -> Self {
        self.0.tags = Some(tags.into());
        self
    }

    /// Makes a kill and [`RunArgs::max_time`] reach the script of `bash`. Default: they do not.
    ///
    /// An agent kills the process that it started. For `bash` that is a shell which runs the script as a
    /// child, so without this option the script runs to its end, and only then `KILLED` or `TIMEOUT` is
    /// reported. With it the agent kills the shell that runs the script as well. This puts
    /// `echo 101::$$; ` in front of the script, by which the script announces its process to the agent.
    ///
    /// Commands that the script has started are still not killed, and the result waits for them as long as
    /// they hold the output. Let the script `exec` a long last command, or announce the process of a command
    /// in the same way: `command & echo 101::$!; wait`. The statistics of the job count announced processes
    /// too.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let script = "cd /srv && exec ./serve";
    /// let command = client.bash(Target::agent((1, 1)), script).killable().submit()?;
    /// command.kill()?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// Sending fails with [`ErrorKind::InvalidArgument`] for any other command and for a script that
    /// starts with `#!`.
    pub fn killable(mut self) -> Self {
        self.0.killable = true;
        self
    }

    /// Sends the command and returns once Redis has it. Blocks for the client's timeout at most.
    /// Whether a controller ever takes it is another matter; see [`Command::next_result`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] (nothing was sent), [`ErrorKind::Connect`],
    /// [`ErrorKind::Timeout`] and [`ErrorKind::Server`] (it was not taken),
    /// [`ErrorKind::MaybeSent`] where the connection broke before Redis confirmed it. It is never
    /// sent twice.
    pub fn submit(self) -> Result<Command> {
        self.send(push::submit)
    }

    /// Sends the command so that trying again, with the same id, does not run it twice, and returns
    /// once Redis has it. Blocks for the client's timeout at most, and uses it up: a lost connection is
    /// replaced and the command sent again where that is safe.
    ///
    /// Give the command an [`id`](Request::id) of yours that you can give again, in this process
    /// or another: within 24 hours a second `submit_once` with that id finds that the command was
    /// submitted, and succeeds without sending anything. It costs a key `cmd.<id>.submitted`. A command
    /// that was sent by [`Request::submit`] leaves none.
    ///
    /// The id stands for one target, command, run arguments, data and tags. With any other the outcome is
    /// [`ErrorKind::IdInUse`].
    ///
    /// A command that matched no agent has not run: the same command is sent again under its id, and its old
    /// answer is removed. So [`ErrorKind::NoSuchAgent`] does not keep the id in use. A list of agents
    /// ([`Target::agents`]) is sent again only if none of them was known. A wait for the command that is under
    /// way meanwhile returns the old answer or the new result; one for a target with roles may go on to its
    /// deadline.
    ///
    /// It holds as long as Redis keeps its data. Where Redis was restarted or another took its place
    /// between two tries, and the key is not there, the outcome is [`ErrorKind::MaybeSent`]: the
    /// command may have been taken before that. It does not hold where Redis may evict keys: with a
    /// `maxmemory-policy` other than `noeviction` a command whose key was evicted is sent twice.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # let client = Client::connect("redis://localhost")?;
    /// let upgrade = || client.bash(Target::agent((1, 1)), "apt-get -y upgrade").id("upgrade of 24 November");
    /// let command = match upgrade().submit_once() {
    ///     Err(error) if error.is_maybe_sent() => upgrade().submit_once()?,
    ///     outcome => outcome?,
    /// };
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::is_maybe_sent`] tells "maybe sent"; after every other error it was not sent.
    /// [`ErrorKind::InvalidArgument`], [`ErrorKind::IdInUse`], [`ErrorKind::Timeout`] with what kept it from
    /// being sent, [`ErrorKind::Server`], [`ErrorKind::Authentication`], [`ErrorKind::Cancelled`].
    pub fn submit_once(self) -> Result<Command> {
        self.send(once::submit_once)
    }

    fn send(
        self,
        submit: impl FnOnce(&Session, &Envelope, &Timeout) -> Result<()>,
    ) -> Result<Command> {
        let begun = clock::now();
        let timeout = self.session().quick();
        self.until(&timeout)?; // before anything is made for a call that cannot be
        let command = self.start()?;
        submit(command.session(), command.envelope(), &timeout.since(begun))?;
        Ok(command)
    }

    /// Sends the command and waits for its result; for [`Target::agent`] in one round trip to
    /// Redis. Blocks.
    ///
    /// For a command that one agent answers; for a fan-out see [`Request::run_all`]. A job
    /// that failed is a result like any other: see [`Job::into_success`].
    ///
    /// # Errors
    /// Those of [`Request::submit`] and [`Command::next_result`], all within one
    /// deadline. A wait of zero is [`ErrorKind::InvalidArgument`].
    pub fn run(self, timeout: impl Into<Timeout>) -> Result<Job> {
        let timeout = timeout.into();
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        let begun = clock::now();
        let command = self.start()?;
        if command.target().is_fanout() {
            return Err(Error::invalid(
                "several agents may get the command: expected a target of one agent, or a call that collects all results",
            ));
        }
        command.refuse_endless(&timeout)?;
        let result = run::run(command.session(), command.envelope(), &timeout.since(begun))?;
        Ok(Job::new(command.session().clone(), result))
    }

    /// Sends the command and waits for the results of all agents that it went to. Blocks.
    ///
    /// What did not arrive by the deadline is told agent by agent, beside what did. A job that
    /// failed is a result like any other.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # use std::time::Duration;
    /// # let client = Client::connect("redis://localhost")?;
    /// let all = client.bash(Target::all().role("cpu"), "uptime").run_all(Duration::from_secs(10))?;
    /// for job in &all.jobs {
    ///     println!("{} {}: {}", job.agent(), job.state(), job.stdout());
    /// }
    /// for error in &all.errors {
    ///     eprintln!("{error}");
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Request::submit`]. From then on nothing that was returned is lost: what goes
    /// wrong is in [`Collected::errors`], and what ends the wait for everybody (cancelled, closed,
    /// Redis refused) is the last of them, without an agent.
    pub fn run_all(self, timeout: impl Into<Timeout>) -> Result<Collected> {
        self.collect(timeout.into(), false)
    }

    /// As [`Request::run_all`], but returns at the first agent that fails: whose job ends in
    /// another state than `SUCCESS`, or that gives an error. What the others returned until then is
    /// kept; they are not killed, and [`Collected::command`] gets at the rest.
    ///
    /// # Errors
    /// As [`Request::run_all`].
    pub fn run_until_failure(self, timeout: impl Into<Timeout>) -> Result<Collected> {
        self.collect(timeout.into(), true)
    }

    fn collect(self, timeout: Timeout, stop_at_failure: bool) -> Result<Collected> {
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        Collected::of(self.start()?, timeout, stop_at_failure)
    }

    /// What bounds a call that begins now.
    pub(crate) fn until(&self, timeout: &Timeout) -> Result<Until> {
        self.session().until(timeout).map_err(|error| error.asked(|| self.in_words()))
    }

    /// How error messages describe the command.
    pub(crate) fn in_words(&self) -> String {
        let Parts { cmd, args, target, .. } = &*self.0;
        in_words(cmd, args, target)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }

    pub(crate) fn has_id(&self) -> bool {
        self.0.id.is_some()
    }

    /// The same for one agent.
    pub(crate) fn for_agent(mut self, agent: AgentId) -> Self {
        self.0.target = agent.into();
        self
    }

    /// The same by another session of the client.
    pub(crate) fn by(mut self, session: Session) -> Self {
        self.0.session = session;
        self
    }

    /// Data that is written from a JSON object.
    pub(crate) fn object(mut self, what: &str, value: &serde_json::Value) -> Self {
        if !value.is_object() {
            self.0.wrong = Some(format!("{what} must be a JSON object"));
        }
        self.data(value.to_string())
    }

    /// Checks everything, and returns the command as it is about to be sent.
    pub(crate) fn start(self) -> Result<Command> {
        let Parts { session, target, cmd, args, mut data, id, tags, killable, wrong } = *self.0;
        if let Some(wrong) = wrong {
            return Err(Error::invalid(wrong));
        }
        if killable {
            announce_shell(&cmd, &mut data)?;
        }
        let is_chosen = id.is_some();
        let id = id.map_or_else(ids::new_id, Ok)?;
        // Before it is looked at byte by byte.
        check_size("the data", data.len())?;
        let contents = Contents { cmd, args, data: into_payload("the data", data)?, tags };
        let envelope = Envelope::new(id, target, contents)?;
        let envelope = if is_chosen { envelope.with_chosen_id() } else { envelope };
        Ok(Command::new(session, envelope))
    }
}

/// Lets a script announce its shell to the agent.
fn announce_shell(cmd: &str, script: &mut Vec<u8>) -> Result<()> {
    if cmd != "bash" {
        return Err(Error::invalid(format!("invalid use of killable for {cmd}: expected bash")));
    }
    if script.starts_with(b"#!") {
        return Err(Error::invalid("invalid killable script: expected no #! line"));
    }
    script.splice(..0, ANNOUNCE_SHELL.bytes());
    Ok(())
}
