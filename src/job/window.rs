//! [`Window`]: which messages of a log were handed out, although they become visible out of order.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::Message;
use crate::error::Gap;

/// How long after a message another one with a smaller id may still become visible. An agent writes each
/// message in a batch that is up to 100 ms late, and one that misses its batch comes with the next: in
/// 230 000 messages of the original agent the latest was 153 ms behind, and the last message of a job
/// became visible up to 194 ms after its result. This is five times as much.
pub(super) const WINDOW: Duration = Duration::from_secs(1);
/// The same for the beginning of a page that leaves out older messages: twice the measured delay. If the delay
/// is longer, a message is missing silently. With a higher value, a job that logs fast would have
/// gaps in a complete log.
const LATE: Duration = Duration::from_millis(400);

/// What was read of a log at one time.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Messages in any order, some maybe twice.
    pub(super) messages: Vec<Message>,
    /// The id from which on the page is complete, where it reaches back neither to the beginning of the
    /// log nor to what is settled.
    pub(super) cut: Option<i64>,
}

/// Which messages of one log were handed out. Ids of one job rise with time, with holes where other jobs
/// of the agent have logged.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Nothing new comes with an id up to this one: each message was handed out, or is part of a gap.
    settled: Option<i64>,
    /// Ids above that were handed out. All of them are on the page that was read last, so that there are
    /// no more than a page holds.
    seen: BTreeSet<i64>,
    /// The highest id that was visible at some moments, oldest first.
    highest: VecDeque<(Instant, i64)>,
}

impl Window {
    /// Whether a page that begins with this id leaves out nothing new.
    pub(super) fn reaches(&self, id: i64) -> bool {
        self.settled.is_some_and(|settled| id <= settled)
    }

    /// Returns whether a message with a smaller id was visible at the last read of the log and is not new.
    pub(super) fn covers(&self, id: i64) -> bool {
        let read = self.highest.back().map(|(read, _)| *read);
        let first = self.highest.iter().find(|(_, highest)| *highest >= id);
        read.zip(first).is_some_and(|(read, (at, _))| read.saturating_duration_since(*at) >= LATE)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.settled.is_none() && self.seen.is_empty()
    }

    /// The messages of a page that were not handed out yet, by id, and the gap that lies before them.
    /// `asked` and `answered` are when the page was asked for and read.
    pub(super) fn take(
        &mut self,
        page: Page,
        asked: Instant,
        answered: Instant,
    ) -> (Option<Gap>, Vec<Message>) {
        let gap = page.cut.map(|before| Gap { after: self.settled, before });
        let mut fresh = page.messages;
        fresh.retain(|message| !self.reaches(message.id) && self.seen.insert(message.id));
        fresh.sort_by_key(|message| message.id);
        if let Some(last) = self.seen.last() {
            self.highest.push_back((answered, *last));
        }
        let mut settled = page.cut.max(self.settled);
        while let Some((at, id)) = self.highest.front()
            && asked.saturating_duration_since(*at) >= WINDOW
        {
            settled = settled.max(Some(*id));
            self.highest.pop_front();
        }
        if let Some(id) = settled {
            self.settled = settled;
            self.seen = self.seen.split_off(&id.saturating_add(1));
        }
        (gap, fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: impl IntoIterator<Item = i64>) -> Page {
        let message = |id| Message {
            data: String::new(),
            level: 1,
            epoch: 0,
            id,
            extra: serde_json::Map::new(),
        };
        Page { messages: ids.into_iter().map(message).collect(), cut: None }
    }

    struct Reader {
        window: Window,
        now: Instant,
    }

    impl Reader {
        fn new() -> Self {
            Reader { window: Window::default(), now: Instant::now() }
        }

        fn read(&mut self, page: Page, after_ms: u64) -> (Option<Gap>, Vec<i64>) {
            self.now += Duration::from_millis(after_ms);
            let (gap, fresh) = self.window.take(page, self.now, self.now);
            (gap, fresh.iter().map(|message| message.id).collect())
        }
    }

    #[test]
    fn a_late_message_is_handed_out_once() {
        let mut reader = Reader::new();
        assert_eq!(reader.read(page([5, 3, 1]), 0).1, [1, 3, 5]);
        assert_eq!(reader.read(page([6, 5, 4, 3, 1]), 250).1, [4, 6]);
        assert_eq!(reader.read(page([6, 5, 4, 3, 1]), 250).1, [0; 0]);
        assert_eq!(reader.read(page([6, 5, 4, 3, 2, 1]), 250).1, [2]);
    }

    #[test]
    fn ids_are_kept_for_the_window_only() {
        let mut reader = Reader::new();
        for last in 1..=1000 {
            reader.read(page(last - 9..=last), 250);
            assert!(reader.window.seen.len() <= 14 && reader.window.highest.len() <= 5);
        }
        assert!(reader.window.reaches(995) && !reader.window.reaches(998));
    }

    #[test]
    fn what_was_visible_for_long_enough_is_no_gap() {
        let mut reader = Reader::new();
        for last in [10, 20, 30] {
            reader.read(page(last - 9..=last), 250);
        }
        // It was seen 500 ms before the last time.
        assert!(reader.window.covers(10) && !reader.window.reaches(10));
        assert!(!reader.window.covers(11), "one below may have come since");
    }

    #[test]
    fn what_is_cut_off_is_a_gap_once() {
        let mut reader = Reader::new();
        let cut = |page, cut| Page { cut: Some(cut), ..page };
        let (gap, fresh) = reader.read(cut(page(10..=20), 10), 0);
        assert_eq!(gap, Some(Gap { after: None, before: 10 }));
        assert_eq!(fresh.len(), 11);
        assert_eq!(reader.read(page(10..=21), 250), (None, vec![21]));
        let (gap, fresh) = reader.read(cut(page(30..=40), 30), 250);
        assert_eq!(gap, Some(Gap { after: Some(10), before: 30 }));
        assert_eq!(fresh.len(), 11);
        assert_eq!(reader.read(page(30..=40), 250), (None, Vec::new()));
    }

    #[test]
    fn messages_within_a_gap_that_were_read_are_handed_out() {
        let mut reader = Reader::new();
        reader.read(page([1]), 0);
        let (gap, fresh) = reader.read(Page { cut: Some(9), ..page([4, 9, 10, 9]) }, 5000);
        assert_eq!((gap, fresh), (Some(Gap { after: None, before: 9 }), vec![4, 9, 10]));
    }
}
