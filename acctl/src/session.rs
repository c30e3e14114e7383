//! Session: client, cancellation and output of one acctl invocation.

use std::time::Duration;

use acclient::{CancelToken, Client, Command};

use crate::connect::Connection;
use crate::exit::Failure;
use crate::output::Output;
use crate::signals;

/// Polling interval for state that other programs write.
pub const LOOK: Duration = Duration::from_millis(50);

/// Context of a command.
pub struct Session<'a> {
    /// Client whose calls signals cancel.
    pub client: Client,
    /// The same client without cancellation, for work after a signal.
    pub unending: Client,
    pub output: &'a Output,
    /// Name of a command that submits jobs; empty for all others.
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

    /// Looks up a command by its handle or id.
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
