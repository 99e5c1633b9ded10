//! Out-of-order segments: a sorted queue without overlap (RFC 9293 §3.10.7.4, seventh step).

use crate::host::{Buf, Meta, Queue, SegmentMeta};
use crate::time::Instant;
use linnet_wire::seq::SeqNum;
use linnet_wire::tcp_options::SackBlock;

/// What became of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Some of it is new.
    Kept,
    /// All of it was there.
    Duplicate,
}

/// Where a queued buffer lies, and how long it is.
pub(super) fn place<B: Buf>(buf: &B) -> (SeqNum, u32) {
    let seq = match buf.meta() {
        Meta::Segment(meta) => meta.seq,
        _ => 0,
    };
    (SeqNum(seq), buf.bytes().len() as u32)
}

/// Notes on a buffer where it lies.
pub(super) fn put_at<B: Buf>(buf: &mut B, seq: SeqNum) {
    buf.set_meta(Meta::Segment(SegmentMeta {
        seq: seq.0,
        sent_at: Instant::default(),
        transmissions: 0,
        flags: 0,
    }));
}

/// Inserts what of `buf`, which starts at `seq`, is not in `queue` yet. What was there stays,
/// unless the new segment covers it whole. `account` hears of every footprint that comes
/// (`true`) or goes (`false`).
pub(super) fn insert<Q: Queue>(
    queue: &mut Q,
    mut seq: SeqNum,
    mut buf: Q::Buf,
    mut account: impl FnMut(usize, bool),
) -> Outcome {
    // What lies before it is walked past once.
    let mut index = 0;
    for other in queue.iter() {
        let (start, len) = place(other);
        if seq.before(start.plus(len)) {
            break;
        }
        index += 1;
    }
    loop {
        let end = seq.plus(buf.bytes().len() as u32);
        let Some((start, len)) = queue.iter().nth(index).map(place) else { break };
        let stop = start.plus(len);
        if !seq.before(start) {
            // Its front is there already.
            let known = stop.since(seq);
            if known >= buf.bytes().len() as u32 {
                return Outcome::Duplicate;
            }
            buf.pull(known as usize);
            seq = stop;
            index += 1;
        } else if !end.before(stop) && end.after(start) {
            if let Some(covered) = queue.remove(index) {
                account(covered.footprint(), false);
            }
        } else {
            // Its tail is there already, or nothing of it.
            buf.truncate(start.since(seq).min(buf.bytes().len() as u32) as usize);
            break;
        }
    }
    put_at(&mut buf, seq);
    account(buf.footprint(), true);
    queue.insert(index, buf);
    Outcome::Kept
}

/// The runs in `queue`, for a SACK option: first the one that holds `latest`, then the first
/// ones in order (RFC 2018 §4). Returns how many of `blocks` count.
pub(super) fn runs<Q: Queue>(queue: &Q, latest: SeqNum, blocks: &mut [SackBlock]) -> usize {
    let mut count = 0;
    let mut run: Option<SackBlock> = None;
    let mut report = |run: SackBlock| {
        let is_latest = !latest.before(run.start) && latest.before(run.end);
        if is_latest {
            // Moves to the front; what falls off the end is reported another time.
            let last = count.min(blocks.len().saturating_sub(1));
            if let Some(moved) = blocks.get_mut(..=last) {
                moved.rotate_right(1);
                if let Some(first) = moved.first_mut() {
                    *first = run;
                }
            }
            count = (last + 1).max(count).min(blocks.len());
        } else if let Some(slot) = blocks.get_mut(count) {
            *slot = run;
            count += 1;
        }
    };
    for buf in queue.iter() {
        let (start, len) = place(buf);
        let end = start.plus(len);
        match &mut run {
            Some(run) if run.end == start => run.end = end,
            _ => {
                if let Some(run) = run.replace(SackBlock { start, end }) {
                    report(run);
                }
            }
        }
    }
    if let Some(run) = run {
        report(run);
    }
    count
}
