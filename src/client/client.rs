//! [`Client`]: the facade over a session with the Redis of one grid.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ClientBuilder, instance};
use crate::command::{Command, Request, Results};
use crate::engine::{CancelToken, Session, Statistics, Timeout, push_many};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Envelope, Groups, Target};
use crate::transport::{Config, bulk};

/// A client of one grid: the way to its controller and its agents through Redis.
///
/// Clones are handles of the same client and share its connections; any number of threads may
/// call at a time, each waiting call on a connection of its own. Calls block, but for no longer
/// than they say. The client ends with its last handle, or by [`Client::close`]; either may block for
/// half a second where nobody has waited for some commands, to give their last keys a time to live.
///
/// After a fork the client works in the child too, on connections of its own.
///
/// ```no_run
/// use acclient::{Client, Target};
/// use std::time::Duration;
///
/// let client = Client::connect("redis://localhost")?;
/// let job = client.execute(Target::agent((1, 1)), "uname").arg("-a").run(Duration::from_secs(5))?;
/// print!("{}", job.stdout());
/// # Ok::<(), acclient::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    session: Session,
    groups: Arc<Groups>,
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
    ///
    /// [lab.groups]            # targets, see Selection; a group may name others
    /// web = "1:1-20 or role=web"
    /// old = "@web and not role=new"
    /// ```
    ///
    /// A fault in one table does not affect the other tables, and a fault in a group affects only calls that use
    /// the group. A fault in a header, as `[lab` without its bracket, makes the file invalid.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an unknown name or a wrong file,
    /// [`ErrorKind::System`] for one that cannot be read, and those of
    /// [`ClientBuilder::connect`].
    pub fn instance(name: &str) -> Result<Client> {
        instance::builder(name)?.connect()
    }

    pub(crate) fn new(config: Config, timeout: Option<Duration>, groups: Groups) -> Result<Client> {
        Ok(Client { session: Session::new(config, timeout)?, groups: Arc::new(groups) })
    }

    /// A handle of this client whose quick calls may take so long; `None` is for ever.
    pub fn with_timeout(&self, timeout: impl Into<Option<Duration>>) -> Client {
        self.with_session(self.session.with_timeout(timeout.into()))
    }

    /// A handle of this client all of whose calls end when the token is cancelled, and those of
    /// commands and jobs that come from it.
    pub fn with_cancel(&self, cancel: &CancelToken) -> Client {
        self.with_session(self.session.with_cancel(cancel))
    }

    fn with_session(&self, session: Session) -> Client {
        Client { session, groups: Arc::clone(&self.groups) }
    }

    /// How long quick calls of this handle may take.
    pub fn timeout(&self) -> Option<Duration> {
        self.session.timeout()
    }

    /// Where the server is: `host:port`, or the path of a socket.
    pub fn address(&self) -> String {
        self.session.address()
    }

    /// Closes the client for all its handles: calls under way, in whatever thread, end with
    /// [`ErrorKind::Closed`], and so does every later one. Commands that were sent go on. Blocks
    /// for half a second at most, to give the last keys their time to live.
    pub fn close(&self) {
        self.session.pool().close();
    }

    /// Asks Redis for a sign of life. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`], [`ErrorKind::Authentication`], [`ErrorKind::Timeout`], …
    pub fn ping(&self) -> Result<()> {
        let (session, asked) = (&self.session, || format!("PING to Redis at {}", self.address()));
        session.bounded(&session.quick(), asked, |until| {
            let reply = session.query(until, |connection| {
                connection.command(&[b"PING"]);
                connection.reply(until)
            })?;
            match bulk(reply)?.as_deref() {
                Some(b"PONG") => Ok(()),
                _ => {
                    Err(Error::new(ErrorKind::Protocol, "unexpected reply to PING: expected PONG"))
                }
            }
        })
    }

    /// A command for a target, to be completed and sent: `client.cmd(target, "ping").submit()`.
    /// Nothing is sent before.
    ///
    /// The name and the data go to the agent as they are. What the controller itself decodes is checked as
    /// it decodes it: the data of `controller` with the name `scheduler_add` among the run arguments, and
    /// that of `jumpscript_content`. See [`Request`].
    pub fn cmd(&self, target: impl Into<Target>, name: impl Into<String>) -> Request {
        Request::new(self.session.clone(), target.into(), Cow::Owned(name.into()))
    }

    /// A program for a target to run (the command `execute`), to be completed and sent. The
    /// program is found on the agent's `PATH`; [`Request::data`] becomes its stdin.
    pub fn execute(&self, target: impl Into<Target>, program: impl Into<String>) -> Request {
        self.known(target, "execute").program(program.into())
    }

    /// A shell script for a target to run (the command `bash`, an extension that agents usually
    /// have), to be completed and sent.
    pub fn bash(&self, target: impl Into<Target>, script: impl AsRef<[u8]>) -> Request {
        self.known(target, "bash").data(script)
    }

    /// A command whose name needs no copy.
    fn known(&self, target: impl Into<Target>, name: &'static str) -> Request {
        Request::new(self.session.clone(), target.into(), Cow::Borrowed(name))
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
    pub fn submit_many(&self, commands: impl IntoIterator<Item = Request>) -> Vec<Result<Command>> {
        let commands = commands.into_iter().map(|command| command.by(self.session.clone()).start());
        push_many::push_many(&self.session, commands)
    }

    /// Finds a command by its id, whoever sent it. Sends nothing; Redis keeps results for 24 hours.
    ///
    /// Its agents are found out when its results are waited for. A handle string names them too, and
    /// saves that round trip: see [`Client::get_by_handle`].
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let jobs = client.get_by_id("6b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e").jobs()?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn get_by_id(&self, id: impl Into<String>) -> Command {
        Command::new(self.session.clone(), Envelope::known(id.into(), Target::unknown()))
    }

    /// Finds a command by its handle string, as returned by [`Command::handle`] and
    /// [`Error::command_handle`](crate::Error::command_handle) in this process or another, in any
    /// language. Sends nothing; Redis keeps results for 24 hours.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let mut command = client.get_by_handle("acclient:1:6b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e:1:2")?;
    /// let job = command.next_result(std::time::Duration::from_secs(60))?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for any other text.
    pub fn get_by_handle(&self, handle: &str) -> Result<Command> {
        Ok(Command::new(self.session.clone(), handle.parse()?))
    }

    /// The results of several commands, in order of completion, each once: an iterator within one
    /// deadline for all. See [`Results`]; [`Job::id`](crate::Job::id) tells the command. Commands with the same id
    /// and target count as one.
    ///
    /// # Errors
    /// As [`Command::results`].
    pub fn wait_any<C: Into<Command>>(
        &self,
        commands: impl IntoIterator<Item = C>,
        timeout: impl Into<Timeout>,
    ) -> Result<Results> {
        Results::of(&self.session, commands, &timeout.into())
    }

    /// Connections and counts of this client and of everything made from it. Does not block.
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let statistics = client.statistics();
    /// println!("{} of {} connections idle", statistics.idle_connections, statistics.open_connections);
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn statistics(&self) -> Statistics {
        self.session.statistics()
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn known_groups(&self) -> &Groups {
        &self.groups
    }
}

impl From<Session> for Client {
    fn from(session: Session) -> Self {
        Client { session, groups: Arc::default() }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("address", &self.address()).field("db", &self.session.pool().config().db);
        shown.field("timeout", &self.timeout()).finish_non_exhaustive()
    }
}
