//! Addresses, routes and neighbours as rtnetlink changes them, and what listeners are told.
#![cfg(feature = "rtnetlink")]

use linnet_core::errno::Errno;
use linnet_core::net::address::{AddressAttributes, IfThere, Lifetime};
use linnet_core::net::change::Change;
use linnet_core::net::iface::IfaceAddress;
use linnet_core::net::route::{
    PathKind, Route, RouteAttributes, RouteChange, RouteDetails, RouteKind, RouteMatch, RouteQuery,
};
use linnet_core::time::{Duration, Instant};
use linnet_sim::craft::{PEER_MAC, Seen};
use linnet_sim::lab::{ETH, Lab, OUR, OUR_MAC, PEER};
use linnet_wire::arp::{Operation, Packet};
use linnet_wire::ethernet::Mac;
use std::net::Ipv4Addr;

const fn ip(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

fn address(address: Ipv4Addr, prefix_len: u8) -> IfaceAddress {
    IfaceAddress::with_prefix(address, prefix_len, Ipv4Addr::UNSPECIFIED).expect("a host's address")
}

fn query(destination: Ipv4Addr) -> RouteQuery {
    RouteQuery { destination, source: None, iface: None }
}

fn changes(lab: &mut Lab) -> Vec<(&'static str, bool, Ipv4Addr)> {
    fn see<T>(
        what: &'static str,
        change: &Change<T>,
        of: fn(&T) -> Ipv4Addr,
    ) -> (&'static str, bool, Ipv4Addr) {
        match change {
            Change::New(row) => (what, false, of(row)),
            Change::Gone(row) => (what, true, of(row)),
        }
    }
    let all = lab.stack.changes();
    let addresses = all.addresses.iter().map(|change| see("address", change, |(_, own)| own.address));
    let routes = all.routes.iter().map(|change| see("route", change, |route| route.destination));
    let neighbours = all.neighbours.iter().map(|change| see("neighbour", change, |known| known.address));
    let seen = addresses.chain(routes).chain(neighbours).collect();
    lab.stack.clear_changes();
    seen
}

#[test]
fn several_addresses_live_on_one_interface() {
    let mut lab = Lab::new();
    let second = ip(192, 168, 7, 1);
    let secondary = ip(10, 0, 2, 77);
    let add = |lab: &mut Lab, new| lab.stack.add_address(ETH, &new, IfThere::Refuse);
    assert_eq!(add(&mut lab, address(second, 24)), Ok(()));
    assert_eq!(add(&mut lab, address(secondary, 24)), Ok(()));
    assert_eq!(add(&mut lab, address(second, 24)), Err(Errno::EEXIST));
    assert!(IfaceAddress::with_prefix(ip(224, 0, 0, 1), 24, OUR).is_err());
    for own in [OUR, second, secondary] {
        assert!(lab.stack.is_local(own), "{own}");
    }
    assert!(lab.stack.is_secondary(ETH, &address(secondary, 24)));
    assert!(!lab.stack.is_secondary(ETH, &address(second, 24)));
    let source = |lab: &Lab, to| lab.stack.route(query(to)).map(|path| path.source);
    assert_eq!(source(&lab, ip(192, 168, 7, 9)), Ok(second), "its own network's address");
    assert_eq!(source(&lab, PEER), Ok(OUR), "the first of a network");
    assert_eq!(lab.stack.route(query(ip(192, 168, 7, 9))).map(|path| path.kind), Ok(PathKind::Unicast));

    // The first goes, and the next of its network takes over.
    assert_eq!(lab.stack.remove_address(ETH, OUR, 24), Ok(()));
    assert_eq!(source(&lab, PEER), Ok(secondary));
    assert!(!lab.stack.is_local(OUR));
    assert_eq!(lab.stack.remove_address(ETH, OUR, 24), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(lab.stack.remove_address(ETH, second, 16), Err(Errno::EADDRNOTAVAIL), "another prefix");
    assert_eq!(lab.stack.remove_address(ETH, second, 0), Ok(()), "any prefix");
    assert_eq!(lab.stack.remove_address(ETH, secondary, 24), Ok(()));
    assert_eq!((lab.stack.address(ETH), lab.stack.routes().count()), (None, 0));
}

#[test]
fn each_address_answers_arp() {
    let mut lab = Lab::new();
    let second = ip(192, 168, 7, 1);
    lab.stack.add_address(ETH, &address(second, 24), IfThere::Refuse).expect("an address");
    let request = Packet {
        operation: Operation::Request,
        sender_mac: PEER_MAC,
        sender: ip(192, 168, 7, 9),
        target_mac: Mac::default(),
        target: second,
    };
    lab.receive_arp(Mac::BROADCAST, PEER_MAC, &request.to_bytes());
    let [Seen::Arp(_, reply)] = &lab.sent()[..] else { panic!("no reply") };
    assert_eq!((reply.operation, reply.sender, reply.sender_mac), (Operation::Reply, second, OUR_MAC));
}

#[test]
fn an_address_ends_with_its_lifetime_unless_it_is_renewed() {
    let mut lab = Lab::new();
    let leased = ip(192, 168, 7, 1);
    let with = |since: Instant, valid| {
        let lifetime = Lifetime { since, valid, preferred: valid / 2 };
        let attributes = AddressAttributes { lifetime, ..AddressAttributes::DEFAULT };
        IfaceAddress { attributes, ..address(leased, 24) }
    };
    let first = with(lab.now, 10);
    lab.stack.add_address(ETH, &first, IfThere::Refuse).expect("an address");
    lab.pass(Duration::from_millis(9_000));
    assert!(lab.stack.is_local(leased));
    let left = |lab: &Lab| {
        let (_, own) = lab.stack.addresses().find(|(_, own)| own.address == leased).expect("there");
        own.attributes.lifetime.left(lab.now)
    };
    assert_eq!(left(&lab), (1, 0));
    let second = with(lab.now, 20);
    assert_eq!(lab.stack.add_address(ETH, &second, IfThere::Refuse), Err(Errno::EEXIST));
    assert_eq!(lab.stack.add_address(ETH, &second, IfThere::Renew), Ok(()));
    lab.pass(Duration::from_millis(19_000));
    assert!(lab.stack.is_local(leased), "renewed");
    lab.pass(Duration::from_millis(1_100));
    assert!(!lab.stack.is_local(leased), "over");
    assert!(lab.stack.is_local(OUR), "for ever");
}

#[test]
fn routes_are_made_replaced_and_removed_as_rtnetlink_says() {
    let create = RouteChange { create: true, exclusive: false, replace: false, append: false };
    let exclusive = RouteChange { exclusive: true, ..create };
    let replace = RouteChange { replace: true, ..create };
    let change = RouteChange { create: false, ..replace };
    let append = RouteChange { append: true, ..create };
    let via = |last| Route {
        gateway: Some(ip(10, 0, 2, last)),
        attributes: RouteAttributes { protocol: 4, scope: 0, source: Ipv4Addr::UNSPECIFIED, on_link: false },
        ..Route::connected(ip(8, 0, 0, 0), 8, ETH)
    };
    let mut lab = Lab::new();
    let cases = [
        ("nothing to change", via(2), change, Err(Errno::ENOENT)),
        ("the first", via(2), exclusive, Ok(())),
        ("a second by another gateway", via(3), exclusive, Err(Errno::EEXIST)),
        ("another metric", Route { metric: 5, ..via(3) }, exclusive, Ok(())),
        ("the same again", via(2), create, Err(Errno::EEXIST)),
        ("behind the first", via(4), append, Ok(())),
        ("in the place of the one in use", via(9), replace, Ok(())),
        ("a source of others", with_source(via(3), PEER), replace, Err(Errno::EINVAL)),
        (
            "no such network",
            Route { gateway: Some(ip(10, 9, 9, 9)), ..via(2) },
            create,
            Err(Errno::ENETUNREACH),
        ),
    ];
    for (name, route, how, outcome) in cases {
        assert_eq!(lab.stack.change_route(route, how), outcome, "{name}");
    }
    let hop = |lab: &Lab| lab.stack.route(query(ip(8, 8, 8, 8))).map(|path| path.next_hop);
    assert_eq!(hop(&lab), Ok(ip(10, 0, 2, 9)), "the one that was put in the first's place");
    let any =
        RouteMatch { destination: ip(8, 0, 0, 0), prefix_len: 8, gateway: None, iface: None, metric: 0 };
    let none = RouteDetails { protocol: Some(99), ..RouteDetails::default() };
    assert_eq!(lab.stack.delete_route(any, &none), Err(Errno::ESRCH), "nobody's");
    let exactly = RouteMatch { gateway: Some(ip(10, 0, 2, 9)), ..any };
    assert_eq!(lab.stack.delete_route(exactly, &RouteDetails::default()), Ok(()));
    assert_eq!(hop(&lab), Ok(ip(10, 0, 2, 4)), "the appended one");

    let off_link = Route { gateway: Some(ip(10, 9, 9, 9)), ..via(2) };
    let attributes = RouteAttributes { on_link: true, ..off_link.attributes };
    assert_eq!(lab.stack.change_route(Route { attributes, ..off_link }, replace), Ok(()));
    assert_eq!(hop(&lab), Ok(ip(10, 9, 9, 9)), "on the link, says who knows");
    for (kind, errno) in [
        (RouteKind::Reject, Errno::EHOSTUNREACH),
        (RouteKind::Prohibit, Errno::EACCES),
        (RouteKind::Blackhole, Errno::EINVAL),
    ] {
        let route = Route { kind, ..Route::connected(ip(8, 8, 0, 0), 16, ETH) };
        assert_eq!(lab.stack.change_route(route, replace), Ok(()), "{kind:?}");
        assert_eq!(hop(&lab), Err(errno), "{kind:?}");
    }
}

fn with_source(route: Route, source: Ipv4Addr) -> Route {
    Route { attributes: RouteAttributes { source, ..route.attributes }, ..route }
}

#[test]
fn a_route_chooses_the_source_that_it_prefers() {
    let mut lab = Lab::new();
    let second = ip(10, 0, 2, 77);
    lab.stack.add_address(ETH, &address(second, 24), IfThere::Refuse).expect("an address");
    let route = Route { gateway: Some(PEER), ..Route::connected(ip(8, 0, 0, 0), 8, ETH) };
    let create = RouteChange { create: true, exclusive: true, replace: false, append: false };
    lab.stack.change_route(with_source(route, second), create).expect("a route");
    assert_eq!(lab.stack.route(query(ip(8, 8, 8, 8))).map(|path| path.source), Ok(second));
    lab.stack.remove_address(ETH, second, 24).expect("there");
    let source = lab.stack.route(query(ip(8, 8, 8, 8))).map(|path| path.source);
    assert_eq!(source, Ok(OUR), "it went along");
}

#[test]
fn listeners_hear_of_each_change_once() {
    let mut lab = Lab::unconfigured();
    let _ = changes(&mut lab);
    lab.stack.add_address(ETH, &address(OUR, 24), IfThere::Refuse).expect("an address");
    let net = ip(10, 0, 2, 0);
    assert_eq!(changes(&mut lab), [("address", false, OUR), ("route", false, net)]);
    assert_eq!(changes(&mut lab), []);
    let renewed = AddressAttributes { protocol: 7, ..AddressAttributes::DEFAULT };
    let renewed = IfaceAddress { attributes: renewed, ..address(OUR, 24) };
    lab.stack.add_address(ETH, &renewed, IfThere::Renew).expect("renewed");
    assert_eq!(changes(&mut lab), [("address", false, OUR)]);
    lab.stack.set_address(ETH, Ipv4Addr::UNSPECIFIED).expect("gone");
    assert_eq!(changes(&mut lab), [("address", true, OUR), ("route", true, net)]);

    let mut lab = Lab::with_peer();
    let _ = changes(&mut lab);
    lab.stack.remove_neighbour(ETH, PEER).expect("known");
    assert_eq!(changes(&mut lab), [("neighbour", true, PEER)]);
}
