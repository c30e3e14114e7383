//! Agent calls of a [`Client`]: node information, processes, logs.

use std::collections::BTreeMap;

use super::Client;
#[cfg(doc)]
use crate::command::Request;
use crate::engine::arrivals::Arrivals;
use crate::engine::watch::Wanted;
use crate::engine::{ask, ids, push};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::job::msgs::read_msgs;
use crate::job::{Message, MsgQuery, Outcome, Outcomes};
use crate::node::answer::read_rows;
use crate::node::{
    Answer, CpuInfo, DiskInfo, MemInfo, NicInfo, OsInfo, ProcessQuery, ProcessStats, agents, info,
    processes,
};
use crate::protocol::{AgentId, Envelope, Target};
use crate::transport::clock;

/// Agents and whether they respond.
impl Client {
    /// Checks that an agent responds (the command `ping`). Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`], [`ErrorKind::Timeout`] for an agent that does not respond, and those of
    /// [`Request::run`].
    pub fn ping_agent(&self, agent: impl Into<AgentId>) -> Result<()> {
        agents::ping(self.session(), agent.into())
    }

    /// Returns the agents that the controller knows at this moment, and their roles. An agent that died stays
    /// in the list for 30 to 45 s. An agent that runs 100 jobs fetches no commands and leaves the list after
    /// 30 s; it returns when some of the jobs end. Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if no controller drains the queue, [`ErrorKind::UnknownCommand`] if the
    /// controller does not support the command, and those of [`Request::run`].
    pub fn list_agents(&self) -> Result<BTreeMap<AgentId, Vec<String>>> {
        agents::list(self.session())
    }
}

/// Node information. Each call queries one agent and blocks for at most the client's timeout. Errors are
/// those of [`Request::run`](crate::Request::run), and [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed)
/// if the agent could not get the information.
impl Client {
    /// Returns the processors of an agent's machine.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), …
    pub fn get_cpu_info(&self, agent: impl Into<AgentId>) -> Result<Answer<Vec<CpuInfo>>> {
        info::cpu(self.session(), agent.into())
    }

    /// Returns the mounted file systems of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_disk_info(&self, agent: impl Into<AgentId>) -> Result<Answer<Vec<DiskInfo>>> {
        info::disk(self.session(), agent.into())
    }

    /// Returns the memory of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_mem_info(&self, agent: impl Into<AgentId>) -> Result<Answer<MemInfo>> {
        info::mem(self.session(), agent.into())
    }

    /// Returns the network interfaces of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_nic_info(&self, agent: impl Into<AgentId>) -> Result<Answer<Vec<NicInfo>>> {
        info::nic(self.session(), agent.into())
    }

    /// Returns the operating system of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_os_info(&self, agent: impl Into<AgentId>) -> Result<Answer<OsInfo>> {
        info::os(self.session(), agent.into())
    }

    /// Returns the combined resource usage of an agent and all its jobs.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_aggregated_stats(&self, agent: impl Into<AgentId>) -> Result<Answer<ProcessStats>> {
        processes::aggregated_stats(self.session(), agent.into())
    }
}

/// Processes and logs.
impl Client {
    /// Returns the jobs that an agent is running, including this request, and the resource usage of each.
    /// Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), and those of
    /// [`Request::run`](crate::Request::run).
    pub fn get_processes(
        &self,
        agent: impl Into<AgentId>,
        query: &ProcessQuery,
    ) -> Result<Answer<Vec<ProcessStats>>> {
        processes::processes(self.session(), agent.into(), query)
    }

    /// Returns the running jobs of every agent of every grid, as [`Client::get_processes`] does for one.
    /// Blocks for at most the client's timeout. An agent that has not answered by then, or before an error
    /// that ends the wait for all agents, is an [`Outcome::Failed`].
    ///
    /// # Errors
    /// Those of [`Request::run_all`](crate::Request::run_all), if no agent has answered.
    pub fn get_all_processes(&self, query: &ProcessQuery) -> Result<Outcomes<Vec<ProcessStats>>> {
        let every = Target::from(Target::all());
        let question = Envelope::new(ids::new_id()?, every, processes::question(query))?;
        let (session, timeout, begun) = (self.session(), self.session().quick(), clock::now());
        push::submit(session, &question, &timeout)?;
        let wanted = Wanted { agents: None, ..Wanted::of(&question, Vec::new()) };
        let mut answers = Arrivals::new(session, vec![(question, wanted)], &timeout.since(begun))?;
        let mut outcomes: Outcomes<_> = std::iter::empty().collect();
        while let Some((_, answer)) = answers.next() {
            match answer {
                Ok(answer) => {
                    let agent = answer.agent();
                    let rows = answer.into_success().and_then(|answer| read_rows(&answer));
                    outcomes.insert(agent, rows.into());
                }
                Err(error) => match error.agent() {
                    Some(agent) => outcomes.insert(agent, Outcome::Failed(error)),
                    // If the grid has no agents, the controller answers.
                    None if outcomes.is_empty() => return Err(error),
                    None => {
                        let ended = ask::ended_for(answers.pending().into_iter(), &error);
                        ended.into_iter().for_each(|(agent, it)| outcomes.insert(agent, it.into()));
                    }
                },
            }
        }
        Ok(outcomes)
    }

    /// Returns the messages that a job has logged on an agent, newest first, by the id of the job alone; see
    /// [`Job::get_msgs`](crate::Job::get_msgs). Blocks for at most the client's timeout.
    ///
    /// # Errors
    /// As [`Job::get_msgs`](crate::Job::get_msgs). The result for a job that the agent does not know is
    /// empty.
    pub fn get_msgs(
        &self,
        agent: impl Into<AgentId>,
        id: &str,
        query: &MsgQuery,
    ) -> Result<Vec<Message>> {
        read_msgs(self.session(), agent.into(), id, query)
    }
}
