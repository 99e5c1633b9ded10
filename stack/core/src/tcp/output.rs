//! Segments out: headers, options, windows; what may be sent now, and what waits
//! (RFC 9293 §3.8.6.2.1 and §3.7.4, RFC 5681, RFC 1122 §4.2.3.4).

use super::connection::{Connection, Phase, Timer};
use super::reassembly::{place, runs};
use super::receive::Owed;
use super::reno;
use super::send::{MORE, change};
use super::socket::Base;
use super::window;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Meta, Queue};
use crate::net::Net;
use crate::net::packet::Outgoing;
use crate::socket::MtuDiscovery;
use crate::time::Duration;
use core::net::SocketAddrV4;
use linnet_wire::checksum;
use linnet_wire::ipv4::Protocol;
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::{CHECKSUM_AT, Flags, HEADER_LEN, Header};
use linnet_wire::tcp_options::{MAX_LEN, MAX_SACK_BLOCKS, Options, Timestamps};

/// What every handler works with: the host and the time, and the layers below.
pub(super) struct Io<'a, 'b, H: Host> {
    pub cx: &'a mut Context<'b, H>,
    pub net: &'a mut Net<H>,
}

/// Where a segment goes, and how.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub local: SocketAddrV4,
    pub peer: SocketAddrV4,
    pub iface: Option<IfIndex>,
    pub ttl: u8,
    pub tos: u8,
    pub dont_fragment: bool,
}

impl Route {
    /// For a reply that belongs to no socket.
    pub const fn bare(local: SocketAddrV4, peer: SocketAddrV4, iface: Option<IfIndex>) -> Self {
        Self { local, peer, iface, ttl: crate::net::packet::DEFAULT_TTL, tos: 0, dont_fragment: true }
    }

    /// As a socket's options have it.
    pub const fn of(base: &Base) -> Self {
        Self {
            local: base.local,
            peer: base.peer,
            iface: base.common.iface,
            ttl: base.settings.ttl,
            tos: base.settings.tos,
            dont_fragment: !matches!(base.settings.mtu_discover, MtuDiscovery::Never),
        }
    }
}

/// The fields of a header that are not addresses.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub seq: SeqNum,
    pub ack: SeqNum,
    pub flags: Flags,
    pub window: u16,
    pub urgent: u16,
}

/// What is sent between the last full segment and the cork's end, at most (as in Linux).
const CORK_LIMIT: Duration = Duration::from_millis(200);

/// Puts a header in front of `payload`, or of nothing, and sends it.
pub(super) fn put<H: Host>(
    io: &mut Io<H>,
    route: &Route,
    fields: Fields,
    options: &Options,
    payload: Option<H::Buf>,
) -> Result<(), Errno> {
    let mut buf = match payload {
        Some(buf) => buf,
        None => io.cx.host.allocate(0).ok_or(Errno::ENOBUFS)?,
    };
    let mut room = [0; MAX_LEN];
    let options_len = options.emit(&mut room);
    let len = HEADER_LEN + options_len;
    if !buf.push(len) {
        return Err(Errno::ENOBUFS);
    }
    let header = Header {
        source: route.local.port(),
        destination: route.peer.port(),
        seq: fields.seq,
        ack: fields.ack,
        len: len as u8,
        flags: fields.flags,
        window: fields.window,
        urgent: fields.urgent,
    };
    header.emit(buf.bytes_mut());
    if let (Some(place), Some(from)) = (buf.bytes_mut().get_mut(HEADER_LEN..len), room.get(..options_len)) {
        place.copy_from_slice(from);
    }
    let sum =
        checksum::finish(H::checksum(buf.bytes(), pseudo_header(route.local, route.peer, buf.bytes().len())));
    if let Some(place) = buf.bytes_mut().get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    let outgoing = Outgoing {
        ttl: route.ttl,
        tos: route.tos,
        dont_fragment: route.dont_fragment,
        iface: route.iface,
        ..Outgoing::new(*route.local.ip(), *route.peer.ip(), Protocol::TCP)
    };
    io.net.output(io.cx, outgoing, buf)
}

/// The sum of the pseudo header (RFC 9293 §3.1).
pub(super) fn pseudo_header(from: SocketAddrV4, to: SocketAddrV4, len: usize) -> u32 {
    let [from, to] = [from.ip().to_bits(), to.ip().to_bits()];
    (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff) + 6 + len as u32
}

