//! A connection: its phase, both halves, congestion, round-trip time, timers (RFC 9293 §3.3.1).

use super::output::Io;
use super::receive::Receive;
use super::reno::{Flight, Reno};
use super::rtt::Rtt;
use super::send::Send;
use super::socket::Base;
use super::transmit::INITIAL_SEGMENTS;
use super::window::scale_for;
use crate::host::Host;
use crate::time::Instant;
use linnet_wire::seq::SeqNum;

/// Where a connection is in its life (RFC 9293 §3.3.2). LISTEN and TIME-WAIT are not
/// connections but states of their own; see `Listen` and `TimeWait`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    SynSent,
    /// Only by simultaneous open; a listener's are `HalfOpen`.
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    /// Both FINs are acknowledged: a `TimeWait` is to take over.
    TimeWait,
    /// Over; what was received can still be read.
    Closed,
}

impl Phase {
    /// Whether both sides agreed on the connection.
    pub const fn is_synchronised(self) -> bool {
        !matches!(self, Self::SynSent | Self::SynReceived | Self::Closed)
    }

    /// Whether data may still arrive.
    pub const fn may_receive(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }

    /// Whether data may still be sent for the first time.
    pub const fn may_send(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }

    /// Whether what is queued is still being sent.
    pub const fn transmits(self) -> bool {
        matches!(self, Self::FinWait1 | Self::Closing | Self::LastAck) || self.may_send()
    }
}

/// The timers of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// Retransmission, zero-window probe, or what is held back (cork): what the send side needs.
    Resend = 0,
    /// Delayed acknowledgment.
    Acknowledge = 1,
    /// Keepalive.
    Keepalive = 2,
}

/// When each timer goes off.
#[derive(Clone, Copy, Default)]
pub(super) struct Timers {
    at: [Instant; 3],
    armed: u8,
}

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = at;
            self.armed |= 1 << timer as u8;
        }
    }

    pub fn stop(&mut self, timer: Timer) {
        self.armed &= !(1 << timer as u8);
    }

    pub fn stop_all(&mut self) {
        self.armed = 0;
    }

    /// When `timer` goes off.
    pub fn at(&self, timer: Timer) -> Option<Instant> {
        if self.armed & 1 << timer as u8 == 0 {
            return None;
        }
        self.at.get(timer as usize).copied()
    }

    /// Stops `timer` and says so, if it is due.
    pub fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.at(timer).is_some_and(|at| at.is_due(now));
        if due {
            self.stop(timer);
        }
        due
    }

    /// The earliest.
    pub fn earliest(&self) -> Option<Instant> {
        let segments = Instant::sooner(self.at(Timer::Resend), self.at(Timer::Acknowledge));
        Instant::sooner(segments, self.at(Timer::Keepalive))
    }
}

/// A connection. In this order: what is used most has the short addresses.
#[repr(C)]
pub(super) struct Connection<H: Host> {
    pub phase: Phase,
    /// Probes, of a zero window or of a silent peer, since the peer was heard.
    pub probes: u8,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// The peer understands SACK.
    pub sack: bool,
    /// The peer scales windows.
    pub scaling: bool,
    pub send: Send<H>,
    pub timers: Timers,
    pub receive: Receive<H>,
    pub rtt: Rtt,
    pub reno: Reno,
    /// When anything last came from the peer.
    pub heard: Instant,
    /// When an unasked acknowledgment was last sent (RFC 5961 §7).
    pub challenged: Instant,
    /// The peer's clock as last seen in order (TS.Recent), and when.
    pub recent: u32,
    pub recent_at: Instant,
    /// What is added to our clock in timestamps.
    pub clock_offset: u32,
}

/// Length of the timestamps option with its padding.
pub(super) const TIMESTAMPS_LEN: u16 = 12;

/// The largest segment that is sent, its options included: with headroom and the host's bookkeeping
/// it fits one page, so that a loopback or a jumbo frame asks for no memory in one piece that a
/// small machine may not have.
const MAX_MSS: u16 = 3584;

/// The smallest segment that is sent, options included: a peer that asks for less would have us
/// send headers only (Linux's `tcp_min_snd_mss`).
const MIN_MSS: u16 = 48;

impl<H: Host> Connection<H> {
    /// A connection that has sent `iss`, or is about to, and expects `next`; nothing else is
    /// known of the peer.
    pub fn new(io: &Io<H>, base: &Base, iss: SeqNum, next: SeqNum) -> Self {
        let now = io.cx.now;
        Self {
            phase: Phase::SynSent,
            send: Send::new(iss, now),
            receive: Receive::new(next, scale_for(base.common.receive_buffer)),
            reno: Reno::new(536, INITIAL_SEGMENTS, iss),
            rtt: Rtt::new(),
            timers: Timers::default(),
            heard: now,
            challenged: Instant::from_millis(now.as_millis().wrapping_sub(1000)),
            recent: 0,
            recent_at: now,
            clock_offset: io.net.secret.timestamp_offset(base.local, base.peer),
            probes: 0,
            timestamps: false,
            sack: false,
            scaling: false,
        }
    }

    /// Sets the segment size from the peer's, the path's `mtu` and the program's wish.
    pub fn fit_segments(&mut self, mtu: u16, wish: u16) {
        let mut mss = self.send.peer_mss.min(mtu.saturating_sub(40)).min(MAX_MSS);
        if wish > 0 {
            mss = mss.min(wish);
        }
        mss = mss.max(MIN_MSS);
        if self.timestamps {
            mss -= TIMESTAMPS_LEN;
        }
        self.send.mss = mss;
        self.reno.resize(u32::from(mss));
    }

    /// The send side as congestion control sees it.
    pub const fn flight(&self) -> Flight {
        Flight { una: self.send.una, nxt: self.send.next, mss: self.send.mss as u32 }
    }

    /// Whether a loss is being repaired by what the peer reports (RFC 6675).
    #[cfg(feature = "sack")]
    pub fn repairs(&self) -> bool {
        self.sack && self.reno.phase() == super::reno::Phase::Recovery
    }

    /// Bytes that count against the congestion window.
    pub fn outstanding(&self) -> u32 {
        #[cfg(feature = "sack")]
        if self.repairs() {
            return self.send.pipe();
        }
        self.send.flight()
    }

    /// Arms the timer that the send side needs, from `now`.
    pub fn arm_resend(&mut self, now: Instant) {
        self.timers.set(Timer::Resend, now + self.rtt.timeout());
    }

    /// Our clock in timestamps.
    pub const fn clock(&self, now: Instant) -> u32 {
        now.as_millis().wrapping_add(self.clock_offset)
    }
}
