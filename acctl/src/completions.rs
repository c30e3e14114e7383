//! `acctl completions`: completion scripts, and the candidates that they request from acctl at each Tab.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::engine::complete;
use clap_complete::env::{CompleteEnv, Elvish, EnvCompleter, Powershell, Shells};
use clap_complete::{CompletionCandidate, Shell};

use crate::candidates::with_candidates;
use crate::exit::{Outcome, Status};
use crate::output::Output;
use crate::terminal;

/// Environment variable with the name of the shell that requests candidates.
const VARIABLE: &str = "ACCTL_COMPLETE";

const BASH: Script =
    Script { shell: "bash", text: include_str!("../completions/acctl.bash"), line: for_bash };
const ZSH: Script =
    Script { shell: "zsh", text: include_str!("../completions/acctl.zsh"), line: for_zsh };
const FISH: Script =
    Script { shell: "fish", text: include_str!("../completions/acctl.fish"), line: for_fish };
const SHELLS: Shells<'static> = Shells(&[&BASH, &ZSH, &FISH, &Elvish, &Powershell]);

/// Print a shell completion script
///
/// make install-acctl installs the scripts for bash, zsh and fish. At each Tab acctl completes agents and roles from
/// the controller (with a timeout of 0.5 s), instances and groups from the instances file, and handles from acctl
/// recent.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  source <(acctl completions bash)
  acctl completions zsh > ~/.zfunc/_acctl
  acctl completions fish > ~/.config/fish/completions/acctl.fish")]
pub struct Completions {
    /// Shell
    shell: Shell,
}

impl Completions {
    pub fn perform(&self, output: &Output) -> Outcome {
        let mut script = Vec::new();
        if let Some(shell) = SHELLS.completer(&self.shell.to_string()) {
            shell.write_registration(VARIABLE, "acctl", "acctl", "acctl", &mut script)?;
        }
        output.text(&String::from_utf8_lossy(&script))?;
        Ok(Status::Success)
    }
}

/// Prints candidates if a shell requests them, and returns whether one did. Errors are not reported: they would appear
/// in the line being edited.
pub fn answer<T: CommandFactory>() -> bool {
    let is_shell = |name: OsString| SHELLS.completer(&name.to_string_lossy()).is_some();
    if !env::var_os(VARIABLE).is_some_and(is_shell) {
        return false;
    }
    // Words after the first `--` and the program name.
    let words = || env::args_os().skip_while(|word| word != "--").skip(2);
    let program = || with_candidates(T::command(), words().map(|word| unquoted(&word)).collect());
    let asked = CompleteEnv::with_factory(program).var(VARIABLE).shells(SHELLS);
    let _ = asked.try_complete(env::args_os(), env::current_dir().ok().as_deref());
    true
}

/// Shell with a custom script, which passes all words up to the cursor unmodified.
///
/// The scripts of `clap_complete` use the words as bash splits them, at ":", "=" and "@" too, complete nothing within
/// quotes, and in zsh do not work at the first Tab.
struct Script {
    shell: &'static str,
    text: &'static str,
    /// Formats a candidate for the shell.
    line: fn(&str, Option<&str>) -> String,
}

impl EnvCompleter for Script {
    fn name(&self) -> &'static str {
        self.shell
    }

    fn is(&self, name: &str) -> bool {
        name == self.shell
    }

    fn write_registration(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: &str,
        script: &mut dyn Write,
    ) -> io::Result<()> {
        script.write_all(self.text.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        answer: &mut dyn Write,
    ) -> io::Result<()> {
        let words: Vec<OsString> = words.iter().map(|word| unquoted(word)).collect();
        let is_begun = words.last().is_some_and(|word| !word.is_empty());
        let last = words.len().saturating_sub(1);
        let mut candidates = complete(command, words, last, directory)?;
        let is_option = |it: &CompletionCandidate| {
            it.get_value() != "--" && it.get_value().as_encoded_bytes().starts_with(b"-")
        };
        // Offer options only if there is nothing else.
        if !is_begun && !candidates.iter().all(is_option) {
            candidates.retain(|candidate| !is_option(candidate));
        }
        for candidate in candidates {
            let Some(value) = candidate.get_value().to_str() else { continue };
            if value.contains(char::is_control) {
                continue;
            }
            let help = candidate.get_help().map(ToString::to_string);
            let help = help.as_deref().and_then(|help| help.lines().next()).map(terminal::cell);
            writeln!(answer, "{}", (self.line)(value, help.as_deref()))?;
        }
        Ok(())
    }
}

fn for_bash(value: &str, _help: Option<&str>) -> String {
    value.to_owned()
}

fn for_zsh(value: &str, help: Option<&str>) -> String {
    let escaped = |text: &str| text.replace('\\', r"\\");
    let value = escaped(value).replace(':', r"\:");
    help.map_or(value.clone(), |help| format!("{value}:{}", escaped(help)))
}

fn for_fish(value: &str, help: Option<&str>) -> String {
    help.map_or(value.to_owned(), |help| format!("{value}\t{help}"))
}

/// Removes quotes and escapes from a word of a command line. The last quote may be unterminated.
fn unquoted(word: &OsStr) -> OsString {
    let Some(text) = word.to_str() else { return word.to_owned() };
    let mut plain = String::with_capacity(text.len());
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if letter == open => quote = None,
            (None | Some('"'), '\\') => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquoted_follows_shell_rules() {
        for (word, plain) in [
            ("1:1", "1:1"),
            ("'role=cpu and 1:", "role=cpu and 1:"),
            (r#""a 'b' \"c"#, r#"a 'b' "c"#),
            (r"1:\*", "1:*"),
            (r"'it'\''s'", "it's"),
            (r"'a\b'", r"a\b"),
            ("", ""),
        ] {
            assert_eq!(unquoted(word.as_ref()), plain, "{word}");
        }
    }

    #[test]
    fn candidates_are_escaped_and_separated_from_descriptions() {
        assert_eq!(for_bash("1:1", Some("cpu")), "1:1");
        assert_eq!(for_zsh("1:1", Some("a:b")), r"1\:1:a:b");
        assert_eq!(for_zsh("1:1", None), r"1\:1");
        assert_eq!(for_fish("1:1", Some("cpu")), "1:1\tcpu");
    }
}
