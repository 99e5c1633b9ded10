//! Growing a vector by one where memory may be refused.

use alloc::vec::Vec;

/// Adds `value` at the end; `false`, and no change, without the memory.
pub(crate) fn try_push<T>(list: &mut Vec<T>, value: T) -> bool {
    let grown = list.try_reserve(1).is_ok();
    if grown {
        list.push(value);
    }
    grown
}
