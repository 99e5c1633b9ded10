//! IPv4 out: header, identification, fragments, and the link's header in front.

use super::Net;
use super::iface::{Link, LinkKind};
use super::neighbour::Resolution;
use super::packet::Outgoing;
use super::route::{Path, PathKind, RouteQuery};
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, Queue};
use crate::secret::{Purpose, Secret};
use core::net::Ipv4Addr;
use linnet_wire::ethernet::{self, EtherType, Mac};
use linnet_wire::ipv4::{HEADER_LEN, Header, MAX_LEN, Protocol, ROUTER_ALERT};

/// Counters that identifications come from, one to a bucket of destinations (RFC 6864,
/// RFC 7739 §5.3): neither to be foreseen nor used to count what goes to others.
pub(super) struct Identifications([u16; 8]);

impl Identifications {
    pub const fn new() -> Self {
        Self([0; 8])
    }

    fn next(
        &mut self,
        secret: &mut Secret,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
    ) -> u16 {
        let words = [source.to_bits(), destination.to_bits(), u32::from(protocol.0)];
        let hash = secret.hash(Purpose::Identification, words);
        let step = 1 + secret.draw_below(7) as u16;
        let Some(counter) = self.0.get_mut(hash as usize & 7) else { return hash as u16 };
        *counter = counter.wrapping_add(step);
        counter.wrapping_add((hash >> 16) as u16)
    }
}

impl<H: Host> Net<H> {
    /// Sends `payload`, which starts with its transport header: chooses the way, puts IPv4 and
    /// link headers in front, fragments where it must and may. `EMSGSIZE` for what does not fit
    /// and may not be fragmented, `ENOBUFS` without memory, and what [`Net::route`] refuses with.
    pub fn output(&mut self, cx: &mut Context<H>, out: Outgoing, payload: H::Buf) -> Result<(), Errno> {
        let query = RouteQuery { destination: out.destination, source: Some(out.source), iface: out.iface };
        let path = self.route(query)?;
        self.way = Some((query, path));
        if out.dont_route && path.kind == PathKind::Unicast && path.next_hop != out.destination {
            return Err(Errno::ENETUNREACH);
        }
        let options: &[u8] = if out.protocol == Protocol::IGMP { &ROUTER_ALERT } else { &[] };
        let header_len = HEADER_LEN + options.len();
        let len = header_len + payload.bytes().len();
        let total_len = u16::try_from(len).map_err(|_| Errno::EMSGSIZE)?;
        let fits = total_len <= path.mtu;
        if !fits && out.dont_fragment {
            return Err(Errno::EMSGSIZE);
        }
        let header = Header {
            header_len: header_len as u8,
            tos: out.tos,
            total_len,
            // RFC 6864 §4.1: the identification of an atomic datagram means nothing.
            id: if out.dont_fragment {
                0
            } else {
                self.ids.next(&mut self.secret, out.source, out.destination, out.protocol)
            },
            dont_fragment: out.dont_fragment,
            more_fragments: false,
            offset: 0,
            ttl: out.ttl,
            protocol: out.protocol,
            source: out.source,
            destination: out.destination,
        };
        if fits {
            return self.send_packet(cx, &path, &header, options, out.loop_back, payload);
        }
        self.send_fragments(cx, &path, header, out.loop_back, &payload)
    }

    fn send_fragments(
        &mut self,
        cx: &mut Context<H>,
        path: &Path,
        header: Header,
        loop_back: bool,
        payload: &H::Buf,
    ) -> Result<(), Errno> {
        // The MTU is at least 68, so there is room for 48 bytes at least.
        let size = (usize::from(path.mtu).saturating_sub(HEADER_LEN) & !7).max(8);
        let mut rest = payload.bytes();
        let mut offset = 0;
        while !rest.is_empty() {
            let (piece, following) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = following;
            let mut buf = buffer_of(cx, &[piece]).ok_or(Errno::ENOBUFS)?;
            buf.bill_as(payload);
            let fragment = Header {
                total_len: (HEADER_LEN + piece.len()) as u16,
                more_fragments: !rest.is_empty(),
                offset,
                ..header
            };
            self.send_packet(cx, path, &fragment, &[], loop_back, buf)?;
            offset += piece.len() as u16;
        }
        Ok(())
    }

