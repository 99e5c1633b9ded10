//! The receiving half: the queue in order, the queue out of order, and when to acknowledge.

use super::reassembly;
use crate::errno::Errno;
use crate::host::{Buf, Host, Queue};
use crate::memory::Memory;
use crate::socket::Front;
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp_options::SackBlock;

/// When the next acknowledgment goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owed {
    /// Nothing to acknowledge.
    Nothing,
    /// With the next segment, or when the delay ends.
    Later,
    /// At once.
    Now,
}

/// Urgent data (RFC 9293 §3.8.5), as Linux reads it: one byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgent {
    /// None announced.
    None,
    /// Announced, not yet arrived.
    Announced(SeqNum),
    /// Arrived.
    Byte(SeqNum, u8),
    /// Read out of band; the mark stays.
    Taken(SeqNum),
}

impl Urgent {
    /// Where the mark is.
    pub const fn mark(self) -> Option<SeqNum> {
        match self {
            Self::None => None,
            Self::Announced(seq) | Self::Byte(seq, _) | Self::Taken(seq) => Some(seq),
        }
    }
}

/// What has arrived and what is expected.
pub(super) struct Receive<H: Host> {
    /// RCV.NXT.
    pub next: SeqNum,
    /// The right edge of the window that the peer was told.
    pub edge: SeqNum,
    /// The next byte that the program reads.
    pub read: SeqNum,
    /// What the peer was last told is expected.
    pub acknowledged: SeqNum,
    /// In order, not yet read.
    pub queue: H::Queue,
    /// Out of order, sorted, without overlap.
    pub ahead: H::Queue,
    /// Footprint of both queues.
    pub used: u32,
    /// Start of the segment that last came out of order: its run is reported first (RFC 2018 §4).
    pub latest: SeqNum,
    /// Where a FIN lies that came out of order.
    pub fin_ahead: Option<SeqNum>,
    /// A FIN was taken in order: RCV.NXT lies past it.
    pub fin: bool,
    /// A run that came twice, to be reported once (RFC 2883).
    pub duplicate: Option<SackBlock>,
    pub urgent: Urgent,
    pub owed: Owed,
    /// Acknowledgments still sent at once: at the start, and after a gap.
    pub quick: u8,
    /// The largest payload seen, the peer's segment size.
    pub mss: u16,
    /// Payload to footprint of such a segment, in 256ths.
    pub ratio: u8,
    /// Our window shift; 0 if the peer does not scale.
    pub scale: u8,
}

/// Acknowledgments sent at once at the start of a connection, while the peer is in slow start.
const QUICK: u8 = 16;

/// Segments held out of order at most: what bounds the work of inserting one more. A window of half
/// a megabyte has as many, so that the loss of one does not cost the others.
const MAX_AHEAD: usize = 512;

/// Payload up to this size is copied into a buffer that has the room, to hold fewer buffers.
const SMALL: usize = 256;

impl<H: Host> Receive<H> {
    /// Expects `next`.
    pub fn new(next: SeqNum, scale: u8) -> Self {
        Self {
            next,
            edge: next,
            read: next,
            acknowledged: next,
            queue: H::Queue::default(),
            ahead: H::Queue::default(),
            used: 0,
            latest: next,
            fin_ahead: None,
            fin: false,
            duplicate: None,
            urgent: Urgent::None,
            owed: Owed::Nothing,
            quick: QUICK,
            mss: 0,
            ratio: 128,
            scale,
        }
    }

    /// What the peer may still send.
    pub const fn window(&self) -> u32 {
        self.edge.since(self.next)
    }

    /// Bytes in order, not yet read, a FIN counted.
    pub const fn readable(&self) -> u32 {
        self.next.since(self.read)
    }

    /// Bytes in order, not yet read, a FIN not counted.
    #[inline(never)]
    pub fn unread(&self) -> u32 {
        self.readable().saturating_sub(u32::from(self.fin))
    }

    /// Whether the window lets in no more before something is read: who waits for more, waits for
    /// ever (Linux's `tcp_epollin_ready`).
    pub fn is_full(&self) -> bool {
        self.readable() > 0 && self.window() <= self.mss.into()
    }

    /// Takes a payload in that starts at RCV.NXT. `false` when memory was refused.
    pub fn take(&mut self, buf: H::Buf, memory: &mut Memory) -> bool {
        let len = buf.bytes().len();
        self.measure(len, &buf);
        if len <= SMALL && self.queue.back_mut().is_some_and(|back| back.append(buf.bytes())) {
            self.next = self.next.plus(len as u32);
            return true;
        }
        if !memory.try_charge(buf.footprint()) {
            // Out-of-order data goes first.
            self.drop_ahead(memory);
            if self.queue.is_empty() {
                // One segment is always taken: the memory may be held by what both sides have
                // to send, and neither would ever get rid of it.
                memory.force_charge(buf.footprint());
            } else if !memory.try_charge(buf.footprint()) {
                return false;
            }
        }
        self.used = self.used.saturating_add(buf.footprint() as u32);
        self.next = self.next.plus(len as u32);
        self.queue.push_back(buf);
        true
    }

