//! Run arguments: how an agent runs a job.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::controller_data::{MAX_LEVELS, is_field};
use super::document::Fields;
use super::lenient::value;
use super::text::{Invalid, check_name};

/// Run arguments: how an agent runs a job. Everything is optional.
///
/// ```
/// use acclient::RunArgs;
/// let args = RunArgs::new().max_time(60).working_dir("/tmp").env("LANG", "C");
/// assert_eq!(
///     args.to_json(),
///     r#"{"max_time":60,"loglevels":"*","working_dir":"/tmp","env":["LANG=C"]}"#
/// );
/// ```
///
/// Values are checked when a command is sent: text without NUL, log levels of the right form,
/// numbers that the controller and the agents understand. Arguments that this version does not know, which
/// come from deserializing, may nest 100 levels deep; a name that differs from a known one in case only is
/// refused, since the controller takes it for that one. What is left at its default does not go over the wire,
/// except for `loglevels`, which is `"*"` unless set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunArgs {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    max_time: i64,
    #[serde(skip_serializing_if = "is_zero")]
    max_restart: i64,
    #[serde(skip_serializing_if = "is_zero")]
    recurring_period: i64,
    #[serde(skip_serializing_if = "is_zero")]
    stats_interval: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "is_left_out", serialize_with = "all_levels_by_default")]
    loglevels: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loglevels_db: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loglevels_ac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    /// Arguments that this version does not know.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_left_out(levels: &Option<String>) -> bool {
    levels.as_deref() == Some("")
}

fn all_levels_by_default<S: serde::Serializer>(
    levels: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(levels.as_deref().unwrap_or("*"))
}

impl RunArgs {
    /// Nothing set.
    pub fn new() -> Self {
        RunArgs::default()
    }

    /// Domain, a label by which processes and scripts are grouped.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Name: the program for `execute`, the script for `jumpscript`, a label elsewhere.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long the job may run, in seconds, before the agent kills the process that it started and
    /// reports `TIMEOUT`. 0 (the default): no limit.
    ///
    /// The limit reaches no further than [`Command::kill`](crate::Command::kill): children of the process
    /// go on, a script of `bash` runs to its end, and `TIMEOUT` is reported when the last of them has closed
    /// the job's output. [`Request::killable`](crate::Request::killable) makes it reach the script.
    ///
    /// −1: no limit. It asks for the job to be run again when the agent restarts, which the original agents
    /// never do.
    ///
    /// At most 2 147 483 647, and 999 999 for a command that is scheduled.
    pub fn max_time(mut self, seconds: i64) -> Self {
        self.max_time = seconds;
        self
    }

    /// How many times the agent runs the job at most while it fails, the first run included: 2 is one more
    /// try, and 1 is none. The runs are 1 s apart, and the result is that of the last. Default 0: one run.
    pub fn max_restart(mut self, times: u32) -> Self {
        self.max_restart = times.into();
        self
    }

    /// Makes the job recurring: the agent runs it again every so many seconds, until it is
    /// killed. Such a job has **no result** until then. Default 0: runs once.
    pub fn recurring_period(mut self, seconds: u32) -> Self {
        self.recurring_period = seconds.into();
        self
    }

    /// How often the agent measures the job, in milliseconds. Default 0: the agent's own, a
    /// minute.
    pub fn stats_interval(mut self, milliseconds: u32) -> Self {
        self.stats_interval = milliseconds.into();
        self
    }

