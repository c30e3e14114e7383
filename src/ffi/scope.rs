//! Arguments of a call, read and validated: handles, text, arrays, numbers, timeouts.

use std::cell::RefCell;
use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::cancel_token::acclient_cancel_token;
use super::client::acclient_client;
use super::contract::Contract;
use super::guard::Opaque;
use crate::client::Client;
use crate::engine::Timeout;
use crate::error::{Error, Result};
use crate::protocol::{AgentId, LARGEST_ID, check_payload};

/// One call from C: reads its arguments, and records the handles it uses, which a panic poisons.
/// `'a` is the lifetime of the handles; text and arrays are borrowed from the scope itself.
pub(super) struct Scope<'a> {
    contract: Contract,
    used: RefCell<Vec<&'a AtomicBool>>,
}

/// `timeout_ms` and `cancel` of a call.
pub(super) type Until<'a> = (i64, Option<&'a acclient_cancel_token>);

impl<'a> Scope<'a> {
    pub(super) fn new(contract: Contract) -> Self {
        Scope { contract, used: RefCell::default() }
    }

    /// Makes the handles of this call fail from now on.
    pub(super) fn poison(&self) {
        self.used.borrow().iter().for_each(|handle| handle.store(true, Ordering::SeqCst));
    }

    /// Borrows a handle for the call. Rejects NULL and a handle that a panic has poisoned.
    pub(super) fn borrow<H: Opaque>(
        &self,
        what: &str,
        handle: Option<&'a H>,
    ) -> Result<&'a H::Value> {
        let handle = handle.ok_or_else(|| is_null(what))?.handle();
        self.used.borrow_mut().push(handle.poison(what)?);
        Ok(&handle.value)
    }

    /// Borrows a handle that the call changes.
    pub(super) fn borrow_mut<H: Opaque + 'a>(
        &self,
        what: &str,
        handle: *mut H,
    ) -> Result<&'a H::Value> {
        self.borrow(what, self.contract.handle(handle))
    }

    /// Borrows an array of handles, none of them NULL.
    pub(super) fn borrow_all<H: Opaque>(
        &self,
        what: &str,
        handles: *const Option<&'a H>,
        count: usize,
    ) -> Result<Vec<&'a H::Value>> {
        let handles = self.array(what, handles, count)?.iter().enumerate();
        handles.map(|(index, it)| self.borrow(&format!("{what}[{index}]"), *it)).collect()
    }

    /// Deadline and cancel token of a call for which timeout 0 polls once.
    pub(super) fn wait(&self, (timeout_ms, cancel): Until<'a>) -> Result<Timeout> {
        let wait = Timeout::from(u64::try_from(timeout_ms).ok().map(Duration::from_millis));
        Ok(match cancel {
            None => wait,
            Some(_) => wait.or_cancelled(self.borrow("cancel", cancel)?),
        })
    }

    /// Deadline and cancel token of a call that does not accept timeout 0.
    pub(super) fn wait_above_zero(&self, until: Until<'a>) -> Result<Timeout> {
        if until.0 == 0 {
            let message = "invalid timeout_ms 0: expected milliseconds above zero, or a negative \
                           number for no timeout";
            return Err(Error::invalid(message));
        }
        self.wait(until)
    }

    /// The client with the timeout and the cancel token of this call.
    pub(super) fn bounded(&self, client: &Client, until: Until<'a>) -> Result<Client> {
        let (timeout_ms, cancel) = until;
        let client = client.with_timeout(self.wait_above_zero((timeout_ms, None))?.duration);
        Ok(match cancel {
            None => client,
            Some(_) => client.with_cancel(self.borrow("cancel", cancel)?),
        })
    }

    /// [`Scope::bounded`] for a client passed by C.
    pub(super) fn client(
        &self,
        client: Option<&'a acclient_client>,
        until: Until<'a>,
    ) -> Result<Client> {
        self.bounded(self.borrow("client", client)?, until)
    }

    /// A name: NUL-terminated UTF-8.
    pub(super) fn name(&self, what: &str, text: *const c_char) -> Result<&str> {
        self.optional_name(what, text)?.ok_or_else(|| is_null(what))
    }

    pub(super) fn optional_name(&self, what: &str, text: *const c_char) -> Result<Option<&str>> {
        let Some(text) = self.contract.text(text) else { return Ok(None) };
        let text = text.to_str().map_err(|error| {
            Error::invalid(format!("{what} is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        Ok(Some(text))
    }

    /// A name that is not empty.
    pub(super) fn filled_name(&self, what: &str, text: *const c_char) -> Result<&str> {
        match self.name(what, text)? {
            "" => Err(Error::invalid(format!("{what} is empty"))),
            name => Ok(name),
        }
    }

    /// An array of names, none of them NULL.
    pub(super) fn names(
        &self,
        what: &str,
        items: *const *const c_char,
        count: usize,
    ) -> Result<Vec<&str>> {
        let items = self.array(what, items, count)?.iter().enumerate();
        items.map(|(index, item)| self.name(&format!("{what}[{index}]"), *item)).collect()
    }

    /// A payload of any bytes.
    pub(super) fn payload(&self, what: &str, data: *const c_char, length: usize) -> Result<&[u8]> {
        self.array(what, data.cast(), length)
    }

    /// A payload that has to be UTF-8.
    pub(super) fn text(
        &self,
        what: &'static str,
        data: *const c_char,
        length: usize,
    ) -> Result<&str> {
        Ok(check_payload(what, self.payload(what, data, length)?)?)
    }

    /// A JSON object; an empty one for NULL.
    pub(super) fn object(&self, what: &str, text: *const c_char) -> Result<Value> {
        let text = self.optional_name(what, text)?.unwrap_or("{}");
        let value = serde_json::from_str(text).ok().filter(Value::is_object);
        value.ok_or_else(|| Error::invalid(format!("{what} is not a JSON object")))
    }

    /// An array; an empty one may be NULL.
    fn array<T>(&self, what: &str, start: *const T, count: usize) -> Result<&[T]> {
        check_count::<T>(what, count)?;
        if start.is_null() && count > 0 {
            return Err(Error::invalid(format!("{what} is NULL but its length is {count}")));
        }
        // With a length of 0 the pointer may be anything.
        Ok(if count == 0 { &[] } else { self.contract.array(start, count).unwrap_or_default() })
    }

    /// An array of `count` out parameters, all set to NULL. The array itself may be NULL.
    pub(super) fn places<H: Opaque>(
        &self,
        what: &str,
        start: *mut *mut H,
        count: usize,
    ) -> Result<Places<H>> {
        check_count::<*mut H>(what, count)?;
        let places = Places { contract: self.contract, start, count };
        if !start.is_null() {
            (0..count).for_each(|index| places.write(index, std::ptr::null_mut()));
        }
        Ok(places)
    }
}

/// An array of out parameters.
pub(super) struct Places<H> {
    contract: Contract,
    start: *mut *mut H,
    count: usize,
}

impl<H: Opaque> Places<H> {
    /// Rejects NULL unless the count is 0.
    pub(super) fn check(&self, what: &str) -> Result<()> {
        if self.start.is_null() && self.count > 0 { Err(is_null(what)) } else { Ok(()) }
    }

    pub(super) fn give(&self, index: usize, value: H::Value) {
        if !self.start.is_null() {
            self.write(index, super::guard::boxed(value));
        }
    }

    fn write(&self, index: usize, handle: *mut H) {
        assert!(index < self.count, "the array has no place {index}");
        self.contract.write_at(self.start, index, handle);
    }
}

fn is_null(what: &str) -> Error {
    Error::invalid(format!("{what} is NULL"))
}

fn check_count<T>(what: &str, count: usize) -> Result<()> {
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Error::invalid(format!(
            "invalid length {count} of {what}: larger than memory"
        )));
    }
    Ok(())
}

/// The agent of a job, which is 0:0 if the controller itself answered.
pub(super) fn agent_of_job((gid, nid): (i64, i64)) -> Result<AgentId> {
    let number = |name, number| {
        u32::try_from(number).map_err(|_| {
            Error::invalid(format!("invalid {name} {number}: expected 0 to {}", u32::MAX))
        })
    };
    Ok(AgentId { gid: number("gid", gid)?, nid: number("nid", nid)? })
}

/// The agent with these numbers: grid and node.
pub(super) fn agent((gid, nid): (i64, i64)) -> Result<AgentId> {
    Ok(AgentId { gid: agent_number("gid", gid)?, nid: agent_number("nid", nid)? })
}

/// The number of a grid or a node.
pub(super) fn agent_number(what: &str, number: i64) -> Result<u32> {
    let fits = |number: &u32| (1..=LARGEST_ID).contains(number);
    u32::try_from(number).ok().filter(fits).ok_or_else(|| {
        Error::invalid(format!("invalid {what} {number}: expected a number from 1 to {LARGEST_ID}"))
    })
}
