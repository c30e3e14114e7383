//! Connection limits per class of call, and the queue of calls that wait for a connection.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::transport::wake::Wake;

/// Purpose of a connection. Each class except [`Class::Wait`] has reserved connections, so that
/// long waits cannot starve it: see [`Loans::allow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Waits for results for as long as the caller allows.
    Wait,
    /// Asks an agent or the controller and expects a reply within the default timeout.
    Question,
    /// Runs commands that Redis answers by itself.
    Quick,
}

/// Ends the wait of a call for its turn. A trait so that tests can do without a descriptor.
pub(super) trait Signal {
    fn set(&self);
    fn is_set(&self) -> bool;
}

impl Signal for Wake {
    fn set(&self) {
        Wake::set(self);
    }

    fn is_set(&self) -> bool {
        Wake::is_set(self)
    }
}

/// Connections that each class holds or is opening, and the queue of calls that wait for one.
#[derive(Debug)]
pub(super) struct Loans<S = Wake> {
    counts: [usize; 3],
    max: usize,
    /// Longest wait first. No call in the queue may have a connection right now.
    waiting: VecDeque<Turn<S>>,
}

/// A call that waits for a connection. It is counted among the loans before it is woken, so that no
/// other call can overtake it.
#[derive(Debug)]
struct Turn<S> {
    class: Class,
    signal: Arc<S>,
}

impl<S: Signal> Loans<S> {
    pub(super) fn new(max: usize) -> Self {
        Loans { counts: [0; 3], max, waiting: VecDeque::new() }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Returns the number of waiting calls.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of connections reserved for this class, beyond the shared `max`.
    fn reserve(&self, class: Class) -> usize {
        match class {
            Class::Wait => 0,
            Class::Question | Class::Quick => self.max.div_ceil(8),
        }
    }

    /// Returns whether one more call of this class may have a connection. Without waits the limit
    /// is `max`. Calls on reserved connections do not reduce the `max` connections of the waits.
    fn allow(&self, class: Class) -> bool {
        let beyond = |class: Class| self.counts[class as usize].saturating_sub(self.reserve(class));
        let shared = beyond(Class::Wait) + beyond(Class::Question) + beyond(Class::Quick);
        match class {
            Class::Wait => shared < self.max,
            _ => self.total() < self.max || self.counts[class as usize] < self.reserve(class),
        }
    }

    /// Takes a loan if the call may have a connection now.
    pub(super) fn take(&mut self, class: Class) -> bool {
        let is_allowed = self.allow(class);
        if is_allowed {
            self.counts[class as usize] += 1;
        }
        is_allowed
    }

    /// Queues a call. The signal is set once the call has a loan.
    pub(super) fn wait(&mut self, class: Class, signal: Arc<S>) {
        self.waiting.push_back(Turn { class, signal });
    }

    /// Removes a call from the queue. A loan that was granted too late goes to another call.
    pub(super) fn leave(&mut self, class: Class, signal: &Arc<S>) {
        if signal.is_set() {
            self.give_back(class);
        } else {
            self.waiting.retain(|turn| !Arc::ptr_eq(&turn.signal, signal));
        }
    }

    /// Ends a loan and grants loans to the calls that may have one now.
    pub(super) fn give_back(&mut self, class: Class) {
        self.counts[class as usize] -= 1;
        while let Some(next) = self.waiting.iter().position(|turn| self.allow(turn.class)) {
            let turn = self.waiting.remove(next).expect("its position was just found");
            self.counts[turn.class as usize] += 1;
            turn.signal.set();
        }
    }
}

#[cfg(test)]
mod tests {
    use shuttle::rand::{Rng, thread_rng};

    use super::*;

    const CLASSES: [Class; 3] = [Class::Wait, Class::Question, Class::Quick];

    fn fill(class: Class, loans: &mut Loans) {
        while loans.take(class) {}
    }

    #[test]
    fn waits_leave_a_connection_for_each_other_class() {
        for max in [1, 2, 8, 9, 64] {
            let mut loans = Loans::new(max);
            for class in CLASSES {
                assert!(loans.allow(class), "{class:?} of {max}");
                fill(class, &mut loans);
            }
            let reserve = max.div_ceil(8);
            assert_eq!(loans.counts, [max, reserve, reserve]);
        }
    }

