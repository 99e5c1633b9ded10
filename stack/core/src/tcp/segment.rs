//! A segment that arrived: checked once, then only numbers.

use super::output::pseudo_header;
use crate::drop::DropReason;
use crate::host::{Buf, Host, IfIndex};
use crate::net::packet::{Cast, Received};
use core::net::SocketAddrV4;
use linnet_wire::checksum;
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::{Flags, HEADER_LEN, Header};
use linnet_wire::tcp_options::Options;

/// A segment; its buffer holds the payload alone.
pub(super) struct Segment {
    pub local: SocketAddrV4,
    pub peer: SocketAddrV4,
    pub iface: IfIndex,
    pub seq: SeqNum,
    pub ack: SeqNum,
    pub flags: Flags,
    pub window: u16,
    pub urgent: u16,
    /// Payload in bytes.
    pub len: u32,
    pub options: Options,
}

impl Segment {
    /// Checks what IPv4 delivered, and cuts `buf` down to the payload.
    pub fn parse<H: Host>(ip: &Received, buf: &mut H::Buf) -> Result<Self, DropReason> {
        // RFC 9293 §3.9.2.3, MUST-57: never to or from a broadcast or multicast address.
        if ip.kind != Cast::Unicast
            || ip.source.is_multicast()
            || ip.source.is_broadcast()
            || ip.source.is_unspecified()
        {
            return Err(DropReason::NotForUs);
        }
        let bytes = buf.bytes();
        let header = Header::parse(bytes).ok_or(DropReason::BadHeader)?;
        let local = SocketAddrV4::new(ip.destination, header.destination);
        let peer = SocketAddrV4::new(ip.source, header.source);
        // RFC 9293 §3.1, MUST-3.
        if checksum::finish(H::checksum(bytes, pseudo_header(peer, local, bytes.len()))) != 0 {
            return Err(DropReason::BadChecksum);
        }
        let options = bytes.get(HEADER_LEN..usize::from(header.len)).map(parse_options).unwrap_or_default();
        buf.pull(usize::from(header.len));
        Ok(Self {
            local,
            peer,
            iface: ip.iface,
            seq: header.seq,
            ack: header.ack,
            flags: header.flags,
            window: header.window,
            urgent: header.urgent,
            len: buf.bytes().len() as u32,
            options,
        })
    }

    /// What it takes of the sequence space (SEG.LEN).
    pub const fn span(&self) -> u32 {
        self.len
            .wrapping_add(self.flags.has(Flags::SYN) as u32)
            .wrapping_add(self.flags.has(Flags::FIN) as u32)
    }

    /// The number after its last.
    pub const fn end(&self) -> SeqNum {
        self.seq.plus(self.span())
    }

    /// The peer's segment size: what it asked for, or the default of RFC 9293 §3.7.1.
    pub fn mss(&self) -> u16 {
        self.options.mss.unwrap_or(536)
    }
}

/// The SACK blocks too, where a sender heeds them.
fn parse_options(bytes: &[u8]) -> Options {
    let options = Options::parse(bytes);
    #[cfg(feature = "sack")]
    let options = {
        let (sack, sack_count) = linnet_wire::tcp_options::sack_blocks(bytes);
        Options { sack, sack_count, ..options }
    };
    options
}
