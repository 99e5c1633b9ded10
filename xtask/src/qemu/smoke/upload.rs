//! 4 MB from the guest to the peer through nc, and a text as an HTTP POST, compared by SHA-256.
//!
//! The stream is a file of 256 KB sent sixteen times in a row, so that it fits in a machine of 8 MB;
//! the POST is text, because BusyBox's wget sends a file up to its first zero byte.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::download::rate;
use super::{Evidence, Guest, Mismatch};
use crate::peer::noise::{Noise, hex, sha256_hex};
use crate::peer::plan;

/// Length of the file, in bytes.
const CHUNK: usize = 256 << 10;
const SEED: u64 = 0x4c69_6e75_7821;
const TIMES: usize = 16;
/// Length of the posted text, in bytes.
const TEXT: usize = 64 << 10;
const LIMIT: Duration = Duration::from_secs(55);

/// Fetches the file and sends it back, both ways.
pub fn run(guest: &mut Guest) -> Result<Evidence> {
    guest.peer.serve("/chunk", chunk());
    guest.succeed(&format!("wget -q -O /tmp/chunk http://{}/chunk", plan::GATEWAY))?;
    let evidence = send(guest, TIMES)?;

    let text = hex(&Noise::new(SEED).bytes(TEXT / 2)).into_bytes();
    let expected = format!("{TEXT} {}", sha256_hex(&text));
    guest.peer.serve("/text", text);
    guest.succeed(&format!("wget -q -O /tmp/text http://{}/text", plan::GATEWAY))?;
    let posted = format!("wget -q -O - --post-file=/tmp/text http://{}/upload", plan::GATEWAY);
    let answer = guest.succeed(&posted)?;
    Mismatch::check("what the HTTP server took", answer.trim(), &expected)?;
    Ok(evidence)
}

/// Sends the file so many times in one stream, on whatever wire there is.
///
/// # Errors
/// It does not get there in time, or not as it was.
pub fn send(guest: &mut Guest, times: usize) -> Result<Evidence> {
    let stream = chunk().repeat(times);
    let files = "/tmp/chunk ".repeat(times);
    let start = Instant::now();
    let command = format!("cat {files}| nc {} {}", plan::SERVER, plan::SINK_PORT);
    let answer = guest.succeed_within(&command, LIMIT)?;
    let expected = format!("{} {}", stream.len(), sha256_hex(&stream));
    Mismatch::check("what the peer took", answer.trim(), &expected)?;
    Ok(rate(stream.len(), start.elapsed()))
}

/// The file that lies at /tmp/chunk once [`run`] has been through.
pub fn chunk() -> Vec<u8> {
    Noise::new(SEED).bytes(CHUNK)
}
