//! TIME-WAIT and orphaned FIN-WAIT-2: what they answer, and when they end
//! (RFC 9293 §3.10.7.4, RFC 6191, RFC 1337).

use super::Tcp;
use super::demux::Node;
use super::input::refuse;
use super::output::{self, Fields, Io, Route};
use super::segment::Segment;
use super::time_wait::{MAX, TimeWait, WAIT};
use crate::drop::DropReason;
use crate::host::Host;
use crate::slab::Handle;
use crate::time::Duration;
use linnet_wire::tcp::Flags;
use linnet_wire::tcp_options::{Options, Timestamps};

/// Remnants are looked through this often at most.
const SWEEP: Duration = Duration::from_millis(500);

impl<H: Host> Tcp<H> {
    /// Leaves a remnant behind. Past [`MAX`], or without memory, the connection ends without one.
    pub(super) fn remain(&mut self, io: &mut Io<H>, remnant: TimeWait) {
        let (local, peer, deadline) = (remnant.local, remnant.peer, remnant.deadline);
        if self.waits.len() >= MAX {
            return;
        }
        let Some(handle) = self.waits.insert_with(|| remnant) else { return };
        let hash = io.net.secret.table_hash(local, peer);
        if self.enter(hash, Node::Wait(handle), &io.net.secret) {
            self.wait_until(deadline);
        } else {
            self.waits.delete(handle);
        }
    }

    fn forget_remnant(&mut self, io: &mut Io<H>, handle: Handle) {
        let Some(remnant) = self.waits.get(handle) else { return };
        let hash = io.net.secret.table_hash(remnant.local, remnant.peer);
        self.leave(hash, Node::Wait(handle));
        self.waits.delete(handle);
    }

    /// A segment for a remnant.
    #[inline(never)]
    pub(super) fn at_remnant(
        &mut self,
        io: &mut Io<H>,
        handle: Handle,
        segment: &Segment,
    ) -> Result<(), DropReason> {
        let now = io.cx.now;
        let listens = segment.flags.has(Flags::SYN) && self.listener(&io.net.secret, segment).is_some();
        let Some(remnant) = self.waits.get_mut(handle) else { return Err(DropReason::NoSocket) };
        let flags = segment.flags;
        // RFC 1337: a reset does not end TIME-WAIT. In FIN-WAIT-2 an exact one does.
        if flags.has(Flags::RST) {
            if remnant.fin_wait && segment.seq == remnant.expected {
                self.forget_remnant(io, handle);
                return Ok(());
            }
            return Err(DropReason::BlindAttack);
        }
        let stamp = segment.options.timestamps.filter(|_| remnant.timestamps).map(|stamps| stamps.value);
        let age = stamp.map_or(0, |stamp| stamp.wrapping_sub(remnant.recent) as i32);
        // RFC 6191 §2: a SYN that is clearly of a new connection takes the place of the old one,
        // if there is one to be had: anybody could end TIME-WAIT otherwise.
        let newer = age > 0 || age == 0 && segment.seq.after(remnant.expected);
        if listens && !flags.has(Flags::ACK) && !remnant.fin_wait && newer {
            let floor = remnant.next;
            self.forget_remnant(io, handle);
            return self.at_listener(io, segment, Some(floor));
        }
        // RFC 7323 §5.3, then the sequence number.
        let acceptable = segment.seq.is_within(remnant.expected, u32::from(remnant.window).max(1));
        if age < 0 || !acceptable || flags.has(Flags::SYN) {
            if segment.span() > 0 {
                remnant.answer(io);
            }
            return Err(DropReason::NotAcceptable);
        }
        if let Some(stamp) = stamp {
            remnant.recent = stamp;
        }
        if !remnant.fin_wait {
            // A number past the FIN: nothing belongs there.
            if segment.span() > 0 {
                remnant.answer(io);
            }
            return Ok(());
        }
        if segment.len > 0 {
            // RFC 1122 §4.2.2.13: data for a reader that has gone.
            self.forget_remnant(io, handle);
            refuse(io, segment);
            return Err(DropReason::Closed);
        }
        if flags.has(Flags::FIN) && segment.seq == remnant.expected {
            remnant.expected = segment.end();
            remnant.fin_wait = false;
            remnant.deadline = now + WAIT;
            remnant.answer(io);
        }
        Ok(())
    }

    /// Forgets the remnants whose time has come.
    pub(super) fn sweep_remnants(&mut self, io: &mut Io<H>) {
        let now = io.cx.now;
        let mut place = 0;
        while let Some((next, handle)) = self.waits.next_from(place) {
            place = next;
            let Some(remnant) = self.waits.get(handle) else { continue };
            let deadline = remnant.deadline;
            if deadline.is_due(now) {
                self.forget_remnant(io, handle);
            } else {
                let soonest = now + SWEEP;
                self.wait_until(if deadline.before(soonest) { soonest } else { deadline });
            }
        }
    }
}

impl TimeWait {
    /// Acknowledges what came: the peer has lost our acknowledgment, or is confused.
    fn answer<H: Host>(&self, io: &mut Io<H>) {
        let clock = io.cx.now.as_millis().wrapping_add(io.net.secret.timestamp_offset(self.local, self.peer));
        let options = Options {
            timestamps: self.timestamps.then_some(Timestamps { value: clock, echo: self.recent }),
            ..Options::default()
        };
        let fields =
            Fields { seq: self.next, ack: self.expected, flags: Flags::ACK, window: self.window, urgent: 0 };
        let _ = output::put(io, &Route::bare(self.local, self.peer, self.iface), fields, &options, None);
    }
}
