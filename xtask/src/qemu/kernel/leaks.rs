//! kmemleak's verdict: memory that nothing points to any more.

use std::time::Duration;

use anyhow::Result;

use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

/// A scan of all memory, under emulation.
const LIMIT: Duration = Duration::from_secs(120);
/// A report of a leak has some twenty lines.
const REPORT_LINES: usize = 60;
const FILE: &str = "/mnt/kmemleak";

/// Scans twice: what is younger than five seconds is not reported, and a pointer may have been on the move.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.run("mount -t debugfs none /mnt")?;
    if guest.run(&format!("test -f {FILE}"))?.status != 0 {
        return Ok(Evidence::new("this kernel has no kmemleak"));
    }
    let scan = format!("echo scan >{FILE}");
    guest.succeed_within(&format!("{scan}; sleep 6; {scan}"), LIMIT)?;
    let report = guest.succeed_within(&format!("cat {FILE}"), LIMIT)?;
    guest.succeed("umount /mnt")?;
    let leaks = report.lines().filter(|line| line.starts_with("unreferenced object")).count();
    if leaks > 0 {
        let shown: Vec<&str> = report.lines().take(REPORT_LINES).collect();
        let got = format!("{leaks} of them, the first ones:\n{}", shown.join("\n"));
        return Err(Mismatch::new("no leak in kmemleak's eyes", got).into());
    }
    Mismatch::check("kmemleak's report", report.trim(), "")?;
    Ok(Evidence::new("kmemleak has found nothing"))
}
