//! A host on the heap: buffers in vectors, frames and wake-ups recorded for the test to look at.
//!
//! It loops back what is sent on the interface that it is told is the loopback, as a kernel's
//! `lo` does: the test feeds [`TestHost::looped`] to the stack again.

use linnet_core::host::{Buf, HEADROOM, Host, IfIndex, Meta, Owner, Queue, Wake};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Bytes that a [`HeapBuf`] claims for its own bookkeeping, about what an `sk_buff` takes.
pub const OVERHEAD: usize = 256;

/// How many [`HeapBuf`]s of a [`TestHost`] are alive.
#[derive(Clone, Default, Debug)]
struct Live(Rc<Cell<usize>>);

/// Counts the buffers that a sending socket pays for, as `SO_SNDBUF` does.
#[derive(Clone, Default, Debug)]
pub struct Payer(Live);

impl Payer {
    /// How many buffers it pays for.
    pub fn buffers(&self) -> usize {
        self.0.0.get()
    }

    /// Pays for `buf` from now on.
    pub fn pay_for(&self, buf: &mut HeapBuf) {
        buf.pay(Some(self.0.clone()));
    }
}

/// A packet buffer on the heap. It counts itself, so that a test sees a leak.
#[derive(Debug)]
pub struct HeapBuf {
    data: Vec<u8>,
    start: usize,
    capacity: usize,
    meta: Meta,
    live: Live,
    /// Who pays until it is sent.
    payer: Option<Live>,
}

impl HeapBuf {
    /// A received frame or other complete packet: `bytes` with no headroom, not counted by any
    /// host.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::with_room(0, bytes.len(), bytes, Live::default())
    }

    fn with_room(headroom: usize, capacity: usize, bytes: &[u8], live: Live) -> Self {
        live.0.set(live.0.get() + 1);
        let mut data = Vec::with_capacity(headroom + capacity.max(bytes.len()));
        data.resize(headroom, 0);
        data.extend_from_slice(bytes);
        Self { data, start: headroom, capacity: headroom + capacity, meta: Meta::None, live, payer: None }
    }

    fn pay(&mut self, payer: Option<Live>) {
        if let Some(payer) = &payer {
            payer.0.set(payer.0.get() + 1);
        }
        self.payer = payer;
    }
}

impl Drop for HeapBuf {
    fn drop(&mut self) {
        self.live.0.set(self.live.0.get() - 1);
        if let Some(payer) = &self.payer {
            payer.0.set(payer.0.get() - 1);
        }
    }
}

impl Buf for HeapBuf {
    fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.data[self.start..]
    }

    fn push(&mut self, count: usize) -> bool {
        let fits = count <= self.start;
        if fits {
            self.start -= count;
        }
        fits
    }

    fn pull(&mut self, count: usize) {
        self.start = (self.start + count).min(self.data.len());
    }

    fn truncate(&mut self, len: usize) {
        self.data.truncate(self.start + len);
    }

    fn append(&mut self, bytes: &[u8]) -> bool {
        let fits = self.data.len() + bytes.len() <= self.capacity;
        if fits {
            self.data.extend_from_slice(bytes);
        }
        fits
    }

    fn share(&mut self) -> Option<Self> {
        let mut copy = Self::with_room(0, 0, &[], self.live.clone());
        copy.data = self.data.clone();
        copy.start = self.start;
        copy.capacity = self.capacity;
        copy.meta = self.meta;
        Some(copy)
    }

    fn bill_as(&mut self, other: &Self) {
        self.pay(other.payer.clone());
    }

    fn footprint(&self) -> usize {
        self.capacity + OVERHEAD
    }

    fn meta(&self) -> Meta {
        self.meta
    }

    fn set_meta(&mut self, meta: Meta) {
        self.meta = meta;
    }
}

/// A queue of [`HeapBuf`]s.
#[derive(Default, Debug)]
pub struct HeapQueue(VecDeque<HeapBuf>);

impl Queue for HeapQueue {
    type Buf = HeapBuf;
    const EMPTY: Self = Self(VecDeque::new());

