//! Interfaces, addresses and routes as the host sets them, with what follows from each.

use super::Net;
use super::iface::{IfaceAddress, Link, LinkKind};
use super::neighbour::Neighbour;
#[cfg(feature = "rtnetlink")]
use super::neighbour::Reachability;
use super::route::{Path, PathKind, Route, RouteKind, RouteMatch, RouteQuery};
use crate::errno::Errno;
use crate::host::{Context, Host, IfIndex};
#[cfg(feature = "rtnetlink")]
use crate::time::Instant;
use core::net::Ipv4Addr;

impl<H: Host> Net<H> {
    /// Takes in or renews an interface. Going up adds the route to its network, and gives a
    /// loopback interface without an address 127.0.0.1; going down removes its routes and what
    /// is known of neighbours.
    pub fn set_iface(&mut self, link: Link) -> Result<(), Errno> {
        self.way = None;
        let was_up = self.ifaces.set_link(link)?;
        if link.up && !was_up {
            if let Some(iface) = self.ifaces.by_index_mut(link.index)
                && link.kind == LinkKind::Loopback
                && iface.address.is_none()
            {
                iface.set_address(Ipv4Addr::LOCALHOST)?;
                #[cfg(feature = "rtnetlink")]
                self.note_first(link.index, None);
            }
            self.add_connected(link.index)?;
        } else if was_up && !link.up {
            self.flush(link.index);
        }
        Ok(())
    }

    /// Forgets an interface, and all that depends on it.
    pub fn remove_iface(&mut self, index: IfIndex) {
        self.way = None;
        self.flush(index);
        self.groups.forget_iface(index);
        #[cfg(feature = "rtnetlink")]
        self.forget_addresses(index);
        self.ifaces.remove(index);
    }

    /// The address of an interface, if it has one.
    pub fn address(&self, index: IfIndex) -> Option<IfaceAddress> {
        self.ifaces.by_index(index)?.address
    }

    /// `SIOCSIFADDR`: sets the address, with netmask and broadcast of its class; 0.0.0.0 takes
    /// it away. Routes over the interface go, the one to the new network comes.
    pub fn set_address(&mut self, index: IfIndex, address: Ipv4Addr) -> Result<(), Errno> {
        self.way = None;
        #[cfg(feature = "rtnetlink")]
        let before = self.address(index);
        let iface = self.ifaces.by_index_mut(index).ok_or(Errno::ENODEV)?;
        let changed = iface.set_address(address)?;
        #[cfg(feature = "rtnetlink")]
        self.note_first(index, before);
        if changed { self.renumber(index) } else { Ok(()) }
    }

    /// `SIOCSIFNETMASK`.
    pub fn set_netmask(&mut self, index: IfIndex, netmask: Ipv4Addr) -> Result<(), Errno> {
        self.way = None;
        #[cfg(feature = "rtnetlink")]
        let before = self.address(index);
        let iface = self.ifaces.by_index_mut(index).ok_or(Errno::ENODEV)?;
        let changed = iface.set_netmask(netmask)?;
        #[cfg(feature = "rtnetlink")]
        self.note_first(index, before);
        if changed { self.renumber(index) } else { Ok(()) }
    }

    /// `SIOCSIFBRDADDR`.
    pub fn set_broadcast(&mut self, index: IfIndex, broadcast: Ipv4Addr) -> Result<(), Errno> {
        self.way = None;
        self.ifaces.by_index_mut(index).ok_or(Errno::ENODEV)?.set_broadcast(broadcast)
    }

    /// `SIOCADDRT`. `ENETUNREACH` for a gateway that no network of ours has, `EINVAL` for one
    /// that is ourselves, `ENODEV` without interface and gateway, `ENETDOWN` over an interface
    /// that is down, `EEXIST` for the very same route.
    pub fn add_route(&mut self, route: Route) -> Result<(), Errno> {
        self.way = None;
        if route.kind == RouteKind::Reject {
            return self.routes.add(Route { gateway: None, iface: None, ..route });
        }
        let iface = self.iface_by(&route)?;
        self.routes.add(Route { iface: Some(iface), ..route })
    }

