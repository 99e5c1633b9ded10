//! One of several equals by lot, when they are only met one after the other: sockets that share a
//! port with `SO_REUSEPORT`.

/// A draw among equals that a hash decides: the same hash falls on the same one while none comes
/// or goes.
pub(crate) struct Lot {
    hash: u32,
    equals: u32,
}

impl Lot {
    pub const fn new(hash: u32) -> Self {
        Self { hash, equals: 0 }
    }

    /// Whether the next candidate takes the place of the one so far: always if it is `better`,
    /// else the n-th of n equals with probability 1/n, if it takes part at all.
    #[inline(never)]
    pub fn falls_on(&mut self, better: bool, takes_part: bool) -> bool {
        if better {
            self.equals = 1;
            return true;
        }
        if takes_part {
            self.equals += 1;
            let wins = (u64::from(self.hash) * u64::from(self.equals)) >> 32 == 0;
            self.hash = self.hash.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            return wins;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_equal_has_the_same_chance_and_the_better_wins() {
        let mut shares = [0u32; 4];
        for hash in (0..4000u32).map(|number| number.wrapping_mul(0x9e37_79b9)) {
            let mut lot = Lot::new(hash);
            let mut winner = 0;
            for candidate in 0..4 {
                if lot.falls_on(candidate == 0, true) {
                    winner = candidate;
                }
            }
            shares[winner] += 1;
        }
        assert!(shares.iter().all(|share| (900..1100).contains(share)), "{shares:?}");
        let mut lot = Lot::new(0);
        assert!(lot.falls_on(true, false));
        assert!(!lot.falls_on(false, false), "no part in it");
        assert!(lot.falls_on(true, true));
    }
}
