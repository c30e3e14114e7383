//! Named instances: connection settings of grids, from a configuration file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tables::{self, Tables};
use super::{Client, ClientBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{Groups, is_group_name};

/// Environment variable with the path of the instances file.
const VARIABLE: &str = "ACCLIENT_CONFIG";
const FILE: &str = "acclient/instances.toml";
/// Subtable of an instance that holds its groups.
const GROUPS: &str = "groups";

/// One table of the file: either a URL, or the parts of an address.
#[derive(Default)]
struct Instance {
    url: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    unix_socket: Option<PathBuf>,
    user: Option<String>,
    password: Option<String>,
    db: Option<u32>,
    tls: Option<bool>,
    tls_ca_file: Option<PathBuf>,
    tls_cert_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    tls_insecure: Option<bool>,
    /// Seconds.
    timeout: Option<f64>,
    max_connections: Option<usize>,
}

/// The keys of a table, in the order of [`Instance`], and its groups.
const KEYS: [&str; 15] = [
    "url",
    "host",
    "port",
    "unix_socket",
    "user",
    "password",
    "db",
    "tls",
    "tls_ca_file",
    "tls_cert_file",
    "tls_key_file",
    "tls_insecure",
    "timeout",
    "max_connections",
    GROUPS,
];

pub(crate) fn builder(name: &str) -> Result<ClientBuilder> {
    let path = file()?;
    from_file(&path, name)
        .map_err(|error| error.asked(|| format!("instance {name:?} of {}", path.display())))
}

/// `$ACCLIENT_CONFIG`, else `acclient/instances.toml` in the XDG configuration directory.
fn file() -> Result<PathBuf> {
    let set = |variable: &str| {
        std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    };
    if let Some(path) = set(VARIABLE) {
        return Ok(path);
    }
    set("XDG_CONFIG_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|directory| directory.join(FILE))
        .ok_or_else(|| {
            Error::invalid(format!(
                "no file of instances: neither {VARIABLE}, XDG_CONFIG_HOME nor HOME is set"
            ))
        })
}

fn from_file(path: &Path, name: &str) -> Result<ClientBuilder> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::System, format!("cannot read the file: {error}")))?;
    from_text(&text, name)
}

/// Reads the instance `name`. Errors in other tables of the file do not matter.
///
/// A line may contain a password, so errors quote neither lines nor messages of the parser, which may quote a
/// line. They give the position and the valid keys.
pub(crate) fn from_text(text: &str, name: &str) -> Result<ClientBuilder> {
    let found = tables::read(text, |tables| {
        let mut known = Vec::new();
        let mut stray = None;
        for (table, value) in tables.iter() {
            match value.as_table() {
                Some(keys) if *table.get_ref() == name => {
                    return match tables.faults(name, None).min() {
                        Some(at) => Err(not_toml(text, at)),
                        None => read(text, name, keys, tables),
                    };
                }
                Some(_) => known.push(&**table.get_ref()),
                None => stray = stray.or(Some(table.span().start)),
            }
        }
        let mut hints = match known.as_slice() {
            [] => "it has none".to_owned(),
            known => format!("the file has: {}", known.join(", ")),
        };
        if let Some(at) = stray {
            let at = place(text, at);
            hints += &format!(
                "; {at}: a key outside of a table; expected a table with the name of an instance, like [main]"
            );
        }
        if let Some(at) = tables.first_fault() {
            hints += &format!("; {}", where_not_toml(text, at));
        }
        Err(Error::invalid(format!("no such instance; {hints}")))
    });
    found.unwrap_or_else(|at| Err(not_toml(text, at)))
}

fn read(text: &str, name: &str, keys: &DeTable<'_>, tables: &Tables<'_>) -> Result<ClientBuilder> {
    let mut builder = Instance::read(text, name, keys)?.into_builder()?;
    if let Some((key, value)) = keys.get_key_value(GROUPS) {
        let entry = Entry { text, name, key: GROUPS, value };
        builder.groups = groups(&entry, key.span().start, tables)?;
    }
    Ok(builder)
}

