//! A refused and a reset connection, and misuse, give the right errno.

use anyhow::Result;

use super::{Evidence, Guest};
use crate::peer::plan;

/// The probe's part `errors`.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.probe(&format!("errors {} {} {}", plan::GATEWAY, plan::CLOSED_PORT, plan::RESET_PORT))
}
