//! Tests of the C ABI, the C++ headers, the Go package, the examples in each language, the installation and the
//! published crates. The sources of the programs are in tests/c, tests/cpp and go.

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
