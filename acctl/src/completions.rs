//! `acctl completions`: scripts for shells, and the answers to what they ask acctl at each press of Tab.

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

/// A shell that asks sets it to its name.
const VARIABLE: &str = "ACCTL_COMPLETE";

const BASH: Script =
    Script { shell: "bash", text: include_str!("../completions/acctl.bash"), line: for_bash };
const ZSH: Script =
    Script { shell: "zsh", text: include_str!("../completions/acctl.zsh"), line: for_zsh };
const FISH: Script =
    Script { shell: "fish", text: include_str!("../completions/acctl.fish"), line: for_fish };
const SHELLS: Shells<'static> = Shells(&[&BASH, &ZSH, &FISH, &Elvish, &Powershell]);

/// Prints the completion script of a shell
///
/// make install-acctl installs those of bash, zsh and fish. The script asks acctl at each Tab. acctl reads the
/// agents and their roles from the controller, which takes half a second at most, and knows the instances and
/// groups of the file of instances and the handles of acctl recent.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  source <(acctl completions bash)
  acctl completions zsh > ~/.zfunc/_acctl
  acctl completions fish > ~/.config/fish/completions/acctl.fish")]
pub struct Completions {
    /// Shell that it is for
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

/// Answers a shell that asks for completions. Returns whether one did. Failures are not reported: the text would appear
/// in the line that is being edited.
pub fn answer<T: CommandFactory>() -> bool {
    let is_shell = |name: OsString| SHELLS.completer(&name.to_string_lossy()).is_some();
    if !env::var_os(VARIABLE).is_some_and(is_shell) {
        return false;
    }
    // Behind the name of the program, which is behind the first of these.
    let words = || env::args_os().skip_while(|word| word != "--").skip(2);
    let program = || with_candidates(T::command(), words().map(|word| unquoted(&word)).collect());
    let asked = CompleteEnv::with_factory(program).var(VARIABLE).shells(SHELLS);
    let _ = asked.try_complete(env::args_os(), env::current_dir().ok().as_deref());
    true
}

/// A shell with a script of acctl's own, which sends all words up to the cursor as they are written.
///
/// Those of `clap_complete` take the words as bash splits them, which does so at ":", "=" and "@", answer nothing
/// within quotes, and in zsh not the first time.
struct Script {
    shell: &'static str,
    text: &'static str,
    /// A candidate as the shell reads it.
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
        // Options would bury the rest.
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

/// A word of a command line without quotes and escapes. The last quote may be open.
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
    fn words_are_read_as_a_shell_does() {
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
    fn a_candidate_is_told_from_its_description() {
        assert_eq!(for_bash("1:1", Some("cpu")), "1:1");
        assert_eq!(for_zsh("1:1", Some("a:b")), r"1\:1:a:b");
        assert_eq!(for_zsh("1:1", None), r"1\:1");
        assert_eq!(for_fish("1:1", Some("cpu")), "1:1\tcpu");
    }
}
