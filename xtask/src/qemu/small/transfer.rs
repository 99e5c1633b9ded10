//! 10 MB in and the same 10 MB out at the same time: a download that is sent back as it comes.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::peer::noise::{Noise, sha256_hex};
use crate::peer::plan;
use crate::qemu::guest::Guest;
use crate::qemu::smoke::{Evidence, Mismatch};

/// Length, in bytes.
const SIZE: usize = 10 << 20;
const SEED: u64 = 0x736d_616c_6c00;
const LIMIT: Duration = Duration::from_secs(120);

/// The command; its output is what the peer took.
pub fn command() -> String {
    format!("wget -q -O - http://{}/ten | nc {} {}", plan::GATEWAY, plan::SERVER, plan::SINK_PORT)
}

/// There and back.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.peer.serve("/ten", Noise::new(SEED).bytes(SIZE));
    let start = Instant::now();
    let answer = guest.succeed_within(&command(), LIMIT)?;
    check(&answer)?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = (SIZE as f64 / 1024.0 / seconds).round();
    Ok(Evidence::new(format!("{} MiB in and out at {rate} KiB/s", SIZE >> 20))
        .with("bytes", SIZE)
        .with("kib_per_second", rate))
}

/// Whether the peer took what it had sent.
///
/// # Errors
/// [`Mismatch`] with what it took.
pub fn check(answer: &str) -> Result<()> {
    let expected = format!("{SIZE} {}", sha256_hex(&Noise::new(SEED).bytes(SIZE)));
    Mismatch::check("what came back", answer.trim(), &expected)
}
