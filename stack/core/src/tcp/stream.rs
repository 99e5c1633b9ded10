//! Calls that move data: how much may be sent, sending, looking at what arrived, taking it.

use super::Tcp;
use super::connection::{Connection, Phase};
use super::input::is_writable;
use super::output::{Io, acknowledge};
use super::reassembly::put_at;
use super::receive::Urgent;
use super::send::{MORE, change};
use super::socket::{Base, State};
use super::transmit::{Push, push};
use super::window;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, Queue};
use crate::memory::Pressure;
use crate::net::Net;
use crate::slab::Handle;
use crate::socket::{Front, OptName, SendOptions, SendRoom};

impl<H: Host> Tcp<H> {
    /// What a program may send now, in pieces of what size. Reports a pending error; EPIPE when
    /// the sending half is not open, as Linux does also before it ever was.
    pub fn send_room(&mut self, handle: Handle) -> Result<SendRoom, Errno> {
        let socket = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        if let Some(error) = socket.base.error.take() {
            return Err(error);
        }
        let (base, connection) = socket.parts_mut().ok_or(Errno::EPIPE)?;
        room(base, connection)
    }

    /// Queues a buffer, and sends what may be sent. EAGAIN without room.
    pub fn send(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        buf: H::Buf,
        options: SendOptions,
    ) -> Result<(), Errno> {
        if self.send_room(handle)?.bytes == 0 {
            return Err(Errno::EAGAIN);
        }
        let mut io = Io { cx, net };
        let Some((base, connection)) = self.connection_mut(handle) else {
            return Err(Errno::EPIPE);
        };
        enqueue(&mut io, connection, buf, options)?;
        connection.send.full = !is_writable(base, connection);
        push(&mut io, base, connection, if options.more { Push::More } else { Push::Normal });
        self.settle(&mut io, handle);
        Ok(())
    }

    /// The data at `offset` past what was taken. EAGAIN when none is there yet; ENOTCONN on what
    /// is not connected; a pending error.
    pub fn recv_front(&mut self, handle: Handle, offset: usize) -> Result<Front<'_, H::Buf>, Errno> {
        let socket = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        if socket.parts().is_none() {
            let base = &mut socket.base;
            return match base.error.take() {
                Some(error) => Err(error),
                None if base.shut_read => Ok(Front::Shut),
                None => Err(Errno::ENOTCONN),
            };
        }
        let Some((base, connection)) = socket.parts_mut() else { return Err(Errno::ENOTCONN) };
        let over = connection.phase == Phase::Closed;
        let full = connection.receive.is_full();
        match connection.receive.front(offset, base.common.urgent_inline)? {
            Some(front) => Ok(front),
            // Linux's order: the peer's FIN, then an error, then our own shutdown.
            None if base.done => Ok(Front::Eof),
            None if offset > 0 && (base.shut_read || full) => Ok(Front::Shut),
            None if offset > 0 => Err(Errno::EAGAIN),
            None => match base.error.take() {
                Some(error) => Err(error),
                None if base.shut_read => Ok(Front::Shut),
                None if over => Err(Errno::ENOTCONN),
                None => Err(Errno::EAGAIN),
            },
        }
    }

    /// Takes `bytes` off the front, and tells the peer if that opened the window enough.
    pub fn recv_done(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle, bytes: usize) {
        let mut io = Io { cx, net };
        let Some((base, connection)) = self.connection_mut(handle) else {
            return;
        };
        connection.receive.consume(bytes, &mut io.net.memory);
        let pressure = io.net.memory.pressure();
        let worth = window::is_worth_telling(
            &connection.receive,
            base.common.receive_buffer,
            base.settings.of(OptName::WindowClamp) as u32,
            pressure,
        );
        if connection.phase.may_receive() && !base.done && worth {
            acknowledge(&mut io, base, connection);
        }
        self.settle(&mut io, handle);
    }

    /// The urgent byte (`MSG_OOB`); it stays with `peek`. EINVAL when there is none to come,
    /// EAGAIN when it has been announced only.
    pub fn recv_urgent(&mut self, handle: Handle, peek: bool) -> Result<u8, Errno> {
        let socket = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        let none = if matches!(socket.state, State::Listen(_)) { Errno::ENOTCONN } else { Errno::EINVAL };
        let (base, connection) = socket.parts_mut().ok_or(none)?;
        match connection.receive.urgent {
            _ if base.common.urgent_inline => Err(Errno::EINVAL),
            Urgent::None | Urgent::Taken(_) => Err(Errno::EINVAL),
            Urgent::Announced(_) => Err(Errno::EAGAIN),
            Urgent::Byte(mark, byte) => {
                if !peek {
                    connection.receive.urgent = Urgent::Taken(mark);
                }
                Ok(byte)
            }
        }
    }
}

fn room<H: Host>(base: &Base, connection: &mut Connection<H>) -> Result<SendRoom, Errno> {
    let mut segment = usize::from(connection.send.mss);
    // What is to become a full segment is filled up first.
    if let Some(back) = connection.send.unsent.back_mut().filter(|back| back.bytes().len() < segment) {
        segment -= back.bytes().len();
    }
    match connection.phase {
        Phase::SynSent | Phase::SynReceived => return Ok(SendRoom { bytes: 0, segment }),
        _ if base.shut_write || !connection.phase.may_send() => return Err(Errno::EPIPE),
        _ => {}
    }
    let bytes = base.common.send_buffer.saturating_sub(connection.send.used) as usize;
    if bytes == 0 {
        connection.send.full = true;
    }
    Ok(SendRoom { bytes, segment })
}

/// Appends to the unsent data: into the last buffer if that is not full, as a buffer of its own
/// otherwise.
fn enqueue<H: Host>(
    io: &mut Io<H>,
    connection: &mut Connection<H>,
    mut buf: H::Buf,
    options: SendOptions,
) -> Result<(), Errno> {
    let send = &mut connection.send;
    let mss = usize::from(send.mss);
    let flags = if options.more { MORE } else { 0 };
    let len = buf.bytes().len();
    if len == 0 {
        return Ok(());
    }
    let back = send.unsent.back_mut().filter(|back| back.bytes().len() + len <= mss);
    let merged = back.is_some_and(|back| {
        let fits = back.append(buf.bytes());
        if fits {
            change(back, |meta| meta.flags = flags);
        }
        fits
    });
    if !merged {
        // Many small writes become one segment: in a buffer with the room for it.
        let mut joined = false;
        if let Some(back) = send.unsent.back_mut().filter(|back| back.bytes().len() + len <= mss)
            && let Some(mut joint) = io.cx.host.allocate(mss)
            && joint.append(back.bytes())
            && joint.append(buf.bytes())
        {
            buf = joint;
            joined = true;
        }
        put_at(&mut buf, send.end);
        change(&mut buf, |meta| meta.flags = flags);
        let footprint = buf.footprint();
        // What takes the place of another buffer is always granted, and one buffer is: a
        // connection that holds nothing has nobody to wait for.
        if joined || send.used == 0 {
            io.net.memory.force_charge(footprint);
        } else if io.net.memory.pressure() != Pressure::Low || !io.net.memory.try_charge(footprint) {
            // The last quarter is for what arrives.
            send.full = true;
            return Err(Errno::EAGAIN);
        }
        if joined && let Some(back) = send.unsent.pop_back() {
            send.release(back.footprint(), &mut io.net.memory);
        }
        send.charge(footprint);
        send.unsent.push_back(buf);
    }
    send.end = send.end.plus(len as u32);
    if options.urgent {
        send.urgent = Some(send.end);
    }
    Ok(())
}
