//! `--output-dir`: one set of result files per agent.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use acclient::{AgentId, Job};
use serde_json::Value;

use crate::exit::Failure;
use crate::json;

/// Marker file of directories written by acctl.
const MARK: &str = ".acctl-output";
const MARK_TEXT: &str = "Results of acctl --output-dir, which replaces files in this directory.\n";

/// Directory for results.
pub struct OutputDir {
    path: PathBuf,
    /// Agents whose results were written by this process.
    written: BTreeSet<AgentId>,
    /// Agents whose results were not written.
    unwritten: BTreeSet<AgentId>,
}

impl OutputDir {
    /// Creates the directory if it does not exist. Rejects one with files that acctl did not write.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let wrong =
            |error: io::Error| Failure::Usage(format!("invalid --output-dir {path:?}: {error}"));
        fs::create_dir_all(path).map_err(wrong)?;
        let mark = path.join(MARK);
        let is_ours = fs::symlink_metadata(&mark).is_ok_and(|found| found.is_file());
        if !is_ours && fs::read_dir(path).map_err(wrong)?.next().is_some() {
            return Err(Failure::Usage(format!(
                "invalid --output-dir {path:?}: it contains files that acctl did not write; expected a new or empty \
                 directory, or an earlier --output-dir"
            )));
        }
        let directory = OutputDir {
            path: path.to_owned(),
            written: BTreeSet::new(),
            unwritten: BTreeSet::new(),
        };
        // Also checks, before anything is sent, that the directory is writable.
        directory.replace(MARK, MARK_TEXT.as_bytes()).map_err(wrong)?;
        Ok(directory)
    }

    /// Writes stdout, stderr and the JSON document of a result. `Err` is the error message.
    pub fn job(&mut self, job: &Job) -> Result<(), String> {
        let document = json::job(job).to_string() + "\n";
        let files = [
            ("out", Some(job.stdout())),
            ("err", Some(job.stderr())),
            ("json", Some(document.as_str())),
        ];
        self.write(job.agent(), &files)
    }

    /// Writes the error document of an agent without a result. Removes its earlier result.
    pub fn error(&mut self, agent: AgentId, document: &Value) -> Result<(), String> {
        let document = document.to_string() + "\n";
        self.write(agent, &[("out", None), ("err", None), ("json", Some(document.as_str()))])
    }

    /// Agents whose results were not written.
    pub fn unwritten(&self) -> &BTreeSet<AgentId> {
        &self.unwritten
    }

    fn write(&mut self, agent: AgentId, files: &[(&str, Option<&str>)]) -> Result<(), String> {
        let AgentId { gid, nid } = agent;
        let mut written = match self.written.insert(agent) {
            true => Ok(()),
            false => Err(format!(
                "cannot write to {}: already has another result of agent {agent}",
                self.path.display()
            )),
        };
        for (kind, text) in files {
            let name = format!("{gid}.{nid}.{kind}");
            let one = || match text {
                Some(text) => self.replace(&name, text.as_bytes()),
                None => self.remove(&name),
            };
            written = written.and_then(|()| {
                one().map_err(|error| {
                    format!("cannot write {}: {error}", self.path.join(&name).display())
                })
            });
        }
        written.inspect_err(|_| _ = self.unwritten.insert(agent))
    }

    /// Replaces a file atomically.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(MARK)
            // The umask still applies.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.path)?;
        // Write to the inner file: its errors do not include the temporary path.
        file.as_file_mut().write_all(bytes)?;
        file.persist(self.path.join(name)).map_err(|failed| failed.error)?;
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
