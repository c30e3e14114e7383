//! Unit tests of expressions over agents: syntax, hostile input, and what is chosen.

use std::collections::{BTreeMap, BTreeSet};

use super::selection::{Selection, Term};
use super::{AgentId, Groups, Target};

type Known = BTreeMap<AgentId, Vec<String>>;

/// Agents 1:1 to 1:12, and 2:1 to 2:3; the even ones have the role cpu, every third gpu.
fn known() -> Known {
    let agents = (1..=12).map(|nid| (1, nid)).chain((1..=3).map(|nid| (2, nid)));
    let roles = |nid: u32| {
        let roles = [(2, "cpu"), (3, "gpu")];
        let roles = roles.iter().filter(|(every, _)| nid.is_multiple_of(*every));
        roles.map(|(_, role)| (*role).to_owned()).collect()
    };
    agents.map(|(gid, nid)| (AgentId::new(gid, nid), roles(nid))).collect()
}

fn groups(groups: &[(&str, &str)]) -> Groups {
    let texts = groups.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Groups { texts: texts.collect(), broken: BTreeMap::new() }
}

fn chosen(text: &str) -> String {
    let selection: Selection = text.parse().unwrap_or_else(|error| panic!("{error}"));
    selection.choose(&known()).to_string()
}

#[test]
fn expressions_choose_agents() {
    for (text, agents) in [
        ("1:1-3", "1:1,1:2,1:3"),
        ("1:1-3,9,2:*", "1:1,1:2,1:3,1:9,2:1,2:2,2:3"),
        ("1-2:1", "1:1,2:1"),
        ("*:3", "1:3,2:3"),
        ("1:1?", "1:10,1:11,1:12"),
        ("1:1*", "1:1,1:10,1:11,1:12"),
        ("?:*2", "1:2,1:12,2:2"),
        ("2-9:1-9", "2:1,2:2,2:3"),
        ("1:10-2147483647", "1:10,1:11,1:12"),
        ("all@2", "2:1,2:2,2:3"),
        ("role=cpu@2", "2:2"),
        ("role=cpu,*@2", "2:1,2:2,2:3"),
        ("all and not 1:*", "2:1,2:2,2:3"),
        ("role=cpu and role=gpu", "1:6,1:12"),
        ("role=cpu,gpu", "1:6,1:12"),
        ("all role=cpu role=gpu", "1:6,1:12"),
        ("role=cpu@2 or role=gpu@2", "2:2,2:3"),
        ("not 1:* and not 2:1", "2:2,2:3"),
        ("not (1:* or 2:1)", "2:2,2:3"),
        ("2:1 or 1:1 and role=cpu", "2:1"),
        ("(2:1 or 1:1) and role=cpu", ""),
        ("1:1-4 and (role=cpu or role=gpu)", "1:2,1:3,1:4"),
        ("not not 2:1", "2:1"),
        ("(1:2)or(1:3)", "1:2,1:3"),
        // Agents that are written out need not be registered.
        ("1:99", "1:99"),
        ("1:99,1:1 and not 1:1", "1:99"),
        ("1:99 and not role=cpu", "1:99"),
        ("(1:99 or 1:1) and (not role=cpu and not role=gpu)", "1:1,1:99"),
        ("1:99 and role=cpu", ""),
        ("1:98-99", ""),
        ("not 1:99 and 2:*", "2:1,2:2,2:3"),
    ] {
        assert_eq!(chosen(text), agents, "{text}");
    }
}

#[test]
fn what_the_wire_can_say_needs_no_list_of_agents() {
    for (text, target) in [
        ("1:1", Some("1:1")),
        ("1:5,3,1:4", Some("1:3,1:4,1:5")),
        ("1:1 or 1:2 or (1:3 or 1:1)", Some("1:1,1:2,1:3")),
        ("1:1-1", Some("1:1")),
        ("1:1,2 and not 1:1", Some("1:2")),
        ("all", Some("all")),
        ("any,role=cpu@2", Some("any,role=cpu@2")),
        ("(any)", Some("any")),
        ("role=a and role=b,a", Some("all,role=a,b")),
        ("role=a and role=*,b", Some("all,role=a")),
        ("role=a and all@3", Some("all,role=a@3")),
        ("role=a@3 and role=b@3", Some("all,role=a,b@3")),
        ("role=a@1 and role=b@3", None),
        ("1:1 and not 1:1", None),
        ("role=a or role=b", None),
        ("1:1-2", None),
        ("1:1 or role=a", None),
        ("1:1 and not role=a", None),
        ("not 1:1", None),
    ] {
        let selection: Selection = text.parse().unwrap();
        let sent = selection.target().map(|target| target.to_string());
        assert_eq!(sent.as_deref(), target, "{text}");
    }
    // Every target that can be parsed is an expression for itself.
    for text in ["all role=cpu", "any@3 role=cpu role=x", "role=%28a%29", "2:1,1:2,2:1", "role=*"] {
        let target: Target = text.parse().unwrap();
        assert_eq!(text.parse::<Selection>().unwrap().target(), Some(target), "{text}");
    }
}

