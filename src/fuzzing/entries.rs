//! Entries of the schedule that are almost right, made from bytes.

/// The names of fields, each with a value of the right type.
type Fields = [(&'static str, &'static [&'static str])];

const ENTRY: &Fields = &[
    ("id", &[r#""trim""#, "null"]),
    (
        "cron",
        &[r#""@hourly""#, r#""0 */5 * * * *""#, r#""0 0/0 * * * *""#, r#""""#, "null", r#""x""#],
    ),
];

const COMMAND: &Fields = &[
    ("id", &[r#""5""#, "null", "5"]),
    ("gid", &["1", "0", "null", "-1", "1.0", "12e3"]),
    ("nid", &["0", "2", "999999"]),
    ("cmd", &[r#""ping""#, r#""execute""#, r#""controller""#, "null"]),
    ("roles", &[r#"["cpu"]"#, "[]", "null", r#"["a",null]"#]),
    ("fanout", &["true", "false", "null"]),
    ("data", &[r#""""#, r#""{\"depth\":3}""#, "null"]),
    ("tags", &[r#""nightly""#, "null"]),
];

const ARGS: &Fields = &[
    ("domain", &[r#""d""#, "null"]),
    ("name", &[r#""scheduler_add""#, r#""ls""#, "null"]),
    ("queue", &[r#""q""#]),
    ("max_time", &["0", "-1", "3600", "1000000", "1e3"]),
    ("args", &[r#"["-l"]"#, "[]", r#"[null,"\u00e9"]"#]),
    ("working_dir", &[r#""/tmp""#, "1"]),
];

/// Values of which each is wrong for most fields.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "-0",
    "1.0",
    "-0.0",
    "1.5",
    "1e5",
    "1e6",
    "1E+2",
    "1e-2",
    "100e-2",
    "999999",
    "999999.99999999999999",
    "1000000",
    "-1000000",
    "1e20",
    "1e21",
    "1e30",
    "9007199254740993",
    "9223372036854775808",
    "123456789012345678901234567890",
    "1e308",
    "1e309",
    "-1e999",
    "0e999",
    "1e-999",
    r#""""#,
    r#""x""#,
    r#""1""#,
    r#""\ud800""#,
    r#""\udc00\ud800\udc00""#,
    r#""\u0000""#,
    r#""ſK""#,
    r#""a\\""#,
    "[]",
    "[1]",
    "[null]",
    r#"["a"]"#,
    r#"["a",1]"#,
    r#"["a",["b"]]"#,
    "[[]]",
    "{}",
    r#"{"a":1}"#,
    r#"{"name":"x"}"#,
    r#"{"a":1,"a":"b"}"#,
    r#"{"args":[1]}"#,
];

/// Makes choices by bytes; 0 when they are used up.
struct Maker<'a> {
    bytes: &'a [u8],
    /// How many entries are around this one.
    depth: usize,
}

/// An entry of the schedule, which bytes decide on. Without bytes it is valid.
pub(super) fn entry(bytes: &[u8]) -> String {
    let mut maker = Maker { bytes, depth: 0 };
    let entry = maker.entry();
    match maker.choose(60) {
        59 => format!("{entry} x"),
        58 => format!(" {entry}\n\t\r"),
        57 => entry.chars().take(entry.chars().count() / 2).collect(),
        56 => format!("\u{feff}{entry}"),
        55 => maker.odd(),
        _ => entry,
    }
}

impl Maker<'_> {
    fn choose(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % count
    }

    /// Returns true once in `times` calls on average.
    fn seldom(&mut self, times: usize) -> bool {
        self.choose(times) == times - 1
    }

    fn pick(&mut self, values: &[&str]) -> String {
        values[self.choose(values.len())].to_owned()
    }

    fn odd(&mut self) -> String {
        if self.seldom(30) {
            let levels = 90 + self.choose(20);
            return format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        }
        self.pick(ODD)
    }

    fn entry(&mut self) -> String {
        let mut fields = self.fields(ENTRY);
        for _ in 0..self.times() {
            let command = if self.seldom(20) { self.odd() } else { self.command() };
            fields.push((self.name("cmd"), command));
        }
        self.object(fields)
    }

    fn command(&mut self) -> String {
        let mut fields = self.fields(COMMAND);
        for _ in 0..self.times() {
            let args = if self.seldom(20) { self.odd() } else { self.args() };
            fields.push((self.name("args"), args));
        }
        if self.depth < 4 && self.seldom(6) {
            self.depth += 1;
            let entry = self.entry();
            self.depth -= 1;
            fields.push(("\"cmd\"".into(), "\"controller\"".into()));
            fields.push(("\"args\"".into(), r#"{"name":"scheduler_add"}"#.into()));
            fields.push((self.name("data"), serde_json::json!(entry).to_string()));
        }
        self.object(fields)
    }

    fn args(&mut self) -> String {
        let fields = self.fields(ARGS);
        self.object(fields)
    }

    /// How often a field is there: mostly once.
    fn times(&mut self) -> usize {
        match self.choose(12) {
            11 => 0,
            10 => 2,
            _ => 1,
        }
    }

    fn fields(&mut self, table: &Fields) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        for (name, values) in table {
            for _ in 0..self.times() {
                let value = match self.choose(40) {
                    39 => self.odd(),
                    38 => values[self.choose(values.len())].to_uppercase(),
                    _ => self.pick(values),
                };
                fields.push((self.name(name), value));
            }
        }
        if self.seldom(4) {
            let name = self.pick(&["\"later\"", "\"\"", "\"ıd\"", "\"gid \"", "\"\\ud800\""]);
            fields.push((name, self.odd()));
        }
        fields
    }

    /// A name in quotes: as it is, in another case, or another one.
    fn name(&mut self, name: &str) -> String {
        let name = match self.choose(60) {
            59 => name.to_uppercase(),
            58 => name.replace('s', "ſ").replace('k', "\u{212a}"),
            57 => name.replace('a', "A"),
            56 => name.replace('d', "\\u0044"),
            55 => name.replace('_', "-"),
            54 => format!("{name}\\u0000"),
            53 => name.replace('s', "\\u017f"),
            _ => name.to_owned(),
        };
        format!("\"{name}\"")
    }

    /// An object, in some order, with or without white space.
    fn object(&mut self, mut fields: Vec<(String, String)>) -> String {
        if !fields.is_empty() {
            let turn = self.choose(fields.len());
            fields.rotate_left(turn);
        }
        let (colon, comma) = [(":", ","), (" :\t", " ,\n")][self.choose(2)];
        let fields: Vec<String> =
            fields.into_iter().map(|(name, value)| name + colon + &value).collect();
        format!("{{{}}}", fields.join(comma))
    }
}
