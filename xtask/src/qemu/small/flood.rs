//! A hundred times more SYNs than the server's backlog holds, while a real client connects.

use std::time::Duration;

use anyhow::Result;

use super::clients;
use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::smoke::Evidence;

/// BusyBox's httpd asks for a backlog of 9.
const SYNS: usize = 2000;
const BATCH: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Floods; a client is served in the middle of it and afterwards, and the console answers.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    for batch in 0..SYNS / BATCH {
        guest.peer.with(move |peer| peer.flood(batch as u64, BATCH, plan::HTTP_PORT))??;
        std::thread::sleep(PAUSE);
        if batch == SYNS / BATCH / 2 {
            clients::served(guest, 1)?;
        }
    }
    guest.succeed("echo alive")?;
    clients::served(guest, 1)?;
    Ok(Evidence::new(format!("{SYNS} SYNs; a client served among them, and after")).with("syns", SYNS))
}
