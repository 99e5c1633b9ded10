//! The sending half: what is sent and not acknowledged, what is not yet sent, the peer's window.

use super::reassembly::place;
use crate::host::{Buf, Host, Meta, Queue, SegmentMeta};
use crate::memory::Memory;
use crate::time::Instant;
use linnet_wire::seq::SeqNum;

/// What is to be sent, and how far it got.
pub(super) struct Send<H: Host> {
    /// SND.UNA.
    pub una: SeqNum,
    /// SND.NXT; our FIN included, once it is sent.
    pub next: SeqNum,
    /// After the last byte that was queued.
    pub end: SeqNum,
    /// After a timeout: from here on everything is sent again.
    pub resend: SeqNum,
    /// SND.WL1 and SND.WL2: which segment the window is from.
    pub window_seq: SeqNum,
    pub window_ack: SeqNum,
    /// End of the last segment that was not full (Minshall's form of Nagle's rule).
    pub small: SeqNum,
    /// SND.UP: after the last urgent byte.
    pub urgent: Option<SeqNum>,
    /// SND.WND in bytes.
    pub window: u32,
    /// The largest window that the peer ever offered.
    pub max_window: u32,
    pub sent: H::Queue,
    pub unsent: H::Queue,
    /// Footprint of both queues.
    pub used: u32,
    /// The first transmission of what is now sent again.
    pub stuck_since: Instant,
    /// When data was last sent.
    pub last: Instant,
    /// Payload of a full segment, beside the options.
    pub mss: u16,
    /// What the peer's SYN allows.
    pub peer_mss: u16,
    /// The peer's window shift.
    pub scale: u8,
    /// Retransmissions in a row without an answer.
    pub retries: u8,
    /// Segments sent more than once, in total.
    pub resent: u32,
    /// Our FIN follows `end`.
    pub fin: bool,
    /// Not writable; the owner waits for room.
    pub full: bool,
}

/// What an acknowledgment removed.
pub(super) struct Acked {
    /// Bytes, our FIN not counted.
    pub bytes: u32,
    /// The last segment that was acknowledged whole: when it was last sent, and whether that was
    /// the only time.
    pub last: Option<(Instant, bool)>,
}

/// [`SegmentMeta::flags`] of a buffer queued with `MSG_MORE`.
pub(super) const MORE: u8 = 1;

/// [`SegmentMeta::flags`] of a sent buffer that the peer has, beyond a gap.
#[cfg(feature = "sack")]
pub(super) const SACKED: u8 = 2;

impl<H: Host> Send<H> {
    /// Nothing queued; the SYN takes `iss`.
    pub fn new(iss: SeqNum, now: Instant) -> Self {
        let first = iss.plus(1);
        Self {
            una: iss,
            next: first,
            end: first,
            resend: first,
            window_seq: SeqNum(0),
            window_ack: SeqNum(0),
            small: iss,
            urgent: None,
            window: 0,
            max_window: 0,
            sent: H::Queue::default(),
            unsent: H::Queue::default(),
            used: 0,
            stuck_since: now,
            last: now,
            mss: 536,
            peer_mss: 536,
            scale: 0,
            retries: 0,
            resent: 0,
            fin: false,
            full: false,
        }
    }

    /// Bytes in flight, SYN and FIN counted.
    pub const fn flight(&self) -> u32 {
        self.next.since(self.una)
    }

    /// Whether our FIN is on its way.
    pub const fn fin_sent(&self) -> bool {
        self.next.after(self.end)
    }

    /// Whether our FIN was acknowledged.
    pub const fn fin_acked(&self) -> bool {
        self.fin && self.una.after(self.end)
    }

    /// Bytes not acknowledged, sent or not.
    pub const fn queued(&self) -> u32 {
        self.end.since(self.una)
    }

    /// Bytes not sent.
    pub const fn unsent(&self) -> u32 {
        self.end.since(self.next)
    }

    /// Where the peer's window ends.
    pub const fn edge(&self) -> SeqNum {
        self.una.plus(self.window)
    }

    /// Drops what `ack` acknowledges.
    pub fn acknowledge(&mut self, ack: SeqNum, memory: &mut Memory) -> Acked {
        let mut acked = Acked { bytes: ack.min(self.end).since(self.una), last: None };
        while let Some(buf) = self.sent.front_mut() {
            let (seq, len) = place(buf);
            let known = ack.since(seq);
            if known < len {
                buf.pull(known as usize);
                change(buf, |meta| meta.seq = seq.plus(known).0);
                break;
            }
            if let Meta::Segment(meta) = buf.meta() {
                acked.last = Some((meta.sent_at, meta.transmissions == 1));
            }
            if let Some(buf) = self.sent.pop_front() {
                self.release(buf.footprint(), memory);
            }
        }
        self.una = ack;
        self.resend = self.resend.max(ack);
        if self.urgent.is_some_and(|urgent| !urgent.after(ack)) {
            self.urgent = None;
        }
        acked
    }

    /// Charges a queued buffer.
    pub fn charge(&mut self, footprint: usize) {
        self.used = self.used.saturating_add(footprint as u32);
    }

    /// Gives back what a buffer was charged.
    pub fn release(&mut self, footprint: usize, memory: &mut Memory) {
        self.used = self.used.saturating_sub(footprint as u32);
        memory.release(footprint);
    }

    /// Drops everything that is queued.
    pub fn purge(&mut self, memory: &mut Memory) {
        while let Some(buf) = self.sent.pop_front().or_else(|| self.unsent.pop_front()) {
            self.release(buf.footprint(), memory);
        }
    }
}

/// Changes a queued buffer's metadata.
pub(super) fn change<B: Buf>(buf: &mut B, with: impl FnOnce(&mut SegmentMeta)) {
    if let Meta::Segment(mut meta) = buf.meta() {
        with(&mut meta);
        buf.set_meta(Meta::Segment(meta));
    }
}
