//! `--dry-run`: which agents would get a command.

use crate::agents::row;
use crate::exit::{Outcome, Status};
use crate::fold::fold;
use crate::session::Session;
use crate::target::Chosen;
use crate::target_documents;

/// The option of commands that send something.
#[derive(clap::Args)]
#[command(next_help_heading = "Targets")]
pub struct DryRun {
    /// Lists the agents that would get it, and sends nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Lists the agents; `sample` of them would get the command, where it is given.
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
        _ if is_one => format!("nothing was sent; it is for one of {count} agents: {folded}"),
        Some(some) if some < count => {
            format!(
                "nothing was sent; it is for {some} of {count} agents, chosen at random: {folded}"
            )
        }
        _ if count == 1 => format!("nothing was sent; it is for 1 agent: {folded}"),
        _ => format!("nothing was sent; it is for {count} agents: {folded}"),
    });
    match agents.iter().all(|(_, roles)| roles.is_none()) {
        true => chosen.nobody(session),
        false => Ok(Status::Success),
    }
}
