//! Options of sockets: setting, reading, and what a change sets in motion.

use super::Tcp;
use super::connection::{Connection, Phase, Timer};
use super::output::{Io, acknowledge};
use super::receive::Owed;
use super::socket::{Socket, State};
use super::transmit::{Push, push};
use crate::errno::Errno;
use crate::host::{Context, Host};
use crate::net::Net;
use crate::slab::Handle;
use crate::socket::{Common, OptName};

impl<H: Host> Tcp<H> {
    /// Takes over the options at `SOL_SOCKET`.
    pub fn set_common(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle, common: &Common) {
        let now = cx.now;
        let Some(Socket { base, state }) = self.sockets.get_mut(handle) else { return };
        let began = common.keepalive && !base.common.keepalive;
        base.common = *common;
        if let State::Connection(connection) = state {
            if began && connection.phase.is_synchronised() {
                connection.timers.set(Timer::Keepalive, now + base.settings.seconds(OptName::KeepIdle));
            } else if !common.keepalive {
                connection.timers.stop(Timer::Keepalive);
            }
        }
        self.settle(&mut Io { cx, net }, handle);
    }

    /// Sets an option. EINVAL for a value out of range, ENOPROTOOPT for what cannot be set.
    pub fn set_value(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        name: OptName,
        value: i32,
    ) -> Result<(), Errno> {
        let mut io = Io { cx, net };
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        if name != OptName::QuickAck {
            base.settings.set(name, value)?;
        }
        if let State::Connection(connection) = state {
            let on = value != 0;
            match name {
                // As Linux: TCP_NODELAY pushes out even what is corked now, but not what follows.
                OptName::NoDelay if on => push(&mut io, base, connection, Push::Uncorked),
                OptName::Cork if !on => push(&mut io, base, connection, Push::Normal),
                OptName::QuickAck => {
                    connection.receive.quick = if on { u8::MAX } else { 0 };
                    if on && connection.receive.owed != Owed::Nothing && connection.phase.is_synchronised() {
                        acknowledge(&mut io, base, connection);
                    }
                }
                OptName::KeepIdle if base.common.keepalive && connection.phase.is_synchronised() => {
                    let at = connection.heard + base.settings.seconds(OptName::KeepIdle);
                    connection.timers.set(Timer::Keepalive, at);
                }
                OptName::MaxSegment if on => connection.send.mss = connection.send.mss.min(value as u16),
                _ => {}
            }
        }
        self.settle(&mut io, handle);
        Ok(())
    }

    /// Reads an option.
    pub fn option(&self, net: &Net<H>, handle: Handle, name: OptName) -> Result<i32, Errno> {
        let socket = self.sockets.get(handle).ok_or(Errno::EINVAL)?;
        let settings = &socket.base.settings;
        let connection = socket.parts().map(|(_, connection)| connection);
        Ok(match name {
            OptName::Mtu => match connection {
                Some(connection) if connection.phase != Phase::Closed => {
                    net.path_mtu(*socket.base.peer.ip()).into()
                }
                _ => return Err(Errno::ENOTCONN),
            },
            OptName::QuickAck => connection.is_none_or(|connection| connection.receive.quick > 0).into(),
            OptName::MaxSegment => match connection {
                Some(connection) if connection.phase != Phase::Closed => connection.send.mss.into(),
                _ if settings.has(name) => settings.of(name),
                _ => 536,
            },
            OptName::LingerTwo if !settings.has(name) => 60,
            OptName::ReceiveQueued => match (&socket.state, connection) {
                // As Linux: a listener has no bytes to count.
                (State::Listen(_), _) => return Err(Errno::EINVAL),
                (_, Some(Connection { receive, .. })) => {
                    let mark = receive.urgent.mark().filter(|_| !socket.base.common.urgent_inline);
                    let to_mark = mark.map_or(u32::MAX, |mark| mark.since(receive.read));
                    receive.unread().min(to_mark) as i32
                }
                _ => 0,
            },
            OptName::SendQueued => match (&socket.state, connection) {
                (State::Listen(_), _) => return Err(Errno::EINVAL),
                (_, Some(connection)) if connection.phase.is_synchronised() => {
                    connection.send.queued() as i32
                }
                _ => 0,
            },
            OptName::AtMark => connection
                .is_some_and(|connection| connection.receive.urgent.mark() == Some(connection.receive.read))
                .into(),
            OptName::MulticastIface => return Err(Errno::ENOPROTOOPT),
            _ => settings.of(name),
        })
    }
}
