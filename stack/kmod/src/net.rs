//! Frames, devices, addresses, routes and neighbours: what `netdev.c`, `ioctl.c` and `proc.c` ask.

use crate::buf::SkBuf;
use crate::ffi::{self, Arp, RawSkb, RtEntry, SockAddrIn};
use crate::global::{configured, locked};
use core::net::Ipv4Addr;
use core::num::NonZeroU32;
use core::ptr::NonNull;
use linnet_core::errno::Errno;
#[cfg(feature = "rtnetlink")]
use linnet_core::host::Buf;
use linnet_core::host::IfIndex;
use linnet_core::net::iface::{Link, LinkKind};
use linnet_core::net::neighbour::Neighbour;
use linnet_core::net::route::{Route, RouteKind, RouteMatch, RouteQuery};
use linnet_wire::ethernet::Mac;

/// A frame came in, Ethernet header first; the buffer goes over.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_frame(ifindex: u32, skb: NonNull<RawSkb>) {
    // SAFETY: netdev.c gives a linear buffer that is ours alone.
    let frame = unsafe { SkBuf::adopt(skb) };
    let Some(iface) = iface(ifindex) else { return };
    #[cfg(feature = "rtnetlink")]
    let may_change = frame.bytes().get(12..14) == Some(&ARP);
    locked(|stack, cx| {
        stack.handle_frame(cx, iface, frame);
        #[cfg(feature = "rtnetlink")]
        if may_change {
            crate::rtnl::announce(stack, cx.now);
        }
    });
}

/// A device came, or changed.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_link_set(link: &ffi::Link) -> i32 {
    let Some(index) = iface(link.ifindex) else { return Errno::EINVAL.code() };
    let link = Link {
        index,
        mac: Mac(link.mac),
        mtu: link.mtu.min(u16::MAX.into()) as u16,
        kind: if link.loopback { LinkKind::Loopback } else { LinkKind::Ethernet },
        up: link.up,
        running: link.running,
    };
    code(configured(|stack, _| stack.set_iface(link)))
}

/// A device has gone.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_link_gone(ifindex: u32) {
    let Some(index) = iface(ifindex) else { return };
    configured(|stack, _| stack.remove_iface(index));
}

/// `SIOCGIFADDR` and its like. `EADDRNOTAVAIL` without an address.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_iface_get(cmd: u32, ifindex: u32, address: &mut SockAddrIn) -> i32 {
    let Some(index) = iface(ifindex) else { return Errno::ENODEV.code() };
    let Some(own) = locked(|stack, _| stack.address(index)) else {
        return Errno::EADDRNOTAVAIL.code();
    };
    let wanted = match cmd {
        SIOCGIFADDR => own.address,
        SIOCGIFDSTADDR => own.destination,
        SIOCGIFBRDADDR => own.broadcast,
        _ => own.netmask,
    };
    *address = SockAddrIn::new(core::net::SocketAddrV4::new(wanted, 0));
    0
}

/// `SIOCSIFADDR` and its like.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_iface_set(cmd: u32, ifindex: u32, address: &SockAddrIn) -> i32 {
    // Linux takes a netmask of any family.
    if cmd != SIOCSIFNETMASK && address.family != SockAddrIn::FAMILY {
        return Errno::EINVAL.code();
    }
    let Some(index) = iface(ifindex) else { return Errno::ENODEV.code() };
    let value = address.ip();
    code(configured(|stack, _| match cmd {
        SIOCSIFADDR => stack.set_address(index, value),
        SIOCSIFNETMASK => stack.set_netmask(index, value),
        SIOCSIFBRDADDR => stack.set_broadcast(index, value),
        // The other end of a point-to-point link: of which there are none.
        _ => Err(Errno::EINVAL),
    }))
}

/// `SIOCADDRT`, `SIOCDELRT`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_route_change(cmd: u32, entry: &RtEntry, ifindex: u32) -> i32 {
    let wanted = match route(entry, iface(ifindex)) {
        Ok(wanted) => wanted,
        Err(errno) => return errno.code(),
    };
    code(configured(|stack, _| match cmd {
        SIOCADDRT => stack.add_route(wanted),
        _ => stack.remove_route(RouteMatch {
            destination: wanted.destination,
            prefix_len: wanted.prefix_len,
            gateway: wanted.gateway,
            iface: wanted.iface,
            metric: wanted.metric,
        }),
    }))
}

