//! The peer answers ping, and the guest the peer's: of several sizes, in fragments too.

use std::time::Duration;

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::plan;

/// Payload sizes in bytes: the usual, none, a full frame, several frames.
const SIZES: [usize; 4] = [56, 0, 1472, 8000];
const LIMIT: Duration = Duration::from_secs(10);

/// One echo of each size to the gateway and one to the server; then of each size from the gateway.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let mut pings = vec![(plan::SERVER, 56)];
    pings.extend(SIZES.map(|size| (plan::GATEWAY, size)));
    for (address, size) in &pings {
        let command = format!("ping -c 1 -W 5 -s {size} {address}");
        let output = guest.succeed(&command)?;
        Mismatch::check_lines(&command, &output, &[&["1 packets transmitted", "1 packets received"]])?;
    }
    for size in SIZES {
        if !guest.peer.ping(size, LIMIT)? {
            let expected = format!("the guest to answer a ping of {size} bytes");
            return Err(Mismatch::new(expected, format!("no answer in {} s", LIMIT.as_secs())).into());
        }
    }
    let (out, back) = (pings.len(), SIZES.len());
    Ok(Evidence::new(format!("{out} echoes from the peer, {back} from the guest, up to 8000 bytes"))
        .with("echoes", out + back))
}