#[test]
fn wrong_expressions_are_explained() {
    let deep = "(".repeat(10_000) + "1:1";
    let negated = "not ".repeat(10_000) + "1:1";
    let long = format!("1:{}", "9".repeat(1_000_000));
    let many = vec!["role=a"; 5000].join(" or ");
    let globs = vec!["1:*"; 5000].join(",");
    for (text, why) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("()", "got \")\""),
        ("(1:1", "\"(\" without \")\""),
        ("1:1)", "\")\" without \"(\""),
        (")", "got \")\""),
        ("1:1 1:2", "unexpected \"1:2\" after \"1:1\""),
        ("1:1 and", "expected agents after \"and\""),
        ("and 1:1", "got \"and\""),
        ("1:1 or or 1:2", "got \"or\""),
        ("1:1 not 1:2", "unexpected \"not\" after \"1:1\""),
        ("not", "expected agents after \"not\""),
        ("1", "expected gid:nid"),
        ("1:", "expected gid:nid"),
        (":1", "got \":1\""),
        ("1:1,", "expected gid:nid"),
        ("1:1,,2", "expected gid:nid"),
        ("1:1,role=cpu", "expected gid:nid"),
        ("1:1@2", "expected gid:nid"),
        ("1:2:3", "expected gid:nid"),
        ("1:0", "above zero"),
        ("0-1:1", "above zero"),
        ("1:5-1", "expected the smaller number first, got 5-1"),
        ("1:1-", "expected gid:nid"),
        ("1:-1", "expected gid:nid"),
        ("1:1--2", "expected gid:nid"),
        ("1:1-2-3", "expected gid:nid"),
        ("1:1-*", "expected gid:nid"),
        ("1:1-4294967295", "up to 2147483647"),
        ("1:4294967296", "up to 2147483647"),
        ("99999999999999999999:1", "up to 2147483647"),
        ("1:١", "expected gid:nid"),
        ("１:1", "got \"１:1\""),
        ("1:1\u{a0}or\u{2003}röle=a", "got \"röle=a\""),
        ("All", "got \"All\""),
        ("allx", "got \"allx\""),
        ("cpu", "got \"cpu\""),
        ("role=", "a role is empty"),
        ("role=%ff", "not UTF-8"),
        ("role=a%00", "NUL"),
        ("all@0", "above zero"),
        ("all@9999999999", "above zero"),
        ("all@1 role=a@2", "more than one grid"),
        ("any or 1:1", "\"any\" cannot be combined"),
        ("1:1 and any", "\"any\" cannot be combined"),
        ("not any,role=a", "\"any\" cannot be combined"),
        ("@web", "no such group: \"web\"; no groups are defined"),
        ("@", "no such group: \"\""),
        (&deep, "nested more than 64 levels"),
        (&negated, "nested more than 64 levels"),
        (&long, "up to 2147483647"),
        (&many, "more than 4096 terms"),
        (&globs, "more than 4096 terms"),
    ] {
        let error = text.parse::<Selection>().unwrap_err().to_string();
        let text = text.chars().take(100).collect::<String>();
        assert!(error.contains(why), "{text}: {error}");
        assert!(error.len() < 500, "{} bytes for {text}", error.len());
    }
}

#[test]
fn a_file_of_agents_is_one_list() {
    let lines: Vec<String> = (1..=100_000).map(|nid| format!("1:{nid}")).collect();
    let selection: Selection = lines.join("\nor ").parse().unwrap();
    assert!(matches!(selection.0, Term::Agents(_)));
    assert_eq!(selection.target().unwrap().agent_ids().len(), 100_000);
}

#[test]
fn numbers_of_ranges_that_are_not_registered_are_counted() {
    for (text, count) in [
        ("1:1-12", 0),
        ("1:1-20", 8),
        ("1:1-20,15-22", 10),
        ("1:15-22 or 1:1-20 or 1:3-4", 10),
        ("2:1-2147483647", 2_147_483_644),
        ("1-2147483647:1-2147483647", 2_147_483_647 * 2_147_483_647 - 15),
        ("1-2:1-4", 1),
        ("1:99", 0),
        ("1:9*", 0),
        ("all and not 1:1-20", 0),
        ("1:1-20 and role=cpu", 8),
        ("@web", 2),
    ] {
        let selection = Selection::with_groups(text, &groups(&[("web", "2:1-5")])).unwrap();
        assert_eq!(selection.unregistered(&known()), count, "{text}");
    }
}

