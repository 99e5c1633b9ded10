//! The lease is kept, lost and won again as RFC 2131 has it, whatever else claims to be a server.
//!
//! The client's states are tested in virtual time (userland/dhcpc); here they meet a real interface: what is
//! sent while there is no address, what arrives then, and ARP.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::dhcp::{Manners, Server, Tally};
use crate::peer::plan;

const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// Renews among wrong answers, is refused, gives back, finds its address taken, and sees T1 and T2 pass.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let before = tally(guest)?;
    behave(guest, Manners { hostile: true, ..Manners::default() })?;
    let mut sent = 0;
    while sent < Server::wrong_answers() {
        let renewals = tally(guest)?.renewals;
        signal(guest, "USR1")?;
        until(guest, "a renewal among wrong answers", |tally| tally.renewals > renewals)?;
        sent = (tally(guest)?.hostile - before.hostile) as usize;
    }
    behave(guest, Manners::default())?;
    signal(guest, "USR1")?;
    has_address(guest, true)?;

    behave(guest, Manners { refuse: true, ..Manners::default() })?;
    let refused = tally(guest)?;
    signal(guest, "USR1")?;
    until(guest, "a refusal, and a new lease", |tally| {
        tally.refusals > refused.refusals && tally.grants > refused.grants
    })?;
    has_address(guest, true)?;

    behave(guest, Manners { times: Some((1, 3)), lease: 60, deaf: true, ..Manners::default() })?;
    let released = tally(guest)?;
    signal(guest, "USR2")?;
    until(guest, "the lease to be given back", |tally| tally.releases > released.releases)?;
    has_address(guest, false)?;

    guest.peer.with(|peer| peer.claim_guest_address(true))?;
    signal(guest, "USR1")?;
    until(guest, "an address that is in use to be declined", |tally| tally.declines > released.declines)?;
    has_address(guest, false)?;
    guest.peer.with(|peer| peer.claim_guest_address(false))?;
    let declined = tally(guest)?;
    signal(guest, "USR1")?;
    until(guest, "a lease after that", |tally| tally.grants > declined.grants)?;
    has_address(guest, true)?;

    until(guest, "a request to the server at T1", |tally| tally.renewals > declined.renewals)?;
    until(guest, "a request to all servers at T2", |tally| tally.rebindings > declined.rebindings)?;
    behave(guest, Manners::default())?;
    signal(guest, "USR1")?;
    has_address(guest, true)?;
    super::addresses::run(guest)?;
    Ok(Evidence::new(format!(
        "kept among {sent} wrong answers; refused, given back, declined, renewed at T1 and T2"
    ))
    .with("wrong_answers", sent))
}

fn tally(guest: &Guest) -> Result<Tally> {
    guest.peer.with(|peer| peer.dhcp_tally())
}

fn behave(guest: &Guest, manners: Manners) -> Result<()> {
    guest.peer.with(move |peer| peer.set_manners(manners))
}

fn signal(guest: &mut Guest, name: &str) -> Result<()> {
    guest.succeed(&format!("killall -{name} dhcpc")).map(|_| ())
}

/// Waits until the server has seen it.
fn until(guest: &Guest, what: &str, seen: impl Fn(&Tally) -> bool) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let tally = tally(guest)?;
        if seen(&tally) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Mismatch::new(what, format!("{tally:?} at the server")).into());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits until the interface has the address, or none.
fn has_address(guest: &mut Guest, wanted: bool) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    let command = format!("ifconfig {}", guest.interface);
    let line = format!("inet addr:{} ", plan::GUEST);
    loop {
        let output = guest.succeed(&command)?;
        if output.contains(&line) == wanted && (wanted || !output.contains("inet addr")) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let expected = if wanted { "the interface to have its address" } else { "no address" };
            return Err(Mismatch::new(expected, output).into());
        }
        std::thread::sleep(PAUSE);
    }
}