    /// The interface of a route, which its gateway may determine; errors as [`Net::add_route`].
    #[inline(always)]
    pub(super) fn iface_by(&self, route: &Route) -> Result<IfIndex, Errno> {
        let iface = match route.gateway {
            None => route.iface.ok_or(Errno::ENODEV)?,
            Some(gateway) => {
                if gateway.is_unspecified()
                    || gateway.is_multicast()
                    || self.is_local(gateway)
                    || self.ifaces.is_broadcast(gateway)
                {
                    return Err(Errno::EINVAL);
                }
                if let Some(index) = route.iface {
                    self.require_up(index)?;
                }
                let on_link =
                    self.routes.lookup(gateway, route.iface).filter(|found| found.gateway.is_none());
                on_link.and_then(|found| found.iface).ok_or(Errno::ENETUNREACH)?
            }
        };
        self.require_up(iface)?;
        Ok(iface)
    }

    /// `SIOCDELRT`: `ESRCH` if none agrees.
    pub fn remove_route(&mut self, wanted: RouteMatch) -> Result<(), Errno> {
        self.way = None;
        self.routes.remove(wanted)
    }

    /// The routing table, in no order.
    pub fn routes(&self) -> core::slice::Iter<'_, Route> {
        self.routes.iter()
    }

    /// The ARP cache, in no order.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> {
        self.neighbours.iter()
    }

    /// The ARP cache with how much is known of each neighbour.
    #[cfg(feature = "rtnetlink")]
    pub fn neighbour_states(&self, now: Instant) -> impl Iterator<Item = (Neighbour, Reachability)> {
        self.neighbours.states(now)
    }

    /// `SIOCSARP`.
    pub fn set_neighbour(&mut self, cx: &Context<H>, wanted: Neighbour) -> Result<(), Errno> {
        self.require_up(wanted.iface)?;
        self.neighbours.set(cx.now, &mut self.memory, wanted)
    }

    /// `SIOCDARP`: `ENXIO` if it is not known.
    pub fn remove_neighbour(&mut self, iface: IfIndex, address: Ipv4Addr) -> Result<(), Errno> {
        self.neighbours.remove(&mut self.memory, iface, address)
    }

    /// Whether packets to `address` are for us.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        self.ifaces.is_local(address)
    }

    /// Whether `address` means everyone, on all networks or on one of ours.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        self.ifaces.is_broadcast(address)
    }

    /// Whether there is such an interface, up or down.
    pub fn has_iface(&self, index: IfIndex) -> bool {
        self.ifaces.by_index(index).is_some()
    }

    /// The interface whose own address this is.
    pub fn iface_of(&self, address: Ipv4Addr) -> Option<IfIndex> {
        self.ifaces.owner_of(address).map(|link| link.index)
    }

    /// Which way to a destination, and with which source address. `ENETUNREACH` without any,
    /// `EHOSTUNREACH` where a route rejects it, `ENODEV` and `ENETDOWN` for the interface asked for.
    pub fn route(&self, query: RouteQuery) -> Result<Path, Errno> {
        if let Some((asked, path)) = self.way
            && asked == query
        {
            return Ok(path);
        }
        let to = query.destination;
        let bound = query.iface.map(|index| self.require_up(index)).transpose()?;
        let path = |link: &Link, kind, next_hop, mtu: u16| Path {
            iface: link.index,
            source: match query.source {
                Some(source) if !source.is_unspecified() => source,
                // The whole network of the loopback interface is ours, but speaks with one address.
                _ if kind == PathKind::Local && self.ifaces.owner_of(to).is_some() => to,
                _ => self.ifaces.source_for(link.index),
            },
            next_hop,
            mtu: if mtu == 0 { link.mtu } else { mtu.min(link.mtu) },
            kind,
        };
        if self.is_local(to) {
            let lo = self.ifaces.loopback().ok_or(Errno::ENETUNREACH)?;
            return Ok(path(&lo.link, PathKind::Local, to, 0));
        }
        if to.is_multicast() || to.is_broadcast() {
            let by_source = || self.ifaces.owner_of(query.source?);
            let by_route = || self.link(self.routes.lookup(to, None)?.iface?);
            let link = bound.or_else(by_source).or_else(by_route).ok_or(Errno::ENETUNREACH)?;
            let kind = if to.is_multicast() { PathKind::Multicast } else { PathKind::Broadcast };
            return Ok(path(link, kind, to, 0));
        }
        if let Some(link) = self.ifaces.broadcast_link(to, query.iface) {
            return Ok(path(link, PathKind::Broadcast, to, 0));
        }
        let known = self.path_mtus.of(to).unwrap_or(0);
        match (self.routes.lookup(to, query.iface), bound) {
            (Some(Route { kind: RouteKind::Reject, .. }), _) => Err(Errno::EHOSTUNREACH),
            #[cfg(feature = "rtnetlink")]
            (Some(Route { kind: RouteKind::Prohibit, .. }), _) => Err(Errno::EACCES),
            #[cfg(feature = "rtnetlink")]
            (Some(Route { kind: RouteKind::Blackhole, .. }), _) => Err(Errno::EINVAL),
            (Some(route), _) => {
                let link = route.iface.and_then(|index| self.link(index)).ok_or(Errno::ENETUNREACH)?;
                let mtu = match (known, route.mtu) {
                    (0, mtu) | (mtu, 0) => mtu,
                    (known, mtu) => known.min(mtu),
                };
                let next_hop = route.gateway.unwrap_or(to);
                let path = path(link, PathKind::Unicast, next_hop, mtu);
                #[cfg(feature = "rtnetlink")]
                if query.source.is_none_or(|source| source.is_unspecified()) {
                    let source = self.preferred_source(link.index, next_hop, route.attributes.source);
                    return Ok(Path { source, ..path });
                }
                Ok(path)
            }
            // A socket bound to an interface reaches who is on its link without a route.
            (None, Some(link)) => Ok(path(link, PathKind::Unicast, to, known)),
            (None, None) => Err(Errno::ENETUNREACH),
        }
    }

    /// The largest IPv4 packet that the path to `destination` is known to take; 576, which every
    /// host takes, if there is no path.
    pub fn path_mtu(&self, destination: Ipv4Addr) -> u16 {
        self.route(RouteQuery { destination, source: None, iface: None }).map_or(576, |path| path.mtu)
    }

    /// Notes that the path to `destination` takes at most `mtu` (at least 552 is believed).
    pub fn update_path_mtu(&mut self, cx: &mut Context<H>, destination: Ipv4Addr, mtu: u16) {
        if mtu < self.path_mtu(destination) {
            self.path_mtus.learn(cx.now, destination, mtu);
            self.way = None;
            self.rearm();
        }
    }

    /// Notes that a datagram of `len` bytes with "don't fragment" goes to `destination`.
    pub fn note_sent(&mut self, destination: Ipv4Addr, len: usize) {
        self.path_mtus.note_sent(destination, len);
    }

    /// Whether "fragmentation needed" about a datagram to `destination` can be true.
    pub fn may_be_too_large(&self, destination: Ipv4Addr) -> bool {
        self.path_mtus.was_sent(destination)
    }

    pub(super) fn link(&self, index: IfIndex) -> Option<&Link> {
        self.ifaces.by_index(index).map(|iface| &iface.link)
    }

    pub(super) fn require_up(&self, index: IfIndex) -> Result<&Link, Errno> {
        let link = self.link(index).ok_or(Errno::ENODEV)?;
        if link.up { Ok(link) } else { Err(Errno::ENETDOWN) }
    }

    pub(super) fn renumber(&mut self, index: IfIndex) -> Result<(), Errno> {
        self.flush(index);
        self.add_connected(index)
    }

    pub(super) fn flush(&mut self, index: IfIndex) {
        self.routes.flush(index);
        self.neighbours.flush(&mut self.memory, index);
    }

    #[cfg(not(feature = "rtnetlink"))]
    fn add_connected(&mut self, index: IfIndex) -> Result<(), Errno> {
        let Some(super::iface::Iface { link, address: Some(own) }) = self.ifaces.by_index(index) else {
            return Ok(());
        };
        if !link.up || own.prefix_len() == 32 || link.kind == LinkKind::Loopback {
            return Ok(());
        }
        self.routes.add(Route::connected(own.network(), own.prefix_len(), index))
    }
}
