//! Gates that shell scripts wait at until the test opens them, in place of a sleep that is long enough.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file that is there once the gate is open. It goes with this value.
pub struct Gate(PathBuf);

impl Gate {
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("acclient-gate-{}-{number}", std::process::id());
        Gate(std::env::temp_dir().join(name))
    }

    /// A line of shell that ends when the gate is open.
    pub fn wait(&self) -> String {
        format!("while [ ! -e {} ]; do sleep 0.02; done", self.0.display())
    }

    /// The file that opens it, for a job that does.
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
