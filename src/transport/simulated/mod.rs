//! A simulated network with a Redis server behind it, on the thread and the simulated clock of a test.
//!
//! While a [`Network`] runs, every [`Stream`] of its thread is a [`Link`] to that server, and every wait advances the
//! clock to the next event of the network or to the deadline of the wait. A [`Plan`] for each connection and the
//! [`Outage`]s of the server are the faults of a run. One random number generator decides everything else, so a seed
//! reproduces a run.

mod commands;
pub(crate) mod draw;
mod link;
mod outage;
mod plan;
mod poll;
pub(crate) mod seeds;
mod server;
mod store;
mod stream;
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::clock::{self, simulated::Clock};

pub(crate) use self::outage::{Outage, Scope, Spell, When};
pub(crate) use self::plan::{Flaw, Garbage, Plan};
pub(crate) use self::server::{Offers, Out};
pub(crate) use self::store::Store;

pub(super) use self::poll::ppoll;
pub(super) use self::stream::Stream;

use self::link::Link;
use self::server::Executed;

/// Limit of consecutive socket calls and waits in one second that transfer no byte; more than that is a busy loop.
/// Polling needs about a hundred.
const MOST_IDLE: usize = 400;
/// The same limit while the clock stands still.
const MOST_AT_ONCE: usize = 20;

/// Limit of commands in one second. A wait that polls sends about a hundred.
const MOST_COMMANDS: usize = 800;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// The simulated network of this thread, with its clock, until it is dropped.
pub(crate) struct Network {
    _clock: Clock,
}

impl Network {
    /// Starts with an empty server. `plans` apply to the first connections; later ones get
    /// [`Plan::default`].
    pub(crate) fn start(seed: u64, offers: Offers, plans: Vec<Plan>) -> Self {
        let clock = Clock::start();
        let world = World::new(seed, offers, plans);
        let before = WORLD.with_borrow_mut(|running| running.replace(world));
        assert!(before.is_none(), "two networks on one thread");
        Network { _clock: clock }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        WORLD.take();
    }
}

/// Returns whether this thread has a simulated network.
fn is_running() -> bool {
    WORLD.with_borrow(Option::is_some)
}

/// Replaces random bytes with reproducible ones while a network runs on this thread.
pub(crate) fn fill(bytes: &mut [u8]) {
    if is_running() {
        with(|world| world.rng.fill(bytes));
    }
}

/// Gives access to the network of this thread.
pub(crate) fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a running network")))
}

/// Advances the clock by `span` and processes the events in between.
pub(crate) fn drain(span: Duration) {
    let end = clock::now() + span;
    while !matches!(with(|world| world.step(Some(end))), Step::Ended) {}
}

type Action = Box<dyn FnOnce(&mut World)>;
type Hook = Box<dyn FnMut(&mut World)>;

/// Event of the network, processed at its time.
enum Event {
    /// A connection attempt ends.
    Connected(usize),
    /// Bytes of the client reach the server.
    Arrive(usize, Vec<u8>),
    /// Bytes of the server reach the client.
    Deliver(usize, Vec<u8>),
    /// The client sees the end of the connection.
    End(usize, std::io::ErrorKind),
    /// The server sees the end of the connection.
    Gone(usize),
    /// A blocking command times out: the connection and the number of the command.
    Unblock(usize, u64),
    Call(Action),
}

/// Outcome of [`World::step`].
enum Step {
    /// The clock has reached the end of the wait.
    Ended,
    /// An event of a socket.
    Moved,
    /// An event that may affect other descriptors, such as cancel tokens.
    Called,
}

/// The network and the server.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) store: Store,
    /// Every write command, in the order of execution.
    pub(crate) log: Vec<Executed>,
    /// Timestamped events, for the report of a failure.
    pub(crate) trace: Vec<String>,
    /// Time of the last fault.
    pub(crate) flawed: Option<Instant>,
    /// Number of times that the server has lost its data.
    pub(crate) losses: usize,
    begun: Instant,
    events: BTreeMap<(Instant, u64), Event>,
    number: u64,
    links: BTreeMap<usize, Link>,
    by_fd: BTreeMap<RawFd, usize>,
    plans: VecDeque<Plan>,
    offers: Offers,
    /// Outages that start with a command, and outages in progress.
    spells: Vec<Spell>,
    outages: Vec<(u64, Outage)>,
    commands: usize,
    writes: usize,
    /// Determines the run ID of the server.
    runs: u32,
    hook: Option<Hook>,
    /// Calls since a byte was transferred in this second, and since the clock advanced.
    idle: usize,
    at_once: (Instant, usize),
    second: Instant,
    commands_before: usize,
    /// Time of the last socket call, and the longest time between two.
    called: Instant,
    gap: Duration,
}

