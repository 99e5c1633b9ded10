//! Frames in: Ethernet, then IPv4 with every check that comes before a transport.

use super::Net;
use super::iface::{Iface, LinkKind};
use super::packet::{Cast, Received};
use super::reassembly::Outcome;
use crate::drop::DropReason;
use crate::host::{Buf, Context, Host, IfIndex};
use core::net::Ipv4Addr;
use linnet_wire::ethernet::{self, EtherType};
use linnet_wire::ipv4::{HEADER_LEN, Header, Malformed, Options, Protocol, check_options};

/// A whole datagram for a transport.
pub struct Delivery<B> {
    /// What IPv4 says about it.
    pub ip: Received,
    /// Whose it is.
    pub protocol: Protocol,
    /// Length of the IPv4 header in front of the payload: `push` that to see it again.
    pub header_len: usize,
    /// The payload, from its transport header.
    pub payload: B,
}

impl<H: Host> Net<H> {
    /// Takes a received frame. What is for a transport comes back; everything else was handled,
    /// or dropped and counted.
    pub fn handle_frame(
        &mut self,
        cx: &mut Context<H>,
        iface: IfIndex,
        frame: H::Buf,
    ) -> Option<Delivery<H::Buf>> {
        match self.receive(cx, iface, frame) {
            Ok(delivery) => delivery,
            Err(reason) => {
                self.drops.count(reason);
                None
            }
        }
    }

    fn receive(
        &mut self,
        cx: &mut Context<H>,
        index: IfIndex,
        mut frame: H::Buf,
    ) -> Result<Option<Delivery<H::Buf>>, DropReason> {
        let iface = *self.ifaces.up().find(|iface| iface.link.index == index).ok_or(DropReason::LinkDown)?;
        let header = ethernet::Header::parse(frame.bytes()).ok_or(DropReason::Truncated)?;
        if iface.link.kind == LinkKind::Ethernet
            && header.destination != iface.link.mac
            && !header.destination.is_multicast()
        {
            return Err(DropReason::NotForUs);
        }
        frame.pull(ethernet::HEADER_LEN);
        match header.ether_type {
            EtherType::ARP => self.handle_arp(cx, &iface, &frame).map(|()| None),
            EtherType::IPV4 => self.receive_ipv4(cx, iface, header.destination.is_multicast(), frame),
            _ => Err(DropReason::UnknownProtocol),
        }
    }

    fn receive_ipv4(
        &mut self,
        cx: &mut Context<H>,
        mut iface: Iface,
        to_many: bool,
        mut packet: H::Buf,
    ) -> Result<Option<Delivery<H::Buf>>, DropReason> {
        let header = Header::parse(packet.bytes()).map_err(|malformed| match malformed {
            Malformed::Truncated => DropReason::Truncated,
            Malformed::Version => DropReason::UnknownVersion,
            Malformed::Header => DropReason::BadHeader,
            Malformed::Checksum => DropReason::BadChecksum,
        })?;
        packet.truncate(header.total_len as usize);
        let options = packet.bytes().get(HEADER_LEN..header.header_len as usize).unwrap_or(&[]);
        match check_options(options) {
            Options::Harmless => {}
            // RFC 7126 §4.3: a host refuses to be a hop of a source route.
            Options::SourceRoute => return Err(DropReason::SourceRoute),
            Options::Malformed => return Err(DropReason::BadHeader),
        }
        let from_ourselves = iface.link.kind == LinkKind::Loopback;
        if from_ourselves && let Some(link) = self.ifaces.owner_of(header.source) {
            // Our own packet to many belongs to the interface that it also left by.
            let sent_by = self.ifaces.by_index(link.index).copied();
            if let Some(sender) = sent_by.filter(|_| !self.is_local(header.destination)) {
                iface = sender;
            }
        }
        self.check_source(from_ourselves, &header)?;
        let kind = self.cast(&iface, from_ourselves, to_many, &header)?;

        let mut header_len = header.header_len as usize;
        if header.is_fragment() {
            let outcome = self.reassembly.handle(cx, &mut self.memory, &header, packet);
            self.rearm();
            packet = match outcome {
                Outcome::Waiting => return Ok(None),
                Outcome::Complete(whole) => whole,
                Outcome::Dropped(reason) => return Err(reason),
            };
            header_len = HEADER_LEN;
        }
        packet.pull(header_len);
        let ip = Received {
            source: header.source,
            destination: header.destination,
            iface: iface.link.index,
            ttl: header.ttl,
            tos: header.tos,
            kind,
        };
        Ok(Some(Delivery { ip, protocol: header.protocol, header_len, payload: packet }))
    }

    /// Refuses sources that cannot send (RFC 1122 §3.2.1.3, RFC 1812 §5.3.7).
    fn check_source(&self, from_ourselves: bool, header: &Header) -> Result<(), DropReason> {
        let source = header.source;
        let [first, ..] = source.octets();
        let nobody = source.is_multicast()
            || first >= 240
            // 0.0.0.0 is for those who have no address yet and ask everyone (DHCP).
            || (first == 0 && (!source.is_unspecified() || self.is_local(header.destination)));
        let forged = !from_ourselves
            && (source.is_loopback()
                || self.is_local(source)
                || self.ifaces.is_broadcast(source)
                || header.destination.is_loopback());
        if nobody || forged { Err(DropReason::Martian) } else { Ok(()) }
    }

    /// Whom a packet is for, if that is us.
    fn cast(
        &self,
        iface: &Iface,
        from_ourselves: bool,
        to_many: bool,
        header: &Header,
    ) -> Result<Cast, DropReason> {
        let to = header.destination;
        if to.is_multicast() {
            let wanted = to == ALL_SYSTEMS || self.groups.is_member(iface.link.index, to);
            return if wanted { Ok(Cast::Multicast) } else { Err(DropReason::NotForUs) };
        }
        if self.ifaces.is_broadcast(to) {
            return Ok(Cast::Broadcast);
        }
        // An interface without an address waits for one: a DHCP server may send the offer to
        // the address that it offers (RFC 2131 §4.1). UDP looks for a socket bound to the link.
        if iface.address.is_none() && header.protocol == Protocol::UDP {
            return Ok(Cast::Broadcast);
        }
        // RFC 1122 §3.3.6: a link broadcast is not for one host.
        if self.is_local(to) && (!to_many || from_ourselves) {
            Ok(Cast::Unicast)
        } else {
            Err(DropReason::NotForUs)
        }
    }
}

/// The group of all hosts, which everyone is a member of (RFC 1112 §4).
pub(super) const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