    /// Adds an argument of the program of `execute`; scripts get none.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn set_program(&mut self, program: String) {
        self.name = Some(program);
    }

    pub(crate) fn push_arg(&mut self, arg: String) {
        self.args.push(arg);
    }

    /// Sets all arguments of the program.
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, args: I) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Which levels of output the agent logs: `"*"` (the default) or numbers and ranges, like
    /// `"1,2,6-9"`. The empty string leaves the choice to the agent.
    pub fn loglevels(mut self, levels: impl Into<String>) -> Self {
        self.loglevels = Some(levels.into());
        self
    }

    /// Which of them it keeps in its own store, where `get_msgs` finds them. Same form.
    pub fn loglevels_db(mut self, levels: impl Into<String>) -> Self {
        self.loglevels_db = Some(levels.into());
        self
    }

    /// Which of them it sends to the controller. Same form.
    pub fn loglevels_ac(mut self, levels: impl Into<String>) -> Self {
        self.loglevels_ac = Some(levels.into());
        self
    }

    /// Queue of the agent in which the job waits for its turn: jobs of one queue name run one after another
    /// on an agent. Default: no queue, the job starts at once.
    ///
    /// A job that waits there is `RUNNING` as far as Redis can tell. The agent does not show it
    /// ([`Client::get_processes`](crate::Client::get_processes)) and no kill reaches it
    /// ([`ErrorKind::NotRunning`](crate::ErrorKind::NotRunning)). It is lost if the agent dies.
    /// [`Command::progress`](crate::Command::progress) reports
    /// [`Stage::QueuedOnAgent`](crate::Stage::QueuedOnAgent).
    ///
    /// The order is that of submission only while the agent keeps up: of commands that wait for the agent
    /// to fetch them, later ones may overtake. A command that the agent refuses (`UNKNOWN_CMD`,
    /// `DUPILICATE_ID`) stops its queue until the agent restarts.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// The directory to run in. Default: the agent's own.
    pub fn working_dir(mut self, directory: impl Into<String>) -> Self {
        self.working_dir = Some(directory.into());
        self
    }

    /// Adds a variable to the environment of the job, which holds little else: no `PATH`.
    pub fn env(mut self, name: impl Into<String>, value: impl AsRef<str>) -> Self {
        let mut variable = name.into();
        variable.push('=');
        variable.push_str(value.as_ref());
        self.env.push(variable);
        self
    }

    /// These arguments with all that `other` sets in their place (`update` of the Python client).
    /// Lists are replaced as a whole.
    pub fn merge(mut self, other: RunArgs) -> Self {
        fn set<T>(ours: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *ours = theirs;
            }
        }
        set(&mut self.domain, other.domain);
        set(&mut self.name, other.name);
        set(&mut self.loglevels, other.loglevels);
        set(&mut self.loglevels_db, other.loglevels_db);
        set(&mut self.loglevels_ac, other.loglevels_ac);
        set(&mut self.queue, other.queue);
        set(&mut self.working_dir, other.working_dir);
        for (ours, theirs) in [
            (&mut self.max_time, other.max_time),
            (&mut self.max_restart, other.max_restart),
            (&mut self.recurring_period, other.recurring_period),
            (&mut self.stats_interval, other.stats_interval),
        ] {
            if theirs != 0 {
                *ours = theirs;
            }
        }
        for (ours, theirs) in [(&mut self.args, other.args), (&mut self.env, other.env)] {
            if !theirs.is_empty() {
                *ours = theirs;
            }
        }
        self.extra.extend(other.extra);
        self
    }

    /// The arguments as they go over the wire (`dump` of the Python client).
    pub fn to_json(&self) -> String {
        // Strings, numbers and maps with string keys: nothing of it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The arguments of a document that somebody else may have written. What is of no form that is known
    /// is kept as it is, and refused where it is sent again.
    pub(crate) fn read(json: Option<&RawValue>) -> Self {
        let json = json.map_or("{}", RawValue::get);
        let mut args = serde_json::from_str(json).unwrap_or_else(|_| RunArgs::read_each(json));
        // Where a document says nothing of levels the agent chooses; here it would mean all of them.
        args.loglevels.get_or_insert_default();
        args
    }

    fn read_each(json: &str) -> Self {
        let fields = Fields::parse(json).ok().into_iter().flat_map(Fields::into_iter);
        let all = fields.map(|(name, json)| (name.into_owned(), value(json)));
        let all: Map<String, Value> = all.collect();
        let is_known = |(name, value): &(String, Value)| {
            let one = Map::from_iter([(name.clone(), value.clone())]);
            RunArgs::deserialize(Value::Object(one)).is_ok()
        };
        let (known, odd): (Vec<_>, Vec<_>) = all.into_iter().partition(is_known);
        let known = Value::Object(known.into_iter().collect());
        let mut args = RunArgs::deserialize(known).unwrap_or_default();
        args.extra.extend(odd);
        args
    }

    /// The name, for words about the command.
    pub(crate) fn program(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the job recurs, and so has no result until it is killed.
    pub(crate) fn is_recurring(&self) -> bool {
        self.recurring_period != 0
    }

    /// Whether an agent may run the job again after it ended by itself or by its limit.
    pub(crate) fn repeats(&self) -> bool {
        self.is_recurring() || self.max_restart > 1
    }

    /// The queue of the agent, where there is one.
    pub(crate) fn queue_name(&self) -> Option<&str> {
        self.queue.as_deref().filter(|name| !name.is_empty())
    }

    /// Whether the agents and the controller understand all of it.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let named = [
            ("the domain", &self.domain),
            ("the name", &self.name),
            ("the queue", &self.queue),
            ("the working directory", &self.working_dir),
        ];
        for (what, text) in named {
            check_name(what, text.as_deref().unwrap_or_default())?;
        }
        if let Some(name) = self.extra.keys().find(|name| is_known(name)) {
            return Err(Invalid::Other(format!(
                "invalid run argument {name:?}: the controller ignores case and would take it for a known one"
            )));
        }
        if let Some((name, _)) =
            self.extra.iter().find(|(_, value)| !is_decodable(value, MAX_LEVELS))
        {
            return Err(Invalid::Other(format!(
                "invalid run argument {name:?}: expected at most {MAX_LEVELS} levels of nesting, and numbers in the range of a double"
            )));
        }
        for arg in &self.args {
            check_name("an argument", arg)?;
        }
        for variable in &self.env {
            check_name("an environment variable", variable)?;
            if variable.find('=').is_none_or(|at| at == 0) {
                return Err(Invalid::Other("an environment variable has no name".into()));
            }
        }
        if self.max_time < -1 {
            return Err(Invalid::Other(format!(
                "invalid maximum time {} s: expected -1, 0 or more",
                self.max_time
            )));
        }
        // A controller on a 32-bit machine exits over a larger one.
        if self.max_time > i32::MAX.into() {
            return Err(Invalid::Other(format!(
                "invalid maximum time {} s: expected up to {} s",
                self.max_time,
                i32::MAX
            )));
        }
        for levels in
            [&self.loglevels, &self.loglevels_db, &self.loglevels_ac].into_iter().flatten()
        {
            check_levels(levels)?;
        }
        Ok(())
    }
}