impl World {
    fn new(seed: u64, offers: Offers, plans: Vec<Plan>) -> Self {
        let now = clock::now();
        World {
            rng: Rng::with_seed(seed),
            store: Store::default(),
            log: Vec::new(),
            trace: Vec::new(),
            flawed: None,
            losses: 0,
            begun: now,
            events: BTreeMap::new(),
            number: 0,
            links: BTreeMap::new(),
            by_fd: BTreeMap::new(),
            plans: plans.into(),
            offers,
            spells: Vec::new(),
            outages: Vec::new(),
            commands: 0,
            writes: 0,
            runs: 1,
            hook: None,
            idle: 0,
            at_once: (now, 0),
            second: now,
            commands_before: 0,
            called: now,
            gap: Duration::ZERO,
        }
    }

    /// Returns the simulated time since the network was started.
    pub(crate) fn elapsed(&self) -> Duration {
        clock::since(self.begun)
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        let at = self.elapsed().as_secs_f64();
        self.trace.push(format!("{at:10.6} {}", what()));
    }

    /// Runs `action` after `span`.
    pub(crate) fn after(&mut self, span: Duration, action: impl FnOnce(&mut World) + 'static) {
        self.schedule(clock::now() + span, Event::Call(Box::new(action)));
    }

    /// Calls `hook` after each write command.
    pub(crate) fn on_change(&mut self, hook: impl FnMut(&mut World) + 'static) {
        self.hook = Some(Box::new(hook));
    }

    /// Records a fault.
    fn flaw(&mut self, what: impl FnOnce() -> String) {
        self.flawed = Some(clock::now());
        self.note(what);
    }

    fn changed(&mut self) {
        if let Some(mut hook) = self.hook.take() {
            hook(self);
            self.hook.get_or_insert(hook);
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.number += 1;
        self.events.insert((at, self.number), event);
    }

    /// Advances the clock to the next event and processes it, or to `end` if that is earlier.
    fn step(&mut self, end: Option<Instant>) -> Step {
        let now = clock::now();
        let due = |at: Instant| end.is_none_or(|end| at <= end);
        let Some(next) = self.events.first_entry().filter(|next| due(next.key().0)) else {
            let end = end.unwrap_or_else(|| panic!("a wait has no end: nothing will happen"));
            clock::simulated::advance(end.saturating_duration_since(now));
            return Step::Ended;
        };
        let ((at, _), event) = next.remove_entry();
        clock::simulated::advance(at.saturating_duration_since(now));
        match event {
            Event::Connected(link) => self.connected(link),
            Event::Arrive(link, bytes) => self.arrive(link, &bytes),
            Event::Deliver(link, bytes) => self.deliver(link, bytes),
            Event::End(link, kind) => self.end(link, kind),
            Event::Gone(link) => self.gone(link),
            Event::Unblock(link, number) => self.unblock(link, number),
            Event::Call(action) => {
                action(self);
                return Step::Called;
            }
        }
        Step::Moved
    }

    /// Starts the measurement of [`World::longest_gap`] for a call of the library.
    pub(crate) fn begin_call(&mut self) {
        (self.called, self.gap) = (clock::now(), Duration::ZERO);
    }

    /// Returns the longest time of the call without a socket call: how long it waited for one
    /// connection.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.gap.max(clock::since(self.called))
    }

    /// Counts a socket call or a wait, and panics in a busy loop.
    fn count(&mut self) {
        if std::thread::panicking() {
            return; // the first failure is reported
        }
        let now = clock::now();
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            (self.second, self.idle, self.commands_before) = (now, 0, self.commands);
        }
        if self.at_once.0 != now || self.idle == 0 {
            self.at_once = (now, 0);
        }
        self.idle += 1;
        self.at_once.1 += 1;
        self.gap = self.longest_gap();
        self.called = now;
        let (idle, at_once) = (self.idle, self.at_once.1);
        let commands = self.commands - self.commands_before;
        assert!(commands < MOST_COMMANDS, "a loop: {commands} commands within a second");
        assert!(idle < MOST_IDLE, "a loop: {idle} calls within a second that moved no byte");
        assert!(at_once < MOST_AT_ONCE, "a loop: {at_once} calls at one moment that moved no byte");
    }
}
