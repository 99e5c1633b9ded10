//! Growing a vector by one where memory may be refused.

use alloc::vec::Vec;

/// Adds `value` at the end; `false`, and no change, without the memory.
pub(crate) fn try_push<T>(list: &mut Vec<T>, value: T) -> bool {
    list.try_reserve(1).is_ok() && push_within(list, value)
}

/// Adds `value` at the end if there is room for it already.
pub(crate) fn push_within<T>(list: &mut Vec<T>, value: T) -> bool {
    // `push` compares the same: seen here, its way to grow, which may panic, is not linked.
    let room = list.len() < list.capacity();
    if room {
        list.push(value);
    }
    room
}
