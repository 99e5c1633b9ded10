//! What poll sees, exactly as Linux's `tcp_poll` shows it in each state; errors; names.

use super::Tcp;
use super::connection::Phase;
use super::input::is_writable;
use super::receive::Urgent;
use super::socket::{Socket, State};
use crate::errno::Errno;
use crate::host::Host;
use crate::slab::Handle;
use crate::socket::Readiness;
use core::net::SocketAddrV4;

const READABLE: Readiness = Readiness::IN.with(Readiness::RDNORM);
const WRITABLE: Readiness = Readiness::OUT.with(Readiness::WRNORM);

impl<H: Host> Tcp<H> {
    /// The readiness mask. Readable is what `lowat` bytes wait on, or all that the window lets in.
    pub fn readiness(&self, handle: Handle, lowat: u32) -> Readiness {
        let Some(Socket { base, state }) = self.sockets.get(handle) else {
            return Readiness::ERR.with(Readiness::HUP);
        };
        let (phase, connection) = match state {
            State::Listen(listen) => return Readiness::NONE.with_if(listen.waiting > 0, READABLE),
            State::Closed => (Phase::Closed, None),
            State::Connection(connection) => (connection.phase, Some(connection)),
        };
        let ends = base.shut_read && base.shut_write || phase == Phase::Closed;
        let mut mask = Readiness::NONE
            .with_if(ends, Readiness::HUP)
            .with_if(base.shut_read, READABLE.with(Readiness::RDHUP))
            .with_if(base.error.is_some(), Readiness::ERR);
        if matches!(phase, Phase::SynSent | Phase::SynReceived) {
            return mask;
        }
        let Some(connection) = connection else { return mask.with(WRITABLE) };
        let receive = &connection.receive;
        // The urgent byte alone is not something to read, unless it is read inline.
        let at_mark = receive.urgent.mark() == Some(receive.read) && !base.common.urgent_inline;
        let readable = receive.readable();
        mask = mask
            .with_if(readable >= lowat.saturating_add(at_mark.into()) || receive.is_full(), READABLE)
            .with_if(base.shut_write || !connection.send.full && is_writable(base, connection), WRITABLE)
            .with_if(matches!(receive.urgent, Urgent::Byte(..)), Readiness::PRI);
        mask
    }

    /// `SO_ERROR`: the pending error, once.
    pub fn take_error(&mut self, handle: Handle) -> Option<Errno> {
        self.sockets.get_mut(handle)?.base.error.take()
    }

    /// `getsockname`.
    pub fn local(&self, handle: Handle) -> SocketAddrV4 {
        self.sockets.get(handle).map_or(super::socket::ANY, |socket| socket.base.local)
    }

    /// `getpeername`: ENOTCONN before a connection is made and after it has ended.
    pub fn peer(&self, handle: Handle) -> Result<SocketAddrV4, Errno> {
        match self.sockets.get(handle).and_then(Socket::parts) {
            Some((base, connection)) if !matches!(connection.phase, Phase::SynSent | Phase::Closed) => {
                Ok(base.peer)
            }
            _ => Err(Errno::ENOTCONN),
        }
    }
}
