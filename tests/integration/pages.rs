//! The Markdown pages: every link between them resolves, and none uses a phrase that the style excludes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use support::ROOT;

/// Links to files of the repository by their address, from pages that are published without it.
const REPOSITORY: &str = "https://github.com/acclient/acclient/blob/main/";

/// What is read, by directory and ending of the name: pages, and the comments of sources.
const SOURCES: &[(&str, &[&str])] = &[
    ("", &["md"]),
    ("acctl", &["rs"]),
    ("devgrid", &["rs"]),
    ("examples", &["c", "cpp", "rs"]),
    ("go", &["go"]),
    ("include", &["h", "hpp"]),
    ("packaging", &["sh"]),
    ("scripts", &["sh"]),
    ("benches", &["rs"]),
    ("src", &["rs"]),
    ("tests/c", &["c", "h"]),
    ("tests/cpp", &["cpp", "hpp"]),
    ("tests/integration", &["rs"]),
    ("tests/languages", &["rs"]),
    ("tests/support", &["rs"]),
    ("xtask", &["rs"]),
];

/// Phrases that say less than the term of the field, with what is fine although it contains one.
const EXCLUDED: &[(&str, &[&str])] = &[
    // Durations and numbers.
    ("for ever", &[]),
    ("so many", &[]),
    ("its time is over", &[]),
    ("without an end", &[]),
    ("however often", &[]),
    ("however many", &[]),
    // Persons in the place of callers, threads and users.
    ("whoever", &[]),
    ("nobody", &["`nobody"]),
    ("somebody", &[]),
    // Constructions that read as a translation.
    ("such a", &[]),
    ("be it", &[]),
    ("that which", &[]),
    ("is no", &["there is no", "is no longer", "is no limit", "nil is no error"]),
    ("what came of", &[]),
    ("turned out", &[]),
    ("turn out", &[]),
    ("be mended", &[]),
    ("will not mend", &[]),
    // Words of everyday life for something that has a name.
    ("sign of life", &[]),
    ("last word", &[]),
    ("without a word", &[]),
    ("printed word", &[]),
    ("in hand", &[]),
    ("at work", &[]),
    ("on its way", &[]),
    ("on the way", &[]),
    ("owed keys", &[]),
    ("told by the server", &[]),
    ("says nothing", &[]),
    ("believe any", &[]),
    ("looked at every", &[]),
    ("does not offer", &[]),
    ("cut short", &[]),
    ("goes away", &[]),
];

/// Where an excluded phrase stays: the end of the path, the phrase, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("docs/acctl.md", "nobody", "the meaning of status 3 in `acctl help statuses`"),
    ("docs/performance.md", "nobody", "names of figures, from benches/figures"),
    ("docs/performance.md", "in hand", "names of figures, from benches/figures"),
];

