//! `acctl recent`: handles of commands sent from this account.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use acclient::{Command, Error};
use serde_json::{Value, json};

use crate::exit::{Failure, Outcome, Status};
use crate::handles::{Entry, Handles};
use crate::jobs::utc;
use crate::json::milliseconds;
use crate::output::Output;
use crate::session::Session;

/// List commands sent from this account, newest first
///
/// Recording is off until --on is given. It stores handle, target, time and name of the last 1000 commands, but no
/// arguments or data, in acctl/recent.jsonl under $XDG_STATE_HOME or ~/.local/state, readable only by this user.
/// Rollouts (--batch, --concurrency, --sample) are not recorded. Redis keeps results for 24 hours.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl recent --on
  acctl recent
  acctl recent --clear")]
pub struct Recent {
    /// Start recording handles
    #[arg(long, group = "action")]
    on: bool,
    /// Stop recording handles and delete the list
    #[arg(long, group = "action")]
    off: bool,
    /// Empty the list
    #[arg(long, group = "action")]
    clear: bool,
}

impl Recent {
    pub fn perform(&self, output: &Output) -> Outcome {
        let handles = Handles::of_user().map_err(Failure::System)?;
        let path = handles.path().display();
        let failed = |error: io::Error| {
            Failure::System(io::Error::new(error.kind(), format!("{path}: {error}")))
        };
        let told = |is_on: bool, text: String| -> Outcome {
            output.note(text);
            output.document(json!({
                "type": "recording", "on": is_on, "file": handles.path().to_string_lossy(),
            }))?;
            Ok(Status::Success)
        };
        if self.on {
            handles.begin().map_err(failed)?;
            return told(true, format!("recording handles in {path}"));
        }
        if self.off {
            let text = match handles.end().map_err(failed)? {
                true => format!("recording stopped; removed {path}"),
                false => "recording is off".to_owned(),
            };
            return told(false, text);
        }
        if self.clear {
            return match handles.clear().map_err(failed)? {
                true => told(true, format!("emptied {path}; recording is still on")),
                false => told(false, "recording is off".to_owned()),
            };
        }
        let Some(read) = handles.read().map_err(failed)? else {
            output.note("recording is off; turn it on with: acctl recent --on");
            return Ok(Status::Success);
        };
        if read.unreadable > 0 {
            output.note(format!("{path}: skipped {} invalid lines", read.unreadable));
        }
        list(output, &read.entries)
    }
}

fn list(output: &Output, entries: &[Entry]) -> Outcome {
    let newest_first = entries.iter().rev();
    if output.is_json() {
        newest_first.map(document).try_for_each(|entry| output.document(entry))?;
        return Ok(Status::Success);
    }
    let row = |entry: &Entry| {
        let Entry { command, target, time, name } = entry.clone();
        vec![utc(time / 1000), name, target, command]
    };
    let rows: Vec<_> = newest_first.map(row).collect();
    output.table(&["SENT", "BY", "TARGET", "HANDLE"], &rows)?;
    Ok(Status::Success)
}

fn document(entry: &Entry) -> Value {
    let Entry { command, target, time, name } = entry;
    json!({ "type": "recent", "command": command, "target": target, "time": time, "name": name })
}

/// Whether the warning was printed: once per process is enough.
static WARNED: AtomicBool = AtomicBool::new(false);

/// Records the handle of a command that was sent or maybe sent. A failure is only a warning, because the command runs.
pub fn keep(session: &Session, sent: &Result<Command, Error>) {
    let command = match sent {
        Ok(command) => Some(command.clone()),
        Err(error) if error.is_maybe_sent() => {
            error.command_handle().and_then(|handle| session.client.get_by_handle(handle).ok())
        }
        Err(_) => None,
    };
    let (Some(command), Ok(handles)) = (command, Handles::of_user()) else { return };
    let added = handles.add(&Entry {
        command: command.to_string(),
        target: command.target().to_string(),
        time: milliseconds(SystemTime::now()),
        name: session.name.to_owned(),
    });
    if let Err(error) = added
        && !WARNED.swap(true, Relaxed)
    {
        let path = handles.path().display();
        session.output.note(format!("acctl: warning: cannot record the handle: {path}: {error}"));
    }
}
