//! What may be sent now, and what waits: windows, Nagle, cork, silly windows
//! (RFC 9293 §3.7.4 and §3.8.6.2.1, RFC 5681 §4.1, RFC 1122 §4.2.3.4).

use super::connection::{Connection, Timer};
use super::output::{Io, send};
use super::reno;
use super::resend::resend_lost;
use super::send::{MORE, change};
use super::socket::Base;
use crate::host::{Buf, Host, Meta, Queue};
use crate::socket::OptName;
use linnet_wire::tcp::Flags;

/// How eagerly [`push`] sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// By the rules of Nagle and cork.
    Normal,
    /// The same, and more will follow: as if corked, until something else happens.
    More,
    /// The cork does not count.
    Uncorked,
    /// RFC 3042: one segment beyond the congestion window.
    Limited,
    /// What is held back too: it has waited long enough.
    All,
}

/// Sends what may be sent now.
pub(super) fn push<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>, how: Push) {
    if !connection.phase.transmits() {
        return;
    }
    resend_lost(io, base, connection);
    #[cfg(feature = "sack")]
    super::resend::repair(io, base, connection);
    let mut extra = if how == Push::Limited { u32::from(connection.send.mss) * 2 } else { 0 };
    loop {
        let mss = u32::from(connection.send.mss);
        let flight = connection.outstanding();
        if connection.reno.phase() == reno::Phase::Loss
            && connection.send.resend.before(connection.reno.recover())
        {
            break;
        }
        let allowed = connection.reno.window().saturating_add(extra).saturating_sub(flight);
        let window = connection.send.edge().since(connection.send.next);
        let Some(front) = connection.send.unsent.front() else {
            // Only our FIN is left to send.
            if connection.send.fin && !connection.send.fin_sent() && window > 0 {
                send_fin(io, base, connection);
            }
            break;
        };
        let len = front.bytes().len() as u32;
        let last = len >= connection.send.unsent();
        let full = len.min(mss);
        let count = full.min(window).min(allowed);
        if count < full {
            // RFC 1122 §4.2.3.4: part of a segment only if the peer's window is small as a whole,
            // and never because of the congestion window.
            let worth = allowed >= full && window > 0 && (window << 1) >= connection.send.max_window;
            if !(worth || how == Push::All && window > 0 && allowed > 0) {
                break;
            }
        }
        if count < mss
            && last
            && how != Push::All
            && !(connection.send.fin)
            && connection.send.urgent.is_none()
        {
            let outstanding = connection.send.small.after(connection.send.una);
            let corked = base.settings.has(OptName::Cork) && how != Push::Uncorked || how == Push::More;
            if corked || (!base.settings.has(OptName::NoDelay) && outstanding) {
                break;
            }
        }
        if !send_front(io, base, connection, count, how) {
            break;
        }
        if how == Push::Limited {
            extra = 0;
        }
    }
    arm(io, connection);
}

/// Sends the first `count` bytes of the first unsent buffer; `false` without memory.
fn send_front<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    count: u32,
    how: Push,
) -> bool {
    let now = io.cx.now;
    let seq = connection.send.next;
    if connection.send.flight() == 0 {
        // RFC 5681 §4.1: after a pause of a timeout start slowly again.
        if now.since(connection.send.last) > connection.rtt.timeout() {
            connection.reno.restart(initial_window(connection.send.mss));
        }
        connection.send.stuck_since = now;
        // What ran was the cork's or the probe's.
        connection.timers.stop(Timer::Resend);
    }
    let Some(mut buf) = take_unsent(io, connection, count) else { return false };
    let Some(copy) = buf.share() else {
        connection.send.unsent.push_front(buf);
        return false;
    };
    let last = connection.send.unsent.is_empty();
    let mut flags = Flags::ACK;
    // As Linux: what MSG_MORE was said of is not pushed up either.
    if last && (how == Push::All || !matches!(buf.meta(), Meta::Segment(meta) if meta.flags & MORE != 0)) {
        flags = flags.with(Flags::PSH);
    }
    let fin = last && connection.send.fin;
    if fin {
        flags = flags.with(Flags::FIN);
    }
    change(&mut buf, |meta| {
        meta.seq = seq.0;
        meta.sent_at = now;
        meta.transmissions = 1;
    });
    let mut next = seq.plus(count);
    if count < u32::from(connection.send.mss) {
        connection.send.small = next;
    }
    if fin {
        next = next.plus(1);
    }
    connection.send.sent.push_back(buf);
    connection.send.next = next;
    connection.send.last = now;
    // Answers carry the acknowledgments: no more of them at once.
    connection.receive.quick = 0;
    // What is lost on the way down is sent again like what is lost further on.
    let _ = send(io, base, connection, seq, flags, Some(copy));
    true
}

/// Takes the first `count` bytes of the unsent data as a buffer of their own.
fn take_unsent<H: Host>(io: &mut Io<H>, connection: &mut Connection<H>, count: u32) -> Option<H::Buf> {
    let send = &mut connection.send;
    let front = send.unsent.front_mut()?;
    if front.bytes().len() <= count as usize {
        return send.unsent.pop_front();
    }
    // Split: the part that goes now is copied, the rest stays where it is.
    let mut part = io.cx.host.allocate(count as usize)?;
    if !part.append(front.bytes().get(..count as usize)?) {
        return None;
    }
    part.set_meta(front.meta());
    front.pull(count as usize);
    io.net.memory.force_charge(part.footprint());
    send.charge(part.footprint());
    Some(part)
}

fn send_fin<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    let seq = connection.send.end;
    if connection.send.flight() == 0 {
        connection.send.stuck_since = io.cx.now;
        connection.timers.stop(Timer::Resend);
    }
    connection.send.next = seq.plus(1);
    let _ = send(io, base, connection, seq, Flags::FIN.with(Flags::ACK), None);
}

/// Arms or stops the send side's timer after sending.
fn arm<H: Host>(io: &mut Io<H>, connection: &mut Connection<H>) {
    let now = io.cx.now;
    if connection.timers.at(Timer::Resend).is_some() {
        return;
    }
    // RFC 9293 §3.8.6.1: a closed window is probed, ever more seldom. What the cork or a silly window
    // holds back goes out after a timeout all the same, as in Linux.
    if connection.send.flight() > 0
        || connection.send.unsent() > 0
        || connection.send.fin && !connection.send.fin_sent()
    {
        connection.arm_resend(now);
    }
}

/// RFC 6928: ten segments.
pub(super) const INITIAL_SEGMENTS: u32 = 10;

/// The initial window in bytes.
pub(super) const fn initial_window(mss: u16) -> u32 {
    mss as u32 * INITIAL_SEGMENTS
}
