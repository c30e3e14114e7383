//! A command for the controller.

use serde_json::value::RawValue;

use super::document::document;
use super::text::{Invalid, check_name};
use super::{Field, RunArgs};

/// Longer commands are refused: Redis itself takes up to 512 MiB, but the controller and the
/// agent hold a command several times over.
const MAX_COMMAND: usize = 64 * 1024 * 1024;

/// Refuses at once what cannot fit, before it is looked at byte by byte.
pub(crate) fn check_size(what: &'static str, size: usize) -> Result<(), Invalid> {
    if size > MAX_COMMAND {
        Err(Invalid::TooLong { what, size, limit: MAX_COMMAND })
    } else {
        Ok(())
    }
}

document! {
    /// A command as it stands in the queue, with unknown fields kept.
    pub(crate) struct CommandDocument {
        id: String,
        gid: i64,
        nid: i64,
        tags: String,
        roles: Vec<String>,
        fanout: bool,
        cmd: String,
        args: Box<RawValue>,
        data: String,
    }
}

/// Whom a command is for, in the words of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Address {
    /// 0 = not given.
    pub(crate) gid: u32,
    /// 0 = not given. Never together with roles: the controller would ignore it.
    pub(crate) nid: u32,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) fanout: bool,
}

impl CommandDocument {
    /// A command ready to be sent, or why it is not.
    pub(crate) fn new(
        id: String,
        address: Address,
        cmd: String,
        args: &RunArgs,
        data: String,
        tags: Option<String>,
    ) -> Result<Self, Invalid> {
        let named = [("the id", &*id), ("the command name", &*cmd)];
        for (what, text) in named.into_iter().chain(tags.as_deref().map(|tags| ("the tags", tags)))
        {
            check_name(what, text)?;
        }
        for (what, text) in named {
            if text.is_empty() {
                return Err(Invalid::Empty { what });
            }
        }
        if cmd == "execute" && args.program().is_none_or(str::is_empty) {
            return Err(Invalid::Empty { what: "the program" });
        }
        for role in address.roles.iter().flatten() {
            check_name("a role", role)?;
        }
        args.check()?;
        let args = serde_json::value::to_raw_value(args)
            .map_err(|error| Invalid::Other(error.to_string()))?;
        Ok(CommandDocument {
            id: Field::Value(id),
            gid: Field::Value(address.gid.into()),
            nid: Field::Value(address.nid.into()),
            tags: tags.map_or(Field::Null, Field::Value),
            roles: address.roles.map_or(Field::Null, Field::Value),
            fanout: Field::Value(address.fanout),
            cmd: Field::Value(cmd),
            args: Field::Value(args),
            data: Field::Value(data),
            extra: Vec::new(),
            raw: None,
        })
    }

    /// The bytes that are pushed to the queue.
    pub(crate) fn to_json(&self) -> Result<String, Invalid> {
        let mut json = Vec::with_capacity(256 + self.data.value().map_or(0, String::len));
        self.write_json(&mut json)?;
        // serde_json writes nothing else.
        Ok(String::from_utf8(json).unwrap_or_default())
    }

    /// The same into a buffer that is used again and again.
    pub(crate) fn write_json(&self, into: &mut Vec<u8>) -> Result<(), Invalid> {
        into.clear();
        serde_json::to_writer(&mut *into, self)
            .map_err(|error| Invalid::Other(error.to_string()))?;
        if into.len() > MAX_COMMAND {
            return Err(Invalid::TooLong {
                what: "the command",
                size: into.len(),
                limit: MAX_COMMAND,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_back_with_fields_that_are_unknown() {
        let text =
            r#"{"id":"x","gid":1,"nid":1,"roles":null,"cmd":"ping","args":{"a":1e3},"later":[1]}"#;
        let document = CommandDocument::parse(text.as_bytes()).unwrap();
        assert_eq!(document.cmd.value().map(String::as_str), Some("ping"));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&document.to_json().unwrap()), value(text));
    }

    #[test]
    fn what_would_make_the_controller_exit_is_refused() {
        let address = Address { gid: 1, nid: 1, ..Address::default() };
        let command = |id: &str, cmd: &str, args: &RunArgs, tags: Option<&str>| {
            CommandDocument::new(
                id.into(),
                address.clone(),
                cmd.into(),
                args,
                String::new(),
                tags.map(str::to_owned),
            )
        };
        let args = RunArgs::new();
        assert!(command("id", "ping", &args, Some("t")).is_ok());
        assert!(command("", "ping", &args, None).is_err());
        assert!(command("id", "", &args, None).is_err());
        assert!(command("id", "execute", &args, None).is_err());
        assert!(command("id", "execute", &args.clone().name("true"), None).is_ok());
        assert!(command("i\0d", "ping", &args, None).is_err());
        assert!(command("id", "ping", &args, Some("\0")).is_err());
        assert!(command("id", "ping", &args.clone().arg("\0"), None).is_err());
        let data = "x".repeat(MAX_COMMAND);
        let large =
            CommandDocument::new("id".into(), address, "ping".into(), &args, data, None).unwrap();
        assert!(matches!(large.to_json(), Err(Invalid::TooLong { .. })));
    }
}
