//! What a program sets with `setsockopt` to a number: one table for all kinds of sockets, so that each
//! option is the same few instructions to set and to read.

use crate::errno::Errno;
use crate::socket::OptName;
use crate::time::Duration;

/// The options of a socket whose value is a number, those of `SOL_SOCKET` left out ([`crate::socket::Common`]).
#[derive(Clone, Copy)]
pub(crate) struct Settings([i32; COUNT]);

/// Options that are kept here: the first ones of [`OptName`].
const COUNT: usize = OptName::UserTimeout as usize + 1;

impl Settings {
    /// Linux's defaults, in the order of [`OptName`].
    pub const DEFAULT: Self = Self([64, 0, 1, 0, 1, 1, 0, 0, 0, 7200, 75, 9, 6, 0, 0, 0, 0]);

    /// The value of an option; zero of one that is not kept here.
    #[inline]
    pub fn of(&self, name: OptName) -> i32 {
        self.0.get(name as usize).copied().unwrap_or(0)
    }

    /// Whether an option is set.
    #[inline]
    pub fn has(&self, name: OptName) -> bool {
        self.of(name) != 0
    }

    /// The value of an option in seconds.
    #[inline]
    pub fn seconds(&self, name: OptName) -> Duration {
        Duration::from_secs(self.of(name) as u32)
    }

    /// Sets an option within Linux's range. EINVAL beyond it; ENOPROTOOPT for what is not kept here.
    #[inline(never)]
    pub fn set(&mut self, name: OptName, value: i32) -> Result<(), Errno> {
        let slot = self.0.get_mut(name as usize).ok_or(Errno::ENOPROTOOPT)?;
        // Back to the default.
        if value == -1 && matches!(name, OptName::Ttl | OptName::MulticastTtl) {
            *slot = Self::DEFAULT.of(name);
            return Ok(());
        }
        let (low, high) = match name {
            OptName::Ttl => (1, 255),
            OptName::MulticastTtl => (0, 255),
            OptName::MtuDiscover => (0, 3),
            OptName::MaxSegment if value != 0 => (88, 32_767),
            OptName::KeepIdle | OptName::KeepInterval => (1, 32_767),
            OptName::KeepCount | OptName::SynCount => (1, 127),
            OptName::WindowClamp | OptName::UserTimeout => (0, i32::MAX),
            _ => (i32::MIN, i32::MAX),
        };
        if value < low || value > high {
            return Err(Errno::EINVAL);
        }
        *slot = match name {
            OptName::Tos => value & 0xff,
            OptName::LingerTwo => value.clamp(-1, 120),
            OptName::DeferAccept => value.clamp(0, 32_767),
            OptName::ReceiveErrors | OptName::MulticastLoop | OptName::NoDelay | OptName::Cork => {
                i32::from(value != 0)
            }
            _ => value,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_linux_ranges() {
        for (name, option, value, expected) in [
            ("ttl", OptName::Ttl, 9, Ok(9)),
            ("ttl back to the default", OptName::Ttl, -1, Ok(64)),
            ("ttl of zero", OptName::Ttl, 0, Err(Errno::EINVAL)),
            ("ttl too large", OptName::Ttl, 256, Err(Errno::EINVAL)),
            ("multicast ttl of zero", OptName::MulticastTtl, 0, Ok(0)),
            ("multicast ttl back to the default", OptName::MulticastTtl, -1, Ok(1)),
            ("type of service is a byte", OptName::Tos, 0x110, Ok(0x10)),
            ("unknown discovery", OptName::MtuDiscover, 9, Err(Errno::EINVAL)),
            ("a switch", OptName::NoDelay, 7, Ok(1)),
            ("mss too small", OptName::MaxSegment, 87, Err(Errno::EINVAL)),
            ("mss back to the default", OptName::MaxSegment, 0, Ok(0)),
            ("keepalive of no time", OptName::KeepIdle, 0, Err(Errno::EINVAL)),
            ("too many probes", OptName::KeepCount, 128, Err(Errno::EINVAL)),
            ("negative timeout", OptName::UserTimeout, -1, Err(Errno::EINVAL)),
            ("linger for ever", OptName::LingerTwo, 1000, Ok(120)),
            ("defer into the past", OptName::DeferAccept, -5, Ok(0)),
            ("what is only read", OptName::Mtu, 1500, Err(Errno::ENOPROTOOPT)),
        ] {
            let mut settings = Settings::DEFAULT;
            let outcome = settings.set(option, value).map(|()| settings.of(option));
            assert_eq!(outcome, expected, "{name}");
        }
    }
}