    pub(super) fn send_packet(
        &mut self,
        cx: &mut Context<H>,
        path: &Path,
        header: &Header,
        options: &[u8],
        loop_back: bool,
        mut packet: H::Buf,
    ) -> Result<(), Errno> {
        if !(prepend(&mut packet, options) && prepend(&mut packet, &header.to_bytes(options))) {
            return Err(Errno::ENOBUFS);
        }
        let Some(link) = self.link(path.iface).copied() else { return Err(Errno::ENODEV) };
        let mac = match path.kind {
            PathKind::Local => link.mac,
            PathKind::Unicast => {
                self.send_to_neighbour(cx, &link, path.next_hop, packet);
                return Ok(());
            }
            PathKind::Broadcast => {
                self.loop_copy(cx, &packet);
                Mac::BROADCAST
            }
            PathKind::Multicast => {
                if loop_back && self.groups.is_member(link.index, header.destination) {
                    self.loop_copy(cx, &packet);
                }
                if header.ttl == 0 {
                    return Ok(());
                }
                Mac::for_group(header.destination)
            }
        };
        self.send_frame(cx, &link, mac, EtherType::IPV4, packet);
        Ok(())
    }

    /// Sends a packet, from its IPv4 header, to a neighbour, as soon as it is known.
    fn send_to_neighbour(&mut self, cx: &mut Context<H>, link: &Link, next_hop: Ipv4Addr, packet: H::Buf) {
        if link.kind == LinkKind::Loopback {
            return self.send_frame(cx, link, link.mac, EtherType::IPV4, packet);
        }
        match self.neighbours.resolve(cx.now, &mut self.memory, (link.index, next_hop), packet) {
            Resolution::Known(mac, packet) => {
                return self.send_frame(cx, link, mac, EtherType::IPV4, packet);
            }
            Resolution::Poll(mac, packet) => {
                self.send_frame(cx, link, mac, EtherType::IPV4, packet);
                self.send_arp_request(cx, link.index, next_hop, Some(mac));
            }
            Resolution::Ask => self.send_arp_request(cx, link.index, next_hop, None),
            Resolution::Waiting => {}
            Resolution::Refused(_) => self.drops.count(DropReason::NeighbourQueueFull),
        }
        self.rearm();
    }

    /// Sends what waited for a neighbour.
    pub(super) fn send_waiting(&mut self, cx: &mut Context<H>, link: &Link, mac: Mac, mut waiting: H::Queue) {
        while let Some(packet) = waiting.pop_front() {
            self.send_frame(cx, link, mac, EtherType::IPV4, packet);
        }
    }

    pub(super) fn send_frame(
        &mut self,
        cx: &mut Context<H>,
        link: &Link,
        destination: Mac,
        ether_type: EtherType,
        mut packet: H::Buf,
    ) {
        let header = ethernet::Header { destination, source: link.mac, ether_type };
        if prepend(&mut packet, &header.to_bytes()) {
            cx.host.transmit(link.index, packet);
        } else {
            self.drops.count(DropReason::NoMemory);
        }
    }

    /// A copy of what goes to many goes to ourselves, too.
    fn loop_copy(&mut self, cx: &mut Context<H>, packet: &H::Buf) {
        let Some(link) = self.ifaces.loopback().map(|lo| lo.link) else { return };
        // A real copy: the headers in front of the original are yet to be written.
        if let Some(copy) = buffer_of(cx, &[packet.bytes()]) {
            self.send_frame(cx, &link, link.mac, EtherType::IPV4, copy);
        }
    }
}

/// A new buffer with `parts` one after the other.
pub(super) fn buffer_of<H: Host>(cx: &mut Context<H>, parts: &[&[u8]]) -> Option<H::Buf> {
    let mut buf = cx.host.allocate(parts.iter().map(|part| part.len()).sum())?;
    parts.iter().all(|part| buf.append(part)).then_some(buf)
}

/// Puts `bytes` in front of the packet; `false`, and no change, without the room.
fn prepend<B: Buf>(packet: &mut B, bytes: &[u8]) -> bool {
    if !packet.push(bytes.len()) {
        return false;
    }
    match packet.bytes_mut().get_mut(..bytes.len()) {
        Some(front) => {
            fill(front, bytes);
            true
        }
        None => false,
    }
}

/// Copies `from` to as much of `to`, by words: headers are most of what is copied, and short.
fn fill(to: &mut [u8], from: &[u8]) {
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<4>(), from.as_chunks::<4>());
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    to_rest.iter_mut().zip(from_rest).for_each(|(to, from)| *to = *from);
}

const _: () = assert!(MAX_LEN == u16::MAX as usize);
