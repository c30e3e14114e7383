//! [`Envelope::digest`]: the content of a command as a short text, by which two of them are compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::text::Invalid;
use super::{Envelope, RunArgs};

/// The start of every digest. Another one means another way of making it.
pub(crate) const DIGEST: &str = "sha256:";

/// What the digest is made of, as JSON without white space, with sorted names. Programs of other versions
/// and in other languages must come to the same text, so it does not depend on how the document on the wire
/// is written: what is empty is left out of `args`, and roles, agents and variables are sorted.
#[derive(serde::Serialize)]
struct Canonical<'a> {
    args: BTreeMap<String, Sorted>,
    cmd: &'a str,
    data: &'a str,
    tags: &'a str,
    targets: Vec<Address>,
}

#[derive(serde::Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    fanout: bool,
    gid: u32,
    nid: u32,
    roles: Vec<String>,
}

/// A value whose names are sorted at every depth, whatever order the maps of `serde_json` keep.
struct Sorted(Value);

impl Envelope {
    /// Digest of target, command, run arguments, data and tags, and not of the id: `sha256:` and 64
    /// hexadecimal digits. Of a command whose content is not known, that of nothing.
    pub(crate) fn digest(&self) -> Result<String, Invalid> {
        let mut hash = Hash(Sha256::new());
        if let Some(sent) = &self.sent {
            let contents = &sent.contents;
            let canonical = Canonical {
                args: canonical_args(&contents.args).map_err(other)?,
                cmd: &contents.cmd,
                data: &contents.data,
                tags: contents.tags.as_deref().unwrap_or_default(),
                targets: self.addresses()?,
            };
            serde_json::to_writer(&mut hash, &canonical).map_err(other)?;
        }
        Ok(hash.in_words())
    }

    fn addresses(&self) -> Result<Vec<Address>, Invalid> {
        let mut addresses = Vec::new();
        self.target.each_address(|address| {
            let mut roles: Vec<String> =
                address.roles.iter().flatten().map(|role| (*role).to_owned()).collect();
            roles.sort_unstable();
            let (gid, nid, fanout) = (address.gid, address.nid, address.fanout);
            addresses.push(Address { fanout, gid, nid, roles });
            Ok(())
        })?;
        addresses.sort_unstable();
        Ok(addresses)
    }
}

/// Digest of a document, in the same form.
pub(crate) fn digest(document: &[u8]) -> String {
    let mut hash = Hash(Sha256::new());
    hash.0.update(document);
    hash.in_words()
}

fn other(error: serde_json::Error) -> Invalid {
    Invalid::Other(error.to_string())
}

fn canonical_args(args: &RunArgs) -> serde_json::Result<BTreeMap<String, Sorted>> {
    let mut args = match serde_json::to_value(args)? {
        Value::Object(args) => args,
        _ => serde_json::Map::new(),
    };
    if let Some(Value::Array(variables)) = args.get_mut("env") {
        // A later variable replaces an earlier one of the same name, so that their order stays.
        variables.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    }
    let is_set = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    };
    let set = args.into_iter().filter(|(_, value)| is_set(value));
    Ok(set.map(|(name, value)| (name, Sorted(value))).collect())
}

fn name_of(variable: &Value) -> &str {
    let text = variable.as_str().unwrap_or_default();
    text.split_once('=').map_or(text, |(name, _)| name)
}

impl Serialize for Sorted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(&self.0, serializer)
    }
}

struct Borrowed<'a>(&'a Value);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        sorted(self.0, serializer)
    }
}

fn sorted<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let mut map = serializer.serialize_map(Some(fields.len()))?;
            for (name, value) in fields {
                map.serialize_entry(name, &Borrowed(value))?;
            }
            map.end()
        }
        Value::Array(items) => {
            let mut list = serializer.serialize_seq(Some(items.len()))?;
            for item in items {
                list.serialize_element(&Borrowed(item))?;
            }
            list.end()
        }
        plain => plain.serialize(serializer),
    }
}

/// Hashes what is written, so that the data of a command is not copied.
struct Hash(Sha256);

