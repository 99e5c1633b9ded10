//! Ends what a killed run left running.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::OWNER;

/// Kills every process that works for the stage whose lock file is `lock`, and waits until they
/// are gone. The caller holds that lock, so none of them belongs to a living run.
pub fn end_orphans(lock: &Path) {
    end(|owner| owner == lock);
}

/// The processes that work for any stage whose lock file lies in the folder `stages`.
#[must_use]
pub fn workers(stages: &Path) -> Vec<Pid> {
    find(|owner| owner.parent() == Some(stages))
}

/// Kills them as [`end_orphans`] does. For the owner of a whole output folder in which nothing is built.
pub fn end_workers(stages: &Path) {
    end(|owner| owner.parent() == Some(stages));
}

fn end(is_meant: impl Fn(&Path) -> bool) {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let orphans = find(&is_meant);
        for pid in &orphans {
            let _ = kill_process(*pid, Signal::KILL); // it may end between the look and the signal
        }
        if orphans.is_empty() || Instant::now() > patience {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes that have a lock file which `is_meant` in their environment (zombies have none).
fn find(is_meant: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let name = format!("{OWNER}=");
    let own = rustix::process::getpid();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let environment = fs::read(entry.path().join("environ")).ok()?; // others' are not readable
        let mut variables = environment.split(|&b| b == 0);
        let owner = variables.find_map(|variable| variable.strip_prefix(name.as_bytes()))?;
        (is_meant(Path::new(OsStr::from_bytes(owner))) && pid != own).then_some(pid)
    })
    .collect()
}
