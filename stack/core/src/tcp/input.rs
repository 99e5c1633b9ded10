//! A segment arrives at a connection: the steps of RFC 9293 §3.10.7.3 and §3.10.7.4, in order,
//! with the checks of RFC 5961 against those who guess.

use super::connection::{Connection, Phase, Timer};
use super::output::{self, Fields, Io, Route, acknowledge, challenge};
use super::receive::{Owed, Urgent};
use super::reno::Advice;
use super::resend::resend_at;
use super::segment::Segment;
use super::socket::Base;
use super::time_wait;
use super::transmit::{INITIAL_SEGMENTS, Push, push};
use crate::drop::DropReason;
use crate::errno::Errno;
use crate::host::{Buf, Host, Queue, Wake};
use crate::socket::OptName;
use crate::time::{Duration, Instant};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp::Flags;

/// A connection's timestamps older than this are no longer compared (RFC 7323 §5.5).
const PAWS_LIMIT: Duration = Duration::from_secs(24 * 24 * 3600);

/// How long an acknowledgment waits for company (Linux's `TCP_DELACK_MIN`).
const DELAY: Duration = Duration::from_millis(40);

/// Handles `segment`, whose payload is `buf`.
pub(super) fn arrives<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    segment: &Segment,
    buf: H::Buf,
) -> Result<(), DropReason> {
    match connection.phase {
        Phase::Closed | Phase::TimeWait => {
            refuse(io, segment);
            Err(DropReason::NoSocket)
        }
        Phase::SynSent => at_syn_sent(io, base, connection, segment),
        _ => in_sequence(io, base, connection, segment, buf),
    }
}

/// RFC 9293 §3.10.7.1: answers what belongs to no connection with a reset.
pub(super) fn refuse<H: Host>(io: &mut Io<H>, segment: &Segment) {
    if segment.flags.has(Flags::RST) {
        return;
    }
    let route = Route::bare(segment.local, segment.peer, None);
    let mut fields = Fields { seq: segment.ack, ack: SeqNum(0), flags: Flags::RST, window: 0, urgent: 0 };
    if !segment.flags.has(Flags::ACK) {
        fields.seq = SeqNum(0);
        fields.ack = segment.end();
        fields.flags = Flags::RST.with(Flags::ACK);
    }
    let _ = output::put(io, &route, fields, &Default::default(), None);
}

/// Ends a connection at once: `error` is what its owner learns.
pub(super) fn end<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    error: Option<Errno>,
) {
    connection.phase = Phase::Closed;
    connection.timers.stop_all();
    connection.send.purge(&mut io.net.memory);
    connection.receive.drop_ahead(&mut io.net.memory);
    base.shut_read = true;
    base.shut_write = true;
    if error.is_some() {
        base.error = error;
    }
    base.wake(Wake::State);
}

/// RFC 9293 §3.10.7.3.
#[inline(never)]
fn at_syn_sent<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    segment: &Segment,
) -> Result<(), DropReason> {
    let now = io.cx.now;
    let acks = segment.flags.has(Flags::ACK);
    // First, the ACK: it can only be of our SYN.
    if acks && segment.ack != connection.send.next {
        refuse(io, segment);
        return Err(DropReason::BlindAttack);
    }
    // Second, RST.
    if segment.flags.has(Flags::RST) {
        if !acks {
            return Err(DropReason::BlindAttack);
        }
        end(io, base, connection, Some(Errno::ECONNREFUSED));
        return Ok(());
    }
    // Fourth, SYN.
    if !segment.flags.has(Flags::SYN) {
        return Err(DropReason::NotAcceptable);
    }
    let options = &segment.options;
    let receive = &mut connection.receive;
    receive.next = segment.seq.plus(1);
    receive.read = receive.next;
    receive.edge = receive.next.plus(receive.edge.since(SeqNum(0)).min(u16::MAX as u32));
    receive.latest = receive.next;
    connection.scaling = options.window_scale.is_some();
    if !connection.scaling {
        receive.scale = 0;
    }
    connection.send.scale = options.window_scale.unwrap_or(0);
    connection.timestamps = options.timestamps.is_some();
    connection.sack = options.sack_permitted;
    if let Some(stamps) = options.timestamps {
        connection.recent = stamps.value;
        connection.recent_at = now;
    }
    connection.heard = now;
    connection.send.peer_mss = segment.mss();
    connection.fit_segments(io.net.path_mtu(*base.peer.ip()), base.settings.of(OptName::MaxSegment) as u16);
    // RFC 7323 §2.2: the window of a SYN is never scaled.
    connection.send.window = u32::from(segment.window);
    connection.send.max_window = connection.send.window;
    connection.send.window_seq = segment.seq;
    connection.send.window_ack = segment.ack;
    if acks {
        connection.send.una = segment.ack;
        establish(io, base, connection);
        acknowledge(io, base, connection);
        push(io, base, connection, Push::Normal);
    } else {
        // RFC 9293 §3.5: both have opened at the same time.
        connection.phase = Phase::SynReceived;
        output::synchronise(io, base, connection);
    }
    Ok(())
}

