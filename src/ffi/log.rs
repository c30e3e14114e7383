//! The log hook: passes log messages of the library to a C function.

use std::cell::Cell;
use std::ffi::{CString, c_char, c_void};
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

use super::contract::call;
use super::error::acclient_error;
use super::status::acclient_status;
use crate::error::{Error, ErrorKind};

/// Reserved: failures are returned as errors.
pub const ACCLIENT_LOG_ERROR: i32 = 1;
/// Conditions that may need attention, like the first failure after which a call retries.
pub const ACCLIENT_LOG_WARN: i32 = 2;
/// Unusual conditions that need no attention.
pub const ACCLIENT_LOG_INFO: i32 = 3;
/// Normal operation: connections, submitted commands, how results are waited for.
pub const ACCLIENT_LOG_DEBUG: i32 = 4;
/// Normal operation in detail.
pub const ACCLIENT_LOG_TRACE: i32 = 5;

/// Function that receives log messages, on the thread whose call logs. It may call the library,
/// which then logs nothing. It must return normally: no longjmp(3), no C++ exception.
///
/// level: one of ACCLIENT_LOG_...
/// target: the subject: "acclient::connection", "acclient::command", "acclient::wait" or
///   "acclient::retry"; later versions may add more.
/// message: one line of text, without passwords and without the data of commands.
/// user_data: as passed to acclient_set_log_hook().
pub type acclient_log_hook = Option<
    extern "C" fn(
        level: i32,
        target: *const c_char,
        message: *const c_char,
        user_data: *mut c_void,
    ),
>;

type Function = extern "C" fn(i32, *const c_char, *const c_char, *mut c_void);

/// The hook that was set last. Not behind a lock, which a fork might leave locked in the child.
static HOOK: AtomicPtr<Installed> = AtomicPtr::new(null_mut());

/// A hook. Never freed, since another thread may be about to call it.
struct Installed {
    function: Option<Function>,
    /// A number, since it is not dereferenced here.
    user_data: usize,
    /// The previous hook, which keeps all hooks reachable from the last.
    before: AtomicPtr<Installed>,
}

thread_local! {
    /// Whether the hook runs on this thread: calls that it makes must not invoke it again.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

struct Hook;

impl Log for Hook {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("acclient")
    }

    fn log(&self, record: &Record<'_>) {
        // SAFETY: null, or made by Box::into_raw and never freed.
        let hook = unsafe { HOOK.load(Ordering::Acquire).as_ref() };
        let Some((function, user_data)) =
            hook.and_then(|hook| Some((hook.function?, hook.user_data)))
        else {
            return;
        };
        if !self.enabled(record.metadata()) || IN_HOOK.replace(true) {
            return;
        }
        let text = |text: String| CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
        let target = text(record.target().to_owned());
        let message = text(record.args().to_string().replace(['\n', '\r'], " "));
        let user_data = ptr::with_exposed_provenance_mut(user_data);
        function(record.level() as i32, target.as_ptr(), message.as_ptr(), user_data);
        IN_HOOK.set(false);
    }

    fn flush(&self) {}
}

/// Sets the log hook of the process. Set it before other threads use the library: a call in
/// progress on another thread may still use the previous hook.
///
/// hook: NULL disables logging, which is the default.
/// user_data: passed to the hook unchanged; may be NULL.
/// level: the least severe level to log, one of ACCLIENT_LOG_... Normal operation logs only at
///   ACCLIENT_LOG_DEBUG and ACCLIENT_LOG_TRACE.
/// Errors: ACCLIENT_UNSUPPORTED in a Rust program that has installed its own logger.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn acclient_set_log_hook(
    hook: acclient_log_hook,
    user_data: *mut c_void,
    level: i32,
    error: *mut *mut acclient_error,
) -> acclient_status {
    call!(error, |_| {
        let level = match level {
            ACCLIENT_LOG_ERROR => LevelFilter::Error,
            ACCLIENT_LOG_WARN => LevelFilter::Warn,
            ACCLIENT_LOG_INFO => LevelFilter::Info,
            ACCLIENT_LOG_DEBUG => LevelFilter::Debug,
            ACCLIENT_LOG_TRACE => LevelFilter::Trace,
            level => {
                let message = format!("invalid level {level}: expected one of ACCLIENT_LOG_...");
                return Err(Error::invalid(message));
            }
        };
        static LOGGER: Hook = Hook;
        // The first call of the process installs the logger. Another thread may do so at the same time.
        let is_ours = || ptr::addr_eq(log::logger(), &raw const LOGGER);
        if !is_ours() && log::set_logger(&LOGGER).is_err() && !is_ours() {
            let message = "the program has installed its own logger for the crate log";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let user_data = user_data.expose_provenance();
        let before = AtomicPtr::new(null_mut());
        let installed = Box::leak(Box::new(Installed { function: hook, user_data, before }));
        let installed: &Installed = installed;
        let before = HOOK.swap(ptr::from_ref(installed).cast_mut(), Ordering::AcqRel);
        installed.before.store(before, Ordering::Relaxed);
        log::set_max_level(if hook.is_some() { level } else { LevelFilter::Off });
        Ok(())
    })
}
