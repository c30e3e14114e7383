//! `acctl`: command line for AgentController8 grids, built on the public API of the library only.

mod age;
mod agents;
mod bar;
mod candidates;
mod commands;
mod completions;
mod connect;
mod dry_run;
mod exit;
mod fold;
mod group;
mod handles;
mod jobs;
mod json;
mod logs;
mod man;
mod node;
mod output;
mod output_dir;
mod progress;
mod recent;
mod render;
mod report;
mod retry;
mod run;
mod schedule;
mod sending;
mod session;
mod signals;
mod stages;
mod table;
mod tally;
mod target;
mod target_documents;
mod terminal;
mod times;
mod topics;
mod tunnel;
mod usage;

use clap::{Parser, Subcommand};

use connect::Connection;
use exit::Status;
use session::Session;

const EXAMPLES: &str = "\
Examples:
  export ACCLIENT_URL=redis://grid.example.org
  acctl agents
  acctl run 1:1 -- uname -a
  acctl bash role=cpu 'uptime'";

/// Run commands on the agents of an AgentController8 grid
#[derive(Parser)]
#[command(
    name = "acctl",
    version,
    max_term_width = 80,
    after_help = format!("Topics: acctl help targets, handles, output, statuses, json\n\n{EXAMPLES}"),
    after_long_help = format!("{}\n{EXAMPLES}", topics::list()),
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    /// Print JSON, one document per line, errors included
    // Listed after the command's own options.
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// When to use colours: auto, always, never
    #[arg(
        long,
        global = true,
        display_order = 901,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: clap::ColorChoice,
    /// Do not escape control characters in job output on a terminal
    #[arg(long, global = true, display_order = 902)]
    raw: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Bash(run::Bash),
    Script(run::Script),
    Cmd(run::Cmd),
    Wait(commands::Wait),
    Jobs(jobs::Jobs),
    Job(jobs::Show),
    Logs(logs::Logs),
    Kill(commands::Kill),
    Retract(commands::Retract),
    Stats(commands::Stats),
    Recent(recent::Recent),
    Ps(node::Ps),
    Info(node::Info),
    Agents(agents::Agents),
    #[command(subcommand)]
    Tunnel(tunnel::Tunnels),
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    History(schedule::History),
    Doctor(node::Doctor),
    Completions(completions::Completions),
    Help(topics::Help),
    Man(man::Man),
}

impl Command {
    /// `type` of the command's JSON documents, unless they set it themselves.
    fn kind(&self) -> &'static str {
        match self {
            Command::Agents(_) => "agent",
            Command::Ps(_) => "process",
            Command::Doctor(_) => "check",
            _ => "",
        }
    }

    /// Name of a command that submits jobs; empty for all others.
    fn name(&self) -> &'static str {
        match self {
            Command::Run(_) => "run",
            Command::Bash(_) => "bash",
            Command::Script(_) => "script",
            Command::Cmd(_) => "cmd",
            _ => "",
        }
    }
}

fn main() {
    if completions::answer::<Cli>() {
        return;
    }
    let cli: Cli = usage::parse();
    let output = output::Output::new(cli.json, cli.raw, cli.command.kind());
    let status = match perform(&cli, &output) {
        Ok(Status::Interrupted) => exit::interrupted(&output, &[], &[]),
        Ok(status) => status,
        Err(failure) => failure.tell(&output),
    };
    std::process::exit(status.code());
}

fn perform(cli: &Cli, output: &output::Output) -> exit::Outcome {
    if let Command::Completions(completions) = &cli.command {
        return completions.perform(output);
    }
    if let Command::Help(help) = &cli.command {
        return help.perform::<Cli>(output);
    }
    if let Command::Man(man) = &cli.command {
        return man.perform::<Cli>();
    }
    if let Command::Recent(recent) = &cli.command {
        return recent.perform(output);
    }
    // Read stdin before the signal handlers are installed: the read cannot be cancelled.
    let input = match &cli.command {
        Command::Run(run) => run.input()?,
        Command::Bash(bash) => bash.input()?,
        Command::Script(script) => script.input()?,
        Command::Cmd(cmd) => cmd.input()?,
        Command::Schedule(schedule) => schedule.input()?,
        Command::Ps(ps) => ps.input()?,
        Command::Info(info) => info.input()?,
        Command::Agents(agents) => agents.input()?,
        _ => Vec::new(),
    };
    let lazily = matches!(cli.command, Command::Doctor(_));
    let wait = match &cli.command {
        Command::Run(run) => run.how.sending.time(),
        Command::Bash(bash) => bash.how.sending.time(),
        Command::Script(script) => script.how.sending.time(),
        Command::Cmd(cmd) => cmd.how.sending.time(),
        Command::Wait(wait) => wait.waiting.time(),
        Command::Logs(logs) => logs.time(),
        _ => None,
    };
    let session = &Session::open(&cli.connection, output, cli.command.name(), lazily, wait)?;
    match &cli.command {
        Command::Run(run) => run.perform(session, input),
        Command::Bash(bash) => bash.perform(session, input),
        Command::Script(script) => script.perform(session, input),
        Command::Cmd(cmd) => cmd.perform(session, input),
        Command::Wait(wait) => wait.perform(session),
        Command::Jobs(jobs) => jobs.perform(session),
        Command::Job(show) => show.perform(session),
        Command::Logs(logs) => logs.perform(session),
        Command::Kill(kill) => kill.perform(session),
        Command::Retract(retract) => retract.perform(session),
        Command::Stats(stats) => stats.perform(session),
        Command::Ps(ps) => ps.perform(session),
        Command::Info(info) => info.perform(session),
        Command::Agents(agents) => agents.perform(session),
        Command::Tunnel(tunnels) => tunnels.perform(session),
        Command::Schedule(schedule) => schedule.perform(session, input),
        Command::History(history) => history.perform(session),
        Command::Doctor(doctor) => doctor.perform(session),
        // Handled above: they need no grid.
        Command::Recent(_) | Command::Completions(_) | Command::Help(_) | Command::Man(_) => {
            Ok(Status::Success)
        }
    }
}