/// Our SYN was acknowledged.
pub(super) fn establish<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    let now = io.cx.now;
    connection.phase = Phase::Established;
    connection.timers.stop(Timer::Resend);
    if connection.send.retries == 0 {
        connection.rtt.sample(now.since(connection.send.stuck_since));
    } else {
        connection.rtt.distrust();
    }
    // RFC 5681 §3.1, RFC 6928 §2: one segment after a lost SYN, ten otherwise.
    let segments = if connection.send.retries > 1 { 1 } else { INITIAL_SEGMENTS };
    let iss = connection.send.una.minus(1);
    connection.reno = super::reno::Reno::new(u32::from(connection.send.mss), segments, iss);
    connection.send.retries = 0;
    connection.send.last = now;
    connection.send.small = connection.send.una;
    base.soft_error = None;
    if base.common.keepalive {
        connection.timers.set(Timer::Keepalive, now + base.settings.seconds(OptName::KeepIdle));
    }
    base.wake(Wake::State);
    base.wake(Wake::Writable);
}

/// RFC 9293 §3.10.7.4, for all states that have both sequence numbers.
fn in_sequence<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    segment: &Segment,
    mut buf: H::Buf,
) -> Result<(), DropReason> {
    let now = io.cx.now;
    let resets = segment.flags.has(Flags::RST);
    // RFC 7323 §5.3 R1: PAWS, before all else.
    if let Some(stamps) = segment.options.timestamps.filter(|_| connection.timestamps && !resets) {
        let old = (stamps.value.wrapping_sub(connection.recent) as i32) < 0;
        if old && now.past(connection.recent_at) < PAWS_LIMIT {
            answer_unacceptable(io, base, connection, segment);
            return Err(DropReason::OldTimestamp);
        }
    }
    // First, the sequence number.
    if !is_acceptable(connection, segment) {
        if !resets {
            answer_unacceptable(io, base, connection, segment);
        }
        return Err(DropReason::NotAcceptable);
    }
    connection.heard = now;
    // Second, RST. RFC 5961 §3.2: it must hit the number exactly, or the peer is asked.
    if resets {
        if segment.seq != connection.receive.next {
            challenge(io, base, connection);
            return Err(DropReason::BlindAttack);
        }
        let error = match connection.phase {
            Phase::SynReceived => Errno::ECONNREFUSED,
            Phase::CloseWait => Errno::EPIPE,
            _ => Errno::ECONNRESET,
        };
        end(io, base, connection, Some(error));
        return Ok(());
    }
    // Fourth, SYN. RFC 5961 §4.2: the peer is asked.
    if segment.flags.has(Flags::SYN) {
        challenge(io, base, connection);
        return Err(DropReason::BlindAttack);
    }
    // Fifth, the ACK.
    if !segment.flags.has(Flags::ACK) {
        return Err(DropReason::NotAcceptable);
    }
    if connection.phase == Phase::SynReceived {
        if segment.ack != connection.send.next {
            refuse(io, segment);
            return Err(DropReason::BlindAttack);
        }
        connection.send.una = segment.ack;
        connection.send.window = u32::from(segment.window) << connection.send.scale;
        establish(io, base, connection);
    }
    let advice = acknowledged(io, base, connection, segment)?;
    if connection.phase == Phase::Closed {
        return Ok(());
    }
    // Sixth, URG.
    if segment.flags.has(Flags::URG) {
        urgent(base, connection, segment, &buf);
    }
    // Seventh, the payload.
    let before = connection.receive.next;
    let mut outcome = Ok(());
    if segment.len > 0 {
        if base.shut_read && matches!(connection.phase, Phase::FinWait1 | Phase::FinWait2)
            || base.orphan && connection.phase.may_receive()
        {
            // RFC 1122 §4.2.2.13: data for a reader that has gone.
            if segment.end().after(connection.receive.next) {
                output::reset(io, base, connection);
                end(io, base, connection, Some(Errno::ECONNRESET));
                return Err(DropReason::Closed);
            }
        } else if connection.phase.may_receive() {
            buf.truncate(segment.len as usize);
            outcome = payload(io, base, connection, segment, buf);
        } else {
            connection.receive.owed = Owed::Now;
        }
    }
    // Eighth, FIN.
    if segment.flags.has(Flags::FIN) && connection.phase.may_receive() && outcome.is_ok() {
        connection.receive.fin_ahead = Some(segment.seq.plus(segment.len));
    }
    finish(io, base, connection);
    if connection.receive.next != before && connection.phase.is_synchronised() {
        base.wake(Wake::Readable);
    }
    send_what_is_due(io, base, connection, advice);
    outcome
}

