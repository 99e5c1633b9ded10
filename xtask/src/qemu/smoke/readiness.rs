//! poll, epoll and calls that do not wait say what Linux says, connected and listening.

use anyhow::Result;

use super::{Evidence, Guest};
use crate::peer::plan;

/// The probe's parts `readiness` and `listen`.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let connected = guest.probe(&format!("readiness {} {}", plan::GATEWAY, plan::ECHO_PORT))?;
    let listening = guest.probe("listen")?;
    Ok(Evidence::new(format!("connected: {}; listening: {}", connected.text, listening.text)))
}
