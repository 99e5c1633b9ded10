//! The one stack, and what happens around each call into it.
//!
//! Every entry point runs inside [`locked`] or [`with_socket`]: lock taken, the core called, those
//! who wait woken, the timer set, lock given back. [`ask`] and [`ask_socket`] are for what changes nothing
//! that anybody waits for: they are the most frequent, and need no clock.

use crate::ffi::{self, Config, Sock};
use crate::host::Kernel;
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use linnet_core::errno::Errno;
use linnet_core::host::Context;
use linnet_core::secret::Secret;
use linnet_core::socket::SocketId;
use linnet_core::stack::{self, Stack};
use linnet_core::time::Instant;

/// The stack; there is one from `linnet_start` to `linnet_stop`, and C calls nothing else
/// outside of that.
struct Global(UnsafeCell<ManuallyDrop<Stack<Kernel>>>);

// SAFETY: only `locked`, `linnet_start` and `linnet_stop` touch the content; the first holds the
// lock, and the others run when nobody else can call.
unsafe impl Sync for Global {}

static STACK: Global = Global(UnsafeCell::new(ManuallyDrop::new(Stack::new(
    stack::Config { memory_limit: 0 },
    Secret::new([0; 16]),
))));

/// Brings the stack up. `config` is erased by the caller.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_start(config: &Config) -> i32 {
    let memory_limit = config.memory as usize;
    // SAFETY: C calls this once, before anything else.
    let stack = unsafe { &mut *STACK.0.get() };
    stack.configure(stack::Config { memory_limit }, Secret::new(config.secret));
    0
}

/// Takes the stack down, and frees all that it holds. Nothing is called after it.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_stop() {
    // SAFETY: C calls this once, when no socket is left, no frame can come in any more, no
    // device is known and the timer has been shut down.
    unsafe { ManuallyDrop::drop(&mut *STACK.0.get()) };
}

/// A timer of the stack is due.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_timer() {
    configured(|stack, cx| stack.handle_timers(cx));
}

/// Runs `call` on the stack, alone.
pub fn locked<R>(call: impl FnOnce(&mut Stack<Kernel>, &mut Context<Kernel>) -> R) -> R {
    // SAFETY: given back by `leave`.
    let now = Instant::from_millis(unsafe {
        ffi::linnet_lock_stack();
        ffi::linnet_now()
    });
    // SAFETY: the stack is there (see `Global`), and the lock makes this the only reference.
    let stack = unsafe { &mut **STACK.0.get() };
    let result = call(stack, &mut Context { host: &mut Kernel, now });
    leave(stack);
    result
}

/// As [`locked`], for what may change addresses, routes or neighbours: who listens to that is told.
#[cfg(feature = "rtnetlink")]
pub fn configured<R>(call: impl FnOnce(&mut Stack<Kernel>, &mut Context<Kernel>) -> R) -> R {
    locked(|stack, cx| {
        let result = call(stack, cx);
        crate::rtnl::announce(stack, cx.now);
        result
    })
}

/// As [`locked`]: nobody can listen to what changes.
#[cfg(not(feature = "rtnetlink"))]
#[inline(always)]
pub fn configured<R>(call: impl FnOnce(&mut Stack<Kernel>, &mut Context<Kernel>) -> R) -> R {
    locked(call)
}

/// Runs `call` for the socket that C calls `id`; a negative error number or what it gave.
pub fn with_socket(
    id: u32,
    call: impl FnOnce(&mut Stack<Kernel>, &mut Context<Kernel>, SocketId) -> Result<i32, Errno>,
) -> i32 {
    let Some(id) = SocketId::from_bits(id) else { return Errno::EINVAL.code() };
    locked(|stack, cx| call(stack, cx, id)).unwrap_or_else(Errno::code)
}

/// Asks the stack something that wakes nobody and sets no timer.
pub fn ask<R>(call: impl FnOnce(&mut Stack<Kernel>) -> R) -> R {
    // SAFETY: given back below.
    unsafe { ffi::linnet_lock_stack() };
    // SAFETY: the stack is there (see `Global`), and the lock makes this the only reference.
    let stack = unsafe { &mut **STACK.0.get() };
    let result = call(stack);
    // SAFETY: taken above.
    unsafe { ffi::linnet_unlock_stack(0, 0) };
    result
}

/// As [`ask`], about the socket that C calls `id`; a negative error number or what it gave.
pub fn ask_socket(id: u32, call: impl FnOnce(&mut Stack<Kernel>, SocketId) -> Result<i32, Errno>) -> i32 {
    let Some(id) = SocketId::from_bits(id) else { return Errno::EINVAL.code() };
    ask(|stack| call(stack, id)).unwrap_or_else(Errno::code)
}

/// Moves errors to the sockets and wakes who waits, sets the timer, gives the lock back.
#[inline(never)]
fn leave(stack: &mut Stack<Kernel>) {
    let mut id = 0;
    // SAFETY: the lock is held. A socket on the list is alive: it is its stack socket's owner
    // until `linnet_close` or `linnet_disown`, and C keeps it until they have returned.
    while let Some(sock) = unsafe { ffi::linnet_next_woken(&mut id) } {
        deliver_error(stack, sock, id);
    }
    let deadline = stack.next_deadline();
    // SAFETY: `locked` took the lock.
    unsafe {
        ffi::linnet_unlock_stack(u32::from(deadline.is_some()), deadline.map_or(0, Instant::as_millis));
    }
}

/// Makes the stack's error of a socket, if there is one, that of `sock`, and wakes who waits.
pub fn deliver_error(stack: &mut Stack<Kernel>, sock: NonNull<Sock>, id: u32) {
    let error = SocketId::from_bits(id).and_then(|id| stack.take_error(id));
    // SAFETY: the lock is held and the socket alive, says the caller.
    unsafe { ffi::linnet_deliver(sock.as_ptr(), error.map_or(0, Errno::code)) };
}