/// RFC 9293 §3.10.7.4, first step. The right edge itself is let in for empty segments: a peer
/// that has filled the window sends its acknowledgments from there.
fn is_acceptable<H: Host>(connection: &Connection<H>, segment: &Segment) -> bool {
    let next = connection.receive.next;
    let window = connection.receive.window();
    let starts = segment.seq.is_within(next, window);
    if segment.span() == 0 {
        return starts || segment.seq == next.plus(window);
    }
    let last = segment.end().minus(1);
    window > 0 && (starts || last.is_within(next, window) || segment.seq.before(next) && last.after(next))
        // RFC 9293 §3.10.7.4: with a closed window, still heed ACK, URG and RST.
        || window == 0 && segment.seq == next && segment.flags.has(Flags::RST)
}

/// An acknowledgment for what is not acceptable: at once if it carries something (the answer to
/// a lost acknowledgment, or to a probe with data), otherwise rarely, so that two ends that
/// disagree do not storm each other.
fn answer_unacceptable<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    segment: &Segment,
) {
    if segment.len > 0 || segment.flags.has(Flags::FIN) {
        if segment.len > 0 && !segment.end().after(connection.receive.next) {
            // RFC 2883 §4: say what came twice.
            connection.receive.duplicate =
                Some(linnet_wire::tcp_options::SackBlock { start: segment.seq, end: segment.end() });
        }
        acknowledge(io, base, connection);
    } else {
        challenge(io, base, connection);
    }
}

/// The fifth step in synchronised states: what is acknowledged, and the peer's window.
#[inline(never)]
fn acknowledged<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    segment: &Segment,
) -> Result<Advice, DropReason> {
    let now = io.cx.now;
    let ack = segment.ack;
    let send = &mut connection.send;
    // RFC 5961 §5.2: nothing that was not sent, nothing older than a window.
    if ack.after(send.next) || ack.before(send.una.minus(send.max_window)) {
        challenge(io, base, connection);
        return Err(DropReason::BlindAttack);
    }
    // RFC 7323 §4.3: only from a segment that covers what was last acknowledged.
    let in_order = !segment.seq.after(connection.receive.acknowledged);
    if let Some(stamps) = segment.options.timestamps.filter(|_| connection.timestamps && in_order) {
        connection.recent = stamps.value;
        connection.recent_at = now;
    }
    connection.probes = 0;
    let window = u32::from(segment.window) << send.scale;
    let unchanged = window == send.window;
    let fresh = ack.after(send.una);
    // RFC 9293 §3.10.7.4: not from an older segment than the last one.
    if send.window_seq.before(segment.seq)
        || send.window_seq == segment.seq && !ack.before(send.window_ack)
        || fresh
    {
        if send.window == 0 && window > 0 {
            connection.rtt.end_back_off();
            if send.flight() == 0 {
                connection.timers.stop(Timer::Resend);
            }
        }
        send.window = window;
        send.max_window = send.max_window.max(window);
        send.window_seq = segment.seq;
        send.window_ack = ack;
    }
    #[cfg(feature = "sack")]
    let news = connection.sack
        && send.mark(segment.options.sack.get(..segment.options.sack_count.into()).unwrap_or_default());
    if !fresh {
        // RFC 5681 §2: what counts as a duplicate.
        let duplicate = ack == send.una && send.flight() > 0 && segment.span() == 0 && unchanged;
        #[cfg(feature = "sack")]
        if connection.sack {
            return Ok(reported(connection, news, true));
        }
        return Ok(if duplicate { connection.reno.on_duplicate(connection.flight()) } else { Advice::Go });
    }
    let acked = send.acknowledge(ack, &mut io.net.memory);
    // RFC 6298 §3, Karn's rule; and RFC 7323 §4.1: an echo tells which transmission arrived.
    let echo = segment.options.timestamps.filter(|_| connection.timestamps);
    match (acked.last, echo) {
        (Some((sent_at, true)), _) => connection.rtt.sample(now.since(sent_at)),
        (Some((sent_at, false)), Some(stamps)) => {
            let echo = Instant::from_millis(stamps.echo.wrapping_sub(connection.clock_offset));
            if !echo.before(sent_at) && !now.before(echo) {
                connection.rtt.sample(now.since(echo));
            }
        }
        // Not known: what was doubled stays, until a segment is acknowledged that was sent once.
        (Some((_, false)), None) => {}
        (None, _) => connection.rtt.end_back_off(),
    }
    // RFC 6298 §5.2 and §5.3: the timer starts anew, or stops when all is acknowledged.
    let send = &mut connection.send;
    send.retries = 0;
    send.stuck_since = now;
    let all = send.una == send.next;
    if all {
        connection.timers.stop(Timer::Resend);
    } else if !connection.reno.is_impatient(send.una) {
        connection.arm_resend(now);
    }
    base.soft_error = None;
    #[cfg(feature = "sack")]
    let repairs = connection.repairs() && ack.before(connection.reno.recover());
    #[cfg(not(feature = "sack"))]
    let repairs = false;
    // RFC 6675 §5: while losses are repaired by what is reported, a partial acknowledgment is no event.
    let advice = if repairs { Advice::Go } else { connection.reno.on_ack(acked.bytes, connection.flight()) };
    // As Linux: also one that acknowledges something may prove a loss.
    #[cfg(feature = "sack")]
    let advice = if advice == Advice::Go { reported(connection, news, false) } else { advice };
    room(base, connection);
    // What our FIN's acknowledgment does.
    if connection.send.fin_acked() {
        match connection.phase {
            Phase::FinWait1 => {
                connection.phase = Phase::FinWait2;
                base.wake(Wake::State);
            }
            Phase::Closing => {
                connection.phase = Phase::TimeWait;
                base.wake(Wake::State);
            }
            Phase::LastAck => end(io, base, connection, None),
            _ => {}
        }
    }
    Ok(advice)
}

