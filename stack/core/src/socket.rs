//! The socket surface: what every kind of socket takes, gives and reports.
//!
//! Values and meanings are Linux's, so that a host only carries them across.

use crate::host::{Buf, IfIndex, Owner};
use crate::slab::Handle;
use crate::time::Duration;
use core::net::{Ipv4Addr, SocketAddrV4};

/// What kind of socket to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `SOCK_STREAM`: TCP.
    Stream,
    /// `SOCK_DGRAM`: UDP.
    Datagram,
    /// `SOCK_DGRAM` with `IPPROTO_ICMP`: echo requests and their replies.
    Ping,
    /// `SOCK_RAW`: packets of this IPv4 protocol. That it is for the privileged is the host's to check.
    #[cfg(feature = "raw")]
    Raw(u8),
}

/// Names a socket of the stack. Stale ones find nothing (`EINVAL`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketId {
    /// A TCP socket: listening, connected, or neither yet.
    Tcp(Handle),
    /// A UDP socket.
    Udp(Handle),
    /// An ICMP echo socket, or a raw one.
    Ping(Handle),
}

impl SocketId {
    /// The id as a number, never zero, to cross a foreign interface.
    pub const fn to_bits(self) -> u32 {
        match self {
            Self::Tcp(handle) => 1 << 30 | handle.to_bits(),
            Self::Udp(handle) => 2 << 30 | handle.to_bits(),
            Self::Ping(handle) => 3 << 30 | handle.to_bits(),
        }
    }

    /// The id that [`SocketId::to_bits`] gave; `None` for what it never gives.
    #[inline(never)]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        let handle = Handle::from_bits(bits & 0x3fff_ffff);
        match bits >> 30 {
            1 => Some(Self::Tcp(handle)),
            2 => Some(Self::Udp(handle)),
            3 => Some(Self::Ping(handle)),
            _ => None,
        }
    }
}

/// What a socket is ready for: Linux's `POLL*` bits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness(pub u16);

impl Readiness {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `POLLIN`: something to read, a connection to accept, or the end.
    pub const IN: Self = Self(0x001);
    /// `POLLPRI`: urgent data.
    pub const PRI: Self = Self(0x002);
    /// `POLLOUT`: room to send.
    pub const OUT: Self = Self(0x004);
    /// `POLLERR`: an error waits.
    pub const ERR: Self = Self(0x008);
    /// `POLLHUP`: both directions are closed.
    pub const HUP: Self = Self(0x010);
    /// `POLLRDNORM`: goes with `IN`.
    pub const RDNORM: Self = Self(0x040);
    /// `POLLWRNORM`: goes with `OUT`.
    pub const WRNORM: Self = Self(0x100);
    /// `POLLWRBAND`: goes with `OUT`.
    pub const WRBAND: Self = Self(0x200);
    /// `POLLRDHUP`: the peer sends no more.
    pub const RDHUP: Self = Self(0x2000);

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Both sets if `condition` holds, otherwise this one.
    #[must_use]
    pub const fn with_if(self, condition: bool, other: Self) -> Self {
        if condition { self.with(other) } else { self }
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl core::ops::BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl core::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The options at `SOL_SOCKET` that the stack heeds. The host keeps them and hands in all of
/// them after a change: in C's layout, so that it can keep them in this form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Common {
    /// `SO_RCVBUF` as Linux keeps it (twice what was asked for): bytes of buffer footprint.
    pub receive_buffer: u32,
    /// `SO_SNDBUF` as Linux keeps it: bytes of buffer footprint.
    pub send_buffer: u32,
    /// `SO_BINDTODEVICE`: only this interface.
    pub iface: Option<IfIndex>,
    /// The user whose socket it is: who shares a port by `SO_REUSEPORT` is one user's.
    pub user: u32,
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `SO_KEEPALIVE`.
    pub keepalive: bool,
    /// `SO_BROADCAST`.
    pub broadcast: bool,
    /// `SO_OOBINLINE`.
    pub urgent_inline: bool,
    /// `SO_DONTROUTE`.
    pub dont_route: bool,
}

impl Common {
    /// What a socket has before it is told otherwise.
    pub const DEFAULT: Self = Self {
        receive_buffer: 32 * 1024,
        send_buffer: 32 * 1024,
        iface: None,
        user: 0,
        reuse_address: false,
        reuse_port: false,
        keepalive: false,
        broadcast: false,
        urgent_inline: false,
        dont_route: false,
    };

