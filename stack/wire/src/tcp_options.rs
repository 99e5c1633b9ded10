//! TCP options: those of a segment gathered, those to send laid out (RFC 9293 §3.2, 7323, 2018).

use crate::seq::SeqNum;

/// The largest shift that window scaling allows (RFC 7323 §2.3).
pub const MAX_WINDOW_SCALE: u8 = 14;

/// How many SACK blocks fit into one header beside timestamps.
pub const MAX_SACK_BLOCKS: usize = 3;

/// Room for all options of a header, in bytes.
pub const MAX_LEN: usize = 40;

/// The timestamps option.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// The receiver's clock as the sender last saw it.
    pub echo: u32,
}

/// A run of bytes that arrived out of order: from `start` up to, not including, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SackBlock {
    /// The first byte of the run.
    pub start: SeqNum,
    /// The byte after its last.
    pub end: SeqNum,
}

/// The options of one header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Largest payload that the sender takes.
    pub mss: Option<u16>,
    /// Shift of the sender's windows; a value past [`MAX_WINDOW_SCALE`] is read as that.
    pub window_scale: Option<u8>,
    /// The sender understands SACK blocks.
    pub sack_permitted: bool,
    /// The timestamps option.
    pub timestamps: Option<Timestamps>,
    /// SACK blocks, the first [`Options::sack_count`] of them: to be sent. Those received are read
    /// by [`sack_blocks`], which only a sender that heeds them needs.
    pub sack: [SackBlock; MAX_SACK_BLOCKS],
    /// How many of `sack` count.
    pub sack_count: u8,
}

const END: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

impl Options {
    /// Gathers what `bytes`, the header past its fixed fields, holds. Options of impossible length
    /// end the reading, and what came before them counts; unknown ones are skipped.
    pub fn parse(mut bytes: &[u8]) -> Self {
        let mut options = Self::default();
        while let [kind, rest @ ..] = bytes {
            match *kind {
                END => break,
                NOP => bytes = rest,
                kind => {
                    let Some(len) = rest.first().copied().map(usize::from) else { break };
                    let (Some(body), Some(after)) = (bytes.get(2..len), bytes.get(len..)) else { break };
                    options.take(kind, body);
                    bytes = after;
                }
            }
        }
        options
    }

    fn take(&mut self, kind: u8, body: &[u8]) {
        match (kind, body) {
            (MSS, &[high, low]) => self.mss = Some(u16::from_be_bytes([high, low])),
            // RFC 7323 §2.3: a larger shift is taken as 14.
            (WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift.min(MAX_WINDOW_SCALE)),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (TIMESTAMPS, body) => {
                if let (8, Some((value, echo))) = (body.len(), pair(body)) {
                    self.timestamps = Some(Timestamps { value, echo });
                }
            }
            _ => {}
        }
    }

    /// Writes the options to `out`, each on a word boundary, and returns their length: a multiple
    /// of four. What does not fit, of the SACK blocks the last ones, is left out.
    pub fn emit(&self, out: &mut [u8; MAX_LEN]) -> usize {
        let mut writer = Writer { out, len: 0 };
        if let Some(mss) = self.mss {
            writer.word([MSS, 4, (mss >> 8) as u8, mss as u8]);
        }
        if let Some(shift) = self.window_scale {
            writer.word([NOP, WINDOW_SCALE, 3, shift]);
        }
        if self.sack_permitted {
            writer.word([NOP, NOP, SACK_PERMITTED, 2]);
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            writer.word([NOP, NOP, TIMESTAMPS, 10]);
            writer.word(value.to_be_bytes());
            writer.word(echo.to_be_bytes());
        }
        let count = (self.sack_count as usize).min(MAX_LEN.saturating_sub(writer.len + 4) / 8);
        if count > 0 {
            writer.word([NOP, NOP, SACK, (2 + 8 * count) as u8]);
            for block in self.sack.iter().take(count) {
                writer.word(block.start.0.to_be_bytes());
                writer.word(block.end.0.to_be_bytes());
            }
        }
        writer.len
    }
}

