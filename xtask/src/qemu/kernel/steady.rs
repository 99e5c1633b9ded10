//! Connections that are kept busy while something happens to the machine, and that must outlive it.

use std::time::Duration;

use anyhow::Result;

use crate::peer::plan;
use crate::qemu::guest::{self, Guest};
use crate::qemu::smoke::Evidence;

/// How long the last exchange may take: a retransmission timer has backed off by then.
const LIMIT: Duration = Duration::from_secs(90);

/// Does `disturb` while the probe's part `steady` runs; afterwards its connections must still carry every byte.
///
/// # Errors
/// What `disturb` returns, or [`Mismatch`](crate::qemu::smoke::Mismatch) with what the probe found.
pub fn during(guest: &mut Guest, disturb: impl FnOnce(&mut Guest) -> Result<()>) -> Result<Evidence> {
    let start = format!("rm -f /tmp/stop; /tmp/probe steady {} {}", plan::GATEWAY, plan::ECHO_PORT);
    guest.succeed(&format!("{start} /tmp/stop >/tmp/steady 2>&1 & steady=$!; sleep 1"))?;
    let result = disturb(guest);
    guest.succeed(">/tmp/stop")?;
    guest.console.run("wait $steady", LIMIT)?;
    let output = guest.succeed("cat /tmp/steady")?;
    result?;
    let rounds = output.lines().find_map(|line| line.strip_prefix("rounds ")).unwrap_or("no").to_owned();
    let evidence = guest::checks(&output)?;
    Ok(Evidence::new(format!("{}, {rounds} exchanges", evidence.text)))
}
