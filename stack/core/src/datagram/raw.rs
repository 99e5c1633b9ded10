//! Raw sockets (feature `raw`): whole IPv4 packets of one protocol in, payloads or whole packets out.
//!
//! They live among the ping sockets, have no port, and each gets a copy of what it wants before the
//! transports see it, as in Linux.

use super::Datagrams;
use super::bind::or_loopback;
use super::receive::set_meta;
use super::socket::Socket;
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, Owner, Wake};
use crate::net::Net;
use crate::net::packet::{IcmpError, Outgoing, Received, Verdict};
use crate::net::route::{PathKind, RouteQuery};
use crate::slab::Handle;
use crate::socket::{OptName, RawOption, Row, SendOptions};
use core::net::SocketAddrV4;
use linnet_wire::ipv4::{HEADER_LEN, MAX_LEN, Protocol};

/// What makes a datagram socket a raw one.
#[derive(Clone, Copy)]
pub(super) struct Raw {
    /// Whose packets it gets, and sends.
    pub protocol: Protocol,
    /// `IP_HDRINCL`: the program makes the IPv4 header.
    pub header_included: bool,
    /// `ICMP_FILTER`: types of ICMP that it does not want, a bit each.
    pub icmp_filter: u32,
}

/// `IPPROTO_RAW`: sends whole packets and receives none.
const SENDS_ONLY: Protocol = Protocol(255);

impl<H: Host> Datagrams<H> {
    /// A new raw socket; `ENOBUFS` without memory.
    pub fn raw_socket(&mut self, owner: Owner, protocol: Protocol) -> Result<Handle, Errno> {
        let handle = self.socket(owner)?;
        let header_included = protocol == SENDS_ONLY;
        self.get_mut(handle)?.raw = Some(Raw { protocol, header_included, icmp_filter: 0 });
        Ok(handle)
    }

    /// Sets an option; `ENOPROTOOPT` for what is no raw socket, `EOPNOTSUPP` for a filter of what is not ICMP.
    pub fn set_raw_option(&mut self, handle: Handle, name: RawOption, value: i32) -> Result<(), Errno> {
        let raw = self.get_mut(handle)?.raw.as_mut().ok_or(Errno::ENOPROTOOPT)?;
        match name {
            RawOption::HeaderIncluded => raw.header_included = value != 0,
            RawOption::IcmpFilter if raw.protocol == Protocol::ICMP => raw.icmp_filter = value as u32,
            RawOption::IcmpFilter => return Err(Errno::EOPNOTSUPP),
        }
        Ok(())
    }

    /// The value of an option; errors as [`Datagrams::set_raw_option`].
    pub fn raw_option(&self, handle: Handle, name: RawOption) -> Result<i32, Errno> {
        let raw = self.get(handle)?.raw.as_ref().ok_or(Errno::ENOPROTOOPT)?;
        match name {
            RawOption::HeaderIncluded => Ok(raw.header_included.into()),
            RawOption::IcmpFilter if raw.protocol == Protocol::ICMP => Ok(raw.icmp_filter as i32),
            RawOption::IcmpFilter => Err(Errno::EOPNOTSUPP),
        }
    }

    /// The lines of `/proc/net/raw`.
    pub fn raw_rows(&self) -> impl Iterator<Item = Row> {
        self.sockets.iter().filter(|(_, socket)| socket.raw.is_some()).map(|(_, socket)| socket.row())
    }

    /// Gives a copy of a packet to every raw socket that wants it; whether one did. `payload` starts at its
    /// transport header, with an IPv4 header of `header_len` bytes in front.
    pub fn handle_raw(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        ip: &Received,
        protocol: Protocol,
        header_len: usize,
        payload: &mut H::Buf,
    ) -> bool {
        let icmp_type = payload.bytes().first().copied().unwrap_or(0);
        let mut wanted = false;
        let mut place = 0;
        while let Some((next, handle)) = self.sockets.next_from(place) {
            place = next;
            let Some(socket) = self.sockets.get_mut(handle) else { continue };
            if !socket.wants_raw(ip, protocol, icmp_type) {
                continue;
            }
            wanted = true;
            let mut copy = payload.share();
            // The header is still in front of the payload, so there is room for it.
            let whole = copy.as_mut().is_some_and(|copy| copy.push(header_len));
            let verdict = match copy.filter(|_| whole) {
                Some(mut copy) => {
                    set_meta(&mut copy, ip, 0);
                    socket.enqueue(cx, &mut net.memory, copy)
                }
                None => Verdict::Dropped(DropReason::NoMemory),
            };
            if let Verdict::Dropped(reason) = verdict {
                net.drops.count(reason);
            }
        }
        wanted
    }

