//! A link between two ends in virtual time: it delays, loses, doubles, reorders and spoils frames.

use crate::rng::Rng;
use std::collections::BTreeMap;

/// What a link does to frames, in each direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Impairment {
    /// Frames lost, of a thousand.
    pub loss: u32,
    /// Frames that arrive twice, of a thousand.
    pub duplication: u32,
    /// Frames held back by up to four delays more, of a thousand.
    pub reordering: u32,
    /// Frames with one bit turned, of a thousand.
    pub corruption: u32,
    /// Time from end to end, in milliseconds.
    pub delay: u32,
    /// Bytes in a millisecond; zero is as many as come.
    pub bandwidth: u32,
    /// Frames that wait for a slow link; those beyond are lost. Zero is as many as come.
    pub queue: usize,
}

/// One direction of a link.
#[derive(Debug, Default)]
pub struct Pipe {
    pub(crate) what: Impairment,
    /// By the time of arrival, in milliseconds, and order of departure.
    frames: BTreeMap<(u64, u64), Vec<u8>>,
    sent: u64,
    /// When the link is free again, in bytes since the beginning of time.
    free_at: u64,
}

impl Pipe {
    /// A pipe that does `what`.
    pub fn new(what: Impairment) -> Self {
        Self { what, ..Self::default() }
    }

    /// Takes a frame in at `now`.
    pub fn send(&mut self, now: u64, frame: Vec<u8>, rng: &mut Rng) {
        if rng.chance(self.what.loss) || self.what.queue > 0 && self.frames.len() >= self.what.queue {
            return;
        }
        let copies = 1 + u32::from(rng.chance(self.what.duplication));
        for _ in 0..copies {
            let mut frame = frame.clone();
            if rng.chance(self.what.corruption) {
                let bit = rng.below(frame.len() as u64 * 8) as usize;
                frame[bit / 8] ^= 1 << (bit % 8);
            }
            let mut at = now + u64::from(self.what.delay);
            if self.what.bandwidth > 0 {
                let rate = u64::from(self.what.bandwidth);
                self.free_at = self.free_at.max(now * rate) + frame.len() as u64;
                at += self.free_at / rate - now;
            }
            if rng.chance(self.what.reordering) {
                at += rng.below(u64::from(self.what.delay) * 4 + 10);
            }
            self.sent += 1;
            self.frames.insert((at, self.sent), frame);
        }
    }

    /// The next frame that has arrived by `now`.
    pub fn receive(&mut self, now: u64) -> Option<Vec<u8>> {
        let first = self.frames.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next frame arrives.
    pub fn next_arrival(&self) -> Option<u64> {
        self.frames.first_key_value().map(|(key, _)| key.0)
    }
}
