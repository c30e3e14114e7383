//! Ctrl-C: the first cancels calls, the second ends the process.

use std::{io, process, thread};

use acclient::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Status;

/// Cancels the token at the first SIGINT or SIGTERM; the second ends the process, for those who do not
/// want to wait for what the first leads to.
pub fn watch(cancel: &CancelToken) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cancel = cancel.clone();
    let watching = move || {
        for _ in signals.forever() {
            if cancel.is_cancelled() {
                process::exit(Status::Interrupted as i32);
            }
            cancel.cancel();
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watching)?;
    Ok(())
}
