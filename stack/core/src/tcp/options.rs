//! Options of sockets: setting, reading, and what a change sets in motion.

use super::Tcp;
use super::connection::{Phase, Timer};
use super::output::{Io, acknowledge};
use super::receive::Owed;
use super::socket::{Base, Socket, State};
use super::transmit::{Push, push};
use crate::errno::Errno;
use crate::host::{Context, Host};
use crate::net::Net;
use crate::net::packet::DEFAULT_TTL;
use crate::slab::Handle;
use crate::socket::{Common, Opt, OptName};
use crate::time::Duration;

/// What one segment may at least carry by a program's wish (Linux's `TCP_MIN_MSS`).
const MIN_WISH: u16 = 88;

impl<H: Host> Tcp<H> {
    /// Takes over the options at `SOL_SOCKET`.
    pub fn set_common(&mut self, cx: &mut Context<H>, net: &mut Net<H>, handle: Handle, common: &Common) {
        let now = cx.now;
        let Some(Socket { base, state }) = self.sockets.get_mut(handle) else { return };
        let began = common.keepalive && !base.common.keepalive;
        base.common = *common;
        if let State::Connection(connection) = state {
            if began && connection.phase.is_synchronised() {
                connection
                    .timers
                    .set(Timer::Keepalive, now + Duration::from_secs(base.settings.keep_idle.into()));
            } else if !common.keepalive {
                connection.timers.stop(Timer::Keepalive);
            }
        }
        self.settle(&mut Io { cx, net }, handle);
    }

    /// Sets an option. EINVAL for a value out of range, ENOPROTOOPT for what TCP has not.
    pub fn set_option(
        &mut self,
        cx: &mut Context<H>,
        net: &mut Net<H>,
        handle: Handle,
        option: Opt,
    ) -> Result<(), Errno> {
        let mut io = Io { cx, net };
        let Socket { base, state } = self.sockets.get_mut(handle).ok_or(Errno::EINVAL)?;
        let mut quick = None;
        let mut pushes = false;
        set(base, option, &mut quick, &mut pushes)?;
        if let State::Connection(connection) = state {
            if pushes {
                // As Linux: TCP_NODELAY pushes out even what is corked now, but not what follows.
                let how = if matches!(option, Opt::NoDelay(_)) { Push::Uncorked } else { Push::Normal };
                push(&mut io, base, connection, how);
            }
            match quick {
                Some(true) => {
                    connection.receive.quick = u8::MAX;
                    if connection.receive.owed != Owed::Nothing && connection.phase.is_synchronised() {
                        acknowledge(&mut io, base, connection);
                    }
                }
                Some(false) => connection.receive.quick = 0,
                None => {}
            }
            if matches!(option, Opt::KeepIdle(_))
                && base.common.keepalive
                && connection.phase.is_synchronised()
            {
                let idle = Duration::from_secs(base.settings.keep_idle.into());
                connection.timers.set(Timer::Keepalive, connection.heard + idle);
            }
            if let Opt::MaxSegment(wish @ 1..) = option {
                connection.send.mss = connection.send.mss.min(wish);
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
            OptName::Ttl => settings.ttl.into(),
            OptName::Tos => settings.tos.into(),
            OptName::MtuDiscover => settings.mtu_discover as i32,
            OptName::Mtu => match connection {
                Some(connection) if connection.phase != Phase::Closed => {
                    net.path_mtu(*socket.base.peer.ip()).into()
                }
                _ => return Err(Errno::ENOTCONN),
            },
            OptName::ReceiveErrors => settings.receive_errors.into(),
            OptName::NoDelay => settings.no_delay.into(),
            OptName::Cork => settings.cork.into(),
            OptName::QuickAck => connection.is_none_or(|connection| connection.receive.quick > 0).into(),
            OptName::MaxSegment => match (connection, settings.max_segment) {
                (Some(connection), _) if connection.phase != Phase::Closed => connection.send.mss.into(),
                (_, 0) => 536,
                (_, wish) => wish.into(),
            },
            OptName::KeepIdle => settings.keep_idle.into(),
            OptName::KeepInterval => settings.keep_interval.into(),
            OptName::KeepCount => settings.keep_count.into(),
            OptName::SynCount => settings.syn_count.into(),
            OptName::LingerTwo => match settings.linger_two {
                0 => 60,
                seconds => seconds,
            },
            OptName::DeferAccept => settings.defer_accept.into(),
            OptName::WindowClamp => settings.window_clamp as i32,
            OptName::UserTimeout => settings.user_timeout as i32,
            OptName::ReceiveQueued => match (&socket.state, connection) {
                // As Linux: a listener has no bytes to count.
                (State::Listen(_), _) => return Err(Errno::EINVAL),
                (_, Some(connection)) => connection.receive.unread() as i32,
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
            OptName::MulticastTtl | OptName::MulticastLoop | OptName::MulticastIface => {
                return Err(Errno::ENOPROTOOPT);
            }
        })
    }
}

fn set(base: &mut Base, option: Opt, quick: &mut Option<bool>, pushes: &mut bool) -> Result<(), Errno> {
    let settings = &mut base.settings;
    match option {
        Opt::Ttl(ttl) => settings.ttl = ttl.unwrap_or(DEFAULT_TTL),
        Opt::Tos(tos) => settings.tos = tos,
        Opt::MtuDiscover(how) => settings.mtu_discover = how,
        Opt::ReceiveErrors(on) => settings.receive_errors = on,
        Opt::NoDelay(on) => {
            settings.no_delay = on;
            *pushes = on;
        }
        Opt::Cork(on) => {
            settings.cork = on;
            *pushes = !on;
        }
        Opt::QuickAck(on) => *quick = Some(on),
        Opt::MaxSegment(wish) => {
            if wish != 0 && !(MIN_WISH..=32767).contains(&wish) {
                return Err(Errno::EINVAL);
            }
            settings.max_segment = wish;
        }
        Opt::KeepIdle(seconds) => settings.keep_idle = seconds_in(seconds)?,
        Opt::KeepInterval(seconds) => settings.keep_interval = seconds_in(seconds)?,
        Opt::KeepCount(count @ 1..=127) => settings.keep_count = count,
        Opt::SynCount(count @ 1..=127) => settings.syn_count = count,
        Opt::KeepCount(_) | Opt::SynCount(_) => return Err(Errno::EINVAL),
        Opt::LingerTwo(seconds) => settings.linger_two = seconds.clamp(-1, 120),
        Opt::DeferAccept(seconds) => settings.defer_accept = seconds.min(32767) as u16,
        Opt::WindowClamp(bytes) => settings.window_clamp = bytes,
        Opt::UserTimeout(millis) => settings.user_timeout = millis,
        Opt::MulticastTtl(_)
        | Opt::MulticastLoop(_)
        | Opt::MulticastIface { .. }
        | Opt::Join(_)
        | Opt::Leave(_) => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// Linux's range of keepalive times: up to `MAX_TCP_KEEPIDLE`.
fn seconds_in(seconds: u32) -> Result<u16, Errno> {
    if (1..=32767).contains(&seconds) { Ok(seconds as u16) } else { Err(Errno::EINVAL) }
}
