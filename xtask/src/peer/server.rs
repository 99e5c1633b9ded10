//! TCP servers on smoltcp: a pool of listening sockets per port, a conversation per connection.

use std::net::Ipv4Addr;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::IpListenEndpoint;

/// Sockets of one port that wait at the same time: so many SYNs are taken in one go.
const BACKLOG: usize = 8;
/// Receive buffer of a connection, in bytes.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Send buffer of a connection, in bytes: 16 full segments. smoltcp repairs one loss a window without
/// a timeout, so a larger window makes a lossy download slower, not faster.
const SEND_BUFFER: usize = 16 * 1460;

/// What a server says on one connection.
pub trait Conversation: Send {
    /// Reads and writes what is possible now. Called on every turn while the connection is open;
    /// ends it with `socket.close()` or `socket.abort()`.
    fn advance(&mut self, socket: &mut tcp::Socket<'_>);
}

/// A listening port.
pub struct Server {
    port: u16,
    send_buffer: usize,
    open: Box<dyn FnMut() -> Box<dyn Conversation> + Send>,
    connections: Vec<(SocketHandle, Option<Box<dyn Conversation>>)>,
}

impl Server {
    /// A server on `port` of every address of the peer; `open` starts each connection's conversation.
    pub fn new<C: Conversation + 'static>(port: u16, mut open: impl FnMut() -> C + Send + 'static) -> Server {
        Server {
            port,
            send_buffer: SEND_BUFFER,
            open: Box::new(move || Box::new(open())),
            connections: Vec::new(),
        }
    }

    /// The same with another send buffer, in bytes.
    #[must_use]
    pub fn with_send_buffer(self, send_buffer: usize) -> Server {
        Server { send_buffer, ..self }
    }

    /// Lets every connection advance and keeps the pool of listening sockets full.
    pub fn poll(&mut self, sockets: &mut SocketSet<'_>) {
        let mut waiting = 0;
        self.connections.retain_mut(|(handle, conversation)| {
            let socket = sockets.get_mut::<tcp::Socket>(*handle);
            match socket.state() {
                tcp::State::Listen => waiting += 1,
                tcp::State::SynReceived => {}
                // Closed without an endpoint: nothing is left to be sent, not even a reset.
                tcp::State::Closed if socket.remote_endpoint().is_none() => {
                    sockets.remove(*handle);
                    return false;
                }
                tcp::State::Closed | tcp::State::TimeWait => {}
                _ => conversation.get_or_insert_with(&mut self.open).advance(socket),
            }
            true
        });
        for _ in waiting..BACKLOG {
            let mut socket = sized_stream(self.send_buffer);
            let endpoint = IpListenEndpoint { addr: None, port: self.port };
            socket.listen(endpoint).expect("a new socket on a port that is not zero can listen");
            self.connections.push((sockets.add(socket), None));
        }
    }
}

/// A TCP socket as all of the peer's are: large buffers, Reno, no Nagle.
pub fn stream() -> tcp::Socket<'static> {
    sized_stream(SEND_BUFFER)
}

fn sized_stream(send_buffer: usize) -> tcp::Socket<'static> {
    let mut socket = tcp::Socket::new(
        tcp::SocketBuffer::new(vec![0; RECEIVE_BUFFER]),
        tcp::SocketBuffer::new(vec![0; send_buffer]),
    );
    socket.set_nagle_enabled(false);
    socket.set_congestion_control(tcp::CongestionControl::Reno);
    socket
}

/// Sends as much of `bytes` from `*at` on as fits, and moves `*at`.
pub fn send_from(socket: &mut tcp::Socket<'_>, bytes: &[u8], at: &mut usize) {
    // An error means that the connection is gone: the server notices by the state.
    while *at < bytes.len() && socket.can_send() {
        match socket.send_slice(&bytes[*at..]) {
            Ok(0) | Err(_) => return,
            Ok(sent) => *at += sent,
        }
    }
}

/// Whether the other end has closed its half and everything it sent has been read.
pub fn ended(socket: &tcp::Socket<'_>) -> bool {
    !socket.may_recv() && socket.recv_queue() == 0
}

/// An address as smoltcp's sockets take it.
pub fn endpoint(address: Ipv4Addr, port: u16) -> smoltcp::wire::IpEndpoint {
    smoltcp::wire::IpEndpoint::new(address.into(), port)
}
