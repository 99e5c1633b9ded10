//! Objects on demand: they never move, and are addressed by handles that go stale.
//!
//! Memory is asked for an object at a time and may be refused; the caller gets its value back.
//! Nothing here panics, and a handle to a removed object finds nothing, even when its place is
//! taken again.

use crate::list::{push_within, try_push};
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// Names one object in a [`Slab`]: its place in 14 bits, and above them the 16 of the place's
/// generation. One word, so that it takes one register, and never zero, so that an `Option` of it does, too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU32);

/// Set in every handle.
const SET: u32 = 1 << 30;

/// Places a slab can have: an index takes 14 bits, so that a handle takes 30.
const MAX_PLACES: usize = 1 << 14;

impl Handle {
    /// The handle as a number of 30 bits, to cross a foreign interface.
    pub const fn to_bits(self) -> u32 {
        self.0.get() & !SET
    }

    /// The handle that [`Handle::to_bits`] gave. A number made up names nothing, or something
    /// else in the same slab; it breaks no memory.
    pub const fn from_bits(bits: u32) -> Self {
        match NonZeroU32::new(bits & !(3 << 30) | SET) {
            Some(word) => Self(word),
            None => Self(NonZeroU32::MIN),
        }
    }

    const fn new(index: usize, generation: u16) -> Self {
        Self::from_bits((generation as u32) << 14 | index as u32 & 0x3fff)
    }

    const fn index(self) -> usize {
        (self.0.get() & 0x3fff) as usize
    }

    const fn generation(self) -> u16 {
        (self.0.get() >> 14) as u16
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}

/// A growing set of `T`, each in an allocation of its own.
pub struct Slab<T> {
    places: Places,
    /// Of one object, or of none.
    cells: Vec<Vec<T>>,
}

impl<T> Slab<T> {
    /// An empty slab; takes no memory.
    pub const fn new() -> Self {
        Self { places: Places::new(), cells: Vec::new() }
    }

    /// How many objects it holds.
    pub const fn len(&self) -> usize {
        self.places.taken
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes an object in its place, with no copy of it on the way; `None`, and nothing made, when
    /// the host has no memory for it.
    pub fn insert_with(&mut self, make: impl FnOnce() -> T) -> Option<Handle> {
        let index = self.places.vacant()?;
        if index == self.cells.len() && !try_push(&mut self.cells, Vec::new()) {
            return None;
        }
        let cell = self.cells.get_mut(index)?;
        cell.try_reserve_exact(1).ok()?;
        push_within(cell, make());
        self.places.take()
    }

    /// Takes the object out.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let mut cell = core::mem::take(self.cell_mut(handle)?);
        self.places.free(handle);
        cell.pop()
    }

    /// Drops the object where it lies: a large one would have to cross the stack to be taken out.
    pub fn delete(&mut self, handle: Handle) {
        if let Some(cell) = self.cell_mut(handle) {
            *cell = Vec::new();
            self.places.free(handle);
        }
    }

    /// The object.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let index = self.places.find(handle)?;
        self.cells.get(index)?.first()
    }

    /// The object, to change.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        self.cell_mut(handle)?.first_mut()
    }

    /// The object that follows place `from`, with its handle and the place to go on from: a
    /// walk that survives removal and insertion on the way.
    pub fn next_from(&self, from: usize) -> Option<(usize, Handle)> {
        self.places.next_from(from).map(|handle| (handle.index() + 1, handle))
    }

    /// Walks all objects.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        let mut place = 0;
        core::iter::from_fn(move || {
            let (next, handle) = self.next_from(place)?;
            place = next;
            Some((handle, self.get(handle)?))
        })
    }

    fn cell_mut(&mut self, handle: Handle) -> Option<&mut Vec<T>> {
        let index = self.places.find(handle)?;
        self.cells.get_mut(index)
    }
}

/// Which places of a slab are taken, whatever of: the part that is the same code for all slabs.
struct Places {
    list: Vec<Place>,
    /// The first free place, or [`END`].
    free: u16,
    taken: usize,
}

struct Place {
    generation: u16,
    /// The next free place, [`END`], or [`TAKEN`].
    next: u16,
}

/// After the last free place.
const END: u16 = u16::MAX;
/// Not free.
const TAKEN: u16 = u16::MAX - 1;

impl Places {
    const fn new() -> Self {
        Self { list: Vec::new(), free: END, taken: 0 }
    }

    /// The place that [`Places::take`] would take.
    #[inline(never)]
    fn vacant(&mut self) -> Option<usize> {
        if self.free == END {
            let index = self.list.len();
            if index >= MAX_PLACES || !try_push(&mut self.list, Place { generation: 0, next: END }) {
                return None;
            }
            self.free = index as u16;
        }
        Some(self.free.into())
    }

    #[inline(never)]
    fn take(&mut self) -> Option<Handle> {
        let index = usize::from(self.free);
        let place = self.list.get_mut(index)?;
        self.free = core::mem::replace(&mut place.next, TAKEN);
        self.taken += 1;
        Some(Handle::new(index, place.generation))
    }

    #[inline(never)]
    fn free(&mut self, handle: Handle) {
        if let Some(place) = self.list.get_mut(handle.index()) {
            place.generation = place.generation.wrapping_add(1);
            place.next = core::mem::replace(&mut self.free, handle.index() as u16);
            self.taken -= 1;
        }
    }

    /// The index of a place that is taken, if the handle is not stale.
    #[inline(never)]
    fn find(&self, handle: Handle) -> Option<usize> {
        let place = self.list.get(handle.index())?;
        (place.generation == handle.generation() && place.next == TAKEN).then_some(handle.index())
    }

    #[inline(never)]
    fn next_from(&self, from: usize) -> Option<Handle> {
        let mut index = from;
        loop {
            let place = self.list.get(index)?;
            if place.next == TAKEN {
                return Some(Handle::new(index, place.generation));
            }
            index += 1;
        }
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}
