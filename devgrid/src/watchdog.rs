//! Watchdog: a shell that cleans up if the process of the grid is killed.
//!
//! It runs in its own process group and reads "+PGID" and "-PGID" from a pipe. The kernel closes the pipe however we
//! die. The watchdog then kills every registered group and every process whose environment contains our directory (it
//! left its group, or was not registered yet), and removes the directory.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use crate::{Error, lock};

const SCRIPT: &str = r#"
set -f
dir=$1
groups=' '
while read -r line; do
  [ "$line" = end ] && exit
  group=${line#?}
  case $line in
    +*) groups="$groups$group " ;;
    -*) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
  esac
done
for group in $groups; do kill -9 -"$group"; done
set +f
for env in /proc/[0-9]*/environ; do
  if grep -qF "AGENT_HOME=$dir/" "$env"; then
    pid=${env#/proc/}
    kill -9 "${pid%/environ}"
  fi
done
rm -rf "$dir"
"#;

pub(crate) struct Watchdog {
    child: Mutex<Child>,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Watchdog {
    pub(crate) fn start(dir: &Path) -> Result<Self, Error> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "devgrid-watchdog"])
            .arg(dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| {
                Error::new(format!("cannot start /bin/sh, the watchdog of the grid: {e}"))
            })?;
        let pipe = Mutex::new(child.stdin.take());
        Ok(Watchdog { child: Mutex::new(child), pipe })
    }

    pub(crate) fn add(&self, pgid: u32) {
        self.tell(format!("+{pgid}\n"));
    }

    pub(crate) fn remove(&self, pgid: u32) {
        self.tell(format!("-{pgid}\n"));
    }

    fn tell(&self, line: String) {
        if let Some(pipe) = &mut *lock(&self.pipe) {
            // Fails only if the watchdog was killed; the grid works without it.
            let _ = pipe.write_all(line.as_bytes());
        }
    }

    /// Ends the watchdog after a regular cleanup.
    pub(crate) fn finish(&self) {
        self.tell("end\n".into());
        lock(&self.pipe).take();
        let _ = lock(&self.child).wait();
    }
}
