//! What the stack asks of the world: buffers, queues of them, a way out, and wake-ups.
//!
//! A host owns memory and devices. In the kernel a buffer is an `sk_buff` and a queue its list;
//! in tests both are on the heap. There is one host per build, so the generic parameter that
//! carries it through the stack costs no code.

use crate::time::Instant;
use core::net::Ipv4Addr;
use linnet_wire::ethernet::Mac;

/// Bytes that every allocated buffer keeps free in front of its payload: Ethernet, IPv4 without
/// options and a TCP header with all its options, rounded up to whole words.
pub const HEADROOM: usize = 14 + 2 + 20 + 60;

/// A packet buffer: owned, linear, with room in front for headers and a small slot of metadata.
pub trait Buf: Sized {
    /// The packet as it stands.
    fn bytes(&self) -> &[u8];
    /// The packet as it stands, to write to.
    fn bytes_mut(&mut self) -> &mut [u8];
    /// Grows the packet by `count` bytes at the front; `false`, and no change, without the room.
    #[must_use]
    fn push(&mut self, count: usize) -> bool;
    /// Drops up to `count` bytes from the front.
    fn pull(&mut self, count: usize);
    /// Cuts the packet to at most `len` bytes.
    fn truncate(&mut self, len: usize);
    /// Appends `bytes` within the buffer's own room; `false`, and no change, without the room.
    #[must_use]
    fn append(&mut self, bytes: &[u8]) -> bool;
    /// A second handle on the same packet to transmit: a reference where the host can share,
    /// a copy where headers may still be in use below.
    fn share(&mut self) -> Option<Self>;
    /// Who pays for `other` until it is sent (`SO_SNDBUF`) pays for this buffer, too.
    fn bill_as(&mut self, other: &Self);
    /// Bytes of memory that the buffer takes, its own bookkeeping included.
    fn footprint(&self) -> usize;
    /// The metadata that travels with the buffer.
    fn meta(&self) -> Meta;
    /// Replaces the metadata.
    fn set_meta(&mut self, meta: Meta);
}

/// What the stack notes on a buffer while it sits in a queue (at most 40 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub enum Meta {
    /// Nothing yet.
    #[default]
    None,
    /// A received datagram: where it came from and how.
    Datagram(DatagramMeta),
    /// A piece of an IPv4 datagram that waits for the others.
    Fragment(FragmentMeta),
    /// A piece of a TCP stream in a send, receive or out-of-order queue.
    Segment(SegmentMeta),
}

/// Source and circumstances of a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramMeta {
    /// Sender's address.
    pub source: Ipv4Addr,
    /// Sender's port, or zero for protocols without ports.
    pub source_port: u16,
    /// The address it was sent to.
    pub destination: Ipv4Addr,
    /// Interface it arrived on.
    pub iface: IfIndex,
    /// Time to live it arrived with.
    pub ttl: u8,
    /// Type of service it arrived with.
    pub tos: u8,
}

/// Place of a fragment in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentMeta {
    /// Where it starts, in bytes.
    pub offset: u16,
    /// Length of the IPv4 header that was pulled off in front of it.
    pub header_len: u8,
    /// Whether more follow.
    pub more: bool,
}

/// Place in the sequence space, and what was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    /// Sequence number of the first byte.
    pub seq: u32,
    /// When it was last sent.
    pub sent_at: Instant,
    /// How often it was sent.
    pub transmissions: u8,
    /// Flag bits of the TCP module's own.
    pub flags: u8,
}

/// A first-in first-out queue of buffers that can also be searched and filled in the middle.
pub trait Queue: Default {
    /// What it holds.
    type Buf: Buf;
    /// The queue that holds nothing.
    const EMPTY: Self;
    /// Adds at the end.
    fn push_back(&mut self, buf: Self::Buf);
    /// Adds at the front.
    fn push_front(&mut self, buf: Self::Buf);
    /// Takes the first.
    fn pop_front(&mut self) -> Option<Self::Buf>;
    /// Takes the last.
    fn pop_back(&mut self) -> Option<Self::Buf>;
    /// The last.
    fn back_mut(&mut self) -> Option<&mut Self::Buf>;
    /// Walks from the front.
    fn iter(&self) -> impl Iterator<Item = &Self::Buf>;
    /// Walks from the front, to change what is there.
    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Self::Buf>;
    /// Inserts before position `index`, or at the end if there are fewer. Walks `index` steps.
    fn insert(&mut self, index: usize, buf: Self::Buf);
    /// Takes what is at position `index`. Walks `index` steps.
    fn remove(&mut self, index: usize) -> Option<Self::Buf>;
    /// How many buffers it holds.
    fn len(&self) -> usize;

    /// Whether it holds none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first.
    fn front(&self) -> Option<&Self::Buf> {
        self.iter().next()
    }

    /// The first, to change.
    fn front_mut(&mut self) -> Option<&mut Self::Buf> {
        self.iter_mut().next()
    }
}

/// The host's number for an interface; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(transparent)]
pub struct IfIndex(pub core::num::NonZeroU32);

/// The host's own handle for whoever holds a socket: a pointer in the kernel, an index in tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner(pub usize);

/// Why an owner is woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// Data, a connection to accept, or an end of file is there to be read.
    Readable,
    /// There is room to send again.
    Writable,
    /// The connection was made, ended or failed: everyone who waits must look again.
    State,
    /// Urgent data arrived (SIGURG).
    Urgent,
}

/// The world around the stack.
pub trait Host {
    /// Its packet buffers.
    type Buf: Buf;
    /// Its queues of them.
    type Queue: Queue<Buf = Self::Buf>;

    /// An empty buffer with [`HEADROOM`] bytes free in front and room for `capacity` bytes;
    /// `None` when there is no memory.
    fn allocate(&mut self, capacity: usize) -> Option<Self::Buf>;

    /// Sends a complete Ethernet frame. May drop it.
    fn transmit(&mut self, iface: IfIndex, frame: Self::Buf);

    /// Starts, or stops, the device's reception of the frames to a group that we have joined, or
    /// left; hosts whose devices take in everything need not care.
    fn receive_group(&mut self, iface: IfIndex, group: Mac, wanted: bool) {
        let _ = (iface, group, wanted);
    }

    /// Tells a socket's owner that something changed. Must not call back into the stack.
    fn wake(&mut self, owner: Owner, why: Wake);

    /// The ones'-complement sum of `bytes` added to `sum`, not folded; hosts that have a fast
    /// one override it.
    fn checksum(bytes: &[u8], sum: u32) -> u32 {
        linnet_wire::checksum::add(sum, bytes)
    }
}

/// What every entry point gets: the host, and the time at which it happens.
pub struct Context<'a, H: Host> {
    /// The host.
    pub host: &'a mut H,
    /// Now.
    pub now: Instant,
}
