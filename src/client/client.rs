//! [`Client`]: the entry point of the crate, a session with the Redis of one grid.

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

/// Client of one grid: reaches its controller and its agents through Redis.
///
/// Clones are handles of the same client and share its connections. Any number of threads may make calls
/// concurrently; each waiting call uses a connection of its own. Calls block, at most until their timeout.
/// The client is closed when its last handle is dropped or by [`Client::close`]. Either may block for up to
/// half a second to set pending TTLs, if some commands were never waited for.
///
/// After a fork the client also works in the child, on new connections.
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
    /// Connects to the Redis of a grid and logs in. Blocks for at most 10 s.
    ///
    /// Accepted URLs, with reserved characters written as `%xx`:
    /// - `redis://[[user]:password@]host[:port][/db]`
    /// - `rediss://…`, the same over TLS; `#insecure` at the end disables certificate verification
    /// - `redis+unix:///path[?db=N&user=U&pass=P]`
    /// - `redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/name[/db]`: the master `name`, as
    ///   reported by these Sentinels; `rediss+sentinel://…` uses TLS for the Sentinels too
    ///
    /// `valkey` may replace `redis` in each scheme.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::url`] and [`ClientBuilder::connect`].
    pub fn connect(url: &str) -> Result<Client> {
        Client::builder().url(url)?.connect()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Connects to a named instance (`j.clients.ac.getByInstance` of the Python client). Blocks for at most
    /// the timeout of the instance.
    ///
    /// Instances are tables of a TOML file: the file named by the environment variable `ACCLIENT_CONFIG`, or
    /// else `acclient/instances.toml` in `$XDG_CONFIG_HOME` (`~/.config` if unset):
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
    /// An error in one table does not affect the other tables, and an error in a group affects only calls
    /// that use the group. An error in a header, like `[lab` without the closing bracket, makes the whole
    /// file invalid.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for an unknown name or an invalid file, [`ErrorKind::System`] for a
    /// file that cannot be read, and those of [`ClientBuilder::connect`].
    pub fn instance(name: &str) -> Result<Client> {
        instance::builder(name)?.connect()
    }

    pub(crate) fn new(config: Config, timeout: Option<Duration>, groups: Groups) -> Result<Client> {
        Ok(Client { session: Session::new(config, timeout)?, groups: Arc::new(groups) })
    }

    /// Returns a handle of this client with another timeout for its quick calls; `None` means no timeout.
    pub fn with_timeout(&self, timeout: impl Into<Option<Duration>>) -> Client {
        self.with_session(self.session.with_timeout(timeout.into()))
    }

    /// Returns a handle of this client whose calls end when the token is cancelled. This includes calls on
    /// the commands and jobs that come from the handle.
    pub fn with_cancel(&self, cancel: &CancelToken) -> Client {
        self.with_session(self.session.with_cancel(cancel))
    }

    fn with_session(&self, session: Session) -> Client {
        Client { session, groups: Arc::clone(&self.groups) }
    }

    /// Returns the timeout of the quick calls of this handle.
    pub fn timeout(&self) -> Option<Duration> {
        self.session.timeout()
    }

    /// Returns the address of the server: `host:port`, or the path of a Unix socket.
    pub fn address(&self) -> String {
        self.session.address()
    }

    /// Closes the client for all its handles. Calls in flight, in any thread, fail with
    /// [`ErrorKind::Closed`], and so does every later call. Submitted commands keep running. Blocks for up to
    /// half a second to set pending TTLs.
    pub fn close(&self) {
        self.session.pool().close();
    }

    /// Sends PING to Redis and waits for the reply. Blocks for at most the client's timeout.
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

    /// Returns a request for a command on a target: `client.cmd(target, "ping").submit()`. Sends nothing
    /// until the request is submitted.
    ///
    /// The name and the data are passed to the agent unchanged. Data that the controller itself decodes is
    /// validated first: that of `controller` with the name `scheduler_add` among the run arguments, and that
    /// of `jumpscript_content`. See [`Request`].
    pub fn cmd(&self, target: impl Into<Target>, name: impl Into<String>) -> Request {
        Request::new(self.session.clone(), target.into(), Cow::Owned(name.into()))
    }

    /// Returns a request to run a program on a target (the command `execute`). The agent searches its `PATH`
    /// for the program; [`Request::data`] becomes its stdin.
    pub fn execute(&self, target: impl Into<Target>, program: impl Into<String>) -> Request {
        self.known(target, "execute").program(program.into())
    }

    /// Returns a request to run a shell script on a target (the command `bash`, an extension that most agents
    /// have).
    pub fn bash(&self, target: impl Into<Target>, script: impl AsRef<[u8]>) -> Request {
        self.known(target, "bash").data(script)
    }

    /// Like [`Client::cmd`], without a copy of the name.
    fn known(&self, target: impl Into<Target>, name: &'static str) -> Request {
        Request::new(self.session.clone(), target.into(), Cow::Borrowed(name))
    }

    /// Submits many commands in one pipeline, which is many times faster than one by one. Returns one outcome
    /// for each, in order, once Redis has received them all. Blocks for at most the client's timeout.
    ///
    /// A command rejected by this library or by Redis does not affect the others. If the connection breaks,
    /// the outcome of a confirmed command is `Ok` and that of a command sent without confirmation is
    /// [`ErrorKind::MaybeSent`]; the rest were not sent. After the timeout nothing more is sent, but the
    /// remaining commands are still taken from the iterator, and each gets an outcome.
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

    /// Returns a handle for the command with this id, from any sender. Sends nothing. Redis keeps results for
    /// 24 hours.
    ///
    /// Its agents are looked up when its results are waited for. A handle string names the agents and saves
    /// that round trip; see [`Client::get_by_handle`].
    ///
    /// ```no_run
    /// # let client = acclient::Client::connect("redis://localhost")?;
    /// let jobs = client.get_by_id("6b1f6a1e-7d7c-4f8a-9d57-0c1f1f5c2f3e").jobs()?;
    /// # Ok::<(), acclient::Error>(())
    /// ```
    pub fn get_by_id(&self, id: impl Into<String>) -> Command {
        Command::new(self.session.clone(), Envelope::known(id.into(), Target::unknown()))
    }

    /// Returns a handle for the command with this handle string, as returned by [`Command::handle`] and
    /// [`Error::command_handle`](crate::Error::command_handle) in this or another process, in any language.
    /// Sends nothing. Redis keeps results for 24 hours.
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

    /// Returns an iterator over the results of several commands, in order of completion, each once, with one
    /// deadline for all. See [`Results`]; [`Job::id`](crate::Job::id) identifies the command. Commands with
    /// the same id and target count as one.
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

    /// Returns connection and command counts of this client and of everything created from it. Does not
    /// block.
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
