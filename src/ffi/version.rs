//! The version of the library, and of the header that a program was compiled with.

use std::ffi::c_char;

use super::status::{ACCLIENT_OK, ACCLIENT_UNSUPPORTED, acclient_status};

/// Major version of this header.
pub const ACCLIENT_VERSION_MAJOR: u32 = 0;
/// Minor version of this header.
pub const ACCLIENT_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const ACCLIENT_VERSION_PATCH: u32 = 0;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// Version of the library that is loaded, like "0.1.0". Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// Checks that the library that is loaded is compatible with the header that a program was compiled
/// with: call it as
/// acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH).
///
/// Returns ACCLIENT_OK, or ACCLIENT_UNSUPPORTED if the library is older than the header, or of another
/// major version, or, before 1.0, of another minor one.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_check_version(major: u32, minor: u32, patch: u32) -> acclient_status {
    let same_line =
        major == ACCLIENT_VERSION_MAJOR && (major > 0 || minor == ACCLIENT_VERSION_MINOR);
    let old_enough = (minor, patch) <= (ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH);
    if same_line && old_enough { ACCLIENT_OK } else { ACCLIENT_UNSUPPORTED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_are_the_version_of_the_crate() {
        let macros =
            format!("{ACCLIENT_VERSION_MAJOR}.{ACCLIENT_VERSION_MINOR}.{ACCLIENT_VERSION_PATCH}");
        assert_eq!(macros, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_newer_header_does_not_fit() {
        let (major, minor, patch) =
            (ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH);
        assert_eq!(acclient_check_version(major, minor, patch), ACCLIENT_OK);
        assert_eq!(acclient_check_version(major, minor, patch + 1), ACCLIENT_UNSUPPORTED);
        assert_eq!(acclient_check_version(major, minor + 1, patch), ACCLIENT_UNSUPPORTED);
        assert_eq!(acclient_check_version(major + 1, minor, patch), ACCLIENT_UNSUPPORTED);
    }
}
