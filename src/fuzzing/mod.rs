//! What the fuzz targets in `fuzz/` do with an input. Built for them and for unit tests only, which
//! run the inputs in `fuzz/corpus` through the same functions.
//!
//! A function takes any bytes. It panics where the library breaks a promise.

mod addresses;
mod documents;
mod entries;
mod oracle;
mod schedules;
mod words;

use std::sync::OnceLock;

pub use crate::transport::fuzzing::{memory_for_replies, replies};
pub use addresses::{instances, urls};
pub use documents::{commands, results};
pub use schedules::schedules;
pub use words::{printed, settings};

use crate::client::Client;

/// A client that is never connected.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| Client::builder().build().expect("the defaults are in range"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs all inputs of a target; the name of one that fails is in the panic's output.
    fn run(name: &str, target: impl Fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut inputs = 0;
        for input in std::fs::read_dir(corpus).unwrap() {
            let path = input.unwrap().path();
            println!("{}", path.display());
            target(&std::fs::read(path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0);
    }

    #[test]
    fn every_target_takes_its_corpus() {
        run("commands", super::commands);
        run("instances", super::instances);
        run("printed", super::printed);
        run("replies", super::replies);
        run("results", super::results);
        run("settings", super::settings);
        run("urls", super::urls);
    }

    #[test]
    fn schedules_take_their_corpus() {
        if super::oracle::start().is_some() {
            run("schedules", super::schedules);
        }
    }
}
