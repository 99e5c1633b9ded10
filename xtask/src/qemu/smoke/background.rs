//! What mostly waits: connections that time out, and SYNs over the backlog that are sent again.
//!
//! Started when the probe is there, so that the waiting happens while other steps work.

use std::time::Duration;

use anyhow::Result;

use super::{Evidence, Guest};
use crate::peer::plan;
use crate::qemu::guest;

const LIMIT: Duration = Duration::from_secs(50);

/// Starts both parts.
pub fn start(guest: &mut Guest) -> Result<()> {
    let (silent, absent) = (plan::SILENT, plan::ABSENT);
    guest.succeed(&format!("/tmp/probe timeouts {silent} {absent} >/tmp/timeouts 2>&1 & timeouts=$!"))?;
    guest.succeed("/tmp/probe backlog >/tmp/backlog 2>&1 & backlog=$!")?;
    Ok(())
}

/// Waits for both and judges them.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.console.run("wait $timeouts $backlog", LIMIT)?;
    let output = guest.succeed("cat /tmp/timeouts")?;
    let timeouts = guest::checks(&output)?;
    let output = guest.succeed("cat /tmp/backlog")?;
    let backlog = guest::checks(&output)?;
    let text = format!("timed out, unreachable: {}; backlog: {}", timeouts.text, backlog.text);
    Ok(Evidence::new(text))
}
