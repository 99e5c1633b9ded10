//! The global cap on what queues hold: every queued buffer is charged here.
//!
//! `used` counts `Buf::footprint` of everything that sits in a queue of the stack. Refusals have
//! an order: out-of-order data goes first, then windows shrink, then new connections are
//! refused; an established connection waits.

/// How near the cap the queues are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pressure {
    /// Less than three quarters of the cap are in use.
    Low,
    /// Between three quarters and the cap: drop out-of-order data, shrink windows.
    High,
    /// At the cap: refuse what is new.
    Exhausted,
}

/// Bytes in use by queued buffers, and how many may be.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    used: usize,
    limit: usize,
}

impl Memory {
    /// An empty account of `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }

    /// Bytes charged now.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The cap in bytes.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Charges `bytes` if they fit below the cap; `false`, and no change, if not.
    #[must_use]
    #[inline(never)]
    pub fn try_charge(&mut self, bytes: usize) -> bool {
        let fits = self.limit.saturating_sub(self.used) >= bytes;
        if fits {
            self.used += bytes;
        }
        fits
    }

    /// Charges `bytes` even beyond the cap: for what a connection cannot do without (its SYN,
    /// its FIN, the one segment that reopens a window).
    pub fn force_charge(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Gives back what was charged.
    #[inline(never)]
    pub fn release(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "more released than charged");
        self.used = self.used.saturating_sub(bytes);
    }

    /// How near the cap the account is.
    pub const fn pressure(&self) -> Pressure {
        if self.used >= self.limit {
            Pressure::Exhausted
        } else if self.used >= self.limit - self.limit / 4 {
            Pressure::High
        } else {
            Pressure::Low
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_up_to_the_cap_and_no_further() {
        let mut memory = Memory::new(1000);
        assert!(memory.try_charge(700));
        assert_eq!(memory.pressure(), Pressure::Low);
        assert!(!memory.try_charge(301));
        assert_eq!(memory.used(), 700);
        assert!(memory.try_charge(300));
        assert_eq!(memory.pressure(), Pressure::Exhausted);
        memory.force_charge(500);
        assert!(!memory.try_charge(1));
        memory.release(700);
        assert_eq!((memory.used(), memory.pressure()), (800, Pressure::High));
    }
}
