//! What is printed of results: all of them, each once, a line of each, or nothing.

use std::path::PathBuf;

use acclient::{AgentId, Error, ErrorKind, Job, JobState};
use serde_json::Value;

use crate::exit::Failure;
use crate::group::Groups;
use crate::json;
use crate::output::{BAD, GOOD, Output};
use crate::output_dir::OutputDir;
use crate::table::{self, Table};

/// Options for what is printed of results.
#[derive(clap::Args)]
#[command(next_help_heading = "Results")]
pub struct Shown {
    /// Prints identical results once, under the agents that gave them
    #[arg(long, conflicts_with = "summary")]
    group: bool,
    /// Prints a line for each agent: state, time, beginning of the output
    #[arg(long, conflicts_with_all = ["summary", "group"])]
    table: bool,
    /// Prints no output of jobs: only counts, and the agents that did not succeed
    #[arg(long)]
    summary: bool,
    /// Also writes DIR/1.2.out, .err and .json for each agent. DIR is new, empty, or was written by acctl,
    /// which then replaces the files of these agents
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Prints results and problems only: no handle, bar or counts
    #[arg(long, short)]
    pub quiet: bool,
}

impl Shown {
    /// The directory for results, which is there then.
    pub fn open(&self, output: &Output) -> Result<Option<OutputDir>, Failure> {
        if self.table && output.is_json() {
            return Err(Failure::Usage("--table is text: give either --table or --json".into()));
        }
        self.output_dir.as_deref().map(OutputDir::open).transpose()
    }

    /// Whether results are printed one by one and in full.
    pub fn is_plain(&self) -> bool {
        !(self.group || self.table || self.summary)
    }
}

/// Prints results in the way that was asked for.
pub struct Renderer<'a> {
    output: &'a Output,
    style: Style,
    /// Whether there may be results of several agents, so that each needs a heading.
    is_many: bool,
    directory: Option<OutputDir>,
}

enum Style {
    Plain,
    Groups(Groups),
    Table(Table),
    Summary,
}

impl<'a> Renderer<'a> {
    pub fn new(
        output: &'a Output,
        shown: &Shown,
        is_many: bool,
        directory: Option<OutputDir>,
    ) -> Self {
        let style = match shown {
            Shown { group: true, .. } => Style::Groups(Groups::default()),
            Shown { table: true, .. } => Style::Table(Table::default()),
            Shown { summary: true, .. } => Style::Summary,
            _ => Style::Plain,
        };
        Renderer { output, style, is_many, directory }
    }

    /// The result of an agent.
    pub fn job(&mut self, job: &Job) -> Result<(), Failure> {
        self.write(job.agent(), |directory| directory.job(job))?;
        match &mut self.style {
            Style::Summary => Ok(()),
            Style::Table(table) => table.job(self.output, job),
            Style::Groups(groups) => {
                groups.add(job);
                Ok(())
            }
            Style::Plain if self.output.is_json() => Ok(self.output.document(json::job(job))?),
            Style::Plain => {
                let said = Said::from(job);
                if self.is_many {
                    let (agent, time) = (job.agent(), job.time().as_secs_f64());
                    said.heading(self.output, &format!("== {agent} {} ({time:.3} s)", said.state))?;
                }
                said.show(self.output, &job.agent().to_string(), self.is_many)
            }
        }
    }

    /// An error in the place of a result. `fate` is where the summary names the agent.
    pub fn error(
        &mut self,
        error: &Error,
        fate: Option<&str>,
        what: &Fault,
    ) -> Result<(), Failure> {
        if let (Some(agent), Some(_)) = (error.agent(), fate) {
            self.write(agent, |directory| directory.error(agent, &what.document))?;
        }
        match (&mut self.style, error.agent(), fate) {
            // Which is counted and named at the end.
            (Style::Summary, _, Some(_)) => return Ok(()),
            (Style::Table(table), Some(agent), Some(fate)) => {
                let time = error.elapsed().map(|it| table::seconds(it.as_secs_f64()));
                let cells = [&agent.to_string(), fate, time.as_deref().unwrap_or("-")];
                return table.row(self.output, cells, &what.why, false);
            }
            _ => {}
        }
        self.output.problem(&what.text);
        Ok(self.output.document(what.document.clone())?)
    }

