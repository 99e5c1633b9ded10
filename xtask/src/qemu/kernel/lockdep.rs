//! Lockdep still watches: it stops with its first report, and when its tables are full.

use anyhow::Result;

use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

/// Reads its statistics.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let answer = guest.run("cat /proc/lockdep_stats")?;
    if answer.status != 0 {
        return Ok(Evidence::new("this kernel has no lockdep"));
    }
    let figure = |name: &str| {
        let line = answer.output.lines().find_map(|line| line.trim().strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
    };
    if figure("debug_locks") != Some(1) {
        let got = format!("\n{}", answer.output.trim_end());
        return Err(Mismatch::new("lockdep to be watching to the end", got).into());
    }
    let (classes, chains) =
        (figure("lock-classes").unwrap_or_default(), figure("dependency chains").unwrap_or_default());
    Ok(Evidence::new(format!("{classes} classes of locks, {chains} chains")).with("chains", chains))
}
