//! Tests of the C ABI, the C++ headers and the Go package, of the examples in each language, and of
//! what an installation and the published crates hold. The sources of the programs are in tests/c, tests/cpp and go.

mod abi;
mod c;
mod cpp;
mod crates;
mod examples;
mod go;
mod header;
mod install;
mod licences;
mod outs;
mod packaging;
mod pages;
mod relink;
mod tools;
mod versions;