/// `SIOCGARP`, which fills in what is known; `SIOCSARP`, `SIOCDARP`. Without an interface the one
/// that routing leads to is meant.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_arp_change(cmd: u32, arp: &mut Arp) -> i32 {
    let address = Ipv4Addr::from(arp.address);
    code(configured(|stack, cx| {
        let named = iface(arp.ifindex);
        let of = |neighbour: &Neighbour| {
            neighbour.address == address && named.is_none_or(|index| index == neighbour.iface)
        };
        let known = stack.neighbours().find(of);
        let Some(index) = named.or(known.map(|neighbour| neighbour.iface)).or_else(|| {
            let query = RouteQuery { destination: address, source: None, iface: None };
            stack.route(query).ok().map(|path| path.iface)
        }) else {
            return Err(if cmd == SIOCSARP { Errno::ENETUNREACH } else { Errno::ENXIO });
        };
        match cmd {
            SIOCSARP => stack.set_neighbour(
                cx,
                Neighbour {
                    address,
                    iface: index,
                    mac: Some(Mac(arp.mac)),
                    permanent: arp.flags & ATF_PERM != 0,
                },
            ),
            SIOCDARP => stack.remove_neighbour(index, address),
            _ => {
                show(&known.ok_or(Errno::ENXIO)?, arp);
                Ok(())
            }
        }
    }))
}

/// The line `index` of `/proc/net/arp`; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_arp_row(index: u32, row: &mut Arp) -> i32 {
    match locked(|stack, _| stack.neighbours().nth(index as usize)) {
        Some(neighbour) => {
            show(&neighbour, row);
            0
        }
        None => Errno::ENXIO.code(),
    }
}

/// The line `index` of `/proc/net/route`; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_route_row(index: u32, row: &mut ffi::Route) -> i32 {
    let Some(found) = locked(|stack, _| stack.routes().nth(index as usize).copied()) else {
        return Errno::ENXIO.code();
    };
    let flag = |condition: bool, flag: u16| if condition { flag } else { 0 };
    *row = ffi::Route {
        destination: found.destination.octets(),
        gateway: found.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED).octets(),
        mask: mask(found.prefix_len).octets(),
        ifindex: found.iface.map_or(0, |index| index.0.get()),
        metric: found.metric,
        mtu: found.mtu.into(),
        flags: RTF_UP
            | flag(found.gateway.is_some(), RTF_GATEWAY)
            | flag(found.prefix_len == 32, RTF_HOST)
            | flag(found.kind != RouteKind::Unicast, RTF_REJECT),
    };
    0
}

/// The host's number as the core's, `None` for zero.
pub fn iface(ifindex: u32) -> Option<IfIndex> {
    NonZeroU32::new(ifindex).map(IfIndex)
}

pub(crate) fn code(result: Result<(), Errno>) -> i32 {
    result.map_or_else(Errno::code, |()| 0)
}

fn show(neighbour: &Neighbour, row: &mut Arp) {
    *row = Arp {
        address: neighbour.address.octets(),
        ifindex: neighbour.iface.0.get(),
        mac: neighbour.mac.map_or([0; 6], |mac| mac.0),
        flags: if neighbour.mac.is_some() { ATF_COM } else { 0 }
            | if neighbour.permanent { ATF_PERM } else { 0 },
    };
}

/// What `route add` and `route del` mean.
fn route(entry: &RtEntry, iface: Option<IfIndex>) -> Result<Route, Errno> {
    let has = |flag: u16| entry.flags & flag != 0;
    if entry.destination.family != SockAddrIn::FAMILY {
        return Err(Errno::EAFNOSUPPORT);
    }
    let destination = entry.destination.ip();
    let prefix_len = if has(RTF_HOST) { 32 } else { prefix_len(entry.mask.ip())? };
    if destination.to_bits() & !mask(prefix_len).to_bits() != 0 {
        return Err(Errno::EINVAL);
    }
    // A gateway may be given with and, to delete, without the flag.
    let gateway = entry.gateway.ip();
    let has_gateway = entry.gateway.family == SockAddrIn::FAMILY && !gateway.is_unspecified();
    if has(RTF_GATEWAY) && !has_gateway {
        return Err(Errno::EINVAL);
    }
    Ok(Route {
        destination,
        prefix_len,
        gateway: has_gateway.then_some(gateway),
        iface,
        // The field is one more than the metric, so that zero can mean none.
        metric: (entry.metric.max(1) - 1) as u32,
        mtu: if has(RTF_MTU) { entry.mtu.min(u16::MAX.into()) as u16 } else { 0 },
        kind: if has(RTF_REJECT) { RouteKind::Reject } else { RouteKind::Unicast },
        #[cfg(feature = "rtnetlink")]
        attributes: linnet_core::net::route::RouteAttributes::boot(has_gateway),
    })
}

