//! `include/acclient.h` and its copy in the Go package, `go/acclient.h`, match the sources: the header is
//! generated and compared byte for byte. `make header` (or ACCLIENT_WRITE_HEADER=1) writes both.

use std::path::Path;
use std::process::Command;

use support::not_tested;
use support::prefix::{have, succeed};
use support::programs::{include, library};

#[test]
fn the_committed_headers_match_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let bindings = cbindgen::Builder::new().with_crate(root).with_config(config).generate();
    let mut generated = Vec::new();
    bindings.expect("cbindgen reads the sources").write(&mut generated);
    for header in ["include/acclient.h", "go/acclient.h"] {
        let path = root.join(header);
        if std::env::var_os("ACCLIENT_WRITE_HEADER").is_some() {
            std::fs::write(&path, &generated).expect("the header can be written");
        }
        let committed = std::fs::read(&path).unwrap_or_else(|error| panic!("{header}: {error}"));
        assert!(
            committed == generated,
            "{header} does not match the sources: run `make header` and commit it"
        );
    }
}

/// C89 with the types of C99: no // comments, and no text after an #endif.
#[test]
fn the_header_compiles_as_c89() {
    if !have(&["cc"]) {
        return;
    }
    let mut cc = Command::new("cc");
    cc.args(["-x", "c", "-std=c89", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]);
    succeed(cc.arg("-I").arg(include()).arg(include().join("acclient.h")));
}

/// cffi reads C without a preprocessor.
#[test]
fn binding_generators_read_the_header_between_begin_and_end() {
    let imports = Command::new("python3").args(["-c", "import cffi"]).output();
    if !imports.is_ok_and(|output| output.status.success()) {
        not_tested("Python has no cffi; see `make tools`");
        return;
    }
    let program = "import cffi, sys\n\
        text = open(sys.argv[1]).read()\n\
        ffi = cffi.FFI()\n\
        ffi.cdef(text[text.index('/* BEGIN */'):text.index('/* END */')])\n\
        library = ffi.dlopen(sys.argv[2])\n\
        print(ffi.string(library.acclient_version()).decode(), library.ACCLIENT_UNSUPPORTED)\n";
    let mut python = Command::new("python3");
    python.args(["-c", program]).arg(include().join("acclient.h"));
    let output = succeed(python.arg(library("libacclient.so")));
    let expected = format!("{} 11\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
