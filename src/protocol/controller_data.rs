//! Data that the controller decodes: what would make it exit is refused before it is sent.
//!
//! The controller stores the command of `scheduler_add` as a map: of two fields of one name the last
//! counts, numbers become doubles, and fields are written again in the order of their names. When the
//! command is due, the controller decodes that text into a struct, and exits if a field has the wrong
//! type. It does so again after each restart, since the entry stays in Redis. Go's decoder ignores the
//! case of names, so each variant of a name is checked.
//!
//! What the controller answers with an error is not refused here: text that is not JSON, an entry of
//! the wrong type, a number beyond the range of a double.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::cron::has_zero_step;
use super::document::{Fields, depth, mended, unquoted};
use super::text::Invalid;

/// How deep a scheduled command and unknown run arguments may nest. JSON parsers of clients, which read the
/// list of what is scheduled, stop at 128 levels or more.
pub(super) const MAX_LEVELS: usize = 100;

/// How deep other data may nest that the controller decodes. Go's decoder stops there since 1.15; older
/// ones run out of stack at some millions.
const MAX_GO_LEVELS: usize = 10_000;

/// The first whole number that Go before 1.8 writes with an exponent, and does not read as one again.
const FIRST_EXPONENT: f64 = 1e6;

const EXITS: &str = "the controller would exit each time the schedule fires";
const SOME_EXIT: &str = "some versions of the controller exit or hang";

/// Fields of a command that the controller decodes into a type.
const COMMAND: [(&str, Type); 9] = [
    ("id", Type::Text),
    ("gid", Type::Whole),
    ("nid", Type::Whole),
    ("cmd", Type::Text),
    ("roles", Type::Texts),
    ("fanout", Type::Flag),
    ("data", Type::Text),
    ("tags", Type::Text),
    ("args", Type::Args),
];

/// Run arguments that it decodes into a type.
const ARGS: [(&str, Type); 5] = [
    ("domain", Type::Text),
    ("name", Type::Text),
    ("queue", Type::Text),
    ("max_time", Type::Whole),
    ("args", Type::Texts),
];

#[derive(Clone, Copy)]
enum Type {
    Text,
    Whole,
    Flag,
    Texts,
    Args,
}

/// What is wrong with some data. It names fields and types, never values.
#[derive(Debug, thiserror::Error)]
#[error("expected {expected}, found {found}; {effect}")]
struct Problem {
    /// The field, from the data on; empty where it is the data itself.
    path: String,
    expected: Cow<'static, str>,
    found: &'static str,
    effect: &'static str,
}

impl Problem {
    fn new(
        expected: impl Into<Cow<'static, str>>,
        found: &'static str,
        effect: &'static str,
    ) -> Self {
        Problem { path: String::new(), expected: expected.into(), found, effect }
    }

    /// The same as seen from outside of a field.
    fn within(mut self, field: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{field}{separator}{}", self.path);
        self
    }
}

/// Checks the data of a command as far as the controller decodes it, by the command's name and the name among
/// its run arguments. Of most commands it decodes nothing.
pub(super) fn check_data(cmd: &str, name: &str, data: &str) -> Result<(), Invalid> {
    check_decoded(cmd, name, data).map_err(|problem| {
        Invalid::Other(match problem.path.as_str() {
            "" => format!("invalid data of {cmd}: {problem}"),
            path => format!("invalid {path} in a schedule entry: {problem}"),
        })
    })
}

fn check_decoded(cmd: &str, name: &str, data: &str) -> Result<(), Problem> {
    match cmd {
        "controller" if name == "scheduler_add" => check_entry(data),
        // Each level takes two bytes.
        "jumpscript_content" if data.len() > 2 * MAX_GO_LEVELS && depth(data) > MAX_GO_LEVELS => {
            Err(too_deep(MAX_GO_LEVELS, SOME_EXIT))
        }
        _ => Ok(()),
    }
}

fn too_deep(limit: usize, effect: &'static str) -> Problem {
    Problem::new(format!("at most {limit} levels of nesting"), "more", effect)
}

