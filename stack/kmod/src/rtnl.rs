//! Addresses, routes and neighbours as rtnetlink has them: what `rtnl.c` asks, and what it is told.

use crate::ffi::{self, LinkAddress, LinkNeighbour, Way};
use crate::global::{configured, locked};
use crate::host::Kernel;
use crate::net::{code, iface, mask};
use core::net::Ipv4Addr;
use linnet_core::errno::Errno;
use linnet_core::host::IfIndex;
use linnet_core::net::address::{AddressAttributes, IfThere, Lifetime};
use linnet_core::net::change::Change;
use linnet_core::net::iface::IfaceAddress;
use linnet_core::net::neighbour::{Neighbour, Reachability};
use linnet_core::net::route::{
    PathKind, Route, RouteAttributes, RouteChange, RouteDetails, RouteKind, RouteMatch, RouteQuery,
};
use linnet_core::stack::Stack;
use linnet_core::time::Instant;
use linnet_wire::ethernet::Mac;

/// `RTM_NEWADDR`, with the message's `NLM_F_*`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_address_add(row: &LinkAddress, flags: u32) -> i32 {
    let Some(index) = iface(row.ifindex) else { return Errno::ENODEV.code() };
    let broadcast = Ipv4Addr::from(row.broadcast);
    let mut address = match IfaceAddress::with_prefix(row.address.into(), row.prefix_len, broadcast) {
        Ok(address) => address,
        Err(errno) => return errno.code(),
    };
    address.attributes = AddressAttributes {
        scope: row.scope,
        protocol: row.protocol,
        metric: row.metric,
        no_prefix_route: row.flags & IFA_F_NOPREFIXROUTE != 0,
        lifetime: Lifetime { since: Instant::from_millis(0), valid: row.valid, preferred: row.preferred },
    };
    let renew = flags & (NLM_F_REPLACE | NLM_F_EXCL) == NLM_F_REPLACE;
    let there = if renew { IfThere::Renew } else { IfThere::Refuse };
    code(configured(|stack, cx| {
        address.attributes.lifetime.since = cx.now;
        stack.add_address(index, &address, there)
    }))
}

/// `RTM_DELADDR`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_address_delete(row: &LinkAddress) -> i32 {
    let Some(index) = iface(row.ifindex) else { return Errno::ENODEV.code() };
    code(configured(|stack, _| stack.remove_address(index, row.address.into(), row.prefix_len)))
}

/// The address `index` of all; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_address_row(index: u32, row: &mut LinkAddress) -> i32 {
    locked(|stack, cx| {
        let found = stack.addresses().nth(index as usize).map(|(iface, address)| (iface, *address));
        let Some((iface, address)) = found else { return Errno::ENXIO.code() };
        *row = show_address(stack, cx.now, iface, &address);
        0
    })
}

/// `RTM_NEWROUTE`, with the message's `NLM_F_*`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_way_add(row: &Way, flags: u32) -> i32 {
    let has = |flag: u32| flags & flag != 0;
    let how = RouteChange {
        create: has(NLM_F_CREATE),
        exclusive: has(NLM_F_EXCL),
        replace: has(NLM_F_REPLACE),
        append: has(NLM_F_APPEND),
    };
    let added = kind_of(row.kind).and_then(|kind| {
        check_table(row)?;
        let gateway = set(row.gateway);
        let route = Route {
            destination: row.destination.into(),
            prefix_len: row.prefix_len,
            gateway,
            iface: iface(row.ifindex),
            metric: row.metric,
            mtu: row.mtu.min(u16::MAX.into()) as u16,
            kind,
            attributes: RouteAttributes {
                protocol: row.protocol,
                scope: row.scope,
                source: row.source.into(),
                on_link: row.flags & RTNH_F_ONLINK != 0,
            },
        };
        configured(|stack, _| stack.change_route(route, how))
    });
    code(added)
}

/// `RTM_DELROUTE`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_way_delete(row: &Way) -> i32 {
    let deleted = check_table(row).and_then(|()| {
        let wanted = RouteMatch {
            destination: row.destination.into(),
            prefix_len: row.prefix_len,
            gateway: set(row.gateway),
            iface: iface(row.ifindex),
            metric: row.metric,
        };
        let details = RouteDetails {
            protocol: (row.protocol != 0).then_some(row.protocol),
            scope: (row.scope != RT_SCOPE_NOWHERE).then_some(row.scope),
            source: set(row.source),
            kind: if row.kind == 0 { None } else { Some(kind_of(row.kind)?) },
        };
        configured(|stack, _| stack.delete_route(wanted, &details))
    });
    code(deleted)
}

