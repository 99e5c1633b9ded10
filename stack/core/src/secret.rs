//! Numbers that an outsider cannot foresee: one keyed hash, Chaskey-12, for all of them.
//!
//! The host draws 16 random bytes once; initial sequence numbers (RFC 6528), ephemeral ports
//! (RFC 6056 algorithm 3), the IP identification (RFC 6864), timestamp offsets (RFC 7323 §5.4)
//! and jitter all derive from them, each under its own [`Purpose`], so that none tells anything
//! about another. `core` draws no random numbers of its own.

use crate::time::Instant;
use core::net::SocketAddrV4;

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
    /// What a message is masked with before the permutation: the key, and twice the key.
    before: [u32; 4],
    /// What the first word is masked with after it.
    after: u32,
    drawn: u32,
}

impl Secret {
    /// The secret of a stack, from 16 bytes that the host drew at random.
    pub const fn new(random: [u8; 16]) -> Self {
        let key = u128::from_le_bytes(random);
        // Twice the key in GF(2^128): the subkey for a message of whole blocks.
        let subkey = key << 1 ^ if key >> 127 == 0 { 0 } else { 0x87 };
        let mask = key ^ subkey;
        let before = [mask as u32, (mask >> 32) as u32, (mask >> 64) as u32, (mask >> 96) as u32];
        Self { before, after: subkey as u32, drawn: 0 }
    }

    /// The keyed hash of three words for `purpose`.
    pub fn hash(&self, purpose: Purpose, words: [u32; 3]) -> u32 {
        let [a, b, c] = words;
        // Nobody sees where in a table something lies; he who guesses finds a longer chain.
        let rounds = if matches!(purpose, Purpose::HashTable) { TABLE_ROUNDS } else { ROUNDS };
        let mut state = self.before;
        for (word, message) in state.iter_mut().zip([purpose as u32, a, b, c]) {
            *word ^= message;
        }
        let [first, ..] = permute(state, rounds);
        first ^ self.after
    }

    /// The initial sequence number of a connection (RFC 6528 §3): a 4 µs clock plus a keyed hash
    /// of the four-tuple, so that a later incarnation starts above an earlier one.
    pub fn initial_sequence(&self, local: SocketAddrV4, peer: SocketAddrV4, now: Instant) -> u32 {
        let clock = now.as_millis().wrapping_mul(250);
        clock.wrapping_add(self.hash_ends(Purpose::InitialSequence, local, peer))
    }

    /// What a connection adds to the clock in its timestamps (RFC 7323 §5.4): the same for all
    /// incarnations of a four-tuple, so that PAWS holds across them.
    pub fn timestamp_offset(&self, local: SocketAddrV4, peer: SocketAddrV4) -> u32 {
        self.hash_ends(Purpose::TimestampOffset, local, peer)
    }

    /// A hash of a four-tuple to place it in a table.
    pub fn table_hash(&self, local: SocketAddrV4, peer: SocketAddrV4) -> u32 {
        self.hash_ends(Purpose::HashTable, local, peer)
    }

    #[inline(never)]
    fn hash_ends(&self, purpose: Purpose, local: SocketAddrV4, peer: SocketAddrV4) -> u32 {
        let ports = u32::from(local.port()) << 16 | u32::from(peer.port());
        self.hash(purpose, [local.ip().to_bits(), peer.ip().to_bits(), ports])
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

/// Rounds of Chaskey-12.
const ROUNDS: u8 = 12;

/// Rounds where the hash itself is never seen: as many as Linux's tables get from HalfSipHash.
const TABLE_ROUNDS: u8 = 4;

/// The permutation of Chaskey-12 (Mouha, Mennink et al., 2014 and 2015; ISO/IEC 29192-6), made for
/// processors with words of 32 bits: all of its state is in registers, which SipHash's is not.
fn permute([mut v0, mut v1, mut v2, mut v3]: [u32; 4], rounds: u8) -> [u32; 4] {
    for _ in 0..rounds {
        v0 = v0.wrapping_add(v1);
        v1 = v1.rotate_left(5) ^ v0;
        v0 = v0.rotate_left(16);
        v2 = v2.wrapping_add(v3);
        v3 = v3.rotate_left(8) ^ v2;
        v0 = v0.wrapping_add(v3);
        v3 = v3.rotate_left(13) ^ v0;
        v2 = v2.wrapping_add(v1);
        v1 = v1.rotate_left(7) ^ v2;
        v2 = v2.rotate_left(16);
    }
    [v0, v1, v2, v3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    /// The reference vector for the bytes 0, 1, …, 15.
    #[test]
    fn matches_the_published_vector_for_sixteen_bytes() {
        let key = [0x833d_3433_u32, 0x009f_389f, 0x2398_e64f, 0x417a_cf39].map(u32::to_le_bytes);
        let secret = Secret::new(core::array::from_fn(|at| key[at / 4][at % 4]));
        let message = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c];
        let masked = core::array::from_fn(|at| secret.before[at] ^ message[at]);
        assert_eq!(permute(masked, ROUNDS)[0] ^ secret.after, 0x5dd0_e2a9);
    }

    #[test]
    fn the_subkey_wraps_around_the_field() {
        let secret = Secret::new([0xff; 16]);
        assert_eq!((secret.after, secret.before), (0xffff_ff79, [0x86, 0, 0, 0]));
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
