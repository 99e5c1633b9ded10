//! HTTP clients of the product's own server: four at once, and fifty connections opened and closed.

use std::time::Duration;

use anyhow::Result;

use crate::peer::load::{Order, Outcome};
use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

const LIMIT: Duration = Duration::from_secs(50);
/// Each connection is a process.
const AT_ONCE: u16 = 2;
const FIFTY: u16 = 50;

/// Four that are connected at the same time before the first asks.
pub fn four(guest: &mut Guest) -> Result<Evidence> {
    served(guest, 4)?;
    Ok(Evidence::new("4 at once").with("connections", 4))
}

/// Fifty, two at a time.
pub fn fifty(guest: &mut Guest) -> Result<Evidence> {
    for _ in 0..FIFTY / AT_ONCE {
        served(guest, AT_ONCE)?;
    }
    Ok(Evidence::new(format!("{FIFTY} connections opened and closed")).with("connections", FIFTY))
}

/// So many clients get the product's page.
///
/// # Errors
/// [`Mismatch`] with what one of them got instead.
pub fn served(guest: &Guest, connections: u16) -> Result<()> {
    let order = Order { address: plan::GUEST, port: plan::HTTP_PORT, path: "/".to_owned(), connections };
    let report = guest.peer.load(order, LIMIT)?;
    let good =
        |outcome: &&Outcome| matches!(outcome, Outcome::Answered { status: 200, body } if body.bytes > 0);
    match report.outcomes.iter().find(|outcome| !good(outcome)) {
        Some(bad) => Err(Mismatch::new("the product's page for each client", format!("{bad:?}")).into()),
        None => Ok(()),
    }
}
