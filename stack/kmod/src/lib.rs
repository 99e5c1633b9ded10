//! Kernel host of the reduced stack: the Rust half of `net/linnet`.
//!
//! C calls the functions named `linnet_*`, each of which takes the stack's lock, asks the core,
//! and wakes whom it must. `README.md` has the recipe that makes one object file of it.
#![no_std]

pub mod alloc;
pub mod buf;
#[cfg(not(target_os = "none"))]
pub mod fake;
pub mod ffi;
pub mod global;
pub mod host;
pub mod net;
pub mod option;
pub mod queue;
#[cfg(feature = "rtnetlink")]
pub mod rtnl;
pub mod socket;

#[cfg(target_os = "none")]
#[global_allocator]
static ALLOCATOR: alloc::Kmalloc = alloc::Kmalloc;

/// Unreachable: the build refuses an object that has a caller of it.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it does not return, and needs nothing.
    unsafe { ffi::linnet_unreachable() }
}
