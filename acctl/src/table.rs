//! `--table`: one line per agent, printed as it answers.

use acclient::Job;
use unicode_width::UnicodeWidthChar;

use crate::exit::Failure;
use crate::output::{BAD, GOOD, HEADING, Output};

/// Minimum column widths. A wider cell shifts the rest of its line.
const AGENT: usize = 6;
const STATE: usize = 11;
const TIME: usize = 10;

/// Prints lines, and headings before the first.
#[derive(Default)]
pub struct Table {
    has_headings: bool,
}

impl Table {
    /// Prints the line of a result.
    pub fn job(&mut self, output: &Output, job: &Job) -> Result<(), Failure> {
        let (agent, state) = (job.agent().to_string(), job.state().to_string());
        let time = job.time().as_secs_f64();
        self.row(output, [&agent, &state, &seconds(time)], beginning(job), job.is_success())
    }

    /// Prints a line: agent, state, time, and as much of the text as fits.
    pub fn row(
        &mut self,
        output: &Output,
        cells: [&str; 3],
        text: &str,
        is_success: bool,
    ) -> Result<(), Failure> {
        if !self.has_headings {
            let headings =
                format!("{:AGENT$}  {:STATE$}  {:>TIME$}  OUTPUT", "AGENT", "STATE", "TIME");
            output.line(output.styled(&headings, HEADING))?;
            self.has_headings = true;
        }
        let [agent, state, time] = cells;
        let state = output.cell(state);
        let before = columns(&state).max(STATE) + agent.len().max(AGENT) + time.len().max(TIME) + 6;
        let text = output.cell(text);
        let shown = match output.width() {
            Some(width) => cut(&text, width.saturating_sub(before)),
            None => &text,
        };
        let state = format!("{state:STATE$}");
        let state = output.styled(&state, if is_success { GOOD } else { BAD });
        let line = format!("{agent:AGENT$}  {state}  {time:>TIME$}  {shown}");
        Ok(output.line(line.trim_end())?)
    }
}

/// Formats a run time.
pub fn seconds(time: f64) -> String {
    format!("{time:.3} s")
}

/// First line of a job's output that is not blank.
pub fn beginning(job: &Job) -> &str {
    let texts = [job.stdout(), job.data(), job.stderr()];
    let line = texts.iter().find_map(|text| text.lines().find(|line| !line.trim().is_empty()));
    line.unwrap_or_default()
}

fn columns(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

/// Longest prefix that fits into this number of columns.
fn cut(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn text_is_cut_by_display_width() {
        for (text, columns, shown) in [
            ("", 5, ""),
            ("short", 5, "short"),
            ("longer", 5, "longe"),
            ("Grüße", 3, "Grü"),
            ("日本語", 4, "日本"),
            ("日本語", 5, "日本"),
            ("e\u{301}t", 1, "e\u{301}"),
            ("x", 0, ""),
        ] {
            assert_eq!(cut(text, columns), shown, "{text}");
        }
    }
}
