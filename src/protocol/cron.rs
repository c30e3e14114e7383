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
        if !field.split(',').all(|part| is_part(part, least, most, names)) {
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

/// `*`, `?`, a number or a range, each with or without a step.
fn is_part(part: &str, least: u32, most: u32, names: &[&str]) -> bool {
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
    let range_fits = match range.split_once('-') {
        _ if matches!(range, "*" | "?") => true,
        Some((from, to)) => {
            matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to)
        }
        None => number(range).is_some(),
    };
    range_fits && step.is_none_or(|step| whole(step).is_some_and(|step| step > 0))
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
    }
}
