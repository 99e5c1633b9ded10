//! Time passes: retransmission, probes, keepalive, delayed acknowledgments
//! (RFC 6298, RFC 9293 §3.8.3, §3.8.4, §3.8.6.1).

use super::Tcp;
use super::connection::{Connection, Phase, Timer};
use super::input::end;
use super::output::{Io, acknowledge, probe, reset, synchronise};
use super::receive::Owed;
use super::resend::resend_at;
use super::socket::Base;
use super::transmit::{Push, push};
use crate::errno::Errno;
use crate::host::{Context, Host};
use crate::net::Net;
use crate::socket::OptName;
use crate::time::{Duration, Instant};

/// How long unacknowledged data is sent again: what Linux's `tcp_retries2` of 15 comes to.
const PATIENCE: Duration = Duration::from_millis(924_600);

/// Retransmissions and probes for a connection whose program has gone (`tcp_orphan_retries`).
const ORPHAN_RETRIES: u8 = 8;

/// SYN-ACKs sent again in a simultaneous open (`tcp_synack_retries`).
const SYN_ACK_RETRIES: u8 = 5;

impl<H: Host> Tcp<H> {
    /// When [`Tcp::handle_timers`] has something to do next. May be early, never late.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Does what is due. Looks through the connections only when the earliest timer is.
    pub fn handle_timers(&mut self, cx: &mut Context<H>, net: &mut Net<H>) {
        if !self.earliest.is_some_and(|earliest| earliest.is_due(cx.now)) {
            return;
        }
        self.earliest = None;
        let mut io = Io { cx, net };
        let mut place = 0;
        while let Some((next, handle)) = self.sockets.next_from(place) {
            place = next;
            let Some((base, connection)) = self.connection_mut(handle) else {
                continue;
            };
            match connection.timers.earliest() {
                Some(at) if at.is_due(io.cx.now) => {
                    expire(&mut io, base, connection);
                    self.settle(&mut io, handle);
                }
                Some(at) => self.wait_until(at),
                None => {}
            }
        }
        self.time_halves(&mut io);
        self.sweep_remnants(&mut io);
    }
}

fn expire<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    let now = io.cx.now;
    if connection.timers.take_due(Timer::Acknowledge, now) && connection.receive.owed != Owed::Nothing {
        acknowledge(io, base, connection);
    }
    if connection.timers.take_due(Timer::Resend, now) {
        resend(io, base, connection);
    }
    if connection.phase != Phase::Closed && connection.timers.take_due(Timer::Keepalive, now) {
        keep_alive(io, base, connection);
    }
}

/// Gives up: the error that explains the silence, or that it lasted too long.
fn give_up<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    let error = base.soft_error.take().unwrap_or(Errno::ETIMEDOUT);
    end(io, base, connection, Some(error));
}

#[inline(never)]
fn resend<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    let now = io.cx.now;
    let waited = now.since(connection.send.stuck_since);
    let user = Duration::from_millis(base.settings.of(OptName::UserTimeout) as u32);
    let impatient = user > Duration::ZERO && waited >= user;
    let retries = connection.send.retries;
    let synchronised = connection.phase.is_synchronised();
    if !synchronised {
        let limit = if connection.phase == Phase::SynSent {
            base.settings.of(OptName::SynCount) as u8
        } else {
            SYN_ACK_RETRIES
        };
        if retries >= limit || impatient {
            give_up(io, base, connection);
            return;
        }
        connection.send.retries = retries.saturating_add(1);
        connection.rtt.back_off();
        synchronise(io, base, connection);
        return;
    }
    if connection.send.flight() > 0 {
        // RFC 9293 §3.8.3, R2.
        let patience = if user > Duration::ZERO { user } else { PATIENCE };
        if waited >= patience || base.orphan && retries >= ORPHAN_RETRIES {
            give_up(io, base, connection);
            return;
        }
        connection.send.retries = retries.saturating_add(1);
        // RFC 6298 §5.4 to §5.6.
        connection.reno.on_timeout(connection.flight());
        connection.rtt.back_off();
        connection.send.resend = connection.send.una;
        #[cfg(feature = "sack")]
        connection.send.doubt();
        // Another connection may have learnt that the path takes less.
        connection
            .fit_segments(io.net.path_mtu(*base.peer.ip()), base.settings.of(OptName::MaxSegment) as u16);
        if let Some(len) = resend_at(io, base, connection, connection.send.una) {
            connection.send.resend = connection.send.una.plus(len);
        }
        connection.arm_resend(now);
    } else if connection.send.window == 0 && (connection.send.unsent() > 0 || connection.send.fin) {
        // RFC 9293 §3.8.6.1: as long as the peer answers, its window may stay closed; but not
        // for a program that has gone, nor longer than the program said.
        if base.orphan && connection.rtt.backoff() >= ORPHAN_RETRIES
            || impatient
            || now.since(connection.heard) >= PATIENCE
        {
            give_up(io, base, connection);
            return;
        }
        probe(io, base, connection);
        connection.rtt.back_off();
        connection.arm_resend(now);
    } else {
        // Held back by the cork or by a window that is silly, or for want of memory.
        push(io, base, connection, Push::All);
    }
}

fn keep_alive<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    let now = io.cx.now;
    if !base.common.keepalive || matches!(connection.phase, Phase::SynSent | Phase::SynReceived) {
        return;
    }
    let idle = base.settings.seconds(OptName::KeepIdle);
    let mut next = idle;
    // What is on its way is watched by its own timer.
    if connection.send.flight() == 0 && connection.send.unsent() == 0 {
        let silent = now.since(connection.heard);
        if silent >= idle {
            let user = Duration::from_millis(base.settings.of(OptName::UserTimeout) as u32);
            let timed_out = if user > Duration::ZERO {
                silent >= user && connection.probes > 0
            } else {
                connection.probes >= base.settings.of(OptName::KeepCount) as u8
            };
            if timed_out {
                reset(io, base, connection);
                give_up(io, base, connection);
                return;
            }
            probe(io, base, connection);
            next = base.settings.seconds(OptName::KeepInterval);
        } else {
            next = Duration::from_millis(idle.as_millis().saturating_sub(silent.as_millis()));
        }
    }
    connection.timers.set(Timer::Keepalive, now + next);
}
