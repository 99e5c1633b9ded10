//! The stack's buffer is the kernel's `sk_buff`: owned, linear, its fields touched in place.
//!
//! Room with the unsafe of it: a [`SkBuf`] is the one reference that may change the buffer's
//! bounds and bytes. What C made shared (`share`, `hold`) is only read beyond the headroom.

use crate::ffi::{self, RawSkb, field, offset};
use core::ptr::NonNull;
use linnet_core::host::{Buf, HEADROOM, Meta};

/// An owned `sk_buff`.
///
/// It is linear and unshared when it comes in, and its `cb` holds a [`Meta`].
#[repr(transparent)]
#[derive(Debug)]
pub struct SkBuf(NonNull<RawSkb>);

// LINNET_HEADROOM of linnet.h.
const _: () = assert!(HEADROOM == 96);

// What `skb->cb` has room for (48 bytes), and the core's promise.
const _: () = assert!(size_of::<Meta>() <= 40 && align_of::<Meta>() <= 8);

impl SkBuf {
    /// Takes over a buffer that C filled, and sets its metadata to nothing.
    ///
    /// # Safety
    /// `skb` is live and linear, no one else writes to its bytes, and its reference is ours.
    pub unsafe fn adopt(skb: NonNull<RawSkb>) -> Self {
        let mut buf = Self(skb);
        buf.set_meta(Meta::None);
        buf
    }

    /// An empty buffer with [`HEADROOM`] in front of room for `capacity` bytes.
    pub fn allocate(capacity: usize) -> Option<Self> {
        // SAFETY: any size will do; the new buffer is ours.
        unsafe { ffi::linnet_skb_alloc(capacity as u32).map(|skb| Self::adopt(skb)) }
    }

    /// Hands the buffer to C.
    pub fn into_raw(self) -> NonNull<RawSkb> {
        let skb = self.0;
        core::mem::forget(self);
        skb
    }

    /// The buffer, with a reference of the caller's own, to be given back by C.
    pub fn hold(&self) -> NonNull<RawSkb> {
        // SAFETY: the buffer is live.
        unsafe { ffi::linnet_skb_hold(self.0) };
        self.0
    }

    /// The buffer as C names it.
    pub(crate) const fn raw(&self) -> NonNull<RawSkb> {
        self.0
    }

    /// Takes over what [`SkBuf::raw`] named.
    ///
    /// # Safety
    /// The buffer was a `SkBuf` that was forgotten, and is taken over once.
    pub(crate) const unsafe fn from_raw(skb: NonNull<RawSkb>) -> Self {
        Self(skb)
    }

    fn pointer(&self, offset: usize) -> *mut *mut u8 {
        // SAFETY: the buffer is live; `head`, `data`, `tail` and `end` are pointers.
        unsafe { field(self.0, offset) }
    }

    fn load(&self, offset: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { *self.pointer(offset) }
    }

    fn store(&mut self, offset: usize, value: *mut u8) {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { *self.pointer(offset) = value }
    }

    fn len_field(&self) -> *mut u32 {
        // SAFETY: the buffer is live; `len` is an `unsigned int`.
        unsafe { field(self.0, offset::len()) }
    }

    fn len(&self) -> usize {
        // SAFETY: as above.
        unsafe { *self.len_field() as usize }
    }

    fn set_len(&mut self, len: usize) {
        // SAFETY: as above.
        unsafe { *self.len_field() = len as u32 }
    }

    fn meta_field(&self) -> *mut Meta {
        // SAFETY: the buffer is live; its `cb` holds a Meta from `adopt` on.
        unsafe { field(self.0, offset::cb()) }
    }
}

