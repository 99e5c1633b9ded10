//! The stack as a host drives it: every call and event goes to the layer that it is about.
//!
//! Nothing is decided here. Protocols do not know each other; this is the one place that knows
//! them all.

#[cfg(feature = "rtnetlink")]
mod configure;

use crate::datagram::Datagrams;
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Owner};
use crate::memory::Memory;
use crate::net::iface::{IfaceAddress, Link};
use crate::net::neighbour::Neighbour;
use crate::net::packet::{Cast, IcmpError, Received, Verdict};
use crate::net::route::{Path, Route, RouteMatch, RouteQuery};
use crate::net::{Delivery, IcmpInput, Net, unanswered};
use crate::secret::Secret;
#[cfg(feature = "raw")]
use crate::socket::RawOption;
use crate::socket::{
    Close, Common, Connect, Front, Grouping, How, Kind, Linger, Membership, Opt, OptName, Readiness, Row,
    SendOptions, SendRoom, SocketId, TcpInfo,
};
use crate::tcp::Tcp;
use crate::time::Instant;
use core::net::{Ipv4Addr, SocketAddrV4};
use linnet_wire::icmp::{PORT, PROTOCOL, UNREACHABLE};
use linnet_wire::ipv4::Protocol;

/// What the host decides once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The cap on what queued buffers take, in bytes of footprint.
    pub memory_limit: usize,
}

/// A TCP/IP stack.
pub struct Stack<H: Host> {
    net: Net<H>,
    tcp: Tcp<H>,
    udp: Datagrams<H>,
    ping: Datagrams<H>,
}

impl<H: Host> Stack<H> {
    /// A stack without interfaces and sockets. It takes no memory beyond itself until it must.
    pub const fn new(config: Config, secret: Secret) -> Self {
        Self {
            net: Net::new(config.memory_limit, secret),
            tcp: Tcp::new(),
            udp: Datagrams::udp(),
            ping: Datagrams::ping(),
        }
    }

    /// Gives a stack another cap and secret: to one that was made before they were known, and has
    /// not been used.
    pub fn configure(&mut self, config: Config, secret: Secret) {
        self.net.memory = Memory::new(config.memory_limit);
        self.net.secret = secret;
    }

    /// Takes a frame that arrived, from its Ethernet header.
    pub fn handle_frame(&mut self, cx: &mut Context<H>, iface: IfIndex, frame: H::Buf) {
        let Some(delivery) = self.net.handle_frame(cx, iface, frame) else { return };
        let Delivery { ip, protocol, header_len, payload } = delivery;
        #[cfg(feature = "raw")]
        let mut payload = payload;
        #[cfg(feature = "raw")]
        let taken = self.ping.handle_raw(cx, &mut self.net, &ip, protocol, header_len, &mut payload);
        let mut code = PORT;
        let verdict = match protocol {
            // RFC 1122 §4.2.3.10: a connection is between two.
            Protocol::TCP if ip.kind != Cast::Unicast => Verdict::Dropped(DropReason::NotForUs),
            Protocol::TCP => self.tcp.handle_segment(cx, &mut self.net, ip, payload),
            Protocol::UDP => self.udp.handle_datagram(cx, &mut self.net, ip, payload),
            Protocol::ICMP => self.handle_icmp(cx, ip, payload),
            Protocol::IGMP => match self.net.handle_igmp(cx, &ip, &payload) {
                Ok(()) => Verdict::Taken,
                Err(reason) => Verdict::Dropped(reason),
            },
            #[cfg(feature = "raw")]
            _ if taken => Verdict::Taken,
            _ => {
                code = PROTOCOL;
                Verdict::Unreachable(payload)
            }
        };
        match verdict {
            Verdict::Taken => {}
            Verdict::Dropped(reason) => self.net.drops.count(reason),
            Verdict::Unreachable(mut packet) => {
                let unknown = code == PROTOCOL;
                let reason = if unknown { DropReason::UnknownProtocol } else { DropReason::NoSocket };
                self.net.drops.count(reason);
                if packet.push(header_len) {
                    self.net.send_icmp_error(cx, UNREACHABLE, code, packet.bytes());
                }
            }
        }
    }