    /// Whether sockets with these options may have one port by `SO_REUSEPORT`: both want it, and
    /// no other user takes part of the first one's traffic away.
    pub const fn shares_port(&self, other: &Self) -> bool {
        self.reuse_port && other.reuse_port && self.user == other.user
    }

    /// Whether sockets with these options never meet: both are bound to interfaces, and to different ones.
    pub fn is_apart(&self, other: &Self) -> bool {
        matches!((self.iface, other.iface), (Some(own), Some(other)) if own != other)
    }
}

impl Default for Common {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// `IP_MTU_DISCOVER`: what to do with the Don't Fragment bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum MtuDiscovery {
    /// `IP_PMTUDISC_DONT`: never set it.
    Never = 0,
    /// `IP_PMTUDISC_WANT`: set it where the datagram fits, fragment where it does not.
    #[default]
    Want = 1,
    /// `IP_PMTUDISC_DO`: always set it; larger datagrams are refused with `EMSGSIZE`.
    Always = 2,
    /// `IP_PMTUDISC_PROBE`: always set it, and ignore what is known of the path.
    Probe = 3,
}

impl MtuDiscovery {
    /// The setting for Linux's number.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Never),
            1 => Some(Self::Want),
            2 => Some(Self::Always),
            3 => Some(Self::Probe),
            _ => None,
        }
    }
}

/// An option to set, at `IPPROTO_IP` or `IPPROTO_TCP`: what `Stack::set_value` and `Stack::group` do, in one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opt {
    /// `IP_TTL`, 1..=255; `None` goes back to the default.
    Ttl(Option<u8>),
    /// `IP_TOS`.
    Tos(u8),
    /// `IP_MTU_DISCOVER`.
    MtuDiscover(MtuDiscovery),
    /// `IP_RECVERR`: also transient errors are reported.
    ReceiveErrors(bool),
    /// `IP_MULTICAST_TTL`; `None` goes back to 1.
    MulticastTtl(Option<u8>),
    /// `IP_MULTICAST_LOOP`.
    MulticastLoop(bool),
    /// `IP_MULTICAST_IF`: by interface, by its address, or neither.
    MulticastIface {
        /// The interface, if named.
        iface: Option<IfIndex>,
        /// The address of one, or 0.0.0.0.
        address: Ipv4Addr,
    },
    /// `IP_ADD_MEMBERSHIP`.
    Join(Membership),
    /// `IP_DROP_MEMBERSHIP`.
    Leave(Membership),
    /// `TCP_NODELAY`.
    NoDelay(bool),
    /// `TCP_CORK`.
    Cork(bool),
    /// `TCP_QUICKACK`.
    QuickAck(bool),
    /// `TCP_MAXSEG` in bytes; zero takes it back.
    MaxSegment(u16),
    /// `TCP_KEEPIDLE` in seconds.
    KeepIdle(u32),
    /// `TCP_KEEPINTVL` in seconds.
    KeepInterval(u32),
    /// `TCP_KEEPCNT`.
    KeepCount(u8),
    /// `TCP_SYNCNT`.
    SynCount(u8),
    /// `TCP_LINGER2` in seconds; negative ends a connection at close.
    LingerTwo(i32),
    /// `TCP_DEFER_ACCEPT` in seconds.
    DeferAccept(u32),
    /// `TCP_WINDOW_CLAMP` in bytes.
    WindowClamp(u32),
    /// `TCP_USER_TIMEOUT` in milliseconds; zero takes it back.
    UserTimeout(u32),
}

impl Opt {
    /// The option's name and number; `None` for those about groups.
    pub(crate) fn number(self) -> Option<(OptName, i32)> {
        Some(match self {
            Self::Ttl(ttl) => (OptName::Ttl, ttl.map_or(-1, i32::from)),
            Self::Tos(tos) => (OptName::Tos, tos.into()),
            Self::MtuDiscover(how) => (OptName::MtuDiscover, how as i32),
            Self::ReceiveErrors(on) => (OptName::ReceiveErrors, on.into()),
            Self::MulticastTtl(ttl) => (OptName::MulticastTtl, ttl.map_or(-1, i32::from)),
            Self::MulticastLoop(on) => (OptName::MulticastLoop, on.into()),
            Self::NoDelay(on) => (OptName::NoDelay, on.into()),
            Self::Cork(on) => (OptName::Cork, on.into()),
            Self::QuickAck(on) => (OptName::QuickAck, on.into()),
            Self::MaxSegment(bytes) => (OptName::MaxSegment, bytes.into()),
            Self::KeepIdle(seconds) => (OptName::KeepIdle, seconds as i32),
            Self::KeepInterval(seconds) => (OptName::KeepInterval, seconds as i32),
            Self::KeepCount(count) => (OptName::KeepCount, count.into()),
            Self::SynCount(count) => (OptName::SynCount, count.into()),
            Self::LingerTwo(seconds) => (OptName::LingerTwo, seconds),
            Self::DeferAccept(seconds) => (OptName::DeferAccept, seconds as i32),
            Self::WindowClamp(bytes) => (OptName::WindowClamp, bytes as i32),
            Self::UserTimeout(millis) => (OptName::UserTimeout, millis as i32),
            Self::MulticastIface { .. } | Self::Join(_) | Self::Leave(_) => return None,
        })
    }
}

