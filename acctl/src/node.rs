//! `acctl agents`, `ps`, `info` and `doctor`: agents, their machines, and the health of the grid.

use acclient::{
    AgentId, CpuInfo, DiskInfo, Job, MemInfo, NicInfo, OsInfo, Outcome as Answered, ProcessQuery,
    ProcessStats, Target, Verdict,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::commands::{USAGE, Worst, bytes, usage};
use crate::exit::{Failure, Outcome, Status};
use crate::jobs::utc;
use crate::json;
use crate::output::{BAD, GOOD, WEAK};
use crate::session::Session;
use crate::target;

/// Lists the agents that the controller knows, and their roles
///
/// One that died stays in the list for 30 to 45 seconds. One that runs 100 jobs leaves it after 30 seconds,
/// until some of them end.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl agents")]
pub struct Agents {}

impl Agents {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let agents = session.client.list_agents()?;
        if agents.is_empty() {
            output.problem("the controller knows no agent");
            return Ok(Status::Nobody);
        }
        if output.is_json() {
            for (agent, roles) in agents {
                output.document(json!({ "agent": agent.to_string(), "roles": roles }))?;
            }
            return Ok(Status::Success);
        }
        let row = |(agent, roles): (AgentId, Vec<String>)| vec![agent.to_string(), roles.join(",")];
        let rows: Vec<_> = agents.into_iter().map(row).collect();
        output.table(&["AGENT", "ROLES"], &rows)?;
        Ok(Status::Success)
    }
}

/// Lists the jobs that agents run at this moment, and what each uses
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl ps
  acctl ps 1:1 --name rsync")]
pub struct Ps {
    /// Of this agent only
    #[arg(value_name = "AGENT", value_parser = target::agent)]
    agent: Option<AgentId>,
    /// Those that were started with this domain
    #[arg(long)]
    domain: Option<String>,
    /// Those that were started with this name: for run, the program
    #[arg(long)]
    name: Option<String>,
}

impl Ps {
    pub fn perform(&self, session: &Session) -> Outcome {
        let mut query = ProcessQuery::new();
        if let Some(domain) = &self.domain {
            query = query.domain(domain);
        }
        if let Some(name) = &self.name {
            query = query.name(name);
        }
        let mut rows = Vec::new();
        let mut worst = Worst::default();
        if let Some(agent) = self.agent {
            let processes = session.client.get_processes(agent, &query)?;
            self.add(session, agent, &processes, &mut rows)?;
        } else {
            for (agent, outcome) in session.client.get_all_processes(&query)? {
                match outcome {
                    Answered::Done(processes) => self.add(session, agent, &processes, &mut rows)?,
                    Answered::Failed(error) => worst.tell(session, agent, &error)?,
                    // Nothing was asked of jobs.
                    Answered::Over(_) => {}
                }
            }
        }
        if !session.output.is_json() {
            let headings = [&["AGENT", "COMMAND", "ID"], &USAGE[..]].concat();
            session.output.table(&headings, &rows)?;
        }
        Ok(worst.status())
    }