impl Hash {
    fn in_words(self) -> String {
        let mut digest = DIGEST.to_owned();
        for byte in self.0.finalize() {
            let _ = write!(digest, "{byte:02x}"); // writing to a String does not fail
        }
        digest
    }
}

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Contents, Target};

    fn digest(target: impl Into<Target>, args: RunArgs, data: &str, tags: Option<&str>) -> String {
        let contents = Contents {
            cmd: "bash".into(),
            args,
            data: data.to_owned(),
            tags: tags.map(str::to_owned),
        };
        Envelope::new("x".into(), target.into(), contents).unwrap().digest().unwrap()
    }

    fn of_target(target: impl Into<Target>) -> String {
        digest(target, RunArgs::new(), "true", None)
    }

    /// Marks of other versions are compared with them. The texts are those of which `sha256sum` gives the same.
    #[test]
    fn digests_never_change() {
        // {"args":{"loglevels":"*"},"cmd":"bash","data":"true","tags":"","targets":[{"fanout":false,"gid":1,"nid":1,"roles":[]}]}
        assert_eq!(
            of_target((1, 1)),
            "sha256:517aaaea8ced7e3e72bb08d8df1b60321462488cfeac4b4a48a774eb0e56b716"
        );
        // {"args":{"env":["A=2","B=1","B=0"],"loglevels":"*","max_time":5},"cmd":"bash","data":"é\n\"","tags":"t","targets":[{"fanout":true,"gid":2,"nid":0,"roles":["a","b"]}]}
        let args = RunArgs::new().env("B", "1").env("A", "2").env("B", "0").max_time(5);
        let target = Target::all().role("b").role("a").grid(2);
        assert_eq!(
            digest(target, args, "é\n\"", Some("t")),
            "sha256:62bdf9c11c0b87d9ba10ae31cb7eb23ce34ebbb582d67791cf00e78765a7ea11"
        );
    }

    #[test]
    fn the_same_content_has_the_same_digest_however_it_was_given() {
        let unknown = |text: &str| serde_json::from_str::<RunArgs>(text).unwrap();
        let args = |args| digest((1, 1), args, "", None);
        for (one, other) in [
            (args(RunArgs::new()), args(RunArgs::new().domain("").max_time(0).loglevels("*"))),
            (
                args(RunArgs::new().env("A", "1").env("B", "2")),
                args(RunArgs::new().env("B", "2").env("A", "1")),
            ),
            (
                args(unknown(r#"{"new":{"b":[{"d":1,"c":2}],"a":1}}"#)),
                args(unknown(r#"{"new":{"a":1,"b":[{"c":2,"d":1}]},"null":null}"#)),
            ),
            (
                of_target(Target::all().role("a").role("b")),
                of_target(Target::all().role("b").role("a")),
            ),
            (of_target(Target::agents([(1, 2)])), of_target((1, 2))),
            (
                of_target(Target::agents([(1, 2), (1, 1)])),
                of_target(Target::agents([(1, 1), (1, 2)])),
            ),
            (of_target((1, 1)), digest((1, 1), RunArgs::new(), "true", Some(""))),
        ] {
            assert_eq!(one, other);
        }
    }

    #[test]
    fn another_content_has_another_digest() {
        let args = |args| digest((1, 1), args, "true", None);
        let digests = [
            of_target((1, 1)),
            of_target((1, 2)),
            of_target((2, 1)),
            of_target(Target::agents([(1, 1), (1, 2)])),
            of_target(Target::all()),
            of_target(Target::any()),
            of_target(Target::all().grid(1)),
            of_target(Target::all().role("a")),
            of_target(Target::any().role("a")),
            digest((1, 1), RunArgs::new(), "true ", None),
            digest((1, 1), RunArgs::new(), "true", Some("t")),
            args(RunArgs::new().loglevels("")),
            args(RunArgs::new().max_time(1)),
            args(RunArgs::new().env("A", "1").env("A", "2")),
            args(RunArgs::new().env("A", "2").env("A", "1")),
            args(RunArgs::new().arg("a").arg("b")),
            args(RunArgs::new().arg("b").arg("a")),
            args(RunArgs::new().arg("ab")),
        ];
        let different: std::collections::BTreeSet<&String> = digests.iter().collect();
        assert_eq!(different.len(), digests.len(), "{digests:#?}");
    }
}
