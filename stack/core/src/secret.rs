//! Numbers that an outsider cannot foresee: one keyed hash, SipHash-2-4, for all of them.
//!
//! The host draws 16 random bytes once; initial sequence numbers (RFC 6528), ephemeral ports
//! (RFC 6056 algorithm 3), the IP identification (RFC 6864), timestamp offsets (RFC 7323 §5.4)
//! and jitter all derive from them, each under its own [`Purpose`], so that none tells anything
//! about another. `core` draws no random numbers of its own.

use crate::time::Instant;
use core::net::{Ipv4Addr, SocketAddrV4};

/// What a derived number is for: a separate function of the key for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Purpose {
    /// TCP's initial sequence numbers.
    InitialSequence = 1,
    /// Where the search for an ephemeral port starts.
    EphemeralPort = 2,
    /// The IP identification of datagrams that may be fragmented.
    Identification = 3,
    /// What is added to the clock in TCP's timestamps.
    TimestampOffset = 4,
    /// Numbers in a row, for jitter.
    Jitter = 5,
    /// Cookies that stand for a half-open connection.
    SynCookie = 6,
    /// The order of hash tables that a peer's choice of ports fills.
    HashTable = 7,
}

/// The key, and the state of the generator for jitter.
#[derive(Clone)]
pub struct Secret {
    key: [u64; 2],
    drawn: u32,
}

impl Secret {
    /// The secret of a stack, from 16 bytes that the host drew at random.
    pub const fn new(random: [u8; 16]) -> Self {
        let wide = u128::from_le_bytes(random);
        Self { key: [wide as u64, (wide >> 64) as u64], drawn: 0 }
    }

    /// The keyed hash of three words for `purpose`.
    pub fn hash(&self, purpose: Purpose, words: [u32; 3]) -> u32 {
        let [a, b, c] = words;
        let message = [(purpose as u64) << 32 | u64::from(a), u64::from(b) << 32 | u64::from(c)];
        let hash = siphash_2_4(self.key, message);
        (hash >> 32) as u32 ^ hash as u32
    }

    /// The initial sequence number of a connection (RFC 6528 §3): a 4 µs clock plus a keyed hash
    /// of the four-tuple, so that a later incarnation starts above an earlier one.
    pub fn initial_sequence(&self, local: SocketAddrV4, peer: SocketAddrV4, now: Instant) -> u32 {
        let clock = now.as_millis().wrapping_mul(250);
        clock.wrapping_add(self.hash(Purpose::InitialSequence, tuple(local, peer)))
    }

    /// What a connection adds to the clock in its timestamps (RFC 7323 §5.4): the same for all
    /// incarnations of a four-tuple, so that PAWS holds across them.
    pub fn timestamp_offset(&self, local: SocketAddrV4, peer: SocketAddrV4) -> u32 {
        self.hash(Purpose::TimestampOffset, tuple(local, peer))
    }

    /// A hash of a four-tuple to place it in a table.
    pub fn table_hash(&self, local: SocketAddrV4, peer: SocketAddrV4) -> u32 {
        self.hash(Purpose::HashTable, tuple(local, peer))
    }

    /// The next number of a keyed sequence: for jitter and tie-breaking.
    pub fn draw(&mut self) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        self.hash(Purpose::Jitter, [self.drawn, 0, 0])
    }

    /// A number below `bound` (at most 65 536) from the keyed sequence; zero if `bound` is.
    pub fn draw_below(&mut self, bound: u32) -> u32 {
        // The high half of a 16 by 16 bit product: no division, and a bias below 2^-16.
        ((self.draw() >> 16) * bound.min(1 << 16)) >> 16
    }
}

fn tuple(local: SocketAddrV4, peer: SocketAddrV4) -> [u32; 3] {
    [
        Ipv4Addr::to_bits(*local.ip()),
        Ipv4Addr::to_bits(*peer.ip()),
        u32::from(local.port()) << 16 | u32::from(peer.port()),
    ]
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) of a message of exactly 16 bytes.
fn siphash_2_4(key: [u64; 2], message: [u64; 2]) -> u64 {
    let [k0, k1] = key;
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let [m0, m1] = message;
    // The last word carries the length of the message, 16, in its top byte.
    for word in [m0, m1, 16 << 56] {
        state[3] ^= word;
        rounds(&mut state, 2);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    rounds(&mut state, 4);
    let [v0, v1, v2, v3] = state;
    v0 ^ v1 ^ v2 ^ v3
}

#[inline(never)]
fn rounds(state: &mut [u64; 4], count: u8) {
    let [mut v0, mut v1, mut v2, mut v3] = *state;
    for _ in 0..count {
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(13) ^ v0;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(17) ^ v2;
        v2 = v2.rotate_left(32);
    }
    *state = [v0, v1, v2, v3];
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    #[test]
    fn matches_the_published_vector_for_sixteen_bytes() {
        // The reference vectors hash the bytes 0, 1, 2, … under the key 0, 1, …, 15.
        let message = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(siphash_2_4(Secret::new(KEY).key, message), 0x3f2a_cc7f_57c2_9bdb);
    }

    #[test]
    fn purposes_are_independent_functions() {
        let secret = Secret::new(KEY);
        assert_ne!(
            secret.hash(Purpose::InitialSequence, [1, 2, 3]),
            secret.hash(Purpose::TimestampOffset, [1, 2, 3])
        );
    }

    #[test]
    fn initial_sequence_grows_with_the_clock() {
        let secret = Secret::new(KEY);
        let local = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 15), 1025);
        let peer = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 80);
        let first = secret.initial_sequence(local, peer, Instant::from_millis(1000));
        let second = secret.initial_sequence(local, peer, Instant::from_millis(1004));
        assert_eq!(second.wrapping_sub(first), 1000);
    }

    #[test]
    fn jitter_stays_below_its_bound() {
        let mut secret = Secret::new(KEY);
        let drawn: [u32; 64] = core::array::from_fn(|_| secret.draw_below(50));
        assert!(drawn.iter().all(|&number| number < 50));
        assert!(drawn.iter().any(|&number| number != drawn[0]));
        assert_eq!(secret.draw_below(0), 0);
    }
}
