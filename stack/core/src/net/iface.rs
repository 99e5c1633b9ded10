//! Interfaces and their addresses: what is ours, what is a broadcast.
//!
//! One address to an interface, or with feature `rtnetlink` more (`address.rs`). What Linux's ioctls do to addresses is done here; the routes
//! that follow from it are `Net`'s to add.

#[cfg(feature = "rtnetlink")]
use super::address::{AddressAttributes, More};
#[cfg(feature = "rtnetlink")]
use super::change::Changes;
use crate::errno::Errno;
use crate::host::IfIndex;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use linnet_wire::ethernet::Mac;

/// What an interface is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkKind {
    /// Ethernet: ARP, broadcast, multicast.
    Ethernet,
    /// Ourselves: frames sent come back.
    Loopback,
}

/// An interface as the host describes it, again after each change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The host's number for it.
    pub index: IfIndex,
    /// Its link address.
    pub mac: Mac,
    /// The largest IPv4 packet it carries, in bytes; values below 68 are refused.
    pub mtu: u16,
    /// What it is attached to.
    pub kind: LinkKind,
    /// Whether it is administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether it has a carrier (`IFF_RUNNING`).
    pub running: bool,
}

/// The address of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IfaceAddress {
    /// Our address.
    pub address: Ipv4Addr,
    /// Which addresses are on its network.
    pub netmask: Ipv4Addr,
    /// Everyone on its network; 0.0.0.0 if it has none.
    pub broadcast: Ipv4Addr,
    /// The other end of a point-to-point link; otherwise the same as `address`.
    pub destination: Ipv4Addr,
    /// What rtnetlink says about it.
    #[cfg(feature = "rtnetlink")]
    pub attributes: AddressAttributes,
}

impl IfaceAddress {
    /// Whether `other` is on the same network.
    pub const fn contains(&self, other: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ other.to_bits()) & self.netmask.to_bits() == 0
    }

    /// The network itself.
    pub const fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & self.netmask.to_bits())
    }

    /// Length of the netmask in bits.
    pub const fn prefix_len(&self) -> u8 {
        self.netmask.to_bits().leading_ones() as u8
    }

    /// Whether `other` is everyone on this network: its broadcast address, or the network
    /// address, which old hosts used (RFC 1122 §3.3.6). Networks of one or two have neither.
    pub const fn is_broadcast(&self, other: Ipv4Addr) -> bool {
        let other = other.to_bits();
        let mask = self.netmask.to_bits();
        let of_network = self.prefix_len() < 31
            && (other == self.address.to_bits() & mask || other == self.address.to_bits() | !mask);
        of_network || (other != 0 && other == self.broadcast.to_bits())
    }
}

/// The host's view of an interface, and its address if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Iface {
    pub link: Link,
    pub address: Option<IfaceAddress>,
}

/// All interfaces.
pub(super) struct Ifaces {
    pub list: Vec<Iface>,
    #[cfg(feature = "rtnetlink")]
    pub more: More,
    #[cfg(feature = "rtnetlink")]
    pub changes: Changes<(IfIndex, IfaceAddress)>,
}

