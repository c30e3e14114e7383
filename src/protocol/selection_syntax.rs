//! Parser for expressions over agents, like `1:1-20 and not @web`: the inverse of their `Display`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::ParseTargetError;
use super::selection::{Group, Numbers, Pattern, Selection, Term};
use super::target::LARGEST_ID;
use super::target_syntax::{Result, beginning, role_target};

/// Maximum depth of parentheses, `not` and groups; each is a level of recursion.
const MOST_NESTED: usize = 64;
/// Maximum number of terms of one expression with its groups expanded. Without a limit, groups of groups grow
/// exponentially.
const MOST_TERMS: usize = 4096;
/// Maximum number of characters of a word quoted in an error message.
const MOST_SHOWN: usize = 60;

/// Named expressions, and the errors of those that are invalid.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    pub texts: BTreeMap<String, String>,
    pub broken: BTreeMap<String, String>,
}

impl FromStr for Selection {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseTargetError> {
        Selection::with_groups(text, &Groups::default())
    }
}

impl Selection {
    /// Parses an expression that may name groups.
    pub(crate) fn with_groups(
        text: &str,
        groups: &Groups,
    ) -> std::result::Result<Self, ParseTargetError> {
        let mut reading = Reading { groups, done: BTreeMap::new(), open: Vec::new(), terms: 0 };
        let term = reading.text(text, 0);
        term.map(Selection).map_err(|why| ParseTargetError::new(text, why))
    }
}

/// Whether a name is a valid group name.
pub(crate) fn is_group_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// State shared by the parsers of an expression and of its groups.
struct Reading<'a> {
    groups: &'a Groups,
    done: BTreeMap<&'a str, Arc<Group>>,
    /// The groups being parsed, each named by the one before it.
    open: Vec<&'a str>,
    terms: usize,
}

impl<'a> Reading<'a> {
    fn text(&mut self, text: &str, depth: usize) -> Result<Term> {
        let mut reader = Reader { tokens: tokens(text), at: 0, depth, reading: self };
        if reader.tokens.is_empty() {
            return Err("it is empty".to_owned());
        }
        let term = reader.or()?;
        match reader.peek() {
            None => Ok(term),
            Some(")") => Err("\")\" without \"(\"".to_owned()),
            Some(word) => {
                let after = reader.tokens[reader.at - 1];
                Err(format!("unexpected {} after {}", shown(word), shown(after)))
            }
        }
    }

    fn group(&mut self, name: &str, depth: usize) -> Result<Term> {
        let groups = self.groups;
        if let Some(why) = groups.broken.get(name) {
            return Err(format!("group {}: {why}", shown(name)));
        }
        let Some((name, text)) = groups.texts.get_key_value(name) else {
            let known: Vec<&str> = groups.texts.keys().map(String::as_str).collect();
            return Err(match known.as_slice() {
                [] => format!("no such group: {}; no groups are defined", shown(name)),
                known => {
                    format!("no such group: {}; there are: {}", shown(name), known.join(", "))
                }
            });
        };
        if let Some(done) = self.done.get(name.as_str()).cloned() {
            self.count(done.weight)?;
            return Ok(Term::Group(done));
        }
        if let Some(first) = self.open.iter().position(|open| *open == name) {
            let circle = [&self.open[first..], &[name.as_str()]].concat();
            return Err(format!("group {name:?} contains itself: {}", circle.join(", ")));
        }
        self.open.push(name);
        let before = self.terms;
        let term = self.text(text, depth).map_err(|why| match why.starts_with("group \"") {
            // The error names the innermost group, since that is the one to correct.
            true => why,
            false => format!("group {name:?}: {why}"),
        })?;
        self.open.pop();
        let group = Group { name: name.clone(), term, weight: self.terms - before };
        let group = Arc::new(group);
        self.done.insert(name, Arc::clone(&group));
        Ok(Term::Group(group))
    }

    fn count(&mut self, terms: usize) -> Result<()> {
        self.terms += terms;
        match self.terms > MOST_TERMS {
            true => Err(format!("more than {MOST_TERMS} terms")),
            false => Ok(()),
        }
    }
}

/// Splits a text into words and parentheses.
fn tokens(text: &str) -> Vec<&str> {
    let is_parenthesis = |letter: char| matches!(letter, '(' | ')');
    let mut tokens = Vec::new();
    for mut word in text.split_whitespace() {
        while let Some(at) = word.find(is_parenthesis) {
            tokens.extend(Some(&word[..at]).filter(|before| !before.is_empty()));
            tokens.push(&word[at..=at]);
            word = &word[at + 1..];
        }
        tokens.extend(Some(word).filter(|word| !word.is_empty()));
    }
    tokens
}

fn shown(word: &str) -> String {
    format!("{:?}", beginning(word, MOST_SHOWN))
}

struct Reader<'r, 'a, 't> {
    tokens: Vec<&'t str>,
    at: usize,
    depth: usize,
    reading: &'r mut Reading<'a>,
}

