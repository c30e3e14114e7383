//! What is sent to the schedule of the controller, which exits over a wrong command when it is due.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::entries;
use super::oracle::{Kind, Oracle, Verdict};
use crate::protocol::Contents;

/// Data of `scheduler_add`: bytes that are such data, or after a zero, bytes that an entry is made from. What
/// would end the controller is refused, and nothing else but what the documentation lists.
pub fn schedules(bytes: &[u8]) {
    static ORACLE: OnceLock<Mutex<Oracle>> = OnceLock::new();
    let data = match (bytes, std::str::from_utf8(bytes)) {
        ([0, bytes @ ..], _) => entries::entry(bytes),
        (_, Ok(text)) => text.to_owned(),
        // No client can send it.
        (_, Err(_)) => return,
    };
    let oracle = ORACLE.get_or_init(|| Mutex::new(Oracle::start().expect("Go builds the oracle")));
    let verdict = oracle.lock().unwrap_or_else(PoisonError::into_inner).ask(Kind::Scheduled, &data);
    compare(&data, verdict);
}

/// Checks the answer to some data of `scheduler_add` against the verdict.
fn compare(data: &str, verdict: Verdict) {
    let checked = Contents::of_controller("scheduler_add", data).check();
    match (&checked, verdict) {
        (Err(_), Verdict::Exits | Verdict::Nameless) => {}
        (Ok(()), Verdict::Survives | Verdict::Refuses) => {}
        (Err(error), _) if error.to_string().contains("levels of nesting") => {
            let nested = data.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
            assert!(nested > 100, "{error}: {data}");
        }
        _ => panic!("{verdict:?}, but {checked:?}: {data}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::entries::entry;
    use super::super::oracle;
    use super::*;
    use crate::protocol::{Envelope, RunArgs, Target};

    /// Bytes without end, the same in each run.
    fn random() -> impl FnMut() -> u8 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[4]
        }
    }

    fn refused(data: &str) -> String {
        let checked = Contents::of_controller("scheduler_add", data).check();
        checked.err().unwrap_or_else(|| panic!("accepted: {data}")).to_string()
    }

    /// Commands, and the field that the controller exits over; `None` of those that it survives.
    const COMMANDS: &[(&str, Option<&str>)] = &[
        (r#"{"cmd":"ping"}"#, None),
        (r#"{"cmd":"ping","gid":"1"}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":1.5}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":1e30}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":9223372036854775808}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":true}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":1.0}"#, None),
        (r#"{"cmd":"ping","gid":10e-1}"#, None),
        (r#"{"cmd":"ping","gid":-0}"#, None),
        (r#"{"cmd":"ping","gid":1e-999}"#, None),
        (r#"{"cmd":"ping","nid":-5}"#, None),
        (r#"{"cmd":"ping","nid":999999}"#, None),
        (r#"{"cmd":"ping","nid":1000000}"#, Some("cmd.nid")),
        (r#"{"cmd":"ping","nid":-1e6}"#, Some("cmd.nid")),
        (r#"{"cmd":"ping","nid":999999.99999999999}"#, Some("cmd.nid")),
        (r#"{"cmd":"ping","Roles":"a"}"#, Some("cmd.Roles")),
        (r#"{"cmd":"ping","ROLEſ":"a"}"#, Some("cmd.ROLEſ")),
        (r#"{"cmd":"ping","role\u017f":"a"}"#, Some("cmd.roleſ")),
        (r#"{"cmd":"ping","argſ":5}"#, Some("cmd.argſ")),
        (r#"{"cmd":"ping","args":5}"#, Some("cmd.args")),
        (r#"{"cmd":"ping","args":[]}"#, Some("cmd.args")),
        (r#"{"cmd":"ping","args":"{}"}"#, Some("cmd.args")),
        (r#"{"cmd":"ping","args":{"args":[1]}}"#, Some("cmd.args.args[0]")),
        (r#"{"cmd":"ping","args":{"args":["a",null,{}]}}"#, Some("cmd.args.args[2]")),
        (r#"{"cmd":"ping","args":{"args":"a"}}"#, Some("cmd.args.args")),
        (r#"{"cmd":"ping","ARGS":{"ArgS":["a",1]}}"#, Some("cmd.ARGS.ArgS[1]")),
        (r#"{"cmd":"ping","args":{"max_time":1.5}}"#, Some("cmd.args.max_time")),
        (r#"{"cmd":"ping","args":{"max_time":"1"}}"#, Some("cmd.args.max_time")),
        (r#"{"cmd":"ping","args":{"max_time":86400000}}"#, Some("cmd.args.max_time")),
        (r#"{"cmd":"ping","args":{"max_time":60.0}}"#, None),
        (r#"{"cmd":"ping","args":{"max-time":1.5}}"#, None),
        (r#"{"cmd":"ping","args":{"domain":1}}"#, Some("cmd.args.domain")),
        (r#"{"cmd":"ping","args":{"name":[]}}"#, Some("cmd.args.name")),
        (r#"{"cmd":"ping","args":{"queue":{}}}"#, Some("cmd.args.queue")),
        (r#"{"cmd":"ping","args":{"working_dir":1,"env":7,"loglevels":{}}}"#, None),
        (r#"{"cmd":5}"#, Some("cmd.cmd")),
        (r#"{"cmd":"ping","CMD":5}"#, Some("cmd.CMD")),
        (r#"{"cmd":"ping","data":{}}"#, Some("cmd.data")),
        (r#"{"cmd":"ping","tags":["a"]}"#, Some("cmd.tags")),
        (r#"{"cmd":"ping","fanout":"true"}"#, Some("cmd.fanout")),
        (r#"{"cmd":"ping","roles":["a",1]}"#, Some("cmd.roles[1]")),
        (r#"{"cmd":"ping","roles":[null]}"#, None),
        // Its id is replaced, in this spelling only.
        (r#"{"cmd":"ping","id":5}"#, None),
        (r#"{"cmd":"ping","ID":5}"#, Some("cmd.ID")),
        (r#"{"cmd":"ping","\u0069d":5}"#, None),
        // Null everywhere.
        (
            r#"{"id":null,"gid":null,"nid":null,"cmd":"ping","roles":null,"fanout":null,"data":null,"tags":null,"args":null}"#,
            None,
        ),
        (
            r#"{"cmd":"ping","args":{"domain":null,"name":null,"queue":null,"max_time":null,"args":null}}"#,
            None,
        ),
        // Of true duplicates the last counts, of variants each.
        (r#"{"cmd":"ping","gid":"x","gid":1}"#, None),
        (r#"{"cmd":"ping","gid":1,"gid":"x"}"#, Some("cmd.gid")),
        (r#"{"cmd":"ping","gid":"x","g\u0069d":1}"#, None),
        (r#"{"cmd":"ping","GID":"x","gid":1}"#, Some("cmd.GID")),
        (r#"{"cmd":"ping","args":{"args":[1]},"args":{}}"#, None),
        (r#"{"cmd":"ping","Args":{"args":[1]},"args":{}}"#, Some("cmd.Args.args[0]")),
        (r#"{"cmd":"ping","args":{"name":1,"name":"a"}}"#, None),
        // Other letters have no other case in ASCII.
        (r#"{"cmd":"ping","gıd":"x","ＧＩＤ":"x"," gid":"x","gid\u0000":"x"}"#, None),
        (r#"{"cmd":"ping","data":"\ud800","\udc00":5}"#, None),
        // What does not fit a double is an error at once, wherever it is.
        (r#"{"cmd":"ping","later":1e999}"#, None),
        (r#"{"cmd":"ping","gid":"x","later":[{"a":-1e999}]}"#, None),
        (r#"{"cmd":"ping","gid":"x","later":"1e999"}"#, Some("cmd.gid")),
        // Without a name.
        ("{}", Some("cmd.cmd")),
        (r#"{"gid":1,"nid":1,"cmd":""}"#, Some("cmd.cmd")),
        (r#"{"cmd":null}"#, Some("cmd.cmd")),
        (r#"{"cmd":null,"CMD":"ping"}"#, None),
        ("null", Some("cmd")),
    ];

    #[test]
    fn scheduled_commands_that_end_the_controller_are_refused_with_the_field() {
        let Some(mut oracle) = oracle::start() else { return };
        for (command, field) in COMMANDS {
            let data = format!(r#"{{"id":"i","cron":"@hourly","cmd":{command}}}"#);
            compare(&data, oracle.ask(Kind::Scheduled, &data));
            if let Some(field) = field {
                let message = refused(&data);
                let start = format!("invalid {field} in a schedule entry: expected ");
                assert!(message.starts_with(&start), "{command}: {message}");
            }
            assert_eq!(
                field.is_some(),
                Contents::of_controller("scheduler_add", data).check().is_err()
            );
            // The same where a schedule adds another schedule.
            let inner = format!(r#"{{"id":"i","cron":"@hourly","cmd":{command}}}"#);
            let outer = json!({
                "cron": "@daily",
                "cmd": {"cmd": "controller", "args": {"name": "scheduler_add"}, "data": inner},
            })
            .to_string();
            compare(&outer, oracle.ask(Kind::Scheduled, &outer));
            if let Some(field) = field {
                let start = format!("invalid cmd.data.{field} in a schedule entry: ");
                assert!(refused(&outer).starts_with(&start), "{}", refused(&outer));
            }
        }
    }

    /// Entries, and the field that the controller exits over.
    const ENTRIES: &[(&str, Option<&str>)] = &[
        (r#"{"cron":"@hourly"}"#, Some("cmd")),
        (r#"{"cron":"@hourly","cmd":null}"#, Some("cmd")),
        (r#"{"cron":"@hourly","cmd":{"cmd":"ping"},"CMD":null}"#, Some("cmd")),
        (r#"{"cron":"@hourly","cmd":null,"Cmd":{"cmd":"ping"}}"#, None),
        (r#"{"cron":"@hourly","cmd":{"cmd":"ping","gid":"x"},"CMD":{"gid":1}}"#, None),
        (r#"{"cron":"@hourly","cmd":{"cmd":"ping","gid":1},"CMD":{"gid":"x"}}"#, Some("cmd.gid")),
        (r#"{"cron":"@hourly","cmd":{"gid":"x"},"cmd":null,"cmd":{"cmd":"ping"}}"#, None),
        (r#"{"cron":"@hourly","cmd":{"gid":"x"},"cmd":5}"#, None),
        (r#"{"cron":"@hourly","cmd":"ping"}"#, None),
        (r#"{"cron":"@hourly","cmd":[]}"#, None),
        (r#"{"cron":"@hourly","id":5,"cmd":null}"#, None),
        (r#"{"cron":5,"cmd":null}"#, None),
        (r#"{"cron":"@hourly","cmd":{"cmd":"ping"},"later":1e999}"#, None),
        (r#"{"CRON":"@hourly","ID":"x","cmd":{"cmd":"ping"}}"#, None),
        (r#" {"cron":"@hourly","cmd":{"cmd":"ping"}} "#, None),
        (r#"{"cron":"@hourly","cmd":{"gid":"x"}} x"#, None),
        (r#"{"cron":"@hourly","cmd":{"gid":"x"}"#, None),
        ("{\"cron\":\"@hourly\",\"cmd\":{\"gid\":\"x\",\"tags\":\"\n\"}}", None),
        (r#"{"cron":"@hourly","cmd":{"gid":"x","tags":"\x"}}"#, None),
        (r#"{"cron":"@hourly","cmd":{"gid":"x","nid":01}}"#, None),
        ("\u{feff}{\"cmd\":null}", None),
        ("\u{a0}null", None),
        ("", None),
        ("[]", None),
        ("5", None),
        (r#""x""#, None),
        ("nul", None),
        // Older versions of the cron library.
        (" null\t", Some("cron")),
        ("{}", Some("cron")),
        (r#"{"cron":null,"cmd":{"cmd":"ping"}}"#, Some("cron")),
        (r#"{"cron":"","cmd":{"cmd":"ping"}}"#, Some("cron")),
        (r#"{"cron":"*/0 * * * * *","cmd":{"cmd":"ping"}}"#, Some("cron")),
        (r#"{"cron":"0 0 1,2-5/-00 * *","cmd":{"cmd":"ping"}}"#, Some("cron")),
        (r#"{"cron":"*/0 * * * * *","CRON":"@hourly","cmd":{"cmd":"ping"}}"#, None),
        (r#"{"cron":"*/10 0/5 * * * *","cmd":{"cmd":"ping"}}"#, None),
        (r#"{"cron":"not a cron","cmd":{"cmd":"ping"}}"#, None),
    ];

    #[test]
    fn entries_that_end_the_controller_are_refused_and_what_it_answers_is_sent() {
        let Some(mut oracle) = oracle::start() else { return };
        for (data, field) in ENTRIES {
            compare(data, oracle.ask(Kind::Scheduled, data));
            let message = Contents::of_controller("scheduler_add", *data).check().err();
            let message = message.map(|error| error.to_string());
            match (field, &message) {
                (Some(field), Some(message)) => {
                    assert!(message.starts_with(&format!("invalid {field} in ")), "{message}");
                }
                (None, None) => {}
                _ => panic!("{data}: {message:?}"),
            }
        }
    }

    #[test]
    fn nesting_is_limited_whatever_go_makes_of_it() {
        let Some(mut oracle) = oracle::start() else { return };
        let deep = |levels: usize| {
            let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
            format!(r#"{{"cron":"@hourly","cmd":{{"cmd":"ping","later":{open}{close}}}}}"#)
        };
        for (levels, is_refused) in [(2, false), (100, false), (101, true), (20_000, true)] {
            let data = deep(levels);
            compare(&data, oracle.ask(Kind::Scheduled, &data));
            let checked = Contents::of_controller("scheduler_add", data).check();
            assert_eq!(checked.is_err(), is_refused, "{levels}");
        }
        // Nothing of it is decoded before the whole is valid.
        let data = format!("{} x", deep(20_000));
        assert_eq!(Contents::of_controller("scheduler_add", data).check(), Ok(()));
        let content = |levels: usize| {
            Contents::of(
                "jumpscript_content",
                format!("{}{}", "[".repeat(levels), "]".repeat(levels)),
            )
        };
        assert_eq!(content(10_000).check(), Ok(()));
        let message = content(10_001).check().unwrap_err().to_string();
        assert!(
            message
                .starts_with("invalid data of jumpscript_content: expected at most 10000 levels"),
            "{message}"
        );
        // The same when it is scheduled.
        let data = |levels: usize| {
            let data = "[".repeat(levels) + &"]".repeat(levels);
            let cmd = json!({"cmd": "jumpscript_content", "data": data});
            json!({"cron": "@hourly", "cmd": cmd}).to_string()
        };
        assert_eq!(Contents::of_controller("scheduler_add", data(10_000)).check(), Ok(()));
        let message = refused(&data(10_001));
        assert!(
            message.starts_with("invalid cmd.data in a schedule entry: expected at most 10000"),
            "{message}"
        );
    }

    #[test]
    fn generated_entries_are_judged_as_go_judges_them() {
        let Some(mut oracle) = oracle::start() else { return };
        let mut random = random();
        let mut verdicts = Vec::new();
        for _ in 0..30_000 {
            let bytes: Vec<u8> = (0..150).map(|_| random()).collect();
            let data = entry(&bytes);
            let verdict = oracle.ask(Kind::Scheduled, &data);
            compare(&data, verdict);
            verdicts.push(verdict);
        }
        let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        for wanted in [Verdict::Survives, Verdict::Nameless, Verdict::Refuses, Verdict::Exits] {
            assert!(count(wanted) > 500, "{wanted:?}: {}", count(wanted));
        }
    }

    /// Run arguments as a program may read them from a file.
    const EXTRA: &[&str] = &[
        "{}",
        r#"{"later":1}"#,
        r#"{"later":1e308}"#,
        r#"{"later":[{"a":null}]}"#,
        r#"{"Name":5}"#,
        r#"{"NAME":"x"}"#,
        r#"{"argſ":5}"#,
        r#"{"ARGS":[1]}"#,
        r#"{"Max_Time":1.5}"#,
        r#"{"queue ":5}"#,
        r#"{"max_time":2147483647}"#,
        r#"{"domain":"\u0001\u2028","env":["A=\"b\\"]}"#,
    ];

    #[test]
    fn what_is_pushed_can_be_decoded() {
        let Some(mut oracle) = oracle::start() else { return };
        let nested = |levels| (0..levels).fold(Value::Null, |value, _| json!([value]));
        let mut extra: Vec<Value> =
            EXTRA.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        extra.extend([json!({ "later": nested(100) }), json!({ "later": nested(101) })]);
        let mut sent = 0;
        for value in &extra {
            let Ok(args) = serde_json::from_value::<RunArgs>(value.clone()) else { continue };
            for text in ["x", "\"\\\u{1}", "é\u{10ffff}\u{2028}", "null", "{\"gid\":\"x\"}"] {
                let contents = Contents {
                    cmd: text.to_owned().into(),
                    args: args.clone().arg(text).queue(text),
                    data: text.to_owned(),
                    tags: Some(text.to_owned()),
                };
                for target in [
                    Target::agent((i32::MAX as u32, 1)),
                    Target::all().role(text).grid(1).into(),
                    Target::controller(),
                ] {
                    let made = Envelope::new(text.to_owned(), target, contents.clone());
                    let Ok(command) = made else { continue };
                    for document in command.documents().unwrap().iter() {
                        let document = std::str::from_utf8(document).unwrap();
                        let verdict = oracle.ask(Kind::Pushed, document);
                        assert_eq!(verdict, Verdict::Survives, "{document}");
                        sent += 1;
                    }
                }
            }
        }
        // The others are refused: five names in another case, and one that nests too deep.
        assert_eq!(sent, (extra.len() - 6) * 5 * 3);
    }

    #[test]
    fn the_oracle_knows_what_the_original_exited_over() {
        let Some(mut oracle) = oracle::start() else { return };
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/payload_tolerance.jsonl");
        let recorded = std::fs::read_to_string(golden).unwrap();
        let mut exits = 0;
        for line in recorded.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let (Some(payload), Some(survives)) =
                (case["payload"].as_str(), case["controller_survives"].as_bool())
            else {
                continue;
            };
            if case["case"] == "invalid UTF-8 in data" {
                continue; // no client sends it
            }
            let expected = if survives { Verdict::Survives } else { Verdict::Exits };
            assert_eq!(oracle.ask(Kind::Pushed, payload), expected, "{payload}");
            exits += usize::from(!survives);
        }
        assert!(exits > 10, "{exits}");
    }
}
