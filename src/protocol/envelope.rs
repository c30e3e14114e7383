//! What is known of one command: its id, its target, and what was sent where that is known.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::command::{CommandDocument, Contents, check_size};
use super::text::{Invalid, WORD, check_name};
use super::{Documents, Target};

/// The start of every handle string: the name and the version of the format.
const PREFIX: &str = "acclient:1:";

/// A command as the layers pass it around. Its `Display` form is the handle string
/// `acclient:1:<id>:<target>`, from which any process finds the command again.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) target: Target,
    /// `None` for a command that is known by its id alone. Shared, since there may be many commands
    /// at a time.
    pub(crate) sent: Option<Arc<Sent>>,
}

/// What was sent, or is about to be.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) contents: Contents,
    /// The document byte for byte, of a command that was found in a history.
    pub(crate) found: Option<Vec<u8>>,
}

impl Envelope {
    /// A command that is known by its id alone.
    pub(crate) fn known(id: String, target: Target) -> Self {
        Envelope { id, target, sent: None }
    }

    /// A command that is about to be sent. Fails for one that controller or agents would not
    /// understand: a malformed command makes the controller exit.
    pub(crate) fn new(id: String, target: Target, contents: Contents) -> Result<Self, Invalid> {
        let mut envelope = Envelope::known(id, target);
        envelope.check_id()?;
        envelope.target.each_address(|_| Ok(()))?;
        check_size("the data", contents.data.len())?;
        contents.check()?;
        envelope.sent = Some(Arc::new(Sent { contents, found: None }));
        Ok(envelope)
    }

    /// A command as it stood in a history.
    pub(crate) fn found(document: CommandDocument, json: Vec<u8>) -> Result<Self, Invalid> {
        let id = document.id.value().cloned().unwrap_or_default();
        let target = Target::of_document(&document)?;
        let sent = Sent { contents: document.into(), found: Some(json) };
        Ok(Envelope { id, target, sent: Some(Arc::new(sent)) })
    }

    /// Writes the documents that are pushed to the queue, in place of others: one, or one for each agent
    /// of a list. Writes none for a command of which nothing but the id is known.
    pub(crate) fn write(&self, into: &mut Documents) -> Result<(), Invalid> {
        into.clear();
        let Some(sent) = &self.sent else { return Ok(()) };
        self.target.each_address(|address| into.write(&sent.contents, &self.id, address))
    }

    pub(crate) fn documents(&self) -> Result<Documents, Invalid> {
        let mut documents = Documents::default();
        self.write(&mut documents)?;
        Ok(documents)
    }

    /// The documents that were pushed to the queue, where they are known.
    pub(crate) fn pushed(&self) -> Option<Documents> {
        match &self.sent.as_ref()?.found {
            Some(found) => Some(Documents::one(found.clone())),
            // They were written once already, in order to be sent.
            None => self.documents().ok(),
        }
    }

    /// A recurring command has no result until it is killed.
    pub(crate) fn is_recurring(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.contents.args.is_recurring())
    }

    /// Fails for an id that no command can have, for whose result a wait would be in vain.
    pub(crate) fn check_id(&self) -> Result<(), Invalid> {
        if self.id.is_empty() {
            return Err(Invalid::Empty { what: "the id" });
        }
        check_name("the id", &self.id)
    }

    /// How error messages describe the command.
    pub(crate) fn in_words(&self) -> String {
        match &self.sent {
            Some(sent) => sent.contents.in_words(&self.target),
            None if self.target == Target::unknown() => format!("command {}", self.id),
            None => format!("command {} on {}", self.id, self.target.in_words()),
        }
    }
}

impl AsRef<Envelope> for Envelope {
    fn as_ref(&self) -> &Envelope {
        self
    }
}

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:{}", utf8_percent_encode(&self.id, WORD), self.target)
    }
}

impl FromStr for Envelope {
    type Err = Invalid;

    fn from_str(printed: &str) -> Result<Self, Invalid> {
        let wrong = |what: &str| {
            Invalid::Other(format!(
                "invalid command handle: {what}; expected acclient:1:<id>:<target>"
            ))
        };
        let rest = printed
            .strip_prefix(PREFIX)
            .ok_or_else(|| wrong("it does not begin with acclient:1:"))?;
        let (id, target) = rest.split_once(':').ok_or_else(|| wrong("no target"))?;
        let is_hex = |text: &str| text.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !id.split('%').skip(1).all(is_hex) {
            return Err(wrong("invalid escape in the id"));
        }
        let id = percent_decode_str(id).decode_utf8().map_err(|_| wrong("the id is not UTF-8"))?;
        let target = Target::of_handle(target).map_err(|error| wrong(&error.to_string()))?;
        let envelope = Envelope::known(id.into_owned(), target);
        envelope.check_id().map_err(|_| wrong("the id is empty or holds a NUL"))?;
        Ok(envelope)
    }
}
