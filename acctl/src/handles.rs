//! Recorded handles: a file in the user's state directory with one line per command.
//!
//! Any number of processes may use it concurrently. Each locks the file before changing it, and then checks that the
//! locked file is still the one at that path.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Number of entries kept.
pub const MOST: usize = 1000;
/// Entries above [`MOST`] before the file is rewritten, so that not every call rewrites it.
const SLACK: usize = 50;
/// Number of bytes read, from the end of the file.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// Timeout for the lock, which other processes hold for milliseconds unless they are stopped.
const PATIENCE: Duration = Duration::from_secs(2);

/// Recorded command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Command handle.
    pub command: String,
    pub target: String,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Name of the acctl command that sent it.
    pub name: String,
}

/// Content of the file, oldest first.
#[derive(Debug, Default)]
pub struct Entries {
    pub entries: Vec<Entry>,
    /// Number of invalid lines.
    pub unreadable: usize,
}

/// The file, which exists while recording is on.
pub struct Handles {
    path: PathBuf,
}

impl Handles {
    /// `acctl/recent.jsonl` in `$XDG_STATE_HOME`, else in `~/.local/state`.
    pub fn of_user() -> io::Result<Self> {
        // The XDG specification requires relative paths to be ignored.
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

    /// Turns recording on: creates the file, readable only by the user.
    pub fn begin(&self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        }
        self.is_there()?;
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o600))
    }

    /// Turns recording off: removes the file. Returns whether there was one.
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

    /// Reads the entries; `None` if there is no file.
    pub fn read(&self) -> io::Result<Option<Entries>> {
        if !self.is_there()? {
            return Ok(None);
        }
        let Some(file) = present(File::open(&self.path))? else { return Ok(None) };
        // A reader does not need the lock: at worst the last line is incomplete.
        let _ = lock(&file, |file| file.try_lock_shared());
        Ok(Some(Entries::parse(&content(&file)?)))
    }

    /// Adds an entry, if there is a file.
    pub fn add(&self, entry: &Entry) -> io::Result<()> {
        let Some(mut file) = self.open()? else { return Ok(()) };
        let before = content(&file)?;
        let mut line = serde_json::to_string(entry)? + "\n";
        if !before.is_empty() && !before.ends_with(b"\n") {
            // A killed writer left a partial line.
            line.insert(0, '\n');
        }
        let length = file.metadata()?.len();
        if let Err(error) = file.write_all(line.as_bytes()) {
            // Disk full: drop the partial line.
            let _ = file.set_len(length);
            return Err(error);
        }
        let lines = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let is_full = lines > MOST + SLACK || length + line.len() as u64 > MOST_BYTES;
        if is_full { self.shorten(&file) } else { Ok(()) }
    }

    /// Replaces the locked file by one with the newest entries only.
    fn shorten(&self, file: &File) -> io::Result<()> {
        let Entries { entries, .. } = Entries::parse(&content(file)?);
        let mut lines = Vec::new();
        let mut size = 0;
        // Half of the limit, so that long handles do not cause a rewrite at each call.
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

    /// Temporary file for a replacement.
    fn new_path(&self) -> PathBuf {
        self.path.with_extension("new")
    }

    /// Removes the temporary file of a process that was killed during a replacement.
    fn remove_new(&self) -> io::Result<()> {
        present(fs::remove_file(self.new_path())).map(|_| ())
    }

    /// Opens and locks the file, if there is one.
    fn open(&self) -> io::Result<Option<File>> {
        loop {
            if !self.is_there()? {
                return Ok(None);
            }
            let opened = OpenOptions::new().read(true).append(true).open(&self.path);
            let Some(file) = present(opened)? else { return Ok(None) };
            lock(&file, File::try_lock)?;
            // Another process may have replaced or removed the file in the meantime.
            let Some(now) = present(fs::metadata(&self.path))? else { return Ok(None) };
            let locked = file.metadata()?;
            if (locked.dev(), locked.ino()) == (now.dev(), now.ino()) {
                return Ok(Some(file));
            }
        }
    }

    /// Whether the file exists. Any other file type is an error: opening a pipe would block.
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

/// Whole lines from the end of the file, up to [`MOST_BYTES`].
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

/// Waits up to [`PATIENCE`] for the lock, which is released when the file is closed.
fn lock(file: &File, attempt: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match attempt(file) {
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("locked by another process"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
}

/// Maps "not found" to `None`.
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
    fn concurrent_adds_lose_no_entry_and_keep_the_newest() {
        let handles = handles("threads");
        // Enough for several rewrites of the file.
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
            // The entries kept are the last ones that the thread added, without a gap.
            let expected = (each - commands.len()..each).map(|number| entry(number, "").command);
            assert_eq!(commands, expected.collect::<Vec<_>>());
        }
        remove(&handles);
    }

    #[test]
    fn partial_line_does_not_corrupt_the_next_entry() {
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
    fn file_size_is_bounded_and_the_newest_handle_is_kept() {
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
    fn nothing_is_recorded_without_a_file() {
        let handles = handles("off");
        fs::write(handles.new_path(), "left by a killed process").expect("written");
        assert!(handles.end().expect("removed") && !handles.end().expect("nothing"));
        assert!(!handles.new_path().exists());
        handles.add(&entry(1, "run")).expect("nothing");
        assert!(handles.read().expect("nothing").is_none() && !handles.path.exists());
        remove(&handles);
    }
}
