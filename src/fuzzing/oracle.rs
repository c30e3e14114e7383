//! Go's own JSON decoder as the judge of what the controller survives: the program in `tests/oracle`.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the controller does with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Survives,
    /// It goes on, with a scheduled command that has no name.
    Nameless,
    /// It answers with an error.
    Refuses,
    /// It exits, at once or when the command is due.
    Exits,
}

/// A kind of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A document of the queue of commands.
    #[cfg(test)]
    Pushed = b'p' as isize,
    /// The data of `scheduler_add`.
    Scheduled = b's' as isize,
}

pub(super) struct Oracle {
    program: Child,
    questions: ChildStdin,
    verdicts: ChildStdout,
}

impl Oracle {
    /// Builds and starts the program. Fails where Go is missing.
    pub(super) fn start() -> io::Result<Self> {
        static BUILT: AtomicUsize = AtomicUsize::new(0);
        let number = BUILT.fetch_add(1, Ordering::Relaxed);
        let name = format!("acclient-oracle-{}-{number}", std::process::id());
        let built = std::env::temp_dir().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
        let mut go = Command::new("go");
        let status = go.args(["build", "-o"]).arg(&built).arg(".").current_dir(source).status()?;
        assert!(status.success(), "the oracle can be built");
        let started = Command::new(&built).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        std::fs::remove_file(&built).expect("it was built");
        let mut program = started.expect("it was built");
        let questions = program.stdin.take().expect("a pipe");
        let verdicts = program.stdout.take().expect("a pipe");
        Ok(Oracle { program, questions, verdicts })
    }

    pub(super) fn ask(&mut self, kind: Kind, text: &str) -> Verdict {
        let text = text.as_bytes();
        let length = u32::try_from(text.len()).expect("a short text").to_le_bytes();
        let frame = [&[kind as u8], &length[..], text].concat();
        self.questions.write_all(&frame).expect("the oracle reads");
        let mut verdict = [0];
        self.verdicts.read_exact(&mut verdict).expect("the oracle answers");
        Verdict::of(verdict[0])
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Verdict {
    fn of(byte: u8) -> Self {
        match byte {
            b's' => Verdict::Survives,
            b'n' => Verdict::Nameless,
            b'e' => Verdict::Refuses,
            b'x' => Verdict::Exits,
            other => panic!("no verdict: {other}"),
        }
    }
}

/// The oracle for a test; `None` where Go is missing, which is an error in CI.
#[cfg(test)]
pub(super) fn start() -> Option<Oracle> {
    match Oracle::start() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let _ =
                writeln!(io::stderr(), "\n*** NOT TESTED: what needs go, which is missing ***\n");
            assert!(std::env::var_os("CI").is_none(), "left out in CI: what needs go");
            None
        }
        oracle => Some(oracle.expect("the oracle starts")),
    }
}