/// Sends one segment of a connection, with all that rides along: the acknowledgment, the window,
/// timestamps, SACK blocks.
pub(super) fn send<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    seq: SeqNum,
    flags: Flags,
    payload: Option<H::Buf>,
) -> Result<(), Errno> {
    let now = io.cx.now;
    let pressure = io.net.memory.pressure();
    let clock = connection.clock(now);
    let Connection { send, receive, .. } = connection;
    let acknowledges = connection.phase != Phase::SynSent;
    let mut flags = flags;
    let mut options = Options::default();
    let mut window =
        window::advertise(receive, base.common.receive_buffer, base.settings.window_clamp, pressure);
    let mut stamped = connection.timestamps;
    if flags.has(Flags::SYN) {
        // RFC 7323 §2.2: the window of a SYN is never scaled.
        window = u32::from(window).checked_shl(u32::from(receive.scale)).unwrap_or(0).min(0xffff) as u16;
        let answer = acknowledges;
        options.mss = Some(own_mss(io.net, base));
        options.window_scale = (!answer || connection.scaling).then_some(receive.scale);
        options.sack_permitted = !answer || connection.sack;
        stamped |= !answer;
    } else if connection.sack {
        let mut at = 0;
        if let (Some(run), Some(first)) = (receive.duplicate.take(), options.sack.first_mut()) {
            *first = run;
            at = 1;
        }
        let limit = MAX_SACK_BLOCKS.min(options.sack.len());
        if let (false, Some(rest)) = (receive.ahead.is_empty(), options.sack.get_mut(at..limit)) {
            at += runs(&receive.ahead, receive.latest, rest);
        }
        options.sack_count = at as u8;
    }
    if stamped {
        options.timestamps =
            Some(Timestamps { value: clock, echo: if acknowledges { connection.recent } else { 0 } });
    }
    let mut ack = SeqNum(0);
    if acknowledges {
        flags = flags.with(Flags::ACK);
        ack = receive.next;
        receive.acknowledged = ack;
        receive.owed = Owed::Nothing;
        connection.timers.stop(Timer::Acknowledge);
    }
    let mut urgent = 0;
    if let Some(mark) = send.urgent.filter(|mark| mark.after(seq) && !flags.has(Flags::SYN)) {
        // As Linux counts (RFC 6093 §3.1): the pointer is the byte after the urgent one.
        let distance = mark.since(seq);
        if distance <= u16::MAX as u32 {
            flags = flags.with(Flags::URG);
            urgent = distance as u16;
        }
    }
    put(io, &Route::of(base), Fields { seq, ack, flags, window, urgent }, &options, payload)
}

/// The segment size we ask the peer for: what the way to it takes (RFC 9293 §3.7.1).
pub(super) fn own_mss<H: Host>(net: &Net<H>, base: &Base) -> u16 {
    let mss = net.path_mtu(*base.peer.ip()).saturating_sub(40);
    match base.settings.max_segment {
        0 => mss,
        wish => mss.min(wish),
    }
}

/// Sends an empty acknowledgment; without memory for one it is tried again soon.
pub(super) fn acknowledge<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    let seq = connection.send.next;
    if send(io, base, connection, seq, Flags::ACK, None) == Err(Errno::ENOBUFS) {
        connection.receive.owed = Owed::Later;
        connection.timers.set(Timer::Acknowledge, io.cx.now + Duration::from_millis(200));
    }
}

/// RFC 5961 §7: an acknowledgment that a stranger could ask for, at most two a second.
pub(super) fn challenge<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    if io.cx.now.since(connection.challenged) >= Duration::from_millis(500) {
        connection.challenged = io.cx.now;
        acknowledge(io, base, connection);
    }
}

/// Asks a silent peer, or one with a closed window, to speak: an old number that it must
/// answer (RFC 9293 §3.8.4).
pub(super) fn probe<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    connection.probes = connection.probes.saturating_add(1);
    let seq = connection.send.una.minus(1);
    // A probe that finds no memory is like one that is lost.
    let _ = send(io, base, connection, seq, Flags::ACK, None);
}

/// Sends a SYN, or in SYN-RECEIVED a SYN with an acknowledgment.
pub(super) fn synchronise<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    let seq = connection.send.una;
    let _ = send(io, base, connection, seq, Flags::SYN, None);
    connection.arm_resend(io.cx.now);
}

/// Resets the peer.
pub(super) fn reset<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    let seq = connection.send.next;
    let _ = send(io, base, connection, seq, Flags::RST, None);
}

/// How eagerly [`push`] sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// By the rules of Nagle and cork.
    Normal,
    /// RFC 3042: one segment beyond the congestion window.
    Limited,
    /// What is held back too.
    All,
}

