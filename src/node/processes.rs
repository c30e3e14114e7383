use serde_json::json;

use crate::client::Client;
use crate::error::Result;
use crate::job::{Outcome, Outcomes};
use crate::node::Answer;
use crate::node::ProcessStats;
use crate::protocol::Target;

/// Which processes of an agent are wanted; see [`Client::get_processes`].
///
/// ```
/// use acclient::ProcessQuery;
/// let all = ProcessQuery::new();
/// let backups = ProcessQuery::new().domain("backup").name("rsync");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessQuery {
    domain: Option<String>,
    name: Option<String>,
}

impl ProcessQuery {
    /// All of them.
    pub fn new() -> Self {
        ProcessQuery::default()
    }

    /// Those that were started with this domain among their run arguments.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Those that were started with this name: for `execute`, the program.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    fn to_json(&self) -> String {
        json!({ "domain": self.domain, "name": self.name }).to_string()
    }
}

const CMD: &str = "get_processes_stats";

impl Client {
    /// The jobs that an agent runs at this moment, this question included, and what each uses.
    /// Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), and those of
    /// [`CommandBuilder::run`](crate::CommandBuilder::run).
    pub fn get_processes(
        &self,
        gid: u32,
        nid: u32,
        query: &ProcessQuery,
    ) -> Result<Answer<Vec<ProcessStats>>> {
        self.ask_agent(gid, nid, CMD, &query.to_json())
    }

    /// The same of every agent of every grid. Blocks for the client's timeout at most; agents that
    /// have not answered by then are [`Outcome::Failed`].
    ///
    /// # Errors
    /// Those of [`CommandBuilder::run_all`](crate::CommandBuilder::run_all).
    pub fn get_all_processes(&self, query: &ProcessQuery) -> Result<Outcomes<Vec<ProcessStats>>> {
        let all = self.cmd(Target::all(), CMD).data(query.to_json()).run_all(self.quick())?;
        let answered = all.jobs.into_iter().map(|job| {
            let agent = job.agent();
            let stats = job.into_success().and_then(|job| job.json());
            (agent, stats.map_or_else(Outcome::Failed, Outcome::Done))
        });
        let mut outcomes: Outcomes<_> = answered.collect();
        for error in all.errors {
            match error.agent() {
                // A grid without agents answers for itself.
                Some(agent) if agent.nid > 0 => outcomes.insert(agent, Outcome::Failed(error)),
                _ => return Err(error),
            }
        }
        Ok(outcomes)
    }
}
