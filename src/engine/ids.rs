//! Ids for commands.

use std::cell::RefCell;

use crate::error::{Error, ErrorKind, Result};
use crate::transport::Process;

/// Random bytes drawn at a time, enough for 256 ids. Drawing many at once is cheap.
const DRAWN: usize = 4096;

struct Random {
    process: Process,
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static RANDOM: RefCell<Random> = const { RefCell::new(Random { process: Process::NONE, bytes: [0; DRAWN], left: 0 }) };
}

/// Returns a random UUID (version 4).
pub(crate) fn new_id() -> Result<String> {
    RANDOM.with_borrow_mut(|random| {
        let process = Process::current();
        // A forked child has a copy of its parent's bytes and would generate the same ids.
        if random.left == 0 || random.process != process {
            getrandom::fill(&mut random.bytes).map_err(|error| {
                Error::new(ErrorKind::System, format!("cannot get random bytes for an id: {error}"))
            })?;
            random.process = process;
            random.left = DRAWN;
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&random.bytes[random.left - 16..random.left]);
        random.left -= 16;
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated();
        Ok(id.encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned())
    })
}

/// Returns a random number below a limit, which must be above 0.
pub(crate) fn random_below(limit: usize) -> Result<usize> {
    let number = getrandom::u64().map_err(|error| {
        Error::new(ErrorKind::System, format!("cannot get random bytes: {error}"))
    })?;
    // The remainder is less than the limit, which is a usize.
    Ok((number % limit as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_of_version_4() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
        }
    }
}