fn check_entry(data: &str) -> Result<(), Problem> {
    let text = mended(data.as_bytes());
    let Some(entry) = Entry::decode(&text)? else { return Ok(()) };
    check_cron(&entry.cron).map_err(|problem| problem.within("cron"))?;
    let due = match entry.cmd {
        Some(command) => Due::decode(&command),
        None => Err(Problem::new("a command", "none", EXITS)),
    };
    due.and_then(|due| due.check()).map_err(|problem| problem.within("cmd"))
}

/// Expressions that the controller's cron library refuses today, but once panicked or looped over.
fn check_cron(cron: &str) -> Result<(), Problem> {
    if cron.is_empty() {
        return Err(Problem::new("a cron expression", "none", SOME_EXIT));
    }
    if has_zero_step(cron) {
        return Err(Problem::new("steps above zero", "a step of zero", SOME_EXIT));
    }
    Ok(())
}

/// Fields of an object by name, in the order in which Go writes them.
type Sorted<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// An entry of the schedule as the controller decodes it.
#[derive(Default)]
struct Entry<'a> {
    cron: String,
    cmd: Option<Sorted<'a>>,
}

impl<'a> Entry<'a> {
    /// `None` where the controller answers with an error and stores nothing.
    fn decode(text: &'a str) -> Result<Option<Self>, Problem> {
        let mut entry = Entry::default();
        let Ok(fields) = Fields::parse(text) else {
            // To Go's decoder, null is an object without fields.
            return Ok((text.trim_matches([' ', '\t', '\r', '\n']) == "null").then_some(entry));
        };
        let mut is_decoded = true;
        for (name, value) in fields.into_iter() {
            if is_field(&name, "cmd") {
                is_decoded &= entry.add_command(value)?;
            } else if is_field(&name, "cron") {
                is_decoded &= set_text(&mut entry.cron, value);
            } else if is_field(&name, "id") {
                is_decoded &= matches!(kind(value), Kind::Text | Kind::Null);
            }
        }
        Ok(is_decoded.then_some(entry))
    }

