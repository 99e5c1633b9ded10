//! UDP echo of every size that fits a frame, and of sizes that take up to 8 KB in fragments.

use anyhow::Result;

use super::{Evidence, Guest};
use crate::peer::plan;

/// The probe's part `datagrams`.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.probe(&format!("datagrams {} {}", plan::GATEWAY, plan::ECHO_PORT))?;
    Ok(Evidence::new("0 to 1472 bytes, each size; 7 sizes up to 8192 bytes in fragments")
        .with("largest", 8192))
}
