//! ARP in and out (RFC 826), around the cache in `neighbour.rs`.

use super::Net;
use super::iface::{Iface, LinkKind};
use super::neighbour::Due;
use super::output::buffer_of;
use crate::drop::DropReason;
use crate::host::{Buf, Context, Host, IfIndex, Queue};
use core::net::Ipv4Addr;
use linnet_wire::arp::{Operation, Packet};
use linnet_wire::ethernet::{EtherType, Mac};

impl<H: Host> Net<H> {
    /// Takes an ARP packet: answers a request for our address, learns from it, and from replies
    /// to what we asked.
    #[inline(never)]
    pub(super) fn handle_arp(
        &mut self,
        cx: &mut Context<H>,
        iface: &Iface,
        frame: &H::Buf,
    ) -> Result<(), DropReason> {
        let packet = Packet::parse(frame.bytes()).ok_or(DropReason::UnknownVersion)?;
        let sender = packet.sender;
        if iface.link.kind != LinkKind::Ethernet
            || !packet.sender_mac.is_unicast()
            || self.is_local(sender)
            || self.ifaces.is_broadcast(sender)
            || sender.is_multicast()
            || sender.is_loopback()
        {
            return Err(DropReason::Martian);
        }
        // Without an address there is nothing to answer, but our own probe (RFC 5227 §2.1.1) may be.
        let own = self.ifaces.address_for(iface, packet.target).filter(|own| own.address == packet.target);
        let own = own.filter(|_| packet.operation == Operation::Request);
        // A sender of 0.0.0.0 asks whether the address is free (RFC 5227): answered, not learned.
        if !sender.is_unspecified() {
            let key = (iface.link.index, sender);
            let creates = own.is_some_and(|own| own.contains(sender));
            let mac = packet.sender_mac;
            if let Some(waiting) = self.neighbours.learn(cx.now, &mut self.memory, key, mac, creates) {
                self.rearm();
                self.send_waiting(cx, &iface.link, mac, waiting);
            }
        }
        if own.is_some() {
            let reply = Packet {
                operation: Operation::Reply,
                sender_mac: iface.link.mac,
                sender: packet.target,
                target_mac: packet.sender_mac,
                target: sender,
            };
            self.send_arp(cx, iface, packet.sender_mac, reply);
        }
        Ok(())
    }

    /// Asks for `target`: `mac` whether it still has the address, or everyone.
    pub(super) fn send_arp_request(
        &mut self,
        cx: &mut Context<H>,
        index: IfIndex,
        target: Ipv4Addr,
        mac: Option<Mac>,
    ) {
        let Some(iface) = self.ifaces.by_index(index).copied() else { return };
        let own = self.ifaces.address_for(&iface, target);
        let request = Packet {
            operation: Operation::Request,
            sender_mac: iface.link.mac,
            sender: own.map_or(Ipv4Addr::UNSPECIFIED, |own| own.address),
            target_mac: Mac::default(),
            target,
        };
        self.send_arp(cx, &iface, mac.unwrap_or(Mac::BROADCAST), request);
    }

    /// Asks again, and gives up those who do not answer.
    #[inline(never)]
    pub(super) fn handle_arp_timers(&mut self, cx: &mut Context<H>) {
        while let Some(due) = self.neighbours.poll_due(cx.now, &mut self.memory) {
            match due {
                Due::Ask { iface, address, mac } => self.send_arp_request(cx, iface, address, mac),
                Due::Failed(mut waiting) => {
                    while let Some(packet) = waiting.pop_front() {
                        self.drops.count(DropReason::Unreachable);
                        self.failed.push_back(packet);
                    }
                }
            }
        }
    }

    fn send_arp(&mut self, cx: &mut Context<H>, iface: &Iface, to: Mac, packet: Packet) {
        match buffer_of(cx, &[&packet.to_bytes()]) {
            Some(buf) => self.send_frame(cx, &iface.link, to, EtherType::ARP, buf),
            None => self.drops.count(DropReason::NoMemory),
        }
    }
}
