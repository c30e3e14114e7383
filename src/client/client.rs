use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::ClientBuilder;
use crate::client::instance;
use crate::command::CommandBuilder;
use crate::command::Results;
use crate::command::submit;
use crate::command::{Command, CommandRef};
use crate::engine::Cancel;
use crate::engine::Wait;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::Target;
use crate::protocol::{AgentId, RunArgs};
use crate::transport::{Config, Deadline, Pool, Until, bulk};

/// A client of one grid: the way to its controller and its agents through Redis.
///
/// Clones are handles of the same client and share its connections; any number of threads may
/// call at a time, each waiting call on a connection of its own. Calls block, but for no longer
/// than they say. The client ends with its last handle, or by [`Client::close`]; either may block for
/// half a second where waits had timed out, to give their last keys a time to live.
///
/// After a fork the client works in the child too, on connections of its own.
///
/// ```no_run
/// use acclient::{Client, Target};
/// use std::time::Duration;
///
/// let client = Client::connect("redis://localhost")?;
/// let job = client.execute(Target::agent(1, 1), "uname").arg("-a").run(Duration::from_secs(5))?;
/// print!("{}", job.stdout());
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    timeout: Option<Duration>,
    cancel: Option<Cancel>,
    /// The token of the call that this is a handle for: see [`Client::for_a_step`].
    call: Option<Cancel>,
}

impl Client {
    /// Connects to the Redis of a grid and logs in. Blocks for 10 s at most.
    ///
    /// Forms, with `%xx` for what a URL cannot hold:
    /// - `redis://[[user]:password@]host[:port][/db]`
    /// - `rediss://…`, the same under TLS; `#insecure` at the end believes any certificate
    /// - `redis+unix:///path[?db=N&user=U&pass=P]`
    /// - `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/db]`: the master of that
    ///   name, wherever these Sentinels say that it is; `rediss+sentinel://…`, all of it under TLS
    ///
    /// `valkey` may stand for `redis` in each.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::url`] and [`ClientBuilder::connect`].
    pub fn connect(url: &str) -> Result<Client> {
        Client::builder().url(url)?.connect()
    }

    /// Sets up a client piece by piece.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Connects to a named instance (`j.clients.ac.getByInstance` of the Python client). Blocks
    /// for the instance's timeout at most.
    ///
    /// Instances are tables of a TOML file: the one that the variable `ACCLIENT_CONFIG` names, else
    /// `acclient/instances.toml` in `$XDG_CONFIG_HOME` (`~/.config` where that is not set):
    ///
    /// ```toml
    /// [main]
    /// url = "redis://grid.example.org/0"
    ///
    /// [lab]
    /// host = "10.0.0.7"       # or unix_socket
    /// port = 6380
    /// user = "ops"
    /// password = "…"
    /// db = 1
    /// tls = true              # or rediss:// in the url; these files imply it:
    /// tls_ca_file = "/etc/grid/ca.pem"
    /// tls_cert_file = "/etc/grid/client.pem"
    /// tls_key_file = "/etc/grid/client.key"
    /// timeout = 2.5           # seconds
    /// max_connections = 8
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an unknown name or a wrong file,
    /// [`ErrorKind::System`] for one that cannot be read, and those of
    /// [`ClientBuilder::connect`].
    pub fn instance(name: &str) -> Result<Client> {
        instance::builder(name)?.connect()
    }

    pub(crate) fn new(config: Config, timeout: Option<Duration>) -> Result<Client> {
        Ok(Client { pool: Pool::new(config)?, timeout, cancel: None, call: None })
    }

    /// A handle of this client whose quick calls may take so long; `None` is for ever.
    pub fn with_timeout(&self, timeout: impl Into<Option<Duration>>) -> Client {
        Client { timeout: timeout.into(), ..self.clone() }
    }

    /// A handle of this client all of whose calls end when the token is cancelled, and those of
    /// commands and jobs that come from it.
    pub fn with_cancel(&self, cancel: &Cancel) -> Client {
        Client { cancel: Some(cancel.clone()), ..self.clone() }
    }

    /// How long quick calls of this handle may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Where the server is: `host:port`, or the path of a socket.
    pub fn address(&self) -> String {
        self.pool.config().endpoint.to_string()
    }

