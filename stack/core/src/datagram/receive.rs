//! Datagrams in: which socket takes one, and whether it has room.

use super::Datagrams;
use super::socket::Socket;
use crate::drop::DropReason;
use crate::host::{Buf, Context, DatagramMeta, Host, Meta, Queue, Wake};
use crate::lot::Lot;
use crate::memory::{Memory, Pressure};
use crate::net::Net;
use crate::net::packet::{Cast, Received, Verdict};
use crate::secret::Purpose;
use crate::slab::Handle;
use core::net::SocketAddrV4;
use linnet_wire::ipv4::{Protocol, pseudo_sum};
use linnet_wire::{checksum, icmp, udp};

impl<H: Host> Datagrams<H> {
    /// Takes a UDP datagram; `buf` starts at its header.
    #[inline(never)]
    pub fn handle_datagram(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        ip: Received,
        mut buf: H::Buf,
    ) -> Verdict<H::Buf> {
        let Some(header) = udp::Header::parse(buf.bytes()) else {
            return Verdict::Dropped(DropReason::Truncated);
        };
        buf.truncate(header.len as usize);
        // RFC 1122 §4.1.3.4: a checksum of zero was not made by the sender.
        if header.checksum != 0 {
            let pseudo = pseudo_sum(ip.source, ip.destination, Protocol::UDP, header.len);
            if checksum::finish(H::checksum(buf.bytes(), pseudo)) != 0 {
                return Verdict::Dropped(DropReason::BadChecksum);
            }
        }
        let peer = SocketAddrV4::new(ip.source, header.source);
        if ip.kind != Cast::Unicast {
            buf.pull(udp::HEADER_LEN);
            return self.deliver_to_many(cx, net, ip, peer, header.destination, buf);
        }
        let words = [ip.source.to_bits(), ip.destination.to_bits(), u32::from(header.source)];
        let hash = net.secret.hash(Purpose::HashTable, words);
        let Some(handle) = self.find(&ip, peer, header.destination, hash) else {
            return Verdict::Unreachable(buf);
        };
        buf.pull(udp::HEADER_LEN);
        set_meta(&mut buf, &ip, header.source);
        let delivered = self.sockets.get_mut(handle).map(|socket| socket.enqueue(cx, &mut net.memory, buf));
        delivered.unwrap_or(Verdict::Dropped(DropReason::NoSocket))
    }

    /// Takes an echo reply, whose checksum is good; `buf` starts at its header, which the
    /// program sees.
    pub fn handle_echo_reply(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        ip: Received,
        mut buf: H::Buf,
    ) -> Verdict<H::Buf> {
        let id = icmp::Header::parse(buf.bytes()).map_or(0, |header| header.id);
        set_meta(&mut buf, &ip, 0);
        let mut sockets = self.sockets.iter();
        let taker = sockets.find(|(_, socket)| {
            id != 0 && socket.local.port() == id && socket.accepts(ip.destination, ip.iface)
        });
        let handle = taker.map(|(handle, _)| handle);
        drop(sockets);
        match handle.and_then(|handle| self.sockets.get_mut(handle)) {
            Some(socket) => socket.enqueue(cx, &mut net.memory, buf),
            None => Verdict::Dropped(DropReason::NoSocket),
        }
    }

    /// Broadcasts and multicasts go to every socket that takes them; nobody is told if none does.
    fn deliver_to_many(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        ip: Received,
        peer: SocketAddrV4,
        port: u16,
        mut buf: H::Buf,
    ) -> Verdict<H::Buf> {
        // To an interface that waits for its address, only what is bound to it listens.
        let ours = ip.kind == Cast::Multicast || net.is_broadcast(ip.destination);
        set_meta(&mut buf, &ip, peer.port());
        let mut verdict = Verdict::Dropped(DropReason::NoSocket);
        let mut place = 0;
        while let Some((next, handle)) = self.sockets.next_from(place) {
            place = next;
            let Some(socket) = self.sockets.get_mut(handle) else { continue };
            let wants = socket.local.port() == port
                && socket.accepts(ip.destination, ip.iface)
                && socket.peer.is_none_or(|only| only == peer)
                && (ours || socket.common.iface.is_some());
            if wants {
                verdict = match buf.share() {
                    Some(copy) => socket.enqueue(cx, &mut net.memory, copy),
                    None => Verdict::Dropped(DropReason::NoMemory),
                };
            }
        }
        verdict
    }

    /// The socket that fits best, as Linux scores it: one that is connected to the sender before
    /// one at the address, before one on the interface, before any; among equals with
    /// `SO_REUSEPORT` one that `hash` picks.
    pub(super) fn find(&self, ip: &Received, peer: SocketAddrV4, port: u16, hash: u32) -> Option<Handle> {
        let mut best = None;
        let mut best_score = 0;
        let mut lot = Lot::new(hash);
        for (handle, socket) in self.sockets.iter() {
            if socket.local.port() != port
                || !socket.accepts(ip.destination, ip.iface)
                || socket.peer.is_some_and(|only| only != peer)
            {
                continue;
            }
            let score = 1
                + u8::from(!socket.local.ip().is_unspecified())
                + u8::from(socket.common.iface.is_some())
                + 2 * u8::from(socket.peer.is_some());
            if score >= best_score && lot.falls_on(score > best_score, socket.common.reuse_port) {
                (best, best_score) = (Some(handle), score);
            }
        }
        best
    }
}

impl<H: Host> Socket<H> {
    /// Queues a datagram if there is room: one may go beyond the limit, as in Linux.
    pub(super) fn enqueue(
        &mut self,
        cx: &mut Context<H>,
        memory: &mut Memory,
        buf: H::Buf,
    ) -> Verdict<H::Buf> {
        let footprint = buf.footprint();
        let reason = if self.no_receive {
            DropReason::Closed
        } else if self.queued > self.common.receive_buffer {
            DropReason::ReceiveBufferFull
        } else if self.queued > 0 && memory.pressure() != Pressure::Low || !memory.try_charge(footprint) {
            DropReason::NoMemory
        } else {
            self.queued += footprint as u32;
            self.queue.push_back(buf);
            self.wake(cx, Wake::Readable);
            return Verdict::Taken;
        };
        self.drops = self.drops.wrapping_add(1);
        Verdict::Dropped(reason)
    }
}

#[inline(never)]
pub(super) fn set_meta<B: Buf>(buf: &mut B, ip: &Received, source_port: u16) {
    buf.set_meta(Meta::Datagram(DatagramMeta {
        source: ip.source,
        source_port,
        destination: ip.destination,
        iface: ip.iface,
        ttl: ip.ttl,
        tos: ip.tos,
    }));
}
