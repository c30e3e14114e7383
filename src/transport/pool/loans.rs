//! Which calls may have a connection, so that waits keep no others from one.

/// What a call needs a connection for. Long waits must not keep the others from getting one, so each
/// class but theirs has some connections that are for it alone: see [`Loans::allow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Waiting for results, for as long as the caller likes.
    Wait,
    /// A question to an agent or the controller, which is to be answered within the default timeout.
    Question,
    /// What Redis answers by itself.
    Quick,
}

/// How many connections the calls of each class have, or are making.
#[derive(Debug)]
pub(super) struct Loans {
    pub(super) counts: [usize; 3],
    pub(super) max: usize,
}

impl Loans {
    pub(super) fn new(max: usize) -> Self {
        Loans { counts: [0; 3], max }
    }

    pub(super) fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many connections are for this class alone, beyond `max` for all.
    fn reserve(&self, class: Class) -> usize {
        match class {
            Class::Wait => 0,
            Class::Question | Class::Quick => self.max.div_ceil(8),
        }
    }

    /// Whether one more call of this class may have a connection. Without waits there are `max`; calls
    /// of the reserves take nothing from the waits, which may be `max` beside them.
    pub(super) fn allow(&self, class: Class) -> bool {
        let beyond = |class: Class| self.counts[class as usize].saturating_sub(self.reserve(class));
        let shared = beyond(Class::Wait) + beyond(Class::Question) + beyond(Class::Quick);
        match class {
            Class::Wait => shared < self.max,
            _ => self.total() < self.max || self.counts[class as usize] < self.reserve(class),
        }
    }

    pub(super) fn add(&mut self, class: Class) {
        self.counts[class as usize] += 1;
    }

    pub(super) fn remove(&mut self, class: Class) {
        self.counts[class as usize] -= 1;
    }
}
