//! The least that counts as a device: boot, a lease, HTTP for four clients at once, no complaint of the kernel.
//!
//! For machines with hardly any RAM. Little is run on the guest's shell: each command is a process more. The
//! limits are short, because a machine with too little memory often hangs instead of saying so.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::guest::Guest;
use super::smoke::{self, Evidence, Mismatch, Report, Step};
use crate::peer::load::{Order, Outcome};
use crate::peer::plan;

/// Clients that are served at the same time.
pub const CLIENTS: u16 = 4;

/// Steps from power-on to served, in order; then what is left of the memory.
const STEPS: &[Step] = &[
    Step { name: "boot", run: boot },
    Step { name: "lease", run: lease },
    Step { name: "serve-4", run: serve },
    Step { name: "free", run: free },
];

/// Of those, the ones that are over when the clients have been served.
const UNTIL_SERVED: [&str; 3] = ["boot", "lease", "serve-4"];

/// The figure of the memory that nobody uses, in bytes.
const FREE: &str = "free_bytes";

const LIMIT: Duration = Duration::from_secs(20);

/// All steps, in order.
#[must_use]
pub fn steps() -> Vec<Step> {
    let log = smoke::STEPS.iter().filter(|step| step.name == "log");
    STEPS.iter().chain(log).copied().collect()
}

/// How long it took from power-on until the clients were served.
#[must_use]
pub fn served_after(report: &Report) -> Duration {
    report.steps.iter().filter(|step| UNTIL_SERVED.contains(&step.name)).map(|step| step.time).sum()
}

/// What the kernel called free afterwards, in bytes.
#[must_use]
pub fn free_bytes(report: &Report) -> Option<u64> {
    let evidence = report.steps.iter().filter_map(|step| step.result.as_ref().ok());
    evidence.filter_map(|evidence| evidence.figures.get(FREE)?.as_u64()).next()
}

fn boot(guest: &mut Guest) -> Result<Evidence> {
    let said = guest.console.wait_for("linnet: ready", LIMIT).context("userland did not come up")?;
    let seconds = said.rsplit("ready after ").next().unwrap_or_default();
    Ok(Evidence::new(format!("userland after {} by the guest's clock", seconds.trim())))
}

fn lease(guest: &mut Guest) -> Result<Evidence> {
    let deadline = Instant::now() + LIMIT;
    while guest.peer.with(|peer| peer.dhcp_tally())?.grants == 0 {
        if Instant::now() > deadline {
            return Err(Mismatch::new("the guest to ask for a lease", "nothing").into());
        }
        if guest.running.wait(Duration::ZERO)?.is_some() {
            return Err(Mismatch::new("the guest to ask for a lease", "a machine that ended").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Evidence::new(format!("{} granted", plan::GUEST)))
}

fn serve(guest: &mut Guest) -> Result<Evidence> {
    let order = Order { address: plan::GUEST, port: 80, path: "/".to_owned(), connections: CLIENTS };
    let deadline = Instant::now() + LIMIT;
    loop {
        let outcomes = guest.peer.load(order.clone(), LIMIT)?.outcomes;
        let bad = outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Answered { status: 200, .. }));
        match bad {
            None => return Ok(Evidence::new(format!("{CLIENTS} clients at once"))),
            // The lease is granted a moment before the interface has it, and httpd listens.
            Some(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Some(bad) => {
                let expected = format!("status 200 for each of {CLIENTS} clients");
                return Err(Mismatch::new(expected, format!("{bad:?}")).into());
            }
        }
    }
}

fn free(guest: &mut Guest) -> Result<Evidence> {
    guest.console.greet(LIMIT)?;
    let table = guest.succeed_within("cat /proc/meminfo", LIMIT)?;
    let free = kilobytes(&table, "MemFree:").with_context(|| format!("no MemFree in {table:?}"))?;
    Ok(Evidence::new(format!("{free} KiB")).with(FREE, free * 1024))
}

/// The number in a line of /proc/meminfo.
fn kilobytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.trim().strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_looked_at_last() {
        let names: Vec<&str> = steps().iter().map(|step| step.name).collect();
        assert_eq!(names, ["boot", "lease", "serve-4", "free", "log"]);
        assert!(UNTIL_SERVED.iter().all(|name| names.contains(name)));
    }

    #[test]
    fn meminfo_is_read() {
        let table = "MemTotal:           5736 kB\r\nMemFree:             876 kB\r\n";
        assert_eq!(kilobytes(table, "MemFree:"), Some(876));
        assert_eq!(kilobytes(table, "MemAvailable:"), None);
    }
}
