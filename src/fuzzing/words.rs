//! Printed forms, and words of the wire that are checked before they are sent.

use std::collections::BTreeMap;

use super::client;
use crate::command::Command;
use crate::node::Tunnel;
use crate::protocol::{AgentId, Envelope, Selection, Target, check_cron, check_levels, keys};

/// Whatever has a printed form: what is read prints as something that is read as the same.
pub fn printed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(command) = client().get_by_handle(text) {
        check_command(&command);
    }
    // Anything that can be an id or a role.
    for target in [Target::any().role(text), Target::all().role("a").role(text).grid(1)] {
        let envelope = Envelope::known(text.to_owned(), target.into());
        if envelope.check_id().is_ok() {
            check_command(&Command::new(client().session().clone(), envelope));
        }
    }
    if let Ok(target) = text.parse::<Target>() {
        assert_eq!(target.to_string().parse::<Target>().expect("a target"), target);
        let _ = target.address().map_err(|error| error.to_string());
        let selection: Selection = target.to_string().parse().expect("a target is an expression");
        assert_eq!(selection.target(), Some(target));
    }
    if let Ok(selection) = text.parse::<Selection>() {
        check_selection(&selection);
    }
    if let Ok(agent) = text.parse::<AgentId>() {
        assert_eq!(agent.to_string().parse(), Ok(agent));
    }
    if let Ok(tunnel) = text.parse::<Tunnel>() {
        assert_eq!(tunnel.to_string().parse::<Tunnel>().expect("a tunnel"), tunnel);
    }
    if let Some((id, Some(agent))) = keys::parse_list(text) {
        assert_eq!(keys::parse_list(&keys::result(id, agent)), Some((id, Some(agent))));
    }
}

fn check_selection(selection: &Selection) {
    let again = selection.to_string().parse::<Selection>();
    assert_eq!(again.as_ref(), Ok(selection), "{selection}");
    let agents: BTreeMap<AgentId, Vec<String>> =
        (1..=20).map(|nid| ((nid % 3, nid).into(), vec!["cpu".to_owned()])).collect();
    let chosen = selection.choose(&agents);
    selection.unregistered(&agents);
    if let Some(target) = selection.target().filter(|target| !target.agent_ids().is_empty()) {
        assert_eq!(chosen, target, "{selection}");
    }
}

fn check_command(command: &Command) {
    let printed = command.to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:,=%@".contains(&byte);
    assert!(printed.bytes().all(is_plain), "it is one word in a shell: {printed}");
    let again = client().get_by_handle(&printed).expect("a printed command");
    assert_eq!((again.id(), again.target()), (command.id(), command.target()));
    assert_eq!(again.to_string(), printed);
    std::hint::black_box(again.in_words());
}

/// Schedules and log levels: neither letter case nor blanks decide, where the daemons look at
/// neither.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let cron = check_cron(text).map_err(|error| error.to_string());
    if !text.trim_start().starts_with('@') {
        let blanks = text.split_whitespace().collect::<Vec<_>>().join("  ");
        for same in [text.to_ascii_uppercase(), text.to_ascii_lowercase(), blanks] {
            assert_eq!(check_cron(&same).is_ok(), cron.is_ok(), "{text:?} {same:?}");
        }
    }
    let levels = check_levels(text).map_err(|error| error.to_string());
    let blanks = text.split(',').collect::<Vec<_>>().join(" , ");
    assert_eq!(check_levels(&blanks).is_ok(), levels.is_ok(), "{text:?}");
}
