//! The result of one agent.

use serde_json::value::RawValue;

use super::JobState;
use super::document::document;

/// What the controller says where it knows no agent for a command.
const NO_AGENTS: &str = "No matching connected agents found";

document! {
    /// A result as the controller stored it, with absent, null and unknown fields kept.
    pub(crate) struct ResultDocument {
        id: String,
        gid: i64,
        nid: i64,
        cmd: String,
        args: Box<RawValue>,
        data: String,
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
            && self.data.value().is_some_and(|data| data == NO_AGENTS)
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

    #[test]
    fn what_is_wrong_is_said_without_quoting_it() {
        for (text, words) in [
            (&b"sesame"[..], "not a JSON object"),
            (b"[1]", "not a JSON object"),
            (b"{} sesame", "not a JSON object"),
            (b"{\"id\":\"sesame", "ends early"),
            (b"\xff", "not a JSON object"),
            (br#"{"state":1}"#, "\"state\" is not a string"),
            (br#"{"gid":1.0}"#, "\"gid\" is not a whole number"),
            (br#"{"streams":["sesame",1]}"#, "\"streams\" is not a list of strings"),
        ] {
            let error = ResultDocument::parse(text).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains("sesame"), "{error}");
        }
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
            assert_eq!(document.data.value().map(String::as_str), Some(data));
            assert_eq!(document.raw.as_deref(), Some(text));
        }
        for (text, data) in [
            (r#"{"data":"\ud83d\ude00"}"#, "\u{1f600}"),
            (r#"{"data":"\\ud800"}"#, r"\ud800"),
            (r#"{"data":"\\\\ud800 \u00e9\ud83d\ude00"}"#, "\\\\ud800 é\u{1f600}"),
            (r#"{"data":"\u0000é"}"#, "\0é"),
        ] {
            let document = ResultDocument::parse(text.as_bytes()).unwrap();
            assert_eq!(document.data.value().map(String::as_str), Some(data));
            assert_eq!(document.raw, None, "{text}");
        }
        for text in [&b"{\"data\":\"\\"[..], b"{\"data\":\"\\ud8", b"\\\xc3\xa9 \\ud800"] {
            ResultDocument::parse(text).unwrap_err();
        }
    }

    #[test]
    fn deep_nesting_is_refused_on_a_small_stack() {
        let parse = || {
            for field in ["args", "unknown"] {
                let text =
                    format!(r#"{{"{field}":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
                let error = ResultDocument::parse(text.as_bytes()).unwrap_err();
                assert!(error.to_string().contains("deeper"), "{error}");
            }
            let allowed = format!(r#"{{"args":{}1{}}}"#, "[".repeat(32), "]".repeat(32));
            let allowed = ResultDocument::parse(allowed.as_bytes()).unwrap();
            let args = allowed.args.value().unwrap();
            serde_json::from_str::<serde_json::Value>(args.get()).unwrap();
        };
        let thread = std::thread::Builder::new().stack_size(128 * 1024).spawn(parse);
        thread.unwrap().join().unwrap();
    }
}
