//! When a scheduled command is sent, as the controller understands it.

use super::Invalid;

/// Least and greatest number of each field, and names that some have.
const FIELDS: [(&str, u32, u32, &[&str]); 6] = [
    ("second", 0, 59, &[]),
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

const DESCRIPTORS: [&str; 7] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// Five or six fields beginning with seconds, `@hourly` and its like, or `@every` with a span of
/// time.
pub(crate) fn check_cron(cron: &str) -> Result<(), Invalid> {
    let wrong = |why: String| {
        Invalid::Other(format!(
            "invalid schedule {cron:?}: {why}; expected 5 or 6 fields beginning with seconds, like \"0 30 3 * * *\", or \"@every 1h\""
        ))
    };
    if let Some(span) = cron.strip_prefix("@every ") {
        return if is_span(span) {
            Ok(())
        } else {
            Err(wrong(format!("invalid duration {span:?}")))
        };
    }
    if cron.starts_with('@') {
        let known = DESCRIPTORS.contains(&cron);
        return if known { Ok(()) } else { Err(wrong("unknown word at its start".into())) };
    }
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if !(5..=6).contains(&fields.len()) {
        return Err(wrong(match fields.len() {
            1 => "it has 1 field".to_owned(),
            count => format!("it has {count} fields"),
        }));
    }
    for (field, (name, least, most, names)) in fields.iter().zip(FIELDS) {
        if !field.split(',').all(|part| numbers(part, least, most, names).is_some()) {
            return Err(wrong(format!("invalid {name} {field:?}")));
        }
    }
    Ok(())
}

/// Whether a step is zero. The controller's library went into an endless loop over one until August 2016,
/// instead of refusing it.
pub(super) fn has_zero_step(cron: &str) -> bool {
    let is_zero = |step: &str| {
        let digits = step.strip_prefix(['+', '-']).unwrap_or(step);
        !digits.is_empty() && digits.bytes().all(|digit| digit == b'0')
    };
    !cron.starts_with('@')
        && cron
            .split_whitespace()
            .flat_map(|field| field.split(','))
            .any(|part| part.split_once('/').is_some_and(|(_, step)| is_zero(step)))
}

/// In a field: given as `*` or `?`, with or without a step.
const STAR: u64 = 1 << 63;

/// The numbers that `*`, `?`, a number or a range means, each with or without a step, as bits.
fn numbers(part: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let number = |text: &str| {
        let name = text.to_ascii_lowercase();
        let named = names.iter().position(|known| **known == name);
        let named = named.and_then(|index| u32::try_from(index).ok()).map(|index| index + least);
        named.or_else(|| whole(text)).filter(|number| (least..=most).contains(number))
    };
    let (from, to, star) = match range.split_once('-') {
        _ if matches!(range, "*" | "?") => (least, most, STAR),
        Some((from, to)) => (number(from)?, number(to)?, 0),
        // With a step, up to the greatest.
        None => (number(range)?, if step.is_some() { most } else { number(range)? }, 0),
    };
    let step = step.map_or(Some(1), whole).filter(|step| *step > 0)?;
    let numbers = (from..=to).step_by(usize::try_from(step).ok()?);
    (from <= to).then(|| numbers.fold(star, |bits, number| bits | 1 << number))
}

/// When a schedule that [`check_cron`] accepts fires next, in seconds since 1970, by a controller whose time zone is
/// UTC. `None` for `@every`, which counts from a moment that only the controller knows, and for what never comes
/// within five years.
///
/// These are the rules of the controller's library, robfig/cron as of 2016: a day has to match both its fields if one of
/// them is a `*` with or without a step, and one of the two otherwise.
pub(crate) fn next_run(cron: &str, after: i64) -> Option<i64> {
    const DAY: i64 = 86_400;
    check_cron(cron).ok()?;
    let cron = match cron {
        "@yearly" | "@annually" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" | "@midnight" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        cron => cron,
    };
    let texts = cron.split_whitespace().chain(["*"]);
    let bits = texts.zip(FIELDS).map(|(field, (_, least, most, names))| {
        let parts = field.split(',').map(|part| numbers(part, least, most, names));
        { parts }.try_fold(0, |all, part| Some(all | part?))
    });
    let bits: Vec<u64> = bits.collect::<Option<_>>()?;
    let [second, minute, hour, day, month, weekday] = bits[..] else { return None };
    let has = |bits: u64, number: i64| bits & (1 << number) != 0;
    let first = after.checked_add(1)?;
    let last_year = date(first.div_euclid(DAY)).0 + 5;
    let days = (first.div_euclid(DAY)..).take_while(|day| date(*day).0 <= last_year);
    let matches = |number: &i64| {
        let (_, of_month, of_year) = date(*number);
        let both = (has(day, of_year), has(weekday, (*number + 4).rem_euclid(7)));
        let fits = match (day | weekday) & STAR {
            0 => both.0 || both.1,
            _ => both.0 && both.1,
        };
        has(month, of_month) && fits
    };
    days.filter(matches).find_map(|day| {
        let midnight = day * DAY;
        let time = (first - midnight).max(0)..DAY;
        let fits = |time: &i64| {
            has(hour, time / 3600) && has(minute, time / 60 % 60) && has(second, time % 60)
        };
        { time }.find(fits).map(|time| midnight + time)
    })
}

/// Year, month and day of the month of a day since 1970.
fn date(day: i64) -> (i64, i64, i64) {
    // In years that begin with March, of which 400 have always as many days.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Numbers with units, like `1h30m` or `1.5s`; not nothing.
fn is_span(text: &str) -> bool {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        let Ok(number) = rest[..digits].parse::<f64>() else { return false };
        let units = [
            ("ns", 1e-9),
            ("us", 1e-6),
            ("µs", 1e-6),
            ("ms", 1e-3),
            ("s", 1.0),
            ("m", 60.0),
            ("h", 3600.0),
        ];
        let unit = units.iter().find(|(unit, _)| rest[digits..].starts_with(unit));
        let Some((unit, seconds)) = unit else { return false };
        total += number * seconds;
        rest = &rest[digits + unit.len()..];
    }
    total > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments, schedules and the next runs, made with robfig/cron 1.2.0 in UTC, whose rules for them are those of
    /// 2016.
    const RUNS: &str = include_str!("cron_runs.txt");

    #[test]
    fn next_runs_are_those_of_the_library_of_the_controller() {
        for line in RUNS.lines() {
            let words: Vec<&str> = line.split('|').collect();
            let [after, cron, expected] = words[..] else { panic!("{line}") };
            let after = after.parse().expect("seconds");
            let expected = (expected != "-").then(|| expected.parse::<i64>().expect("seconds"));
            assert_eq!(next_run(cron, after), expected, "{line}");
        }
        for cron in ["@every 1h", "@reboot", "* * *", "61 * * * * *", ""] {
            assert_eq!(next_run(cron, 0), None, "{cron}");
        }
    }

    #[test]
    fn schedules_that_the_controller_knows() {
        for right in [
            "* * * * * *",
            "0 0 3 * * *",
            "0 30 * * * MON-FRI",
            "*/5 0-10/2 1,2,3 ? jan-dec sun",
            "0 0 0 1 1",
            "@every 1h",
            "@every 1h30m",
            "@every 1.5s",
            "@every 100ms",
            "@hourly",
            "@daily",
        ] {
            assert_eq!(check_cron(right), Ok(()), "{right}");
        }
        for wrong in [
            "",
            "not a cron",
            "* * * *",
            "* * * * * * *",
            "60 * * * * *",
            "* 60 * * * *",
            "* * 24 * * *",
            "* * * 0 * *",
            "* * * * 13 *",
            "* * * * * 7",
            "a * * * * *",
            "5-1 * * * * *",
            "*/0 * * * * *",
            "1/ * * * * *",
            "-1 * * * * *",
            "+1 * * * * *",
            "@every",
            "@every ",
            "@every 0s",
            "@every 1",
            "@every x",
            "@never",
            "@every 1h x",
        ] {
            assert!(check_cron(wrong).is_err(), "{wrong}");
        }
        for (cron, said) in [("x", "it has 1 field;"), ("* * * *", "it has 4 fields;")] {
            let error = check_cron(cron).expect_err("too few").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