    /// Adds to the fields of a command that came before, as Go's decoder does; whether they can be decoded.
    fn add_command(&mut self, value: &'a RawValue) -> Result<bool, Problem> {
        match kind(value) {
            Kind::Null => self.cmd = None,
            Kind::Object => {
                // Even where another field is wrong, since older decoders run out of stack.
                if depth(value.get()) > MAX_LEVELS {
                    let problem = too_deep(MAX_LEVELS, "clients could not list the schedule");
                    return Err(problem.within("cmd"));
                }
                self.cmd.get_or_insert_default().extend(fields(value));
                return Ok(numbers_are_doubles(value.get()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What the controller reads from a scheduled command when it is due.
#[derive(Default)]
struct Due {
    cmd: String,
    name: String,
    data: String,
}

impl Due {
    fn decode(command: &Sorted<'_>) -> Result<Self, Problem> {
        let mut due = Due::default();
        for (name, value) in command {
            // The controller puts a new id in its place.
            let Some((field, expected)) = find(&COMMAND, name).filter(|_| name != "id") else {
                continue;
            };
            expected.check(value).map_err(|problem| problem.within(name))?;
            match field {
                "cmd" => drop(set_text(&mut due.cmd, value)),
                "data" => drop(set_text(&mut due.data, value)),
                "args" => due.decode_args(value).map_err(|problem| problem.within(name))?,
                _ => {}
            }
        }
        Ok(due)
    }

    fn decode_args(&mut self, args: &RawValue) -> Result<(), Problem> {
        for (name, value) in fields(args).collect::<Sorted<'_>>() {
            let Some((field, expected)) = find(&ARGS, &name) else { continue };
            expected.check(value).map_err(|problem| problem.within(&name))?;
            if field == "name" {
                set_text(&mut self.name, value);
            }
        }
        Ok(())
    }

    /// Checks the data that the controller decodes when it is due: of another `scheduler_add`, for one.
    fn check(&self) -> Result<(), Problem> {
        if self.cmd.is_empty() {
            let nameless = Problem::new("a name", "none", "no agent would know the command");
            return Err(nameless.within("cmd"));
        }
        check_decoded(&self.cmd, &self.name, &self.data).map_err(|problem| problem.within("data"))
    }
}

impl Type {
    /// Null leaves a field as it was.
    fn check(self, value: &RawValue) -> Result<(), Problem> {
        let (expected, fits) = match self {
            Type::Text => ("a string", matches!(kind(value), Kind::Text)),
            Type::Flag => ("true or false", matches!(kind(value), Kind::Flag)),
            Type::Args => ("an object", matches!(kind(value), Kind::Object)),
            Type::Whole => return check_whole(value),
            Type::Texts => return check_texts(value),
        };
        if fits || matches!(kind(value), Kind::Null) {
            Ok(())
        } else {
            Err(Problem::new(expected, kind(value).in_words(), EXITS))
        }
    }
}

fn check_whole(value: &RawValue) -> Result<(), Problem> {
    let found = match kind(value) {
        Kind::Null => return Ok(()),
        Kind::Number => match value.get().parse::<f64>() {
            Ok(number) if number.fract() != 0.0 => "a fraction",
            Ok(number) if number.abs() < FIRST_EXPONENT => return Ok(()),
            _ => {
                return Err(Problem::new(
                    "a whole number from -999999 to 999999",
                    "one out of range",
                    "a controller built with Go before 1.8 would exit each time the schedule fires",
                ));
            }
        },
        kind => kind.in_words(),
    };
    Err(Problem::new("a whole number", found, EXITS))
}

fn check_texts(value: &RawValue) -> Result<(), Problem> {
    match kind(value) {
        Kind::Null => Ok(()),
        Kind::List => match odd_element(value) {
            Some((index, kind)) => {
                Err(Problem::new("a string", kind.in_words(), EXITS).within(&format!("[{index}]")))
            }
            None => Ok(()),
        },
        kind => Err(Problem::new("a list of strings", kind.in_words(), EXITS)),
    }
}

/// The first element of a list that is neither a string nor null.
fn odd_element(list: &RawValue) -> Option<(usize, Kind)> {
    struct Odd;
    impl<'de> Visitor<'de> for Odd {
        type Value = Option<(usize, Kind)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let (mut odd, mut index) = (None, 0);
            while let Some(value) = list.next_element::<&RawValue>()? {
                let kind = kind(value);
                if !matches!(kind, Kind::Text | Kind::Null) {
                    odd = Some((index, kind));
                    break;
                }
                index += 1;
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(odd)
        }
    }
    // It was valid as part of the whole.
    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Odd).unwrap_or_default()
}

/// What a value is.
#[derive(Clone, Copy)]
enum Kind {
    Null,
    Flag,
    Number,
    Text,
    List,
    Object,
}

fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Flag,
        Some(b'"') => Kind::Text,
        Some(b'[') => Kind::List,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

impl Kind {
    fn in_words(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Flag => "a boolean",
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::List => "a list",
            Kind::Object => "an object",
        }
    }
}

/// Returns the fields of a value within valid JSON text; none if it is not an object.
fn fields(value: &RawValue) -> impl Iterator<Item = (Cow<'_, str>, &RawValue)> {
    Fields::parse(value.get()).ok().into_iter().flat_map(Fields::into_iter)
}

/// Takes over a string; null leaves what is there. Whether it was one of both.
fn set_text(text: &mut String, value: &RawValue) -> bool {
    match kind(value) {
        Kind::Null => true,
        Kind::Text => serde_json::from_str(value.get()).map(|value| *text = value).is_ok(),
        _ => false,
    }
}

fn find(table: &[(&'static str, Type)], name: &str) -> Option<(&'static str, Type)> {
    table.iter().copied().find(|(field, _)| is_field(name, field))
}

/// Whether Go's decoder takes a name for that of a field, which is in lower case. It ignores case, also that of
/// the two letters beyond ASCII whose other case is within: the long s and the Kelvin sign.
pub(super) fn is_field(name: &str, field: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(field.chars())
}

/// Whether all numbers of a JSON text are in the range of a double.
fn numbers_are_doubles(json: &str) -> bool {
    let mut start = None;
    let end = (json.len(), b' ');
    unquoted(json).chain([end]).all(|(at, byte)| match (start, byte) {
        (None, b'-' | b'0'..=b'9') => {
            start = Some(at);
            true
        }
        (Some(_), b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') | (None, _) => true,
        (Some(from), _) => {
            start = None;
            json[from..at].parse::<f64>().is_ok_and(f64::is_finite)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::protocol::{CommandDocument, Envelope};

    /// Compared with Go's own decoder in `src/fuzzing/schedules.rs`.
    #[test]
    fn a_refusal_names_the_field_what_is_expected_and_what_it_leads_to() {
        let message = |data: &str| {
            let checked = check_data("controller", "scheduler_add", data);
            checked.expect_err("it would end the controller").to_string()
        };
        assert_eq!(
            message(r#"{"cron":"@hourly","cmd":{"cmd":"ping","args":{"args":["a",1]}}}"#),
            "invalid cmd.args.args[1] in a schedule entry: expected a string, found a number; the controller would exit each time the schedule fires"
        );
        assert_eq!(
            message(r#"{"cron":"@hourly","cmd":{"cmd":"ping","Gid":1e6}}"#),
            "invalid cmd.Gid in a schedule entry: expected a whole number from -999999 to 999999, found one out of range; a controller built with Go before 1.8 would exit each time the schedule fires"
        );
        assert_eq!(
            message(r#"{"cron":"@hourly"}"#),
            "invalid cmd in a schedule entry: expected a command, found none; the controller would exit each time the schedule fires"
        );
        assert_eq!(
            message("{}"),
            "invalid cron in a schedule entry: expected a cron expression, found none; some versions of the controller exit or hang"
        );
        for other in
            [("controller", "scheduler_remove"), ("controller", ""), ("ping", "scheduler_add")]
        {
            assert_eq!(check_data(other.0, other.1, "{}"), Ok(()), "{other:?}");
        }
    }

    #[test]
    fn names_are_folded_as_go_folds_them() {
        for name in ["max_time", "MAX_TIME", "Max_Time"] {
            assert!(is_field(name, "max_time"), "{name}");
        }
        for name in ["argſ", "ARGS", "Argſ"] {
            assert!(is_field(name, "args"), "{name}");
        }
        assert!(is_field("\u{212a}ey", "key"));
        for name in ["", "arg", "argss", "args ", "argß", "ａｒｇｓ", "max-time"] {
            assert!(!is_field(name, "args") && !is_field(name, "max_time"), "{name}");
        }
    }

    #[test]
    fn numbers_beyond_a_double_are_found_outside_of_strings_only() {
        for fits in ["{}", "[1e308,-1]", r#"["1e999","\"",0]"#, "[1e-999,true,false,null]", "-0"] {
            assert!(numbers_are_doubles(fits), "{fits}");
        }
        for beyond in ["1e309", "[-1e999]", r#"{"a":"\\","b":1E+400}"#] {
            assert!(!numbers_are_doubles(beyond), "{beyond}");
        }
        assert!(!numbers_are_doubles(&"9".repeat(400)));
    }

    #[test]
    fn every_recorded_command_of_the_original_client_is_sent() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let mut checked = 0;
        for file in std::fs::read_dir(golden).unwrap() {
            let path = file.unwrap().path();
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
                let words = &line["args"];
                let is_push = words[0] == "RPUSH" && words[1] == "cmds.queue";
                if !is_push || line["from"] != "client" {
                    continue;
                }
                for pushed in words.as_array().unwrap().iter().skip(2) {
                    let json = pushed.as_str().unwrap().as_bytes().to_vec();
                    let document = CommandDocument::parse(&json).unwrap();
                    let found = Envelope::found(document, json);
                    let contents = found.sent.unwrap().contents.clone();
                    if let Err(error) = Envelope::new(found.id, found.target, contents) {
                        panic!("{}: {error}: {pushed}", path.display());
                    }
                    checked += 1;
                }
            }
        }
        assert!(checked > 70, "{checked}");
    }
}