impl Ifaces {
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            #[cfg(feature = "rtnetlink")]
            more: More::new(),
            #[cfg(feature = "rtnetlink")]
            changes: Changes::new(),
        }
    }

    /// Takes in or renews the description of an interface. `true` if it was up before.
    pub fn set_link(&mut self, link: Link) -> Result<bool, Errno> {
        if link.mtu < MIN_MTU {
            return Err(Errno::EINVAL);
        }
        if let Some(iface) = self.by_index_mut(link.index) {
            let was_up = iface.link.up;
            iface.link = link;
            return Ok(was_up);
        }
        if !crate::list::try_push(&mut self.list, Iface { link, address: None }) {
            return Err(Errno::ENOMEM);
        }
        Ok(false)
    }

    pub fn remove(&mut self, index: IfIndex) {
        crate::list::take_first(&mut self.list, |iface| iface.link.index == index);
    }

    pub fn by_index(&self, index: IfIndex) -> Option<&Iface> {
        self.list.iter().find(|iface| iface.link.index == index)
    }

    pub fn by_index_mut(&mut self, index: IfIndex) -> Option<&mut Iface> {
        self.list.iter_mut().find(|iface| iface.link.index == index)
    }

    /// Those that are up.
    pub fn up(&self) -> impl Iterator<Item = &Iface> {
        self.list.iter().filter(|iface| iface.link.up)
    }

    /// Those that are up and have an address, once for each.
    #[cfg(feature = "rtnetlink")]
    pub fn addressed(&self) -> impl Iterator<Item = (&Link, &IfaceAddress)> {
        self.all().filter(|(link, _)| link.up)
    }

    /// The address of `iface`.
    #[cfg(not(feature = "rtnetlink"))]
    #[inline(always)]
    pub fn address_for(&self, iface: &Iface, _other: Ipv4Addr) -> Option<IfaceAddress> {
        iface.address
    }

    /// Those that are up and have an address.
    #[cfg(not(feature = "rtnetlink"))]
    pub fn addressed(&self) -> impl Iterator<Item = (&Link, &IfaceAddress)> {
        self.up().filter_map(|iface| Some((&iface.link, iface.address.as_ref()?)))
    }

    /// The loopback interface, if it is up.
    pub fn loopback(&self) -> Option<&Iface> {
        self.up().find(|iface| iface.link.kind == LinkKind::Loopback)
    }

    /// The interface whose own address this is.
    pub fn owner_of(&self, address: Ipv4Addr) -> Option<&Link> {
        self.addressed().find(|(_, own)| own.address == address).map(|(link, _)| link)
    }

    /// Whether packets to `address` are for us: an own address, or anything on the loopback
    /// interface's network.
    pub fn is_local(&self, address: Ipv4Addr) -> bool {
        self.addressed().any(|(link, own)| {
            own.address == address || (link.kind == LinkKind::Loopback && own.contains(address))
        })
    }

    /// Whether `address` means everyone: on all networks, or on one of ours.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.broadcast_link(address, None).is_some()
    }

    /// The interface on whose network `address` means everyone.
    pub fn broadcast_link(&self, address: Ipv4Addr, iface: Option<IfIndex>) -> Option<&Link> {
        self.addressed()
            .find(|(link, own)| {
                link.kind == LinkKind::Ethernet
                    && iface.is_none_or(|index| link.index == index)
                    && own.is_broadcast(address)
            })
            .map(|(link, _)| link)
    }

    /// A source address for what leaves by `index`: its own, or that of any other interface but
    /// the loopback, or 0.0.0.0.
    pub fn source_for(&self, index: IfIndex) -> Ipv4Addr {
        let own = |found: Option<(&Link, &IfaceAddress)>| found.map(|(_, address)| address.address);
        own(self.addressed().find(|(link, _)| link.index == index))
            .or_else(|| own(self.addressed().find(|(link, _)| link.kind == LinkKind::Ethernet)))
            .unwrap_or(Ipv4Addr::UNSPECIFIED)
    }
}

impl Iface {
    /// `SIOCSIFADDR`: a new address, with the netmask and broadcast of its class until others
    /// are set. 0.0.0.0 takes the address away. `false` if nothing changes.
    pub fn set_address(&mut self, address: Ipv4Addr) -> Result<bool, Errno> {
        let netmask = class_mask(address).ok_or(Errno::EINVAL)?;
        if self.address.is_some_and(|own| own.address == address) {
            return Ok(false);
        }
        self.address = (!address.is_unspecified()).then(|| IfaceAddress {
            address,
            netmask,
            broadcast: self.broadcast(address, netmask),
            destination: address,
            #[cfg(feature = "rtnetlink")]
            attributes: AddressAttributes::DEFAULT,
        });
        Ok(true)
    }

    /// `SIOCSIFNETMASK`: the broadcast address follows, unless it was set to something special.
    pub fn set_netmask(&mut self, netmask: Ipv4Addr) -> Result<bool, Errno> {
        let own = self.address.ok_or(Errno::EADDRNOTAVAIL)?;
        let bits = netmask.to_bits();
        if bits.leading_ones() + bits.trailing_zeros() != 32 && bits != 0 {
            return Err(Errno::EINVAL);
        }
        let followed = own.broadcast == self.broadcast(own.address, own.netmask);
        let broadcast = if followed { self.broadcast(own.address, netmask) } else { own.broadcast };
        self.address = Some(IfaceAddress { netmask, broadcast, ..own });
        Ok(own.netmask != netmask)
    }

    /// `SIOCSIFBRDADDR`.
    pub fn set_broadcast(&mut self, broadcast: Ipv4Addr) -> Result<(), Errno> {
        self.address.as_mut().ok_or(Errno::EADDRNOTAVAIL)?.broadcast = broadcast;
        Ok(())
    }

