use crate::client::Client;
use crate::command::{Command, CommandRef};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::ids;
use crate::job::Job;
use crate::protocol::{CommandDocument, RunArgs, check_payload, keys};
use crate::target::Target;
use crate::transport::{self, Connection, Pooled, Until};
use crate::wait::Wait;
use crate::waiting::{self, Look};

/// A command that is not sent yet; from [`Client::cmd`], [`Client::execute`] and [`Client::bash`].
///
/// Everything is checked before anything is sent: no command that this sends can make the
/// controller exit, which a malformed one does.
///
/// ```no_run
/// # use acclient::*;
/// # use std::time::Duration;
/// # let client = Client::connect("redis://localhost")?;
/// let command = client
///     .execute(Target::agent(1, 1), "sort")
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
pub struct CommandBuilder {
    client: Client,
    target: Target,
    name: String,
    args: RunArgs,
    data: Vec<u8>,
    id: Option<String>,
    tags: Option<String>,
}

impl CommandBuilder {
    pub(crate) fn new(client: Client, target: Target, name: String) -> Self {
        let args = RunArgs::new();
        CommandBuilder { client, target, name, args, data: Vec::new(), id: None, tags: None }
    }

    /// Adds an argument of the program.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args = self.args.arg(arg);
        self
    }

    /// Adds arguments of the program.
    pub fn args<I: IntoIterator<Item: Into<String>>>(self, args: I) -> Self {
        args.into_iter().fold(self, CommandBuilder::arg)
    }

    /// Merges run arguments into those set so far.
    pub fn run_args(mut self, args: RunArgs) -> Self {
        self.args = self.args.merge(args);
        self
    }

    /// The data of the command: the stdin of a program, the script of `bash`, JSON for the
    /// agents' own commands. Text: what is not UTF-8 is refused when the command is sent. NUL is
    /// fine. Default: empty.
    pub fn data(mut self, data: impl AsRef<[u8]>) -> Self {
        self.data = data.as_ref().to_vec();
        self
    }

    /// An id of your own, instead of a new UUID. Not empty, no NUL.
    ///
    /// While a job of the same id runs, its agent refuses a second one, and the answer of the
    /// first counts for both; after it ended, the same id simply runs again.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Tags: a text that comes back with the result.
    pub fn tags(mut self, tags: impl Into<String>) -> Self {
        self.tags = Some(tags.into());
        self
    }

    /// Sends the command and returns once Redis has it. Blocks for the client's timeout at most.
    /// Whether a controller ever takes it is another matter; see [`CommandRef::next_result`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] (nothing was sent), [`ErrorKind::Connect`],
    /// [`ErrorKind::Timeout`] and [`ErrorKind::Server`] (it was not taken),
    /// [`ErrorKind::MaybeSent`] where the connection broke before Redis confirmed it. It is never
    /// sent twice.
    pub fn submit(self) -> Result<Command> {
        let wait = self.client.quick();
        self.start()?.submit(wait)
    }

    /// Sends the command and waits for its result, in one round trip to Redis. Blocks.
    ///
    /// For a command with one agent to answer. A job that failed is a result like any other: see
    /// [`Job::into_success`].
    ///
    /// # Errors
    /// Those of [`CommandBuilder::submit`] and [`CommandRef::next_result`], all within one
    /// deadline. A wait of zero is [`ErrorKind::InvalidArgument`].
    pub fn run(self, wait: impl Into<Wait>) -> Result<Job> {
        let wait = wait.into();
        if wait.is_zero() {
            return Err(Error::invalid("a wait of 0 leaves no time for an answer"));
        }
        self.start()?.run(wait)
    }

    /// Checks everything and writes the document.
    fn start(self) -> Result<Submission> {
        let id = match self.id {
            Some(id) => id,
            None => ids::new_id()?,
        };
        let data = check_payload("the data", &self.data)?;
        let address = self.target.address()?;
        let document = CommandDocument::new(
            &id,
            &address,
            &self.name,
            &self.args,
            data,
            self.tags.as_deref(),
        )?;
        let json = document.to_json()?;
        let reference = CommandRef::new(self.client, id, self.target).sent(&self.name, &self.args);
        Ok(Submission { command: Command::new(reference, document, self.args), json })
    }
}

/// A command about to be sent, and its bytes.
struct Submission {
    command: Command,
    json: String,
}

impl Submission {
    fn submit(self, wait: Wait) -> Result<Command> {
        let client = self.command.client();
        let asked = || self.command.in_words();
        client.bounded(wait, asked, |until| {
            let (_connection, _) = self.push(client, until, |_| ())?;
            Ok(())
        })?;
        Ok(self.command)
    }

    fn run(self, wait: Wait) -> Result<Job> {
        let client = self.command.client().clone();
        let Some(agent) = self.command.target().answers_as() else {
            return Err(Error::invalid("run() is for a target with one agent to answer"));
        };
        self.command.refuse_endless(&wait)?;
        let words = self.command.in_words();
        let document = client.bounded(
            wait,
            || words,
            |until| {
                let id = self.command.id();
                let (mut connection, ()) =
                    self.push(&client, until, |connection| waiting::ask(connection, id, agent))?;
                // From here on the command is with Redis: whatever breaks now, only the wait goes on.
                let first = Look::read(&mut connection, id, until);
                drop(connection);
                let result = waiting::final_result(&client, id, agent, until, Some(first));
                result.map_err(|error| self.command.tell_how_far(error))
            },
        )?;
        self.command.deliver(agent, document)
    }

    /// Pushes the command, once, along with what `then` queues behind it.
    fn push<T>(
        &self,
        client: &Client,
        until: &Until,
        then: impl Fn(&mut Connection) -> T,
    ) -> Result<(Pooled, T)> {
        let mut tried_again = false;
        loop {
            let mut connection = client.pool().get(until)?;
            let mark =
                connection.command(&[b"RPUSH", keys::QUEUE.as_bytes(), self.json.as_bytes()]);
            let then = then(&mut connection);
            match connection.reply(until) {
                Ok(_) => return Ok((connection, then)),
                Err(error @ transport::Error::Server(_)) => return Err(error.into()),
                Err(error) if connection.was_sent(mark) => {
                    return Err(Error::from(error)
                        .with_command_maybe_sent()
                        .about_command(&*self.command));
                }
                // Cut short, so Redis cannot have run it. An idle connection that the server has
                // ended in this very moment is no reason to fail.
                Err(transport::Error::Lost { .. }) if !tried_again => tried_again = true,
                Err(error) => return Err(Error::from(error)),
            }
        }
    }
}
