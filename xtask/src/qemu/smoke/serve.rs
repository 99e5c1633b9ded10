//! The guest's httpd serves 32 connections that are open at the same time.
//!
//! Each is a process of its own. With less RAM than the boards have (`--mem`) there are fewer, two a
//! MiB: what is tested is the stack, not where the kernel runs out of memory.

use std::time::Duration;

use anyhow::Result;

use super::{Evidence, Guest, Mismatch};
use crate::peer::load::{Order, Outcome};
use crate::peer::noise::sha256_hex;
use crate::peer::plan;

const CONNECTIONS: u16 = 32;
const CONNECTIONS_PER_MIB: u64 = 2;
/// A server of the test's own, beside the product's on port 80.
const PORT: u16 = 8080;
/// The page: the first part of the file that the upload step has fetched, in KiB.
const PAGE_KIB: usize = 32;
const LIMIT: Duration = Duration::from_secs(50);

/// One request to the product's server, then all at once to one that serves a larger page.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    let order = |port, path: &str, connections| Order {
        address: plan::GUEST,
        port,
        path: path.to_owned(),
        connections,
    };
    for outcome in guest.peer.load(order(80, "/", 1), LIMIT)?.outcomes {
        if !matches!(outcome, Outcome::Answered { status: 200, .. }) {
            return Err(Mismatch::new("status 200 from port 80", format!("{outcome:?}")).into());
        }
    }

    guest.succeed(&format!(
        "mkdir -p /tmp/www && dd if=/tmp/chunk of=/tmp/www/page bs=1024 count={PAGE_KIB} 2>/dev/null && \
         httpd -p {PORT} -h /tmp/www"
    ))?;
    let affordable = guest.memory.bytes() / (1 << 20) * CONNECTIONS_PER_MIB;
    let connections = u16::try_from(affordable).unwrap_or(CONNECTIONS).clamp(1, CONNECTIONS);
    let page = super::upload::chunk();
    let expected = sha256_hex(&page[..PAGE_KIB * 1024]);
    let report = guest.peer.load(order(PORT, "/page", connections), LIMIT)?;
    let good = |outcome: &&Outcome| match outcome {
        Outcome::Answered { status, body } => *status == 200 && body.sha256 == expected,
        Outcome::Broken(_) => false,
    };
    let bad: Vec<_> = report.outcomes.iter().filter(|outcome| !good(outcome)).collect();
    if let Some(first) = bad.first() {
        let got = format!("{} of {connections} that were not, the first {first:?}", bad.len());
        return Err(Mismatch::new("every connection to be served the page", got).into());
    }
    let Some(established) = report.established else {
        return Err(Mismatch::new("all connections to be established at once", "fewer").into());
    };
    let text = format!(
        "{connections} connections at once, {PAGE_KIB} KiB each, all open after {} ms",
        established.as_millis()
    );
    Ok(Evidence::new(text)
        .with("connections", connections)
        .with("open_after_ms", established.as_millis() as u64))
}
