//! The passive side: SYNs at a listener, half-open connections, what becomes a connection
//! (RFC 9293 §3.10.7.2, RFC 4987 for floods).

use super::Tcp;
use super::demux::{Link, Node};
use super::half_open::{self, HalfOpen, RETRIES};
use super::input::{establish, refuse};
use super::output::{self, Fields, Io, Route};
use super::segment::Segment;
use super::socket::{Listen, Socket, State};
use super::window;
use crate::drop::DropReason;
use crate::host::{Host, Wake};
use crate::lot::Lot;
use crate::secret::Secret;
use crate::slab::Handle;
use crate::socket::OptName;
use crate::time::{Duration, Instant};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::Flags;
use linnet_wire::tcp_options::{Options, Timestamps};

/// Half-open connections that a listener with a small backlog may have all the same: they are
/// small, and with too few a handful of forged SYNs would shut everyone out.
const MIN_HALF_OPEN: u16 = 64;

/// A half-open connection this old gives way to a new one when there are too many.
const GRACE: Duration = Duration::from_millis(200);

/// The first wait for an answer to a SYN-ACK (RFC 6298 §2.1); it doubles.
const FIRST_WAIT: u32 = 1000;

impl<H: Host> Tcp<H> {
    /// A segment that belongs to no connection: for a listener, or for nobody.
    /// `floor` is where the initial sequence number must lie above, if an earlier incarnation is known.
    pub(super) fn at_listener(
        &mut self,
        io: &mut Io<H>,
        segment: &Segment,
        floor: Option<SeqNum>,
    ) -> Result<(), DropReason> {
        // RFC 9293 §3.10.7.2: first RST, then ACK, then SYN.
        if segment.flags.has(Flags::RST) {
            return Err(DropReason::NoSocket);
        }
        let Some(listener) = self.listener(&io.net.secret, segment) else {
            refuse(io, segment);
            return Err(DropReason::NoSocket);
        };
        if segment.flags.has(Flags::ACK) {
            refuse(io, segment);
            return Err(DropReason::NoSocket);
        }
        if !segment.flags.has(Flags::SYN) || segment.flags.has(Flags::FIN) {
            return Err(DropReason::NotAcceptable);
        }
        // LAND: a SYN from the listener to itself would be answered for ever.
        if segment.local == segment.peer {
            return Err(DropReason::Martian);
        }
        self.open_half(io, listener, segment, floor)
    }

    fn open_half(
        &mut self,
        io: &mut Io<H>,
        listener: Handle,
        segment: &Segment,
        floor: Option<SeqNum>,
    ) -> Result<(), DropReason> {
        let now = io.cx.now;
        let Some(Socket { state: State::Listen(listen), .. }) = self.sockets.get(listener) else {
            return Err(DropReason::NoSocket);
        };
        // As Linux: over the backlog a SYN is dropped, not reset; the peer tries again.
        if listen.waiting > listen.backlog {
            return Err(DropReason::BacklogFull);
        }
        if listen.half_open >= listen.backlog.max(MIN_HALF_OPEN) && !self.evict_half(io, listener) {
            return Err(DropReason::BacklogFull);
        }
        let mut iss = SeqNum(io.net.secret.initial_sequence(segment.local, segment.peer, now));
        if let Some(floor) = floor.filter(|floor| !iss.after(*floor)) {
            iss = floor.plus(0x1_0001);
        }
        let options = &segment.options;
        let half = HalfOpen {
            local: segment.local,
            peer: segment.peer,
            link: Link::NONE,
            listener,
            irs: segment.seq,
            iss,
            recent: options.timestamps.map_or(0, |stamps| stamps.value),
            deadline: now + Duration::from_millis(FIRST_WAIT),
            since: now,
            mss: segment.mss(),
            retries: 0,
            scale: options.window_scale,
            timestamps: options.timestamps.is_some(),
            sack: options.sack_permitted,
            acknowledged: false,
        };
        // Half-open connections are refused before established ones suffer.
        if !io.net.memory.try_charge(half_open::FOOTPRINT) {
            return Err(DropReason::NoMemory);
        }
        let handle = self.halves.insert_with(|| half);
        let hash = io.net.secret.table_hash(segment.local, segment.peer);
        let handle = match handle {
            Some(handle) if self.enter(hash, Node::Half(handle), &io.net.secret) => handle,
            _ => {
                handle.inspect(|&handle| self.halves.delete(handle));
                io.net.memory.release(half_open::FOOTPRINT);
                return Err(DropReason::NoMemory);
            }
        };
        if let Some(listen) = self.listen_mut(listener) {
            listen.half_open = listen.half_open.saturating_add(1);
        }
        self.wait_until(now + Duration::from_millis(FIRST_WAIT));
        self.answer_syn(io, handle);
        Ok(())
    }

