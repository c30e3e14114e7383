//! Gates at which shell scripts wait until the test opens them, instead of sleeping long enough.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that exists once the gate is open. Removed on drop.
pub struct Gate(PathBuf);

impl Gate {
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("acclient-gate-{}-{number}", std::process::id());
        Gate(std::env::temp_dir().join(name))
    }

    /// Returns a line of shell that ends when the gate is open.
    pub fn wait(&self) -> String {
        format!("while [ ! -e {} ]; do sleep 0.02; done", self.0.display())
    }

    /// Returns the path of the file, for a job that opens the gate.
    pub fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    pub fn open(&self) {
        std::fs::write(&self.0, "").expect("a file in the directory for temporary ones");
    }

    pub fn close(&self) {
        std::fs::remove_file(&self.0).expect("it was open");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