/// Reads the groups of an instance. An invalid group does not affect the others.
fn groups(entry: &Entry<'_>, header: usize, tables: &Tables<'_>) -> Result<Groups> {
    let Entry { text, name, .. } = *entry;
    let Some(table) = entry.value.get_ref().as_table() else {
        return Err(entry.wrong("expected a table of targets in quotes"));
    };
    let mut groups = Groups::default();
    for (key, value) in table {
        let group: &str = key.get_ref();
        let at = place(text, value.span().start);
        match value.get_ref().as_str() {
            _ if !is_group_name(group) => {
                let why = "invalid name: expected letters, digits, \"-\", \"_\" and \".\", a letter first";
                groups.broken.insert(group.to_owned(), format!("{at}: {why}"));
            }
            Some(target) => _ = groups.texts.insert(group.to_owned(), target.to_owned()),
            None => {
                let why = format!("{at}: expected a target in quotes");
                groups.broken.insert(group.to_owned(), why);
            }
        }
    }
    for at in tables.faults(name, Some(GROUPS)) {
        let why = where_not_toml(text, at);
        if at == header {
            let why = format!("{}: [{name}.{GROUPS}] is there twice", place(text, at));
            let all = std::mem::take(&mut groups.texts).into_keys();
            groups.broken.extend(all.map(|group| (group, why.clone())));
            continue;
        }
        let word = text[tables::line(text, at)].trim_start();
        let end = word.find(|letter: char| letter == '=' || letter.is_whitespace());
        let word = &word[..end.unwrap_or(word.len())];
        let before = table.keys().filter(|key| key.span().start <= at);
        let before = before.max_by_key(|key| key.span().start).map(|key| &**key.get_ref());
        // A value may span lines, in which case the first word of a line is not a key.
        let group = Some(word).filter(|word| is_group_name(word)).or(before).unwrap_or_default();
        groups.texts.remove(group);
        groups.broken.insert(group.to_owned(), why);
    }
    Ok(groups)
}

fn not_toml(text: &str, at: usize) -> Error {
    Error::invalid(where_not_toml(text, at))
}

fn where_not_toml(text: &str, at: usize) -> String {
    format!("{}: not TOML{}", place(text, at), surroundings(text, at))
}

/// Line and column, counted from 1.
fn place(text: &str, at: usize) -> String {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    format!("line {line}, column {column}")
}

/// The table and key around a syntax error, as far as they are safe to quote.
fn surroundings(text: &str, at: usize) -> String {
    let start =
        text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let is_bare = |name: &&str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !name.is_empty() && name.bytes().all(is_allowed)
    };
    let header = |line: &'_ str| -> Option<String> {
        let name = line.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
        Some(name).filter(is_bare).map(|name| format!(", in [{name}]"))
    };
    let table = text.get(..start).unwrap_or_default().lines().rev().find_map(header);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let key = KEYS.iter().find(|known| **known == key).map(|key| format!(", at the key {key}"));
    table.unwrap_or_default() + &key.unwrap_or_default()
}

/// A value of a table, with its position.
struct Entry<'a> {
    text: &'a str,
    name: &'a str,
    key: &'a str,
    value: &'a Spanned<DeValue<'a>>,
}

impl Entry<'_> {
    fn wrong(&self, what: &str) -> Error {
        let at = place(self.text, self.value.span().start);
        Error::invalid(format!("{at}: {} of instance {:?}: {what}", self.key, self.name))
    }

    fn text<T: From<String>>(&self) -> Result<Option<T>> {
        match self.value.get_ref().as_str() {
            Some(text) => Ok(Some(text.to_owned().into())),
            None => Err(self.wrong("expected a string in quotes")),
        }
    }

    fn flag(&self) -> Result<Option<bool>> {
        let flag = self.value.get_ref().as_bool();
        flag.map(Some).ok_or_else(|| self.wrong("expected true or false"))
    }

    fn number<T: TryFrom<u64>>(&self) -> Result<Option<T>> {
        let number = self.value.get_ref().as_integer();
        let number = number.and_then(|it| u64::from_str_radix(it.as_str(), it.radix()).ok());
        let number = number.and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| self.wrong("expected a whole number in range"))
    }

    fn seconds(&self) -> Result<Option<f64>> {
        let value = self.value.get_ref();
        let whole =
            value.as_integer().and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
        let real = value.as_float().and_then(|it| it.as_str().parse::<f64>().ok());
        let seconds = real.or(whole.map(|whole| whole as f64));
        let is_time = |seconds: &f64| Duration::try_from_secs_f64(*seconds).is_ok();
        seconds.filter(is_time).map(Some).ok_or_else(|| self.wrong("expected seconds, like 2.5"))
    }
}

