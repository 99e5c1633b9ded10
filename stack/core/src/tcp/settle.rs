//! After every event at a socket: remnants, the end of orphans, wake-ups, the earliest timer.

use super::Tcp;
use super::connection::Phase;
use super::demux::{Link, Node};
use super::input::orphan_wait;
use super::output::Io;
use super::socket::{Socket, State};
use super::time_wait::{TimeWait, WAIT};
use crate::host::{Host, Wake};
use crate::slab::Handle;
use crate::socket::OptName;
use crate::time::Instant;

impl<H: Host> Tcp<H> {
    /// Draws the conclusions of what a handler did to a socket.
    pub(super) fn settle(&mut self, io: &mut Io<H>, handle: Handle) {
        let now = io.cx.now;
        let Some(Socket { base, state }) = self.sockets.get_mut(handle) else { return };
        let mut remnant = None;
        let mut leaves = false;
        let mut deadline = None;
        let mut over = false;
        if let State::Connection(connection) = state {
            let fin_wait = connection.phase == Phase::FinWait2 && base.orphan;
            if connection.phase == Phase::TimeWait || fin_wait {
                let wait = if fin_wait { orphan_wait(base.settings.of(OptName::LingerTwo)) } else { WAIT };
                remnant = Some(TimeWait {
                    local: base.local,
                    peer: base.peer,
                    link: Link::NONE,
                    expected: connection.receive.next,
                    next: connection.send.next,
                    recent: connection.recent,
                    deadline: now + wait,
                    iface: base.common.iface,
                    window: (connection.receive.window() >> connection.receive.scale).min(0xffff) as u16,
                    fin_wait,
                    timestamps: connection.timestamps,
                });
                connection.phase = Phase::Closed;
                connection.timers.stop_all();
                connection.send.purge(&mut io.net.memory);
                base.shut_read = true;
                base.shut_write = true;
            }
            over = connection.phase == Phase::Closed;
            deadline = connection.timers.earliest();
        }
        if over && base.entered {
            base.entered = false;
            leaves = true;
        }
        let events = core::mem::take(&mut base.events);
        let (local, peer) = (base.local, base.peer);
        let gone = over && base.orphan && !base.queued;
        if let Some(owner) = base.owner {
            for why in [Wake::Readable, Wake::Writable, Wake::State, Wake::Urgent] {
                if events & 1 << why as u8 != 0 {
                    io.cx.host.wake(owner, why);
                }
            }
        }
        if leaves {
            let hash = io.net.secret.table_hash(local, peer);
            self.leave(hash, Node::Socket(handle));
        }
        if let Some(remnant) = remnant {
            self.remain(io, remnant);
        }
        if gone {
            self.orphans = self.orphans.saturating_sub(1);
            self.discard(io, handle);
        } else if let Some(deadline) = deadline {
            self.wait_until(deadline);
        }
    }

    /// Removes a socket that is in no chain, and frees what it holds.
    pub(super) fn discard(&mut self, io: &mut Io<H>, handle: Handle) {
        if let Some(Socket { state: State::Connection(connection), .. }) = self.sockets.get_mut(handle) {
            connection.send.purge(&mut io.net.memory);
            connection.receive.purge(&mut io.net.memory);
        }
        self.sockets.delete(handle);
    }

    /// Notes that something is to be done at `deadline`.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.earliest = Instant::sooner(self.earliest, Some(deadline));
    }
}
