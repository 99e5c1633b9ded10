//! What passes between IPv4 and the transports.

use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::IfIndex;
use core::net::Ipv4Addr;
use linnet_wire::ipv4::Protocol;

/// What a transport says about a payload that IPv4 shall send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Source address; as `Net::route` answered it.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Protocol of the payload.
    pub protocol: Protocol,
    /// Time to live.
    pub ttl: u8,
    /// Type of service.
    pub tos: u8,
    /// Whether the Don't Fragment bit is set; a payload that does not fit is then refused with
    /// `EMSGSIZE`.
    pub dont_fragment: bool,
    /// The interface, if the socket is bound to one.
    pub iface: Option<IfIndex>,
    /// Multicast only: whether members on this host get a copy.
    pub loop_back: bool,
    /// Whether the destination must be on a connected network (`SO_DONTROUTE`).
    pub dont_route: bool,
}

impl Outgoing {
    /// Defaults for a unicast packet: TTL 64, may be fragmented.
    pub const fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: Protocol) -> Self {
        Self {
            source,
            destination,
            protocol,
            ttl: DEFAULT_TTL,
            tos: 0,
            dont_fragment: false,
            iface: None,
            loop_back: true,
            dont_route: false,
        }
    }
}

/// The time to live of unicast packets (RFC 1700; Linux's default).
pub const DEFAULT_TTL: u8 = 64;

/// What IPv4 says about a payload that it received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Source address: a unicast one, or 0.0.0.0 (DHCP).
    pub source: Ipv4Addr,
    /// Destination address: ours, a broadcast, or a group joined on `iface`.
    pub destination: Ipv4Addr,
    /// The interface it came in on.
    pub iface: IfIndex,
    /// Time to live it had left.
    pub ttl: u8,
    /// Type of service.
    pub tos: u8,
    /// Whom it was sent to.
    pub kind: Cast,
}

/// Whom a received packet was sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cast {
    /// One of our addresses.
    Unicast,
    /// A broadcast, of IPv4 or of the link.
    Broadcast,
    /// A group that we joined.
    Multicast,
}

/// What a transport did with a payload.
#[derive(Debug)]
pub enum Verdict<B> {
    /// Kept or consumed.
    Taken,
    /// Dropped; the caller counts it.
    Dropped(DropReason),
    /// Nobody listens: the caller answers with "port unreachable", if that is allowed. The
    /// buffer still starts at the transport header.
    Unreachable(B),
}

/// An ICMP error about something that we sent, or a next hop that did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError<'a> {
    /// What a socket reports.
    pub errno: Errno,
    /// Whether the error ends what it is about; a soft one is only reported to those who
    /// asked (`IP_RECVERR`), or by TCP when it times out (RFC 1122 §4.2.3.9).
    pub hard: bool,
    /// "Fragmentation needed": the next hop's MTU, at least 552. TCP validates the embedded
    /// sequence number and then calls `Net::update_path_mtu` (RFC 5927 §7).
    pub mtu: Option<u16>,
    /// ICMP type, for `IP_RECVERR`.
    pub icmp_type: u8,
    /// ICMP code, for `IP_RECVERR`.
    pub icmp_code: u8,
    /// Who sent the error; ourselves when the next hop did not answer.
    pub reporter: Ipv4Addr,
    /// Protocol of the packet that it is about.
    pub protocol: Protocol,
    /// The packet's source: one of our addresses.
    pub source: Ipv4Addr,
    /// The packet's destination: our peer.
    pub destination: Ipv4Addr,
    /// At least 8 bytes of the packet's transport header.
    pub transport: &'a [u8],
}
