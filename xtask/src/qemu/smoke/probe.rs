//! The probe comes into the guest over HTTP, whole, and its waiting parts are started.

use anyhow::Result;

use super::{Evidence, Guest, Mismatch, background, hash_in};
use crate::peer::noise::sha256_hex;
use crate::peer::plan;

/// Downloads it, starts what waits.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let evidence = fetch(guest)?;
    background::start(guest)?;
    Ok(evidence)
}

/// Downloads it and compares its hash.
pub fn fetch(guest: &mut Guest) -> Result<Evidence> {
    let program = guest.probe.clone();
    let (size, sha256) = (program.len(), sha256_hex(&program));
    guest.peer.serve("/probe", program);
    guest.succeed(&format!("wget -q -O /tmp/probe http://{}/probe && chmod +x /tmp/probe", plan::GATEWAY))?;
    let output = guest.succeed("sha256sum </tmp/probe")?;
    Mismatch::check("the hash of the probe", hash_in(&output), &sha256)?;
    Ok(Evidence::new(format!("{size} bytes")).with("bytes", size))
}
