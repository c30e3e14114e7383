//! Parses the command line, and reports usage errors as text or JSON.

use std::env;
use std::ffi::OsString;

use acclient::ErrorKind as Kind;
use clap::error::{ContextKind, ErrorKind};
use clap::{ColorChoice, Parser};

use crate::exit::Status;
use crate::json;
use crate::output::Output;

/// Reads the command line, or says what is wrong with it and ends the process.
pub fn parse<T: Parser>() -> T {
    let options: Vec<OsString> = env::args_os().skip(1).take_while(|word| word != "--").collect();
    // The colours of a help, and of what is wrong, are known before the rest is.
    colours(&options).write_global();
    let mut error = match T::try_parse() {
        Ok(read) => return read,
        Err(error) => error,
    };
    if !error.use_stderr() {
        error.exit();
    }
    if error.kind() == ErrorKind::UnknownArgument {
        // Clap's advice to put it behind `--`, where it is a part of the program.
        error.remove(ContextKind::Suggested);
    }
    let is_json = options.iter().any(|word| word == "--json");
    let output = Output::new(is_json, false, "");
    let text = error.render();
    output.error_text(&match output.colours_stderr() {
        true => text.ansi().to_string(),
        false => text.to_string(),
    });
    let text = text.to_string();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command",
        _ => text.strip_prefix("error: ").unwrap_or(&text),
    };
    let _ = output.document(json::failure(Kind::InvalidArgument, &message, None));
    std::process::exit(Status::Usage.code());
}

/// What `--color` says, as clap will read it.
fn colours(options: &[OsString]) -> anstream::ColorChoice {
    let mut when = ColorChoice::Auto;
    for (at, word) in options.iter().enumerate() {
        let word = word.to_string_lossy();
        let value = match word.strip_prefix("--color") {
            Some("") => options.get(at + 1).map(|next| next.to_string_lossy().into_owned()),
            Some(value) => value.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        when = value.and_then(|value| value.parse().ok()).unwrap_or(when);
    }
    match when {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}
