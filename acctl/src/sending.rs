//! Options shared by run, bash, script and cmd: run arguments, rollout, waiting.

use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use acclient::{Request, RolloutPlan, RunArgs, Target};

use crate::exit::{Failure, Outcome, Status};
use crate::json;
use crate::render::Shown;
use crate::report::Report;
use crate::retry::Missing;
use crate::session::Session;
use crate::times::{self, Patience};

/// Options shared by run, bash, script and cmd.
#[derive(clap::Args)]
pub struct How {
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    pub sending: Sending,
}

/// Run arguments.
#[derive(clap::Args)]
#[command(next_help_heading = "Execution")]
pub struct Running {
    /// Kill the process after TIME: 90 (seconds), 1h30m; -1 is no limit. Its children keep running, and so does a
    /// script without --killable [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = times::limit, allow_hyphen_values = true)]
    max_time: Option<i64>,
    /// Run a failing job up to TIMES times, 1 s apart; 2 is one retry [default: 1]
    #[arg(long, value_name = "TIMES")]
    max_restart: Option<u32>,
    /// Run the job every TIME, in whole seconds, until it is killed
    #[arg(long, value_name = "TIME", value_parser = times::whole_seconds)]
    recurring: Option<u32>,
    /// Measure resource usage every TIME, like 500ms [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = times::whole_milliseconds)]
    stats_interval: Option<u32>,
    /// Run jobs of the same queue one at a time on each agent; a queued job cannot be killed
    #[arg(long)]
    queue: Option<String>,
    /// Add an environment variable; repeatable. The environment is nearly empty otherwise
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    env: Vec<(String, String)>,
    /// Working directory [default: that of the agent]
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<String>,
    /// Label to filter by with acctl ps --domain
    #[arg(long)]
    domain: Option<String>,
    /// Log levels to record, like 1,2,6-9 [default: *]
    #[arg(long, value_name = "LEVELS")]
    loglevels: Option<String>,
    /// Log levels that the agent stores for acctl logs
    #[arg(long, value_name = "LEVELS")]
    loglevels_db: Option<String>,
    /// Log levels that the agent sends to the controller
    #[arg(long, value_name = "LEVELS")]
    loglevels_ac: Option<String>,
    /// Text that is returned with the result
    #[arg(long)]
    tags: Option<String>,
}

/// Rollout, idempotency and waiting.
#[derive(clap::Args)]
#[command(next_help_heading = "Sending and waiting")]
pub struct Sending {
    /// Send to N agents at a time; start the next batch when all of them have answered
    #[arg(long, value_name = "N|N%", group = "pace")]
    batch: Option<Batch>,
    /// Keep N agents busy; start the next agent as soon as one has answered
    #[arg(long, value_name = "N|N%", group = "pace")]
    concurrency: Option<Batch>,
    /// Send to N of the agents, chosen at random
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Stop sending after N failures
    #[arg(long, value_name = "N", requires = "pace")]
    stop_after: Option<usize>,
    /// Command id, unique [default: random]
    #[arg(long, conflicts_with_all = ["pace", "sample"])]
    id: Option<String>,
    /// Submit idempotently: a retry with the same --id does not run the command twice
    #[arg(long, requires = "id")]
    once: bool,
    /// Print the command handle and exit without waiting; see acctl wait
    #[arg(long, conflicts_with_all = ["pace", "sample", "kill_on_interrupt", "group", "table", "summary", "output_dir"])]
    detach: bool,
    #[command(flatten)]
    waiting: Waiting,
}

/// Waiting for results.
#[derive(clap::Args)]
#[command(next_help_heading = "Sending and waiting")]
pub struct Waiting {
    /// Wait up to TIME for all results: 30 (seconds), 5m, 1h30m, or forever
    #[arg(long, value_name = "TIME", default_value = "60")]
    wait: Patience,
    /// Kill the jobs on Ctrl-C, SIGHUP, SIGTERM or a closed stdout instead of only ending the wait
    #[arg(long)]
    pub kill_on_interrupt: bool,
    #[command(flatten)]
    pub shown: Shown,
}

impl Waiting {
    pub fn time(&self) -> Option<Duration> {
        self.wait.0
    }
}

#[derive(Debug, Clone, Copy)]
enum Batch {
    Agents(usize),
    Percent(u8),
}

impl FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a number of agents, like 5, or a percentage, like 10%".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Batch::Percent).map_err(|_| wrong()),
            None => text.parse().map(Batch::Agents).map_err(|_| wrong()),
        }
    }
}

/// Parses `NAME=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

/// Reads a file; `-` is stdin.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::Usage(format!("{}: {error}", path.display()))),
    }
}

