//! Calls that make connections: `socket`, `connect`, `listen`, `accept`.

use super::Tcp;
use super::connection::Phase;
use super::demux::{Link, Node};
use super::output::{self, Io, synchronise};
use super::socket::{Base, Listen, Socket, State};
use crate::errno::Errno;
use crate::host::{Context, Host, Owner};
use crate::net::Net;
use crate::net::route::{PathKind, RouteQuery};
use crate::slab::Handle;
use crate::socket::Connect;
use core::net::{Ipv4Addr, SocketAddrV4};
use linnet_wire::seq::SeqNum;

impl<H: Host> Tcp<H> {
    /// A new socket; ENOBUFS without memory.
    pub fn socket(&mut self, owner: Owner) -> Result<Handle, Errno> {
        self.create(Some(owner)).ok_or(Errno::ENOBUFS)
    }

    /// An unused socket; `None` without memory.
    #[inline(never)]
    pub(super) fn create(&mut self, owner: Option<Owner>) -> Option<Handle> {
        self.sockets.insert_with(|| Socket { base: Base::new(owner), state: State::Closed })
    }

    /// `connect`. EALREADY while connecting, EISCONN afterwards; EADDRNOTAVAIL without a free
    /// port; what routing says.
    pub fn connect(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        peer: SocketAddrV4,
    ) -> Result<Connect, Errno> {
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        match state {
            State::Closed => {}
            State::Listen(_) => return Err(Errno::EISCONN),
            State::Connection(connection) => {
                return Err(match connection.phase {
                    Phase::SynSent | Phase::SynReceived => Errno::EALREADY,
                    _ => Errno::EISCONN,
                });
            }
        }
        // As Linux: the unspecified address means this host.
        let mut destination = *peer.ip();
        if destination.is_unspecified() {
            destination = Ipv4Addr::LOCALHOST;
        }
        let peer = SocketAddrV4::new(destination, peer.port());
        let source = base.address_bound.then_some(*base.local.ip());
        let query = RouteQuery { destination, source, iface: base.common.iface };
        let path = net.route(query)?;
        if matches!(path.kind, PathKind::Broadcast | PathKind::Multicast) {
            return Err(Errno::ENETUNREACH);
        }
        let mut local = SocketAddrV4::new(source.unwrap_or(path.source), base.local.port());
        let mut io = Io { cx, net };
        if local.port() == 0 {
            let port = self.choose_port(&mut io, handle, local, peer).ok_or(Errno::EADDRNOTAVAIL)?;
            local.set_port(port);
        } else if self.find(io.net.secret.table_hash(local, peer), local, peer) != Node::Nothing {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let hash = io.net.secret.table_hash(local, peer);
        // The ends must be in place before the table may rehash.
        let base = &mut self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?.base;
        base.local = local;
        base.peer = peer;
        base.link = Link::NONE;
        if !self.enter(hash, Node::Socket(handle), &io.net.secret) {
            return Err(Errno::ENOBUFS);
        }
        let socket = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        socket.base.entered = true;
        socket.base.error = None;
        socket.base.shut_read = false;
        socket.base.shut_write = false;
        socket.base.done = false;
        let iss = SeqNum(io.net.secret.initial_sequence(local, peer, io.cx.now));
        if let Some((base, connection)) = socket.begin(&io, iss, SeqNum(0)) {
            connection.send.peer_mss = output::own_mss(io.net, base);
            synchronise(&mut io, base, connection);
        }
        self.settle(&mut io, handle);
        Ok(Connect::InProgress)
    }

    /// `listen`. Called again, it sets the backlog. EINVAL on a connected socket; EADDRINUSE.
    pub fn listen(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        backlog: u16,
    ) -> Result<(), Errno> {
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        match state {
            State::Listen(listen) => {
                listen.backlog = backlog;
                return Ok(());
            }
            State::Closed => {}
            State::Connection(_) => return Err(Errno::EINVAL),
        }
        let local = base.local;
        if local.port() == 0 {
            let mut io = Io { cx, net };
            let port =
                self.choose_port(&mut io, handle, local, super::socket::ANY).ok_or(Errno::EADDRINUSE)?;
            self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?.base.local.set_port(port);
        } else if self.is_taken(handle, local, false) {
            return Err(Errno::EADDRINUSE);
        }
        let first = self.listeners;
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        base.link = first;
        base.shut_read = false;
        base.shut_write = false;
        *state = State::Listen(Listen { backlog, ..Listen::default() });
        self.listeners = Link::to(Node::Socket(handle));
        Ok(())
    }

    /// `accept`: a connection that waits, now held by `owner`. EAGAIN when none does; EINVAL on
    /// what does not listen.
    pub fn accept(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        owner: Owner,
    ) -> Result<(Handle, SocketAddrV4), Errno> {
        self.listen_mut(handle).ok_or(Errno::EINVAL)?;
        let child = self.dequeue(handle).ok_or(Errno::EAGAIN)?;
        let base = &mut self.sockets.get_mut(child).ok_or(Errno::EAGAIN)?.base;
        base.owner = Some(owner);
        base.events = 0;
        let peer = base.peer;
        self.settle(&mut Io { cx, net }, child);
        Ok((child, peer))
    }
}
