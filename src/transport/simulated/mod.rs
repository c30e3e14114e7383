//! A simulated network with a Redis server behind it, on the thread and the simulated clock of a test.
//!
//! While a [`Network`] runs, every [`Stream`] of its thread is a [`Link`] to that server, and every wait moves the
//! clock to the next event of the network or to the deadline of the wait. A [`Plan`] for each connection and the
//! [`Outage`]s of the server say what goes wrong, and one generator of random numbers decides the rest, so that a
//! seed gives the same run each time.

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

/// Calls of sockets and waits that move no byte, one after the other, beyond which the library is in a loop.
/// Pauses between polls make some hundred in a long wait.
const MOST_IDLE: usize = 400;
/// The same at one moment.
const MOST_AT_ONCE: usize = 20;

/// Commands in a second. A wait that polls sends about a hundred.
const MOST_COMMANDS: usize = 800;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// The simulated network of this thread, with its clock, until it is dropped.
pub(crate) struct Network {
    _clock: Clock,
}

impl Network {
    /// A server without data. The first connections follow `plans`; those after them are [`Plan::default`].
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

/// Whether this thread has a simulated network.
fn is_running() -> bool {
    WORLD.with_borrow(Option::is_some)
}

/// Random bytes of the network of this thread, where there is one, so that a seed gives them too.
pub(crate) fn fill(bytes: &mut [u8]) {
    if is_running() {
        with(|world| world.rng.fill(bytes));
    }
}

/// Looks at the network of this thread, or changes it.
pub(crate) fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a running network")))
}

/// Lets all that is under way arrive, while nobody waits.
pub(crate) fn drain(span: Duration) {
    let end = clock::now() + span;
    while !matches!(with(|world| world.step(Some(end))), Step::Ended) {}
}

type Action = Box<dyn FnOnce(&mut World)>;
type Hook = Box<dyn FnMut(&mut World)>;

/// What happens at a moment.
enum Event {
    /// A connection is made, or refused.
    Connected(usize),
    /// Bytes of the client reach the server.
    Arrive(usize, Vec<u8>),
    /// Bytes of the server reach the client.
    Deliver(usize, Vec<u8>),
    /// The client sees the end of the connection.
    End(usize, std::io::ErrorKind),
    /// The server sees the end of the connection.
    Gone(usize),
    /// A blocking command comes back: the connection and the number of the command.
    Unblock(usize, u64),
    Call(Action),
}

/// What a step of the clock has brought.
enum Step {
    /// Nothing happens until the end of the wait.
    Ended,
    /// Bytes, or their end.
    Moved,
    /// Something that may concern more than sockets.
    Called,
}

/// The network and the server.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) store: Store,
    /// Every command that changed something, in the order of execution.
    pub(crate) log: Vec<Executed>,
    /// What has happened, for the report of a failure.
    pub(crate) trace: Vec<String>,
    /// When something last went wrong.
    pub(crate) flawed: Option<Instant>,
    /// How often the server has lost its data.
    pub(crate) losses: usize,
    begun: Instant,
    events: BTreeMap<(Instant, u64), Event>,
    number: u64,
    links: BTreeMap<usize, Link>,
    by_fd: BTreeMap<RawFd, usize>,
    plans: VecDeque<Plan>,
    offers: Offers,
    /// Those that are to begin with a command, and those under way.
    spells: Vec<Spell>,
    outages: Vec<(u64, Outage)>,
    commands: usize,
    writes: usize,
    /// The run id of the server changes with it.
    runs: u32,
    hook: Option<Hook>,
    /// Calls since a byte was moved or a second has passed, and since the clock was moved.
    idle: usize,
    at_once: (Instant, usize),
    second: Instant,
    commands_before: usize,
    /// The last of them, and the longest time between two.
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

    /// Simulated time since the network was started.
    pub(crate) fn elapsed(&self) -> Duration {
        clock::since(self.begun)
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        let at = self.elapsed().as_secs_f64();
        self.trace.push(format!("{at:10.6} {}", what()));
    }

    /// Runs `action` after a time.
    pub(crate) fn after(&mut self, span: Duration, action: impl FnOnce(&mut World) + 'static) {
        self.schedule(clock::now() + span, Event::Call(Box::new(action)));
    }

    /// Calls `hook` after each command that changes something.
    pub(crate) fn on_change(&mut self, hook: impl FnMut(&mut World) + 'static) {
        self.hook = Some(Box::new(hook));
    }

    /// Something goes wrong at this moment.
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

    /// Moves the clock to the next event, and lets it happen, or to `end`.
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

    /// A call of the library begins.
    pub(crate) fn begin_call(&mut self) {
        (self.called, self.gap) = (clock::now(), Duration::ZERO);
    }

    /// The longest time in which the call did nothing but wait for its connection.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.gap.max(clock::since(self.called))
    }

    /// Counts a call of the library, which must not be in a loop.
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
