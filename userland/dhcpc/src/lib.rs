//! DHCP client (RFC 2131) over one UDP socket: no packet socket, no raw socket, no allocator.
//!
//! `client` decides and knows neither clock nor socket; `program` runs it; `sys` is the one room for
//! unsafe code. docs/decisions/0009-minimal-userland.md says why it is not BusyBox's.
#![no_std]

pub mod client;
pub mod environment;
pub mod lease;
pub mod message;
pub mod program;
pub mod sys;

/// Unreachable: nothing here panics, and the build looks for it.
#[cfg(all(target_env = "musl", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
