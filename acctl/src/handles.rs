//! The file of handles: a line for each command that was sent, in the state folder of the user.
//!
//! Any number of processes use it at once. Each locks the file before it changes anything, and makes sure
//! afterwards that the file it has locked is still the one of that name.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How many entries are kept.
pub const MOST: usize = 1000;
/// More entries than kept ones, so that not every call writes all of the file.
const SLACK: usize = 50;
/// How much of the file is read, from its end.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// How long another process may keep the file locked, which takes milliseconds unless it is stopped.
const PATIENCE: Duration = Duration::from_secs(2);

/// A command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Command handle.
    pub command: String,
    pub target: String,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Name of the command of acctl that sent it.
    pub name: String,
}

/// What the file holds, oldest first.
#[derive(Debug, Default)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// Lines that are no entry.
    pub unreadable: usize,
}

/// The file, which is there if handles are kept.
pub struct Handles {
    path: PathBuf,
}

impl Handles {
    /// `acctl/recent.jsonl` in `$XDG_STATE_HOME`, else in `~/.local/state`.
    pub fn of_user() -> io::Result<Self> {
        // Relative paths do not count, by the specification.
        let set =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = set("XDG_STATE_HOME")
            .or_else(|| set("HOME").map(|home| home.join(".local/state")))
            .ok_or_else(|| {
                io::Error::other("neither XDG_STATE_HOME nor HOME is an absolute path")
            })?;
        Ok(Handles { path: folder.join("acctl/recent.jsonl") })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to keep handles, in a file that nobody else can read.
    pub fn begin(&self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        }
        self.is_there()?;
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o600))
    }

    /// Removes the file. Returns whether there was one.
    pub fn end(&self) -> io::Result<bool> {
        let Some(_locked) = self.open()? else { return Ok(false) };
        self.remove_new()?;
        fs::remove_file(&self.path)?;
        Ok(true)
    }

    /// Removes all entries. Returns whether there is a file.
    pub fn clear(&self) -> io::Result<bool> {
        let Some(file) = self.open()? else { return Ok(false) };
        self.remove_new()?;
        file.set_len(0)?;
        Ok(true)
    }

    /// The entries; `None` if there is no file.
    pub fn read(&self) -> io::Result<Option<Entries>> {
        if !self.is_there()? {
            return Ok(None);
        }
        let Some(file) = present(File::open(&self.path))? else { return Ok(None) };
        // A reader can do without the lock: at worst the last line is incomplete.
        let _ = lock(&file, |file| file.try_lock_shared());
        Ok(Some(Entries::parse(&content(&file)?)))
    }

    /// Adds an entry, if there is a file.
    pub fn add(&self, entry: &Entry) -> io::Result<()> {
        let Some(mut file) = self.open()? else { return Ok(()) };
        let before = content(&file)?;
        let mut line = serde_json::to_string(entry)? + "\n";
        if !before.is_empty() && !before.ends_with(b"\n") {
            // A writer that was killed has left a part of a line.
            line.insert(0, '\n');
        }
        let length = file.metadata()?.len();
        if let Err(error) = file.write_all(line.as_bytes()) {
            // No room for all of it.
            let _ = file.set_len(length);
            return Err(error);
        }
        let lines = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let is_full = lines > MOST + SLACK || length + line.len() as u64 > MOST_BYTES;
        if is_full { self.shorten(&file) } else { Ok(()) }
    }

    /// Replaces the file, which is locked, by one that has the newest entries only.
    fn shorten(&self, file: &File) -> io::Result<()> {
        let Entries { entries, .. } = Entries::parse(&content(file)?);
        let mut lines = Vec::new();
        let mut size = 0;
        // Half of the limit, so that long handles do not have it written anew each time.
        for entry in entries.iter().rev().take(MOST) {
            let line = serde_json::to_string(entry)? + "\n";
            size += line.len() as u64;
            if !lines.is_empty() && size > MOST_BYTES / 2 {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        let new = self.new_path();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&new)?.write_all(lines.concat().as_bytes())?;
        fs::rename(&new, &self.path)
    }

    /// What the file is written to before it is replaced.
    fn new_path(&self) -> PathBuf {
        self.path.with_extension("new")
    }

    /// Removes what a process has left that was killed while it replaced the file.
    fn remove_new(&self) -> io::Result<()> {
        present(fs::remove_file(self.new_path())).map(|_| ())
    }

    /// Opens the file, if there is one, and locks it.
    fn open(&self) -> io::Result<Option<File>> {
        loop {
            if !self.is_there()? {
                return Ok(None);
            }
            let opened = OpenOptions::new().read(true).append(true).open(&self.path);
            let Some(file) = present(opened)? else { return Ok(None) };
            lock(&file, File::try_lock)?;
            // Another process may have replaced or removed it meanwhile.
            let Some(now) = present(fs::metadata(&self.path))? else { return Ok(None) };
            let locked = file.metadata()?;
            if (locked.dev(), locked.ino()) == (now.dev(), now.ino()) {
                return Ok(Some(file));
            }
        }
    }

    /// Whether there is a file. Anything else of that name is an error: a pipe would never open.
    fn is_there(&self) -> io::Result<bool> {
        match present(fs::metadata(&self.path))? {
            Some(metadata) if !metadata.is_file() => Err(io::Error::other("not a regular file")),
            found => Ok(found.is_some()),
        }
    }
}