    fn add(
        &self,
        session: &Session,
        agent: AgentId,
        processes: &[ProcessStats],
        rows: &mut Vec<Vec<String>>,
    ) -> Result<(), Failure> {
        // The question is a job too, and over by the time that anybody reads of it.
        let is_question = |stats: &&ProcessStats| stats.cmd["cmd"] == "get_processes_stats";
        for stats in processes.iter().filter(|stats| !is_question(stats)) {
            if session.output.is_json() {
                let document = json!({ "agent": agent.to_string(), "process": stats });
                session.output.document(document)?;
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let name = [text(&stats.cmd["cmd"]), text(&stats.cmd["args"]["name"])].join(" ");
            let cells = vec![agent.to_string(), name.trim_end().to_owned(), text(&stats.cmd["id"])];
            rows.push([cells, usage(stats)].concat());
        }
        Ok(())
    }
}

/// Shows what agents know of their machines
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  acctl info mem 1:1
  acctl info os all role=storage")]
pub struct Info {
    /// Of what
    what: What,
    /// Whom to ask: 1:1, all, role=cpu; see acctl --help
    #[arg(required = true)]
    target: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Cpu,
    Disk,
    Mem,
    Nic,
    Os,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            What::Cpu => "cpu",
            What::Disk => "disk",
            What::Mem => "mem",
            What::Nic => "nic",
            What::Os => "os",
        }
    }

    fn headings(self) -> &'static [&'static str] {
        match self {
            What::Cpu => &["CPU", "MODEL", "CORES", "MHZ", "CACHE"],
            What::Disk => &["DEVICE", "MOUNTPOINT", "TYPE", "OPTIONS"],
            What::Mem => &["TOTAL", "USED", "USED%", "FREE", "AVAILABLE", "BUFFERS", "CACHED"],
            What::Nic => &["NAME", "ADDRESSES", "HARDWARE", "MTU", "FLAGS"],
            What::Os => &["HOST", "OS", "PLATFORM", "VERSION", "BOOTED"],
        }
    }

    fn rows(self, job: &Job) -> acclient::Result<Vec<Vec<String>>> {
        Ok(match self {
            What::Cpu => each(job, |cpu: CpuInfo| {
                let (cores, mhz) = (cpu.cores.to_string(), format!("{:.0}", cpu.mhz));
                vec![
                    cpu.cpu.to_string(),
                    cpu.model_name,
                    cores,
                    mhz,
                    format!("{} KiB", cpu.cache_size),
                ]
            })?,
            What::Disk => each(job, |disk: DiskInfo| {
                vec![disk.device, disk.mountpoint, disk.fstype, disk.opts]
            })?,
            What::Nic => each(job, |nic: NicInfo| {
                let addrs: Vec<String> = nic.addrs.into_iter().map(|addr| addr.addr).collect();
                let (addrs, mtu) = (addrs.join(","), nic.mtu.to_string());
                vec![nic.name, addrs, nic.hardwareaddr, mtu, nic.flags.join(",")]
            })?,
            What::Mem => {
                let mem: MemInfo = job.json()?;
                let (percent, available) =
                    (format!("{:.1}", mem.used_percent), bytes(mem.available));
                let (free, buffers, cached) =
                    (bytes(mem.free), bytes(mem.buffers), bytes(mem.cached));
                vec![vec![
                    bytes(mem.total),
                    bytes(mem.used),
                    percent,
                    free,
                    available,
                    buffers,
                    cached,
                ]]
            }
            What::Os => {
                let os: OsInfo = job.json()?;
                vec![vec![os.hostname, os.os, os.platform, os.platform_version, utc(os.boot_time)]]
            }
        })
    }
}

/// A row for each element of a list.
fn each<T: DeserializeOwned>(
    job: &Job,
    row: impl Fn(T) -> Vec<String>,
) -> acclient::Result<Vec<Vec<String>>> {
    Ok(job.json::<Vec<T>>()?.into_iter().map(row).collect())
}

impl Info {
    pub fn perform(&self, session: &Session) -> Outcome {
        let (client, output) = (&session.client, session.output);
        let target: Target = target::parse(&self.target).map_err(Failure::Usage)?;
        let name = self.what.name();
        let asked = client.cmd(target, format!("get_{name}_info")).run_all(client.timeout())?;
        let mut rows = Vec::new();
        let mut worst = Worst::default();
        for job in asked.jobs {
            let agent = job.agent();
            let answer = job.into_success().and_then(|job| Ok((self.what.rows(&job)?, job)));
            match answer {
                Ok((_, job)) if output.is_json() => {
                    output.document(json::answer(agent, name, job.data()))?;
                }
                Ok((found, _)) => {
                    rows.extend(
                        found.into_iter().map(|row| [vec![agent.to_string()], row].concat()),
                    );
                }
                Err(error) => worst.tell(session, agent, &error)?,
            }
        }
        if !rows.is_empty() {
            output.table(&[&["AGENT"], self.what.headings()].concat(), &rows)?;
        }
        for error in asked.errors {
            match error.agent().filter(|agent| agent.nid > 0) {
                Some(agent) => worst.tell(session, agent, &error)?,
                None => return Err(error.into()),
            }
        }
        Ok(worst.status())
    }
}

/// Says what is wrong with a grid: Redis, controller, agents
///
/// Status 0: nothing is bad; 1: something is; 5: Redis cannot be reached or refuses the login.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl doctor --timeout 5")]
pub struct Doctor {}

impl Doctor {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let diagnosis = session.client.doctor(session.client.timeout())?;
        for check in &diagnosis.checks {
            if output.is_json() {
                output.document(json!(check))?;
                continue;
            }
            let style = match check.verdict {
                Verdict::Good => GOOD,
                Verdict::Weak | Verdict::Unknown => WEAK,
                _ => BAD,
            };
            let verdict = output.styled(&format!("{:4}", check.verdict), style);
            let advice = if check.advice.is_empty() { "" } else { ": " };
            output.line(format!(
                "{verdict}  {:<12} {}{advice}{}",
                check.name, check.found, check.advice
            ))?;
        }
        let is_reached = |name: &str| !matches!(name, "redis" | "login");
        let mut bad = diagnosis.checks.iter().filter(|check| check.verdict == Verdict::Bad);
        Ok(match bad.next() {
            None => Status::Success,
            Some(check) if is_reached(&check.name) => Status::SomeFailed,
            Some(_) => Status::NoConnection,
        })
    }
}
