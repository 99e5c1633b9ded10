//! Reproducible pseudo-random numbers and bytes: SplitMix64, seeded, never from the clock.

use sha2::{Digest, Sha256};

/// A SplitMix64 generator: 64 bits of state, every seed good, the same sequence on every host.
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    /// A generator whose sequence `seed` alone decides.
    pub fn new(seed: u64) -> Noise {
        Noise(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero; the bias is below 2⁻³².
    pub fn below(&mut self, bound: u32) -> u32 {
        let wide = (self.draw() >> 32) * u64::from(bound);
        (wide >> 32) as u32
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 7);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.draw().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

/// The SHA-256 of `bytes`, as `sha256sum` prints it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // Reference values of SplitMix64 for seed 1234567.
        let mut noise = Noise::new(1_234_567);
        assert_eq!(noise.draw(), 6_457_827_717_110_365_317);
        assert_eq!(noise.draw(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn bytes_have_the_length_asked_for_and_repeat_by_seed() {
        for len in [0, 1, 7, 8, 9, 4096] {
            assert_eq!(Noise::new(3).bytes(len).len(), len);
        }
        assert_eq!(Noise::new(3).bytes(100), Noise::new(3).bytes(100));
        assert_ne!(Noise::new(3).bytes(100), Noise::new(4).bytes(100));
    }

    #[test]
    fn below_stays_below() {
        let mut noise = Noise::new(9);
        assert!((0..1000).all(|_| noise.below(7) < 7));
    }

    #[test]
    fn sha256_is_printed_like_sha256sum() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
