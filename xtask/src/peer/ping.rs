//! Asks the guest for an ICMP echo (RFC 792), one at a time.

use std::net::Ipv4Addr;

use anyhow::{Result, anyhow};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp;
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, IpAddress};

use super::noise::Noise;

/// Identifier of all our requests.
const IDENT: u16 = 0x4c69;
const QUEUE: usize = 8;
const QUEUE_BYTES: usize = 32 * 1024;

/// The asking side.
pub struct Ping {
    handle: SocketHandle,
    /// Number and content of the request that waits for its answer.
    asked: Option<(u16, Vec<u8>)>,
    number: u16,
}

impl Ping {
    /// A socket to ask through.
    pub fn new(sockets: &mut SocketSet<'_>) -> Ping {
        let buffer =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; QUEUE], vec![0; QUEUE_BYTES]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(icmp::Endpoint::Ident(IDENT)).expect("a new socket can be bound");
        Ping { handle: sockets.add(socket), asked: None, number: 0 }
    }

    /// Sends a request with `size` bytes of content to `address`.
    ///
    /// # Errors
    /// The request does not fit in the socket's buffer.
    pub fn ask(&mut self, address: Ipv4Addr, size: usize, sockets: &mut SocketSet<'_>) -> Result<()> {
        self.number = self.number.wrapping_add(1);
        let content = Noise::new(u64::from(self.number)).bytes(size);
        let request = Icmpv4Repr::EchoRequest { ident: IDENT, seq_no: self.number, data: &content };
        let socket = sockets.get_mut::<icmp::Socket>(self.handle);
        let payload = socket
            .send(request.buffer_len(), IpAddress::Ipv4(address))
            .map_err(|error| anyhow!("a ping with {size} bytes: {error}"))?;
        request.emit(&mut Icmpv4Packet::new_unchecked(payload), &ChecksumCapabilities::default());
        self.asked = Some((self.number, content));
        Ok(())
    }

    /// Whether the answer to the last request has come, as it was asked.
    pub fn answered(&mut self, sockets: &mut SocketSet<'_>) -> bool {
        let socket = sockets.get_mut::<icmp::Socket>(self.handle);
        while let Ok((payload, _)) = socket.recv() {
            let Some((number, content)) = &self.asked else { continue };
            let Ok(packet) = Icmpv4Packet::new_checked(payload) else { continue };
            let reply = Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default());
            if reply == Ok(Icmpv4Repr::EchoReply { ident: IDENT, seq_no: *number, data: content }) {
                self.asked = None;
            }
        }
        self.asked.is_none()
    }
}
