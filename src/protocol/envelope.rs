//! What is known of one command: its id, its target, and what was sent where that is known.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::command::{CommandDocument, Contents, check_size};
use super::text::{Invalid, WORD, check_name};
use super::{Before, Documents, RunArgs, Target};

/// The start of every handle string: the name and the version of the format.
const PREFIX: &str = "acclient:1:";

/// What stands between the target and the queue in a handle string. No target contains it.
const QUEUE: &str = ":queue=";
/// The queue of a handle string of which it is not known. No queue is printed like this.
const UNKNOWN: &str = "@unknown";

/// The queue of an agent that a command runs in, the run argument `queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AgentQueue {
    /// What was sent is not known.
    Unknown,
    /// The command runs at once.
    None,
    Named(String),
}

impl AgentQueue {
    fn of(args: &RunArgs) -> Self {
        args.queue_name().map_or(AgentQueue::None, |name| AgentQueue::Named(name.to_owned()))
    }
}

/// A command as the layers pass it around. Its `Display` form is the handle string
/// `acclient:1:<id>:<target>`, from which any process finds the command again. The queue follows where
/// there is one.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) target: Target,
    pub(crate) queue: AgentQueue,
    /// `None` for a command that is known by its id alone. Shared, since there may be many commands
    /// at a time.
    pub(crate) sent: Option<Arc<Sent>>,
    /// What Redis held of the id before, once that is read; `None` for an id that is known to be new, and where
    /// another program has sent the command.
    pub(crate) before: Option<Arc<OnceLock<Before>>>,
}

/// What was sent, or is about to be.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) contents: Contents,
    /// The document byte for byte, of a command that was found in a history.
    pub(crate) found: Option<Vec<u8>>,
    /// The run of the server that has confirmed it, where that is known.
    run: OnceLock<Arc<str>>,
    /// Set once it was taken back whole.
    taken_back: OnceLock<()>,
}

impl Sent {
    fn new(contents: Contents, found: Option<Vec<u8>>) -> Arc<Self> {
        Arc::new(Sent { contents, found, run: OnceLock::new(), taken_back: OnceLock::new() })
    }

    /// Whether a server has confirmed it that ran before this one, or beside it.
    pub(crate) fn is_of_another_run(&self, run: &str) -> bool {
        self.run.get().is_some_and(|confirmed_by| **confirmed_by != *run)
    }

    /// Whether a job waits behind others on its agent.
    pub(crate) fn has_queue(&self) -> bool {
        self.contents.args.queue_name().is_some()
    }
}

impl Envelope {
    /// A command that is known by its id alone.
    pub(crate) fn known(id: String, target: Target) -> Self {
        Envelope { id, target, queue: AgentQueue::Unknown, sent: None, before: None }
    }

    /// A command that is about to be sent. Fails for one that controller or agents would not
    /// understand: a malformed command makes the controller exit.
    pub(crate) fn new(id: String, target: Target, contents: Contents) -> Result<Self, Invalid> {
        let mut envelope = Envelope::known(id, target);
        envelope.check_id()?;
        envelope.target.each_address(|_| Ok(()))?;
        check_size("the data", contents.data.len())?;
        contents.check()?;
        envelope.queue = AgentQueue::of(&contents.args);
        envelope.sent = Some(Sent::new(contents, None));
        Ok(envelope)
    }

    /// The same where the caller has chosen the id, which may have been used before.
    pub(crate) fn with_chosen_id(self) -> Self {
        Envelope { before: Some(Arc::default()), ..self }
    }

    /// Takes note of the run of the server that has confirmed it.
    pub(crate) fn confirmed_by(&self, run: Option<&Arc<str>>) {
        if let (Some(sent), Some(run)) = (&self.sent, run) {
            let _ = sent.run.set(run.clone());
        }
    }

    /// Takes note that it was taken back, so that it never runs.
    pub(crate) fn was_taken_back(&self) {
        if let Some(sent) = &self.sent {
            let _ = sent.taken_back.set(());
        }
    }

