//! Addresses and ports: who may have which (`bind`, and the ephemeral ports of `connect` and
//! `listen`).

use super::Tcp;
use super::connection::Phase;
use super::demux::Node;
use super::output::Io;
use super::socket::{Socket, State};
use crate::errno::Errno;
use crate::host::{Context, Host};
use crate::net::Net;
use crate::slab::Handle;
use core::net::SocketAddrV4;

impl<H: Host> Tcp<H> {
    /// `bind`: EINVAL when bound already, EADDRNOTAVAIL for an address that is not ours,
    /// EADDRINUSE.
    pub fn bind(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        address: SocketAddrV4,
    ) -> Result<(), Errno> {
        let socket = self.sockets.get(handle).ok_or(Errno::EINVAL)?;
        let any = address.ip().is_unspecified();
        if !any && !net.is_local(*address.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let base = &socket.base;
        let free = match &socket.state {
            State::Closed => base.local.port() == 0,
            // A port that nobody asked for goes with its connection.
            State::Connection(it) => it.phase == Phase::Closed && base.peer.port() != 0 && !base.port_bound,
            State::Listen(_) => false,
        };
        if !free {
            return Err(Errno::EINVAL);
        }
        let port = match address.port() {
            0 => self
                .choose_port(&mut Io { cx, net }, handle, address, super::socket::ANY)
                .ok_or(Errno::EADDRINUSE)?,
            port if self.is_taken(handle, SocketAddrV4::new(*address.ip(), port), false) => {
                return Err(Errno::EADDRINUSE);
            }
            port => port,
        };
        let base = &mut self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?.base;
        base.local = SocketAddrV4::new(*address.ip(), port);
        base.address_bound = !any;
        base.port_bound = address.port() != 0;
        base.peer = super::socket::ANY;
        Ok(())
    }

    /// An ephemeral port (RFC 6056): free altogether for a socket without peer; with one, between
    /// these two ends, and nobody's who bound to it.
    pub(super) fn choose_port(
        &mut self,
        io: &mut Io<H>,
        handle: Handle,
        local: SocketAddrV4,
        peer: SocketAddrV4,
    ) -> Option<u16> {
        let mut ports = self.ports;
        let secret = &io.net.secret;
        let port = ports.choose(secret, *local.ip(), peer, &mut |port| {
            let local = SocketAddrV4::new(*local.ip(), port);
            let connects = peer.port() != 0;
            self.is_taken(handle, local, connects)
                || connects && self.find(secret.table_hash(local, peer), local, peer) != Node::Nothing
        });
        self.ports = ports;
        port
    }

    /// Whether another socket, or a remnant, keeps `handle` from binding to `local`. Who only
    /// connects is not kept by those who did the same: what they hold are their four-tuples.
    pub(super) fn is_taken(&self, handle: Handle, local: SocketAddrV4, connects: bool) -> bool {
        let Some(Socket { base: own, .. }) = self.sockets.get(handle) else { return true };
        let overlaps = |other: SocketAddrV4| {
            other.port() == local.port()
                && (other.ip() == local.ip() || other.ip().is_unspecified() || local.ip().is_unspecified())
        };
        let by_socket = self.sockets.iter().any(|(other, Socket { base, state })| {
            let listens = matches!(state, State::Listen(_));
            let shares = own.common.reuse_address && base.common.reuse_address && !listens
                || own.common.shares_port(&base.common)
                || connects && base.peer.port() != 0 && !base.port_bound;
            // What an accepted or connected socket holds is its four-tuple, as long as it reuses.
            other != handle && overlaps(base.local) && !shares && !own.common.is_apart(&base.common)
        });
        by_socket
            || !connects
                && !own.common.reuse_address
                && self.waits.iter().any(|(_, wait)| overlaps(wait.local))
    }
}
