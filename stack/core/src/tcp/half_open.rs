//! What a listener keeps of a SYN that it answered: a remnant of 52 bytes, not a connection.

use super::demux::Link;
use crate::slab::Handle;
use crate::time::Instant;
use core::net::SocketAddrV4;
use linnet_wire::seq::SeqNum;

/// A connection in SYN-RECEIVED that began at a listener.
pub(super) struct HalfOpen {
    pub local: SocketAddrV4,
    pub peer: SocketAddrV4,
    /// Successor in the demultiplexer's chain.
    pub link: Link,
    pub listener: Handle,
    /// The peer's SYN.
    pub irs: SeqNum,
    /// Our SYN.
    pub iss: SeqNum,
    /// The peer's clock as last seen; counts with `timestamps`.
    pub recent: u32,
    /// When the SYN-ACK goes out again.
    pub deadline: Instant,
    /// When the SYN came.
    pub since: Instant,
    /// Largest payload that the peer takes.
    pub mss: u16,
    /// How often the SYN-ACK went out again.
    pub retries: u8,
    /// The peer's window shift; `None` when it does not scale.
    pub scale: Option<u8>,
    pub timestamps: bool,
    pub sack: bool,
    /// The peer has acknowledged, and data is still awaited (`TCP_DEFER_ACCEPT`).
    pub acknowledged: bool,
}

/// What one is charged: the remnant, and its place in the slab.
pub(super) const FOOTPRINT: usize = size_of::<HalfOpen>() + 12;

/// How often a SYN-ACK goes out again (Linux's `tcp_synack_retries`).
pub(super) const RETRIES: u8 = 5;

#[cfg(test)]
mod tests {
    #[test]
    fn remnants_are_small() {
        assert!(size_of::<super::HalfOpen>() <= 52, "{}", size_of::<super::HalfOpen>());
        assert!(size_of::<super::super::time_wait::TimeWait>() <= 40);
    }
}