impl Buf for SkBuf {
    fn bytes(&self) -> &[u8] {
        // SAFETY: a linear buffer has `len` initialised bytes at `data`.
        unsafe { core::slice::from_raw_parts(self.load(offset::data()), self.len()) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and no one else writes to them.
        unsafe { core::slice::from_raw_parts_mut(self.load(offset::data()), self.len()) }
    }

    #[inline(never)]
    fn push(&mut self, count: usize) -> bool {
        let data = self.load(offset::data());
        let room = data.addr().wrapping_sub(self.load(offset::head()).addr());
        if room < count {
            return false;
        }
        self.store(offset::data(), data.wrapping_sub(count));
        self.set_len(self.len() + count);
        true
    }

    #[inline(never)]
    fn pull(&mut self, count: usize) {
        let len = self.len();
        let count = if count > len { len } else { count };
        self.store(offset::data(), self.load(offset::data()).wrapping_add(count));
        self.set_len(len - count);
    }

    #[inline(never)]
    fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.set_len(len);
            self.store(offset::tail(), self.load(offset::data()).wrapping_add(len));
        }
    }

    #[inline(never)]
    fn append(&mut self, bytes: &[u8]) -> bool {
        let tail = self.load(offset::tail());
        let room = self.load(offset::end()).addr().wrapping_sub(tail.addr());
        if room < bytes.len() {
            return false;
        }
        // SAFETY: that many bytes lie between `tail` and `end`, and they are nobody's yet: a
        // shared handle ends where this one did.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), tail, bytes.len()) };
        self.store(offset::tail(), tail.wrapping_add(bytes.len()));
        self.set_len(self.len() + bytes.len());
        true
    }

    fn share(&mut self) -> Option<Self> {
        // SAFETY: the buffer is live; the new handle is ours, and its cb is a copy.
        unsafe { ffi::linnet_skb_share(self.0).map(Self) }
    }

    fn bill_as(&mut self, other: &Self) {
        // SAFETY: both buffers are live.
        unsafe { ffi::linnet_skb_bill(self.0, other.0) };
    }

    fn footprint(&self) -> usize {
        // SAFETY: the buffer is live; `truesize` is an `unsigned int`.
        unsafe { *field::<u32>(self.0, offset::truesize()) as usize }
    }

    fn meta(&self) -> Meta {
        // SAFETY: the cb holds a Meta.
        unsafe { *self.meta_field() }
    }

    fn set_meta(&mut self, meta: Meta) {
        // SAFETY: the cb has room for a Meta.
        unsafe { self.meta_field().write(meta) }
    }
}

impl Drop for SkBuf {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and this was the last use of it.
        unsafe { ffi::linnet_skb_free(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use linnet_core::host::{DatagramMeta, IfIndex, SegmentMeta};
    use linnet_core::time::Instant;

    #[test]
    fn bounds_are_kept() {
        let mut buf = SkBuf::allocate(16).expect("memory");
        assert_eq!(buf.bytes(), b"");
        assert!(buf.append(b"0123456789"));
        assert!(!buf.append(b"0123456789"), "beyond the room");
        assert_eq!(buf.bytes(), b"0123456789");
        assert!(buf.push(HEADROOM));
        assert!(!buf.push(1), "beyond the headroom");
        buf.bytes_mut()[0] = b'x';
        assert_eq!((buf.bytes().len(), buf.bytes()[0]), (HEADROOM + 10, b'x'));
        buf.pull(HEADROOM + 2);
        buf.truncate(5);
        buf.truncate(100);
        assert_eq!(buf.bytes(), b"23456");
        assert!(buf.append(b"ab"));
        assert_eq!(buf.bytes(), b"23456ab");
        buf.pull(100);
        assert_eq!(buf.bytes(), b"");
    }

    #[test]
    fn metadata_travels() {
        let mut buf = SkBuf::allocate(0).expect("memory");
        assert_eq!(buf.meta(), Meta::None);
        let segment = SegmentMeta { seq: 7, sent_at: Instant::from_millis(9), transmissions: 2, flags: 0x11 };
        let datagram = DatagramMeta {
            source: Ipv4Addr::new(10, 0, 2, 2),
            source_port: 53,
            destination: Ipv4Addr::BROADCAST,
            iface: IfIndex(core::num::NonZeroU32::MIN),
            ttl: 64,
            tos: 0x10,
        };
        for meta in [Meta::Segment(segment), Meta::Datagram(datagram)] {
            buf.set_meta(meta);
            assert_eq!(buf.meta(), meta);
            assert_eq!(buf.share().expect("memory").meta(), meta);
        }
    }

    #[test]
    fn memory_comes_back() {
        let before = crate::fake::live();
        let mut buf = SkBuf::allocate(100).expect("memory");
        let shared = buf.share();
        let held = buf.hold();
        assert!(buf.footprint() >= 100);
        drop((buf, shared));
        assert_eq!(crate::fake::live(), before + 1, "the held reference keeps it");
        // SAFETY: `hold` gave the reference.
        drop(unsafe { SkBuf::from_raw(held) });
        assert_eq!(crate::fake::live(), before);
    }
}