/// Sends what may be sent now.
pub(super) fn push<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>, how: Push) {
    if !connection.phase.transmits() {
        return;
    }
    resend_lost(io, base, connection);
    let mut extra = if how == Push::Limited { u32::from(connection.send.mss) * 2 } else { 0 };
    loop {
        let mss = u32::from(connection.send.mss);
        let flight = connection.send.flight();
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
        let more = matches!(front.meta(), Meta::Segment(meta) if meta.flags & MORE != 0);
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
            let corked = base.settings.cork || more;
            if corked || (!base.settings.no_delay && outstanding) {
                break;
            }
        }
        if !send_front(io, base, connection, count) {
            break;
        }
        if how == Push::Limited {
            extra = 0;
        }
    }
    arm(io, connection);
}

/// Sends the first `count` bytes of the first unsent buffer; `false` without memory.
fn send_front<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>, count: u32) -> bool {
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
    if last {
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

/// After a timeout: sends again from where that stands, as the congestion window allows.
fn resend_lost<H: Host>(io: &mut Io<H>, base: &Base, connection: &mut Connection<H>) {
    while connection.reno.phase() == reno::Phase::Loss
        && connection.send.resend.before(connection.reno.recover())
        && connection.send.resend.since(connection.send.una) < connection.reno.window()
    {
        let Some(len) = resend_at(io, base, connection, connection.send.resend) else { break };
        connection.send.resend = connection.send.resend.plus(len);
    }
}

/// Sends the segment that starts at or holds `seq` again. Returns how far that got, or `None`
/// when there is none, or no memory.
pub(super) fn resend_at<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    seq: SeqNum,
) -> Option<u32> {
    let now = io.cx.now;
    let mss = usize::from(connection.send.mss);
    let fin_sent = connection.send.fin_sent();
    let end = connection.send.end;
    let mut found = None;
    for buf in connection.send.sent.iter_mut() {
        let (start, len) = place(buf);
        if seq.before(start.plus(len)) {
            let mut copy = buf.share()?;
            if len as usize > mss {
                // The path takes less than when it was queued: in pieces.
                copy = piece(io, buf, seq.since(start) as usize, mss)?;
            } else {
                change(buf, |meta| meta.transmissions = meta.transmissions.saturating_add(1));
            }
            let start = if len as usize > mss { seq.max(start) } else { start };
            change(buf, |meta| {
                meta.sent_at = now;
                meta.transmissions = meta.transmissions.max(2);
            });
            found = Some((start, copy));
            break;
        }
    }
    connection.send.resent = connection.send.resent.wrapping_add(1);
    let Some((start, copy)) = found else {
        if !fin_sent {
            return None;
        }
        let _ = send(io, base, connection, end, Flags::FIN.with(Flags::ACK), None);
        return Some(1);
    };
    let stop = start.plus(copy.bytes().len() as u32);
    let mut flags = Flags::ACK.with(Flags::PSH);
    let mut reached = stop;
    if fin_sent && stop == end {
        flags = flags.with(Flags::FIN);
        reached = stop.plus(1);
    }
    let _ = send(io, base, connection, start, flags, Some(copy));
    Some(reached.since(seq))
}

/// A copy of at most `len` bytes of `buf` from `at` on.
fn piece<H: Host>(io: &mut Io<H>, buf: &H::Buf, at: usize, len: usize) -> Option<H::Buf> {
    let rest = buf.bytes().get(at..)?;
    let bytes = rest.get(..len).unwrap_or(rest);
    let mut copy = io.cx.host.allocate(bytes.len())?;
    copy.append(bytes).then_some(copy)
}

/// Arms or stops the send side's timer after sending.
fn arm<H: Host>(io: &mut Io<H>, connection: &mut Connection<H>) {
    let now = io.cx.now;
    if connection.timers.at(Timer::Resend).is_some() {
        return;
    }
    if connection.send.flight() > 0 {
        connection.arm_resend(now);
    } else if connection.send.unsent() > 0 || connection.send.fin && !connection.send.fin_sent() {
        if connection.send.window == 0 {
            // RFC 9293 §3.8.6.1: probe a closed window, ever more seldom.
            connection.arm_resend(now);
        } else {
            connection.timers.set(Timer::Resend, now + CORK_LIMIT);
        }
    }
}

/// RFC 6928: ten segments.
pub(super) const INITIAL_SEGMENTS: u32 = 10;

/// The initial window in bytes.
pub(super) const fn initial_window(mss: u16) -> u32 {
    mss as u32 * INITIAL_SEGMENTS
}