impl<'t> Reader<'_, '_, 't> {
    fn peek(&self) -> Option<&'t str> {
        self.tokens.get(self.at).copied()
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MOST_NESTED {
            return Err(format!("nested more than {MOST_NESTED} levels deep"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self) -> Result<Term> {
        let first = self.and()?;
        if self.peek() != Some("or") {
            return Ok(first);
        }
        let mut terms = Vec::new();
        add_alternative(&mut terms, part(first)?);
        while self.take("or") {
            let next = part(self.and()?)?;
            add_alternative(&mut terms, next);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Or(terms) })
    }

    fn and(&mut self) -> Result<Term> {
        let first = self.not()?;
        if self.peek() != Some("and") {
            return Ok(first);
        }
        let mut terms = Vec::new();
        let mut add = |term: Term| match term {
            Term::And(more) => terms.extend(more),
            term => terms.push(term),
        };
        add(part(first)?);
        while self.take("and") {
            add(part(self.not()?)?);
        }
        Ok(Term::And(terms))
    }

    fn not(&mut self) -> Result<Term> {
        if !self.take("not") {
            return self.atom();
        }
        Ok(match part(self.deeper(Self::not)?)? {
            Term::Not(term) => *term,
            term => Term::Not(Box::new(term)),
        })
    }

    fn atom(&mut self) -> Result<Term> {
        let Some(word) = self.peek() else {
            return Err(format!("expected agents after {}", shown(self.tokens[self.at - 1])));
        };
        self.at += 1;
        if word == "(" {
            let term = self.deeper(Self::or)?;
            return match self.take(")") {
                true => Ok(term),
                false => Err("\"(\" without \")\"".to_owned()),
            };
        }
        if word.starts_with(|first: char| first.is_ascii_digit() || "*?".contains(first)) {
            let patterns = agents(word)?;
            // Explicit agents are not counted: a file of targets may list any number.
            self.reading.count(patterns.iter().filter(|pattern| pattern.is_slow()).count())?;
            return Ok(Term::Agents(patterns));
        }
        self.reading.count(1)?;
        if let Some(name) = word.strip_prefix('@') {
            return self.deeper(|reader| reader.reading.group(name, reader.depth));
        }
        let is_roles = |name| word == name || word.strip_prefix(name).is_some_and(begins_details);
        if !is_roles("all") && !is_roles("any") && !word.starts_with("role=") {
            return Err(format!(
                "expected gid:nid, \"all\", \"any\", role=NAME or @GROUP, got {}",
                shown(word)
            ));
        }
        let more = self.tokens[self.at..].iter().take_while(|word| word.starts_with("role="));
        let more: Vec<&str> = more.copied().collect();
        self.at += more.len();
        let target = role_target(word, more)?;
        target.address().map_err(|error| error.to_string())?;
        Ok(Term::Roles(target))
    }
}

fn begins_details(rest: &str) -> bool {
    rest.starts_with([',', '@'])
}

/// Checks that a term may be part of a larger one.
fn part(term: Term) -> Result<Term> {
    match term.is_any() {
        true => Err("\"any\" cannot be combined: the controller chooses the agent".to_owned()),
        false => Ok(term),
    }
}

/// Adds a term, merging lists of agents, since a file of targets has thousands.
fn add_alternative(terms: &mut Vec<Term>, term: Term) {
    match (term, terms.last_mut()) {
        (Term::Or(more), _) => more.into_iter().for_each(|term| add_alternative(terms, term)),
        (Term::Agents(more), Some(Term::Agents(agents))) => agents.extend(more),
        (term, _) => terms.push(term),
    }
}

/// Parses agents given by number, like `1:1-5,9,2:*`.
fn agents(word: &str) -> Result<Vec<Pattern>> {
    let mut grid = None;
    let mut patterns = Vec::new();
    for item in word.split(',') {
        let wrong = |why: String| format!("invalid agents {}: {why}", shown(item));
        let nodes = match item.split_once(':') {
            Some((gid, nodes)) => {
                grid = Some(numbers(gid).map_err(wrong)?);
                nodes
            }
            None => item,
        };
        let gid = grid.clone().ok_or_else(|| wrong("expected gid:nid, like 1:2".to_owned()))?;
        patterns.push(Pattern { gid, nid: numbers(nodes).map_err(wrong)? });
    }
    Ok(patterns)
}

/// Parses a number, a range of numbers, or digits with `*` and `?`.
fn numbers(text: &str) -> Result<Numbers> {
    let is_glob = |byte: u8| byte.is_ascii_digit() || b"*?".contains(&byte);
    if text.contains(['*', '?']) && text.bytes().all(is_glob) {
        return Ok(Numbers::Glob(text.to_owned()));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    match first <= last {
        true => Ok(Numbers::Range { first, last }),
        false => Err(format!("expected the smaller number first, got {first}-{last}")),
    }
}

fn number(text: &str) -> Result<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(
            "expected gid:nid, each a number, a range like 1-5, or digits with * and ?".to_owned()
        );
    }
    match text.parse() {
        Ok(0) => Err("expected gid:nid, both above zero".to_owned()),
        Ok(number) if number <= LARGEST_ID => Ok(number),
        _ => Err(format!("expected numbers up to {LARGEST_ID}")),
    }
}
