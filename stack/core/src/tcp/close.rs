//! Calls that end connections: `shutdown`, `close` with its three cases of lingering, disconnect
//! (RFC 9293 §3.10.4, RFC 1122 §4.2.2.13, RFC 2525 §2.17).

use super::Tcp;
use super::connection::{Connection, Phase};
use super::demux::{Link, Node};
use super::input::end;
use super::output::{Io, reset};
use super::socket::{ANY, Base, Socket, State};
use super::transmit::{Push, push};
use crate::errno::Errno;
use crate::host::{Context, Host, Owner, Queue, Wake};
use crate::net::Net;
use crate::slab::Handle;
use crate::socket::{Close, How, Linger, OptName};
use core::net::SocketAddrV4;

/// Connections without a program that are finished in the background, at most; beyond, they are
/// reset as in Linux past `tcp_max_orphans`.
const MAX_ORPHANS: u16 = 64;

impl<H: Host> Tcp<H> {
    /// `shutdown`. ENOTCONN unless connected; a listener stops to listen, an attempt to connect
    /// ends.
    pub fn shutdown(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        how: How,
    ) -> Result<(), Errno> {
        let mut io = Io { cx, net };
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        let mut outcome = Ok(());
        match state {
            State::Listen(_) if how.reads() => {
                self.stop_listening(&mut io, handle);
            }
            State::Listen(_) => {}
            State::Connection(connection) if connection.phase == Phase::SynSent => {
                return self.disconnect(io.cx, io.net, handle);
            }
            State::Closed => {
                outcome = Err(Errno::ENOTCONN);
                shut(base, how);
            }
            State::Connection(connection) => {
                if connection.phase == Phase::Closed {
                    outcome = Err(Errno::ENOTCONN);
                }
                shut(base, how);
                if how.writes() {
                    send_fin(&mut io, base, connection);
                }
            }
        }
        if let Some(Socket { base, .. }) = self.sockets.get_mut(handle) {
            base.wake(Wake::State);
        }
        self.settle(&mut io, handle);
        outcome
    }

    /// `close`.
    pub fn close(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle, linger: Linger) -> Close {
        let mut io = Io { cx, net };
        let Some(Socket { base, state }) = self.sockets.get_mut(handle) else { return Close::Done };
        match state {
            State::Closed => {
                self.discard(&mut io, handle);
                return Close::Done;
            }
            State::Listen(_) => {
                self.stop_listening(&mut io, handle);
                self.discard(&mut io, handle);
                return Close::Done;
            }
            State::Connection(connection) => {
                // RFC 2525 §2.17: what was not read is lost, and the peer shall know.
                let unread = !connection.receive.queue.is_empty() && connection.receive.unread() > 0;
                connection.receive.purge(&mut io.net.memory);
                base.shut_read = true;
                base.shut_write = true;
                if linger == Linger::Abort || unread {
                    abort(&mut io, base, connection);
                } else {
                    send_fin(&mut io, base, connection);
                }
                let waits =
                    matches!(linger, Linger::Wait(patience) if patience > crate::time::Duration::ZERO);
                if waits && connection.phase.transmits() && !connection.send.fin_acked() {
                    self.settle(&mut io, handle);
                    return Close::Lingering;
                }
            }
        }
        self.orphan(&mut io, handle);
        Close::Done
    }

    /// Gives a socket to another owner; to none, when its program does not wait for the end of a
    /// `close` any longer.
    pub fn set_owner(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle, owner: Option<Owner>) {
        let Some(Socket { base, .. }) = self.sockets.get_mut(handle) else { return };
        base.owner = owner;
        if owner.is_none() {
            self.orphan(&mut Io { cx, net }, handle);
        }
    }

    /// `connect` with AF_UNSPEC: the socket is as new, its bound address kept.
    pub fn disconnect(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle) -> Result<(), Errno> {
        let mut io = Io { cx, net };
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        match state {
            State::Closed => {}
            State::Listen(_) => {
                base.wake(Wake::State);
                self.stop_listening(&mut io, handle);
                self.settle(&mut io, handle);
            }
            State::Connection(connection) => {
                let had_error = base.error.take();
                abort(&mut io, base, connection);
                connection.receive.purge(&mut io.net.memory);
                base.error = had_error;
                self.settle(&mut io, handle);
            }
        }
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        *state = State::Closed;
        base.peer = ANY;
        base.local = SocketAddrV4::new(
            if base.address_bound { *base.local.ip() } else { *ANY.ip() },
            if base.port_bound { base.local.port() } else { 0 },
        );
        base.shut_read = false;
        base.shut_write = false;
        base.done = false;
        Ok(())
    }

    /// A connection goes on without its program.
    fn orphan(&mut self, io: &mut Io<H>, handle: Handle) {
        let crowded = self.orphans >= MAX_ORPHANS;
        let Some((base, connection)) = self.connection_mut(handle) else {
            return;
        };
        if base.orphan {
            return;
        }
        base.owner = None;
        base.orphan = true;
        let hurries = connection.phase == Phase::FinWait2 && base.settings.of(OptName::LingerTwo) < 0;
        if crowded || hurries {
            abort(io, base, connection);
        }
        self.orphans = self.orphans.saturating_add(1);
        self.settle(io, handle);
    }

    /// Takes a listener out, with what it keeps.
    fn stop_listening(&mut self, io: &mut Io<H>, handle: Handle) {
        let mut place = 0;
        while let Some((next, half)) = self.halves.next_from(place) {
            place = next;
            if self.halves.get(half).is_some_and(|half| half.listener == handle) {
                self.forget_half(io, half);
            }
        }
        while let Some(child) = self.dequeue(handle) {
            if let Some((base, connection)) = self.connection_mut(child) {
                abort(io, base, connection);
            }
            self.orphan(io, child);
        }
        // Out of the chain of listeners.
        let goal = Link::to(Node::Socket(handle));
        let Some(Socket { base, state }) = self.sockets.get_mut(handle) else { return };
        *state = State::Closed;
        let after = core::mem::take(&mut base.link);
        if self.listeners == goal {
            self.listeners = after;
            return;
        }
        let mut link = self.listeners;
        while let Node::Socket(listener) = link.node() {
            let Some(Socket { base, .. }) = self.sockets.get_mut(listener) else { return };
            if base.link == goal {
                base.link = after;
                return;
            }
            link = base.link;
        }
    }
}

fn shut(base: &mut Base, how: How) {
    base.shut_read |= how.reads();
    base.shut_write |= how.writes();
}

/// RFC 9293 §3.10.4: queues our FIN.
fn send_fin<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    connection.phase = match connection.phase {
        Phase::Established => Phase::FinWait1,
        Phase::CloseWait => Phase::LastAck,
        Phase::SynSent => {
            end(io, base, connection, None);
            return;
        }
        Phase::SynReceived => {
            abort(io, base, connection);
            return;
        }
        _ => return,
    };
    connection.send.fin = true;
    push(io, base, connection, Push::Normal);
}

/// RFC 9293 §3.10.5: ends a connection now; the peer gets a reset where one is due.
fn abort<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    match connection.phase {
        Phase::Established | Phase::CloseWait | Phase::FinWait1 | Phase::FinWait2 | Phase::SynReceived => {
            reset(io, base, connection)
        }
        _ => {}
    }
    if connection.phase != Phase::Closed {
        end(io, base, connection, None);
    }
}
