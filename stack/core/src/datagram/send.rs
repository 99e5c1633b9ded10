//! Datagrams out.

use super::Datagrams;
use super::bind::or_loopback;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host};
use crate::net::Net;
use crate::net::packet::Outgoing;
use crate::net::route::{PathKind, RouteQuery};
use crate::slab::Handle;
use crate::socket::{OptName, SendOptions};
use core::net::{Ipv4Addr, SocketAddrV4};
use linnet_wire::ipv4::{HEADER_LEN, MAX_LEN, Protocol, pseudo_sum};
use linnet_wire::{checksum, icmp, udp};

impl<H: Host> Datagrams<H> {
    /// Sends `payload` to the peer or to `options.to`; of a ping socket, `payload` starts with
    /// its ICMP header, of which the stack sets identifier and checksum.
    pub fn send(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        payload: H::Buf,
        options: &SendOptions,
    ) -> Result<(), Errno> {
        if options.urgent {
            return Err(Errno::EOPNOTSUPP);
        }
        #[cfg(feature = "raw")]
        if self.get(handle)?.raw.is_some() {
            return self.send_raw(cx, net, handle, payload, options);
        }
        let ping = self.is_ping();
        let to = options.to.or(self.get(handle)?.peer).ok_or(Errno::EDESTADDRREQ)?;
        if options.to.is_some() && to.port() == 0 && !ping {
            return Err(Errno::EINVAL);
        }
        let header_len = if ping { 0 } else { udp::HEADER_LEN };
        if payload.bytes().len() > MAX_LEN - HEADER_LEN - header_len {
            return Err(Errno::EMSGSIZE);
        }
        self.autobind(net, handle)?;
        let socket = self.get_mut(handle)?;
        let destination = or_loopback(*to.ip());
        let multicast = destination.is_multicast();
        let bound = *socket.local.ip();
        if options.source.is_some_and(|source| !net.is_local(source)) {
            return Err(Errno::EINVAL);
        }
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
        // As Linux: an error that came in since is reported by the next call of any kind.
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        if socket.no_send {
            return Err(Errno::EPIPE);
        }
        let default_ttl = socket.settings.of(if multicast { OptName::MulticastTtl } else { OptName::Ttl });
        let len = HEADER_LEN + header_len + payload.bytes().len();
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
            ..Outgoing::new(path.source, destination, self.protocol)
        };
        let port = self.get(handle)?.local.port();
        let peer = SocketAddrV4::new(destination, to.port());
        let packet = if ping {
            echo_request::<H>(payload, port)
        } else {
            datagram::<H>(payload, path.source, port, peer)
        }?;
        net.output(cx, out, packet)?;
        if out.dont_fragment {
            net.note_sent(destination, len);
        }
        Ok(())
    }
}

/// Puts a UDP header in front.
fn datagram<H: Host>(
    mut payload: H::Buf,
    source: Ipv4Addr,
    port: u16,
    to: SocketAddrV4,
) -> Result<H::Buf, Errno> {
    let len = u16::try_from(udp::HEADER_LEN + payload.bytes().len()).map_err(|_| Errno::EMSGSIZE)?;
    let header = udp::Header { source: port, destination: to.port(), len, checksum: 0 };
    let sum = checksum::add(pseudo_sum(source, *to.ip(), Protocol::UDP, len), &header.to_bytes());
    // RFC 768: a sum of zero is sent as all ones, for zero means there is none.
    let sum = match checksum::finish(H::checksum(payload.bytes(), sum)) {
        0 => 0xffff,
        sum => sum,
    };
    if !payload.push(udp::HEADER_LEN) {
        return Err(Errno::ENOBUFS);
    }
    write_front(&mut payload, udp::Header { checksum: sum, ..header }.to_bytes())?;
    Ok(payload)
}

/// Completes an echo request that the program began: nothing else may be sent this way.
fn echo_request<H: Host>(mut payload: H::Buf, id: u16) -> Result<H::Buf, Errno> {
    let header = icmp::Header::parse(payload.bytes()).ok_or(Errno::EINVAL)?;
    if header.icmp_type != icmp::ECHO_REQUEST || header.code != 0 {
        return Err(Errno::EINVAL);
    }
    let header = icmp::Header { id, checksum: 0, ..header };
    write_front(&mut payload, header.to_bytes())?;
    let checksum = checksum::finish(H::checksum(payload.bytes(), 0));
    write_front(&mut payload, icmp::Header { checksum, ..header }.to_bytes())?;
    Ok(payload)
}

#[inline(never)]
fn write_front<B: Buf>(buf: &mut B, header: [u8; udp::HEADER_LEN]) -> Result<(), Errno> {
    *buf.bytes_mut().first_chunk_mut().ok_or(Errno::ENOBUFS)? = header;
    Ok(())
}
