//! The allocator of the target's build: `kmalloc` that never sleeps and may refuse.
//!
//! Everything in the stack allocates fallibly; a refusal comes back as `None` or an error.

use crate::ffi;
use core::alloc::{GlobalAlloc, Layout};

/// `kmalloc(GFP_ATOMIC)`.
pub struct Kmalloc;

// SAFETY: kmalloc gives blocks of at least the size asked for, aligned to at least eight bytes,
// and a stricter wish is refused, and they live until kfree.
unsafe impl GlobalAlloc for Kmalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > MAX_ALIGN {
            return core::ptr::null_mut();
        }
        // SAFETY: any size will do.
        unsafe { ffi::linnet_mem_alloc(layout.size()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller had the block from `alloc`.
        unsafe { ffi::linnet_mem_free(block) }
    }

    unsafe fn realloc(&self, block: *mut u8, _: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller had the block from `alloc`; krealloc keeps the alignment.
        unsafe { ffi::linnet_mem_resize(block, size) }
    }
}

/// The alignment of every kmalloc block (`ARCH_KMALLOC_MINALIGN` on x86).
const MAX_ALIGN: usize = 8;
