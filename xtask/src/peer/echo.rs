//! Echo over UDP and TCP (RFC 862), and the server that resets whoever connects.

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};

use super::server::{Conversation, ended};

const DATAGRAM_MAX: usize = 65507;
const QUEUE_BYTES: usize = 512 * 1024;
const QUEUE_DATAGRAMS: usize = 256;

/// A UDP socket of the peer that is bound to `port`.
pub fn datagram_socket(port: u16) -> udp::Socket<'static> {
    let buffer =
        || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; QUEUE_DATAGRAMS], vec![0; QUEUE_BYTES]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(port).expect("a new socket on a port that is not zero can be bound");
    socket
}

/// Sends every datagram back from the address that it was sent to.
pub struct DatagramEcho {
    handle: SocketHandle,
    scratch: Vec<u8>,
}

impl DatagramEcho {
    /// An echo server on `port`.
    pub fn new(port: u16, sockets: &mut SocketSet<'_>) -> DatagramEcho {
        DatagramEcho { handle: sockets.add(datagram_socket(port)), scratch: vec![0; DATAGRAM_MAX] }
    }

    /// Sends back what has arrived.
    pub fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        let socket = sockets.get_mut::<udp::Socket>(self.handle);
        while socket.can_recv() && socket.can_send() {
            let Ok((len, from)) = socket.recv_slice(&mut self.scratch) else { return };
            // A full queue loses the datagram, as UDP may.
            let _ = socket.send_slice(&self.scratch[..len], from);
        }
    }
}

/// Sends every byte back, and closes when the other end does.
#[derive(Default)]
pub struct StreamEcho;

impl Conversation for StreamEcho {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        let mut chunk = [0; 4096];
        while socket.can_recv() && socket.can_send() {
            let room = (socket.send_capacity() - socket.send_queue()).min(chunk.len());
            let Ok(len) = socket.recv_slice(&mut chunk[..room]) else { return };
            let _ = socket.send_slice(&chunk[..len]);
        }
        if ended(socket) {
            socket.close();
        }
    }
}

/// Resets the connection when the first byte arrives: earlier, the guest's connect could fail with
/// the reset already.
#[derive(Default)]
pub struct Reset;

impl Conversation for Reset {
    fn advance(&mut self, socket: &mut tcp::Socket<'_>) {
        if socket.can_recv() {
            socket.abort();
        } else if ended(socket) {
            socket.close();
        }
    }
}
