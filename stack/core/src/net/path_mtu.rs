//! What "fragmentation needed" taught us about paths (RFC 1191), for ten minutes each.

use crate::time::{Duration, Instant};
use core::net::Ipv4Addr;

/// The smallest path MTU that is believed: less is an attack or not worth the trouble.
pub const MIN_PATH_MTU: u16 = 552;

/// How long a smaller MTU is believed (RFC 1191 §6.3).
const AGE: Duration = Duration::from_secs(600);

/// Destinations that are remembered.
const PLACES: usize = 8;

#[derive(Clone, Copy)]
struct Entry {
    destination: Ipv4Addr,
    mtu: u16,
    expires: Instant,
}

/// Destinations of large datagrams that are remembered, in slots by the last bits of the address.
const SLOTS: usize = 16;

/// The paths whose MTU is less than their interface's.
pub(super) struct PathMtus {
    entries: [Option<Entry>; PLACES],
    /// Where datagrams went that a router may find too large: without one, its complaint is a lie.
    sent: [Ipv4Addr; SLOTS],
}

impl PathMtus {
    pub const fn new() -> Self {
        Self { entries: [None; PLACES], sent: [Ipv4Addr::UNSPECIFIED; SLOTS] }
    }

    /// A datagram of `len` bytes that must not be fragmented goes to `destination`.
    pub fn note_sent(&mut self, destination: Ipv4Addr, len: usize) {
        if len > usize::from(MIN_PATH_MTU)
            && let Some(slot) = self.sent.get_mut(slot_of(destination))
        {
            *slot = destination;
        }
    }

    /// Whether such a datagram went to `destination`, as far as is remembered.
    pub fn was_sent(&self, destination: Ipv4Addr) -> bool {
        self.sent.get(slot_of(destination)) == Some(&destination)
    }

    /// What is known about the path to `destination`.
    pub fn of(&self, destination: Ipv4Addr) -> Option<u16> {
        self.entries.iter().flatten().find(|entry| entry.destination == destination).map(|entry| entry.mtu)
    }

    /// Notes that the path takes at most `mtu`; it never grows by this.
    pub fn learn(&mut self, now: Instant, destination: Ipv4Addr, mtu: u16) {
        let mtu = mtu.max(MIN_PATH_MTU).min(self.of(destination).unwrap_or(u16::MAX));
        let entry = Entry { destination, mtu, expires: now + AGE };
        // The destination's place, a free one, or else the one that expires first.
        let mut index = 0;
        let mut soonest = u32::MAX;
        for (at, place) in self.entries.iter().enumerate() {
            let left = match place {
                Some(other) if other.destination == destination => 0,
                None => 1,
                Some(other) => 2 + other.expires.since(now).as_millis(),
            };
            if left < soonest {
                (index, soonest) = (at, left);
            }
        }
        if let Some(place) = self.entries.get_mut(index) {
            *place = Some(entry);
        }
    }

    /// Forgets what is too old.
    pub fn expire(&mut self, now: Instant) {
        for place in &mut self.entries {
            if place.is_some_and(|entry| entry.expires.is_due(now)) {
                *place = None;
            }
        }
    }

    /// When [`PathMtus::expire`] is next worth calling.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.entries.iter().fold(None, |next, entry| Instant::sooner(next, entry.map(|entry| entry.expires)))
    }
}

const fn slot_of(destination: Ipv4Addr) -> usize {
    destination.to_bits() as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shrinks_has_a_floor_and_ages() {
        let mut known = PathMtus::new();
        let peer = Ipv4Addr::new(192, 0, 2, 1);
        let start = Instant::from_millis(5);
        known.learn(start, peer, 1400);
        known.learn(start, peer, 1450);
        assert_eq!(known.of(peer), Some(1400));
        known.learn(start, peer, 68);
        assert_eq!(known.of(peer), Some(MIN_PATH_MTU));
        known.expire(start + Duration::from_secs(599));
        assert_eq!(known.of(peer), Some(MIN_PATH_MTU));
        known.expire(start + Duration::from_secs(600));
        assert_eq!((known.of(peer), known.next_deadline()), (None, None));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut known = PathMtus::new();
        for last in 0..=PLACES as u8 {
            let now = Instant::from_millis(u32::from(last));
            known.learn(now, Ipv4Addr::new(192, 0, 2, last), 1000);
        }
        assert_eq!(known.of(Ipv4Addr::new(192, 0, 2, 0)), None);
        assert_eq!(known.of(Ipv4Addr::new(192, 0, 2, PLACES as u8)), Some(1000));
    }
}
