//! A queue of `sk_buff`s, linked through their own `next` and `prev`.
//!
//! The queue owns what it links; a buffer that leaves it is linked to nothing, as
//! `dev_queue_xmit` wants it. References from `iter_mut` and `back_mut` are for changing a
//! buffer, not for exchanging it against another: the links live in the buffers.

use crate::buf::SkBuf;
use crate::ffi::{RawSkb, field, offset};
use core::ptr::NonNull;
use linnet_core::host::Queue;

type Link = Option<NonNull<RawSkb>>;

/// A first-in first-out queue of owned buffers.
#[derive(Default, Debug)]
pub struct SkQueue {
    head: Link,
    tail: Link,
    len: u32,
}

impl SkQueue {
    /// Links `buf` in between two neighbours of which either may be missing.
    #[inline(never)]
    fn link(&mut self, prev: Link, buf: SkBuf, next: Link) {
        let skb = buf.into_raw();
        set_next(skb, next);
        set_prev(skb, prev);
        match prev {
            Some(prev) => set_next(prev, Some(skb)),
            None => self.head = Some(skb),
        }
        match next {
            Some(next) => set_prev(next, Some(skb)),
            None => self.tail = Some(skb),
        }
        self.len += 1;
    }

    fn unlink(&mut self, skb: NonNull<RawSkb>) -> SkBuf {
        let (prev, next) = (prev(skb), next(skb));
        match prev {
            Some(prev) => set_next(prev, next),
            None => self.head = next,
        }
        match next {
            Some(next) => set_prev(next, prev),
            None => self.tail = prev,
        }
        self.len -= 1;
        set_next(skb, None);
        set_prev(skb, None);
        // SAFETY: `link` forgot the buffer; it is in no queue any more.
        unsafe { SkBuf::from_raw(skb) }
    }

    fn at(&self, index: usize) -> Link {
        let mut link = self.head;
        for _ in 0..index {
            link = next(link?);
        }
        link
    }
}

impl Queue for SkQueue {
    type Buf = SkBuf;
    const EMPTY: Self = Self { head: None, tail: None, len: 0 };

    fn push_back(&mut self, buf: SkBuf) {
        self.link(self.tail, buf, None);
    }

    fn push_front(&mut self, buf: SkBuf) {
        self.link(None, buf, self.head);
    }

    fn pop_front(&mut self) -> Option<SkBuf> {
        self.head.map(|skb| self.unlink(skb))
    }

    fn pop_back(&mut self) -> Option<SkBuf> {
        self.tail.map(|skb| self.unlink(skb))
    }

    fn back_mut(&mut self) -> Option<&mut SkBuf> {
        self.tail?;
        // SAFETY: the cell holds a live buffer that the queue owns and lends exclusively; see
        // `iter` for the cast.
        Some(unsafe { &mut *(&raw mut self.tail).cast::<SkBuf>() })
    }

