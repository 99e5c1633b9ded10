//! Ends what a killed run left running.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::OWNER;

/// Kills every process that works for the stage whose lock file is `lock`, and waits until they
/// are gone. The caller holds that lock, so none of them belongs to a living run.
pub fn end_orphans(lock: &Path) {
    let patience = Instant::now() + Duration::from_secs(5);
    loop {
        let orphans = find(lock);
        for pid in &orphans {
            let _ = kill_process(*pid, Signal::KILL); // it may end between the look and the signal
        }
        if orphans.is_empty() || Instant::now() > patience {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes with `LINNET_STAGE_LOCK=<lock>` in their environment (zombies have none).
fn find(lock: &Path) -> Vec<Pid> {
    let wanted = format!("{OWNER}={}", lock.display());
    let own = rustix::process::getpid();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let environment = fs::read(entry.path().join("environ")).ok()?; // others' are not readable
        let ours = environment.split(|&b| b == 0).any(|variable| variable == wanted.as_bytes());
        (ours && pid != own).then_some(pid)
    })
    .collect()
}
