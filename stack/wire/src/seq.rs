//! TCP sequence numbers: positions on a circle of 2^32, compared by distance (RFC 9293 §3.4).

/// A sequence number. It has no order of its own: only two that lie less than 2^31 apart compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct SeqNum(pub u32);

impl SeqNum {
    /// Whether `self` lies strictly before `other`.
    pub const fn before(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// Whether `self` lies strictly after `other`.
    pub const fn after(self, other: Self) -> bool {
        other.before(self)
    }

    /// The number `count` places on.
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The number `count` places back.
    pub const fn minus(self, count: u32) -> Self {
        Self(self.0.wrapping_sub(count))
    }

    /// How many places `self` lies past `earlier`; zero if it lies before it.
    pub const fn since(self, earlier: Self) -> u32 {
        if self.before(earlier) { 0 } else { self.0.wrapping_sub(earlier.0) }
    }

    /// Whether `self` lies in the `len` places from `start` on.
    pub const fn is_within(self, start: Self, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }

    /// The later of two.
    pub const fn max(self, other: Self) -> Self {
        if self.before(other) { other } else { self }
    }

    /// The earlier of two.
    pub const fn min(self, other: Self) -> Self {
        if other.before(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        for start in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX] {
            let a = SeqNum(start);
            for step in [1, 2, 1000, 0x7fff_ffff] {
                let b = a.plus(step);
                assert!(a.before(b) && b.after(a) && !b.before(a), "{start} + {step}");
                assert_eq!((b.since(a), a.since(b)), (step, 0), "{start} + {step}");
                assert_eq!((a.max(b), a.min(b)), (b, a), "{start} + {step}");
                assert_eq!(b.minus(step), a);
                assert!(a.is_within(a, step) && !b.is_within(a, step) && !a.minus(1).is_within(a, step));
            }
            assert!(!a.before(a) && !a.after(a) && !a.is_within(a, 0));
        }
    }
}
