//! Presentation of results: in full, grouped, as a table, or as a summary only.

use std::path::PathBuf;

use acclient::{AgentId, Error, ErrorKind, Job, JobState};
use serde_json::Value;

use crate::exit::Failure;
use crate::group::Groups;
use crate::json;
use crate::output::{BAD, GOOD, Output};
use crate::output_dir::OutputDir;
use crate::table::{self, Table};

/// Options for the presentation of results.
#[derive(clap::Args)]
#[command(next_help_heading = "Results")]
pub struct Shown {
    /// Print identical results once, under their agents
    #[arg(long, conflicts_with = "summary")]
    group: bool,
    /// Print one line per agent: state, time, first line of output
    #[arg(long, conflicts_with_all = ["summary", "group"])]
    table: bool,
    /// Print only counts and the agents that did not succeed
    #[arg(long)]
    summary: bool,
    /// Also write DIR/1.2.out, .err and .json for each agent. DIR must be new, empty or an earlier --output-dir, whose
    /// files for these agents are replaced
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Print only results and errors: no handle, progress bar or counts
    #[arg(long, short)]
    pub quiet: bool,
}

impl Shown {
    /// Opens `--output-dir`, creating it if necessary.
    pub fn open(&self, output: &Output) -> Result<Option<OutputDir>, Failure> {
        if self.table && output.is_json() {
            return Err(Failure::Usage("--table cannot be combined with --json".into()));
        }
        self.output_dir.as_deref().map(OutputDir::open).transpose()
    }

    /// Whether results are printed one by one and in full.
    pub fn is_plain(&self) -> bool {
        !(self.group || self.table || self.summary)
    }
}

/// Prints results in the requested style.
pub struct Renderer<'a> {
    output: &'a Output,
    style: Style,
    /// Whether results may come from several agents, so that each needs a heading.
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

    /// Prints the result of an agent.
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

    /// Prints an error instead of a result. `fate` is the outcome under which the summary lists the agent.
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
            // Counted and listed in the summary.
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

    /// Writes files to `--output-dir`, if given. Reports every failure as a document, but only the first as text: a full
    /// disk fails for all agents alike.
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

    /// Prints the groups, which need all results.
    pub fn end(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.style, Style::Summary) {
            Style::Groups(groups) => groups.show(self.output),
            Style::Plain | Style::Table(_) | Style::Summary => Ok(()),
        }
    }

    /// Agents whose results could not be written to files.
    pub fn unwritten(&self) -> Vec<AgentId> {
        let agents = self.directory.iter().flat_map(OutputDir::unwritten);
        agents.copied().collect()
    }
}

/// Error of an agent without a result, in its printed forms.
pub struct Fault {
    /// Reason without the agent.
    pub why: String,
    pub text: String,
    pub document: Value,
}

/// Printed part of a result.
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

    /// Prints a heading in the colour of success or failure.
    pub fn heading(&self, output: &Output, text: &str) -> Result<(), Failure> {
        let style = if self.is_success() { GOOD } else { BAD };
        Ok(output.line(output.styled(text, style))?)
    }

    /// Prints the output. Under a heading, lines on stderr are prefixed with `whose`, the agents.
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
            // A failed built-in command of the agent returns only "{}".
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
                let why = format!("agents keep the last {kept} lines");
                output.problem(&format!("{agents}: {name} may be truncated: {why}"));
            }
        }
        Ok(())
    }
}