    /// Whether this program has taken it back.
    pub(crate) fn is_taken_back(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.taken_back.get().is_some())
    }

    /// The same where it is known what the id held before.
    pub(crate) fn after(self, before: Before) -> Self {
        match before.is_empty() {
            true => self,
            false => Envelope { before: Some(Arc::new(OnceLock::from(before))), ..self },
        }
    }

    /// What the id held when the command was pushed, if there was anything.
    pub(crate) fn before(&self) -> Option<&Before> {
        self.before.as_ref()?.get().filter(|before| !before.is_empty())
    }

    /// A command as it stood in a history.
    pub(crate) fn found(document: CommandDocument, json: Vec<u8>) -> Self {
        let id = document.id.value().cloned().unwrap_or_default();
        let target = Target::of_document(&document);
        let sent = Sent::new(document.into(), Some(json));
        let queue = AgentQueue::of(&sent.contents.args);
        Envelope { id, target, queue, sent: Some(sent), before: None }
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

    /// Whether the agent may run it again after it ended, by itself or by its limit; `None` where what was
    /// sent is not known.
    pub(crate) fn repeats(&self) -> Option<bool> {
        self.sent.as_ref().map(|sent| sent.contents.args.repeats())
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
        write!(f, "{PREFIX}{}:{}", utf8_percent_encode(&self.id, WORD), self.target)?;
        match &self.queue {
            AgentQueue::Named(name) => write!(f, "{QUEUE}{}", utf8_percent_encode(name, WORD)),
            // Who does not know the target knows no queue either.
            AgentQueue::Unknown if self.target != Target::unknown() => {
                write!(f, "{QUEUE}{UNKNOWN}")
            }
            AgentQueue::Unknown | AgentQueue::None => Ok(()),
        }
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
        let (target, queue) = match target.split_once(QUEUE) {
            Some((target, queue)) => (target, Some(queue)),
            None => (target, None),
        };
        let id = decoded(id).ok_or_else(|| wrong("invalid escape in the id"))?;
        let target = Target::of_handle(target).map_err(|error| wrong(&error.to_string()))?;
        let mut envelope = Envelope::known(id, target);
        envelope.queue = match queue {
            Some(UNKNOWN) => AgentQueue::Unknown,
            None if envelope.target == Target::unknown() => AgentQueue::Unknown,
            None | Some("") => AgentQueue::None,
            Some(name) => AgentQueue::Named(
                decoded(name).ok_or_else(|| wrong("invalid escape in the queue"))?,
            ),
        };
        envelope.check_id().map_err(|_| wrong("the id is empty or holds a NUL"))?;
        Ok(envelope)
    }
}

/// `%xx` decoded; `None` for an escape that is none, and for what is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let is_hex = |text: &str| text.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_hex) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_string_carries_the_queue() {
        let sent = |args| {
            let contents = Contents { args, ..Contents::of("ping", "") };
            Envelope::new("x".into(), Target::agent((1, 1)), contents).unwrap()
        };
        for (args, printed, queue) in [
            (RunArgs::new(), "acclient:1:x:1:1", AgentQueue::None),
            (RunArgs::new().queue(""), "acclient:1:x:1:1", AgentQueue::None),
            (RunArgs::new().queue("a"), "acclient:1:x:1:1:queue=a", AgentQueue::Named("a".into())),
            (
                RunArgs::new().queue("?:q"),
                "acclient:1:x:1:1:queue=%3F%3Aq",
                AgentQueue::Named("?:q".into()),
            ),
        ] {
            assert_eq!(sent(args).to_string(), printed);
            let read: Envelope = printed.parse().unwrap();
            assert_eq!((read.target, read.queue), (Target::agent((1, 1)), queue));
        }
        let unknown = Envelope::known("x".into(), Target::agent((1, 1)));
        assert_eq!(unknown.to_string(), "acclient:1:x:1:1:queue=@unknown");
        for printed in ["acclient:1:x:1:1:queue=@unknown", "acclient:1:x:unknown"] {
            assert_eq!(printed.parse::<Envelope>().unwrap().queue, AgentQueue::Unknown);
        }
        assert!("acclient:1:x:1:1:queue=%f".parse::<Envelope>().is_err());
    }
}
