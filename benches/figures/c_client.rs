//! A client and a command of the C ABI, as declared in `acclient.h`.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

pub const TIMEOUT: i32 = acclient::ErrorKind::Timeout as i32;
pub const CANCELLED: i32 = acclient::ErrorKind::Cancelled as i32;
const INVALID_ARGUMENT: i32 = acclient::ErrorKind::InvalidArgument as i32;

pub struct CClient {
    client: *mut c_void,
    command: *mut c_void,
}

impl CClient {
    /// Creates a client for a server that need not exist, and a command that may have been sent to
    /// agent 1:1.
    pub fn new(url: &str, id: &str) -> Self {
        let (url, none) = (CString::new(url).unwrap(), ptr::null_mut());
        let mut made = CClient { client: none, command: none };
        let mut options = none;
        let form = CString::new(format!("acclient:1:{id}:1:1")).unwrap();
        // SAFETY: NUL-terminated strings, live out parameters, and NULL where the header allows it.
        unsafe {
            assert_eq!(acclient_options_new(&mut options, none.cast()), 0);
            assert_eq!(acclient_options_set_url(options, url.as_ptr(), none.cast()), 0);
            assert_eq!(acclient_client_build(options, &mut made.client, none.cast()), 0);
            acclient_options_free(options);
            let place = &mut made.command;
            let status =
                acclient_client_get_by_handle(made.client, form.as_ptr(), place, none.cast());
            assert_eq!(status, 0);
        }
        made
    }

    pub fn ping(&self) {
        // SAFETY: a live client, and NULL where the header allows it.
        let status =
            unsafe { acclient_client_ping(self.client, 10_000, ptr::null(), ptr::null_mut()) };
        assert_eq!(status, 0);
    }

    /// Makes a call that fails before anything is sent; the error is created, read and freed.
    pub fn refused(&self) {
        let mut error = ptr::null_mut();
        // SAFETY: a live client and out parameter, and NULL where the header allows it; the error
        // is freed once.
        unsafe {
            let status =
                acclient_client_ping_agent(self.client, 0, 0, 10_000, ptr::null(), &mut error);
            assert_eq!(status, INVALID_ARGUMENT);
            assert!(!acclient_error_message(error, ptr::null_mut()).is_null());
            acclient_error_free(error);
        }
    }

    /// Waits for the next result of the command, discards it and returns the status.
    pub fn wait(&self, timeout_ms: i64, cancel: *const c_void) -> i32 {
        let mut job = ptr::null_mut();
        let none = ptr::null_mut();
        // SAFETY: a live command, a live token or NULL, a live out parameter, and NULL for the
        // error; the job, which may be NULL, is freed once.
        unsafe {
            let status =
                acclient_command_next_result(self.command, timeout_ms, cancel, &mut job, none);
            acclient_job_free(job);
            status
        }
    }
}

impl Drop for CClient {
    fn drop(&mut self) {
        // SAFETY: created by new(), and not used afterwards.
        unsafe {
            acclient_command_free(self.command);
            acclient_client_free(self.client);
        }
    }
}

/// A cancel token, which any thread may cancel.
pub struct CCancel(*mut c_void);

// SAFETY: the header documents acclient_cancel_token_cancel() as thread-safe.
unsafe impl Send for CCancel {}
// SAFETY: as above.
unsafe impl Sync for CCancel {}

impl CCancel {
    pub fn new() -> Self {
        let mut cancel = ptr::null_mut();
        // SAFETY: a live out parameter, and NULL where the header allows it.
        assert_eq!(unsafe { acclient_cancel_token_new(&mut cancel, ptr::null_mut()) }, 0);
        CCancel(cancel)
    }

    pub fn cancel(&self) {
        // SAFETY: a live token.
        assert_eq!(unsafe { acclient_cancel_token_cancel(self.0) }, 0);
    }

    pub fn as_ptr(&self) -> *const c_void {
        self.0
    }
}

impl Drop for CCancel {
    fn drop(&mut self) {
        // SAFETY: created by new(), and not used afterwards.
        unsafe { acclient_cancel_token_free(self.0) };
    }
}

unsafe extern "C" {
    fn acclient_options_new(options: *mut *mut c_void, error: *mut *mut c_void) -> i32;
    fn acclient_options_set_url(
        options: *const c_void,
        url: *const c_char,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_options_free(options: *mut c_void);
    fn acclient_client_build(
        options: *const c_void,
        client: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_ping(
        client: *const c_void,
        timeout_ms: i64,
        cancel: *const c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_ping_agent(
        client: *const c_void,
        gid: i64,
        nid: i64,
        timeout_ms: i64,
        cancel: *const c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_get_by_handle(
        client: *const c_void,
        printed: *const c_char,
        command: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_client_free(client: *mut c_void);
    fn acclient_command_next_result(
        command: *mut c_void,
        timeout_ms: i64,
        cancel: *const c_void,
        job: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> i32;
    fn acclient_job_free(job: *mut c_void);
    fn acclient_command_free(command: *mut c_void);
    fn acclient_cancel_token_new(cancel: *mut *mut c_void, error: *mut *mut c_void) -> i32;
    fn acclient_cancel_token_cancel(cancel: *const c_void) -> i32;
    fn acclient_cancel_token_free(cancel: *mut c_void);
    fn acclient_error_message(error: *const c_void, length: *mut usize) -> *const c_char;
    fn acclient_error_free(error: *mut c_void);
}
