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

/// Takes out what is at `index`; the last takes its place. (`retain` and `remove` keep the order,
/// at several times the code, which there is one of for each type.)
pub(crate) fn take<T>(list: &mut Vec<T>, index: usize) -> Option<T> {
    if index >= list.len() {
        return None;
    }
    let last = list.pop()?;
    match list.get_mut(index) {
        Some(place) => Some(core::mem::replace(place, last)),
        None => Some(last),
    }
}

/// Takes out the first that `wanted` says yes to.
pub(crate) fn take_first<T>(list: &mut Vec<T>, wanted: impl FnMut(&T) -> bool) -> Option<T> {
    let index = list.iter().position(wanted)?;
    take(list, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_was_asked_for_and_keeps_the_rest() {
        for index in 0..4 {
            let mut list = Vec::new();
            assert!((0..4).all(|number| try_push(&mut list, number)));
            assert_eq!(take_first(&mut list, |&number| number == index), Some(index));
            list.sort_unstable();
            assert!(list.iter().copied().eq((0..4).filter(|&number| number != index)));
        }
        assert_eq!(take(&mut Vec::<u8>::new(), 0), None);
    }
}