/// The SACK blocks among the options in `bytes`, and how many there are: at most
/// [`MAX_SACK_BLOCKS`].
pub fn sack_blocks(mut bytes: &[u8]) -> ([SackBlock; MAX_SACK_BLOCKS], u8) {
    let (mut blocks, mut count) = ([SackBlock::default(); MAX_SACK_BLOCKS], 0);
    while let [kind, rest @ ..] = bytes {
        let len = match (*kind, rest.first()) {
            (END, _) | (_, None) => break,
            (NOP, _) => 1,
            (_, Some(len)) => usize::from(*len).max(2),
        };
        if *kind == SACK {
            let body = bytes.get(2..len).unwrap_or(&[]);
            for (block, slot) in body.chunks_exact(8).zip(&mut blocks) {
                if let Some((start, end)) = pair(block) {
                    *slot = SackBlock { start: SeqNum(start), end: SeqNum(end) };
                    count += 1;
                }
            }
            break;
        }
        bytes = bytes.get(len..).unwrap_or(&[]);
    }
    (blocks, count)
}

struct Writer<'a> {
    out: &'a mut [u8; MAX_LEN],
    len: usize,
}

impl Writer<'_> {
    fn word(&mut self, word: [u8; 4]) {
        if let Some(place) = self.out.get_mut(self.len..self.len + 4) {
            place.copy_from_slice(&word);
            self.len += 4;
        }
    }
}

fn pair(bytes: &[u8]) -> Option<(u32, u32)> {
    let &[a, b, c, d, e, f, g, h] = bytes.first_chunk::<8>()?;
    Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(start: u32, end: u32) -> SackBlock {
        SackBlock { start: SeqNum(start), end: SeqNum(end) }
    }

    #[test]
    fn what_is_emitted_is_parsed() {
        let stamps = Some(Timestamps { value: 0x0102_0304, echo: 0xfffe_fdfc });
        for (name, options, len) in [
            ("none", Options::default(), 0),
            (
                "of a SYN",
                Options {
                    mss: Some(1460),
                    window_scale: Some(7),
                    sack_permitted: true,
                    timestamps: stamps,
                    ..Options::default()
                },
                24,
            ),
            ("timestamps", Options { timestamps: stamps, ..Options::default() }, 12),
            (
                "three SACK blocks beside timestamps",
                Options {
                    timestamps: stamps,
                    sack: [block(1, 2), block(5, 9), block(u32::MAX, 3)],
                    sack_count: 3,
                    ..Options::default()
                },
                40,
            ),
        ] {
            let mut out = [0; MAX_LEN];
            assert_eq!(options.emit(&mut out), len, "{name}");
            let (sack, sack_count) = sack_blocks(&out[..len]);
            let parsed = Options { sack, sack_count, ..Options::parse(&out[..len]) };
            assert_eq!(parsed, options, "{name}");
        }
    }

    #[test]
    fn hostile_options_end_the_reading() {
        let mss = Options { mss: Some(512), ..Options::default() };
        for (name, bytes, expected) in [
            ("length zero", &[2, 4, 2, 0, 99, 0, 1, 1][..], mss),
            ("length one", &[2, 4, 2, 0, 99, 1, 1, 1], mss),
            ("past the end", &[2, 4, 2, 0, 99, 9, 1, 1], mss),
            ("no room for a length", &[2, 4, 2, 0, 1, 1, 1, 99], mss),
            ("MSS of a wrong length", &[2, 3, 9, 2, 4, 2, 0, 0], mss),
            ("unknown, skipped", &[99, 4, 7, 7, 2, 4, 2, 0], mss),
            ("nothing past the end of list", &[0, 2, 4, 2, 0, 0, 0, 0], Options::default()),
            ("SACK of length two", &[5, 2, 2, 4, 2, 0, 0, 0], mss),
            ("a shift past 14", &[3, 3, 255, 0], Options { window_scale: Some(14), ..Options::default() }),
        ] {
            assert_eq!(Options::parse(bytes), expected, "{name}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let mut state = 1u32;
        for _ in 0..20_000 {
            let mut bytes = [0; MAX_LEN];
            for byte in &mut bytes {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8 % 12;
            }
            let bytes = &bytes[..(state >> 8) as usize % 41];
            assert_eq!(Options::parse(bytes).sack_count, 0);
            assert!(sack_blocks(bytes).1 <= 3);
        }
    }
}
