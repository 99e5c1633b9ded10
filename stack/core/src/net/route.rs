//! The routing table: short and linear; the longest prefix wins, then the lowest metric.

#[cfg(feature = "rtnetlink")]
use super::change::{Change, Changes};
use super::iface::mask;
#[cfg(feature = "rtnetlink")]
pub use super::table::{RouteAttributes, RouteChange, RouteDetails};
use crate::errno::Errno;
use crate::host::IfIndex;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Which way to a destination?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteQuery {
    /// Where to.
    pub destination: Ipv4Addr,
    /// The source, if the socket has chosen one; it must be ours, or 0.0.0.0 for "choose".
    pub source: Option<Ipv4Addr>,
    /// The interface, if the socket is bound to one (`SO_BINDTODEVICE`, `IP_PKTINFO`,
    /// `IP_MULTICAST_IF`). Then an interface without any route or address will do, too.
    pub iface: Option<IfIndex>,
}

/// This way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// Interface to send on; the loopback interface for [`PathKind::Local`].
    pub iface: IfIndex,
    /// The source address to use; 0.0.0.0 only on an interface that has none yet.
    pub source: Ipv4Addr,
    /// The neighbour to hand the packet to: a gateway, or the destination itself.
    pub next_hop: Ipv4Addr,
    /// Largest IPv4 packet, header included, that the path is known to take.
    pub mtu: u16,
    /// What kind of destination it is.
    pub kind: PathKind,
}

/// What kind of destination a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathKind {
    /// One host elsewhere.
    Unicast,
    /// Everyone on a network.
    Broadcast,
    /// A multicast group.
    Multicast,
    /// Ourselves.
    Local,
}

/// What becomes of packets that match a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteKind {
    /// They are sent on.
    Unicast,
    /// They are refused with `EHOSTUNREACH` (`RTF_REJECT`).
    Reject,
    /// They are refused with `EACCES`.
    #[cfg(feature = "rtnetlink")]
    Prohibit,
    /// They are refused with `EINVAL`, and forgotten.
    #[cfg(feature = "rtnetlink")]
    Blackhole,
}

/// A line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The network; bits beyond the prefix are zero.
    pub destination: Ipv4Addr,
    /// How many bits of it count, 0..=32.
    pub prefix_len: u8,
    /// The neighbour to hand packets to, or none for a network that is on the link.
    pub gateway: Option<Ipv4Addr>,
    /// The interface; may be left out where `gateway` determines it, or for a rejected one.
    pub iface: Option<IfIndex>,
    /// The lower wins among equal prefixes.
    pub metric: u32,
    /// Largest packet for this route; zero for the interface's.
    pub mtu: u16,
    /// What becomes of the packets.
    pub kind: RouteKind,
    /// What rtnetlink says about it.
    #[cfg(feature = "rtnetlink")]
    pub attributes: RouteAttributes,
}

/// Which route to remove: the first that agrees in all that is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteMatch {
    /// The network.
    pub destination: Ipv4Addr,
    /// Its prefix length.
    pub prefix_len: u8,
    /// The gateway, if it matters.
    pub gateway: Option<Ipv4Addr>,
    /// The interface, if it matters.
    pub iface: Option<IfIndex>,
    /// The metric; zero if it does not matter.
    pub metric: u32,
}

impl Route {
    /// The route to a network that is on the link.
    pub const fn connected(destination: Ipv4Addr, prefix_len: u8, iface: IfIndex) -> Self {
        Self {
            destination,
            prefix_len,
            gateway: None,
            iface: Some(iface),
            metric: 0,
            mtu: 0,
            kind: RouteKind::Unicast,
            #[cfg(feature = "rtnetlink")]
            attributes: RouteAttributes::CONNECTED,
        }
    }

    fn matches(&self, destination: Ipv4Addr) -> bool {
        (self.destination.to_bits() ^ destination.to_bits()) & mask(self.prefix_len).to_bits() == 0
    }
}

#[cfg(feature = "rtnetlink")]
impl RouteMatch {
    /// Whether `route` is meant.
    pub(super) fn agrees(&self, route: &Route) -> bool {
        route.destination == self.destination
            && route.prefix_len == self.prefix_len
            && (self.gateway.is_none() || route.gateway == self.gateway)
            && (self.iface.is_none() || route.iface == self.iface)
            && (self.metric == 0 || route.metric == self.metric)
    }
}

/// The routing table.
pub(super) struct Routes {
    pub list: Vec<Route>,
    #[cfg(feature = "rtnetlink")]
    pub changes: Changes<Route>,
}