/// `RTM_GETROUTE` for one destination: `row` has it, and source and interface if they matter, and gets the rest.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_way_find(row: &mut Way) -> i32 {
    let destination = Ipv4Addr::from(row.destination);
    let query = RouteQuery { destination, source: set(row.source), iface: iface(row.ifindex) };
    code(locked(|stack, _| {
        let path = stack.route(query)?;
        let local = path.kind == PathKind::Local;
        *row = Way {
            destination: row.destination,
            gateway: if path.next_hop == destination { [0; 4] } else { path.next_hop.octets() },
            source: path.source.octets(),
            ifindex: path.iface.0.get(),
            metric: 0,
            mtu: 0,
            table: if local { RT_TABLE_LOCAL } else { RT_TABLE_MAIN },
            flags: RTM_F_CLONED,
            prefix_len: 32,
            protocol: 0,
            scope: RouteAttributes::UNIVERSE,
            kind: match path.kind {
                PathKind::Unicast => RTN_UNICAST,
                PathKind::Local => RTN_LOCAL,
                PathKind::Broadcast => RTN_BROADCAST,
                PathKind::Multicast => RTN_MULTICAST,
            },
        };
        Ok(())
    }))
}

/// The route `index`: those of the table, then those to ourselves; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_way_row(index: u32, row: &mut Way) -> i32 {
    locked(|stack, _| {
        let mut routes = stack.routes();
        let listed = routes.len();
        if let Some(route) = routes.nth(index as usize) {
            *row = show_route(stack, route);
            return 0;
        }
        let own = (index as usize).checked_sub(listed).and_then(|place| stack.addresses().nth(place));
        match own {
            Some((iface, address)) => {
                *row = local_route(iface, address);
                0
            }
            None => Errno::ENXIO.code(),
        }
    })
}

/// `RTM_NEWNEIGH`, with the message's `NLM_F_*`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_neighbour_add(row: &LinkNeighbour, flags: u32) -> i32 {
    let Some(index) = iface(row.ifindex) else { return Errno::ENODEV.code() };
    let address = Ipv4Addr::from(row.address);
    let wanted = Neighbour {
        address,
        iface: index,
        mac: Some(Mac(row.mac)),
        permanent: row.state & NUD_PERMANENT != 0,
    };
    code(configured(|stack, cx| {
        let there = stack.neighbours().any(|known| known.iface == index && known.address == address);
        match (there, flags & NLM_F_CREATE != 0) {
            (false, false) => Err(Errno::ENOENT),
            (true, true) if flags & NLM_F_EXCL != 0 => Err(Errno::EEXIST),
            _ => stack.set_neighbour(cx, wanted),
        }
    }))
}

/// `RTM_DELNEIGH`.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_neighbour_delete(row: &LinkNeighbour) -> i32 {
    let Some(index) = iface(row.ifindex) else { return Errno::ENODEV.code() };
    let gone = configured(|stack, _| stack.remove_neighbour(index, row.address.into()));
    code(gone.map_err(|_| Errno::ENOENT))
}

/// The neighbour `index`; negative when there is none.
#[unsafe(no_mangle)]
pub extern "C" fn linnet_neighbour_row(index: u32, row: &mut LinkNeighbour) -> i32 {
    match locked(|stack, cx| stack.neighbour_states(cx.now).nth(index as usize)) {
        Some((neighbour, known)) => {
            *row = show_neighbour(&neighbour, known);
            0
        }
        None => Errno::ENXIO.code(),
    }
}

/// Tells those who listen what has changed.
#[inline(never)]
pub fn announce(stack: &mut Stack<Kernel>, now: Instant) {
    let changes = stack.changes();
    // SAFETY: the lock is held, and each row is there for the call.
    unsafe {
        for change in changes.addresses.iter() {
            let ((iface, address), gone) = told(change);
            ffi::linnet_tell_address(&show_address(stack, now, *iface, address), gone);
        }
        for change in changes.routes.iter() {
            let (route, gone) = told(change);
            ffi::linnet_tell_route(&show_route(stack, route), gone);
        }
        for change in changes.neighbours.iter() {
            let (neighbour, gone) = told(change);
            let permanent = neighbour.permanent;
            let known = if permanent { Reachability::Permanent } else { Reachability::Reachable };
            ffi::linnet_tell_neighbour(&show_neighbour(neighbour, known), gone);
        }
    }
    stack.clear_changes();
}

fn told<T>(change: &Change<T>) -> (&T, u32) {
    match change {
        Change::New(row) => (row, 0),
        Change::Gone(row) => (row, 1),
    }
}

#[inline(never)]
fn show_address(stack: &Stack<Kernel>, now: Instant, iface: IfIndex, own: &IfaceAddress) -> LinkAddress {
    let AddressAttributes { scope, protocol, metric, no_prefix_route, lifetime } = own.attributes;
    let (valid, preferred) = lifetime.left(now);
    let flag = |condition: bool, flag: u32| if condition { flag } else { 0 };
    LinkAddress {
        ifindex: iface.0.get(),
        address: own.address.octets(),
        broadcast: own.broadcast.octets(),
        flags: flag(stack.is_secondary(iface, own), IFA_F_SECONDARY)
            | flag(preferred == 0, IFA_F_DEPRECATED)
            | flag(valid == u32::MAX, IFA_F_PERMANENT)
            | flag(no_prefix_route, IFA_F_NOPREFIXROUTE),
        metric,
        valid,
        preferred,
        prefix_len: own.prefix_len(),
        scope: if own.address.is_loopback() { RT_SCOPE_HOST } else { scope },
        protocol,
    }
}

