//! More than one address to an interface, with what rtnetlink says about each (feature `rtnetlink`).
//!
//! The first address of an interface lies with it (`iface.rs`); the others are here. When the first goes,
//! the next takes its place, so that an interface with any address always has a first one.

use super::Net;
use super::change::{AllChanges, Change};
use super::iface::{Iface, IfaceAddress, Ifaces, Link, LinkKind};
use super::route::Route;
use crate::errno::Errno;
use crate::host::{Host, IfIndex};
use crate::list::{take_first, try_push};
use crate::time::{Duration, Instant};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// What an address has beyond the address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressAttributes {
    /// How far it is known: `RT_SCOPE_*`; zero for everywhere.
    pub scope: u8,
    /// Who set it: `IFAPROT_*`; zero for nobody in particular.
    pub protocol: u8,
    /// Metric of the route to its network.
    pub metric: u32,
    /// Whether the route to its network is somebody else's business (`IFA_F_NOPREFIXROUTE`).
    pub no_prefix_route: bool,
    /// How long it holds.
    pub lifetime: Lifetime,
}

impl AddressAttributes {
    /// Of an address that an ioctl set.
    pub const DEFAULT: Self = Self {
        scope: 0,
        protocol: 0,
        metric: 0,
        no_prefix_route: false,
        lifetime: Lifetime { since: Instant::from_millis(0), valid: u32::MAX, preferred: u32::MAX },
    };
}

/// How long an address holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetime {
    /// When this was said.
    pub since: Instant,
    /// Seconds from then until it goes; `u32::MAX` for never.
    pub valid: u32,
    /// Seconds from then until it should not be used for new connections; `u32::MAX` for never.
    pub preferred: u32,
}

/// What [`Net::add_address`] does about an address that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfThere {
    /// Refuses with `EEXIST`.
    Refuse,
    /// Takes the new attributes (`NLM_F_REPLACE`).
    Renew,
}

/// Lifetimes beyond this do not end by themselves: an `Instant` tells 24 days from 24 days ago.
const LONGEST: u32 = 20 * 24 * 3600;

impl Lifetime {
    /// Seconds that are left of the valid and the preferred time; `u32::MAX` for ever.
    pub fn left(&self, now: Instant) -> (u32, u32) {
        let passed = now.past(self.since).as_millis() / 1000;
        let left = |span: u32| if span == u32::MAX { span } else { span.saturating_sub(passed) };
        (left(self.valid), left(self.preferred))
    }

    fn ends(&self) -> Option<Instant> {
        (self.valid <= LONGEST).then(|| self.since + Duration::from_secs(self.valid))
    }
}

impl IfaceAddress {
    /// An address with its prefix, as rtnetlink sets it. `EINVAL` for what is no host's address.
    pub fn with_prefix(address: Ipv4Addr, prefix_len: u8, broadcast: Ipv4Addr) -> Result<Self, Errno> {
        let strange = address.is_unspecified() || address.is_multicast() || address.is_broadcast();
        if strange || prefix_len > 32 {
            return Err(Errno::EINVAL);
        }
        let netmask = super::iface::mask(prefix_len);
        let attributes = AddressAttributes::DEFAULT;
        Ok(Self { address, netmask, broadcast, destination: address, attributes })
    }

    /// Whether both are the same address with the same prefix, whatever else is said about them.
    pub fn is_same(&self, other: &Self) -> bool {
        self.address == other.address && self.netmask == other.netmask
    }

    fn ends(&self) -> Option<Instant> {
        self.attributes.lifetime.ends()
    }
}

/// The addresses of all interfaces but the first of each.
pub(super) struct More(Vec<(IfIndex, IfaceAddress)>);

impl More {
    pub const fn new() -> Self {
        Self(Vec::new())
    }
}

impl Ifaces {
    /// Every address with its interface, up or down: the first of each, then the others.
    pub fn all(&self) -> impl Iterator<Item = (&Link, &IfaceAddress)> {
        let mut place = 0;
        core::iter::from_fn(move || self.step(&mut place))
    }

    #[inline(never)]
    fn step(&self, place: &mut usize) -> Option<(&Link, &IfaceAddress)> {
        loop {
            let at = *place;
            *place += 1;
            let (iface, address) = match self.list.get(at) {
                Some(iface) => (Some(iface), iface.address.as_ref()),
                None => {
                    let (index, address) = self.more.0.get(at - self.list.len())?;
                    (self.by_index(*index), Some(address))
                }
            };
            if let (Some(iface), Some(address)) = (iface, address) {
                return Some((&iface.link, address));
            }
        }
    }

    /// The address of `iface` to speak to `other` with: that very one, one on its network, the first.
    #[inline(never)]
    pub fn address_for(&self, iface: &Iface, other: Ipv4Addr) -> Option<IfaceAddress> {
        let mut best = iface.address;
        for (link, own) in self.all() {
            if link.index != iface.link.index {
                continue;
            }
            if own.address == other {
                return Some(*own);
            }
            // The first that is on the network wins.
            if own.contains(other) && !best.is_some_and(|best| best.contains(other)) {
                best = Some(*own);
            }
        }
        best
    }

    /// Takes an address away; if it was the first, the next takes its place.
    fn take(&mut self, index: IfIndex, wanted: impl Fn(&IfaceAddress) -> bool) -> Option<IfaceAddress> {
        let more = &mut self.more.0;
        let iface = self.list.iter_mut().find(|iface| iface.link.index == index)?;
        let gone = match iface.address {
            Some(own) if wanted(&own) => {
                iface.address = take_first(more, |(of, _)| *of == index).map(|(_, next)| next);
                own
            }
            _ => take_first(more, |(of, own)| *of == index && wanted(own))?.1,
        };
        self.changes.note(Change::Gone((index, gone)));
        Some(gone)
    }
}

