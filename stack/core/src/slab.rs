//! Objects on demand: a slab of chunks that never move, addressed by handles that go stale.
//!
//! Memory is asked for a chunk at a time and may be refused; the caller gets its value back.
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

/// A growing set of `T`, `CHUNK` of them to an allocation.
pub struct Slab<T, const CHUNK: usize = 8> {
    places: Places,
    chunks: Vec<Vec<Option<T>>>,
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    /// An empty slab; takes no memory.
    pub const fn new() -> Self {
        Self { places: Places::new(), chunks: Vec::new() }
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
        let index = self.places.vacant()? as usize;
        if index / CHUNK == self.chunks.len() {
            let mut chunk = Vec::new();
            let there = chunk.try_reserve_exact(CHUNK).is_ok() && try_push(&mut self.chunks, chunk);
            there.then_some(())?;
        }
        // Places are first taken in order, so that a new one is the next of its chunk.
        let chunk = self.chunks.get_mut(index / CHUNK)?;
        if index % CHUNK == chunk.len() {
            push_within(chunk, None);
        }
        *chunk.get_mut(index % CHUNK)? = Some(make());
        self.places.take()
    }

    /// Takes the object out.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let object = self.slot_mut(handle)?.take();
        if object.is_some() {
            self.places.free(handle);
        }
        object
    }

    /// Drops the object where it lies: a large one would have to cross the stack to be taken out.
    pub fn delete(&mut self, handle: Handle) {
        if let Some(slot @ Some(_)) = self.slot_mut(handle) {
            *slot = None;
            self.places.free(handle);
        }
    }

    /// The object.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let index = self.places.find(handle)?;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)?.as_ref()
    }

    /// The object, to change.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        self.slot_mut(handle)?.as_mut()
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

    fn slot_mut(&mut self, handle: Handle) -> Option<&mut Option<T>> {
        let index = self.places.find(handle)?;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }
}

/// Which places of a slab are taken, whatever of: the part that is the same code for all slabs.
struct Places {
    list: Vec<Place>,
    /// The first free place.
    free: Option<u16>,
    taken: usize,
}

struct Place {
    generation: u16,
    state: PlaceState,
}

#[derive(Clone, Copy)]
enum PlaceState {
    Taken,
    Free { next: Option<u16> },
}

impl Places {
    const fn new() -> Self {
        Self { list: Vec::new(), free: None, taken: 0 }
    }

    /// The place that [`Places::take`] would take.
    #[inline(never)]
    fn vacant(&mut self) -> Option<u16> {
        if self.free.is_none() {
            let index = self.list.len();
            let place = Place { generation: 0, state: PlaceState::Free { next: None } };
            if index >= MAX_PLACES || !try_push(&mut self.list, place) {
                return None;
            }
            self.free = Some(index as u16);
        }
        self.free
    }

    #[inline(never)]
    fn take(&mut self) -> Option<Handle> {
        let index = self.free?;
        let place = self.list.get_mut(index as usize)?;
        let PlaceState::Free { next } = place.state else { return None };
        place.state = PlaceState::Taken;
        self.free = next;
        self.taken += 1;
        Some(Handle::new(index as usize, place.generation))
    }

    #[inline(never)]
    fn free(&mut self, handle: Handle) {
        if let Some(place) = self.list.get_mut(handle.index()) {
            place.generation = place.generation.wrapping_add(1);
            place.state = PlaceState::Free { next: self.free };
            self.free = Some(handle.index() as u16);
            self.taken -= 1;
        }
    }

    /// The index of a place, if the handle is not stale.
    #[inline(never)]
    fn find(&self, handle: Handle) -> Option<usize> {
        let place = self.list.get(handle.index())?;
        (place.generation == handle.generation()).then_some(handle.index())
    }

    #[inline(never)]
    fn next_from(&self, from: usize) -> Option<Handle> {
        let mut index = from;
        loop {
            let place = self.list.get(index)?;
            if matches!(place.state, PlaceState::Taken) {
                return Some(Handle::new(index, place.generation));
            }
            index += 1;
        }
    }
}

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        Self::new()
    }
}
