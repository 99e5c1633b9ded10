//! Round-trip time and the retransmission timeout made from it (RFC 6298).

use crate::time::Duration;

/// The shortest timeout, in milliseconds: Linux's, below RFC 6298 §2.4's second.
const MIN_RTO: u32 = 200;

/// The longest timeout, in milliseconds (RFC 6298 §2.5 asks for at least 60 s; Linux has 120 s).
const MAX_RTO: u32 = 120_000;

/// The timeout before the first sample, in milliseconds (RFC 6298 §2.1).
const INITIAL_RTO: u32 = 1000;

/// The estimator of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    /// Smoothed round-trip time, in eighths of a millisecond; zero before the first sample.
    smoothed: u32,
    /// Its variation, in quarters of a millisecond; before the first sample, milliseconds that are
    /// added to the initial timeout.
    variation: u32,
    /// How often the timeout was doubled.
    backoff: u8,
}

impl Rtt {
    /// An estimator without samples.
    pub const fn new() -> Self {
        Self { smoothed: 0, variation: 0, backoff: 0 }
    }

    /// Takes in a sample. A new one also ends the doubling of the timeout (RFC 6298 §5.7).
    pub fn sample(&mut self, rtt: Duration) {
        // Below the clock's grain of a millisecond everything counts as one grain.
        let rtt = rtt.as_millis().clamp(1, MAX_RTO);
        if self.smoothed == 0 {
            // RFC 6298 §2.2: SRTT = R, RTTVAR = R / 2.
            self.smoothed = rtt << 3;
            self.variation = rtt << 1;
        } else {
            // RFC 6298 §2.3: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R|, SRTT = 7/8 SRTT + 1/8 R.
            let error = rtt.abs_diff(self.smoothed >> 3);
            self.variation = self.variation - (self.variation >> 2) + error;
            self.smoothed = self.smoothed - (self.smoothed >> 3) + rtt;
        }
        self.backoff = 0;
    }

    /// The present timeout, doubling included.
    pub const fn timeout(&self) -> Duration {
        let mut rto = if self.smoothed == 0 {
            INITIAL_RTO + self.variation
        } else {
            // RFC 6298 §2.3: RTO = SRTT + max(G, 4 RTTVAR). Linux floors the second term, not
            // the sum, so that a peer's delayed acknowledgment fits in at any distance.
            let spread = if self.variation < MIN_RTO { MIN_RTO } else { self.variation };
            (self.smoothed >> 3) + spread
        };
        let mut left = self.backoff;
        while left > 0 && rto < MAX_RTO {
            rto <<= 1;
            left -= 1;
        }
        Duration::from_millis(if rto < MAX_RTO { rto } else { MAX_RTO })
    }

    /// RFC 6298 §5.5: the timeout expired; the next one is twice as long.
    pub const fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// Ends the doubling: the peer acknowledged something, though no sample came of it.
    pub const fn end_back_off(&mut self) {
        self.backoff = 0;
    }

    /// How often the timeout was doubled.
    pub const fn backoff(&self) -> u8 {
        self.backoff
    }

    /// RFC 6298 §5.7: when the SYN had to be sent again, the first estimate starts from 3 s.
    pub const fn distrust(&mut self) {
        if self.smoothed == 0 {
            self.variation = 2000;
            self.backoff = 0;
        }
    }

    /// Smoothed round-trip time and its variation, in microseconds, for TCP_INFO.
    pub const fn micros(&self) -> (u32, u32) {
        (self.smoothed.saturating_mul(125), self.variation.saturating_mul(250))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(samples: &[u32]) -> Rtt {
        let mut rtt = Rtt::new();
        for &sample in samples {
            rtt.sample(Duration::from_millis(sample));
        }
        rtt
    }

    #[test]
    fn timeouts() {
        for (name, samples, expected) in [
            ("no sample", &[][..], 1000),
            ("first sample", &[1000], 1000 + 2000),
            ("below the grain", &[0], 201),
            ("steady", &[100; 60], 300),
            ("absurd", &[u32::MAX], 120_000),
        ] {
            assert_eq!(after(samples).timeout().as_millis(), expected, "{name}");
        }
    }

    #[test]
    fn doubling_is_bounded_and_ends_with_a_sample() {
        let mut rtt = after(&[100; 60]);
        let mut last = rtt.timeout();
        for _ in 0..300 {
            rtt.back_off();
            assert!(rtt.timeout() >= last);
            last = rtt.timeout();
        }
        assert_eq!(last.as_millis(), 120_000);
        rtt.sample(Duration::from_millis(100));
        assert_eq!((rtt.timeout().as_millis(), rtt.backoff()), (300, 0));
    }

    #[test]
    fn a_jump_is_followed() {
        let mut rtt = after(&[10; 50]);
        for _ in 0..40 {
            rtt.sample(Duration::from_millis(900));
        }
        assert!((890..=910).contains(&(rtt.micros().0 / 1000)), "{rtt:?}");
        assert!(rtt.timeout().as_millis() > 900);
    }
}