impl Routes {
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            #[cfg(feature = "rtnetlink")]
            changes: Changes::new(),
        }
    }

    /// Adds a route; `EINVAL` where bits are set beyond the prefix, `EEXIST` where there is the
    /// very same.
    pub fn add(&mut self, route: Route) -> Result<(), Errno> {
        let beyond = route.destination.to_bits() & !mask(route.prefix_len).to_bits();
        if route.prefix_len > 32 || beyond != 0 {
            return Err(Errno::EINVAL);
        }
        if self.list.contains(&route) {
            return Err(Errno::EEXIST);
        }
        if !crate::list::try_push(&mut self.list, route) {
            return Err(Errno::ENOBUFS);
        }
        #[cfg(feature = "rtnetlink")]
        self.changes.note(Change::New(route));
        Ok(())
    }

    /// Removes one route; `ESRCH` if none agrees.
    #[cfg(feature = "rtnetlink")]
    pub fn remove(&mut self, wanted: RouteMatch) -> Result<(), Errno> {
        let place = self.list.iter().position(|route| wanted.agrees(route)).ok_or(Errno::ESRCH)?;
        self.take_at(place);
        Ok(())
    }

    /// Removes all routes over an interface that went down or lost its address.
    #[cfg(feature = "rtnetlink")]
    pub fn flush(&mut self, iface: IfIndex) {
        while let Some(place) = self.list.iter().position(|route| route.iface == Some(iface)) {
            self.take_at(place);
        }
    }

    /// Removes one route; `ESRCH` if none agrees.
    #[cfg(not(feature = "rtnetlink"))]
    pub fn remove(&mut self, wanted: RouteMatch) -> Result<(), Errno> {
        let mut found = false;
        self.list.retain(|route| {
            let agrees = !found
                && route.destination == wanted.destination
                && route.prefix_len == wanted.prefix_len
                && (wanted.gateway.is_none() || route.gateway == wanted.gateway)
                && (wanted.iface.is_none() || route.iface == wanted.iface)
                && (wanted.metric == 0 || route.metric == wanted.metric);
            found |= agrees;
            !agrees
        });
        if found { Ok(()) } else { Err(Errno::ESRCH) }
    }

    /// Removes all routes over an interface that went down or lost its address.
    #[cfg(not(feature = "rtnetlink"))]
    pub fn flush(&mut self, iface: IfIndex) {
        self.list.retain(|route| route.iface != Some(iface));
    }

    /// The best route to `destination`, over `iface` if given. Of equals the newest wins.
    pub fn lookup(&self, destination: Ipv4Addr, iface: Option<IfIndex>) -> Option<&Route> {
        let mut best: Option<&Route> = None;
        for route in &self.list {
            if !route.matches(destination) || (iface.is_some() && route.iface != iface) {
                continue;
            }
            let better = best.is_none_or(|other| {
                route.prefix_len > other.prefix_len
                    || (route.prefix_len == other.prefix_len && route.metric <= other.metric)
            });
            if better {
                best = Some(route);
            }
        }
        best
    }

    pub fn iter(&self) -> core::slice::Iter<'_, Route> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ip(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
        Ipv4Addr::new(a, b, c, d)
    }

    fn index(number: u32) -> IfIndex {
        IfIndex(core::num::NonZeroU32::new(number).expect("not zero"))
    }

    fn via(destination: Ipv4Addr, prefix_len: u8, gateway: Ipv4Addr, metric: u32) -> Route {
        Route { gateway: Some(gateway), metric, ..Route::connected(destination, prefix_len, index(1)) }
    }

    #[test]
    fn longest_prefix_wins_then_metric_then_the_newest() {
        let mut routes = Routes::new();
        let near = via(ip(10, 1, 0, 0), 16, ip(10, 0, 0, 3), 9);
        let table = [
            via(ip(0, 0, 0, 0), 0, ip(10, 0, 0, 1), 5),
            via(ip(0, 0, 0, 0), 0, ip(10, 0, 0, 2), 4),
            near,
            via(ip(10, 1, 2, 3), 32, ip(10, 0, 0, 4), 0),
            via(ip(0, 0, 0, 0), 0, ip(10, 0, 0, 5), 4),
        ];
        for route in table {
            assert_eq!(routes.add(route), Ok(()));
        }
        let gateway = |to| routes.lookup(to, None).and_then(|route| route.gateway);
        assert_eq!(gateway(ip(8, 8, 8, 8)), Some(ip(10, 0, 0, 5)));
        assert_eq!(gateway(ip(10, 1, 9, 9)), near.gateway);
        assert_eq!(gateway(ip(10, 1, 2, 3)), Some(ip(10, 0, 0, 4)));
        assert_eq!(routes.lookup(ip(8, 8, 8, 8), Some(index(2))), None);
    }

    #[test]
    fn adds_and_removes_with_linux_errors() {
        let mut routes = Routes::new();
        let route = via(ip(10, 1, 0, 0), 16, ip(10, 0, 0, 3), 0);
        assert_eq!(routes.add(route), Ok(()));
        assert_eq!(routes.add(route), Err(Errno::EEXIST));
        assert_eq!(routes.add(via(ip(10, 1, 0, 1), 16, ip(10, 0, 0, 3), 0)), Err(Errno::EINVAL));
        assert_eq!(routes.add(via(ip(0, 0, 0, 0), 33, ip(10, 0, 0, 3), 0)), Err(Errno::EINVAL));
        let wanted = RouteMatch {
            destination: ip(10, 1, 0, 0),
            prefix_len: 16,
            gateway: Some(ip(10, 0, 0, 9)),
            iface: None,
            metric: 0,
        };
        assert_eq!(routes.remove(wanted), Err(Errno::ESRCH));
        assert_eq!(routes.remove(RouteMatch { gateway: None, ..wanted }), Ok(()));
        assert_eq!(routes.remove(RouteMatch { gateway: None, ..wanted }), Err(Errno::ESRCH));
    }
}
