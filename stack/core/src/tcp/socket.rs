//! A TCP socket: what belongs to it in any state, and the state with its data.

use super::connection::Connection;
use super::demux::Link;
use super::output::Io;
use crate::errno::Errno;
use crate::host::{Host, Owner, Wake};
use crate::settings::Settings;
use crate::socket::Common;
use core::net::{Ipv4Addr, SocketAddrV4};
use linnet_wire::seq::SeqNum;

/// An address that is not chosen yet.
pub(super) const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// A socket.
pub(super) struct Socket<H: Host> {
    pub base: Base,
    pub state: State<H>,
}

impl<H: Host> Socket<H> {
    /// Begins a connection between the ends in `base`; see [`Connection::new`].
    #[inline(never)]
    pub fn begin(
        &mut self,
        io: &Io<H>,
        iss: SeqNum,
        next: SeqNum,
    ) -> Option<(&mut Base, &mut Connection<H>)> {
        self.state = State::Connection(Connection::new(io, &self.base, iss, next));
        self.parts_mut()
    }

    /// The two parts of a socket that is or was connected.
    pub fn parts_mut(&mut self) -> Option<(&mut Base, &mut Connection<H>)> {
        match self {
            Self { base, state: State::Connection(connection) } => Some((base, connection)),
            _ => None,
        }
    }

    /// The two parts of a socket that is or was connected.
    pub const fn parts(&self) -> Option<(&Base, &Connection<H>)> {
        match self {
            Self { base, state: State::Connection(connection) } => Some((base, connection)),
            _ => None,
        }
    }
}

/// What a socket is doing.
#[allow(clippy::large_enum_variant)] // Listeners and unused sockets are few.
pub(super) enum State<H: Host> {
    /// Neither listening nor ever connected.
    Closed,
    /// Waiting for connections.
    Listen(Listen),
    /// A connection, from its first SYN to after its end.
    Connection(Connection<H>),
}

/// A listener's queues: half-open connections are counted, complete ones chained.
#[derive(Default)]
pub(super) struct Listen {
    /// How many complete connections may wait, less one.
    pub backlog: u16,
    /// How many wait.
    pub waiting: u16,
    /// How many are half-open.
    pub half_open: u16,
    pub first: Link,
    pub last: Link,
}

/// What a socket has in every state. In this order: what is used most has the short addresses.
#[repr(C)]
pub(super) struct Base {
    /// Wake-ups to deliver, a bit for each [`Wake`].
    pub events: u8,
    /// The program chose the address.
    pub address_bound: bool,
    /// The program chose the port.
    pub port_bound: bool,
    /// Nothing more to read is wanted or will come.
    pub shut_read: bool,
    /// Nothing more will be sent.
    pub shut_write: bool,
    /// The peer's FIN was received in order.
    pub done: bool,
    /// The program has closed it; the stack finishes alone.
    pub orphan: bool,
    /// In the demultiplexer.
    pub entered: bool,
    /// Waits in an accept queue.
    pub queued: bool,
    /// For the next call (`SO_ERROR`).
    pub error: Option<Errno>,
    /// Reported only when the connection times out.
    pub soft_error: Option<Errno>,
    pub local: SocketAddrV4,
    pub peer: SocketAddrV4,
    /// Successor in the chain of the demultiplexer, or of the listeners.
    pub link: Link,
    /// Successor in the accept queue.
    pub queue_next: Link,
    pub owner: Option<Owner>,
    pub common: Common,
    pub settings: Settings,
}

impl Base {
    /// As it is made, but for its owner: a constant, which is copied and not set up field by field.
    const NEW: Self = Self {
        owner: None,
        common: Common::DEFAULT,
        settings: Settings::DEFAULT,
        local: ANY,
        peer: ANY,
        link: Link::NONE,
        queue_next: Link::NONE,
        error: None,
        soft_error: None,
        events: 0,
        address_bound: false,
        port_bound: false,
        shut_read: false,
        shut_write: false,
        done: false,
        orphan: false,
        entered: false,
        queued: false,
    };

    pub const fn new(owner: Option<Owner>) -> Self {
        let mut base = Self::NEW;
        base.owner = owner;
        base
    }

    /// Notes a wake-up; it is delivered once, when the event has been handled.
    pub fn wake(&mut self, why: Wake) {
        self.events |= 1 << why as u8;
    }
}
