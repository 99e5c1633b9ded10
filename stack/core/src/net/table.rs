//! The routing table as rtnetlink changes it (feature `rtnetlink`): who set a route and for whom,
//! replacing, appending, and what exactly is to go.

use super::Net;
use super::change::Change;
use super::route::{Route, RouteKind, RouteMatch, Routes};
use crate::errno::Errno;
use crate::host::{Host, IfIndex};
use core::net::Ipv4Addr;

/// What a route has beyond the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteAttributes {
    /// Who set it: `RTPROT_*`.
    pub protocol: u8,
    /// How far away it leads: `RT_SCOPE_*`.
    pub scope: u8,
    /// The source address to prefer; 0.0.0.0 for the one on the network of the next hop.
    pub source: Ipv4Addr,
    /// Whether the gateway is on the link, whatever the table says (`RTNH_F_ONLINK`).
    pub on_link: bool,
}

impl RouteAttributes {
    /// `RTPROT_KERNEL`: it came with an address.
    pub const KERNEL: u8 = 2;
    /// `RTPROT_BOOT`: it was set by an ioctl.
    pub const BOOT: u8 = 3;
    /// `RT_SCOPE_UNIVERSE`: through a gateway.
    pub const UNIVERSE: u8 = 0;
    /// `RT_SCOPE_LINK`: to a neighbour.
    pub const LINK: u8 = 253;

    /// Of a route that came with an address.
    pub const CONNECTED: Self =
        Self { protocol: Self::KERNEL, scope: Self::LINK, source: Ipv4Addr::UNSPECIFIED, on_link: false };

    /// Of a route that an ioctl set.
    pub const fn boot(has_gateway: bool) -> Self {
        let scope = if has_gateway { Self::UNIVERSE } else { Self::LINK };
        Self { protocol: Self::BOOT, scope, source: Ipv4Addr::UNSPECIFIED, on_link: false }
    }
}

/// What [`Net::change_route`] does about routes to the same network with the same metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteChange {
    /// Makes a route where there is none (`NLM_F_CREATE`); otherwise `ENOENT`.
    pub create: bool,
    /// Refuses with `EEXIST` where there is one (`NLM_F_EXCL`).
    pub exclusive: bool,
    /// Puts it in the place of the one there is (`NLM_F_REPLACE`).
    pub replace: bool,
    /// Adds it after the one there is, which goes on being used (`NLM_F_APPEND`).
    pub append: bool,
}

/// Which route `RTM_DELROUTE` means, beyond [`RouteMatch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteDetails {
    /// Who set it, if that matters.
    pub protocol: Option<u8>,
    /// How far it leads, if that matters.
    pub scope: Option<u8>,
    /// The preferred source, if that matters.
    pub source: Option<Ipv4Addr>,
    /// What becomes of packets, if that matters.
    pub kind: Option<RouteKind>,
}

impl Route {
    /// Whether both lead to the same network with the same metric.
    fn competes(&self, other: &Self) -> bool {
        self.destination == other.destination
            && self.prefix_len == other.prefix_len
            && self.metric == other.metric
    }
}

impl Routes {
    /// Takes one out; the others keep their order, on which the choice among equals hangs.
    pub fn take_at(&mut self, place: usize) {
        let mut rest = self.list.get_mut(place..).unwrap_or(&mut []).iter_mut();
        let Some(mut hole) = rest.next() else { return };
        self.changes.note(Change::Gone(*hole));
        for next in rest {
            core::mem::swap(hole, next);
            hole = next;
        }
        self.list.pop();
    }

    /// Moves the last one down to `place`.
    fn last_to(&mut self, place: usize) {
        let Some(mut carried) = self.list.last().copied() else { return };
        for slot in self.list.iter_mut().skip(place) {
            core::mem::swap(slot, &mut carried);
        }
    }
}

impl<H: Host> Net<H> {
    /// `RTM_NEWROUTE`. Errors as [`Net::add_route`], and `ENOENT`, `EEXIST` as `how` says; `EINVAL` for a
    /// preferred source that is not ours.
    pub fn change_route(&mut self, route: Route, how: RouteChange) -> Result<(), Errno> {
        self.way = None;
        let source = route.attributes.source;
        if !source.is_unspecified() && !self.is_local(source) {
            return Err(Errno::EINVAL);
        }
        let route = match (route.kind, route.iface) {
            (RouteKind::Unicast, Some(index)) if route.attributes.on_link => {
                self.require_up(index)?;
                route
            }
            (RouteKind::Unicast, _) => Route { iface: Some(self.iface_by(&route)?), ..route },
            _ => Route { gateway: None, iface: None, ..route },
        };
        // Of equals the last counts: it is the one in use, and "in front of" is after.
        let competes = |other: &Route| other.competes(&route);
        let in_use = self.routes.list.iter().rposition(competes);
        if in_use.is_some() && how.exclusive {
            return Err(Errno::EEXIST);
        }
        if in_use.is_none() && !how.create {
            return Err(Errno::ENOENT);
        }
        let first = self.routes.list.iter().position(competes);
        match (in_use, first) {
            (Some(place), _) if how.replace => {
                // Looked at first, so that nothing is taken that cannot be replaced.
                if self.routes.list.contains(&route) {
                    return Ok(());
                }
                self.routes.add(route)?;
                self.routes.take_at(place);
            }
            (_, Some(place)) if how.append => {
                self.routes.add(route)?;
                self.routes.last_to(place);
            }
            _ => self.routes.add(route)?,
        }
        Ok(())
    }

    /// `RTM_DELROUTE`: `ESRCH` if none agrees.
    pub fn delete_route(&mut self, wanted: RouteMatch, details: &RouteDetails) -> Result<(), Errno> {
        self.way = None;
        let agrees = |route: &Route| {
            let attributes = &route.attributes;
            wanted.agrees(route)
                && details.protocol.is_none_or(|protocol| protocol == attributes.protocol)
                && details.scope.is_none_or(|scope| scope == attributes.scope)
                && details.kind.is_none_or(|kind| kind == route.kind)
                && details.source.is_none_or(|source| source == attributes.source)
        };
        let place = self.routes.list.iter().rposition(agrees).ok_or(Errno::ESRCH)?;
        self.routes.take_at(place);
        Ok(())
    }

    /// The source address for what goes by `index` to `next_hop`: the one that the route asks for, or the
    /// address of the interface that is on the network of `next_hop`.
    #[inline(never)]
    pub fn preferred_source(&self, index: IfIndex, next_hop: Ipv4Addr, asked_for: Ipv4Addr) -> Ipv4Addr {
        if self.is_local(asked_for) {
            return asked_for;
        }
        let iface = self.ifaces.by_index(index);
        let own = iface.and_then(|iface| self.ifaces.address_for(iface, next_hop));
        own.map_or_else(|| self.ifaces.source_for(index), |own| own.address)
    }
}