impl Instance {
    fn read<'a>(text: &'a str, name: &'a str, keys: &'a DeTable<'a>) -> Result<Self> {
        let mut read = Instance::default();
        for (key, value) in keys {
            let entry = Entry { text, name, key: key.get_ref(), value };
            match entry.key {
                "url" => read.url = entry.text()?,
                "host" => read.host = entry.text()?,
                "port" => read.port = entry.number()?,
                "unix_socket" => read.unix_socket = entry.text()?,
                "user" => read.user = entry.text()?,
                "password" => read.password = entry.text()?,
                "db" => read.db = entry.number()?,
                "tls" => read.tls = entry.flag()?,
                "tls_ca_file" => read.tls_ca_file = entry.text()?,
                "tls_cert_file" => read.tls_cert_file = entry.text()?,
                "tls_key_file" => read.tls_key_file = entry.text()?,
                "tls_insecure" => read.tls_insecure = entry.flag()?,
                "timeout" => read.timeout = entry.seconds()?,
                "max_connections" => read.max_connections = entry.number()?,
                GROUPS => {} // read by themselves
                _ => {
                    let (at, key) = (place(text, key.span().start), entry.key);
                    let keys = KEYS.join(", ");
                    return Err(Error::invalid(format!(
                        "{at}: unknown key {key:?} of instance {name:?}: expected one of {keys}"
                    )));
                }
            }
        }
        Ok(read)
    }
}

