//! The machine powers itself off, and QEMU ends with success.

use std::time::Duration;

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};

const LIMIT: Duration = Duration::from_secs(40);

/// Says `poweroff`; the console closes when QEMU ends.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.console.type_line("poweroff")?;
    let closed = guest.console.drain(LIMIT)?;
    let status = if closed { guest.running.wait(LIMIT)? } else { None };
    match status {
        Some(status) if status.success() => Ok(Evidence::new("QEMU ended by itself")),
        Some(status) => {
            let got = format!("{status}: {}", guest.running.complaints());
            Err(Mismatch::new("QEMU to end with success", got).into())
        }
        None => {
            let got = format!("a machine that still runs after {} s", LIMIT.as_secs());
            Err(Mismatch::new("the machine to power off", got).into())
        }
    }
}
