//! 4 MB over HTTP from a server behind the gateway, found by name, compared by SHA-256.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Evidence, Guest, Mismatch, hash_in};
use crate::peer::noise::{Noise, sha256_hex};
use crate::peer::plan;

/// Length of the file, in bytes.
pub const SIZE: usize = 4 << 20;
/// Path of the file.
const PATH: &str = "/blob";
const SEED: u64 = 0x4c69_6e6e_6574;
const LIMIT: Duration = Duration::from_secs(55);

/// Downloads on a perfect wire.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.peer.serve(PATH, Noise::new(SEED).bytes(SIZE));
    fetch(guest)
}

/// Downloads the file that [`run`] serves, on whatever wire there is.
///
/// # Errors
/// It does not come in time, or not as it was sent.
pub fn fetch(guest: &mut Guest) -> Result<Evidence> {
    let expected = sha256_hex(&Noise::new(SEED).bytes(SIZE));
    let start = Instant::now();
    let command = format!("wget -q -O - http://{}{PATH} | sha256sum", plan::FILES);
    let output = guest.succeed_within(&command, LIMIT)?;
    Mismatch::check("the hash of the download", hash_in(&output), &expected)?;
    Ok(rate(SIZE, start.elapsed()))
}

/// Evidence of `bytes` moved within `time`.
pub fn rate(bytes: usize, time: Duration) -> Evidence {
    let kib_per_second = (bytes as f64 / 1024.0 / time.as_secs_f64()).round();
    Evidence::new(format!("{} KiB at {kib_per_second} KiB/s", bytes / 1024))
        .with("bytes", bytes)
        .with("kib_per_second", kib_per_second)
}
