//! Parses the command line, and reports usage errors as text or JSON.

use std::env;
use std::error::Error;
use std::ffi::OsString;

use acclient::ErrorKind as Kind;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ColorChoice, Parser};

use crate::exit::{Failure, Status};
use crate::json;
use crate::output::Output;

/// Parses the command line; reports a usage error and exits.
pub fn parse<T: Parser>() -> T {
    let options: Vec<OsString> = env::args_os().skip(1).take_while(|word| word != "--").collect();
    // Help and usage errors are coloured too, so colours are set before clap parses.
    colours(&options).write_global();
    let mut error = match T::try_parse() {
        Ok(read) => return read,
        Err(error) => error,
    };
    if !error.use_stderr() {
        error.exit();
    }
    if error.kind() == ErrorKind::UnknownArgument {
        // Clap suggests passing it after `--`, where it would become part of the program.
        error.remove(ContextKind::Suggested);
    }
    let is_json = options.iter().any(|word| word == "--json");
    let output = Output::new(is_json, false, "");
    if let Some(text) = invalid_value(&error) {
        std::process::exit(Failure::Usage(text).tell(&output).code());
    }
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

/// Message of a value parser that rejected the value of an option.
fn invalid_value(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let option = text(ContextKind::InvalidArg)?.split(' ').next()?;
    let value = format!("{:?}", text(ContextKind::InvalidValue)?);
    let why = error.source()?.to_string();
    // Some messages already quote the value.
    match why.contains(&value) {
        true => Some(format!("{option}: {why}")),
        false => Some(format!("invalid {option} {value}: {why}")),
    }
}

/// Value of `--color` as clap will read it.
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
