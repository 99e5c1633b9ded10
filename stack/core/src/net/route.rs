//! Questions to routing, and its answers.

use crate::host::IfIndex;
use core::net::Ipv4Addr;

/// Which way to a destination?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteQuery {
    /// Where to.
    pub destination: Ipv4Addr,
    /// The source, if the socket has chosen one; it must be ours, or 0.0.0.0 for "choose".
    pub source: Option<Ipv4Addr>,
    /// The interface, if the socket is bound to one (`SO_BINDTODEVICE`, `IP_PKTINFO`,
    /// `IP_MULTICAST_IF`). Then an interface without any route or address will do, too.
    pub iface: Option<IfIndex>,
}

/// This way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// Interface to send on; the loopback interface for [`PathKind::Local`].
    pub iface: IfIndex,
    /// The source address to use; 0.0.0.0 only on an interface that has none yet.
    pub source: Ipv4Addr,
    /// The neighbour to hand the packet to: a gateway, or the destination itself.
    pub next_hop: Ipv4Addr,
    /// Largest IPv4 packet, header included, that the path is known to take.
    pub mtu: u16,
    /// What kind of destination it is.
    pub kind: PathKind,
}

/// What kind of destination a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathKind {
    /// One host elsewhere.
    Unicast,
    /// Everyone on a network.
    Broadcast,
    /// A multicast group.
    Multicast,
    /// Ourselves.
    Local,
}
