//! What a watch does about commands that Redis has lost: see [`crate::engine::loss`].

use super::{List, Step, Watch, Wrapped};
use crate::engine::loss::{self, Confirmed};
use crate::transport::Until;

impl Watch {
    /// Makes the next round due, after a connection was lost.
    pub(super) fn hurry(&mut self) {
        if let Some(rounds) = &mut self.rounds {
            rounds.hurry();
        }
    }

    /// Looks whether Redis has lost commands, and gives up jobs that are lost with them.
    pub(super) fn check_for_loss(&mut self, until: &Until) -> Step<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let commands = (0u32..).zip(self.ids.iter().zip(&self.sent));
        let confirmed = commands.filter_map(|(command, (id, sent))| {
            Confirmed::of(&self.session, command, id, sent.as_deref())
        });
        self.loss.look(&mut link.connection, confirmed, until)?;
        let is_pending = |list: &List| self.pending.contains(list);
        let lost: Vec<List> = self.loss.lost().into_iter().filter(is_pending).collect();
        if lost.is_empty() {
            return Ok(());
        }
        // The result may have come in the last moment.
        self.ask_hashes_about(&lost, until)?;
        let left: Vec<List> = lost.into_iter().filter(|list| self.pending.contains(list)).collect();
        self.poll_lists(&left, until)?;
        if self.link.is_none() {
            return Ok(()); // a reply was too large, and the round is repeated
        }
        for list in left {
            if !self.filled.contains(&list) {
                let found = self.found(list, Err(loss::lost()));
                self.hashed.extend(found);
            }
        }
        Ok(())
    }

    /// Asks agents about jobs whose commands Redis has lost.
    pub(super) fn ask_agents(&mut self, until: &Until) -> Step<()> {
        let jobs = self.pending.iter().map(|list| (*list, self.ids[list.0 as usize].as_str()));
        Ok(self.loss.ask(&self.session, jobs, until).map_err(Wrapped)?)
    }
}
