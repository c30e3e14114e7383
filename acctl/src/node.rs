//! `acctl ps`, `info` and `doctor`: running jobs, machine information and grid health.

use std::time::Duration;

use acclient::{
    AgentId, Check, CpuInfo, DiskInfo, Error, Job, MemInfo, NicInfo, OsInfo, Outcome as Answered,
    ProcessQuery, ProcessStats, Target, Verdict,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::age;
use crate::commands::{USAGE, Worst, bytes, usage};
use crate::exit::{Failure, Outcome, Status};
use crate::jobs::utc;
use crate::json;
use crate::output::{BAD, GOOD, WEAK};
use crate::session::Session;
use crate::target::Whom;

/// List running jobs and their resource usage
///
/// AGE is the time since the agent took the job, by the clocks of the agent and of this machine, or "-" if Redis has
/// no record of the job.
#[derive(clap::Args)]
#[command(
    override_usage = "acctl ps [OPTIONS] [TARGET]",
    after_help = "\
Examples:
  acctl ps
  acctl ps 1:1 --name rsync
  acctl ps role=cpu -x 1:4"
)]
pub struct Ps {
    /// Agents to query: 1:1, 1:1-20, 1:*, role=cpu and not 1:4, @group; see acctl help targets [default: all]
    target: Vec<String>,
    /// List only jobs with this domain
    #[arg(long)]
    domain: Option<String>,
    /// List only jobs with this name; for acctl run, the program
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    whom: Whom,
}

impl Ps {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.whom.read().map(|()| Vec::new())
    }

    pub fn perform(&self, session: &Session) -> Outcome {
        let mut query = ProcessQuery::new();
        if let Some(domain) = &self.domain {
            query = query.domain(domain);
        }
        if let Some(name) = &self.name {
            query = query.name(name);
        }
        let mut jobs = Vec::new();
        let mut worst = Worst::default();
        let target = self.whom.choose(session, &self.target, Some("all"))?.target;
        if let Some(agent) = target.agent_id() {
            let processes = session.client.get_processes(agent, &query)?.iter().cloned().collect();
            add(&mut jobs, agent, processes);
        } else if target == Target::all().into() {
            for (agent, outcome) in session.client.get_all_processes(&query)? {
                match outcome {
                    Answered::Done(processes) => add(&mut jobs, agent, processes),
                    Answered::Failed(error) => worst.tell(session, agent, &error)?,
                    // Never returned: this query is not about a job.
                    Answered::Over(_) => {}
                }
            }
        } else {
            self.ask(session, target, &mut jobs, &mut worst)?;
        }
        print(session, &jobs)?;
        Ok(worst.status())
    }

    /// Queries the agents of a target.
    fn ask(
        &self,
        session: &Session,
        target: Target,
        jobs: &mut Vec<(AgentId, ProcessStats)>,
        worst: &mut Worst,
    ) -> Result<(), Failure> {
        let client = &session.client;
        let question = json!({ "domain": self.domain, "name": self.name }).to_string();
        let asked = client.cmd(target, "get_processes_stats").data(question);
        let answers = asked.run_all(client.timeout())?;
        for job in answers.jobs {
            let agent = job.agent();
            match job.into_success().and_then(|job| job.json::<Vec<Value>>()) {
                Ok(found) => {
                    // Skip invalid rows, keep the others.
                    let found = found.into_iter().filter_map(|it| serde_json::from_value(it).ok());
                    add(jobs, agent, found.collect());
                }
                Err(error) => worst.tell(session, agent, &error)?,
            }
        }
        tell_all(session, answers.errors, worst)
    }
}

/// Adds the jobs of an agent, without the query itself.
fn add(jobs: &mut Vec<(AgentId, ProcessStats)>, agent: AgentId, processes: Vec<ProcessStats>) {
    // The query is a job too, and over by the time its result is read.
    let is_question = |stats: &ProcessStats| stats.cmd["cmd"] == "get_processes_stats";
    jobs.extend(processes.into_iter().filter(|it| !is_question(it)).map(|stats| (agent, stats)));
}

