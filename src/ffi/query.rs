//! `acclient_msg_query` and `acclient_process_query`: selections of messages and processes.

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use super::contract::call;
use super::error::acclient_error;
use super::guard::{self, Handle, opaque};
use super::lock::Shared;
use super::scope::Scope;
use super::status::acclient_status;
use crate::error::{Error, Result};
use crate::job::MsgQuery;
use crate::node::ProcessQuery;

/// Query for messages that jobs have logged. A setter that fails changes nothing.
pub struct acclient_msg_query(Handle<Shared<MsgQuery>>);

opaque!(acclient_msg_query: Shared<MsgQuery>);

/// Query for the jobs that an agent is running. A setter that fails changes nothing.
pub struct acclient_process_query(Handle<Shared<ProcessQuery>>);

opaque!(acclient_process_query: Shared<ProcessQuery>);

/// The query of a call; NULL selects everything.
pub(super) fn msg_query<'a>(
    scope: &Scope<'a>,
    query: Option<&'a acclient_msg_query>,
) -> Result<MsgQuery> {
    query.map_or_else(|| Ok(MsgQuery::new()), |_| Ok(scope.borrow("query", query)?.get()))
}

/// The query of a call; NULL selects everything.
pub(super) fn process_query<'a>(
    scope: &Scope<'a>,
    query: Option<&'a acclient_process_query>,
) -> Result<ProcessQuery> {
    query.map_or_else(|| Ok(ProcessQuery::new()), |_| Ok(scope.borrow("query", query)?.get()))
}

/// Creates a query for the newest 20 messages of every level.
///
/// query: [out] receives the query; free with acclient_msg_query_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_msg_query_new(
    query: *mut *mut acclient_msg_query,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, query, |_| Ok(Shared::new(MsgQuery::new())))
}

/// Sets the levels: "*" (the default), or numbers and ranges like "1,2,6-9".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_msg_query_set_levels(
    query: *mut acclient_msg_query,
    levels: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| change(scope, query, |it| Ok(it.levels(scope.name("levels", levels)?))))
}

/// Sets the maximum number of messages, 1 to 1000; the newest are returned. Default: 20.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_msg_query_set_limit(
    query: *mut acclient_msg_query,
    limit: u32,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| change(scope, query, |it| Ok(it.limit(limit))))
}

/// Excludes messages logged before a time.
///
/// from_ms: milliseconds since 1970, not negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_msg_query_set_from(
    query: *mut acclient_msg_query,
    from_ms: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| change(scope, query, |it| Ok(it.from(time("from_ms", from_ms)?))))
}

/// Excludes messages logged after a time.
///
/// to_ms: milliseconds since 1970, not negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_msg_query_set_to(
    query: *mut acclient_msg_query,
    to_ms: i64,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| change(scope, query, |it| Ok(it.to(time("to_ms", to_ms)?))))
}

/// Frees the query.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_msg_query_free(query: Option<Box<acclient_msg_query>>) {
    guard::free(query);
}

/// Creates a query for all jobs of an agent.
///
/// query: [out] receives the query; free with acclient_process_query_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_process_query_new(
    query: *mut *mut acclient_process_query,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, query, |_| Ok(Shared::new(ProcessQuery::new())))
}

/// Restricts the query to a domain; see acclient_run_args_set_domain().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_process_query_set_domain(
    query: *mut acclient_process_query,
    domain: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let domain = scope.name("domain", domain)?;
        scope.borrow_mut("query", query)?.change(|it| Ok(it.domain(domain)))
    })
}

/// Restricts the query to a name; see acclient_run_args_set_name().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_process_query_set_name(
    query: *mut acclient_process_query,
    name: *const c_char,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |scope| {
        let name = scope.name("name", name)?;
        scope.borrow_mut("query", query)?.change(|it| Ok(it.name(name)))
    })
}

/// Frees the query.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_process_query_free(query: Option<Box<acclient_process_query>>) {
    guard::free(query);
}

fn change(
    scope: &Scope<'_>,
    query: *mut acclient_msg_query,
    change: impl FnOnce(MsgQuery) -> Result<MsgQuery>,
) -> Result<()> {
    scope.borrow_mut("query", query)?.change(|query| {
        let changed = change(query)?;
        changed.check()?;
        Ok(changed)
    })
}

fn time(what: &str, milliseconds: i64) -> Result<SystemTime> {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)).ok_or_else(|| {
        Error::invalid(format!("invalid {what} {milliseconds}: expected milliseconds since 1970"))
    })
}