    /// Makes room for a half-open connection: the oldest gives way, if it had its chance.
    fn evict_half(&mut self, io: &mut Io<H>, listener: Handle) -> bool {
        let mut oldest: Option<(Handle, Instant)> = None;
        for (handle, half) in self.halves.iter().filter(|(_, half)| half.listener == listener) {
            if oldest.is_none_or(|(_, since)| half.since.before(since)) {
                oldest = Some((handle, half.since));
            }
        }
        let Some((handle, _)) = oldest.filter(|(_, since)| io.cx.now.since(*since) >= GRACE) else {
            return false;
        };
        self.forget_half(io, handle);
        true
    }

    /// Takes a half-open connection out.
    pub(super) fn forget_half(&mut self, io: &mut Io<H>, handle: Handle) -> Option<HalfOpen> {
        let half = self.halves.get(handle)?;
        let hash = io.net.secret.table_hash(half.local, half.peer);
        self.leave(hash, Node::Half(handle));
        let half = self.halves.remove(handle)?;
        io.net.memory.release(half_open::FOOTPRINT);
        if let Some(listen) = self.listen_mut(half.listener) {
            listen.half_open = listen.half_open.saturating_sub(1);
        }
        Some(half)
    }

    /// Sends the SYN-ACK of a half-open connection.
    pub(super) fn answer_syn(&mut self, io: &mut Io<H>, handle: Handle) {
        self.answer(io, handle, Flags::SYN);
    }

    #[inline(never)]
    fn answer(&mut self, io: &mut Io<H>, handle: Handle, flags: Flags) {
        let Some(half) = self.halves.get(handle) else { return };
        let Some(listener) = self.sockets.get(half.listener) else { return };
        let buffer = listener.base.common.receive_buffer;
        let mss = io.net.path_mtu(*half.peer.ip()).saturating_sub(40);
        let wish = listener.base.settings.of(OptName::MaxSegment) as u16;
        let offset = io.net.secret.timestamp_offset(half.local, half.peer);
        let scale = half.scale.map(|_| window::scale_for(buffer));
        let timestamps = half
            .timestamps
            .then(|| Timestamps { value: io.cx.now.as_millis().wrapping_add(offset), echo: half.recent });
        let mut options = Options { timestamps, ..Options::default() };
        let mut window = (buffer >> 1).min(u16::MAX as u32) as u16;
        let mut seq = half.iss;
        if flags.has(Flags::SYN) {
            options.mss = Some(if wish > 0 { mss.min(wish) } else { mss });
            options.window_scale = scale;
            options.sack_permitted = half.sack;
        } else {
            window >>= scale.unwrap_or(0);
            seq = seq.plus(1);
        }
        let fields = Fields { seq, ack: half.irs.plus(1), flags: flags.with(Flags::ACK), window, urgent: 0 };
        let route = Route { local: half.local, peer: half.peer, ..Route::of(&listener.base) };
        // One that is lost on the way down is like one lost further on: it is sent again.
        let _ = output::put(io, &route, fields, &options, None);
    }

