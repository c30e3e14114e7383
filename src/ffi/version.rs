//! Versions of the library and of the header that a program was compiled with.

use std::ffi::c_char;

use super::status::{ACCLIENT_OK, ACCLIENT_UNSUPPORTED, acclient_status};

/// Major version of this header.
pub const ACCLIENT_VERSION_MAJOR: u32 = 0;
/// Minor version of this header.
pub const ACCLIENT_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const ACCLIENT_VERSION_PATCH: u32 = 0;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// Returns the version of the loaded library, like "0.1.0". Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// Checks that the loaded library is compatible with the header that the program was compiled with.
/// Call it as acclient_check_version(ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR,
/// ACCLIENT_VERSION_PATCH).
///
/// Returns ACCLIENT_OK, or ACCLIENT_UNSUPPORTED if the library is older than the header or has
/// another major version (before 1.0: another minor version). The SONAME follows the same rule.
#[unsafe(no_mangle)]
pub extern "C" fn acclient_check_version(major: u32, minor: u32, patch: u32) -> acclient_status {
    let library = (ACCLIENT_VERSION_MAJOR, ACCLIENT_VERSION_MINOR, ACCLIENT_VERSION_PATCH);
    if serves(library, (major, minor, patch)) { ACCLIENT_OK } else { ACCLIENT_UNSUPPORTED }
}

/// Major, minor and patch version.
type Version = (u32, u32, u32);

/// Whether a library is compatible with programs compiled with a header.
fn serves(library: Version, header: Version) -> bool {
    let line = |version: Version| match version {
        (0, minor, _) => (0, minor),
        (major, _, _) => (major, 0),
    };
    line(library) == line(header) && header <= library
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_macros_match_the_crate() {
        let macros =
            format!("{ACCLIENT_VERSION_MAJOR}.{ACCLIENT_VERSION_MINOR}.{ACCLIENT_VERSION_PATCH}");
        assert_eq!(macros, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_library_is_compatible_with_older_headers_of_its_abi() {
        for (library, header, served) in [
            ((0, 1, 0), (0, 1, 0), true),
            ((0, 1, 5), (0, 1, 0), true),
            ((0, 1, 0), (0, 1, 5), false),
            ((0, 2, 0), (0, 1, 0), false),
            ((0, 1, 0), (0, 2, 0), false),
            ((1, 0, 0), (0, 1, 0), false),
            ((1, 2, 0), (1, 0, 7), true),
            ((1, 0, 7), (1, 2, 0), false),
            ((2, 0, 0), (1, 9, 9), false),
        ] {
            assert_eq!(serves(library, header), served, "{library:?} for {header:?}");
        }
    }
}