/// A multicast group on an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The group.
    pub group: Ipv4Addr,
    /// The interface, if named.
    pub iface: Option<IfIndex>,
    /// The address of an interface where none is named; 0.0.0.0 leaves the choice to routing.
    pub address: Ipv4Addr,
}

/// An option by its name. Those up to `UserTimeout` are set to a number and read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
#[repr(u8)]
pub enum OptName {
    /// `IP_TTL`, 1..=255; -1 goes back to the default.
    Ttl,
    /// `IP_TOS`.
    Tos,
    /// `IP_MTU_DISCOVER`.
    MtuDiscover,
    /// `IP_RECVERR`.
    ReceiveErrors,
    /// `IP_MULTICAST_TTL`; -1 goes back to 1.
    MulticastTtl,
    /// `IP_MULTICAST_LOOP`.
    MulticastLoop,
    /// `TCP_NODELAY`: the first of TCP's.
    NoDelay,
    /// `TCP_CORK`.
    Cork,
    /// `TCP_MAXSEG`.
    MaxSegment,
    /// `TCP_KEEPIDLE`.
    KeepIdle,
    /// `TCP_KEEPINTVL`.
    KeepInterval,
    /// `TCP_KEEPCNT`.
    KeepCount,
    /// `TCP_SYNCNT`.
    SynCount,
    /// `TCP_LINGER2`.
    LingerTwo,
    /// `TCP_DEFER_ACCEPT`.
    DeferAccept,
    /// `TCP_WINDOW_CLAMP`.
    WindowClamp,
    /// `TCP_USER_TIMEOUT`.
    UserTimeout,
    /// `TCP_QUICKACK`: set and read, but not kept.
    QuickAck,
    /// `IP_MTU`: of a connected socket's path.
    Mtu,
    /// `IP_MULTICAST_IF`: the address, as a number in network byte order.
    MulticastIface,
    /// `FIONREAD`: bytes that a read would give now; of datagram sockets, of the next datagram.
    ReceiveQueued,
    /// `SIOCOUTQ`: bytes not yet acknowledged.
    SendQueued,
    /// `SIOCATMARK`: whether the next byte follows the urgent mark.
    AtMark,
}

/// An option that raw sockets alone have.
#[cfg(feature = "raw")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RawOption {
    /// `IP_HDRINCL`: the program makes the IPv4 header.
    HeaderIncluded,
    /// `ICMP_FILTER`: types that are not wanted, a bit each.
    IcmpFilter,
}

/// What to do about a multicast group, or an interface for multicasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// `IP_ADD_MEMBERSHIP`.
    Join,
    /// `IP_DROP_MEMBERSHIP`.
    Leave,
    /// `IP_MULTICAST_IF`: by interface, by its address, or neither; of no group.
    SendBy,
}

/// Which half of a connection to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

impl How {
    /// Whether the receiving half ends.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::Both)
    }

    /// Whether the sending half ends.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Both)
    }
}

/// `SO_LINGER`, in its three cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Linger {
    /// Off: what is queued is sent in the background.
    Background,
    /// On with zero: what is queued is thrown away, the peer gets a reset.
    Abort,
    /// On: the host waits up to this long for [`Close::Lingering`] to end.
    Wait(Duration),
}

/// What became of a `close`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// The id is gone. What remains (an orphan, TIME-WAIT) the stack finishes by itself.
    Done,
    /// With [`Linger::Wait`]: data is not yet acknowledged. The owner stays and is woken with
    /// `State` when it is; then, or when its patience ends, the host calls `set_owner(id, None)`.
    Lingering,
}

/// What became of a `connect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connect {
    /// Connected.
    Done,
    /// The peer was asked; the owner is woken with `State` and `take_error` tells the outcome.
    InProgress,
}