    /// A segment for a half-open connection (RFC 9293 §3.10.7.4 in SYN-RECEIVED). `Ok(Some)` names
    /// the connection that it has become; the segment is then for that to handle.
    #[inline(never)]
    pub(super) fn at_half_open(
        &mut self,
        io: &mut Io<H>,
        handle: Handle,
        segment: &Segment,
    ) -> Result<Option<Handle>, DropReason> {
        let Some(half) = self.halves.get_mut(handle) else { return Err(DropReason::NoSocket) };
        let expected = half.irs.plus(1);
        let flags = segment.flags;
        // The SYN again: our answer was lost.
        if flags.has(Flags::SYN) && !flags.has(Flags::ACK) && segment.seq == half.irs {
            self.answer_syn(io, handle);
            return Ok(None);
        }
        // RFC 7323 §5.3: PAWS.
        if let Some(stamps) = segment.options.timestamps.filter(|_| half.timestamps && !flags.has(Flags::RST))
            && (stamps.value.wrapping_sub(half.recent) as i32) < 0
        {
            return Err(DropReason::OldTimestamp);
        }
        // RFC 5961 §3.2: a reset must hit the number exactly, or the peer is asked. Another SYN is left
        // unanswered: the SYN-ACK that goes out again asks.
        if flags.has(Flags::RST) {
            if segment.seq != expected {
                if segment.seq.is_within(expected, u16::MAX as u32) {
                    self.answer(io, handle, Flags::NONE);
                }
                return Err(DropReason::BlindAttack);
            }
            self.forget_half(io, handle);
            return Ok(None);
        }
        if flags.has(Flags::SYN)
            || !flags.has(Flags::ACK)
            || !segment.seq.is_within(expected, u16::MAX as u32)
        {
            return Err(DropReason::NotAcceptable);
        }
        if segment.ack != half.iss.plus(1) {
            refuse(io, segment);
            return Err(DropReason::BlindAttack);
        }
        let listener = half.listener;
        let Some(Socket { base, state: State::Listen(listen) }) = self.sockets.get(listener) else {
            return Err(DropReason::NoSocket);
        };
        // TCP_DEFER_ACCEPT: a bare acknowledgment is not yet a reason to wake anybody.
        let patience = base.settings.seconds(OptName::DeferAccept);
        if patience > io.cx.now.since(half.since) && segment.len == 0 && !flags.has(Flags::FIN) {
            half.acknowledged = true;
            return Ok(None);
        }
        // A full accept queue drops the acknowledgment; the SYN-ACK goes out again.
        if listen.waiting > listen.backlog {
            return Err(DropReason::BacklogFull);
        }
        let (common, settings) = (base.common, base.settings);
        let child = self.create(None).ok_or(DropReason::NoMemory)?;
        // One leaves, one enters: the table has a place for it.
        let half = self.forget_half(io, handle).ok_or(DropReason::NoSocket)?;
        let socket = self.sockets.get_mut(child).ok_or(DropReason::NoSocket)?;
        socket.base.common = common;
        socket.base.settings = settings;
        succeed(io, socket, &half, segment);
        let hash = io.net.secret.table_hash(segment.local, segment.peer);
        self.enter(hash, Node::Socket(child), &io.net.secret);
        self.enqueue(listener, child);
        Ok(Some(child))
    }

    fn enqueue(&mut self, listener: Handle, child: Handle) {
        let link = Link::to(Node::Socket(child));
        let Some(Socket { base, state: State::Listen(listen) }) = self.sockets.get_mut(listener) else {
            return;
        };
        base.wake(Wake::Readable);
        listen.waiting = listen.waiting.saturating_add(1);
        let last = core::mem::replace(&mut listen.last, link);
        match last.node() {
            Node::Socket(last) => {
                if let Some(last) = self.sockets.get_mut(last) {
                    last.base.queue_next = link;
                }
            }
            _ => listen.first = link,
        }
    }

