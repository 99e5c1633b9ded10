//! Segments out: headers, options, and what rides along (RFC 9293 §3.1 and §3.10.8, RFC 7323, RFC 2018).

use super::connection::{Connection, Phase, Timer};
use super::reassembly::runs;
use super::receive::Owed;
use super::socket::Base;
use super::window;
use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Queue};
use crate::net::Net;
use crate::net::packet::Outgoing;
use crate::socket::OptName;
use crate::time::Duration;
use core::net::SocketAddrV4;
use linnet_wire::checksum;
use linnet_wire::ipv4::{Protocol, pseudo_sum};
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
    pub fn of(base: &Base) -> Self {
        Self {
            local: base.local,
            peer: base.peer,
            iface: base.common.iface,
            ttl: base.settings.of(OptName::Ttl) as u8,
            tos: base.settings.of(OptName::Tos) as u8,
            dont_fragment: base.settings.has(OptName::MtuDiscover),
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
        place.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    let sum =
        checksum::finish(H::checksum(buf.bytes(), pseudo_header(route.local, route.peer, buf.bytes().len())));
    if let Some(place) = buf.bytes_mut().get_mut(CHECKSUM_AT..CHECKSUM_AT + 2) {
        place.iter_mut().zip(sum.to_be_bytes()).for_each(|(to, from)| *to = from);
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
    pseudo_sum(*from.ip(), *to.ip(), Protocol::TCP, len as u16)
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
    let mut window = window::advertise(
        receive,
        base.common.receive_buffer,
        base.settings.of(OptName::WindowClamp) as u32,
        pressure,
    );
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
        // Beside data only where a full segment leaves the room.
        let room =
            payload.as_ref().map_or(MAX_LEN, |buf| usize::from(send.mss).saturating_sub(buf.bytes().len()));
        let limit = (room.saturating_sub(4) / 8).min(MAX_SACK_BLOCKS);
        let mut at = 0;
        if let (1.., Some(run), Some(first)) = (limit, receive.duplicate, options.sack.first_mut()) {
            *first = run;
            receive.duplicate = None;
            at = 1;
        }
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
    match base.settings.of(OptName::MaxSegment) as u16 {
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
    if io.cx.now.past(connection.challenged) >= Duration::from_millis(500) {
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