/// What goes with a buffer to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SendOptions {
    /// Where to, for datagram sockets that are not connected or override their peer.
    pub to: Option<SocketAddrV4>,
    /// `IP_PKTINFO`: this interface.
    pub iface: Option<IfIndex>,
    /// `IP_PKTINFO`: this source address.
    pub source: Option<Ipv4Addr>,
    /// `IP_TTL` as ancillary data.
    pub ttl: Option<u8>,
    /// `IP_TOS` as ancillary data.
    pub tos: Option<u8>,
    /// `MSG_MORE`: hold a segment that is not full.
    pub more: bool,
    /// `MSG_OOB`: the last byte is urgent.
    pub urgent: bool,
    /// `MSG_DONTROUTE`: the destination must be on a connected network.
    pub dont_route: bool,
}

/// How much a socket takes now, and in which pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendRoom {
    /// Bytes it takes now; zero means wait for `Writable`.
    pub bytes: usize,
    /// The size of one buffer: a stream's segment, a datagram's largest size.
    pub segment: usize,
}

/// What is at the front of a receive queue.
#[derive(Debug)]
pub enum Front<'a, B: Buf> {
    /// Data.
    Data {
        /// The buffer that holds it.
        buf: &'a mut B,
        /// Where in `buf.bytes()` it starts.
        at: usize,
        /// How many bytes follow in this buffer: of a datagram all, of a stream up to the
        /// buffer's end or the urgent mark.
        len: usize,
    },
    /// The peer sends no more; of a stream this comes before an error that waits.
    Eof,
    /// Nothing more is read: the receiving half was shut down, or an error ended the connection.
    /// Where the error waits with the host, it comes first.
    Shut,
}

/// A line of `/proc/net/tcp` or `/proc/net/udp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Own address and port.
    pub local: SocketAddrV4,
    /// The peer's, or zeros.
    pub peer: SocketAddrV4,
    /// Linux's number of the TCP state; UDP shows 7 (closed) or 1 (connected).
    pub state: u8,
    /// Bytes waiting to be sent or acknowledged.
    pub send_queue: u32,
    /// Bytes waiting to be read; of a listener, connections waiting to be accepted.
    pub receive_queue: u32,
    /// Which timer runs: 0 none, 1 retransmission, 2 keepalive, 3 TIME-WAIT, 4 zero window.
    pub timer: u8,
    /// Milliseconds until it goes off.
    pub timer_in: u32,
    /// Retransmissions without an answer.
    pub retransmits: u8,
    /// Datagrams dropped for want of room.
    pub drops: u32,
    /// Who holds it; the host knows their user and inode.
    pub owner: Option<Owner>,
}

/// `TCP_INFO`: the first 104 bytes of Linux's `struct tcp_info`, in its layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
#[allow(missing_docs)] // The names are Linux's; times are in microseconds, `last_*` in milliseconds.
pub struct TcpInfo {
    pub state: u8,
    pub ca_state: u8,
    pub retransmits: u8,
    pub probes: u8,
    pub backoff: u8,
    pub options: u8,
    /// Low four bits: the scale of what we send to; high four bits: our own.
    pub window_scales: u8,
    pub flags: u8,
    pub rto: u32,
    pub ato: u32,
    pub snd_mss: u32,
    pub rcv_mss: u32,
    pub unacked: u32,
    pub sacked: u32,
    pub lost: u32,
    pub retrans: u32,
    pub fackets: u32,
    pub last_data_sent: u32,
    pub last_ack_sent: u32,
    pub last_data_recv: u32,
    pub last_ack_recv: u32,
    pub pmtu: u32,
    pub rcv_ssthresh: u32,
    pub rtt: u32,
    pub rttvar: u32,
    pub snd_ssthresh: u32,
    pub snd_cwnd: u32,
    pub advmss: u32,
    pub reordering: u32,
    pub rcv_rtt: u32,
    pub rcv_space: u32,
    pub total_retrans: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_the_crossing() {
        for handle in [0, 1, 0x3fff, 0x4000, 0x3fff_ffff].map(Handle::from_bits) {
            for id in [SocketId::Tcp(handle), SocketId::Udp(handle), SocketId::Ping(handle)] {
                assert_ne!(id.to_bits(), 0);
                assert_eq!(SocketId::from_bits(id.to_bits()), Some(id));
            }
        }
        assert_eq!(SocketId::from_bits(0), None);
    }

    #[test]
    fn tcp_info_has_the_size_linux_gives_it() {
        assert_eq!(size_of::<TcpInfo>(), 104);
    }
}
