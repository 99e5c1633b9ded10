//! What the peer has beyond the first gap, and what that says is lost (RFC 6675).
//!
//! The marks are on the sent buffers themselves, so that the scoreboard is as bounded as the send
//! queue is, and goes with it. Nothing is kept beside them: sums are made when they are asked for.

use super::reassembly::place;
use super::send::{SACKED, Send, change};
use crate::host::{Buf, Host, Meta, Queue};
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp_options::SackBlock;

fn is_sacked<B: Buf>(buf: &B) -> bool {
    matches!(buf.meta(), Meta::Segment(meta) if meta.flags & SACKED != 0)
}

impl<H: Host> Send<H> {
    /// RFC 6675 §4, Update(): marks the buffers that `blocks` cover whole, and says whether any of
    /// them was news. Blocks that are not of what is in flight say nothing: they are duplicates
    /// (RFC 2883), or forged.
    pub fn mark(&mut self, blocks: &[SackBlock]) -> bool {
        let mut news = false;
        for block in blocks {
            let in_flight = !block.start.before(self.una) && !block.end.after(self.next);
            if !in_flight || !block.start.before(block.end) {
                continue;
            }
            for buf in self.sent.iter_mut() {
                let (seq, len) = place(buf);
                if seq.before(block.start) {
                    continue;
                }
                if seq.plus(len).after(block.end) {
                    break;
                }
                if !is_sacked(buf) {
                    change(buf, |meta| meta.flags |= SACKED);
                    news = true;
                }
            }
        }
        news
    }

    /// Bytes that are marked, of those before `end`.
    pub fn sacked(&self, end: SeqNum) -> u32 {
        let mut sum = 0;
        for buf in self.sent.iter() {
            let (seq, len) = place(buf);
            if !seq.before(end) {
                break;
            }
            if is_sacked(buf) {
                sum += len;
            }
        }
        sum
    }

    /// RFC 6675 §4, SetPipe(): bytes that are on their way, as far as is known.
    pub fn pipe(&self) -> u32 {
        let mut pipe = 0;
        self.walk(|send, seq, len, lost| {
            if !lost {
                pipe += len;
            }
            if seq.before(send.resend) {
                pipe += len;
            }
            true
        });
        pipe
    }

    /// RFC 6675 §4, NextSeg(), rule 1: the first segment that is lost and was not yet repaired.
    pub fn next_hole(&self) -> Option<SeqNum> {
        let mut hole = None;
        self.walk(|send, seq, _, lost| {
            if lost && !seq.before(send.resend) {
                hole = Some(seq);
            }
            lost && hole.is_none()
        });
        hole
    }

    /// Goes through what is not marked, as long as `visit` likes: its number, its length, and
    /// whether it is lost (RFC 6675 §4, IsLost()): more than two segments have arrived beyond it.
    fn walk(&self, mut visit: impl FnMut(&Self, SeqNum, u32, bool) -> bool) {
        let mut above = self.sacked(self.next);
        for buf in self.sent.iter() {
            let (seq, len) = place(buf);
            if is_sacked(buf) {
                above -= len;
            } else if !visit(self, seq, len, above > u32::from(self.mss) * 2) {
                break;
            }
        }
    }

    /// Moves `resend` past what need not be sent again. The first buffer always is: the peer may
    /// take back what it reported (RFC 2018 §8).
    pub fn skip_sacked(&mut self) {
        for buf in self.sent.iter() {
            let (seq, len) = place(buf);
            if seq == self.resend && seq != self.una && is_sacked(buf) {
                self.resend = seq.plus(len);
            }
        }
    }

    /// After a timeout: a first buffer that is marked was taken back, and then nothing that is
    /// marked can be believed (RFC 2018 §8).
    pub fn doubt(&mut self) {
        if self.sent.front().is_some_and(is_sacked) {
            for buf in self.sent.iter_mut() {
                change(buf, |meta| meta.flags &= !SACKED);
            }
        }
    }
}
