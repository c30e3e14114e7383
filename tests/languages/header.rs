//! `include/acclient.h` is what the sources say: generated anew and compared byte for byte. So is
//! `go/acclient.h`, the copy of the Go package, which is compiled against it wherever its module lies.
//! `make header` (or ACCLIENT_WRITE_HEADER=1) writes both.

use std::path::Path;

#[test]
fn the_committed_headers_are_what_the_sources_give() {
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
            "{header} is not what the sources give: run `make header` and commit it"
        );
    }
}
