//! Process of a job: started with its input, read to the end of its output, and reaped.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::job::{Job, Outcome, Stop};
use crate::output::{self, Message, Output, Splitter};
use crate::sys;
use crate::wire::now_ms;

/// Size of the read buffer.
const CHUNK: usize = 64 * 1024;

/// Program to start.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) stdin: Vec<u8>,
}

/// Runs a program to its end.
pub(crate) fn run(agent: &Arc<Agent>, job: &Arc<Job>, program: Program) -> Outcome {
    let start = now_ms();
    let began = Instant::now();
    let mut child = match spawn(agent, job, &program) {
        Some(Ok(child)) => child,
        Some(Err(data)) => return Outcome { state: "ERROR", data, start, ..Outcome::default() },
        None => return Outcome { state: "KILLED", start, ..Outcome::default() },
    };
    // Like the original, write all of the input before reading any output or accepting a kill: a
    // program that answers before it has read everything hangs once the pipes are full. A program that
    // does not read its input is fine.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(&program.stdin);
    }
    job.started();
    let limit = job.command.arg_int("max_time");
    let ticket = (limit > 0).then(|| {
        let job = Arc::downgrade(job);
        agent.shared.timer.after(Duration::from_secs(limit as u64), move || {
            if let Some(job) = job.upgrade() {
                job.time_out();
            }
        })
    });
    let output = read(agent, job, &mut child);
    // An unreaped process keeps its id, so a kill cannot reach another process.
    sys::wait_ended(child.id());
    let stopped = job.finished();
    let status = child.wait().ok();
    agent.processes.fetch_sub(1, Ordering::AcqRel);
    agent.ended(child.id());
    if let Some(ticket) = ticket {
        agent.shared.timer.cancel(ticket);
    }
    Outcome {
        state: match stopped {
            Some(Stop::Killed) => "KILLED",
            Some(Stop::TimedOut) => "TIMEOUT",
            None if status.is_some_and(|s| s.success()) => "SUCCESS",
            None => "ERROR",
        },
        streams: Some(output.streams()),
        critical: output.critical,
        data: output.data,
        level: output.level,
        start,
        time: began.elapsed().as_millis() as i64,
    }
}

/// `None` when the agent died before.
fn spawn(agent: &Agent, job: &Job, program: &Program) -> Option<Result<Child, String>> {
    let dir = job.command.arg_text("working_dir");
    let dir = if dir.is_empty() { agent.home.clone() } else { PathBuf::from(dir) };
    let Some(path) = sys::look_path(&program.name) else {
        let name = &program.name;
        return Some(Err(format!("exec: \"{name}\": executable file not found in $PATH")));
    };
    let mut command = std::process::Command::new(&path);
    command
        .arg0(&program.name)
        .args(&program.args)
        .current_dir(&dir)
        .env_clear()
        .envs(agent.environment());
    for pair in job.command.arg_texts("env") {
        if let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) {
            command.env(name, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = None;
    let started = job.start(|| {
        let started = command.spawn().map_err(|error| {
            if dir.is_dir() {
                go_error("fork/exec", &program.name, &error)
            } else {
                go_error("chdir", &dir.to_string_lossy(), &error)
            }
        })?;
        let pid = started.id();
        agent.shared.watchdog.add(pid);
        agent.processes.fetch_add(1, Ordering::AcqRel);
        agent.has_run.store(true, Ordering::Release);
        child = Some(started);
        Ok(pid)
    })?;
    Some(started.and_then(|()| child.ok_or_else(String::new)))
}

/// Formats an operating system error like Go.
fn go_error(what: &str, name: &str, error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("{what} {name}: {text}")
}

/// Reads both streams until all writers have closed them. Output after the job was stopped is lost, and so is an
/// unterminated multi-line message.
fn read(agent: &Agent, job: &Job, child: &mut Child) -> Output {
    let mut output = Output::default();
    let mut emit = |message: Message| match message.level {
        output::TRACKED => job.track(&message.text),
        level if level > output::INTERNAL => {}
        _ if job.stopped() => {}
        _ => {
            job.log(agent, &message);
            output.add(message);
        }
    };
    let out = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), output::STDOUT));
    let err = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), output::STDERR));
    let mut pipes: Vec<(File, Splitter)> = { [out, err].into_iter().flatten() }
        .map(|(pipe, level)| (File::from(pipe), Splitter::new(level)))
        .collect();
    let mut buffer = vec![0; CHUNK];
    while !pipes.is_empty() {
        let fds: Vec<_> = pipes.iter().map(|(file, _)| file.as_fd()).collect();
        let mut ready = sys::wait_readable(&fds, None).into_iter();
        pipes.retain_mut(|(file, splitter)| {
            if ready.next() != Some(true) {
                return true;
            }
            match file.read(&mut buffer) {
                Ok(0) => {
                    splitter.finish(&mut emit);
                    false
                }
                Ok(count) => {
                    splitter.feed(&buffer[..count], &mut emit);
                    true
                }
                Err(error) => error.kind() == io::ErrorKind::Interrupted,
            }
        });
    }
    output
}
