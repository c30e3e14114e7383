//! Run arguments: how an agent runs a job.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::controller_data::{MAX_LEVELS, is_field};
use super::document::Fields;
use super::lenient::value;
use super::text::{Invalid, check_name};

/// Run arguments: how an agent runs a job. All are optional.
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
/// Values are validated when a command is sent: text without NUL, well-formed log levels, numbers that the
/// controller and the agents can decode. Arguments unknown to this version, which come from deserializing,
/// may nest up to 100 levels. A name that differs from a known one only in case is rejected, since the
/// controller treats both as the same. Arguments left at their default are not sent, except `loglevels`,
/// which is `"*"` unless set.
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
    /// Arguments unknown to this version.
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
    /// Returns run arguments with nothing set.
    pub fn new() -> Self {
        RunArgs::default()
    }

    /// Sets the domain, a label that groups processes and scripts.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sets the name: the program for `execute`, the script for `jumpscript`, a label elsewhere.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how long the job may run, in seconds, before the agent kills the process that it started and
    /// reports `TIMEOUT`. 0 (the default) means no limit.
    ///
    /// The limit reaches no further than [`Command::kill`](crate::Command::kill): children of the process
    /// keep running, a script of `bash` runs to its end, and `TIMEOUT` is reported when the last of them has
    /// closed the job's output. [`Request::killable`](crate::Request::killable) extends it to the script.
    ///
    /// −1 also means no limit, and asks the agent to run the job again after a restart, which the original
    /// agents never do.
    ///
    /// At most 2 147 483 647, and 999 999 for a command that is scheduled.
    pub fn max_time(mut self, seconds: i64) -> Self {
        self.max_time = seconds;
        self
    }

    /// Sets the maximum number of runs of a job that fails, including the first: 2 allows one retry, 1 none.
    /// The runs are 1 s apart, and the result is that of the last run. Default 0: one run.
    pub fn max_restart(mut self, times: u32) -> Self {
        self.max_restart = times.into();
        self
    }

    /// Makes the job recurring: the agent runs it again every `seconds` seconds until it is killed. A
    /// recurring job has **no result** until then. Default 0: runs once.
    pub fn recurring_period(mut self, seconds: u32) -> Self {
        self.recurring_period = seconds.into();
        self
    }

    /// Sets how often the agent measures the job, in milliseconds. Default 0: the agent's own setting, one
    /// minute.
    pub fn stats_interval(mut self, milliseconds: u32) -> Self {
        self.stats_interval = milliseconds.into();
        self
    }

    /// Adds an argument of the program of `execute`; scripts receive none.
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

    /// Sets which levels of output the agent logs: `"*"` (the default), or numbers and ranges like
    /// `"1,2,6-9"`. The empty string leaves the choice to the agent.
    pub fn loglevels(mut self, levels: impl Into<String>) -> Self {
        self.loglevels = Some(levels.into());
        self
    }

    /// Sets which of the logged levels the agent keeps in its own store, which `get_msgs` reads. Same form.
    pub fn loglevels_db(mut self, levels: impl Into<String>) -> Self {
        self.loglevels_db = Some(levels.into());
        self
    }

    /// Sets which of the logged levels the agent sends to the controller. Same form.
    pub fn loglevels_ac(mut self, levels: impl Into<String>) -> Self {
        self.loglevels_ac = Some(levels.into());
        self
    }

    /// Sets the queue of the agent in which the job waits for its turn: an agent runs the jobs of one queue
    /// name one after another. Default: no queue, the job starts at once.
    ///
    /// A job waiting in a queue is `RUNNING` as far as Redis can tell. The agent does not list it
    /// ([`Client::get_processes`](crate::Client::get_processes)), a kill does not reach it
    /// ([`ErrorKind::NotRunning`](crate::ErrorKind::NotRunning)), and it is lost if the agent dies.
    /// [`Command::progress`](crate::Command::progress) reports
    /// [`Stage::QueuedOnAgent`](crate::Stage::QueuedOnAgent).
    ///
    /// Jobs run in the order of submission only while the agent keeps up: among commands that the agent has
    /// not yet fetched, later ones may overtake earlier ones. A command that the agent rejects
    /// (`UNKNOWN_CMD`, `DUPILICATE_ID`) blocks its queue until the agent restarts.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets the working directory. Default: that of the agent.
    pub fn working_dir(mut self, directory: impl Into<String>) -> Self {
        self.working_dir = Some(directory.into());
        self
    }

    /// Adds an environment variable. The environment of the job is otherwise nearly empty: it has no `PATH`.
    pub fn env(mut self, name: impl Into<String>, value: impl AsRef<str>) -> Self {
        let mut variable = name.into();
        variable.push('=');
        variable.push_str(value.as_ref());
        self.env.push(variable);
        self
    }

    /// Returns these arguments, overridden by everything that `other` sets (`update` of the Python client).
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

    /// Returns the arguments as JSON, as they are sent (`dump` of the Python client).
    pub fn to_json(&self) -> String {
        // Cannot fail: strings, numbers and maps with string keys always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Decodes the arguments of a document from any sender. A value of unknown form is kept unchanged, and
    /// rejected if it is sent again.
    pub(crate) fn read(json: Option<&RawValue>) -> Self {
        let json = json.map_or("{}", RawValue::get);
        let mut args = serde_json::from_str(json).unwrap_or_else(|_| RunArgs::read_each(json));
        // Without levels in a document the agent chooses them, while unset levels here mean all.
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

    /// The name, for messages about the command.
    pub(crate) fn program(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the job recurs, and so has no result until it is killed.
    pub(crate) fn is_recurring(&self) -> bool {
        self.recurring_period != 0
    }

    /// Whether an agent may run the job again after it exited or reached its time limit.
    pub(crate) fn repeats(&self) -> bool {
        self.is_recurring() || self.max_restart > 1
    }

    /// The queue of the agent, if one is set.
    pub(crate) fn queue_name(&self) -> Option<&str> {
        self.queue.as_deref().filter(|name| !name.is_empty())
    }

    /// Checks that the agents and the controller can decode all arguments.
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
        // A controller on a 32-bit machine exits on a larger number.
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

/// Names that the controller and the agents decode into a type. They exit or fail on a wrong type.
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

/// Whether every decoder accepts a value: that of Go fails outside the range of a double, and above a nesting
/// depth of 10000.
fn is_decodable(value: &Value, levels: usize) -> bool {
    match value {
        // `None` if a program has enabled the `arbitrary_precision` feature of serde_json.
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

/// Checks log levels: `*`, or numbers and ranges separated by commas.
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
