//! Configuration of a stack as rtnetlink has it (feature `rtnetlink`): each call is the layer below's.

use super::Stack;
use crate::errno::Errno;
use crate::host::{Host, IfIndex};
use crate::net::address::IfThere;
use crate::net::change::AllChanges;
use crate::net::iface::IfaceAddress;
use crate::net::neighbour::{Neighbour, Reachability};
use crate::net::route::{Route, RouteChange, RouteDetails, RouteMatch};
use crate::time::Instant;
use core::net::Ipv4Addr;

impl<H: Host> Stack<H> {
    /// `RTM_NEWADDR`: [`crate::net::Net::add_address`].
    pub fn add_address(&mut self, index: IfIndex, new: &IfaceAddress, there: IfThere) -> Result<(), Errno> {
        self.net.add_address(index, new, there)
    }

    /// `RTM_DELADDR`: [`crate::net::Net::remove_address`].
    pub fn remove_address(&mut self, index: IfIndex, address: Ipv4Addr, prefix_len: u8) -> Result<(), Errno> {
        self.net.remove_address(index, address, prefix_len)
    }

    /// Every address of every interface.
    pub fn addresses(&self) -> impl Iterator<Item = (IfIndex, &IfaceAddress)> {
        self.net.addresses()
    }

    /// Whether an earlier address of the interface is on the same network.
    pub fn is_secondary(&self, index: IfIndex, address: &IfaceAddress) -> bool {
        self.net.is_secondary(index, address)
    }

    /// `RTM_NEWROUTE`: [`crate::net::Net::change_route`].
    pub fn change_route(&mut self, route: Route, how: RouteChange) -> Result<(), Errno> {
        self.net.change_route(route, how)
    }

    /// `RTM_DELROUTE`: [`crate::net::Net::delete_route`].
    pub fn delete_route(&mut self, wanted: RouteMatch, details: &RouteDetails) -> Result<(), Errno> {
        self.net.delete_route(wanted, details)
    }

    /// The ARP cache with how much is known of each neighbour.
    pub fn neighbour_states(&self, now: Instant) -> impl Iterator<Item = (Neighbour, Reachability)> {
        self.net.neighbour_states(now)
    }

    /// What changed in all this since [`Stack::clear_changes`].
    pub fn changes(&self) -> AllChanges<'_> {
        self.net.changes()
    }

    /// Forgets what changed so far: it has been told.
    pub fn clear_changes(&mut self) {
        self.net.clear_changes();
    }

    /// The source address that is chosen for what goes by `index` to `next_hop`.
    pub fn source_for(&self, index: IfIndex, next_hop: Ipv4Addr) -> Ipv4Addr {
        self.net.preferred_source(index, next_hop, Ipv4Addr::UNSPECIFIED)
    }
}
