//! TCP and UDP inside the guest, through 127.0.0.1 and through its own address.

use anyhow::Result;

use super::{Evidence, Guest};
use crate::peer::plan;

/// The probe's part `loopback`.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.probe(&format!("loopback {}", plan::GUEST))
}
