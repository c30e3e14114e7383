//! Report with one line per figure.

use std::time::{Duration, Instant};

use devgrid::RedisServer;

/// Goal of a figure.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// Alternative to what a figure measures, run in the same batches.
pub struct Rival {
    name: String,
    batches: Vec<f64>,
}

/// A figure, with a value for each batch.
pub struct Figure {
    name: String,
    unit: &'static str,
    batches: Vec<f64>,
    goal: Option<Goal>,
    /// Whether each batch has to reach the goal, rather than their median.
    each: bool,
    rivals: Vec<Rival>,
}

impl Figure {
    /// Creates a figure; `unit` is empty for a ratio.
    pub fn new(name: impl Into<String>, unit: &'static str, batches: Vec<f64>) -> Self {
        Figure { name: name.into(), unit, batches, goal: None, each: false, rivals: Vec::new() }
    }

    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    pub fn each(mut self) -> Self {
        self.each = true;
        self
    }

    /// Adds a rival, unless it was not measured.
    pub fn rival(mut self, name: impl Into<String>, batches: Vec<f64>) -> Self {
        if !batches.is_empty() {
            self.rivals.push(Rival { name: name.into(), batches });
        }
        self
    }

    fn is_met(&self) -> Option<bool> {
        let meets = |value: f64| match self.goal {
            Some(Goal::AtMost(goal)) => value <= goal,
            Some(Goal::AtLeast(goal)) => value >= goal,
            None => true,
        };
        self.goal?;
        Some(if self.each {
            self.batches.iter().copied().all(meets)
        } else {
            meets(middle(&self.batches))
        })
    }
}

/// Prints each figure as it is added, and finally the missed goals.
pub struct Report {
    machine: String,
    rows: Vec<[String; 5]>,
    missed: Vec<String>,
    not_measured: Vec<String>,
    chart: Option<String>,
}

/// Page to which ACCLIENT_WRITE_FIGURES adds the table, between two markers, and the chart.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/delay.svg");
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->"];

impl Report {
    pub fn new() -> Self {
        let machine = machine();
        println!("acclient {}; {machine}", acclient::VERSION);
        println!(
            "The middle of the batches (the smallest to the largest); rivals in the same turns.\n"
        );
        let (rows, missed, not_measured) = (Vec::new(), Vec::new(), Vec::new());
        print(HEADING);
        Report { machine, rows, missed, not_measured, chart: None }
    }

    pub fn add(&mut self, figure: Figure) {
        let verdict = match figure.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        if verdict == "MISSED" {
            self.missed.push(figure.name.clone());
        }
        let goal = match figure.goal {
            Some(Goal::AtMost(goal)) => format!("≤ {}", short(goal)),
            Some(Goal::AtLeast(goal)) => format!("≥ {}", short(goal)),
            None => String::new(),
        };
        let rivals = figure.rivals.iter();
        let rivals: Vec<_> =
            rivals.map(|rival| format!("{} {}", rival.name, spread(&rival.batches))).collect();
        let value = format!("{} {}", spread(&figure.batches), figure.unit).trim_end().to_owned();
        self.row([figure.name, value, goal, verdict.to_owned(), rivals.join("; ")]);
    }

    /// Records a figure that could not be measured here, and why.
    pub fn not_measured(&mut self, what: &str, why: &str) {
        self.row([what, "NOT MEASURED", "", "", why].map(str::to_owned));
        self.not_measured.push(what.to_owned());
    }

    fn row(&mut self, row: [String; 5]) {
        print(row.each_ref().map(String::as_str));
        self.rows.push(row);
    }

    pub fn chart(&mut self, svg: String) {
        self.chart = Some(svg);
    }

    pub fn end(self) {
        println!();
        if !self.not_measured.is_empty() {
            println!("Not measured here: {}", self.not_measured.join("; "));
        }
        match self.missed.as_slice() {
            [] => println!("All goals that were measured are met."),
            missed => println!("Missed: {}", missed.join("; ")),
        }
        if std::env::var_os("ACCLIENT_WRITE_FIGURES").is_some() {
            self.write();
        }
    }

