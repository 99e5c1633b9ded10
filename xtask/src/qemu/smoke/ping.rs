//! The peer answers ping: the gateway, a host behind it, and in fragments.

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::plan;

/// Payload sizes in bytes: the usual, none, a full frame, several frames.
const SIZES: [u32; 4] = [56, 0, 1472, 8000];

/// One echo of each size to the gateway, one to the server, none from the one that is not there.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let mut pings = vec![(plan::SERVER, 56)];
    pings.extend(SIZES.map(|size| (plan::GATEWAY, size)));
    for (address, size) in &pings {
        let command = format!("ping -c 1 -W 5 -s {size} {address}");
        let output = guest.succeed(&command)?;
        Mismatch::check_lines(&command, &output, &[&["1 packets transmitted", "1 packets received"]])?;
    }
    Ok(Evidence::new(format!("{} echoes, up to 8000 bytes", pings.len())).with("echoes", pings.len()))
}
