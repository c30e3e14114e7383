//! What a [`Client`] asks of agents: node information, processes, logs.

use std::collections::BTreeMap;

use super::Client;
#[cfg(doc)]
use crate::command::CommandBuilder;
use crate::command::{Collected, Command};
use crate::engine::ids;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::job::msgs::read_msgs;
use crate::job::{Message, MsgQuery, Outcome, Outcomes};
use crate::node::{
    Answer, CpuInfo, DiskInfo, MemInfo, NicInfo, OsInfo, ProcessQuery, ProcessStats, agents, info,
    processes,
};
use crate::protocol::{AgentId, Envelope, Target};

/// Which agents there are.
impl Client {
    /// Asks an agent for a sign of life (the command `ping`). Blocks for the client's timeout at
    /// most.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`], [`ErrorKind::Timeout`] for an agent that is away, and those of
    /// [`CommandBuilder::run`].
    pub fn ping_agent(&self, gid: u32, nid: u32) -> Result<()> {
        agents::ping(self.session(), AgentId { gid, nid })
    }

    /// The agents that the controller knows at this moment, and their roles. A dead one stays in
    /// the list for up to 30 s. Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] where no controller drains the queue,
    /// [`ErrorKind::UnknownCommand`] from one that does not offer it, and those of
    /// [`CommandBuilder::run`].
    pub fn list_agents(&self) -> Result<BTreeMap<AgentId, Vec<String>>> {
        agents::list(self.session())
    }
}

/// Node information. Each call asks one agent and blocks for the client's timeout at most. Errors
/// are those of [`CommandBuilder::run`](crate::CommandBuilder::run), and
/// [`ErrorKind::JobFailed`](crate::ErrorKind::JobFailed) where the agent could not tell.
impl Client {
    /// The processors of an agent's machine.
    ///
    /// # Errors
    /// [`ErrorKind::NoSuchAgent`](crate::ErrorKind::NoSuchAgent),
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout), …
    pub fn get_cpu_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<CpuInfo>>> {
        info::cpu(self.session(), AgentId { gid, nid })
    }

    /// The mounted file systems of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_disk_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<DiskInfo>>> {
        info::disk(self.session(), AgentId { gid, nid })
    }

    /// The memory of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_mem_info(&self, gid: u32, nid: u32) -> Result<Answer<MemInfo>> {
        info::mem(self.session(), AgentId { gid, nid })
    }

    /// The network interfaces of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_nic_info(&self, gid: u32, nid: u32) -> Result<Answer<Vec<NicInfo>>> {
        info::nic(self.session(), AgentId { gid, nid })
    }

    /// The operating system of an agent's machine.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_os_info(&self, gid: u32, nid: u32) -> Result<Answer<OsInfo>> {
        info::os(self.session(), AgentId { gid, nid })
    }

    /// What an agent and all its jobs use together.
    ///
    /// # Errors
    /// As [`Client::get_cpu_info`].
    pub fn get_aggregated_stats(&self, gid: u32, nid: u32) -> Result<Answer<ProcessStats>> {
        processes::aggregated_stats(self.session(), AgentId { gid, nid })
    }
}

/// Processes and logs.
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
        processes::processes(self.session(), AgentId { gid, nid }, query)
    }

    /// The same of every agent of every grid. Blocks for the client's timeout at most; agents that
    /// have not answered by then are [`Outcome::Failed`].
    ///
    /// # Errors
    /// Those of [`CommandBuilder::run_all`](crate::CommandBuilder::run_all).
    pub fn get_all_processes(&self, query: &ProcessQuery) -> Result<Outcomes<Vec<ProcessStats>>> {
        let every = Target::from(Target::all());
        let question = Envelope::new(ids::new_id()?, every, processes::question(query))?;
        let wait = self.session().quick();
        let all = Collected::of(Command::new(self.session().clone(), question), wait, false)?;
        let answered = all.jobs.into_iter().map(|job| {
            let agent = job.agent();
            (agent, job.into_success().and_then(|job| job.json()).into())
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

    /// What a job has logged on an agent, newest first, by its id alone; see
    /// [`Job::get_msgs`](crate::Job::get_msgs). Blocks for the client's timeout at most.
    ///
    /// # Errors
    /// As [`Job::get_msgs`](crate::Job::get_msgs). A job that the agent does not know has no messages.
    pub fn get_msgs(&self, gid: u32, nid: u32, id: &str, query: &MsgQuery) -> Result<Vec<Message>> {
        read_msgs(self.session(), AgentId { gid, nid }, id, query)
    }
}
