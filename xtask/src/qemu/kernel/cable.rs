//! The wire goes dead under open connections: without a word, and so that the driver sees it.

use anyhow::Result;

use super::steady;
use crate::peer::impair::Impairment;
use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::monitor::Monitor;
use crate::qemu::smoke::Evidence;

/// No frame arrives anywhere for five seconds.
pub fn silence(guest: &mut Guest) -> Result<Evidence> {
    const DEAD: Impairment = Impairment { lost_per_mille: 1000, ..Impairment::NONE };
    steady::during(guest, |guest| {
        guest.peer.with(|peer| peer.impair(DEAD))?;
        let slept = guest.succeed("sleep 5");
        guest.peer.with(|peer| peer.impair(Impairment::NONE))?;
        slept.map(|_| ())
    })
}

/// The cable is pulled for two seconds, and plugged in again, twice.
pub fn pull(guest: &mut Guest) -> Result<Evidence> {
    let mut monitor = Monitor::connect(guest.running.id())?;
    steady::during(guest, |guest| {
        for _ in 0..2 {
            monitor.set_link(false)?;
            guest.succeed("sleep 2")?;
            monitor.set_link(true)?;
            guest.succeed("sleep 1")?;
        }
        guest.succeed(&format!("ping -c 1 -W 5 {}", plan::SERVER)).map(|_| ())
    })
}
