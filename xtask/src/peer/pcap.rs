//! Capture files in the classic pcap format, as every packet analyser reads it.
//!
//! A global header, then one record a frame; all fields little-endian here (the magic number tells),
//! times with microseconds, link type 1 (Ethernet), frames whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const VERSION: (u16, u16) = (2, 4);
const SNAP_LENGTH: u32 = 65535;
const LINK_TYPE_ETHERNET: u32 = 1;

/// A capture being written.
pub struct Pcap<W: Write> {
    out: W,
}

impl Pcap<BufWriter<File>> {
    /// Starts a capture in the file `path`, replacing what it held.
    pub fn create(path: &Path) -> io::Result<Self> {
        Pcap::new(BufWriter::with_capacity(1 << 16, File::create(path)?))
    }
}

impl<W: Write> Pcap<W> {
    /// Starts a capture on `out` by writing the global header.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&MAGIC_MICROSECONDS.to_le_bytes())?;
        out.write_all(&VERSION.0.to_le_bytes())?;
        out.write_all(&VERSION.1.to_le_bytes())?;
        out.write_all(&[0; 8])?; // time zone and accuracy: zero by convention
        out.write_all(&SNAP_LENGTH.to_le_bytes())?;
        out.write_all(&LINK_TYPE_ETHERNET.to_le_bytes())?;
        Ok(Pcap { out })
    }

    /// Adds a frame that was on the wire `at` this time after the epoch.
    pub fn record(&mut self, at: Duration, frame: &[u8]) -> io::Result<()> {
        let kept = &frame[..frame.len().min(SNAP_LENGTH as usize)];
        self.out.write_all(&(at.as_secs() as u32).to_le_bytes())?;
        self.out.write_all(&at.subsec_micros().to_le_bytes())?;
        self.out.write_all(&(kept.len() as u32).to_le_bytes())?;
        self.out.write_all(&(frame.len() as u32).to_le_bytes())?;
        self.out.write_all(kept)
    }

    /// Hands everything recorded so far to the file.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_records_are_laid_out_as_readers_expect() {
        let mut bytes = Vec::new();
        let mut pcap = Pcap::new(&mut bytes).unwrap();
        pcap.record(Duration::new(0x0102_0304, 5_006_000), &[0xaa, 0xbb, 0xcc]).unwrap();
        pcap.flush().unwrap();
        #[rustfmt::skip]
        let expected = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0,
            0x04, 0x03, 0x02, 0x01, 0x8e, 0x13, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0xaa, 0xbb, 0xcc,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_frame_beyond_the_snap_length_is_cut_and_says_so() {
        let mut bytes = Vec::new();
        let mut pcap = Pcap::new(&mut bytes).unwrap();
        pcap.record(Duration::ZERO, &vec![0; 70_000]).unwrap();
        assert_eq!(bytes.len(), 24 + 16 + 65535);
        assert_eq!(bytes[32..36], 65535u32.to_le_bytes());
        assert_eq!(bytes[36..40], 70_000u32.to_le_bytes());
    }
}
