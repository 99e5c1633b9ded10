//! Reassembly of fragmented datagrams (RFC 791 §3.2, RFC 815).
//!
//! Fragments wait in order. One that overlaps another throws the whole datagram away, as
//! RFC 5722 has it for IPv6; an exact repetition is ignored. Bounded three ways: datagrams at a
//! time, bytes in all, and 30 seconds from the first fragment; the oldest gives way.

use crate::drop::DropReason;
use crate::host::{Buf, Context, FragmentMeta, Host, Meta, Queue};
use crate::memory::Memory;
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use linnet_wire::ipv4::{HEADER_LEN, Header, MAX_LEN, Protocol};

/// Datagrams in the making at a time.
pub const MAX_DATAGRAMS: usize = 8;
/// Memory that fragments take at most, in bytes of footprint, and never more than a quarter of the
/// stack's cap: they come from anybody, and all else must go on.
pub const MAX_BYTES: usize = 192 * 1024;
/// How long the first fragment waits for the last (RFC 791 says 15 s, RFC 1122 60 s or more;
/// Linux 30 s).
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    id: u16,
    protocol: Protocol,
}

struct Datagram<H: Host> {
    key: Key,
    expires: Instant,
    fragments: H::Queue,
}

/// What became of a fragment.
pub(super) enum Outcome<B> {
    /// It waits for others.
    Waiting,
    /// It was the last that was missing: the whole packet, from its IPv4 header.
    Complete(B),
    /// It went, and perhaps what it belonged to.
    Dropped(DropReason),
}

pub(super) struct Reassembly<H: Host> {
    datagrams: Vec<Datagram<H>>,
    bytes: usize,
}

impl<H: Host> Reassembly<H> {
    pub const fn new() -> Self {
        Self { datagrams: Vec::new(), bytes: 0 }
    }

    /// Takes in a fragment: a packet, cut to its total length, from its IPv4 header.
    #[inline(never)]
    pub fn handle(
        &mut self,
        cx: &mut Context<H>,
        memory: &mut Memory,
        header: &Header,
        mut packet: H::Buf,
    ) -> Outcome<H::Buf> {
        packet.pull(header.header_len as usize);
        let len = packet.bytes().len();
        let (start, end) = (header.offset as usize, header.offset as usize + len);
        let uneven = header.more_fragments && len % 8 != 0;
        if len == 0 || uneven || end > MAX_LEN - HEADER_LEN {
            return Outcome::Dropped(DropReason::BadFragment);
        }
        let meta = FragmentMeta {
            offset: header.offset,
            header_len: header.header_len,
            more: header.more_fragments,
        };
        packet.set_meta(Meta::Fragment(meta));

        let key = Key {
            source: header.source,
            destination: header.destination,
            id: header.id,
            protocol: header.protocol,
        };
        let footprint = packet.footprint();
        while self.bytes + footprint > MAX_BYTES.min(memory.limit() / 4) || !memory.try_charge(footprint) {
            if !self.remove_oldest(memory) {
                return Outcome::Dropped(DropReason::NoMemory);
            }
        }
        self.bytes += footprint;
        if !self.datagrams.iter().any(|datagram| datagram.key == key) {
            if self.datagrams.len() >= MAX_DATAGRAMS {
                self.remove_oldest(memory);
            }
            let datagram = Datagram { key, expires: cx.now + TIMEOUT, fragments: H::Queue::default() };
            if !crate::list::try_push(&mut self.datagrams, datagram) {
                self.release(memory, footprint);
                return Outcome::Dropped(DropReason::NoMemory);
            }
        }
        let Some(datagram) = self.datagrams.iter_mut().find(|datagram| datagram.key == key) else {
            return Outcome::Dropped(DropReason::NoMemory);
        };

        match place(&datagram.fragments, start, end, header.more_fragments) {
            Place::At(index) => datagram.fragments.insert(index, packet),
            Place::Repeated => {
                self.release(memory, footprint);
                return Outcome::Dropped(DropReason::BadFragment);
            }
            Place::Overlaps => {
                self.release(memory, footprint);
                self.remove(memory, key);
                return Outcome::Dropped(DropReason::BadFragment);
            }
        }
        let Some(total) = complete_len(&datagram.fragments) else { return Outcome::Waiting };
        let whole = join(cx, &mut datagram.fragments, total);
        self.remove(memory, key);
        whole.map_or(Outcome::Dropped(DropReason::NoMemory), Outcome::Complete)
    }