/// RFC 6675 §5: an acknowledgment that says nothing new but in its SACK blocks. The third of them is
/// a loss, and so is what they prove.
#[cfg(feature = "sack")]
fn reported<H: Host>(connection: &mut Connection<H>, news: bool, duplicate: bool) -> Advice {
    if !news || connection.reno.phase() != super::reno::Phase::Open {
        return Advice::Go;
    }
    connection.send.resend = connection.send.una;
    let proven = connection.send.next_hole().is_some();
    if !proven && !duplicate {
        return Advice::Go;
    }
    connection.reno.on_report(connection.flight(), proven)
}

/// Tells a writer that a third of the send buffer is free again, as Linux does.
pub(super) fn room<H: Host>(base: &mut Base, connection: &mut Connection<H>) {
    if connection.send.full && is_writable(base, connection) {
        connection.send.full = false;
        base.wake(Wake::Writable);
    }
}

/// Linux's `sk_stream_is_writeable`: free space is at least half of what is used.
#[inline(never)]
pub(super) fn is_writable<H: Host>(base: &Base, connection: &Connection<H>) -> bool {
    base.common.send_buffer.saturating_sub(connection.send.used) >= connection.send.used >> 1
        && connection.send.used < base.common.send_buffer
}

/// The sixth step (RFC 9293 §3.8.5, RFC 6093): notes the mark; one byte, as Linux reads it.
fn urgent<H: Host>(base: &mut Base, connection: &mut Connection<H>, segment: &Segment, buf: &H::Buf) {
    // The pointer is read as BSD and Linux do: the byte after the urgent one. Zero says nothing.
    let Some(before) = segment.urgent.checked_sub(1) else { return };
    let mark = segment.seq.plus(before.into());
    let receive = &mut connection.receive;
    if mark.before(receive.next) || receive.urgent.mark().is_some_and(|known| !mark.after(known)) {
        if let (Urgent::Announced(known), true) = (receive.urgent, !mark.before(receive.read)) {
            if known != mark {
                return;
            }
        } else {
            return;
        }
    } else {
        receive.urgent = Urgent::Announced(mark);
        base.wake(Wake::Urgent);
    }
    if let Some(&byte) = buf.bytes().get(usize::from(before)) {
        receive.urgent = Urgent::Byte(mark, byte);
        base.wake(Wake::Urgent);
    }
}