    /// Replaces the figures on the page with those of this run.
    fn write(&self) {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(MARKS[0]).unwrap();
        let (_, after) = rest.split_once(MARKS[1]).unwrap();
        let mut table = format!("{}.\n\n| {} |\n", self.machine, HEADING.join(" | "));
        table += "|---|---|---|---|---|\n";
        for row in &self.rows {
            table += &format!("| {} |\n", row.join(" | "));
        }
        std::fs::write(PAGE, [before, MARKS[0], &table, MARKS[1], after].concat()).unwrap();
        if let Some(chart) = &self.chart {
            std::fs::write(CHART, chart).unwrap();
        }
    }
}

const HEADING: [&str; 5] = ["figure", "reached", "goal", "", "rivals, in the same unit"];

fn print([name, value, goal, verdict, rivals]: [&str; 5]) {
    let line = format!("{name:<66} {value:<26} {goal:<7} {verdict:<6}  {rivals}");
    println!("{}", line.trim_end());
}

/// Describes the machine: processors, server and load.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let version = RedisServer::start().ok().and_then(|redis| {
        let info: String = redis::cmd("INFO").arg("server").query(&mut redis.connection()).ok()?;
        info.lines().find_map(|line| line.strip_prefix("redis_version:")).map(str::to_owned)
    });
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{processors} processors, Redis {}, load {}",
        version.as_deref().unwrap_or("unknown"),
        load.split(' ').next().unwrap_or("unknown")
    )
}

pub fn middle(batches: &[f64]) -> f64 {
    quantile(batches, 50)
}

/// Returns the value below which `percent` of the samples lie.
pub fn quantile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

fn spread(batches: &[f64]) -> String {
    let (least, most) = (quantile(batches, 0), quantile(batches, 100));
    if least == most {
        short(least)
    } else {
        format!("{} ({} to {})", short(middle(batches)), short(least), short(most))
    }
}

/// Formats a number with about three digits.
fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".into(),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// Returns the duration of each of `count` calls in microseconds.
pub fn microseconds(count: usize, mut call: impl FnMut()) -> Vec<f64> {
    let one = |_| {
        let begun = Instant::now();
        call();
        begun.elapsed().as_secs_f64() * 1e6
    };
    (0..count).map(one).collect()
}

pub fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// Pins a server and this process to processors until dropped. The kernel would otherwise move
/// them, and a round trip on one processor takes an eighth of one between two. Does nothing with a
/// single processor, or where the system lacks the call.
pub struct Placed(#[allow(dead_code, reason = "not everywhere")] Option<Processors>);

#[cfg(target_os = "linux")]
type Processors = libc::cpu_set_t;
#[cfg(not(target_os = "linux"))]
type Processors = ();

impl Placed {
    /// Pins each to a processor of its own, similar to a network.
    #[cfg(target_os = "linux")]
    pub fn apart(redis: &RedisServer) -> Self {
        let size = size_of::<Processors>();
        // SAFETY: the calls read and fill a zeroed bit set; the numbers that are set are below its
        // size.
        unsafe {
            let mut before: Processors = std::mem::zeroed();
            if libc::sched_getaffinity(0, size, &mut before) != 0 {
                return Placed(None);
            }
            let allowed: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
                .filter(|number| libc::CPU_ISSET(*number, &before))
                .take(2)
                .collect();
            let [theirs, ours] = allowed[..] else { return Placed(None) };
            let one = |number| {
                let mut set: Processors = std::mem::zeroed();
                libc::CPU_SET(number, &mut set);
                set
            };
            libc::sched_setaffinity(redis.pid() as i32, size, &one(theirs));
            libc::sched_setaffinity(0, size, &one(ours));
            Placed(Some(before))
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn apart(_redis: &RedisServer) -> Self {
        Placed(None)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(before) = &self.0 {
            // SAFETY: the set that this thread had before.
            unsafe { libc::sched_setaffinity(0, size_of::<Processors>(), before) };
        }
    }
}