    /// Does what is due by now.
    pub fn handle_timers(&mut self, cx: &mut Context<H>) {
        self.net.handle_timers(cx);
        while let Some(packet) = self.net.poll_failed() {
            if let Some(error) = unanswered(packet.bytes()) {
                self.report(cx, &error);
            }
        }
        self.tcp.handle_timers(cx, &mut self.net);
    }

    /// When [`Stack::handle_timers`] must be called next; it may have changed after any call.
    pub fn next_deadline(&self) -> Option<Instant> {
        Instant::sooner(self.net.next_deadline(), self.tcp.next_deadline())
    }

    #[inline(never)]
    fn handle_icmp(&mut self, cx: &mut Context<H>, ip: Received, message: H::Buf) -> Verdict<H::Buf> {
        match self.net.handle_icmp(cx, &ip, &message) {
            Err(reason) => Verdict::Dropped(reason),
            Ok(IcmpInput::Handled) => Verdict::Taken,
            Ok(IcmpInput::EchoReply) => self.ping.handle_echo_reply(cx, &mut self.net, ip, message),
            Ok(IcmpInput::Error) => match self.net.parse_error(ip.source, message.bytes()) {
                Some(error) => {
                    self.report(cx, &error);
                    Verdict::Taken
                }
                None => Verdict::Dropped(DropReason::IcmpIgnored),
            },
        }
    }

    fn report(&mut self, cx: &mut Context<H>, error: &IcmpError<'_>) {
        #[cfg(feature = "raw")]
        self.ping.handle_raw_error(cx, error);
        match error.protocol {
            Protocol::TCP => self.tcp.handle_icmp_error(cx, &mut self.net, error),
            Protocol::UDP => self.udp.handle_icmp_error(cx, &mut self.net, error),
            Protocol::ICMP => self.ping.handle_icmp_error(cx, &mut self.net, error),
            _ => {}
        }
    }
}

/// Interfaces, addresses, routes, neighbours: see the methods of the same names of [`Net`].
impl<H: Host> Stack<H> {
    /// Takes in or renews an interface: [`Net::set_iface`].
    pub fn set_iface(&mut self, link: Link) -> Result<(), Errno> {
        self.net.set_iface(link)
    }

    /// Forgets an interface: [`Net::remove_iface`].
    pub fn remove_iface(&mut self, index: IfIndex) {
        self.net.remove_iface(index);
    }

    /// The address of an interface, if it has one.
    pub fn address(&self, index: IfIndex) -> Option<IfaceAddress> {
        self.net.address(index)
    }

    /// `SIOCSIFADDR`: [`Net::set_address`].
    pub fn set_address(&mut self, index: IfIndex, address: Ipv4Addr) -> Result<(), Errno> {
        self.net.set_address(index, address)
    }

    /// `SIOCSIFNETMASK`: [`Net::set_netmask`].
    pub fn set_netmask(&mut self, index: IfIndex, netmask: Ipv4Addr) -> Result<(), Errno> {
        self.net.set_netmask(index, netmask)
    }

    /// `SIOCSIFBRDADDR`: [`Net::set_broadcast`].
    pub fn set_broadcast(&mut self, index: IfIndex, broadcast: Ipv4Addr) -> Result<(), Errno> {
        self.net.set_broadcast(index, broadcast)
    }

    /// `SIOCADDRT`: [`Net::add_route`].
    pub fn add_route(&mut self, route: Route) -> Result<(), Errno> {
        self.net.add_route(route)
    }

    /// `SIOCDELRT`: [`Net::remove_route`].
    pub fn remove_route(&mut self, wanted: RouteMatch) -> Result<(), Errno> {
        self.net.remove_route(wanted)
    }