/// The seventh step: keeps what is new.
#[inline(never)]
fn payload<H: Host>(
    io: &mut Io<H>,
    base: &Base,
    connection: &mut Connection<H>,
    segment: &Segment,
    mut buf: H::Buf,
) -> Result<(), DropReason> {
    let receive = &mut connection.receive;
    let memory = &mut io.net.memory;
    let mut seq = segment.seq;
    // What lies beyond the window is cut off, and the FIN with it.
    let edge = receive.edge;
    if segment.seq.plus(segment.len).after(edge) {
        buf.truncate(edge.since(seq) as usize);
    }
    if seq.before(receive.next) {
        let known = receive.next.since(seq).min(segment.len);
        receive.duplicate = Some(linnet_wire::tcp_options::SackBlock { start: seq, end: seq.plus(known) });
        receive.owed = Owed::Now;
        buf.pull(known as usize);
        seq = seq.plus(known);
    }
    if buf.bytes().is_empty() {
        return Ok(());
    }
    if seq.after(receive.next) {
        // RFC 5681 §4.2: a gap is answered at once, and for a while all that follows.
        receive.owed = Owed::Now;
        receive.quick = receive.quick.max(4);
        let room = receive.used < base.common.receive_buffer;
        return match room && receive.keep_ahead(seq, buf, memory) {
            true => Ok(()),
            false => {
                acknowledge(io, base, connection);
                Err(DropReason::OutOfOrderDropped)
            }
        };
    }
    // A sender of small segments can use up the buffer without filling the window.
    let limit = base.common.receive_buffer.saturating_mul(2);
    if receive.used >= limit {
        receive.drop_ahead(memory);
    }
    if receive.used >= limit {
        acknowledge(io, base, connection);
        return Err(DropReason::ReceiveBufferFull);
    }
    if !receive.take(buf, memory) {
        acknowledge(io, base, connection);
        return Err(DropReason::NoMemory);
    }
    if !receive.ahead.is_empty() {
        // RFC 5681 §4.2: also what fills a gap is answered at once.
        receive.join(memory);
        receive.owed = Owed::Now;
    } else if receive.owed == Owed::Nothing {
        receive.owed = Owed::Later;
    }
    Ok(())
}

/// The eighth step, when all before the FIN has arrived.
fn finish<H: Host>(io: &mut Io<H>, base: &mut Base, connection: &mut Connection<H>) {
    if connection.receive.fin_ahead != Some(connection.receive.next) || !connection.phase.may_receive() {
        return;
    }
    connection.receive.drop_ahead(&mut io.net.memory);
    connection.receive.duplicate = None;
    connection.receive.next = connection.receive.next.plus(1);
    connection.receive.edge = connection.receive.edge.max(connection.receive.next);
    connection.receive.owed = Owed::Now;
    base.shut_read = true;
    base.done = true;
    connection.receive.fin = true;
    connection.phase = match connection.phase {
        Phase::FinWait1 => Phase::Closing,
        Phase::FinWait2 => Phase::TimeWait,
        _ => Phase::CloseWait,
    };
    base.wake(Wake::State);
}

/// After all steps: what the acknowledgment allows to be sent, then what is owed.
fn send_what_is_due<H: Host>(
    io: &mut Io<H>,
    base: &mut Base,
    connection: &mut Connection<H>,
    advice: Advice,
) {
    match advice {
        Advice::Resend => {
            let una = connection.send.una;
            if let Some(len) = resend_at(io, base, connection, una)
                && cfg!(feature = "sack")
            {
                connection.send.resend = una.plus(len);
            }
            push(io, base, connection, Push::Normal);
        }
        Advice::Limited => push(io, base, connection, Push::Limited),
        Advice::Go => push(io, base, connection, Push::Normal),
    }
    let receive = &mut connection.receive;
    match receive.owed {
        Owed::Nothing => return,
        Owed::Now => {}
        Owed::Later => {
            let unacknowledged = receive.next.since(receive.acknowledged);
            // RFC 9293 §3.8.6.3, RFC 5681 §4.2: at least every second full segment.
            let second = unacknowledged >= u32::from(receive.mss) * 2;
            if !second && receive.quick == 0 {
                if connection.timers.at(Timer::Acknowledge).is_none() {
                    connection.timers.set(Timer::Acknowledge, io.cx.now + DELAY);
                }
                return;
            }
            receive.quick = receive.quick.saturating_sub(1);
        }
    }
    acknowledge(io, base, connection);
}

/// What an orphan in FIN-WAIT-2 is granted (`TCP_LINGER2`).
pub(super) fn orphan_wait(linger_two: i32) -> Duration {
    if linger_two > 0 { Duration::from_secs((linger_two as u32).min(120)) } else { time_wait::WAIT }
}
