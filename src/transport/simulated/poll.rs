//! `ppoll` for simulated sockets: waiting advances the clock.

use std::io;
use std::time::Duration;

use super::{Step, World, is_running, with};
use crate::transport::clock;
use crate::transport::poll::system_ppoll;

/// `ppoll` of the system, unless the clock of this thread is simulated.
pub(in crate::transport) fn ppoll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    if !clock::simulated::is_running() {
        return system_ppoll(fds, timeout);
    }
    let end = timeout.map(|timeout| clock::now() + timeout);
    if !is_running() {
        return match system_ppoll(fds, Some(Duration::ZERO))? {
            0 => {
                let timeout = timeout.expect("a wait by a simulated clock has a deadline");
                clock::simulated::advance(timeout);
                Ok(0)
            }
            count => Ok(count),
        };
    }
    with(World::count);
    // Other descriptors, such as cancel tokens, are polled again only after an event that may affect them.
    let mut others = true;
    loop {
        let mut count = with(|world| world.look(fds));
        if others {
            count += poll_others(fds)?;
        }
        if count > 0 {
            return Ok(count);
        }
        match with(|world| world.step(end)) {
            Step::Ended => return Ok(0),
            step => others = matches!(step, Step::Called),
        }
    }
}

/// Polls the descriptors that are not simulated; returns how many are ready.
fn poll_others(fds: &mut [libc::pollfd]) -> io::Result<usize> {
    let is_other = |slot: &libc::pollfd| slot.fd >= 0 && !with(|world| world.has(slot.fd));
    let (places, mut others): (Vec<usize>, Vec<libc::pollfd>) =
        fds.iter().copied().enumerate().filter(|(_, slot)| is_other(slot)).unzip();
    let count =
        if others.is_empty() { 0 } else { system_ppoll(&mut others, Some(Duration::ZERO))? };
    places.into_iter().zip(others).for_each(|(place, slot)| fds[place] = slot);
    Ok(count)
}

impl World {
    fn has(&self, fd: libc::c_int) -> bool {
        self.by_fd.contains_key(&fd)
    }

    /// Polls the simulated sockets; returns how many are ready.
    fn look(&self, fds: &mut [libc::pollfd]) -> usize {
        let mut count = 0;
        for slot in fds {
            let Some(link) = self.by_fd.get(&slot.fd).map(|number| &self.links[number]) else {
                continue;
            };
            let readable = if link.is_readable() { libc::POLLIN } else { 0 };
            let writable = if link.is_writable() { libc::POLLOUT } else { 0 };
            let failed = if link.has_failed() { libc::POLLERR } else { 0 };
            slot.revents = (readable | writable) & slot.events | failed;
            count += usize::from(slot.revents != 0);
        }
        count
    }
}
