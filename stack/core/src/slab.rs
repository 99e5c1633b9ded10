//! Objects on demand: a slab of chunks that never move, addressed by handles that go stale.
//!
//! Memory is asked for a chunk at a time and may be refused; the caller gets its value back.
//! Nothing here panics, and a handle to a removed object finds nothing, even when its place is
//! taken again.

use crate::list::{push_within, try_push};
use alloc::vec::Vec;

/// Names one object in a [`Slab`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle {
    index: u16,
    generation: u16,
}

/// Places a slab can have: an index takes 14 bits, so that a handle takes 30.
const MAX_PLACES: usize = 1 << 14;

impl Handle {
    /// The handle as a number of 30 bits, to cross a foreign interface.
    pub const fn to_bits(self) -> u32 {
        (self.generation as u32) << 14 | self.index as u32
    }

    /// The handle that [`Handle::to_bits`] gave. A number made up names nothing, or something
    /// else in the same slab; it breaks no memory.
    pub const fn from_bits(bits: u32) -> Self {
        Self { index: (bits & 0x3fff) as u16, generation: (bits >> 14) as u16 }
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// A growing set of `T`, `CHUNK` of them to an allocation.
pub struct Slab<T, const CHUNK: usize = 8> {
    chunks: Vec<Vec<Slot<T>>>,
    free: Option<u16>,
    len: usize,
}

struct Slot<T> {
    generation: u16,
    entry: Entry<T>,
}

enum Entry<T> {
    Full(T),
    Free { next: Option<u16> },
}

impl<T, const CHUNK: usize> Slab<T, CHUNK> {
    /// An empty slab; takes no memory.
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), free: None, len: 0 }
    }

    /// How many objects it holds.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes `value` in, or hands it back when the host has no memory for it.
    pub fn insert(&mut self, value: T) -> Result<Handle, T> {
        if self.free.is_none() && !self.grow() {
            return Err(value);
        }
        let Some(index) = self.free else { return Err(value) };
        let Some(slot) = self.slot_mut(index) else { return Err(value) };
        let Entry::Free { next } = slot.entry else { return Err(value) };
        slot.entry = Entry::Full(value);
        let generation = slot.generation;
        self.free = next;
        self.len += 1;
        Ok(Handle { index, generation })
    }

    /// Makes an object in its place, with no copy of it on the way; `None`, and nothing made, when
    /// the host has no memory for it.
    pub fn insert_with(&mut self, make: impl FnOnce() -> T) -> Option<Handle> {
        if self.free.is_none() && !self.grow() {
            return None;
        }
        let index = self.free?;
        let slot = self.slot_mut(index)?;
        let Entry::Free { next } = slot.entry else { return None };
        slot.entry = Entry::Full(make());
        let generation = slot.generation;
        self.free = next;
        self.len += 1;
        Some(Handle { index, generation })
    }

    /// Takes the object out.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let free = self.free;
        let slot = self.slot_mut(handle.index)?;
        if slot.generation != handle.generation || matches!(slot.entry, Entry::Free { .. }) {
            return None;
        }
        slot.generation = slot.generation.wrapping_add(1);
        let entry = core::mem::replace(&mut slot.entry, Entry::Free { next: free });
        self.free = Some(handle.index);
        self.len -= 1;
        match entry {
            Entry::Full(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    /// The object.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.chunks.get(handle.index as usize / CHUNK)?.get(handle.index as usize % CHUNK)?;
        match &slot.entry {
            Entry::Full(value) if slot.generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The object, to change.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slot_mut(handle.index)?;
        match &mut slot.entry {
            Entry::Full(value) if slot.generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The object that follows place `from`, with its handle and the place to go on from: a
    /// walk that survives removal and insertion on the way.
    pub fn next_from(&self, from: usize) -> Option<(usize, Handle)> {
        let capacity = self.chunks.len() * CHUNK;
        (from..capacity).find_map(|place| {
            let slot = self.chunks.get(place / CHUNK)?.get(place % CHUNK)?;
            let handle = Handle { index: place as u16, generation: slot.generation };
            matches!(slot.entry, Entry::Full(_)).then_some((place + 1, handle))
        })
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

    /// Walks all objects, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Handle, &mut T)> {
        let slots = self.chunks.iter_mut().flatten().enumerate();
        slots.filter_map(|(index, slot)| match &mut slot.entry {
            Entry::Full(value) => Some((Handle { index: index as u16, generation: slot.generation }, value)),
            Entry::Free { .. } => None,
        })
    }

    fn slot_mut(&mut self, index: u16) -> Option<&mut Slot<T>> {
        self.chunks.get_mut(index as usize / CHUNK)?.get_mut(index as usize % CHUNK)
    }

    fn grow(&mut self) -> bool {
        let base = self.chunks.len() * CHUNK;
        if base + CHUNK > MAX_PLACES {
            return false;
        }
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(CHUNK).is_err() {
            return false;
        }
        let last = self.free;
        for following in 1..=CHUNK {
            let next = if following < CHUNK { Some((base + following) as u16) } else { last };
            push_within(&mut chunk, Slot { generation: 0, entry: Entry::Free { next } });
        }
        if !try_push(&mut self.chunks, chunk) {
            return false;
        }
        self.free = Some(base as u16);
        true
    }
}

impl<T, const CHUNK: usize> Default for Slab<T, CHUNK> {
    fn default() -> Self {
        Self::new()
    }
}