impl<H: Host> Net<H> {
    /// `RTM_NEWADDR`: one address more, or other attributes for one that is there. The route to its network
    /// comes with it. `ENODEV` without the interface, `EEXIST` for one that is there, `ENOBUFS` without memory.
    pub fn add_address(&mut self, index: IfIndex, new: &IfaceAddress, there: IfThere) -> Result<(), Errno> {
        self.way = None;
        let Ifaces { list, more, changes } = &mut self.ifaces;
        let iface = list.iter_mut().find(|iface| iface.link.index == index).ok_or(Errno::ENODEV)?;
        let place = more.0.iter().position(|(of, own)| *of == index && own.is_same(new));
        let known = match (&mut iface.address, place) {
            (Some(own), _) if own.is_same(new) => Some(own),
            (_, Some(place)) => more.0.get_mut(place).map(|(_, own)| own),
            _ => None,
        };
        if let Some(own) = known {
            if there == IfThere::Refuse {
                return Err(Errno::EEXIST);
            }
            // As Linux: a renewal changes what is said about the address, not its broadcast.
            own.attributes = new.attributes;
        } else if iface.address.is_none() {
            iface.address = Some(*new);
        } else if !try_push(&mut more.0, (index, *new)) {
            return Err(Errno::ENOBUFS);
        }
        changes.note(Change::New((index, *new)));
        self.rearm();
        self.add_connected(index)
    }

    /// `RTM_DELADDR`: takes one away, with the routes that need it; of the interface's last, all its routes.
    /// `EADDRNOTAVAIL` if there is none such. A zero prefix length stands for any.
    pub fn remove_address(&mut self, index: IfIndex, address: Ipv4Addr, prefix_len: u8) -> Result<(), Errno> {
        let wanted = |own: &IfaceAddress| {
            own.address == address && (prefix_len == 0 || own.prefix_len() == prefix_len)
        };
        self.way = None;
        let gone = self.ifaces.take(index, wanted).ok_or(Errno::EADDRNOTAVAIL)?;
        let lost = if self.address(index).is_none() { Some(index) } else { None };
        let network = connected(&gone, index);
        let needs = |route: &Route| {
            route.attributes.source == address || *route == network || (lost.is_some() && route.iface == lost)
        };
        while let Some(place) = self.routes.list.iter().position(needs) {
            self.routes.take_at(place);
        }
        self.add_connected(index)
    }

    /// Notes that an ioctl changed the first address of an interface, which was `before`.
    pub(super) fn note_first(&mut self, index: IfIndex, before: Option<IfaceAddress>) {
        let now = self.address(index);
        if now == before {
            return;
        }
        if let Some(gone) = before.filter(|before| !now.is_some_and(|now| now.is_same(before))) {
            self.ifaces.changes.note(Change::Gone((index, gone)));
        }
        if let Some(now) = now {
            self.ifaces.changes.note(Change::New((index, now)));
        }
    }

    /// Takes all addresses of an interface away.
    pub(super) fn forget_addresses(&mut self, index: IfIndex) {
        while self.ifaces.take(index, |_| true).is_some() {}
    }

    /// Every address of every interface: the first of each interface, then the others.
    pub fn addresses(&self) -> impl Iterator<Item = (IfIndex, &IfaceAddress)> {
        self.ifaces.all().map(|(link, address)| (link.index, address))
    }

    /// Whether an earlier address of the interface is on the same network (`IFA_F_SECONDARY`).
    pub fn is_secondary(&self, index: IfIndex, address: &IfaceAddress) -> bool {
        for (of, own) in self.addresses() {
            if of != index || own.netmask != address.netmask || !own.contains(address.address) {
                continue;
            }
            return own.address != address.address;
        }
        false
    }

    /// Takes away the addresses whose time has come.
    pub(super) fn handle_address_timers(&mut self, now: Instant) {
        loop {
            let over = |own: &IfaceAddress| own.ends().is_some_and(|end| end.is_due(now));
            let ended = self.addresses().find(|(_, own)| over(own)).map(|(index, own)| (index, *own));
            let Some((index, own)) = ended else { return };
            if self.remove_address(index, own.address, own.prefix_len()).is_err() {
                return;
            }
        }
    }

    /// When [`Net::handle_address_timers`] is next worth calling.
    pub(super) fn next_address_deadline(&self) -> Option<Instant> {
        self.addresses().fold(None, |next, (_, own)| Instant::sooner(next, own.ends()))
    }

    /// Adds the routes to the networks of an interface that is up; those that are there stay.
    #[inline(never)]
    pub(super) fn add_connected(&mut self, index: IfIndex) -> Result<(), Errno> {
        let mut place = 0;
        while let Some((link, own)) = self.ifaces.step(&mut place) {
            let no_route = own.prefix_len() == 32 || own.attributes.no_prefix_route;
            if link.index != index || !link.up || link.kind == LinkKind::Loopback || no_route {
                continue;
            }
            match self.routes.add(connected(own, index)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// What changed since [`Net::clear_changes`].
    pub fn changes(&self) -> AllChanges<'_> {
        AllChanges {
            addresses: &self.ifaces.changes,
            routes: &self.routes.changes,
            neighbours: &self.neighbours.changes,
        }
    }

    /// Forgets what changed so far.
    pub fn clear_changes(&mut self) {
        self.ifaces.changes.clear();
        self.routes.changes.clear();
        self.neighbours.changes.clear();
    }
}

/// The route to an address's network.
fn connected(own: &IfaceAddress, index: IfIndex) -> Route {
    let route = Route::connected(own.network(), own.prefix_len(), index);
    Route { metric: own.attributes.metric, ..route }
}
