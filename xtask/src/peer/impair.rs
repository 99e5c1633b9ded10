//! A worse wire: frames of one direction lost, doubled and delayed, reproducibly by seed.
//!
//! The decision about a frame depends on the seed and on how many frames came before it, never on
//! its content. A delayed frame leaves after a few later ones have gone by, or after
//! [`HOLD_LIMIT`] if none do, so that the last frame of an exchange is late but not lost.

use std::time::{Duration, Instant};

use super::noise::Noise;

/// The longest that a frame is held back for frames to overtake it.
pub const HOLD_LIMIT: Duration = Duration::from_millis(4);
/// A held frame is overtaken by 1 to this many others.
const OVERTAKEN_AT_MOST: u32 = 4;

/// How bad the wire is: shares of all frames, per thousand, each decided on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Never arrive.
    pub lost_per_mille: u16,
    /// Arrive twice.
    pub doubled_per_mille: u16,
    /// Arrive after frames that were sent later.
    pub delayed_per_mille: u16,
}

impl Impairment {
    /// The perfect wire.
    pub const NONE: Impairment = Impairment { lost_per_mille: 0, doubled_per_mille: 0, delayed_per_mille: 0 };

    /// The same share of `per_mille` for each of the three.
    pub const fn all(per_mille: u16) -> Impairment {
        Impairment { lost_per_mille: per_mille, doubled_per_mille: per_mille, delayed_per_mille: per_mille }
    }
}

/// What was done to the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames handed in.
    pub frames: u64,
    /// Of these, not handed out.
    pub lost: u64,
    /// Of these, handed out twice.
    pub doubled: u64,
    /// Of these, handed out late.
    pub delayed: u64,
}

/// One direction of the wire.
pub struct Impairer {
    impairment: Impairment,
    noise: Noise,
    held: Vec<Held>,
    tally: Tally,
}

struct Held {
    frame: Vec<u8>,
    /// Leaves when this many more frames have gone by, or at `due`.
    to_pass: u32,
    due: Instant,
}

impl Impairer {
    /// A perfect wire; `seed` decides about the frames once [`Impairer::set`] makes it worse.
    pub fn new(seed: u64) -> Impairer {
        Impairer {
            impairment: Impairment::NONE,
            noise: Noise::new(seed),
            held: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// From now on the wire is this bad; the tally starts again.
    pub fn set(&mut self, impairment: Impairment) {
        self.impairment = impairment;
        self.tally = Tally::default();
    }

    /// What was done since the last [`Impairer::set`].
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes a frame in and appends to `out` what the other end receives at `now`, in order.
    pub fn pass(&mut self, frame: Vec<u8>, now: Instant, out: &mut Vec<Vec<u8>>) {
        self.tally.frames += 1;
        if self.impairment == Impairment::NONE && self.held.is_empty() {
            out.push(frame);
            return;
        }
        // All three are drawn for each frame, so that one rate does not shift the others' sequence.
        let lost = self.draw(self.impairment.lost_per_mille);
        let doubled = self.draw(self.impairment.doubled_per_mille);
        let delayed = self.draw(self.impairment.delayed_per_mille);
        let to_pass = 1 + self.noise.below(OVERTAKEN_AT_MOST);

        if lost {
            self.tally.lost += 1;
        } else {
            if doubled {
                self.tally.doubled += 1;
                out.push(frame.clone());
            }
            if delayed {
                self.tally.delayed += 1;
                self.held.push(Held { frame, to_pass: to_pass + 1, due: now + HOLD_LIMIT });
            } else {
                out.push(frame);
            }
        }
        for held in &mut self.held {
            held.to_pass -= 1;
        }
        self.release(now, out);
    }

    /// Appends the held frames that `now` sets free.
    pub fn release(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        let mut index = 0;
        while index < self.held.len() {
            if self.held[index].to_pass == 0 || self.held[index].due <= now {
                out.push(self.held.remove(index).frame);
            } else {
                index += 1;
            }
        }
    }

    /// When [`Impairer::release`] next has something to hand out.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.due).min()
    }

    fn draw(&mut self, per_mille: u16) -> bool {
        self.noise.below(1000) < u32::from(per_mille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `count` numbered frames and returns the numbers that arrive, and the tally.
    fn send(seed: u64, impairment: Impairment, count: u32) -> (Vec<u32>, Tally) {
        let now = Instant::now();
        let mut impairer = Impairer::new(seed);
        impairer.set(impairment);
        let mut out = Vec::new();
        for number in 0..count {
            impairer.pass(number.to_be_bytes().to_vec(), now, &mut out);
        }
        impairer.release(now + HOLD_LIMIT, &mut out);
        assert_eq!(impairer.next_deadline(), None);
        let numbers = out.iter().map(|frame| u32::from_be_bytes(frame[..4].try_into().unwrap())).collect();
        (numbers, impairer.tally())
    }

    #[test]
    fn a_perfect_wire_changes_nothing() {
        let (numbers, tally) = send(1, Impairment::NONE, 1000);
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
        assert_eq!(tally, Tally { frames: 1000, ..Tally::default() });
    }

    #[test]
    fn rates_are_kept_within_bounds() {
        for seed in 0..20 {
            let (numbers, tally) = send(seed, Impairment::all(20), 20_000);
            // Expected 400 of each; the standard deviation is 20, so six of it on either side.
            for (name, count) in
                [("lost", tally.lost), ("doubled", tally.doubled), ("delayed", tally.delayed)]
            {
                assert!((280..=520).contains(&count), "seed {seed}: {count} {name}");
            }
            assert_eq!(numbers.len() as u64, tally.frames - tally.lost + tally.doubled, "seed {seed}");
        }
    }

    #[test]
    fn one_seed_gives_one_sequence() {
        assert_eq!(send(7, Impairment::all(50), 5000), send(7, Impairment::all(50), 5000));
        assert_ne!(send(7, Impairment::all(50), 5000), send(8, Impairment::all(50), 5000));
    }

    #[test]
    fn lost_only_keeps_the_order() {
        let (numbers, _) = send(3, Impairment { lost_per_mille: 100, ..Impairment::NONE }, 5000);
        assert!(numbers.is_sorted());
        assert!(numbers.len() < 5000);
    }

    #[test]
    fn a_delayed_frame_is_overtaken_by_few_and_arrives() {
        let (numbers, tally) = send(5, Impairment { delayed_per_mille: 20, ..Impairment::NONE }, 5000);
        assert!(tally.delayed > 0 && !numbers.is_sorted());
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..5000).collect::<Vec<_>>());
        for (place, number) in numbers.iter().enumerate() {
            assert!(
                place.abs_diff(*number as usize) <= 2 * OVERTAKEN_AT_MOST as usize,
                "{number} at {place}"
            );
        }
    }

    #[test]
    fn a_held_frame_leaves_in_time_when_nothing_follows() {
        let now = Instant::now();
        let mut impairer = Impairer::new(1);
        impairer.set(Impairment { delayed_per_mille: 1000, ..Impairment::NONE });
        let mut out = Vec::new();
        impairer.pass(vec![1], now, &mut out);
        assert!(out.is_empty());
        assert_eq!(impairer.next_deadline(), Some(now + HOLD_LIMIT));
        impairer.release(now + HOLD_LIMIT - Duration::from_micros(1), &mut out);
        assert!(out.is_empty());
        impairer.release(now + HOLD_LIMIT, &mut out);
        assert_eq!(out, [[1]]);
    }
}
