//! Compares the writes of the grid with those of the original daemons.

use serde_json::Value;

/// How the payload of a result (`data` and `streams`) is compared with the recorded one.
#[derive(Clone, Copy, PartialEq)]
pub enum Payload {
    Exact,
    /// Same fields and types: the payload describes the machine.
    Shape,
    /// Rows of `get_msgs`: their order may differ if a job wrote to both streams.
    Rows,
}

/// Fields of payloads that differ between runs.
const VOLATILE: [&str; 6] = ["epoch", "cpu", "rss", "vms", "debug", "pid"];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn names(value: &Value) -> Vec<&String> {
    value.as_object().map(|o| o.keys().collect()).unwrap_or_default()
}

/// Checks for the same fields and types; arrays may differ in length.
pub fn same_shape(path: &str, recorded: &Value, ours: &Value) -> Result<(), String> {
    match (recorded, ours) {
        (Value::Object(theirs), Value::Object(own)) => {
            if names(recorded) != names(ours) {
                return Err(format!(
                    "{path}: fields {:?}, recorded {:?}",
                    names(ours),
                    names(recorded)
                ));
            }
            theirs.iter().try_for_each(|(name, value)| {
                same_shape(&format!("{path}.{name}"), value, &own[name])
            })
        }
        (Value::Array(theirs), Value::Array(own)) => {
            let fits = |own: &Value| {
                let errors: Vec<_> = theirs.iter().map(|t| same_shape(path, t, own)).collect();
                if errors.is_empty() || errors.iter().any(Result::is_ok) {
                    Ok(())
                } else {
                    errors.into_iter().next().unwrap()
                }
            };
            own.iter().try_for_each(fits)
        }
        // Go omits the fraction of whole floats.
        (Value::Number(_), Value::Number(_)) => Ok(()),
        _ if kind(recorded) == kind(ours) => Ok(()),
        _ => Err(format!("{path}: {}, recorded {}", kind(ours), kind(recorded))),
    }
}

fn same_value(path: &str, recorded: &Value, ours: &Value) -> Result<(), String> {
    match (recorded, ours) {
        (Value::Object(theirs), Value::Object(own)) if names(recorded) == names(ours) => {
            theirs.iter().try_for_each(|(name, value)| {
                let (path, own) = (format!("{path}.{name}"), &own[name]);
                // A numeric `id` is that of a log row.
                let volatile =
                    VOLATILE.contains(&name.as_str()) || (name == "id" && value.is_number());
                if volatile { same_shape(&path, value, own) } else { same_value(&path, value, own) }
            })
        }
        (Value::Array(theirs), Value::Array(own)) if theirs.len() == own.len() => {
            theirs.iter().zip(own).try_for_each(|(t, o)| same_value(path, t, o))
        }
        _ if recorded == ours => Ok(()),
        _ => Err(format!("{path}: {ours}, recorded {recorded}")),
    }
}

fn rows(data: &str) -> Option<Vec<Value>> {
    serde_json::from_str(data).ok()
}

fn same_rows(recorded: &str, ours: &str) -> Result<(), String> {
    let (Some(mut theirs), Some(mut own)) = (rows(recorded), rows(ours)) else {
        return if recorded == ours {
            Ok(())
        } else {
            Err(format!("data: {ours}, recorded {recorded}"))
        };
    };
    if !own.windows(2).all(|pair| pair[0]["id"].as_i64() > pair[1]["id"].as_i64()) {
        return Err(format!("rows are not newest first: {ours}"));
    }
    let order = |row: &Value| (row["level"].as_i64(), row["data"].as_str().map(String::from));
    theirs.sort_by_key(order);
    own.sort_by_key(order);
    same_value("data", &Value::from(theirs), &Value::from(own))
}

fn same_data(recorded: &str, ours: &str, payload: Payload) -> Result<(), String> {
    if payload == Payload::Rows {
        return same_rows(recorded, ours);
    }
    match (serde_json::from_str::<Value>(recorded), serde_json::from_str::<Value>(ours)) {
        (Ok(theirs), Ok(own)) if payload == Payload::Shape => same_shape("data", &theirs, &own),
        (Ok(theirs), Ok(own)) => same_value("data", &theirs, &own),
        _ if recorded == ours => Ok(()),
        _ => Err(format!("data: {ours:?}, recorded {recorded:?}")),
    }
}

/// Compares two results: same fields, types and values, except times.
pub fn same_result(recorded: &str, ours: &str, payload: Payload) -> Result<(), String> {
    let parse =
        |text: &str| serde_json::from_str::<Value>(text).map_err(|e| format!("{text}: {e}"));
    let (theirs, own) = (parse(recorded)?, parse(ours)?);
    if names(&theirs) != names(&own) {
        return Err(format!("fields {:?}, recorded {:?}", names(&own), names(&theirs)));
    }
    for name in names(&theirs) {
        let (t, o) = (&theirs[name], &own[name]);
        match (name.as_str(), payload) {
            ("data", _) => same_data(t.as_str().unwrap_or(""), o.as_str().unwrap_or(""), payload)?,
            ("streams", Payload::Shape) => same_shape("streams", t, o)?,
            ("starttime", _) => {
                if !o.is_i64() || (t == 0) != (o == 0) {
                    return Err(format!("starttime {o}, recorded {t}"));
                }
            }
            ("time", _) if !o.is_i64() => return Err(format!("time {o}, recorded {t}")),
            ("time", _) => {}
            _ => same_value(name, t, o)?,
        }
    }
    Ok(())
}