    #[test]
    fn other_calls_leave_waits_their_connections_and_stay_within_the_maximum() {
        let mut loans = Loans::new(8);
        fill(Class::Quick, &mut loans);
        // One of them uses the connection beyond those that waits may have.
        assert_eq!((loans.total(), loans.take(Class::Wait)), (8, true));
        assert!(!loans.allow(Class::Wait) && !loans.allow(Class::Quick));
        assert!(loans.allow(Class::Question));
        let mut loans = Loans::new(8);
        assert!(loans.take(Class::Quick) && loans.take(Class::Question));
        fill(Class::Wait, &mut loans);
        assert_eq!(loans.counts, [8, 1, 1]);
    }

    #[test]
    fn the_longest_waiting_call_that_may_have_a_connection_gets_it() {
        let mut loans = Loans::new(1);
        assert!(loans.take(Class::Wait) && loans.take(Class::Quick));
        let signals = [Class::Wait, Class::Quick, Class::Wait, Class::Quick].map(|class| {
            let signal = Arc::new(Wake::new().unwrap());
            loans.wait(class, signal.clone());
            signal
        });
        let woken = || signals.iter().map(|signal| signal.is_set()).collect::<Vec<_>>();
        loans.give_back(Class::Quick);
        assert_eq!(woken(), [false, true, false, false]);
        loans.give_back(Class::Wait);
        assert_eq!(woken(), [true, true, false, false]);
        loans.give_back(Class::Quick);
        assert_eq!((woken(), loans.waiting()), (vec![true, true, false, true], 1));
    }

    /// A signal for threads whose schedule the test chooses.
    #[derive(Default)]
    struct Scheduled {
        is_set: shuttle::sync::Mutex<bool>,
        changed: shuttle::sync::Condvar,
    }

    impl Signal for Scheduled {
        fn set(&self) {
            *self.is_set.lock().unwrap() = true;
            self.changed.notify_one();
        }

        fn is_set(&self) -> bool {
            *self.is_set.lock().unwrap()
        }
    }

    impl Scheduled {
        fn wait(&self) {
            let is_set = self.is_set.lock().unwrap();
            drop(self.changed.wait_while(is_set, |is_set| !*is_set).unwrap());
        }
    }

    /// Calls of all classes on a pool that is too small for them, some of which give up while
    /// waiting. A lost turn leaves a thread that is never woken, which ends the schedule as a
    /// deadlock.
    #[test]
    fn no_schedule_of_calls_loses_a_turn() {
        let schedule = || {
            let max = thread_rng().gen_range(1..3);
            let loans = Arc::new(shuttle::sync::Mutex::new(Loans::<Scheduled>::new(max)));
            let calls: Vec<_> = (0..6)
                .map(|number| {
                    let loans = loans.clone();
                    let class = CLASSES[number % 3];
                    shuttle::thread::spawn(move || call(&loans, class, number >= 3))
                })
                .collect();
            calls.into_iter().for_each(|call| call.join().unwrap());
            let loans = loans.lock().unwrap();
            assert_eq!((loans.counts, loans.waiting()), ([0; 3], 0));
        };
        shuttle::check_random(schedule, 1000);
        shuttle::check_pct(schedule, 1000, 3);
    }

    fn call(loans: &shuttle::sync::Mutex<Loans<Scheduled>>, class: Class, may_give_up: bool) {
        let mut locked = loans.lock().unwrap();
        if !locked.take(class) {
            let signal = Arc::new(Scheduled::default());
            locked.wait(class, signal.clone());
            drop(locked);
            let is_out_of_time = thread_rng().gen_bool(0.5);
            if may_give_up && is_out_of_time {
                return loans.lock().unwrap().leave(class, &signal);
            }
            signal.wait();
            locked = loans.lock().unwrap();
        }
        let most = locked.max + 2 * locked.max.div_ceil(8);
        assert!(locked.total() <= most, "{:?} of {most}", locked.counts);
        drop(locked);
        loans.lock().unwrap().give_back(class);
    }
}
