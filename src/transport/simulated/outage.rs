//! Faults of the server as a whole, each for a time.

use std::io::ErrorKind;
use std::time::Duration;

use super::World;

#[derive(Clone, Debug)]
pub(crate) enum Outage {
    /// The process is down, and restarts with or without its data.
    Down { keeps_data: bool },
    /// The machine is unreachable. After its return it resets older connections.
    Away,
    /// All connections are closed, once.
    Killed,
    /// The process is stopped. Afterwards it executes what has arrived.
    Frozen,
    /// Commands fail with this error.
    Refuses { error: &'static str, scope: Scope },
}

/// Commands that are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All except those of a login.
    All,
    Writes,
    Blocking,
    /// Those of a login too.
    Login,
}

/// Start of an outage.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    After(Duration),
    /// After the execution of this many commands, before the reply to the last one.
    Commands(usize),
    /// The same, counting write commands only.
    Writes(usize),
}

/// An outage with its time.
#[derive(Clone, Debug)]
pub(crate) struct Spell {
    pub(crate) when: When,
    pub(crate) lasts: Duration,
    pub(crate) outage: Outage,
}

impl World {
    pub(crate) fn plan_outage(&mut self, spell: Spell) {
        match spell.when {
            When::After(after) => self.after(after, move |world| world.begin(spell)),
            When::Commands(_) | When::Writes(_) => self.spells.push(spell),
        }
    }

    /// Counts an executed command and starts the outages due with it.
    pub(super) fn executed_one(&mut self, has_written: bool) {
        self.commands += 1;
        self.writes += usize::from(has_written);
        let (commands, writes) = (self.commands, self.writes);
        let is_due = |spell: &Spell| match spell.when {
            When::Commands(count) => count == commands,
            When::Writes(count) => has_written && count == writes,
            When::After(_) => false,
        };
        if let Some(place) = self.spells.iter().position(is_due) {
            let spell = self.spells.remove(place);
            self.begin(spell);
        }
    }

    fn begin(&mut self, spell: Spell) {
        let outage = spell.outage;
        self.number += 1;
        let number = self.number;
        self.after(spell.lasts, move |world| world.finish(number));
        self.flaw(|| format!("the server: {outage:?}"));
        match &outage {
            Outage::Down { keeps_data } => {
                if !keeps_data {
                    self.store = super::Store::default();
                    self.losses += 1;
                }
                self.break_all(Some(ErrorKind::ConnectionReset));
            }
            Outage::Away => self.break_all(None),
            Outage::Killed => self.break_all(Some(ErrorKind::UnexpectedEof)),
            Outage::Refuses { error, .. } if error.starts_with("READONLY") => {
                self.unblock_all(
                    "UNBLOCKED force unblock from blocking operation, instance state changed",
                );
            }
            Outage::Frozen | Outage::Refuses { .. } => {}
        }
        self.outages.push((number, outage));
    }

    fn finish(&mut self, number: u64) {
        let Some(place) = self.outages.iter().position(|(other, _)| *other == number) else {
            return;
        };
        let (_, outage) = self.outages.remove(place);
        self.flaw(|| format!("the server again: {outage:?}"));
        match outage {
            Outage::Down { .. } => self.runs += 1,
            Outage::Away => self.break_all(Some(ErrorKind::ConnectionReset)),
            Outage::Frozen => self.thaw(),
            Outage::Killed | Outage::Refuses { .. } => {}
        }
        self.changed();
    }

    /// Returns whether an outage is in progress.
    pub(crate) fn is_disturbed(&self) -> bool {
        !self.outages.is_empty()
    }

    pub(super) fn is_down(&self) -> bool {
        self.outages.iter().any(|(_, outage)| matches!(outage, Outage::Down { .. }))
    }

    pub(super) fn is_away(&self) -> bool {
        self.outages.iter().any(|(_, outage)| matches!(outage, Outage::Away))
    }

    /// Returns whether the server currently executes nothing.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_down() || self.is_away() || self.is_frozen()
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.outages.iter().any(|(_, outage)| matches!(outage, Outage::Frozen))
    }

    /// Returns the error of a command that is currently rejected.
    pub(super) fn refused(&self, name: &str) -> Option<&'static str> {
        self.outages.iter().find_map(|(_, outage)| match outage {
            Outage::Refuses { error, scope } if scope.has(name) => Some(*error),
            _ => None,
        })
    }
}

impl Scope {
    fn has(self, name: &str) -> bool {
        let is_blocking = matches!(name, "BLMOVE" | "BRPOPLPUSH");
        let is_write =
            matches!(name, "RPUSH" | "LREM" | "HSET" | "SET" | "DEL" | "EXPIRE" | "EVAL");
        let is_login = matches!(name, "HELLO" | "AUTH" | "SELECT" | "CLIENT" | "INFO" | "ROLE");
        match self {
            Scope::All => !is_login,
            Scope::Writes => is_write || is_blocking,
            Scope::Blocking => is_blocking,
            Scope::Login => true,
        }
    }
}