    fn iter(&self) -> impl Iterator<Item = &SkBuf> {
        let mut cell = &raw const self.head;
        core::iter::from_fn(move || {
            // SAFETY: the cell is the queue's head or a `next` of a buffer it owns, and all of
            // them are borrowed with `self`. `SkBuf` is a transparent pointer that is not null,
            // so that a cell with one in it can be seen as the buffer.
            let buf = unsafe {
                (*cell)?;
                &*cell.cast::<SkBuf>()
            };
            cell = next_cell(buf.raw());
            Some(buf)
        })
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut SkBuf> {
        let mut cell = &raw mut self.head;
        core::iter::from_fn(move || {
            // SAFETY: as in `iter`; each cell is visited once, so that no two references to one
            // buffer are given out.
            let buf = unsafe {
                (*cell)?;
                &mut *cell.cast::<SkBuf>()
            };
            cell = next_cell(buf.raw());
            Some(buf)
        })
    }

    fn insert(&mut self, index: usize, buf: SkBuf) {
        match self.at(index) {
            Some(next) => self.link(prev(next), buf, Some(next)),
            None => self.push_back(buf),
        }
    }

    fn remove(&mut self, index: usize) -> Option<SkBuf> {
        self.at(index).map(|skb| self.unlink(skb))
    }

    fn len(&self) -> usize {
        self.len as usize
    }
}

impl Drop for SkQueue {
    fn drop(&mut self) {
        while self.pop_front().is_some() {}
    }
}

/// The cell that holds what follows `skb`.
fn next_cell(skb: NonNull<RawSkb>) -> *mut Link {
    // SAFETY: only buffers that a queue owns come here; `next` is a pointer or null.
    unsafe { field(skb, offset::next()) }
}

fn prev_cell(skb: NonNull<RawSkb>) -> *mut Link {
    // SAFETY: as in `next_cell`.
    unsafe { field(skb, offset::prev()) }
}

fn next(skb: NonNull<RawSkb>) -> Link {
    // SAFETY: the cell of a live buffer.
    unsafe { *next_cell(skb) }
}

fn prev(skb: NonNull<RawSkb>) -> Link {
    // SAFETY: the cell of a live buffer.
    unsafe { *prev_cell(skb) }
}

fn set_next(skb: NonNull<RawSkb>, link: Link) {
    // SAFETY: the cell of a live buffer that the queue owns.
    unsafe { *next_cell(skb) = link }
}

fn set_prev(skb: NonNull<RawSkb>, link: Link) {
    // SAFETY: the cell of a live buffer that the queue owns.
    unsafe { *prev_cell(skb) = link }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use linnet_core::host::Buf;
    use std::vec::Vec;

    fn buf(byte: u8) -> SkBuf {
        let mut buf = SkBuf::allocate(1).expect("memory");
        assert!(buf.append(&[byte]));
        buf
    }

    fn queue(bytes: &[u8]) -> SkQueue {
        let mut queue = SkQueue::default();
        bytes.iter().for_each(|&byte| queue.push_back(buf(byte)));
        queue
    }

    fn content(queue: &SkQueue) -> Vec<u8> {
        let forward: Vec<u8> = queue.iter().map(|buf| buf.bytes()[0]).collect();
        let mut backward = Vec::new();
        let mut link = queue.tail;
        while let Some(skb) = link {
            // SAFETY: lent by the queue, and forgotten again.
            let buf = core::mem::ManuallyDrop::new(unsafe { SkBuf::from_raw(skb) });
            backward.insert(0, buf.bytes()[0]);
            link = prev(skb);
        }
        assert_eq!(forward, backward, "the links agree in both directions");
        assert_eq!(forward.len(), queue.len());
        forward
    }

    #[test]
    fn both_ends() {
        let mut queue = queue(b"bc");
        queue.push_front(buf(b'a'));
        assert_eq!(content(&queue), b"abc");
        assert_eq!(queue.pop_back().expect("c").bytes(), b"c");
        assert_eq!(queue.back_mut().expect("b").bytes(), b"b");
        assert_eq!(queue.front().expect("a").bytes(), b"a");
        assert_eq!(queue.pop_front().expect("a").bytes(), b"a");
        assert_eq!(content(&queue), b"b");
        assert!(queue.pop_front().is_some() && queue.pop_front().is_none() && queue.pop_back().is_none());
        assert!(queue.is_empty() && queue.back_mut().is_none());
        assert_eq!(content(&queue), b"");
    }

    #[test]
    fn the_middle() {
        for (name, index, after) in
            [("front", 0, "xabc"), ("middle", 1, "axbc"), ("end", 3, "abcx"), ("beyond", 9, "abcx")]
        {
            let mut queue = queue(b"abc");
            queue.insert(index, buf(b'x'));
            assert_eq!(content(&queue), after.as_bytes(), "insert at the {name}");
        }
        for (name, index, after) in
            [("front", 0, "bc"), ("middle", 1, "ac"), ("end", 2, "ab"), ("beyond", 3, "abc")]
        {
            let mut queue = queue(b"abc");
            let removed = queue.remove(index);
            assert_eq!(removed.is_some(), index < 3);
            if let Some(buf) = removed {
                assert!(next(buf.raw()).is_none() && prev(buf.raw()).is_none());
            }
            assert_eq!(content(&queue), after.as_bytes(), "remove at the {name}");
        }
    }

    #[test]
    fn changes_in_place() {
        let mut queue = queue(b"abc");
        for buf in queue.iter_mut() {
            buf.bytes_mut()[0] -= 32;
        }
        queue.front_mut().expect("A").bytes_mut()[0] = b'x';
        assert_eq!(content(&queue), b"xBC");
    }

    #[test]
    fn a_dropped_queue_frees_its_buffers() {
        let before = crate::fake::live();
        let queue = queue(b"abcd");
        assert_eq!(crate::fake::live(), before + 4);
        drop(queue);
        assert_eq!(crate::fake::live(), before);
    }
}
