//! [`Request`]: a command that has not been sent, and the methods that send it.

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

/// Command that has not been sent yet; from [`Client::cmd`], [`Client::execute`] and [`Client::bash`].
///
/// The command is validated before it is sent, because a malformed command makes the controller exit. A command
/// stored with `scheduler_add` would do so each time its schedule fires, so it is validated as well; the error
/// names the invalid field, such as `cmd.args.args[0]`. Commands that the controller answers with an error are
/// sent. `docs/faults.md` lists what is rejected.
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

/// Boxed, since each builder method moves the whole request.
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
    /// First invalid argument of a builder method, reported when the command is sent.
    wrong: Option<String>,
}

/// A level 101 message announces a process that the agent kills with the job and includes in its statistics.
/// It has no line of its own, to keep the line numbers in the errors of the script.
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

    /// Adds an argument for the program of `execute`. Scripts receive no arguments.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.0.args.push_arg(arg.into());
        self
    }

    /// Adds arguments for the program.
    pub fn args<I: IntoIterator<Item: Into<String>>>(self, args: I) -> Self {
        args.into_iter().fold(self, Request::arg)
    }

    /// Sets the program of `execute`.
    pub(crate) fn program(mut self, program: String) -> Self {
        self.0.args.set_program(program);
        self
    }

    /// Merges run arguments into those set so far.
    pub fn run_args(mut self, args: RunArgs) -> Self {
        self.0.args = std::mem::take(&mut self.0.args).merge(args);
        self
    }

    /// Sets the data of the command: stdin of a program, the script of `bash`, or JSON for the agents' own
    /// commands. Must be UTF-8, which is checked when the command is sent; NUL is allowed. Default: empty.
    ///
    /// The agent writes all of stdin before it reads any output. A program that writes while it reads, like `cat`,
    /// hangs once both exceed the capacity of a pipe (64 KiB on Linux). Redirect its output to a file.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.0.data = data.as_ref().to_vec();
        self
    }

    /// Sets the id of the command, instead of a new UUID. Must not be empty or contain NUL.
    ///
    /// While a job with this id runs, its agent rejects a second one, and the result of the first counts for both.
    /// Once the job has ended, the id can run again. The new command then waits for its own result: results of
    /// earlier commands with the id are read just before it is sent, and ignored. An agent keeps a job for a moment
    /// after its result and rejects the next one with that id, whose result then has the state `DUPILICATE_ID`.
    /// A handle created from the id alone, or in another process, returns the newest result in Redis.
    /// [`Request::submit_once`] does not run an id twice.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.id = Some(id.into());
        self
    }

    /// Sets the tags, a string that is returned with the result.
    pub fn tags(mut self, tags: impl Into<String>) -> Self {
        self.0.tags = Some(tags.into());
        self
    }

    /// Makes a kill and [`RunArgs::max_time`] reach the script of `bash`. Default: they do not.
    ///
    /// An agent kills only the process that it started. For `bash` that is a shell which runs the script as a child.
    /// Without this option the script runs to its end, and only then is `KILLED` or `TIMEOUT` reported. With it the
    /// agent also kills the shell that runs the script. The option prepends `echo 101::$$; ` to the script, which
    /// announces the process of the script to the agent.
    ///
    /// Commands started by the script are still not killed, and the result is delayed as long as they hold the
    /// output open. Let the script `exec` a long last command, or announce the process of a command in the same
    /// way: `command & echo 101::$!; wait`. The statistics of the job include announced processes.
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

    /// Sends the command and returns once Redis has it. Blocks for at most the client's timeout.
    /// Does not wait for a controller to take the command; see [`Command::next_result`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] (nothing was sent), [`ErrorKind::Connect`],
    /// [`ErrorKind::Timeout`] and [`ErrorKind::Server`] (it was not taken),
    /// [`ErrorKind::MaybeSent`] where the connection broke before Redis confirmed it. It is never
    /// sent twice.
    pub fn submit(self) -> Result<Command> {
        self.send(push::submit)
    }

    /// Sends the command at most once per id, and returns once Redis has it. Blocks for at most the client's
    /// timeout. Within it, reconnects after a lost connection and sends again where that is safe.
    ///
    /// Set an [`id`](Request::id) that a retry can reuse, in this process or another. Within 24 hours a second
    /// `submit_once` with that id finds that the command was submitted, and succeeds without sending anything.
    /// This stores a key `cmd.<id>.submitted`. [`Request::submit`] stores no key.
    ///
    /// The id is bound to the target, command, run arguments, data and tags. Reusing it with any other fails with
    /// [`ErrorKind::IdInUse`].
    ///
    /// A command that matched no agent has not run: the same command is sent again under its id, and its old reply
    /// is removed. So [`ErrorKind::NoSuchAgent`] does not keep the id in use. A list of agents
    /// ([`Target::agents`]) is sent again only if none of them was known. A concurrent wait for the command returns
    /// the old reply or the new result; for a target with roles it may last until its deadline.
    ///
    /// The guarantee holds as long as Redis keeps its data. If Redis was restarted or replaced between two attempts
    /// and the key is missing, the call fails with [`ErrorKind::MaybeSent`], because the command may have been taken
    /// before. The guarantee does not hold if Redis may evict keys: with a `maxmemory-policy` other than
    /// `noeviction`, a command whose key was evicted is sent twice.
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
    /// If [`Error::is_maybe_sent`] is true, the command may have been sent; after every other error it was not.
    /// [`ErrorKind::InvalidArgument`], [`ErrorKind::IdInUse`], [`ErrorKind::Timeout`] with the reason why it was not sent,
    /// [`ErrorKind::Server`], [`ErrorKind::Authentication`], [`ErrorKind::Cancelled`].
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

    /// Sends the command and waits for its result. Blocks. For [`Target::agent`] this takes one round trip to Redis.
    ///
    /// For commands to a single agent; see [`Request::run_all`] for a fan-out. A failed job is returned as a
    /// result; see [`Job::into_success`].
    ///
    /// # Errors
    /// Those of [`Request::submit`] and [`Command::next_result`], within one deadline.
    /// [`ErrorKind::InvalidArgument`] for a timeout of zero.
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

    /// Sends the command and waits for the results of all agents that receive it. Blocks.
    ///
    /// At the deadline, returns the results received so far and an error for each missing agent. A failed job is
    /// returned as a result.
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
    /// Those of [`Request::submit`]. After that, received results are never lost: failures are in
    /// [`Collected::errors`]. An error that ends the whole wait (cancelled, closed, rejected by Redis) is the last
    /// of them and has no agent.
    pub fn run_all(self, timeout: impl Into<Timeout>) -> Result<Collected> {
        self.collect(timeout.into(), false)
    }

    /// Like [`Request::run_all`], but returns at the first agent that fails, which is an agent whose job ends in a
    /// state other than `SUCCESS` or that yields an error. Results received until then are kept. The other jobs are
    /// not killed; [`Collected::command`] gives access to their results.
    ///
    /// # Errors
    /// Same as [`Request::run_all`].
    pub fn run_until_failure(self, timeout: impl Into<Timeout>) -> Result<Collected> {
        self.collect(timeout.into(), true)
    }

    fn collect(self, timeout: Timeout, stop_at_failure: bool) -> Result<Collected> {
        if timeout.is_zero() {
            return Err(Error::invalid("timeout must be greater than zero"));
        }
        Collected::of(self.start()?, timeout, stop_at_failure)
    }

    /// Returns the deadline and cancellation of a call that begins now.
    pub(crate) fn until(&self, timeout: &Timeout) -> Result<Until> {
        self.session().until(timeout).map_err(|error| error.asked(|| self.in_words()))
    }

    /// Describes the command in error messages.
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

    /// Returns the same request for one agent.
    pub(crate) fn for_agent(mut self, agent: AgentId) -> Self {
        self.0.target = agent.into();
        self
    }

    /// Returns the same request on another session of the client.
    pub(crate) fn by(mut self, session: Session) -> Self {
        self.0.session = session;
        self
    }

    /// Sets the data to a JSON object.
    pub(crate) fn object(mut self, what: &str, value: &serde_json::Value) -> Self {
        if !value.is_object() {
            self.0.wrong = Some(format!("{what} must be a JSON object"));
        }
        self.data(value.to_string())
    }

    /// Validates the request and returns the command as it will be sent.
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
        // The size is checked first, because the next checks read every byte.
        check_size("the data", data.len())?;
        let contents = Contents { cmd, args, data: into_payload("the data", data)?, tags };
        let envelope = Envelope::new(id, target, contents)?;
        let envelope = if is_chosen { envelope.with_chosen_id() } else { envelope };
        Ok(Command::new(session, envelope))
    }
}

/// Prepends the announcement of the shell to a script.
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