    /// The lines of `/proc/net/route`.
    pub fn routes(&self) -> core::slice::Iter<'_, Route> {
        self.net.routes()
    }

    /// Which way a packet would go: [`Net::route`].
    pub fn route(&self, query: RouteQuery) -> Result<Path, Errno> {
        self.net.route(query)
    }

    /// Whether packets to `address` are for us.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        self.net.is_local(address)
    }

    /// The lines of `/proc/net/arp`.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> {
        self.net.neighbours()
    }

    /// `SIOCSARP`: [`Net::set_neighbour`].
    pub fn set_neighbour(&mut self, cx: &Context<H>, wanted: Neighbour) -> Result<(), Errno> {
        self.net.set_neighbour(cx, wanted)
    }

    /// `SIOCDARP`: [`Net::remove_neighbour`].
    pub fn remove_neighbour(&mut self, iface: IfIndex, address: Ipv4Addr) -> Result<(), Errno> {
        self.net.remove_neighbour(iface, address)
    }

    /// Why packets were dropped, and how often: [`DropReason::NAMES`] has the names.
    pub fn drops(&self) -> &[u32; DropReason::COUNT] {
        self.net.drops.counters()
    }

    /// What queued buffers take.
    pub fn memory(&self) -> &Memory {
        &self.net.memory
    }
}

/// Sockets. An id that names nothing is `EINVAL`, or an empty answer where there is no errno.
impl<H: Host> Stack<H> {
    /// A new socket for `owner`; `ENOBUFS` without memory.
    pub fn socket(&mut self, kind: Kind, owner: Owner) -> Result<SocketId, Errno> {
        match kind {
            Kind::Stream => self.tcp.socket(owner).map(SocketId::Tcp),
            Kind::Datagram => self.udp.socket(owner).map(SocketId::Udp),
            Kind::Ping => self.ping.socket(owner).map(SocketId::Ping),
            #[cfg(feature = "raw")]
            Kind::Raw(protocol) => self.ping.raw_socket(owner, Protocol(protocol)).map(SocketId::Ping),
        }
    }