/// How many bits a netmask has; `EINVAL` if they are not in one row.
fn prefix_len(netmask: Ipv4Addr) -> Result<u8, Errno> {
    let len = netmask.to_bits().leading_ones() as u8;
    if mask(len) == netmask { Ok(len) } else { Err(Errno::EINVAL) }
}

pub(crate) fn mask(prefix_len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0))
}

/// The Ethernet type of ARP: what makes neighbours known.
#[cfg(feature = "rtnetlink")]
const ARP: [u8; 2] = [0x08, 0x06];

// <linux/sockios.h>
const SIOCADDRT: u32 = 0x890b;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCSIFADDR: u32 = 0x8916;
const SIOCGIFDSTADDR: u32 = 0x8917;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCSIFBRDADDR: u32 = 0x891a;
const SIOCSIFNETMASK: u32 = 0x891c;
const SIOCDARP: u32 = 0x8953;
const SIOCSARP: u32 = 0x8955;

// <linux/route.h>
const RTF_UP: u16 = 0x0001;
const RTF_GATEWAY: u16 = 0x0002;
const RTF_HOST: u16 = 0x0004;
const RTF_MTU: u16 = 0x0040;
const RTF_REJECT: u16 = 0x0200;

// <linux/if_arp.h>
const ATF_COM: u16 = 0x02;
const ATF_PERM: u16 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddrV4;

    fn address(octets: [u8; 4]) -> SockAddrIn {
        SockAddrIn::new(SocketAddrV4::new(octets.into(), 0))
    }

    #[test]
    fn netmasks() {
        for len in 0..=32 {
            assert_eq!(prefix_len(mask(len)), Ok(len));
        }
        assert_eq!(mask(0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(mask(20), Ipv4Addr::new(255, 255, 240, 0));
        assert_eq!(prefix_len(Ipv4Addr::new(255, 0, 255, 0)), Err(Errno::EINVAL));
    }

    #[test]
    fn route_entries() {
        let entry = |destination, mask, gateway: Option<[u8; 4]>, flags| RtEntry {
            destination: address(destination),
            mask: address(mask),
            gateway: gateway.map_or(RtEntry::default().gateway, address),
            flags,
            ..RtEntry::default()
        };
        let lan = entry([10, 0, 2, 0], [255, 255, 255, 0], None, RTF_UP);
        let host = entry([10, 0, 2, 3], [0; 4], None, RTF_UP | RTF_HOST);
        let default = entry([0; 4], [0; 4], Some([10, 0, 2, 2]), RTF_UP | RTF_GATEWAY);
        let no_gateway = entry([0; 4], [0; 4], None, RTF_UP | RTF_GATEWAY);
        let host_bits = entry([10, 0, 2, 1], [255, 255, 255, 0], None, RTF_UP);
        let holes = entry([10, 0, 0, 0], [255, 0, 255, 0], None, RTF_UP);
        for (name, entry, expected) in [
            ("a network", &lan, Ok((24, None))),
            ("a host needs no mask", &host, Ok((32, None))),
            ("a default route", &default, Ok((0, Some(Ipv4Addr::new(10, 0, 2, 2))))),
            ("a gateway that is not there", &no_gateway, Err(Errno::EINVAL)),
            ("bits beyond the mask", &host_bits, Err(Errno::EINVAL)),
            ("a mask with holes", &holes, Err(Errno::EINVAL)),
            ("no family", &RtEntry::default(), Err(Errno::EAFNOSUPPORT)),
        ] {
            let found = route(entry, None).map(|route| (route.prefix_len, route.gateway));
            assert_eq!(found, expected, "{name}");
        }
        let metric = |metric| {
            let entry = RtEntry { destination: address([0; 4]), metric, ..RtEntry::default() };
            route(&entry, None).map(|route| route.metric)
        };
        assert_eq!((metric(0), metric(1), metric(5)), (Ok(0), Ok(0), Ok(4)));
    }
}
