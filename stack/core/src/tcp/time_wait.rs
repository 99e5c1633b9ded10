//! What remains of a connection that has ended: TIME-WAIT, and FIN-WAIT-2 without an owner
//! (RFC 9293 §3.6.1, RFC 1337).

use super::demux::Link;
use crate::host::IfIndex;
use crate::time::{Duration, Instant};
use core::net::SocketAddrV4;
use linnet_wire::seq::SeqNum;

/// A remnant of a connection.
pub(super) struct TimeWait {
    pub local: SocketAddrV4,
    pub peer: SocketAddrV4,
    /// Successor in the demultiplexer's chain.
    pub link: Link,
    /// Next number expected; the peer's FIN lies before it, unless `fin_wait`.
    pub expected: SeqNum,
    /// Next number that would be sent.
    pub next: SeqNum,
    /// The peer's clock as last seen; counts with `timestamps`.
    pub recent: u32,
    /// When it is forgotten.
    pub deadline: Instant,
    /// The interface that the connection was bound to.
    pub iface: Option<IfIndex>,
    /// Scaled window, as it last stood in a header.
    pub window: u16,
    /// Still FIN-WAIT-2: the peer's FIN is awaited.
    pub fin_wait: bool,
    pub timestamps: bool,
}

/// How long TIME-WAIT lasts, and FIN-WAIT-2 without an owner: 60 s as in Linux.
pub(super) const WAIT: Duration = Duration::from_secs(60);

/// Remnants kept at a time; beyond, connections end without one, as Linux does past
/// `tcp_max_tw_buckets`.
pub(super) const MAX: usize = 512;