impl Entries {
    fn parse(content: &[u8]) -> Self {
        let mut read = Entries::default();
        for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(entry) => read.entries.push(entry),
                Err(_) => read.unreadable += 1,
            }
        }
        read
    }
}

/// The file as far as it is read: whole lines from its end.
fn content(mut file: &File) -> io::Result<Vec<u8>> {
    let skipped = file.metadata()?.len().saturating_sub(MOST_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut content = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut content)?;
    if skipped > 0 {
        let end = content.iter().position(|byte| *byte == b'\n').map_or(content.len(), |at| at + 1);
        content.drain(..end);
    }
    Ok(content)
}

/// Waits for a lock, within [`PATIENCE`]. It ends with the file.
fn lock(file: &File, attempt: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match attempt(file) {
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process keeps it locked"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
}

/// `None` for what does not exist.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handles(name: &str) -> Handles {
        let folder = env::temp_dir().join(format!("acctl-{name}-{}", std::process::id()));
        let handles = Handles { path: folder.join("acctl/recent.jsonl") };
        handles.begin().expect("a file");
        handles
    }

    fn entry(number: usize, name: &str) -> Entry {
        let command = format!("acclient:1:{number}:1:1");
        Entry { command, target: "1:1".into(), time: 0, name: name.into() }
    }

    fn remove(handles: &Handles) {
        let folder = handles.path.ancestors().nth(2).expect("a folder");
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn threads_that_add_at_once_lose_nothing_and_the_newest_are_kept() {
        let handles = handles("threads");
        // Enough that the file is written anew several times.
        let (threads, each) = (6, 500);
        thread::scope(|scope| {
            for thread in 0..threads {
                let handles = &handles;
                scope.spawn(move || {
                    for number in 0..each {
                        handles.add(&entry(number, &thread.to_string())).expect("added");
                    }
                });
            }
        });
        let read = handles.read().expect("read").expect("a file");
        assert_eq!(read.unreadable, 0);
        assert!((MOST..=MOST + SLACK).contains(&read.entries.len()), "{}", read.entries.len());
        for thread in 0..threads {
            let of_thread = read.entries.iter().filter(|entry| entry.name == thread.to_string());
            let commands: Vec<_> = of_thread.map(|entry| entry.command.clone()).collect();
            // What is left is the end of what the thread has added, without a hole.
            let expected = (each - commands.len()..each).map(|number| entry(number, "").command);
            assert_eq!(commands, expected.collect::<Vec<_>>());
        }
        remove(&handles);
    }

    #[test]
    fn a_line_that_was_not_completed_spoils_no_other() {
        let handles = handles("torn");
        handles.add(&entry(1, "run")).expect("added");
        let mut file = OpenOptions::new().append(true).open(&handles.path).expect("a file");
        file.write_all(b"{\"command\":\"accl").expect("written");
        handles.add(&entry(2, "run")).expect("added");
        let read = handles.read().expect("read").expect("a file");
        assert_eq!((read.entries.len(), read.unreadable), (2, 1));
        assert_eq!(read.entries[1], entry(2, "run"));
        remove(&handles);
    }

    #[test]
    fn long_handles_are_bounded_in_size_and_the_newest_one_is_kept() {
        let handles = handles("long");
        let long = "1:1,".repeat(150_000);
        for number in 0..10 {
            handles.add(&Entry { target: long.clone(), ..entry(number, "run") }).expect("added");
        }
        assert!(fs::metadata(&handles.path).expect("a file").len() <= MOST_BYTES);
        let read = handles.read().expect("read").expect("a file");
        assert_eq!(read.entries.last().expect("an entry").command, entry(9, "").command);
        remove(&handles);
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let handles = handles("off");
        fs::write(handles.new_path(), "of a process that was killed").expect("written");
        assert!(handles.end().expect("removed") && !handles.end().expect("nothing"));
        assert!(!handles.new_path().exists());
        handles.add(&entry(1, "run")).expect("nothing");
        assert!(handles.read().expect("nothing").is_none() && !handles.path.exists());
        remove(&handles);
    }
}
