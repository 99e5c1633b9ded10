//! Time as the stack sees it: milliseconds that wrap, compared like sequence numbers.
//!
//! `core` never reads a clock: every entry point is handed the `Instant` at which it happens.
//! 32 bits wrap after 49 days; two instants compare correctly while less than 24 days apart,
//! and no timer of the stack runs longer than that.

/// A point in time, in milliseconds since an arbitrary moment of the host's choosing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Instant(u32);

impl Instant {
    /// The instant `millis` milliseconds after the host's arbitrary zero, modulo 2^32.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis)
    }

    /// Milliseconds since the host's zero, modulo 2^32: what a TCP timestamp is made of.
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// Whether `self` comes strictly before `other`.
    pub const fn before(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    /// Whether a timer set for `self` is due at `now`.
    pub const fn is_due(self, now: Self) -> bool {
        !now.before(self)
    }

    /// The earlier of two instants that may both be missing.
    #[inline(never)]
    pub const fn sooner(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
    }

    /// The earlier of two instants.
    pub const fn min(self, other: Self) -> Self {
        if other.before(self) { other } else { self }
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        if self.before(earlier) { Duration(0) } else { Duration(self.0.wrapping_sub(earlier.0)) }
    }

    /// How long ago `past` was, which is known not to lie in the future: right for the whole
    /// circle of 49 days, where [`Instant::since`] is for half of it.
    pub const fn past(self, past: Self) -> Duration {
        Duration(self.0.wrapping_sub(past.0))
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.wrapping_add(wait.0))
    }
}

/// A span of time in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Duration(u32);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `millis` milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis)
    }

    /// A span of `secs` seconds.
    pub const fn from_secs(secs: u32) -> Self {
        Self(secs * 1000)
    }

    /// The span in milliseconds.
    pub const fn as_millis(self) -> u32 {
        self.0
    }
}

impl core::ops::Add for Duration {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }
}
