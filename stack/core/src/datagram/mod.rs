//! Datagram sockets: UDP (RFC 768), and ICMP echo ("ping") sockets, which are the same but for
//! their header.
//!
//! A [`Datagrams`] is all sockets of one of the two. A ping socket's port is its echo identifier.

mod bind;
mod error;
mod options;
#[cfg(feature = "raw")]
mod raw;
mod receive;
mod send;
mod socket;

use crate::errno::Errno;
use crate::host::{Buf, Context, Host, Owner, Queue};
use crate::net::Net;
use crate::ports::Ports;
use crate::slab::{Handle, Slab};
use crate::socket::{Common, Front, How, Readiness, Row, SendRoom};
use core::net::SocketAddrV4;
use linnet_wire::icmp;
use linnet_wire::ipv4::{HEADER_LEN, MAX_LEN, Protocol};
use linnet_wire::udp;
use socket::Socket;

/// All sockets of a datagram protocol.
pub struct Datagrams<H: Host> {
    protocol: Protocol,
    sockets: Slab<Socket<H>>,
    ports: Ports,
}

impl<H: Host> Datagrams<H> {
    /// UDP without sockets.
    pub const fn udp() -> Self {
        Self { protocol: Protocol::UDP, sockets: Slab::new(), ports: Ports::new() }
    }

    /// ICMP echo without sockets.
    pub const fn ping() -> Self {
        Self { protocol: Protocol::ICMP, sockets: Slab::new(), ports: Ports::new() }
    }

    /// A new socket; `ENOBUFS` without memory.
    pub fn socket(&mut self, owner: Owner) -> Result<Handle, Errno> {
        self.sockets.insert_with(|| Socket::new(owner)).ok_or(Errno::ENOBUFS)
    }

    /// Ends a socket: what waits in it is dropped, groups it joined are left.
    pub fn close(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle) {
        let Some(mut socket) = self.sockets.remove(handle) else { return };
        socket.purge(&mut net.memory);
        for &(iface, group) in &socket.groups {
            net.leave(cx, iface, group);
        }
    }

    /// Who is woken from now on.
    pub fn set_owner(&mut self, handle: Handle, owner: Option<Owner>) {
        if let Some(socket) = self.sockets.get_mut(handle) {
            socket.owner = owner;
        }
    }

    /// How large a datagram may be; there is always room, the host bounds what is in flight.
    pub fn send_room(&self, handle: Handle) -> Result<SendRoom, Errno> {
        self.get(handle)?;
        let segment = match self.protocol {
            Protocol::UDP => MAX_LEN - HEADER_LEN - udp::HEADER_LEN,
            _ => MAX_LEN - HEADER_LEN,
        };
        Ok(SendRoom { bytes: segment, segment })
    }

    /// The first datagram that waits. A pending error comes first and is taken by this;
    /// `EAGAIN` if there is nothing.
    pub fn recv_front(&mut self, handle: Handle) -> Result<Front<'_, H::Buf>, Errno> {
        let socket = self.get_mut(handle)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let no_more = socket.no_receive;
        match socket.queue.front_mut() {
            Some(buf) => {
                let len = buf.bytes().len();
                Ok(Front::Data { buf, at: 0, len })
            }
            None if no_more => Ok(Front::Shut),
            None => Err(Errno::EAGAIN),
        }
    }

    /// Removes the first datagram.
    pub fn recv_done(&mut self, net: &mut Net<H>, handle: Handle) {
        if let Some(socket) = self.sockets.get_mut(handle)
            && let Some(buf) = socket.queue.pop_front()
        {
            socket.release(&mut net.memory, &buf);
        }
    }

    /// Ends a half. `ENOTCONN` without a peer; it is done all the same, as Linux does.
    pub fn shutdown(&mut self, cx: &mut Context<H>, handle: Handle, how: How) -> Result<(), Errno> {
        let socket = self.get_mut(handle)?;
        socket.no_receive |= how.reads();
        socket.no_send |= how.writes();
        socket.wake(cx, crate::host::Wake::State);
        if socket.peer.is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    /// What the socket is ready for.
    pub fn readiness(&self, handle: Handle) -> Readiness {
        let Some(socket) = self.sockets.get(handle) else { return Readiness::NONE };
        let readable = Readiness::IN | Readiness::RDNORM;
        (Readiness::OUT | Readiness::WRNORM | Readiness::WRBAND)
            .with_if(socket.error.is_some(), Readiness::ERR)
            .with_if(socket.no_receive, readable | Readiness::RDHUP)
            .with_if(socket.no_receive && socket.no_send, Readiness::HUP)
            .with_if(!socket.queue.is_empty(), readable)
    }

    /// `SO_ERROR`: the pending error, once.
    pub fn take_error(&mut self, handle: Handle) -> Option<Errno> {
        self.sockets.get_mut(handle)?.error.take()
    }

    /// The socket's own address; zeros before it has one.
    pub fn local(&self, handle: Handle) -> SocketAddrV4 {
        self.sockets.get(handle).map_or(socket::NOWHERE, |socket| socket.local)
    }

    /// The peer's address; `ENOTCONN` without one.
    pub fn peer(&self, handle: Handle) -> Result<SocketAddrV4, Errno> {
        self.get(handle)?.peer.ok_or(Errno::ENOTCONN)
    }

    /// Takes in the options at `SOL_SOCKET`.
    pub fn set_common(&mut self, handle: Handle, common: &Common) {
        if let Some(socket) = self.sockets.get_mut(handle) {
            socket.common = *common;
        }
    }

    /// The lines of `/proc/net/udp`.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.sockets.iter().map(|(_, socket)| socket.row())
    }

    fn get(&self, handle: Handle) -> Result<&Socket<H>, Errno> {
        self.sockets.get(handle).ok_or(Errno::EINVAL)
    }

    fn get_mut(&mut self, handle: Handle) -> Result<&mut Socket<H>, Errno> {
        self.sockets.get_mut(handle).ok_or(Errno::EINVAL)
    }

    fn is_ping(&self) -> bool {
        self.protocol == Protocol::ICMP
    }
}

const _: () = assert!(icmp::HEADER_LEN == udp::HEADER_LEN);
