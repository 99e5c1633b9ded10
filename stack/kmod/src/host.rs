//! What the kernel does for the core: memory, frames out, wake-ups, checksums.

use crate::buf::SkBuf;
use crate::ffi::{self, Sock};
use crate::queue::SkQueue;
use linnet_core::host::{Host, IfIndex, Owner, Wake};
use linnet_wire::ethernet::Mac;

/// The kernel. An [`Owner`] is a `struct sock`.
pub struct Kernel;

impl Host for Kernel {
    type Buf = SkBuf;
    type Queue = SkQueue;

    fn allocate(&mut self, capacity: usize) -> Option<SkBuf> {
        SkBuf::allocate(capacity)
    }

    fn transmit(&mut self, iface: IfIndex, frame: SkBuf) {
        // SAFETY: the lock is held, and the frame goes over to C.
        unsafe { ffi::linnet_transmit(iface.0.get(), frame.into_raw()) };
    }

    fn receive_group(&mut self, iface: IfIndex, group: Mac, wanted: bool) {
        // SAFETY: the lock is held, and the address is read during the call.
        unsafe { ffi::linnet_membership(iface.0.get(), group.0.as_ptr(), wanted.into()) };
    }

    fn wake(&mut self, owner: Owner, why: Wake) {
        let why = match why {
            Wake::Readable => 0,
            Wake::Writable => 1,
            Wake::State => 2,
            Wake::Urgent => 3,
        };
        // SAFETY: the lock is held, and an owner is a live socket: C takes it back with
        // `linnet_close` or `linnet_disown` before it frees it.
        unsafe { ffi::linnet_wake(sock(owner), why) };
    }

    fn checksum(bytes: &[u8], sum: u32) -> u32 {
        // SAFETY: the slice is readable.
        let words = unsafe { ffi::linnet_checksum(bytes.as_ptr(), bytes.len() as u32) };
        let (sum, carry) = sum.overflowing_add(words);
        sum + u32::from(carry)
    }
}

/// The owner that stands for a socket of C's.
pub fn owner(sock: *mut Sock) -> Owner {
    Owner(sock.expose_provenance())
}

/// The socket of C's that an owner stands for.
pub fn sock(owner: Owner) -> *mut Sock {
    core::ptr::with_exposed_provenance_mut(owner.0)
}
