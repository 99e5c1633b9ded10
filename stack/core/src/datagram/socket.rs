//! The state of a datagram socket.

use crate::errno::Errno;
use crate::host::{Buf, Context, Host, IfIndex, Owner, Queue, Wake};
use crate::memory::Memory;
use crate::settings::Settings;
use crate::socket::{Common, Row};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

/// A UDP or ping socket. In this order: what is used most has the short addresses.
#[repr(C)]
pub(super) struct Socket<H: Host> {
    /// `bind` chose the address: `disconnect` keeps it.
    pub address_bound: bool,
    /// `bind` chose the port: `disconnect` keeps it.
    pub port_bound: bool,
    pub no_receive: bool,
    pub no_send: bool,
    /// An error that waits to be reported.
    pub error: Option<Errno>,
    /// Own address and port; zeros until bound.
    pub local: SocketAddrV4,
    /// The peer, once connected.
    pub peer: Option<SocketAddrV4>,
    pub owner: Option<Owner>,
    /// Datagrams that wait to be read.
    pub queue: H::Queue,
    /// Their footprint.
    pub queued: u32,
    /// Datagrams dropped for want of room.
    pub drops: u32,
    /// Groups joined, to be left at the end.
    pub groups: Vec<(IfIndex, Ipv4Addr)>,
    /// Interface for multicasts.
    pub multicast_iface: Option<IfIndex>,
    pub common: Common,
    pub settings: Settings,
    /// What makes it a raw socket.
    #[cfg(feature = "raw")]
    pub raw: Option<super::raw::Raw>,
}

impl<H: Host> Socket<H> {
    /// As it is made, but for its owner: a constant, which is copied and not set up field by field.
    const NEW: Self = Self {
        local: NOWHERE,
        peer: None,
        common: Common::DEFAULT,
        owner: None,
        queue: H::Queue::EMPTY,
        queued: 0,
        drops: 0,
        groups: Vec::new(),
        multicast_iface: None,
        error: None,
        address_bound: false,
        port_bound: false,
        no_receive: false,
        no_send: false,
        settings: Settings::DEFAULT,
        #[cfg(feature = "raw")]
        raw: None,
    };

    pub fn new(owner: Owner) -> Self {
        let mut socket = Self::NEW;
        socket.owner = Some(owner);
        socket
    }

    pub fn wake(&self, cx: &mut Context<H>, why: Wake) {
        if let Some(owner) = self.owner {
            cx.host.wake(owner, why);
        }
    }

    /// Whether the socket takes what comes to `destination` over `iface`.
    pub fn accepts(&self, destination: Ipv4Addr, iface: IfIndex) -> bool {
        (self.local.ip().is_unspecified() || *self.local.ip() == destination)
            && self.common.iface.is_none_or(|bound| bound == iface)
    }

    /// Gives back the charge of a buffer that leaves the queue.
    pub fn release(&mut self, memory: &mut Memory, buf: &H::Buf) {
        let footprint = buf.footprint();
        memory.release(footprint);
        self.queued = self.queued.saturating_sub(footprint as u32);
    }

    /// Drops all that waits.
    pub fn purge(&mut self, memory: &mut Memory) {
        while let Some(buf) = self.queue.pop_front() {
            self.release(memory, &buf);
        }
    }

    /// A raw socket's line has its protocol in the place of the port.
    #[cfg(feature = "raw")]
    pub fn shown_local(&self) -> SocketAddrV4 {
        let port = self.raw_protocol().map_or(self.local.port(), u16::from);
        SocketAddrV4::new(*self.local.ip(), port)
    }

    /// The socket's own address.
    #[cfg(not(feature = "raw"))]
    #[inline(always)]
    pub fn shown_local(&self) -> SocketAddrV4 {
        self.local
    }

    pub fn row(&self) -> Row {
        Row {
            local: self.shown_local(),
            peer: self.peer.unwrap_or(NOWHERE),
            state: if self.peer.is_some() { 1 } else { 7 },
            send_queue: 0,
            receive_queue: self.queued,
            timer: 0,
            timer_in: 0,
            retransmits: 0,
            drops: self.drops,
            owner: self.owner,
        }
    }
}

/// No address and no port.
pub(super) const NOWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