    /// Closes the client for all its handles: calls under way, in whatever thread, end with
    /// [`ErrorKind::Closed`], and so does every later one. Commands that were sent go on. Blocks
    /// for half a second at most, to give the last keys their time to live.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Asks Redis for a sign of life. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`], [`ErrorKind::Authentication`], [`ErrorKind::Timeout`], …
    pub fn ping(&self) -> Result<()> {
        self.bounded(
            self.quick(),
            || format!("PING to Redis at {}", self.address()),
            |until| {
                let reply = self.pool.query(until, |connection| {
                    connection.command(&[b"PING"]);
                    connection.reply(until)
                })?;
                match bulk(reply)?.as_deref() {
                    Some(b"PONG") => Ok(()),
                    _ => Err(Error::new(ErrorKind::Protocol, "the answer is not PONG")),
                }
            },
        )
    }

    /// Asks an agent for a sign of life (the command `ping`). Blocks for the client's timeout at
    /// most.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`], [`ErrorKind::Timeout`] for an agent that is away, and those of
    /// [`CommandBuilder::run`].
    pub fn ping_agent(&self, gid: u32, nid: u32) -> Result<()> {
        let job = self.cmd(Target::agent(gid, nid), "ping").ask()?;
        match job.json::<String>()?.as_str() {
            "pong" => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Protocol,
                format!("agent {gid}:{nid} did not answer \"pong\""),
            )),
        }
    }

    /// The agents that the controller knows at this moment, and their roles. A dead one stays in
    /// the list for up to 30 s. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] where no controller drains the queue,
    /// [`ErrorKind::UnknownCommand`] from one that does not offer it, and those of
    /// [`CommandBuilder::run`].
    pub fn list_agents(&self) -> Result<BTreeMap<AgentId, Vec<String>>> {
        let request = self.cmd(Target::controller(), "controller");
        let job = request.run_args(RunArgs::new().name("list_agents")).ask()?;
        let unreadable =
            |message| Error::new(ErrorKind::Protocol, message).asked(|| "list_agents".to_owned());
        let agents: BTreeMap<String, Vec<String>> = job.json()?;
        let agent = |(agent, roles): (String, Vec<String>)| match agent.parse() {
            Ok(agent) => Ok((agent, roles)),
            Err(error) => Err(unreadable(format!("{error}"))),
        };
        agents.into_iter().map(agent).collect()
    }

    /// A command for a target, to be completed and sent: `client.cmd(target, "ping").submit()`.
    /// Nothing is sent before.
    pub fn cmd(&self, target: impl Into<Target>, name: impl Into<String>) -> CommandBuilder {
        CommandBuilder::new(self.clone(), target.into(), Cow::Owned(name.into()))
    }

    /// A program for a target to run (the command `execute`), to be completed and sent. The
    /// program is found on the agent's `PATH`; [`CommandBuilder::data`] becomes its stdin.
    pub fn execute(&self, target: impl Into<Target>, program: impl Into<String>) -> CommandBuilder {
        self.known(target, "execute").program(program.into())
    }

    /// A shell script for a target to run (the command `bash`, an extension that agents usually
    /// have), to be completed and sent.
    pub fn bash(&self, target: impl Into<Target>, script: impl AsRef<[u8]>) -> CommandBuilder {
        self.known(target, "bash").data(script)
    }

    /// A command whose name needs no copy.
    fn known(&self, target: impl Into<Target>, name: &'static str) -> CommandBuilder {
        CommandBuilder::new(self.clone(), target.into(), Cow::Borrowed(name))
    }

    /// Sends many commands in one pipeline, which is many times faster than one by one, and returns
    /// once Redis has them all: an outcome for each, in their order. Blocks for the client's
    /// timeout at most.
    ///
    /// One that is refused, by this library or by Redis, holds up no other. If the connection
    /// breaks, those that were confirmed are `Ok`, those that went out without a confirmation are
    /// [`ErrorKind::MaybeSent`], and the rest were not sent. Once the time is over nothing more is sent;
    /// the commands that are left are still taken from the iterator, for an outcome each.
    ///
    /// ```no_run
    /// # use acclient::*;
    /// # use std::time::Duration;
    /// # let client = Client::connect("redis://localhost")?;
    /// let commands = (1..=100).map(|number| client.execute(Target::any(), "echo").arg(number.to_string()));
    /// let sent: Vec<Command> = client.submit_many(commands).into_iter().collect::<Result<_>>()?;
    /// for result in client.wait_any(sent, Duration::from_secs(10))? {
    ///     print!("{}", result?.stdout());
    /// }
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn submit_many(
        &self,
        commands: impl IntoIterator<Item = CommandBuilder>,
    ) -> Vec<Result<Command>> {
        let commands = commands.into_iter().map(|command| command.by(self.clone()).start());
        submit::submit_many(self, commands)
    }

    /// A command that was sent before, by this program or another, known by its id. Nothing is
    /// asked of the server; results are kept there for 24 hours.
    ///
    /// Whom it was for is found out when it is waited for; the printed form tells that too and
    /// saves the way, see [`Client::command_from`].
    pub fn command(&self, id: impl Into<String>) -> CommandRef {
        CommandRef::new(self.clone(), id.into(), Target::unknown())
    }

    /// A command that was sent before, from its printed form: what [`CommandRef`] displays, in
    /// this process or another, in whatever language, before or after a crash.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let mut command = client.command_from("acclient:1:6b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:2")?;
    /// let job = command.next_result(std::time::Duration::from_secs(60))?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for anything else.
    pub fn command_from(&self, printed: &str) -> Result<CommandRef> {
        CommandRef::parse(self.clone(), printed)
    }

    /// The results of several commands, in order of completion, each once: an iterator within one
    /// deadline for all. See [`Results`]; [`Job::id`](crate::Job::id) tells the command.
    ///
    /// # Errors
    /// As [`CommandRef::results`].
    pub fn wait_any<C: Into<CommandRef>>(
        &self,
        commands: impl IntoIterator<Item = C>,
        wait: impl Into<Wait>,
    ) -> Result<Results> {
        let wait = wait.into();
        if wait.is_zero() {
            return Err(Error::invalid(
                "a wait of 0 leaves no time for results; see try_next_result",
            ));
        }
        let mut known = HashSet::new();
        let commands = commands.into_iter().map(|command| command.into().with_client(self.clone()));
        // One that is named twice is waited for once.
        let commands: Vec<CommandRef> =
            commands.filter(|command| known.insert(command.id().to_owned())).collect();
        for command in &commands {
            command.check_id()?;
            command.refuse_endless(&wait)?;
        }
        Results::new(self.clone(), commands, &wait)
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The time of a call that only talks to Redis or asks an agent a quick question.
    pub(crate) fn quick(&self) -> Wait {
        self.timeout.into()
    }

    /// What bounds a call that begins now.
    pub(crate) fn until(&self, wait: &Wait) -> Result<Until> {
        if wait.is_zero() {
            return Err(Error::invalid("a time of 0 is no time to talk to Redis"));
        }
        let cancels = [&self.cancel, &self.call, &wait.cancel];
        let cancels = cancels.map(|cancel| cancel.as_ref().map(Cancel::wake));
        Ok(self.pool.until(Deadline::after(wait.timeout), cancels)?)
    }

    /// A handle for one of the steps of a call: with the client's own time, but no more than the call has
    /// left, and with the token of the call beside its own. It is for this step only: what the caller
    /// keeps must not end with that token.
    pub(crate) fn for_a_step(&self, left: &Wait) -> Client {
        let times = [self.timeout, left.timeout];
        let timeout = times.into_iter().flatten().min();
        Client { timeout, call: left.cancel.clone(), ..self.clone() }
    }

    /// One public call: makes what bounds it, and tells its errors what was asked of whom and how
    /// long it took.
    pub(crate) fn bounded<T>(
        &self,
        wait: Wait,
        asked: impl FnOnce() -> String,
        call: impl FnOnce(&Until) -> Result<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        let result = self.until(&wait).and_then(|until| call(&until));
        result.map_err(|error| error.asked(asked).waited_if_it_did(begun.elapsed()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("address", &self.address()).field("db", &self.pool.config().db);
        shown.field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