    /// `bind`. That ports below 1024 are for the privileged is the host's to check.
    pub fn bind(&mut self, cx: &mut Context<H>, id: SocketId, local: SocketAddrV4) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.bind(cx, &mut self.net, handle, local),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).bind(&self.net, handle, local)
            }
        }
    }

    /// `connect`: of datagram sockets, fixes the peer.
    pub fn connect(
        &mut self,
        cx: &mut Context<H>,
        id: SocketId,
        peer: SocketAddrV4,
    ) -> Result<Connect, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.connect(cx, &mut self.net, handle, peer),
            SocketId::Udp(handle) | SocketId::Ping(handle) => pick_mut(&mut self.udp, &mut self.ping, id)
                .connect(cx, &mut self.net, handle, peer)
                .map(|()| Connect::Done),
        }
    }

    /// `connect` with `AF_UNSPEC`.
    pub fn disconnect(&mut self, cx: &mut Context<H>, id: SocketId) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.disconnect(cx, &mut self.net, handle),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).disconnect(handle)
            }
        }
    }

    /// `listen`.
    pub fn listen(&mut self, cx: &mut Context<H>, id: SocketId, backlog: u16) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.listen(cx, &mut self.net, handle, backlog),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// `accept`: a connection that waits, now `owner`'s, and its peer; `EAGAIN` if none does.
    pub fn accept(
        &mut self,
        cx: &mut Context<H>,
        id: SocketId,
        owner: Owner,
    ) -> Result<(SocketId, SocketAddrV4), Errno> {
        let SocketId::Tcp(handle) = id else { return Err(Errno::EOPNOTSUPP) };
        let (child, peer) = self.tcp.accept(cx, &mut self.net, handle, owner)?;
        Ok((SocketId::Tcp(child), peer))
    }

    /// Who is woken from now on; `None` lets go of a socket that [`Close::Lingering`] kept.
    pub fn set_owner(&mut self, cx: &mut Context<H>, id: SocketId, owner: Option<Owner>) {
        match id {
            SocketId::Tcp(handle) => self.tcp.set_owner(cx, &mut self.net, handle, owner),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).set_owner(handle, owner)
            }
        }
    }

    /// How much may be sent now, and in pieces of what size.
    pub fn send_room(&mut self, id: SocketId) -> Result<SendRoom, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.send_room(handle),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick(&self.udp, &self.ping, id).send_room(handle)
            }
        }
    }

    /// Sends a datagram, or appends to a stream: within [`Stack::send_room`].
    pub fn send(
        &mut self,
        cx: &mut Context<H>,
        id: SocketId,
        payload: H::Buf,
        options: SendOptions,
    ) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.send(cx, &mut self.net, handle, payload, options),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).send(cx, &mut self.net, handle, payload, &options)
            }
        }
    }

    /// What there is to read: of a stream from `offset` bytes after what was read, of a datagram
    /// socket the first datagram. `EAGAIN` for nothing, or the pending error, which this takes.
    pub fn recv_front(&mut self, id: SocketId, offset: usize) -> Result<Front<'_, H::Buf>, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.recv_front(handle, offset),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).recv_front(handle)
            }
        }
    }

    /// The urgent byte of a stream (`MSG_OOB`), once unless `peek`.
    pub fn recv_urgent(&mut self, id: SocketId, peek: bool) -> Result<u8, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.recv_urgent(handle, peek),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Consumes `bytes` of a stream, or the first datagram.
    pub fn recv_done(&mut self, cx: &mut Context<H>, id: SocketId, bytes: usize) {
        match id {
            SocketId::Tcp(handle) => self.tcp.recv_done(cx, &mut self.net, handle, bytes),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).recv_done(&mut self.net, handle)
            }
        }
    }

    /// `shutdown`.
    pub fn shutdown(&mut self, cx: &mut Context<H>, id: SocketId, how: How) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.shutdown(cx, &mut self.net, handle, how),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).shutdown(cx, handle, how)
            }
        }
    }

    /// `close`.
    pub fn close(&mut self, cx: &mut Context<H>, id: SocketId, linger: Linger) -> Close {
        match id {
            SocketId::Tcp(handle) => self.tcp.close(cx, &mut self.net, handle, linger),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).close(cx, &mut self.net, handle);
                Close::Done
            }
        }
    }

    /// What the socket is ready for.
    pub fn readiness(&self, id: SocketId) -> Readiness {
        self.readiness_from(id, 1)
    }

    /// What the socket is ready for; a stream is readable from `lowat` bytes on (`SO_RCVLOWAT`, at
    /// least 1), at the end, and when no more than there is fits the window.
    pub fn readiness_from(&self, id: SocketId, lowat: u32) -> Readiness {
        match id {
            SocketId::Tcp(handle) => self.tcp.readiness(handle, lowat),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick(&self.udp, &self.ping, id).readiness(handle)
            }
        }
    }

    /// `SO_ERROR`: the pending error, once.
    pub fn take_error(&mut self, id: SocketId) -> Option<Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.take_error(handle),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).take_error(handle)
            }
        }
    }

    /// `getsockname`: zeros before the socket has an address.
    pub fn local(&self, id: SocketId) -> SocketAddrV4 {
        match id {
            SocketId::Tcp(handle) => self.tcp.local(handle),
            SocketId::Udp(handle) | SocketId::Ping(handle) => pick(&self.udp, &self.ping, id).local(handle),
        }
    }

    /// `getpeername`; `ENOTCONN` without a peer.
    pub fn peer(&self, id: SocketId) -> Result<SocketAddrV4, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.peer(handle),
            SocketId::Udp(handle) | SocketId::Ping(handle) => pick(&self.udp, &self.ping, id).peer(handle),
        }
    }

    /// Takes in the options at `SOL_SOCKET`, all of them, after a change.
    pub fn set_common(&mut self, cx: &mut Context<H>, id: SocketId, common: &Common) {
        match id {
            SocketId::Tcp(handle) => self.tcp.set_common(cx, &mut self.net, handle, common),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).set_common(handle, common)
            }
        }
    }

    /// Sets an option: [`Stack::set_value`] or [`Stack::group`].
    pub fn set_option(&mut self, cx: &mut Context<H>, id: SocketId, option: Opt) -> Result<(), Errno> {
        match (option.number(), option) {
            (Some((name, value)), _) => self.set_value(cx, id, name, value),
            (None, Opt::Join(membership)) => self.group(cx, id, Grouping::Join, membership),
            (None, Opt::Leave(membership)) => self.group(cx, id, Grouping::Leave, membership),
            (None, Opt::MulticastIface { iface, address }) => {
                let membership = Membership { group: Ipv4Addr::UNSPECIFIED, iface, address };
                self.group(cx, id, Grouping::SendBy, membership)
            }
            (None, _) => Err(Errno::ENOPROTOOPT),
        }
    }

    /// Sets an option to a number; `EINVAL` for one out of Linux's range, `ENOPROTOOPT` for an
    /// option that the socket's protocol does not have, or that cannot be set.
    pub fn set_value(
        &mut self,
        cx: &mut Context<H>,
        id: SocketId,
        name: OptName,
        value: i32,
    ) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.set_value(cx, &mut self.net, handle, name, value),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).set_value(handle, name, value)
            }
        }
    }

    /// Joins or leaves a group, or chooses the interface for multicasts; `EPROTO` for a stream.
    pub fn group(
        &mut self,
        cx: &mut Context<H>,
        id: SocketId,
        what: Grouping,
        membership: Membership,
    ) -> Result<(), Errno> {
        match id {
            SocketId::Tcp(_) => Err(Errno::EPROTO),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick_mut(&mut self.udp, &mut self.ping, id).group(cx, &mut self.net, handle, what, membership)
            }
        }
    }

    /// The value of an option.
    pub fn option(&self, id: SocketId, name: OptName) -> Result<i32, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.option(&self.net, handle, name),
            SocketId::Udp(handle) | SocketId::Ping(handle) => {
                pick(&self.udp, &self.ping, id).option(&self.net, handle, name)
            }
        }
    }

    /// Sets an option of raw sockets; `ENOPROTOOPT` for others, `EOPNOTSUPP` for a filter of what is not ICMP.
    #[cfg(feature = "raw")]
    pub fn set_raw_option(&mut self, id: SocketId, name: RawOption, value: i32) -> Result<(), Errno> {
        let SocketId::Ping(handle) = id else { return Err(Errno::ENOPROTOOPT) };
        self.ping.set_raw_option(handle, name, value)
    }

    /// The value of an option of raw sockets; errors as [`Stack::set_raw_option`].
    #[cfg(feature = "raw")]
    pub fn raw_option(&self, id: SocketId, name: RawOption) -> Result<i32, Errno> {
        let SocketId::Ping(handle) = id else { return Err(Errno::ENOPROTOOPT) };
        self.ping.raw_option(handle, name)
    }

    /// `TCP_INFO`.
    pub fn tcp_info(&self, now: Instant, id: SocketId) -> Result<TcpInfo, Errno> {
        match id {
            SocketId::Tcp(handle) => self.tcp.tcp_info(&self.net, now, handle),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// The lines of `/proc/net/tcp`.
    pub fn tcp_rows(&self, now: Instant) -> impl Iterator<Item = Row> {
        self.tcp.rows(now)
    }

    /// The lines of `/proc/net/udp`.
    pub fn udp_rows(&self) -> impl Iterator<Item = Row> {
        self.udp.rows()
    }

    /// The lines of `/proc/net/raw`.
    #[cfg(feature = "raw")]
    pub fn raw_rows(&self) -> impl Iterator<Item = Row> {
        self.ping.raw_rows()
    }
}

/// The sockets that `id` is one of, so that both kinds share the code of each call.
const fn pick<'a, H: Host>(udp: &'a Datagrams<H>, ping: &'a Datagrams<H>, id: SocketId) -> &'a Datagrams<H> {
    if matches!(id, SocketId::Ping(_)) { ping } else { udp }
}

const fn pick_mut<'a, H: Host>(
    udp: &'a mut Datagrams<H>,
    ping: &'a mut Datagrams<H>,
    id: SocketId,
) -> &'a mut Datagrams<H> {
    if matches!(id, SocketId::Ping(_)) { ping } else { udp }
}
