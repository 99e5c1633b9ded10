//! TCP: connections, listeners, and what remains of both (RFC 9293).
//!
//! Pure protocol: segments, calls and time in, segments and wake-ups out. Each part of a
//! connection has its file; `input` follows the steps of RFC 9293 §3.10.7.

mod binding;
mod calls;
mod close;
mod connection;
mod demux;
mod half_open;
mod icmp;
mod info;
mod input;
mod options;
mod output;
mod passive;
mod readiness;
mod reassembly;
mod receive;
mod remnants;
mod reno;
mod resend;
mod rtt;
#[cfg(feature = "sack")]
mod scoreboard;
mod segment;
mod send;
mod settle;
mod socket;
mod stream;
mod time_wait;
mod timers;
mod transmit;
mod window;

use crate::drop::DropReason;
use crate::host::{Context, Host};
use crate::net::Net;
use crate::net::packet::{Received, Verdict};
use crate::ports::Ports;
use crate::slab::{Handle, Slab};
use crate::time::Instant;
use connection::Connection;
use demux::{Demux, Link, Node};
use output::Io;
use segment::Segment;
use socket::{Base, Socket};

/// All TCP sockets and connections of a stack.
pub struct Tcp<H: Host> {
    sockets: Slab<Socket<H>>,
    halves: Slab<half_open::HalfOpen>,
    waits: Slab<time_wait::TimeWait>,
    demux: Demux,
    /// The first listener; the others follow by `Base::link`.
    listeners: Link,
    ports: Ports,
    /// No timer goes off before.
    earliest: Option<Instant>,
    /// Connections whose program has gone.
    orphans: u16,
}

impl<H: Host> Tcp<H> {
    /// No sockets; takes no memory.
    pub const fn new() -> Self {
        Self {
            sockets: Slab::new(),
            halves: Slab::new(),
            waits: Slab::new(),
            demux: Demux::new(),
            listeners: Link::NONE,
            ports: Ports::new(),
            earliest: None,
            orphans: 0,
        }
    }

    /// A segment arrived; `buf` starts at its header.
    pub fn handle_segment(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        ip: Received,
        mut buf: H::Buf,
    ) -> Verdict<H::Buf> {
        let segment = match Segment::parse::<H>(&ip, &mut buf) {
            Ok(segment) => segment,
            Err(reason) => return Verdict::Dropped(reason),
        };
        match self.dispatch(&mut Io { cx, net }, &segment, buf) {
            Ok(()) => Verdict::Taken,
            Err(reason) => Verdict::Dropped(reason),
        }
    }

    fn dispatch(&mut self, io: &mut Io<H>, segment: &Segment, buf: H::Buf) -> Result<(), DropReason> {
        let hash = io.net.secret.table_hash(segment.local, segment.peer);
        match self.find(hash, segment.local, segment.peer) {
            Node::Socket(handle) => self.at_connection(io, handle, segment, buf),
            Node::Half(handle) => {
                let Some(half) = self.halves.get(handle) else { return Err(DropReason::NoSocket) };
                let listener = half.listener;
                match self.at_half_open(io, handle, segment)? {
                    Some(child) => {
                        let outcome = self.at_connection(io, child, segment, buf);
                        self.settle(io, listener);
                        outcome
                    }
                    None => Ok(()),
                }
            }
            Node::Wait(handle) => self.at_remnant(io, handle, segment),
            Node::Nothing => self.at_listener(io, segment, None),
        }
    }

    fn at_connection(
        &mut self,
        io: &mut Io<H>,
        handle: Handle,
        segment: &Segment,
        buf: H::Buf,
    ) -> Result<(), DropReason> {
        let Some((base, connection)) = self.connection_mut(handle) else {
            return Err(DropReason::NoSocket);
        };
        let bound_elsewhere = base.common.iface.is_some_and(|iface| iface != segment.iface);
        if bound_elsewhere {
            return Err(DropReason::NoSocket);
        }
        let outcome = input::arrives(io, base, connection, segment, buf);
        self.settle(io, handle);
        if outcome == Err(DropReason::NoMemory) {
            self.relieve(io);
        }
        outcome
    }

    /// A socket that is or was connected.
    #[inline(never)]
    fn connection_mut(&mut self, handle: Handle) -> Option<(&mut Base, &mut Connection<H>)> {
        self.sockets.get_mut(handle)?.parts_mut()
    }

    /// The global cap refused data in order: what is out of order anywhere goes first.
    fn relieve(&mut self, io: &mut Io<H>) {
        let mut place = 0;
        while let Some((next, handle)) = self.sockets.next_from(place) {
            place = next;
            if let Some((_, connection)) = self.connection_mut(handle) {
                connection.receive.drop_ahead(&mut io.net.memory);
            }
        }
    }
}

impl<H: Host> Default for Tcp<H> {
    fn default() -> Self {
        Self::new()
    }
}
