//! Forks and signals: the unsafe calls of the tests are all in this file.

/// Forks. The child runs `body` and exits with its result, without unwinding and without running
/// any cleanup of the parent.
pub fn fork(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child has only this thread; it uses what the library promises to support there,
    // allocates (which glibc and musl allow after a fork), and leaves by _exit.
    unsafe {
        match libc::fork() {
            0 => {
                let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
                libc::_exit(code.unwrap_or(99))
            }
            child => {
                assert!(child > 0, "fork: {}", std::io::Error::last_os_error());
                child
            }
        }
    }
}

/// Waits for a child and returns its exit status, -1 if a signal ended it.
pub fn exit_status(child: i32) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: waitpid stores a status into a live number.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        if waited == child {
            return if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
        }
        assert_eq!(std::io::Error::last_os_error().kind(), std::io::ErrorKind::Interrupted);
    }
}

/// Lowers the limit of open descriptors of this process.
pub fn limit_descriptors(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: reads a live struct.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// Closes descriptors of this process that belong to other code, as a daemonizer does.
pub fn close_numbers(numbers: impl IntoIterator<Item = i32>) {
    for number in numbers {
        // SAFETY: closing a descriptor does not violate memory safety; the test is about
        // descriptors of others.
        unsafe { libc::close(number) };
    }
}

extern "C" fn nothing(_signal: i32) {}

/// Sends SIGALRM to this process a hundred times a second until dropped. The handler does nothing
/// and lets system calls fail with EINTR. The timer belongs to the process, so a test that uses it
/// runs in a process of its own.
pub struct Alarms(());

impl Alarms {
    pub fn start() -> Self {
        // SAFETY: the handler does nothing, so it is async-signal-safe; the structs live on this
        // frame.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
            assert_eq!(libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut()), 0);
        }
        Self::every(10_000);
        Alarms(())
    }

    fn every(microseconds: i64) {
        let span = libc::timeval { tv_sec: 0, tv_usec: microseconds as libc::suseconds_t };
        let timer = libc::itimerval { it_interval: span, it_value: span };
        // SAFETY: reads a live struct.
        let rc = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
        assert_eq!(rc, 0);
    }
}

impl Drop for Alarms {
    fn drop(&mut self) {
        Self::every(0);
    }
}
