//! What transports stand on: interfaces, routes, neighbours, IPv4 in and out, ICMP, IGMP.
//!
//! Transports see [`Net`] and the types of [`packet`] and [`route`]; nothing here knows them.
//! [`Net`]'s methods lie with what they are about: `config.rs`, `output.rs`, `input.rs`,
//! `arp.rs`, `icmp.rs`, `igmp.rs`.

#[cfg(feature = "rtnetlink")]
pub mod address;
mod arp;
#[cfg(feature = "rtnetlink")]
pub mod change;
mod config;
mod icmp;
pub mod iface;
mod igmp;
mod input;
pub mod neighbour;
mod output;
pub mod packet;
pub mod path_mtu;
#[cfg(feature = "raw")]
mod raw;
pub mod reassembly;
pub mod route;
#[cfg(feature = "rtnetlink")]
mod table;

pub use icmp::{IcmpInput, unanswered};
pub use input::Delivery;

use crate::drop::Drops;
use crate::host::{Buf, Context, Host, Queue};
use crate::memory::Memory;
use crate::secret::Secret;
use crate::time::Instant;

/// The layers below the transports, and the accounts that all layers share.
pub struct Net<H: Host> {
    /// The cap on queued buffers.
    pub memory: Memory,
    /// The source of numbers that an outsider cannot foresee.
    pub secret: Secret,
    /// Why packets were dropped.
    pub drops: Drops,
    ifaces: iface::Ifaces,
    routes: route::Routes,
    neighbours: neighbour::Neighbours<H>,
    reassembly: reassembly::Reassembly<H>,
    path_mtus: path_mtu::PathMtus,
    groups: igmp::Groups,
    errors: icmp::ErrorLimit,
    ids: output::Identifications,
    /// Packets, from their IPv4 header, whose next hop did not answer.
    failed: H::Queue,
    /// The way of the last packet, until an interface, an address, a route or what is known of a path changes.
    way: Option<(route::RouteQuery, route::Path)>,
    /// Nothing is due before it.
    earliest: Option<Instant>,
}

impl<H: Host> Net<H> {
    /// No interfaces, no routes; queues may take `memory_limit` bytes in all.
    pub const fn new(memory_limit: usize, secret: Secret) -> Self {
        Self {
            memory: Memory::new(memory_limit),
            secret,
            drops: Drops::new(),
            ifaces: iface::Ifaces::new(),
            routes: route::Routes::new(),
            neighbours: neighbour::Neighbours::new(),
            reassembly: reassembly::Reassembly::new(),
            path_mtus: path_mtu::PathMtus::new(),
            groups: igmp::Groups::new(),
            errors: icmp::ErrorLimit::new(),
            ids: output::Identifications::new(),
            failed: H::Queue::EMPTY,
            way: None,
            earliest: None,
        }
    }

    /// Does what is due: ARP retries, reassembly timeouts, membership reports.
    pub fn handle_timers(&mut self, cx: &mut Context<H>) {
        self.handle_arp_timers(cx);
        while let Some(first) = self.reassembly.poll_expired(cx.now, &mut self.memory) {
            self.drops.count(crate::drop::DropReason::FragmentTimeout);
            if let Some(packet) = first {
                use linnet_wire::icmp::{REASSEMBLY, TIME_EXCEEDED};
                self.send_icmp_error(cx, TIME_EXCEEDED, REASSEMBLY, packet.bytes());
            }
        }
        self.handle_igmp_timers(cx);
        self.path_mtus.expire(cx.now);
        #[cfg(feature = "rtnetlink")]
        self.handle_address_timers(cx.now);
        self.way = None;
        self.rearm();
    }

    /// When [`Net::handle_timers`] is next worth calling, or earlier.
    pub const fn next_deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Called by everything that may wait for an earlier moment than all before: that happens rarely, and
    /// the next deadline is asked for after every call.
    #[inline(never)]
    fn rearm(&mut self) {
        let waiting = Instant::sooner(self.neighbours.next_deadline(), self.reassembly.next_deadline());
        let known = Instant::sooner(self.groups.next_deadline(), self.path_mtus.next_deadline());
        let next = Instant::sooner(waiting, known);
        #[cfg(feature = "rtnetlink")]
        let next = Instant::sooner(next, self.next_address_deadline());
        self.earliest = next;
    }

    /// The next packet, from its IPv4 header, that could not be delivered because its next hop
    /// did not answer: its sender is told as if by ICMP.
    pub fn poll_failed(&mut self) -> Option<H::Buf> {
        self.failed.pop_front()
    }
}