#[test]
fn groups_name_groups() {
    let groups = groups(&[
        ("web", "1:1-3 or @edge"),
        ("edge", "2:1"),
        ("role", "role=cpu"),
        ("one", "any"),
        ("empty", " "),
        ("self", "1:1 or @self"),
        ("a", "@b"),
        ("b", "@c and 1:1"),
        ("c", "(@a)"),
        ("wrong", "1:1 or"),
        ("outer", "@wrong"),
    ]);
    let read = |text: &str| Selection::with_groups(text, &groups);
    let choose = |text: &str| read(text).unwrap().choose(&known()).to_string();
    assert_eq!(choose("@web"), "1:1,1:2,1:3,2:1");
    assert_eq!(choose("@web and not @edge"), "1:1,1:2,1:3");
    assert_eq!(choose("not @web and @role"), "1:4,1:6,1:8,1:10,1:12,2:2");
    assert_eq!(read("@role and role=x").unwrap().target().unwrap().to_string(), "all,role=cpu,x");
    assert_eq!(read("@edge").unwrap().target().unwrap().to_string(), "2:1");
    assert_eq!(read("@web and not @edge").unwrap().to_string(), "@web and not @edge");
    for (text, why) in [
        ("@one or 1:1", "\"any\" cannot be combined"),
        ("@empty", "group \"empty\": it is empty"),
        ("@self", "group \"self\" contains itself: self, self"),
        ("@a", "group \"a\" contains itself: a, b, c, a"),
        ("@c", "group \"c\" contains itself: c, a, b, c"),
        ("@outer", "group \"wrong\": expected agents after \"or\""),
        ("@none", "no such group: \"none\"; there are: a, b,"),
        ("@web@1", "no such group: \"web@1\""),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn groups_of_groups_do_not_multiply_without_end() {
    let mut doubling = Groups::default();
    doubling.texts.insert("g0".to_owned(), "role=a".to_owned());
    for level in 1..60 {
        let below = level - 1;
        doubling.texts.insert(format!("g{level}"), format!("@g{below} or (@g{below} and all)"));
    }
    let error = Selection::with_groups("@g59", &doubling).unwrap_err().to_string();
    assert!(error.contains("more than 4096 terms"), "{error}");
    assert!(Selection::with_groups("@g5", &doubling).is_ok());
    let mut chain = Groups::default();
    for level in 0..1000 {
        chain.texts.insert(format!("g{level}"), format!("@g{}", level + 1));
    }
    let error = Selection::with_groups("@g0", &chain).unwrap_err().to_string();
    assert!(error.contains("nested more than 64 levels"), "{error}");
}

/// Numbers that are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn random_words_never_panic_and_print_what_is_read_back() {
    const WORDS: [&str; 30] = [
        "1:1",
        "1:2-5",
        "2:*",
        "*:?",
        "1:1,3,2:1-2",
        "all",
        "all@2",
        "role=cpu",
        "role=gpu@1",
        "role=cpu,gpu",
        "any",
        "@web",
        "@edge",
        "(",
        ")",
        "(",
        ")",
        "and",
        "and",
        "or",
        "or",
        "not",
        "not",
        ",",
        "@",
        "1:",
        "ü",
        "role=%28",
        "-",
        "1:9-99999",
    ];
    let groups = groups(&[("web", "1:1-3 or @edge"), ("edge", "role=gpu and not 2:3")]);
    let mut numbers = Numbers(0x5eed);
    let mut valid = 0;
    for _ in 0..30_000 {
        let words = (0..=numbers.below(9)).map(|_| WORDS[numbers.below(WORDS.len())]);
        let mut text = words.collect::<Vec<_>>().join(" ");
        if numbers.below(4) == 0 {
            // Cut anywhere, or without white space.
            text.retain(|letter| letter != ' ' || numbers.below(2) == 0);
        }
        let Ok(selection) = Selection::with_groups(&text, &groups) else { continue };
        valid += 1;
        let printed = selection.to_string();
        let again = Selection::with_groups(&printed, &groups);
        assert_eq!(again.as_ref(), Ok(&selection), "{text:?}: {printed:?}");
        let agents = selection.choose(&known());
        let agents: BTreeSet<&AgentId> = agents.agent_ids().iter().collect();
        if let Some(target) = selection.target().filter(|target| target.agent_ids().is_empty()) {
            // The controller chooses the same agents.
            let by_roles = known().into_iter().filter(|(it, roles)| target.matches(*it, roles));
            let by_roles: BTreeSet<AgentId> = by_roles.map(|(agent, _)| agent).collect();
            assert_eq!(agents, by_roles.iter().collect(), "{text:?}");
        }
        selection.unregistered(&known());
    }
    assert!(valid > 1000, "{valid}");
}
