//! `--group`: prints identical results once, under their agents.

use std::collections::HashMap;

use acclient::{AgentId, Job, JobState};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::fold::{counted, fold};
use crate::json;
use crate::output::Output;
use crate::render::Said;

/// Distinct results, each with its agents.
#[derive(Default)]
pub struct Groups(HashMap<Content, Vec<AgentId>>);

/// Compared part of a result: everything except start time, run time and id.
#[derive(PartialEq, Eq, Hash)]
struct Content {
    state: JobState,
    stdout: String,
    stderr: String,
    data: String,
    level: i64,
    critical: Option<String>,
    tags: Option<String>,
}

impl Groups {
    pub fn add(&mut self, job: &Job) {
        let content = Content {
            state: job.state().clone(),
            stdout: job.stdout().to_owned(),
            stderr: job.stderr().to_owned(),
            data: job.data().to_owned(),
            level: job.level(),
            critical: job.critical().map(str::to_owned),
            tags: job.tags().map(str::to_owned),
        };
        self.0.entry(content).or_default().push(job.agent());
    }

    /// Prints the groups, largest first.
    pub fn show(self, output: &Output) -> Result<(), Failure> {
        let mut groups: Vec<(Content, Vec<AgentId>)> = self.0.into_iter().collect();
        groups.iter_mut().for_each(|(_, agents)| agents.sort_unstable());
        groups.sort_by(|(_, one), (_, other)| other.len().cmp(&one.len()).then(one.cmp(other)));
        groups.iter().try_for_each(|(content, agents)| match output.is_json() {
            true => Ok(output.document(content.document(agents))?),
            false => content.show(output, agents),
        })
    }
}

impl Content {
    fn show(&self, output: &Output, agents: &[AgentId]) -> Result<(), Failure> {
        let Content { state, stdout, stderr, data, critical, .. } = self;
        let said = Said { state, stdout, stderr, data, critical: critical.as_deref() };
        let folded = fold(agents.iter().copied());
        let count = counted(agents.len());
        said.heading(output, &format!("== {folded} {state} ({count})"))?;
        said.show(output, &folded, true)
    }

    fn document(&self, agents: &[AgentId]) -> Value {
        json!({
            "type": "group",
            "agents": agents.iter().map(AgentId::to_string).collect::<Vec<_>>(),
            "count": agents.len(),
            "state": self.state,
            "success": self.state == JobState::Success,
            "stdout": self.stdout,
            "stdout_cut": json::is_cut(&self.stdout),
            "stderr": self.stderr,
            "stderr_cut": json::is_cut(&self.stderr),
            "data": self.data,
            "level": self.level,
            "critical": self.critical,
            "tags": self.tags,
        })
    }
}