    /// Takes the first waiting connection of a listener.
    pub(super) fn dequeue(&mut self, listener: Handle) -> Option<Handle> {
        let Node::Socket(child) = self.listen_mut(listener)?.first.node() else { return None };
        let socket = self.sockets.get_mut(child)?;
        socket.base.queued = false;
        let next = core::mem::take(&mut socket.base.queue_next);
        let listen = self.listen_mut(listener)?;
        listen.first = next;
        if next == Link::NONE {
            listen.last = next;
        }
        listen.waiting = listen.waiting.saturating_sub(1);
        Some(child)
    }

    pub(super) fn listen_mut(&mut self, handle: Handle) -> Option<&mut Listen> {
        match self.sockets.get_mut(handle) {
            Some(Socket { state: State::Listen(listen), .. }) => Some(listen),
            _ => None,
        }
    }

    /// The listener for a segment: one bound to the address before one bound to none; among equals
    /// with `SO_REUSEPORT` one by lot, the same for each segment of a peer.
    #[inline(never)]
    pub(super) fn listener(&self, secret: &Secret, segment: &Segment) -> Option<Handle> {
        let mut best = None;
        let mut best_is_exact = false;
        let mut lot = Lot::new(secret.table_hash(segment.local, segment.peer));
        let mut link = self.listeners;
        while let Node::Socket(handle) = link.node() {
            let Some(Socket { base, .. }) = self.sockets.get(handle) else { break };
            link = base.link;
            let exact = base.local.ip() == segment.local.ip();
            let matches = base.local.port() == segment.local.port()
                && (exact || base.local.ip().is_unspecified())
                && base.common.iface.is_none_or(|iface| iface == segment.iface);
            if !matches || best_is_exact && !exact {
                continue;
            }
            let better = best.is_none() || exact && !best_is_exact;
            if lot.falls_on(better, base.common.reuse_port) {
                best = Some(handle);
                best_is_exact = exact;
            }
        }
        best
    }

    /// The timers of the half-open connections.
    pub(super) fn time_halves(&mut self, io: &mut Io<H>) {
        let now = io.cx.now;
        let mut place = 0;
        while let Some((next, handle)) = self.halves.next_from(place) {
            place = next;
            let Some(half) = self.halves.get_mut(handle) else { continue };
            if !half.deadline.is_due(now) {
                let deadline = half.deadline;
                self.wait_until(deadline);
                continue;
            }
            if half.retries >= RETRIES {
                self.forget_half(io, handle);
                continue;
            }
            half.retries += 1;
            half.deadline = now + Duration::from_millis(FIRST_WAIT << half.retries);
            let deadline = half.deadline;
            self.wait_until(deadline);
            self.answer_syn(io, handle);
        }
    }
}

/// Makes `socket` the connection that `half` becomes with `segment`.
fn succeed<H: Host>(io: &mut Io<H>, socket: &mut Socket<H>, half: &HalfOpen, segment: &Segment) {
    socket.base.local = half.local;
    socket.base.peer = half.peer;
    socket.base.entered = true;
    socket.base.queued = true;
    let Some((base, connection)) = socket.begin(io, half.iss, half.irs.plus(1)) else { return };
    connection.recent = half.recent;
    connection.timestamps = half.timestamps;
    connection.sack = half.sack;
    connection.scaling = half.scale.is_some();
    let receive = &mut connection.receive;
    if half.scale.is_none() {
        receive.scale = 0;
    }
    receive.edge = receive.next.plus((base.common.receive_buffer >> 1).min(u16::MAX as u32));
    let send = &mut connection.send;
    send.una = send.next;
    send.stuck_since = half.since;
    send.peer_mss = half.mss;
    send.scale = half.scale.unwrap_or(0);
    send.window = u32::from(segment.window) << send.scale;
    send.max_window = send.window;
    send.window_seq = segment.seq;
    send.window_ack = segment.ack;
    send.retries = half.retries;
    connection.fit_segments(io.net.path_mtu(*base.peer.ip()), base.settings.of(OptName::MaxSegment) as u16);
    establish(io, base, connection);
    base.events = 0;
}