impl Instance {
    fn into_builder(self) -> Result<ClientBuilder> {
        let mut builder = Client::builder();
        if let Some(url) = &self.url {
            if self.host.is_some() || self.unix_socket.is_some() || self.port.is_some() {
                return Err(Error::invalid(
                    "expected either url, or host and port, or unix_socket",
                ));
            }
            builder = builder.url(url)?;
        }
        if self.unix_socket.is_some() && (self.host.is_some() || self.port.is_some()) {
            return Err(Error::invalid("expected either url, or host and port, or unix_socket"));
        }
        if let Some(host) = self.host {
            builder = builder.host(host);
        }
        if let Some(port) = self.port {
            builder = builder.port(port);
        }
        if let Some(path) = self.unix_socket {
            builder = builder.unix_socket(path);
        }
        if let Some(user) = self.user {
            builder = builder.user(user);
        }
        if let Some(password) = self.password {
            builder = builder.password(password);
        }
        if let Some(db) = self.db {
            builder = builder.db(db);
        }
        if self.tls == Some(true) {
            builder = builder.tls();
        }
        if let Some(path) = self.tls_ca_file {
            builder = builder.tls_ca_file(path);
        }
        builder = match (self.tls_cert_file, self.tls_key_file) {
            (Some(certificates), Some(key)) => builder.tls_client_cert(certificates, key),
            (None, None) => builder,
            _ => return Err(Error::invalid("tls_cert_file and tls_key_file go together")),
        };
        if self.tls_insecure == Some(true) {
            builder = builder.tls_insecure();
        }
        if let Some(seconds) = self.timeout {
            builder = builder.timeout(Duration::from_secs_f64(seconds));
        }
        if let Some(max) = self.max_connections {
            builder = builder.max_connections(max);
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> Result<ClientBuilder> {
        let unique = crate::engine::ids::new_id().unwrap();
        let path = std::env::temp_dir().join(format!("acclient-{unique}.toml"));
        std::fs::write(&path, text).unwrap();
        let builder = from_file(&path, name);
        std::fs::remove_file(&path).unwrap();
        builder
    }

    #[test]
    fn instances_are_read() {
        let text = "[main]\nurl = \"redis://h:1/2\"\n[test]\nhost = \"t\"\nport = 7\npassword = \"p\"\ntimeout = 2.5\n";
        let main = format!("{:?}", read(text, "main").unwrap());
        assert!(main.contains("port: 1") && main.contains("db: 2"), "{main}");
        let test = format!("{:?}", read(text, "test").unwrap());
        assert!(
            test.contains("port: 7") && test.contains("2.5s") && test.contains("***"),
            "{test}"
        );
    }

    #[test]
    fn a_wrong_file_is_explained_without_its_text() {
        for (text, words) in [
            ("[main]\nurl = \"redis://h\"\n", "the file has: main"),
            (
                "[x]\npassword = sesame\n",
                "line 2, column 12: not TOML, in [x], at the key password",
            ),
            (
                "[x]\npassword = 4711\n",
                "line 2, column 12: password of instance \"x\": expected a string",
            ),
            ("[x]\npassword = \"sesame\nport = 1\n", "line 2"),
            ("[x]\npassword = \"se\\qsame\"\n", "at the key password"),
            ("[x]\npassword = 'sesame\n", "at the key password"),
            ("[x]\npassword = \"\"\"sesame\n", "not TOML, in [x]"),
            ("[x]\npassword \"sesame\"\n", "line 2, column"),
            ("[x]\nsesame\n", "in [x]"),
            ("[x]\n\"sesame\n", "in [x]"),
            ("[sesame\n", "line 1"),
            ("[x]\npassword = \"sesame\" \"sesame\"\n", "at the key password"),
            ("[x]\npassword = \"a\"\npassword = \"sesame\"\n", "line 3"),
            ("[x]\npassword = \"sesame\"\nport = \"a\"\n", "line 3, column 8: port of"),
            ("password = \"sesame\"\n", "line 1, column 1: a key outside of a table"),
            ("[x]\npassword = [\"sesame\"]\n", "line 2"),
            ("[x]\npassword.sesame = 1\n", "password of instance"),
            ("[x]\npassword = 1979-05-27T07:32:00Z\n", "password of instance"),
            ("[x]\ndb = \"sesame\"\n", "line 2, column 6: db of"),
            ("[x]\ndb = -1\n", "in range"),
            ("[x]\nport = 65536\n", "in range"),
            (
                "[x]\npasword = \"sesame\"\n",
                "line 2, column 1: unknown key \"pasword\" of instance \"x\"",
            ),
            ("[x]\nurl = \"redis://:sesame@h\"\nport = 1\n", "either url"),
            ("[x]\nurl = \"http://:sesame@h\"\n", "scheme"),
            ("[x]\ntimeout = -1.0\n", "timeout of"),
            ("[x]\ntimeout = nan\n", "timeout of"),
            ("[x]\ntls = \"yes\"\n", "true or false"),
            ("[x]\ntls_cert_file = \"c\"\n", "go together"),
        ] {
            let error = read(text, "x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            let error = error.to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("sesame") && !error.contains("4711"), "{error}");
        }
    }

    #[test]
    fn numbers_and_times_have_the_forms_of_toml() {
        let text = "[x]\nhost = \"h\"\nport = 0x1_0\ndb = 1_0\ntimeout = 3\n";
        let printed = format!("{:?}", read(text, "x").unwrap());
        for part in ["port: 16", "db: 10", "3s"] {
            assert!(printed.contains(part), "{printed}");
        }
    }

    #[test]
    fn a_wrong_table_breaks_no_other_instance() {
        for wrong in [
            "[other]\nport = \"a\"\n",
            "[other]\nlater = 1\n",
            "[other.x]\nurl = 1\n",
            "[other]\nurl = redis://x\nport = 7\n",
            "[other]\nurl\n",
            "[other]\nport 7\npassword \"sesame\"\n",
            "[other]\n\"x\n",
            "[other]\nhost = \"h\" junk\n",
            "[other]\npassword = \"x\nport = 1\n",
            "[other]\npassword = 'x\n",
            "[other]\nhost = \"a\"\nhost = \"b\"\n",
            "[other]\nhost = \"a\"\n[other]\nhost = \"b\"\n",
            "[other]\nhost = \"a\"\n[more]\nhost = \"m\"\n[other]\ntls = tru\n",
            "[[other]]\nhost = 1\n",
            "[other]\n[other.groups]\nweb = 1:1\n",
            "[other.groups]\nweb\n",
            "[other]\nx = 1\r\ry = 2\n",
            "[other]\nx = 1 # \u{1}\n",
            "[ö]\nhost = \"h\"\n",
        ] {
            for text in [
                format!("stray = 1\n[main]\nhost = \"h\"\ntimeout = 7\n{wrong}"),
                format!("{wrong}[main]\nhost = \"h\"\ntimeout = 7\n"),
            ] {
                let read = read(&text, "main").unwrap_or_else(|error| panic!("{text}: {error}"));
                assert!(format!("{read:?}").contains("7s"), "{text}");
            }
            if !wrong.contains("groups") {
                assert!(
                    read(&format!("{wrong}[main]\nhost = \"h\"\n"), "other").is_err(),
                    "{wrong}"
                );
            }
        }
    }

    #[test]
    fn a_wrong_header_breaks_the_file() {
        for wrong in ["[other\n", "[other] junk\n", "[]\n", "[other]\nx = [1,\n"] {
            let text = format!("{wrong}[main]\nhost = \"h\"\n");
            let error = read(&text, "main").unwrap_err().to_string();
            assert!(error.contains("not TOML"), "{text}: {error}");
        }
    }

    #[test]
    fn a_fault_that_hides_an_instance_is_told() {
        let text = "[other]\npassword = \"\"\"sesame\n[main]\nhost = \"h\"\n";
        let error = read(text, "main").unwrap_err().to_string();
        assert!(error.contains("the file has: other; line 5, column 1: not TOML"), "{error}");
        // A header inside a multi-line string is not a header.
        let text = "[main]\nhost = \"\"\"\n[other]\n\"\"\"\ntls = tru\n[other]\nhost = \"h\"\n";
        let error = read(text, "main").unwrap_err().to_string();
        assert!(error.contains("line 5, column 7: not TOML"), "{error}");
        read(text, "other").unwrap();
    }

    #[test]
    fn a_wrong_group_breaks_no_other_group() {
        let text = "[main]\nhost = \"h\"\n[main.groups]\nweb = \"1:1\"\nbad = 1:1\nnumber = 1\nbare\n\
                    twice = \"1:2\"\ntwice = \"1:3\"\n\"a b\" = \"1:4\"\nlast = \"@web\"\n\
                    [other]\nhost = \"x\"\n[other.groups]\nweb = \"2:1\"\n";
        let groups = read(text, "main").unwrap().groups;
        let texts: Vec<_> = groups.texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(texts, [("last", "@web"), ("web", "1:1")]);
        for (name, why) in [
            ("bad", "line 5, column 7: not TOML"),
            ("number", "line 6, column 10: expected a target in quotes"),
            ("bare", "line 7, column 1: not TOML"),
            ("twice", "line 9, column 1: not TOML"),
            ("a b", "line 10, column 9: invalid name"),
        ] {
            let broken = groups.broken.get(name).unwrap_or_else(|| panic!("{name}: {groups:?}"));
            assert!(broken.contains(why), "{name}: {broken}");
        }
        assert_eq!(read(text, "other").unwrap().groups.texts["web"], "2:1");
        let inline = "[main]\ngroups = { web = \"1:1\" }\n";
        assert_eq!(read(inline, "main").unwrap().groups.texts["web"], "1:1");
        let error = read("[main]\ngroups = 3\n", "main").unwrap_err().to_string();
        assert!(error.contains("groups of instance \"main\": expected a table"), "{error}");
        let twice = "[main.groups]\na = \"1:1\"\n[main.groups]\nb = \"1:2\"\n";
        let groups = read(twice, "main").unwrap().groups;
        assert!(groups.texts.is_empty() && groups.broken.len() == 2, "{groups:?}");
    }
}
