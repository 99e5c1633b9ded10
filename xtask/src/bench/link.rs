//! One direction of the wire in virtual time: it takes its time for each byte, delays, and loses.

use std::collections::VecDeque;

/// Nanoseconds a byte takes: 100 Mbit/s.
const BYTE: u64 = 80;
/// Bytes that a frame takes beside its own: preamble, checksum, and the gap to the next (IEEE 802.3).
const BETWEEN: u64 = 24;

/// How far and how good a wire is.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    /// Nanoseconds from one end to the other.
    pub delay: u64,
    /// Frames lost, of a thousand.
    pub loss: u64,
}

/// Frames on their way.
pub struct Link {
    distance: Distance,
    state: u64,
    losing: bool,
    free_at: u64,
    flying: VecDeque<(u64, Vec<u8>)>,
}

impl Link {
    /// An empty link; `seed` decides which frames are lost.
    #[must_use]
    pub fn new(distance: Distance, seed: u64) -> Link {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Link { distance, state, losing: false, free_at: 0, flying: VecDeque::new() }
    }

    /// Loses frames from now on, not earlier.
    pub fn lose(&mut self) {
        self.losing = true;
    }

    /// Takes a frame at the time `now`.
    pub fn send(&mut self, now: u64, frame: Vec<u8>) {
        self.free_at = self.free_at.max(now) + (frame.len() as u64 + BETWEEN) * BYTE;
        if self.losing && self.draw() < self.distance.loss {
            return;
        }
        self.flying.push_back((self.free_at + self.distance.delay, frame));
    }

    /// The frames that have arrived at the time `now`.
    pub fn arrived(&mut self, now: u64) -> Vec<Vec<u8>> {
        let count = self.flying.partition_point(|(due, _)| *due <= now);
        self.flying.drain(..count).map(|(_, frame)| frame).collect()
    }

    /// When the next frame arrives.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.flying.front().map(|(due, _)| *due)
    }

    /// 0 to 999 (xorshift64*, Vigna 2016).
    fn draw(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_take_their_time_one_after_the_other() {
        let mut link = Link::new(Distance { delay: 1000, loss: 0 }, 1);
        link.send(0, vec![1; 76]);
        link.send(0, vec![2; 76]);
        assert_eq!(link.next(), Some(9000));
        assert!(link.arrived(8999).is_empty());
        assert_eq!(link.arrived(9000), [vec![1; 76]]);
        assert_eq!(link.arrived(17_000), [vec![2; 76]]);
        assert_eq!(link.next(), None);
    }

    #[test]
    fn as_many_are_lost_as_was_said_and_the_same_ones_again() {
        let fate = |losing| {
            let mut link = Link::new(Distance { delay: 0, loss: 10 }, 7);
            if losing {
                link.lose();
            }
            (0..20_000_u32).for_each(|number| link.send(0, number.to_le_bytes().to_vec()));
            link.arrived(u64::MAX)
        };
        assert_eq!(fate(false).len(), 20_000);
        assert!((19_700..19_900).contains(&fate(true).len()), "{}", fate(true).len());
        assert_eq!(fate(true), fate(true));
    }
}
