//! `acctl man`: man pages of acctl and of each of its commands.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, io};

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use roff::{Roff, bold, roman};

use crate::exit::{Failure, Outcome, Status};
use crate::jobs::utc;
use crate::json::milliseconds;
use crate::topics::TOPICS;

/// Environment variables, in alphabetical order.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("ACCLIENT_CONFIG", "Instances file. Default: ~/.config/acclient/instances.toml."),
    ("ACCLIENT_INSTANCE", "Instance, if neither a URL nor --instance is given."),
    ("ACCLIENT_PASSWORD", "Password, if --password-file is not given."),
    ("ACCLIENT_URL", "Redis URL, if --url is not given."),
    ("CLICOLOR, CLICOLOR_FORCE, NO_COLOR", "Control colours if --color is auto."),
    ("TERM", "The value dumb disables colours."),
    ("XDG_CONFIG_HOME", "Directory of acclient/instances.toml. Default: ~/.config."),
    ("XDG_STATE_HOME", "Directory of acctl/recent.jsonl. Default: ~/.local/state."),
];

const FILES: [(&str, &str); 2] = [
    ("~/.config/acclient/instances.toml", "Instances and their groups."),
    ("~/.local/state/acctl/recent.jsonl", "Handles recorded after acctl recent --on."),
];

/// Write the man pages to a directory, creating it if necessary
#[derive(clap::Args)]
#[command(
    hide = true,
    after_help = "\
Example:
  acctl man ~/.local/share/man/man1"
)]
pub struct Man {
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Man {
    pub fn perform<T: CommandFactory>(&self) -> Outcome {
        let failed = |error: io::Error| {
            let text = format!("{}: {error}", self.directory.display());
            Failure::System(io::Error::new(error.kind(), text))
        };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        // Without the help subcommands that clap adds: they have no examples.
        let mut program = T::command().mut_subcommands(|it| it.disable_help_subcommand(true));
        program.build();
        write(&program, None, &self.directory).map_err(failed)?;
        Ok(Status::Success)
    }
}

/// Writes the pages of a command and of its subcommands.
fn write(command: &Command, above: Option<&Command>, directory: &Path) -> io::Result<()> {
    let page = page(command, above)?;
    fs::write(directory.join(format!("{}.1", name(command))), page)?;
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    { inner }.try_for_each(|inner| write(inner, Some(command), directory))
}

/// Page name, like `acctl-schedule-add`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, above: Option<&Command>) -> io::Result<Vec<u8>> {
    // Global options are documented in acctl(1) only.
    let is_inner = above.is_some();
    let shown = command.clone().mut_args(|it| {
        let is_hidden = is_inner && (it.is_global_set() || it.get_id() == "help");
        // Include options that are hidden in the short help.
        it.hide(is_hidden).hide_short_help(false)
    });
    let has_options = shown.get_arguments().any(|it| !it.is_hide_set());
    let has_commands = shown.get_subcommands().any(|it| !it.is_hide_set());
    let version = env!("CARGO_PKG_VERSION");
    let page = Page::new(shown)
        .title(name(command).to_uppercase())
        .date(date())
        .source(format!("acctl {version}"))
        .manual("AgentController8");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    if has_options {
        page.render_options_section(&mut text)?;
    }
    if has_commands {
        page.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    if is_inner {
        section(&mut roff, "COMMON OPTIONS", "Options of all commands are documented in acctl(1).");
    } else {
        for topic in &TOPICS {
            // Drop a title like "Exit status:": the section has one.
            let text = match topic.text.split_once(":\n") {
                Some((title, rest)) if title.split(' ').count() < 3 => rest,
                _ => topic.text,
            };
            as_it_is(&mut roff, title(topic.name), text);
        }
        definitions(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
        definitions(&mut roff, "FILES", &FILES);
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        let examples = examples.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
        let lines: Vec<&str> = examples.map(str::trim_start).collect();
        as_it_is(&mut roff, "EXAMPLES", &lines.join("\n"));
    }
    section(&mut roff, "SEE ALSO", &see_also(command, above));
    roff.to_writer(&mut text)?;
    Ok(tidied(&text))
}

/// Section title of a topic.
fn title(topic: &'static str) -> &'static str {
    match topic {
        "targets" => "TARGETS",
        "handles" => "COMMAND HANDLES",
        "statuses" => "EXIT STATUS",
        "json" => "JSON",
        _ => "OUTPUT",
    }
}

/// Today, or `SOURCE_DATE_EPOCH` for reproducible builds.
fn date() -> String {
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let seconds = given.unwrap_or_else(|| milliseconds(SystemTime::now()) / 1000);
    let mut date = utc(seconds);
    date.truncate("2026-01-01".len());
    date
}

fn section(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.text([roman(text)]);
}

fn as_it_is(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.control("nf", []);
    text.lines().for_each(|line| _ = roff.text([roman(line)]));
    roff.control("fi", []);
}

fn definitions(roff: &mut Roff, title: &str, rows: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, text) in rows {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*text)]);
    }
}

/// References to the page of the parent and those of the subcommands.
fn see_also(command: &Command, above: Option<&Command>) -> String {
    let above = above.map(|above| format!("{}(1)", name(above)));
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    let pages = above.into_iter().chain(inner.map(|inner| format!("{}(1)", name(inner))));
    pages.collect::<Vec<_>>().join(", ")
}

/// Cleans the page up for `mandoc -T lint`: replaces empty lines by requests, and removes trailing blanks, duplicate
/// paragraph requests and the repeated apostrophe definition that each section starts with.
fn tidied(page: &[u8]) -> Vec<u8> {
    let mut tidy: Vec<&str> = Vec::new();
    let page = String::from_utf8_lossy(page);
    for line in page.lines().map(|line| line.trim_end_matches(' ')) {
        let line = if line.is_empty() { ".sp" } else { line };
        let is_definition = line.starts_with(".ie ") || line.starts_with(".el ");
        if is_definition && tidy.contains(&line) {
            continue;
        }
        let is_after = |request| tidy.last() == Some(&request);
        match line {
            ".sp" if is_after(".br") => _ = tidy.pop(),
            ".sp" | ".br" if is_after(".sp") => continue,
            _ => {}
        }
        tidy.push(line);
    }
    (tidy.join("\n") + "\n").into_bytes()
}
