//! The C client that everything is measured against, found when the program runs: nothing is linked to it.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

type Connect = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;
type Append = unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char, *const usize) -> c_int;
type GetReply = unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);

pub struct Hiredis {
    context: *mut c_void,
    append: Append,
    get_reply: GetReply,
    free_reply: Free,
    free: Free,
}

impl Hiredis {
    /// `None` where the library is not there.
    pub fn connect(port: u16) -> Option<Self> {
        // SAFETY: NUL-terminated names; the functions have these types since hiredis 0.10.
        unsafe {
            let names = [c"libhiredis.so", c"libhiredis.so.1.1.0", c"libhiredis.so.0.14"];
            let library = names.iter().map(|name| libc::dlopen(name.as_ptr(), libc::RTLD_NOW));
            let library = { library }.find(|library| !library.is_null())?;
            let symbol = |name: &str| {
                let name = CString::new(name).expect("a name");
                let found = libc::dlsym(library, name.as_ptr());
                (!found.is_null()).then_some(found)
            };
            let connect = std::mem::transmute::<*mut c_void, Connect>(symbol("redisConnect")?);
            let context = connect(c"127.0.0.1".as_ptr(), c_int::from(port));
            (!context.is_null()).then_some(())?;
            Some(Hiredis {
                context,
                append: std::mem::transmute::<*mut c_void, Append>(symbol(
                    "redisAppendCommandArgv",
                )?),
                get_reply: std::mem::transmute::<*mut c_void, GetReply>(symbol("redisGetReply")?),
                free_reply: std::mem::transmute::<*mut c_void, Free>(symbol("freeReplyObject")?),
                free: std::mem::transmute::<*mut c_void, Free>(symbol("redisFree")?),
            })
        }
    }

    /// Pushes the same text so many times, in one pipeline.
    pub fn push(&mut self, text: &str, depth: usize) {
        let words = [&b"RPUSH"[..], b"cmds.queue", text.as_bytes()];
        let starts = words.map(|word| word.as_ptr().cast());
        let lengths = words.map(<[u8]>::len);
        // SAFETY: a live context; pointers and lengths of three live texts, which are copied; replies
        // are freed once.
        unsafe {
            for _ in 0..depth {
                assert_eq!((self.append)(self.context, 3, starts.as_ptr(), lengths.as_ptr()), 0);
            }
            for _ in 0..depth {
                let mut reply = ptr::null_mut();
                assert_eq!((self.get_reply)(self.context, &mut reply), 0);
                (self.free_reply)(reply);
            }
        }
    }
}

impl Drop for Hiredis {
    fn drop(&mut self) {
        // SAFETY: a live context, not used any more.
        unsafe { (self.free)(self.context) };
    }
}
