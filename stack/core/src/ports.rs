//! The choice of an ephemeral port: a different, keyed starting point for every peer
//! (RFC 6056 §3.3.3, algorithm 3).
//!
//! Whether a port is free is the protocol's own question: each keeps one [`Ports`].

use crate::secret::{Purpose, Secret};
use core::net::{Ipv4Addr, SocketAddrV4};

/// The first ephemeral port, as Linux has it.
pub const FIRST: u16 = 32768;
/// The last ephemeral port, as Linux has it.
pub const LAST: u16 = 60999;
const COUNT: u32 = (LAST - FIRST) as u32 + 1;

/// Ports below are for the privileged.
pub const UNPRIVILEGED: u16 = 1024;

/// Where the next search goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    next: u32,
}

impl Ports {
    /// A search that starts where the keyed hash says.
    pub const fn new() -> Self {
        Self { next: 0 }
    }

    /// A port that `in_use` does not claim, for a socket at `local` that will talk to `peer`
    /// (zeros for a bind without one). `None` when all are taken.
    pub fn choose(
        &mut self,
        secret: &Secret,
        local: Ipv4Addr,
        peer: SocketAddrV4,
        in_use: &mut dyn FnMut(u16) -> bool,
    ) -> Option<u16> {
        let words = [local.to_bits(), peer.ip().to_bits(), u32::from(peer.port())];
        let offset = secret.hash(Purpose::EphemeralPort, words) % COUNT;
        for _ in 0..COUNT {
            let port = FIRST + ((offset + self.next) % COUNT) as u16;
            self.next = (self.next + 1) % COUNT;
            if !in_use(port) {
                return Some(port);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

    fn peer(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), port)
    }

    #[test]
    fn finds_the_one_free_port_and_none_when_all_are_taken() {
        let secret = Secret::new([7; 16]);
        let mut ports = Ports::default();
        assert_eq!(ports.choose(&secret, LOCAL, peer(80), &mut |port| port != 50000), Some(50000));
        assert_eq!(ports.choose(&secret, LOCAL, peer(80), &mut |_| true), None);
    }

    #[test]
    fn consecutive_choices_differ_and_peers_start_apart() {
        let secret = Secret::new([7; 16]);
        let mut ports = Ports::default();
        let mut first = || ports.choose(&secret, LOCAL, peer(80), &mut |_| false);
        assert_ne!(first(), first());
        let start = |port| Ports::default().choose(&secret, LOCAL, peer(port), &mut |_| false);
        assert_ne!(start(80), start(81));
        assert_ne!(
            start(80),
            Ports::default().choose(&Secret::new([8; 16]), LOCAL, peer(80), &mut |_| false)
        );
    }
}
