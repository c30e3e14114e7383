//! Durations on the command line: `30`, `2.5`, `500ms`, `1h30m`, `forever`.

use std::str::FromStr;
use std::time::Duration;

const EXPECTED: &str = "expected a time above zero, like 30, 2.5, 500ms, 90s, 5m, 1h30m or 2d";

/// Parses a duration above zero: a number of seconds, or numbers with units.
pub fn duration(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok();
    let time = match number {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        // humantime reads `5M` as five months.
        None if text.contains(|letter: char| letter.is_uppercase()) => None,
        None => humantime::parse_duration(text).ok(),
    };
    time.filter(|time| !time.is_zero()).ok_or_else(|| EXPECTED.into())
}

/// Parses a duration in whole seconds, the resolution of agents.
pub fn whole_seconds(text: &str) -> Result<u32, String> {
    let time = duration(text)?;
    let seconds = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    seconds.ok_or_else(|| "expected whole seconds".into())
}

/// Parses a duration in whole milliseconds.
pub fn whole_milliseconds(text: &str) -> Result<u32, String> {
    let time = duration(text)?;
    let whole = time.subsec_nanos().is_multiple_of(1_000_000);
    let milliseconds = u32::try_from(time.as_millis()).ok().filter(|_| whole);
    milliseconds.ok_or_else(|| "expected whole milliseconds".into())
}

/// Parses a limit in whole seconds; -1 is no limit.
pub fn limit(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { whole_seconds(text).map(i64::from) }
}

/// Timeout of a wait: a duration, or `None` for `forever`.
#[derive(Debug, Clone, Copy)]
pub struct Patience(pub Option<Duration>);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "forever" => Ok(Patience(None)),
            text => duration(text)
                .map(|time| Patience(Some(time)))
                .map_err(|expected| format!("{expected}, or forever")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_seconds_and_units_add_up() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("2.5", 2500),
            ("500ms", 500),
            ("90s", 90_000),
            ("2.5s", 2500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("2d", 172_800_000),
            ("1m500ms", 60_500),
            ("0.001", 1),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_rejected() {
        for text in [
            "",
            "0",
            "0s",
            "0.0",
            "-1",
            "-5m",
            "5M",
            "5x",
            "m",
            "1h30",
            "soon",
            "forever",
            "nan",
            "inf",
            "1e99",
            "99999999999999999999s",
            ".",
            "1,5",
        ] {
            assert_eq!(duration(text), Err(EXPECTED.to_owned()), "{text}");
        }
    }

    #[test]
    fn fractions_of_the_resolution_are_rejected() {
        for (text, seconds) in
            [("90", Some(90)), ("5m", Some(300)), ("1000ms", Some(1)), ("2.0", Some(2))]
        {
            assert_eq!(whole_seconds(text).ok(), seconds);
        }
        for text in ["1.5", "1500ms", "0.1", "200y", "4294967296"] {
            assert_eq!(whole_seconds(text), Err("expected whole seconds".to_owned()), "{text}");
        }
        assert_eq!((limit("-1"), limit("1m")), (Ok(-1), Ok(60)));
        assert!(limit("-2").is_err() && limit("1.5").is_err());
        assert_eq!((whole_milliseconds("2.5"), whole_milliseconds("250ms")), (Ok(2500), Ok(250)));
        assert!(whole_milliseconds("2.5ms").is_err() && whole_milliseconds("9999d").is_err());
    }

    #[test]
    fn forever_is_no_timeout() {
        assert_eq!("forever".parse::<Patience>().unwrap().0, None);
        assert_eq!("5m".parse::<Patience>().unwrap().0, Some(Duration::from_secs(300)));
        assert!("never".parse::<Patience>().unwrap_err().ends_with("2d, or forever"));
    }
}