    /// Sends `payload`, or with `IP_HDRINCL` the packet that it is, to the peer or to `options.to`.
    pub(super) fn send_raw(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        payload: H::Buf,
        options: &SendOptions,
    ) -> Result<(), Errno> {
        let socket = self.get_mut(handle)?;
        let Some(raw) = socket.raw else { return Err(Errno::EINVAL) };
        let to = options.to.or(socket.peer).ok_or(Errno::EDESTADDRREQ)?;
        let destination = or_loopback(*to.ip());
        let multicast = destination.is_multicast();
        let bound = *socket.local.ip();
        let iface = options.iface.or(socket.common.iface);
        let query = RouteQuery {
            destination,
            source: options.source.or(net.is_local(bound).then_some(bound)),
            iface: iface.or(socket.multicast_iface.filter(|_| multicast)),
        };
        let path = net.route(query)?;
        if path.kind == PathKind::Broadcast && !socket.common.broadcast {
            return Err(Errno::EACCES);
        }
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        if raw.header_included {
            return net.output_packet(cx, &path, socket.settings.has(OptName::MulticastLoop), payload);
        }
        let len = HEADER_LEN + payload.bytes().len();
        if len > MAX_LEN {
            return Err(Errno::EMSGSIZE);
        }
        let default_ttl = socket.settings.of(if multicast { OptName::MulticastTtl } else { OptName::Ttl });
        let out = Outgoing {
            ttl: options.ttl.unwrap_or(default_ttl as u8),
            tos: options.tos.unwrap_or(socket.settings.of(OptName::Tos) as u8),
            // IP_PMTUDISC_DONT, _WANT; _DO and _PROBE.
            dont_fragment: match socket.settings.of(OptName::MtuDiscover) {
                0 => false,
                1 => len <= usize::from(path.mtu),
                _ => true,
            },
            iface: query.iface,
            loop_back: socket.settings.has(OptName::MulticastLoop),
            dont_route: options.dont_route || socket.common.dont_route,
            ..Outgoing::new(path.source, destination, raw.protocol)
        };
        net.output(cx, out, payload)
    }

    /// `bind`: an address of ours, a group or a broadcast; ports mean nothing. `EADDRNOTAVAIL` for others.
    pub(super) fn bind_raw(
        &mut self,
        net: &Net<H>,
        handle: Handle,
        local: SocketAddrV4,
    ) -> Result<(), Errno> {
        let address = *local.ip();
        let many = address.is_multicast() || net.is_broadcast(address);
        if !(address.is_unspecified() || many || net.is_local(address)) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let socket = self.get_mut(handle)?;
        socket.local = SocketAddrV4::new(address, 0);
        socket.address_bound = !address.is_unspecified();
        Ok(())
    }

    /// An ICMP error about a packet of ours: for the sockets of its protocol that asked for errors, and for
    /// hard ones those that are connected to where it went.
    pub fn handle_raw_error(&mut self, cx: &mut Context<H>, error: &IcmpError<'_>) {
        let mut place = 0;
        while let Some((next, handle)) = self.sockets.next_from(place) {
            place = next;
            let Some(socket) = self.sockets.get_mut(handle) else { continue };
            if !socket.raw.is_some_and(|raw| raw.protocol == error.protocol) {
                continue;
            }
            let connected = socket.peer.is_some_and(|peer| *peer.ip() == error.destination);
            if (socket.settings.has(OptName::ReceiveErrors) && (connected || socket.peer.is_none()))
                || (error.hard && connected)
            {
                socket.error = Some(error.errno);
                socket.wake(cx, Wake::State);
            }
        }
    }
}

impl<H: Host> Socket<H> {
    fn wants_raw(&self, ip: &Received, protocol: Protocol, icmp_type: u8) -> bool {
        let Some(raw) = self.raw else { return false };
        let filtered = protocol == Protocol::ICMP && icmp_type < 32 && raw.icmp_filter >> icmp_type & 1 != 0;
        raw.protocol == protocol
            && protocol != SENDS_ONLY
            && self.accepts(ip.destination, ip.iface)
            && self.peer.is_none_or(|peer| *peer.ip() == ip.source)
            && !filtered
    }

    /// What `/proc/net/raw` has in the place of a port.
    pub fn raw_protocol(&self) -> Option<u8> {
        self.raw.map(|raw| raw.protocol.0)
    }
}
