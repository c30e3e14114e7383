//! [`Pages`]: reads the newest messages of a job, as far back as is needed.

use super::msgs::{MOST, Message, MsgQuery};
use super::window::{Page, Window};
use crate::error::Result;

/// How many messages are asked for at least: more than most jobs log between two polls.
const LEAST: u32 = 100;
/// No agent has a level above this one.
const HIGHEST_LEVEL: u8 = 30;

/// Reads one log again and again. Asks for few messages where few are new, since Redis keeps each answer
/// for a while.
#[derive(Debug)]
pub(super) struct Pages {
    query: MsgQuery,
    /// The levels, split so that stdout cannot push stderr out of a page, nor the other way round.
    groups: Vec<String>,
    limit: u32,
    /// Whether the last page had to be read by groups: the job logs a lot.
    pub(super) is_busy: bool,
}

impl Pages {
    pub(super) fn new(query: MsgQuery) -> Self {
        let groups = groups(query.levels_asked());
        Pages { query, groups, limit: MOST, is_busy: false }
    }

    /// Reads back to what is settled, or as far as the agent goes. `ask` gets the newest messages, up to
    /// the limit of a query.
    pub(super) fn read(
        &mut self,
        window: &Window,
        mut ask: impl FnMut(&MsgQuery) -> Result<Vec<Message>>,
    ) -> Result<Page> {
        let mut page = Page::default();
        let mut limits = vec![self.limit, MOST];
        limits.dedup();
        for limit in limits {
            let messages = ask(&self.query.clone().limit(limit))?;
            page.cut = self.cut(&messages, limit, window);
            page.messages = messages;
            if page.cut.is_none() {
                break;
            }
        }
        self.is_busy = page.cut.is_some();
        if self.is_busy && self.groups.len() > 1 {
            page.cut = None;
            for levels in &self.groups {
                let messages = ask(&self.query.clone().levels(levels).limit(MOST))?;
                page.cut = page.cut.max(self.cut(&messages, MOST, window));
                page.messages.extend(messages);
            }
        }
        let new = page.messages.iter().filter(|message| !window.reaches(message.id)).count();
        self.limit = u32::try_from(new * 2).unwrap_or(MOST).clamp(LEAST, MOST);
        Ok(page)
    }

    /// Where an answer begins, if it leaves out messages that are wanted and not settled.
    fn cut(&self, messages: &[Message], limit: u32, window: &Window) -> Option<i64> {
        if messages.len() < limit as usize {
            return None;
        }
        let oldest = messages.iter().min_by_key(|message| message.id)?;
        let is_known = window.reaches(oldest.id) || window.covers(oldest.id);
        let is_enough = is_known || self.query.is_before(oldest);
        (!is_enough).then_some(oldest.id)
    }

    /// Whether a message is in the time that was asked for.
    pub(super) fn is_wanted(&self, message: &Message) -> bool {
        self.query.is_wanted(message)
    }
}

/// Levels as a query has them, split into stdout, stderr and the others; without what is empty.
fn groups(levels: &str) -> Vec<String> {
    let is_asked = |level: u8| {
        levels.split(',').map(str::trim).any(|part| match part.split_once('-') {
            Some((from, to)) => {
                from.parse().is_ok_and(|from: u8| from <= level)
                    && to.parse().is_ok_and(|to: u8| level <= to)
            }
            None => part == "*" || part.parse() == Ok(level),
        })
    };
    let asked = |levels: &mut dyn Iterator<Item = u8>| {
        levels
            .filter(|level| is_asked(*level))
            .map(|level| level.to_string())
            .collect::<Vec<_>>()
            .join(",")
    };
    let groups =
        [asked(&mut (1..=1)), asked(&mut (2..=2)), asked(&mut (0..=0).chain(3..=HIGHEST_LEVEL))];
    groups.into_iter().filter(|group| !group.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::{Duration, Instant};

    use super::*;

    /// A log whose even messages are stdout and whose odd ones are stderr.
    struct Log {
        last: i64,
        asked: RefCell<Vec<String>>,
    }

    impl Log {
        fn answer(&self, query: &MsgQuery) -> Vec<Message> {
            let asked = query.to_json("x");
            let (levels, limit) =
                (asked["levels"].as_str().unwrap(), asked["limit"].as_u64().unwrap());
            self.asked.borrow_mut().push(format!("{levels} {limit}"));
            let is_asked =
                |level: i64| levels == "*" || levels.split(',').any(|it| it == level.to_string());
            let level = |id: i64| if id % 2 == 0 { 1 } else { 2 };
            let ids = (1..=self.last).rev().filter(|id| is_asked(level(*id)));
            let message = |id| Message {
                data: String::new(),
                level: level(id),
                epoch: id,
                id,
                extra: serde_json::Map::new(),
            };
            ids.take(limit as usize).map(message).collect()
        }

        fn read(&self, pages: &mut Pages, window: &Window) -> Page {
            pages.read(window, |query| Ok(self.answer(query))).unwrap()
        }
    }

    #[test]
    fn levels_are_split_into_stdout_stderr_and_the_others() {
        assert_eq!(groups("1"), ["1"]);
        assert_eq!(groups("1-3, 9"), ["1", "2", "3,9"]);
        assert_eq!(groups("7-8"), ["7,8"]);
        let all = groups("*");
        assert_eq!(
            (all.len(), all[2].starts_with("0,3,4,"), all[2].ends_with(",30")),
            (3, true, true)
        );
        assert_eq!(groups("200"), [""; 0]);
    }

    #[test]
    fn a_full_page_is_read_by_levels() {
        let log = Log { last: 2000, asked: RefCell::default() };
        let mut pages = Pages::new(MsgQuery::new());
        let window = Window::default();
        let page = log.read(&mut pages, &window);
        // Each level has exactly as many as a page holds: there may be more.
        assert_eq!((page.cut, pages.is_busy), (Some(2), true));
        assert_eq!(log.asked.borrow()[..3], ["* 1000", "1 1000", "2 1000"]);
        let log = Log { last: 1998, asked: RefCell::default() };
        let mut ids: Vec<i64> =
            log.read(&mut pages, &window).messages.iter().map(|it| it.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids, (1..=1998).collect::<Vec<_>>());
    }

    #[test]
    fn few_are_asked_for_where_few_are_new() {
        let mut log = Log { last: 500, asked: RefCell::default() };
        let (mut pages, mut window) = (Pages::new(MsgQuery::new()), Window::default());
        let mut now = Instant::now();
        for more in [0, 10, 10, 150, 0] {
            log.last += more;
            let page = log.read(&mut pages, &window);
            assert_eq!(page.cut, None);
            window.take(page, now, now);
            now += Duration::from_secs(2);
        }
        let asked = log.asked.borrow();
        assert_eq!(*asked, ["* 1000", "* 1000", "* 1000", "* 100", "* 1000", "* 320"]);
    }

    #[test]
    fn a_page_that_begins_before_the_time_asked_for_is_complete() {
        let log = Log { last: 5000, asked: RefCell::default() };
        let from = std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(4500);
        let mut pages = Pages::new(MsgQuery::new().from(from));
        let page = log.read(&mut pages, &Window::default());
        assert_eq!((page.cut, log.asked.borrow().len()), (None, 1));
        assert!(!pages.is_wanted(page.messages.last().unwrap()));
    }
}