/// The files below a directory of the repository with one of these endings.
fn files(directory: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![plain(&Path::new(ROOT).join(directory))];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            if path.is_dir() {
                if !["target", ".git"].contains(&name) {
                    directories.push(path);
                }
            } else if name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page without its blocks of code, line for line.
fn prose(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let line = |line| {
        let is_fence = str::trim_start(line).starts_with("```");
        is_code ^= is_fence;
        if is_code || is_fence { "" } else { line }
    };
    page.lines().map(line).collect()
}

/// A line without its spans of code.
fn without_spans(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links and images of a line lead.
fn targets(line: &str) -> Vec<String> {
    let line = without_spans(line);
    let ends = line.split("](").skip(1);
    ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(page).into_iter().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(again);
        anchors.extend(names.find(|name| !anchors.contains(name)));
    }
    anchors
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Why a link of a page leads nowhere.
fn broken(page: &Path, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match path.strip_prefix(REPOSITORY) {
        Some(path) => Path::new(ROOT).join(path),
        None if path.contains(':') => return None,
        None if path.is_empty() => page.to_owned(),
        None => plain(&page.parent().expect("a directory").join(path)),
    };
    if !file.exists() {
        return Some(format!("{target}: no such file"));
    }
    let has_anchor = anchor.is_empty() || anchors(&read(&file)).contains(anchor);
    (!has_anchor).then(|| format!("{target}: no such heading"))
}

#[test]
fn every_link_of_a_page_resolves() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files("", &["md"]) {
        for (index, line) in prose(&read(&file)).into_iter().enumerate() {
            for target in targets(line) {
                seen += 1;
                if let Some(why) = broken(&file, &target) {
                    wrong.push(format!("{}:{}: {why}", file.display(), index + 1));
                }
            }
        }
    }
    assert!(seen > 50, "{seen} links");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# A `word`, and *another*\n```sh\n# a comment\n```\n## Life\n## Life\n";
    let expected = ["a-word-and-another", "life", "life-1"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
    let page = Path::new(ROOT).join("docs/page.md");
    assert_eq!(broken(&page, "../README.md"), None);
    assert_eq!(broken(&page, "https://example.org/x#y"), None);
    assert!(broken(&page, "absent.md").is_some() && broken(&page, "../README.md#absent").is_some());
    assert_eq!(targets("`[x](code)` and [x](a.md), ![y](b.svg)"), ["a.md", "b.svg"]);
}

/// A line of a source if it is a comment of its own.
fn comment(line: &str) -> &str {
    let line = line.trim_start();
    if ["//", "/*", "* ", "# "].iter().any(|opening| line.starts_with(opening)) { line } else { "" }
}

/// The prose of a file as one line of text in small letters, and where each of its lines begins.
fn text(file: &Path) -> (String, Vec<usize>) {
    let page = read(file);
    let is_page = file.extension().is_some_and(|extension| extension == "md");
    let lines = if is_page { prose(&page) } else { page.lines().map(comment).collect() };
    let (mut text, mut starts) = (String::new(), Vec::new());
    for line in lines {
        starts.push(text.len());
        // What opens a line of a comment is not part of its sentence.
        text += &line.trim_start_matches(['/', '!', '*', '#', ' ', '\t']).trim_end().to_lowercase();
        text.push(' ');
    }
    (text, starts)
}

/// Where a phrase stands in a text as words of its own, and not as a part of what is fine.
fn occurrences(text: &str, phrase: &str, fine: &[&str]) -> Vec<usize> {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_fine = |at: usize| {
        fine.iter().any(|fine| {
            let offset = fine.find(phrase).expect("what is fine contains the phrase");
            at.checked_sub(offset)
                .and_then(|from| text.get(from..))
                .is_some_and(|text| text.starts_with(fine))
        })
    };
    let stands = |at: &usize| {
        !is_word(text[..*at].chars().next_back())
            && !is_word(text[at + phrase.len()..].chars().next())
            && !is_fine(*at)
    };
    text.match_indices(phrase).map(|(at, _)| at).filter(stands).collect()
}

#[test]
fn no_page_uses_an_excluded_phrase() {
    let mut wrong = Vec::new();
    for file in SOURCES.iter().flat_map(|(directory, endings)| files(directory, endings)) {
        let (text, starts) = text(&file);
        for (phrase, fine) in EXCLUDED {
            let is_allowed =
                |(path, other, _): &(&str, &str, &str)| other == phrase && file.ends_with(path);
            if ALLOWED.iter().any(is_allowed) {
                continue;
            }
            for at in occurrences(&text, phrase, fine) {
                let line = starts.partition_point(|start| *start <= at);
                wrong.push(format!("{}:{line}: {phrase:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "say it with the term of the field:\n{}", wrong.join("\n"));
}

#[test]
fn phrases_are_found_as_words_across_lines_of_comments() {
    assert_eq!(occurrences("it waits for ever now", "for ever", &[]), [9]);
    assert!(occurrences("for every agent", "for ever", &[]).is_empty());
    let fine = ["there is no", "is no longer"];
    assert!(occurrences("there is no agent; it is no longer there", "is no", &fine).is_empty());
    assert_eq!(occurrences("the host is no name", "is no", &fine), [9]);
}
