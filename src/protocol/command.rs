//! A command for the controller.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::controller_data::check_data;
use super::document::document;
use super::json_text;
use super::text::{Invalid, check_name};
use super::{AgentId, Field, RunArgs, Target, Text};

/// Size limit of a command. Redis itself takes up to 512 MiB, but the controller and the agent hold several
/// copies.
const MAX_COMMAND: usize = 64 * 1024 * 1024;

/// Rejects what cannot fit before it is processed byte by byte.
pub(crate) fn check_size(what: &'static str, size: usize) -> Result<(), Invalid> {
    check_limit(what, size, MAX_COMMAND)
}

fn check_limit(what: &'static str, size: usize, limit: usize) -> Result<(), Invalid> {
    if size > limit { Err(Invalid::TooLong { what, size, limit }) } else { Ok(()) }
}

document! {
    /// A command as it stands in the queue or in a history.
    pub(crate) struct CommandDocument {
        id: String,
        gid: i64,
        nid: i64,
        tags: String,
        roles: Vec<String>,
        fanout: bool,
        cmd: String,
        args: Box<RawValue>,
        data: Text,
    }
}

impl CommandDocument {
    /// The agent, of a command for one.
    pub(crate) fn agent(&self) -> Option<AgentId> {
        let number = |field: &Field<i64>| u32::try_from(*field.value()?).ok();
        let agent = AgentId { gid: number(&self.gid)?, nid: number(&self.nid)? };
        agent.is_real().then_some(agent)
    }
}

/// Whom a command is for, in the words of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address<'a> {
    /// 0 = not given.
    pub(crate) gid: u32,
    /// 0 = not given. Never together with roles: the controller would ignore it.
    pub(crate) nid: u32,
    pub(crate) roles: Option<Vec<&'a str>>,
    pub(crate) fanout: bool,
}

/// Contents of a command, without id and target.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) cmd: Cow<'static, str>,
    pub(crate) args: RunArgs,
    pub(crate) data: String,
    pub(crate) tags: Option<String>,
}

impl Contents {
    /// Checks that controller and agents understand the contents.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        check_name("the command name", &self.cmd)?;
        check_name("the tags", self.tags.as_deref().unwrap_or_default())?;
        if self.cmd.is_empty() {
            return Err(Invalid::Empty { what: "the command name" });
        }
        if self.cmd == "execute" {
            let program = self.args.program().unwrap_or_default();
            check_name("the program", program)?;
            if program.is_empty() {
                return Err(Invalid::Empty { what: "the program" });
            }
        }
        self.args.check()?;
        check_data(&self.cmd, self.args.program().unwrap_or_default(), &self.data)
    }

    /// How error messages describe a command of these contents.
    pub(crate) fn in_words(&self, target: &Target) -> String {
        in_words(&self.cmd, &self.args, target)
    }

    /// A builtin command of agents that is about one of their jobs.
    pub(crate) fn about_job(cmd: &'static str, id: &str) -> Self {
        Contents::of(cmd, serde_json::json!({ "id": id }).to_string())
    }

    /// Contents without run arguments, as the builtin commands of agents take them.
    pub(crate) fn of(cmd: &'static str, data: impl Into<String>) -> Self {
        Contents { cmd: cmd.into(), args: RunArgs::new(), data: data.into(), tags: None }
    }

    /// A command that the controller itself answers.
    pub(crate) fn of_controller(name: &str, data: impl Into<String>) -> Self {
        Contents { args: RunArgs::new().name(name), ..Contents::of("controller", data) }
    }

    /// Appends the document that is pushed to the queue.
    pub(crate) fn write_json(
        &self,
        id: &str,
        address: &Address<'_>,
        into: &mut Vec<u8>,
    ) -> Result<(), Invalid> {
        self.write_within(MAX_COMMAND, id, address, into)
    }

    fn write_within(
        &self,
        limit: usize,
        id: &str,
        address: &Address<'_>,
        into: &mut Vec<u8>,
    ) -> Result<(), Invalid> {
        let start = into.len();
        into.reserve(256 + self.data.len());
        // Field by field: a derived serializer takes twice the instructions.
        let mut digits = itoa::Buffer::new();
        into.extend_from_slice(b"{\"id\":");
        json_text::write(into, id);
        into.extend_from_slice(b",\"gid\":");
        into.extend_from_slice(digits.format(address.gid).as_bytes());
        into.extend_from_slice(b",\"nid\":");
        into.extend_from_slice(digits.format(address.nid).as_bytes());
        into.extend_from_slice(b",\"tags\":");
        match &self.tags {
            Some(tags) => json_text::write(into, tags),
            None => into.extend_from_slice(b"null"),
        }
        into.extend_from_slice(b",\"roles\":");
        write_json(into, &address.roles)?;
        into.extend_from_slice(b",\"fanout\":");
        into.extend_from_slice(if address.fanout { b"true" } else { b"false" });
        into.extend_from_slice(b",\"cmd\":");
        json_text::write(into, &self.cmd);
        into.extend_from_slice(b",\"args\":");
        write_json(into, &self.args)?;
        into.extend_from_slice(b",\"data\":");
        json_text::write(into, &self.data);
        into.push(b'}');
        check_limit("the command", into.len() - start, limit)
    }
}

