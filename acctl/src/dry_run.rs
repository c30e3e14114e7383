//! `--dry-run`: lists the agents that a command would be sent to.

use crate::agents::row;
use crate::exit::{Outcome, Status};
use crate::fold::{counted, fold};
use crate::session::Session;
use crate::target::Chosen;
use crate::target_documents;

/// Option of commands that submit jobs.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct DryRun {
    /// List the matching agents and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Lists the agents. `sample` is the number of agents that a real run would choose.
pub fn show(session: &Session, chosen: &Chosen, sample: Option<usize>) -> Outcome {
    let output = session.output;
    let agents = chosen.agents(session)?;
    output.document(target_documents::plan(chosen, agents.len()))?;
    if agents.is_empty() {
        return chosen.nobody(session);
    }
    let mut rows = Vec::new();
    for (agent, roles) in &agents {
        match output.is_json() {
            true => output.document(target_documents::agent(*agent, roles.as_deref()))?,
            false => rows.push(row(*agent, roles.as_deref())),
        }
    }
    if !output.is_json() {
        output.table(&["AGENT", "ROLES"], &rows)?;
    }
    let folded = fold(agents.iter().map(|(agent, _)| *agent));
    let count = agents.len();
    let is_one = agents.len() > 1 && !chosen.target.is_fanout();
    output.note(match sample {
        _ if is_one => format!("dry run: would send to one of {count} agents: {folded}"),
        Some(some) if some < count => {
            format!("dry run: would send to {some} of {count} agents, chosen at random: {folded}")
        }
        _ => format!("dry run: would send to {}: {folded}", counted(count)),
    });
    match agents.iter().all(|(_, roles)| roles.is_none()) {
        true => chosen.nobody(session),
        false => Ok(Status::Success),
    }
}
