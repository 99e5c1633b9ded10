//! What changed in addresses, routes and neighbours since it was last asked for (feature `rtnetlink`).
//!
//! Each table notes its own changes, in their order. One that there is no memory to note is not told.

use super::iface::IfaceAddress;
use super::neighbour::Neighbour;
use super::route::Route;
use crate::host::IfIndex;
use crate::list::try_push;
use alloc::vec::Vec;

/// What came or changed, and what went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<T> {
    /// It came, or something about it changed.
    New(T),
    /// It went.
    Gone(T),
}

/// Changes to a table, oldest first.
pub struct Changes<T>(Vec<Change<T>>);

impl<T> Changes<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn note(&mut self, change: Change<T>) {
        try_push(&mut self.0, change);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The changes.
    pub fn iter(&self) -> core::slice::Iter<'_, Change<T>> {
        self.0.iter()
    }
}

/// All that changed.
pub struct AllChanges<'a> {
    /// Addresses, with their interfaces.
    pub addresses: &'a Changes<(IfIndex, IfaceAddress)>,
    /// Routes.
    pub routes: &'a Changes<Route>,
    /// Neighbours whose link address became known or another, or that were forgotten.
    pub neighbours: &'a Changes<Neighbour>,
}