fn write_json(into: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Invalid> {
    serde_json::to_writer(into, value).map_err(|error| Invalid::Other(error.to_string()))
}

/// How error messages describe a command.
pub(crate) fn in_words(cmd: &str, args: &RunArgs, target: &Target) -> String {
    match args.program() {
        Some(question) if cmd == "controller" => format!("{question} of the controller"),
        Some(program) => format!("{cmd} {program} on {}", target.in_words()),
        None => format!("{cmd} on {}", target.in_words()),
    }
}

impl From<CommandDocument> for Contents {
    /// What is absent is empty here, as it is to the controller.
    fn from(document: CommandDocument) -> Self {
        let text = |field: Field<String>| field.into_value();
        Contents {
            cmd: text(document.cmd).unwrap_or_default().into(),
            args: RunArgs::read(document.args.value().map(|args| &**args)),
            data: document.data.into_value().unwrap_or_default().0,
            tags: text(document.tags),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(cmd: &'static str, args: &RunArgs) -> Contents {
        Contents { cmd: cmd.into(), args: args.clone(), data: String::new(), tags: None }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let args = RunArgs::new().name("true").loglevels("");
        let sent = Contents { data: "é\n\0".into(), ..contents("execute", &args) };
        let address = Address { gid: 2, roles: Some(vec!["a", "*"]), ..Address::default() };
        let mut json = Vec::new();
        sent.write_json("i", &address, &mut json).unwrap();
        let document = CommandDocument::parse(&json).unwrap();
        assert_eq!(document.id.value().map(String::as_str), Some("i"));
        assert_eq!((document.gid.value(), document.nid.value()), (Some(&2), Some(&0)));
        assert_eq!(document.roles.value(), Some(&vec!["a".to_owned(), "*".to_owned()]));
        let read = Contents::from(document);
        assert_eq!((read.cmd, read.args, read.data), (sent.cmd, sent.args, sent.data));
        assert_eq!(read.tags, None);
    }

    #[test]
    fn what_would_make_the_controller_exit_is_refused() {
        let args = RunArgs::new();
        assert!(contents("ping", &args).check().is_ok());
        assert!(contents("", &args).check().is_err());
        assert!(contents("p\0ng", &args).check().is_err());
        assert!(contents("execute", &args).check().is_err());
        assert!(contents("execute", &args.clone().name("true")).check().is_ok());
        assert!(contents("ping", &args.clone().arg("\0")).check().is_err());
        let tagged = |tags: &str| Contents { tags: Some(tags.into()), ..contents("ping", &args) };
        assert!(tagged("t").check().is_ok() && tagged("\0").check().is_err());
    }

    #[test]
    fn the_limit_is_for_what_is_pushed() {
        let contents = Contents { data: "\n".repeat(1000), ..contents("ping", &RunArgs::new()) };
        let mut json = Vec::new();
        contents.write_json("id", &Address::default(), &mut json).unwrap();
        let size = json.len();
        assert!(size > 2000, "a newline takes two bytes");
        let mut within = |limit| contents.write_within(limit, "id", &Address::default(), &mut json);
        assert!(within(size).is_ok());
        assert!(matches!(within(size - 1), Err(Invalid::TooLong { .. })));
        assert!(check_size("the data", MAX_COMMAND).is_ok());
        assert!(check_size("the data", MAX_COMMAND + 1).is_err());
    }
}