    fn push_back(&mut self, buf: HeapBuf) {
        self.0.push_back(buf);
    }

    fn push_front(&mut self, buf: HeapBuf) {
        self.0.push_front(buf);
    }

    fn pop_front(&mut self) -> Option<HeapBuf> {
        self.0.pop_front()
    }

    fn pop_back(&mut self) -> Option<HeapBuf> {
        self.0.pop_back()
    }

    fn back_mut(&mut self) -> Option<&mut HeapBuf> {
        self.0.back_mut()
    }

    fn iter(&self) -> impl Iterator<Item = &HeapBuf> {
        self.0.iter()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut HeapBuf> {
        self.0.iter_mut()
    }

    fn insert(&mut self, index: usize, buf: HeapBuf) {
        self.0.insert(index.min(self.0.len()), buf);
    }

    fn remove(&mut self, index: usize) -> Option<HeapBuf> {
        self.0.remove(index)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The world around a stack under test.
#[derive(Default, Debug)]
pub struct TestHost {
    /// Frames sent since the test last looked, with their interface.
    pub sent: VecDeque<(IfIndex, HeapBuf)>,
    /// Frames sent on [`TestHost::loopback`], for the test to hand back to the stack.
    pub looped: VecDeque<HeapBuf>,
    /// Wake-ups since the test last looked.
    pub wakes: Vec<(Owner, Wake)>,
    /// Which interface is the loopback, if there is one.
    pub loopback: Option<IfIndex>,
    /// Allocations to grant before the host refuses one and all after it; `None` grants all.
    pub allocations_left: Option<usize>,
    live: Live,
}

impl TestHost {
    /// A host without loopback and with memory without end.
    pub fn new() -> Self {
        Self::default()
    }

    /// A counted buffer that holds a received frame, with no headroom, as from a network card.
    pub fn frame(&self, bytes: &[u8]) -> HeapBuf {
        HeapBuf::with_room(0, bytes.len(), bytes, self.live.clone())
    }

    /// How many buffers that this host gave out still exist anywhere.
    pub fn live_buffers(&self) -> usize {
        self.live.0.get()
    }

    /// Takes the frames that were sent, as bytes.
    pub fn take_sent(&mut self) -> Vec<Vec<u8>> {
        self.sent.drain(..).map(|(_, frame)| frame.bytes().to_vec()).collect()
    }

    /// Takes the wake-ups of `owner`, and forgets all others.
    pub fn take_wakes(&mut self, owner: Owner) -> Vec<Wake> {
        self.wakes.drain(..).filter(|wake| wake.0 == owner).map(|wake| wake.1).collect()
    }
}

impl Host for TestHost {
    type Buf = HeapBuf;
    type Queue = HeapQueue;

    fn allocate(&mut self, capacity: usize) -> Option<HeapBuf> {
        if let Some(left) = &mut self.allocations_left {
            *left = left.checked_sub(1)?;
        }
        Some(HeapBuf::with_room(HEADROOM, capacity, &[], self.live.clone()))
    }

    fn transmit(&mut self, iface: IfIndex, frame: HeapBuf) {
        if self.loopback == Some(iface) {
            self.looped.push_back(frame);
        } else {
            self.sent.push_back((iface, frame));
        }
    }

    fn wake(&mut self, owner: Owner, why: Wake) {
        self.wakes.push((owner, why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_headroom_and_count_themselves() {
        let mut host = TestHost::new();
        let mut buf = host.allocate(4).expect("memory");
        assert!(buf.append(b"data"));
        assert!(!buf.append(b"!"));
        assert!(buf.push(HEADROOM));
        assert!(!buf.push(1));
        buf.pull(HEADROOM);
        assert_eq!(buf.bytes(), b"data");
        let copy = buf.share();
        assert_eq!(host.live_buffers(), 2);
        drop((buf, copy));
        assert_eq!(host.live_buffers(), 0);
    }

    #[test]
    fn refuses_when_told() {
        let mut host = TestHost { allocations_left: Some(1), ..TestHost::new() };
        assert!(host.allocate(1).is_some());
        assert!(host.allocate(1).is_none());
    }
}
