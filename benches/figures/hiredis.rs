//! hiredis, the C client used as a baseline. It is loaded at run time; nothing links to it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::net::TcpStream;
use std::os::fd::IntoRawFd;
use std::ptr;
use std::time::Duration;

use crate::original;

type Connect = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type ConnectWithTimeout = unsafe extern "C" fn(*const c_char, c_int, libc::timeval) -> *mut c_void;
type ConnectFd = unsafe extern "C" fn(c_int) -> *mut c_void;
type Append = unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char, *const usize) -> c_int;
type Format = unsafe extern "C" fn(*mut c_void, *const c_char, ...) -> *mut c_void;
type GetReply = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;
type SetTimeout = unsafe extern "C" fn(*mut c_void, libc::timeval) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);

/// Functions of the library, which have these types since hiredis 0.11.
#[derive(Clone, Copy)]
struct Library {
    connect: Connect,
    connect_with_timeout: ConnectWithTimeout,
    connect_fd: ConnectFd,
    append: Append,
    format: Format,
    get_reply: GetReply,
    set_timeout: SetTimeout,
    free_reply: Free,
    free: Free,
}

impl Library {
    /// Returns `None` if the library is not installed.
    fn open() -> Option<Self> {
        let names =
            [c"libhiredis.so", c"libhiredis.so.1.1.0", c"libhiredis.so.0.14", c"libhiredis.dylib"];
        // SAFETY: NUL-terminated names.
        let library =
            names.iter().map(|name| unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) });
        let library = { library }.find(|library| !library.is_null())?;
        let symbol = |name: &str| {
            let name = CString::new(name).expect("a name");
            // SAFETY: an open library and a NUL-terminated name.
            let found = unsafe { libc::dlsym(library, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        // SAFETY: each function has the type that it is given here.
        unsafe {
            Some(Library {
                connect: std::mem::transmute::<*mut c_void, Connect>(symbol("redisConnect")?),
                connect_with_timeout: std::mem::transmute::<*mut c_void, ConnectWithTimeout>(
                    symbol("redisConnectWithTimeout")?,
                ),
                connect_fd: std::mem::transmute::<*mut c_void, ConnectFd>(symbol(
                    "redisConnectFd",
                )?),
                append: std::mem::transmute::<*mut c_void, Append>(symbol(
                    "redisAppendCommandArgv",
                )?),
                format: std::mem::transmute::<*mut c_void, Format>(symbol("redisCommand")?),
                get_reply: std::mem::transmute::<*mut c_void, GetReply>(symbol("redisGetReply")?),
                set_timeout: std::mem::transmute::<*mut c_void, SetTimeout>(symbol(
                    "redisSetTimeout",
                )?),
                free_reply: std::mem::transmute::<*mut c_void, Free>(symbol("freeReplyObject")?),
                free: std::mem::transmute::<*mut c_void, Free>(symbol("redisFree")?),
            })
        }
    }

    /// Wraps a context, which may be in an error state, as after a refused connection.
    fn context(self, context: *mut c_void) -> Option<Hiredis> {
        (!context.is_null()).then_some(Hiredis { library: self, context })
    }
}

fn timeval(span: Duration) -> libc::timeval {
    libc::timeval { tv_sec: span.as_secs() as i64, tv_usec: i64::from(span.subsec_micros()) }
}

/// A hiredis connection.
pub struct Hiredis {
    library: Library,
    context: *mut c_void,
}

// SAFETY: one thread uses it at a time, and hiredis keeps no thread-local state.
unsafe impl Send for Hiredis {}

impl Hiredis {
    /// Connects; `None` if the library is not installed.
    pub fn connect(port: u16) -> Option<Self> {
        let library = Library::open()?;
        // SAFETY: a NUL-terminated address.
        library.context(unsafe { (library.connect)(c"127.0.0.1".as_ptr(), c_int::from(port)) })
    }

    /// Connects with this timeout, which also applies to each reply. The server need not exist.
    pub fn connect_within(port: u16, span: Duration) -> Option<Self> {
        let library = Library::open()?;
        // SAFETY: a NUL-terminated address; then a live context.
        unsafe {
            let connect = library.connect_with_timeout;
            let context = connect(c"127.0.0.1".as_ptr(), c_int::from(port), timeval(span));
            let made = library.context(context)?;
            (library.set_timeout)(made.context, timeval(span));
            Some(made)
        }
    }

    /// Takes over a connected socket.
    pub fn over(socket: TcpStream) -> Option<Self> {
        let library = Library::open()?;
        // SAFETY: a connected socket that no other code closes.
        library.context(unsafe { (library.connect_fd)(socket.into_raw_fd()) })
    }

    /// Sends a command, waits for its reply and discards it. Returns whether there was one.
    pub fn command(&mut self, words: &[&[u8]]) -> bool {
        self.append(words);
        self.reply()
    }

    /// Sends the same command `depth` times in one pipeline.
    pub fn pipeline(&mut self, words: &[&[u8]], depth: usize) {
        (0..depth).for_each(|_| self.append(words));
        (0..depth).for_each(|_| assert!(self.reply()));
    }

    /// The same for many commands in one pipeline: first all pushes, then the waits.
    pub fn push_and_wait_for_all(&mut self, names: &[(CString, CString)]) {
        for (id, _) in names {
            let json = original::command(id.to_str().expect("an id"));
            self.append(&[b"RPUSH", b"cmds.queue", json.as_bytes()]);
        }
        for (_, result) in names {
            let result = result.as_bytes();
            self.append(&[b"BRPOPLPUSH", result, result, b"60"]);
        }
        (0..2 * names.len()).for_each(|_| assert!(self.reply()));
    }

    /// Pushes the command of the original client for agent 1:1 with this id, and waits for its result, the way a C
    /// program does it: JSON by snprintf, two calls of redisCommand.
    pub fn push_and_wait(&mut self, id: &CStr, result: &CStr) {
        let mut json = [0u8; 512];
        let template = c"{\"id\":\"%s\",\"gid\":%d,\"nid\":%d,\"tags\":null,\"roles\":null,\"fanout\":false,\"cmd\":\"execute\",\"args\":{\"name\":\"%s\",\"loglevels\":\"*\"},\"data\":\"\"}";
        let (one, name) = (1 as c_int, c"true".as_ptr());
        let Library { format, free_reply, .. } = self.library;
        // SAFETY: a live context; format strings with matching, live, NUL-terminated arguments; a
        // buffer of the length that is passed; each reply is freed once.
        unsafe {
            let (json, room) = (json.as_mut_ptr().cast(), json.len());
            libc::snprintf(json, room, template.as_ptr(), id.as_ptr(), one, one, name);
            let reply = format(self.context, c"RPUSH cmds.queue %s".as_ptr(), json);
            assert!(!reply.is_null());
            free_reply(reply);
            let (wait, key) = (c"BRPOPLPUSH %s %s 60".as_ptr(), result.as_ptr());
            let reply = format(self.context, wait, key, key);
            assert!(!reply.is_null());
            free_reply(reply);
        }
    }

    fn append(&mut self, words: &[&[u8]]) {
        // On the stack, as in a C caller.
        let (mut starts, mut lengths) = ([ptr::null(); 8], [0; 8]);
        for (at, word) in words.iter().enumerate() {
            (starts[at], lengths[at]) = (word.as_ptr().cast(), word.len());
        }
        let count = words.len() as c_int;
        let append = self.library.append;
        // SAFETY: a live context; pointers to and lengths of `count` live strings, which are
        // copied.
        assert_eq!(unsafe { append(self.context, count, starts.as_ptr(), lengths.as_ptr()) }, 0);
    }

    fn reply(&mut self) -> bool {
        let mut reply = ptr::null_mut();
        // SAFETY: a live context and out parameter; a reply is freed once.
        unsafe {
            let status = (self.library.get_reply)(self.context, &mut reply);
            if !reply.is_null() {
                (self.library.free_reply)(reply);
            }
            status == 0
        }
    }
}

impl Drop for Hiredis {
    fn drop(&mut self) {
        // SAFETY: a live context, not used afterwards.
        unsafe { (self.library.free)(self.context) };
    }
}
