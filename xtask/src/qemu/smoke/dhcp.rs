//! The DHCP client that init has started gets a lease from the peer.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::plan;

const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// The server has granted the address, and the interface has it.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let deadline = Instant::now() + LIMIT;
    let wanted = format!("inet addr:{} ", plan::GUEST);
    let command = format!("ifconfig {}", guest.interface);
    loop {
        let tally = guest.peer.with(|peer| peer.dhcp_tally())?;
        let answer = guest.run(&command)?;
        if tally.grants > 0 && answer.output.contains(&wanted) {
            return Ok(Evidence::new(format!("{} granted", plan::GUEST)).with("offers", tally.offers));
        }
        if Instant::now() > deadline {
            let got = format!("{tally:?} at the server and on the interface\n{}", answer.output);
            return Err(Mismatch::new(format!("the guest to lease {}", plan::GUEST), got).into());
        }
        std::thread::sleep(PAUSE);
    }
}