    /// Moves what has become in order; says whether anything did.
    pub fn join(&mut self, memory: &mut Memory) -> bool {
        let mut joined = false;
        while let Some((seq, len)) = self.ahead.front().map(reassembly::place) {
            if seq.after(self.next) {
                break;
            }
            let Some(mut buf) = self.ahead.pop_front() else { break };
            let old = self.next.since(seq);
            if old < len {
                buf.pull(old as usize);
                self.next = self.next.plus(len - old);
                self.queue.push_back(buf);
                joined = true;
            } else {
                self.release(&buf, memory);
            }
        }
        joined
    }

    /// Keeps a payload that lies beyond RCV.NXT; `false` when it is not kept.
    #[inline(never)]
    pub fn keep_ahead(&mut self, seq: SeqNum, buf: H::Buf, memory: &mut Memory) -> bool {
        let len = buf.bytes().len();
        self.measure(len, &buf);
        if self.ahead.len() >= MAX_AHEAD || memory.pressure() != crate::memory::Pressure::Low {
            return false;
        }
        self.latest = seq;
        let mut change = 0i32;
        let outcome = reassembly::insert(&mut self.ahead, seq, buf, |footprint, kept| {
            if kept {
                memory.force_charge(footprint);
                change = change.saturating_add(footprint as i32);
            } else {
                memory.release(footprint);
                change = change.saturating_sub(footprint as i32);
            }
        });
        self.used = self.used.saturating_add_signed(change);
        if outcome == reassembly::Outcome::Duplicate {
            self.duplicate = Some(SackBlock { start: seq, end: seq.plus(len as u32) });
        }
        true
    }

    /// Forgets what is out of order (the peer will send it again: RFC 2018 §8 allows it).
    pub fn drop_ahead(&mut self, memory: &mut Memory) {
        self.fin_ahead = None;
        while let Some(buf) = self.ahead.pop_back() {
            self.release(&buf, memory);
        }
    }

    /// Drops everything.
    pub fn purge(&mut self, memory: &mut Memory) {
        self.drop_ahead(memory);
        while let Some(buf) = self.queue.pop_front() {
            self.release(&buf, memory);
        }
        self.read = self.next.minus(u32::from(self.fin));
    }

    /// The data at `offset` past what was read; `Ok(None)` when there is none, the end when the
    /// urgent mark is there.
    pub fn front(&mut self, offset: usize, inline: bool) -> Result<Option<Front<'_, H::Buf>>, Errno> {
        if offset == 0 && !inline && self.skips_mark() {
            self.advance(1);
        }
        // Inline, a read that begins at the mark goes on past it.
        let mark = self.urgent.mark().map(|mark| mark.since(self.read.minus(1)));
        let mark = mark.filter(|&distance| !inline || distance != 1);
        let mut left = offset;
        for buf in self.queue.iter_mut() {
            let len = buf.bytes().len();
            if left < len {
                let mut count = len - left;
                // Reading stops at the mark.
                if let Some(mark) = mark.map(|mark| mark as usize) {
                    if mark > offset + 1 {
                        count = count.min(mark - 1 - offset);
                    } else if mark == offset + 1 {
                        return Ok(Some(Front::Eof));
                    }
                }
                return Ok(Some(Front::Data { at: left, len: count, buf }));
            }
            left -= len;
        }
        Ok(None)
    }

    /// Whether the next byte to read is the urgent one, which a plain read leaves out.
    fn skips_mark(&self) -> bool {
        self.urgent.mark() == Some(self.read) && self.readable() > 0
    }

    /// Notes that the program has read `count` bytes, and frees what is done with.
    pub fn consume(&mut self, count: usize, memory: &mut Memory) {
        self.advance(count);
        while self.queue.front().is_some_and(|buf| buf.bytes().is_empty()) {
            if let Some(buf) = self.queue.pop_front() {
                self.release(&buf, memory);
            }
        }
    }

    fn advance(&mut self, count: usize) {
        let mut left = count.min(self.readable() as usize);
        for buf in self.queue.iter_mut() {
            let len = buf.bytes().len().min(left);
            buf.pull(len);
            self.read = self.read.plus(len as u32);
            left -= len;
            if left == 0 {
                break;
            }
        }
        if self.urgent.mark().is_some_and(|mark| mark.before(self.read)) {
            self.urgent = Urgent::None;
        }
    }

    fn release(&mut self, buf: &H::Buf, memory: &mut Memory) {
        self.used = self.used.saturating_sub(buf.footprint() as u32);
        memory.release(buf.footprint());
    }

    /// Learns the peer's segment size, and what a segment costs.
    fn measure(&mut self, len: usize, buf: &H::Buf) {
        if len > self.mss as usize {
            self.mss = len.min(u16::MAX as usize) as u16;
            // Footprint is never zero, but the division must not depend on it.
            if let Some(ratio) = (len << 8).checked_div(buf.footprint()) {
                self.ratio = ratio.clamp(32, 255) as u8;
            }
        }
    }
}