/// Names that the controller and the agents decode into a type, and exit or fail over a wrong one.
const KNOWN: [&str; 13] = [
    "domain",
    "name",
    "max_time",
    "max_restart",
    "recurring_period",
    "stats_interval",
    "args",
    "loglevels",
    "loglevels_db",
    "loglevels_ac",
    "queue",
    "working_dir",
    "env",
];

fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|known| is_field(name, known))
}

/// Whether every decoder reads a value: the one of Go fails beyond the range of a double, and above a
/// depth of 10000.
fn is_decodable(value: &Value, levels: usize) -> bool {
    match value {
        // None where a program has turned on serde_json's arbitrary precision.
        Value::Number(number) => number.as_f64().is_some(),
        Value::Array(values) => {
            levels > 0 && values.iter().all(|value| is_decodable(value, levels - 1))
        }
        Value::Object(values) => {
            levels > 0 && values.values().all(|value| is_decodable(value, levels - 1))
        }
        _ => true,
    }
}

/// `*`, or numbers and ranges separated by commas.
pub(crate) fn check_levels(levels: &str) -> Result<(), Invalid> {
    let is_number =
        |text: &str| text.parse::<u8>().is_ok() && text.bytes().all(|b| b.is_ascii_digit());
    let is_part = |part: &str| match part.split_once('-') {
        Some((from, to)) => is_number(from) && is_number(to),
        None => is_number(part) || part == "*",
    };
    if levels.is_empty() || levels.split(',').map(str::trim).all(is_part) {
        Ok(())
    } else {
        Err(Invalid::Other(format!(
            "invalid log levels {levels:?}: expected \"*\", or numbers and ranges like \"1,2,6-9\""
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_lets_the_other_win_where_it_says_something() {
        let base = RunArgs::new().domain("d").max_time(5).arg("a").loglevels("1").env("A", "1");
        let merged = base.clone().merge(RunArgs::new().max_time(6).args(["b", "c"]));
        assert_eq!(merged, base.max_time(6).args(["b", "c"]));
    }

    #[test]
    fn unknown_arguments_survive() {
        let text = r#"{"max_time":3,"loglevels":"*","later":{"x":[1]}}"#;
        let args: RunArgs = serde_json::from_str(text).unwrap();
        assert_eq!(args.to_json(), text);
    }

    #[test]
    fn what_others_wrote_is_read_as_far_as_it_can_be() {
        let read = |text: &str| {
            let json: Box<RawValue> = serde_json::from_str(text).unwrap();
            RunArgs::read(Some(&json))
        };
        assert_eq!(RunArgs::read(None).to_json(), "{}");
        for nothing in ["null", "[1]", "7", r#""x""#] {
            assert_eq!(read(nothing).to_json(), "{}", "{nothing}");
        }
        let odd = read(r#"{"name":"x","max_time":"ten","later":1}"#);
        assert_eq!(odd.program(), Some("x"));
        assert_eq!(odd.to_json(), r#"{"name":"x","later":1,"max_time":"ten"}"#);
        assert!(odd.check().is_err(), "the controller would exit");
    }

    #[test]
    fn a_large_number_stays_the_same_however_often_it_is_read() {
        let text = r#"{"large":33333333333333331333333333333333333333331}"#;
        let args: RunArgs = serde_json::from_str(text).unwrap();
        let again: RunArgs = serde_json::from_str(&args.to_json()).unwrap();
        assert_eq!(again.extra, args.extra);
    }

    #[test]
    fn what_the_wire_cannot_carry_is_refused() {
        for wrong in [
            RunArgs::new().arg("a\0"),
            RunArgs::new().name("\0"),
            RunArgs::new().env("A", "\0"),
            RunArgs::new().env("", "x"),
            RunArgs::new().max_time(-2),
            RunArgs::new().max_time(1 << 31),
            RunArgs::new().loglevels("a-b"),
            RunArgs::new().loglevels_db("1,,2"),
            RunArgs::new().loglevels_ac("+1"),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        RunArgs::new().max_time((1 << 31) - 1).check().unwrap();
        for right in ["", "*", "1", "1,2,6-9", "1, 2"] {
            RunArgs::new().loglevels(right).check().unwrap();
        }
    }
}
