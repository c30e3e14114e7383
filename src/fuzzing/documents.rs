//! Documents that Redis holds, and what is read from them.

use std::fmt::Debug;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;

use super::client;
use crate::client::Scheduled;
use crate::client::history::command_of;
use crate::engine::verdict::delivered;
use crate::error::Error;
use crate::job::{Job, Message, MsgQuery};
use crate::node::answer::{read_one, read_rows};
use crate::node::{CpuInfo, DiskInfo, MemInfo, NicInfo, OsInfo, ProcessStats};
use crate::protocol::{
    AgentId, CommandDocument, Envelope, Fields, JobResult, LEVEL_JSON, Record, ResultDocument,
    RunArgs, Target, mended,
};

/// A result document, and everything that a [`Job`] reads from it.
pub fn results(bytes: &[u8]) {
    let document = match ResultDocument::parse(bytes) {
        Ok(document) => document,
        Err(error) => return drop(Error::document("the result", &error).to_string()),
    };
    assert!(document.raw.is_some() || is_text(bytes), "raw is there for mended documents");
    assert!(document.raw.is_some() || document.odd.is_empty(), "and where a field is odd");
    assert!(document.raw.as_deref().is_none_or(|raw| raw == bytes));
    let result = JobResult::new("id", AgentId::new(1, 1), document.clone());
    let job = Job::new(client().session().clone(), result.clone());
    let dump = job.dump();
    check_dump(bytes, &dump, job.raw().is_some());
    let again = ResultDocument::parse(dump.as_bytes()).expect("a dump is a document");
    assert_eq!(again.raw.is_none(), again.odd.is_empty());
    let is_kept =
        |name: &&str| document.odd.iter().any(|odd| odd.name == *name && odd.json.is_some());
    assert!(again.dropped().eq(document.dropped().filter(is_kept)), "a dump has what was dropped");
    assert_eq!(serde_json::to_string(&again).expect("a document is JSON"), dump);
    read(&job);
    let command = Envelope::known("id".into(), Target::unknown());
    match delivered(&command, result) {
        Ok(result) => drop(result.into_success().map_err(|error| format!("{error:?}"))),
        Err(error) => assert!(error.job().is_some()),
    }
}

/// A command document as a history holds it.
pub fn commands(bytes: &[u8]) {
    let Ok(command) = command_of(client().session(), bytes.to_vec()) else { return };
    let dump = command.dump().expect("the document was found");
    let is_exact = command_is_exact(bytes);
    check_dump(bytes, &dump, !is_exact);
    let again = command_of(client().session(), dump.clone().into_bytes());
    assert_eq!(again.expect("a dump is a document").dump(), Some(dump));
    let json = command.args().expect("they were found").to_json();
    let args: Box<RawValue> = serde_json::from_str(&json).expect("run arguments are JSON");
    let args = RunArgs::read(Some(&args));
    assert_eq!(args.to_json(), json);
    drop(args.check().map_err(|error| error.to_string()));
    if command.as_ref().check_id().is_ok() {
        let found =
            client().get_by_handle(&command.to_string()).expect("printed commands are found");
        assert_eq!((found.id(), found.target()), (command.id(), command.target()));
    }
}

/// Whether a dump says all that a command document says.
fn command_is_exact(bytes: &[u8]) -> bool {
    CommandDocument::parse(bytes).is_ok_and(|document| document.raw.is_none())
}

/// A dump is JSON and says what the document said.
fn check_dump(bytes: &[u8], dump: &str, is_mended: bool) {
    serde_json::from_str::<IgnoredAny>(dump).expect("a dump is JSON");
    // Numbers beyond a double are kept letter for letter, and are no values.
    if let (false, Ok(value)) = (is_mended, serde_json::from_slice::<Value>(bytes)) {
        assert_eq!(serde_json::from_str::<Value>(dump).expect("it was one before"), value);
    }
}

/// Whether a JSON document is UTF-8 and every escape in it a character, found out by other means
/// than the library's.
fn is_text(json: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(json) else { return false };
    let text = text.replace(r"\\", "x");
    let mut units = Vec::new();
    for escape in text.split(r"\u").skip(1) {
        let (digits, rest) = escape.split_at(4);
        units.push(u16::from_str_radix(digits, 16).expect("the document is JSON"));
        if !rest.is_empty() {
            units.push(b'x'.into());
        }
    }
    char::decode_utf16(units).all(|unit| unit.is_ok())
}

fn read(job: &Job) {
    assert_eq!(job.is_success(), job.clone().into_success().is_ok());
    assert!(job.streams().is_none_or(|streams| streams == (job.stdout(), job.stderr())));
    assert!(job.critical() != Some("") && job.tags() != Some(""));
    std::hint::black_box((job.cmd(), job.args(), job.starttime(), job.time()));
    let json = serde_json::from_str::<Value>(job.data());
    let is_json = json.is_ok() && job.level() == LEVEL_JSON;
    assert!(!is_json || job.json::<Value>().is_ok());
    read_as::<CpuInfo>(job);
    read_as::<DiskInfo>(job);
    read_as::<MemInfo>(job);
    read_as::<NicInfo>(job);
    read_as::<OsInfo>(job);
    read_as::<ProcessStats>(job);
    read_as::<Scheduled>(job);
    read_as::<Message>(job);
    let now = std::time::SystemTime::now();
    let _ = MsgQuery::new().from(now).to(now).read(job.result()).map_err(|error| error.to_string());
}

/// Reads the data as rows: all that are objects, whatever is wrong with the others, and each as it is read alone.
fn read_as<T: Record + DeserializeOwned + Debug>(job: &Job) {
    let rows = read_rows::<T>(job.result()).map_err(|error| error.to_string());
    let one = read_one::<T>(job.result()).map_err(|error| error.to_string());
    let text = mended(job.data().as_bytes());
    let is_read = job.result().json_text().is_ok();
    let items = match serde_json::from_str::<Vec<&RawValue>>(&text) {
        Ok(items) if is_read => items,
        _ => return assert!(one.is_err() || rows.expect("an object is a row").len() == 1),
    };
    let objects: Vec<_> = items.iter().filter(|item| Fields::parse(item.get()).is_ok()).collect();
    let rows = rows.expect("a list is rows");
    assert_eq!(rows.len(), objects.len());
    for (row, object) in rows.iter().zip(objects) {
        let alone: T = serde_json::from_str(object.get()).expect("an object is a row");
        // Not a number never is.
        assert_eq!(format!("{row:?}"), format!("{alone:?}"));
    }
}
