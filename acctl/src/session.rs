//! Session: the client of one acctl call, with its cancel token and output.

use std::time::Duration;

use acclient::{CancelToken, Client, Command};

use crate::connect::Connection;
use crate::exit::Failure;
use crate::output::Output;
use crate::signals;

/// Pause between two looks at what another program writes.
pub const LOOK: Duration = Duration::from_millis(50);

/// What every command works with.
pub struct Session<'a> {
    /// Signals end its calls.
    pub client: Client,
    /// The same client for what is still to be done after a signal.
    pub unending: Client,
    pub output: &'a Output,
    /// The name of the command, where it sends something.
    pub name: &'static str,
}

impl<'a> Session<'a> {
    pub fn open(
        connection: &Connection,
        output: &'a Output,
        name: &'static str,
        lazily: bool,
        wait: Option<Duration>,
    ) -> Result<Self, Failure> {
        let cancel = CancelToken::new()?;
        signals::watch(&cancel, &output.bar).map_err(Failure::System)?;
        let client = connection.open(&cancel, output, lazily, wait)?;
        let unending = client.with_cancel(&CancelToken::new()?);
        Ok(Session { client, unending, output, name })
    }

    /// A command from its handle, or from its id alone.
    pub fn command(&self, text: &str) -> Result<Command, Failure> {
        if text.starts_with("acclient:") {
            return Ok(self.client.get_by_handle(text)?);
        }
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err(Failure::Usage(format!(
                "invalid command {text:?}: expected a handle, like acclient:1:<id>:1:1, or an id"
            )));
        }
        Ok(self.client.get_by_id(text))
    }
}