impl How {
    /// Sends a command with these options and reports its results.
    pub fn send(
        &self,
        session: &Session,
        target: &Target,
        command: Request,
        missing: Missing,
    ) -> Outcome {
        let How { running, sending } = self;
        let command = running.apply(command);
        if running.recurring.is_some_and(|period| period > 0) && sending.waits_forever() {
            return Err(Failure::Usage(
                "a recurring command has no result until it is killed: set --wait to a finite time, or use --detach"
                    .into(),
            ));
        }
        let Some(rollout) = sending.rollout() else {
            return sending.perform(session, target, command, sending.detach, missing);
        };
        let report = Report::new(session, &sending.waiting, target.is_fanout())?.without(missing);
        report.rollout(command.rollout(rollout, sending.waiting.time())?)
    }

    /// Reports missing results of earlier commands without sending anything.
    pub fn send_nothing(&self, session: &Session, missing: Missing) -> Outcome {
        Report::new(session, &self.sending.waiting, true)?.without(missing).nothing()
    }

    /// Sends a restart without waiting: agents never answer it.
    pub fn send_restart(&self, session: &Session, target: &Target, command: Request) -> Outcome {
        if self.sending.rollout().is_some() {
            return Err(Failure::Usage(
                "restart cannot be rolled out, because agents never answer it: omit --batch, --concurrency and --sample"
                    .into(),
            ));
        }
        if !self.sending.detach && !self.sending.is_quiet() {
            session.output.note(
                "not waiting: agents never answer restart; acctl agents lists the registered agents",
            );
        }
        let command = self.running.apply(command);
        self.sending.perform(session, target, command, true, Missing::default())
    }
}

impl Running {
    /// Sets these run arguments on a command.
    pub fn apply(&self, command: Request) -> Request {
        type Set = fn(RunArgs, String) -> RunArgs;
        let texts: [(&Option<String>, Set); 6] = [
            (&self.queue, RunArgs::queue),
            (&self.cwd, RunArgs::working_dir),
            (&self.domain, RunArgs::domain),
            (&self.loglevels, RunArgs::loglevels),
            (&self.loglevels_db, RunArgs::loglevels_db),
            (&self.loglevels_ac, RunArgs::loglevels_ac),
        ];
        let mut args = RunArgs::new();
        for (text, set) in texts {
            if let Some(text) = text {
                args = set(args, text.clone());
            }
        }
        for (name, value) in &self.env {
            args = args.env(name, value);
        }
        args = args
            .max_time(self.max_time.unwrap_or_default())
            .max_restart(self.max_restart.unwrap_or_default())
            .recurring_period(self.recurring.unwrap_or_default())
            .stats_interval(self.stats_interval.unwrap_or_default());
        match &self.tags {
            Some(tags) => command.run_args(args).tags(tags),
            None => command.run_args(args),
        }
    }
}

impl Sending {
    /// Sends the command, and reports its results unless it is detached.
    fn perform(
        &self,
        session: &Session,
        target: &Target,
        command: Request,
        detach: bool,
        missing: Missing,
    ) -> Outcome {
        let report = Report::new(session, &self.waiting, target.is_fanout())?.without(missing);
        let command = match &self.id {
            Some(id) => command.id(id),
            None => command,
        };
        let sent = if self.once { command.submit_once() } else { command.submit() };
        crate::recent::keep(session, &sent);
        let sent = match sent {
            // Redis may have received the command.
            Err(error) if error.is_maybe_sent() => return report.doubtful(error),
            sent => sent?,
        };
        if detach {
            let output = session.output;
            let written = match output.is_json() {
                true => output.document(json::sent(&sent)),
                false => output.line(sent.to_string()),
            };
            // The command runs, and its handle is known nowhere else.
            if written.is_err() {
                output.note(format!("sent as {sent}"));
            }
            return Ok(written.map(|()| Status::Success)?);
        }
        report.sent(sent)
    }

    /// Timeout of the wait for results; `None` with `--detach` and without a timeout.
    pub fn time(&self) -> Option<Duration> {
        self.waiting.time().filter(|_| !self.detach)
    }

    /// Whether `--quiet` is set.
    pub fn is_quiet(&self) -> bool {
        self.waiting.shown.quiet
    }

    /// Value of `--sample`.
    pub fn sample(&self) -> Option<usize> {
        self.sample
    }

    fn waits_forever(&self) -> bool {
        !self.detach && self.waiting.time().is_none()
    }

    fn rollout(&self) -> Option<RolloutPlan> {
        let mut rollout = match self.batch.or(self.concurrency) {
            Some(Batch::Agents(count)) => RolloutPlan::agents(count),
            Some(Batch::Percent(percent)) => RolloutPlan::percent(percent),
            None => RolloutPlan::percent(self.sample.map(|_| 100)?),
        };
        if self.concurrency.is_some() {
            rollout = rollout.sliding();
        }
        if let Some(count) = self.sample {
            rollout = rollout.sample(count);
        }
        if let Some(failures) = self.stop_after {
            rollout = rollout.stop_after(failures);
        }
        Some(rollout)
    }
}
