//! Text borrowed by C: created when first read, and kept until its handle is freed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;
use std::sync::{Mutex, PoisonError};

use super::contract::Contract;
use super::guard::Opaque;

/// The texts read from a handle so far, by name. Each ends with a NUL and has a length, since it
/// may contain NULs. None is changed or removed, so that its address stays valid.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<BTreeMap<Cow<'static, str>, Text>>);

type Text = Option<Box<[u8]>>;

impl Texts {
    /// Address and length of a text; NULL and 0 if there is none.
    fn get<B: AsRef<[u8]>>(
        &self,
        name: Cow<'static, str>,
        make: impl FnOnce() -> Option<B>,
    ) -> (*const c_char, usize) {
        let texts = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts().get(&name) {
            return borrow(known.as_deref());
        }
        // Created without the lock, so that no thread waits for a large text. If two threads create the
        // same text, the first to finish wins.
        let made = make().map(|text| [text.as_ref(), b"\0"].concat().into());
        borrow(texts().entry(name).or_insert(made).as_deref())
    }
}

fn borrow(text: Option<&[u8]>) -> (*const c_char, usize) {
    text.map_or((null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len() - 1))
}

/// Reads a text of a handle; NULL and length 0 if there is none, for NULL and after a panic.
pub(super) fn read<'h, H: Opaque, B: AsRef<[u8]>>(
    contract: Contract,
    handle: Option<&'h H>,
    length: *mut usize,
    name: impl Into<Cow<'static, str>>,
    make: impl FnOnce(&'h H::Value) -> Option<B>,
) -> *const c_char {
    let read = || {
        let handle = handle?.handle();
        Some(handle.texts.get(name.into(), || make(&handle.value)))
    };
    let text = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
    let (start, size) = text.unwrap_or((null(), 0));
    contract.write(length, size);
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_address_while_others_are_read() {
        let texts = Texts::default();
        let first = texts.get("first".into(), || Some("a\0b"));
        assert_eq!(first.1, 3);
        for number in 0..if cfg!(miri) { 50 } else { 1000 } {
            texts.get(number.to_string().into(), || Some(number.to_string()));
        }
        assert_eq!(texts.get("first".into(), || Some("other")), first);
        assert_eq!(texts.get("none".into(), || None::<&str>), (null(), 0));
    }
}