    /// Writes files, if there is a directory for them. Reports a failure as a document each time, and as text only
    /// once: on a full disk it is the same for all agents.
    fn write(
        &mut self,
        agent: AgentId,
        write: impl FnOnce(&mut OutputDir) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let Some(directory) = &mut self.directory else { return Ok(()) };
        let Err(why) = write(directory) else { return Ok(()) };
        if directory.unwritten().len() == 1 {
            self.output.problem(&why);
        }
        let mut document = json::failure(ErrorKind::System, &why, None);
        document["agent"] = agent.to_string().into();
        Ok(self.output.document(document)?)
    }

    /// Prints what was kept until all results are there.
    pub fn end(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.style, Style::Summary) {
            Style::Groups(groups) => groups.show(self.output),
            Style::Plain | Style::Table(_) | Style::Summary => Ok(()),
        }
    }

    /// Agents whose results are not in the files where they should be.
    pub fn unwritten(&self) -> Vec<AgentId> {
        let agents = self.directory.iter().flat_map(OutputDir::unwritten);
        agents.copied().collect()
    }
}

/// The error of an agent without a result, in the forms in which it is printed.
pub struct Fault {
    /// Short, without the agent.
    pub why: String,
    pub text: String,
    pub document: Value,
}

/// What agents have said, as it is shown.
pub struct Said<'a> {
    pub state: &'a JobState,
    pub stdout: &'a str,
    pub stderr: &'a str,
    pub data: &'a str,
    pub critical: Option<&'a str>,
}

impl<'a> From<&'a Job> for Said<'a> {
    fn from(job: &'a Job) -> Self {
        Said {
            state: job.state(),
            stdout: job.stdout(),
            stderr: job.stderr(),
            data: job.data(),
            critical: job.critical(),
        }
    }
}

impl Said<'_> {
    fn is_success(&self) -> bool {
        *self.state == JobState::Success
    }

    /// A line above what is said, in the colour of success or failure.
    pub fn heading(&self, output: &Output, text: &str) -> Result<(), Failure> {
        let style = if self.is_success() { GOOD } else { BAD };
        Ok(output.line(output.styled(text, style))?)
    }

    /// Prints it. `whose` are the agents, which stderr names where there is a heading.
    pub fn show(&self, output: &Output, whose: &str, has_heading: bool) -> Result<(), Failure> {
        let Said { state, stdout, stderr, data, critical } = self;
        if has_heading {
            output.text_below_heading(stdout)?;
            stderr.lines().for_each(|line| output.note(format!("{whose}: {line}")));
        } else {
            output.text(stdout)?;
            output.error_text(stderr);
        }
        let agents = match whose.contains([',', '-']) {
            true => format!("agents {whose}"),
            false => format!("agent {whose}"),
        };
        match *data {
            "" | "{}" if !self.is_success() && !has_heading => {
                output.problem(&format!("{agents}: {state}"));
            }
            // An agent's own command that failed says no more than "{}".
            "" => {}
            data if self.is_success() && has_heading => output.text_below_heading(data)?,
            data if self.is_success() => output.text(data)?,
            "{}" => {}
            data => {
                let data = data.trim_end().replace('\n', "\n  ");
                output.problem(&format!("{agents}: {state}: {data}"));
            }
        }
        let critical = critical.unwrap_or_default().trim_end().lines();
        critical.for_each(|line| output.note(format!("{whose}: {line}")));
        for (name, text) in [("stdout", stdout), ("stderr", stderr)] {
            if json::is_cut(text) {
                let kept = json::KEPT_LINES;
                let why = format!("an agent keeps the last {kept} lines");
                output.problem(&format!("{agents}: {name} may be cut: {why}"));
            }
        }
        Ok(())
    }
}