#[inline(never)]
fn show_route(stack: &Stack<Kernel>, route: &Route) -> Way {
    let mut source = route.attributes.source;
    if route.attributes.protocol == RouteAttributes::KERNEL
        && let Some(index) = route.iface
    {
        source = stack.source_for(index, route.destination);
    }
    Way {
        destination: route.destination.octets(),
        gateway: octets(route.gateway),
        source: source.octets(),
        ifindex: route.iface.map_or(0, |index| index.0.get()),
        metric: route.metric,
        mtu: route.mtu.into(),
        table: RT_TABLE_MAIN,
        flags: if route.attributes.on_link { RTNH_F_ONLINK } else { 0 },
        prefix_len: route.prefix_len,
        protocol: route.attributes.protocol,
        scope: route.attributes.scope,
        kind: match route.kind {
            RouteKind::Unicast => RTN_UNICAST,
            RouteKind::Reject => RTN_UNREACHABLE,
            RouteKind::Prohibit => RTN_PROHIBIT,
            RouteKind::Blackhole => RTN_BLACKHOLE,
        },
    }
}

/// The route to an address of ours, or on the loopback interface to its whole network.
fn local_route(iface: IfIndex, own: &IfaceAddress) -> Way {
    let prefix_len = if own.address.is_loopback() { own.prefix_len() } else { 32 };
    Way {
        destination: (own.address & mask(prefix_len)).octets(),
        gateway: [0; 4],
        source: own.address.octets(),
        ifindex: iface.0.get(),
        metric: 0,
        mtu: 0,
        table: RT_TABLE_LOCAL,
        flags: 0,
        prefix_len,
        protocol: RouteAttributes::KERNEL,
        scope: RT_SCOPE_HOST,
        kind: RTN_LOCAL,
    }
}

fn show_neighbour(neighbour: &Neighbour, known: Reachability) -> LinkNeighbour {
    LinkNeighbour {
        address: neighbour.address.octets(),
        ifindex: neighbour.iface.0.get(),
        mac: neighbour.mac.map_or([0; 6], |mac| mac.0),
        state: match known {
            Reachability::Incomplete => NUD_INCOMPLETE,
            Reachability::Reachable => NUD_REACHABLE,
            Reachability::Stale => NUD_STALE,
            Reachability::Probe => NUD_PROBE,
            Reachability::Permanent => NUD_PERMANENT,
        },
    }
}

/// There is one table. `EOPNOTSUPP` for others.
fn check_table(row: &Way) -> Result<(), Errno> {
    if row.table == RT_TABLE_MAIN || row.table == RT_TABLE_UNSPEC { Ok(()) } else { Err(Errno::EOPNOTSUPP) }
}

fn kind_of(rtn: u8) -> Result<RouteKind, Errno> {
    match rtn {
        RTN_UNICAST => Ok(RouteKind::Unicast),
        RTN_UNREACHABLE => Ok(RouteKind::Reject),
        RTN_PROHIBIT => Ok(RouteKind::Prohibit),
        RTN_BLACKHOLE => Ok(RouteKind::Blackhole),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

fn set(address: [u8; 4]) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(address)).filter(|address| !address.is_unspecified())
}

fn octets(address: Option<Ipv4Addr>) -> [u8; 4] {
    address.map_or([0; 4], |address| address.octets())
}

// <linux/netlink.h>
const NLM_F_REPLACE: u32 = 0x100;
const NLM_F_EXCL: u32 = 0x200;
const NLM_F_CREATE: u32 = 0x400;
const NLM_F_APPEND: u32 = 0x800;

// <linux/if_addr.h>
const IFA_F_SECONDARY: u32 = 0x01;
const IFA_F_DEPRECATED: u32 = 0x20;
const IFA_F_PERMANENT: u32 = 0x80;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;

// <linux/rtnetlink.h>
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTN_BROADCAST: u8 = 3;
const RTN_MULTICAST: u8 = 5;
const RTN_BLACKHOLE: u8 = 6;
const RTN_UNREACHABLE: u8 = 7;
const RTN_PROHIBIT: u8 = 8;
const RT_SCOPE_HOST: u8 = 254;
const RT_SCOPE_NOWHERE: u8 = 255;
const RT_TABLE_UNSPEC: u32 = 0;
const RT_TABLE_MAIN: u32 = 254;
const RT_TABLE_LOCAL: u32 = 255;
const RTNH_F_ONLINK: u32 = 4;
const RTM_F_CLONED: u32 = 0x200;

// <linux/neighbour.h>
const NUD_INCOMPLETE: u16 = 0x01;
const NUD_REACHABLE: u16 = 0x02;
const NUD_STALE: u16 = 0x04;
const NUD_PROBE: u16 = 0x10;
const NUD_PERMANENT: u16 = 0x80;
