//! The machine boots to userland, and its console has a shell.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Evidence, Guest};

const LIMIT: Duration = Duration::from_secs(55);

/// The start script's last words; then a shell that answers.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let said = guest.console.wait_for("linnet: ready", LIMIT).context("userland did not come up")?;
    guest.console.greet(LIMIT)?;
    let seconds = said.rsplit("ready after ").next().unwrap_or_default();
    Ok(Evidence::new(format!("userland after {} by the guest's clock", seconds.trim())))
}
