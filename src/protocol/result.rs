//! The result of one agent.

use serde_json::value::RawValue;

use super::document::document;
use super::{JobState, Text};

/// What the controller says where it knows no agent for a command.
pub(crate) const NO_AGENTS: &str = "No matching connected agents found";

document! {
    /// A result as the controller stored it, with absent, null and unknown fields kept. Only the state decides
    /// whether it is of use.
    pub(crate) struct ResultDocument {
        id: String,
        gid: i64,
        nid: i64,
        cmd: String,
        args: Box<RawValue>,
        data: Text,
        streams: Vec<String>,
        critical: String,
        level: i64,
        state: JobState,
        starttime: i64,
        time: i64,
        tags: String,
    }
}

impl ResultDocument {
    /// The controller's word that no agent matched the target: an answer about routing, not the
    /// failure of a job.
    pub(crate) fn is_no_such_agent(&self) -> bool {
        self.state.value() == Some(&JobState::Error)
            && self.cmd.value().is_none_or(|cmd| cmd.is_empty())
            && self.args.value().is_none()
            && self.data.value().is_some_and(|data| data.0 == NO_AGENTS)
    }

    /// Whether an agent refused it since a job of the same id was running. The answer of that
    /// job is still to come.
    pub(crate) fn is_duplicate(&self) -> bool {
        self.state.value() == Some(&JobState::DuplicateId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_absent_or_null_stays_so() {
        for text in [
            r#"{}"#,
            r#"{"id":"x","gid":9,"nid":9,"state":"WEIRD","extra":{"a":[1.0,1e3,12345678901234567890123]}}"#,
            r#"{"args":null,"streams":null,"data":"\u0000","tags":"","args_x":null}"#,
            r#"{"streams":["a\n",""],"level":20,"args":{"stats_interval":60000,"b":[]}}"#,
        ] {
            let document = ResultDocument::parse(text.as_bytes()).unwrap();
            let again = serde_json::to_string(&document).unwrap();
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&again), value(text));
        }
        let kept = ResultDocument::parse(br#"{"new":12345678901234567890123}"#).unwrap();
        assert!(serde_json::to_string(&kept).unwrap().contains("12345678901234567890123"));
    }

    fn parse(text: &str) -> ResultDocument {
        ResultDocument::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn dropped(document: &ResultDocument) -> Vec<&str> {
        document.dropped().collect()
    }

    #[test]
    fn what_is_no_object_is_refused_without_quoting_it() {
        for (text, words) in [
            (&b"sesame"[..], "not a JSON object"),
            (b"[1]", "not a JSON object"),
            (b"{} sesame", "not a JSON object"),
            (b"{\"id\":\"sesame", "ends early"),
            (b"\xff", "not a JSON object"),
        ] {
            let error = ResultDocument::parse(text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("sesame"), "{error}");
        }
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        for (json, number, is_exact) in [
            ("1795521098681", Some(1795521098681), true),
            ("-7", Some(-7), true),
            ("-0", Some(0), false),
            ("1795521098681.0", Some(1795521098681), false),
            ("1e3", Some(1000), false),
            ("1E+3", Some(1000), false),
            ("100e-2", Some(1), false),
            ("-1.5e1", Some(-15), false),
            (r#""12""#, Some(12), false),
            (r#"" 1.2e1 ""#, Some(12), false),
            (r#""\u0031""#, Some(1), false),
            ("9223372036854775807", Some(i64::MAX), true),
            ("-9223372036854775808", Some(i64::MIN), true),
            ("9007199254740993", Some(9007199254740993), true),
        ] {
            let document = parse(&format!(r#"{{"starttime":{json}}}"#));
            assert_eq!(document.starttime.value().copied(), number, "{json}");
            assert_eq!(dropped(&document), [""; 0], "{json}");
            assert_eq!(document.raw.is_none(), is_exact, "{json}");
        }
        for (json, number) in [
            ("1.5", Some(1)),
            ("-1.5", Some(-1)),
            (r#""2.9""#, Some(2)),
            ("1e-999", Some(0)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999999999999999999999999999", None),
            ("1e99", None),
            ("-1e999", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
            (r#""""#, None),
            (r#""twelve""#, None),
            (r#""0x10""#, None),
            (r#""inf""#, None),
            (r#""+1""#, None),
            (r#""1 2""#, None),
        ] {
            let document = parse(&format!(r#"{{"level":{json}}}"#));
            assert_eq!(document.level.value().copied(), number, "{json}");
            let is_dropped = json != "1e-999";
            assert_eq!(dropped(&document).contains(&"level"), is_dropped, "{json}");
            let dump = serde_json::to_string(&document).unwrap();
            assert_eq!(dump, format!(r#"{{"level":{json}}}"#), "kept as it stood");
        }
    }

    #[test]
    fn an_odd_field_hides_no_other() {
        let odd = [
            "5",
            "1.5",
            "1e999",
            "true",
            "null",
            "[]",
            r#"["a"]"#,
            "[1,null]",
            "{}",
            r#"{"a":1}"#,
            r#""x""#,
            r#"["a","b","c"]"#,
            r#""\u0000""#,
            r#"[["a"]]"#,
            "-0",
        ];
        let plain = [
            ("id", r#""i""#),
            ("gid", "1"),
            ("nid", "2"),
            ("cmd", r#""c""#),
            ("args", r#"{"name":"n"}"#),
            ("data", r#""d""#),
            ("streams", r#"["o","e"]"#),
            ("critical", r#""k""#),
            ("level", "20"),
            ("starttime", "5"),
            ("time", "6"),
            ("tags", r#""t""#),
        ];
        for (odd_name, _) in plain {
            for json in odd {
                let value =
                    |name, json_of: &'static str| if name == odd_name { json } else { json_of };
                let fields = plain.map(|(name, json)| format!(r#""{name}":{}"#, value(name, json)));
                let text = format!(r#"{{"state":"SUCCESS",{}}}"#, fields.join(","));
                let document = parse(&text);
                assert_eq!(document.state.value(), Some(&JobState::Success), "{text}");
                let all = parse(&format!(
                    r#"{{"state":"SUCCESS",{}}}"#,
                    plain.map(|(name, json)| format!(r#""{name}":{json}"#)).join(",")
                ));
                macro_rules! same {
                    ($($field:ident),+) => {$(
                        if stringify!($field) != odd_name {
                            let (read, all) = (document.$field.value(), all.$field.value());
                            assert_eq!(format!("{read:?}"), format!("{all:?}"), "{text}");
                        }
                    )+};
                }
                same!(
                    id, gid, nid, cmd, args, data, streams, critical, level, starttime, time, tags
                );
                assert!(dropped(&document).iter().all(|name| *name == odd_name), "{text}");
                let dump = serde_json::to_string(&document).unwrap();
                let part = format!(r#""{odd_name}":{json}"#);
                assert!(dump.contains(&part), "{text} became {dump}");
                if !document.odd.is_empty() {
                    assert_eq!(document.raw.as_deref(), Some(text.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn texts_lists_and_arguments_of_other_types() {
        let document = parse(r#"{"data":{"a":[1.50]},"level":"20"}"#);
        assert_eq!(document.data.value().map(|it| it.0.as_str()), Some(r#"{"a":[1.50]}"#));
        assert_eq!((document.level.value(), dropped(&document)), (Some(&20), vec![]));
        for (json, streams, is_dropped) in [
            (r#"["o"]"#, Some(vec!["o"]), false),
            (r#"["o",null]"#, Some(vec!["o", ""]), false),
            (r#"[1,"e"]"#, Some(vec!["", "e"]), true),
            (r#"[{},[]]"#, Some(vec!["", ""]), true),
            (r#"["a","b","c"]"#, Some(vec!["a", "b", "c"]), false),
            (r#""x""#, None, true),
            (r#"{"0":"x"}"#, None, true),
        ] {
            let document = parse(&format!(r#"{{"streams":{json}}}"#));
            let read = document.streams.value();
            assert_eq!(read.map(|it| it.iter().map(String::as_str).collect()), streams, "{json}");
            assert_eq!(!dropped(&document).is_empty(), is_dropped, "{json}");
        }
        for json in [r#""x""#, "[]", "5", "true"] {
            let document =
                parse(&format!(r#"{{"args":{json},"tags":["a"],"cmd":5,"critical":5}}"#));
            assert!(document.args.value().is_none() && document.tags.value().is_none());
            assert_eq!(dropped(&document), ["cmd", "args", "critical", "tags"]);
        }
    }

    #[test]
    fn of_fields_of_one_name_the_last_that_can_be_read_counts() {
        for (text, state) in [
            (r#"{"state":"ERROR","state":"SUCCESS"}"#, Some(JobState::Success)),
            (r#"{"state":"SUCCESS","state":null}"#, Some(JobState::Success)),
            (r#"{"state":"SUCCESS","state":5}"#, Some(JobState::Success)),
            (r#"{"state":5,"state":"SUCCESS"}"#, Some(JobState::Success)),
            (r#"{"State":"SUCCESS"}"#, Some(JobState::Success)),
            (r#"{"\u017ftate":"SUCCESS","state":null}"#, Some(JobState::Success)),
            (r#"{"STATE":"ERROR","state":"SUCCESS"}"#, Some(JobState::Success)),
            (r#"{"STATE":"SUCCESS","state":{}}"#, Some(JobState::Success)),
            (r#"{"STATE":5}"#, None),
            (r#"{"state":null}"#, None),
            (r#"{"state ":"SUCCESS"}"#, None),
            (r#"{"state":["SUCCESS"]}"#, None),
        ] {
            assert_eq!(parse(text).state.value().cloned(), state, "{text}");
        }
        let both = parse(r#"{"state":"SUCCESS","STATE":"ERROR"}"#);
        assert_eq!(both.state.value(), Some(&JobState::Success));
        assert_eq!((both.extra.len(), both.raw.is_none()), (1, true));
        assert!(parse(r#"{"State":"SUCCESS"}"#).raw.is_some());
    }

    #[test]
    fn text_that_is_none_is_mended_and_kept() {
        for (text, data) in [
            (&b"{\"data\":\"a\xffb\"}"[..], "a\u{fffd}b"),
            (br#"{"data":"a\ud800b"}"#, "a\u{fffd}b"),
            (br#"{"data":"\uDC00\ud83d"}"#, "\u{fffd}\u{fffd}"),
            (b"{\"data\":\"\xf0\x9f\\ud83d\"}", "\u{fffd}\u{fffd}"),
        ] {
            let document = ResultDocument::parse(text).unwrap();
            assert_eq!(document.data.value().map(|it| it.0.as_str()), Some(data));
            assert_eq!(document.raw.as_deref(), Some(text));
        }
        for (text, data) in [
            (r#"{"data":"\ud83d\ude00"}"#, "\u{1f600}"),
            (r#"{"data":"\\ud800"}"#, r"\ud800"),
            (r#"{"data":"\\\\ud800 \u00e9\ud83d\ude00"}"#, "\\\\ud800 é\u{1f600}"),
            (r#"{"data":"\u0000é"}"#, "\0é"),
        ] {
            let document = ResultDocument::parse(text.as_bytes()).unwrap();
            assert_eq!(document.data.value().map(|it| it.0.as_str()), Some(data));
            assert_eq!(document.raw, None, "{text}");
        }
        for text in [&b"{\"data\":\"\\"[..], b"{\"data\":\"\\ud8", b"\\\xc3\xa9 \\ud800"] {
            ResultDocument::parse(text).unwrap_err();
        }
    }

    #[test]
    fn numbers_that_json_does_not_have_are_dropped() {
        for text in [
            r#"{"data":"NaN","time":NaN,"state":"SUCCESS"}"#,
            r#"{"data":"NaN","time":-Infinity,"state":"SUCCESS"}"#,
            r#"{"data":"NaN","time" : Infinity ,"state":"SUCCESS"}"#,
            r#"{"data":"NaN","time":-1e999,"state":"SUCCESS","later":[NaN,{"a":-Infinity}]}"#,
        ] {
            let document = parse(text);
            assert_eq!(document.state.value(), Some(&JobState::Success), "{text}");
            assert_eq!(document.data.value().map(|it| it.0.as_str()), Some("NaN"), "{text}");
            assert_eq!(dropped(&document), ["time"], "{text}");
            assert_eq!(document.raw.as_deref(), Some(text.as_bytes()));
            let dump = serde_json::to_string(&document).unwrap();
            serde_json::from_str::<serde::de::IgnoredAny>(&dump).unwrap();
        }
        assert_eq!(parse(r#"{"data":"-Infinity NaN"}"#).raw, None);
        assert!(ResultDocument::parse("é NaN".as_bytes()).is_err());
        let marked = parse("\u{feff}{\"state\":\"SUCCESS\"}");
        assert_eq!(marked.state.value(), Some(&JobState::Success));
        assert!(marked.raw.is_some());
    }

    #[test]
    fn deep_nesting_is_dropped_on_a_small_stack() {
        let parse = || {
            for field in ["args", "unknown", "tags", "streams", "level", "id"] {
                let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
                let text = format!(r#"{{"state":"SUCCESS","{field}":{deep}}}"#);
                let document = ResultDocument::parse(text.as_bytes()).unwrap();
                assert_eq!(document.state.value(), Some(&JobState::Success));
                assert_eq!(dropped(&document), [field]);
                assert_eq!(document.raw.as_deref(), Some(text.as_bytes()));
                assert_eq!(serde_json::to_string(&document).unwrap(), r#"{"state":"SUCCESS"}"#);
            }
            let allowed = format!(r#"{{"args":{{"a":{}1{}}}}}"#, "[".repeat(31), "]".repeat(31));
            let allowed = ResultDocument::parse(allowed.as_bytes()).unwrap();
            let args = allowed.args.value().unwrap();
            serde_json::from_str::<serde_json::Value>(args.get()).unwrap();
        };
        let thread = std::thread::Builder::new().stack_size(128 * 1024).spawn(parse);
        thread.unwrap().join().unwrap();
    }
}