    fn broadcast(&self, address: Ipv4Addr, netmask: Ipv4Addr) -> Ipv4Addr {
        let has_one = self.link.kind == LinkKind::Ethernet && netmask.to_bits().leading_ones() < 31;
        if has_one {
            Ipv4Addr::from_bits(address.to_bits() | !netmask.to_bits())
        } else {
            Ipv4Addr::UNSPECIFIED
        }
    }
}

/// The smallest MTU that IPv4 works with (RFC 791 §3.2).
const MIN_MTU: u16 = 68;

/// The netmask of an address's class; `None` for multicast and class E.
fn class_mask(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let [first, ..] = address.octets();
    let len = match first {
        0 => 0,
        1..=127 => 8,
        128..=191 => 16,
        192..=223 => 24,
        _ => return None,
    };
    Some(mask(len))
}

/// The netmask of `len` bits; of 32 for more.
pub(super) fn mask(len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(!u32::MAX.checked_shr(u32::from(len)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iface(kind: LinkKind) -> Iface {
        let index = IfIndex(core::num::NonZeroU32::MIN);
        let link = Link { index, mac: Mac([2, 0, 0, 0, 0, 1]), mtu: 1500, kind, up: true, running: true };
        Iface { link, address: None }
    }

    const fn ip(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
        Ipv4Addr::new(a, b, c, d)
    }

    #[test]
    fn an_address_comes_with_its_class() {
        let cases = [
            ("class A", ip(10, 0, 2, 15), ip(255, 0, 0, 0), ip(10, 255, 255, 255)),
            ("class B", ip(172, 16, 1, 1), ip(255, 255, 0, 0), ip(172, 16, 255, 255)),
            ("class C", ip(192, 168, 1, 1), ip(255, 255, 255, 0), ip(192, 168, 1, 255)),
        ];
        for (name, address, netmask, broadcast) in cases {
            let mut iface = iface(LinkKind::Ethernet);
            assert_eq!(iface.set_address(address), Ok(true), "{name}");
            let own = iface.address.expect("an address");
            assert_eq!((own.address, own.netmask, own.broadcast), (address, netmask, broadcast), "{name}");
            assert_eq!(own.destination, address, "{name}");
            assert_eq!(iface.set_address(address), Ok(false), "{name} again");
        }
        assert_eq!(iface(LinkKind::Ethernet).set_address(ip(224, 0, 0, 1)), Err(Errno::EINVAL));
    }

    #[test]
    fn broadcast_follows_the_netmask_unless_set_by_hand() {
        let mut iface = iface(LinkKind::Ethernet);
        assert_eq!(iface.set_netmask(mask(24)), Err(Errno::EADDRNOTAVAIL));
        assert_eq!(iface.set_address(ip(10, 0, 2, 15)), Ok(true));
        assert_eq!(iface.set_netmask(mask(24)), Ok(true));
        assert_eq!(iface.address.map(|own| own.broadcast), Some(ip(10, 0, 2, 255)));
        assert_eq!(iface.set_netmask(ip(255, 0, 255, 0)), Err(Errno::EINVAL));
        assert_eq!(iface.set_broadcast(ip(10, 0, 2, 127)), Ok(()));
        assert_eq!(iface.set_netmask(mask(16)), Ok(true));
        assert_eq!(iface.address.map(|own| own.broadcast), Some(ip(10, 0, 2, 127)));
        assert_eq!(iface.set_address(Ipv4Addr::UNSPECIFIED), Ok(true));
        assert_eq!(iface.address, None);
    }

    #[test]
    fn tells_broadcasts_from_hosts() {
        let own = |len| IfaceAddress {
            address: ip(10, 0, 2, 4),
            netmask: mask(len),
            broadcast: Ipv4Addr::UNSPECIFIED,
            destination: ip(10, 0, 2, 4),
            #[cfg(feature = "rtnetlink")]
            attributes: AddressAttributes::DEFAULT,
        };
        assert!(own(24).is_broadcast(ip(10, 0, 2, 255)));
        assert!(own(24).is_broadcast(ip(10, 0, 2, 0)));
        assert!(!own(24).is_broadcast(ip(10, 0, 2, 3)));
        assert!(!own(31).is_broadcast(ip(10, 0, 2, 5)));
        assert!(!own(32).is_broadcast(ip(10, 0, 2, 4)));
        assert_eq!((mask(0), mask(32)), (ip(0, 0, 0, 0), ip(255, 255, 255, 255)));
    }
}