/// Prints jobs and their ages.
fn print(session: &Session, jobs: &[(AgentId, ProcessStats)]) -> Result<(), Failure> {
    let output = session.output;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = |stats: &ProcessStats| text(&stats.cmd["id"]);
    let known = jobs.iter().map(|(agent, stats)| (*agent, id(stats)));
    let ages = age::of(&session.client, known.filter(|(_, id)| !id.is_empty()).collect())?;
    let mut rows = Vec::new();
    for (agent, stats) in jobs {
        let age = ages.get(&(*agent, id(stats)));
        if output.is_json() {
            let age = age.map(Duration::as_secs_f64);
            let document = json!({ "agent": agent.to_string(), "age": age, "process": stats });
            output.document(document)?;
            continue;
        }
        let name = [text(&stats.cmd["cmd"]), text(&stats.cmd["args"]["name"])].join(" ");
        let age = age.map_or_else(|| "-".to_owned(), |age| age::shown(*age));
        let cells = vec![agent.to_string(), name.trim_end().to_owned(), id(stats), age];
        rows.push([cells, usage(stats)].concat());
    }
    if !output.is_json() {
        output.table(&[&["AGENT", "COMMAND", "ID", "AGE"], &USAGE[..]].concat(), &rows)?;
    }
    Ok(())
}

/// Show hardware and system information of agents
#[derive(clap::Args)]
#[command(
    override_usage = "acctl info [OPTIONS] <WHAT> <TARGET>",
    after_help = "\
Examples:
  acctl info mem 1:1
  acctl info os all role=storage
  acctl info cpu 1:1-20"
)]
pub struct Info {
    /// Kind of information
    what: What,
    /// Agents to query: 1:1, 1:1-20, 1:*, role=cpu and not 1:4, @group; see acctl help targets
    #[arg(required_unless_present = "target_file")]
    target: Vec<String>,
    #[command(flatten)]
    whom: Whom,
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

/// One row for each element of a list.
fn each<T: DeserializeOwned>(
    job: &Job,
    row: impl Fn(T) -> Vec<String>,
) -> acclient::Result<Vec<Vec<String>>> {
    Ok(job.json::<Vec<T>>()?.into_iter().map(row).collect())
}

/// Reports errors of single agents; any other error ends the command.
fn tell_all(session: &Session, errors: Vec<Error>, worst: &mut Worst) -> Result<(), Failure> {
    for error in errors {
        match error.agent().filter(|agent| agent.nid > 0) {
            Some(agent) => worst.tell(session, agent, &error)?,
            None => return Err(error.into()),
        }
    }
    Ok(())
}

impl Info {
    pub fn input(&self) -> Result<Vec<u8>, Failure> {
        self.whom.read().map(|()| Vec::new())
    }

    pub fn perform(&self, session: &Session) -> Outcome {
        let (client, output) = (&session.client, session.output);
        let target = self.whom.choose(session, &self.target, None)?.target;
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
        tell_all(session, asked.errors, &mut worst)?;
        Ok(worst.status())
    }
}

/// Check the health of a grid: Redis, controller, agents
///
/// Prints a verdict (good, weak, bad, unknown) and advice for each check. Times of the controller and the agents exclude
/// the round trip to Redis, which is measured first. On a slow network, a check that did not complete within --timeout
/// is unknown; raise --timeout.
///
/// Exit status 0: nothing is bad and all have answered. 1: a check is bad. 3: no agent is registered. 4: Redis, the
/// controller or an agent does not answer. 5: Redis is unreachable or rejects the login.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  acctl doctor --timeout 30")]
pub struct Doctor {}

impl Doctor {
    pub fn perform(&self, session: &Session) -> Outcome {
        let output = session.output;
        let diagnosis = session.client.doctor(session.client.timeout())?;
        let verdicts = diagnosis.checks.iter().map(|check| check.verdict.to_string().len()).max();
        let names = diagnosis.checks.iter().map(|check| check.name.len()).max();
        let (verdicts, names) = (verdicts.unwrap_or_default(), names.unwrap_or_default());
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
            let verdict = output.styled(&format!("{:verdicts$}", check.verdict), style);
            let advice = if check.advice.is_empty() { "" } else { ": " };
            output.line(format!(
                "{verdict}  {:<names$}  {}{advice}{}",
                check.name, check.found, check.advice
            ))?;
        }
        Ok(diagnosis.checks.iter().map(status).fold(Status::Success, Status::and))
    }
}

/// Exit status of a check. If a part of the grid is silent or unreachable, this is the status of the commands that fail
/// because of it.
fn status(check: &Check) -> Status {
    match check.kind.map(Status::of_kind) {
        Some(status @ (Status::TimedOut | Status::NoConnection | Status::Nobody)) => status,
        None if check.verdict != Verdict::Bad => Status::Success,
        _ => Status::SomeFailed,
    }
}