    /// Gives up one datagram that waited too long: its first fragment from the IPv4 header, if
    /// that one is there (RFC 1122 §3.3.2: only then an error is sent). `None` when none is due.
    pub fn poll_expired(&mut self, now: Instant, memory: &mut Memory) -> Option<Option<H::Buf>> {
        let datagram = self.datagrams.iter_mut().find(|datagram| datagram.expires.is_due(now))?;
        let key = datagram.key;
        let (first, footprint) = match datagram.fragments.pop_front() {
            Some(mut buf) => {
                let footprint = buf.footprint();
                let whole =
                    fragment(&buf).is_some_and(|meta| meta.offset == 0 && buf.push(meta.header_len as usize));
                (whole.then_some(buf), footprint)
            }
            None => (None, 0),
        };
        self.release(memory, footprint);
        self.remove(memory, key);
        Some(first)
    }

    /// When [`Reassembly::poll_expired`] is next worth calling.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.datagrams.iter().map(|datagram| datagram.expires).reduce(Instant::min)
    }

    fn remove_oldest(&mut self, memory: &mut Memory) -> bool {
        let oldest = self.next_deadline().and_then(|expires| {
            self.datagrams.iter().find(|datagram| datagram.expires == expires).map(|datagram| datagram.key)
        });
        oldest.is_some_and(|key| {
            self.remove(memory, key);
            true
        })
    }

    fn remove(&mut self, memory: &mut Memory, key: Key) {
        if let Some(datagram) = crate::list::take_first(&mut self.datagrams, |datagram| datagram.key == key) {
            let freed = datagram.fragments.iter().map(Buf::footprint).sum::<usize>();
            self.release(memory, freed);
        }
    }

    fn release(&mut self, memory: &mut Memory, footprint: usize) {
        self.bytes = self.bytes.saturating_sub(footprint);
        memory.release(footprint);
    }
}

enum Place {
    At(usize),
    Repeated,
    Overlaps,
}

fn fragment<B: Buf>(buf: &B) -> Option<FragmentMeta> {
    match buf.meta() {
        Meta::Fragment(meta) => Some(meta),
        _ => None,
    }
}

/// Start and end in bytes of each fragment that waits, and whether more follow.
fn extents<Q: Queue>(fragments: &Q) -> impl Iterator<Item = (usize, usize, bool)> {
    fragments.iter().filter_map(|buf| {
        let meta = fragment(buf)?;
        Some((meta.offset as usize, meta.offset as usize + buf.bytes().len(), meta.more))
    })
}

fn place<Q: Queue>(fragments: &Q, start: usize, end: usize, more: bool) -> Place {
    let mut index = 0;
    for (other_start, other_end, other_more) in extents(fragments) {
        if (start, end, more) == (other_start, other_end, other_more) {
            return Place::Repeated;
        }
        // Also when one claims to be the last and another lies beyond it.
        let beyond_last = (!other_more && end > other_end) || (!more && other_end > end);
        if beyond_last || (start < other_end && other_start < end) {
            return Place::Overlaps;
        }
        if other_start < start {
            index += 1;
        }
    }
    Place::At(index)
}

/// The length of the payload if no piece is missing.
fn complete_len<Q: Queue>(fragments: &Q) -> Option<usize> {
    let mut next = 0;
    let mut ended = false;
    for (start, end, more) in extents(fragments) {
        if start != next {
            return None;
        }
        next = end;
        ended = !more;
    }
    ended.then_some(next)
}

/// One packet of all fragments, behind the header of the first without its options.
fn join<H: Host>(cx: &mut Context<H>, fragments: &mut H::Queue, total: usize) -> Option<H::Buf> {
    let first = fragments.front_mut()?;
    let header_len = fragment(first)?.header_len as usize;
    if !first.push(header_len) {
        return None;
    }
    let old = Header::parse_quoted(first.bytes()).ok()?;
    first.pull(header_len);
    let header = Header {
        header_len: HEADER_LEN as u8,
        total_len: u16::try_from(HEADER_LEN + total).ok()?,
        more_fragments: false,
        ..old
    };
    let mut whole = cx.host.allocate(HEADER_LEN + total)?;
    let mut fits = whole.append(&header.to_bytes(&[]));
    for piece in fragments.iter() {
        fits &= whole.append(piece.bytes());
    }
    fits.then_some(whole)
}
