//! The kernel's side for builds on the host: buffers from the heap with an `sk_buff`'s fields.
//!
//! Outside the target there is no kernel to link with: the layout is used by every such build,
//! the functions by unit tests.

/// The fields of an `sk_buff` that Rust touches.
#[repr(C)]
#[allow(missing_docs)] // The names are Linux's.
pub struct Skb {
    pub next: *mut Skb,
    pub prev: *mut Skb,
    pub cb: [u64; 6],
    pub len: u32,
    pub truesize: u32,
    pub tail: *mut u8,
    pub end: *mut u8,
    pub head: *mut u8,
    pub data: *mut u8,
    references: u32,
}

#[cfg(test)]
pub use tests::live;

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Skb;
    use crate::ffi::RawSkb;
    use core::alloc::Layout;
    use core::cell::Cell;
    use core::ptr::NonNull;

    std::thread_local! {
        static LIVE: Cell<usize> = const { Cell::new(0) };
    }

    /// How many buffers this thread has not given back.
    pub fn live() -> usize {
        LIVE.get()
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size.max(1), 8).expect("a sane size")
    }

    fn make(headroom: usize, room: usize) -> NonNull<Skb> {
        let size = headroom + room;
        // SAFETY: the layout is not empty.
        let head = unsafe { std::alloc::alloc_zeroed(layout(size)) };
        let data = head.wrapping_add(headroom);
        let skb = std::boxed::Box::new(Skb {
            next: core::ptr::null_mut(),
            prev: core::ptr::null_mut(),
            cb: [u64::MAX; 6],
            len: 0,
            truesize: (size + size_of::<Skb>()) as u32,
            tail: data,
            end: head.wrapping_add(size),
            head,
            data,
            references: 1,
        });
        LIVE.set(LIVE.get() + 1);
        NonNull::from(std::boxed::Box::leak(skb))
    }

    #[unsafe(no_mangle)]
    extern "C" fn linnet_skb_alloc(room: u32) -> Option<NonNull<RawSkb>> {
        Some(make(linnet_core::host::HEADROOM, room as usize).cast())
    }

    #[unsafe(no_mangle)]
    extern "C" fn linnet_skb_share(skb: NonNull<RawSkb>) -> Option<NonNull<RawSkb>> {
        // SAFETY: the tests only pass what `make` made.
        let old = unsafe { skb.cast::<Skb>().as_ref() };
        let headroom = old.data.addr() - old.head.addr();
        let copy = make(headroom, old.end.addr() - old.data.addr());
        // SAFETY: `make` gave as much room as the old buffer has.
        unsafe {
            let new = &mut *copy.as_ptr();
            core::ptr::copy_nonoverlapping(old.data, new.data, old.len as usize);
            new.tail = new.data.wrapping_add(old.len as usize);
            (new.len, new.cb) = (old.len, old.cb);
        }
        Some(copy.cast())
    }

    /// Outside of the kernel nobody is charged.
    #[unsafe(no_mangle)]
    extern "C" fn linnet_skb_bill(_: NonNull<RawSkb>, _: NonNull<RawSkb>) {}

    #[unsafe(no_mangle)]
    extern "C" fn linnet_skb_hold(skb: NonNull<RawSkb>) {
        // SAFETY: the tests only pass what `make` made.
        unsafe { skb.cast::<Skb>().as_mut().references += 1 };
    }

    #[unsafe(no_mangle)]
    extern "C" fn linnet_skb_free(skb: NonNull<RawSkb>) {
        // SAFETY: the tests only pass what `make` made, once for each reference.
        unsafe {
            let skb = skb.cast::<Skb>();
            (*skb.as_ptr()).references -= 1;
            if (*skb.as_ptr()).references == 0 {
                let skb = std::boxed::Box::from_raw(skb.as_ptr());
                std::alloc::dealloc(skb.head, layout(skb.end.addr() - skb.head.addr()));
                LIVE.set(LIVE.get() - 1);
            }
        }
    }
}
