//! Which connection a segment belongs to: a keyed hash over four-tuples that grows.
//!
//! Chains run through the objects themselves, so that an entry costs no allocation; a table that
//! could not grow only has longer chains. The hash is keyed, or a peer could aim at one chain.

extern crate alloc;
use super::Tcp;
use crate::host::Host;
use crate::slab::Handle;
use alloc::vec::Vec;
use core::net::SocketAddrV4;

/// What a chain leads to next, in 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Link(u32);

/// What a [`Link`] names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// The chain's end.
    Nothing,
    /// A connection or listener.
    Socket(Handle),
    /// A half-open connection of a listener.
    Half(Handle),
    /// A remnant in TIME-WAIT or FIN-WAIT-2.
    Wait(Handle),
}

impl Link {
    /// The end of a chain.
    pub const NONE: Self = Self(0);

    /// A link to `node`.
    pub const fn to(node: Node) -> Self {
        match node {
            Node::Nothing => Self::NONE,
            Node::Socket(handle) => Self(1 << 30 | handle.to_bits()),
            Node::Half(handle) => Self(2 << 30 | handle.to_bits()),
            Node::Wait(handle) => Self(3 << 30 | handle.to_bits()),
        }
    }

    /// What it leads to.
    pub const fn node(self) -> Node {
        let handle = Handle::from_bits(self.0 & 0x3fff_ffff);
        match self.0 >> 30 {
            0 => Node::Nothing,
            1 => Node::Socket(handle),
            2 => Node::Half(handle),
            _ => Node::Wait(handle),
        }
    }
}

/// The heads of the chains: none yet, or a power of two.
pub(super) struct Demux {
    heads: Vec<Link>,
    len: usize,
}

/// Heads in the first table.
const FIRST: usize = 16;

/// The table grows no further: 2 KB of heads.
const LAST: usize = 512;

impl Demux {
    pub const fn new() -> Self {
        Self { heads: Vec::new(), len: 0 }
    }

    fn head(&mut self, hash: u32) -> Option<&mut Link> {
        let mask = self.heads.len().wrapping_sub(1);
        self.heads.get_mut(hash as usize & mask)
    }
}

impl<H: Host> Tcp<H> {
    /// Finds the connection between two ends.
    pub(super) fn find(&self, hash: u32, local: SocketAddrV4, peer: SocketAddrV4) -> Node {
        let mask = self.demux.heads.len().wrapping_sub(1);
        let mut link = self.demux.heads.get(hash as usize & mask).copied().unwrap_or_default();
        while let Some((ends, next)) = self.entry(link) {
            if ends == (local, peer) {
                return link.node();
            }
            link = next;
        }
        Node::Nothing
    }

    /// Enters `node`, whose ends hash to `hash`; `false` when the first table finds no memory.
    pub(super) fn enter(&mut self, hash: u32, node: Node, secret: &crate::secret::Secret) -> bool {
        if self.demux.len >= self.demux.heads.len() {
            self.grow(secret);
        }
        self.chain(hash, Link::to(node)) && {
            self.demux.len += 1;
            true
        }
    }

    /// Takes `node`, whose ends hash to `hash`, out again.
    pub(super) fn leave(&mut self, hash: u32, node: Node) {
        let goal = Link::to(node);
        let after = self.entry(goal).map_or(Link::NONE, |(_, next)| next);
        let Some(head) = self.demux.head(hash) else { return };
        let mut link = *head;
        if link == goal {
            *head = after;
            self.demux.len -= 1;
            return;
        }
        while let Some(next) = self.next_mut(link) {
            if *next == goal {
                *next = after;
                self.demux.len -= 1;
                return;
            }
            link = *next;
        }
    }

    fn chain(&mut self, hash: u32, link: Link) -> bool {
        let Some(head) = self.demux.head(hash) else { return false };
        let old = core::mem::replace(head, link);
        if let Some(next) = self.next_mut(link) {
            *next = old;
        }
        true
    }

    fn grow(&mut self, secret: &crate::secret::Secret) {
        let size = (self.demux.heads.len() * 2).max(FIRST);
        let mut heads = Vec::new();
        if size > LAST || heads.try_reserve_exact(size).is_err() {
            return;
        }
        for _ in 0..size {
            crate::list::push_within(&mut heads, Link::NONE);
        }
        for mut link in core::mem::replace(&mut self.demux.heads, heads) {
            while let Some(((local, peer), next)) = self.entry(link) {
                self.chain(secret.table_hash(local, peer), link);
                link = next;
            }
        }
    }

    /// The ends and the successor of what `link` leads to.
    fn entry(&self, link: Link) -> Option<((SocketAddrV4, SocketAddrV4), Link)> {
        match link.node() {
            Node::Nothing => None,
            Node::Socket(handle) => {
                self.sockets.get(handle).map(|it| ((it.base.local, it.base.peer), it.base.link))
            }
            Node::Half(handle) => self.halves.get(handle).map(|it| ((it.local, it.peer), it.link)),
            Node::Wait(handle) => self.waits.get(handle).map(|it| ((it.local, it.peer), it.link)),
        }
    }

    fn next_mut(&mut self, link: Link) -> Option<&mut Link> {
        match link.node() {
            Node::Nothing => None,
            Node::Socket(handle) => self.sockets.get_mut(handle).map(|it| &mut it.base.link),
            Node::Half(handle) => self.halves.get_mut(handle).map(|it| &mut it.link),
            Node::Wait(handle) => self.waits.get_mut(handle).map(|it| &mut it.link),
        }
    }
}
